package bridge

import (
	"crypto/rand"
	"maps"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// accountSpaceID is the account's space.
func (h *house) accountSpaceID() id.RoomID {
	h.t.Helper()
	space, err := h.client().login.GetSpaceRoom(h.br.Log.WithContext(h.t.Context()))
	if err != nil {
		h.t.Fatal(err)
	}
	return space
}

// accountSpace waits until the account's space has exactly these rooms among its children.
func (h *house) accountSpace(want ...id.RoomID) {
	h.t.Helper()
	space := h.accountSpaceID()
	h.hs.wait(h.t, "the account's space with its rooms", func() bool {
		r := h.hs.rooms[space]
		if r == nil || len(r.children) != len(want) {
			return false
		}
		for _, room := range want {
			if _, in := r.children[room]; !in {
				return false
			}
		}
		return true
	})
}

// spacesNamed counts the spaces of that name.
func (h *house) spacesNamed(name string) (n int) {
	h.hs.change(func() {
		for _, r := range h.hs.rooms {
			if r.space && r.name == name {
				n++
			}
		}
	})
	return n
}

// TestLoginAgain: what a logout leaves behind is the account's again, whatever the administrator has done with rooms at a logout.
func TestLoginAgain(t *testing.T) {
	for _, action := range []bridgeconfig.CleanupAction{
		bridgeconfig.CleanupActionNothing, bridgeconfig.CleanupActionKick, bridgeconfig.CleanupActionDelete,
	} {
		t.Run(string(action), func(t *testing.T) {
			h := newHouse(t, nil)
			h.br.Config.CleanupOnLogout = bridgeconfig.CleanupOnLogouts{Enabled: true, Manual: bridgeconfig.CleanupOnLogout{Private: action}}
			h.person(bobMSN, msn.Online)
			h.signedIn()
			bob := h.room(bobMSN)
			h.command("group add Family", "is made")
			h.command("group put bob@example.com Family", "is in Family")
			family := h.space("Family", bob)
			h.accountSpace(bob, family)
			first := h.accountSpaceID()
			h.client().login.Logout(h.br.Log.WithContext(t.Context()))
			h.hs.wait(t, "the end of the cleaning", func() bool {
				space, there := h.hs.rooms[family]
				chat := h.hs.rooms[bob]
				switch action {
				case bridgeconfig.CleanupActionKick:
					return space.members[alice].Membership == event.MembershipLeave && chat.members[alice].Membership == event.MembershipLeave
				case bridgeconfig.CleanupActionDelete:
					return !there && chat == nil
				}
				return true
			})

			h.signedIn()
			if h.accountSpaceID() == first {
				t.Error("the space is the old one")
			}
			h.inStep()
			bob = h.room(bobMSN)
			family = h.space("Family", bob)
			h.accountSpace(bob, family)
			h.hs.wait(t, "Alice in the group's space", func() bool { return h.hs.rooms[family].members[alice].Membership.IsInviteOrJoin() })
			if n := h.spacesNamed("Family"); n != 1 {
				t.Errorf("%d spaces of one group", n)
			}
		})
	}
}

// TestRoomLimitOverLogins: the rooms of a former login count.
func TestRoomLimitOverLogins(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.MaxRooms = 2 })
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.room(bobMSN)
	h.client().login.Logout(h.br.Log.WithContext(t.Context()))
	h.signedIn()
	h.inStep()
	s := h.online()
	s.contacts.mu.Lock()
	defer s.contacts.mu.Unlock()
	if s.contacts.room != 1 {
		t.Errorf("%d more rooms may be made", s.contacts.room)
	}
}

// TestRoomsToMake: only rooms that do not exist are announced.
func TestRoomsToMake(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.room(bobMSN)
	s := &session{Client: h.client(), contacts: newContactSync(5)} // which makes none
	for _, passport := range []string{bobMSN, carolMSN, "eve@example.com"} {
		s.contacts.want(passport)
	}
	if n := s.roomsToMake(t.Context()); n != 2 {
		t.Errorf("%d rooms are to be made, want 2", n)
	}
	s.contacts.room = 1
	if n := s.roomsToMake(t.Context()); n != 1 {
		t.Errorf("%d rooms are to be made, want 1", n)
	}
}

