package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// All of a login's rooms lie in its space (bridge.md, Contact list). bridgev2 puts them there when it makes them; rooms that stay behind a
// logout, and those that somebody has taken out, are put there by this.

// adopt takes the rooms that are left of a former login of the account: bridgev2 keeps them at a logout and forgets whose they are.
func (c *Client) adopt(ctx context.Context) error {
	br := c.conn.br
	rows, err := br.DB.Portal.GetAllWithMXID(ctx)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	for _, row := range rows {
		if row.Receiver != c.login.ID {
			continue
		}
		if _, err := br.DB.UserPortal.GetOrCreate(ctx, c.login.UserLogin, row.PortalKey); err != nil {
			return fmt.Errorf("take over a room of the account: %w", err)
		}
	}
	return nil
}

// settleRooms puts the login's rooms into its space that are not known to be there. If all are, it asks the homeserver nothing.
func (c *Client) settleRooms(ctx context.Context) error {
	if !c.conn.br.Config.PersonalFilteringSpaces {
		return nil
	}
	rows, err := c.conn.br.DB.UserPortal.GetAllForLogin(ctx, c.login.UserLogin)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if row.InSpace == nil || !*row.InSpace {
			failed = append(failed, c.settleRoom(ctx, row))
		}
	}
	return errors.Join(failed...)
}

func (c *Client) settleRoom(ctx context.Context, row *bridgedb.UserPortal) error {
	if room, err := c.rooms.id(ctx, row.Portal); err != nil || room == "" {
		return err
	}
	portal, err := c.conn.br.GetExistingPortalByKey(ctx, row.Portal)
	if err != nil || portal == nil {
		return err
	}
	return c.login.AddPortalToSpace(ctx, portal, row.CopyWithoutValues())
}

// resettle is settleRooms for sync: it puts contact groups there even if they should be there, and has the user back in them and in the space.
func (c *Client) resettle(ctx context.Context) error {
	if err := c.adopt(ctx); err != nil {
		return err
	}
	rows, err := c.conn.br.DB.UserPortal.GetAllForLogin(ctx, c.login.UserLogin)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if _, _, group := parseGroup(row.Portal.ID); group {
			failed = append(failed, c.settleRoom(ctx, row), c.bringInto(ctx, row.Portal))
		}
	}
	if space, err := c.login.GetSpaceRoom(ctx); err != nil {
		failed = append(failed, err)
	} else if space != "" {
		failed = append(failed, c.bringIn(ctx, space))
	}
	return errors.Join(append(failed, c.settleRooms(ctx))...)
}

// settled and resettled are for the background, where nobody waits for the error.
func (s *session) settled(ctx context.Context)   { s.warnOfRooms(ctx, s.settleRooms(ctx)) }
func (s *session) resettled(ctx context.Context) { s.warnOfRooms(ctx, s.resettle(ctx)) }

func (s *session) warnOfRooms(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to put the account's rooms into its space")
	}
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

func (c *Client) bringInto(ctx context.Context, key networkid.PortalKey) error {
	room, err := c.rooms.id(ctx, key)
	if err != nil || room == "" {
		return err
	}
	return c.bringIn(ctx, room)
}

// bringIn has the user in a room again that they have left: by their double puppet, or with an invitation.
func (c *Client) bringIn(ctx context.Context, room id.RoomID) error {
	if puppet := c.login.User.DoublePuppet(ctx); puppet != nil {
		return puppet.EnsureJoined(ctx, room)
	}
	return c.conn.br.Bot.EnsureInvited(ctx, room, c.login.UserMXID)
}
