package stage

import (
	"context"
	"slices"
	"sync"
)

// Record keeps what somebody sees, in order, and lets others wait for it. The zero value is empty. Long plays forget
// what is older than the last 65,536 items.
type Record[T any] struct {
	mu        sync.Mutex
	items     []T
	forgotten int // how many items there were before items[0]
	changed   chan struct{}
}

// recordLimit bounds what is kept; a record may hold twice as much for a moment.
const recordLimit = 1 << 16

// Add puts an item at the end.
func (r *Record[T]) Add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	if drop := len(r.items) - recordLimit; drop >= recordLimit {
		r.items, r.forgotten = slices.Clone(r.items[drop:]), r.forgotten+drop
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Len is how many items there have been: a mark for Await, Since and Follow.
func (r *Record[T]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forgotten + len(r.items)
}

// Since is a copy of what came after a mark.
func (r *Record[T]) Since(mark int) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.items[min(max(0, mark-r.forgotten), len(r.items)):])
}

// Await waits for the first item after a mark that matches. It fails when the context ends.
func (r *Record[T]) Await(ctx context.Context, mark int, match func(T) bool) (T, error) {
	var found T
	err := r.Follow(ctx, mark, func(item T) bool {
		found = item
		return !match(item)
	})
	if err != nil {
		var none T
		return none, err
	}
	return found, nil
}

// Follow hands over every item after a mark, in order, as they come, until each is false. It fails when the context ends.
func (r *Record[T]) Follow(ctx context.Context, mark int, each func(T) bool) error {
	for {
		r.mu.Lock()
		items := r.items[min(max(0, mark-r.forgotten), len(r.items)):]
		mark = r.forgotten + len(r.items)
		if len(items) == 0 && r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		for _, item := range items { // they never change once they are in
			if !each(item) {
				return nil
			}
		}
		if len(items) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
