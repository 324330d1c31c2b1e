package msntest

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// Messages of MSNP21 (core.md 13.3), and their counterparts in older versions.

// chatPath is what an address has when something is said to a circle.
const chatPath = "IM"

// sendEnvelope does SDG. There is no answer unless it is refused.
func sendEnvelope(n *session, cmd wire.Command) {
	e, ok := n.opened(cmd)
	if !ok {
		return
	}
	kind, _ := e.Kind()
	switch to := e.To(); {
	case kind != wire.Messaging:
		n.conn.fail(cmd, 201)
	case to.Network == msn.NetworkCircle:
		n.speakInCircle(cmd, to)
	case !n.dialect.documents:
		n.conn.fail(cmd, 201)
	case to.Network == msn.NetworkGroup:
		g := n.conn.srv.parties[circleID(to)]
		if g == nil || !g.here(n) {
			n.conn.fail(cmd, 201)
			return
		}
		g.tell(n, cmd.Payload)
	default:
		if code := n.speakTo(to, &e, cmd.Payload); code != 0 {
			n.conn.fail(cmd, code)
		}
	}
}

// speakInCircle passes a message on to all who take part, the own other endpoints among them, as it came.
func (n *session) speakInCircle(cmd wire.Command, to wire.Address) {
	id := circleID(to)
	if to.Path != chatPath || !n.inCircles[id] || !n.mayEnter(id) {
		n.conn.fail(cmd, 201)
		return
	}
	for _, m := range n.conn.srv.circleSessions(id) {
		if m != n {
			m.takeEnvelope(cmd.Payload)
		}
	}
}

// takeEnvelope sends SDG as it came from somebody.
func (n *session) takeEnvelope(payload []byte) bool { return n.conn.pushEnvelope("SDG", "", payload) }

// Channels of one-to-one messages.
const channelOffline = "IM/Offline"

// speakTo carries a message to one person. It returns the error number, or 0.
func (n *session) speakTo(to wire.Address, e *wire.Envelope, payload []byte) int {
	s, a := n.conn.srv, n.account
	other := s.accounts[strings.ToLower(to.Account)]
	switch {
	case other == nil:
		return 208
	case other.network != to.Network:
		return 204
	case other != a && !other.allows(a.passport):
		return 217
	}
	reached := false
	for _, m := range append(other.sessions[:0:0], other.sessions...) {
		if m == n || !m.dialect.documents || to.EndpointID != "" && m.endpoint != to.EndpointID || !m.present() {
			continue
		}
		reached = (other == a || a.mayReach(other)) && m.takeEnvelope(payload) || reached
	}
	switch {
	case other == a:
		return 0 // to the own endpoints, be there none
	case to.EndpointID != "":
	case other.network != a.network:
		reached = n.speakFederated(other, e) || reached
	default:
		reached = hasOlder(other) && s.tellInBoard(a, other, e) || reached
	}
	if !reached {
		if !strings.EqualFold(e.Get("Service-Channel"), channelOffline) || other.network != msn.NetworkMSN {
			return 217
		}
		n.keep(other, e)
	}
	for _, m := range a.sessions {
		if m != n && m.dialect.documents && to.EndpointID == "" { // what is for one place is between that and this
			m.takeEnvelope(payload)
		}
	}
	return 0
}

// mayReach tells whether somebody is there to be talked to.
func (a *account) mayReach(other *account) bool {
	return other.shownStatus() != "" && other.allows(a.passport)
}

// hasOlder tells whether an account has a session that talks in switchboards.
func hasOlder(a *account) bool {
	return countIf(a.sessions, func(n *session) bool { return !n.dialect.documents && n.present() }) > 0
}

// keep stores a text for somebody who is offline. Anything else is of no use later.
func (n *session) keep(to *account, e *wire.Envelope) {
	if !strings.EqualFold(e.Get("Message-Type"), "Text") {
		return
	}
	s := n.conn.srv
	n.left++
	s.storeOffline(offlineMessage{
		from: n.account.passport, fromName: n.account.name, to: to.passport, text: strings.ToValidUTF8(string(e.Body), "\uFFFD"),
		runID: n.runID(), sequence: n.left, at: s.now(), id: strings.ToUpper(guidOf("offline", randomHex(32))),
	})
}

// tellOffline hands on what was stored while the account was away.
func (n *session) tellStored() {
	for _, m := range n.conn.srv.takeOffline(n.account) {
		e := n.spoken("1:"+m.from, "Text", "Text/plain; charset=UTF-8", []byte(m.text))
		e.Routing = append(e.Routing, wire.Header{Name: "Service-Channel", Value: channelOffline})
		e.Content = append(e.Content, wire.Header{Name: "IM-Display-Name", Value: m.fromName},
			wire.Header{Name: "Original-Arrival-Time", Value: m.at.UTC().Format(time.RFC3339Nano)})
		n.takeEnvelope(e.Append(nil))
	}
}

