package msn_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
	carol = "carol@example.com"
	dave  = "dave@example.com"
)

// patience is for one thing to happen on a busy machine.
const patience = 20 * time.Second

// session is one signed-in user of a test.
type session struct {
	*msn.Client
	t    testing.TB
	who  string
	end  chan error
	err  error
	once sync.Once

	mu     sync.Mutex
	events []msn.Event
	news   chan struct{}
}

// house starts a service with Alice, Bob, Carol and Dave; the first three know each other.
func house(t testing.TB, change func(*msntest.Config)) *msntest.Server {
	t.Helper()
	cfg := msntest.Config{Accounts: []msntest.Account{
		{Passport: alice, Password: "secret", FriendlyName: "Alice A", Friends: []string{bob, carol}},
		{Passport: bob, Password: "secret", FriendlyName: "Bob", Friends: []string{alice, carol}},
		{Passport: carol, Password: "secret", FriendlyName: "Cärol", Friends: []string{alice, bob}},
		{Passport: dave, Password: "secret", FriendlyName: "Dave"},
	}}
	if change != nil {
		change(&cfg)
	}
	return msntest.New(t, cfg)
}

// begin starts a sign-in.
func begin(t testing.TB, s *msntest.Server, who string, change func(*msn.Config), versions ...msn.Version) *session {
	t.Helper()
	u := &session{t: t, who: who, end: make(chan error, 1), news: make(chan struct{})}
	cfg := msn.Config{
		Server: s.MSN(), Passport: who, Password: "secret", Versions: versions,
		Limits:   msn.Limits{Changes: -1},
		Presence: msn.Presence{Capabilities: msn.Capabilities{Bits: msn.CapChunks}},
		Handler:  u.keep,
	}
	if change != nil {
		change(&cfg)
	}
	client, err := msn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u.Client = client
	ctx, cancel := context.WithCancel(context.Background())
	go func() { u.end <- client.Run(ctx) }()
	t.Cleanup(func() { cancel(); u.reason() })
	return u
}

// signIn is begin, and waits until Bob's presence and the like can be set.
func signIn(t testing.TB, s *msntest.Server, who string, versions ...msn.Version) *session {
	t.Helper()
	u := begin(t, s, who, nil, versions...)
	u.settled()
	return u
}

// settled waits for a ping: everything the server has said is handled.
func (u *session) settled() {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := u.Ping(ctx); err != nil {
		u.t.Fatalf("%s: %v", u.who, err)
	}
}

// reason waits for the end of Run.
func (u *session) reason() error {
	u.once.Do(func() {
		select {
		case u.err = <-u.end:
		case <-time.After(patience):
			u.t.Errorf("%s: Run does not end", u.who)
		}
	})
	return u.err
}

func (u *session) keep(_ context.Context, e msn.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = append(u.events, e)
	close(u.news)
	u.news = make(chan struct{})
}

// await returns the first event, past or future, that want accepts.
func await[E msn.Event](u *session, what string, want func(E) bool) E {
	u.t.Helper()
	expired := time.After(patience)
	for seen := 0; ; {
		u.mu.Lock()
		events, news := u.events[seen:], u.news
		seen = len(u.events)
		u.mu.Unlock()
		for _, event := range events {
			if e, ok := event.(E); ok && want(e) {
				return e
			}
		}
		select {
		case <-news:
		case <-expired:
			var none E
			u.t.Fatalf("%s waits in vain for %s", u.who, what)
			return none
		}
	}
}

// text waits for a text.
func (u *session) text(from, text string) msn.MessageReceived {
	u.t.Helper()
	return await(u, "the text from "+from, func(m msn.MessageReceived) bool {
		got, ok := m.Message.(*msn.TextMessage)
		return ok && m.From == from && got.Text == text
	})
}

// say sends a text.
func (u *session) say(to msn.Conversation, text string) msn.Sent {
	u.t.Helper()
	sent, err := u.Send(u.t.Context(), to, &msn.TextMessage{Text: text})
	if err != nil {
		u.t.Fatalf("%s: %v", u.who, err)
	}
	return sent
}

