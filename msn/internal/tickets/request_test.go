package tickets

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	passport = "alice@example.com"
	password = "s3cret&Pass"
	secret   = "VG9wU2VjcmV0VG9wU2VjcmV0VG9w" // TopSecret...
	dayLong  = `<wst:LifeTime><wsu:Created>2026-01-02T03:04:05Z</wsu:Created><wsu:Expires>2026-01-03T03:04:05Z</wsu:Expires></wst:LifeTime>`
)

// service is a ticket service under test. Its traces are kept.
type service struct {
	*httptest.Server
	caller *soap.Caller
	mu     sync.Mutex
	traces []string
}

func serve(t testing.TB, handle http.HandlerFunc) *service {
	t.Helper()
	return wrap(t, httptest.NewServer(handle))
}

func wrap(t testing.TB, server *httptest.Server) *service {
	t.Cleanup(server.Close)
	t.Cleanup(server.Client().CloseIdleConnections)
	s := &service{Server: server}
	s.caller = &soap.Caller{HTTP: server.Client(), Trace: func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.traces = append(s.traces, line)
	}}
	return s
}

// say answers every request alike.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// request asks for all sites.
func (s *service) request(t testing.TB) (*Result, error) {
	t.Helper()
	return Request(t.Context(), s.caller, Source{URL: s.URL + "/RST.srf"}, passport, password, allSites, noon)
}

// written is what a part of a request writes.
func writeOut(part func(*soap.Writer)) string {
	w := &soap.Writer{}
	part(w)
	return w.String()
}

// given is the answer for one site.
func given(address, token, more string) string {
	return `<wst:RequestSecurityTokenResponse><wsp:AppliesTo><wsa:EndpointReference><wsa:Address>` + address + `</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>` +
		`<wst:RequestedSecurityToken><wsse:BinarySecurityToken Id="Compact1">` + token + `</wsse:BinarySecurityToken></wst:RequestedSecurityToken>` + more + `</wst:RequestSecurityTokenResponse>`
}

// refused is a fault for one site.
func refused(address, fault string) string {
	return `<wst:RequestSecurityTokenResponse><wsp:AppliesTo><wsa:EndpointReference><wsa:Address>` + address + `</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>` + fault + `</wst:RequestSecurityTokenResponse>`
}

// collection is a whole answer.
func collection(responses ...string) string {
	return `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header/><S:Body><wst:RequestSecurityTokenResponseCollection>` +
		strings.Join(responses, "\n") + `</wst:RequestSecurityTokenResponseCollection></S:Body></S:Envelope>`
}

func proofToken(secret string) string {
	return `<wst:RequestedProofToken><wst:BinarySecret>` + secret + `</wst:BinarySecret></wst:RequestedProofToken>`
}

