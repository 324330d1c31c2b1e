package bridge

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// What people are called: ghosts, which all users see, and the rooms of one user with them.

// naming is a name for a ghost.
type naming struct {
	name  string
	nick  bool // the user's own word for them
	weak  bool // made of the address: it replaces nothing but a nickname
	blind bool // by who does not know better: it replaces nothing
}

// name names a ghost. The returned channel is that of change.
func (g *ghosts) name(ctx context.Context, id networkid.UserID, passport string, n naming) <-chan struct{} {
	due := !g.has(id, n)
	if due {
		g.with(ctx, id, func(_ context.Context, ghost *bridgev2.Ghost) { due = g.due(ghost, n) })
	}
	if !due {
		done := make(chan struct{})
		close(done)
		return done
	}
	return g.change(ctx, id, func(ctx context.Context, ghost *bridgev2.Ghost) {
		if g.due(ghost, n) {
			info := userInfo(passport, n.name)
			info.ExtraUpdates = func(_ context.Context, ghost *bridgev2.Ghost) bool {
				return metaOf(ghost).nickname.Swap(n.nick) != n.nick
			}
			alter(ctx, ghost, info)
			g.know(id, n)
		}
	})
}

// due tells whether a ghost is to be named, and remembers its name if not.
func (g *ghosts) due(ghost *bridgev2.Ghost, n naming) bool {
	now := naming{name: ghost.Name, nick: metaOf(ghost).nickname.Load()}
	if now.name != "" && now.resists(n) || now.name == n.name && now.nick == n.nick && ghost.NameSet && ghost.AvatarSet {
		g.know(ghost.ID, now)
		return false
	}
	return true
}

// resists tells whether a name stays when another comes.
func (n naming) resists(other naming) bool { return other.blind || other.weak && !n.nick }

func (g *ghosts) know(id networkid.UserID, n naming) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[id] = n
}

func (g *ghosts) has(id networkid.UserID, n naming) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, named := g.known[id]
	return named && (known.resists(n) || known.name == n.name && known.nick == n.nick)
}

// theirName is what somebody calls themselves: by their own presence or the contact list, else the address.
func (c *Client) theirName(passport string) (name string, known bool) {
	if s := c.current.Load(); s != nil {
		if heard := s.msn.PresenceOf(passport).FriendlyName; heard != "" {
			return c.nameOf(passport, heard), true
		}
		// A service that knows no name of theirs puts the address there.
		if contact, ok := s.msn.Contact(passport); ok && contact.FriendlyName != "" && !strings.EqualFold(contact.FriendlyName, passport) {
			return c.nameOf(passport, contact.FriendlyName), true
		}
	}
	return passport, false
}

// nicknameFor is what the user calls somebody, if it is to be shown; "" for nothing of their own.
func (c *Client) nicknameFor(passport string) string {
	s := c.current.Load()
	if s == nil || c.conn.Config.Contacts.Names != namesNickname {
		return ""
	}
	nickname := s.nickname(passport)
	if nickname == "" {
		return ""
	}
	return c.nameOf(passport, nickname)
}

// displayName is what somebody is called in words to the user: by the user's nickname for them, else as they call themselves.
func (c *Client) displayName(passport string) (name string, known bool) {
	if nickname := c.nicknameFor(passport); nickname != "" {
		return nickname, true
	}
	return c.theirName(passport)
}

// nameOf is what is shown of a friendly name.
func (c *Client) nameOf(passport, friendlyName string) string {
	if c.conn.Config.Contacts.NameFormatting != formattingKeep {
		friendlyName = msn.StripFormatting(friendlyName)
	}
	return cmp.Or(msnfmt.Name(friendlyName), passport)
}

// naming is what somebody's ghost is called. A ghost is of all users of the bridge, and a nickname of one: it is the ghost's as long as
// nobody else here knows them.
func (c *Client) naming(ctx context.Context, passport, heard string) naming {
	name, known := c.theirName(passport)
	if !known && heard != "" && !strings.EqualFold(heard, passport) {
		name, known = c.nameOf(passport, heard), true
	}
	s := c.current.Load()
	if s == nil || !s.complete.Load() {
		return naming{name: name, blind: true}
	}
	if _, listed := s.msn.Contact(passport); !listed {
		return naming{name: name, blind: !known}
	}
	if nickname := c.nicknameFor(passport); nickname != "" && !c.shared(ctx, passport) {
		return naming{name: nickname, nick: true}
	}
	return naming{name: name, weak: !known}
}

