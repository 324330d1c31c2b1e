package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// child waits for a room to be put into a space, or taken out.
func (u *user) child(t testing.TB, mark int, space, child id.RoomID, in bool) {
	t.Helper()
	u.awaits(t, fmt.Sprintf("%s in %s: %t", child, space, in), mark, func(evt *event.Event) bool {
		return evt.Type == event.StateSpaceChild && evt.RoomID == space && evt.GetStateKey() == child.String() &&
			(len(evt.Content.AsSpaceChild().Via) > 0) == in
	})
}

// group waits for the sub-space of a contact group.
func (u *user) group(t testing.TB, mark int, name string) (space id.RoomID) {
	t.Helper()
	named := u.awaits(t, "the space "+name, mark, func(evt *event.Event) bool {
		return evt.Type == event.StateRoomName && evt.Content.AsRoomName().Name == name
	})
	within(t, func(ctx context.Context) error {
		_, err := u.Portal(ctx, "its portal", 0, func(channel string) bool { return strings.HasPrefix(channel, stage.Service+"/group/") })
		return err
	})
	return named.RoomID
}

// listed waits until the service has something in the list of the user's account.
func (u *user) listed(t testing.TB, what string, until func(msntest.AccountState) bool) {
	t.Helper()
	within(t, func(ctx context.Context) error {
		if err := house.MSN.Watch(ctx, u.passport, until); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// grouped tells whether a contact is in exactly these groups of an account.
func grouped(passport string, names ...string) func(msntest.AccountState) bool {
	return func(a msntest.AccountState) bool {
		var in []string
		for _, c := range a.Contacts {
			for _, g := range a.Groups {
				if c.Passport == passport && slices.Contains(c.Groups, g.ID) {
					in = append(in, g.Name)
				}
			}
		}
		slices.Sort(in)
		return slices.Equal(in, names)
	}
}

// TestContactGroups changes contact groups from both sides.
func TestContactGroups(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "gina", "hugo")
	gina, hugo := u.roomWith(t, friends[0].Passport), u.roomWith(t, friends[1].Passport)

	mark := u.Len()
	u.ask(t, "group add School friends", "School friends is made")
	space := u.group(t, mark, "School friends")
	u.ask(t, "group put "+friends[0].Passport+" school friends", "is in School friends")
	u.child(t, mark, space, gina, true)
	u.listed(t, "Gina in the group", grouped(friends[0].Passport, "School friends"))

	// In a client, the user puts another room in and takes the first one out.
	child := func(room id.RoomID, via ...string) {
		within(t, func(ctx context.Context) error {
			_, err := u.SendStateEvent(ctx, space, event.StateSpaceChild, room.String(), &event.SpaceChildEventContent{Via: via})
			return err
		})
	}
	child(hugo, stage.Domain)
	u.listed(t, "Hugo in the group", grouped(friends[1].Passport, "School friends"))
	child(gina)
	u.listed(t, "Gina out of the group", grouped(friends[0].Passport))

	// And gives it another name.
	within(t, func(ctx context.Context) error {
		_, err := u.SendStateEvent(ctx, space, event.StateRoomName, "", &event.RoomNameEventContent{Name: "Schule 🎓"})
		return err
	})
	u.listed(t, "the new name", grouped(friends[1].Passport, "Schule 🎓"))

	// A room that is no contact's goes out again, with the reason.
	mark = u.Len()
	child(u.bot.Room, stage.Domain)
	u.child(t, mark, space, u.bot.Room, false)
	within(t, func(ctx context.Context) error {
		_, err := u.bot.Hear(ctx, mark, "only the rooms of contacts", "Only the rooms")
		return err
	})

	mark = u.Len()
	u.ask(t, "group remove 1", "is gone")
	u.listed(t, "no group", func(a msntest.AccountState) bool { return len(a.Groups) == 0 })
	u.awaits(t, "the end of the space", mark, func(evt *event.Event) bool {
		return evt.RoomID == space && evt.Type == event.StateMember && evt.Content.AsMember().Membership == event.MembershipLeave
	})
}

// TestContactGroupsInOrder has the user, and then an administrator, make a mess of the spaces. sync brings them in order.
func TestContactGroupsInOrder(t *testing.T) {
	t.Parallel()
	admin, err := house.Homeserver.Administrator(t.Context(), "janitor", "admin-password")
	if err != nil {
		t.Fatal(err)
	}
	u, friends := signedIn(t, 0, "gina")
	gina := u.roomWith(t, friends[0].Passport)
	holding := func(mark int, child id.RoomID) (space id.RoomID) {
		t.Helper()
		return u.awaits(t, "a space with "+child.String(), mark, func(evt *event.Event) bool {
			return evt.Type == event.StateSpaceChild && evt.GetStateKey() == child.String() &&
				len(evt.Content.AsSpaceChild().Via) > 0
		}).RoomID
	}
	top := holding(0, gina)
	mark := u.Len()
	u.ask(t, "group add Family", "Family is made")
	family := u.group(t, mark, "Family")
	u.child(t, mark, top, family, true)
	u.ask(t, "group put "+friends[0].Passport+" Family", "is in Family")
	u.child(t, mark, family, gina, true)

	mark = u.Len()
	within(t, func(ctx context.Context) error {
		for _, child := range []id.RoomID{gina, family} {
			if _, err := u.SendStateEvent(ctx, top, event.StateSpaceChild, child.String(), &event.SpaceChildEventContent{}); err != nil {
				return err
			}
		}
		_, err := u.LeaveRoom(ctx, family)
		return err
	})
	for _, child := range []id.RoomID{gina, family} {
		u.child(t, mark, top, child, false)
	}
	mark = u.Len()
	u.ask(t, "sync", "in step")
	for _, child := range []id.RoomID{gina, family} {
		u.child(t, mark, top, child, true)
	}
	u.awaits(t, "the user in the group's space", mark, func(evt *event.Event) bool {
		return evt.RoomID == family && evt.Type == event.StateMember && evt.GetStateKey() == u.UserID.String() &&
			evt.Content.AsMember().Membership == event.MembershipJoin
	})

	for _, space := range []id.RoomID{top, family} {
		within(t, func(ctx context.Context) error {
			_, err := admin.MakeRequest(ctx, "DELETE", admin.BuildURL(mautrix.BaseURLPath{"_synapse", "admin", "v1", "rooms", space}), map[string]bool{"purge": true}, nil)
			return err
		})
	}
	mark = u.Len()
	u.ask(t, "sync", "in step")
	again := u.group(t, mark, "Family")
	u.child(t, mark, again, gina, true)
	if above := holding(mark, again); above == top || again == family {
		t.Errorf("the spaces are %s and %s, as before", above, again)
	} else {
		u.child(t, mark, above, gina, true)
	}
}

// TestGroupTags has contact groups shown as tags of the rooms, set in the user's name.
func TestGroupTags(t *testing.T) {
	elsewhere(t, msntest.Config{}, map[string]any{"network.contacts.groups": "tags"})
	u, friends := signedIn(t, 0, "gina")
	room := u.roomWith(t, friends[0].Passport)
	tagged := func(mark int, tags ...event.RoomTag) {
		t.Helper()
		u.awaits(t, fmt.Sprint("the tags ", tags), mark, func(evt *event.Event) bool {
			content, ok := evt.Content.Parsed.(*event.TagEventContent)
			return ok && evt.RoomID == room && slices.Equal(slices.Sorted(maps.Keys(content.Tags)), tags)
		})
	}
	within(t, func(ctx context.Context) error { return u.AddTag(ctx, room, event.RoomTagFavourite, 0.5) }) // the user's own stays
	mark := u.Len()
	u.ask(t, "group add School friends", "School friends is made")
	u.ask(t, "group put "+friends[0].Passport+" school friends", "is in School friends")
	tagged(mark, event.RoomTagFavourite, "u.School friends")
	mark = u.Len()
	u.ask(t, `group rename "School friends" Schule`, "is called Schule now")
	tagged(mark, event.RoomTagFavourite, "u.Schule")
	mark = u.Len()
	u.ask(t, "group take "+friends[0].Passport+" Schule", "is not in Schule")
	tagged(mark, event.RoomTagFavourite)
}

// TestContactRequests answers requests in each way, by each kind of list of those who ask.
func TestContactRequests(t *testing.T) {
	t.Parallel()
	u, _ := signedIn(t, 0)
	for _, c := range []struct {
		name, answer string
		version      msn.Version
		lists, not   msn.List
	}{
		{"ivan", "!msn accept", msn.MSNP8, msn.ForwardList | msn.AllowList, msn.BlockList},
		{"jane", "!msn accept", msn.MSNP9, msn.ForwardList | msn.AllowList, msn.BlockList},
		{"judy", "!msn decline", msn.MSNP12, 0, msn.ForwardList},
		{"karl", "!msn block", msn.MSNP15, msn.BlockList, msn.ForwardList},
		{"lena", "Hello, who are you?", msn.MSNP18, msn.ForwardList | msn.AllowList, msn.BlockList},
		{"mary", "", msn.MSNP21, msn.ForwardList | msn.AllowList, msn.BlockList},
	} {
		passport, password := account(t, c.name)
		friend := enter(t, passport, password, c.version)
		mark := u.Len()
		within(t, func(ctx context.Context) error { _, err := friend.AddContact(ctx, u.passport, ""); return err })
		room := u.roomWith(t, passport)
		u.awaits(t, "the question, with a ping", mark, func(evt *event.Event) bool {
			m, ok := evt.Content.Parsed.(*event.MessageEventContent)
			return ok && evt.RoomID == room && strings.Contains(m.Body, "has added you") && m.Mentions.Has(u.UserID)
		})
		if a := house.MSN.Account(u.passport); a.On(passport, msn.ForwardList) || a.On(passport, msn.AllowList) {
			t.Errorf("%s was accepted by accident", c.name)
		}
		if c.answer != "" {
			u.says(t, room, c.answer)
		} else {
			u.ask(t, "accept "+passport)
		}
		u.listed(t, c.name+" on the right lists", func(a msntest.AccountState) bool {
			return a.On(passport, c.lists) && !a.On(passport, c.not) && !a.On(passport, msn.PendingList)
		})
		if c.lists&msn.AllowList == 0 {
			continue
		}
		within(t, func(ctx context.Context) error {
			_, err := friend.Await(ctx, "the user online", 0, func(e msn.Event) bool {
				p, ok := e.(msn.PresenceChanged)
				return ok && p.Passport == u.passport && p.Presence.Status == msn.Online
			})
			return err
		})
	}
}

// presenceTime is how long TestPresenceHolds looks: longer than Synapse remembers a presence (64 s). E2E_PRESENCE=10m looks for longer.
func presenceTime(t *testing.T) time.Duration {
	if text := os.Getenv("E2E_PRESENCE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("E2E_PRESENCE: %v", err)
		}
		return d
	}
	return 75 * time.Second
}

// TestPresenceHolds looks at contacts for longer than the homeserver remembers them: nobody flickers, and nobody stays who has gone.
func TestPresenceHolds(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "mona", "nils", "olga")
	for _, f := range friends {
		u.roomWith(t, f.Passport)
	}
	change := func(f *stage.Contact, status msn.Status, text string) {
		within(t, func(ctx context.Context) error {
			if err := f.SetPersonalMessage(ctx, msn.PersonalMessage{Text: text}); err != nil {
				return err
			}
			return f.SetPresence(ctx, msn.Presence{Status: status})
		})
	}
	change(friends[0], msn.Online, "here all day")
	change(friends[1], msn.Away, "walking the dog")
	change(friends[2], msn.Busy, "")
	want := map[id.UserID]event.PresenceEventContent{
		house.Bridge.Ghost(friends[0].Passport): {Presence: event.PresenceOnline, StatusMessage: "here all day"},
		house.Bridge.Ghost(friends[1].Passport): {Presence: event.PresenceUnavailable, StatusMessage: "walking the dog"},
		house.Bridge.Ghost(friends[2].Passport): {Presence: event.PresenceOnline, StatusMessage: "Busy"},
	}
	mark := 0
	for ghost, c := range want {
		u.awaits(t, "the presence of "+ghost.String(), 0, func(evt *event.Event) bool {
			p, ok := evt.Content.Parsed.(*event.PresenceEventContent)
			return ok && evt.Sender == ghost && p.Presence == c.Presence && p.StatusMessage == c.StatusMessage
		})
	}
	mark = u.Len()
	ctx, cancel := context.WithTimeout(t.Context(), presenceTime(t))
	defer cancel()
	_ = u.Follow(ctx, mark, func(evt *event.Event) bool { // it ends with its time
		if p, ok := evt.Content.Parsed.(*event.PresenceEventContent); ok {
			if c, ours := want[evt.Sender]; ours && (p.Presence != c.Presence || p.StatusMessage != c.StatusMessage) {
				t.Errorf("%s flickers: %s %q", evt.Sender, p.Presence, p.StatusMessage)
			}
		}
		return true
	})

	// What they say is in their profiles.
	ghost := house.Bridge.Ghost(friends[0].Passport)
	within(t, func(ctx context.Context) error {
		var profile map[string]any
		_, err := u.MakeRequest(ctx, "GET", u.BuildClientURL("v3", "profile", ghost), nil, &profile)
		if said := fmt.Sprint(profile["org.matrix.msc4426.status"], profile["m.status"]); strings.Count(said, "here all day") != 2 {
			t.Errorf("the profile says %v", profile)
		}
		return err
	})

	mark = u.Len()
	for _, f := range friends[1:] {
		f.Leave()
	}
	within(t, func(ctx context.Context) error {
		_, err := u.bot.Ask(ctx, "logout "+stage.Service+"/"+u.passport, "ogged out")
		return err
	})
	for ghost := range want {
		u.awaits(t, ghost.String()+" to go offline", mark, func(evt *event.Event) bool {
			p, ok := evt.Content.Parsed.(*event.PresenceEventContent)
			return ok && evt.Sender == ghost && p.Presence == event.PresenceOffline
		})
	}
	u.ask(t, "login", "Please enter your") // for the clean-up
	u.ask(t, u.passport, "Please enter your")
	u.ask(t, u.password, "ogged in")
}
