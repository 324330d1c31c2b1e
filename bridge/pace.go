package bridge

import (
	"context"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// pace spaces out sign-ins to one service, so that a restart does not storm it.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func newPace(perSecond float64) *pace {
	return &pace{every: time.Duration(float64(time.Second) / perSecond)}
}

// wait returns when it is the caller's turn, or with an error when ctx ends.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	return sleep(ctx, turn.Sub(now))
}

// sleep waits, or returns an error when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// versionKeeper remembers for each service which versions work, across restarts.
type versionKeeper struct {
	db *database.Database
	mu sync.Mutex
}

// change lets f look at the memory of a service and stores it if f changed it.
func (k *versionKeeper) change(ctx context.Context, server string, f func(*msn.VersionMemory)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	memory, err := k.db.VersionMemory(ctx, server)
	if err != nil {
		return err
	}
	before := memory
	f(&memory)
	if memory == before {
		return nil
	}
	return k.db.PutVersionMemory(ctx, server, memory)
}
