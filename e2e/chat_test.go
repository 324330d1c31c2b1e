package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
)

func TestLoginByBot(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0].Passport
	list := u.ask(t, "list", bob)
	if !strings.Contains(list, "Bob") {
		t.Errorf("list says %q; want Bob in it", list)
	}
	if logins := u.ask(t, "list-logins", u.passport); strings.Contains(logins, secret) {
		t.Errorf("list-logins shows the password: %q", logins)
	}
	room := u.roomWith(t, bob)
	joined := func(who id.UserID, name string) {
		u.awaits(t, fmt.Sprintf("%s joining as %q", who, name), 0, func(evt *event.Event) bool {
			return evt.Type == event.StateMember && evt.RoomID == room && id.UserID(evt.GetStateKey()) == who &&
				evt.Content.AsMember().Membership == event.MembershipJoin && evt.Content.AsMember().Displayname == name
		})
	}
	joined(house.Bridge.Ghost(bob), "Bob")
	joined(u.UserID, "Alice")
	// The password was written into the room with the bot; the bot must have taken it back. The bot's next answer comes after that.
	u.ask(t, "help", "nudge")
	if slices.ContainsFunc(u.texts(t, u.bot.Room, u.UserID), func(text string) bool { return strings.Contains(text, secret) }) {
		t.Error("the password is still to be read in the room with the bot")
	}
}

func TestWrongPassword(t *testing.T) {
	u := newcomer(t)
	answer := u.logIn(t, u.passport, secret+"-not")
	if !strings.Contains(answer, "Failed") || !strings.Contains(strings.ToLower(answer), "password") {
		t.Errorf("to a wrong password the bot says %q", answer)
	}
	answer = u.logIn(t, "nobody@example.com", secret)
	if !strings.Contains(answer, "Failed") || strings.Contains(answer, secret) {
		t.Errorf("to an unknown account the bot says %q", answer)
	}
	if house.MSN.SignedIn(u.passport) {
		t.Error("the bridge is signed in after a wrong password")
	}
	if answer = u.logIn(t, u.passport, u.password); strings.Contains(answer, "Failed") {
		t.Errorf("after that the right password gets %q", answer)
	}
}

func TestTextEachWay(t *testing.T) {
	for _, version := range msn.Versions() {
		t.Run(version.String(), func(t *testing.T) {
			u, friends := signedIn(t, version, "bob")
			bob := friends[0]
			room := u.roomWith(t, bob.Passport)
			mark := u.Len()
			for i, text := range []string{"Grüße 🎉", "two\nlines", "<b>& not HTML</b>", "مرحبا"} {
				u.says(t, room, text)
				if got := hears(t, bob, 0, u.passport, text); got.Conversation.Group {
					t.Errorf("text %d came in a conference", i)
				}
				tells(t, bob, &msn.TextMessage{Text: text + " too"}, u.passport)
				u.reads(t, mark, room, bob.Passport, text+" too")
			}
		})
	}
}

func TestTextsKeepTheirOrder(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	long := strings.Repeat("Ein langer Text, der nicht in einen Rahmen passt: äöü€🦀. ", 100) + "Ende"
	want := []string{long}
	for i := range 15 {
		want = append(want, fmt.Sprintf("text %d", i))
	}
	mark := u.Len()
	for _, text := range want {
		u.says(t, room, text)
		tells(t, bob, &msn.TextMessage{Text: text}, u.passport)
	}
	last := want[len(want)-1]
	hears(t, bob, 0, u.passport, last)
	u.reads(t, mark, room, bob.Passport, last)
	// Where there are no chunks a long text comes in parts, cut at blanks.
	words := func(texts []string) []string { return strings.Fields(strings.Join(texts, " ")) }
	same(t, "MSN", words(heard(bob, u.passport)), words(want))
	same(t, "Matrix", words(u.texts(t, room, house.Bridge.Ghost(bob.Passport))), words(want))
}

// same compares texts in order and shows the first difference.
func same(t *testing.T, where string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s got %d texts, want %d: %.100q", where, len(got), len(want), got)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			at := 0
			for at < min(len(got[i]), len(want[i])) && got[i][at] == want[i][at] {
				at++
			}
			t.Errorf("%s: text %d has %d bytes, want %d; from byte %d it is %.50q, want %.50q",
				where, i, len(got[i]), len(want[i]), at, got[i][at:], want[i][at:])
		}
	}
}

func TestTypingEachWay(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room, ghost := u.roomWith(t, bob.Passport), house.Bridge.Ghost(bob.Passport)
	mark := u.Len()
	tells(t, bob, &msn.Typing{From: bob.Passport}, u.passport)
	typing := func(is bool) func(*event.Event) bool {
		return func(evt *event.Event) bool {
			return evt.Type == event.EphemeralEventTyping && evt.RoomID == room &&
				slices.Contains(evt.Content.AsTyping().UserIDs, ghost) == is
		}
	}
	u.awaits(t, "Bob typing", mark, typing(true))
	mark = u.Len()
	u.awaits(t, "Bob typing no more", mark, typing(false)) // nothing says so on MSN: it times out

	bobMark := bob.Len()
	within(t, func(ctx context.Context) error {
		if _, err := u.UserTyping(ctx, room, true, 20*time.Second); err != nil {
			return err
		}
		_, err := stage.AwaitMessage(ctx, bob, "Alice typing", bobMark, func(e msn.MessageReceived, _ *msn.Typing) bool {
			return e.From == u.passport
		})
		return err
	})
}

