package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// chat is a house with Alice and Bob in a room.
func chat(t *testing.T, change func(*Config)) (*house, *person, id.RoomID) {
	t.Helper()
	h := newHouse(t, change)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	return h, bob, h.room(bobMSN)
}

func (h *house) goes(evt id.EventID) {
	h.t.Helper()
	if s := h.status(evt); s.Status != event.MessageStatusSuccess {
		h.t.Fatalf("status %+v", s)
	}
}

func TestReplyEditReactionRedaction(t *testing.T) {
	h, bob, room := chat(t, nil)
	first := h.say(room, "see you at eight")
	h.goes(first)
	bob.reads("see you at eight")

	h.goes(h.send(room, event.EventMessage, &event.MessageEventContent{
		MsgType: event.MsgText, Body: "or nine", RelatesTo: (&event.RelatesTo{}).SetReplyTo(first),
	}))
	bob.wait("the reply", func(e msn.Event) bool {
		return strings.Contains(textOf(e), "see you at eight") && strings.Contains(textOf(e), "or nine")
	})

	h.goes(h.send(room, event.EventMessage, &event.MessageEventContent{
		MsgType: event.MsgText, Body: "* see you at ten", RelatesTo: (&event.RelatesTo{}).SetReplace(first),
		NewContent: &event.MessageEventContent{MsgType: event.MsgText, Body: "see you at ten"},
	}))
	bob.reads("* see you at ten")

	bob.writes(msn.With(aliceMSN), "fine")
	h.heard(room, ghostOf(bobMSN), "fine")
	var fine id.EventID
	h.hs.wait(t, "Bob's event", func() bool {
		for _, e := range h.hs.rooms[room].events {
			if e.text() == "fine" {
				fine = e.id
			}
		}
		return fine != ""
	})
	reaction := &event.ReactionEventContent{RelatesTo: event.RelatesTo{Type: event.RelAnnotation, EventID: fine, Key: "👍"}}
	h.goes(h.send(room, event.EventReaction, reaction))
	bob.wait("the reaction", func(e msn.Event) bool { return strings.Contains(textOf(e), "“fine”") })

	s := h.status(h.send(room, event.EventRedaction, &event.RedactionEventContent{Redacts: first}))
	if !strings.Contains(s.Message, "cannot be unsent") || !s.SendNotice {
		t.Errorf("redaction: %+v", s)
	}
}

// textOf is the text of a message event, or "".
func textOf(e msn.Event) string {
	if m, ok := e.(msn.MessageReceived); ok {
		if text, ok := m.Message.(*msn.TextMessage); ok {
			return text.Text
		}
	}
	return ""
}

func TestFileWithoutLink(t *testing.T) {
	h, bob, room := chat(t, nil)
	s := h.status(h.send(room, event.EventMessage, &event.MessageEventContent{
		MsgType: event.MsgImage, Body: "holiday.jpg", URL: "mxc://example.org/abc", Info: &event.FileInfo{MimeType: "image/jpeg"},
	}))
	if s.Status != event.MessageStatusFail || !strings.Contains(s.Message, "the file itself was not sent") {
		t.Errorf("status %+v", s)
	}
	bob.wait("a word of the file", func(e msn.Event) bool { return strings.Contains(textOf(e), "holiday.jpg") })
}

func TestLongText(t *testing.T) {
	h, bob, room := chat(t, nil)
	long := strings.Repeat("Ünïcödé ☃ ", 1000)
	h.goes(h.say(room, long+"end"))
	bob.wait("the end", func(e msn.Event) bool { return strings.HasSuffix(textOf(e), "end") })
	if got := strings.Join(bob.texts(), ""); got != long+"end" {
		t.Errorf("%d bytes arrived of %d", len(got), len(long)+3)
	}
	bob.writes(msn.With(aliceMSN), long+"other end")
	h.hs.wait(t, "the other end", func() bool {
		return strings.Join(h.hs.messages(room, ghostOf(bobMSN)), "") == long+"other end"
	})
}

func TestMessagesBeforeTheRoomIsThere(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsOnMessage })
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprint(i))
		bob.writes(msn.With(aliceMSN), want[i])
	}
	room := h.room(bobMSN)
	h.heard(room, ghostOf(bobMSN), "39")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestUnknownMessageIsNamed(t *testing.T) {
	h, bob, room := chat(t, nil)
	unknown := &msn.Unknown{ContentType: "application/x-strange", Body: []byte("?")}
	if _, err := bob.Send(t.Context(), msn.With(aliceMSN), unknown); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "a notice", func() bool {
		return slices.ContainsFunc(h.hs.messages(room, ghostOf(bobMSN)), func(m string) bool { return strings.Contains(m, "application/x-strange") })
	})
}

