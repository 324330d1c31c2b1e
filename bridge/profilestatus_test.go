package bridge

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

func TestStatusOf(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct {
		view view
		want profileStatus
	}{
		{view{event.PresenceOnline, "hello there"}, profileStatus{"💬", "hello there"}},
		{view{event.PresenceOnline, "♪ The Beatles - Yesterday"}, profileStatus{"🎵", "The Beatles - Yesterday"}},
		{view{presenceBusy, "Busy"}, profileStatus{"⛔", "Busy"}},
		{view{event.PresenceUnavailable, "Away"}, profileStatus{"💤", "Away"}},
		{view{event.PresenceOnline, long}, profileStatus{"💬", strings.Repeat("ä", 128)}},
		{view{event.PresenceOnline, "x" + long}, profileStatus{"💬", "x" + strings.Repeat("ä", 127)}},
	} {
		got := fieldOf(statusOf(c.view))
		if got == nil || *got != c.want || !utf8.ValidString(got.Text) {
			t.Errorf("%v: %+v", c.view, got)
		}
	}
	for _, nothing := range []view{{event.PresenceOnline, ""}, {event.PresenceOffline, "hi"}} {
		if got := fieldOf(statusOf(nothing)); got != nil {
			t.Errorf("%v: %+v", nothing, got)
		}
	}
}

// statusNotes is a homeserver's half of profile fields.
type statusNotes struct{ told []string }

func (n *statusNotes) SetGhostStatus(_ context.Context, ghost networkid.UserID, s *profileStatus) error {
	line := string(ghost)
	if s != nil {
		line += " " + s.Emoji + s.Text
	}
	n.told = append(n.told, line)
	return nil
}

func (n *statusNotes) take() string {
	told := strings.Join(n.told, ", ")
	n.told = nil
	return told
}

// TestProfileStatuses writes what has changed, once, over a restart as well, and clears what nobody confirms.
func TestProfileStatuses(t *testing.T) {
	main, err := dbutil.NewFromConfig("test", dbutil.Config{PoolConfig: dbutil.PoolConfig{
		Type: "sqlite3-fk-wal", URI: "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate", MaxOpenConns: 1,
	}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = main.Close() }()
	db := database.New(main, dbutil.NoopLogger)
	if err := db.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	notes := &statusNotes{}
	write := func(p *profileStatuses) {
		for ghost, status, ok := p.next(); ok; ghost, status, ok = p.next() {
			if err := p.write(t.Context(), ghost, status); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(when, want string) {
		t.Helper()
		if got := notes.take(); got != want {
			t.Errorf("%s: told %q, want %q", when, got, want)
		}
	}
	p := newProfileStatuses(notes, db)
	p.see("bob", online("hi"))
	p.see("carol", online("ho"))
	p.see("bob", online("hello"))
	write(p)
	expect("two ghosts", "bob 💬hello, carol 💬ho")
	p.see("bob", online("hello"))
	p.see("bob", view{presence: event.PresenceOffline})
	p.see("bob", online("hello"))
	write(p)
	expect("nothing new in the end", "")

	p = newProfileStatuses(notes, db) // the bridge starts anew
	stored, err := p.load(t.Context())
	if err != nil || len(stored) != 2 {
		t.Fatalf("%v %v", stored, err)
	}
	p.see("bob", online("hello"))
	write(p)
	expect("what the homeserver knows", "")
	p.drop(stored, map[networkid.UserID]bool{"bob": true})
	write(p)
	expect("what nobody confirms", "carol")
	if got, err := db.GhostStatuses(t.Context()); err != nil || len(got) != 1 || got["bob"] != "💬 hello" {
		t.Errorf("%v %v", got, err)
	}
}

func TestPersonalOf(t *testing.T) {
	for text, want := range map[string]string{
		"hello": "hello||", "♪ The Beatles - Yesterday": "||The Beatles - Yesterday", "🎵Yesterday": "||Yesterday", "♪": "♪||", "": "||",
	} {
		p := personalOf(text)
		if got := p.Text + "||" + p.Media.Text(); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	// What goes out as a song comes back as one.
	if got := viewOf(msn.Online, personalOf("♪ A - B")).message; got != "♪ A - B" {
		t.Errorf("%q", got)
	}
}

// TestWhatContactsSay shows a personal message in presence and in the profile, and takes both away.
func TestWhatContactsSay(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	if err := bob.SetPersonalMessage(t.Context(), msn.PersonalMessage{Text: "שלום"}); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Bob's message", func() bool {
		return h.hs.says[ghostOf(bobMSN)].Text == "שלום" && h.hs.presence[ghostOf(bobMSN)].message == "שלום"
	})
	if err := bob.SetPersonalMessage(t.Context(), personalOf("♪ Air - La femme d'argent")); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Bob's song", func() bool { return h.hs.says[ghostOf(bobMSN)] == profileStatus{"🎵", "Air - La femme d'argent"} })
	h.hs.change(func() { h.hs.presence[alice] = view{event.PresenceOnline, "♪ Moby - Porcelain"} })
	h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceOnline, StatusMessage: "♪ Moby - Porcelain"})
	bob.wait("Alice's song", func(e msn.Event) bool {
		p, ok := e.(msn.PersonalMessageChanged)
		return ok && p.Passport == aliceMSN && p.PersonalMessage.Media.Text() == "Moby - Porcelain"
	})
	if err := bob.SetPresence(t.Context(), msn.Presence{Status: msn.Hidden}); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Bob to be gone", func() bool {
		_, says := h.hs.says[ghostOf(bobMSN)]
		return !says && h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOffline
	})
}
