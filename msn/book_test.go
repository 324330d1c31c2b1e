package msn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

// deskServices are the web services of a test: canned answers by action, which a test may replace on the way.
type deskServices struct {
	mu      sync.Mutex
	answers map[string]func(n int) (status int, body string)
	asked   map[string]int
}

func (d *deskServices) set(action string, answer func(n int) (int, string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answers == nil {
		d.answers, d.asked = map[string]func(int) (int, string){}, map[string]int{}
	}
	d.answers[action] = answer
}

// count tells how often an action was asked for.
func (d *deskServices) count(action string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[action]
}

// client is the HTTP client that asks them, else the canned files.
func (d *deskServices) client(t testing.TB) *http.Client {
	files := goodServices(t, nil).Transport
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		action := strings.Trim(filepath.Base(r.Header.Get("SOAPAction")), `"`)
		if strings.HasSuffix(r.URL.Path, ".srf") {
			action = filepath.Base(r.URL.Path)
		}
		d.mu.Lock()
		answer := d.answers[action]
		if d.asked == nil {
			d.asked = map[string]int{}
		}
		d.asked[action]++
		n := d.asked[action]
		d.mu.Unlock()
		if answer != nil {
			if status, body := answer(n); status != 0 {
				return &http.Response{
					StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Request: r,
					Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
				}, nil
			}
		}
		return files.RoundTrip(r)
	})}
}

// canned is one of the files, changed.
func canned(t testing.TB, name string, oldnew ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "services", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(oldnew...).Replace(string(b))
	if changed == string(b) && len(oldnew) > 0 {
		t.Fatalf("%s has none of %q", name, oldnew)
	}
	return changed
}

