package msntest

import (
	"maps"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// face is what an account shows to others, one for all its endpoints (core.md 8.7). The zero value is that of somebody who is
// not online.
type face struct {
	status       msn.Status // "" before the first CHG
	capabilities msn.Capabilities
	object       string // MSNObject, percent-encoded as it came, "" for none
	message      []byte // the document of UUX, without what is about endpoints
}

// settle takes back what was shown when a session has gone.
func (f *face) settle(a *account, keepMessage bool) {
	for _, n := range a.sessions {
		if n.status != "" {
			f.capabilities = n.capabilities
			return
		}
	}
	kept := f.message
	*f = face{}
	if keepMessage {
		f.message = kept
	}
}

// changeStatus does CHG. The first one makes the server send what contacts there are (core.md 8.2).
func changeStatus(n *session, cmd wire.Command) {
	d := n.dialect
	status := msn.Status(strings.ToUpper(decoded(cmd.Args, 0)))
	lax := n.conn.srv.quirks.LaxCommands
	switch {
	case lax && !status.Valid():
		n.conn.hangUp()
		return
	case !status.Valid() || status == msn.Offline:
		n.conn.fail(cmd, 201)
		return
	case lax && d.capabilities && len(cmd.Args) < 2:
		return
	}
	fields, face := 1, &n.account.face
	if d.capabilities {
		fields++
		n.capabilities = n.capabilitiesArg(cmd.Args, 1)
		face.capabilities = n.capabilities
	}
	if d.objects {
		fields++
		face.object = objectArg(cmd.Args, 2)
	}
	echo := append([]string{string(status)}, cmd.Args[1:min(fields, len(cmd.Args))]...)
	n.conn.reply(cmd, "CHG", echo...)
	n.setStatus(status, &cmd)
}

// setStatus takes a status over for all endpoints. The first one of a session brings what contacts there are, as answers to
// cmd, the mail and the challenge.
func (n *session) setStatus(status msn.Status, cmd *wire.Command) {
	s, a := n.conn.srv, n.account
	first := n.status == ""
	n.status, a.face.status = status, status
	if first {
		n.showContacts(cmd)
	}
	s.presenceOf(a, true)
	s.showSelf(a)
	if first {
		if n.endpoint != "" && len(a.sessions) > 1 {
			s.personalOf(a)
		}
		n.mailSummary()
		n.challenge()
	}
}

// capabilitiesArg reads an argument as this version has it: the second number exists from MSNP16.
func (n *session) capabilitiesArg(args []string, i int) msn.Capabilities {
	c := msn.ParseCapabilities(decoded(args, i))
	if !n.dialect.endpoints {
		c.Extended = 0
	}
	return c
}

// objectArg is an MSNObject as it came, or "" for the many ways to say that there is none (core.md 8.2).
func objectArg(args []string, i int) string {
	switch strings.ToLower(strings.ReplaceAll(decoded(args, i), " ", "")) {
	case "", "0", "<msnobj/>":
		return ""
	}
	return args[i]
}

// showContacts sends the initial presence, with the transaction id of the CHG.
func (n *session) showContacts(cmd *wire.Command) {
	s := n.conn.srv
	for _, e := range n.account.order {
		if other := s.accounts[e.passport]; other != nil {
			s.show(n, other, false, cmd)
		}
	}
	for _, passport := range slices.Sorted(maps.Keys(n.lists)) { // who is not in the address book
		if other := s.accounts[passport]; other != nil && n.account.entries[passport] == nil && other != n.account {
			s.show(n, other, false, cmd)
		}
	}
}

// present tells whether a session takes part in presence: its first CHG came, and in MSNP13+ its first ADL before that.
func (n *session) present() bool { return n.status != "" && n.listed }

// shownStatus is what others may see at best: "" for somebody who is not online, or hidden.
func (a *account) shownStatus() msn.Status {
	if a.face.status == msn.Hidden {
		return ""
	}
	for _, n := range a.sessions {
		if n.present() {
			return a.face.status
		}
	}
	return ""
}

// visible tells whether an account may be shown online to another one that has it on FL (core.md 8.8).
func (a *account) visible(to *account) bool { return a.shownStatus() != "" && a.allows(to.passport) }

// watches tells whether a client has somebody on FL: in MSNP13+ ADL says so.
func (n *session) watches(passport string) bool {
	s := n.conn.srv
	switch {
	case !n.dialect.federated && s.networkOf(passport) != msn.NetworkMSN:
		return false
	case n.dialect.burst != noBurst || s.quirks.ListsByADL:
		return n.account.on(passport, msn.ForwardList)
	}
	return n.lists[passport].forward
}

// presenceOf shows an account to everybody who has it on FL. changed tells that something about it is new, not only who may
// see it.
func (s *Server) presenceOf(a *account, changed bool) {
	s.eachWatcher(a, func(n *session) { s.show(n, a, changed, nil) })
	s.presenceInCircles(a, changed)
}

// eachWatcher goes through the sessions of those who have an account on FL: whom it knows of, and those whose first ADL has told it
// nothing.
func (s *Server) eachWatcher(a *account, do func(n *session)) {
	knows := func(e *entry) bool { return e != nil && e.lists&(msn.ReverseList|msn.PendingList) != 0 }
	for _, n := range s.listeners[a.passport] {
		if n.account != a && !knows(a.entries[n.account.passport]) {
			do(n)
		}
	}
	for _, e := range a.order {
		if !knows(e) {
			continue
		}
		if other := s.accounts[e.passport]; other != nil {
			for _, n := range other.sessions {
				do(n)
			}
		}
	}
}

// presenceTo shows an account to another one, after a change of who may see it.
func (s *Server) presenceTo(other, a *account) {
	for _, n := range other.sessions {
		s.show(n, a, false, nil)
	}
}

// refreshPair shows two accounts to each other.
func (s *Server) refreshPair(a, b *account) {
	s.presenceTo(a, b)
	s.presenceTo(b, a)
}

// show brings what one client sees of an account up to date. If it is new to the client and asked is not nil, the line is an
// answer to that command (ILN).
func (s *Server) show(n *session, a *account, changed bool, asked *wire.Command) {
	if !n.present() || n.conn.over {
		return
	}
	was, is := n.shown[a.passport], a.visible(n.account) && n.watches(a.passport)
	switch {
	case is && (!was || changed):
		n.shown[a.passport] = true
		n.tellOnline(a, !was, asked)
	case was && !is:
		delete(n.shown, a.passport)
		if n.watches(a.passport) {
			n.tellOffline(a)
		}
	}
}

// tellOnline tells what somebody shows.
func (n *session) tellOnline(a *account, fresh bool, asked *wire.Command) {
	if n.dialect.documents {
		n.tellUser(a, fresh)
		return
	}
	if fresh && asked != nil && !n.dialect.initialNLN {
		n.conn.reply(*asked, "ILN", n.presenceLine(a, "")...)
	} else {
		n.conn.push("NLN", n.presenceLine(a, "")...)
	}
	if fresh {
		n.showMessage(a, false)
	}
}

// tellOffline tells that somebody is not online any more.
func (n *session) tellOffline(a *account) {
	if n.dialect.documents {
		n.tellUserGone(a)
		return
	}
	n.conn.push("FLN", n.offlineLine(a, "")...)
}

// showSelf tells all endpoints of an account what it shows.
func (s *Server) showSelf(a *account) {
	for _, n := range a.sessions {
		if !n.dialect.endpoints || !n.present() {
			continue
		}
		if n.dialect.documents {
			n.tellUser(a, false)
		} else {
			n.conn.push("NLN", n.presenceLine(a, "")...)
		}
	}
}

// emptyObject is what some servers write for no picture.
const emptyObject = "%3Cmsnobj%2F%3E"

// addressArgs is how somebody is named in this client's version (core.md 8.3), seen in a circle if via is not "".
func (n *session) addressArgs(a *account, via string) []string {
	network := itoa(a.network)
	switch n.dialect.address {
	case numberedAddress:
		return []string{a.passport, network}
	case prefixedAddress:
		address := network + ":" + a.passport
		if via != "" {
			address += ";via=" + via
		}
		return []string{address}
	}
	return []string{a.passport}
}

// presenceLine is the arguments of ILN and NLN as this client's version has them.
func (n *session) presenceLine(a *account, via string) []string {
	args := append([]string{string(a.face.status)}, n.addressArgs(a, via)...)
	args = append(args, wire.Encode(a.name))
	if n.dialect.capabilities {
		args = append(args, a.face.capabilities.Format(n.dialect.endpoints))
	}
	if !n.dialect.objects {
		return args
	}
	switch {
	case a.face.object != "":
		args = append(args, a.face.object)
	case n.conn.srv.quirks.EmptyObject:
		args = append(args, emptyObject)
	}
	return args
}

// offlineLine is the arguments of FLN.
func (n *session) offlineLine(a *account, via string) []string {
	args := n.addressArgs(a, via)
	switch {
	case n.dialect.tail && n.dialect.endpoints:
		args = append(args, "0:0")
	case n.dialect.tail:
		args = append(args, "0")
	}
	return args
}
