package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
)

// nudgeType is the msgtype of a nudge (bridge.md "1:1 messages").
const nudgeType event.MessageType = "chat.tachyon.buzz"

// play is the script: who is there, and the rooms of Alice.
type play struct {
	screen *screen
	house  *stage.Stage
	alice  *stage.Person
	bot    *stage.Dialogue
	cast   map[string]*stage.Contact // by name
	rooms  map[string]id.RoomID      // by contact's name
	spaces map[string]id.RoomID      // by contact group
	shown  map[string]string         // presence last printed, for watchMatrix alone

	watching sync.WaitGroup
	watch    context.Context // the time of watching
	cancel   context.CancelFunc
}

// perform has the play from beginning to end. Every step waits for what it should bring about.
func (p *play) perform(ctx context.Context) error {
	var watch context.Context
	watch, p.cancel = context.WithCancel(ctx)
	p.watch = watch
	p.cast, p.rooms, p.shown = map[string]*stage.Contact{}, map[string]id.RoomID{}, map[string]string{}
	for _, scene := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"Alice registers on Matrix", func(ctx context.Context) error { return p.registers(ctx, watch) }},
		{"Alice's list has groups, and Frank blocked, since her days with Messenger", p.tidiesUp},
		{"Bob and Carol (newest protocol) and Dave (MSNP2) sign in to MSN", func(ctx context.Context) error { return p.contactsEnter(ctx, watch) }},
		{"a wrong password is refused in words", p.wrongPassword},
		{"Alice logs in to MSN by talking to the bot", p.logsIn},
		{"a room for each contact who is online", p.roomsAppear},
		{"Alice sees that Bob is online, and his personal message", p.seesBob},
		{"her contact groups are spaces: Bob in two, Carol in one, Dave in none", p.groupsAppear},
		{"Carol moves to Bob's work when Alice puts her room into that space", p.carolMoves},
		{"Bob's display picture is his avatar", p.seesPicture},
		{"Alice's Matrix avatar is her display picture on MSN", p.showsPicture},
		{"Frank, who is blocked, sees Alice offline and has no room", p.frankSeesNothing},
		{"Grace asks to be a contact: a room with the question waits", p.graceAsks},
		{"Alice writes, Bob reads", p.aliceWrites},
		{"Bob types and answers, Alice sees both", p.bobAnswers},
		{"Alice types, Bob sees it", p.aliceTypes},
		{"Bob nudges Alice", p.bobNudges},
		{"Alice nudges Bob", p.aliceNudges},
		{"Bob changes his personal message", p.bobExpresses},
		{"Carol goes busy and comes back", p.carolIsBusy},
		{"Carol listens to a song, and Alice sees which", p.carolListens},
		{"Dave goes offline and comes back", p.daveComesAndGoes},
		{"Alice goes away and comes back, Bob sees it", p.aliceAway},
		{"Dave writes from MSN Messenger's first protocol, emoji and all", p.daveWrites},
		{"Bob calls Alice and Carol into a conference, everybody is heard", p.conference},
	} {
		err := p.screen.step(scene.what, func() error {
			ctx, cancel := context.WithTimeout(ctx, stepTime)
			defer cancel()
			return scene.do(ctx)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", scene.what, err)
		}
	}
	return nil
}

// end is the end of everybody.
func (p *play) end() {
	if p.cancel != nil {
		p.cancel()
	}
	p.watching.Wait()
	var leaving sync.WaitGroup
	for _, c := range p.cast {
		leaving.Go(c.Leave)
	}
	leaving.Wait()
	if p.alice != nil {
		p.alice.Leave()
	}
}

func (p *play) registers(ctx, watch context.Context) (err error) {
	p.alice, err = p.house.Homeserver.Register(ctx, "alice", matrixPassword, alice.name)
	if err != nil {
		return err
	}
	p.alice.Watch()
	p.watching.Go(func() { p.watchMatrix(watch) })
	return nil
}

func (p *play) contactsEnter(ctx, watch context.Context) error {
	for _, r := range contacts {
		c, err := p.enter(ctx, r)
		if err != nil {
			return err
		}
		p.cast[r.name] = c
		p.watching.Go(func() { p.watchMSN(watch, r, c) })
	}
	return nil
}

// login is the dialogue that logs in; it returns what the bot says to the password.
func (p *play) login(ctx context.Context, password string) (string, error) {
	for _, text := range []string{"login", alice.passport} {
		if _, err := p.bot.Ask(ctx, text, "Please enter your"); err != nil {
			return "", err
		}
	}
	return p.bot.Ask(ctx, password, "Failed", "Invalid", "igned in", "ogged in")
}

