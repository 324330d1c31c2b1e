package msntest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// switchboard is one conversation.
type switchboard struct {
	id      string
	people  []*participant // in the order of joining
	used    time.Time      // last message, or coming or going
	waiting [][]byte       // what somebody of MSNP21 said before anybody answered
	called  *account       // whom the server called for them
}

// find finds somebody by address, one endpoint of theirs.
func (sb *switchboard) find(passport string) *participant {
	i := slices.IndexFunc(sb.people, func(p *participant) bool { return p.account.passport == passport })
	if i < 0 {
		return nil
	}
	return sb.people[i]
}

// has tells whether somebody is there, or one endpoint of theirs if that is not "".
func (sb *switchboard) has(passport, endpoint string) bool {
	return slices.ContainsFunc(sb.people, func(p *participant) bool {
		return p.account.passport == passport && (endpoint == "" || p.endpoint == endpoint)
	})
}

// accounts lists who is there, each once.
func (sb *switchboard) accounts() []*account {
	var all []*account
	for _, p := range sb.people {
		if !slices.Contains(all, p.account) {
			all = append(all, p.account)
		}
	}
	return all
}

// participant is a connection to a switchboard.
type participant struct {
	conn         *conn        // nil for somebody of MSNP21, for whom the server takes part
	switchboard  *switchboard // nil before USR or ANS
	account      *account
	dialect      *dialect
	capabilities msn.Capabilities
	endpoint     string // "" below MSNP16
}

// cookie is the right to enter a switchboard, once. switchboard is "" for the one that opens it.
type cookie struct {
	account      *account
	dialect      *dialect
	capabilities msn.Capabilities
	endpoint     string
	switchboard  string
	until        time.Time
}

// maxCookies is how many unused cookies an account may have; more calls at once get 713.
const maxCookies = 64

// newCookie makes a cookie for somebody who is signed in; "" if there are too many.
func (s *Server) newCookie(n *session, switchboard string) string {
	unused := 0
	for _, c := range s.cookies {
		if c.account == n.account {
			unused++
		}
	}
	if unused >= maxCookies {
		return ""
	}
	value := randomNumber() + "." + randomNumber() + "." + randomNumber()
	s.cookies[value] = &cookie{n.account, n.dialect, n.capabilities, n.endpoint, switchboard, s.now().Add(s.quirks.CookieLife)}
	return value
}

// openSwitchboard does XFR SB on the notification server.
func openSwitchboard(n *session, cmd wire.Command) {
	s := n.conn.srv
	switch {
	case !strings.EqualFold(decoded(cmd.Args, 0), "SB"):
		n.conn.fail(cmd, 201)
		return
	case n.status == "" || n.account.face.status == msn.Hidden && !n.dialect.hiddenCalls:
		n.conn.fail(cmd, 913)
		return
	}
	value := s.newCookie(n, "")
	if value == "" {
		n.conn.fail(cmd, 713)
		return
	}
	n.conn.reply(cmd, "XFR", append([]string{"SB", s.told(n.conn, switchboards), "CKI", value}, n.dialect.boardTail...)...)
}

func (p *participant) passport() string {
	if p.account == nil {
		return ""
	}
	return p.account.passport
}

func (p *participant) arrived() bool { return p.switchboard != nil }

// gone takes somebody out of the conversation.
func (p *participant) gone() {
	if p.switchboard != nil {
		p.leave(p.conn.srv)
	}
}

// leave tells the others. The switchboard ends with the last connection.
func (p *participant) leave(s *Server) {
	sb := p.switchboard
	p.switchboard = nil
	sb.people = slices.DeleteFunc(sb.people, func(other *participant) bool { return other == p })
	sb.used = s.now()
	last := sb.find(p.account.passport) == nil
	for _, other := range sb.people {
		other.hearBye(p, last)
	}
	if !slices.ContainsFunc(sb.people, func(other *participant) bool { return other.conn != nil }) {
		delete(s.switchboards, sb.id)
	}
}

// hearBye tells that somebody has left: each endpoint in MSNP16+, and the person with the last one.
func (p *participant) hearBye(gone *participant, last bool) {
	if p.conn == nil {
		return
	}
	if p.dialect.endpoints && gone.endpoint != "" {
		p.conn.push("BYE", gone.place())
	}
	if last {
		p.conn.push("BYE", gone.account.passport)
	}
}