// What Microsoft's and a third party's services answer, in both forms.
func TestAnswers(t *testing.T) {
	all := []string{TokenBroker, MessengerClear, Messenger, Contacts, MessengerSecure, Storage}
	for _, c := range []struct {
		file              string
		sites             []string // with tickets
		token             func(site string) string
		puid, cid, member string
	}{
		{"answer-microsoft-rst.xml", all, func(site string) string { return "t=EwBA-" + site + "/+==&p=" + site }, "000300008AAA1234", "0123456789abcdef", "alice@example.com"},
		{"answer-microsoft-rst2.xml", all, func(site string) string { return "t=EwBA-" + site + "/+==&p=" + site }, "000300008AAA1234", "0123456789abcdef", "alice@example.com"},
		{"answer-one-token-rst.xml", all, func(string) string { return "t=0123456789abcdef0123constantTail+/==&p=" }, "00037FFE01234567", "8899aabbccddeeff", "Alice@Example.com"},
		{"answer-one-token-rst2.xml", all, func(string) string { return "t=0123456789abcdef0123constantTail+/==&p=" }, "00037FFE01234567", "8899aabbccddeeff", "Alice@Example.com"},
	} {
		t.Run(c.file, func(t *testing.T) {
			body, err := os.ReadFile("testdata/" + c.file)
			if err != nil {
				t.Fatal(err)
			}
			service := serve(t, say(200, string(body)))
			got, err := service.request(t)
			if err != nil {
				t.Fatal(err)
			}
			if got.PUID != c.puid || got.CID != c.cid || got.Membername != c.member {
				t.Errorf("account %q %q %q", got.PUID, got.CID, got.Membername)
			}
			for _, site := range c.sites {
				ticket := got.Tickets[site]
				if want := c.token(site); site != TokenBroker && ticket.Token != want {
					t.Errorf("%s: token %q, want %q", site, ticket.Token, want)
				}
				if site == TokenBroker && ticket.Token != "AAAABBBBCCCC=" {
					t.Errorf("%s: token %q", site, ticket.Token)
				}
				if want := noon.Add(24 * time.Hour); !ticket.Expires.Equal(want) {
					t.Errorf("%s: expires %s, want %s", site, ticket.Expires, want)
				}
				if has := len(ticket.Secret) == 24; has != (site == MessengerClear || site == TokenBroker) {
					t.Errorf("%s: a secret of %d bytes", site, len(ticket.Secret))
				}
			}
			if len(got.Tickets) != len(c.sites) || len(got.Refused) != 0 {
				t.Errorf("%d tickets, refused %v", len(got.Tickets), got.Refused)
			}
			if _, err := Proof(got.Tickets[MessengerClear].Secret, "nonce"); err != nil {
				t.Error(err)
			}
			service.clean(t, nil, "0123456789abcdef0123", "EwBA-")
		})
	}
}

// clean looks for the password and for tickets in all traces and in an error.
func (s *service) clean(t *testing.T, err error, more ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.traces, "\n")
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += "\n" + e.Error() + "\n" + fmt.Sprintf("%v %+v", e, e)
	}
	for _, hidden := range append(more, password, strings.ReplaceAll(password, "&", "&amp;"), secret, "TopSecret", "TICKET") {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is in\n%s", hidden, text)
		}
	}
	if s.caller.Trace != nil && len(s.traces) == 0 {
		t.Error("nothing was traced")
	}
}

