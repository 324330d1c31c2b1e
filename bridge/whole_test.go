package bridge

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

func TestTextBothWays(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)

	for _, text := range []string{"one", "two\nlines", "three ☃"} {
		if s := h.status(h.say(room, text)); s.Status != event.MessageStatusSuccess {
			t.Fatalf("%q: status %+v", text, s)
		}
	}
	bob.reads("three ☃")
	if got := bob.texts(); !slices.Equal(got, []string{"one", "two\nlines", "three ☃"}) {
		t.Errorf("Bob read %q", got)
	}
	for _, text := range []string{"four", "five", "six"} {
		bob.writes(msn.With(aliceMSN), text)
	}
	h.heard(room, ghostOf(bobMSN), "six")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, []string{"four", "five", "six"}) {
		t.Errorf("Alice read %q", got)
	}
	if name := h.hs.names[ghostOf(bobMSN)]; name != "Bob B" {
		t.Errorf("Bob's ghost is called %q", name)
	}
}

func TestGreeting(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.told("2 contacts, 1 of them online")
}

func TestWrongPassword(t *testing.T) {
	h := newHouse(t, nil)
	err := h.login("wrong")
	if err == nil || !strings.Contains(err.Error(), "does not accept this address and password") {
		t.Errorf("err = %v", err)
	}
	if len(h.user.GetUserLogins()) != 0 {
		t.Error("a login was stored")
	}
}

func TestLoginThroughTheBot(t *testing.T) {
	h := newHouse(t, nil)
	ctx := h.br.Log.WithContext(t.Context())
	management, err := h.user.GetManagementRoom(ctx)
	if err != nil {
		t.Fatal(err)
	}
	h.say(management, "login")
	h.told("MSN address")
	h.say(management, aliceMSN)
	h.told("enter your password")
	h.say(management, "secret")
	h.told("Logged in as " + aliceMSN)
	h.online()
	h.hs.wait(t, "the password to be redacted", func() bool {
		return slices.ContainsFunc(h.hs.rooms[management].events, func(e sent) bool { return e.kind == event.EventRedaction })
	})
}

func TestTyping(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	if _, err := bob.Send(t.Context(), msn.With(aliceMSN), &msn.Typing{From: bobMSN}); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Bob to be typing", func() bool { return h.hs.typing[string(room)+" "+string(ghostOf(bobMSN))] == typingShown })
	typing := func(users ...any) {
		content := &event.TypingEventContent{}
		if len(users) > 0 {
			content.UserIDs = append(content.UserIDs, alice)
		}
		evt := &event.Event{RoomID: room, Type: event.EphemeralEventTyping, Content: event.Content{Parsed: content}}
		evt.Mautrix.EventSource = event.SourceEphemeral
		h.dispatch(evt)
	}
	typing(alice)
	bob.wait("Alice to be typing", func(e msn.Event) bool {
		m, ok := e.(msn.MessageReceived)
		if !ok {
			return false
		}
		_, ok = m.Message.(*msn.Typing)
		return ok && m.From == aliceMSN
	})
	typing()
}

func TestNudge(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	for range 2 {
		if _, err := bob.Send(t.Context(), msn.With(aliceMSN), &msn.Nudge{}); err != nil {
			t.Fatal(err)
		}
	}
	h.hs.wait(t, "two nudges, of which one pings", func() bool {
		var kinds []event.MessageType
		for _, e := range h.hs.rooms[room].events {
			if m, ok := e.content.Parsed.(*event.MessageEventContent); ok && e.sender == ghostOf(bobMSN) {
				kinds = append(kinds, m.MsgType)
			}
		}
		return slices.Equal(kinds, []event.MessageType{msnfmt.MsgNudge, event.MsgNotice})
	})
	if s := h.status(h.say(room, "nudge!")); s.Status != event.MessageStatusSuccess {
		t.Fatalf("status %+v", s)
	}
	bob.wait("a nudge", func(e msn.Event) bool {
		m, ok := e.(msn.MessageReceived)
		if !ok {
			return false
		}
		_, ok = m.Message.(*msn.Nudge)
		return ok
	})
	if s := h.status(h.say(room, "nudge!")); s.Status != event.MessageStatusFail {
		t.Errorf("a second nudge at once: status %+v", s)
	}
}

