package msntest

import (
	"slices"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// MSNP21 has no switchboards. Where one of its clients talks to one of an older version, the server stands in for it: it is a
// participant without connection in a switchboard of two people, and carries what is said between there and SDG.

// maxWaiting bounds what is kept until somebody answers a call.
const maxWaiting = 32

// standIn tells whether the server stands in for somebody in a switchboard.
func (sb *switchboard) standIn() bool {
	return slices.ContainsFunc(sb.people, func(p *participant) bool { return p.conn == nil })
}

// standInFor lets the server enter a switchboard in place of somebody's endpoints of MSNP21, or of the one that was called, if
// that is possible.
func (s *Server) standInFor(sb *switchboard, a *account, endpoint string) {
	documents := slices.ContainsFunc(a.sessions, func(n *session) bool {
		return n.dialect.documents && n.present() && (endpoint == "" || n.endpoint == endpoint)
	})
	if !documents || sb.find(a.passport) != nil || len(sb.accounts()) != 1 {
		return
	}
	p := s.newStandIn(sb, a)
	for _, other := range sb.people {
		other.hearJoin(p, true)
	}
	sb.people = append(sb.people, p)
}

func (s *Server) newStandIn(sb *switchboard, a *account) *participant {
	capabilities := a.face.capabilities
	capabilities.Bits &^= msn.CapChunks // SDG has no chunks
	return &participant{switchboard: sb, account: a, capabilities: capabilities}
}

// leaveBoards takes an account without endpoint of MSNP21 out of the switchboards where the server stands in for it.
func (s *Server) leaveBoards(a *account) {
	for id, sb := range s.switchboards {
		if sb.called == a && len(a.sessions) == 0 && sb.find(a.passport) == nil {
			delete(s.switchboards, id) // nobody will answer any more
		}
	}
	if slices.ContainsFunc(a.sessions, func(n *session) bool { return n.dialect.documents }) {
		return
	}
	for _, sb := range s.switchboards {
		for _, p := range slices.Clone(sb.people) {
			if p.conn == nil && p.account == a {
				p.leave(s)
			}
		}
	}
}

// board finds or opens the switchboard in which the server stands in for one and has called the other, or has them there; of several
// the last used, as the others may be about to end. It is nil if the other cannot be called.
func (s *Server) board(from, to *account) *switchboard {
	var found *switchboard
	for _, sb := range s.switchboards {
		p := sb.find(from.passport)
		if p == nil || p.conn != nil || sb.find(to.passport) == nil && (sb.called != to || p != sb.people[0]) {
			continue
		}
		if found == nil || sb.used.After(found.used) {
			found = sb
		}
	}
	if found != nil {
		return found
	}
	if !to.takesCalls(from) {
		return nil
	}
	sb := &switchboard{id: s.newSwitchboardID(), used: s.now(), called: to}
	s.switchboards[sb.id] = sb
	sb.people = []*participant{s.newStandIn(sb, from)}
	if rung, _ := s.ring(sb, to, from, ""); rung == 0 {
		delete(s.switchboards, sb.id)
		return nil
	}
	return sb
}

// tellInBoard carries what somebody of MSNP21 says to the endpoints of older versions of somebody else. It is false if they
// cannot be reached.
func (s *Server) tellInBoard(from, to *account, e *wire.Envelope) bool {
	sb := s.board(from, to)
	if sb == nil {
		return false
	}
	sb.used = s.now()
	for _, payload := range boardMessages(from, e) {
		reached := false
		for _, p := range sb.people {
			reached = p.account == to && p.hear(from, payload) || reached
		}
		if !reached && len(sb.waiting) < maxWaiting {
			sb.waiting = append(sb.waiting, payload)
		}
	}
	return true
}
