package msntest

import (
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// publication is PUT of one's own presence in a dialogue.
func publication(who, trid, body string) string {
	name, _, _ := strings.Cut(who, ":")
	return envelope(who, "PUT "+trid, "1:"+name+"@example.com", "Publication: 1.0|Uri: /user|Content-Type: application/user+xml", body) +
		"\n" + who + " S: PUT " + trid + " OK 0"
}

// spokenTo is SDG to one person.
func spokenTo(who, trid, to, kind, body string) string {
	return envelope(who, "SDG "+trid, to, "Messaging: 2.0|Message-Type: "+kind+"|Content-Type: Text/plain; charset=UTF-8", body)
}

// appears21 plays a sign-in of MSNP21 that lists somebody; what contacts there are comes after it.
func (p *player) appears21(who, lists string) {
	p.t.Helper()
	p.play(who + " signs in MSNP21\n" + who + " lists " + lists + "\n" + publication(who, "8", `<user><s n="IM"><Status>NLN</Status></s></user>`))
}

// TestTalkBetweenWorlds is a talk of somebody of MSNP21 with somebody who has switchboards: either begins.
func TestTalkBetweenWorlds(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears21("alice", "bob=3")
	p.play("alice S: NFY PUT #\nalice S: MSG Hotmail Hotmail #\nbob signs in MSNP18\nbob lists alice=3\nbob C: CHG 6 NLN 32:0\nbob S: CHG 6 NLN 32:0\n" +
		"bob S: NLN NLN 1:alice@example.com Alice%20A 0:0\nbob S: UBX 1:alice@example.com #\nbob S: NLN NLN 1:bob@example.com Bob 32:0\n" +
		"bob S: MSG Hotmail Hotmail #\nbob S: CHL 0 *\nalice S: NFY PUT #")
	p.play(publication("alice", "9", `<user><s n="PE"><PSM>a &amp; b</PSM><FriendlyName>A</FriendlyName></s></user>`) + "\n" +
		"bob S: NLN NLN 1:alice@example.com A 0:0\nbob S: UBX 1:alice@example.com #\n | <Data><PSM>a &amp; b</PSM><EndpointData id=\"{guid(alice)}\"><Capabilities>0:0</Capabilities></EndpointData></Data>\n" +
		"alice S: NFY PUT #\nbob C: UUX 7 #\n | <Data><PSM>x</PSM><CurrentMedia></CurrentMedia></Data>\nbob S: UUX 7 0\nbob S: UBX 1:bob@example.com #\nalice S: NFY PUT #")

	// alice begins: bob is rung up, and gets what was said when he answers
	p.play(spokenTo("alice", "10", "1:bob@example.com", "Text", "one") + "\n" + spokenTo("alice", "11", "1:bob@example.com", "Nudge", "\r\n") +
		"\nbob S: RNG $id * CKI $c1 alice@example.com A U messenger.msn.com 1\nbob:sb C: ANS 1 bob@example.com;{guid(bob)} $c1 $id\n" +
		"bob:sb S: IRO 1 1 1 alice@example.com A 0:0\nbob:sb S: ANS 1 OK\nbob:sb S: JOI ...\nbob:sb S: JOI ...\n" +
		"bob:sb S: MSG alice@example.com A #\n | MIME-Version: 1.0\n | Content-Type: text/plain; charset=UTF-8\n |\n | one\n" +
		"bob:sb S: MSG alice@example.com A #\n | MIME-Version: 1.0\n | Content-Type: text/x-msnmsgr-datacast\n |\n | ID: 1\n |\n |\n" +
		"bob:sb C: MSG 2 A #\n | MIME-Version: 1.0\n | Content-Type: text/plain; charset=UTF-8\n | X-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=0; PF=22\n |\n | two\n" +
		"bob:sb S: ACK 2\nalice S: SDG 0 #\n | Routing: 1.0\n | To: 1:alice@example.com\n | From: 1:bob@example.com\n |\n | Reliability: 1.0\n |\n" +
		" | Messaging: 2.0\n | Message-Type: Text\n | Content-Type: text/plain; charset=UTF-8\n | Content-Length: 3\n" +
		" | X-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=0; PF=22\n | IM-Display-Name: Bob\n |\n | two\n" +
		// what MSNP21 has no word for is not delivered; a third cannot be called where the server stands in for somebody
		"bob:sb C: MSG 3 A #\n | Content-Type: application/x-unknown\n |\n | x\nbob:sb S: NAK 3\nbob:sb C: CAL 4 carol@example.com\nbob:sb S: 217 4\nbob:sb hangs up")

	waitUntil(t, s, func() bool { return len(s.switchboards) == 0 })

	// bob begins
	p.play("bob C: XFR 8 SB\nbob S: XFR 8 SB * CKI $c2 U messenger.msn.com 1\nbob:sb C: USR 1 bob@example.com $c2\nbob:sb S: USR 1 OK ...\n" +
		"bob:sb C: CAL 2 alice@example.com\nbob:sb S: CAL 2 RINGING *\nbob:sb S: JOI alice@example.com A 0:0\n" +
		"bob:sb C: MSG 3 U #\n | MIME-Version: 1.0\n | Content-Type: text/x-msmsgscontrol\n | TypingUser: bob@example.com\n |\n |\n |\nalice S: SDG 0 #\n" +
		spokenTo("alice", "12", "1:bob@example.com", "Text", strings.Repeat("ä", 1000)) + "\nbob:sb S: MSG alice@example.com A #\nbob:sb S: MSG alice@example.com A #\n" +
		spokenTo("alice", "13", "1:bob@example.com", "Control/Typing", "") + "\nbob:sb S: MSG alice@example.com A #\n" +
		" | MIME-Version: 1.0\n | Content-Type: text/x-msmsgscontrol\n | TypingUser: alice@example.com\n |\n |\n |\n" +
		"alice hangs up\nbob:sb S: BYE alice@example.com\nbob S: FLN 1:alice@example.com 0:0")
	if n := switchboardCount(s); n != 1 {
		t.Errorf("%d switchboards", n)
	}
	p.play("bob:sb hangs up")
	waitUntil(t, s, func() bool { return len(s.switchboards) == 0 })
}

// TestProgramOfAPlace tells contacts of the program at a place, and carries what is for one place to that alone.
func TestProgramOfAPlace(t *testing.T) {
	p := play(t, New(t, fixture()), "")
	p.appears21("alice", "bob=3")
	p.play("alice S: NFY PUT #\nalice S: MSG Hotmail Hotmail #")
	p.appears21("bob", "alice=3")
	p.play("bob S: NFY PUT #\nbob S: NFY PUT #\nbob S: MSG Hotmail Hotmail #\nalice S: NFY PUT #")
	p.play(publication("alice", "9", `<user><sep n="PE"><VER>Example:1.0</VER><TYP>1</TYP><Capabilities>0:32</Capabilities></sep></user>`) +
		"\nalice S: NFY PUT #\nbob S: NFY PUT #\n | Routing: 1.0\n | To: 1:bob@example.com;epid={00000000-0000-0000-0000-000000000000}\n | From: 1:alice@example.com\n |\n | Reliability: 1.0\n |\n" +
		" | Notification: 1.0\n | NotifNum: 0\n | Uri: /user\n | NotifType: Partial\n | Content-Type: application/user+xml\n | Content-Length: 487\n |\n" +
		` | <user><s n="IM"><Status>NLN</Status><CurrentMedia></CurrentMedia></s><s n="PE"><UserTileLocation></UserTileLocation><FriendlyName>Alice A</FriendlyName>` +
		`<PSM></PSM><DDP></DDP><ColorScheme></ColorScheme><Scene></Scene><SignatureSound></SignatureSound></s><sep n="IM" epid="{guid(alice)}"><Capabilities>0:0</Capabilities></sep>` +
		`<sep n="PE" epid="{guid(alice)}"><VER>Example:1.0</VER><TYP>1</TYP><Capabilities>0:32</Capabilities></sep></user>`)
	p.play(spokenTo("bob", "10", "1:alice@example.com;epid={guid(alice)}", "Data", "packet") + "\nalice S: SDG 0 #")
	p.play(spokenTo("bob", "11", "1:alice@example.com;epid={11111111-2222-4333-8444-555555555555}", "Data", "packet") + "\nbob S: 217 11 0")
}

func switchboardCount(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.switchboards)
}