func TestPresence(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	shows := func(want view) {
		t.Helper()
		h.hs.wait(t, "Bob to be "+string(want.presence)+" "+want.message, func() bool { return h.hs.presence[ghostOf(bobMSN)] == want })
	}
	shows(view{event.PresenceOnline, ""})
	if err := bob.SetPresence(t.Context(), msn.Presence{Status: msn.Busy}); err != nil {
		t.Fatal(err)
	}
	shows(view{presenceBusy, "Busy"})
	if err := bob.SetPersonalMessage(t.Context(), msn.PersonalMessage{Text: "at work"}); err != nil {
		t.Fatal(err)
	}
	shows(view{presenceBusy, "at work"})

	sees := func(want msn.Status) {
		t.Helper()
		bob.wait("Alice to be "+want.Word(), func(e msn.Event) bool {
			p, ok := e.(msn.PresenceChanged)
			return ok && p.Passport == aliceMSN && p.Presence.Status == want
		})
	}
	sees(msn.Online)
	h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceUnavailable, StatusMessage: "tea"})
	sees(msn.Idle)
	bob.wait("Alice's message", func(e msn.Event) bool {
		p, ok := e.(msn.PersonalMessageChanged)
		return ok && p.Passport == aliceMSN && p.PersonalMessage.Text == "tea"
	})
	h.hs.heard(t.Context(), ghostOf(bobMSN), &event.PresenceEventContent{Presence: event.PresenceOffline}) // an echo

	if err := bob.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(view{presence: event.PresenceOffline})
}

func TestPresenceEndsWithTheSession(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.hs.wait(t, "Bob to be online", func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOnline })
	h.client().Disconnect()
	h.hs.wait(t, "Bob to be offline", func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOffline })
}

// TestOfflineContact says why a text does not go where the service keeps none.
func TestOfflineContact(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		speaking(msn.MSNP10)(c)
		c.Contacts.CreateRooms = roomsAll
	})
	h.signedIn()
	s := h.status(h.say(h.room(bobMSN), "are you there?"))
	if s.Status == event.MessageStatusSuccess || !strings.Contains(s.Message, "not online") || !s.SendNotice {
		t.Errorf("status %+v", s)
	}
}

func TestRestart(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	bob.writes(msn.With(aliceMSN), "before")
	h.heard(room, ghostOf(bobMSN), "before")
	h.restart()
	h.online()
	bob.writes(msn.With(aliceMSN), "after")
	h.heard(room, ghostOf(bobMSN), "after")
	h.status(h.say(room, "hello again"))
	bob.reads("hello again")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("Bob's messages: %q", got)
	}
	chats := 0
	for _, r := range h.hs.rooms {
		if r.direct && r.members[ghostOf(bobMSN)] != nil {
			chats++
		}
	}
	if chats != 1 {
		t.Errorf("%d rooms with Bob", chats)
	}
}

func TestSignedInElsewhere(t *testing.T) {
	h := newHouse(t, speaking(msn.MSNP12))
	h.signedIn()
	other := h.personWith(aliceMSN, msn.Online, msn.MSNP12)
	h.hs.wait(t, "the state to say so", func() bool {
		return len(h.hs.states) > 0 && h.hs.states[len(h.hs.states)-1].Error == "msn-elsewhere"
	})
	if err := other.Ping(t.Context()); err != nil {
		t.Errorf("the bridge fights: %v", err)
	}
	h.restart() // which is no reason to fight either
	if err := other.Ping(t.Context()); err != nil {
		t.Errorf("the bridge fights after a restart: %v", err)
	}
	h.dispatch(&event.Event{ID: "$r", RoomID: "!any:" + domain, Sender: alice, Type: event.EventMessage, Content: event.Content{
		Parsed: &event.MessageEventContent{MsgType: event.MsgText, Body: "!msn reconnect"},
	}})
	h.online()
}