// sees waits for a status.
func (u *session) sees(who string, status msn.Status) msn.PresenceChanged {
	u.t.Helper()
	return await(u, who+" being "+string(status), func(p msn.PresenceChanged) bool {
		return p.Passport == who && p.Presence.Status == status
	})
}

func (u *session) check(what string, err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatalf("%s: %s: %v", u.who, what, err)
	}
}

// everyVersion runs a test for each dialect.
func everyVersion(t *testing.T, test func(t *testing.T, v msn.Version)) {
	for _, v := range msn.Versions() {
		t.Run(v.String(), func(t *testing.T) { t.Parallel(); test(t, v) })
	}
}

// TestTalk is an evening between two people.
func TestTalk(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := signIn(t, s, alice, v)
		if a.Version() != v {
			t.Errorf("version %s", a.Version())
		}
		first := await(a, "sign-in", func(msn.SignedIn) bool { return true })
		if first.FriendlyName != "Alice A" {
			t.Errorf("name %q", first.FriendlyName)
		}
		contact, ok := a.Contact(carol)
		if !ok || !contact.On(msn.ForwardList|msn.AllowList|msn.ReverseList) || contact.FriendlyName != "Cärol" {
			t.Errorf("Carol: %+v", contact)
		}
		b := signIn(t, s, bob, v)
		a.sees(bob, msn.Online)
		switchboards := v != msn.MSNP21
		initial := v != msn.MSNP18 // which tells first states as any other
		if p := b.sees(alice, msn.Online); p.Initial != initial || p.Presence.FriendlyName != "Alice A" {
			t.Errorf("Alice: %+v", p)
		}
		a.check("go busy", a.SetPresence(t.Context(), msn.Presence{Status: msn.Busy}))
		b.sees(alice, msn.Busy)
		long := strings.Repeat("Grüße aus Zürich ☃ 😀\n", 200)
		for _, text := range []string{"hello", "x\ny", "  leading", long} {
			sent := a.say(msn.With(bob), text)
			if sent.Acknowledged != switchboards {
				t.Errorf("acknowledged: %t", sent.Acknowledged)
			}
			if len(text) < 1000 {
				b.text(alice, text)
			}
		}
		b.whole(alice, long)
		back := b.say(msn.With(alice), "hello yourself")
		got := a.text(bob, "hello yourself")
		if got.Conversation.Group || got.ID == back.ID {
			t.Errorf("%+v", got)
		}
		signs := []msn.Message{&msn.Typing{From: bob}, &msn.Nudge{}}
		if switchboards {
			signs = append(signs, &msn.ClientCaps{ClientName: "x", ChatLogging: "Y"})
		}
		for _, m := range signs {
			_, err := b.Send(t.Context(), msn.With(alice), m)
			b.check(fmt.Sprintf("%T", m), err)
			await(a, fmt.Sprintf("%T", m), func(e msn.MessageReceived) bool {
				return fmt.Sprintf("%T", e.Message) == fmt.Sprintf("%T", m)
			})
		}
		b.check("sign out", b.SignOut(t.Context()))
		a.sees(bob, msn.Offline)
		if switchboards {
			await(a, "Bob leaving", func(p msn.ParticipantLeft) bool { return p.Passport == bob })
		}
		if _, err := a.Send(t.Context(), msn.With(bob), &msn.TextMessage{Text: "x"}); !errors.Is(err, msn.ErrContactOffline) {
			t.Errorf("to somebody offline: %v", err)
		}
		a.check("sign out", a.SignOut(t.Context()))
		if err := a.reason(); err != nil {
			t.Error(err)
		}
	})
}

// whole waits until the texts from somebody contain a long one, in one piece or split in order.
func (u *session) whole(from, text string) {
	u.t.Helper()
	words := strings.Fields(text)
	await(u, "the long text from "+from, func(msn.MessageReceived) bool {
		var got []string
		u.mu.Lock()
		defer u.mu.Unlock()
		for _, e := range u.events {
			if m, ok := e.(msn.MessageReceived); ok && m.From == from {
				if text, ok := m.Message.(*msn.TextMessage); ok {
					got = append(got, strings.Fields(text.Text)...)
				}
			}
		}
		return len(got) >= len(words) && slices.Equal(got[len(got)-len(words):], words)
	})
}