func TestNudgeEachWay(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	room := u.roomWith(t, bob.Passport)
	mark := u.Len()
	tells(t, bob, &msn.Nudge{}, u.passport)
	got := u.awaits(t, "a nudge", mark, func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.RoomID == room && evt.Content.AsMessage().MsgType == "chat.tachyon.buzz"
	}).Content.AsMessage()
	if got.Body == "" || got.Mentions == nil || !slices.Contains(got.Mentions.UserIDs, u.UserID) {
		t.Errorf("the nudge is %+v; want a text for other clients and a mention of the user", got)
	}
	for name, send := range map[string]func(context.Context) error{
		"the command": func(ctx context.Context) error { _, err := u.Say(ctx, room, "!msn nudge"); return err },
		"the msgtype": func(ctx context.Context) error {
			_, err := u.SendMessageEvent(ctx, room, event.EventMessage, map[string]any{"msgtype": "chat.tachyon.buzz", "body": "buzz"})
			return err
		},
	} {
		bobMark := bob.Len()
		within(t, func(ctx context.Context) error {
			if err := send(ctx); err != nil {
				return err
			}
			_, err := stage.AwaitMessage(ctx, bob, "a nudge by "+name, bobMark, func(e msn.MessageReceived, _ *msn.Nudge) bool {
				return e.From == u.passport
			})
			return err
		})
	}
}

func TestPresenceEachWay(t *testing.T) {
	u, friends := signedIn(t, 0, "bob")
	bob := friends[0]
	u.roomWith(t, bob.Passport)
	for _, change := range []struct {
		what     string
		do       func(context.Context) error
		presence event.Presence
		message  string
	}{
		{"busy", func(ctx context.Context) error { return bob.SetPresence(ctx, msn.Presence{Status: msn.Busy}) }, event.PresenceOnline, "Busy"},
		{"away", func(ctx context.Context) error { return bob.SetPresence(ctx, msn.Presence{Status: msn.Away}) }, event.PresenceUnavailable, "Away"},
		{"a personal message", func(ctx context.Context) error {
			return bob.SetPersonalMessage(ctx, msn.PersonalMessage{Text: "Gone fishing ><>"})
		}, event.PresenceUnavailable, "Gone fishing ><>"},
		{"online", func(ctx context.Context) error { return bob.SetPresence(ctx, msn.Presence{Status: msn.Online}) }, event.PresenceOnline, "Gone fishing ><>"},
		{"hidden", func(ctx context.Context) error { return bob.SetPresence(ctx, msn.Presence{Status: msn.Hidden}) }, event.PresenceOffline, ""},
	} {
		mark := u.Len()
		within(t, change.do)
		u.awaits(t, "Bob's presence: "+change.what, mark, func(evt *event.Event) bool {
			return evt.Type == event.EphemeralEventPresence && evt.Sender == house.Bridge.Ghost(bob.Passport) &&
				evt.Content.AsPresence().Presence == change.presence && evt.Content.AsPresence().StatusMessage == change.message
		})
	}
	within(t, func(ctx context.Context) error { return bob.SetPresence(ctx, msn.Presence{Status: msn.Online}) })
	for _, change := range []struct {
		presence event.Presence
		message  string
		status   msn.Status
	}{
		{event.PresenceUnavailable, "", msn.Idle},
		{event.PresenceOnline, "", msn.Online},
	} {
		mark := bob.Len()
		within(t, func(ctx context.Context) error {
			if err := u.Be(ctx, change.presence, change.message); err != nil {
				return err
			}
			_, err := bob.Await(ctx, "Alice as "+string(change.status), mark, func(e msn.Event) bool {
				seen, ok := e.(msn.PresenceChanged)
				return ok && seen.Passport == u.passport && seen.Presence.Status == change.status
			})
			return err
		})
	}
	mark := bob.Len()
	within(t, func(ctx context.Context) error {
		if err := u.Be(ctx, event.PresenceOnline, "in Matrix"); err != nil {
			return err
		}
		_, err := bob.Await(ctx, "Alice's personal message", mark, func(e msn.Event) bool {
			seen, ok := e.(msn.PersonalMessageChanged)
			return ok && seen.Passport == u.passport && seen.PersonalMessage.Text == "in Matrix"
		})
		return err
	})
}

func TestConference(t *testing.T) {
	u, friends := signedIn(t, 0, "bob", "carol")
	bob, carol := friends[0], friends[1]
	mark := u.Len()
	tells(t, bob, &msn.TextMessage{Text: "all together"}, u.passport, carol.Passport)
	var room id.RoomID
	within(t, func(ctx context.Context) (err error) {
		room, err = u.Portal(ctx, "a room of the conference", mark, house.Bridge.Conference)
		return err
	})
	u.reads(t, mark, room, bob.Passport, "all together")
	conversation := hears(t, carol, 0, bob.Passport, "all together").Conversation
	within(t, func(ctx context.Context) error { _, err := carol.Say(ctx, conversation, "me too"); return err })
	u.reads(t, mark, room, carol.Passport, "me too")
	u.says(t, room, "from Matrix")
	for _, c := range friends {
		if got := hears(t, c, 0, u.passport, "from Matrix"); !got.Conversation.Group {
			t.Errorf("%s got it outside the conference", c.Passport)
		}
	}
	joined := func(contact string, want event.Membership) {
		t.Helper()
		u.awaits(t, contact+" as "+string(want), mark, func(evt *event.Event) bool {
			return evt.Type == event.StateMember && evt.RoomID == room && evt.Content.AsMember().Membership == want &&
				id.UserID(evt.GetStateKey()) == house.Bridge.Ghost(contact)
		})
	}
	joined(bob.Passport, event.MembershipJoin)
	joined(carol.Passport, event.MembershipJoin)
	carol.Leave()
	joined(carol.Passport, event.MembershipLeave)
	if got := u.texts(t, room, u.UserID); !slices.Equal(got, []string{"from Matrix"}) {
		t.Errorf("the user's own texts in the room are %q", got)
	}
}