func TestNotDelivered(t *testing.T) {
	h, _, room := chat(t, nil)
	h.msn.SetFaults(msntest.Faults{NAK: true, Passport: aliceMSN})
	if s := h.status(h.say(room, "hello")); s.Status == event.MessageStatusSuccess || !strings.Contains(s.Message, "could not deliver") {
		t.Errorf("status %+v", s)
	}
}

func TestWritingEndsHiding(t *testing.T) {
	h, bob, room := chat(t, nil)
	h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceOffline})
	bob.wait("Alice to be offline", func(e msn.Event) bool {
		p, ok := e.(msn.PresenceChanged)
		return ok && p.Passport == aliceMSN && p.Presence.Status == msn.Offline
	})
	h.goes(h.say(room, "I am still here"))
	bob.reads("I am still here")
}

func TestPasswordChangedOnTheService(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		s := c.Servers[serverName]
		s.Version, s.Tickets = versionList{"MSNP12"}, versionList{"nexus"}
		c.Servers[serverName] = s
	}).signedIn()
	h.msn.SetFaults(msntest.Faults{Login: 401, Passport: ""})
	h.msn.Kick(aliceMSN, "SSD")
	h.hs.wait(t, "the state to say so", func() bool {
		return slices.ContainsFunc(h.hs.states, func(s status.BridgeState) bool {
			return s.StateEvent == status.StateBadCredentials && s.Error == "msn-auth-failed"
		})
	})
	h.msn.SetFaults(msntest.Faults{})
	if err := h.login("secret"); err != nil { // logging in again mends it
		t.Fatal(err)
	}
	h.online()
}

func TestLoginFailuresHaveTheirOwnWords(t *testing.T) {
	h := newHouse(t, nil)
	for _, test := range []struct {
		faults msntest.Faults
		words  string
	}{
		{msntest.Faults{Refuse: map[string]int{"USR": 600}}, "busy"},
		{msntest.Faults{Refuse: map[string]int{"USR": 927}}, "does not let this account sign in"},
		{msntest.Faults{RSTDown: true}, "busy"},
		{msntest.Faults{ServiceFault: map[string]string{"FindMembership": "InternalError"}}, "contact list could not be read"},
	} {
		h.msn.SetFaults(test.faults)
		if err := h.login("secret"); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%+v: err = %v", test.faults, err)
		}
	}
	h.msn.SetFaults(msntest.Faults{})
	if err := h.msn.StopListening(); err != nil {
		t.Fatal(err)
	}
	if err := h.login("secret"); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("err = %v", err)
	}
}

func TestDisconnectWithoutConnect(t *testing.T) {
	h := newHouse(t, nil).signedIn()
	c := h.client()
	c.Disconnect()
	c.Disconnect()
	newClient(h.conn, c.login, c.server, c.passport).Disconnect()
	c.Connect(t.Context())
	c.Connect(t.Context())
	h.online()
}

// TestEveryVersion passes a text each way in each of them.
func TestEveryVersion(t *testing.T) {
	for _, v := range msn.Versions() {
		t.Run(v.String(), func(t *testing.T) {
			h, bob, room := chat(t, speaking(v))
			if got := h.online().msn.Version(); got != v {
				t.Errorf("speaks %s", got)
			}
			h.goes(h.say(room, "hello"))
			bob.reads("hello")
			bob.writes(msn.With(aliceMSN), "hi")
			h.heard(room, ghostOf(bobMSN), "hi")
		})
	}
}

func TestGatewayTransport(t *testing.T) {
	h, bob, room := chat(t, func(c *Config) {
		s := c.Servers[serverName]
		s.Transport = "gateway"
		c.Servers[serverName] = s
	})
	h.goes(h.say(room, "through the wall"))
	bob.reads("through the wall")
}

func TestTransactionSentTwice(t *testing.T) {
	h, bob, room := chat(t, nil)
	content := event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgText, Body: "once"}}
	for range 2 {
		h.dispatch(&event.Event{ID: "$same", RoomID: room, Sender: alice, Type: event.EventMessage, Content: content})
	}
	h.goes(h.say(room, "after"))
	bob.reads("after")
	if got := bob.texts(); !slices.Equal(got, []string{"once", "after"}) {
		t.Errorf("Bob read %q", got)
	}
}
