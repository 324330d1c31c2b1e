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
		_, err := br.DB.UserPortal.GetOrCreate(ctx, c.login.UserLogin, row.PortalKey)
		if err = c.unlessDeleted(ctx, row.PortalKey, err); err != nil {
			return fmt.Errorf("take over a room of the account: %w", err)
		}
	}
	return nil
}

// unlessDeleted drops the error of storing something about a room that was deleted meanwhile.
func (c *Client) unlessDeleted(ctx context.Context, key networkid.PortalKey, err error) error {
	if err == nil {
		return nil
	}
	if row, missing := c.conn.br.DB.Portal.GetByKey(ctx, key); missing == nil && row == nil {
		return nil
	}
	return err
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
	room, err := c.rooms.id(ctx, row.Portal)
	if err != nil || room == "" {
		return err
	}
	portal, err := c.conn.br.GetExistingPortalByKey(ctx, row.Portal)
	if err != nil || portal == nil {
		return err
	}
	err = c.login.AddPortalToSpace(ctx, portal, row.CopyWithoutValues())
	if now, missing := c.rooms.id(ctx, row.Portal); missing == nil && now == "" { // it was deleted meanwhile
		return c.unlistRoom(ctx, room)
	}
	return err
}

// resettle is settleRooms for who asks for it: it looks what is in the space, makes it anew if it is gone, and has the user back in it.
func (c *Client) resettle(ctx context.Context) error {
	if err := c.adopt(ctx); err != nil {
		return err
	}
	space, err := c.space(ctx)
	if err != nil {
		return err
	}
	if space != "" {
		// It is looked at before the rooms are, or one that is just being made would seem to be a stranger.
		state, err := spaceOf(ctx, c.conn.br.Matrix, space)
		switch {
		case errors.Is(err, errSpaceGone):
			err = c.forgetSpace(ctx)
		case err == nil:
			err = errors.Join(c.compareSpace(ctx, space, state), c.bringIn(ctx, space))
		}
		if err != nil {
			return err
		}
	}
	return c.settleRooms(ctx)
}

// compareSpace notes which rooms are not in the account's space, and takes those out that the bridge has put there and that are no more.
func (c *Client) compareSpace(ctx context.Context, space id.RoomID, state spaceState) error {
	rows, err := c.conn.br.DB.UserPortal.GetAllForLogin(ctx, c.login.UserLogin)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	mine := make(map[id.RoomID]bool)
	for _, row := range rows {
		room, err := c.rooms.id(ctx, row.Portal)
		if err != nil {
			return fmt.Errorf("find the rooms of the account: %w", err)
		}
		if room == "" {
			continue
		}
		mine[room] = true
		if state.children[room] == "" {
			if err := c.noteOutside(ctx, row); err != nil {
				return err
			}
		}
	}
	return c.takeOutDead(ctx, space, state, mine)
}

// noteOutside notes that a room is not in the account's space.
func (c *Client) noteOutside(ctx context.Context, row *bridgedb.UserPortal) error {
	row = row.CopyWithoutValues()
	row.InSpace = new(bool)
	return c.unlessDeleted(ctx, row.Portal, c.conn.br.DB.UserPortal.Put(ctx, row))
}

// takeOutDead takes children out of a space that the bridge has put there and that are not alive. What the user has put there stays.
func (c *Client) takeOutDead(ctx context.Context, space id.RoomID, state spaceState, alive map[id.RoomID]bool) error {
	var failed []error
	for child, by := range state.children {
		if by == c.conn.br.Bot.GetMXID() && !alive[child] {
			failed = append(failed, c.takeOut(ctx, space, child))
		}
	}
	return errors.Join(failed...)
}

func (c *Client) takeOut(ctx context.Context, space, child id.RoomID) error {
	_, err := c.conn.br.Bot.SendState(ctx, space, event.StateSpaceChild, child.String(), &event.Content{
		Parsed: &event.SpaceChildEventContent{},
	}, time.Time{})
	return err
}

// forgetSpace is for an account's space that is gone: bridgev2 makes another for the next room that is put there.
func (c *Client) forgetSpace(ctx context.Context) error {
	c.login.SpaceRoom = ""
	if err := c.login.Save(ctx); err != nil {
		return fmt.Errorf("forget the account's space: %w", err)
	}
	rows, err := c.conn.br.DB.UserPortal.GetAllForLogin(ctx, c.login.UserLogin)
	if err != nil {
		return fmt.Errorf("find the rooms of the account: %w", err)
	}
	for _, row := range rows {
		if err := c.noteOutside(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// settled and resettled are for the background, where nobody waits for the error.
func (s *session) settled(ctx context.Context) { s.warnOfRooms(ctx, s.settleRooms(ctx)) }

func (s *session) resettled(ctx context.Context) {
	s.warnOfRooms(ctx, errors.Join(s.checkGroups(ctx), s.resettle(ctx)))
}

func (s *session) warnOfRooms(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to put the account's rooms into its space")
	}
}

// unlist takes a room out of the account's space, before it is deleted or forgotten.
func (c *Client) unlist(ctx context.Context, key networkid.PortalKey) {
	room, err := c.rooms.id(ctx, key)
	if err == nil && room != "" {
		err = c.unlistRoom(ctx, room)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to take a room out of the account's space")
	}
}

func (c *Client) unlistRoom(ctx context.Context, room id.RoomID) error {
	space, err := c.space(ctx)
	if err != nil || space == "" {
		return err
	}
	return c.takeOut(ctx, space, room)
}

// space gives the ID of the account's space from the database: in memory bridgev2 writes it under a lock of its own. It is "" if there is
// none.
func (c *Client) space(ctx context.Context) (id.RoomID, error) {
	row, err := c.conn.br.DB.UserLogin.GetByID(ctx, c.login.ID)
	if err != nil || row == nil {
		return "", err
	}
	return row.SpaceRoom, nil
}

// present tells whether the user is in a room, or invited. A room about which nothing can be learnt counts as one without them.
func (c *Client) present(ctx context.Context, room id.RoomID) bool {
	member, err := c.conn.br.Matrix.GetMemberInfo(ctx, room, c.login.UserMXID)
	return err == nil && member != nil && member.Membership.IsInviteOrJoin()
}

// bringIn has the user in a room again that they have left: by their double puppet, or with an invitation.
func (c *Client) bringIn(ctx context.Context, room id.RoomID) error {
	if puppet := c.login.User.DoublePuppet(ctx); puppet != nil {
		return puppet.EnsureJoined(ctx, room)
	}
	return c.conn.br.Bot.EnsureInvited(ctx, room, c.login.UserMXID)
}
