package msntest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Dialogues with web services, in testdata/web/*.txt. Their lines are those of the other dialogues, and:
//
//	@alice book ABFindAll               a request by alice to a service of services, with what is inside the action's element
//	 > <abId>...</abId>                 on these lines, joined; {x} is what was kept
//	@200                                its status
//	 = <name>Friends</name>             has to be in the answer
//	 ! <name>Work</name>                must not be
//	 ? <guid>(.*?)</guid> work          is kept as work
//
// Everybody has tickets of RST, asked for at the first request, unless @alice forgets made them ask again. The envelopes are in
// envelopes, written by hand.

// webServices are path, namespace and ticket site by the names of dialogues.
var webServices = map[string][3]string{
	"book":    {"/abservice/abservice.asmx", "http://www.msn.com/webservices/AddressBook", "contacts.msn.com"},
	"sharing": {"/abservice/SharingService.asmx", "http://www.msn.com/webservices/AddressBook", "contacts.msn.com"},
	"rsi":     {"/rsi/rsi.asmx", "http://www.hotmail.msn.com/ws/2004/09/oim/rsi", "messenger.msn.com"},
	"storage": {"/storageservice/SchematizedStore.asmx", "http://www.msn.com/webservices/storage/2008", "storage.msn.com"},
	"w10":     {"/storageservice/SchematizedStore.asmx", "http://www.msn.com/webservices/storage/w10", "storage.msn.com"},
}

// webEnvelopes have TICKET, T, P, NS, ACTION and BODY to be filled in.
var webEnvelopes = map[string]string{
	"book": `<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soap:Header><ABApplicationHeader xmlns="NS"><ApplicationId>CFE80F9D-180F-4399-82AB-413F33A1FA11</ApplicationId>
  <IsMigration>false</IsMigration><PartnerScenario>Initial</PartnerScenario></ABApplicationHeader>
  <ABAuthHeader xmlns="NS"><ManagedGroupRequest>false</ManagedGroupRequest><TicketToken>TICKET</TicketToken></ABAuthHeader>
 </soap:Header><soap:Body><ACTION xmlns="NS">BODY</ACTION></soap:Body></soap:Envelope>`,
	"rsi": `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><PassportCookie xmlns="NS"><t>TOKEN</t><p></p></PassportCookie>` +
		`</s:Header><s:Body><ACTION xmlns="NS">BODY</ACTION></s:Body></s:Envelope>`,
	"storage": `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Header>` +
		`<StorageApplicationHeader xmlns="NS"><ApplicationID>Messenger Client 9.0</ApplicationID><Scenario>Initial</Scenario></StorageApplicationHeader>` +
		`<StorageUserHeader xmlns="NS"><Puid>0</Puid><TicketToken>TICKET</TicketToken></StorageUserHeader></SOAP-ENV:Header>` +
		`<SOAP-ENV:Body><x:ACTION xmlns:x="NS" xmlns="NS">BODY</x:ACTION></SOAP-ENV:Body></SOAP-ENV:Envelope>`,
}

// webPlayer plays such a dialogue.
type webPlayer struct {
	*player
	tickets map[string]map[string]string // by name and site
	status  int
	answer  string
	what    string
}

func playWeb(t *testing.T, s *Server, script string) *webPlayer {
	t.Helper()
	w := &webPlayer{player: play(t, s, ""), tickets: map[string]map[string]string{}}
	w.playWeb(script)
	return w
}

func (w *webPlayer) playWeb(script string) {
	w.t.Helper()
	lines := strings.Split(strings.Trim(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if !strings.HasPrefix(line, "@") {
			j := i
			for j < len(lines) && !strings.HasPrefix(lines[j], "@") {
				j++
			}
			w.play(strings.Join(lines[i:j], "\n"))
			i = j - 1
			continue
		}
		var more []string
		for i+1 < len(lines) && len(lines[i+1]) > 2 && lines[i+1][0] == ' ' && lines[i+1][1] != '|' {
			i++
			more = append(more, lines[i])
		}
		w.web(strings.Fields(line[1:]), more)
	}
}

// web does one line of a dialogue that begins with @.
func (w *webPlayer) web(words []string, more []string) {
	w.t.Helper()
	switch {
	case len(words) == 1:
		w.check(words[0], more)
	case words[1] == "forgets":
		delete(w.tickets, words[0])
	default:
		var body strings.Builder
		for _, line := range more {
			body.WriteString(strings.TrimPrefix(line, " > "))
		}
		w.call(words[0], words[1], words[2], body.String())
	}
}

// fillIn replaces {x}.
func (w *webPlayer) fillIn(text string) string {
	for name, value := range w.kept {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func escaped(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

// call sends a request.
func (w *webPlayer) call(who, name, action, body string) {
	w.t.Helper()
	svc, known := webServices[name]
	if !known {
		w.t.Fatalf("no service %q", name)
	}
	envelope := webEnvelopes[map[string]string{"sharing": "book", "w10": "storage"}[name]]
	if envelope == "" {
		envelope = webEnvelopes[name]
	}
	ticket := w.ticket(who, svc[2])
	token := strings.TrimPrefix(strings.TrimSuffix(ticket, "&p="), "t=")
	text := strings.NewReplacer("TICKET", escaped(ticket), "TOKEN", escaped(token), "NS", svc[1], "ACTION", action, "BODY", w.fillIn(body)).Replace(envelope)
	w.what = who + " " + action
	w.post(svc[0], svc[1]+"/"+action, text, nil)
}

// post sends any text.
func (w *webPlayer) post(path, action, text string, header http.Header) {
	w.t.Helper()
	w.status, w.answer = postSOAP(w.t, w.s.HTTPURL()+path, action, text, header)
}

func postSOAP(t testing.TB, url, action, text string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"`+action+`"`)
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// check looks at the last answer.
func (w *webPlayer) check(status string, wants []string) {
	w.t.Helper()
	if fmt.Sprint(w.status) != status {
		w.t.Fatalf("%s: status %d: %s", w.what, w.status, w.answer)
	}
	if w.answer != "" {
		wellFormed(w.t, w.answer)
	}
	for _, want := range wants {
		mark, text := want[1:2], w.fillIn(strings.TrimSpace(want[2:]))
		switch has := strings.Contains(w.answer, text); {
		case mark == "=" && !has:
			w.t.Errorf("%s: no %s in %s", w.what, text, w.answer)
		case mark == "!" && has:
			w.t.Errorf("%s: %s in %s", w.what, text, w.answer)
		case mark == "?":
			i := strings.LastIndexByte(text, ' ')
			found := regexp.MustCompile(text[:i]).FindStringSubmatch(w.answer)
			if found == nil {
				w.t.Fatalf("%s: no %s in %s", w.what, text[:i], w.answer)
			}
			w.kept[text[i+1:]] = found[1]
		}
	}
}

// wellFormed checks XML, and that there is no space between elements.
func wellFormed(t testing.TB, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	if strings.Contains(text, "> <") && !strings.Contains(text, "<SU> </SU>") || strings.Contains(text, ">\n<") {
		t.Errorf("space between elements: %s", text)
	}
}

// ticket is somebody's ticket for a site.
func (w *webPlayer) ticket(who, site string) string {
	w.t.Helper()
	if w.tickets[who] == nil {
		_, text := postSOAP(w.t, w.s.HTTPURL()+"/RST.srf", "", rstRequest(addressOf(who), passwords[who]), nil)
		w.tickets[who], _ = rstTickets(w.t, text)
	}
	return w.tickets[who][site]
}

// rstRequest is a request for the tickets that a client of MSNP15 wants, as in services.md 4.2.
func rstRequest(passport, password string, sites ...string) string {
	if len(sites) == 0 {
		sites = []string{
			"http://Passport.NET/tb", "messengerclear.live.com MBI_KEY_OLD", "messenger.msn.com ?id=507", "contacts.msn.com MBI",
			"messengersecure.live.com MBI_SSL", "storage.msn.com MBI",
		}
	}
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:wsse="http://schemas.xmlsoap.org/ws/2003/06/secext" xmlns:wsp="http://schemas.xmlsoap.org/ws/2002/12/policy" ` +
		`xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/03/addressing" xmlns:wst="http://schemas.xmlsoap.org/ws/2004/04/trust" ` +
		`xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL"><Header><ps:AuthInfo Id="PPAuthInfo">` +
		`<ps:HostingApp>{7108E71A-9926-4FCB-BCC9-9A9D3F32E423}</ps:HostingApp><ps:BinaryVersion>4</ps:BinaryVersion></ps:AuthInfo>` +
		`<wsse:Security><wsse:UsernameToken Id="user"><wsse:Username>` + escaped(passport) + `</wsse:Username><wsse:Password>` + escaped(password) +
		`</wsse:Password></wsse:UsernameToken></wsse:Security></Header><Body><ps:RequestMultipleSecurityTokens Id="RSTS">`)
	for i, one := range sites {
		site, policy, _ := strings.Cut(one, " ")
		fmt.Fprintf(&b, `<wst:RequestSecurityToken Id="RST%d"><wst:RequestType>http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue</wst:RequestType>`+
			`<wsp:AppliesTo><wsa:EndpointReference><wsa:Address>%s</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>`, i, site)
		if policy != "" {
			fmt.Fprintf(&b, `<wsse:PolicyReference URI="%s"></wsse:PolicyReference>`, escaped(policy))
		}
		b.WriteString(`</wst:RequestSecurityToken>`)
	}
	b.WriteString(`</ps:RequestMultipleSecurityTokens></Body></Envelope>`)
	return b.String()
}

var rstAnswer = regexp.MustCompile(`<wsa:Address>([^<]*)</wsa:Address>.*?(?:<wsse:BinarySecurityToken Id="([^"]*)">([^<]*)<|<CipherValue>).*?(?:<wst:BinarySecret>([^<]*)<.*?)?</wst:RequestSecurityTokenResponse>`)

// rstTickets reads tickets by site, and the Id and secret of each.
func rstTickets(t testing.TB, text string) (tickets, ids map[string]string) {
	t.Helper()
	tickets, ids = map[string]string{}, map[string]string{}
	for _, m := range rstAnswer.FindAllStringSubmatch(text, -1) {
		tickets[m[1]] = strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'").Replace(m[3])
		ids[m[1]] = m[2]
	}
	if len(tickets) == 0 {
		t.Fatalf("no tickets: %s", text)
	}
	return tickets, ids
}

// TestWebDialogues plays the files for a good service.
func TestWebDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/web/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			playWeb(t, New(t, fixture()), string(text))
		})
	}
}
