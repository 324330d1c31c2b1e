package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// Person is somebody with a Matrix client: it syncs, joins what it is invited to, and keeps all it sees. Ephemeral
// events are in the record with their room; presence has none.
type Person struct {
	*mautrix.Client
	Record[*event.Event]

	presence atomic.Pointer[event.Presence] // what the client tells with each sync
	cancel   context.CancelFunc
	ended    sync.WaitGroup
	failure  atomic.Pointer[error]
}

func newPerson(client *mautrix.Client) *Person {
	p := &Person{Client: client}
	online := event.PresenceOnline
	p.presence.Store(&online)
	return p
}

// syncWait is how long the homeserver may hold a sync.
const syncWait = 20 * time.Second

// Watch begins to sync, in the background, until Leave. What lies before the first sync is in the record too.
func (p *Person) Watch() {
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	p.ended.Go(func() {
		for since := ""; ctx.Err() == nil; {
			next, err := p.sync(ctx, since)
			if err == nil {
				since = next
				continue
			}
			p.failure.Store(&err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
}

// Leave stops to sync and waits for the end of it.
func (p *Person) Leave() {
	if p.cancel != nil {
		p.cancel()
		p.ended.Wait()
	}
}

// sync is one request and what comes of it.
func (p *Person) sync(ctx context.Context, since string) (next string, err error) {
	resp, err := p.FullSyncRequest(ctx, mautrix.ReqSync{
		Since: since, Timeout: int(syncWait.Milliseconds()), SetPresence: *p.presence.Load(),
	})
	if err != nil {
		return "", err
	}
	for _, evt := range resp.Presence.Events {
		p.see(evt, "", event.EphemeralEventType)
	}
	for room, data := range resp.Rooms.Join {
		for _, evt := range data.State.Events {
			p.see(evt, room, event.StateEventType)
		}
		for _, evt := range data.Timeline.Events {
			class := event.MessageEventType
			if evt.StateKey != nil {
				class = event.StateEventType
			}
			p.see(evt, room, class)
		}
		for _, evt := range data.Ephemeral.Events {
			p.see(evt, room, event.EphemeralEventType)
		}
		for _, evt := range data.AccountData.Events {
			p.see(evt, room, event.AccountDataEventType)
		}
	}
	for room, data := range resp.Rooms.Leave {
		for _, evt := range data.Timeline.Events {
			if evt.StateKey != nil {
				p.see(evt, room, event.StateEventType)
			}
		}
	}
	for room := range resp.Rooms.Invite {
		if _, err := p.JoinRoomByID(ctx, room); err != nil && !errors.Is(err, mautrix.MForbidden) {
			return "", fmt.Errorf("join %s: %w", room, err) // forbidden: the invitation is gone again
		}
	}
	return resp.NextBatch, nil
}

// see puts an event into the record.
func (p *Person) see(evt *event.Event, room id.RoomID, class event.TypeClass) {
	evt.RoomID, evt.Type.Class = room, class
	_ = evt.Content.ParseRaw(evt.Type) // what cannot be parsed is of no type that a play waits for
	p.Add(evt)
}

// Await waits for the first event after a mark that matches.
func (p *Person) Await(ctx context.Context, what string, mark int, match func(*event.Event) bool) (*event.Event, error) {
	evt, err := p.Record.Await(ctx, mark, match)
	if err != nil {
		if failure := p.failure.Load(); failure != nil {
			return nil, fmt.Errorf("%s did not see %s: %w (the last sync to fail: %v)", p.UserID, what, err, *failure)
		}
		return nil, fmt.Errorf("%s did not see %s: %w", p.UserID, what, err)
	}
	return evt, nil
}

// Say sends a text.
func (p *Person) Say(ctx context.Context, room id.RoomID, text string) (id.EventID, error) {
	resp, err := p.SendMessageEvent(ctx, room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: text})
	if err != nil {
		return "", fmt.Errorf("send a text to %s: %w", room, err)
	}
	return resp.EventID, nil
}

// Be sets the own presence and goes on telling it with every sync, as clients do.
func (p *Person) Be(ctx context.Context, presence event.Presence, message string) error {
	p.presence.Store(&presence)
	return p.SetPresence(ctx, mautrix.ReqPresence{Presence: presence, StatusMsg: message})
}

// Unnoticed goes on syncing without telling that anybody is there, so that another client decides on the presence.
func (p *Person) Unnoticed() {
	offline := event.PresenceOffline
	p.presence.Store(&offline)
}

// Portal waits for a room of the bridge whose channel matches: the portal's ID on the far side, "local/bob@example.com"
// (bridge.md "Identity"), which stands in the room's m.bridge state. It looks at what came after the mark.
func (p *Person) Portal(ctx context.Context, what string, mark int, match func(channel string) bool) (id.RoomID, error) {
	evt, err := p.Await(ctx, what, mark, func(evt *event.Event) bool {
		return evt.Type == event.StateBridge && match(evt.Content.AsBridge().Channel.ID)
	})
	if err != nil {
		return "", err
	}
	return evt.RoomID, nil
}

// Talk opens a room with the bridge's bot, as a user does to log in, and waits until the bot is there.
func (p *Person) Talk(ctx context.Context, bot id.UserID) (*Dialogue, error) {
	mark := p.Len()
	resp, err := p.CreateRoom(ctx, &mautrix.ReqCreateRoom{Invite: []id.UserID{bot}, IsDirect: true, Preset: "trusted_private_chat"})
	if err != nil {
		return nil, fmt.Errorf("open a room with %s: %w", bot, err)
	}
	_, err = p.Await(ctx, "the bot joining", mark, func(evt *event.Event) bool {
		return evt.RoomID == resp.RoomID && evt.Type == event.StateMember && evt.GetStateKey() == bot.String() &&
			evt.Content.AsMember().Membership == event.MembershipJoin
	})
	if err != nil {
		return nil, err
	}
	return &Dialogue{person: p, Room: resp.RoomID, bot: bot}, nil
}

// Dialogue is a talk with the bot, question and answer.
type Dialogue struct {
	Room   id.RoomID
	person *Person
	bot    id.UserID
}

// Ask says something to the bot and waits for an answer that contains one of the given words; an answer with none of
// them is passed over. Without words any answer will do.
func (d *Dialogue) Ask(ctx context.Context, text string, words ...string) (answer string, err error) {
	mark := d.person.Len()
	if _, err := d.person.Say(ctx, d.Room, text); err != nil {
		return "", err
	}
	return d.Hear(ctx, mark, words...)
}

// Hear waits for something that the bot says after a mark.
func (d *Dialogue) Hear(ctx context.Context, mark int, words ...string) (said string, err error) {
	evt, err := d.person.Await(ctx, fmt.Sprintf("an answer of the bot with one of %q", words), mark, func(evt *event.Event) bool {
		return evt.RoomID == d.Room && evt.Sender == d.bot && evt.Type == event.EventMessage &&
			(len(words) == 0 || containsAny(evt.Content.AsMessage().Body, words))
	})
	if err != nil {
		return "", fmt.Errorf("%w; the bot said: %q", err, d.said(mark))
	}
	return evt.Content.AsMessage().Body, nil
}

// said is all that the bot has said since a mark.
func (d *Dialogue) said(mark int) (texts []string) {
	for _, evt := range d.person.Since(mark) {
		if evt.RoomID == d.Room && evt.Sender == d.bot && evt.Type == event.EventMessage {
			texts = append(texts, evt.Content.AsMessage().Body)
		}
	}
	return texts
}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}