// Odd answers that still can be read.
func TestLenientReading(t *testing.T) {
	const token = "t=TICKET&amp;p="
	ok := given(MessengerClear, token, proofToken(secret)+dayLong)
	for _, c := range []struct {
		name, body string
		token      string
		secret     bool
		expires    time.Time
	}{
		{"plain", collection(ok), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"bare ampersand", collection(given(MessengerClear, "t=TICKET&p=x", proofToken(secret))), "t=TICKET&p=x", true, time.Time{}},
		{"escaped twice", collection(given(MessengerClear, "t=TICKET&amp;amp;p=", proofToken(secret))), "t=TICKET&p=", true, time.Time{}},
		{"CDATA", collection(given(MessengerClear, "<![CDATA[t=TICKET&p=]]>", proofToken(secret))), "t=TICKET&p=", true, time.Time{}},
		{"broken lines", collection(given(MessengerClear, "\r\n  t=TIC\n  KET&amp;p=\n", proofToken("\n"+secret[:10]+"\r\n\t"+secret[10:]))), "t=TICKET&p=", true, time.Time{}},
		{"bare ticket", collection(given(MessengerClear, "0123", proofToken(secret))), "0123", true, time.Time{}},
		{"no secret", collection(given(MessengerClear, token, "")), "t=TICKET&p=", false, time.Time{}},
		{"empty secret", collection(given(MessengerClear, token, proofToken(""))), "t=TICKET&p=", false, time.Time{}},
		{"secret that is none", collection(given(MessengerClear, token, proofToken("$$$"))), "t=TICKET&p=", false, time.Time{}},
		{"secret that is too long", collection(given(MessengerClear, token, proofToken(strings.Repeat("A", maxSecret+4)))), "t=TICKET&p=", false, time.Time{}},
		{"secret without padding", collection(given(MessengerClear, token, proofToken("VG9wUw"))), "t=TICKET&p=", true, time.Time{}},
		{"address in capitals", collection(given("MessengerClear.Live.COM", token, proofToken(secret))), "t=TICKET&p=", true, time.Time{}},
		{"address as a URL", collection(given("\n http://messengerclear.live.com/ \n", token, proofToken(secret))), "t=TICKET&p=", true, time.Time{}},
		{"not in a collection", `<Envelope><Body>` + ok + `</Body></Envelope>`, "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"among others", collection(given(Contacts, "t=OTHER1", ""), given("else.example.com", "t=OTHER2", proofToken("AAAA")), "<x/>", ok, given(Storage, "t=OTHER3", "")), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"given twice", collection(ok, given(MessengerClear, "t=OTHER", "")), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"refused, then given", collection(refused(MessengerClear, "<Fault><faultcode>x</faultcode></Fault>"), ok), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"given, then refused", collection(ok, refused(MessengerClear, "<Fault><faultcode>x</faultcode></Fault>")), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"Lifetime", collection(given(MessengerClear, token, proofToken(secret)+strings.ReplaceAll(dayLong, "LifeTime", "Lifetime"))), "t=TICKET&p=", true, noon.Add(24 * time.Hour)},
		{"another clock", collection(given(MessengerClear, token, `<LifeTime><Created>2001-01-01T00:00:00</Created><Expires>2001-01-01T08:00:00.0000000</Expires></LifeTime>`)), "t=TICKET&p=", false, noon.Add(8 * time.Hour)},
		{"an end alone", collection(given(MessengerClear, token, `<LifeTime><Expires>2026-01-02T05:04:05.5000000+01:00</Expires></LifeTime>`)), "t=TICKET&p=", false, noon.Add(time.Hour + 500*time.Millisecond)},
		{"no time at all", collection(given(MessengerClear, token, `<LifeTime><Created>x</Created><Expires>tomorrow</Expires></LifeTime>`)), "t=TICKET&p=", false, time.Time{}},
		{"expires at once", collection(given(MessengerClear, token, `<LifeTime><Created>2026-01-02T03:04:05Z</Created><Expires>2026-01-02T03:04:05Z</Expires></LifeTime>`)), "t=TICKET&p=", false, noon},
		{"two tokens in one", collection(given(MessengerClear, token, `<RequestedSecurityToken><BinarySecurityToken>t=OTHER</BinarySecurityToken></RequestedSecurityToken>`+proofToken(secret)+proofToken(strings.Repeat("A", 32)))), "t=TICKET&p=", true, time.Time{}},
		{"unknown things", collection(given(MessengerClear, token, proofToken(secret)+`<x><Address>other</Address><BinarySecurityToken>t=OTHER</BinarySecurityToken></x>`)), "t=TICKET&p=", true, time.Time{}},
		{"control characters around", "\uFEFF" + `<?xml version="1.0" encoding="utf-16"?>` + collection(given(MessengerClear, token, proofToken(secret)+"<x>\x01&#2;</x>")), "t=TICKET&p=", true, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := serve(t, say(200, c.body))
			got, err := service.request(t)
			if err != nil {
				t.Fatal(err)
			}
			ticket := got.Tickets[MessengerClear]
			if ticket.Token != c.token || (ticket.Secret != nil) != c.secret || !ticket.Expires.Equal(c.expires) {
				t.Errorf("got %q, %d bytes, %s", ticket.Token, len(ticket.Secret), ticket.Expires)
			}
			if want, err := base64.RawStdEncoding.DecodeString(secret); err != nil || len(ticket.Secret) > 4 && string(ticket.Secret) != string(want) {
				t.Errorf("secret %x", ticket.Secret)
			}
			for _, site := range allSites {
				_, given := got.Tickets[site.Address]
				if reason := got.Refused[site.Address]; given == (reason != nil) || !given && !errors.Is(reason, ErrNoTicket) {
					t.Errorf("%s: given %t, refused %v", site.Address, given, reason)
				}
			}
			service.clean(t, nil)
		})
	}
}

