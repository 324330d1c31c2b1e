package bridge

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// conferences knows which room belongs to a conversation of more than two. A switchboard has a room for as
// long as it lives, whoever comes and goes; a new one with the same people lands in the same room, and
// a message to a room whose switchboard is gone calls everybody in again (bridge.md, Conferences).
type conferences struct {
	db    *database.Database
	login string

	mu     sync.Mutex
	loaded bool
	list   []*conference
}

type conference struct {
	database.Conference
	boards  []board         // the live switchboards; the one used last is the last
	syncing bool            // the room is about to be brought up to date
	opening int             // messages and invitations that are opening a switchboard for it right now
	guests  []string        // who is being invited
	called  map[string]bool // who was called into the switchboard and has not come
	missed  map[string]bool // of whom the user was told that they do not read along
}

// board is a live switchboard.
type board struct {
	session string
	there   []string
}

// maxConferences bounds how many rooms of a login are remembered; the longest unused are forgotten.
const maxConferences = 1000

// load reads the stored ones, once. The caller holds the lock.
func (cs *conferences) load(ctx context.Context) error {
	if cs.loaded {
		return nil
	}
	stored, err := cs.db.Conferences(ctx, cs.login)
	if err != nil {
		return err
	}
	for _, c := range stored {
		cs.list = append(cs.list, &conference{Conference: c, called: make(map[string]bool), missed: make(map[string]bool)})
	}
	cs.loaded = true
	return nil
}

// of finds the conference of a live conversation, or makes one. members are those who are in it now.
func (cs *conferences) of(ctx context.Context, conv msn.Conversation) (database.Conference, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if err := cs.load(ctx); err != nil {
		return database.Conference{}, err
	}
	c := cs.match(conv)
	if c == nil {
		c = cs.add(conv.Participants)
	}
	c.hear(conv)
	return c.Conference, cs.update(ctx, c, together(conv.Participants, c.Members)) // who is away is a member still
}

// create makes a conference, if there is one with the same people or not.
func (cs *conferences) create(ctx context.Context, people []string) (database.Conference, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if err := cs.load(ctx); err != nil {
		return database.Conference{}, err
	}
	c := cs.add(people)
	return c.Conference, cs.update(ctx, c, people)
}

// add makes a conference. The caller holds the lock.
func (cs *conferences) add(people []string) *conference {
	c := &conference{
		Conference: database.Conference{Login: cs.login, ID: strings.ToLower(rand.Text()), Members: people, Everyone: people},
		called:     make(map[string]bool), missed: make(map[string]bool),
	}
	cs.list = append(cs.list, c)
	return c
}

// hear notes who is in a switchboard, which becomes the one used last.
func (c *conference) hear(conv msn.Conversation) {
	if conv.Session == "" {
		return
	}
	if !c.carries(conv.Session) {
		clear(c.called)
	}
	c.forget(conv.Session)
	c.boards = append(c.boards, board{conv.Session, slices.Clone(conv.Participants)})
	for _, passport := range conv.Participants {
		delete(c.called, passport)
		delete(c.missed, passport)
	}
}

// carries tells whether a live switchboard is one of the conference's.
func (c *conference) carries(session string) bool {
	return slices.ContainsFunc(c.boards, func(b board) bool { return b.session == session })
}

// forget is for a switchboard that is gone.
func (c *conference) forget(session string) {
	c.boards = slices.DeleteFunc(c.boards, func(b board) bool { return b.session == session })
}

// current is the switchboard used last, of those with anybody in it; without a session it is none.
func (c *conference) current() (last board) {
	for _, b := range c.boards {
		if len(b.there) > 0 || len(last.there) == 0 {
			last = b
		}
	}
	return last
}

// parted notes that somebody has gone from a switchboard: for good, unless they stay a member, for whom the next message calls.
func (cs *conferences) parted(ctx context.Context, conv msn.Conversation, passport string, forGood bool) (database.Conference, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if err := cs.load(ctx); err != nil {
		return database.Conference{}, err
	}
	c := cs.match(conv)
	if c == nil {
		return database.Conference{}, nil
	}
	c.hear(conv)
	elsewhere := slices.ContainsFunc(c.boards, func(b board) bool { return slices.Contains(b.there, passport) })
	if !forGood || elsewhere {
		return c.Conference, nil
	}
	members := slices.DeleteFunc(slices.Clone(c.Members), func(p string) bool { return p == passport })
	return c.Conference, cs.update(ctx, c, members)
}

// absent lists who is a member and not in the live switchboard, where somebody else is.
func (c *conference) absent() (missing []string) {
	there := c.current().there
	if len(there) == 0 {
		return nil
	}
	for _, passport := range c.Members {
		if !slices.Contains(there, passport) {
			missing = append(missing, passport)
		}
	}
	return missing
}

// toCall gives the live conversation and who is to be called into it: who is not there, could come, and was not called in vain already.
func (cs *conferences) toCall(id string, couldCome func(string) bool) (conv msn.Conversation, people []string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID != id {
			continue
		}
		for _, passport := range c.absent() {
			if !c.called[passport] && couldCome(passport) {
				c.called[passport] = true
				people = append(people, passport)
			}
		}
		now := c.current()
		return msn.Conversation{Participants: slices.Clone(now.there), Group: true, Session: now.session}, people
	}
	return conv, nil
}

