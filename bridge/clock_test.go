package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func TestTypistRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		began := time.Now()
		ty := newTypist(func(context.Context, networkid.PortalID) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(began))
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			ty.run(ctx)
		}()
		times := func() int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			n := len(at)
			at = nil
			return n
		}
		ty.set("room", true)
		ty.set("room", true)
		if n := times(); n != 1 {
			t.Errorf("%d at once, want 1", n)
		}
		time.Sleep(10 * time.Second)
		if n := times(); n != 2 {
			t.Errorf("%d in 10 s, want 2", n)
		}
		ty.set("room", false)
		time.Sleep(10 * time.Second)
		if n := times(); n != 0 {
			t.Errorf("%d after the end", n)
		}
		ty.set("room", true)
		time.Sleep(time.Hour)
		if n := times(); n > int(typingLongest/typingEvery)+1 {
			t.Errorf("%d times: it never ends", n)
		}
		cancel()
		<-ended
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := newPace(2), time.Now()
		for range 5 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("5 turns at 2 a second took %s", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 29: time.Minute, 64: time.Minute, 1 << 20: time.Minute,
	} {
		for range 100 {
			got := backoff(failures, time.Second, time.Minute)
			if got < want*2/3-time.Nanosecond || got > want*4/3+time.Nanosecond {
				t.Fatalf("backoff(%d) = %s, want %s give or take a third", failures, got, want)
			}
		}
	}
}

func TestSpacing(t *testing.T) {
	s := spacing[string]{every: time.Minute}
	now := time.Now()
	for _, test := range []struct {
		key   string
		after time.Duration
		want  bool
	}{{"a", 0, true}, {"a", time.Second, false}, {"b", time.Second, true}, {"a", time.Minute, true}, {"a", 90 * time.Second, false}} {
		if got := s.allow(test.key, now.Add(test.after)); got != test.want {
			t.Errorf("%s after %s: %v", test.key, test.after, got)
		}
	}
	s.allow("c", now.Add(time.Hour))
	if len(s.last) != 1 {
		t.Errorf("%d keys are kept", len(s.last))
	}
}

func TestNoticesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n := newNotices(func(_ context.Context, text string) { told = append(told, text) })
		for range 1000 {
			n.add("x")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			n.run(ctx)
		}()
		synctest.Wait()
		cancel()
		<-ended
		if len(told) != maxNotices+1 {
			t.Errorf("%d notices", len(told))
		}
	})
}

func TestContactSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newContactSync(3)
		var order []string
		failed := false
		s.create = func(_ context.Context, passport string) (bool, error) {
			if passport == "b" && !failed {
				failed = true
				return false, errors.New("no")
			}
			order = append(order, "room "+passport)
			return passport != "there", nil
		}
		s.name = func(_ context.Context, passport string) { order = append(order, "name "+passport) }
		s.tell = func(context.Context, int) { t.Error("told of a few rooms") }
		s.called("a")
		s.called("a")
		for _, passport := range []string{"there", "a", "b", "c", "d", "a"} {
			s.want(passport)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.run(ctx)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		<-ended
		want := []string{"room there", "room a", "room c", "room d", "name a"} // three were to be made: b's second try came too late
		if len(order) != len(want) {
			t.Fatalf("%q", order)
		}
		for i := range want {
			if order[i] != want[i] {
				t.Errorf("%q, want %q", order, want)
				break
			}
		}
	})
}
