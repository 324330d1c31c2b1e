package msntest

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// rst2Request is the same as rstRequest in the second form, as in services.md 4.3.
func rst2Request(passport, password string, sites ...string) string {
	text := rstRequest(passport, password, sites...)
	for _, pair := range [][2]string{
		{"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"},
		{"http://schemas.xmlsoap.org/ws/2003/06/secext", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"},
		{"http://schemas.xmlsoap.org/ws/2002/12/policy", "http://schemas.xmlsoap.org/ws/2004/09/policy"},
		{"http://schemas.xmlsoap.org/ws/2004/03/addressing", "http://www.w3.org/2005/08/addressing"},
		{"http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue", "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue"},
		{"http://schemas.xmlsoap.org/ws/2004/04/trust", "http://schemas.xmlsoap.org/ws/2005/02/trust"},
		{"<wsse:PolicyReference", "<wsp:PolicyReference"}, {"</wsse:PolicyReference", "</wsp:PolicyReference"},
	} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// goldenRST replaces what differs every time.
var goldenRST = []struct {
	shape *regexp.Regexp
	by    string
}{
	{regexp.MustCompile(`t=7[0-9a-f]{48}\*![0-9a-f]{24}\$\$&amp;p=`), "TICKET"},
	{regexp.MustCompile(`<wst:BinarySecret>[A-Za-z0-9+/]{32}</wst:BinarySecret>`), "<wst:BinarySecret>SECRET</wst:BinarySecret>"},
	{regexp.MustCompile(`<CipherValue>[A-Za-z0-9+/]{32}</CipherValue>`), "<CipherValue>CIPHER</CipherValue>"},
}

// TestRST compares both forms of the answer with recordings, which were checked against services.md 4.5.
func TestRST(t *testing.T) {
	cfg := fixture()
	cfg.Clock = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	s := New(t, cfg)
	for _, form := range []struct{ path, golden, request string }{
		{"//RST.srf", "rst.xml", rstRequest("Alice@example.com", "secret")},
		{"/RST2.srf", "rst2.xml", rst2Request("alice@example.com", "secret")},
		{"/pp800/RST.srf", "rst.xml", rstRequest("alice@example.com", "secret")},
		{"/pp900/RST2.srf", "rst2.xml", rst2Request("alice@example.com", "secret")},
	} {
		status, text := postSOAP(t, s.HTTPURL()+form.path, "", form.request, nil)
		if status != 200 {
			t.Fatalf("%s: %d", form.path, status)
		}
		wellFormed(t, text)
		tickets, ids := rstTickets(t, text)
		seen := map[string]bool{}
		for site, ticket := range tickets {
			if site != brokerSite && (seen[ticket] || !strings.HasPrefix(ticket, "t=")) {
				t.Errorf("%s: ticket of %s is %q", form.path, site, ticket)
			}
			seen[ticket] = true
		}
		if ids["messengerclear.live.com"] != "Compact1" || ids["messenger.msn.com"] != "PPToken2" || ids["contacts.msn.com"] != "Compact3" ||
			ids["storage.msn.com"] != "Compact5" {
			t.Errorf("%s: got %v", form.path, ids)
		}
		for _, g := range goldenRST {
			text = g.shape.ReplaceAllString(text, g.by)
		}
		want, err := os.ReadFile("testdata/web/" + form.golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(text, "><", ">\n<") + "\n"; got != string(want) {
			t.Errorf("%s: got\n%s", form.path, got)
		}
	}
}

// TestTicketSites uses tickets for their own sites and for others.
func TestTicketSites(t *testing.T) {
	s := New(t, fixture())
	_, text := postSOAP(t, s.HTTPURL()+"/RST.srf", "", rstRequest("alice@example.com", "secret"), nil)
	tickets, _ := rstTickets(t, text)
	nexus := logIn(t, s, "alice@example.com", "secret")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range []struct {
		ticket, site string
		good         bool
	}{
		{tickets[proofSite], proofSite, true}, {tickets[ticketSite], ticketSite, true}, {tickets[contactsSite], contactsSite, true},
		{tickets[contactsSite], proofSite, false}, {tickets[proofSite], ticketSite, false}, {nexus, ticketSite, true}, {nexus, proofSite, false},
		{"", ticketSite, false}, {"t=&p=", ticketSite, false}, {tickets[proofSite][:20], proofSite, false},
	} {
		a, secret, ok := s.checkTicket(c.ticket, c.site)
		if ok != c.good || ok && a.passport != "alice@example.com" || c.site == proofSite && ok && len(secret) != 24 {
			t.Errorf("%s for %s: %v, %d bytes", c.ticket, c.site, ok, len(secret))
		}
	}
	// the secret is the one that was told
	_, secret, _ := s.checkTicket(tickets[proofSite], proofSite)
	if !strings.Contains(text, "<wst:BinarySecret>"+base64.StdEncoding.EncodeToString(secret)+"<") {
		t.Error("the secret is another one")
	}
}

// TestRSTRefusals has every refusal in both forms (services.md 4.6).
func TestRSTRefusals(t *testing.T) {
	s := New(t, fixture())
	base := s.HTTPURL()
	good := [2]string{rstRequest("alice@example.com", "secret"), rst2Request("alice@example.com", "secret")}
	for _, c := range []struct {
		name     string
		faults   Faults
		requests [2]string
		status   int
		first    string // in the answer of RST.srf
		second   string // and of RST2.srf
	}{
		{
			name: "wrong password", requests: [2]string{rstRequest("alice@example.com", "Secret"), rst2Request("alice@example.com", "Secret")}, status: 200,
			first: "</S:Header><S:Fault><faultcode>wsse:FailedAuthentication</faultcode>", second: "<S:Value>wst:FailedAuthentication</S:Value></S:Subcode>",
		},
		{
			name: "wrong password, value", requests: [2]string{rstRequest("alice@example.com", "Secret"), rst2Request("alice@example.com", "Secret")}, status: 200,
			first: "<psf:reqstatus>0x80048823</psf:reqstatus>", second: "<S:Detail><psf:error><psf:value>0x80048821</psf:value><psf:internalerror><psf:code>0x80041012",
		},
		{
			name: "unknown", requests: [2]string{rstRequest("nobody@example.com", "x"), rst2Request("nobody@example.com", "x")}, status: 200,
			first: "wsse:FailedAuthentication", second: "wst:FailedAuthentication",
		},
		{name: "no XML", requests: [2]string{"what", "<a><b></a>"}, status: 200, first: "<faultcode>S:Client</faultcode><faultstring>Invalid Request", second: "wst:InvalidRequest"},
		{name: "no password", requests: [2]string{rstRequest("alice@example.com", ""), rst2Request("alice@example.com", "")}, status: 200, first: "S:Client", second: "wst:InvalidRequest"},
		{name: "nothing", requests: [2]string{"", ""}, status: 200, first: "S:Client", second: "wst:InvalidRequest"},
		{name: "down", faults: Faults{RSTDown: true}, requests: good, status: 503},
		{
			name: "once", faults: Faults{RSTRedirect: "once"}, requests: good, status: 200,
			first:  "<faultcode>psf:Redirect</faultcode><faultstring>Authentication Failure</faultstring><psf:redirectUrl>" + base + "/RST.srf?moved=1</psf:redirectUrl>",
			second: "<S:Detail><psf:redirectUrl>" + base + "/RST2.srf?moved=1</psf:redirectUrl>",
		},
		{
			name: "elsewhere", faults: Faults{RSTRedirect: "https://login.example.com/RST.srf"}, requests: good, status: 200,
			first: "<psf:redirectUrl>https://login.example.com/RST.srf<", second: "<psf:redirectUrl>https://login.example.com/RST.srf<",
		},
		{name: "other fault", faults: Faults{RSTFault: "wsse:InvalidSecurityToken"}, requests: good, status: 200, first: "wsse:InvalidSecurityToken", second: "wst:InvalidSecurityToken"},
		{
			name: "one site", faults: Faults{RSTSiteFaults: []string{"storage.msn.com"}}, requests: good, status: 200,
			first: "<S:Fault><faultcode>wsse:FailedAuthentication</faultcode><faultstring>Profile accrual is required</faultstring><psf:pp>", second: "Profile accrual is required",
		},
		{name: "faults of others", faults: Faults{RSTDown: true, Passport: "bob@example.com"}, requests: good, status: 200, first: "Compact1", second: "Compact1"},
	} {
		s.SetFaults(c.faults)
		for i, path := range []string{"/RST.srf", "/RST2.srf"} {
			status, text := postSOAP(t, base+path, "", c.requests[i], nil)
			if want := []string{c.first, c.second}[i]; status != c.status || !strings.Contains(text, want) {
				t.Errorf("%s, %s: %d, %s", c.name, path, status, text)
			}
			if text != "" {
				wellFormed(t, text)
			}
		}
	}
	s.SetFaults(Faults{RSTRedirect: "once"})
	if _, text := postSOAP(t, base+"/RST.srf?moved=1", "", good[0], nil); !strings.Contains(text, "Compact1") {
		t.Errorf("the place of the redirect: %s", text)
	}
	s.SetFaults(Faults{RSTRedirect: "loop"})
	if _, text := postSOAP(t, base+"/RST.srf?moved=1", "", good[0], nil); !strings.Contains(text, "psf:Redirect") {
		t.Errorf("the loop: %s", text)
	}
}

// TestStaleTickets has tickets that expire at once, and tickets that do so in time.
func TestStaleTickets(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := fixture()
	cfg.Clock = func() time.Time { return now }
	s := New(t, cfg)
	s.SetFaults(Faults{StaleTickets: []string{"contacts.msn.com"}})
	w := playWeb(t, s, "")
	const stale = "@alice book ABFindAll\n@500\n = <errorcode xmlns=\"http://www.msn.com/webservices/AddressBook\">PassportAuthFail</errorcode>"
	w.playWeb(stale)
	w.playWeb("@alice storage GetProfile\n@500\n = ItemDoesNotExist")
	s.SetFaults(Faults{})
	w.playWeb("@alice forgets tickets\n@alice book ABFindAll\n@200")
	s.mu.Lock()
	now = now.Add(25 * time.Hour)
	s.mu.Unlock()
	w.playWeb(stale)
	w.playWeb("@alice rsi GetMetadata\n@500\n = <faultcode xmlns:q0=\"http://www.hotmail.msn.com/ws/2004/09/oim/rsi\">q0:AuthenticationFailed</faultcode>")
}

// TestOddRequests has XML that is no UTF-8, too large, or full of entities.
func TestOddRequests(t *testing.T) {
	s := New(t, fixture())
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, text := range map[string]string{
		"nothing": "", "no XML": "hello", "other encoding": `<?xml version="1.0" encoding="iso-8859-1"?><Envelope><Body><ABFindAll/></Body></Envelope>`,
		"bad bytes": "<Envelope><Body>\xff</Body></Envelope>", "entities": `<!DOCTYPE a [<!ENTITY b "c">]><Envelope><Body>&b;</Body></Envelope>`,
		"deep": "<Envelope><Body>" + deep + "</Body></Envelope>", "cut": "<Envelope><Body><ABFindAll>", "two": "<Envelope><Body/></Envelope><Envelope/>",
		"many": "<Envelope><Body>" + strings.Repeat("<a/>", maxNodes) + "</Body></Envelope>", "no body": "<Envelope/>",
	} {
		for _, path := range []string{"/abservice/abservice.asmx", "/abservice/SharingService.asmx", "/rsi/rsi.asmx", "/OimWS/oim.asmx", "/storageservice/SchematizedStore.asmx"} {
			status, answer := postSOAP(t, s.HTTPURL()+path, "", text, nil)
			if status != 500 || !strings.Contains(answer, "<soap:Fault><faultcode>soap:Client</faultcode>") {
				t.Errorf("%s, %s: %d, %s", name, path, status, answer)
			}
			wellFormed(t, answer)
		}
	}
	if status, _ := postSOAP(t, s.HTTPURL()+"/abservice/abservice.asmx", "", strings.Repeat(" ", maxRequest+1), nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", status)
	}
	for _, path := range []string{"/abservice/abservice.asmx", "/RST.srf"} {
		if status, _, _ := fetch(t, s.HTTPURL()+path); status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, status)
		}
	}
}

// FuzzRequest reads anything as a request, and what was read is bounded and can be asked.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(rstRequest("alice@example.com", "secret")))
	f.Add([]byte(`<s:Envelope xmlns:s="x"><s:Body><a b="c">d<e/>f</a></s:Body></s:Envelope>`))
	f.Add([]byte("<a>&#0;</a>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseRequest(data)
		if err != nil {
			return
		}
		n.get("Body/a/b")
		n.annotations("Body")
		n.kid("Body").attr("x")
		var w answer
		var put func(n *node)
		put = func(n *node) {
			w.open("n")
			w.text(n.text)
			for _, k := range n.kids {
				put(k)
			}
			w.end("n")
		}
		put(n)
		var any struct{ XMLName xml.Name }
		if err := xml.Unmarshal(w.bytes(), &any); err != nil {
			t.Fatalf("%v: %s", err, w.bytes())
		}
	})
}

// FuzzOffline reads anything as the content of an offline message.
func FuzzOffline(f *testing.F) {
	f.Add("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\nX-OIM-Message-Type: OfflineMessage\r\n"+
		"X-OIM-Run-Id: {3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD}\r\nX-OIM-Sequence-Num: 1\r\n\r\nSGVsbG8=", "1")
	f.Fuzz(func(t *testing.T, content, number string) {
		m, err := readOffline(content, number)
		if err == nil && (m.runID == "" || len(m.text) > maxOfflineText) {
			t.Errorf("got %+v", m)
		}
		if err == nil {
			_ = wholeMail(m)
		}
	})
}
