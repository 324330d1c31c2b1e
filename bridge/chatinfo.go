package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

var (
	errNoConference = errors.New("the bridge does not know this conference any more")
	errOddPortal    = errors.New("the room does not belong to an MSN chat")
)

// self is the account's own place among the members of a room. It has no ghost: the Matrix user is
// there.
func (c *Client) self() bridgev2.EventSender {
	return bridgev2.EventSender{IsFromMe: true, SenderLogin: c.login.ID}
}

// sender is somebody else, or myself.
func (c *Client) sender(passport string) bridgev2.EventSender {
	if passport == c.passport {
		sender := c.self()
		sender.Sender = c.ownID() // in case there is no double puppet to speak for the user
		return sender
	}
	return bridgev2.EventSender{Sender: makeUserID(c.server, passport)}
}

// GetChatInfo describes a room.
func (c *Client) GetChatInfo(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	if _, passport, ok := parseDirect(portal.ID); ok {
		return c.directInfo(ctx, portal, passport), nil
	}
	if _, id, ok := parseConference(portal.ID); ok {
		found, err := c.conferences.get(ctx, id)
		if err != nil {
			return nil, err
		}
		return c.conferenceInfo(found.Conference), nil
	}
	if _, id, ok := parseCircle(portal.ID); ok {
		return c.circleInfo(ctx, id)
	}
	if _, room, ok := parseGroup(portal.ID); ok {
		return c.groupInfo(ctx, room)
	}
	return nil, fmt.Errorf("%q: %w", portal.ID, errOddPortal)
}

// member is somebody's entry in a member list. Their ghost has its name already: see ensureGhost.
func (c *Client) member(passport string, membership event.Membership) bridgev2.ChatMember {
	return bridgev2.ChatMember{EventSender: c.sender(passport), Membership: membership}
}

// directInfo describes the room of two. portal is nil for one that is still to be made.
func (c *Client) directInfo(ctx context.Context, portal *bridgev2.Portal, passport string) *bridgev2.ChatInfo {
	info := &bridgev2.ChatInfo{
		Type: ptr.Ptr(bridgedb.RoomTypeDM),
		Members: &bridgev2.ChatMemberList{
			IsFull: true, TotalMemberCount: 2, OtherUserID: makeUserID(c.server, passport),
			MemberMap: bridgev2.ChatMemberMap{}.
				Set(bridgev2.ChatMember{EventSender: c.self(), Membership: event.MembershipJoin}).
				Set(c.member(passport, event.MembershipJoin)),
		},
	}
	c.look(ctx, passport, portal != nil && portal.NameIsCustom, info)
	return info
}

// conferenceNames is how many people the name of a conference's room lists.
const conferenceNames = 5

// calledAfter tells whether a conference's room is called after its people, some of everyone, and not by the user.
func (c *Client) calledAfter(name string, everyone []string) bool {
	var names []string
	for _, passport := range everyone {
		called, _ := c.displayName(passport)
		names = append(names, called)
	}
	for part := range strings.SplitSeq(name, ", ") {
		more, isMore := strings.CutSuffix(part, " more")
		if _, err := strconv.Atoi(more); (err != nil || !isMore) && !slices.Contains(names, part) {
			return false
		}
	}
	return true
}

func (c *Client) conferenceInfo(conf database.Conference) *bridgev2.ChatInfo {
	members := bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: c.self(), Membership: event.MembershipJoin})
	var names []string
	for _, passport := range conf.Members {
		members.Set(c.member(passport, event.MembershipJoin))
		name, _ := c.displayName(passport)
		names = append(names, name)
	}
	if more := len(names) - conferenceNames; more > 0 {
		names = append(names[:conferenceNames], fmt.Sprintf("%d more", more))
	}
	return &bridgev2.ChatInfo{
		Name: ptr.Ptr(strings.Join(names, ", ")),
		Type: ptr.Ptr(bridgedb.RoomTypeGroupDM),
		Members: &bridgev2.ChatMemberList{
			IsFull: true, TotalMemberCount: len(conf.Members) + 1, MemberMap: members,
		},
	}
}

// tell writes to the user's management room.
func (c *Client) tell(ctx context.Context, markdown string) { c.say(ctx, markdown) }

// note writes into a room what its people have not said.
func (c *Client) note(ctx context.Context, key networkid.PortalKey, text string) {
	room, err := c.rooms.id(ctx, key)
	if err == nil && room != "" {
		_, err = c.conn.br.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{
			Parsed: &event.MessageEventContent{MsgType: event.MsgNotice, Body: text},
		}, nil)
	}
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to write a notice into a room")
	}
}

func (c *Client) tellRooms(ctx context.Context, created int) {
	c.tell(ctx, fmt.Sprintf("%s for your contacts have been made.", plural(created, "room")))
}

// portalKey finds the room of a live conversation, for a group of more than two as well.
func (c *Client) portalKey(ctx context.Context, conv msn.Conversation, from string) (networkid.PortalKey, error) {
	if conv.Circle != "" {
		return circleKey(c.server, conv.Circle), nil
	}
	if conv.Group {
		conf, err := c.conferences.of(ctx, conv)
		return conferenceKey(c.login.ID, c.server, conf.ID), err
	}
	if from == "" || from == c.passport {
		if len(conv.Participants) == 0 {
			return networkid.PortalKey{}, errOddPortal
		}
		from = conv.Participants[0]
	}
	return directKey(c.login.ID, c.server, from), nil
}