// toMiss lists who does not get what is written, of whom nobody was told yet.
func (cs *conferences) toMiss(id string) (people []string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID != id {
			continue
		}
		for _, passport := range c.absent() {
			if !c.missed[passport] {
				c.missed[passport] = true
				people = append(people, passport)
			}
		}
	}
	return people
}

// away notes that somebody is not online: when they are again, they are worth a call.
func (cs *conferences) away(passport string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		delete(c.called, passport)
	}
}

// has tells whether somebody is a member of a conference.
func (c *conference) has(passport string) bool { return slices.Contains(c.Members, passport) }

// together is everybody of both.
func together(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// open says that a message or invitation is about to call everybody of a conference, and guests, one after another, into a new
// switchboard; what is heard from there until opened is called belongs to it.
func (cs *conferences) open(id string, guests ...string) (opened func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID == id {
			c.opening++
			c.guests = append(c.guests, guests...)
			return func() {
				cs.mu.Lock()
				defer cs.mu.Unlock()
				if c.opening--; c.opening == 0 {
					c.guests = nil
				}
			}
		}
	}
	return func() {}
}

// among tells whether all of few are in many, which is sorted.
func among(few, many []string) bool {
	return !slices.ContainsFunc(few, func(p string) bool {
		_, found := slices.BinarySearch(many, p)
		return !found
	})
}

// match finds an existing conference: by its switchboard, else by its people. The caller holds the lock.
func (cs *conferences) match(conv msn.Conversation) *conference {
	everyone := together(conv.Participants, conv.Invited)
	var opened, best *conference
	for _, c := range cs.list {
		switch {
		case conv.Session != "" && c.carries(conv.Session):
			return c
		case c.opening > 0 && len(c.boards) == 0 && conv.Session != "" && among(conv.Participants, together(c.Everyone, c.guests)):
			opened = c
		case len(everyone) < 2:
		case !slices.Equal(c.Members, everyone) && !slices.Equal(c.Everyone, everyone):
		case best == nil || c.Used.After(best.Used):
			best = c
		}
	}
	return cmp.Or(opened, best)
}

// update stores who is in a conference now. Nobody at all is not stored: there would be nobody to call
// again. The caller holds the lock.
func (cs *conferences) update(ctx context.Context, c *conference, members []string) error {
	if len(members) > 0 {
		c.Members = slices.Clone(members)
		c.Everyone = append(slices.Clone(c.Everyone), members...)
		slices.Sort(c.Everyone)
		c.Everyone = slices.Compact(c.Everyone)
	}
	c.Used = time.Now()
	if err := cs.db.PutConference(ctx, c.Conference); err != nil {
		return err
	}
	return cs.prune(ctx)
}

// prune forgets what is too much. The caller holds the lock.
func (cs *conferences) prune(ctx context.Context) error {
	for len(cs.list) > maxConferences {
		oldest := 0
		for i, c := range cs.list {
			if c.Used.Before(cs.list[oldest].Used) {
				oldest = i
			}
		}
		if err := cs.db.DeleteConference(ctx, cs.login, cs.list[oldest].ID); err != nil {
			return err
		}
		cs.list = slices.Delete(cs.list, oldest, oldest+1)
	}
	return nil
}

// closed says that a switchboard is gone.
func (cs *conferences) closed(session string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		c.forget(session)
	}
}

// disconnected says that all switchboards are gone.
func (cs *conferences) disconnected() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		c.boards, c.syncing = nil, false
	}
}

// wantSync tells whether bringing a room up to date has to be asked for: everybody who comes with an
// invitation is reported, and once is enough for all of them.
func (cs *conferences) wantSync(id string) bool { return !cs.setSyncing(id, true) }

// setSyncing notes whether that is asked for, and tells what was noted before.
func (cs *conferences) setSyncing(id string, syncing bool) (before bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID == id {
			before, c.syncing = c.syncing, syncing
		}
	}
	return before
}

// get finds a conference by its id.
func (cs *conferences) get(ctx context.Context, id string) (*conference, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if err := cs.load(ctx); err != nil {
		return nil, err
	}
	for _, c := range cs.list {
		if c.ID == id {
			return &conference{Conference: c.Conference, boards: slices.Clone(c.boards)}, nil
		}
	}
	return nil, fmt.Errorf("conference %s: %w", id, errNoConference)
}

// carries tells whether a live switchboard is one of a conference's.
func (cs *conferences) carries(session string) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.ContainsFunc(cs.list, func(c *conference) bool { return c.carries(session) })
}

// sentOver notes which switchboard took a message to a conference, and who is there.
func (cs *conferences) sentOver(ctx context.Context, id string, conv msn.Conversation) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID != id {
			c.forget(conv.Session) // it was that of another room with the same people
		}
	}
	for _, c := range cs.list {
		if c.ID != id {
			continue
		}
		c.hear(conv)
		if among(conv.Participants, c.Members) {
			c.Used = time.Now()
			return nil // nothing new: no write for each message
		}
		return cs.update(ctx, c, together(conv.Participants, c.Members)) // who did not come is called again next time
	}
	return nil
}

// remove forgets a conference.
func (cs *conferences) remove(ctx context.Context, id string) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.list = slices.DeleteFunc(cs.list, func(c *conference) bool { return c.ID == id })
	return cs.db.DeleteConference(ctx, cs.login, id)
}

// conversation is what to send to.
func (c *conference) conversation() msn.Conversation {
	return msn.Conversation{Participants: slices.Clone(c.Members), Group: true, Session: c.current().session}
}