// spoken makes the envelope of a message to this session.
func (n *session) spoken(from, kind, media string, body []byte) wire.Envelope {
	return wire.Envelope{
		Routing: []wire.Header{
			{Name: "Routing", Value: "1.0"}, {Name: "To", Value: n.address()}, {Name: "From", Value: from},
		},
		Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}},
		Content: []wire.Header{
			{Name: "Messaging", Value: "2.0"}, {Name: "Message-Type", Value: kind}, {Name: "Content-Type", Value: media},
			{Name: "Content-Length"},
		},
		Body: body,
	}
}

// takeSpoken sends what was said in a switchboard, or over UUM, as SDG. It is false for what MSNP21 has no message for.
func (n *session) takeSpoken(from *account, payload []byte) bool {
	head, body, _ := bytes.Cut(payload, []byte("\r\n\r\n"))
	var kind string
	contentType := headerOf(head, "Content-Type")
	switch mediaType(payload) {
	case "text/plain":
		kind = "Text"
	case "text/x-msmsgscontrol":
		kind, contentType, body = "Control/Typing", "Text/plain; charset=UTF-8", nil
	case "text/x-msnmsgr-datacast":
		if headerOf(bytes.TrimRight(body, "\r\n"), "ID") != "1" {
			return false
		}
		kind, contentType, body = "Nudge", "Text/plain", []byte("\r\n")
	case "text/x-mms-emoticon", "text/x-mms-animemoticon":
		kind = "CustomEmoticon"
	default:
		return false
	}
	e := n.spoken(itoa(from.network)+":"+from.passport, kind, contentType, body)
	for _, name := range []string{"X-MMS-IM-Format", "P4-Context"} {
		if value := headerOf(head, name); value != "" {
			e.Content = append(e.Content, wire.Header{Name: name, Value: value})
		}
	}
	e.Content = append(e.Content, wire.Header{Name: "IM-Display-Name", Value: from.name})
	return n.takeEnvelope(e.Append(nil))
}

// maxPiece bounds the body of one message in a switchboard, so that headers have room beside it.
const maxPiece = 1200

// boardMessages writes what was said in MSNP21 as switchboard messages: a long text as several, nothing for what they do not
// know.
func boardMessages(from *account, e *wire.Envelope) [][]byte {
	kind, subtype, _ := strings.Cut(strings.ToLower(e.Get("Message-Type")), "/")
	message := func(contentType, more string, body []byte) []byte {
		return append([]byte("MIME-Version: 1.0\r\nContent-Type: "+contentType+"\r\n"+more+"\r\n"), body...)
	}
	switch {
	case kind == "text":
		more := ""
		for _, name := range []string{"X-MMS-IM-Format", "P4-Context"} {
			if value := e.Get(name); value != "" && len(value) < 200 {
				more += name + ": " + value + "\r\n"
			}
		}
		var all [][]byte
		for _, piece := range pieces(e.Body) {
			all = append(all, message("text/plain; charset=UTF-8", more, piece))
		}
		return all
	case kind == "nudge":
		return [][]byte{message("text/x-msnmsgr-datacast", "", []byte("ID: 1\r\n\r\n"))}
	case kind == "control" && subtype == "typing":
		return [][]byte{message("text/x-msmsgscontrol", "TypingUser: "+from.passport+"\r\n", []byte("\r\n"))}
	case kind == "customemoticon" && len(e.Body) <= maxPiece:
		return [][]byte{message("text/x-mms-emoticon", "", e.Body)}
	}
	return nil
}

// pieces cuts a text between characters.
func pieces(text []byte) [][]byte {
	var all [][]byte
	for len(text) > maxPiece {
		cut := maxPiece
		for cut > maxPiece-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		all = append(all, text[:cut])
		text = text[cut:]
	}
	return append(all, text)
}

// speakFederated carries a message to another network by UBM.
func (n *session) speakFederated(to *account, e *wire.Envelope) bool {
	kind := map[string]int{"text": 1, "control/typing": 2, "nudge": 3}[strings.ToLower(e.Get("Message-Type"))]
	if kind == 0 || to.shownStatus() == "" {
		return false
	}
	reached := false
	for _, payload := range boardMessages(n.account, e) {
		for _, m := range to.sessions {
			reached = !m.dialect.documents && m.takeFederated(n.account, kind, payload) || reached
		}
	}
	return reached
}
