package bridge

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// conferenceRoom waits for a group room in which all of these are.
func (h *house) conferenceRoom(passports ...string) id.RoomID {
	h.t.Helper()
	var found id.RoomID
	h.hs.wait(h.t, "a conference", func() bool {
	rooms:
		for roomID, r := range h.hs.rooms {
			if r.direct || r.space {
				continue
			}
			for _, p := range passports {
				if m := r.members[ghostOf(p)]; m == nil || m.Membership != event.MembershipJoin {
					continue rooms
				}
			}
			found = roomID
		}
		return found != ""
	})
	return found
}

// groups counts the rooms with several people.
func (h *house) groups() (n int) {
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	for _, r := range h.hs.rooms {
		if !r.direct && !r.space && len(r.members) > 2 {
			n++
		}
	}
	return n
}

func TestConference(t *testing.T) {
	h := newHouse(t, nil)
	bob, carol := h.person(bobMSN, msn.Online), h.person(carolMSN, msn.Online)
	h.signedIn()
	conv, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN))
	if err != nil {
		t.Fatal(err)
	}
	room := h.conferenceRoom(bobMSN, carolMSN)
	bob.writes(conv, "hello all")
	h.heard(room, ghostOf(bobMSN), "hello all")
	carol.reads("hello all")
	h.status(h.say(room, "hello you two"))
	bob.reads("hello you two")
	got := carol.reads("hello you two")
	carol.writes(got.Conversation, "hi")
	h.heard(room, ghostOf(carolMSN), "hi")

	// Carol goes, and comes back by Bob's call: in the same room.
	if err := carol.Leave(t.Context(), got.Conversation); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Carol to be gone", func() bool {
		return h.hs.rooms[room].members[ghostOf(carolMSN)].Membership == event.MembershipLeave
	})
	bob.wait("Carol to leave", func(e msn.Event) bool { _, left := e.(msn.ParticipantLeft); return left })
	if _, err := bob.Invite(t.Context(), conv, carolMSN); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Carol to be back", func() bool {
		return h.hs.rooms[room].members[ghostOf(carolMSN)].Membership == event.MembershipJoin
	})
}

func TestConferenceOutlivesItsSwitchboard(t *testing.T) {
	h := newHouse(t, nil)
	bob, carol := h.person(bobMSN, msn.Online), h.person(carolMSN, msn.Online)
	h.signedIn()
	conv, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN))
	if err != nil {
		t.Fatal(err)
	}
	room := h.conferenceRoom(bobMSN, carolMSN)
	bob.writes(conv, "first")
	h.heard(room, ghostOf(bobMSN), "first")

	before := h.groups()
	h.restart() // closes our end
	h.online()
	if s := h.status(h.say(room, "are you still there?")); s.Status != event.MessageStatusSuccess {
		t.Fatalf("status %+v", s)
	}
	bob.reads("are you still there?")
	carol.reads("are you still there?")

	again, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN))
	if err != nil {
		t.Fatal(err)
	}
	bob.writes(again, "of course")
	h.heard(room, ghostOf(bobMSN), "of course")
	if after := h.groups(); after != before {
		t.Errorf("%d rooms with several people became %d\n%s", before, after, h.hs.dump())
	}
}

// TestConferenceIsCalledAfterItsPeople, until the user gives it a name.
func TestConferenceIsCalledAfterItsPeople(t *testing.T) {
	h := newHouse(t, nil)
	bob, carol := h.person(bobMSN, msn.Online), h.person(carolMSN, msn.Online)
	h.signedIn()
	conv, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN))
	if err != nil {
		t.Fatal(err)
	}
	room := h.conferenceRoom(bobMSN, carolMSN)
	called := func(name string) {
		t.Helper()
		h.hs.wait(t, "the name "+name, func() bool { return h.hs.rooms[room].name == name })
	}
	called("Bob B, Carol")
	h.dispatch(&event.Event{
		ID: "$name", RoomID: room, Sender: alice, Type: event.StateRoomName, StateKey: new(string),
		Content: event.Content{Parsed: &event.RoomNameEventContent{Name: "Party"}},
	})
	h.status("$name")
	h.hs.change(func() { h.hs.rooms[room].name = "Party" })
	bob.writes(conv, "hello")
	if err := carol.Leave(t.Context(), carol.reads("hello").Conversation); err != nil {
		t.Fatal(err)
	}
	bob.wait("Carol to leave", func(e msn.Event) bool { _, left := e.(msn.ParticipantLeft); return left })
	if _, err := bob.Invite(t.Context(), conv, carolMSN); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Carol to be back", func() bool {
		return h.hs.rooms[room].members[ghostOf(carolMSN)].Membership == event.MembershipJoin
	})
	called("Party")
}

func TestInvitingIntoAChatStartsAConference(t *testing.T) {
	h := newHouse(t, nil)
	bob, carol := h.person(bobMSN, msn.Online), h.person(carolMSN, msn.Online)
	h.signedIn()
	chat := h.room(bobMSN)
	h.status(h.say(chat, "shall we call Carol?"))
	bob.reads("shall we call Carol?")
	key := string(ghostOf(carolMSN))
	h.dispatch(&event.Event{
		ID: "$invite", RoomID: chat, Sender: alice, Type: event.StateMember, StateKey: &key,
		Content: event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite}},
	})
	room := h.conferenceRoom(bobMSN, carolMSN)
	h.status(h.say(room, "there she is"))
	bob.reads("there she is")
	carol.reads("there she is")
}

// TestInvitingAnOlderVersion: who is online and cannot come to a conversation of MSNP21 is not told to be offline.
func TestInvitingAnOlderVersion(t *testing.T) {
	h := newHouse(t, speaking(msn.MSNP21))
	h.personWith(bobMSN, msn.Online, msn.MSNP21)
	h.personWith(carolMSN, msn.Online, msn.MSNP15)
	h.signedIn()
	chat := h.room(bobMSN)
	key := string(ghostOf(carolMSN))
	h.dispatch(&event.Event{
		ID: "$carol", RoomID: chat, Sender: alice, Type: event.StateMember, StateKey: &key,
		Content: event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite}},
	})
	if got := h.status("$carol").Message; !strings.Contains(got, "too old for the conversations of MSNP21") {
		t.Errorf("%q", got)
	}
	h.hs.wait(t, "the room of a conversation without Carol to go", func() bool {
		return !slices.ContainsFunc(slices.Collect(maps.Values(h.hs.rooms)), func(r *room) bool { return !r.direct && !r.space && len(r.members) > 2 })
	})
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if m := h.hs.rooms[chat].members[ghostOf(carolMSN)]; m.Membership != event.MembershipLeave {
		t.Errorf("the invitation: %+v", m)
	}
}
