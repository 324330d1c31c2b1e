package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

func TestMatchGroups(t *testing.T) {
	stored := []database.Group{{Room: "a", ID: "1", Name: "Friends"}, {Room: "b", ID: "2", Name: "Work"}, {Room: "c", ID: "3", Name: "Work"}}
	for _, c := range []struct {
		name          string
		live          []msn.Group
		matched, gone string
	}{
		{"nothing has changed", []msn.Group{{ID: "1", Name: "Friends"}, {ID: "2", Name: "Work"}, {ID: "3", Name: "Work"}}, "a1 b2 c3", ""},
		{"a new name", []msn.Group{{ID: "1", Name: "Foes"}, {ID: "2", Name: "Work"}, {ID: "3", Name: "Work"}}, "a1 b2 c3", ""},
		{"new IDs", []msn.Group{{ID: "X", Name: "Work"}, {ID: "Y", Name: "Work"}, {ID: "Z", Name: "Friends"}}, "bX cY aZ", ""},
		{"one gone, one new", []msn.Group{{ID: "1", Name: "Friends"}, {ID: "4", Name: "Family"}, {ID: "3", Name: "Work"}}, "a1 4 c3", "b"},
		{"an ID is worth more than a name", []msn.Group{{ID: "9", Name: "Friends"}, {ID: "1", Name: "Work"}}, "9 a1", "bc"},
		{"other contacts", []msn.Group{{ID: "0", Name: "Other Contacts"}}, "", "abc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			matched, gone := matchGroups(stored, c.live)
			var got []string
			for _, g := range matched {
				got = append(got, g.Room+g.ID)
			}
			left := ""
			for _, g := range gone {
				left += g.Room
			}
			if strings.Join(got, " ") != c.matched || left != c.gone {
				t.Errorf("%v, gone %q", got, left)
			}
		})
	}
}

func TestGroupNames(t *testing.T) {
	for name, want := range map[string]string{
		"Friends": "Friends", "": "Group without name", "[b]Bold[/b]": "Bold", "עברית": "עברית", strings.Repeat("ä", 200): strings.Repeat("ä", 100),
	} {
		if got := groupName(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
		if tag := groupTag(name); len(tag) > 255 || !strings.HasPrefix(string(tag), "u.") {
			t.Errorf("%q: tag %q", name, tag)
		}
	}
	if tag := groupTag(strings.Repeat("💼", 100)); len(tag) > 255 || !strings.HasSuffix(string(tag), "💼") {
		t.Errorf("tag %q", tag)
	}
}

// space waits for the sub-space of that name to have exactly these rooms.
func (h *house) space(name string, chats ...id.RoomID) id.RoomID {
	h.t.Helper()
	slices.Sort(chats)
	var found id.RoomID
	h.hs.wait(h.t, fmt.Sprintf("the space %q with %v", name, chats), func() bool {
		for roomID, r := range h.hs.rooms {
			if r.space && r.name == name && slices.Equal(slices.Sorted(maps.Keys(r.children)), chats) {
				found = roomID
				return true
			}
		}
		return false
	})
	return found
}

// moves is the user putting a room into a space, or taking it out, in a client.
func (h *house) moves(space, child id.RoomID, in bool) {
	h.hs.change(func() { h.hs.rooms[space].put(alice, child, in) })
	h.hs.moved(h.br.Log.WithContext(h.br.BackgroundCtx), space, alice, child, in)
}

// inGroups waits until the service has somebody in exactly these groups of Alice's, and lists their names.
func (s *session) inGroups(t *testing.T, passport string, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	for range 2000 {
		contact, _ := s.msn.Contact(passport)
		got = nil
		for _, g := range s.msn.Groups() {
			if slices.Contains(contact.Groups, g.ID) && g.ID != otherContacts {
				got = append(got, g.Name)
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		if err := s.msn.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("%s is in the groups %q, want %q", passport, got, want)
}

// TestGroups is the life of contact groups, from both sides, with each kind of list.
func TestGroups(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP11, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.person(bobMSN, msn.Online)
			h.person(carolMSN, msn.Online)
			h.signedIn()
			bob, carol := h.room(bobMSN), h.room(carolMSN)
			s, ctx := h.online(), t.Context()

			friends, err := s.msn.AddGroup(ctx, "Friends")
			if err != nil {
				t.Fatal(err)
			}
			h.space("Friends") // empty
			work, err := s.msn.AddGroup(ctx, "Work")
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range []struct{ who, group string }{{bobMSN, friends.ID}, {bobMSN, work.ID}, {carolMSN, work.ID}} {
				if err := s.msn.AddToGroup(ctx, in.who, in.group); err != nil {
					t.Fatal(err)
				}
			}
			space := h.space("Friends", bob)
			h.space("Work", bob, carol)
			if err := s.msn.RenameGroup(ctx, work.ID, "Labour 🛠"); err != nil {
				t.Fatal(err)
			}
			h.space("Labour 🛠", bob, carol)

			// From Matrix.
			h.moves(space, carol, true)
			s.inGroups(t, carolMSN, "Friends", "Labour 🛠")
			h.moves(space, bob, false)
			s.inGroups(t, bobMSN, "Labour 🛠")
			labour := h.space("Labour 🛠", bob, carol)
			h.moves(labour, bob, false) // out of the last
			s.inGroups(t, bobMSN)
			h.moves(labour, space, true) // no chat
			h.told("Only the rooms of contacts")
			h.space("Labour 🛠", carol)
			h.dispatch(&event.Event{
				ID: "$name", RoomID: space, Sender: alice, Type: event.StateRoomName, StateKey: new(string),
				Content: event.Content{Parsed: &event.RoomNameEventContent{Name: "Pals"}},
			})
			h.status("$name")
			s.inGroups(t, carolMSN, "Pals", "Labour 🛠")

			// A restart changes nothing, and asks nothing.
			h.inStep()
			before := h.hs.placed()
			h.restart()
			s = h.online()
			h.inStep()
			if after := h.hs.placed(); after != before {
				t.Errorf("%d rooms were put somewhere at a sign-in without changes\n%s", after-before, h.hs.dump())
			}
			if err := s.msn.RemoveGroup(ctx, work.ID); err != nil {
				t.Fatal(err)
			}
			h.hs.wait(t, "the space to go", func() bool { return h.hs.rooms[labour] == nil })
		})
	}
}

// placed counts how often rooms were put into spaces of groups or out of them. The account's own space is bridgev2's, which fills it when it
// has time.
func (hs *homeserver) placed() int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	n := 0
	for _, r := range hs.rooms {
		for _, e := range r.events {
			if e.kind == event.StateSpaceChild && !strings.HasPrefix(r.name, "MSN Messenger") {
				n++
			}
		}
	}
	return n
}

