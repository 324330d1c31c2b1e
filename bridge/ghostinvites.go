package bridge

import (
	"context"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"
)

// togetherFor is how long an invitation of a ghost waits for one of the bot: who makes a room invites one after another.
const togetherFor = 3 * time.Second

// hintPause is how long nothing is said again of that in a room.
const hintPause = time.Minute

// answerInvites answers what bridgev2 does not: invitations of ghosts into rooms that are neither chats of MSN nor meant to become a chat
// of two.
func (c *Connector) answerInvites() {
	eventsOn(c.br.Matrix, func(_ context.Context, evt *event.Event) {
		who, member := id.UserID(evt.GetStateKey()), evt.Content.AsMember()
		if member.Membership != event.MembershipInvite || member.IsDirect || !c.br.IsGhostMXID(who) || evt.Sender == c.br.Bot.GetMXID() || c.br.IsGhostMXID(evt.Sender) {
			return
		}
		if replaces(evt) {
			return
		}
		if ghost, ok := c.br.Matrix.ParseGhostMXID(who); ok {
			c.tasks.Go(func() {
				c.answerInvite(c.br.Log.WithContext(c.br.BackgroundCtx), evt.RoomID, ghost)
			})
		}
	}, event.StateMember)
}

// answerInvite has a ghost decline, but where the bot is as well: it says there how the room becomes a conversation.
func (c *Connector) answerInvite(ctx context.Context, room id.RoomID, who networkid.UserID) {
	nobody := !c.ValidateUserID(who)
	if !nobody && sleep(ctx, togetherFor) != nil {
		return
	}
	if portal, err := c.br.GetPortalByMXID(ctx, room); err != nil || portal != nil {
		return
	}
	ghost := c.br.Matrix.GhostIntent(who)
	if nobody { // whom no command would bring into the room
		decline(ctx, room, ghost, errNoPerson.Error())
		return
	}
	command := "`" + c.br.Config.CommandPrefix + " create-group`"
	var err error
	bot, _ := c.br.Matrix.GetMemberInfo(ctx, room, c.br.Bot.GetMXID()) // nil for one who never was there
	switch there := bot != nil && bot.Membership == event.MembershipJoin; {
	case there && c.inviteHints.allow(room, time.Now()):
		content := format.RenderMarkdown("Write "+command+" when everybody is invited: then those of MSN come, and this room is a conversation with them.", true, false)
		content.MsgType = event.MsgNotice
		_, err = c.br.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil)
	case !there:
		reason := "People of MSN cannot come into other rooms: start a chat with them, or invite " + c.br.Bot.GetMXID().String() +
			" and then them again, and write " + strings.Trim(command, "`")
		decline(ctx, room, ghost, reason)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("room_id", room).Msg("Failed to answer the invitation of a ghost")
	}
}

// decline has a ghost turn down an invitation.
func decline(ctx context.Context, room id.RoomID, ghost bridgev2.MatrixAPI, why string) {
	_, err := ghost.SendState(ctx, room, event.StateMember, ghost.GetMXID().String(), &event.Content{
		Parsed: &event.MemberEventContent{Membership: event.MembershipLeave, Reason: why},
	}, time.Time{})
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Stringer("room_id", room).Msg("Failed to decline the invitation of a ghost")
	}
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