// Sites fail by themselves; only those that are required fail the request.
func TestSiteFaults(t *testing.T) {
	ok := given(MessengerClear, "t=TICKET", "")
	pp := `<psf:pp><psf:reqstatus>0x80048852</psf:reqstatus><psf:flowurl>https://account.example.com/accrue.srf?t=TICKETTICKET&amp;x=1</psf:flowurl></psf:pp>`
	for _, c := range []struct {
		name, fault string
		is          error
		says        string
		url         string
	}{
		{"page in a fault", `<S:Fault>` + pp + `<faultstring>Profile accrual is required</faultstring></S:Fault>`, ErrActionNeeded,
			"the account needs attention on a web page before it can sign in (https://account.example.com/accrue.srf): Profile accrual is required",
			"https://account.example.com/accrue.srf?t=TICKETTICKET&x=1"},
		{"page in pp alone", pp, ErrActionNeeded,
			"the account needs attention on a web page before it can sign in (https://account.example.com/accrue.srf)", "https://account.example.com/accrue.srf?t=TICKETTICKET&x=1"},
		{"a fault", `<S:Fault><faultcode>psf:Odd</faultcode><faultstring>Not for you, t=TICKETTICKET</faultstring></S:Fault>`, nil, "the ticket service refuses the request (%s): Not for you, t=***", ""},
		{"a code alone", `<S:Fault><faultcode>psf:Odd</faultcode></S:Fault>`, nil, "the ticket service refuses the request (%s): Odd", ""},
		{"no ticket", `<RequestedSecurityToken/>`, ErrNoTicket, "the ticket service gave no ticket for %s", ""},
		{"a ticket with holes", `<RequestedSecurityToken><BinarySecurityToken>t=TICKET` + "\x01" + `</BinarySecurityToken></RequestedSecurityToken>`, ErrNoTicket,
			"the ticket service gave no ticket for %s: the ticket has characters that no ticket has", ""},
		{"a ticket beyond ASCII", `<RequestedSecurityToken><BinarySecurityToken>t=TICKETé</BinarySecurityToken></RequestedSecurityToken>`, ErrNoTicket,
			"the ticket service gave no ticket for %s: the ticket has characters that no ticket has", ""},
		{"a ticket that is too long", `<RequestedSecurityToken><BinarySecurityToken>` + strings.Repeat("TICKET", 4000) + `</BinarySecurityToken></RequestedSecurityToken>`, ErrNoTicket,
			"the ticket service gave no ticket for %s: the ticket has more than 16384 bytes", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(err error, site string) {
				t.Helper()
				says := strings.ReplaceAll(c.says, "%s", site)
				if err == nil || err.Error() != says || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("got %v\nwant %s", err, says)
				}
				var action *ActionError
				if errors.As(err, &action) != (c.url != "") || action != nil && (action.URL != c.url || action.Site != site) {
					t.Errorf("got %+v", action)
				}
				var fault *Fault
				if c.is == nil && (!errors.As(err, &fault) || fault.Site != site || fault.Code != "Odd") {
					t.Errorf("got %+v", fault)
				}
			}
			service := serve(t, say(200, collection(refused(Storage, c.fault), ok)))
			got, err := service.request(t)
			if err != nil {
				t.Fatal(err)
			}
			check(got.Refused[Storage], Storage)
			service.clean(t, got.Refused[Storage])

			service = serve(t, say(200, collection(refused(MessengerClear, c.fault), given(Storage, "t=TICKET", ""))))
			if got, err = service.request(t); got != nil {
				t.Errorf("got %v", got)
			}
			check(err, MessengerClear)
			service.clean(t, err)
		})
	}
}

