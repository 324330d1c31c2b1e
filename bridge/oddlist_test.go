package bridge

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// TestOddContacts signs in to a list of people whom nobody would invent, all online: each has a ghost with a name that can be shown, and a room.
func TestOddContacts(t *testing.T) {
	h := newHouse(t, nil)
	names := map[string]string{ // by address
		"empty@example.com": "", "rtl@example.com": "دانا", "zalgo@example.com": "Z" + strings.Repeat("\u0334\u0321", 60),
		"emoji@example.com": "👩‍👩‍👧 🎈", "control@example.com": "a\x01b\x1b[31mc\u202Ed", "format@example.com": "[c=4][b]Red[/b][/c]", "blank@example.com": "   ",
		"huge@example.com": strings.Repeat("wide ", 70), "o'hara+x_y.z-1@ex-ample.co.uk": "Odd address", "a=b_c@example.com": "Signs", "twin1@example.com": "Twin", "twin2@example.com": "Twin",
	}
	for address, name := range names {
		if err := h.msn.AddAccount(msntest.Account{Passport: address, Password: "secret", FriendlyName: name}); err != nil {
			t.Fatalf("%q: %v", address, err)
		}
		h.msn.Befriend(aliceMSN, address)
		h.person(address, msn.Online)
	}
	h.signedIn()
	for address := range names {
		h.room(address)
	}
	h.inStep()
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for address := range names {
		name := h.hs.names[ghostOf(address)]
		if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > 256 || strings.ContainsAny(name, "\x01\x1b\u202E\n") {
			t.Errorf("%s is called %q", address, name)
		}
	}
	for address, want := range map[string]string{"empty@example.com": "empty@example.com", "blank@example.com": "blank@example.com", "format@example.com": "Red", "rtl@example.com": "دانا"} {
		if got := h.hs.names[ghostOf(address)]; got != want {
			t.Errorf("%s is called %q, want %q", address, got, want)
		}
	}
}

// TestGroupsOfTheSameName are two spaces; commands ask which is meant where the exact name does not tell.
func TestGroupsOfTheSameName(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	s := h.online()
	for _, name := range []string{"Same", "same"} {
		if _, err := s.msn.AddGroup(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	h.space("Same")
	h.space("same")
	h.command(`group put bob@example.com SAME`, `There are 2 contact groups called "SAME"`)
	h.command(`group put bob@example.com 2`, "bob@example.com is in")
	h.command(`group take bob@example.com same`, "bob@example.com is not in same")
	h.command("group put bob@example.com Same", "bob@example.com is in Same")
	h.command("group remove Same", "Its 1 contact stays on your list")
}

// TestChangesWhileSyncing changes the list as fast as it can while rooms are made, and comes to the right end.
func TestChangesWhileSyncing(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsAll })
	const many = 20
	for i := range many {
		address := fmt.Sprintf("friend%d@example.com", i)
		if err := h.msn.AddAccount(msntest.Account{Passport: address, Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		h.msn.Befriend(aliceMSN, address)
	}
	if err := h.login("secret"); err != nil {
		t.Fatal(err)
	}
	s, ctx := h.online(), t.Context()
	group, err := s.msn.AddGroup(ctx, "Busy")
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		address := fmt.Sprintf("friend%d@example.com", i)
		for _, change := range []func() error{
			func() error { return s.msn.AddToGroup(ctx, address, group.ID) },
			func() error { return s.msn.RenameGroup(ctx, group.ID, fmt.Sprintf("Busy %d", i)) },
			func() error { return s.msn.RemoveFromGroup(ctx, address, group.ID) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}
		if i%2 == 0 {
			if err := s.msn.RemoveContact(ctx, address); err != nil {
				t.Fatal(err)
			}
		} else if err := s.msn.AddToGroup(ctx, address, group.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.inStep()
	h.hs.wait(t, "the space to have whom the group has", func() bool {
		for _, r := range h.hs.rooms {
			if r.space && r.name == fmt.Sprintf("Busy %d", many-1) {
				return len(r.children) == many/2
			}
		}
		return false
	})
}

// TestPresenceOfStrangers passes over presence for people on no list, and before there is a room.
func TestPresenceOfStrangers(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	s := h.online()
	s.handle(t.Context(), msn.PresenceChanged{Passport: "stranger@example.com", Presence: msn.Presence{Status: msn.Online, FriendlyName: "Who?"}})
	s.handle(t.Context(), msn.PersonalMessageChanged{Passport: "stranger@example.com"})
	h.inStep()
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for _, r := range h.hs.rooms {
		if r.members[ghostOf("stranger@example.com")] != nil {
			t.Error("a stranger has a room")
		}
	}
}

// TestRoomGone writes from MSN to somebody who has deleted the room, and there is another one.
func TestRoomGone(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	group, err := h.online().msn.AddGroup(t.Context(), "Friends")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.online().msn.AddToGroup(t.Context(), bobMSN, group.ID); err != nil {
		t.Fatal(err)
	}
	h.space("Friends", room)
	h.say(room, "!msn delete-portal")
	h.hs.wait(t, "the room to go", func() bool { return h.hs.rooms[room] == nil })
	h.client().rooms.forget(directKey(h.client().login.ID, serverName, bobMSN))
	bob.writes(msn.With(aliceMSN), "are you there?")
	again := h.room(bobMSN)
	h.heard(again, ghostOf(bobMSN), "are you there?")
	h.space("Friends", again)
}

// TestGhostKicked writes from MSN after an administrator put the ghost out: it comes back.
func TestGhostKicked(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.hs.change(func() {
		h.hs.rooms[room].members[ghostOf(bobMSN)] = &event.MemberEventContent{Membership: event.MembershipLeave}
	})
	bob.writes(msn.With(aliceMSN), "still here")
	h.heard(room, ghostOf(bobMSN), "still here")
}

// TestRoomDeleted writes from MSN after an administrator deleted the room, of which the bridge has not heard: there is another one.
func TestRoomDeleted(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.accountSpace(room)
	h.hs.change(func() {
		delete(h.hs.rooms, room)
		h.hs.refuse = map[id.RoomID]error{room: mautrix.MForbidden}
	})
	bob.writes(msn.With(aliceMSN), "still here")
	again := h.room(bobMSN)
	h.accountSpace(again)
	h.heard(again, ghostOf(bobMSN), "still here")
	h.goes(h.say(again, "so am I"))
	bob.reads("so am I")
}

// TestRoomLeft writes from MSN after the user left the room: they are in it again.
func TestRoomLeft(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.hs.change(func() { h.hs.rooms[room].members[alice] = &event.MemberEventContent{Membership: event.MembershipLeave} })
	bob.writes(msn.With(aliceMSN), "still here")
	h.heard(room, ghostOf(bobMSN), "still here")
	h.hs.wait(t, "Alice to be invited", func() bool { return h.hs.rooms[room].members[alice].Membership.IsInviteOrJoin() })
}
