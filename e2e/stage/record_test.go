package stage

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestRecordAwaitsWhatComesLater(t *testing.T) {
	var r Record[int]
	r.Add(1)
	mark := r.Len()
	var adding sync.WaitGroup
	adding.Go(func() {
		for i := 2; i < 100; i++ {
			r.Add(i)
		}
	})
	got, err := r.Await(t.Context(), mark, func(i int) bool { return i%50 == 0 })
	if got != 50 || err != nil {
		t.Errorf("Await = %d, %v; want 50", got, err)
	}
	adding.Wait()
	if since := r.Since(97); len(since) != 2 || since[0] != 98 {
		t.Errorf("Since(97) = %v, want [98 99]", since)
	}
	if got, err := r.Await(t.Context(), 0, func(i int) bool { return i == 1 }); got != 1 || err != nil {
		t.Errorf("Await from the beginning = %d, %v; want 1", got, err)
	}
}

func TestRecordAwaitEndsWithItsContext(t *testing.T) {
	var r Record[int]
	r.Add(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Await(ctx, r.Len(), func(int) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await past the mark = %v, want context.Canceled", err)
	}
}

func TestRecordForgetsAndKeepsMarks(t *testing.T) {
	var r Record[int]
	for i := range 3 * recordLimit {
		r.Add(i)
	}
	if r.Len() != 3*recordLimit || len(r.items) >= 2*recordLimit {
		t.Errorf("%d items counted, %d kept", r.Len(), len(r.items))
	}
	if since := r.Since(3*recordLimit - 1); len(since) != 1 || since[0] != 3*recordLimit-1 {
		t.Errorf("the last item is %v", since)
	}
}