// A site that is not answered for is explained by the status of the whole, if there is one.
func TestSilence(t *testing.T) {
	for _, c := range []struct {
		pp string
		is error
	}{
		{"", ErrNoTicket}, {"<reqstatus>0x0</reqstatus>", ErrNoTicket}, {"<reqstatus>0x48803</reqstatus>", ErrNoTicket},
		{"<reqstatus>0x80048821</reqstatus>", ErrPassword}, {"<reqstatus>0x800488EE</reqstatus>", ErrFederated},
		{"<flowurl>https://example.com/</flowurl>", ErrActionNeeded},
	} {
		for _, body := range []string{"<RequestSecurityTokenResponseCollection/>", "<RequestSecurityTokenResponse/>"} {
			service := serve(t, say(200, `<Envelope><Header><x/><pp>`+c.pp+`</pp></Header><Body>`+body+`</Body></Envelope>`))
			if _, err := service.request(t); !errors.Is(err, c.is) {
				t.Errorf("%s: got %v", c.pp, err)
			}
		}
	}
}

// Every fault has its error, in both forms and with any status.
func TestFaults(t *testing.T) {
	header := func(pp string) string {
		return `<S:Header><psf:pp><psf:serverVersion>1</psf:serverVersion>` + pp + `<psf:cookies/></psf:pp></S:Header>`
	}
	one := func(pp, fault string) string {
		return `<S:Envelope xmlns:S="u" xmlns:psf="v">` + header(pp) + `<S:Fault>` + fault + `</S:Fault></S:Envelope>`
	}
	two := func(code, value, text, more string) string {
		return `<S:Envelope xmlns:S="u"><S:Body><S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode><S:Value>` + code + `</S:Value></S:Subcode></S:Code>` +
			`<S:Reason><S:Text xml:lang="en-US">Reason given</S:Text></S:Reason><S:Detail><psf:error><psf:value>` + value + `</psf:value><psf:internalerror><psf:code>0x80041012</psf:code>` +
			`<psf:text>` + text + `</psf:text></psf:internalerror></psf:error>` + more + `</S:Detail></S:Fault></S:Body></S:Envelope>`
	}
	for _, c := range []struct {
		name, body string
		is         error
		status     uint32
		says       string
	}{
		{"password", one(`<psf:reqstatus>0x80048823</psf:reqstatus>`, `<faultcode>wsse:FailedAuthentication</faultcode><faultstring>Authentication Failure</faultstring>`),
			ErrPassword, 0x80048823, "the address or the password is wrong: Authentication Failure [0x80048823]"},
		{"password, in the body", `<Envelope><Body><Fault><faultcode>wsse:FailedAuthentication</faultcode></Fault></Body></Envelope>`, ErrPassword, 0, "the address or the password is wrong: FailedAuthentication"},
		{"password, RST2", two("wst:FailedAuthentication", "0x80048821", "The entered and stored keys do not match.", ""),
			ErrPassword, 0x80048821, "the address or the password is wrong: The entered and stored keys do not match. [0x80048821]"},
		{"password, by number alone", two("wst:Other", "0x80048821", "", ""), ErrPassword, 0x80048821, "the address or the password is wrong: Reason given [0x80048821]"},
		{"password, with a page", two("wst:FailedAuthentication", "0x80048821", "", "<psf:flowurl>https://example.com/reset</psf:flowurl>"), ErrPassword, 0x80048821,
			"the address or the password is wrong: Reason given [0x80048821]"},
		{"request", one("", `<faultcode>S:Client</faultcode><faultstring>Invalid Request</faultstring>`), ErrInvalidRequest, 0, "the ticket service does not understand the request: Invalid Request"},
		{"request, RST2", two("wst:InvalidRequest", "0x80048820", "Bad", ""), ErrInvalidRequest, 0x80048820, "the ticket service does not understand the request: Bad [0x80048820]"},
		{"request, by code", two("wst:InvalidRequest", "", "", ""), ErrInvalidRequest, 0, "the ticket service does not understand the request: Reason given"},
		{"federated", one(`<psf:reqstatus>0x800488ee</psf:reqstatus><psf:extProperties><psf:extProperty Name="AuthURL">https://sts.example.com/</psf:extProperty></psf:extProperties>`,
			`<faultcode>wsse:FailedAuthentication</faultcode>`), ErrFederated, 0x800488EE, "the account signs in at its own organisation, which is not supported: FailedAuthentication [0x800488ee]"},
		{"federated, in the fault", one("", `<faultcode>x</faultcode><psf:pp><psf:reqstatus>0x800488EE</psf:reqstatus></psf:pp>`), ErrFederated, 0x800488EE,
			"the account signs in at its own organisation, which is not supported: x [0x800488ee]"},
		{"page in the header", one(`<psf:flowurl>https://example.com/terms?t=TICKET12</psf:flowurl>`, `<faultcode>wsse:FailedAuthentication</faultcode>`), ErrActionNeeded, 0,
			"the account needs attention on a web page before it can sign in (https://example.com/terms)"},
		{"page in the fault", two("wst:Other", "0x80048852", "Accept the terms", "<psf:flowurl>https://example.com/terms</psf:flowurl>"), ErrActionNeeded, 0,
			"the account needs attention on a web page before it can sign in (https://example.com/terms): Accept the terms"},
		{"page that is none", one("", `<faultcode>x</faultcode><psf:flowurl>%zz TICKET</psf:flowurl>`), ErrActionNeeded, 0, "the account needs attention on a web page before it can sign in"},
		{"page that is a script", one("", `<faultcode>x</faultcode><psf:flowurl>javascript://example.com/x</psf:flowurl>`), ErrActionNeeded, 0, "the account needs attention on a web page before it can sign in"},
		{"page with the password", one("", `<faultcode>x</faultcode><psf:flowurl>https://example.com/s3cret&amp;Pass</psf:flowurl>`), ErrActionNeeded, 0, "the account needs attention on a web page before it can sign in"},
		{"server", one("", `<faultcode>S:Server</faultcode><faultstring>Try later</faultstring>`), ErrUnavailable, 0, "the ticket service is out of order: Try later"},
		{"receiver", strings.Replace(two("S:Receiver", "", "", ""), "S:Sender", "S:Receiver", 1), ErrUnavailable, 0, "the ticket service is out of order: Reason given"},
		{"password said back", one("", `<faultcode>wsse:FailedAuthentication</faultcode><faultstring>S3CRET&amp;pass is wrong</faultstring>`), ErrPassword, 0, "the address or the password is wrong: FailedAuthentication"},
		{"password as the code", one("", `<faultcode>x:s3cret&amp;Pass</faultcode><psf:reqstatus>0x80048821</psf:reqstatus>`), ErrPassword, 0x80048821, "the address or the password is wrong [0x80048821]"},
		{"a number that is none", one(`<psf:reqstatus>-2147186655</psf:reqstatus>`, `<faultcode>wsse:FailedAuthentication</faultcode>`), ErrPassword, 0, "the address or the password is wrong: FailedAuthentication"},
	} {
		for _, status := range []int{200, 403, 500} {
			t.Run(fmt.Sprint(c.name, " ", status), func(t *testing.T) {
				service := serve(t, say(status, c.body))
				got, err := service.request(t)
				if got != nil || !errors.Is(err, c.is) || err.Error() != c.says {
					t.Fatalf("got %v\nwant %s", err, c.says)
				}
				for _, other := range []error{ErrPassword, ErrInvalidRequest, ErrFederated, ErrActionNeeded, ErrUnavailable, ErrRedirects, ErrNoTicket} {
					if other != c.is && errors.Is(err, other) {
						t.Errorf("%v is also %v", err, other)
					}
				}
				var fault *Fault
				if errors.As(err, &fault) == (c.is == ErrActionNeeded) || fault != nil && fault.Status != c.status {
					t.Errorf("got %+v", fault)
				}
				service.clean(t, err)
			})
		}
	}
}

