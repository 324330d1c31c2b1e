package msntest

import (
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// notice is what NFY tells, its envelope aside.
type notice struct {
	from   string
	uri    string
	full   bool // NotifType Full
	sync   bool // NotifType Sync; else Partial
	number int  // NotifNum
	media  string
	body   string
}

// notify sends NFY PUT or NFY DEL.
func (n *session) notify(verb string, what notice) {
	kind := "Partial"
	switch {
	case what.full:
		kind = "Full"
	case what.sync:
		kind = "Sync"
	}
	e := wire.Envelope{
		Routing: []wire.Header{
			{Name: "Routing", Value: "1.0"}, {Name: "To", Value: n.address() + ";epid={00000000-0000-0000-0000-000000000000}"},
			{Name: "From", Value: what.from},
		},
		Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}},
		Content: []wire.Header{
			{Name: "Notification", Value: "1.0"}, {Name: "NotifNum", Value: itoa(what.number)}, {Name: "Uri", Value: what.uri},
			{Name: "NotifType", Value: kind}, {Name: "Content-Type", Value: what.media}, {Name: "Content-Length"},
		},
		Body: []byte(what.body),
	}
	n.conn.pushEnvelope("NFY", verb, e.Append(nil))
}

// address is the account as envelopes name it.
func (n *session) address() string { return itoa(n.account.network) + ":" + n.account.passport }

// opened reads an envelope that a client sends: it must be from this very endpoint, else the command gets 201.
func (n *session) opened(cmd wire.Command) (wire.Envelope, bool) {
	e, err := wire.ParseEnvelope(cmd.Payload)
	if err != nil {
		n.conn.fail(cmd, 201)
		return e, false
	}
	from := e.From()
	if !n.is(from) || from.EndpointID != n.endpoint {
		n.conn.fail(cmd, 201)
		return e, false
	}
	return e, true
}

// publish does PUT: to a circle, to a group, or to oneself about one's presence.
func publish(n *session, cmd wire.Command) {
	e, ok := n.opened(cmd)
	if !ok {
		return
	}
	kind, _ := e.Kind()
	switch to := e.To(); {
	case kind != wire.Publication:
		n.conn.fail(cmd, 201)
	case to.Network == msn.NetworkCircle:
		n.publishCircle(cmd, &e)
	case !n.dialect.documents:
		n.conn.fail(cmd, 201)
	case to.Network == msn.NetworkGroup:
		n.publishParty(cmd, &e)
	case n.is(to) && strings.EqualFold(e.Get("Uri"), "/user") && sameMedia(&e, typeUser):
		n.publishUser(cmd, &e)
	default:
		n.conn.fail(cmd, 201)
	}
}

// published answers PUT and DEL.
func (n *session) published(cmd wire.Command) {
	n.conn.send(wire.Command{Name: cmd.Name, TrID: cmd.TrID, HasTrID: true, Args: []string{"OK"}, Payload: []byte{}})
}

// withdraw does DEL: an endpoint of one's own, or oneself out of a circle or group.
func withdraw(n *session, cmd wire.Command) {
	e, ok := n.opened(cmd)
	if !ok {
		return
	}
	s, to, uri := n.conn.srv, e.To(), e.Get("Uri")
	leaving := strings.EqualFold(uri, rosterURI(n.account))
	switch {
	case to.Network == msn.NetworkCircle && leaving && n.inCircles[circleID(to)]:
		s.leaveCircle(n, circleID(to))
	case to.Network == msn.NetworkGroup && leaving && s.parties[circleID(to)] != nil && n.dialect.documents:
		s.parties[circleID(to)].leave(n)
	case n.is(to) && strings.EqualFold(uri, "/user") && n.dialect.documents:
		n.withdrawPlaces(cmd, &e)
		return
	default:
		n.conn.fail(cmd, 201)
		return
	}
	n.published(cmd)
}

// withdrawPlaces signs out other endpoints: those of MSNP21 by telling that they are gone, older ones by UBN.
func (n *session) withdrawPlaces(cmd wire.Command, e *wire.Envelope) {
	var doc userDocument
	if !parseDocument(e.Body, &doc) {
		n.conn.fail(cmd, 201)
		return
	}
	n.published(cmd)
	for _, part := range doc.Endpoints {
		for _, m := range slices.Clone(n.account.sessions) {
			if part.Service != "IM" || m.endpoint == "" || m.endpoint != normalGUID(part.Endpoint) {
				continue
			}
			if m.dialect.documents {
				m.tellPlaceGone(m.account, m.endpoint)
				m.conn.hangUp()
			} else {
				m.takeSignal(n.account.passport, signalSignOut, []byte("goawyplzthxbye"))
			}
		}
	}
}
