package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestOfflineMessagesOut leaves texts with the service while the contact is away; the room is told once.
func TestOfflineMessagesOut(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsAll })
	h.signedIn()
	room := h.room(bobMSN)
	for _, text := range []string{"are you there?", "call me"} {
		if s := h.status(h.say(room, text)); s.Status != event.MessageStatusSuccess {
			t.Errorf("%q: status %+v", text, s)
		}
	}
	bob := h.person(bobMSN, msn.Online)
	for _, text := range []string{"are you there?", "call me"} {
		bob.wait(text, func(e msn.Event) bool {
			m, ok := e.(msn.OfflineMessageReceived)
			return ok && m.OfflineMessage.Text == text && m.OfflineMessage.From == aliceMSN
		})
	}
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	told := 0
	for _, m := range h.hs.messages(room, botID) {
		if strings.Contains(m, "keeps your messages") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the room was told %d times", told)
	}
}

// TestOfflineMessagesIn brings what waited into the room, with its time, once, and deletes it only then.
func TestOfflineMessagesIn(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	want := []string{"where are you?", "call me 📞"}
	for _, text := range want {
		if _, err := bob.SendOffline(t.Context(), aliceMSN, text); err != nil {
			t.Fatal(err)
		}
	}
	h.signedIn()
	room := h.room(bobMSN)
	for _, text := range want {
		h.heard(room, ghostOf(bobMSN), text)
	}
	h.restart()
	h.online()
	bob.writes(msn.With(aliceMSN), "there you are")
	h.heard(room, ghostOf(bobMSN), "there you are")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, append(want, "there you are")) {
		t.Errorf("Bob's messages: %q", got)
	}
}

// TestWrittenElsewhere shows what the user writes at another place as the user's own.
func TestWrittenElsewhere(t *testing.T) {
	h, bob, room := chat(t, nil)
	home := h.person(aliceMSN, msn.Online)
	if _, err := home.Send(t.Context(), msn.With(bobMSN), &msn.TextMessage{Text: "from home"}); err != nil {
		t.Fatal(err)
	}
	bob.reads("from home")
	own := ghostOf(aliceMSN)
	h.hs.wait(t, "the text from home", func() bool {
		return slices.Contains(h.hs.messages(room, own), "from home") || slices.Contains(h.hs.messages(room, alice), "from home")
	})
	a, again, b := h.conn.machine("a"), h.conn.machine("a"), h.conn.machine("b")
	if a == b || a != again || len(a) != 36 {
		t.Errorf("machines: %s, %s, %s", a, again, b)
	}
}

// TestMissingChunks says so when a part of a long message never came.
func TestMissingChunks(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	for missing, want := range map[int]string{1: "One part of this message", 3: "3 parts of this message"} {
		contents := h.client().toMatrix(t.Context(), "!room:example.org", msn.MessageReceived{
			From: bobMSN, Message: &msn.TextMessage{Text: "it begins"}, MissingChunks: missing,
		})
		if len(contents) != 2 || contents[0].Body != "it begins" || !strings.HasPrefix(contents[1].Body, want) || contents[1].MsgType != event.MsgNotice {
			t.Errorf("%d missing: %+v", missing, contents)
		}
	}
}

// TestProfile shows and changes what the service keeps of the user.
func TestProfile(t *testing.T) {
	h, bob, room := chat(t, nil)
	command := func(text, want string) {
		h.send(room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: "!msn profile" + text})
		h.told(want)
	}
	command(" message down the *rabbit* hole", "The MSN service keeps it for your other programs.")
	command(" name  Алиса & <b> ♥", "Your contacts see your new name. The MSN service keeps it for your other programs.")
	bob.wait("Alice's new name", func(e msn.Event) bool {
		changed, ok := e.(msn.PresenceChanged)
		return ok && changed.Passport == aliceMSN && changed.Presence.FriendlyName == "Алиса & <b> ♥"
	})
	command("", "* name: Алиса & <b> ♥\n* message: down the *rabbit* hole\n* picture: none")
	command(" name", "Write `profile`")
}

// roomOf waits for the room of a portal. It reads the database, as bridgev2 does not lock a portal while it makes a room for it.
func (h *house) roomOf(key networkid.PortalKey) (found id.RoomID) {
	h.t.Helper()
	h.hs.wait(h.t, "the room of "+string(key.ID), func() bool {
		row, err := h.br.DB.Portal.GetByKey(h.t.Context(), key)
		if err == nil && row != nil {
			found = row.MXID
		}
		return found != ""
	})
	return found
}

// TestCircleRooms makes a room for a circle, with its people and their talk.
func TestCircleRooms(t *testing.T) {
	h, bob, _ := chat(t, nil)
	s := h.online()
	made, err := s.msn.CreateCircle(t.Context(), "Chess club")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.msn.InviteToCircle(t.Context(), made.ID, bobMSN, "come!"); err != nil {
		t.Fatal(err)
	}
	bob.wait("an invitation", func(e msn.Event) bool {
		c, ok := e.(msn.CirclesChanged)
		return ok && slices.ContainsFunc(c.Circles, func(c msn.Circle) bool { return c.ID == made.ID && c.Role == msn.RoleInvited })
	})
	if err := bob.AnswerCircle(t.Context(), made.ID, true); err != nil {
		t.Fatal(err)
	}
	room := h.roomOf(circleKey(serverName, made.ID))
	if _, err := bob.Send(t.Context(), msn.Conversation{Circle: made.ID, Group: true}, &msn.TextMessage{Text: "e4"}); err != nil {
		t.Fatal(err)
	}
	h.heard(room, ghostOf(bobMSN), "e4")
	h.goes(h.say(room, "e5"))
	bob.reads("e5")
	if key := circleKey("local", "x"); key.Receiver != "" {
		t.Errorf("%+v has a receiver", key)
	}
}

