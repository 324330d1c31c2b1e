package bridge

import (
	"cmp"
	"context"
	"sync"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// ghostNames gives ghosts their names. bridgev2 does not lock a ghost, which several rooms may use at the
// same time; so a ghost is named here, by one goroutine at a time, before it is first used in a room, and
// the rooms find nothing left to do.
type ghostNames struct {
	locks stripes // held while the homeserver is asked

	mu    sync.Mutex
	known map[networkid.UserID]string // in this run
}

func (g *ghostNames) init() {
	g.known = make(map[networkid.UserID]string)
}

// give names a ghost. A weak name, made of the address, does not replace any other.
func (g *ghostNames) give(ctx context.Context, br *bridgev2.Bridge, id networkid.UserID, passport, name string, weak bool) {
	if g.has(id, name, weak) {
		return
	}
	lock := g.locks.of(string(id))
	lock.Lock()
	defer lock.Unlock()
	if g.has(id, name, weak) {
		return
	}
	ghost, err := br.GetGhostByID(ctx, id)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to get a ghost to name it")
		return
	}
	switch {
	case weak && ghost.Name != "":
		name = ghost.Name
	case ghost.Name != name || !ghost.NameSet || !ghost.AvatarSet:
		ghost.UpdateInfo(ctx, userInfo(passport, name))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[id] = name
}

func (g *ghostNames) has(id networkid.UserID, name string, weak bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, named := g.known[id]
	return named && (weak || known == name)
}

// displayName is what somebody is called: by the user's own nickname for them, by their own presence or the contact list, else
// by the address.
func (c *Client) displayName(passport string) (name string, known bool) {
	if s := c.current.Load(); s != nil {
		if contact, ok := s.msn.Contact(passport); ok && contact.Nickname != "" && c.conn.Config.Contacts.Names == namesNickname {
			return c.nameOf(passport, contact.Nickname), true
		}
		if heard := s.msn.PresenceOf(passport).FriendlyName; heard != "" {
			return c.nameOf(passport, heard), true
		}
		if contact, ok := s.msn.Contact(passport); ok && contact.FriendlyName != "" {
			return c.nameOf(passport, contact.FriendlyName), true
		}
	}
	return passport, false
}

// nameOf is what is shown of a friendly name.
func (c *Client) nameOf(passport, friendlyName string) string {
	if c.conn.Config.Contacts.NameFormatting != formattingKeep {
		friendlyName = msn.StripFormatting(friendlyName)
	}
	return cmp.Or(msnfmt.Name(friendlyName), passport)
}

// ensureGhost makes sure that a ghost has a name before a room uses it. heard is what the person was called
// along the way, for people on no list; "" if nothing was.
func (c *Client) ensureGhost(ctx context.Context, passport, heard string) {
	if passport == c.passport {
		return
	}
	name, known := c.displayName(passport)
	if !known && heard != "" {
		name, known = c.nameOf(passport, heard), true
	}
	c.conn.names.give(ctx, c.conn.br, makeUserID(c.server, passport), passport, name, !known)
}

// nameGhost gives a contact's ghost a new name.
func (c *Client) nameGhost(ctx context.Context, passport, name string) {
	c.conn.names.give(ctx, c.conn.br, makeUserID(c.server, passport), passport, name, false)
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
	name, _ := c.displayName(passport)
	return userInfo(passport, name), nil
}