// TestSettlingGoesOn: if the bridge stops while rooms are put into the space, the next sign-in does the rest.
func TestSettlingGoesOn(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	bob, client, ctx := h.room(bobMSN), h.client(), h.br.Log.WithContext(t.Context())
	h.accountSpace(bob)
	h.inStep()
	row := bridgedb.UserPortalFor(client.login.UserLogin, directKey(client.login.ID, serverName, bobMSN))
	row.InSpace = new(bool)
	if err := h.br.DB.UserPortal.Put(ctx, row); err != nil {
		t.Fatal(err)
	}
	space := h.accountSpaceID()
	h.hs.change(func() { h.hs.rooms[space].put(alice, bob, false) })
	h.restart()
	h.accountSpace(bob)
}

// TestRemovedGroupIsOut: the account's space has no child that is gone.
func TestRemovedGroupIsOut(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	bob := h.room(bobMSN)
	h.command("group add Family", "is made")
	h.accountSpace(bob, h.space("Family"))
	h.command("group remove Family", "is gone")
	h.accountSpace(bob)
}

// TestSyncBringsBack: sync has everything where it belongs, whatever the user did to it in a client, or became of it.
func TestSyncBringsBack(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	bob := h.room(bobMSN)
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	family, own := h.space("Family", bob), id.RoomID("!own:"+domain)
	h.accountSpace(bob, family)
	space := h.accountSpaceID()
	h.hs.change(func() {
		top, sub := h.hs.rooms[space], h.hs.rooms[family]
		for _, r := range []*room{top, sub} {
			r.put(botID, "!dead:"+domain, true)
			r.put(alice, bob, false)
			r.members[alice].Membership = event.MembershipLeave
		}
		top.put(alice, family, false)
		top.put(alice, own, true)
		sub.name = "Clan"
	})
	h.command("sync", "in step")
	h.accountSpace(bob, family, own)
	if again := h.space("Family", bob); again != family {
		t.Errorf("the group has another space")
	}
	for _, room := range []id.RoomID{family, space} {
		h.hs.wait(t, "an invitation", func() bool { return h.hs.rooms[room].members[alice].Membership == event.MembershipInvite })
	}

	h.hs.change(func() { // as an administrator does
		delete(h.hs.rooms, space)
		delete(h.hs.rooms, family)
	})
	h.command("sync", "in step")
	h.accountSpace(bob, h.space("Family", bob))
	if n := h.spacesNamed("Family"); n != 1 {
		t.Errorf("%d spaces of one group", n)
	}
}

// TestDeletedMeanwhile: to store something about a room that has just been deleted is no failure.
func TestDeletedMeanwhile(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	c, ctx := h.client(), h.br.Log.WithContext(t.Context())
	row := bridgedb.UserPortalFor(c.login.UserLogin, groupKey(c.login.ID, serverName, "gone"))
	if err := h.br.DB.UserPortal.Put(ctx, row); err == nil {
		t.Fatal("the database takes anything")
	}
	if err := c.noteOutside(ctx, row); err != nil {
		t.Error(err)
	}
}

// TestReadSpace: of what a homeserver says about a room, that counts which is in force.
func TestReadSpace(t *testing.T) {
	child := func(by id.UserID, via ...string) *event.Event {
		return &event.Event{Sender: by, Content: event.Content{Parsed: &event.SpaceChildEventContent{Via: via}}}
	}
	state := readSpace(mautrix.RoomStateMap{
		event.StateRoomName:   {"": {Content: event.Content{Parsed: &event.RoomNameEventContent{Name: "Family"}}}},
		event.StateSpaceChild: {"!a:x": child(alice, domain), "!b:x": child(botID, domain), "!c:x": child(botID)},
	})
	if state.name != "Family" || !maps.Equal(state.children, map[id.RoomID]id.UserID{"!a:x": alice, "!b:x": botID}) {
		t.Errorf("%+v", state)
	}
	if state := readSpace(nil); state.name != "" || len(state.children) != 0 {
		t.Errorf("of nothing: %+v", state)
	}
}