// TestUnansweredCall is somebody of MSNP21 talking to one who does not answer, and goes.
func TestUnansweredCall(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "bob signs in MSNP12\nbob C: CHG 6 NLN 0\nbob S: CHG 6 NLN 0\nbob S: MSG Hotmail Hotmail #\nbob S: CHL 0 *")
	p.appears21("alice", "bob=3")
	for range 2 * maxWaiting {
		p.play(spokenTo("alice", "10", "1:bob@example.com", "Text", "one"))
	}
	p.play("alice C: FQY 11 #\n | <ml><d n=\"example.com\"><c n=\"bob\"/></d></ml>\nalice S: NFY PUT #\nalice S: NFY PUT #\nalice S: MSG Hotmail Hotmail #\nalice S: FQY 11 #")
	s.mu.Lock()
	for _, sb := range s.switchboards {
		if len(sb.waiting) != maxWaiting {
			t.Errorf("%d messages are kept", len(sb.waiting))
		}
	}
	s.mu.Unlock()
	p.play("bob hangs up\nalice S: NFY DEL #")
	if n := switchboardCount(s); n != 0 {
		t.Errorf("%d switchboards", n)
	}
	p.play(spokenTo("alice", "12", "1:bob@example.com", "Text", "one") + "\nalice S: 217 12 0")
}

