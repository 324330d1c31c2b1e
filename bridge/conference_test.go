package bridge

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

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

// isMember waits for a membership.
func (h *house) isMember(room id.RoomID, passport string, want event.Membership) {
	h.t.Helper()
	h.hs.wait(h.t, passport+": "+string(want), func() bool {
		m := h.hs.rooms[room].members[ghostOf(passport)]
		return m != nil && m.Membership == want
	})
}

// quiet ends the switchboards of a conference on our side.
func (h *house) quiet() {
	h.t.Helper()
	c := h.client()
	c.Disconnect()
	c.Connect(h.br.Log.WithContext(h.t.Context()))
	h.online()
}

// conferenceVersions speak over a switchboard each, or in groups.
var conferenceVersions = []msn.Version{msn.MSNP9, msn.MSNP18, msn.MSNP21}

// TestInvitingIntoAQuietConference calls everybody again, in the same room; who does not come is not invited any more.
func TestInvitingIntoAQuietConference(t *testing.T) {
	for _, v := range conferenceVersions {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.account("dora@example.com", "Dora")
			bob, carol, eve := h.personWith(bobMSN, msn.Online, v), h.personWith(carolMSN, msn.Online, v), h.personWith(eveMSN, msn.Online, v)
			h.signedIn()
			if _, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN)); err != nil {
				t.Fatal(err)
			}
			room := h.conferenceRoom(bobMSN, carolMSN)
			h.quiet()
			h.status(h.invites(room, ghostOf(eveMSN)))
			h.isMember(room, eveMSN, event.MembershipJoin)
			h.goes(h.say(room, "welcome"))
			for _, p := range []*person{bob, carol, eve} {
				p.reads("welcome")
			}
			h.status(h.invites(room, ghostOf("dora@example.com"))) // who is not online
			h.isMember(room, "dora@example.com", event.MembershipLeave)
			h.goes(h.say(room, "without Dora"))
			for _, p := range []*person{bob, carol, eve} {
				p.reads("without Dora")
			}
			h.quiet()
			h.hs.change(func() { delete(h.hs.rooms[room].members, ghostOf(eveMSN)) })
			h.status(h.invites(room, ghostOf(eveMSN))) // a member already, as in the room that replaces another
			h.isMember(room, eveMSN, event.MembershipJoin)
			if n := h.groups(); n != 1 {
				t.Errorf("%d rooms with several people\n%s", n, h.hs.dump())
			}
		})
	}
}

// TestWhoIsMissing: of who is not there the user hears once, and whoever has come online is called with the next message.
func TestWhoIsMissing(t *testing.T) {
	for _, v := range conferenceVersions {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob, carol := h.personWith(bobMSN, msn.Online, v), h.personWith(carolMSN, msn.Online, v)
			h.signedIn()
			if _, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN)); err != nil {
				t.Fatal(err)
			}
			room := h.conferenceRoom(bobMSN, carolMSN)
			h.client().Disconnect() // whoever goes while we are there has left
			if err := carol.SignOut(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.client().Connect(h.br.Log.WithContext(t.Context()))
			h.online()
			h.goes(h.say(room, "one"))
			h.goes(h.say(room, "two"))
			bob.reads("two")
			missing := func(n int) {
				t.Helper()
				h.hs.wait(t, "the notice of who is missing", func() bool {
					texts := strings.Join(h.hs.messages(room, botID), "\n")
					return strings.Count(texts, "Not in the conversation at the moment") == n && strings.Count(texts, "Carol (carol@example.com)") == n
				})
			}
			missing(1)
			again := h.personWith(carolMSN, msn.Online, v)
			h.hs.wait(t, "Carol online", func() bool { return h.hs.presence[ghostOf(carolMSN)].presence == event.PresenceOnline })
			h.goes(h.say(room, "three"))
			again.reads("three")
			bob.reads("three")
			h.isMember(room, carolMSN, event.MembershipJoin)
			if n := h.groups(); n != 1 {
				t.Errorf("%d rooms with several people\n%s", n, h.hs.dump())
			}
		})
	}
}

// oneBoard waits until people are in one switchboard of the only conference.
func (h *house) oneBoard() {
	h.t.Helper()
	for cs := h.client().conferences; ; {
		n := 0
		cs.mu.Lock()
		for _, b := range cs.list[0].boards {
			n += min(len(b.there), 1)
		}
		cs.mu.Unlock()
		if n == 1 {
			return
		}
		if sleep(h.t.Context(), time.Millisecond) != nil {
			h.t.Fatalf("people are in %d switchboards", n)
		}
	}
}

// TestTheSamePeopleAgain: a second switchboard with the same people belongs to the same room, and either may end.
func TestTheSamePeopleAgain(t *testing.T) {
	for _, v := range conferenceVersions {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob, carol := h.personWith(bobMSN, msn.Online, v), h.personWith(carolMSN, msn.Online, v)
			h.signedIn()
			conv, err := bob.Open(t.Context(), msn.With(aliceMSN, carolMSN))
			if err != nil {
				t.Fatal(err)
			}
			room := h.conferenceRoom(bobMSN, carolMSN)
			bob.writes(conv, "first")
			h.heard(room, ghostOf(bobMSN), "first")
			if err := carol.Leave(t.Context(), carol.reads("first").Conversation); err != nil {
				t.Fatal(err)
			}
			h.isMember(room, carolMSN, event.MembershipLeave)
			other, err := carol.Open(t.Context(), msn.With(aliceMSN, bobMSN))
			if err != nil {
				t.Fatal(err)
			}
			carol.writes(other, "second")
			h.heard(room, ghostOf(carolMSN), "second")
			bob.writes(conv, "still here")
			h.heard(room, ghostOf(bobMSN), "still here")
			if err := bob.Leave(t.Context(), conv); err != nil {
				t.Fatal(err)
			}
			h.oneBoard()
			h.goes(h.say(room, "both of you"))
			carol.reads("both of you")
			bob.reads("both of you")
			if n := h.groups(); n != 1 {
				t.Errorf("%d rooms with several people\n%s", n, h.hs.dump())
			}
		})
	}
}