// renames is the user giving a space another name in a client.
func (h *house) renames(space id.RoomID, name string) {
	h.hs.change(func() { h.hs.rooms[space].name = name })
	h.dispatch(&event.Event{
		Type: event.StateRoomName, StateKey: new(string), RoomID: space, Sender: alice, ID: id.EventID("$" + rand.Text()),
		Content: event.Content{Parsed: &event.RoomNameEventContent{Name: name}},
	})
}

// TestRefusedGroupName: a space is called what the group is.
func TestRefusedGroupName(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	h.command("group add Family", "is made")
	h.command("group add Work", "is made")
	work := h.space("Work")
	h.inStep()
	keeps := func(name, why string) {
		t.Helper()
		h.told("The group Work keeps its name: " + why)
		h.hs.wait(t, "the old name instead of "+name, func() bool { return h.hs.rooms[work].name == "Work" })
	}
	h.renames(work, "Family")
	keeps("Family", "There is one of that name already.")
	h.renames(work, "")
	keeps("", "A group has to have a name.")
	h.renames(work, strings.Repeat("Labour ", 30))
	keeps("200 characters", "")
	h.client().Disconnect()
	h.renames(work, "Labour")
	keeps("Labour", "")
	h.told("The group Work keeps its name: The bridge is not signed in to MSN at the moment.")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if said := h.hs.messages(work, botID); len(said) > 0 {
		t.Errorf("the bot writes into the space: %q", said)
	}
}

// TestGroupNameAsShown: a space has the name that is shown of the group's.
func TestGroupNameAsShown(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	h.command("group add Work", "is made")
	work := h.space("Work")
	h.inStep()
	h.renames(work, "[b]Labour[/b]")
	if got := h.space("Labour"); got != work {
		t.Errorf("it is %s, not %s", got, work)
	}
}

// TestChatStarted: whoever one starts a chat with becomes a contact, in the room that there is, and in the groups' spaces.
func TestChatStarted(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	s := h.online()
	h.command("start-chat nobody@example.com", "There is no such account")
	h.command("start-chat alice@example.com", "is your own address")
	h.command("start-chat eve@example.com", "Created chat with")
	h.told("They are asked whether")
	if contact, _ := s.msn.Contact("eve@example.com"); !contact.On(msn.ForwardList) {
		t.Error("Eve is no contact")
	}
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	h.space("Family")
	h.command("start-chat bob@example.com", "Created chat with")
	bob := h.room(bobMSN)
	h.space("Family", bob)
	h.hs.change(func() { h.hs.rooms[bob].members[alice].Membership = event.MembershipLeave })
	h.command("start-chat bob@example.com", "already have")
	h.hs.wait(t, "an invitation", func() bool { return h.hs.rooms[bob].members[alice].Membership != event.MembershipLeave })
	if again := h.room(bobMSN); again != bob {
		t.Errorf("another room %s instead of %s", again, bob)
	}
}

// TestGhostInvited: a chat that began with inviting the contact's ghost into a room of the user's own lies where others do.
func TestGhostInvited(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	family, hers, ghost := h.space("Family"), id.RoomID("!hers:"+domain), string(ghostOf(bobMSN))
	h.hs.change(func() {
		h.hs.rooms[hers] = &room{members: map[id.UserID]*event.MemberEventContent{alice: {Membership: event.MembershipJoin}}}
	})
	h.inStep()
	h.dispatch(&event.Event{
		ID: "$invite", RoomID: hers, Sender: alice, Type: event.StateMember, StateKey: &ghost,
		Content: event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite, IsDirect: true}},
	})
	h.accountSpace(family, hers)
	h.space("Family", hers)
}

// TestChatStartedAnew: instead of a room that an administrator has deleted there is another, and no trace of the old one in the spaces.
func TestChatStartedAnew(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	bob := h.room(bobMSN)
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	family := h.space("Family", bob)
	h.accountSpace(bob, family)
	h.hs.change(func() { delete(h.hs.rooms, bob) })
	h.command("start-chat bob@example.com", "Created chat with")
	bob = h.room(bobMSN)
	h.accountSpace(bob, family)
	h.space("Family", bob)
}