// What a service says is cut, and fits into a line.
func TestLongFault(t *testing.T) {
	service := serve(t, say(200, `<Envelope><Fault><faultcode>x</faultcode><faultstring>`+strings.Repeat("no\n é ", 1000)+`</faultstring></Fault></Envelope>`))
	_, err := service.request(t)
	var fault *Fault
	if !errors.As(err, &fault) || len(fault.Text) < maxSaid-3 || len(fault.Text) > maxSaid || !strings.HasPrefix(fault.Text, "no é no é no") || !utf8.ValidString(fault.Text) {
		t.Errorf("got %v", err)
	}
}

// A fault whose number has no meaning here is told with its number.
func TestGeneralFault(t *testing.T) {
	body := `<Envelope><Header><pp><reqstatus>0x80048829</reqstatus></pp></Header><Fault><faultcode>wsse:InvalidSecurityToken</faultcode><faultstring>Clock is wrong</faultstring></Fault></Envelope>`
	service := serve(t, say(200, body))
	_, err := service.request(t)
	var fault *Fault
	if !errors.As(err, &fault) || *fault != (Fault{Code: "InvalidSecurityToken", Text: "Clock is wrong", Status: 0x80048829}) {
		t.Fatalf("got %+v, %v", fault, err)
	}
	if err.Error() != "the ticket service refuses the request: Clock is wrong [0x80048829]" {
		t.Error(err)
	}
	service.Server.Config.Handler = say(500, body)
	if _, err = service.request(t); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestNoAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		is     error // nil for none of ours
		says   string
	}{
		{"bad gateway", 502, "<html>", ErrUnavailable, "RST.srf is answered with HTTP 502 Bad Gateway"},
		{"unavailable", 503, "", ErrUnavailable, "HTTP 503"},
		{"too many", 429, "", ErrUnavailable, "HTTP 429"},
		{"forbidden", 403, "", nil, "/RST.srf is answered with HTTP 403 Forbidden"},
		{"not found", 404, "404 page not found", nil, "HTTP 404"},
		{"web page", 200, "<html>" + password, nil, "a web page"},
		{"password as the root", 200, "<s3cret/>", nil, "not a SOAP envelope"},
		{"something else", 200, "<Envelope><Body><s3cret/></Body></Envelope>", nil, "it is no answer to a request for tickets"},
		{"nothing", 200, "", nil, "there is no XML in it"},
		{"cut off", 200, collection(given(MessengerClear, "t=TICKET", ""))[:400], io.ErrUnexpectedEOF, "cut off"},
		{"too deep", 200, collection(strings.Repeat("<AppliesTo>", 200)), soap.ErrTooDeep, "too deep"},
		{"too deep inside", 200, collection("<RequestSecurityTokenResponse>" + strings.Repeat("<AppliesTo>", 200)), soap.ErrTooDeep, "too deep"},
		{"too large", 200, collection(strings.Repeat("<x/>", 1<<20)), soap.ErrTooLarge, "too large"},
		{"too many sites", 200, collection(strings.Repeat(given("x", "t=TICKET", ""), 100)), nil, "tickets for more than 64 sites"},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := serve(t, say(c.status, c.body))
			got, err := service.request(t)
			if got != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
			for _, ours := range []error{ErrPassword, ErrInvalidRequest, ErrFederated, ErrActionNeeded, ErrUnavailable} {
				if ours != c.is && errors.Is(err, ours) {
					t.Errorf("%v is %v", err, ours)
				}
			}
			service.clean(t, err, "s3cret")
		})
	}
}

