package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"

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

// displayName is what somebody is called: by the contact list, else by the address.
func (c *Client) displayName(passport string) (name string, known bool) {
	if s := c.current.Load(); s != nil {
		if heard := s.msn.PresenceOf(passport).FriendlyName; heard != "" {
			return msn.StripFormatting(heard), true
		}
		if contact, ok := s.msn.Contact(passport); ok && contact.FriendlyName != "" {
			return msn.StripFormatting(contact.FriendlyName), true
		}
	}
	return passport, false
}

// userInfo is what a ghost is given.
func userInfo(passport, name string) *bridgev2.UserInfo {
	return &bridgev2.UserInfo{
		Identifiers: []string{"mailto:" + passport}, Name: &name, IsBot: ptr.Ptr(false),
	}
}

// GetUserInfo tells what is known of somebody. The name of a ghost that has one is only replaced by a real
// one.
func (c *Client) GetUserInfo(_ context.Context, ghost *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	server, passport, ok := parseUserID(ghost.ID)
	if !ok || server != c.server {
		return nil, nil
	}
	name, known := c.displayName(passport)
	info := userInfo(passport, name)
	if !known && ghost.Name != "" {
		info.Name = nil
	}
	return info, nil
}

// GetChatInfo describes a room.
func (c *Client) GetChatInfo(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
	if _, passport, ok := parseDirect(portal.ID); ok {
		return c.directInfo(passport), nil
	}
	if _, id, ok := parseConference(portal.ID); ok {
		found, err := c.conferences.get(ctx, id)
		if err != nil {
			return nil, err
		}
		return c.conferenceInfo(found.Conference), nil
	}
	return nil, fmt.Errorf("%q: %w", portal.ID, errOddPortal)
}

// member is somebody's entry in a member list.
func (c *Client) member(passport string, membership event.Membership) bridgev2.ChatMember {
	m := bridgev2.ChatMember{EventSender: c.sender(passport), Membership: membership}
	if name, known := c.displayName(passport); known {
		m.UserInfo = userInfo(passport, name)
	}
	return m
}

func (c *Client) directInfo(passport string) *bridgev2.ChatInfo {
	return &bridgev2.ChatInfo{
		Type: ptr.Ptr(bridgedb.RoomTypeDM),
		Members: &bridgev2.ChatMemberList{
			IsFull: true, TotalMemberCount: 2, OtherUserID: makeUserID(c.server, passport),
			MemberMap: bridgev2.ChatMemberMap{}.
				Set(bridgev2.ChatMember{EventSender: c.self(), Membership: event.MembershipJoin}).
				Set(c.member(passport, event.MembershipJoin)),
		},
	}
}

// conferenceNames is how many people the name of a conference's room lists.
const conferenceNames = 5

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

// createRoom makes a contact's room, if there is none.
func (c *Client) createRoom(ctx context.Context, passport string) (made bool, err error) {
	portal, err := c.conn.br.GetPortalByKey(ctx, directKey(c.login.ID, c.server, passport))
	if err != nil || portal.MXID != "" {
		return false, err
	}
	if err := portal.CreateMatrixRoom(ctx, c.login, c.directInfo(passport)); err != nil {
		return false, fmt.Errorf("create the room: %w", err)
	}
	return true, nil
}

// nameGhost gives a ghost its name. If there is a room, that happens in the room's own goroutine, which
// reads the name too.
func (c *Client) nameGhost(ctx context.Context, passport, name string) {
	log := zerolog.Ctx(ctx)
	ghost, err := c.conn.br.GetGhostByID(ctx, makeUserID(c.server, passport))
	if err != nil {
		log.Err(err).Msg("Failed to get the ghost of a contact")
		return
	}
	info := userInfo(passport, name)
	portal, err := c.conn.br.GetExistingPortalByKey(ctx, directKey(c.login.ID, c.server, passport))
	if err != nil {
		log.Err(err).Msg("Failed to get the room of a contact")
		return
	}
	if portal == nil || portal.MXID == "" {
		ghost.UpdateInfo(ctx, info)
		return
	}
	c.login.QueueRemoteEvent(&simplevent.ChatResync{
		EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: portal.PortalKey},
		ChatInfo: &bridgev2.ChatInfo{ExtraUpdates: func(ctx context.Context, _ *bridgev2.Portal) bool {
			ghost.UpdateInfo(ctx, info)
			return false
		}},
	})
}

// tell writes to the user's management room.
func (c *Client) tell(ctx context.Context, markdown string) {
	room, err := c.login.User.GetManagementRoom(ctx)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to get the management room")
		return
	}
	content := format.RenderMarkdown(markdown, true, false)
	content.MsgType = event.MsgNotice
	if _, err := c.conn.br.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to write to the management room")
	}
}

func (c *Client) tellRooms(ctx context.Context, created int) {
	c.tell(ctx, fmt.Sprintf("%s for your contacts have been made.", plural(created, "room")))
}

// portalKey finds the room of a live conversation, for a group of more than two as well.
func (c *Client) portalKey(ctx context.Context, conv msn.Conversation, from string) (networkid.PortalKey, error) {
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
