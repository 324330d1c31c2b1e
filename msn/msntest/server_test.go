package msntest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(s *Server, d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	s.sweep()
}

func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestConfigMistakes(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address":           {Accounts: []Account{{Passport: "alice"}}},
		"twice":                {Accounts: []Account{{Passport: "a@example.com"}, {Passport: "A@Example.com"}}},
		"friend":               {Accounts: []Account{{Passport: "a@example.com", Friends: []string{"b"}}}},
		"allowed and blocked":  {Accounts: []Account{{Passport: "a@example.com", Contacts: []Preset{{Passport: "b@example.com", Lists: msn.AllowList | msn.BlockList}}}}},
		"reverse list":         {Accounts: []Account{{Passport: "a@example.com", Contacts: []Preset{{Passport: "b@example.com", Lists: msn.ReverseList}}}}},
		"group":                {Accounts: []Account{{Passport: "a@example.com", Contacts: []Preset{{Passport: "b@example.com", Groups: []string{"x"}}}}}},
		"privacy":              {Accounts: []Account{{Passport: "a@example.com", Privacy: "XX"}}},
		"port":                 {NSAddr: "127.0.0.1"},
		"negative connections": {MaxConnections: -1},
	} {
		if s, err := Start(cfg); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		}
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(Config{SBAddr: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "listen for SB") {
		t.Fatalf("got %v", err)
	}
}

func TestAccountState(t *testing.T) {
	s := New(t, fixture())
	if s.Account("nobody@example.com").Exists {
		t.Error("nobody exists")
	}
	a := s.Account("Alice@Example.com")
	if !a.Exists || a.SignedIn || a.Status != msn.Offline || a.FriendlyName != "Alice A" || len(a.Groups) != 1 || len(a.Contacts) != 5 {
		t.Errorf("got %+v", a)
	}
	for passport, lists := range map[string]msn.List{
		"bob@example.com": msn.ForwardList | msn.AllowList | msn.ReverseList, "dave@example.com": msn.PendingList,
		"mallory@example.com": msn.BlockList | msn.ReverseList,
	} {
		if !a.On(passport, lists) {
			t.Errorf("%s is not on %d", passport, lists)
		}
	}
	if err := s.AddAccount(Account{Passport: "bob@example.com"}); err == nil {
		t.Error("bob twice")
	}
	if err := s.AddAccount(Account{Passport: "zed@example.com", Password: "z", Friends: []string{"alice@example.com"}}); err != nil {
		t.Fatal(err)
	}
	if !s.Account("alice@example.com").On("zed@example.com", msn.ForwardList|msn.AllowList|msn.ReverseList) {
		t.Error("zed is not alice's friend")
	}
}

// TestPending follows somebody who adds alice while she is away through her decision, by an old and a new client.
func TestPending(t *testing.T) {
	for version, decide := range map[string]string{
		"MSNP9":  "alice C: ADD 5 AL carol@example.com carol\nalice S: ADD 5 AL 3 carol@example.com carol",
		"MSNP12": "alice C: ADC 5 AL N=carol@example.com\nalice S: ADC 5 AL N=carol@example.com\nalice C: REM 6 PL carol@example.com\nalice S: REM 6 PL carol@example.com",
	} {
		t.Run(version, func(t *testing.T) {
			s := New(t, Config{Accounts: []Account{
				{Passport: "alice@example.com", Password: "secret"}, {Passport: "carol@example.com", Password: "carol"},
			}})
			p := play(t, s, "carol signs in MSNP12\ncarol C: ADC 5 FL N=alice@example.com F=Alice\ncarol S: ADC 5 FL N=alice@example.com F=Alice $calice")
			if a := s.Account("alice@example.com"); !a.On("carol@example.com", msn.PendingList) || a.On("carol@example.com", msn.ReverseList) {
				t.Fatalf("got %+v", a.Contacts)
			}
			p.play("alice signs in " + version + "\n" + decide)
			a := s.Account("alice@example.com")
			if a.On("carol@example.com", msn.PendingList) || !a.On("carol@example.com", msn.ReverseList|msn.AllowList) {
				t.Fatalf("got %+v", a.Contacts)
			}
			s.Drop("alice@example.com")
			id := strings.TrimPrefix(p.kept["calice"], "C=")
			p.play("carol C: REM 6 FL " + id + "\ncarol S: REM 6 FL " + id)
			if a := s.Account("alice@example.com"); a.On("carol@example.com", msn.ReverseList) {
				t.Fatalf("got %+v", a.Contacts)
			}
		})
	}
}

