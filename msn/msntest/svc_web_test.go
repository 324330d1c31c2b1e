package msntest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	findAll  = "@alice book ABFindAll\n"
	findMore = "@alice book ABFindContactsPaged\n > <filterOptions><DeltasOnly>true</DeltasOnly><LastChanged>{last}</LastChanged>" +
		"<ContactFilter><IncludeHiddenContacts>true</IncludeHiddenContacts></ContactFilter></filterOptions><extendedContent>AB AllGroups CircleResult</extendedContent>\n"
)

// TestNoAddressBook makes a book where there is none.
func TestNoAddressBook(t *testing.T) {
	cfg := fixture()
	cfg.Accounts[0].NoAddressBook = true
	w := playWeb(t, New(t, cfg), "")
	w.playWeb(findAll + `@500
 = >ABDoesNotExist<
@alice sharing FindMembership
@500
 = >ABDoesNotExist<
@alice book ABContactAdd
@500
 = >ABDoesNotExist<
@alice book ABAdd
 > <abInfo><name/><ownerPuid>0</ownerPuid><ownerEmail>alice@example.com</ownerEmail><fDefault>true</fDefault></abInfo>
@200
 = <ABAddResponse xmlns="http://www.msn.com/webservices/AddressBook"><ABAddResult>00000000-0000-0000-0000-000000000000</ABAddResult></ABAddResponse>
` + findAll + "@200\n = bob@example.com")
}

