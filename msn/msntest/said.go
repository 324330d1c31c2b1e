package msntest

import (
	"maps"
	"slices"

	"github.com/matrix-msn/matrix-msn/msn"
)

// said is what a session has told of somebody (ADL, RML). It holds as long as the session does, or until the address book says
// otherwise: the last word wins.
type said struct {
	forward bool     // on FL
	told    bool     // the other heard of that: the first ADL, which repeats what is kept, tells nobody
	role    msn.List // AL, BL or neither
	word    int      // which of the account's words that was, 0 if the session has said nothing of AL and BL
}

// roles are the two lists that say who may see somebody.
const roles = msn.AllowList | msn.BlockList

// hold notes what a session has said of somebody, if there is anything.
func (n *session) hold(address string, w said) {
	if was := n.lists[address].forward; was != w.forward {
		n.conn.srv.listen(n, address, w.forward)
	}
	if w.forward || w.word != 0 {
		n.lists[address] = w
	} else {
		delete(n.lists, address)
	}
}

// enlist puts somebody on the session's lists, with all that follows. Of AL and BL, whichever came last holds. An initial ADL changes
// nobody else's lists (services.md, sections 9.1 and 18).
func (n *session) enlist(address string, bits msn.List, initial bool) {
	s, a, w := n.conn.srv, n.account, n.lists[address]
	added := bits&msn.ForwardList != 0 && !w.forward
	w.forward, w.told = w.forward || added, w.told || added && !initial
	if added && address != a.passport {
		n.listedForward++
	}
	if bits&roles != 0 {
		a.words++
		w.role, w.word = bits&roles, a.words
	}
	n.hold(address, w)
	other := s.accounts[address]
	if other == nil || other == a {
		return
	}
	if added && !initial {
		s.mirrorAdded(a, other, msn.ForwardList)
	}
	if bits&roles != 0 {
		s.presenceTo(other, a)
	}
}

// unlist takes somebody off the session's lists, with all that follows.
func (n *session) unlist(address string, bits msn.List) {
	s, a, w := n.conn.srv, n.account, n.lists[address]
	told := w.told
	removed := bits&msn.ForwardList != 0 && n.unforward(address)
	w.forward, w.told = n.lists[address].forward, n.lists[address].told
	role := bits & a.standing(address)
	if role != 0 {
		a.words++
		w.role, w.word = 0, a.words
	}
	n.hold(address, w)
	other := s.accounts[address]
	if other == nil || other == a {
		return
	}
	if removed && told && !a.forwards(address) {
		s.mirrorRemoved(a, other, msn.ForwardList)
	}
	if role != 0 {
		s.presenceTo(other, a)
	}
}

// unforward takes somebody off the session's FL, and says whether they were on it.
func (n *session) unforward(address string) bool {
	w := n.lists[address]
	if !w.forward {
		return false
	}
	w.forward, w.told = false, false
	n.hold(address, w)
	if address != n.account.passport {
		n.listedForward--
	}
	delete(n.shown, address)
	return true
}

// dropLists ends what a session that has gone has said: those who were on its FL alone have no longer been added.
func (n *session) dropLists() {
	s, a := n.conn.srv, n.account
	for _, address := range slices.Sorted(maps.Keys(n.lists)) {
		if other := s.accounts[address]; n.lists[address].told && other != nil && other != a && !a.forwards(address) {
			s.mirrorRemoved(a, other, msn.ForwardList)
		}
		if n.lists[address].forward {
			s.listen(n, address, false)
		}
	}
}

// listen notes that a session has put somebody on its FL, or off it.
func (s *Server) listen(n *session, address string, on bool) {
	if on {
		s.listeners[address] = append(s.listeners[address], n)
		return
	}
	left := slices.DeleteFunc(slices.Clone(s.listeners[address]), func(other *session) bool { return other == n })
	if s.listeners[address] = left; len(left) == 0 {
		delete(s.listeners, address)
	}
}

// standing is which of AL and BL somebody is on, 0 for neither: what a session said last, else the list that is kept.
func (a *account) standing(passport string) msn.List {
	var last said
	for _, n := range a.sessions {
		if w := n.lists[passport]; w.word > last.word {
			last = w
		}
	}
	if last.word != 0 {
		return last.role
	}
	if e := a.entries[passport]; e != nil {
		return e.lists & roles
	}
	return 0
}

// forwards tells whether somebody is on FL, be it a session's.
func (a *account) forwards(passport string) bool {
	return a.on(passport, msn.ForwardList) ||
		slices.ContainsFunc(a.sessions, func(n *session) bool { return n.lists[passport].forward })
}

// unsay forgets what sessions have said of somebody, since the address book has had the last word: all of it, or only that
// they are on one list.
func (a *account) unsay(passport string, list msn.List) {
	for _, n := range a.sessions {
		if w := n.lists[passport]; w.word != 0 && (list == roles || w.role == list) {
			w.role, w.word = 0, 0
			n.hold(passport, w)
		}
	}
}
