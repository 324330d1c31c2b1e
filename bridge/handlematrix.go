package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Matrix → MSN. Each method converts, calls, answers. They run in the room's own goroutine, so they may
// wait; bridgev2 complains after 30 s.

var (
	_ bridgev2.TypingHandlingNetworkAPI          = (*Client)(nil)
	_ bridgev2.EditHandlingNetworkAPI            = (*Client)(nil)
	_ bridgev2.ReactionHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.RedactionHandlingNetworkAPI       = (*Client)(nil)
	_ bridgev2.PollHandlingNetworkAPI            = (*Client)(nil)
	_ bridgev2.MembershipHandlingNetworkAPI      = (*Client)(nil)
	_ bridgev2.RoomNameHandlingNetworkAPI        = (*Client)(nil)
	_ bridgev2.DeleteChatHandlingNetworkAPI      = (*Client)(nil)
	_ bridgev2.MessageRequestAcceptingNetworkAPI = (*Client)(nil)
)

// sendTimeout bounds a message with everything that it may take: a switchboard, calling people, waiting
// for them and for the acknowledgement.
const sendTimeout = 27 * time.Second

// conversation is who a room stands for.
func (c *Client) conversation(ctx context.Context, portal networkid.PortalID) (msn.Conversation, error) {
	if _, passport, ok := parseDirect(portal); ok {
		return msn.With(passport), nil
	}
	if _, id, ok := parseConference(portal); ok {
		conf, err := c.conferences.get(ctx, id)
		if err != nil {
			return msn.Conversation{}, err
		}
		return conf.conversation(), nil
	}
	if _, id, ok := parseCircle(portal); ok {
		return msn.Conversation{Circle: id, Group: true}, nil
	}
	if _, _, ok := parseGroup(portal); ok {
		return msn.Conversation{}, refusal("this is a group of your contact list, which takes no messages: write to a contact, in the room with them")
	}
	return msn.Conversation{}, fmt.Errorf("%q: %w", portal, errOddPortal)
}

