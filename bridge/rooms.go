package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"
)

// roomTimeout bounds the making of one room.
const roomTimeout = 30 * time.Second

// rooms makes the rooms of a login. bridgev2 would make one by itself when an event comes for it, but while
// it does, further events for the same room are not safe; so a room is made first, and whoever has
// something for it waits.
type rooms struct {
	br     *bridgev2.Bridge
	ghosts *ghosts
	locks  stripes

	mu      sync.Mutex
	made    map[networkid.PortalKey]bool     // known to be there
	waiting map[networkid.PortalKey][]func() // for a room that is being made
}

func newRooms(br *bridgev2.Bridge, ghosts *ghosts) *rooms {
	return &rooms{br: br, ghosts: ghosts, made: make(map[networkid.PortalKey]bool), waiting: make(map[networkid.PortalKey][]func())}
}

// known tells whether a room is known to be there.
func (r *rooms) known(key networkid.PortalKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made[key]
}

func (r *rooms) note(key networkid.PortalKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made[key] = true
}

// forget is for a room that is deleted.
func (r *rooms) forget(key networkid.PortalKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.made, key)
}

// there tells whether there is a room. It does not make one.
func (r *rooms) there(ctx context.Context, key networkid.PortalKey) bool {
	if r.known(key) {
		return true
	}
	lock := r.locks.of(key.String())
	lock.Lock()
	defer lock.Unlock()
	if room, err := r.id(ctx, key); err != nil || room == "" {
		return false
	}
	r.note(key)
	return true
}

// id is the ID of a room; "" if there is none. It is read from the database: bridgev2 does not lock its portals while it makes a room for
// them, as it does by itself for start-chat.
func (r *rooms) id(ctx context.Context, key networkid.PortalKey) (id.RoomID, error) {
	row, err := r.br.DB.Portal.GetByKey(ctx, key)
	if err != nil || row == nil {
		return "", err
	}
	return row.MXID, nil
}

// ensure makes a room, unless there is one.
func (r *rooms) ensure(ctx context.Context, login *bridgev2.UserLogin, key networkid.PortalKey) (made bool, err error) {
	if r.known(key) {
		return false, nil
	}
	lock := r.locks.of(key.String())
	lock.Lock()
	defer lock.Unlock()
	if r.known(key) {
		return false, nil
	}
	room, err := r.id(ctx, key)
	if err != nil {
		return false, fmt.Errorf("get the room: %w", err)
	}
	if made = room == ""; made {
		portal, err := r.place(ctx, key)
		if err != nil {
			return false, err
		}
		// Finishing one room takes less than undoing half of it, and bridgev2 does not take cancelling well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roomTimeout)
		defer cancel()
		if err := portal.CreateMatrixRoom(ctx, login, nil); err != nil {
			return false, fmt.Errorf("create the room: %w", err)
		}
	}
	r.note(key)
	return made, nil
}

// place gives the portal of a room that is about to be made.
func (r *rooms) place(ctx context.Context, key networkid.PortalKey) (*bridgev2.Portal, error) {
	if server, passport, ok := parseDirect(key.ID); ok {
		return r.ghosts.place(ctx, makeUserID(server, passport), key)
	}
	portal, err := r.br.GetPortalByKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get the room: %w", err)
	}
	return portal, nil
}

// inLine does f, which makes a room and uses it: at once if the room is there, else in the background, one after the other for each room.
func (r *rooms) inLine(key networkid.PortalKey, f func()) {
	r.mu.Lock()
	line, busy := r.waiting[key]
	if !busy && r.made[key] {
		r.mu.Unlock()
		f()
		return
	}
	r.waiting[key] = append(line, f)
	r.mu.Unlock()
	if busy {
		return
	}
	go func() {
		for next := r.next(key); next != nil; next = r.next(key) {
			next()
		}
	}()
}

// next takes who waits longest for a room, or nil, and then nobody needs to wait any more.
func (r *rooms) next(key networkid.PortalKey) (next func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := r.waiting[key]
	if len(line) == 0 {
		delete(r.waiting, key)
		return nil
	}
	r.waiting[key] = line[1:]
	return line[0]
}

// makeRoom makes a room, if there is none, and puts it where the contact list has it.
func (c *Client) makeRoom(ctx context.Context, key networkid.PortalKey) (made bool, err error) {
	made, err = c.rooms.ensure(ctx, c.login, key)
	if s := c.current.Load(); s != nil && made {
		s.roomMade(key)
	}
	return made, err
}

// createRoom makes a contact's room, if there is none.
func (c *Client) createRoom(ctx context.Context, passport string) (made bool, err error) {
	await(ctx, c.ensureGhost(ctx, passport, ""))
	return c.makeRoom(ctx, directKey(c.login.ID, c.server, passport))
}

// forgetRoom is for a room that is gone without the bridge, so that there can be another.
func (c *Client) forgetRoom(ctx context.Context, key networkid.PortalKey) error {
	portal, err := c.conn.br.GetExistingPortalByKey(ctx, key)
	if err != nil || portal == nil {
		return err
	}
	c.unlist(ctx, key)
	c.rooms.forget(key)
	return portal.RemoveMXID(ctx)
}

// roomsToMake tells how many of the rooms that are due do not exist yet.
func (s *session) roomsToMake(ctx context.Context) (n int) {
	passports, room := s.contacts.waiting()
	for _, passport := range passports {
		if !s.rooms.there(ctx, directKey(s.login.ID, s.server, passport)) {
			n++
		}
	}
	return min(n, room)
}

// ensureRoom is for events that must not be lost: if the room cannot be made now, bridgev2 tries again with
// the event.
func (c *Client) ensureRoom(ctx context.Context, key networkid.PortalKey) (made bool) {
	made, err := c.makeRoom(ctx, key)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Object("portal_key", key).Msg("Failed to make a room for an event")
	}
	return made
}
