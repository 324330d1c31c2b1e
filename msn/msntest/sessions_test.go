package msntest

import (
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestSeats is who may be signed in beside whom (core.md 8.7).
func TestSeats(t *testing.T) {
	s := New(t, Config{Accounts: fixture().Accounts, Quirks: Quirks{EndpointLimit: 2}})
	p := play(t, s, "alice:a signs in MSNP16\nalice:a S: UBX alice@example.com 1 0\nalice:b signs in MSNP18\nalice:b S: UBX 1:alice@example.com #\nalice:a S: UBX alice@example.com 1 #\n")
	if got := s.Account("alice@example.com").Endpoints; len(got) != 2 || got[0].ID != machineOf("alice:a") || got[0].Version != 16 || got[1].Version != 18 {
		t.Errorf("got %+v", got)
	}
	// one too many
	p.play("alice:c C: VER 1 MSNP18\nalice:c S: VER 1 MSNP18\nalice:c C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 14.0 msmsgs alice@example.com\nalice:c S: CVR 2 ...\n" +
		"alice:c C: USR 3 SSO I alice@example.com\nalice:c S: GCF 0 #\nalice:c S: USR 3 SSO S MBI_KEY_OLD $n\n" +
		"alice:c C: USR 4 SSO S sso($n,alice@example.com,secret) {guid(alice:c)}\nalice:c S: 734 4\nalice:c closed")
	// the same machine again takes the place of the old session
	p.play("alice:c C: VER 1 MSNP18\nalice:c S: VER 1 MSNP18\nalice:c C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 14.0 msmsgs alice@example.com\nalice:c S: CVR 2 ...\n" +
		"alice:c C: USR 3 SSO I alice@example.com\nalice:c S: GCF 0 #\nalice:c S: USR 3 SSO S MBI_KEY_OLD $m\n" +
		"alice:c C: USR 4 SSO S sso($m,alice@example.com,secret) {guid(alice:a)}\nalice:a S: OUT OTH\nalice:a closed\nalice:c S: USR 4 OK ...\n" +
		"alice:b S: UBX 1:alice@example.com #\n")
	if !s.Kick("alice@example.com", "SSD") {
		t.Error("nobody there")
	}
	p.play("alice:b S: UBX 1:alice@example.com #\nalice:b S: OUT SSD")
	// below MSNP16 and above it do not go together
	p.play("bob signs in MSNP15\nbob:b signs in MSNP16\nbob S: OUT OTH\nbob closed\nbob:b S: UBX bob@example.com 1 0\nbob:c signs in MSNP9\nbob:b S: OUT OTH\nbob:b closed")
}

// TestBadMachine is USR SSO S of MSNP16 without a GUID, with none that is one, and without proof.
func TestBadMachine(t *testing.T) {
	s := New(t, fixture())
	for _, answer := range []string{
		"sso($n,alice@example.com,secret)", "sso($n,alice@example.com,secret) {x}", "t= HAAAAAEA {guid(alice)}", "t=", "sso($n,bob@example.com,builder:yes) {guid(alice)}",
	} {
		play(t, s, "alice C: VER 1 MSNP16\nalice S: VER 1 MSNP16\nalice C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 9.0 msmsgs alice@example.com\nalice S: CVR 2 ...\n"+
			"alice C: USR 3 SSO I alice@example.com\nalice S: GCF 0 #\nalice S: USR 3 SSO S MBI_KEY_OLD $n\nalice C: USR 4 SSO S "+answer+"\nalice S: 911 4\nalice closed")
	}
	if s.SignedIn("alice@example.com") {
		t.Error("alice is signed in")
	}
}

// TestSeveralVersions is every version signing in and seeing a contact of every other one.
func TestSeveralVersions(t *testing.T) {
	s := New(t, fixture())
	versions := []msn.Version{2, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 21}
	appear := func(p *player, who, contact string, v msn.Version) {
		p.play(who + " signs in " + v.String())
		if v >= 13 {
			p.lists(who, contact+"=3")
		}
		if v >= 21 {
			p.play(publication(who, "8", `<user><s n="IM"><Status>NLN</Status></s></user>`))
		} else {
			p.play(who + " C: CHG 6 NLN 0 0\n" + who + " S: CHG 6 ...")
		}
	}
	for _, a := range versions {
		for _, b := range versions {
			p := play(t, s, "")
			appear(p, "alice", "bob", a)
			appear(p, "bob", "alice", b)
			for who, other := range map[string]string{"alice": "bob", "bob": "alice"} {
				found := false
				for !found {
					line, body, err := p.conns[who].read()
					if err != nil {
						t.Fatalf("%s of %v and %v: %v", who, a, b, err)
					}
					found = strings.Contains(line, "LN NLN ") && strings.Contains(line, other+"@example.com") || strings.Contains(line, "ILN ") ||
						strings.HasPrefix(line, "NFY PUT") && strings.Contains(string(body), "From: 1:"+other) && strings.Contains(string(body), "<Status>NLN<")
				}
			}
			for _, c := range p.conns {
				_ = c.nc.Close() // it is over
			}
			waitUntil(t, s, func() bool { return len(s.conns) == 0 })
		}
	}
}

// TestPushes is what other sessions hear of a change that a web service makes.
func TestPushes(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears("alice")
	p.appears("carol")
	lists := func(f func(*account)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f(s.accounts["carol@example.com"])
	}
	lists(func(carol *account) {
		for passport, want := range map[string]int{
			"nobody@example.com": 208, "nobody": 201, "tel:1": 232, "tel:+15550100": 0,
		} {
			if code := s.onList(carol, passport, msn.ForwardList, ""); code != want {
				t.Errorf("%s: %d", passport, code)
			}
		}
		if code := s.onList(carol, "Alice@example.com", msn.ForwardList, "Ally"); code != 0 {
			t.Errorf("alice: %d", code)
		}
		if code := s.onList(carol, "alice@example.com", msn.ForwardList, ""); code != 215 {
			t.Errorf("alice again: %d", code)
		}
	})
	p.play("alice S: ADL 0 #\n | <ml><d n=\"example.com\"><c n=\"carol\" t=\"1\" l=\"8\" f=\"Carol\"/></d></ml>\nalice S: NOT #")
	// in the book, but not in the session's lists
	p.play("carol C: ADL 9 #\n | <ml><d n=\"example.com\"><c n=\"alice\" l=\"3\" t=\"1\"/></d></ml>\ncarol S: ADL 9 OK\ncarol S: NLN NLN 1:alice@example.com Alice%20A 0:0\ncarol S: UBX ...")
	if !s.Account("alice@example.com").On("carol@example.com", msn.ReverseList|msn.AllowList|msn.ForwardList) {
		t.Errorf("got %+v", s.Account("alice@example.com"))
	}
	// dave was pending; alice takes him, then blocks him
	p.play("dave signs in MSNP18\ndave lists alice=3\ndave C: CHG 6 NLN 0:0\ndave S: CHG 6 NLN 0:0\ndave S: NLN NLN 1:alice@example.com ...\ndave S: UBX ...\ndave S: NLN NLN 1:dave@example.com ...")
	s.mu.Lock()
	alice := s.accounts["alice@example.com"]
	for i, step := range []struct {
		code int
		want int
	}{
		{s.onList(alice, "dave@example.com", msn.ReverseList, ""), 0}, {s.onList(alice, "dave@example.com", msn.ReverseList, ""), 215},
		{s.onList(alice, "bob@example.com", msn.PendingList, ""), 201}, {s.onList(alice, "nobody@example.com", msn.ReverseList, ""), 201},
		{s.offList(alice, "dave@example.com", msn.PendingList), 0}, {s.offList(alice, "dave@example.com", msn.PendingList), 216},
		{s.offList(alice, "dave@example.com", msn.ReverseList), 201}, {s.onList(alice, "dave@example.com", msn.AllowList, ""), 0},
		{s.onList(alice, "dave@example.com", msn.BlockList, ""), 219}, {s.offList(alice, "dave@example.com", msn.AllowList), 0},
		{s.onList(alice, "dave@example.com", msn.BlockList, ""), 0},
	} {
		if step.code != step.want {
			t.Errorf("step %d: %d", i, step.code)
		}
	}
	if s.lives(alice, "") || !s.lives(alice, alice.session().ticket) || s.lives(s.accounts["dave@example.com"], alice.session().ticket) {
		t.Error("tickets that live are wrong")
	}
	s.mu.Unlock()
	p.play("dave S: MSG Hotmail Hotmail #\ndave S: CHL 0 *\ndave S: FLN 1:alice@example.com 0:0")
	s.mu.Lock()
	if code := s.offList(s.accounts["carol@example.com"], "alice@example.com", msn.ForwardList); code != 0 {
		t.Error(code)
	}
	s.tellMail(alice, "text/x-msmsgsoimnotification; charset=UTF-8", "Mail-Data: x\r\n")
	s.mu.Unlock()
	p.play("alice S: RML 0 #\n | <ml><d n=\"example.com\"><c n=\"carol\" t=\"1\" l=\"8\"/></d></ml>\nalice S: NOT #\nalice S: MSG Hotmail Hotmail #\n" +
		" | MIME-Version: 1.0\n | Content-Type: text/x-msmsgsoimnotification; charset=UTF-8\n |\n | Mail-Data: x\n |")
}

// TestListLimits is ADL with too much.
func TestListLimits(t *testing.T) {
	s := New(t, Config{Accounts: fixture().Accounts, Quirks: Quirks{ForwardLimit: 2}})
	var many strings.Builder
	for i := range 151 {
		many.WriteString(`<c n="a` + itoa(i) + `" l="1"/>`)
	}
	p := play(t, s, "alice signs in MSNP18\nalice lists bob=1 carol=1\nalice C: ADL 6 #\n | <ml><d n=\"example.com\"><c n=\"dave\" l=\"1\"/></d></ml>\n"+
		"alice S: 210 6 #\n | <ml><d n=\"example.com\"><c n=\"dave\" t=\"1\"/></d></ml>\n"+
		"alice C: ADL 7 #\n | <ml><d n=\"example.com\">"+many.String()+"</d></ml>\nalice S: 241 7\n"+
		"alice C: ADL 8 #\n | <ml><d n=\"example.com\"><c n=\""+strings.Repeat("x", maxList)+"\" l=\"1\"/></d></ml>\nalice S: 241 8\n"+
		"alice C: RML 9 #\n | <ml><d n=\"example.com\"><c n=\"bob\" l=\"1\"/></d></ml>\nalice S: RML 9 OK\n"+
		"alice C: ADL 10 #\n | <ml><d n=\"example.com\"><c n=\"dave\" l=\"1\"/></d></ml>\nalice S: ADL 10 OK")
	for i, bad := range []string{
		"<ml><d n=\"example.com\"><c n=\"bob\" l=\"x\"/></d></ml>", "<ml><d n=\"example.com\"><c l=\"1\"/></d></ml>", "<ml/><ml/>", "x", "<ml><x/></ml>",
		"<ml><d n=\"example.com\"><c n=\"bob\" t=\"?\" l=\"1\"/></d></ml>", "<ml>x</ml>", "<!DOCTYPE ml><ml></ml>", "<d n=\"example.com\"></d>",
		"<ml><d n=\"example.com\"><c n=\"bob\"><s n=\"IM\"/></c></d></ml>", "<ml><t><c n=\"tel:x\" l=\"1\"/></t></ml>", "<ml><d n=\"example.com\"><c n=\"b ob\" l=\"1\"/></d></ml>",
		"<ml><d n=\"example.com\"><c n=\"bob\" l=\"1\"><s l=\"1\" n=\"IM\"><s l=\"1\" n=\"IM\"><s/></s></s></c></d></ml>",
	} {
		trid := itoa(20 + i)
		p.play("alice C: ADL " + trid + " #\n | " + bad + "\nalice S: 241 " + trid + " ...")
	}
	p.play("alice C: ADL 40 #\n | <ml><d><c n=\"bob\" l=\"1\"/></d></ml>\nalice S: 240 40")
}

// TestOneSegment is a client that does not wait for answers.
func TestOneSegment(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	if _, err := p.conn("alice").nc.Write([]byte("VER 1 MSNP18 CVR0\r\nCVR 2 0x0409 winnt 6.1 i386 MSNMSGR 14.0 msmsgs alice@example.com\r\nUSR 3 SSO I alice@example.com\r\n")); err != nil {
		t.Fatal(err)
	}
	p.play("alice S: VER 1 MSNP18\nalice S: CVR 2 ...\nalice S: GCF 0 #\nalice S: USR 3 SSO S MBI_KEY_OLD *")
}

// TestFaultsOfLaterVersions is being sent elsewhere and away by versions from MSNP13 on.
func TestFaultsOfLaterVersions(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{Redirect: "127.0.0.1:1"})
	play(t, s, "alice C: VER 1 MSNP15\nalice S: VER 1 MSNP15\nalice C: CVR 2 0x0409 winnt 6.1 i386 MSNMSGR 8.5 msmsgs alice@example.com\nalice S: CVR 2 ...\n"+
		"alice C: USR 3 SSO I alice@example.com\nalice S: XFR 3 NS 127.0.0.1:1 U D\nalice closed")
	s.SetFaults(Faults{MoveTo: "127.0.0.1:1"})
	play(t, s, "alice signs in MSNP18\nalice S: XFR 0 NS 127.0.0.1:1 U D\nalice closed")
	s.SetFaults(Faults{OutAfterSignIn: "MIG"})
	play(t, s, "alice signs in MSNP21\nalice S: OUT MIG\nalice closed")
	s.SetFaults(Faults{Refuse: map[string]int{"ADL": 500}})
	play(t, s, "alice signs in MSNP13\nalice C: ADL 5 0\nalice S: 500 5\nalice closed")
	s.SetFaults(Faults{})
	waitUntil(t, s, func() bool { return len(s.accounts["alice@example.com"].sessions) == 0 })
}