// TestFederated21 is somebody of MSNP21 and somebody in another network.
func TestFederated21(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears21("alice", "bob=3")
	p.play("alice S: NFY PUT #\nalice S: MSG Hotmail Hotmail #\nalice C: ADL 9 #\n | <ml><d n=\"yahoo.example\"><c n=\"erin\" t=\"32\"><s l=\"3\" n=\"IM\"/></c></d></ml>\nalice S: ADL 9 OK\n" +
		"erin signs in MSNP15\nerin C: ADL 5 #\n | <ml l=\"1\"></ml>\nerin S: ADL 5 OK\nerin C: CHG 6 NLN 0\nerin S: CHG 6 NLN 0\nalice S: NFY PUT #\n" +
		"erin S: MSG Hotmail Hotmail #\nerin S: CHL 0 *\n" + spokenTo("alice", "10", "32:erin@yahoo.example", "Text", "hi") +
		"\nerin S: UBM alice@example.com 1 erin@yahoo.example 32 1 #\n | MIME-Version: 1.0\n | Content-Type: text/plain; charset=UTF-8\n |\n | hi\n" +
		"erin C: UUM 7 alice@example.com 1 3 #\n | MIME-Version: 1.0\n | Content-Type: text/x-msnmsgr-datacast\n |\n | ID: 1\n |\n |\nalice S: SDG 0 #\n" +
		spokenTo("alice", "11", "1:erin@yahoo.example", "Text", "hi") + "\nalice S: 204 11 0\nerin hangs up\nalice S: NFY DEL #\n" +
		spokenTo("alice", "12", "32:erin@yahoo.example", "Text", "hi") + "\nalice S: 217 12 0")
}

