package msntest

import (
	"strings"
	"testing"
)

// TestEscargot is what MSNP13 and later meet under Escargot's quirks; the numbers are those of escargot.md.
func TestEscargot(t *testing.T) {
	cfg := fixture()
	cfg.Quirks = EscargotQuirks()
	t.Run("sign-in", func(t *testing.T) {
		begin := func(version string) string {
			return "alice C: VER 1 " + version + "\nalice S: VER 1 " + version + "\nalice C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 14.0 msmsgs alice@example.com\nalice S: CVR 2 ...\n" +
				"alice C: USR 3 SSO I alice@example.com\nalice S: GCF 0 #\nalice S: USR 3 SSO S MBI_KEY_OLD $n\n"
		}
		s := New(t, cfg)
		// 8: MSNP15 needs no proof; MSNP16 without it gets no answer at all
		p := play(t, s, begin("MSNP15"))
		ticket, _ := p.clearTicket("alice@example.com", "secret")
		p.play("alice C: USR 4 SSO S " + ticket + "\nalice S: USR 4 OK ...")
		q := play(t, s, begin("MSNP16"))
		q.play("alice C: USR 4 SSO S " + ticket)
		p.play("alice S: SBS 0 null\nalice S: MSG Hotmail Hotmail #\nalice C: PNG\nalice S: QNG 60")
		if got := s.Account("alice@example.com"); got.Version != 15 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("odd sign-in", func(t *testing.T) {
		s := New(t, cfg)
		// 2: CVR is not needed, and may come at any time; 3: the letter case; core.md 5.6: the challenge, and 205 (207 is MD5's)
		play(t, s, "alice C: VER 1 MSNP10\nalice S: VER 1 MSNP10\nalice C: USR 2 TWN I alice@example.com\nalice S: USR 2 TWN S ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1\n"+
			"alice C: CVR 3 0x0409\nalice C: USR 4 TWN S ticket(alice@example.com,secret)\nalice S: USR 4 OK ...\nalice S: MSG Hotmail Hotmail #\n"+
			"alice C: USR 5 TWN I alice@example.com\nalice S: 205 5\nalice C: CVR 6 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com\nalice S: CVR 6 5.0 ...\n"+
			"bob C: VER 1 MSNP10\nbob S: VER 1 MSNP10\nbob C: USR 2 TWN I Bob@example.com\nbob S: USR 2 TWN S *\nbob C: USR 3 TWN S ticket(bob@example.com,builder:yes)\nbob S: 911 3\nbob closed\n"+
			"carol signs in MSNP2\ncarol C: USR 5 MD5 I carol@example.com\ncarol S: 207 5\ndave C: VER 1 MSNP8\ndave S: VER 1 MSNP8\ndave C: USR 2 TWN I dave\ndave S: 911 2\ndave closed\n"+
			"erin signs in MSNP15\nerin C: USR 5 SSO I erin@yahoo.example\nerin S: 205 5")
	})
	t.Run("lists", func(t *testing.T) {
		s := New(t, cfg)
		play(t, s, "alice signs in MSNP10\nalice C: ADC 5 RL N=carol@example.com\nalice closed\n"+
			"alice signs in MSNP12\nalice C: ADC 6 RL N=dave@example.com\nalice S: ADC 6 RL N=dave@example.com\nalice C: ADC 7 RL N=mallory@example.com\nalice closed")
		// 24: what the first ADL says is ignored, everybody on the stored lists is shown, even before it; 32: objects; 10: no CHL
		p := play(t, s, "bob signs in MSNP15\nbob C: CHG 5 NLN 0\nbob S: CHG 5 NLN 0\nbob S: MSG Hotmail Hotmail #\nalice signs in MSNP15\nalice C: CHG 5 NLN 0\nalice S: CHG 5 NLN 0\n"+
			"alice S: ILN 5 NLN bob@example.com 1 Bob 0 %3Cmsnobj%2F%3E\nalice S: MSG Hotmail Hotmail #\nbob S: NLN NLN alice@example.com 1 Alice%20A 0 %3Cmsnobj%2F%3E\n"+
			"alice C: ADL 6 #\n | <ml l=\"1\"><d n=\"example.com\"><c n=\"nobody\" l=\"3\" t=\"1\"/></d></ml>\nalice S: ADL 6 OK\n"+
			// 25: one unknown address refuses all, later ones change what is stored
			"alice C: ADL 7 #\n | <ml><d n=\"example.com\"><c n=\"dave\" l=\"3\" t=\"1\"/><c n=\"nobody\" l=\"3\" t=\"1\"/></d></ml>\nalice S: 208 7\n"+
			"alice C: ADL 8 #\n | <ml><d n=\"example.com\"><c n=\"dave\" l=\"3\" t=\"1\"/></d></ml>\nalice S: ADL 8 OK\n"+
			"alice C: FQY 9 #\n | <ml><d n=\"yahoo.example\"><c n=\"erin\"/></d></ml>\nalice S: FQY 9 #\n | <ml><d n=\"yahoo.example\"><c n=\"erin\" t=\"1\"/></d></ml>\n"+
			"alice C: FQY 10 #\n | <ml><d n=\"example.com\"><c n=\"bob\"/><c n=\"carol\"/></d></ml>\nalice S: 201 10")
		if !s.Account("alice@example.com").On("dave@example.com", 3) {
			t.Error("dave is not on the list")
		}
		p.play("alice C: RML 11 #\n | <ml><d n=\"example.com\"><c n=\"dave\" l=\"1\" t=\"1\"/></d></ml>\nalice S: RML 11 OK\n" +
			// several domains: those of the last are looked for in each
			"alice C: ADL 12 #\n | <ml><d n=\"yahoo.example\"><c n=\"erin\" l=\"3\" t=\"1\"/></d><d n=\"example.com\"><c n=\"dave\" l=\"3\" t=\"1\"/></d></ml>\nalice S: 208 12\n" +
			// 25: closed
			"alice C: ADL 13 #\n | <ml><d n=\"example.com\"></d></ml>\nalice S: 240 13\nalice closed")
		if a := s.Account("alice@example.com"); a.On("dave@example.com", 1) || !a.On("dave@example.com", 2) {
			t.Errorf("got %+v", a.Contacts)
		}
		// 34: UBX that is no XML; 35: it stays when bob signs out
		p.play("bob C: UUX 6 #\n | <Data><PSM>a &lt; b &amp; c</PSM><CurrentMedia></CurrentMedia></Data>\nbob S: FLN ...\nbob S: UUX 6 0\nbob hangs up\n" +
			"alice:b signs in MSNP15\nalice:b C: CHG 5 NLN 0\nalice:b S: CHG 5 NLN 0\nalice:b S: MSG Hotmail Hotmail #\nbob signs in MSNP18\nbob C: CHG 5 NLN 0\nbob S: CHG 5 NLN 0\n" +
			"alice:b S: NLN NLN bob@example.com 1 Bob 0 %3Cmsnobj%2F%3E\nalice:b S: UBX bob@example.com 1 #\n | <Data><PSM>a < b &#x26; c</PSM><CurrentMedia></CurrentMedia></Data>\n" +
			"bob S: NLN NLN 1:alice@example.com ...\nbob S: NLN NLN 1:bob@example.com ...\nbob S: MSG Hotmail Hotmail #")
		// 56: UUM is dropped without Dest-Agent, and if the other is online
		p.play("bob C: UUM 7 dave@example.com 1 1 #\n | Content-Type: text/plain\n |\n | x\nbob C: UUM 8 alice@example.com 1 1 #\n | Dest-Agent: client\n | Content-Type: text/plain\n |\n | x\n" +
			"bob C: UUM 9 carol@example.com 1 1 #\n | Dest-Agent: client\n | Content-Type: text/plain\n |\n | x\nbob C: PNG\nbob S: QNG 60")
		s.mu.Lock()
		defer s.mu.Unlock()
		for name, want := range map[string]int{"dave": 0, "alice": 0, "carol": 1} {
			if got := len(s.accounts[name+"@example.com"].web.mailbox); got != want {
				t.Errorf("%s has %d messages", name, got)
			}
		}
	})
	t.Run("commands", func(t *testing.T) {
		// 11, 13: unknown commands are passed over, those of other versions end the connection; 26: NOT from MSNP8
		s := New(t, cfg)
		play(t, s, "alice signs in MSNP8\nalice C: XYZ 5\nalice C: SYN 6 0\nalice S: SYN 6 ...\nalice hangs up\nalice:b signs in MSNP13\nalice:b C: SYN 6 0 0\nalice:b S: 502 6\n"+
			"alice:b C: ADC 7 FL N=bob@example.com F=Bob\nalice:b closed\nalice signs in MSNP9\n"+
			"carol signs in MSNP9\ncarol C: ADD 5 FL alice@example.com Alice\ncarol S: ADD 5 ...\nalice S: ADD 0 RL * carol@example.com Carol\nalice S: NOT #")
	})
	t.Run("lines", func(t *testing.T) {
		// 14: an empty line, or one of one letter, and nothing is read any more; what others do is still told
		s := New(t, cfg)
		for _, line := range []string{"", "  ", "X"} {
			p := play(t, s, "bob signs in MSNP2\nalice signs in MSNP2\nalice C: CHG 5 NLN\nalice S: CHG 5 NLN\nalice C: "+line+"\nalice C: PNG\n"+
				"bob C: CHG 6 NLN\nbob S: CHG 6 NLN\nbob S: ILN 6 ...\nalice S: NLN NLN bob@example.com Bob\nbob C: CHG 7 BSY\nbob S: CHG 7 BSY\nalice S: NLN BSY bob@example.com Bob")
			for _, c := range p.conns {
				_ = c.nc.Close() // it is over
			}
			waitUntil(t, s, func() bool { return len(s.conns) == 0 })
		}
		// payloads are no lines; 15: a line that is not UTF-8 closes
		play(t, s, "alice signs in MSNP11\nalice C: CHG 5 NLN 0\nalice S: CHG 5 NLN 0 ...\nalice S: MSG Hotmail Hotmail #\nalice C: UUX 6 #\n |\n | X\n | \xff\n |\nalice S: UUX 6 0\n"+
			"alice C: PRP 7 MFN Z\xc3\xbcrich\nalice S: PRP 7 MFN Z\xc3\xbcrich\nalice C: PRP 8 MFN Z\xfcrich\nalice closed")
	})
	t.Run("odd lines", func(t *testing.T) {
		s := New(t, cfg)
		long := strings.Repeat("x", 5000)
		// core.md 7.2: the burst of MSNP5; 19, 20: QNG, URL; 18: names
		p := play(t, s, "alice signs in MSNP5\nalice C: SYN 5 0\nalice S: SYN 5 1\nalice S: GTC 5 1 A\nalice S: BLP 5 1 AL\nalice S: PRP 1 PHH 555%2001\nalice S: PRP 1 PHW\n"+
			"alice S: PRP 1 PHM\nalice S: PRP 1 MOB N\nalice S: PRP 1 MBE N\nalice S: LST 5 FL 1 1 2 bob@example.com Bob\nalice S: BPR 1 PHH 55502\nalice S: BPR 1 MOB Y\n"+
			"alice S: LST 5 FL 1 2 2 carol@example.com Carol\nalice hangs up\n"+
			"alice:b signs in MSNP8\nalice:b C: PNG\nalice:b S: QNG\nalice:b C: URL 5 INBOX\nalice:b S: URL 5 /unused1 /unused2 1\n"+
			"alice:b C: REA 6 alice@example.com "+long+"\nalice:b S: REA 6 2 alice@example.com "+long+"\n"+
			// 10: nothing to QRY, 30: nothing to CHG without capabilities; another status closes
			"alice:b C: QRY 7 msmsgs@msnmsgr.com 32\n | 00000000000000000000000000000000\nalice:b C: CHG 8 NLN\nalice:b C: CHG 9 FLN\nalice:b S: 201 9\nalice:b C: CHG 10 NLN 0\nalice:b S: CHG 10 NLN 0\n"+
			"alice:b C: CHG 11 XXX 0\nalice:b closed")
		// 17, 21: times that never change, and a blank at the end
		for version, kind := range map[string]string{"MSNP10": "", "MSNP11": "", "MSNP12": " 1"} {
			who := "bob:" + version
			p.play(who + " signs in " + version + "\n" + who + " C: SYN 5 0 0\n" + who + " S: SYN 5 2000-01-01T00:00:00.0-00:00 2000-01-01T00:00:00.0-00:00 1 0\n" + who + " S: GTC A\n" + who +
				" S: BLP AL\n" + who + " S: PRP MFN Bob\n" + who + " S: PRP PHH 55502\n" + who + " S: PRP MOB Y\n" + who + " S: PRP MBE N\n" +
				who + " S: LST N=alice@example.com F=" + long + " * 19" + kind + " \n" + who + " S: BPR PHH 555%2001\n" + who + " C: PNG\n" + who + " S: QNG 60\n" + who + " hangs up")
		}
	})
	t.Run("switchboard", func(t *testing.T) {
		s := New(t, cfg)
		// 45: somebody with two endpoints is twice in IRO for a client below MSNP16
		p := play(t, s, "alice:a signs in MSNP16\nalice:a S: UBX alice@example.com 1 0\nalice:a C: CHG 5 NLN 0\nalice:a S: CHG 5 NLN 0\nalice:a S: NLN ...\nalice:a S: MSG Hotmail Hotmail #\n"+
			"alice:b signs in MSNP16\nalice:b S: UBX alice@example.com 1 0\nalice:b S: UBX ...\nalice:b S: NLN ...\nalice:a S: UBX ...\nalice:b C: CHG 5 NLN 0\nalice:b S: CHG 5 NLN 0\n"+
			"bob signs in MSNP12\nbob C: CHG 5 NLN 0\nbob S: CHG 5 NLN 0\nbob S: ILN ...\nbob S: MSG Hotmail Hotmail #\n"+
			"alice:a C: XFR 6 SB\nalice:a S: NLN ...\nalice:a S: UBX ...\nalice:a S: NLN NLN bob@example.com ...\nalice:a S: XFR 6 SB * CKI $c ...\nalice:sb C: USR 1 alice@example.com $c\nalice:sb S: USR 1 OK ...\n"+
			"alice:sb C: CAL 2 alice@example.com\nalice:sb S: CAL 2 RINGING $id\nalice:sb S: JOI ...")
		p.play("alice:b S: NLN ...\nalice:b S: UBX ...\nalice:b S: MSG Hotmail Hotmail #\nalice:b S: NLN NLN bob@example.com ...\nalice:b S: RNG * * CKI $d ...\nalice:sb2 C: ANS 1 alice@example.com $d $id\nalice:sb2 S: IRO 1 1 1 ...\nalice:sb2 S: ANS 1 OK\n" +
			"alice:sb S: JOI ...\nalice:sb C: CAL 3 bob@example.com\nalice:sb S: CAL 3 RINGING $id\nbob S: RNG $id * CKI $e ...\nbob:sb C: ANS 1 bob@example.com $e $id\n" +
			"bob:sb S: IRO 1 1 2 alice@example.com Alice%20A 0\nbob:sb S: IRO 1 2 2 alice@example.com Alice%20A 0\nbob:sb S: ANS 1 OK")
	})
}
