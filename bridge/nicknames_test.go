package bridge

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// isCalled waits until somebody's ghost has a name.
func (h *house) isCalled(passport, name string) {
	h.t.Helper()
	h.hs.wait(h.t, passport+" called "+name, func() bool { return h.hs.names[ghostOf(passport)] == name })
}

// TestNames: ghosts are called what contacts call themselves, at once, and what the user calls them, for good.
func TestNames(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP12, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob := h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			h.isCalled(bobMSN, "Bob B")
			room := h.room(bobMSN)
			calls := func(name string) {
				t.Helper()
				if err := bob.SetFriendlyName(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			calls("Robert ☃")
			h.isCalled(bobMSN, "Robert ☃")
			h.commandIn(room, "!msn rename Bobby", "is called Bobby now")
			h.isCalled(bobMSN, "Bobby")
			calls("Rob")

			h.command("list bob", "Bobby (bob@example.com)")
			h.restart()
			h.online()
			h.command("list bob", "Bobby (bob@example.com)")
			h.inStep()
			h.isCalled(bobMSN, "Bobby")
			h.commandIn(room, "!msn rename none", "is called what they call themselves")
			h.isCalled(bobMSN, "Rob")
		})
	}
}

// TestAcceptedName: whoever is accepted is not nicknamed by it.
func TestAcceptedName(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.signedIn()
			eve := h.personWith("eve@example.com", msn.Online, v)
			if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
				t.Fatal(err)
			}
			h.heardPart(h.room("eve@example.com"), ghostOf("eve@example.com"), "has added you")
			h.command("accept eve@example.com", "is on your contact list")
			if err := eve.SetFriendlyName(t.Context(), "Eve Two"); err != nil {
				t.Fatal(err)
			}
			h.isCalled("eve@example.com", "Eve Two")
		})
	}
}

// TestBlocked: nothing goes to somebody who is blocked, nor comes from them where they were talking already.
func TestBlocked(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob := h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			room := h.room(bobMSN)
			h.goes(h.say(room, "hello"))
			at := bob.reads("hello")
			h.commandIn(room, "!msn block", "is blocked")
			if v != msn.MSNP21 {
				bob.wait("to be left", func(e msn.Event) bool { _, left := e.(msn.ParticipantLeft); return left })
			}
			if _, err := bob.Send(t.Context(), at.Conversation, &msn.TextMessage{Text: "and now?"}); err == nil {
				t.Error("Bob can go on writing")
			}
			if s := h.status(h.say(room, "are you there?")); s.Status != event.MessageStatusFail || !strings.Contains(s.Message, "you have blocked them") {
				t.Errorf("a message to him: %+v", s)
			}
			h.commandIn(room, "!msn unblock", "is not blocked")
			h.goes(h.say(room, "hello again"))
			bob.reads("hello again")
		})
	}
}

// TestRemovedIsOffline: of who is off the contact list nothing more is seen, whatever other lists they are on.
func TestRemovedIsOffline(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			seen := func(p event.Presence) {
				t.Helper()
				h.hs.wait(t, "Bob "+string(p), func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == p })
			}
			seen(event.PresenceOnline)
			h.command("remove bob@example.com", "is off your contact list")
			seen(event.PresenceOffline)
			h.command("add bob@example.com", "is on your contact list")
			seen(event.PresenceOnline)
		})
	}
}