// TestParty follows a temporary group from its making to its end.
func TestParty(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	for _, who := range []string{"alice", "bob", "carol"} {
		p.appears21(who, "mallory=4")
		p.play(who + " S: NFY PUT #\n" + who + " S: MSG Hotmail Hotmail #")
	}
	party := func(who, trid, to, media, body string) string {
		return envelope(who, "PUT "+trid, to, "Publication: 1.0|Uri: /circle|Content-Type: application/"+media+"+xml", body)
	}
	roster := func(name string) string {
		return "<circle><roster><id>IM</id><user><id>1:" + name + "@example.com</id></user></roster></circle>"
	}
	p.play(party("alice", "20", "10:00000000-0000-0000-0000-000000000000@live.com", "multiparty", "") + "\nalice S: PUT 20 OK #")
	id := ""
	s.mu.Lock()
	for id = range s.parties {
	}
	s.mu.Unlock()
	to := "10:" + id + "@live.com"
	p.play(party("bob", "20", to, "circles", roster("bob")) + "\nbob S: 201 20 0\n" + // not asked
		party("alice", "21", to, "circles", roster("alice")) + "\nalice S: PUT 21 OK 0\nalice S: NFY PUT #\n" +
		party("alice", "22", to+";path=IM", "multiparty", roster("dave")) + "\nalice S: 217 22 0\n" + // not there
		party("alice", "23", to+";path=IM", "multiparty", roster("alice")) + "\nalice S: 215 23 0\n" +
		party("alice", "24", to+";path=IM", "multiparty", roster("bob")) + "\nalice S: PUT 24 OK 0\nalice S: NFY PUT #\nbob S: NFY PUT #\n" +
		" | Routing: 1.0\n | To: 1:bob@example.com;epid={00000000-0000-0000-0000-000000000000}\n | From: " + to + "\n |\n | Reliability: 1.0\n |\n" +
		" | Notification: 1.0\n | NotifNum: 0\n | Uri: /circle\n | NotifType: Partial\n | Content-Type: application/multiparty+xml\n | Content-Length: 147\n |\n" +
		" | <circle><roster><id>IM</id><user><id>1:alice@example.com</id></user><user><id>1:bob@example.com</id><state>Pending</state></user></roster></circle>\n" +
		party("bob", "21", to, "circles", roster("bob")) + "\nbob S: PUT 21 OK 0\nbob S: NFY PUT #\nalice S: NFY PUT #\n" +
		party("bob", "22", to+";path=IM", "multiparty", roster("carol")) + "\nbob S: PUT 22 OK 0\nbob S: NFY PUT #\nalice S: NFY PUT #\ncarol S: NFY PUT #\n" +
		party("carol", "20", to, "circles", roster("carol")) + "\ncarol S: PUT 20 OK 0\nalice S: NFY PUT #\nbob S: NFY PUT #\ncarol S: NFY PUT #\n" +
		spokenTo("carol", "21", to+";path=IM", "Text", "hi all") + "\nalice S: SDG 0 #\nbob S: SDG 0 #\n" +
		envelope("carol", "DEL 22", to, "Publication: 1.0|Uri: /circle/roster(IM)/user(1:carol@example.com)|Content-Type: application/circles+xml", "") +
		"\ncarol S: DEL 22 OK 0\nalice S: NFY DEL #\nbob S: NFY DEL #\n" + spokenTo("carol", "23", to, "Text", "still here") + "\ncarol S: 201 23 0\n" +
		"bob hangs up\nalice S: NFY DEL #\nalice hangs up")
	waitUntil(t, s, func() bool { return len(s.parties) == 0 })
}