// TestGroupChat has three people, then four in one conversation.
func TestGroupChat(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a, b, c := signIn(t, s, alice, v), signIn(t, s, bob, v), signIn(t, s, carol, v)
		a.sees(bob, msn.Online)
		a.sees(carol, msn.Online)
		group := msn.With(bob, carol)
		sent := a.say(group, "hello both")
		if !sent.Conversation.Group || !sent.Conversation.SamePeople(group) {
			t.Errorf("%+v", sent.Conversation)
		}
		got := b.text(alice, "hello both")
		c.text(alice, "hello both")
		await(b, "Carol joining", func(j msn.ParticipantJoined) bool { return j.Conversation.Group })
		c.say(msn.With(alice, bob), "from Carol")
		if again := a.text(carol, "from Carol"); again.Conversation.Session != sent.Conversation.Session {
			t.Error("another switchboard was opened for the same people")
		}
		b.text(carol, "from Carol")
		b.check("leave", b.Leave(t.Context(), got.Conversation))
		left := await(a, "Bob leaving", func(l msn.ParticipantLeft) bool { return l.Passport == bob })
		if !left.Conversation.Group || !slices.Equal(left.Conversation.Participants, []string{carol}) {
			t.Errorf("%+v", left)
		}
		conv, err := a.Invite(t.Context(), sent.Conversation, bob)
		a.check("invite", err)
		if !conv.SamePeople(group) || conv.Session != sent.Conversation.Session {
			t.Errorf("%+v", conv)
		}
		a.say(conv, "welcome back")
		b.text(alice, "welcome back")
		c.text(alice, "welcome back")
	})
}

// TestList adds, renames, blocks and removes somebody, on both sides.
func TestList(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a, d := signIn(t, s, alice, v), signIn(t, s, dave, v)
		added, err := a.AddContact(t.Context(), "Dave@example.com", "Davey")
		a.check("add", err)
		if !added.On(msn.ForwardList | msn.AllowList) {
			t.Errorf("%+v", added)
		}
		await(d, "Alice's request", func(r msn.ContactRequest) bool { return r.Passport == alice })
		d.check("allow", d.Allow(t.Context(), alice))
		if c, _ := d.Contact(alice); !c.On(msn.AllowList|msn.ReverseList) || c.On(msn.PendingList) {
			t.Errorf("Alice at Dave's: %+v", c)
		}
		_, err = d.AddContact(t.Context(), alice, "")
		d.check("add", err)
		a.sees(dave, msn.Online)
		d.sees(alice, msn.Online)
		a.check("rename", a.RenameContact(t.Context(), dave, "David D"))
		if c, _ := a.Contact(dave); c.FriendlyName != "David D" {
			t.Errorf("%+v", c)
		}
		a.check("block", a.Block(t.Context(), dave))
		d.sees(alice, msn.Offline)
		if _, err := d.Send(t.Context(), msn.With(alice), &msn.TextMessage{Text: "x"}); err == nil {
			t.Error("a blocked person could call")
		}
		a.check("unblock", a.Allow(t.Context(), dave))
		d.settled()
		if p := d.PresenceOf(alice); p.Status != msn.Online {
			t.Errorf("after the block: %+v", p)
		}
		a.check("remove", a.RemoveContact(t.Context(), dave))
		await(d, "being removed", func(c msn.ContactChanged) bool {
			return c.Contact.Passport == alice && !c.Contact.On(msn.ReverseList)
		})
		if c, _ := a.Contact(dave); c.On(msn.ForwardList) {
			t.Errorf("%+v", c)
		}
		if _, err := a.AddContact(t.Context(), "nobody@example.com", ""); !errors.Is(err, msn.ErrUnknownAccount) {
			t.Errorf("add nobody: %v", err)
		}
		a.check("privacy", a.SetPrivacy(t.Context(), msn.BlockOthers))
		a.check("privacy again", a.SetPrivacy(t.Context(), msn.BlockOthers))
		if a.Privacy() != msn.BlockOthers {
			t.Error(a.Privacy())
		}
		a.check("name", a.SetFriendlyName(t.Context(), "Alice Ä 100%"))
		await(d, "the new name", func(p msn.PresenceChanged) bool { return p.Presence.FriendlyName == "Alice Ä 100%" })
	})
}