// TestVisible goes through the rules of core.md 8.8.
func TestVisible(t *testing.T) {
	const away = msn.Away
	for _, c := range []struct {
		name             string
		onForward        bool     // alice has bob on FL
		lists            msn.List // bob has alice on these
		privacy          msn.Privacy
		status           msn.Status
		visible, callers bool
	}{
		{"allowed", true, msn.AllowList, msn.AllowOthers, away, true, true},
		{"allowed, others not", true, msn.AllowList, msn.BlockOthers, away, true, true},
		{"on no list", true, 0, msn.AllowOthers, away, true, true},
		{"on no list, others blocked", true, 0, msn.BlockOthers, away, false, false},
		{"blocked", true, msn.BlockList, msn.AllowOthers, away, false, false},
		{"not a contact", false, msn.AllowList, msn.AllowOthers, away, false, true},
		{"hidden", true, msn.AllowList, msn.AllowOthers, msn.Hidden, false, false},
		{"before CHG", true, msn.AllowList, msn.AllowOthers, "", false, false},
		{"blocked contact of its own", true, msn.BlockList | msn.ForwardList, msn.AllowOthers, away, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bob := Account{Passport: "bob@example.com", Password: "b", Privacy: c.privacy}
			alice := Account{Passport: "alice@example.com", Password: "a"}
			if c.lists != 0 {
				bob.Contacts = []Preset{{Passport: alice.Passport, Lists: c.lists}}
			}
			if c.onForward {
				alice.Contacts = []Preset{{Passport: bob.Passport, Lists: msn.ForwardList}}
			}
			s := New(t, Config{Accounts: []Account{alice, bob}})
			s.mu.Lock()
			defer s.mu.Unlock()
			one, two := s.accounts["alice@example.com"], s.accounts["bob@example.com"]
			two.sessions, two.face.status = []*session{{account: two, status: c.status, listed: true, conn: &conn{srv: s, over: true}}}, c.status
			defer func() { two.sessions, two.face = nil, face{} }()
			watcher := &session{account: one, dialect: dialects[0], conn: &conn{srv: s}}
			if got := two.visible(one) && watcher.watches(two.passport); got != c.visible {
				t.Errorf("visible: %v", got)
			}
			if got := two.takesCalls(one); got != c.callers {
				t.Errorf("can be called: %v", got)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	cfg := fixture()
	cfg.Refuse = []msn.Version{12, 11, 5}
	s := New(t, cfg)
	play(t, s, `
a C: VER 1 MSNP12 MSNP11 MSNP10 CVR0
a S: VER 1 MSNP10
b C: VER 1 MSNP12 MSNP5
b S: VER 1 0
b closed`)
}

func TestWaiting(t *testing.T) {
	s := New(t, fixture())
	done := make(chan error, 1)
	go func() { done <- s.WaitStatus(timeout(t), "alice@example.com", msn.Busy) }()
	p := play(t, s, "alice signs in MSNP2\nalice C: CHG 5 BSY\nalice S: CHG 5 BSY")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.play("alice C: OUT\nalice closed")
	if err := s.WaitSignedOut(timeout(t), "alice@example.com"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.WaitSignedIn(ctx, "alice@example.com"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestKickAndDrop(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP8")
	if !s.Kick("alice@example.com", "OTH") || s.Kick("alice@example.com", "OTH") {
		t.Error("kicking does not tell who was there")
	}
	p.play("alice S: OUT OTH\nalice closed\nalice signs in MSNP8")
	s.Kick("ALICE@example.com", "")
	p.play("alice S: OUT\nalice closed\nalice signs in MSNP8")
	if n := s.Drop("alice@example.com"); n != 1 {
		t.Errorf("dropped %d", n)
	}
	p.play("alice closed")
	if s.SignedIn("alice@example.com") {
		t.Error("signed in after Drop")
	}
}

func TestCloseTellsEverybody(t *testing.T) {
	s, err := Start(fixture())
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, s, "alice signs in MSNP8\nb C: VER 1 MSNP2\nb S: VER 1 MSNP2")
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	p.play("alice S: OUT SSD\nalice closed\nb S: OUT SSD\nb closed")
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(); err == nil {
		t.Error("a closed service resumes")
	}
}

func TestDownAndUp(t *testing.T) {
	s := New(t, fixture())
	addr := s.NSAddr()
	p := play(t, s, "alice signs in MSNP8\nalice C: CHG 5 NLN 0\nalice S: CHG 5 NLN 0\nalice S: CHL 0 *")
	if err := s.StopListening(); err != nil {
		t.Fatal(err)
	}
	p.play("alice closed")
	if nc, err := net.Dial("tcp", addr); err == nil {
		_ = nc.Close()
		t.Fatal("still listening")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if s.NSAddr() != addr {
		t.Errorf("moved to %s", s.NSAddr())
	}
	p.play("alice signs in MSNP8")
	if err := s.Resume(); err == nil {
		t.Error("resumed twice")
	}
}

func TestExpiry(t *testing.T) {
	c := newClock()
	cfg := fixture()
	cfg.Clock = c.Now
	s := New(t, cfg)
	p := play(t, s, `
alice signs in MSNP8
alice C: CHG 5 NLN 0
alice S: CHG 5 NLN 0
alice S: CHL 0 $chl
alice C: QRY 6 msmsgs@msnmsgr.com #
 | md5($chl,Q1P7W2E4J9R8U3S5)
alice S: QRY 6
bob signs in MSNP2
bob C: CHG 5 NLN
bob S: CHG 5 NLN
bob S: ILN 5 NLN alice@example.com Alice%20A
alice S: NLN NLN bob@example.com Bob 0
alice C: XFR 7 SB
alice S: XFR 7 SB * CKI $late
alice C: XFR 8 SB
alice S: XFR 8 SB * CKI $cookie
alice:sb C: USR 1 alice@example.com $cookie
alice:sb S: USR 1 OK alice@example.com Alice%20A
alice:sb C: CAL 2 bob@example.com
alice:sb S: CAL 2 RINGING $id
bob S: RNG $id * CKI $cookie2 alice@example.com Alice%20A
bob:sb C: ANS 1 bob@example.com $cookie2 $id
bob:sb S: IRO 1 1 1 alice@example.com Alice%20A
bob:sb S: ANS 1 OK
alice:sb S: JOI bob@example.com Bob
idle C: VER 1 MSNP8
idle S: VER 1 MSNP8`)
	ticket := p.fill("ticket(alice@example.com,secret)")
	c.advance(s, 61*time.Second)
	p.play("idle closed\nlate:sb C: VER 1\nlate:sb closed")
	c.advance(s, 60*time.Second)
	p.play("late:sb C: USR 1 alice@example.com $late\nlate:sb S: 911 1\nlate:sb closed")
	if n := s.Account("alice@example.com").Switchboards; n != 1 {
		t.Errorf("alice is in %d switchboards", n)
	}
	c.advance(s, 180*time.Second)
	p.play("alice:sb S: BYE bob@example.com 1\nalice:sb closed\nbob:sb S: BYE alice@example.com 1\nbob:sb closed")
	c.advance(s, 24*time.Hour)
	p.play(`
x C: VER 1 MSNP8
x S: VER 1 MSNP8
x C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com
x S: CVR 2 ...
x C: USR 3 TWN I alice@example.com
x S: USR 3 TWN S *
x C: USR 4 TWN S ` + ticket + `
x S: 911 4
x closed
alice C: PNG
alice S: QNG`)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.switchboards)+len(s.cookies)+len(s.tickets) != 0 {
		t.Errorf("%d switchboards, %d cookies, %d tickets left", len(s.switchboards), len(s.cookies), len(s.tickets))
	}
}

func TestChallengeTimes(t *testing.T) {
	c := newClock()
	cfg := fixture()
	cfg.Clock, cfg.Quirks.ChallengeEvery = c.Now, 3*time.Minute
	s := New(t, cfg)
	p := play(t, s, `
alice signs in MSNP8
alice C: CHG 5 NLN 0
alice S: CHG 5 NLN 0
alice S: CHL 0 $chl
alice C: QRY 6 PROD0112J1LW7%NB #
 | md5($chl,RH96F{PHI8PPX_TJ)
alice S: QRY 6`)
	c.advance(s, 3*time.Minute)
	p.play("alice S: CHL 0 *")
	c.advance(s, 49*time.Second)
	p.play("alice C: PNG\nalice S: QNG")
	c.advance(s, time.Second)
	p.play("alice S: 540 0\nalice closed")
}

func TestLenientChallenge(t *testing.T) {
	c := newClock()
	cfg := fixture()
	cfg.Clock, cfg.Quirks.LenientChallenge = c.Now, true
	s := New(t, cfg)
	p := play(t, s, "alice signs in MSNP8\nalice C: CHG 5 NLN 0\nalice S: CHG 5 NLN 0\nalice S: CHL 0 *")
	c.advance(s, time.Hour)
	p.play("alice C: QRY 6 X 1\n | x\nalice S: QRY 6")
}

func TestLimits(t *testing.T) {
	cfg := fixture()
	cfg.Quirks = Quirks{ForwardLimit: 2, GroupLimit: 2, SwitchboardLimit: 1}
	s := New(t, cfg)
	p := play(t, s, `
alice signs in MSNP9
alice C: ADD 5 FL dave@example.com dave
alice S: 210 5
alice C: ADG 6 Work 0
alice S: ADG 6 2 Work 2 0
alice C: ADG 7 More 0
alice S: 223 7
alice C: CHG 8 NLN 0
alice S: CHG 8 NLN 0
alice S: CHL 0 *
alice C: XFR 9 SB
alice S: XFR 9 SB * CKI $cookie
alice:sb C: USR 1 alice@example.com $cookie
alice:sb S: USR 1 OK alice@example.com Alice%20A
alice:sb C: CAL 2 bob@example.com
alice:sb S: 920 2
alice:sb C: MSG 3 A 1665`)
	big := strings.Repeat("x", 1665)
	if _, err := io.WriteString(p.conns["alice:sb"].nc, big); err != nil {
		t.Fatal(err)
	}
	p.play("alice:sb closed\nalice C: REA 10 alice@example.com " + strings.Repeat("%20", 129) +
		"\nalice S: REA 10 3 alice@example.com ...\nalice C: REA 11 alice@example.com " + strings.Repeat("%20", 130) +
		"\nalice S: 209 11\nalice C: PRP 12 PHH " + strings.Repeat("5", 96) + "\nalice closed")
}

func TestCookieLimit(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP2\nalice C: CHG 5 NLN\nalice S: CHG 5 NLN")
	for i := range maxCookies {
		p.play(fmt.Sprintf("alice C: XFR %d SB\nalice S: XFR %d SB ...", 10+i, 10+i))
	}
	p.play("alice C: XFR 9 SB\nalice S: 713 9")
}

func TestUnverified(t *testing.T) {
	s := New(t, Config{Accounts: []Account{{Passport: "bob@example.com", Password: "builder:yes", Unverified: true}}})
	play(t, s, `
bob C: VER 1 MSNP7
bob S: VER 1 MSNP7
bob C: USR 4 MD5 I bob@example.com
bob S: USR 4 MD5 S $challenge
bob C: USR 5 MD5 S md5($challenge,builder:yes)
bob S: USR 5 OK bob@example.com bob@example.com 0
bob S: MSG Hotmail Hotmail #
bob C: REA 6 bob@example.com Bob
bob S: 209 6
bob C: OUT
bob closed
bob signs in MSNP10
bob C: PRP 5 MFN Bob
bob S: 715 5`)
}

func TestMail(t *testing.T) {
	s := New(t, Config{Accounts: []Account{{Passport: "bob@example.com", Password: "builder:yes", Email: true}}})
	p := play(t, s, "bob signs in MSNP2\nbob C: CHG 5 NLN\nbob S: CHG 5 NLN")
	_, body, err := p.conns["bob"].read()
	if err != nil || !strings.Contains(string(body), "\r\nInbox-Unread: 0\r\n") {
		t.Errorf("got %q, %v", body, err)
	}
}

// TestProfile looks at the profile message of two versions (core.md 6.1).
func TestProfile(t *testing.T) {
	for version, has := range map[string][]string{
		"MSNP2":  {"LoginTime", "EmailEnabled", "MemberIdHigh", "MemberIdLow", "lang_preference", "preferredEmail", "country", "Kid", "sid", "kv", "MSPAuth"},
		"MSNP7":  {"LoginTime", "ClientIP", "ClientPort"},
		"MSNP10": {"LoginTime", "ClientIP", "ClientPort", "ABCHMigrated"},
	} {
		t.Run(version, func(t *testing.T) {
			s := New(t, fixture())
			p := play(t, s, "")
			c := dialRaw(t, s.NSAddr())
			p.conns["alice"] = c
			p.play("alice C: VER 1 " + version + "\nalice S: VER 1 " + version)
			p.play("alice C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com\nalice S: CVR 2 ...")
			if version == "MSNP10" {
				p.play("alice C: USR 3 TWN I alice@example.com\nalice S: USR 3 TWN S *\nalice C: USR 4 TWN S ticket(alice@example.com,secret)")
			} else {
				p.play("alice C: USR 3 MD5 I alice@example.com\nalice S: USR 3 MD5 S $c\nalice C: USR 4 MD5 S md5($c,secret)")
			}
			p.play("alice S: USR 4 OK ...")
			line, body, err := c.read()
			if err != nil || !strings.HasPrefix(line, "MSG Hotmail Hotmail ") {
				t.Fatalf("got %q, %v", line, err)
			}
			text := string(body)
			if !strings.HasPrefix(text, "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsprofile; charset=UTF-8\r\n") ||
				!strings.HasSuffix(text, "\r\n\r\n") {
				t.Errorf("got %q", text)
			}
			for _, field := range has {
				if !strings.Contains(text, "\r\n"+field+": ") {
					t.Errorf("no %s in %q", field, text)
				}
			}
			if version == "MSNP2" && strings.Contains(text, "ClientPort") {
				t.Errorf("ClientPort in %s", version)
			}
		})
	}
	if got := swappedPort("1863"); got != "18183" { // vectors.json, client_port
		t.Errorf("port 1863 is %s", got)
	}
}

// TestLoad signs in 200 users who all know each other in a ring and has everybody talk to the next.
func TestLoad(t *testing.T) {
	const users = 200
	name := func(i int) string { return fmt.Sprintf("user%03d", i%users) }
	cfg := Config{}
	for i := range users {
		cfg.Accounts = append(cfg.Accounts, Account{
			Passport: name(i) + "@example.com", Password: "x", Friends: []string{name(i+1) + "@example.com", name(i+users-1) + "@example.com"},
		})
	}
	s := New(t, cfg)
	var group sync.WaitGroup
	errs := make(chan error, users)
	for i := range users {
		group.Go(func() { errs <- oneOfMany(s, name(i)+"@example.com") })
	}
	group.Wait()
	for range users {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	for i := range users {
		gone := func(a AccountState) bool { return !a.SignedIn && a.Switchboards == 0 }
		if err := s.Watch(timeout(t), name(i)+"@example.com", gone); err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.switchboards) != 0 {
		t.Errorf("%d switchboards left", len(s.switchboards))
	}
}

// oneOfMany signs in, changes status some times, opens a switchboard, and signs out. It reads answers by their number and
// passes over everything else.
func oneOfMany(s *Server, passport string) error {
	nc, err := net.Dial("tcp", s.NSAddr())
	if err != nil {
		return err
	}
	defer nc.Close()
	c := &raw{nc: nc, in: newReader(nc)}
	answer := ""
	ask := func(conn *raw, command, prefix string) {
		if err != nil {
			return
		}
		if _, err = fmt.Fprint(conn.nc, command+"\r\n"); err != nil {
			return
		}
		for answer = ""; !strings.HasPrefix(answer, prefix); {
			if answer, _, err = conn.read(); err != nil {
				err = fmt.Errorf("%s: after %q: %w", passport, command, err)
				return
			}
		}
	}
	ask(c, "VER 1 MSNP7", "VER 1 MSNP7")
	ask(c, "USR 2 MD5 I "+passport, "USR 2 MD5 S ")
	if err != nil {
		return err
	}
	ask(c, "USR 3 MD5 S "+md5Hex(strings.TrimPrefix(answer, "USR 2 MD5 S ")+"x"), "USR 3 OK")
	ask(c, "SYN 4 0", "SYN 4 ")
	for i := range 10 {
		ask(c, fmt.Sprintf("CHG %d %s", 10+i, []string{"NLN", "BSY"}[i%2]), fmt.Sprintf("CHG %d ", 10+i))
	}
	ask(c, "XFR 30 SB", "XFR 30 SB ")
	if err != nil {
		return err
	}
	fields := strings.Fields(answer)
	sb, err := net.Dial("tcp", fields[3])
	if err != nil {
		return err
	}
	defer sb.Close()
	board := &raw{nc: sb, in: newReader(sb)}
	ask(board, "USR 1 "+passport+" "+fields[5], "USR 1 OK")
	ask(board, "MSG 2 A 0", "NAK 2")
	ask(c, "PNG", "QNG")
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(nc, "OUT\r\n")
	return err
}
