package bridge

import (
	"context"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

const (
	// typingEvery is how often MSN clients repeat that somebody is typing.
	typingEvery = 4500 * time.Millisecond
	// typingShown is how long a contact is shown as typing after the last such message.
	typingShown = 6 * time.Second
	// typingLongest is when the bridge stops repeating, in case Matrix never says that typing ended.
	typingLongest = 2 * time.Minute
	// typingSend bounds one message.
	typingSend = 4 * time.Second
)

// typist repeats on MSN that the user is typing, for as long as Matrix says so. One goroutine sends.
type typist struct {
	send func(ctx context.Context, room networkid.PortalID)

	mu    sync.Mutex
	rooms map[networkid.PortalID]*typing
	wake  chan struct{}
}

type typing struct{ since, sent time.Time }

func newTypist(send func(context.Context, networkid.PortalID)) *typist {
	return &typist{send: send, rooms: make(map[networkid.PortalID]*typing), wake: make(chan struct{}, 1)}
}

// set begins or ends typing in a room.
func (t *typist) set(room networkid.PortalID, typingNow bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !typingNow {
		delete(t.rooms, room)
		return
	}
	if t.rooms[room] == nil {
		t.rooms[room] = &typing{since: time.Now()}
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// run sends until ctx ends.
func (t *typist) run(ctx context.Context) {
	for {
		room, wait := t.next(time.Now())
		if room != "" {
			sending, cancel := context.WithTimeout(ctx, typingSend)
			t.send(sending, room)
			cancel()
			continue
		}
		var again <-chan time.Time
		if wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-again:
		}
	}
}

// next finds a room whose turn it is and marks it, or tells how long to wait: 0 for until somebody types.
func (t *typist) next(now time.Time) (room networkid.PortalID, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, ty := range t.rooms {
		if now.Sub(ty.since) > typingLongest {
			delete(t.rooms, id)
			continue
		}
		left := typingEvery - now.Sub(ty.sent)
		if left <= 0 {
			ty.sent = now
			return id, 0
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return "", wait
}
