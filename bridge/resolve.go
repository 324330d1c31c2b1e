package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

var (
	_ bridgev2.IdentifierResolvingNetworkAPI = (*Client)(nil)
	_ bridgev2.GhostDMCreatingNetworkAPI     = (*Client)(nil)
	_ bridgev2.ContactListingNetworkAPI      = (*Client)(nil)
	_ bridgev2.UserSearchingNetworkAPI       = (*Client)(nil)
	_ bridgev2.GroupCreatingNetworkAPI       = (*Client)(nil)
)

// ResolveIdentifier takes an address, or one of our own user IDs. MSN cannot tell whether an account
// exists before it is added or called.
func (c *Client) ResolveIdentifier(ctx context.Context, identifier string, createChat bool) (*bridgev2.ResolveIdentifierResponse, error) {
	passport, err := c.address(identifier)
	if errors.Is(err, errElsewhere) {
		return nil, fmt.Errorf("%w: %w", bridgev2.ErrResolveIdentifierTryNext, err)
	}
	if err != nil {
		return nil, bridgev2.WrapRespErr(err, mautrix.MInvalidParam)
	}
	resolved, err := c.resolved(ctx, passport)
	if err == nil && createChat {
		resolved.Chat, err = c.startChat(ctx, passport)
	}
	return resolved, err
}

// startChat puts somebody on the contact list (bridge.md, Contact list) and has a room for them: the one that there is, even if the
// user has left it, or a new one.
func (c *Client) startChat(ctx context.Context, passport string) (*bridgev2.CreateChatResponse, error) {
	if passport == c.passport {
		return nil, bridgev2.WrapRespErr(errOwnAddress, mautrix.MInvalidParam)
	}
	if err := c.befriend(ctx, passport); err != nil {
		code := mautrix.MNotFound
		if errors.Is(err, errNotConnected) {
			code = notConnected
		}
		return nil, bridgev2.WrapRespErr(errors.New(strings.TrimSuffix(reason(err), ".")), code)
	}
	await(ctx, c.ensureGhost(ctx, passport, ""))
	key := directKey(c.login.ID, c.server, passport)
	portal, err := c.conn.ghosts.place(ctx, makeUserID(c.server, passport), key)
	if err != nil {
		return nil, err
	}
	room, err := c.rooms.id(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get the room of %s: %w", passport, err)
	}
	if room != "" && c.gone(ctx, room) {
		if err := c.forgetRoom(ctx, key); err != nil {
			return nil, fmt.Errorf("forget the room of %s: %w", passport, err)
		}
		room = ""
	}
	if room != "" && !c.present(ctx, room) {
		done := make(chan struct{})
		meta := simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: key, PreHandleFunc: c.bringBack}
		meta.PostHandleFunc = func(context.Context, *bridgev2.Portal) { close(done) }
		if turn := c.login.QueueRemoteEvent(&simplevent.ChatResync{EventMeta: meta, ChatInfo: &bridgev2.ChatInfo{}}); turn.Success && !turn.Ignored {
			await(ctx, done)
		}
	}
	if room == "" {
		go c.sortWhenMade(c.conn.br.BackgroundCtx, key)
	}
	return &bridgev2.CreateChatResponse{PortalKey: key, Portal: portal, PortalInfo: c.directInfo(ctx, nil, passport)}, nil
}

// befriend adds somebody to the contact list: not who asks, which would accept them by accident, nor who is blocked. While MSN is away, a
// chat with somebody is all that is known of the list.
func (c *Client) befriend(ctx context.Context, passport string) error {
	s, err := c.online()
	if err != nil {
		if c.hasChat(ctx, passport) {
			return nil
		}
		return refusalOf(err, "the bridge is not signed in to MSN at the moment, and cannot put anybody on your contact list: "+
			"until it is, there are only chats with people whom you had one with before")
	}
	contact, _ := s.msn.Contact(passport)
	if contact.On(msn.ForwardList) || contact.On(msn.BlockList) || s.asks(passport) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	said, err := s.add(ctx, passport, "")
	if err == nil {
		s.notices.add(said)
	}
	return err
}

// hasChat tells whether there is, or was, a room with somebody.
func (c *Client) hasChat(ctx context.Context, passport string) bool {
	row, err := c.conn.br.DB.Portal.GetByKey(ctx, directKey(c.login.ID, c.server, passport))
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to look for a chat")
	}
	return row != nil
}

const (
	// madePause is how often to look for a room that bridgev2 makes, which tells nobody when it has; madeMost for how long.
	madePause = 100 * time.Millisecond
	madeMost  = 30 * time.Second
)

// sortWhenMade puts a room that bridgev2 is about to make into the contact's groups.
func (c *Client) sortWhenMade(ctx context.Context, key networkid.PortalKey) {
	ctx, cancel := context.WithTimeout(ctx, madeMost)
	defer cancel()
	for sleep(ctx, madePause) == nil {
		if !c.rooms.there(ctx, key) {
			continue
		}
		if s := c.current.Load(); s != nil {
			s.roomMade(key)
		}
		return
	}
}

