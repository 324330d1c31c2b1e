package e2e

import (
	"context"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestUpgradedRoom has a user who was given the power to do so upgrade a contact's room, as clients do it. Texts go on, in the new one.
func TestUpgradedRoom(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	old := u.roomWith(t, bob.Passport)
	u.says(t, old, "before")
	hears(t, bob, 0, u.passport, "before")
	ghost := house.Bridge.Ghost(bob.Passport)

	bot, err := house.Bridge.Client(house.Homeserver.URL)
	if err != nil {
		t.Fatal(err)
	}
	var replacement id.RoomID
	mark := u.Len()
	within(t, func(ctx context.Context) error {
		var levels event.PowerLevelsEventContent
		if err := bot.StateEvent(ctx, old, event.StatePowerLevels, "", &levels); err != nil {
			return err
		}
		levels.SetUserLevel(u.UserID, 100)
		if _, err := bot.SendStateEvent(ctx, old, event.StatePowerLevels, "", &levels); err != nil {
			return err
		}
		var made struct {
			Room id.RoomID `json:"replacement_room"`
		}
		_, err := u.MakeRequest(ctx, "POST", u.BuildClientURL("v3", "rooms", old, "upgrade"), map[string]string{"new_version": "11"}, &made)
		replacement = made.Room
		return err
	})
	within(t, func(ctx context.Context) error {
		_, err := u.InviteUser(ctx, replacement, &mautrix.ReqInviteUser{UserID: bot.UserID})
		return err
	})
	u.awaits(t, "Bob in the new room", mark, func(evt *event.Event) bool {
		return evt.RoomID == replacement && evt.Type == event.StateMember && evt.GetStateKey() == ghost.String() &&
			evt.Content.AsMember().Membership == event.MembershipJoin
	})
	tells(t, bob, &msn.TextMessage{Text: "still there?"}, u.passport)
	u.reads(t, mark, replacement, bob.Passport, "still there?")
	u.says(t, replacement, "yes")
	hears(t, bob, 0, u.passport, "yes")
}

// TestGhostsInOtherRooms invites people of MSN into a room of one's own: they decline, and say what to do.
func TestGhostsInOtherRooms(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "bob", "carol")
	mark := u.Len()
	var room id.RoomID
	within(t, func(ctx context.Context) error {
		made, err := u.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Name: "Club", Invite: []id.UserID{house.Bridge.Ghost(friends[0].Passport), house.Bridge.Ghost(friends[1].Passport)},
		})
		if err == nil {
			room = made.RoomID
		}
		return err
	})
	for _, friend := range friends {
		u.awaits(t, friend.Passport+" declining", mark, func(evt *event.Event) bool {
			return evt.RoomID == room && evt.Type == event.StateMember && evt.GetStateKey() == house.Bridge.Ghost(friend.Passport).String() &&
				evt.Content.AsMember().Membership == event.MembershipLeave && strings.Contains(evt.Content.AsMember().Reason, "create-group")
		})
	}
}

// TestCreateGroup makes a conversation of a room of one's own: people of MSN and the bot are invited, and wait for the command.
func TestCreateGroup(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "bob", "carol")
	bot, err := house.Bridge.Client(house.Homeserver.URL)
	if err != nil {
		t.Fatal(err)
	}
	mark := u.Len()
	var room id.RoomID
	within(t, func(ctx context.Context) error {
		made, err := u.CreateRoom(ctx, &mautrix.ReqCreateRoom{
			Name: "Club", Invite: []id.UserID{house.Bridge.Ghost(friends[0].Passport), house.Bridge.Ghost(friends[1].Passport), bot.UserID},
		})
		if err == nil {
			room = made.RoomID
		}
		return err
	})
	u.awaits(t, "what to do", mark, func(evt *event.Event) bool {
		return evt.RoomID == room && evt.Sender == bot.UserID && evt.Type == event.EventMessage && strings.Contains(evt.Content.AsMessage().Body, "create-group")
	})
	u.says(t, room, "!msn create-group")
	for _, friend := range friends {
		u.awaits(t, friend.Passport+" coming", mark, func(evt *event.Event) bool {
			return evt.RoomID == room && evt.Type == event.StateMember && evt.GetStateKey() == house.Bridge.Ghost(friend.Passport).String() &&
				evt.Content.AsMember().Membership == event.MembershipJoin
		})
	}
	u.says(t, room, "the club is open")
	for _, friend := range friends {
		hears(t, friend, 0, u.passport, "the club is open")
	}
}

