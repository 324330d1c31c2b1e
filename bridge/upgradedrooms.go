package bridge

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// followUpgrades has chats move along when their rooms are upgraded. bridgev2 tries to follow at the moment in which the old room is
// closed; clients invite the bot to the new one only after that.
func (c *Connector) followUpgrades() {
	mx, ok := c.br.Matrix.(*matrix.Connector)
	if !ok {
		return
	}
	mx.EventProcessor.On(event.StateMember, func(ctx context.Context, evt *event.Event) {
		if id.UserID(evt.GetStateKey()) != c.br.Bot.GetMXID() || evt.Content.AsMember().Membership != event.MembershipJoin {
			return
		}
		before := evt.Unsigned.PrevContent
		if before == nil || before.ParseRaw(evt.Type) != nil || before.AsMember().Membership != event.MembershipInvite {
			return // a room of the bot's own, or a new name
		}
		if err := c.followUpgrade(ctx, mx, evt.RoomID); err != nil {
			zerolog.Ctx(ctx).Err(err).Stringer("room_id", evt.RoomID).Msg("Failed to see whether a room replaces another, or to move there")
		}
	})
}

// followUpgrade moves a chat into a room that the bot has come into, if that replaces the chat's room and the old room says so too.
func (c *Connector) followUpgrade(ctx context.Context, mx bridgev2.MatrixConnectorWithArbitraryRoomState, room id.RoomID) error {
	create, err := mx.GetStateEvent(ctx, room, event.StateCreate, "")
	if err != nil {
		return err
	}
	old := create.Content.AsCreate().GetPredecessor().RoomID
	if old == "" {
		return nil
	}
	portal, err := c.br.GetPortalByMXID(ctx, old)
	if err != nil || portal == nil {
		return err
	}
	tombstone, err := mx.GetStateEvent(ctx, old, event.StateTombstone, "")
	if errors.Is(err, mautrix.MNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	content, ok := tombstone.Content.Parsed.(*event.TombstoneEventContent)
	if !ok || content.ReplacementRoom != room {
		return nil
	}
	user, err := c.br.GetUserByMXID(ctx, tombstone.Sender)
	if err != nil {
		return err
	}
	err = portal.UpdateMatrixRoomID(ctx, room, bridgev2.UpdateMatrixRoomIDParams{FetchInfoVia: user}) // the old room keeps what was said
	if err != nil {
		return err
	}
	if login := c.br.GetCachedUserLoginByID(portal.Receiver); login != nil {
		if client, ok := login.Client.(*Client); ok {
			return client.replaced(ctx, portal.PortalKey, old)
		}
	}
	return nil
}

// replaced has a chat's new room where the old one was; bridgev2 puts it into the account's space.
func (c *Client) replaced(ctx context.Context, key networkid.PortalKey, old id.RoomID) error {
	if s := c.current.Load(); s != nil {
		s.roomMade(key)
	}
	return c.unlistRoom(ctx, old)
}