// send delivers a message to a room's people. Who writes is there, so a status that followed Matrix into
// hiding, where MSN lets nobody write, is corrected first.
func (c *Client) send(ctx context.Context, portal networkid.PortalID, m msn.Message) (delivered msn.Sent, err error) {
	began := time.Now()
	defer func() { c.conn.metrics.delivered(err, time.Since(began)) }()
	s, err := c.arrived(ctx)
	if err != nil {
		return msn.Sent{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	to, err := c.conversation(ctx, portal)
	if err != nil {
		return msn.Sent{}, err
	}
	if _, passport, direct := parseDirect(portal); direct {
		if contact, _ := s.msn.Contact(passport); contact.On(msn.BlockList) {
			return msn.Sent{}, c.blocked()
		}
	}
	c.own.active()
	_, id, conference := parseConference(portal)
	if conference {
		defer c.conferences.open(id)()
		s.callAbsent(ctx, id)
	}
	sent, err := s.msn.Send(ctx, to, m)
	if errors.Is(err, msn.ErrHidden) {
		if status, _ := c.own.want(); status != msn.Hidden {
			if err := s.msn.SetPresence(ctx, msn.Presence{Status: status}); err != nil {
				return msn.Sent{}, err
			}
			sent, err = s.msn.Send(ctx, to, m)
		}
	}
	if err != nil {
		return msn.Sent{}, err
	}
	if conference {
		if err := s.sentOver(ctx, id, sent.Conversation); err != nil {
			zerolog.Ctx(ctx).Err(err).Msg("Failed to store a conference") // the message has gone all the same
		}
		s.tellAbsent(ctx, id)
	}
	return sent, nil
}

// stored is the row of a message that was sent.
func (c *Client) stored(sent msn.Sent) *bridgev2.MatrixMessageResponse {
	return &bridgev2.MatrixMessageResponse{DB: &bridgedb.Message{
		ID: makeMessageID(sent.ID), SenderID: c.ownID(), Timestamp: sent.At,
	}}
}

// HandleMatrixMessage sends text, nudges, and what can be said in words of everything else.
func (c *Client) HandleMatrixMessage(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	if msnfmt.IsNudge(msg.Content, c.options()) {
		sent, err := c.nudge(ctx, msg.Portal.ID)
		if err != nil {
			return nil, sendStatus(err)
		}
		return c.stored(sent), nil
	}
	if err := c.answerByText(ctx, msg.Portal); err != nil {
		return nil, sendStatus(err)
	}
	about := msnfmt.About{Quote: c.quoteOf(ctx, msg.Portal, msg.ReplyTo), Name: c.nameOfUser}
	file := isMedia(msg.Content)
	if file {
		about.Link = c.link(ctx, msg.Content)
	}
	row, err := c.deliver(ctx, msg, msnfmt.FromMatrix(msg.Content, c.options(), about))
	if err != nil {
		return nil, sendStatus(err)
	}
	if file && about.Link == "" {
		return nil, refusal("your contact was told of the file in words, but the file itself was not sent: " +
			"this bridge has no public links for files")
	}
	return row, nil
}

// deliver sends a message, or leaves it with the service for somebody who is away.
func (c *Client) deliver(ctx context.Context, msg *bridgev2.MatrixMessage, m msn.Message) (*bridgev2.MatrixMessageResponse, error) {
	sent, err := c.send(ctx, msg.Portal.ID, m)
	if errors.Is(err, msn.ErrContactOffline) {
		return c.leaveOffline(ctx, msg, m)
	}
	if err != nil {
		return nil, err
	}
	return c.stored(sent), nil
}

// nudge shakes the windows of a room's people.
func (c *Client) nudge(ctx context.Context, portal networkid.PortalID) (msn.Sent, error) {
	if _, err := c.arrived(ctx); err != nil {
		return msn.Sent{}, err
	}
	if !c.nudgesOut.allow(portal, time.Now()) {
		return msn.Sent{}, refusal(fmt.Sprintf("only one nudge in %s, please", c.nudgesOut.every))
	}
	return c.send(ctx, portal, &msn.Nudge{})
}

// HandleMatrixTyping begins and ends typing. MSN has no "stopped": it is not repeated any more.
func (c *Client) HandleMatrixTyping(_ context.Context, msg *bridgev2.MatrixTyping) error {
	c.typist.set(msg.Portal.ID, msg.IsTyping)
	return nil
}

// sendTyping says once that the user is typing. Nobody is called for it who is not there.
func (c *Client) sendTyping(ctx context.Context, room networkid.PortalID) {
	s, err := c.online()
	if err != nil {
		return
	}
	to, err := c.conversation(ctx, room)
	if err != nil || to.Group && to.Session == "" && to.Circle == "" {
		return
	}
	if !to.Group && s.msn.PresenceOf(to.Participants[0]).Status == msn.Offline {
		return
	}
	if _, err := s.msn.Send(ctx, to, &msn.Typing{From: c.passport}); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Failed to say on MSN that the user is typing")
	}
}

// HandleMatrixEdit sends the new text, marked as one.
func (c *Client) HandleMatrixEdit(ctx context.Context, msg *bridgev2.MatrixEdit) error {
	_, err := c.send(ctx, msg.Portal.ID, msnfmt.FromMatrix(msg.Content, c.options(), msnfmt.About{Edit: true, Name: c.nameOfUser}))
	return sendStatus(err)
}

// PreHandleMatrixReaction tells what makes two reactions the same.
func (c *Client) PreHandleMatrixReaction(_ context.Context, msg *bridgev2.MatrixReaction) (bridgev2.MatrixReactionPreResponse, error) {
	key := msg.Content.RelatesTo.Key
	return bridgev2.MatrixReactionPreResponse{SenderID: c.ownID(), EmojiID: networkid.EmojiID(key), Emoji: key}, nil
}

// HandleMatrixReaction says in a line what the reaction was.
func (c *Client) HandleMatrixReaction(ctx context.Context, msg *bridgev2.MatrixReaction) (*bridgedb.Reaction, error) {
	if msg.Portal.MessageRequest {
		return nil, refusal("a reaction is no answer here: write something, or one of the commands that the message names")
	}
	if !c.conn.Config.Text.Reactions {
		return &bridgedb.Reaction{}, nil
	}
	line := msnfmt.ReactionLine(msg.Content.RelatesTo.Key, c.quoted(ctx, msg.Portal, msg.TargetMessage), c.options())
	if _, err := c.send(ctx, msg.Portal.ID, &msn.TextMessage{Text: line}); err != nil {
		return nil, sendStatus(err)
	}
	return &bridgedb.Reaction{}, nil
}

// HandleMatrixReactionRemove does nothing: the line cannot be taken back, and another one would say more
// than anybody wants to know.
func (c *Client) HandleMatrixReactionRemove(context.Context, *bridgev2.MatrixReactionRemove) error {
	return nil
}

// HandleMatrixMessageRemove tells the user, once, that MSN cannot unsend.
func (c *Client) HandleMatrixMessageRemove(context.Context, *bridgev2.MatrixMessageRemove) error {
	told := c.unsendTold.Swap(true)
	return refusal("MSN messages cannot be unsent: your contact still has it").WithSendNotice(!told)
}

// HandleMatrixPollStart sends a poll as text.
func (c *Client) HandleMatrixPollStart(ctx context.Context, msg *bridgev2.MatrixPollStart) (*bridgev2.MatrixMessageResponse, error) {
	if err := c.answerByText(ctx, msg.Portal); err != nil {
		return nil, sendStatus(err)
	}
	return c.readable(ctx, &msg.MatrixMessage)
}

// HandleMatrixPollVote sends a vote as text.
func (c *Client) HandleMatrixPollVote(ctx context.Context, msg *bridgev2.MatrixPollVote) (*bridgev2.MatrixMessageResponse, error) {
	return c.readable(ctx, &msg.MatrixMessage)
}

// readable sends a line about an event that is no message.
func (c *Client) readable(ctx context.Context, msg *bridgev2.MatrixMessage) (*bridgev2.MatrixMessageResponse, error) {
	line := msnfmt.ReadableLine(msg.Event.Type.Type, msg.Event.Content.Raw)
	if line == "" {
		return nil, refusal("MSN has nothing that is like it")
	}
	sent, err := c.send(ctx, msg.Portal.ID, &msn.TextMessage{Text: line})
	if err != nil {
		return nil, sendStatus(err)
	}
	return c.stored(sent), nil
}

// HandleMatrixMembership calls an invited ghost: into a conference, or out of a chat between two into a new
// one, as MSN did. Nobody can be put out.
func (c *Client) HandleMatrixMembership(ctx context.Context, msg *bridgev2.MatrixMembershipChange) (*bridgev2.MatrixMembershipResult, error) {
	ghost, isGhost := msg.Target.(*bridgev2.Ghost)
	if _, _, ok := parseGroup(msg.Portal.ID); ok {
		if isGhost && msg.Type == bridgev2.Invite {
			const instead = "nobody can be invited into a contact group: put the room of the contact into the space instead"
			c.takeBack(ctx, msg.Portal, ghost, instead)
			return nil, refusal(instead)
		}
		return nil, nil
	}
	if _, id, ok := parseCircle(msg.Portal.ID); ok {
		return nil, sendStatus(c.circleMembership(ctx, msg, id))
	}
	switch {
	case msg.Type == bridgev2.Leave && !isGhost:
		return nil, c.leave(ctx, msg.Portal.ID)
	case msg.Type == bridgev2.Invite && isGhost:
		return nil, sendStatus(c.invite(ctx, msg.Portal, ghost))
	case isGhost && !msg.Type.IsSelf && msg.Type.To != event.MembershipJoin:
		return nil, refusal("MSN lets nobody put others out of a conversation")
	}
	return nil, nil
}

// leave closes the switchboard of a room.
func (c *Client) leave(ctx context.Context, portal networkid.PortalID) error {
	s, err := c.online()
	if err != nil {
		return nil // then there is none
	}
	to, err := c.conversation(ctx, portal)
	if err != nil {
		return err
	}
	return s.msn.Leave(ctx, to)
}

// HandleMatrixRoomName takes a name for a contact group; and for a conference, where MSN has none, so that it is this
// room's alone. Rooms of two are called after the contact, and a circle keeps the name that it was made with.
func (c *Client) HandleMatrixRoomName(ctx context.Context, msg *bridgev2.MatrixRoomName) (bool, error) {
	if _, room, ok := parseGroup(msg.Portal.ID); ok {
		return c.groupRenamed(ctx, msg, room)
	}
	if _, _, ok := parseCircle(msg.Portal.ID); ok {
		c.restoreName(ctx, msg.Portal, msg.Portal.Name)
		return false, refusal("circles cannot be renamed from here, so the room has the circle's name again")
	}
	if _, _, ok := parseConference(msg.Portal.ID); !ok {
		return false, refusal("this room is called after your contact").WithSendNotice(false)
	}
	msg.Portal.Name, msg.Portal.NameSet, msg.Portal.NameIsCustom = msg.Content.Name, true, true
	return true, nil
}

// HandleMatrixDeleteChat leaves a conversation and forgets a conference, or removes a contact group. Contacts stay on the list.
func (c *Client) HandleMatrixDeleteChat(ctx context.Context, msg *bridgev2.MatrixDeleteChat) error {
	owner, err := c.owner(msg.Portal)
	if err != nil {
		return sendStatus(err)
	}
	return sendStatus(owner.deleteChat(ctx, msg))
}

// owner is the account of a room, as bridgev2's command takes the user's first.
func (c *Client) owner(portal *bridgev2.Portal) (*Client, error) {
	if portal.Receiver == "" || portal.Receiver == c.login.ID {
		return c, nil
	}
	if login := c.conn.br.GetCachedUserLoginByID(portal.Receiver); login != nil && login.UserMXID == c.login.UserMXID {
		if owner, ok := login.Client.(*Client); ok {
			return owner, nil
		}
	}
	return nil, refusal("this is a chat of another account")
}

func (c *Client) deleteChat(ctx context.Context, msg *bridgev2.MatrixDeleteChat) error {
	if _, room, ok := parseGroup(msg.Portal.ID); ok {
		return c.groupDeleted(ctx, room)
	}
	if _, id, ok := parseCircle(msg.Portal.ID); ok {
		if err := c.leaveCircle(ctx, id); err != nil {
			return err
		}
	} else if err := c.leave(ctx, msg.Portal.ID); err != nil && !errors.Is(err, errNoConference) {
		return err
	}
	if msg.Event == nil { // by command, after which bridgev2 does not delete the room
		c.deleteRoom(ctx, msg.Portal.PortalKey)
	} else {
		c.rooms.forget(msg.Portal.PortalKey)
		c.unlist(ctx, msg.Portal.PortalKey)
	}
	if _, id, ok := parseConference(msg.Portal.ID); ok {
		return c.conferences.remove(ctx, id)
	}
	return nil
}

// deleteRoom has bridgev2 delete a room.
func (c *Client) deleteRoom(ctx context.Context, key networkid.PortalKey) {
	c.rooms.forget(key)
	c.unlist(ctx, key)
	c.login.QueueRemoteEvent(&simplevent.ChatDelete{OnlyForMe: true, EventMeta: simplevent.EventMeta{
		Type: bridgev2.RemoteEventChatDelete, PortalKey: key,
		PostHandleFunc: func(context.Context, *bridgev2.Portal) { c.rooms.forget(key) },
	}})
}

// block keeps somebody from seeing and writing to the user, which answers a request of theirs as well.
func (c *Client) block(ctx context.Context, passport string) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := s.msn.Block(ctx, passport); err != nil {
		return err
	}
	if err := s.msn.Leave(ctx, msn.With(passport)); err != nil { // or they could go on writing where they are
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to leave the switchboard with somebody who is blocked")
	}
	c.decided(ctx, passport)
	return nil
}
