package e2e

import (
	"context"
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

// TestOfflineMessages leaves texts for people who are away, on both sides: they arrive at the next sign-in, once, in
// their order, with the time of their sending.
func TestOfflineMessages(t *testing.T) {
	for _, version := range []msn.Version{msn.MSNP12, msn.MSNP15, msn.MSNP18, msn.MSNP21} {
		t.Run("to "+version.String(), func(t *testing.T) {
			u, friends := signedIn(t, version, "bob")
			bob := friends[0]
			room := u.roomWith(t, bob.Passport)
			bob.Leave()
			within(t, func(ctx context.Context) error { return house.MSN.WaitSignedOut(ctx, bob.Passport) })
			want := []string{"are you there?", "Grüße 🎉", "two\nlines"}
			for _, text := range want {
				u.says(t, room, text)
				time.Sleep(5 * time.Millisecond) // their times differ
			}
			within(t, func(ctx context.Context) error { // nobody acknowledges what MSNP18 and later leave
				return house.MSN.Watch(ctx, bob.Passport, func(msntest.AccountState) bool {
					return len(house.MSN.OfflineMessages(bob.Passport)) == len(want)
				})
			})
			password := secret + "-bob"
			again := enter(t, bob.Passport, password, version)
			var got []string
			within(t, func(ctx context.Context) error {
				return again.Follow(ctx, 0, func(e msn.Event) bool {
					switch e := e.(type) {
					case msn.OfflineMessageReceived:
						got = append(got, e.OfflineMessage.Text)
					case msn.MessageReceived:
						if m, ok := e.Message.(*msn.TextMessage); ok {
							got = append(got, m.Text)
						}
					}
					return len(got) < len(want)
				})
			})
			same(t, "MSN", got, want)
		})
	}
	t.Run("to Matrix", func(t *testing.T) {
		u := newcomer(t)
		passport, password := account(t, "bob")
		house.MSN.Befriend(u.passport, passport)
		bob := enter(t, passport, password, msn.MSNP15)
		before := time.Now()
		want := []string{"where are you?", "call me 📞"}
		for _, text := range want {
			within(t, func(ctx context.Context) error {
				_, err := bob.SendOffline(ctx, u.passport, text)
				return err
			})
		}
		after := time.Now()
		if answer := u.logIn(t, u.passport, u.password); strings.Contains(answer, "Failed") {
			t.Fatalf("the bot says %q", answer)
		}
		room := u.roomWith(t, passport)
		for _, text := range want {
			evt := u.reads(t, 0, room, passport, text)
			sent := time.UnixMilli(evt.Timestamp)
			if sent.Before(before.Add(-2*time.Second)) || sent.After(after.Add(2*time.Second)) {
				t.Errorf("%q is dated %s, it was sent between %s and %s", text, sent, before, after)
			}
		}
		// They are gone from the service, so that another sign-in brings nothing.
		u.ask(t, "reconnect")
		tells(t, bob, &msn.TextMessage{Text: "there you are"}, u.passport)
		u.reads(t, 0, room, passport, "there you are")
		same(t, "Matrix", u.texts(t, room, house.Bridge.Ghost(passport)), append(want, "there you are"))
	})
}

// TestOwnPlaces signs the user in at another place too: what is written there appears as the user's own.
func TestOwnPlaces(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	home := enter(t, u.passport, u.password, 0)
	within(t, func(ctx context.Context) error {
		_, err := home.Await(ctx, "two places", 0, func(e msn.Event) bool {
			changed, ok := e.(msn.EndpointsChanged)
			return ok && len(changed.Endpoints) == 2
		})
		return err
	})
	tells(t, home, &msn.TextMessage{Text: "written at home"}, bob.Passport)
	hears(t, bob, 0, u.passport, "written at home")
	u.awaits(t, "what was written at home", 0, func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.RoomID == room && evt.Sender == u.UserID && evt.Content.AsMessage().Body == "written at home"
	})
	u.says(t, room, "written on Matrix")
	hears(t, home, 0, u.passport, "written on Matrix")
	hears(t, bob, 0, u.passport, "written on Matrix")
	if n := len(slices.DeleteFunc(heard(bob, u.passport), func(s string) bool { return s != "written at home" })); n != 1 {
		t.Errorf("bob heard what was written at home %d times", n)
	}
	list := u.ask(t, "places", "this")
	if strings.Count(list, "online")+strings.Count(list, "Online") < 2 {
		t.Errorf("places says %q", list)
	}
	u.ask(t, "places sign-out all")
	select {
	case <-home.Ended():
	case <-time.After(patience):
		t.Error("the other place is still signed in")
	}
}

// TestCircle makes a circle, invites somebody and talks in it.
func TestCircle(t *testing.T) {
	u, friends := signedIn(t, msn.MSNP18, "bob")
	bob := friends[0]
	u.ask(t, "circle create Chess club")
	var circle string
	var room id.RoomID
	within(t, func(ctx context.Context) (err error) {
		room, err = u.Portal(ctx, "a room for the circle", 0, func(channel string) bool {
			var ok bool
			circle, ok = strings.CutPrefix(channel, stage.Service+"/circle/")
			return ok
		})
		return err
	})
	within(t, func(ctx context.Context) error {
		_, err := u.InviteUser(ctx, room, &mautrix.ReqInviteUser{UserID: house.Bridge.Ghost(bob.Passport)})
		return err
	})
	within(t, func(ctx context.Context) error {
		_, err := bob.Await(ctx, "an invitation", 0, func(e msn.Event) bool {
			changed, ok := e.(msn.CirclesChanged)
			return ok && len(changed.Circles) == 1 && changed.Circles[0].Role == msn.RoleInvited
		})
		return err
	})
	within(t, func(ctx context.Context) error { return bob.AnswerCircle(ctx, circle, true) })
	in := msn.Conversation{Circle: circle, Group: true}
	within(t, func(ctx context.Context) error {
		_, err := bob.Send(ctx, in, &msn.TextMessage{Text: "e4"})
		return err
	})
	u.reads(t, 0, room, bob.Passport, "e4")
	u.says(t, room, "e5 ♟️")
	e := hears(t, bob, 0, u.passport, "e5 ♟️")
	if e.Conversation.Circle != circle {
		t.Errorf("it came in %+v", e.Conversation)
	}
}
