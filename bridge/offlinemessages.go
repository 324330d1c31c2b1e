package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Offline messages: texts that the MSN service keeps while somebody is away (bridge.md, 1:1 messages).

// deleteTimeout bounds telling the service that messages have arrived.
const deleteTimeout = time.Minute

// offlineArrivals tells the service of messages that are in their rooms for good, so that it forgets them. What is not
// told comes again at the next sign-in, and is recognised then.
type offlineArrivals struct {
	mu      sync.Mutex
	arrived []string
	wake    chan struct{}
}

func newOfflineArrivals() *offlineArrivals { return &offlineArrivals{wake: make(chan struct{}, 1)} }

// add notes that a message is in its room.
func (a *offlineArrivals) add(id string) {
	a.mu.Lock()
	a.arrived = append(a.arrived, id)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run tells the service until ctx ends.
func (a *offlineArrivals) run(ctx context.Context, forget func(ctx context.Context, ids ...string) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		ids := a.arrived
		a.arrived = nil
		a.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, deleteTimeout)
		if err := forget(asking, ids...); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Int("messages", len(ids)).Msg("The MSN service was not told that messages have arrived; they come again")
		}
		cancel()
	}
}

// offlineReceived brings a message into the contact's room, with the time of its sending. It is forgotten by the service
// only when the message table has it: bridgev2 calls the hook after failures too.
func (s *session) offlineReceived(ctx context.Context, m msn.OfflineMessage) {
	if _, _, ok := splitID(s.server + "/" + m.From); !ok {
		s.notices.add(fmt.Sprintf("A message waits for you from %q, which is no address that can have a room: %q", m.From, m.Text))
		s.offline.add(m.ID)
		return
	}
	text := &msn.TextMessage{Text: m.Text}
	if msnfmt.IsBlank(text) {
		zerolog.Ctx(ctx).Debug().Msg("Dropping an offline message in which there is nothing to see")
		s.offline.add(m.ID)
		return
	}
	id := offlineMessageID(m.From, m.ID)
	s.ensureGhost(ctx, m.From, m.FriendlyName)
	key := directKey(s.login.ID, s.server, m.From)
	meta := s.event(bridgev2.RemoteEventMessage, key, m.From)
	meta.CreatePortal, meta.Timestamp = true, m.At
	e := msn.MessageReceived{
		From: m.From, FriendlyName: m.FriendlyName, At: m.At, Conversation: msn.With(m.From), Message: text,
	}
	s.queueMessage(ctx, meta, id, e, func(_ context.Context, landed bool) {
		if landed {
			s.offline.add(m.ID)
		}
	})
}

// leaveOffline leaves a text with the service, for somebody who is away.
func (c *Client) leaveOffline(ctx context.Context, msg *bridgev2.MatrixMessage, m msn.Message) (*bridgev2.MatrixMessageResponse, error) {
	text, ok := m.(*msn.TextMessage)
	_, passport, direct := parseDirect(msg.Portal.ID)
	if !ok || !direct {
		return nil, msn.ErrContactOffline
	}
	s, err := c.online()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	sent, err := s.msn.SendOffline(ctx, passport, text.Text)
	if errors.Is(err, msn.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", msn.ErrContactOffline, err)
	}
	if err != nil {
		return nil, err
	}
	c.tellKept(ctx, msg.Portal, passport)
	return &bridgev2.MatrixMessageResponse{DB: &bridgedb.Message{
		ID: makeMessageID(sent.ID), SenderID: c.ownID(), Timestamp: sent.At,
	}}, nil
}

// keptPause is how long it is not said again in a room that messages are kept.
const keptPause = time.Hour

// tellKept says in the room that the service keeps what is written, once in a while.
func (c *Client) tellKept(ctx context.Context, portal *bridgev2.Portal, passport string) {
	if !c.keptTold.allow(portal.ID, time.Now()) {
		return
	}
	name, _ := c.displayName(passport)
	content := &event.MessageEventContent{
		MsgType: event.MsgNotice,
		Body:    fmt.Sprintf("%s is not online. The MSN service keeps your messages and delivers them at the next sign-in.", name),
	}
	if _, err := c.conn.br.Bot.SendMessage(ctx, portal.MXID, event.EventMessage, &event.Content{Parsed: content}, nil); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to say that a message is kept")
	}
}