// another logs another Matrix user in.
func (h *house) another(user id.UserID, passport string) *Client {
	h.t.Helper()
	ctx := h.br.Log.WithContext(h.t.Context())
	found, err := h.br.GetUserByMXID(ctx, user)
	if err == nil {
		_, err = found.GetManagementRoom(ctx)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return h.logsIn(found, passport)
}

// account makes one more account on MSN.
func (h *house) account(passport, name string) {
	h.t.Helper()
	if err := h.msn.AddAccount(msntest.Account{Passport: passport, Password: "secret", FriendlyName: name}); err != nil {
		h.t.Fatal(err)
	}
}

// lastFrom is the last message of somebody in a room.
func (h *house) lastFrom(room id.RoomID, from id.UserID) (last id.EventID) {
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for _, e := range h.hs.rooms[room].events {
		if e.sender == from && e.kind == event.EventMessage {
			last = e.id
		}
	}
	return last
}

// looks waits until a room is called and looks so.
func (h *house) looks(room id.RoomID, name string, avatar id.ContentURIString) {
	h.t.Helper()
	h.hs.wait(h.t, "the room to look like "+name, func() bool {
		r := h.hs.rooms[room]
		return r.name == name && r.avatar == avatar
	})
}

// TestNicknameIsMine: what one user calls a contact is nothing for another user of the bridge, nor for the contact.
func TestNicknameIsMine(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			const carl, carlMX = "carl@example.com", id.UserID("@carl:" + domain)
			h := newHouse(t, speaking(v))
			h.account(carl, "Carl")
			h.msn.Befriend(carl, bobMSN)
			bob := h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			hers := h.direct(alice, bobMSN)
			h.looks(hers, "Bob B", "")
			h.commandIn(hers, "!msn rename Bobby", "is called Bobby now")
			h.isCalled(bobMSN, "Bobby") // nobody else knows him
			h.looks(hers, "Bobby", "")

			h.another(carlMX, carl)
			his := h.direct(carlMX, bobMSN)
			h.isCalled(bobMSN, "Bob B")
			h.looks(his, "Bob B", "")
			h.looks(hers, "Bobby", "")
			h.conn.pictures.give(t.Context(), makeUserID(h.client().server, bobMSN), "hash", "mxc://example.com/picture")
			h.looks(his, "Bob B", "mxc://example.com/picture")
			h.looks(hers, "Bobby", "mxc://example.com/picture")
			if err := bob.SetFriendlyName(t.Context(), "Robert"); err != nil {
				t.Fatal(err)
			}
			h.looks(his, "Robert", "mxc://example.com/picture")

			bob.writes(msn.With(aliceMSN), "hello")
			h.heard(hers, ghostOf(bobMSN), "hello")
			reply := &event.MessageEventContent{MsgType: event.MsgText, Body: "hello you", RelatesTo: (&event.RelatesTo{}).SetReplyTo(h.lastFrom(hers, ghostOf(bobMSN)))}
			h.goes(h.send(hers, event.EventMessage, reply))
			bob.wait("the reply without the nickname", func(e msn.Event) bool {
				m, ok := e.(msn.MessageReceived)
				text, isText := m.Message.(*msn.TextMessage)
				return ok && isText && strings.Contains(text.Text, "hello you") && strings.Contains(text.Text, "Robert: ") && !strings.Contains(text.Text, "Bobby")
			})

			h.conn.pictures.give(t.Context(), makeUserID(h.client().server, bobMSN), "", "") // he shows none, which is found out at the sign-in
			h.restart()
			h.online()
			h.looks(hers, "Bobby", "")
			h.commandIn(hers, "!msn rename none", "is called what they call themselves")
			h.looks(hers, "Robert", "")
			h.hs.mu.Lock()
			defer h.hs.mu.Unlock()
			if name := h.hs.names[ghostOf(bobMSN)]; name != "Robert" {
				t.Errorf("Bob is called %q", name)
			}
		})
	}
}

// TestAddedName: somebody of whom the service knows no name keeps the one that their ghost has.
func TestAddedName(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP12, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.account("dora@example.com", "Dora")
			h.account("carl@example.com", "Carl")
			h.signedIn()
			h.another("@carl:"+domain, "carl@example.com")
			dora := h.personWith("dora@example.com", msn.Online, v)
			dora.writes(msn.With("carl@example.com"), "hello")
			h.isCalled("dora@example.com", "Dora")
			if err := dora.SignOut(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.command("add dora@example.com", "is on your contact list")
			h.inStep()
			h.isCalled("dora@example.com", "Dora")
		})
	}
}