// TestCircleNames puts the name of a circle's room back at once, as package msn cannot give a circle another.
func TestCircleNames(t *testing.T) {
	h := newHouse(t, nil).signedIn()
	made, err := h.online().msn.CreateCircle(t.Context(), "Chess club")
	if err != nil {
		t.Fatal(err)
	}
	room := h.roomOf(circleKey(serverName, made.ID))
	h.hs.wait(t, "the room to have its name", func() bool { return h.hs.rooms[room].name == "Chess club" })
	h.hs.change(func() { h.hs.rooms[room].name = "Go club" })
	h.dispatch(&event.Event{
		ID: "$name", RoomID: room, Sender: alice, Type: event.StateRoomName, StateKey: new(string),
		Content: event.Content{Parsed: &event.RoomNameEventContent{Name: "Go club"}},
	})
	h.refused("$name", "circles cannot be renamed from here")
	h.hs.wait(t, "the room to have its name again", func() bool { return h.hs.rooms[room].name == "Chess club" })
}

// TestCircleRoomLeft tells, once, that who leaves the room of a circle has not left the circle, and how that is done.
func TestCircleRoomLeft(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	s := h.online()
	made, err := bob.CreateCircle(t.Context(), "Chess club") // the service lets no owner leave
	if err != nil {
		t.Fatal(err)
	}
	if err := bob.InviteToCircle(t.Context(), made.ID, aliceMSN, ""); err != nil {
		t.Fatal(err)
	}
	room := h.roomOf(circleKey(serverName, made.ID))
	management, err := h.user.GetManagementRoom(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answers := func(line string, nth int) {
		t.Helper()
		h.say(management, line)
		h.hs.wait(t, "the answer to "+line, func() bool {
			n := 0
			for _, e := range h.hs.rooms[management].events {
				if e.kind == event.EventReaction {
					n++
				}
			}
			return n == nth
		})
	}
	leaves := func(words string) {
		t.Helper()
		for range 2 {
			key := alice.String()
			h.dispatch(&event.Event{
				ID: "$leave", RoomID: room, Sender: alice, Type: event.StateMember, StateKey: &key,
				Content: event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipLeave}},
			})
		}
		s.notices.add("After " + words)
		h.told("After " + words)
		if n := h.bot(words); n != 2 { // the other one is this test's
			t.Errorf("%q is told %d times", words, n-1)
		}
	}
	leaves("which does not answer its invitation")
	answers("circle accept chess CLUB", 1)
	leaves("still belong to the circle")
	h.command("circle leave", "Write it in the room of the circle, or with its name behind it")
	h.command("circle leave Go club", "There is no circle")
	answers(`circle leave "Chess club"`, 2)
	if circles := s.msn.Circles(); len(circles) != 0 {
		t.Errorf("%v", circles)
	}
	h.command("circle create Mine", "The circle Mine is made")
	h.command("circle leave Mine", "MSN does not let the owner of a circle leave it")
}

// TestCircleBeforeTheSignIn waits with describing a circle until the sign-in has told of circles.
func TestCircleBeforeTheSignIn(t *testing.T) {
	h := newHouse(t, nil).signedIn()
	c, s := h.client(), h.online()
	made, err := s.msn.CreateCircle(t.Context(), "Chess club")
	if err != nil {
		t.Fatal(err)
	}
	h.roomOf(circleKey(serverName, made.ID))
	early, err := msn.New(msn.Config{Server: h.msn.MSN(), Passport: aliceMSN, Password: "secret", Handler: noEvents, Versions: []msn.Version{usualVersion}})
	if err != nil {
		t.Fatal(err)
	}
	c.current.Store(&session{Client: c, msn: early})
	defer c.current.Store(s)
	got := make(chan error, 1)
	go func() {
		info, err := c.circleInfo(t.Context(), made.ID)
		if err == nil && *info.Name != "Chess club" {
			err = fmt.Errorf("it is called %q", *info.Name)
		}
		got <- err
	}()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = early.Run(ctx) // ends with ctx
	}()
	if err := <-got; err != nil {
		t.Error(err)
	}
	cancel()
	<-ended
}

// TestCircleIDs takes circles' portals for nothing else.
func TestCircleIDs(t *testing.T) {
	const guid = "00000000-0000-0000-0009-0123456789ab"
	key := circleKey("escargot", guid)
	if server, id, ok := parseCircle(key.ID); server != "escargot" || id != guid || !ok {
		t.Errorf("%s is %s, %s, %t", key.ID, server, id, ok)
	}
	if _, _, ok := parseDirect(key.ID); ok {
		t.Error("a circle is a chat of two")
	}
	if _, _, ok := parseConference(key.ID); ok {
		t.Error("a circle is a conference")
	}
	for _, portal := range []string{"escargot/circle/", "/circle/x", "escargot/circle/a@b", "escargot/bob@example.com", "escargot/conf/x"} {
		if _, _, ok := parseCircle(networkid.PortalID(portal)); ok {
			t.Errorf("%s is a circle", portal)
		}
	}
}

// TestOtherNetworks has people of other networks as people of their own.
func TestOtherNetworks(t *testing.T) {
	id := makeUserID("escargot", "32:Erin@Yahoo.example")
	if server, passport, ok := parseUserID(id); server != "escargot" || passport != "32:erin@yahoo.example" || !ok {
		t.Errorf("%s is %s, %s, %t", id, server, passport, ok)
	}
	if got, err := cleanAddress("32:Erin@Yahoo.example"); err != nil || got != "32:erin@yahoo.example" {
		t.Errorf("cleaned: %q, %v", got, err)
	}
}
