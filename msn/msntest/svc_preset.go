package msntest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Request is somebody's wish to be on somebody else's list.
type Request struct {
	// From has put To on FL and waits; both are addresses of accounts. Text is what was written to To.
	From, To, Text string
}

// AskFor makes a request, as if a client had added a contact. It fails if one of them has no account, or is on the other's
// list already.
func (s *Server) AskFor(r Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.askFor(r); err != nil {
		return fmt.Errorf("request from %s to %s: %w", r.From, r.To, err)
	}
	s.changed()
	return nil
}

func (s *Server) askFor(r Request) error {
	from, to := s.accounts[strings.ToLower(r.From)], s.accounts[strings.ToLower(r.To)]
	switch {
	case from == nil || to == nil:
		return errors.New("no such account")
	case from.on(to.passport, msn.ForwardList):
		return errors.New("is on the list already")
	}
	if to.web.asked == nil {
		to.web.asked = map[string]string{}
	}
	to.web.asked[from.passport] = clip(r.Text)
	if code := s.onList(from, to.passport, msn.ForwardList, ""); code != 0 {
		return fmt.Errorf("refused with %d", code)
	}
	return nil
}

// presetWeb does what Config asks for beside accounts.
func (s *Server) presetWeb() error {
	for _, c := range s.cfg.Circles {
		made, err := s.addCircle(c)
		if err != nil {
			return fmt.Errorf("circle %q: %w", c.Name, err)
		}
		s.circleMoved(made)
	}
	for _, r := range s.cfg.Requests {
		if err := s.askFor(r); err != nil {
			return fmt.Errorf("request from %s to %s: %w", r.From, r.To, err)
		}
	}
	for _, m := range s.cfg.Offline {
		if err := s.leaveOffline(m); err != nil {
			return fmt.Errorf("offline message from %s to %s: %w", m.From, m.To, err)
		}
	}
	return nil
}
