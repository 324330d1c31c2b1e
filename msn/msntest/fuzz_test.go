package msntest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// FuzzClient feeds arbitrary bytes to a signed-in connection, to one in a switchboard, and to fresh ones of each kind. Nothing
// may panic or hang, and others must not be harmed.
func FuzzClient(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, version := range []uint8{0, 5, 7, 10, 11, 12, 14, 16, 17} {
			f.Add(version, clientHalf(string(text)))
		}
	}
	for _, seed := range []string{
		"CHG 1\r\n", "CHG 1 NLN 99999999999999999999 %zz\r\n", "ADC 1 FL C=\r\n", "ADC 1 FL  \r\n", "REM 1 FL\r\n", "SBP 1\r\n", "PRP 1\r\n",
		"MSG 1 A 1048577\r\n", "MSG 1\r\n", "UUX 1 3\r\n\x00\xff\xfe", "CAL 1\r\n", "CAL 1 \r\n", "ANS 1\r\n", "USR 1\r\n", "VER\r\n", "QRY 1 x 0\r\n",
		"XFR 1\r\n", "ADG 1\r\n", "RMG 1\r\n", "REG 1 0\r\n", "BLP 1\r\n", "GTC 1\r\n", "IMS 1\r\n", "URL 1\r\n", "GCF 1\r\n", "\n\n\n",
		"ADL 1 0\r\n", "RML 1 11\r\n<ml></ml>xx", "FQY 1 3\r\n<ml", "UUN 1 x 3 0\r\n", "UUM 1 a b c 0\r\n", "UUX 1 14\r\n<EndpointData>", "USR 1 SHA A =\r\n",
		"PUT 1 0\r\n", "SDG 1 20\r\nRouting: 1.0\r\n\r\n\r\n\r\n", "DEL 1 2\r\n\r\n", "USR 1 SSO S a b c\r\n", "ADL 1 62\r\n<ml><d n=\"live.com\"><c n=\"x\" l=\"3\" t=\"9\"/></d></ml>",
	} {
		for _, version := range []uint8{0, 5, 10, 12, 16, 17} {
			f.Add(version, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, version uint8, data []byte) {
		s, err := Start(fixture())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		d := dialects[int(version)%len(dialects)]
		p := &player{t: t, s: s, conns: map[string]*raw{}, kept: map[string]string{}, pipes: true}
		p.play("bob signs in MSNP2\nbob C: CHG 5 NLN\nbob S: CHG 5 NLN\nalice signs in " + d.version.String())
		if d.burst == noBurst {
			p.lists("alice", "bob=3")
		}
		if d.documents {
			p.play(publication("alice", "6", `<user><s n="IM"><Status>NLN</Status></s></user>`))
		} else {
			p.play("alice C: CHG 5 NLN 0\nalice S: CHG 5 ...")
		}
		p.play("bob S: NLN NLN alice@example.com Alice%20A")
		board := p.board("bob")
		for _, who := range []string{"alice", board, "stranger", "stranger:sb", "stranger:ds", "stranger:24"} {
			p.throw(who, data)
		}
		answer := httptest.NewRecorder()
		s.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost,
			"/gateway/gateway.dll?Action=open&Server=NS&IP=x", bytes.NewReader(data[:min(len(data), maxGatewayBody)])))
		if answer.Code != http.StatusOK {
			t.Errorf("gateway: %d", answer.Code)
		}
		// The service still works for a newcomer.
		p.play("carol signs in MSNP2\ncarol C: PNG\ncarol S: QNG")
		for _, c := range p.conns {
			_ = c.nc.Close() // cannot fail
		}
	})
}

// clientHalf is what clients say in a dialogue, uncomputed.
func clientHalf(script string) []byte {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if _, command, ok := strings.Cut(line, " C: "); ok {
			b.WriteString(strings.Replace(command, "#", "0", 1) + "\r\n")
		}
	}
	return []byte(b.String())
}

// board opens a switchboard and returns the name of the connection.
func (p *player) board(who string) string {
	p.t.Helper()
	delete(p.kept, "b")
	p.play(who + " C: XFR 90 SB\n" + who + " S: XFR 90 SB * CKI $b\n" + who + ":sb C: USR 1 " + who + "@example.com $b\n" +
		who + ":sb S: USR 1 OK ...")
	return who + ":sb"
}

// throw sends bytes, hangs up, and waits until the server has noticed.
func (p *player) throw(who string, data []byte) {
	p.t.Helper()
	c := p.conn(who)
	var drain sync.WaitGroup
	drain.Go(func() { _, _ = io.Copy(io.Discard, c.in) }) // ends when either side closes
	if err := c.nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.nc.Write(data); err != nil && os.IsTimeout(err) {
		p.t.Errorf("%s: the server does not read", who)
	}
	_ = c.nc.Close() // cannot fail
	drain.Wait()
	delete(p.conns, who)
	open := len(p.conns)
	waitUntil(p.t, p.s, func() bool { return len(p.s.conns) <= open })
}

