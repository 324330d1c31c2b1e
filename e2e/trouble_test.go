package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestRestart ends the bridge in order and by force in the middle of a chat. What was said while it was away arrives, and
// nothing arrives twice.
func TestRestart(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	var fromMatrix, fromMSN []string
	mark := u.Len()
	for round, end := range []func(){
		func() {
			if err := house.Bridge.Stop(); err != nil {
				t.Error(err)
			}
		},
		house.Bridge.Kill,
	} {
		say := func(text string) {
			u.says(t, room, text)
			fromMatrix = append(fromMatrix, text)
		}
		tell := func(text string) {
			tells(t, bob, &msn.TextMessage{Text: text}, u.passport)
			fromMSN = append(fromMSN, text)
			u.reads(t, mark, room, bob.Passport, text)
		}
		say(fmt.Sprintf("before %d", round))
		hears(t, bob, 0, u.passport, fmt.Sprintf("before %d", round))
		tell(fmt.Sprintf("answer %d", round))
		end()
		within(t, func(ctx context.Context) error { return house.MSN.WaitSignedOut(ctx, u.passport) })
		for i := range 3 {
			say(fmt.Sprintf("away %d.%d", round, i))
		}
		within(t, house.Bridge.Start)
		within(t, func(ctx context.Context) error { return house.MSN.WaitStatus(ctx, u.passport, msn.Online) })
		say(fmt.Sprintf("after %d", round))
		hears(t, bob, 0, u.passport, fmt.Sprintf("after %d", round))
		tell(fmt.Sprintf("welcome back %d", round))
	}
	if got := heard(bob, u.passport); !slices.Equal(got, fromMatrix) {
		t.Errorf("MSN got %q, want %q", got, fromMatrix)
	}
	if got := u.texts(t, room, house.Bridge.Ghost(bob.Passport)); !slices.Equal(got, fromMSN) {
		t.Errorf("Matrix got %q, want %q", got, fromMSN)
	}
	if got := u.texts(t, room, u.UserID); !slices.Equal(got, fromMatrix) {
		t.Errorf("the user's own texts are %q, want %q", got, fromMatrix)
	}
}

// TestServiceDownAndUp takes the MSN service away. What is written meanwhile is not lost in silence, and when the service
// is back, so is everything else.
func TestServiceDownAndUp(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	u.says(t, room, "before")
	hears(t, bob, 0, u.passport, "before")

	mark := u.Len()
	if err := house.MSN.StopListening(); err != nil {
		t.Fatal(err)
	}
	house.MSN.Drop(u.passport)
	house.MSN.Drop(bob.Passport)
	<-bob.Ended()
	ghost := house.Bridge.Ghost(bob.Passport)
	u.awaits(t, "Bob offline", mark, func(evt *event.Event) bool {
		return evt.Type == event.EphemeralEventPresence && evt.Sender == ghost && evt.Content.AsPresence().Presence == event.PresenceOffline
	})
	u.says(t, room, "is anybody there?")
	u.awaits(t, "a word about the text that could not be sent", mark, func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.RoomID == room && evt.Content.AsMessage().MsgType == event.MsgNotice &&
			strings.Contains(evt.Content.AsMessage().Body, "not")
	})

	if err := house.MSN.Resume(); err != nil {
		t.Fatal(err)
	}
	within(t, func(ctx context.Context) error { return house.MSN.WaitStatus(ctx, u.passport, msn.Online) })
	again := enter(t, bob.Passport, secret+"-bob", 0)
	mark = u.Len()
	tells(t, again, &msn.TextMessage{Text: "I am back"}, u.passport)
	u.reads(t, mark, room, bob.Passport, "I am back")
	u.says(t, room, "so am I")
	hears(t, again, 0, u.passport, "so am I")
	if got := u.texts(t, room, ghost); !slices.Equal(got, []string{"I am back"}) {
		t.Errorf("Bob's texts are %q", got)
	}
}

// TestSignedInElsewhere lets somebody else have the account: the bridge says so, does not fight, and comes back when told.
func TestSignedInElsewhere(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	u.roomWith(t, friends[0].Passport)
	mark := u.Len()
	elsewhere := enter(t, u.passport, u.password, msn.MSNP12) // which knows one place only
	within(t, func(ctx context.Context) error {
		_, err := u.bot.Hear(ctx, mark, "elsewhere", "somewhere else", "another")
		return err
	})
	within(t, elsewhere.Ping) // it has not been thrown out
	elsewhere.Leave()
	within(t, func(ctx context.Context) error { return house.MSN.WaitSignedOut(ctx, u.passport) })
	u.ask(t, "reconnect")
	within(t, func(ctx context.Context) error { return house.MSN.WaitStatus(ctx, u.passport, msn.Online) })
}

// TestStartChat writes to somebody who is on nobody's list.
func TestStartChat(t *testing.T) {
	u, _ := signedIn(t, 0)
	passport, password := account(t, "stranger")
	stranger := enter(t, passport, password, 0)
	u.ask(t, "start-chat "+passport, "reated", "chat with")
	room := u.roomWith(t, passport)
	u.says(t, room, "you do not know me")
	hears(t, stranger, 0, u.passport, "you do not know me")
	if !house.MSN.Account(u.passport).On(passport, msn.ForwardList) {
		t.Error("they are not on the contact list")
	}
}
