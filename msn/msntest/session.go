package msntest

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// session is a connection to the dispatch or notification server, before and after USR OK.
type session struct {
	conn    *conn
	dialect *dialect // nil before VER
	account *account // nil before USR OK

	// Signing in.
	told    bool   // CVR came
	claimed string // the address of USR I, lower case
	spelt   string // the same as it came
	nonce   string // what a client has to hash (MD5) or to encrypt (SSO)
	ticket  string // the whole ticket that it signed in with, "" for MD5

	// endpoint is the GUID of the machine in lower case without braces, "" below MSNP16. private is what it tells the other
	// endpoints of the account.
	endpoint string
	private  privateData
	// program is what MSNP21 tells contacts of the program here.
	program program

	// Lists of this session alone, MSNP13+: by address, what ADL said.
	listed bool // the first ADL came
	lists  map[string]said
	// listedForward counts those of them on FL.
	listedForward int

	// Presence. status is what this session set last, "" before the first CHG.
	synchronised bool
	status       msn.Status
	capabilities msn.Capabilities
	shown        map[string]bool   // whom this client has been shown online, and members of circles by address with ;via=
	toldUser     map[string]string // documents, MSNP21: what it was told last of each account
	callsRefused bool              // IMS OFF
	left         int               // offline messages, by UUM or SDG

	// Circles, MSNP18+: whether the ticket was shown, what ADL said of each, and in which it takes part.
	circleProof bool
	circleLists map[string]msn.List
	inCircles   map[string]bool

	// Challenge.
	question    string    // unanswered CHL
	questionAt  time.Time // when it was sent
	challengeAt time.Time // when to send the next
}

func (n *session) passport() string {
	if n.account != nil {
		return n.account.passport
	}
	return n.claimed
}

func (n *session) arrived() bool { return n.account != nil }

// gone signs the account out.
func (n *session) gone() {
	a := n.account
	if a == nil || !slices.Contains(a.sessions, n) {
		return
	}
	s := n.conn.srv
	s.leaveCircles(n)
	a.sessions = slices.DeleteFunc(a.sessions, func(other *session) bool { return other == n })
	a.face.settle(a, s.quirks.KeptMessages)
	s.leaveBoards(a)
	a.leaving = n
	s.presenceOf(a, n.endpoint != "" && len(a.sessions) > 0)
	a.leaving = nil
	n.dropLists()
	if n.endpoint != "" {
		s.placeGone(a, n.endpoint)
	}
}

// handle does one command of a client that signs in or has signed in.
func (n *session) handle(cmd wire.Command) {
	if !cmd.HasTrID && cmd.Name != "PNG" && cmd.Name != "OUT" {
		n.misplaced()
		return
	}
	switch cmd.Name {
	case "OUT":
		n.conn.hangUp()
	case "VER":
		n.chooseVersion(cmd)
	case "CVR", "CVQ":
		n.tellVersions(cmd)
	case "INF":
		n.tellPackages(cmd)
	case "USR":
		n.signIn(cmd)
	default:
		n.handleSignedIn(cmd)
	}
}

func (n *session) handleSignedIn(cmd wire.Command) {
	if n.account == nil {
		n.conn.hangUp() // as PNG before signing in (core.md 9.2)
		return
	}
	if cmd.Name == "PNG" {
		n.pong()
		return
	}
	does, known := n.dialect.commands[cmd.Name]
	switch {
	case known:
	case slices.ContainsFunc(dialects, func(d *dialect) bool { return d.commands[cmd.Name] != nil }):
		n.conn.hangUp() // a command of another version: not even Escargot passes over it
		return
	default:
		n.misplaced()
		return
	}
	does(n, cmd)
}

// misplaced is for commands that are unknown, malformed or not of this dialect: real servers close without a word (core.md 3).
func (n *session) misplaced() {
	if !n.conn.srv.quirks.IgnoreUnknown {
		n.conn.hangUp()
	}
}

// ignore is for commands whose answer nobody knows.
func ignore(*session, wire.Command) {}

// refuse is a command that exists only to be refused.
func refuse(code int) command {
	return func(n *session, cmd wire.Command) { n.conn.fail(cmd, code) }
}

// pong answers PNG.
func (n *session) pong() {
	switch {
	case !n.dialect.pongSeconds:
		n.conn.push("QNG")
	case n.conn.srv.quirks.OwnLines:
		n.conn.push("QNG", "60")
	default:
		n.conn.push("QNG", "50")
	}
}

// replyChanged answers a change with the list version, where the dialect has one; before says how many of the arguments come
// in front of it (`ADD 7 FL 256 ..`).
func (n *session) replyChanged(cmd wire.Command, serial int, before int, args ...string) {
	n.conn.reply(cmd, cmd.Name, n.withSerial(serial, before, args)...)
}

// noticeChanged pushes a change, in the same form with 0 as its transaction id.
func (n *session) noticeChanged(name string, serial int, before int, args ...string) {
	n.conn.notice(name, n.withSerial(serial, before, args)...)
}

func (n *session) withSerial(serial int, before int, args []string) []string {
	if !n.dialect.serials {
		return args
	}
	all := append([]string{}, args[:before]...)
	return append(append(all, itoa(serial)), args[before:]...)
}

// told is an address of the service as this client can reach it.
func (s *Server) told(c *conn, k kind) string {
	addr := s.listening.addr(k)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	switch ip := net.ParseIP(host); {
	case s.cfg.PublicHost != "":
		host = s.cfg.PublicHost
	case ip != nil && ip.IsUnspecified():
		if local, _, err := net.SplitHostPort(c.local); err == nil {
			host = local
		}
	}
	return net.JoinHostPort(host, port)
}

// decoded is one argument without its percent-encoding, or "" if it is missing.
func decoded(args []string, i int) string {
	if i >= len(args) {
		return ""
	}
	return wire.Decode(args[i])
}

// addressArg is an argument that is an address, in lower case.
func addressArg(args []string, i int) string { return strings.ToLower(decoded(args, i)) }
