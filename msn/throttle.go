package msn

import (
	"context"
	"sync"
	"time"
)

// throttle spaces out a setting that servers do not want to change often (core.md 3, 800). Who comes
// too early waits; of several who wait only the latest value is sent, and all get its result.
type throttle[T any] struct {
	every time.Duration

	mu      sync.Mutex
	next    time.Time // when the next may be sent
	count   uint64
	pending *turn[T]
}

// turn is one value that waits to be sent.
type turn[T any] struct {
	value   T
	order   uint64 // of the value: a later one is not overwritten
	done    chan struct{}
	err     error
	dropped bool // whoever waited for the turn gave up: somebody else must take it
}

// do sends the value, or lets a later one take its place.
func (t *throttle[T]) do(ctx context.Context, value T, send func(context.Context, T) error) error {
	t.mu.Lock()
	t.count++
	order := t.count
	for {
		mine := t.pending == nil
		if mine {
			t.pending = &turn[T]{done: make(chan struct{})}
		}
		p := t.pending
		if order > p.order {
			p.value, p.order = value, order
		}
		wait := time.Until(t.next)
		t.mu.Unlock()
		if mine {
			return t.lead(ctx, p, wait, send)
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !p.dropped {
			return p.err
		}
		value, order = p.value, p.order
		t.mu.Lock()
	}
}

// lead waits for the time of the turn and sends what is then the latest value.
func (t *throttle[T]) lead(ctx context.Context, p *turn[T], wait time.Duration, send func(context.Context, T) error) error {
	defer close(p.done)
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			t.mu.Lock()
			defer t.mu.Unlock()
			t.pending, p.dropped = nil, true
			return context.Cause(ctx)
		}
	}
	t.mu.Lock()
	t.pending = nil
	t.next = time.Now().Add(t.every)
	value := p.value
	t.mu.Unlock()
	p.err = send(ctx, value)
	return p.err
}

// sent notes that the setting was sent without the throttle.
func (t *throttle[T]) sent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = time.Now().Add(t.every)
}
