package bridge

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestHealth is ready while the homeserver answers.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		h := &health{reach: func(context.Context) error {
			if down.Load() {
				return errors.New("no route to host")
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); h.run(ctx) }()
		status := func() int {
			synctest.Wait()
			w := httptest.NewRecorder()
			h.ready(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })(w, httptest.NewRequest("GET", "/_matrix/mau/ready", nil))
			return w.Code
		}
		for _, step := range []struct {
			down bool
			want int
		}{{false, 200}, {true, 503}, {true, 503}, {false, 200}} {
			down.Store(step.down)
			time.Sleep(healthPause)
			if got := status(); got != step.want {
				t.Errorf("down %t: %d, want %d", step.down, got, step.want)
			}
		}
		cancel()
		<-ended
	})
}

// TestHealthWithoutHomeserver has nothing to look for.
func TestHealthWithoutHomeserver(t *testing.T) {
	healthOn(nil).run(t.Context())
}

// TestHealthWait waits for a homeserver that is away, and not for one that is there.
func TestHealthWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		h := &health{reach: func(context.Context) error {
			if down.Load() {
				return errors.New("no route to host")
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); h.run(ctx) }()
		began := time.Now()
		if err := h.wait(ctx); err != nil || time.Since(began) != 0 {
			t.Errorf("waited %s for nothing: %v", time.Since(began), err)
		}
		down.Store(true)
		time.AfterFunc(10*time.Minute, func() { down.Store(false) })
		if err := h.wait(ctx); err != nil || time.Since(began) < 10*time.Minute || time.Since(began) > 10*time.Minute+healthPause {
			t.Errorf("waited %s: %v", time.Since(began), err)
		}
		down.Store(true)
		time.AfterFunc(time.Minute, cancel)
		if err := h.wait(ctx); err == nil {
			t.Error("the end was not seen")
		}
		<-ended
	})
}