func TestNoSites(t *testing.T) {
	if _, err := Request(t.Context(), &soap.Caller{}, Source{URL: "http://127.0.0.1:1/"}, "a", "b", nil, noon); err == nil {
		t.Error("nothing was asked for, and given")
	}
}

// Redirects in both forms repeat the request, and are remembered.
func TestFaultRedirects(t *testing.T) {
	forms := map[string]string{
		"rst":  `<S:Envelope xmlns:S="u"><S:Header/><S:Fault><faultcode>psf:Redirect</faultcode><psf:redirectUrl>%s</psf:redirectUrl><faultstring>Redirect</faultstring></S:Fault></S:Envelope>`,
		"rst2": `<S:Envelope xmlns:S="u"><S:Body><S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode><S:Value>psf:Redirect</S:Value></S:Subcode></S:Code><S:Detail><psf:redirectUrl>%s</psf:redirectUrl></S:Detail></S:Fault></S:Body></S:Envelope>`,
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			var asked []string
			var bodies []string
			service := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				asked, bodies = append(asked, r.URL.RequestURI()), append(bodies, string(body))
				switch r.URL.Path {
				case "/RST.srf":
					fmt.Fprintf(w, form, "http://"+r.Host+"/one.srf?t=TICKETTICKET&amp;x=1")
				case "/one.srf":
					w.Header().Set("Location", "/two.srf")
					w.WriteHeader(307)
				case "/two.srf":
					fmt.Fprintf(w, form, "/three.srf")
				default:
					_, _ = io.WriteString(w, collection(given(MessengerClear, "t=TICKET", "")))
				}
			})
			for range 2 {
				if _, err := service.request(t); err != nil {
					t.Fatal(err)
				}
			}
			want := "[/RST.srf /one.srf?t=TICKETTICKET&x=1 /two.srf /three.srf /three.srf]"
			if got := fmt.Sprint(asked); got != want {
				t.Errorf("asked %s\nwant %s", got, want)
			}
			for _, body := range bodies {
				if body != bodies[0] || !strings.Contains(body, "s3cret&amp;Pass") {
					t.Error("the requests differ")
				}
			}
			service.clean(t, nil)
		})
	}
}

