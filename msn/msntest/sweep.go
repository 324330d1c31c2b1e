package msntest

import (
	"time"
)

// sweepEvery is how often the service looks for what has expired.
const sweepEvery = 500 * time.Millisecond

// sweepAlways is the goroutine that sweeps until the service is closed.
func (s *Server) sweepAlways() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep()
		case <-s.done:
			return
		}
	}
}

// sweep ends everything that has expired by the Server's clock.
func (s *Server) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for token, t := range s.tickets {
		if now.After(t.until) {
			delete(s.tickets, token)
		}
	}
	for value, c := range s.cookies {
		if now.After(c.until) {
			delete(s.cookies, value)
		}
	}
	for c := range s.conns {
		switch {
		case c.over:
		case !c.peer.arrived() && now.Sub(c.opened) >= s.quirks.SignInTimeout:
			c.hangUp()
		default:
			if n, ok := c.peer.(*session); ok {
				n.sweep(now) // the challenge of MSNP24 is part of its sign-in
			}
		}
	}
	for _, sb := range s.switchboards {
		if s.quirks.SwitchboardIdle > 0 && now.Sub(sb.used) >= s.quirks.SwitchboardIdle {
			s.closeIdle(sb)
		}
	}
	for _, g := range s.gateways {
		if g.expired(now) {
			g.conn.cut()
			delete(s.gateways, g.id)
		}
	}
	s.reap()
	s.changed()
}

// sweep looks after the challenge of one client.
func (n *session) sweep(now time.Time) {
	q := n.conn.srv.quirks
	switch {
	case n.question != "" && now.Sub(n.questionAt) >= challengeTime && !q.LenientChallenge:
		n.conn.notice("540")
		n.conn.hangUp()
	case n.question == "" && q.ChallengeEvery > 0 && !n.challengeAt.IsZero() && !now.Before(n.challengeAt):
		n.challenge()
	}
}
