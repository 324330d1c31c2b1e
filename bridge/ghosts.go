package bridge

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// ghosts changes what ghosts are called and look like. bridgev2 locks neither a ghost nor the room that bears its name, and tells
// the rooms of a change in goroutines of its own; so a ghost that has a room is changed in the turn of that room, between two of
// its events, and a ghost without one before a room uses it, by one goroutine at a time.
type ghosts struct {
	br    *bridgev2.Bridge
	locks stripes // held while the homeserver is asked

	mu    sync.Mutex
	known map[networkid.UserID]string // names, in this run
}

func (g *ghosts) init(br *bridgev2.Bridge) {
	g.br, g.known = br, make(map[networkid.UserID]string)
}

// turnLimit is how long a change waits for the turn of a room: about as long as bridgev2 lets one event hold up the next.
const turnLimit = time.Minute

// change has f change a ghost with alter. The returned channel is closed when that is done; with a room, that is when the room
// has dealt with what came before.
func (g *ghosts) change(ctx context.Context, id networkid.UserID, f func(context.Context, *bridgev2.Ghost)) <-chan struct{} {
	done := make(chan struct{})
	rooms := g.rooms(ctx, id)
	change := func(ctx context.Context) {
		defer close(done)
		g.with(ctx, id, f)
		if len(rooms) > 1 {
			go func() { // each in its own turn, which this one must not wait for
				for _, room := range rooms[1:] {
					g.resync(room, func(context.Context) {})
				}
			}()
		}
	}
	if len(rooms) == 0 || !g.resync(rooms[0], change) {
		change(ctx)
	}
	return done
}

// with does f with a ghost that nobody else changes meanwhile.
func (g *ghosts) with(ctx context.Context, id networkid.UserID, f func(context.Context, *bridgev2.Ghost)) {
	lock := g.locks.of(string(id))
	lock.Lock()
	defer lock.Unlock()
	ghost, err := g.br.GetGhostByID(ctx, id)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to get a ghost to look at it or change it")
		return
	}
	f(ctx, ghost)
}

// alter gives a ghost a name or a picture. It has what is new before bridgev2 compares that with what was and would tell rooms.
func alter(ctx context.Context, ghost *bridgev2.Ghost, info *bridgev2.UserInfo) {
	if info.Name != nil && ghost.Name != *info.Name {
		ghost.Name, ghost.NameSet = *info.Name, false
	}
	if info.Avatar != nil && ghost.AvatarMXC != info.Avatar.MXC {
		ghost.AvatarMXC, ghost.AvatarSet = info.Avatar.MXC, false
	}
	ghost.UpdateInfo(ctx, info)
}

// rooms lists the rooms between two with a ghost.
func (g *ghosts) rooms(ctx context.Context, id networkid.UserID) []*database.Portal {
	rooms, err := g.br.DB.Portal.GetAllDMsWith(ctx, id)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to find the rooms with a ghost")
	}
	return slices.DeleteFunc(rooms, func(room *database.Portal) bool { return room.MXID == "" })
}

// resync does first in the turn of a room and has the room look at its ghost then. It reports whether the turn will come.
func (g *ghosts) resync(room *database.Portal, first func(context.Context)) bool {
	login := g.br.GetCachedUserLoginByID(room.Receiver)
	if login == nil {
		return false
	}
	turn := login.QueueRemoteEvent(&simplevent.ChatResync{
		EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: room.PortalKey},
		GetChatInfoFunc: func(ctx context.Context, _ *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
			first(ctx)
			return &bridgev2.ChatInfo{}, nil
		},
	})
	return turn.Success && !turn.Ignored
}

// await waits until a change is done.
func await(ctx context.Context, done <-chan struct{}) {
	late := time.NewTimer(turnLimit)
	defer late.Stop()
	select {
	case <-done:
	case <-ctx.Done():
	case <-late.C:
		zerolog.Ctx(ctx).Warn().Msg("A room is busy or gone: what a ghost is called or looks like may change later")
	}
}

// name names a ghost. A weak name, made of the address, does not replace any other. The returned channel is that of change.
func (g *ghosts) name(ctx context.Context, id networkid.UserID, passport, name string, weak bool) <-chan struct{} {
	due := !g.has(id, name, weak)
	if due {
		g.with(ctx, id, func(_ context.Context, ghost *bridgev2.Ghost) { due = g.due(ghost, name, weak) })
	}
	if !due {
		done := make(chan struct{})
		close(done)
		return done
	}
	return g.change(ctx, id, func(ctx context.Context, ghost *bridgev2.Ghost) {
		if g.due(ghost, name, weak) {
			alter(ctx, ghost, userInfo(passport, name))
			g.know(id, name)
		}
	})
}

// due tells whether a ghost is to be named, and remembers its name if not.
func (g *ghosts) due(ghost *bridgev2.Ghost, name string, weak bool) bool {
	if weak && ghost.Name != "" || ghost.Name == name && ghost.NameSet && ghost.AvatarSet {
		g.know(ghost.ID, ghost.Name)
		return false
	}
	return true
}

func (g *ghosts) know(id networkid.UserID, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[id] = name
}

func (g *ghosts) has(id networkid.UserID, name string, weak bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, named := g.known[id]
	return named && (weak || known == name)
}

// displayName is what somebody is called: by the user's own nickname for them, by their own presence or the contact list, else
// by the address.
func (c *Client) displayName(passport string) (name string, known bool) {
	if s := c.current.Load(); s != nil {
		if nickname := s.nickname(passport); nickname != "" && c.conn.Config.Contacts.Names == namesNickname {
			return c.nameOf(passport, nickname), true
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
	c.conn.ghosts.name(ctx, makeUserID(c.server, passport), passport, name, !known)
}

// nameGhost gives a contact's ghost a new name.
func (c *Client) nameGhost(ctx context.Context, passport, name string) {
	await(ctx, c.conn.ghosts.name(ctx, makeUserID(c.server, passport), passport, name, false))
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
