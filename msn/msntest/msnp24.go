package msntest

import (
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// MSNP24 (core.md 14) is simulated: no server of it is known. It has a listener, an alphabet and a way of signing in of its own;
// what is said after that is what MSNP21 says, in other words. So a connection of it is a session of a dialect of its own,
// behind an interpreter.

// Namespaces of MSNP24.
const (
	spaceConnection = "CON"
	spaceUser       = `CON\USER`
	spaceMessenger  = "MSGR"
)

// histories are what may be asked about earlier conversations; there are none.
var histories = []string{`MSGR\RECENTCONVERSATIONS`, `MSGR\MESSAGESBYCONVERSATION`, `MSGR\THREADS`}

// chatSite is the site whose ticket opens MSNP24.
const chatSite = "chatservice.live.com"

// pingWait is how long a client is to wait between two PNG, in seconds.
const pingWait = "45"

// newDialect24 is MSNP21 without what the interpreter does.
func newDialect24() *dialect {
	base := *dialects[len(dialects)-1]
	base.version, base.challenge = msn.MSNP24, noChallenge
	return &base
}

// interpreter is the peer of a connection that speaks MSNP24. Its session is in MSNP21's words.
type interpreter struct {
	*session
	connected    bool // CNT came
	claimant     *account
	userTrID     uint32 // of ATH, for the second answer
	nonce        string // of BND
	registration string // what every payload has to repeat
	now          wire.Command24
	messages     int // sent with an Ack-Id
}

// handle does one command.
func (t *interpreter) handle(cmd wire.Command) {
	c, err := wire.SplitMSNP24(cmd)
	if err != nil {
		t.session.misplaced()
		return
	}
	t.now = c
	switch {
	case c.Name == "OUT":
		t.conn.hangUp()
	case c.Name == "CNT" && !t.connected:
		t.connect(c)
	case !t.connected:
		t.conn.hangUp()
	case c.Name == "PNG":
		t.answer(c, c.Name, spaceConnection, "<ping-response><wait>"+pingWait+"</wait></ping-response>")
	case t.session.account == nil:
		t.admit(c)
	case c.Body != nil && c.Get("Registration") != t.registration:
		t.refuse(c, 201)
	default:
		t.converse(c, cmd)
	}
}

// connect does CNT, which may be answered with another address.
func (t *interpreter) connect(c wire.Command24) {
	s := t.conn.srv
	var doc struct {
		State string `xml:"xfr>state"`
		Ver   string `xml:"ver"`
	}
	if c.Namespace != spaceConnection || !parseDocument(c.Body, &doc) || doc.Ver == "" {
		t.conn.hangUp()
		return
	}
	if to := s.faultsFor(t.conn).Redirect; to != "" && doc.State == "" {
		t.answer(c, "XFR", spaceConnection, "<xfr><target>"+markup.Replace(to)+"</target><state>"+randomHex(16)+"</state></xfr>")
		t.conn.hangUp()
		return
	}
	t.connected = true
	t.answer(c, "CNT", spaceConnection, "<connect-response><nonce>"+randomHex(16)+"</nonce></connect-response>")
}

// admit does the steps of signing in: ATH with a ticket, BND with the endpoint, and the answer to a challenge.
func (t *interpreter) admit(c wire.Command24) {
	s := t.conn.srv
	switch {
	case c.Name == "ATH" && t.claimant == nil:
		var doc struct {
			Ticket string `xml:"ssl-compact-ticket"`
			Site   string `xml:"ssl-site-name"`
		}
		if !parseDocument(c.Body, &doc) || doc.Site != "" && doc.Site != chatSite {
			t.refuse(c, 911)
			return
		}
		a, _, ok := s.checkTicket(doc.Ticket, chatSite)
		if !ok || a == nil {
			t.refuse(c, 911)
			return
		}
		t.claimant, t.userTrID, t.ticket, t.claimed = a, c.TrID, doc.Ticket, a.passport
		t.answer(c, "ATH", spaceUser, "<user-response/>")
	case c.Name == "BND" && t.claimant != nil && t.nonce == "":
		var doc struct {
			Endpoint string `xml:"epid"`
		}
		if !parseDocument(c.Body, &doc) || normalGUID(doc.Endpoint) == "" {
			t.refuse(c, 201)
			return
		}
		t.endpoint, t.nonce = normalGUID(doc.Endpoint), newQuestion()
		t.answer(c, "BND", spaceConnection, "<msgr-response><nonce>"+t.nonce+"</nonce></msgr-response>")
	case c.Name == "PUT" && strings.EqualFold(c.Namespace, `MSGR\CHALLENGE`) && t.nonce != "":
		t.takeAnswer(c)
	default:
		t.conn.hangUp()
	}
}

// takeAnswer does PUT MSGR\CHALLENGE; a right one is followed by the second answer to ATH, which ends the sign-in.
func (t *interpreter) takeAnswer(c wire.Command24) {
	s := t.conn.srv
	var doc struct {
		Product  string `xml:"appId"`
		Response string `xml:"response"`
	}
	good := parseDocument(c.Body, &doc) && solves(newChallenge, t.nonce, doc.Product, doc.Response)
	if !good && !s.quirks.LenientChallenge {
		t.refuse(c, 540)
		return
	}
	if !t.takeSeat(t.claimant) {
		t.refuse(c, 734)
		return
	}
	t.registration = randomHex(16)
	top := []wire.Header{{Name: "Set-Registration", Value: t.registration}}
	t.write(wire.Command24{Name: "PUT", TrID: c.TrID, Namespace: c.Namespace, Top: top, Body: []byte{}})
	t.write(wire.Command24{Name: "ATH", TrID: t.userTrID, Namespace: spaceUser, Body: []byte("<user-response/>")})
	t.meetPlaces()
	t.afterSignIn()
}

// converse does what MSNP21 has as well, and the little that it has not.
func (t *interpreter) converse(c wire.Command24, cmd wire.Command) {
	space := strings.ToUpper(c.Namespace)
	cmd.Args, cmd.Payload = nil, c.Body
	switch {
	case c.Name == "PUT" && space == `MSGR\CONTACTS`:
		cmd.Name = "ADL"
		useLists(t.session, cmd)
	case c.Name == "PUT" && space == `MSGR\SUBSCRIPTIONS`:
		t.answer(c, "PUT", c.Namespace, "")
	case c.Name == "PUT" && (space == `MSGR\PRESENCE` || space == spaceMessenger):
		publish(t.session, cmd)
	case c.Name == "DEL" && (space == `MSGR\PRESENCE` || space == spaceMessenger || space == ""):
		withdraw(t.session, cmd)
	case c.Name == "SDG" && space == spaceMessenger:
		sendEnvelope(t.session, cmd)
	case c.Name == "ACK" && space == spaceMessenger:
		// nothing is kept for those who do not
	case c.Name == "GET" && slices.Contains(histories, space):
		name := strings.ToLower(strings.TrimPrefix(space, `MSGR\`)) + "-response"
		t.answer(c, "GET", c.Namespace, "<"+name+"></"+name+">")
	default:
		t.refuse(c, 201)
	}
}

func (t *interpreter) answer(c wire.Command24, name, space, body string) {
	reply := wire.Command24{Name: name, TrID: c.TrID, Namespace: space}
	if body != "" {
		reply.Body = []byte(body)
	}
	t.write(reply)
}

func (t *interpreter) refuse(c wire.Command24, code int) {
	t.write(wire.Command24{Name: itoa(code), TrID: c.TrID, Namespace: c.Namespace})
	if fatal(code) {
		t.conn.hangUp()
	}
}

// write sends a command as it is.
func (t *interpreter) write(c wire.Command24) bool { return t.conn.transmit(c.Command()) }

// interpret sends what the session says in MSNP21's words. What MSNP24 has no word for is left out.
func (t *interpreter) interpret(cmd wire.Command) bool {
	c := wire.Command24{Name: cmd.Name, Body: cmd.Payload}
	_, failed := cmd.ErrorCode()
	switch {
	case failed:
		c.TrID, c.Namespace = cmd.TrID, spaceConnection
		if cmd.TrID == t.now.TrID {
			c.Namespace = t.now.Namespace
		}
	case cmd.HasTrID && cmd.TrID != 0 && cmd.TrID == t.now.TrID: // OK to a PUT or DEL, with or without an envelope
		c.Name, c.TrID, c.Namespace = t.now.Name, cmd.TrID, t.now.Namespace
		if len(c.Body) == 0 {
			c.Body = nil
		}
	case cmd.Name == "NFY" && len(cmd.Args) == 1:
		c.Namespace = spaceMessenger + `\` + cmd.Args[0]
	case cmd.Name == "SDG":
		t.messages++
		c.Namespace, c.Top = spaceMessenger, []wire.Header{{Name: "Ack-Id", Value: itoa(t.messages)}}
	case cmd.Name == "MSG":
		c.Name, c.Namespace = "NFY", `MSGR\HOTMAIL`
	case cmd.Name == "NOT":
		c.Name, c.Namespace = "NFY", `MSGR\ABCH`
	case cmd.Name == "OUT":
		c.Namespace = spaceConnection
	default:
		return true
	}
	return t.write(c)
}