func (p *play) wrongPassword(ctx context.Context) (err error) {
	if p.bot, err = p.alice.Talk(ctx, p.house.Bridge.Bot); err != nil {
		return err
	}
	answer, err := p.login(ctx, wrongPassword)
	if err != nil {
		return err
	}
	if !strings.Contains(answer, "password") || !strings.Contains(answer, "Failed") {
		return fmt.Errorf("the bot says %q to a wrong password", answer)
	}
	return nil
}

func (p *play) logsIn(ctx context.Context) error {
	answer, err := p.login(ctx, alice.password)
	if err != nil {
		return err
	}
	if strings.Contains(answer, "Failed") || strings.Contains(answer, "Invalid") {
		return fmt.Errorf("the bot says %q", answer)
	}
	return p.house.MSN.WaitSignedIn(ctx, alice.passport)
}

func (p *play) roomsAppear(ctx context.Context) error {
	for _, r := range contacts {
		want := p.house.Bridge.Channel(r.passport)
		room, err := p.alice.Portal(ctx, "a room with "+r.name, 0, func(channel string) bool { return channel == want })
		if err != nil {
			return err
		}
		p.rooms[r.name] = room
	}
	return nil
}

// seesPresence waits until Alice sees a contact like that, after a mark.
func (p *play) seesPresence(ctx context.Context, mark int, r role, presence event.Presence, message string) error {
	ghost := p.house.Bridge.Ghost(r.passport)
	what := fmt.Sprintf("%s being %s with the message %q", ghost, presence, message)
	_, err := p.alice.Await(ctx, what, mark, func(evt *event.Event) bool {
		if evt.Type != event.EphemeralEventPresence || evt.Sender != ghost {
			return false
		}
		content := evt.Content.AsPresence()
		return content.Presence == presence && content.StatusMessage == message
	})
	return err
}

func (p *play) seesBob(ctx context.Context) error {
	return p.seesPresence(ctx, 0, bob, event.PresenceOnline, "Can we fix it?")
}

func (p *play) aliceWrites(ctx context.Context) error {
	mark := p.cast[bob.name].Len()
	const text = "Bob! Guess where I am writing from. 🐇"
	if _, err := p.alice.Say(ctx, p.rooms[bob.name], text); err != nil {
		return err
	}
	_, err := p.cast[bob.name].Hear(ctx, mark, alice.passport, text)
	return err
}

// says has a contact write to people.
func (p *play) says(ctx context.Context, r role, to msn.Conversation, text string) error {
	p.screen.seen("MSN", r.name+" writes", text)
	_, err := p.cast[r.name].Say(ctx, to, text)
	return err
}

// hears waits until Alice sees a message of a contact in a room.
func (p *play) hears(ctx context.Context, mark int, room id.RoomID, r role, kind event.MessageType, text string) error {
	ghost := p.house.Bridge.Ghost(r.passport)
	_, err := p.alice.Await(ctx, fmt.Sprintf("%q (%s) from %s", text, kind, r.name), mark, func(evt *event.Event) bool {
		if evt.Type != event.EventMessage || evt.Sender != ghost || evt.RoomID != room {
			return false
		}
		content := evt.Content.AsMessage()
		return content.MsgType == kind && (text == "" || content.Body == text)
	})
	return err
}

func (p *play) bobAnswers(ctx context.Context) error {
	mark, ghost := p.alice.Len(), p.house.Bridge.Ghost(bob.passport)
	if _, err := p.cast[bob.name].Send(ctx, msn.With(alice.passport), &msn.Typing{From: bob.passport}); err != nil {
		return err
	}
	_, err := p.alice.Await(ctx, "Bob typing", mark, func(evt *event.Event) bool {
		return evt.Type == event.EphemeralEventTyping && evt.RoomID == p.rooms[bob.name] &&
			containsUser(evt.Content.AsTyping().UserIDs, ghost)
	})
	if err != nil {
		return err
	}
	const text = "Not from MSN Messenger, I can see that much"
	if err := p.says(ctx, bob, msn.With(alice.passport), text); err != nil {
		return err
	}
	return p.hears(ctx, mark, p.rooms[bob.name], bob, event.MsgText, text)
}