// TestGroups makes, renames, fills, empties and removes a group; it is there at the next sign-in.
func TestGroups(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := signIn(t, s, alice, v)
		g, err := a.AddGroup(t.Context(), "Work mates")
		if v < msn.MSNP7 {
			if !errors.Is(err, msn.ErrUnsupported) {
				t.Errorf("AddGroup = %v", err)
			}
			return
		}
		a.check("add group", err)
		a.check("rename group", a.RenameGroup(t.Context(), g.ID, "Job ä"))
		a.check("add to group", a.AddToGroup(t.Context(), bob, g.ID))
		if c, _ := a.Contact(bob); !slices.Contains(c.Groups, g.ID) {
			t.Errorf("%+v", c)
		}
		again := signIn(t, s, alice, v)
		if v >= msn.MSNP16 { // which let both stay
			a.check("sign out", a.SignOut(t.Context()))
		} else if err := a.reason(); !errors.Is(err, msn.ErrLoggedInElsewhere) {
			t.Errorf("the first session ended with %v", err)
		}
		if !slices.Contains(again.Groups(), msn.Group{ID: g.ID, Name: "Job ä"}) {
			t.Errorf("groups: %+v", again.Groups())
		}
		if c, _ := again.Contact(bob); !slices.Contains(c.Groups, g.ID) {
			t.Errorf("%+v", c)
		}
		again.check("remove from group", again.RemoveFromGroup(t.Context(), bob, g.ID))
		again.check("remove group", again.RemoveGroup(t.Context(), g.ID))
		if c, _ := again.Contact(bob); slices.Contains(c.Groups, g.ID) || slices.Contains(again.Groups(), g) {
			t.Errorf("%+v, %+v", c, again.Groups())
		}
		var refused *msn.ProtocolError
		if err := again.RemoveGroup(t.Context(), g.ID); !errors.As(err, &refused) && !errors.Is(err, msn.ErrNotOnList) {
			t.Errorf("remove a group twice: %v", err)
		}
	})
}

// TestPersonalMessage is shown from MSNP11 on.
func TestPersonalMessage(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a, b := signIn(t, s, alice, v), signIn(t, s, bob, v)
		want := msn.PersonalMessage{Text: "At <work> & play ☃"}
		err := a.SetPersonalMessage(t.Context(), want)
		if v < msn.MSNP11 {
			if !errors.Is(err, msn.ErrUnsupported) {
				t.Errorf("SetPersonalMessage = %v", err)
			}
			return
		}
		a.check("personal message", err)
		await(b, "the personal message", func(p msn.PersonalMessageChanged) bool {
			return p.Passport == alice && p.PersonalMessage.Text == want.Text
		})
	})
}

// TestMixedVersions lets old and new talk.
func TestMixedVersions(t *testing.T) {
	s := house(t, nil)
	a, b := signIn(t, s, alice, msn.MSNP2), signIn(t, s, bob, msn.MSNP12)
	a.sees(bob, msn.Online)
	b.sees(alice, msn.Online)
	a.say(msn.With(bob), "from the past")
	b.text(alice, "from the past")
	b.say(msn.With(alice), strings.Repeat("to the past ", 300))
	a.whole(bob, strings.Repeat("to the past ", 300))
}

// TestAuto offers everything and takes what the server likes.
func TestAuto(t *testing.T) {
	s := house(t, func(cfg *msntest.Config) {
		cfg.Refuse = slices.DeleteFunc(msn.Versions(), func(v msn.Version) bool { return v <= msn.MSNP10 })
	})
	if a := signIn(t, s, alice); a.Version() != msn.MSNP10 {
		t.Errorf("version %s", a.Version())
	}
	b := begin(t, s, bob, nil, msn.MSNP11, msn.MSNP12)
	if err := b.reason(); !errors.Is(err, msn.ErrVersionRefused) {
		t.Errorf("Run = %v", err)
	}
}

