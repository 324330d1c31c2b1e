package bridge

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// options are the configuration in msnfmt's terms.
func (c *Client) options() msnfmt.Options {
	cfg := c.conn.Config
	return msnfmt.Options{Emoticons: cfg.Text.Emoticons, Fonts: cfg.Text.Fonts, BellNudge: cfg.Nudge.Bell}
}

// toMatrix converts a message. It runs in the room's goroutine.
func (c *Client) toMatrix(ctx context.Context, room id.RoomID, e msn.MessageReceived) []*event.MessageEventContent {
	name := e.FriendlyName
	if known, ok := c.displayName(e.From); ok {
		name = known
	}
	name = c.nameOf(e.From, name)
	switch m := e.Message.(type) {
	case *msn.TextMessage:
		var contents []*event.MessageEventContent
		for _, part := range msnfmt.SplitText(m) {
			contents = append(contents, msnfmt.ToMatrix(part, c.options()))
		}
		if e.MissingChunks > 0 {
			contents = append(contents, msnfmt.NoticeForMissing(e.MissingChunks))
		}
		return contents
	case *msn.Nudge:
		content := msnfmt.NudgeContent(name, c.login.UserMXID, c.ownName(ctx, room))
		if !c.nudgesIn.allow(e.From+" "+e.Conversation.Session, time.Now()) {
			content.MsgType, content.Mentions = event.MsgNotice, &event.Mentions{} // shown, without another ping
		}
		return []*event.MessageEventContent{content}
	}
	if content := msnfmt.Describe(e.Message); content != nil {
		return []*event.MessageEventContent{content}
	}
	return nil
}

// ownName is what the Matrix user is called in a room, or "".
func (c *Client) ownName(ctx context.Context, room id.RoomID) string {
	member, err := c.conn.br.Matrix.GetMemberInfo(ctx, room, c.login.UserMXID)
	if err != nil || member == nil {
		return "" // the ID will do
	}
	return member.Displayname
}

// convert makes the parts of a Matrix message.
func (s *session) convert(ctx context.Context, portal *bridgev2.Portal, _ bridgev2.MatrixAPI, e msn.MessageReceived) (*bridgev2.ConvertedMessage, error) {
	contents := s.toMatrix(ctx, portal.MXID, e)
	if len(contents) == 0 {
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	made := &bridgev2.ConvertedMessage{}
	for i, content := range contents {
		part := &bridgev2.ConvertedMessagePart{Type: event.EventMessage, Content: content}
		if i > 0 {
			part.ID = networkid.PartID(strconv.Itoa(i))
		}
		made.Parts = append(made.Parts, part)
	}
	return made, nil
}

// quoted fetches the text of an earlier message, to name it in a line: MSN has no references. It is ""
// if that is not possible, which costs no more than the quote.
func (c *Client) quoted(ctx context.Context, portal *bridgev2.Portal, target *bridgedb.Message) string {
	if target == nil {
		return ""
	}
	evt, err := c.conn.br.Bot.GetEvent(ctx, portal.MXID, target.MXID)
	if err != nil || evt == nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Failed to fetch the message that is referred to")
		return ""
	}
	_ = evt.Content.ParseRaw(evt.Type) // parsed already, or nothing to quote
	content := evt.Content.AsMessage()
	content.RemoveReplyFallback()
	return content.Body
}

// quoteOf is the quote of a reply, with who said it unless that is clear.
func (c *Client) quoteOf(ctx context.Context, portal *bridgev2.Portal, target *bridgedb.Message) string {
	text := c.quoted(ctx, portal, target)
	if text == "" {
		return ""
	}
	if _, passport, ok := parseUserID(target.SenderID); ok && passport != c.passport {
		name, _ := c.theirName(passport) // a nickname is nothing for others to read
		return name + ": " + text
	}
	return text
}

// nameOfUser gives the MSN name of a mentioned Matrix user.
func (c *Client) nameOfUser(user id.UserID) string {
	ghost, ok := c.conn.br.Matrix.ParseGhostMXID(user)
	if !ok {
		return ""
	}
	_, passport, ok := parseUserID(ghost)
	if !ok {
		return ""
	}
	name, _ := c.theirName(passport)
	return name
}

// link is where somebody without Matrix can fetch a file, or "".
func (c *Client) link(ctx context.Context, content *event.MessageEventContent) string {
	public, ok := c.conn.br.Matrix.(bridgev2.MatrixConnectorWithPublicMedia)
	if !ok {
		return ""
	}
	address, err := public.GetPublicMediaAddressForEvent(ctx, content)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("There is no public link for a file")
		return ""
	}
	return address
}

// isMedia tells whether the content is a file of some kind.
func isMedia(content *event.MessageEventContent) bool {
	return content.URL != "" || content.File != nil || strings.HasPrefix(string(content.MsgType), "m.") && content.MsgType.IsMedia()
}
