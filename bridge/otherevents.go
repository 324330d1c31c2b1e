package bridge

import (
	"context"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
)

// Events that bridgev2 does not take from the homeserver and that people see as part of a chat.

// eventPort is a Matrix side that tells of events of any type.
type eventPort interface {
	OnEvent(kind event.Type, f func(context.Context, *event.Event))
}

// eventsOn lets a Matrix connector report events of these types to heard, if it can. Encrypted ones are seen as well: bridgev2's connector
// takes m.room.encrypted from its event processor, and gives what it has decrypted to the same processor, whose type and class are then those
// of the event inside.
func eventsOn(mx bridgev2.MatrixConnector, heard func(context.Context, *event.Event), kinds ...event.Type) {
	for _, kind := range kinds {
		switch mx := mx.(type) {
		case *matrix.Connector:
			mx.EventProcessor.On(kind, heard)
		case eventPort:
			mx.OnEvent(kind, heard)
		}
	}
}

// widgets are the types of widgets: that which clients use and that of the specification-to-be.
var widgets = []event.Type{
	{Type: "im.vector.modular.widgets", Class: event.StateEventType},
	{Type: "m.widget", Class: event.StateEventType},
}

// hearOthers has calls and widgets said in words on MSN (bridge.md, 1:1 messages). What follows a call, as its candidates, is for machines,
// and its end is nothing to somebody who could not take it.
func (c *Connector) hearOthers() {
	eventsOn(c.br.Matrix, c.inOneLine, event.CallInvite)
	eventsOn(c.br.Matrix, func(ctx context.Context, evt *event.Event) {
		if widgetAdded(evt) {
			c.inOneLine(ctx, evt)
		}
	}, widgets...)
}

// widgetAdded tells whether a widget is new: one that is taken away, by an event or a redaction, has no address, and one that is changed had
// one before.
func widgetAdded(evt *event.Event) bool {
	address, _ := evt.Content.Raw["url"].(string)
	before := ""
	if evt.Unsigned.PrevContent != nil {
		before, _ = evt.Unsigned.PrevContent.Raw["url"].(string)
	}
	return address != "" && before == ""
}

// inOneLine sends the line that says what an event is about: as a text of its sender's, so that it has its turn in the room, is sent
// once, and whoever wrote hears if it cannot be sent.
func (c *Connector) inOneLine(ctx context.Context, evt *event.Event) {
	if evt.Sender == c.br.Bot.GetMXID() || c.br.IsGhostMXID(evt.Sender) || c.mustBeEncrypted(evt) {
		return
	}
	line := msnfmt.ReadableLine(evt.Type.Type, evt.Content.Raw)
	if line == "" || !c.speaks(ctx, evt.RoomID, evt.Sender) {
		return
	}
	text := *evt
	text.Type, text.StateKey = event.EventMessage, nil
	text.Content = event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgText, Body: line}}
	c.br.QueueMatrixEvent(ctx, &text)
}

// mustBeEncrypted tells whether an event came in clear that bridgev2 would not take so if it were a message. State is never encrypted.
func (c *Connector) mustBeEncrypted(evt *event.Event) bool {
	mx, ok := c.br.Matrix.(*matrix.Connector)
	return ok && mx.Config.Encryption.Require && !evt.Mautrix.WasEncrypted && evt.StateKey == nil
}

// speaks tells whether a room is a chat, and a user one who writes to its people with an account of their own, signed in or not.
func (c *Connector) speaks(ctx context.Context, room id.RoomID, who id.UserID) bool {
	portal, err := c.br.GetPortalByMXID(ctx, room)
	if err != nil || portal == nil {
		return false
	}
	if _, _, group := parseGroup(portal.ID); group {
		return false
	}
	user, err := c.br.GetUserByMXID(ctx, who)
	if err != nil || user == nil || !user.Permissions.SendEvents {
		return false
	}
	login, _, err := portal.FindPreferredLogin(ctx, user, false)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Stringer("room_id", room).Msg("An event that is no message is of somebody without an account there")
	}
	return login != nil && login.UserMXID == who
}
