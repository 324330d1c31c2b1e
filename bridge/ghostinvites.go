package bridge

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// noPlace is what whoever invites a ghost into a room reads that is none of the bridge's.
const noPlace = "People of MSN cannot come into other rooms: start a chat with them, or write `create-group` to the bot"

// answerInvites has ghosts decline what bridgev2 leaves without an answer: invitations into rooms that are neither chats of MSN nor meant
// to become a chat of two.
func (c *Connector) answerInvites() {
	mx, ok := c.br.Matrix.(*matrix.Connector)
	if !ok {
		return
	}
	mx.EventProcessor.On(event.StateMember, func(ctx context.Context, evt *event.Event) {
		who, member := id.UserID(evt.GetStateKey()), evt.Content.AsMember()
		if member.Membership != event.MembershipInvite || member.IsDirect || !c.br.IsGhostMXID(who) || evt.Sender == c.br.Bot.GetMXID() || c.br.IsGhostMXID(evt.Sender) {
			return
		}
		if portal, err := c.br.GetPortalByMXID(ctx, evt.RoomID); err != nil || portal != nil || replaces(evt) {
			return
		}
		ghost, ok := mx.ParseGhostMXID(who)
		if !ok {
			return
		}
		_, err := mx.GhostIntent(ghost).SendState(ctx, evt.RoomID, event.StateMember, who.String(), &event.Content{
			Parsed: &event.MemberEventContent{Membership: event.MembershipLeave, Reason: noPlace},
		}, time.Time{})
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Stringer("room_id", evt.RoomID).Msg("Failed to decline the invitation of a ghost")
		}
	})
}

// replaces tells whether an invitation is into a room that replaces another: that may be a chat of MSN's in a moment, see followUpgrades.
func replaces(invitation *event.Event) bool {
	for _, state := range invitation.Unsigned.InviteRoomState {
		if state.Type.Type != event.StateCreate.Type {
			continue
		}
		if _, there := state.Content.Raw["predecessor"]; there {
			return true
		}
	}
	return false
}
