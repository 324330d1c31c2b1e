package bridge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
)

// ghosts changes what ghosts are called and look like. bridgev2 locks neither a ghost nor the rooms that bear its name, and reads it
// in the turn of each of them; so a ghost that has rooms is changed when it is the turn of all of them, between two of their events, and
// a ghost without one before a room uses it.
type ghosts struct {
	br    *bridgev2.Bridge
	locks stripes // held while the homeserver is asked
	order stripes // held while rooms are asked for their turn: in all of them one change comes before the other

	mu     sync.Mutex
	known  map[networkid.UserID]naming // in this run
	placed map[networkid.UserID][]networkid.PortalKey
}

func (g *ghosts) init(br *bridgev2.Bridge) {
	g.br, g.known = br, make(map[networkid.UserID]naming)
	g.placed = make(map[networkid.UserID][]networkid.PortalKey)
}

// turnLimit is how long a change waits for the turn of a room: about as long as bridgev2 lets one event hold up the next.
const turnLimit = time.Minute

// place gives the portal of a chat with a ghost. From now on the ghost is changed in its turn, even while its room is only being made.
func (g *ghosts) place(ctx context.Context, id networkid.UserID, key networkid.PortalKey) (*bridgev2.Portal, error) {
	order := g.order.of(string(id))
	order.Lock()
	defer order.Unlock()
	portal, err := g.br.GetPortalByKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get the room: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.placed[id], key) {
		g.placed[id] = append(g.placed[id], key)
	}
	return portal, nil
}

// change has f change a ghost with alter. The returned channel is closed when that is done; with rooms, that is when they have dealt
// with what came before.
func (g *ghosts) change(ctx context.Context, id networkid.UserID, f func(context.Context, *bridgev2.Ghost)) <-chan struct{} {
	order := g.order.of(string(id))
	order.Lock()
	defer order.Unlock()
	portals := g.portals(ctx, id)
	meeting := &meeting{missing: len(portals), done: make(chan struct{})}
	meeting.do = func() { g.with(context.WithoutCancel(ctx), id, f) }
	for _, key := range portals {
		if !g.resync(key, meeting.come) {
			meeting.miss()
		}
	}
	if len(portals) == 0 {
		meeting.hold()
	}
	return meeting.done
}

// meeting is of rooms whose turn it is: the last to come does what is to be done in the turn of all.
type meeting struct {
	do   func()
	done chan struct{}
	once sync.Once

	mu      sync.Mutex
	missing int
}

// hold does what is to be done, if that is not done yet.
func (m *meeting) hold() {
	m.once.Do(func() {
		defer close(m.done)
		m.do()
	})
}

// miss is for one who does not come, or has come; it tells whether all have.
func (m *meeting) miss() {
	m.mu.Lock()
	m.missing--
	all := m.missing == 0
	m.mu.Unlock()
	if all {
		m.hold()
	}
}

// come waits until it is done. Who has waited too long for a room that is busy or gone does it.
func (m *meeting) come(ctx context.Context) {
	m.miss()
	await(ctx, m.done)
	m.hold()
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

// portals lists the chats of two with a ghost: those that have a room, and those that are getting one.
func (g *ghosts) portals(ctx context.Context, id networkid.UserID) (keys []networkid.PortalKey) {
	rows, err := g.br.DB.Portal.GetAllDMsWith(ctx, id)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to find the rooms with a ghost")
	}
	for _, row := range rows {
		if row.MXID != "" {
			keys = append(keys, row.PortalKey)
		}
	}
	g.mu.Lock()
	placed := slices.Clone(g.placed[id])
	g.mu.Unlock()
	for _, key := range placed {
		if row, err := g.br.DB.Portal.GetByKey(ctx, key); err == nil && row != nil && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// turn is an event that does something in the turn of its portal, whether that has a room or not.
type turn struct {
	simplevent.ChatResync
	first func()
}

var _ bridgev2.RemoteChatResyncWithInfo = (*turn)(nil)

// ShouldCreatePortal is asked by bridgev2 in the turn of a portal without a room. It never makes one.
func (t *turn) ShouldCreatePortal() bool {
	t.first()
	return false
}

// resync does first in the turn of a portal and has its room look at its ghost then. It reports whether the turn will come.
func (g *ghosts) resync(key networkid.PortalKey, first func(context.Context)) bool {
	login := g.br.GetCachedUserLoginByID(key.Receiver)
	if login == nil {
		return false
	}
	event := &turn{first: sync.OnceFunc(func() { first(g.br.BackgroundCtx) })}
	event.EventMeta = simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: key}
	event.GetChatInfoFunc = func(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
		event.first()
		info := &bridgev2.ChatInfo{}
		if c, ok := login.Client.(*Client); ok {
			if _, passport, direct := parseDirect(portal.ID); direct {
				c.look(ctx, passport, portal.NameIsCustom, info)
			}
		}
		return info, nil
	}
	queued := login.QueueRemoteEvent(event)
	return queued.Success && !queued.Ignored
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

// snapshot is a copy of a ghost, for who looks at it outside the turn of its rooms.
func (g *ghosts) snapshot(ctx context.Context, id networkid.UserID) (ghost *bridgev2.Ghost, err error) {
	lock := g.locks.of(string(id))
	lock.Lock()
	defer lock.Unlock()
	found, err := g.br.GetGhostByID(ctx, id)
	if err != nil {
		return nil, err
	}
	row, seen := *found.Ghost, *found
	seen.Ghost = &row
	return &seen, nil
}