// inStep waits until what a sign-in makes has been made.
func (h *house) inStep() {
	h.t.Helper()
	s := h.online()
	done := make(chan struct{})
	s.contacts.mu.Lock()
	s.contacts.regrouping = true
	s.contacts.mu.Unlock()
	s.contacts.called("nobody@example.com")
	for { // names come last
		s.contacts.mu.Lock()
		idle := len(s.contacts.tasks)+len(s.contacts.names) == 0 && !s.contacts.regrouping
		s.contacts.mu.Unlock()
		if idle {
			break
		}
		if sleep(h.t.Context(), 1) != nil {
			h.t.Fatal("it never ends")
		}
	}
	s.contacts.do(func(context.Context) { close(done) })
	<-done
}

// TestGroupsOff takes the spaces away when the configuration says so, and leaves MSN alone.
func TestGroupsOff(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	s := h.online()
	if _, err := s.msn.AddGroup(t.Context(), "Friends"); err != nil {
		t.Fatal(err)
	}
	space := h.space("Friends")
	cfg := h.conn.Config
	h.br.StopWithTimeout(10 * time.Second)
	h.start(func(c *Config) { *c = cfg; c.Contacts.Groups = groupsNone })
	s = h.online()
	h.hs.wait(t, "the space to go", func() bool { return h.hs.rooms[space] == nil })
	if groups := s.msn.Groups(); len(groups) != 1 || groups[0].Name != "Friends" {
		t.Errorf("%v", groups)
	}
}

// tagging is a user for whom the bridge may set tags.
type tagging struct {
	bridgev2.MatrixAPI
	hs *homeserver
}

func (g tagging) AddRoomTag(_ context.Context, room id.RoomID, tag event.RoomTag) error {
	g.hs.change(func() { g.hs.rooms[room].tags[tag] = true })
	return nil
}

func (g tagging) RemoveRoomTag(_ context.Context, room id.RoomID, tag event.RoomTag) error {
	g.hs.change(func() { delete(g.hs.rooms[room].tags, tag) })
	return nil
}

// TestTagShelf puts the tags of groups on rooms.
func TestTagShelf(t *testing.T) {
	hs := newHomeserver()
	hs.rooms["!a"] = &room{tags: map[event.RoomTag]bool{}}
	shelf, g := tagShelf{taggerOf(tagging{hs: hs})}, database.Group{Name: "Best [i]friends[/i]"}
	if err := shelf.put(t.Context(), g, "!a"); err != nil || !hs.rooms["!a"].tags["u.Best friends"] {
		t.Errorf("%v %v", hs.rooms["!a"].tags, err)
	}
	if err := shelf.take(t.Context(), g, "!a"); err != nil || len(hs.rooms["!a"].tags) != 0 {
		t.Errorf("%v %v", hs.rooms["!a"].tags, err)
	}
	if taggerOf(&intent{}) != nil {
		t.Error("tags without double puppet")
	}
}
