package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/matrix-msn/matrix-msn/msn"
)

// session is one running sign-in whose events are kept until somebody asks for them.
type session struct {
	client *msn.Client
	cancel context.CancelFunc
	ended  chan struct{} // closed when Run has returned; err is set then
	err    error

	mu      sync.Mutex
	events  []msn.Event
	last    string        // line of the dialogue, without secrets
	arrived chan struct{} // closed and replaced at each event
}

// start begins a sign-in and returns at once. The session ends with ctx.
func start(ctx context.Context, cfg msn.Config, who account, versions []msn.Version, trace func(string)) (*session, error) {
	s := &session{ended: make(chan struct{}), arrived: make(chan struct{})}
	cfg.Passport, cfg.Password, cfg.Versions, cfg.Handler = who.passport, who.password, versions, s.keep
	cfg.Trace = func(line string) {
		s.mu.Lock()
		s.last = line
		s.mu.Unlock()
		if trace != nil {
			trace(line)
		}
	}
	cfg.Presence = msn.Presence{Status: msn.Online, Capabilities: msn.Capabilities{Bits: msn.CapChunks}}
	cfg.Limits.Changes = -1 // two changes in a row are timed: waiting would be ours, not the server's
	client, err := msn.New(cfg)
	if err != nil {
		return nil, err
	}
	s.client = client
	ctx, s.cancel = context.WithCancel(ctx)
	go func() {
		defer s.cancel()
		defer close(s.ended)
		s.err = client.Run(ctx)
	}()
	return s, nil
}

// keep is the client's handler.
func (s *session) keep(_ context.Context, event msn.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// stop signs out and waits for the end of the session.
func (s *session) stop(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-s.ended:
	default:
		_ = s.client.SignOut(ctx) // the session is over either way
	}
	cancel()
	select {
	case <-s.ended:
	case <-ctx.Done(): // it ends with the round
	}
}

// where adds to an error of the sign-in how far it came.
func (s *session) where(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.cancel() // then it says what it was waiting for
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == "" {
		return fmt.Errorf("%w; nothing has passed", err)
	}
	return fmt.Errorf("%w; the last that passed was %.200q", err, s.last)
}

// errEnded wraps the reason why a session ended while something was awaited of it.
func (s *session) errEnded() error {
	if s.err == nil {
		return errors.New("the session ended")
	}
	return s.err
}

// forget lets await see only what happens from now on.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = nil
}

// await returns the first event, past or future, that want accepts.
func await[E msn.Event](ctx context.Context, s *session, want func(E) bool) (E, error) {
	var none E
	for seen := 0; ; {
		s.mu.Lock()
		events, arrived := s.events[seen:], s.arrived
		seen = len(s.events)
		s.mu.Unlock()
		for _, event := range events {
			if e, ok := event.(E); ok && want(e) {
				return e, nil
			}
		}
		select {
		case <-arrived:
		case <-s.ended:
			return none, s.errEnded()
		case <-ctx.Done():
			return none, fmt.Errorf("no answer in time: %w", ctx.Err())
		}
	}
}
