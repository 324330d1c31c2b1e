package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
)

func containsUser(users []id.UserID, user id.UserID) bool { return slices.Contains(users, user) }

// goOn keeps the contacts alive until the context ends: who writes to them gets an answer.
func (p *play) goOn(ctx context.Context) {
	// The play's own client goes on watching, but says no more that Alice is there: that is for whoever signs in as her.
	p.alice.Unnoticed()
	var staying sync.WaitGroup
	for _, r := range contacts {
		staying.Go(func() { p.stay(ctx, r) })
	}
	staying.Wait()
}

// stay is one contact's life: it answers, and signs in again should the sign-in end.
func (p *play) stay(ctx context.Context, r role) {
	c := p.cast[r.name]
	for mark := c.Len(); c != nil; mark = 0 {
		p.answer(ctx, r, c, mark)
		c.Leave()
		c = p.reenter(ctx, r)
	}
}

// answer reacts to what a contact gets until its sign-in or the context ends.
func (p *play) answer(ctx context.Context, r role, c *stage.Contact, mark int) {
	ctx, over := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer over()
	watching.Go(func() {
		select {
		case <-c.Ended():
		case <-ctx.Done():
		}
		over()
	})
	_ = c.Follow(ctx, mark, func(e msn.Event) bool { // there is nothing to do about its end
		if got, ok := e.(msn.MessageReceived); ok {
			p.react(ctx, r, c, got)
		}
		return true
	})
}

// reenter signs a contact in again, as often as it takes. It is nil when the context ends.
func (p *play) reenter(ctx context.Context, r role) *stage.Contact {
	for ctx.Err() == nil {
		c, err := p.enter(ctx, r)
		if err == nil {
			p.watching.Go(func() { p.watchMSN(ctx, r, c) })
			return c
		}
		p.screen.say(err.Error())
		wait(ctx, 5*time.Second)
	}
	return nil
}

// answers are what a contact says to a text without a keyword, chosen by its length.
var answers = []string{
	"Tell me more", "lol", "Really? (H)", "brb, mum needs the phone line ;)", "Did you see my new display picture?", "That is so 2004 :P",
}

// react is what a contact does about a message.
func (p *play) react(ctx context.Context, r role, c *stage.Contact, got msn.MessageReceived) {
	text, ok := got.Message.(*msn.TextMessage)
	if _, nudged := got.Message.(*msn.Nudge); nudged {
		text, ok = &msn.TextMessage{Text: "nudge"}, true
	}
	if !ok || got.From != alice.passport {
		return // contacts do not answer each other, or they would never stop
	}
	to := got.Conversation
	_, _ = c.Send(ctx, to, &msn.Typing{From: r.passport}) // nobody minds if it is not seen
	wait(ctx, 1500*time.Millisecond)
	word := strings.ToLower(strings.Trim(text.Text, " !.?"))
	var err error
	switch word {
	case "nudge":
		_, err = c.Send(ctx, to, &msn.Nudge{})
	case "busy":
		err = unexplained(ctx, c, msn.Busy)
	case "away":
		err = unexplained(ctx, c, msn.Away)
	case "back":
		err = c.SetPresence(ctx, msn.Presence{Status: msn.Online})
	case "song":
		err = c.SetPersonalMessage(ctx, msn.PersonalMessage{Media: msn.CurrentMedia{
			Type: "Music", Enabled: true, Format: "{0} - {1}", Args: []string{"White Rabbit", "Jefferson Airplane"},
		}})
	default:
		_, err = c.Say(ctx, to, answers[len(text.Text)%len(answers)])
	}
	if errors.Is(err, msn.ErrUnsupported) {
		_, err = c.Say(ctx, to, "My Messenger is too old for that")
	}
	if err != nil && ctx.Err() == nil {
		p.screen.say(r.name + ": " + err.Error())
	}
}

// unexplained sets a status without a personal message, which would be shown in its place.
func unexplained(ctx context.Context, c *stage.Contact, status msn.Status) error {
	if err := c.SetPersonalMessage(ctx, msn.PersonalMessage{}); err != nil && !errors.Is(err, msn.ErrUnsupported) {
		return err
	}
	return c.SetPresence(ctx, msn.Presence{Status: status})
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