// TestLostRooms takes a contact's room away in each way. The next text from MSN is seen nevertheless, and can be answered.
func TestLostRooms(t *testing.T) {
	t.Parallel()
	admin, err := house.Homeserver.Administrator(t.Context(), "admin", "admin-password")
	if err != nil {
		t.Fatal(err)
	}
	bot, err := house.Bridge.Client(house.Homeserver.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, lose := range map[string]func(ctx context.Context, u *user, room id.RoomID, ghost id.UserID) error{
		"left by the user": func(ctx context.Context, u *user, room id.RoomID, _ id.UserID) error {
			_, err := u.LeaveRoom(ctx, room)
			return err
		},
		"the contact put out": func(ctx context.Context, _ *user, room id.RoomID, ghost id.UserID) error {
			_, err := bot.KickUser(ctx, room, &mautrix.ReqKickUser{UserID: ghost})
			return err
		},
		"deleted by an administrator": func(ctx context.Context, _ *user, room id.RoomID, _ id.UserID) error {
			_, err := admin.MakeRequest(ctx, "DELETE", admin.BuildURL(mautrix.BaseURLPath{"_synapse", "admin", "v1", "rooms", room}), map[string]bool{"purge": true}, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, friends := signedIn(t, 0, "bob")
			bob := friends[0]
			room := u.roomWith(t, bob.Passport)
			ghost := house.Bridge.Ghost(bob.Passport)
			u.says(t, room, "before")
			hears(t, bob, 0, u.passport, "before")
			mark := u.Len()
			within(t, func(ctx context.Context) error { return lose(ctx, u, room, ghost) })
			u.ask(t, "list", "1 contact") // by then the bridge has heard of it
			tells(t, bob, &msn.TextMessage{Text: "still there?"}, u.passport)
			now := u.awaits(t, "Bob's text", mark, func(evt *event.Event) bool {
				return evt.Type == event.EventMessage && evt.Sender == ghost && evt.Content.AsMessage().Body == "still there?"
			}).RoomID
			if (now == room) == strings.HasPrefix(name, "deleted") {
				t.Errorf("the text is in %s, the room was %s", now, room)
			}
			u.says(t, now, "yes")
			hears(t, bob, 0, u.passport, "yes")
		})
	}
}

// TestCallsAndWidgets calls somebody on MSN, and puts a widget into the room and takes it away by redaction: they read what concerns people.
func TestCallsAndWidgets(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	bot, err := house.Bridge.Client(house.Homeserver.URL)
	if err != nil {
		t.Fatal(err)
	}
	widget := event.Type{Type: "im.vector.modular.widgets", Class: event.StateEventType}
	pad := map[string]any{"type": "m.etherpad", "name": "Etherpad", "url": "https://pad.example.com/p/1"}
	within(t, func(ctx context.Context) error {
		var levels event.PowerLevelsEventContent
		if err := bot.StateEvent(ctx, room, event.StatePowerLevels, "", &levels); err != nil {
			return err
		}
		levels.SetUserLevel(u.UserID, 100)
		_, err := bot.SendStateEvent(ctx, room, event.StatePowerLevels, "", &levels)
		return err
	})
	within(t, func(ctx context.Context) error {
		call := map[string]any{"call_id": "1", "version": "1", "party_id": "a", "lifetime": 60000, "offer": map[string]any{"type": "offer", "sdp": "v=0\r\nm=audio 9\r\n"}}
		if _, err := u.SendMessageEvent(ctx, room, event.CallInvite, call); err != nil {
			return err
		}
		if _, err := u.SendMessageEvent(ctx, room, event.CallHangup, map[string]any{"call_id": "1", "version": "1", "party_id": "a"}); err != nil {
			return err
		}
		added, err := u.SendStateEvent(ctx, room, widget, "pad", pad)
		if err != nil {
			return err
		}
		if _, err := u.RedactEvent(ctx, room, added.EventID); err != nil {
			return err
		}
		_, err = u.SendStateEvent(ctx, room, widget, "pad", map[string]any{})
		return err
	})
	u.says(t, room, "that is all")
	hears(t, bob, 0, u.passport, "that is all")
	same(t, "MSN", heard(bob, u.passport), []string{
		"*is calling (voice), which only works on Matrix*", "*added the widget “Etherpad”*: https://pad.example.com/p/1", "that is all",
	})
}