// FuzzList reads list documents. What is read can be written and read again.
func FuzzList(f *testing.F) {
	for _, seed := range []string{
		`<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d><t><c n="tel:+15550100" l="1"/></t></ml>`, `<ml></ml>`, `<ml/>`, `<ml><d n="x"></d></ml>`,
		`<ml><d n="live.com"><c n="00000000-0000-0000-0009-0123456789ab" l="3" t="9"/></d></ml>`, `<ml><d n="a"><c n="&lt;&quot;"/></d></ml>`,
		`<ml><d n="example.com"><c n="bob" t="1"><s l="3" n="IM"/><s l="3" n="PE"/></c></d></ml>`, `<ml><skp><c n="x" t="8"><s l="3" n="IM"/></c></skp></ml>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		doc, err := parseList(payload)
		if err != nil {
			return
		}
		if len(doc.items) > maxListed {
			t.Fatalf("%d entries", len(doc.items))
		}
		for _, item := range doc.items {
			if !validPassport(item.address) && !telephone.MatchString(item.address) {
				continue
			}
			again, err := parseList(listText([]listed{item}, networkAttribute))
			if err != nil || len(again.items) != 1 || again.items[0].address != item.address {
				t.Errorf("%+v became %+v, %v", item, again, err)
			}
		}
	})
}

// FuzzPublish publishes and says arbitrary documents in arbitrary envelopes. What others get of it is well-formed.
func FuzzPublish(f *testing.F) {
	for _, seed := range []string{
		`<user><s n="IM"><Status>NLN</Status></s><s n="PE"><PSM>a &amp; b</PSM><FriendlyName>x</FriendlyName></s></user>`, `<user/>`, ``, `<user><sep n="PD"><Idle/></sep></user>`,
		`<circle><roster><id>IM</id><user><id>1:alice@example.com</id></user></roster></circle>`, `<circle><props><presence><Data><MFN>x</MFN></Data></presence></props></circle>`,
		"text", "ID: 1\r\n\r\n",
	} {
		for verb := range uint8(3) {
			f.Add(verb, "1:alice@example.com", "/user", "application/user+xml", "Text", seed)
			f.Add(verb, "1:bob@example.com", "", "Text/plain", "Control/Typing", seed)
			f.Add(verb, "9:"+club+"@live.com;path=IM", "/circle", "application/circles+xml", "Nudge", seed)
			f.Add(verb, "10:"+newParty+"@live.com", "/circle", "application/multiparty+xml", "Text", seed)
		}
	}
	f.Fuzz(func(t *testing.T, verb uint8, to, uri, media, kind, body string) {
		s, err := Start(fixture())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		p := &player{t: t, s: s, conns: map[string]*raw{}, kept: map[string]string{}, pipes: true}
		p.play("alice signs in MSNP21\nalice lists bob=3\n")
		p.play(publication("alice", "6", `<user><s n="IM"><Status>NLN</Status></s></user>`) + "\nalice S: NFY PUT #\nalice S: MSG Hotmail Hotmail #")
		e := wire.Envelope{
			Routing: []wire.Header{{Name: "Routing", Value: "1.0"}, {Name: "To", Value: to}, {Name: "From", Value: "1:alice@example.com;epid={" + machineOf("alice") + "}"}},
			Content: []wire.Header{
				{Name: map[bool]string{true: "Messaging", false: "Publication"}[verb%3 == 2], Value: "1.0"}, {Name: "Uri", Value: uri}, {Name: "Content-Type", Value: media},
				{Name: "Message-Type", Value: kind},
			},
			Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}}, Body: []byte(body),
		}
		payload := e.Append(nil)
		var writing sync.WaitGroup
		defer writing.Wait()
		writing.Go(func() {
			_, _ = p.conns["alice"].nc.Write(append([]byte([]string{"PUT", "DEL", "SDG"}[verb%3]+" 7 "+itoa(len(payload))+"\r\n"), append(payload, "PNG\r\n"...)...)) // it ends when the server has read or the connection is over
		})
		for {
			line, body, err := p.conns["alice"].read()
			if err != nil || line == "QNG 50" {
				break
			}
			if e, err := wire.ParseEnvelope(body); strings.HasPrefix(line, "NFY") && (err != nil || !parseDocument(e.Body, &struct{}{}) && len(e.Body) > 0) {
				t.Errorf("%s: %v, %q", line, err, body)
			}
		}
		for _, c := range p.conns {
			_ = c.nc.Close() // cannot fail
		}
	})
}

// FuzzPersonal takes arbitrary documents of UUX. Nothing is lost of one that is not about an endpoint, and what is told of one is
// never more than came.
func FuzzPersonal(f *testing.F) {
	for _, seed := range []string{
		"<Data><PSM>a</PSM></Data>", "<EndpointData><Capabilities>1:2</Capabilities></EndpointData>", "<PrivateEndpointData/>", "<EndpointData", "<EndpointData>",
		"<Data><PSM></PSM><PrivateEndpointData><EpName>&#60;</EpName><ClientType>x</ClientType></PrivateEndpointData></Data>", "<EndpointData/></EndpointData>", "<",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		s := &Server{}
		n := &session{conn: &conn{srv: s}, dialect: dialects[len(dialects)-2]}
		rest := n.takePlace(doc)
		if !strings.Contains(doc, "EndpointData") && rest != doc || len(rest) > len(doc) {
			t.Errorf("%q became %q", doc, rest)
		}
		n.account = &account{sessions: []*session{n}, face: face{message: []byte(rest)}}
		n.endpoint, n.status, n.listed = "x", "NLN", true
		if got := string(n.personalDocument(n.account)); !strings.Contains(got, `<EndpointData id="{x}">`) {
			t.Errorf("%q has no endpoint", got)
		}
		_ = n.escargotDocument(doc)
	})
}