// TestPlaces21 is one account at three places of two versions.
func TestPlaces21(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears21("alice:a", "bob=3")
	p.play("alice:a S: NFY PUT #\nalice:a S: MSG Hotmail Hotmail #\n" +
		"alice:b signs in MSNP21\nalice:a S: NFY PUT #\nalice:b S: NFY PUT #\nalice:b lists bob=3\n" + publication("alice:b", "8",
		`<user><s n="IM"><Status>BSY</Status></s><sep n="PD"><EpName>B</EpName><ClientType>2</ClientType><Idle>true</Idle><State>BSY</State></sep></user>`) +
		"\nalice:a S: NFY PUT #\nalice:b S: NFY PUT #\nalice:b S: MSG Hotmail Hotmail #")
	state := s.Account("alice@example.com")
	if state.Status != msn.Busy || len(state.Endpoints) != 2 || state.Endpoints[1].Name != "B" || state.Endpoints[1].Client != msn.ClientWeb ||
		!state.Endpoints[1].Idle || state.Endpoints[1].ID != machineOf("alice:b") || state.Endpoints[1].Status != msn.Busy {
		t.Errorf("got %+v", state)
	}
	// what one says the others hear
	p.play("bob signs in MSNP21\nbob lists alice=3\n" + publication("bob", "8", `<user><s n="IM"><Status>NLN</Status></s></user>`) +
		"\nbob S: NFY PUT #\nbob S: NFY PUT #\nbob S: MSG Hotmail Hotmail #\nalice:a S: NFY PUT #\nalice:b S: NFY PUT #\n" +
		spokenTo("alice:a", "20", "1:bob@example.com", "Text", "hi") + "\nbob S: SDG 0 #\nalice:b S: SDG 0 #\n" +
		spokenTo("bob", "20", "1:alice@example.com;epid={guid(alice:b)}", "Data", "x") + "\nalice:b S: SDG 0 #")
	// one signs the other out
	p.play(envelope("alice:a", "DEL 21", "1:alice@example.com", "Publication: 1.0|Uri: /user|Content-Type: application/user+xml",
		`<user><sep n="IM" epid="{guid(alice:b)}"/></user>`) + "\nalice:a S: DEL 21 OK 0\nalice:b S: NFY DEL #\nalice:b closed\nbob S: NFY PUT #\nbob S: NFY DEL #\nalice:a S: NFY DEL #")
	// an older version without endpoints ends all
	p.play("alice:old signs in MSNP12\nalice:a S: OUT OTH\nalice:a closed\nbob S: NFY DEL #")
}

// TestStored21 is a text for somebody who signs in later, by either version.
func TestStored21(t *testing.T) {
	cfg, clock := fixture(), newClock()
	cfg.Clock = clock.Now
	s := New(t, cfg)
	p := play(t, s, "bob signs in MSNP18\nbob C: UUM 5 carol@example.com 1 1 #\n | MIME-Version: 1.0\n | Content-Type: text/plain; charset=UTF-8\n | Dest-Agent: client\n |\n | see you\n"+
		"bob C: PNG\nbob S: QNG 50")
	p.appears21("carol", "mallory=4")
	p.play("carol S: NFY PUT #\ncarol S: SDG 0 #\n | Routing: 1.0\n | To: 1:carol@example.com\n | From: 1:bob@example.com\n | Service-Channel: IM/Offline\n |\n | Reliability: 1.0\n |\n" +
		" | Messaging: 2.0\n | Message-Type: Text\n | Content-Type: Text/plain; charset=UTF-8\n | Content-Length: 7\n | IM-Display-Name: Bob\n" +
		" | Original-Arrival-Time: 2026-01-02T03:04:05Z\n |\n | see you\ncarol S: MSG Hotmail Hotmail #\n" +
		// those who block get nothing, and nobody is told
		"bob C: UUM 6 alice@example.com 1 1 #\n | Content-Type: text/plain\n |\n | x\nbob C: UUM 7 alice@example.com 1 2 #\n | Content-Type: text/plain\n |\n | x\nbob S: 201 7\n" +
		"mallory signs in MSNP18\nmallory C: UUM 5 alice@example.com 1 1 #\n | Content-Type: text/plain\n |\n | x\nmallory C: PNG\nmallory S: QNG 50")
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.accounts["alice@example.com"].web.mailbox; len(waiting) != 1 || waiting[0].from != "bob@example.com" || waiting[0].text != "x" {
		t.Errorf("got %+v", waiting)
	}
	if rest := s.accounts["carol@example.com"].web.mailbox; len(rest) != 0 {
		t.Errorf("got %+v", rest)
	}
}
