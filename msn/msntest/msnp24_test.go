package msntest

import (
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// signs24 plays a sign-in of MSNP24 up to the answer that ends it; $reg is what every payload has to repeat then.
func (p *player) signs24(who string) {
	p.t.Helper()
	name, _, _ := strings.Cut(who, ":")
	p.s.mu.Lock()
	ticket, _ := p.s.newSiteTicket(name+"@example.com", chatSite, "", p.s.quirks.RSTLife)
	p.s.mu.Unlock()
	p.play(strings.NewReplacer("{x}", who, "{t}", strings.ReplaceAll(ticket, "&", "&amp;"), "{id}", "PROD0120PW!CCV9@").Replace(
		"{x} C: CNT 1 CON #\n |\n | <connect><ver>2</ver><agent><os>winnt</os></agent></connect>\n |\n{x} S: CNT 1 CON #\n" +
			"{x} C: ATH 2 CON\\USER #\n |\n | <user><ssl-compact-ticket>{t}</ssl-compact-ticket><uic></uic><ssl-site-name>chatservice.live.com</ssl-site-name></user>\n |\n" +
			"{x} S: ATH 2 CON\\USER #\n |\n | <user-response/>\n" +
			"{x} C: BND 3 CON\\MSGR #\n |\n | <msgr><ver>2</ver><client><name>X</name><ver>1</ver></client><epid>{guid({x})}</epid></msgr>\n |"))
	line, body, err := p.conn(who).read()
	_, nonce, _ := strings.Cut(string(body), "<nonce>")
	nonce, _, ok := strings.Cut(nonce, "</nonce>")
	if err != nil || !strings.HasPrefix(line, "BND 3 CON ") || !ok {
		p.t.Fatalf("BND: %q, %q, %v", line, body, err)
	}
	p.kept["n"] = nonce
	p.play(strings.ReplaceAll("{x} C: PUT 4 MSGR\\CHALLENGE #\n |\n | <challenge><appId>PROD0120PW!CCV9@</appId><response>qry($n,PROD0120PW!CCV9@)</response></challenge>\n |", "{x}", who))
	line, body, err = p.conn(who).read()
	registration, ok := strings.CutPrefix(string(body), "Set-Registration: ")
	if err != nil || !strings.HasPrefix(line, `PUT 4 MSGR\CHALLENGE `) || !ok {
		p.t.Fatalf("challenge: %q, %q, %v", line, body, err)
	}
	p.kept["reg"] = strings.TrimRight(registration, "\r\n")
	p.play(strings.ReplaceAll("{x} S: ATH 2 CON\\USER #\n |\n | <user-response/>", "{x}", who))
}

// in24 puts the payload of a command into MSNP24's form.
func in24(script, command, in24 string) string {
	return strings.Replace(script, command+" #\n | ", in24+" #\n | Registration: $reg\n |\n | ", 1)
}

// TestMSNP24 is a session of MSNP24 that talks with MSNP18.
func TestMSNP24(t *testing.T) {
	cfg := fixture()
	cfg.MSNP24 = true
	s := New(t, cfg)
	p := play(t, s, "")
	p.signs24("alice:24")
	text := envelope("alice:24", "SDG 9", "1:bob@example.com", "Messaging: 2.0|Client-Message-ID: 1|Message-Type: Text|Content-Type: Text/plain; charset=UTF-8", "hi")
	p.play(in24("alice:24 C: ADL 5 #\n | <ml l=\"1\"><d n=\"example.com\"><c n=\"bob\" t=\"1\"><s l=\"3\" n=\"IM\"/></c></d></ml>", "ADL 5", `PUT 5 MSGR\CONTACTS`) +
		"\nalice:24 S: PUT 5 MSGR\\CONTACTS 0\nalice:24 C: PUT 6 MSGR\\SUBSCRIPTIONS #\n | Registration: $reg\n |\n | <subscribe/>\nalice:24 S: PUT 6 MSGR\\SUBSCRIPTIONS 0\n" +
		in24(envelope("alice:24", "PUT 7", "1:alice@example.com", "Publication: 1.0|Uri: /user|Content-Type: application/user+xml",
			`<user><s n="IM"><Status>NLN</Status></s><sep n="IM" epid="{guid(alice:24)}"><Capabilities>1:2:3</Capabilities></sep></user>`), "PUT 7", `PUT 7 MSGR\PRESENCE`) +
		"\nalice:24 S: PUT 7 MSGR\\PRESENCE 0\nalice:24 S: NFY 0 MSGR\\PUT #\nalice:24 S: NFY 0 MSGR\\HOTMAIL #\n" +
		"bob signs in MSNP18\nbob lists alice=3\nbob C: CHG 6 NLN 0:0\nbob S: CHG 6 NLN 0:0\nbob S: NLN NLN 1:alice@example.com Alice%20A 1:2\nbob S: UBX ...\nbob S: NLN NLN 1:bob@example.com ...\n" +
		"bob S: MSG Hotmail Hotmail #\nbob S: CHL 0 *\nalice:24 S: NFY 0 MSGR\\PUT #\n" +
		in24(text, "SDG 9", "SDG 9 MSGR") + "\nbob S: RNG $id * CKI $c alice@example.com ...\nbob:sb C: ANS 1 bob@example.com $c $id\nbob:sb S: IRO 1 1 1 ...\nbob:sb S: ANS 1 OK\n" +
		"bob:sb S: JOI ...\nbob:sb S: JOI ...\nbob:sb S: MSG alice@example.com Alice%20A #\nbob:sb C: MSG 2 A #\n | Content-Type: text/plain\n |\n | back\nbob:sb S: ACK 2\n" +
		"alice:24 S: SDG 0 MSGR #\n | Ack-Id: 1\n |\n | Routing: 1.0\n | To: 1:alice@example.com\n | From: 1:bob@example.com\n |\n | Reliability: 1.0\n |\n" +
		" | Messaging: 2.0\n | Message-Type: Text\n | Content-Type: text/plain\n | Content-Length: 4\n | IM-Display-Name: Bob\n |\n | back\n" +
		"alice:24 C: ACK 10 MSGR #\n | Ack-Id: 1\n | Registration: $reg\n |\n |\n" +
		"alice:24 C: PNG 11 CON 0\nalice:24 S: PNG 11 CON #\n |\n | <ping-response><wait>45</wait></ping-response>\n" +
		"alice:24 C: GET 12 MSGR\\RECENTCONVERSATIONS #\n | Registration: $reg\n |\n | <recentconversations><start>0</start><pagesize>100</pagesize></recentconversations>\n" +
		"alice:24 S: GET 12 MSGR\\RECENTCONVERSATIONS #\n |\n | <recentconversations-response></recentconversations-response>\n" +
		// without what the server wants to hear again, to nobody, and what there is not
		strings.Replace(strings.Replace(text, "SDG 9 #", "SDG 13 MSGR #", 1), " | Routing", " |\n | Routing", 1) + "\nalice:24 S: 201 13 MSGR 0\n" +
		strings.Replace(in24(text, "SDG 9", "SDG 14 MSGR"), "To: 1:bob", "To: 1:nobody", 1) + "\nalice:24 S: 208 14 MSGR 0\n" +
		"alice:24 C: PUT 15 MSGR\\THREAD #\n | Registration: $reg\n |\n | <thread/>\nalice:24 S: 201 15 MSGR\\THREAD 0")
	if got := s.Account("alice@example.com"); got.Version != msn.MSNP24 || got.Status != msn.Online || got.Endpoints[0].ID != machineOf("alice:24") {
		t.Errorf("got %+v", got)
	}
	s.mu.Lock()
	s.tellBookChanged(s.accounts["alice@example.com"], "")
	s.mu.Unlock()
	p.play("alice:24 S: NFY 0 MSGR\\ABCH #\nalice:24 C: OUT 16 CON 0\nalice:24 closed\nbob S: FLN 1:alice@example.com 0:0\nbob:sb S: BYE alice@example.com")
	p.signs24("alice:24")
	s.Kick("alice@example.com", "SSD")
	p.play("alice:24 S: OUT 0 CON 0\nalice:24 closed")
}

// TestMSNP24Refused is what goes wrong on the way in.
func TestMSNP24Refused(t *testing.T) {
	cfg := fixture()
	cfg.MSNP24 = true
	s := New(t, cfg)
	const connect = "x:24 C: CNT 1 CON #\n |\n | <connect>{}<ver>2</ver></connect>\n |\n"
	hello := strings.Replace(connect, "{}", "", 1) + "x:24 S: CNT 1 CON #\n"
	for name, script := range map[string]string{
		"no CNT":         "x:24 C: ATH 1 CON\\USER 0\nx:24 closed",
		"no XML":         "x:24 C: CNT 1 CON #\n |\n | <connect\nx:24 closed",
		"wrong ticket":   hello + "x:24 C: ATH 2 CON\\USER #\n |\n | <user><ssl-compact-ticket>t=x</ssl-compact-ticket></user>\nx:24 S: 911 2 CON\\USER 0\nx:24 closed",
		"no ticket":      hello + "x:24 C: ATH 2 CON\\USER #\n |\n | <user><uic>U</uic><id>alice</id></user>\nx:24 S: 911 2 CON\\USER 0\nx:24 closed",
		"BND first":      hello + "x:24 C: BND 2 CON\\MSGR #\n |\n | <msgr><epid>{guid(x)}</epid></msgr>\nx:24 closed",
		"nothing at all": "x:24 C: x\nx:24 closed",
	} {
		t.Run(name, func(t *testing.T) { play(t, s, script) })
	}
	s.SetFaults(Faults{Redirect: "127.0.0.1:1"})
	play(t, s, strings.Replace(connect, "{}", "", 1)+"x:24 S: XFR 1 CON #\nx:24 closed")
	play(t, s, strings.Replace(connect, "{}", "<xfr><state>S</state></xfr>", 1)+"x:24 S: CNT 1 CON #")
}