// place is how a switchboard of MSNP16+ names one endpoint, `bob@example.com;{guid}`.
func (p *participant) place() string { return p.account.passport + ";{" + p.endpoint + "}" }

// handle does one command on a switchboard connection.
func (p *participant) handle(cmd wire.Command) {
	switch {
	case cmd.Name == "OUT":
		p.conn.hangUp()
	case !cmd.HasTrID:
		p.misplaced()
	case cmd.Name == "USR" && p.switchboard == nil:
		p.open(cmd)
	case cmd.Name == "ANS" && p.switchboard == nil:
		p.answer(cmd)
	case p.switchboard == nil:
		p.misplaced()
	case cmd.Name == "CAL":
		p.call(cmd)
	case cmd.Name == "MSG":
		p.message(cmd)
	default:
		p.misplaced()
	}
}

func (p *participant) misplaced() {
	if !p.conn.srv.quirks.IgnoreUnknown {
		p.conn.hangUp()
	}
}

// redeem takes a cookie that fits an address and a switchboard.
func (p *participant) redeem(cmd wire.Command, switchboard string) bool {
	s := p.conn.srv
	value := decoded(cmd.Args, 1)
	c := s.cookies[value]
	passport, endpoint := splitTarget(decoded(cmd.Args, 0))
	if c == nil || c.account.passport != passport || endpoint != "" && endpoint != c.endpoint || c.switchboard != switchboard ||
		s.now().After(c.until) {
		p.conn.fail(cmd, 911)
		return false
	}
	delete(s.cookies, value)
	p.account, p.dialect, p.capabilities, p.endpoint = c.account, c.dialect, c.capabilities, c.endpoint
	return true
}

// open does USR: whoever asked for the switchboard enters it.
func (p *participant) open(cmd wire.Command) {
	s := p.conn.srv
	if !p.redeem(cmd, "") {
		return
	}
	sb := &switchboard{id: s.newSwitchboardID(), used: s.now()}
	s.switchboards[sb.id] = sb
	p.switchboard, sb.people = sb, []*participant{p}
	p.conn.reply(cmd, "USR", "OK", cmd.Args[0], wire.Encode(p.account.name))
}

// newSwitchboardID makes an id. It is decimal, since clients read it as a number (real-clients.md).
func (s *Server) newSwitchboardID() string {
	for {
		id := randomNumber()
		if s.quirks.HexSessions {
			id = randomHex(32)[:31]
		}
		if s.switchboards[id] == nil {
			return id
		}
	}
}

// answer does ANS: somebody who was called enters.
func (p *participant) answer(cmd wire.Command) {
	s := p.conn.srv
	id := decoded(cmd.Args, 2)
	if id == "" || !p.redeem(cmd, id) {
		if id == "" {
			p.conn.fail(cmd, 911)
		}
		return
	}
	sb := s.switchboards[id]
	switch {
	case sb == nil: // everybody has left meanwhile
		p.conn.fail(cmd, 911)
		return
	case sb.find(p.account.passport) == nil && len(sb.accounts()) >= s.quirks.SwitchboardLimit:
		p.conn.fail(cmd, 920)
		p.conn.hangUp()
		return
	}
	there := slices.ContainsFunc(sb.people, func(other *participant) bool {
		return other.account == p.account && other.conn != nil && (other.endpoint == p.endpoint || p.endpoint == "")
	})
	if there { // called twice, and both calls answered
		p.conn.fail(cmd, 215)
		p.conn.hangUp()
		return
	}
	p.enter(cmd, sb)
}

// enter lets somebody who has answered meet the others.
func (p *participant) enter(cmd wire.Command, sb *switchboard) {
	s := p.conn.srv
	roster := p.roster(sb)
	for i, line := range roster {
		p.conn.reply(cmd, "IRO", append([]string{itoa(i + 1), itoa(len(roster))}, line...)...)
	}
	p.conn.reply(cmd, "ANS", "OK")
	fresh := sb.find(p.account.passport) == nil
	for _, other := range sb.people {
		other.hearJoin(p, fresh)
	}
	if p.dialect.endpoints {
		p.hearJoin(p, true) // oneself, as the others see it
	}
	p.switchboard = sb
	sb.people = append(sb.people, p)
	sb.used = s.now()
	for _, payload := range sb.waiting {
		if host := sb.people[0]; host != p {
			p.hear(host.account, payload)
		}
	}
	sb.waiting = nil
}