// TestReplacedRoom: where the old room of a chat was in the spaces the new one is.
func TestReplacedRoom(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	bob, c, ctx := h.room(bobMSN), h.client(), h.br.Log.WithContext(t.Context())
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	family, upgraded := h.space("Family", bob), id.RoomID("!upgraded:"+domain)
	h.accountSpace(bob, family)
	h.inStep()
	portal, err := h.br.GetPortalByMXID(ctx, bob)
	if err != nil {
		t.Fatal(err)
	}
	if err := portal.UpdateMatrixRoomID(ctx, upgraded, bridgev2.UpdateMatrixRoomIDParams{}); err != nil {
		t.Fatal(err)
	}
	if err := c.replaced(ctx, portal.PortalKey, bob); err != nil {
		t.Fatal(err)
	}
	h.accountSpace(upgraded, family)
	h.space("Family", upgraded)
}

// TestDeleteChat: the command takes the room away, and the next message makes another.
func TestDeleteChat(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.accountSpace(room) // bridgev2 puts it there when it has time, and would do so after its end
	h.inStep()
	h.say(room, "!msn delete-chat")
	h.hs.wait(t, "the room to go", func() bool { return h.hs.rooms[room] == nil })
	h.accountSpace()
	bob.writes(msn.With(aliceMSN), "hello?")
	h.heard(h.room(bobMSN), ghostOf(bobMSN), "hello?")
}

// TestDeleteChatOfAnotherAccount: the command goes to the account of the room, not to the first.
func TestDeleteChatOfAnotherAccount(t *testing.T) {
	h := newHouse(t, nil)
	const second = "eve@example.com"
	h.msn.Befriend(second, bobMSN)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	first := h.direct(alice, bobMSN)
	eve := h.logsIn(h.user, second)
	other := h.direct(alice, bobMSN, first)
	h.status(h.say(other, "bye"))
	bob.reads("bye")
	h.status(h.say(other, "!msn delete-chat"))
	h.hs.wait(t, "the room to go", func() bool { return h.hs.rooms[other] == nil })
	if eve.rooms.there(t.Context(), directKey(eve.login.ID, serverName, bobMSN)) {
		t.Error("Eve's account takes the room for there")
	}
	if !h.client().rooms.there(t.Context(), directKey(h.client().login.ID, serverName, bobMSN)) {
		t.Error("Alice's account has lost its room")
	}
	h.command("start-chat local/eve@example.com bob@example.com", "Created chat with")
}

// TestInvitedByMistake invites people of MSN into rooms that are to be chats with them.
func TestInvitedByMistake(t *testing.T) {
	h := newHouse(t, nil)
	h.msn.AddAccount(msntest.Account{Passport: "dora@example.com", Password: "secret"})
	h.msn.AddAccount(msntest.Account{Passport: "a@example.com", Password: "secret", Friends: []string{"dora@example.com"}})
	h.signedIn()
	direct := func(passport string) id.RoomID {
		t.Helper()
		room, err := (&intent{hs: h.hs, user: alice}).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{IsDirect: true, Invite: []id.UserID{ghostOf(passport)}})
		if err != nil {
			t.Fatal(err)
		}
		key := string(ghostOf(passport))
		h.dispatch(&event.Event{
			ID: id.EventID("$" + passport), RoomID: room, Sender: alice, Type: event.StateMember, StateKey: &key,
			Content: event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite, IsDirect: true}},
		})
		return room
	}
	direct(aliceMSN)
	h.told("There is no chat with alice@example.com: That is your own address.")
	h.logsIn(h.user, "eve@example.com")
	a := h.logsIn(h.user, "a@example.com")
	room := direct("dora@example.com")
	h.hs.wait(t, "the chat", func() bool { return h.hs.rooms[room].name == "dora@example.com" })
	if got, err := a.rooms.id(t.Context(), directKey(a.login.ID, serverName, "dora@example.com")); err != nil || got != room {
		t.Errorf("the account that has the contact has the room %q (%v), want %q", got, err, room)
	}
	room = direct("nobody@example.com")
	h.hs.wait(t, "nobody to leave", func() bool {
		return h.hs.rooms[room].members[ghostOf("nobody@example.com")].Membership == event.MembershipLeave
	})
	h.told("There is no chat with nobody@example.com: There is no such account on this MSN service.")
}
