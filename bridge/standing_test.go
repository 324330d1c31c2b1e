package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// pings counts the bot's messages that contain a text and mention Alice.
func (h *house) pings(text string) (n int) {
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for _, r := range h.hs.rooms {
		for _, e := range r.events {
			if m, ok := e.content.Parsed.(*event.MessageEventContent); ok && e.sender == botID && strings.Contains(m.Body, text) && m.Mentions.Has(alice) {
				n++
			}
		}
	}
	return n
}

// bot counts the bot's messages that contain a text.
func (h *house) bot(text string) (n int) {
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for roomID := range h.hs.rooms {
		for _, m := range h.hs.messages(roomID, botID) {
			if strings.Contains(m, text) {
				n++
			}
		}
	}
	return n
}

// TestLostLoginIsToldOnce tells that another client has taken the account over, with a ping, and does not fight: not after a restart either.
func TestLostLoginIsToldOnce(t *testing.T) {
	h := newHouse(t, speaking(msn.MSNP12))
	h.signedIn()
	const lost = "is not signed in to MSN any more"
	other := h.personWith(aliceMSN, msn.Online, msn.MSNP12)
	h.told(lost)
	if n := h.pings("at another place"); n != 1 {
		t.Errorf("%d pings", n)
	}
	for range 2 {
		h.restart()
		<-h.client().running.done
	}
	if n := h.pings(lost); n != 1 {
		t.Errorf("%d pings after two restarts", n)
	}
	if err := other.Ping(t.Context()); err != nil {
		t.Errorf("the other client was put out: %v", err)
	}
	h.command("reconnect", "Signing in to MSN again")
	h.online()
	if l, err := h.client().memory.get(t.Context()); err != nil || l.Lost != "" {
		t.Errorf("%+v %v", l, err)
	}
}

// TestOutageIsTold tells that MSN has been away for long, once, and that it is back.
func TestOutageIsTold(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Connect.TellAfter = duration{Duration: 50 * time.Millisecond} })
	h.signedIn()
	if err := h.msn.StopListening(); err != nil {
		t.Fatal(err)
	}
	h.msn.Drop(aliceMSN)
	h.told("has not been signed in to MSN for less than a minute")
	if err := h.msn.Resume(); err != nil {
		t.Fatal(err)
	}
	h.told("is signed in to MSN again")
	if h.measured("matrix_msn_reconnects_total", "value:0}") || !h.measured("matrix_msn_reconnects_total") {
		t.Error("no reconnects are counted")
	}
}

// TestStateOfAll looks at what Prometheus is told of the whole.
func TestStateOfAll(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.hs.wait(t, "Bob online", func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOnline })
	h.status(h.say(room, "hello"))
	bob.reads("hello")
	bob.writes(msn.With(aliceMSN), "hi")
	h.heard(room, ghostOf(bobMSN), "hi")
	h.command("sync", "in step")
	for _, want := range []string{
		`matrix_msn_logins.*CONNECTED.*value:1`, `matrix_msn_contacts.*value:2`, `matrix_msn_ghosts_online.*value:1`,
		`matrix_msn_switchboards.*value:1`, `matrix_msn_presence_updates_total.*change`, `matrix_msn_to_msn_seconds.*sample_count:1`,
		`matrix_msn_to_matrix_seconds.*sample_count:1`,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		for parts := strings.Split(want, ".*"); !h.measured(parts...); { // what is counted at the end of the handling is seen a moment later
			if sleep(ctx, time.Millisecond) != nil {
				t.Fatalf("%s is missing", want)
			}
		}
		cancel()
	}
}

// measured tells whether a metric has all these words.
func (h *house) measured(words ...string) bool {
	h.t.Helper()
	families, err := h.conn.metrics.registry.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		line := strings.ReplaceAll(f.String(), " ", "")
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}

// TestLostOnMatrix: what the homeserver refuses is counted, and the user reads it elsewhere.
func TestLostOnMatrix(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	bob.writes(msn.With(aliceMSN), "first")
	h.heard(room, ghostOf(bobMSN), "first")
	h.hs.change(func() { h.hs.refuse = map[id.RoomID]error{room: mautrix.MForbidden} })
	bob.writes(msn.With(aliceMSN), "a `*lost*` word")
	h.told("it could not be brought into the room: ``a `*lost*` word``")
	if _, err := bob.Send(t.Context(), msn.With(aliceMSN), &msn.Nudge{}); err != nil {
		t.Fatal(err)
	}
	h.told("(bob@example.com) sent something that could not be brought into the room")
	for outcome, n := range map[string]int{outcomeSent: 1, outcomeFailed: 2} {
		if !h.measured("matrix_msn_messages_total", fmt.Sprintf(`value:"to_matrix"}label:{name:"outcome"value:%q}counter:{value:%d`, outcome, n)) {
			t.Errorf("%d messages are not %s", n, outcome)
		}
	}
}

// TestHomeserverAway writes from MSN while the homeserver does not answer, into a room and where there is none yet. All is on Matrix
// when it is back, in order, once.
func TestHomeserverAway(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsOnMessage })
	bob, carol := h.person(bobMSN, msn.Online), h.person(carolMSN, msn.Online)
	h.signedIn()
	bob.writes(msn.With(aliceMSN), "before")
	room := h.room(bobMSN)
	h.hs.change(func() { h.hs.away = true })
	for _, text := range []string{"one", "two"} {
		bob.writes(msn.With(aliceMSN), text)
		carol.writes(msn.With(aliceMSN), text)
	}
	for h.conn.health.lost() == nil {
		if sleep(t.Context(), 1) != nil {
			t.Fatal("nobody notices")
		}
	}
	h.hs.change(func() { h.hs.away = false })
	h.conn.health.look(t.Context())
	h.heard(room, ghostOf(bobMSN), "two")
	other := h.room(carolMSN)
	h.heard(other, ghostOf(carolMSN), "two")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, []string{"before", "one", "two"}) {
		t.Errorf("from Bob are %q", got)
	}
	if got := h.hs.messages(other, ghostOf(carolMSN)); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("from Carol are %q", got)
	}
}