// roster is who is in a switchboard, in the form of IRO for a newcomer: everybody once, in MSNP16+ each endpoint before that.
func (p *participant) roster(sb *switchboard) [][]string {
	var lines [][]string
	if !p.dialect.endpoints {
		seen := map[*account]bool{p.account: true}
		for _, other := range sb.people {
			if !seen[other.account] || p.conn.srv.quirks.TwiceInRoster && other.account != p.account {
				lines = append(lines, other.introduction(p.dialect, other.account.passport))
			}
			seen[other.account] = true
		}
		return lines
	}
	for _, a := range sb.accounts() {
		var one *participant
		for _, other := range sb.people {
			if other.account != a {
				continue
			}
			one = other
			if other.endpoint != "" {
				lines = append(lines, other.introduction(p.dialect, other.place()))
			}
		}
		if a != p.account {
			lines = append(lines, one.introduction(p.dialect, a.passport))
		}
	}
	return lines
}

// hearJoin tells that somebody has come: each endpoint in MSNP16+, and the person with the first one.
func (p *participant) hearJoin(come *participant, fresh bool) {
	if p.conn == nil {
		return
	}
	if p.dialect.endpoints && come.endpoint != "" {
		p.conn.push("JOI", come.introduction(p.dialect, come.place())...)
	}
	if fresh {
		p.conn.push("JOI", come.introduction(p.dialect, come.account.passport)...)
	}
}

// introduction is how somebody appears in IRO and JOI to a client of some version.
func (p *participant) introduction(to *dialect, handle string) []string {
	args := []string{handle, wire.Encode(p.account.name)}
	if to.joinCapabilities {
		args = append(args, p.capabilities.Format(to.endpoints))
	}
	return args
}

// call does CAL: all endpoints of the callee are rung up, or in MSNP16+ the one that is named. Being blocked looks as being
// offline (core.md 7.1).
func (p *participant) call(cmd wire.Command) {
	s, sb := p.conn.srv, p.switchboard
	passport, endpoint := addressArg(cmd.Args, 0), ""
	if p.dialect.endpoints && strings.Contains(passport, ";{") {
		if passport, endpoint = splitTarget(passport); endpoint == "" {
			p.conn.fail(cmd, 208)
			return
		}
	}
	callee := s.accounts[passport]
	self := callee == p.account && p.dialect.endpoints && endpoint == ""
	switch {
	case !validPassport(passport):
		p.conn.fail(cmd, 208)
		return
	case sb.has(passport, endpoint) && !self:
		p.conn.fail(cmd, 215)
		return
	case sb.find(passport) == nil && len(sb.accounts()) >= s.quirks.SwitchboardLimit:
		p.conn.fail(cmd, 920)
		return
	}
	rung, code := 0, 217
	if callee != nil && (callee == p.account || callee.takesCalls(p.account)) && !sb.standIn() {
		rung, code = s.ring(sb, callee, p.account, endpoint)
	}
	if rung == 0 && !self {
		p.conn.fail(cmd, code)
		return
	}
	p.conn.reply(cmd, "CAL", "RINGING", sb.id)
	sb.used = s.now()
	if self { // without this, WLM 2009 waits for ever (core.md 10.2)
		p.conn.push("JOI", p.introduction(p.dialect, passport)...)
	}
	s.standInFor(sb, callee, endpoint)
}