// CreateChatWithGhost makes a room with somebody who has a ghost.
func (c *Client) CreateChatWithGhost(ctx context.Context, ghost *bridgev2.Ghost) (*bridgev2.CreateChatResponse, error) {
	server, passport, ok := parseUserID(ghost.ID)
	if !ok || server != c.server {
		return nil, fmt.Errorf("%w: it is of another MSN service", bridgev2.ErrResolveIdentifierTryNext)
	}
	if !c.meant(ctx, passport) {
		return nil, fmt.Errorf("%w: it is of another account", bridgev2.ErrResolveIdentifierTryNext)
	}
	c.ensureGhost(ctx, passport, "")
	started, err := c.startChat(ctx, passport)
	if err != nil { // of which bridgev2 says in the room that it happened, and not why
		c.tell(ctx, fmt.Sprintf("There is no chat with %s: %s", cell(passport), reason(err)))
	}
	return started, err
}

// meant tells whether a chat for which no account is named is for this one of the user's: it knows the other, or none does and it comes
// first.
func (c *Client) meant(ctx context.Context, passport string) bool {
	known := func(c *Client) bool {
		if s := c.current.Load(); s != nil {
			return s.knows(passport)
		}
		return c.hasChat(ctx, passport)
	}
	if known(c) {
		return true
	}
	return !slices.ContainsFunc(c.login.User.GetUserLogins(), func(login *bridgev2.UserLogin) bool {
		other, ok := login.Client.(*Client)
		return ok && other.server == c.server && (known(other) || login.ID < c.login.ID)
	})
}

// resolved describes somebody. The ghost has all there is to tell.
func (c *Client) resolved(ctx context.Context, passport string) (*bridgev2.ResolveIdentifierResponse, error) {
	c.ensureGhost(ctx, passport, "")
	id := makeUserID(c.server, passport)
	ghost, err := c.conn.ghosts.snapshot(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get the ghost of %s: %w", passport, err)
	}
	return &bridgev2.ResolveIdentifierResponse{UserID: id, Ghost: ghost}, nil
}

// GetContactList lists the contacts with their rooms.
func (c *Client) GetContactList(ctx context.Context) ([]*bridgev2.ResolveIdentifierResponse, error) {
	return c.search(ctx, "")
}

// SearchUsers looks into the contact list, for names and addresses: MSN has no directory any more.
func (c *Client) SearchUsers(ctx context.Context, query string) ([]*bridgev2.ResolveIdentifierResponse, error) {
	return c.search(ctx, strings.TrimSpace(query))
}

func (c *Client) search(ctx context.Context, text string) ([]*bridgev2.ResolveIdentifierResponse, error) {
	s, err := c.online()
	if err != nil {
		return nil, err
	}
	var found []*bridgev2.ResolveIdentifierResponse
	for _, contact := range s.contactList(text) {
		resolved, err := c.resolved(ctx, contact.Address)
		if err != nil {
			return nil, err
		}
		portal, err := c.conn.br.GetExistingPortalByKey(ctx, directKey(c.login.ID, c.server, contact.Address))
		if err != nil {
			return nil, fmt.Errorf("get the room of %s: %w", contact.Address, err)
		}
		if portal != nil && portal.MXID != "" {
			resolved.Chat = &bridgev2.CreateChatResponse{PortalKey: portal.PortalKey, Portal: portal}
		}
		found = append(found, resolved)
	}
	return found, nil
}

// CreateGroup makes the room of a conference. Its people are called with the first message.
func (c *Client) CreateGroup(ctx context.Context, params *bridgev2.GroupCreateParams) (*bridgev2.CreateChatResponse, error) {
	var people []string
	for _, user := range params.Participants {
		passport, err := c.participant(user)
		if err != nil {
			return nil, bridgev2.WrapRespErr(err, mautrix.MInvalidParam)
		}
		c.ensureGhost(ctx, passport, "")
		people = append(people, passport)
	}
	conv := msn.With(people...)
	if len(conv.Participants) < 2 {
		return nil, bridgev2.WrapRespErr(fmt.Errorf("a conference needs two others at least"), mautrix.MInvalidParam)
	}
	conference := func() (database.Conference, error) {
		if params.RoomID != "" { // which is to be one, whatever there is already
			return c.conferences.create(ctx, conv.Participants)
		}
		return c.conferences.of(ctx, conv)
	}
	conf, err := conference()
	if err != nil {
		return nil, err
	}
	c.placeConference(ctx, conf)
	info := c.conferenceInfo(conf)
	if params.Name != nil && params.Name.Name != "" {
		info.Name = ptr.Ptr(params.Name.Name)
	}
	key := conferenceKey(c.login.ID, c.server, conf.ID)
	portal, err := c.conn.br.GetPortalByKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get the room of the conference: %w", err)
	}
	if params.RoomID != "" {
		err = portal.UpdateMatrixRoomID(ctx, params.RoomID, bridgev2.UpdateMatrixRoomIDParams{
			FailIfMXIDSet: true, ChatInfo: info, ChatInfoSource: c.login,
		})
		if err != nil {
			return nil, fmt.Errorf("take over the room: %w", err)
		}
	}
	return &bridgev2.CreateChatResponse{PortalKey: key, Portal: portal, PortalInfo: info}, nil
}

// participant takes a user ID of ours or an address.
func (c *Client) participant(user networkid.UserID) (string, error) {
	server, passport, ok := parseUserID(user)
	switch {
	case !ok:
		return c.address(string(user))
	case server != c.server:
		return "", fmt.Errorf("%s is of %w, %q", passport, errElsewhere, server)
	case passport == c.passport:
		return "", errOwnAddress
	}
	return passport, nil
}