func TestBadFaultRedirects(t *testing.T) {
	fault := func(to string) string {
		return `<Envelope><Fault><faultcode>psf:Redirect</faultcode><redirectUrl>` + to + `</redirectUrl></Fault></Envelope>`
	}
	for _, c := range []struct {
		name, to, says string
		asked          int
	}{
		{"in a circle", "/RST.srf", "redirects more than 5 times", maxRedirects + 1},
		{"on and on", "/RST.srf?x", "redirects more than 5 times", maxRedirects + 1},
		{"to a file", "file://host/TICKET", "not http", 1},
		{"to nothing", "http://%zzTICKET", "without saying where", 1},
		{"to the password", "ftp://s3cret&amp;Pass", "redirects", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			service := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				_, _ = io.WriteString(w, fault(c.to))
			})
			_, err := service.request(t)
			if !errors.Is(err, ErrRedirects) || !strings.Contains(err.Error(), c.says) || asked != c.asked {
				t.Errorf("asked %d times, got %v", asked, err)
			}
			service.clean(t, err)
		})
	}
	t.Run("from https to http", func(t *testing.T) {
		plain := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the password went out in the clear") })
		secure := wrap(t, httptest.NewTLSServer(say(200, fault(plain.URL))))
		_, err := secure.request(t)
		if !errors.Is(err, ErrRedirects) || !strings.Contains(err.Error(), "not encrypted") {
			t.Errorf("got %v", err)
		}
		secure.clean(t, err)
	})
	t.Run("a redirect to nowhere named", func(t *testing.T) {
		service := serve(t, say(200, fault("")))
		_, err := service.request(t)
		var f *Fault
		if !errors.As(err, &f) || f.Code != "Redirect" {
			t.Errorf("got %v", err)
		}
	})
}

// What the network says is passed on, but never with the password in it.
func TestUnreachable(t *testing.T) {
	service := serve(t, say(200, ""))
	service.Close()
	_, err := service.request(t)
	if err == nil || !strings.Contains(err.Error(), "refused") || errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	service.clean(t, err)
	_, err = Request(t.Context(), service.caller, Source{URL: service.URL}, passport, "refused", allSites, noon)
	if err == nil || strings.Contains(err.Error(), "refused") || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Request(ctx, service.caller, Source{URL: service.URL}, passport, password, allSites, noon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