func TestServiceDownAndUp(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	if err := h.msn.StopListening(); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "the state to say so", func() bool {
		return slices.ContainsFunc(h.hs.states, func(s status.BridgeState) bool {
			return s.StateEvent == status.StateTransientDisconnect && s.Error == "msn-unreachable"
		})
	})
	if err := h.msn.Resume(); err != nil {
		t.Fatal(err)
	}
	h.online()
}

func TestStartChat(t *testing.T) {
	h := newHouse(t, nil)
	eve := h.person("eve@example.com", msn.Online)
	h.signedIn()
	management, err := h.user.GetManagementRoom(h.br.Log.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	h.say(management, "start-chat eve@example.com")
	room := h.room("eve@example.com")
	h.status(h.say(room, "hello Eve"))
	eve.reads("hello Eve")
	h.say(management, "list")
	h.told("carol@example.com")
	h.say(management, "status busy at lunch")
	h.told("Your MSN status is Busy: at lunch")
}

func TestContactRequest(t *testing.T) {
	h := newHouse(t, nil)
	eve := h.person("eve@example.com", msn.Online)
	h.signedIn()
	if _, err := eve.AddContact(t.Context(), aliceMSN, "Alice"); err != nil {
		t.Fatal(err)
	}
	room := h.room("eve@example.com")
	h.heardPart(room, ghostOf("eve@example.com"), "has added you")
	if contact, ok := h.online().msn.Contact("eve@example.com"); ok && contact.On(msn.AllowList) {
		t.Error("Eve was accepted in silence")
	}
	h.send(room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: "!msn accept"})
	h.told("eve@example.com is on your contact list")
	if contact, _ := h.online().msn.Contact("eve@example.com"); !contact.On(msn.ForwardList | msn.AllowList) {
		t.Errorf("Eve is %+v", contact)
	}
}

// TestAnsweringARequestAcceptsIt writes in the room of a request instead of giving the command.
func TestAnsweringARequestAcceptsIt(t *testing.T) {
	h := newHouse(t, nil)
	eve := h.person("eve@example.com", msn.Online)
	h.signedIn()
	if _, err := eve.AddContact(t.Context(), aliceMSN, "Alice"); err != nil {
		t.Fatal(err)
	}
	room := h.room("eve@example.com")
	h.heardPart(room, ghostOf("eve@example.com"), "has added you")
	if s := h.status(h.say(room, "hello, stranger")); s.Status != event.MessageStatusSuccess {
		t.Fatalf("status %+v", s)
	}
	eve.reads("hello, stranger")
	if contact, _ := h.online().msn.Contact("eve@example.com"); !contact.On(msn.ForwardList | msn.AllowList) {
		t.Errorf("Eve is %+v", contact)
	}
}

// heardPart waits for a message that contains a text.
func (h *house) heardPart(room id.RoomID, from id.UserID, part string) {
	h.t.Helper()
	h.hs.wait(h.t, part, func() bool {
		return slices.ContainsFunc(h.hs.messages(room, from), func(m string) bool { return strings.Contains(m, part) })
	})
}

// TestStopWithMessagesUnderway stops the bridge while a room still has messages to write: they are written first.
func TestStopWithMessagesUnderway(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	began, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.hs.onSend = func(s sent) {
		if s.sender == ghostOf(bobMSN) && s.kind == event.EventMessage {
			once.Do(func() { close(began) })
			<-goOn
		}
	}
	h.signedIn()
	room := h.room(bobMSN)
	for _, text := range []string{"one", "two", "three"} {
		bob.writes(msn.With(aliceMSN), text)
	}
	<-began
	u := &h.client().underway
	for n := 0; n < 3; { // until all are in the bridge
		if sleep(t.Context(), 1) != nil {
			t.Fatal("they never come")
		}
		u.mu.Lock()
		n = u.n
		u.mu.Unlock()
	}
	cfg := h.conn.Config
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.br.StopWithTimeout(10 * time.Second)
	}()
	if err := h.msn.WaitStatus(t.Context(), aliceMSN, msn.Offline); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	<-stopped
	h.start(func(c *Config) { *c = cfg })
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("on Matrix are %q", got)
	}
}