// fault is a fault of the address book.
func fault(code string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>` + code +
		`</faultstring><detail><errorcode xmlns="http://www.msn.com/webservices/AddressBook">` + code + `</errorcode></detail></soap:Fault></soap:Body></soap:Envelope>`
}

// signInMSNP15 is the golden sign-in of MSNP15 up to the answer of CHG.
func signInMSNP15(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/msnp15-sign-in.msnp")
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := bytes.Cut(b, []byte("S: ILN "))
	if !found {
		t.Fatal("the golden sign-in has no ILN")
	}
	return string(head)
}

// runBook runs a dialogue of MSNP15 that begins with the sign-in. Of what is canned, the desk may change things.
func runBook(t *testing.T, desk *deskServices, rest string) (*Client, []Event, error) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1) // as the golden sign-in has it
	c, _, events, err := runDialogue(t, func(cfg *Config) {
		cfg.Versions = []Version{MSNP15}
		withServices(t, cfg)
		cfg.HTTPClient = desk.client(t)
		cfg.PersonalMessage = PersonalMessage{}
	}, script(t, signInMSNP15(t)+rest))
	return c, events, err
}

// ofKind gives the events of a kind.
func ofKind[E Event](events []Event) (some []E) {
	for _, e := range events {
		if found, ok := e.(E); ok {
			some = append(some, found)
		}
	}
	return some
}

// signedOut ends a dialogue.
const signedOut = "S: OUT OTH\n"

// payload spells a command with its payload in the notation of dialogues.
func payload(line, text string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d\n", line, len(text))
	for _, l := range strings.Split(text, "\r\n") {
		b.WriteString(strings.TrimRight(" | "+l, " ") + "\n")
	}
	return b.String()
}

// TestBeingAdded reads the book again when the server says that somebody has added me, and asks the user.
func TestBeingAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := &deskServices{}
		desk.set("FindMembership", func(n int) (int, string) {
			if n == 1 {
				return 0, ""
			}
			return 200, canned(t, "findmembership", `<MemberRole>Pending</MemberRole><Members>`,
				`<MemberRole>Pending</MemberRole><Members><Member xsi:type="PassportMember"><MembershipId>7</MembershipId><Type>Passport</Type><State>Accepted</State>`+
					`<Annotations><Annotation><Name>MSN.IM.InviteMessage</Name><Value>from Erin</Value></Annotation></Annotations><PassportName>erin@example.com</PassportName></Member>`)
		})
		push := payload("S: ADL 0", `<ml><d n="example.com"><c n="erin" t="1" l="8" f="Erin%20E"/></d></ml>`)
		// Three pushes within the time are one reading; the ping comes long after.
		c, events, err := runBook(t, desk, push+push+push+"C: PNG\nS: QNG 60\n"+signedOut)
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		if n := desk.count("FindMembership"); n != 2 {
			t.Errorf("the memberships were read %d times, want 2", n)
		}
		want := []ContactRequest{{"dave@example.com", "Däve", "hi, it is Däve"}, {"erin@example.com", "Erin E", "from Erin"}}
		if got := ofKind[ContactRequest](events); !reflect.DeepEqual(got, want) {
			t.Errorf("requests: got %+v, want %+v", got, want)
		}
		if erin, ok := c.Contact("erin@example.com"); !ok || erin.Lists != PendingList {
			t.Errorf("erin is %+v", erin)
		}
	})
}

// TestBookChangedElsewhere takes over what another program did: the server is told of it, and so is the handler.
func TestBookChangedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := &deskServices{}
		desk.set("ABFindAll", func(n int) (int, string) {
			if n == 1 {
				return 0, ""
			}
			return 200, canned(t, "abfindall", `<displayName>Carol</displayName><CID>12345</CID><isMessengerUser>true`, `<displayName>Carol</displayName><CID>12345</CID><isMessengerUser>false`,
				`<name>Friends</name>`, `<name>Amis</name>`)
		})
		notice := payload("S: NOT", `<NOTIFICATION id="0" siteid="45705" siteurl="http://contacts.example.com"><TO pid="0x1:0x2" name="alice@example.com"><VIA agent="messenger"/></TO>`+
			`<MSG id="0"><SUBSCR url="s.htm"/><ACTION url="a.htm"/><BODY>&lt;NotificationData&gt;&lt;Service&gt;ABCHInternal&lt;/Service&gt;&lt;/NotificationData&gt;</BODY></MSG></NOTIFICATION>`)
		rml := payload("C: RML 9", `<ml><d n="example.com"><c n="carol" l="1" t="1"/></d></ml>`)
		c, events, err := runBook(t, desk, notice+rml+"S: RML 9 OK\n"+signedOut)
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		if carol, ok := c.Contact("carol@example.com"); !ok || carol.Lists != BlockList {
			t.Errorf("carol is %+v", carol)
		}
		if got := ofKind[GroupsChanged](events); len(got) != 1 || got[0].Groups[1].Name != "Amis" {
			t.Errorf("groups: %+v", got)
		}
	})
}

// TestBookFails makes every failure of the address book a failed sign-in with a reason, never an empty list.
func TestBookFails(t *testing.T) {
	cases := []struct {
		name, action string
		answer       func(n int) (int, string)
		want         error
	}{
		{"403", "ABFindAll", func(int) (int, string) { return 403, "" }, ErrSessionLost},
		{"500 without words", "FindMembership", func(int) (int, string) { return 500, "oops" }, ErrServerBusy},
		{"200 with a fault", "ABFindAll", func(int) (int, string) { return 200, fault("InternalError") }, ErrServiceTrouble},
		{"always stale", "ABFindAll", func(int) (int, string) { return 500, fault("PassportAuthFail") }, ErrStaleTicket},
		{"cut off", "ABFindAll", func(int) (int, string) { return 200, canned(t, "abfindall")[:2000] }, io.ErrUnexpectedEOF},
		{"another page", "ABFindAll", func(int) (int, string) { return 200, "<html>Welcome to the free WLAN</html>" }, nil},
		{"nothing", "FindMembership", func(int) (int, string) { return 200, "" }, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				desk := &deskServices{}
				desk.set(tc.action, tc.answer)
				head, _, _ := strings.Cut(signInMSNP15(t), "C: BLP")
				cryptotest.SetGlobalRandom(t, 1)
				_, _, events, err := runDialogue(t, func(cfg *Config) {
					cfg.Versions = []Version{MSNP15}
					withServices(t, cfg)
					cfg.HTTPClient = desk.client(t)
				}, script(t, head))
				var failed *SignInError
				if !errors.As(err, &failed) || failed.Step != "address book" || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("Run = %v", err)
				}
				if len(events) != 0 {
					t.Errorf("events: %+v", events)
				}
				if strings.Contains(fmt.Sprint(err), "t=") || strings.Contains(fmt.Sprint(err), "One*") {
					t.Errorf("a ticket is in %v", err)
				}
			})
		})
	}
}

// TestNewAccount makes an address book for an account without one.
func TestNewAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := &deskServices{}
		missing := func(n int) (int, string) {
			if n == 1 {
				return 500, fault("ABDoesNotExist")
			}
			return 0, ""
		}
		desk.set("FindMembership", missing)
		desk.set("ABAdd", func(int) (int, string) {
			return 200, `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ABAddResponse xmlns="http://www.msn.com/webservices/AddressBook">` +
				`<ABAddResult>00000000-0000-0000-0000-000000000000</ABAddResult></ABAddResponse></soap:Body></soap:Envelope>`
		})
		c, _, err := runBook(t, desk, signedOut)
		if !errors.Is(err, ErrLoggedInElsewhere) || desk.count("ABAdd") != 1 || len(c.Contacts()) != 3 {
			t.Errorf("Run = %v, %d books made, %d contacts", err, desk.count("ABAdd"), len(c.Contacts()))
		}
	})
}

// TestStaleTicket renews the tickets once and goes on.
func TestStaleTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := &deskServices{}
		desk.set("ABFindAll", func(n int) (int, string) {
			if n == 1 {
				return 500, fault("PassportAuthFail")
			}
			return 0, ""
		})
		_, _, err := runBook(t, desk, signedOut)
		if !errors.Is(err, ErrLoggedInElsewhere) || desk.count("RST.srf") != 2 || desk.count("ABFindAll") != 2 {
			t.Errorf("Run = %v, %d requests for tickets, %d for the book", err, desk.count("RST.srf"), desk.count("ABFindAll"))
		}
	})
}

// TestRefusedEntries leaves out of the first ADL what the server refuses, and only that.
func TestRefusedEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		all := signInMSNP15(t)
		head, tail, _ := strings.Cut(all, "S: ADL 6 OK\n")
		tail = strings.NewReplacer("PRP 7", "PRP 8", "CHG 8", "CHG 9").Replace(tail)
		refusal := payload("S: 241 6", `<ml><d n="example.com"><c n="carol" t="1"/></d></ml>`)
		again := payload("C: ADL 7", `<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d></ml>`) + "S: ADL 7 OK\n"
		_, _, _, err := runDialogue(t, func(cfg *Config) {
			cfg.Versions = []Version{MSNP15}
			withServices(t, cfg)
			cfg.PersonalMessage = PersonalMessage{}
		}, script(t, head+refusal+again+tail+signedOut))
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
	})
}

// TestFederatedMessages reads UBM of both lengths, and sends UUM.
func TestFederatedMessages(t *testing.T) {
	const text = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhi"
	synctest.Test(t, func(t *testing.T) {
		_, events, _ := runBook(t, &deskServices{}, payload("S: UBM erin@yahoo.example 32 alice@example.com 1 1", text)+
			payload("S: UBM erin@yahoo.example 32 1", text)+payload("S: UBM alice@example.com 1 erin@yahoo.example 32 1", text)+
			payload("S: UBM tel:+15550100 4 alice@example.com 1 1", text)+signedOut)
		var got []string
		for _, m := range ofKind[MessageReceived](events) {
			got = append(got, m.From+" with "+strings.Join(m.Conversation.Participants, ",")+": "+m.Message.(*TextMessage).Text)
		}
		want := []string{
			"32:erin@yahoo.example with 32:erin@yahoo.example: hi", "32:erin@yahoo.example with 32:erin@yahoo.example: hi",
			"alice@example.com with 32:erin@yahoo.example: hi", "4:tel:+15550100 with 4:tel:+15550100: hi",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestMail counts unread mail as the server tells of it.
func TestMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail := func(kind string, lines ...string) string {
			return payload("S: MSG Hotmail Hotmail", "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgs"+kind+"; charset=UTF-8\r\n\r\n"+strings.Join(lines, "\r\n")+"\r\n")
		}
		_, events, _ := runBook(t, &deskServices{}, mail("initialemailnotification", "Inbox-Unread: 3", "Folders-Unread: 1")+
			mail("emailnotification", "From: =?utf-8?B?QsO2Yg==?=", "From-Addr: bob@example.com", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Dest-Folder: ACTIVE")+
			mail("activemailnotification", "Src-Folder: ACTIVE", "Dest-Folder: .!!trAsH", "Message-Delta: 2")+
			mail("activemailnotification", "Src-Folder: .!!OIM", "Dest-Folder: .!!trAsH", "Message-Delta: 2")+
			mail("emailnotification", "From: x", "Subject: junk", "Dest-Folder: HM_BuLkMail_")+signedOut)
		wantMail := []MailReceived{{"Böb", "bob@example.com", "Grüße", false}, {"x", "", "junk", true}}
		if got := ofKind[MailReceived](events); !reflect.DeepEqual(got, wantMail) {
			t.Errorf("mails: %+v", got)
		}
		wantCounts := []MailChanged{{3, 1}, {4, 1}, {2, 1}, {2, 2}}
		if got := ofKind[MailChanged](events); !reflect.DeepEqual(got, wantCounts) {
			t.Errorf("counts: %+v", got)
		}
	})
}

// TestSignedOutByAnotherPlace ends when another place of mine says so, and only then.
func TestSignedOutByAnotherPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		b, err := os.ReadFile("testdata/msnp18-sign-in.msnp")
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := bytes.Cut(b, []byte("S: CHL"))
		_, _, _, reason := runDialogue(t, func(cfg *Config) {
			cfg.Versions = []Version{MSNP18}
			withServices(t, cfg)
		}, script(t, string(head)+payload("S: UBN mallory@example.com 4", "goawyplzthxbye")+"C: PNG\nS: QNG 60\n"+
			payload("S: UBN alice@example.com;{c0ffee00-0000-4000-8000-000000000002} 4", "goawyplzthxbye")))
		if !errors.Is(reason, errSentAway) {
			t.Errorf("Run = %v", reason)
		}
	})
}

// TestTicketSources tries the ways to a ticket in their order; a wrong password ends the search.
func TestTicketSources(t *testing.T) {
	nc := &notificationConn{cfg: &Config{Server: Server{}.ServicesAt("https://example.com")}, dialect: dialectOf(MSNP12)}
	if got, want := nc.sources(), []TicketSource{RSTTicket, NexusTicket, RST2Ticket}; !slices.Equal(got, want) {
		t.Errorf("sources: %v, want %v", got, want)
	}
	nc.cfg.Server.Tickets = []TicketSource{RST2Ticket, NexusTicket}
	for v, want := range map[Version][]TicketSource{MSNP12: {RST2Ticket, NexusTicket}, MSNP18: {RST2Ticket}} {
		nc.dialect = dialectOf(v)
		if got := nc.sources(); !slices.Equal(got, want) {
			t.Errorf("%s: sources %v, want %v", v, got, want)
		}
	}
	nc.dialect = dialectOf(MSNP12)
	down := errors.New("no route")
	for _, tc := range []struct {
		name    string
		answers []error
		tried   int
		want    error
	}{
		{"the first", []error{nil}, 1, nil},
		{"the second", []error{down, nil}, 2, nil},
		{"none", []error{down, down}, 2, down},
		{"wrong password", []error{fmt.Errorf("x: %w", ErrAuthFailed), nil}, 1, ErrAuthFailed},
	} {
		tried := 0
		err := nc.tryTickets(t.Context(), func(context.Context, TicketSource) error {
			tried++
			return tc.answers[tried-1]
		})
		if tried != tc.tried || !errors.Is(err, tc.want) {
			t.Errorf("%s: %d tried, %v", tc.name, tried, err)
		}
	}
	nc.cfg.Server = Server{}
	if err := nc.tryTickets(t.Context(), nil); !errors.Is(err, errNoTicketSource) {
		t.Errorf("without URLs: %v", err)
	}
}

// TestServiceErrors gives failures their meaning and keeps what happened.
func TestServiceErrors(t *testing.T) {
	if err := serviceError(nil); err != nil {
		t.Errorf("nothing is %v", err)
	}
	odd := errors.New("odd")
	if err := serviceError(odd); err != odd {
		t.Errorf("an unknown error is %v", err)
	}
}
