package e2e

import (
	"context"
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