// TestWebFaults has the services misbehave as asked.
func TestWebFaults(t *testing.T) {
	s := New(t, fixture())
	w := playWeb(t, s, findAll+"@200")
	for _, c := range []struct {
		name   string
		faults Faults
		script string
	}{
		{"403", Faults{ServiceUnauthorized: true}, "@403\n@alice rsi GetMetadata\n@403\n@alice storage GetProfile\n@403"},
		{"403 for another", Faults{ServiceUnauthorized: true, Passport: "bob@example.com"}, "@200\n@bob book ABFindAll\n@403"},
		{"one action", Faults{ServiceFault: map[string]string{"ABFindAll": "RequestLimitReached"}}, "@500\n = >RequestLimitReached<\n@alice sharing FindMembership\n@200"},
		{"all actions, 200", Faults{ServiceFault: map[string]string{"*": "PassportAuthFail"}, ServiceFaultStatus: 200}, "@200\n = >PassportAuthFail<"},
		{"slow", Faults{Slow: time.Millisecond}, "@200"},
		{"offline messages", Faults{ServiceFault: map[string]string{"GetMetadata": "BadContextToken"}}, "@200\n@alice rsi GetMetadata\n@500\n = >q0:BadContextToken</faultcode>"},
	} {
		s.SetFaults(c.faults)
		t.Log(c.name)
		w.playWeb(findAll + c.script)
	}

	s.SetFaults(Faults{Truncate: 100})
	for _, path := range []string{"/abservice/abservice.asmx", "/RST.srf", "/Config/MsgrConfig.asmx"} {
		answer, err := http.Post(s.HTTPURL()+path, "text/xml", strings.NewReader("<Envelope><Body><GetClientConfig/></Body></Envelope>"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if len(b) != 100 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %d bytes, %v", path, len(b), err)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	for to, want := range map[string]string{
		"once": s.HTTPURL() + "/abservice/abservice.asmx?moved=1", "loop": s.HTTPURL() + "/abservice/abservice.asmx", "https://other.example.com/x": "https://other.example.com/x",
	} {
		s.SetFaults(Faults{ServiceRedirect: to})
		r, err := http.NewRequest(http.MethodPost, s.HTTPURL()+"/abservice/abservice.asmx", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 301 || answer.Header.Get("Location") != want {
			t.Errorf("%s: %s, %s", to, answer.Status, answer.Header.Get("Location"))
		}
	}
	w.s.SetFaults(Faults{ServiceRedirect: "once"})
	w.post("/abservice/abservice.asmx?moved=1", "", strings.NewReplacer("TICKET", escaped(w.ticket("alice", contactsSite)), "NS", abchSpace,
		"ACTION", "ABFindAll", "BODY", "").Replace(webEnvelopes["book"]), nil)
	w.what = "the place of the redirect"
	w.check("200", nil)
}

// TestDeltas asks for what has changed, in all sorts of ways.
func TestDeltas(t *testing.T) {
	cfg := fixture()
	cfg.Clock = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) } // changes are told apart all the same
	s := New(t, cfg)
	const last = " ? <Ab>.*<lastChange>([^<]*)</lastChange>.*</Ab> last\n"
	w := playWeb(t, s, "")
	first := strings.Replace(findMore, "<DeltasOnly>true</DeltasOnly><LastChanged>{last}</LastChanged>", "", 1)
	w.playWeb(first + "@200\n = bob@example.com\n" + last)
	nothing := "@200\n = <Groups></Groups><Contacts></Contacts><CircleResult><Circles></Circles>\n" + last
	w.playWeb(findMore + nothing)
	w.playWeb(`@alice book ABGroupAdd
 > <groupInfo><GroupInfo><name>Work</name></GroupInfo></groupInfo>
@200
` + findMore + "@200\n = <name>Work</name>\n ! bob@example.com\n = <Contacts></Contacts>\n" + last + findMore + nothing)
	// a change by the notification server, and an address that is gone
	w.play("bob signs in MSNP10\nbob C: PRP 5 MFN Robert\nbob S: PRP 5 MFN Robert")
	w.playWeb(findMore + "@200\n = <displayName>Robert</displayName>\n ! carol@example.com\n ? <contactId>([-0-9a-f]*)< bobid\n" + last)
	w.playWeb(`@alice book ABContactDelete
 > <contacts><Contact><contactId>{bobid}</contactId></Contact></contacts>
@200
` + findMore + "@200\n = <contactId>{bobid}</contactId><contactInfo><contactType>Regular</contactType><passportName>bob@example.com</passportName></contactInfo>" +
		"<propertiesChanged></propertiesChanged><fDeleted>true</fDeleted>\n" + last + findMore + nothing)
	// who asks for the one form does not change what the other has to tell
	all := " ? <ab>.*<lastChange>([^<]*)</lastChange>.*</ab> last\n"
	w.playWeb(findAll + "@200\n = carol@example.com\n" + all)
	plain := "@alice book ABFindAll\n > <deltasOnly>true</deltasOnly><lastChange>{last}</lastChange>\n@200\n = <groups></groups><contacts></contacts>\n" + all
	w.playWeb(plain + findMore + nothing + plain)
	// memberships, and circles
	const members = "@alice sharing FindMembership\n > <deltasOnly>true</deltasOnly><lastChange>{last}</lastChange>\n@200\n"
	w.playWeb("@alice sharing FindMembership\n@200\n = carol@example.com\n ? <Deleted>false</Deleted></Service>()x? nothing\n ? <LastChange>([^<]*)</LastChange><Deleted>false</Deleted></Service> last\n" +
		members + " = <Services></Services>")
	w.playWeb("@alice sharing DeleteMember\n > <memberships><Membership><MemberRole>Allow</MemberRole><Members><Member><PassportName>carol@example.com</PassportName></Member></Members></Membership></memberships>\n@200\n" +
		members + " = <Deleted>true</Deleted>\n = <PassportName>carol@example.com</PassportName>\n ! bob@example.com")
	if _, err := s.AddCircle(Circle{Name: "Club", Owner: "bob@example.com", Invited: []string{"alice@example.com"}}); err != nil {
		t.Fatal(err)
	}
	w.playWeb(findMore + "@200\n = <CircleInverseInfo>\n = <contactType>Circle</contactType>\n = <RelationshipState>1</RelationshipState>")
	// somebody who asks becomes a contact, and is not told as gone besides
	w.playWeb(findMore + "@200\n" + last)
	w.playWeb("@alice book ABContactAdd\n > <contacts><Contact><contactInfo><contactType>LivePending</contactType><passportName>dave@example.com</passportName></contactInfo></Contact></contacts>\n@200\n" +
		findMore + "@200\n = <passportName>dave@example.com</passportName>\n ! <fDeleted>true</fDeleted>\n" + last)
	// the service was started after the last time
	w.playWeb("@alice sharing FindMembership\n > <deltasOnly>true</deltasOnly><lastChange>2025-12-31T00:00:00Z</lastChange>\n@500\n = >FullSyncRequired</errorcode>")
	s.quirks.NoDeltas = true
	w.playWeb(findMore + "@500\n = >FullSyncRequired</errorcode>")
}

// TestProfileCookie is how MSNP13 and 14 show who they are: the MSPAuth of the profile message.
func TestProfileCookie(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.play("alice C: VER 1 MSNP13\nalice S: VER 1 MSNP13\nalice C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com\nalice S: CVR 2 ...\n" +
		"alice C: USR 3 TWN I alice@example.com\nalice S: GCF 0 #\nalice S: USR 3 TWN S *\nalice C: USR 4 TWN S ticket(alice@example.com,secret)\n" +
		"alice S: USR 4 OK alice@example.com ...\nalice S: SBS 0 null")
	_, body, err := p.conns["alice"].read()
	if err != nil {
		t.Fatal(err)
	}
	_, auth, ok := strings.Cut(string(body), "MSPAuth: ")
	auth, _, _ = strings.Cut(auth, "\r\n")
	if !ok || auth == "" {
		t.Fatalf("got %q", body)
	}
	const all = `<e:Envelope xmlns:e="x"><e:Body><ABFindAll xmlns="http://www.msn.com/webservices/AddressBook"/></e:Body></e:Envelope>`
	status, text := postSOAP(t, s.HTTPURL()+"/abservice/abservice.asmx", "", all, http.Header{"Cookie": {"MSPAuth=" + auth}})
	if status != 200 || !strings.Contains(text, "bob@example.com") {
		t.Errorf("got %d, %s", status, text)
	}
	if status, text := postSOAP(t, s.HTTPURL()+"/abservice/abservice.asmx", "", all, nil); status != 500 || !strings.Contains(text, ">PassportAuthFail<") {
		t.Errorf("without: got %d, %s", status, text)
	}
	w := &webPlayer{player: p, tickets: map[string]map[string]string{"alice": {ticketSite: "t=" + auth}}}
	w.playWeb("@alice rsi GetMetadata\n@200")
}

// TestOthersAreTold says which endpoints hear of an edit: all but the one that made it.
func TestOthersAreTold(t *testing.T) {
	s := New(t, fixture())
	w := playWeb(t, s, "")
	proof := w.ticket("alice", proofSite)
	s.mu.Lock()
	_, secret, _ := s.checkTicket(proof, proofSite)
	s.mu.Unlock()
	// This is the session that edits.
	w.play("alice C: VER 1 MSNP16\nalice S: VER 1 MSNP16\nalice C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com\nalice S: CVR 2 ...\n" +
		"alice C: USR 3 SSO I alice@example.com\nalice S: GCF 0 #\nalice S: USR 3 SSO S MBI_KEY_OLD $nonce")
	w.play("alice C: USR 4 SSO S " + proof + " " + prove(secret, w.kept["nonce"]) + " guid(alice)\nalice S: USR 4 OK alice@example.com ...\nalice S: SBS 0 null\n" +
		"alice S: MSG Hotmail Hotmail #\nalice S: UBX ...")
	w.play("alice:home signs in MSNP16\nalice S: UBX ...")
	w.playWeb("@alice book ABGroupAdd\n > <groupInfo><GroupInfo><name>Work</name></GroupInfo></groupInfo>\n@200")
	for range 2 { // what it is told at sign-in comes before
		line, body, err := w.conns["alice:home"].read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "NOT ") && bytes.Contains(body, []byte("&lt;Service&gt;ABCHInternal&lt;/Service&gt;")) {
			break
		}
	}
	w.play("alice C: PNG\nalice S: QNG 50")
}

