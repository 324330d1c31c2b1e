package bridge

import (
	"context"
	"sync"
	"time"
)

// arrivalTime is how long a message waits for a sign-in that is under way. bridgev2 warns after 30 s.
const arrivalTime = 10 * time.Second

// arrival tells whether a sign-in is under way, so that what is written meanwhile (while the bridge was
// down, above all) waits for it instead of being refused.
type arrival struct {
	mu    sync.Mutex
	ended chan struct{} // nil while none is under way
}

// begin says that one is under way.
func (a *arrival) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.ended = make(chan struct{})
	}
}

// end says that it stands or has failed, and wakes who waits.
func (a *arrival) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		close(a.ended)
		a.ended = nil
	}
}

// wait returns when none is under way, or after arrivalTime.
func (a *arrival) wait(ctx context.Context) {
	a.mu.Lock()
	ended := a.ended
	a.mu.Unlock()
	if ended == nil {
		return
	}
	late := time.NewTimer(arrivalTime)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
	case <-ctx.Done():
	}
}
