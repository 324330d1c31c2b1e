package bridge

import (
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
	session string // the live switchboard, "" for none
	syncing bool   // the room is about to be brought up to date
	opening int    // messages that are opening a switchboard for it right now
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
		cs.list = append(cs.list, &conference{Conference: c})
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
		c = &conference{Conference: database.Conference{
			Login: cs.login, ID: strings.ToLower(rand.Text()), Members: conv.Participants, Everyone: conv.Participants,
		}}
		cs.list = append(cs.list, c)
	}
	if conv.Session != "" {
		c.session = conv.Session
	}
	members := conv.Participants
	if c.opening > 0 { // the others are still coming
		members = together(members, c.Members)
	}
	return c.Conference, cs.update(ctx, c, members)
}

// together is everybody of both.
func together(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// open says that a message is about to call everybody of a conference, one after another, into a new
// switchboard; what is heard from there until opened is called belongs to it.
func (cs *conferences) open(id string) (opened func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID == id {
			c.opening++
			return func() {
				cs.mu.Lock()
				defer cs.mu.Unlock()
				c.opening--
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
	var best *conference
	for _, c := range cs.list {
		switch {
		case conv.Session != "" && c.session == conv.Session:
			return c
		case c.opening > 0 && c.session == "" && conv.Session != "" && among(conv.Participants, c.Everyone):
			return c
		case c.session != "" || len(conv.Participants) < 2:
		case !slices.Equal(c.Members, conv.Participants) && !slices.Equal(c.Everyone, conv.Participants):
		case best == nil || c.Used.After(best.Used):
			best = c
		}
	}
	return best
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
		if c.session == session {
			c.session = ""
		}
	}
}

// disconnected says that all switchboards are gone.
func (cs *conferences) disconnected() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		c.session, c.syncing = "", false
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
			found := *c
			return &found, nil
		}
	}
	return nil, fmt.Errorf("conference %s: %w", id, errNoConference)
}

// sentOver notes which switchboard took a message to a conference, and who is there.
func (cs *conferences) sentOver(ctx context.Context, id string, conv msn.Conversation) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.list {
		if c.ID == id {
			c.session = conv.Session
			if slices.Equal(c.Members, conv.Participants) {
				return nil // nothing new: no write for each message
			}
			return cs.update(ctx, c, together(conv.Participants, c.Members)) // who did not come is called again next time
		}
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
	return msn.Conversation{Participants: slices.Clone(c.Members), Group: true, Session: c.session}
}
