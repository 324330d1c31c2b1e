package bridge

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"
)

// A logout leaves the rooms, and the next login of the account finds them again. If that is another Matrix user's, they must not: what is
// written from then on is not for the eyes of the one before.

// handOver has an account begin anew if its rooms are those of another Matrix user. They stay as they are, without the bridge.
func (c *Connector) handOver(ctx context.Context, login networkid.UserLoginID, to id.UserID) error {
	owner, err := c.db.Owner(ctx, string(login))
	if err != nil || owner == "" || owner == to {
		return err
	}
	rows, err := c.br.DB.Portal.GetAllWithMXID(ctx)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	var left []id.RoomID
	for _, row := range rows {
		if row.Receiver != login {
			continue
		}
		portal, err := c.br.GetExistingPortalByKey(ctx, row.PortalKey)
		if err != nil {
			return fmt.Errorf("find a room of the account: %w", err)
		}
		if portal == nil {
			continue
		}
		if err := portal.Delete(ctx); err != nil {
			return fmt.Errorf("let a room of the account go: %w", err)
		}
		left = append(left, row.MXID)
	}
	if err := c.db.ForgetRooms(ctx, string(login)); err != nil {
		return err
	}
	c.tasks.Go(func() { c.abandon(c.life, left) })
	return nil
}

// abandon has the ghosts and the bot leave rooms.
func (c *Connector) abandon(ctx context.Context, rooms []id.RoomID) {
	for _, room := range rooms {
		if ctx.Err() != nil {
			return
		}
		if err := c.br.Bot.DeleteRoom(ctx, room, true); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Stringer("room_id", room).Msg("Failed to leave a room of somebody who had the account before")
		}
	}
}