// TestWrongPassword is refused in both ways of signing in.
func TestWrongPassword(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := begin(t, s, alice, func(cfg *msn.Config) { cfg.Password = "wrong-password" }, v)
		err := a.reason()
		if !errors.Is(err, msn.ErrAuthFailed) {
			t.Fatalf("Run = %v", err)
		}
		if strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("the password is in the error: %v", err)
		}
	})
}

// TestServerGone tells every end by its reason.
func TestServerGone(t *testing.T) {
	s := house(t, nil)
	for reason, want := range map[string]error{"OTH": msn.ErrLoggedInElsewhere, "SSD": msn.ErrServerDown} {
		a := signIn(t, s, alice)
		s.Kick(alice, reason)
		if err := a.reason(); !errors.Is(err, want) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	a := signIn(t, s, alice)
	s.Drop(alice)
	if err := a.reason(); !errors.Is(err, msn.ErrClosed) {
		t.Errorf("dropped: %v", err)
	}
}

// TestTransports talks through TLS and through the gateway.
func TestTransports(t *testing.T) {
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	t.Run("TLS", func(t *testing.T) {
		s := house(t, func(cfg *msntest.Config) { cfg.TLS = &tls.Config{Certificates: certificate.TLS.Certificates} })
		secure := func(cfg *msn.Config) {
			cfg.Server.TLS = &tls.Config{RootCAs: rootsOf(certificate), ServerName: "example.com"}
		}
		a, b := begin(t, s, alice, secure), begin(t, s, bob, secure)
		a.settled()
		b.settled()
		a.say(msn.With(bob), "secret")
		b.text(alice, "secret")
		c := begin(t, s, carol, func(cfg *msn.Config) { cfg.Server.TLS = &tls.Config{ServerName: "example.com"} })
		var unknown *tls.CertificateVerificationError
		if err := c.reason(); !errors.As(err, &unknown) {
			t.Errorf("a certificate that nobody vouches for: %v", err)
		}
	})
	for _, v := range []msn.Version{msn.MSNP7, msn.MSNP12} {
		t.Run("gateway "+v.String(), func(t *testing.T) {
			s := house(t, nil)
			a := begin(t, s, alice, func(cfg *msn.Config) { cfg.Server.UseGateway = true }, v)
			a.settled()
			b := signIn(t, s, bob, v)
			a.sees(bob, msn.Online)
			a.say(msn.With(bob), "through the wall")
			b.text(alice, "through the wall")
			b.say(msn.With(alice), "and back")
			a.text(bob, "and back")
			a.check("sign out", a.SignOut(t.Context()))
			b.sees(alice, msn.Offline)
		})
	}
}

// BenchmarkSignIn signs in and out against msntest: sign-ins per second of both together.
func BenchmarkSignIn(b *testing.B) {
	for _, v := range []msn.Version{msn.MSNP7, msn.MSNP12} {
		b.Run(v.String(), func(b *testing.B) {
			s := house(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				a := signIn(b, s, alice, v)
				if err := a.SignOut(context.Background()); err != nil {
					b.Fatal(err)
				}
				if err := a.reason(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// rootsOf trusts the certificate of a test server.
func rootsOf(s *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}

// TestFaults has a service that fails in ways that can be told apart.
func TestFaults(t *testing.T) {
	cases := []struct {
		name   string
		faults msntest.Faults
		want   error
	}{
		{"nexus busy", msntest.Faults{Nexus: 503}, msn.ErrServerBusy},
		{"login busy", msntest.Faults{Login: 503}, msn.ErrServerBusy},
		{"login refuses", msntest.Faults{Login: 401}, msn.ErrAuthFailed},
		{"busy", msntest.Faults{Refuse: map[string]int{"USR": 910}}, msn.ErrServerBusy},
		{"cut off", msntest.Faults{DropAfter: 2}, msn.ErrClosed},
		{"garbage", msntest.Faults{Garbage: []byte("\x00\xff garbage\r\n")}, msn.ErrClosed},
		{"thrown out", msntest.Faults{OutAfterSignIn: "OTH"}, msn.ErrLoggedInElsewhere},
		{"sent on", msntest.Faults{MoveTo: "ns2.example.com:1863"}, msn.ErrMoved},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := house(t, nil)
			s.SetFaults(tc.faults)
			nexus := func(cfg *msn.Config) { cfg.Server.Tickets = []msn.TicketSource{msn.NexusTicket} }
			if err := begin(t, s, alice, nexus, msn.MSNP12).reason(); !errors.Is(err, tc.want) {
				t.Errorf("Run = %v, want %v", err, tc.want)
			}
			s.SetFaults(msntest.Faults{LoginRedirect: true})
			begin(t, s, alice, nexus, msn.MSNP12).settled()
		})
	}
}

// TestOtherProtocol has a port at which no MSN service answers, or one that is spoken to in the wrong way: the error says which.
func TestOtherProtocol(t *testing.T) {
	cases := []struct {
		name, answer, says string
		secured            bool
	}{
		{"HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP, and not MSNP", false},
		{"TLS", "\x15\x03\x01\x00\x02\x02\x0a", "TLS, and it is spoken to without", false},
		{"no TLS", "HTTP/1.1 400 Bad Request\r\n\r\n", "no TLS", true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			port, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				nc, err := port.Accept()
				if err != nil {
					return
				}
				_, _ = nc.Read(make([]byte, 100))    // whatever it is
				_, _ = io.WriteString(nc, tc.answer) // the client may be gone
				_ = nc.Close()
			}()
			t.Cleanup(func() { _ = port.Close(); <-ended })
			s := house(t, nil)
			here := func(cfg *msn.Config) {
				cfg.Server.Notification = port.Addr().String()
				if tc.secured {
					cfg.Server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
				}
			}
			if err := begin(t, s, alice, here, msn.MSNP12).reason(); !errors.Is(err, msn.ErrOtherProtocol) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Run = %v", err)
			}
		})
	}
}

// TestEndAtVER ends a sign-in in the moment in which the server picks the version; the race detector watches.
func TestEndAtVER(t *testing.T) {
	s := house(t, nil)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		client, err := msn.New(msn.Config{
			Server: s.MSN(), Passport: alice, Password: "secret", Versions: []msn.Version{msn.MSNP12}, Handler: func(context.Context, msn.Event) {},
			Trace: func(line string) {
				if strings.HasPrefix(line, "S: VER") {
					cancel()
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Run(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, msn.ErrClosed) {
			t.Errorf("Run = %v", err)
		}
		cancel()
	}
}

// TestRefusedMessages comes back with a NAK, between two people and in a group.
func TestRefusedMessages(t *testing.T) {
	s := house(t, nil)
	a, b := signIn(t, s, alice, msn.MSNP12), signIn(t, s, bob, msn.MSNP12)
	signIn(t, s, carol, msn.MSNP12)
	a.sees(carol, msn.Online)
	a.sees(bob, msn.Online)
	s.SetFaults(msntest.Faults{NAK: true})
	for _, to := range []msn.Conversation{msn.With(bob), msn.With(bob, carol)} {
		if _, err := a.Send(t.Context(), to, &msn.TextMessage{Text: "x"}); !errors.Is(err, msn.ErrNotDelivered) {
			t.Errorf("Send = %v", err)
		}
	}
	s.SetFaults(msntest.Faults{})
	a.say(msn.With(bob), "now it works")
	b.text(alice, "now it works")
}

// TestDispatch is sent on from a dispatch server, in each version's way, also to a service that behaves
// as the third-party one does.
func TestDispatch(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, func(cfg *msntest.Config) { cfg.Dispatch, cfg.Quirks = true, msntest.EscargotQuirks() })
		dispatched := func(cfg *msn.Config) { cfg.Server.Notification = s.DSAddr() }
		a, b := begin(t, s, alice, dispatched, v), begin(t, s, bob, dispatched, v)
		a.settled()
		b.settled()
		a.sees(bob, msn.Online)
		a.say(msn.With(bob), "hello")
		b.text(alice, "hello")
	})
}
