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
	id     string
	people []*participant // in the order of joining
	used   time.Time      // last message, or coming or going
}

// find finds somebody by address.
func (sb *switchboard) find(passport string) *participant {
	i := slices.IndexFunc(sb.people, func(p *participant) bool { return p.account.passport == passport })
	if i < 0 {
		return nil
	}
	return sb.people[i]
}

// participant is a connection to a switchboard.
type participant struct {
	conn         *conn
	switchboard  *switchboard // nil before USR or ANS
	account      *account
	dialect      *dialect
	capabilities msn.Capabilities
}

// cookie is the right to enter a switchboard, once. switchboard is "" for the one that opens it.
type cookie struct {
	account      *account
	dialect      *dialect
	capabilities msn.Capabilities
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
	s.cookies[value] = &cookie{n.account, n.dialect, n.capabilities, switchboard, s.now().Add(s.quirks.CookieLife)}
	return value
}

// openSwitchboard does XFR SB on the notification server.
func openSwitchboard(n *session, cmd wire.Command) {
	s := n.conn.srv
	switch {
	case !strings.EqualFold(decoded(cmd.Args, 0), "SB"):
		n.conn.fail(cmd, 201)
		return
	case n.status == "" || n.status == msn.Hidden:
		n.conn.fail(cmd, 913)
		return
	}
	value := s.newCookie(n, "")
	if value == "" {
		n.conn.fail(cmd, 713)
		return
	}
	n.conn.reply(cmd, "XFR", "SB", s.told(n.conn, switchboards), "CKI", value)
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
		p.leave()
	}
}

// leave tells the others.
func (p *participant) leave() {
	sb, s := p.switchboard, p.conn.srv
	p.switchboard = nil
	sb.people = slices.DeleteFunc(sb.people, func(other *participant) bool { return other == p })
	sb.used = s.now()
	for _, other := range sb.people {
		other.conn.push("BYE", p.account.passport)
	}
	if len(sb.people) == 0 {
		delete(s.switchboards, sb.id)
	}
}

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
	if c == nil || c.account.passport != addressArg(cmd.Args, 0) || c.switchboard != switchboard || s.now().After(c.until) {
		p.conn.fail(cmd, 911)
		return false
	}
	delete(s.cookies, value)
	p.account, p.dialect, p.capabilities = c.account, c.dialect, c.capabilities
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
	case len(sb.people) >= s.quirks.SwitchboardLimit:
		p.conn.fail(cmd, 920)
		p.conn.hangUp()
		return
	}
	if sb.find(p.account.passport) != nil { // called twice, and both calls answered
		p.conn.fail(cmd, 215)
		p.conn.hangUp()
		return
	}
	total := itoa(len(sb.people))
	for i, other := range sb.people {
		p.conn.reply(cmd, "IRO", append([]string{itoa(i + 1), total}, other.introduction(p.dialect)...)...)
	}
	p.conn.reply(cmd, "ANS", "OK")
	for _, other := range sb.people {
		other.conn.push("JOI", p.introduction(other.dialect)...)
	}
	p.switchboard = sb
	sb.people = append(sb.people, p)
	sb.used = s.now()
}

// introduction is how somebody appears in IRO and JOI to a client of some version.
func (p *participant) introduction(to *dialect) []string {
	args := []string{p.account.passport, wire.Encode(p.account.name)}
	if to.joinCapabilities {
		args = append(args, p.capabilities.Format(false))
	}
	return args
}

// call does CAL: the callee is rung up on the notification server. Being blocked looks as being offline (core.md 7.1).
func (p *participant) call(cmd wire.Command) {
	s, sb := p.conn.srv, p.switchboard
	passport := addressArg(cmd.Args, 0)
	callee := s.accounts[passport]
	switch {
	case !validPassport(passport):
		p.conn.fail(cmd, 208)
		return
	case sb.find(passport) != nil:
		p.conn.fail(cmd, 215)
		return
	case len(sb.people) >= s.quirks.SwitchboardLimit:
		p.conn.fail(cmd, 920)
		return
	case callee == nil || callee.session == nil || !callee.takesCalls(p.account):
		p.conn.fail(cmd, 217)
		return
	}
	n := callee.session
	value := s.newCookie(n, sb.id)
	if value == "" {
		p.conn.fail(cmd, 713)
		return
	}
	p.conn.reply(cmd, "CAL", "RINGING", sb.id)
	n.conn.push("RNG", sb.id, s.told(n.conn, switchboards), "CKI", value, p.account.passport, wire.Encode(p.account.name))
	sb.used = s.now()
}

// takesCalls tells whether a call from somebody rings.
func (a *account) takesCalls(from *account) bool {
	n := a.session
	return n.status != "" && n.status != msn.Hidden && !n.callsRefused && a.allows(from.passport)
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

// deliver says whether everybody got it, and there was somebody.
func (p *participant) deliver(payload []byte) bool {
	everybody := len(p.switchboard.people) > 1
	for _, other := range p.switchboard.people {
		if other == p {
			continue
		}
		args := []string{p.account.passport, wire.Encode(p.account.name)}
		if payload == nil {
			payload = []byte{}
		}
		if !other.conn.send(wire.Command{Name: "MSG", Args: args, Payload: payload}) {
			everybody = false
		}
	}
	return everybody
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
		for _, other := range people {
			if other != p {
				p.conn.push("BYE", other.account.passport, "1")
			}
		}
	}
	for _, p := range people {
		p.switchboard = nil // nobody is told again
		p.conn.hangUp()
	}
	delete(s.switchboards, sb.id)
}
