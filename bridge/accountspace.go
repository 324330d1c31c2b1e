package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// All of a login's rooms lie in its space (bridge.md, Contact list). bridgev2 puts them there when it makes them; rooms that stay behind a
// logout, and those that somebody has taken out, are put there by this.

// settleRooms puts the login's rooms into its space that are not there. all does so with contact groups even if they should be there,
// and has the user back in them and in the space.
func (c *Client) settleRooms(ctx context.Context, all bool) error {
	rows, err := c.conn.br.DB.Portal.GetAllWithMXID(ctx)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if row.Receiver == c.login.ID {
			failed = append(failed, c.settleRoom(ctx, row.PortalKey, all))
		}
	}
	if space, err := c.login.GetSpaceRoom(ctx); err != nil {
		failed = append(failed, err)
	} else if all && space != "" {
		failed = append(failed, c.conn.br.Bot.EnsureInvited(ctx, space, c.login.UserMXID))
	}
	return errors.Join(failed...)
}

func (c *Client) settleRoom(ctx context.Context, key networkid.PortalKey, all bool) error {
	portal, err := c.conn.br.GetExistingPortalByKey(ctx, key)
	if err != nil || portal == nil || portal.MXID == "" {
		return err
	}
	up, err := c.conn.br.DB.UserPortal.GetOrCreate(ctx, c.login.UserLogin, key)
	if err != nil {
		return err
	}
	_, _, group := parseGroup(key.ID)
	if group = group && all; group {
		if err := c.conn.br.Bot.EnsureInvited(ctx, portal.MXID, c.login.UserMXID); err != nil {
			return err
		}
	}
	if up.InSpace != nil && *up.InSpace && !group {
		return nil
	}
	return c.login.AddPortalToSpace(ctx, portal, up.CopyWithoutValues())
}

// unlist takes a room out of the account's space, before it is deleted.
func (c *Client) unlist(ctx context.Context, key networkid.PortalKey) {
	room, err := c.rooms.id(ctx, key)
	if err != nil || room == "" {
		return
	}
	space, err := c.login.GetSpaceRoom(ctx)
	if err == nil && space != "" {
		_, err = c.conn.br.Bot.SendState(ctx, space, event.StateSpaceChild, room.String(), &event.Content{
			Parsed: &event.SpaceChildEventContent{},
		}, time.Time{})
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to take a room out of the account's space")
	}
}

// present tells whether the user is in a room, or invited. A room about which nothing can be learnt counts as one without them.
func (c *Client) present(ctx context.Context, room id.RoomID) bool {
	member, err := c.conn.br.Matrix.GetMemberInfo(ctx, room, c.login.UserMXID)
	return err == nil && member != nil && member.Membership.IsInviteOrJoin()
}