// shared tells whether other users of the bridge know somebody, too, or have a room with them.
func (c *Client) shared(ctx context.Context, passport string) bool {
	if c.conn.people.knownTo(c.login.UserMXID, c.server, passport) {
		return true
	}
	br := c.conn.br
	rows, err := br.DB.Portal.GetAllDMsWith(ctx, makeUserID(c.server, passport))
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to find the rooms with a ghost")
		return true
	}
	return slices.ContainsFunc(rows, func(row *bridgedb.Portal) bool {
		login := br.GetCachedUserLoginByID(row.Receiver)
		return row.MXID != "" && login != nil && login.UserMXID != c.login.UserMXID
	})
}

// ensureGhost makes sure that a ghost has a name before a room uses it. heard is what the person was called
// along the way, for people on no list; "" if nothing was. The returned channel is closed when it is done.
func (c *Client) ensureGhost(ctx context.Context, passport, heard string) <-chan struct{} {
	if passport == c.passport {
		done := make(chan struct{})
		close(done)
		return done
	}
	return c.conn.ghosts.name(ctx, makeUserID(c.server, passport), passport, c.naming(ctx, passport, heard))
}

// nameContact gives a contact's ghost and room the names that are due.
func (s *session) nameContact(ctx context.Context, passport string) {
	await(ctx, s.ensureGhost(ctx, passport, ""))
	if due, err := s.lookDue(ctx, passport); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to see whether a contact's room is called as it should be")
	} else if due {
		s.conn.ghosts.resync(directKey(s.login.ID, s.server, passport), func(context.Context) {})
	}
}

// wellNamed tells whether a ghost is called as somebody is known to be called now. It asks nobody, for handlers.
func (s *session) wellNamed(passport string) bool {
	id := makeUserID(s.server, passport)
	name, _ := s.theirName(passport)
	nickname := s.nicknameFor(passport)
	return s.conn.ghosts.has(id, naming{name: name}) || nickname != "" && s.conn.ghosts.has(id, naming{name: nickname, nick: true})
}

// look gives the room of two the look that is not its ghost's: the name that the user has given the contact. custom tells whether it has
// one already.
func (c *Client) look(ctx context.Context, passport string, custom bool, info *bridgev2.ChatInfo) {
	if s := c.current.Load(); s != nil && s.complete.Load() { // else nobody knows what is right
		nickname := c.nicknameFor(passport)
		switch {
		case nickname != "":
			info.Name = &nickname
		case custom:
			info.Name = bridgev2.DefaultChatName
		}
		custom = nickname != ""
	}
	if !custom || !c.conn.br.Config.PrivateChatPortalMeta {
		return
	}
	// bridgev2 gives a room with a name of its own nothing of its ghost's any more.
	ghost, err := c.conn.ghosts.snapshot(ctx, makeUserID(c.server, passport))
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to get a ghost to dress a room")
		return
	}
	info.Avatar = &bridgev2.Avatar{ID: ghost.AvatarID, MXC: ghost.AvatarMXC, Hash: ghost.AvatarHash, Remove: ghost.AvatarID == ""}
}

// lookDue tells whether look would change the room of a contact.
func (s *session) lookDue(ctx context.Context, passport string) (bool, error) {
	row, err := s.conn.br.DB.Portal.GetByKey(ctx, directKey(s.login.ID, s.server, passport))
	if err != nil || row == nil || row.MXID == "" {
		return false, err
	}
	nickname := s.nicknameFor(passport)
	if nickname == "" {
		return row.NameIsCustom, nil
	}
	if !row.NameIsCustom || row.Name != nickname || !row.NameSet {
		return true, nil
	}
	ghost, err := s.conn.ghosts.snapshot(ctx, makeUserID(s.server, passport))
	return err == nil && s.conn.br.Config.PrivateChatPortalMeta && row.AvatarID != ghost.AvatarID, err
}

// userInfo is what a ghost is given.
func userInfo(passport, name string) *bridgev2.UserInfo {
	return &bridgev2.UserInfo{
		Identifiers: []string{"mailto:" + passport}, Name: &name, IsBot: ptr.Ptr(false),
	}
}

// GetUserInfo tells what is known of somebody whose ghost has no name yet.
func (c *Client) GetUserInfo(_ context.Context, ghost *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	server, passport, ok := parseUserID(ghost.ID)
	if !ok || server != c.server {
		return nil, nil
	}
	name, _ := c.theirName(passport)
	return userInfo(passport, name), nil
}

// placeConference says of the people of a conference that its room is one of theirs, see ghosts.
func (c *Client) placeConference(ctx context.Context, conf database.Conference) {
	key := conferenceKey(c.login.ID, c.server, conf.ID)
	for _, passport := range conf.Members {
		if _, err := c.conn.ghosts.place(ctx, makeUserID(c.server, passport), key); err != nil {
			zerolog.Ctx(ctx).Err(err).Msg("Failed to get the room of a conference")
			return
		}
	}
}
