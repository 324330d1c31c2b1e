package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The last step of a message to Matrix. It ends in its room, even if the user has left that, an administrator has deleted it or put
// the contact out, or the homeserver was away; or the user reads in the management room what did not get there.

// landingPauses are how long a message that did not get into its room waits before it is tried again; longer, if the homeserver does
// not answer. What comes after it in the room waits behind it.
var landingPauses = []time.Duration{time.Second, 5 * time.Second}

// underway counts the messages on their way, so that the end of a login can wait for them: bridgev2 drops what its rooms have not come to.
type underway struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is 0 again
}

func (u *underway) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n++; u.n == 1 {
		u.none = make(chan struct{})
	}
}

func (u *underway) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 {
		close(u.none)
	}
}

// wait returns when nothing is on its way, or with ctx.
func (u *underway) wait(ctx context.Context) {
	u.mu.Lock()
	n, none := u.n, u.none
	u.mu.Unlock()
	if n == 0 {
		return
	}
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// landing is one message on its way.
type landing struct {
	*session
	evt    *simplevent.Message[msn.MessageReceived]
	done   func(ctx context.Context, landed bool)
	began  time.Time
	hidden bool // nothing of it is to be shown
	tries  int
	ended  bool
}

// queueMessage hands a message to bridgev2 when its room is there. done hears whether it came to lie on Matrix; of what is not shown it
// hears nothing.
func (s *session) queueMessage(ctx context.Context, meta simplevent.EventMeta, message networkid.MessageID, e msn.MessageReceived, done func(ctx context.Context, landed bool)) {
	l := &landing{session: s, done: done, began: time.Now()}
	meta.PreHandleFunc, meta.PostHandleFunc = s.bringBack, l.handled
	l.evt = &simplevent.Message[msn.MessageReceived]{EventMeta: meta, Data: e, ID: message, ConvertMessageFunc: l.convert}
	s.underway.begin()
	ctx = zerolog.Ctx(ctx).WithContext(s.conn.br.BackgroundCtx) // a session may end meanwhile
	s.rooms.inLine(meta.PortalKey, func() {
		if !l.openRoom(ctx) {
			l.end(ctx, false)
		} else if queued := s.login.QueueRemoteEvent(l.evt); !queued.Success || queued.Ignored {
			l.end(ctx, false)
		}
	})
}

func (l *landing) convert(ctx context.Context, portal *bridgev2.Portal, intent bridgev2.MatrixAPI, e msn.MessageReceived) (*bridgev2.ConvertedMessage, error) {
	made, err := l.session.convert(ctx, portal, intent, e)
	l.hidden = errors.Is(err, bridgev2.ErrIgnoringRemoteEvent)
	return made, err
}

// again waits for the next attempt, if there is one.
func (l *landing) again(ctx context.Context) bool {
	if l.tries >= len(l.conn.landingPauses) || sleep(ctx, l.conn.landingPauses[l.tries]) != nil || l.conn.health.wait(ctx) != nil {
		return false
	}
	l.tries++
	return true
}

// end says what became of the message.
func (l *landing) end(ctx context.Context, landed bool) {
	if l.ended {
		return
	}
	l.ended = true
	if !l.hidden {
		l.conn.metrics.landed(landed, time.Since(l.began))
		l.done(ctx, landed)
	}
	l.underway.end()
}

// openRoom makes the message's room, if there is none.
func (l *landing) openRoom(ctx context.Context) bool {
	key := l.evt.PortalKey
	for l.ensureRoom(ctx, key); !l.rooms.known(key); l.ensureRoom(ctx, key) {
		if !l.again(ctx) {
			return false
		}
	}
	return true
}

// handled looks whether the message is in the message table: bridgev2 calls it after failures too. It runs in the room's turn.
func (l *landing) handled(ctx context.Context, portal *bridgev2.Portal) {
	row, err := l.conn.br.DB.Message.GetFirstPartByID(ctx, portal.Receiver, l.evt.ID)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to look for a message in the message table")
	}
	if err != nil || row != nil || l.hidden || !l.again(ctx) {
		l.end(ctx, row != nil)
		return
	}
	before := portal.MXID
	if l.gone(ctx, portal.MXID) {
		l.unlist(ctx, portal.PortalKey)
		if err := portal.RemoveMXID(ctx); err != nil {
			zerolog.Ctx(ctx).Err(err).Msg("Failed to forget a room that is gone")
		}
	}
	//lint:ignore SA1019 it is this room's turn, and what comes after the message must not overtake it
	portal.Internal().HandleRemoteEvent(ctx, l.login, bridgev2.RemoteEventMessage, l.evt)
	switch portal.MXID {
	case before: // and this was called again
	case "":
		l.end(ctx, false)
	default:
		l.roomMade(portal.PortalKey)
	}
}

// gone tells whether a room exists no more, or not for the bridge.
func (c *Client) gone(ctx context.Context, room id.RoomID) bool {
	mx, ok := c.conn.br.Matrix.(bridgev2.MatrixConnectorWithArbitraryRoomState)
	if !ok {
		return false
	}
	_, err := mx.GetStateEvent(ctx, room, event.StatePowerLevels, "")
	return errors.Is(err, mautrix.MForbidden) || errors.Is(err, mautrix.MNotFound)
}

// bringBack invites the user into a contact's room that they have left: a window on MSN opens again, too. It runs in the room's turn.
func (c *Client) bringBack(ctx context.Context, portal *bridgev2.Portal) {
	if _, _, direct := parseDirect(portal.ID); !direct {
		return
	}
	member, err := c.conn.br.Matrix.GetMemberInfo(ctx, portal.MXID, c.login.UserMXID)
	if err != nil || member == nil || member.Membership != event.MembershipLeave {
		return
	}
	info, err := c.GetChatInfo(ctx, portal)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to invite the user into a room again")
		return
	}
	portal.UpdateInfo(ctx, info, c.login, nil, time.Time{})
}

// maxLostText is how many characters of a message that did not reach its room the management room shows.
const maxLostText = 2000

// lostText is what the user reads instead of a message that could not be brought into its room.
func (s *session) lostText(e msn.MessageReceived) string {
	name, _ := s.displayName(e.From)
	m, ok := e.Message.(*msn.TextMessage)
	if !ok {
		return fmt.Sprintf("%s (%s) sent something that could not be brought into the room. Ask them to send it again.", name, e.From)
	}
	text := []rune(m.Text)
	if len(text) > maxLostText {
		text = append(text[:maxLostText], '…')
	}
	return fmt.Sprintf("%s (%s) wrote, and it could not be brought into the room: %s", name, e.From, format.SafeMarkdownCode(string(text)))
}