// ring calls every endpoint of somebody who is not in a switchboard yet, or only the one that is named, and says how many there
// were; if none, why. One of MSNP21 cannot be in a switchboard: the server will stand in for it, if there are no more than two
// people.
func (s *Server) ring(sb *switchboard, callee, from *account, endpoint string) (rung, code int) {
	code = 217
	for _, n := range callee.sessions {
		if endpoint != "" && n.endpoint != endpoint {
			continue
		}
		there := slices.ContainsFunc(sb.people, func(p *participant) bool {
			return p.account == callee && (p.endpoint == n.endpoint || n.endpoint == "")
		})
		switch {
		case there || !n.present() || n.callsRefused:
		case n.dialect.documents:
			if len(sb.accounts()) == 1 && callee != from {
				rung++
			}
		default:
			value := s.newCookie(n, sb.id)
			if value == "" {
				code = 713
				continue
			}
			args := []string{sb.id, s.told(n.conn, switchboards), "CKI", value, from.passport, wire.Encode(from.name)}
			n.conn.push("RNG", append(args, n.dialect.boardTail...)...)
			rung++
		}
	}
	return rung, code
}

// takesCalls tells whether a call from somebody rings.
func (a *account) takesCalls(from *account) bool {
	return a.shownStatus() != "" && a.network == from.network && a.allows(from.passport)
}

// maxMessagePayload is the limit for MSG; above it the connection is closed (core.md 2.4).
const maxMessagePayload = 1664

// peerToPeer is the content type that goes with acknowledgement type D, and with no other.
const peerToPeer = "application/x-msnmsgrp2p"

// message does MSG: the payload goes to everybody else as it came, byte for byte.
func (p *participant) message(cmd wire.Command) {
	s, sb := p.conn.srv, p.switchboard
	ack := strings.ToUpper(decoded(cmd.Args, 0))
	binary := mediaType(cmd.Payload) == peerToPeer
	switch {
	case len(cmd.Payload) > maxMessagePayload:
		p.conn.hangUp()
		return
	case ack == "D" && p.dialect.dataMessages && !binary:
		p.conn.fail(cmd, 282)
		return
	case ack == "D" && p.dialect.dataMessages:
	case ack != "U" && ack != "N" && ack != "A" && ack != "S", binary:
		p.conn.hangUp()
		return
	}
	sb.used = s.now()
	f := s.faultsFor(p.conn)
	delivered := !(f.NAK && ack != "U") && p.deliver(cmd.Payload)
	if ack == "A" || ack == "D" {
		delivered = delivered || s.quirks.AcceptAll && !f.NAK
	}
	switch {
	case delivered && ack != "U" && ack != "N" && !f.WithholdACK:
		p.conn.reply(cmd, "ACK")
	case !delivered && (ack == "A" || ack == "D" || ack == "N" && !s.quirks.AcceptAll):
		p.conn.reply(cmd, "NAK")
	}
}

// deliver says whether everybody got it, and there was somebody. Other endpoints of the sender get it too, but do not count.
func (p *participant) deliver(payload []byte) bool {
	everybody, others := true, 0
	for _, other := range p.switchboard.people {
		if other == p {
			continue
		}
		heard := other.hear(p.account, payload)
		if other.account != p.account {
			others++
			everybody = everybody && heard
		}
	}
	return everybody && others > 0
}

// hear passes a message on to somebody.
func (p *participant) hear(from *account, payload []byte) bool {
	if p.conn == nil {
		heard := false
		for _, n := range p.account.sessions {
			heard = n.dialect.documents && n.takeSpoken(from, payload) || heard
		}
		return heard
	}
	if payload == nil {
		payload = []byte{}
	}
	return p.conn.send(wire.Command{Name: "MSG", Args: []string{from.passport, wire.Encode(from.name)}, Payload: payload})
}

// mediaType is the value of that header in lower case, without parameters; "" if there is none.
func mediaType(payload []byte) string {
	head, _, _ := bytes.Cut(payload, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, ok := strings.Cut(string(line), ":")
		if ok && strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
			value, _, _ = strings.Cut(value, ";")
			return strings.ToLower(strings.TrimSpace(value))
		}
	}
	return ""
}

// closeIdle ends a switchboard without traffic: everybody is told that the others are gone, `BYE x 1`, and the connections
// are closed.
func (s *Server) closeIdle(sb *switchboard) {
	people := slices.Clone(sb.people)
	for _, p := range people {
		for _, other := range sb.accounts() {
			if other != p.account && p.conn != nil {
				p.conn.push("BYE", other.passport, "1")
			}
		}
	}
	for _, p := range people {
		p.switchboard = nil // nobody is told again
		if p.conn != nil {
			p.conn.hangUp()
		}
	}
	delete(s.switchboards, sb.id)
}
