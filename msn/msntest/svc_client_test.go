package msntest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// client is package msn's client with what it has reported.
type client struct {
	*msn.Client
	t      *testing.T
	mu     sync.Mutex
	events []msn.Event
	news   chan struct{}
}

// enter signs in and waits for an answer, behind which everything has been told.
func enter(t *testing.T, s *msntest.Server, passport string, v msn.Version) *client {
	t.Helper()
	u := &client{t: t, news: make(chan struct{})}
	c, err := msn.New(msn.Config{
		Server: s.MSN(), Passport: passport, Password: "a long password: 25 letters", Versions: []msn.Version{v}, Limits: msn.Limits{Changes: -1},
		Handler: func(_ context.Context, e msn.Event) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.events = append(u.events, e)
			close(u.news)
			u.news = make(chan struct{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Client = c
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-end
	})
	waiting, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := c.Ping(waiting); err != nil {
		t.Fatalf("%s signs in with %s: %v", passport, v, err)
	}
	return u
}

// until waits for an event.
func (u *client) until(what string, want func(e msn.Event) bool) {
	u.t.Helper()
	expired := time.After(20 * time.Second)
	for {
		u.mu.Lock()
		events, news := slices.Clone(u.events), u.news
		u.mu.Unlock()
		if slices.ContainsFunc(events, want) {
			return
		}
		select {
		case <-news:
		case <-expired:
			u.t.Fatalf("no %s", what)
		}
	}
}

// good fails the test if something did not work.
func (u *client) good(what string, err error) {
	u.t.Helper()
	if err != nil {
		u.t.Errorf("%s: %v", what, err)
	}
}

// TestClient has package msn's client use the web services in every version that has them, and with the ways of Escargot. The
// services' own dialogues say what they do; this says that the two ends meet.
func TestClient(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP13, msn.MSNP14, msn.MSNP15, msn.MSNP16, msn.MSNP18, msn.MSNP21} {
		for name, quirks := range map[string]msntest.Quirks{"": {}, " escargot": msntest.EscargotQuirks()} {
			if name != "" && v > msn.MSNP18 {
				continue // it does not speak those
			}
			t.Run(v.String()+name, func(t *testing.T) {
				t.Parallel()
				useServices(t, v, quirks)
			})
		}
	}
}

func useServices(t *testing.T, v msn.Version, quirks msntest.Quirks) {
	var accounts []msntest.Account
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		accounts = append(accounts, msntest.Account{Passport: name + "@example.com", Password: "a long password: 25 letters", FriendlyName: name + " ☃"})
	}
	accounts[0].Friends = []string{"bob@example.com"}
	accounts[0].NoAddressBook = !quirks.LooseBook
	s := msntest.New(t, msntest.Config{
		Accounts: accounts, Quirks: quirks, Requests: []msntest.Request{{From: "dave@example.com", To: "alice@example.com", Text: "It is me"}},
		Offline: []msntest.Offline{{From: "bob@example.com", To: "alice@example.com", Text: "while you were away ☃", At: time.Unix(1e9, 0)}},
	})
	a := enter(t, s, "alice@example.com", v)
	a.read()
	a.edit(s)
	if v >= msn.MSNP15 { // before there is no ticket for it
		roam(t, a)
	}
}

// read looks at what was there before.
func (a *client) read() {
	t := a.t
	if c, ok := a.Contact("bob@example.com"); !ok || !c.On(msn.ForwardList|msn.AllowList|msn.ReverseList) || c.FriendlyName != "bob ☃" {
		t.Errorf("bob is %+v", c)
	}
	if c, ok := a.Contact("dave@example.com"); !ok || !c.On(msn.PendingList) {
		t.Errorf("dave is %+v", c)
	}
	a.until("offline message", func(e msn.Event) bool {
		const text, at = "while you were away ☃", 1e9
		switch e := e.(type) {
		case msn.OfflineMessageReceived:
			return e.OfflineMessage.Text == text && e.OfflineMessage.At.Unix() == at
		case msn.MessageReceived: // MSNP21 has it as any other message
			m, ok := e.Message.(*msn.TextMessage)
			return ok && m.Text == text && e.At.Unix() == at
		}
		return false
	})
}

// edit changes lists and book, and leaves a message.
func (a *client) edit(s *msntest.Server) {
	t, ctx := a.t, a.t.Context()
	if _, err := a.AddContact(ctx, "carol@example.com", ""); err != nil {
		t.Errorf("add carol: %v", err)
	}
	if _, err := a.AddContact(ctx, "nobody@example.com", ""); !errors.Is(err, msn.ErrUnknownAccount) {
		t.Errorf("add nobody: %v", err)
	}
	g, err := a.AddGroup(ctx, "Work")
	a.good("group", err)
	a.good("into the group", a.AddToGroup(ctx, "carol@example.com", g.ID))
	a.good("other name", a.RenameGroup(ctx, g.ID, "Job"))
	a.good("nickname", a.RenameContact(ctx, "carol@example.com", "Caz & Co"))
	a.good("block", a.Block(ctx, "bob@example.com"))
	if state := s.Account("alice@example.com"); !state.On("bob@example.com", msn.BlockList) || state.On("bob@example.com", msn.AllowList) {
		t.Error("bob is not blocked")
	}
	a.good("allow", a.Allow(ctx, "bob@example.com"))
	a.good("accept", a.Allow(ctx, "dave@example.com"))
	a.good("name", a.SetFriendlyName(ctx, "Alice the Great"))
	a.good("privacy", a.SetPrivacy(ctx, msn.BlockOthers))
	state := s.Account("alice@example.com")
	if !state.On("dave@example.com", msn.AllowList|msn.ReverseList) || state.On("dave@example.com", msn.PendingList) {
		t.Errorf("dave has not been accepted: %+v", state.Contacts)
	}
	if !state.On("bob@example.com", msn.AllowList) || state.FriendlyName != "Alice the Great" || state.Privacy != msn.BlockOthers {
		t.Errorf("got %+v", state)
	}
	i := slices.IndexFunc(state.Contacts, func(c msn.Contact) bool { return c.Passport == "carol@example.com" })
	if i < 0 || state.Contacts[i].FriendlyName != "Caz & Co" || !slices.Equal(state.Contacts[i].Groups, []string{state.Groups[0].ID}) || state.Groups[0].Name != "Job" {
		t.Errorf("carol is not where she was put: %+v", state.Contacts)
	}
	_, err = a.SendOffline(ctx, "carol@example.com", "for later")
	a.good("offline message", err)
	a.good("barrier", a.Ping(ctx))
	if left := s.OfflineMessages("carol@example.com"); len(left) != 1 || left[0].Text != "for later" {
		t.Errorf("left %+v", left)
	}
	a.good("remove", a.RemoveContact(ctx, "carol@example.com"))
	if s.Account("alice@example.com").On("carol@example.com", msn.ForwardList) {
		t.Error("carol is on the list still")
	}
}

// roam writes and reads the roaming profile.
func roam(t *testing.T, a *client) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 10, 10))); err != nil {
		t.Fatal(err)
	}
	want := msn.RoamingProfile{DisplayName: "Al", PersonalMessage: "<3", Picture: b.Bytes(), PictureType: "image/png"}
	a.good("roaming profile", a.SetRoamingProfile(t.Context(), want))
	got, err := a.RoamingProfile(t.Context())
	if err != nil || got.DisplayName != want.DisplayName || got.PersonalMessage != want.PersonalMessage || !bytes.Equal(got.Picture, want.Picture) {
		t.Errorf("got %s, %v", fmt.Sprintf("%.60v", got), err)
	}
}
