package msntest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// maxSignal bounds the payload of UUN and UUM; longer ones close the connection. The limit for MSG is that of switchboards
// alone: what goes by UUN can be a whole SIP message.
const maxSignal = 64 << 10

// Types of UUN (core.md 11.2): all are passed on, one of them matters here.
const (
	signalSignOut = 4
	lastSignal    = 12
)

// splitTarget takes `bob@example.com;{guid}` apart; the GUID is "" if there is none.
func splitTarget(text string) (passport, endpoint string) {
	passport, rest, found := strings.Cut(strings.ToLower(text), ";")
	if found {
		endpoint = normalGUID(rest)
	}
	return passport, endpoint
}

// sendSignal does UUN: a notice to the endpoints of somebody, or to one of them.
func sendSignal(n *session, cmd wire.Command) {
	s := n.conn.srv
	passport, endpoint := splitTarget(decoded(cmd.Args, 0))
	kind, err := strconv.Atoi(decoded(cmd.Args, 1))
	switch {
	case err != nil || len(cmd.Payload) > maxSignal:
		n.misplaced()
		return
	case kind < 1 || kind > lastSignal:
		n.conn.fail(cmd, 283)
		return
	}
	a := s.accounts[passport]
	if a == nil || a != n.account && (a.shownStatus() == "" || !a.allows(n.account.passport)) {
		n.conn.fail(cmd, 217)
		return
	}
	from := n.account.passport
	if endpoint != "" && n.endpoint != "" {
		from += ";{" + n.endpoint + "}"
	}
	reached := false
	for _, m := range slices.Clone(a.sessions) {
		if endpoint != "" && m.endpoint != endpoint || m == n && kind != signalSignOut {
			continue
		}
		reached = m.takeSignal(from, kind, cmd.Payload) || reached
	}
	if !reached {
		n.conn.fail(cmd, 217)
		return
	}
	n.conn.reply(cmd, "UUN", "OK")
}

// takeSignal passes a notice on, if the version has such. MSNP21 knows only one, in another form.
func (n *session) takeSignal(from string, kind int, payload []byte) bool {
	switch _, takes := n.dialect.commands["UUN"]; {
	case takes:
		if payload == nil {
			payload = []byte{}
		}
		return n.conn.send(wire.Command{Name: "UBN", Args: []string{from, itoa(kind)}, Payload: payload})
	case n.dialect.documents && kind == signalSignOut:
		n.tellPlaceGone(n.account, n.endpoint)
		return true
	}
	return false
}

// The types of UUM and UBM (core.md 11.1).
const (
	federatedText = 1
	lastFederated = 4
)

// sendFederated does UUM: a message to somebody in another network, or from there, and in MSNP18 an offline message.
func sendFederated(n *session, cmd wire.Command) {
	s := n.conn.srv
	passport := addressArg(cmd.Args, 0)
	network, err := strconv.Atoi(decoded(cmd.Args, 1))
	kind, err2 := strconv.Atoi(decoded(cmd.Args, 2))
	if err != nil || err2 != nil || len(cmd.Payload) > maxSignal {
		n.misplaced()
		return
	}
	if kind < federatedText || kind > lastFederated {
		n.conn.fail(cmd, 201)
		return
	}
	a := s.accounts[passport]
	inside := n.account.network == network
	switch {
	case network == msn.NetworkPhone && telephone.MatchString(passport) && kind == federatedText:
		return // it goes nowhere here
	case a == nil && inside && n.dialect.offlineMessage:
		n.conn.fail(cmd, 208)
	case a == nil, a.network != network, inside && !n.dialect.offlineMessage:
		n.conn.fail(cmd, 204)
	case inside:
		n.leaveMessage(cmd, a, kind)
	case !n.tellFederated(a, kind, cmd.Payload):
		n.conn.fail(cmd, 217)
	}
}

// tellFederated passes a message on to somebody in another network. It says whether there was anybody to take it.
func (n *session) tellFederated(to *account, kind int, payload []byte) bool {
	if to.shownStatus() == "" || !to.allows(n.account.passport) {
		return false
	}
	taken := false
	for _, m := range to.sessions {
		taken = m.takeFederated(n.account, kind, payload) || taken
	}
	return taken
}

// takeFederated is UBM, or SDG in MSNP21.
func (n *session) takeFederated(from *account, kind int, payload []byte) bool {
	if payload == nil {
		payload = []byte{}
	}
	switch {
	case n.dialect.documents:
		return n.takeSpoken(from, payload)
	case !n.dialect.federated:
		return false
	}
	args := []string{from.passport, itoa(from.network)}
	if n.dialect.longFederated {
		args = append(args, n.account.passport, itoa(n.account.network))
	}
	return n.conn.send(wire.Command{Name: "UBM", Args: append(args, itoa(kind)), Payload: payload})
}

// leaveMessage is UUM to network 1: a message for when the other comes back (core.md 11.1). There is no answer; being blocked is
// not told.
func (n *session) leaveMessage(cmd wire.Command, to *account, kind int) {
	s := n.conn.srv
	head, body, ok := bytes.Cut(cmd.Payload, []byte("\r\n\r\n"))
	switch {
	case kind != federatedText || !ok || mediaType(cmd.Payload) != "text/plain" || len(body) > maxOfflineText:
		if !s.quirks.StrictOffline {
			n.conn.fail(cmd, 201)
		}
		return
	case s.quirks.StrictOffline && (!strings.EqualFold(headerOf(head, "Dest-Agent"), "client") || to.shownStatus() != ""):
		return
	case !to.allows(n.account.passport):
		return
	}
	n.left++
	s.storeOffline(offlineMessage{
		from: n.account.passport, fromName: n.account.name, to: to.passport, text: strings.ToValidUTF8(string(body), "\uFFFD"),
		runID: n.runID(), sequence: n.left, at: s.now(), id: strings.ToUpper(guidOf("offline", randomHex(32))),
	})
}

// runID is what offline messages of one session have in common, "{GUID}".
func (n *session) runID() string {
	return "{" + strings.ToUpper(guidOf("run", n.account.passport, strconv.FormatUint(n.conn.number, 10))) + "}"
}

// headerOf is the value of a header in a block of them, "" if there is none.
func headerOf(head []byte, name string) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		key, value, ok := strings.Cut(string(line), ":")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
