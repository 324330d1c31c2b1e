package bridge

import (
	"context"
	"sync"
)

// maxNotices is how many announcements of the service wait; more are one too many for anybody to read.
const maxNotices = 16

// notices carries announcements to the management room. A handler must not wait for
// the homeserver, so another goroutine writes them.
type notices struct {
	tell func(ctx context.Context, text string)

	mu      sync.Mutex
	waiting []string
	lost    bool
	wake    chan struct{}
}

func newNotices(tell func(context.Context, string)) *notices {
	return &notices{tell: tell, wake: make(chan struct{}, 1)}
}

// add queues one.
func (n *notices) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) >= maxNotices {
		n.lost = true
		return
	}
	n.waiting = append(n.waiting, text)
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (n *notices) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		n.mu.Lock()
		waiting, lost := n.waiting, n.lost
		n.waiting, n.lost = nil, false
		n.mu.Unlock()
		for _, text := range waiting {
			n.tell(ctx, text)
		}
		if lost {
			n.tell(ctx, "The MSN service said more, too fast to be repeated here.")
		}
	}
}