// TestClientConfig reads the configuration in both ways.
func TestClientConfig(t *testing.T) {
	s := New(t, fixture())
	want := "<url>" + s.HTTPURL() + "/abservice/abservice.asmx</url>"
	status, kind, body := fetch(t, s.HTTPURL()+"/Config/MsgrConfig.asmx?op=GetClientConfig&Country=US&CLCID=0809&ver=8.5.1302")
	if status != 200 || !strings.HasPrefix(kind, "text/xml") || !strings.Contains(string(body), want) {
		t.Errorf("got %d, %s, %s", status, kind, body)
	}
	wellFormed(t, string(body))
	const ask = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><GetClientConfig xmlns="http://www.msn.com/webservices/Messenger/Client"/></soap:Body></soap:Envelope>`
	status, text := postSOAP(t, s.HTTPURL()+"/Config/MsgrConfig.asmx", "", ask, nil)
	if status != 200 || !strings.Contains(text, "<GetClientConfigResult><![CDATA[<MsgrConfig>") || !strings.Contains(text, want) {
		t.Errorf("got %d, %s", status, text)
	}
	wellFormed(t, text)
	if status, _ := postSOAP(t, s.HTTPURL()+"/Config/MsgrConfig.asmx", "", strings.ReplaceAll(ask, "GetClientConfig", "GetOther"), nil); status != 500 {
		t.Errorf("another action: %d", status)
	}
}

// TestHTTPS reaches the services behind TLS, and finds URLs there that are so too.
func TestHTTPS(t *testing.T) {
	cfg := fixture()
	cfg.HTTPS = true
	s := New(t, cfg)
	pool := x509.NewCertPool()
	if !strings.HasPrefix(s.HTTPSURL(), "https://127.0.0.1:") || !pool.AppendCertsFromPEM(s.CA()) {
		t.Fatalf("at %q with %q", s.HTTPSURL(), s.CA())
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request(t, s.HTTPSURL()+"/rdr/pprdr.asp"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if urls := answer.Header.Get("PassportURLs"); !strings.Contains(urls, "DALogin="+s.HTTPSURL()+"/login2.srf") {
		t.Errorf("got %q", urls)
	}
	before := s.HTTPSURL()
	if err := s.StopListening(); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(); err != nil || s.HTTPSURL() != before {
		t.Errorf("after the break: %s, %v", s.HTTPSURL(), err)
	}
	if other := New(t, fixture()); other.HTTPSURL() != "" || other.CA() != nil {
		t.Errorf("without: %q, %q", other.HTTPSURL(), other.CA())
	}
}

// TestPresets starts a service with circles, requests and messages, and does not start one where they make no sense.
func TestPresets(t *testing.T) {
	cfg := fixture()
	cfg.Circles = []Circle{{Name: "Club", Owner: "alice@example.com", Members: []string{"Bob@example.com"}, Invited: []string{"carol@example.com"}}}
	cfg.Requests = []Request{{From: "mallory@example.com", To: "bob@example.com", Text: "please"}}
	cfg.Offline = []Offline{{From: "alice@example.com", To: "bob@example.com", Text: "later"}}
	s := New(t, cfg)
	w := playWeb(t, s, "@bob sharing FindMembership\n@200\n = <Value>please</Value>\n@bob rsi GetMetadata\n@200\n = <E>alice@example.com</E>")
	w.playWeb("@carol book ABFindContactsPaged\n > <filterOptions><ContactFilter><IncludeHiddenContacts>true</IncludeHiddenContacts></ContactFilter></filterOptions>\n@200\n = <RelationshipState>1</RelationshipState>")
	for name, change := range map[string]func(c *Config){
		"owner": func(c *Config) { c.Circles[0].Owner = "nobody@example.com" }, "member": func(c *Config) { c.Circles[0].Members[0] = "nobody@example.com" },
		"invited": func(c *Config) { c.Circles[0].Invited[0] = "x" }, "id": func(c *Config) { c.Circles[0].ID = "00000000-0000-0000-0000-000000000000" },
		"name": func(c *Config) { c.Circles[0].Name = "" }, "twice": func(c *Config) { c.Circles = append(c.Circles, c.Circles[0]) },
		"request": func(c *Config) { c.Requests[0].From = "nobody@example.com" }, "friends": func(c *Config) { c.Requests[0] = Request{From: "alice@example.com", To: "bob@example.com"} },
		"message": func(c *Config) { c.Offline[0].To = "nobody@example.com" },
	} {
		bad := fixture()
		bad.Circles = []Circle{{Name: "Club", Owner: "alice@example.com", Members: []string{"bob@example.com"}, Invited: []string{"carol@example.com"}}}
		bad.Requests = []Request{{From: "mallory@example.com", To: "bob@example.com"}}
		bad.Offline = []Offline{{From: "alice@example.com", To: "bob@example.com", Text: "later"}}
		change(&bad)
		if s, err := Start(bad); err == nil {
			t.Errorf("%s: started", name)
			_ = s.Close()
		}
	}
}

// crowd is an account with many contacts in groups.
func crowd(contacts, groups int) Config {
	owner := Account{Passport: "alice@example.com", Password: "secret"}
	cfg := Config{Quirks: Quirks{ForwardLimit: contacts}}
	for i := range groups {
		owner.Groups = append(owner.Groups, fmt.Sprintf("Group %d", i))
	}
	for i := range contacts {
		passport := fmt.Sprintf("contact%04d@example.com", i)
		cfg.Accounts = append(cfg.Accounts, Account{Passport: passport, Password: "x", FriendlyName: "Ñame ☃ " + passport})
		owner.Contacts = append(owner.Contacts, Preset{Passport: passport, Lists: msn.ForwardList | msn.AllowList, Groups: owner.Groups[i%groups : i%groups+1]})
	}
	cfg.Accounts = append(cfg.Accounts, owner)
	return cfg
}

// TestManyContacts has 3,000 of them.
func TestManyContacts(t *testing.T) {
	s := New(t, crowd(3000, 20))
	w := playWeb(t, s, findAll+"@200")
	if got := strings.Count(w.answer, "<Contact>"); got != 3001 {
		t.Errorf("%d contacts", got)
	}
	w.playWeb("@alice sharing FindMembership\n@200")
	if got := strings.Count(w.answer, "<Member "); got != 3000 {
		t.Errorf("%d members", got)
	}
}

// BenchmarkAddressBook is one reading of 3,000 contacts.
func BenchmarkAddressBook(b *testing.B) {
	s := New(b, crowd(3000, 20))
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts["alice@example.com"]
	b.ReportAllocs()
	for b.Loop() {
		c := &call{s: s, visitor: visitor{account: a}, do: &node{}, request: request(b, "http://127.0.0.1/"), action: "ABFindAll"}
		if f := abFindAll(c); f != nil {
			b.Fatal(f)
		}
		b.SetBytes(int64(c.out.b.Len()))
	}
}

// TestSlowEnds has a slow service that is closed, and one that nobody waits for any more.
func TestSlowEnds(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{Slow: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.dawdle(httptest.NewRecorder(), request(t, s.HTTPURL()).WithContext(ctx)) {
		t.Error("answers nobody")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.SetFaults(Faults{Slow: time.Hour})
	w := httptest.NewRecorder()
	if s.dawdle(w, request(t, s.HTTPURL())) || w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d", w.Code)
	}
}