func (p *play) aliceTypes(ctx context.Context) error {
	mark := p.cast[bob.name].Len()
	if _, err := p.alice.UserTyping(ctx, p.rooms[bob.name], true, 10*time.Second); err != nil {
		return err
	}
	_, err := stage.AwaitMessage(ctx, p.cast[bob.name], "Alice typing", mark, func(e msn.MessageReceived, _ *msn.Typing) bool {
		return e.From == alice.passport
	})
	if err != nil {
		return err
	}
	_, err = p.alice.UserTyping(ctx, p.rooms[bob.name], false, 0)
	return err
}

func (p *play) bobNudges(ctx context.Context) error {
	mark := p.alice.Len()
	if _, err := p.cast[bob.name].Send(ctx, msn.With(alice.passport), &msn.Nudge{}); err != nil {
		return err
	}
	return p.hears(ctx, mark, p.rooms[bob.name], bob, nudgeType, "")
}

func (p *play) aliceNudges(ctx context.Context) error {
	mark := p.cast[bob.name].Len()
	if _, err := p.alice.Say(ctx, p.rooms[bob.name], "!msn nudge"); err != nil {
		return err
	}
	_, err := stage.AwaitMessage(ctx, p.cast[bob.name], "a nudge", mark, func(e msn.MessageReceived, _ *msn.Nudge) bool {
		return e.From == alice.passport
	})
	return err
}

func (p *play) bobExpresses(ctx context.Context) error {
	mark := p.alice.Len()
	if err := p.cast[bob.name].SetPersonalMessage(ctx, msn.PersonalMessage{Text: "Yes we can"}); err != nil {
		return err
	}
	return p.seesPresence(ctx, mark, bob, event.PresenceOnline, "Yes we can")
}

func (p *play) carolIsBusy(ctx context.Context) error {
	for _, change := range []struct {
		status  msn.Status
		message string
	}{{msn.Busy, "Busy"}, {msn.Online, ""}} {
		mark := p.alice.Len()
		if err := p.cast[carol.name].SetPresence(ctx, msn.Presence{Status: change.status}); err != nil {
			return err
		}
		if err := p.seesPresence(ctx, mark, carol, event.PresenceOnline, change.message); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) aliceAway(ctx context.Context) error {
	for _, change := range []struct {
		presence event.Presence
		status   msn.Status
	}{{event.PresenceUnavailable, msn.Idle}, {event.PresenceOnline, msn.Online}} {
		mark := p.cast[bob.name].Len()
		if err := p.alice.Be(ctx, change.presence, ""); err != nil {
			return err
		}
		_, err := p.cast[bob.name].Await(ctx, "Alice as "+string(change.status), mark, func(e msn.Event) bool {
			seen, ok := e.(msn.PresenceChanged)
			return ok && seen.Passport == alice.passport && seen.Presence.Status == change.status
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *play) daveWrites(ctx context.Context) error {
	mark := p.alice.Len()
	const text = "Grüße aus 1999 🎉 ☎️"
	if err := p.says(ctx, dave, msn.With(alice.passport), text); err != nil {
		return err
	}
	return p.hears(ctx, mark, p.rooms[dave.name], dave, event.MsgText, text)
}

func (p *play) conference(ctx context.Context) error {
	mark, carolMark, bobMark := p.alice.Len(), p.cast[carol.name].Len(), p.cast[bob.name].Len()
	const text = "Party at mine on Friday?"
	if err := p.says(ctx, bob, msn.With(alice.passport, carol.passport), text); err != nil {
		return err
	}
	room, err := p.alice.Portal(ctx, "a room of the conference", mark, p.house.Bridge.Conference)
	if err != nil {
		return err
	}
	if err := p.hears(ctx, mark, room, bob, event.MsgText, text); err != nil {
		return err
	}
	invitation, err := p.cast[carol.name].Hear(ctx, carolMark, bob.passport, text)
	if err != nil {
		return err
	}
	if err := p.says(ctx, carol, invitation.Conversation, "I bring the cake"); err != nil {
		return err
	}
	if err := p.hears(ctx, mark, room, carol, event.MsgText, "I bring the cake"); err != nil {
		return err
	}
	if _, err := p.alice.Say(ctx, room, "I bring a homeserver"); err != nil {
		return err
	}
	for c, mark := range map[*stage.Contact]int{p.cast[bob.name]: bobMark, p.cast[carol.name]: carolMark} {
		heard, err := c.Hear(ctx, mark, alice.passport, "I bring a homeserver")
		if err != nil {
			return err
		}
		if !heard.Conversation.Group {
			return fmt.Errorf("%s got it outside the conference", c.Passport)
		}
	}
	return nil
}
