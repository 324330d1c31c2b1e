package msntest

import (
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// party is a temporary group of MSNP21 (core.md 13.4). It ends with the last who takes part.
type party struct {
	id      string
	people  []*session
	invited []*account // who may enter
}

// newParty is the id in the address that a new group is asked from.
const newParty = "00000000-0000-0000-0000-000000000000"

// maxParties bounds the groups one account may have made without entering.
const maxParties = 64

func partyAddress(id string) string { return "10:" + id + circleDomain }

func (g *party) here(n *session) bool { return slices.Contains(g.people, n) }

// hosts tells whether somebody takes part with any endpoint.
func (g *party) hosts(a *account) bool {
	return slices.ContainsFunc(g.people, func(n *session) bool { return n.account == a })
}

// publishParty does PUT to a group: making one, entering it, or asking somebody in.
func (n *session) publishParty(cmd wire.Command, e *wire.Envelope) {
	s, id := n.conn.srv, circleID(e.To())
	if id == newParty {
		n.makeParty(cmd, e)
		return
	}
	g := s.parties[id]
	var doc circleDocument
	if g == nil || !parseDocument(e.Body, &doc) || len(doc.Rosters) != 1 || len(doc.Rosters[0].Users) != 1 {
		n.conn.fail(cmd, 201)
		return
	}
	who := wire.ParseAddress(doc.Rosters[0].Users[0])
	switch {
	case sameMedia(e, typeCircle) && n.is(who):
		n.enterParty(cmd, g)
	case sameMedia(e, typeParty) && g.here(n):
		n.inviteToParty(cmd, g, who)
	default:
		n.conn.fail(cmd, 201)
	}
}

// makeParty makes a group that its maker may enter. The answer tells its address.
func (n *session) makeParty(cmd wire.Command, e *wire.Envelope) {
	s := n.conn.srv
	empty := 0
	for _, g := range s.parties {
		if len(g.people) == 0 && slices.Contains(g.invited, n.account) {
			empty++
		}
	}
	switch {
	case !sameMedia(e, typeParty) || len(e.Body) > 0:
		n.conn.fail(cmd, 201)
		return
	case empty >= maxParties:
		n.conn.fail(cmd, 713)
		return
	}
	g := &party{id: guidOf("party", randomHex(32)), invited: []*account{n.account}}
	s.parties[g.id] = g
	made := wire.Envelope{
		Routing: []wire.Header{
			{Name: "Routing", Value: "1.0"}, {Name: "To", Value: n.address() + ";epid={" + n.endpoint + "}"},
			{Name: "From", Value: partyAddress(g.id)},
		},
		Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}},
		Content: []wire.Header{
			{Name: "Publication", Value: "1.0"}, {Name: "Uri", Value: "/circle"}, {Name: "Content-Type", Value: typeParty},
			{Name: "Content-Length"},
		},
	}
	n.conn.send(wire.Command{Name: "PUT", TrID: cmd.TrID, HasTrID: true, Args: []string{"OK"}, Payload: made.Append(nil)})
}

func (n *session) enterParty(cmd wire.Command, g *party) {
	switch {
	case !slices.Contains(g.invited, n.account) && !g.hosts(n.account):
		n.conn.fail(cmd, 201)
		return
	case !g.here(n) && len(g.people) >= n.conn.srv.quirks.SwitchboardLimit:
		n.conn.fail(cmd, 920)
		return
	}
	n.published(cmd)
	if !g.here(n) {
		g.people = append(g.people, n)
	}
	g.invited = slices.DeleteFunc(g.invited, func(a *account) bool { return a == n.account })
	for _, m := range g.people {
		m.notify("PUT", notice{from: partyAddress(g.id), uri: "/circle", media: typeCircle, body: g.roster()})
	}
}

// roster is who takes part and who was asked to.
func (g *party) roster() string {
	doc := circleRoster(g.people)
	var b strings.Builder
	for _, a := range g.invited {
		b.WriteString("<user><id>" + itoa(a.network) + ":" + markup.Replace(a.passport) + "</id><state>Pending</state></user>")
	}
	return strings.Replace(doc, "</roster>", b.String()+"</roster>", 1)
}

func (n *session) inviteToParty(cmd wire.Command, g *party, who wire.Address) {
	a := n.conn.srv.accounts[strings.ToLower(who.Account)]
	switch {
	case a == nil || who.Network != a.network || a.network != msn.NetworkMSN:
		n.conn.fail(cmd, 208)
		return
	case g.hosts(a):
		n.conn.fail(cmd, 215)
		return
	case !n.account.mayReach(a) || countIf(a.sessions, func(m *session) bool { return m.dialect.documents && m.present() }) == 0:
		n.conn.fail(cmd, 217)
		return
	case len(g.people)+len(g.invited) >= n.conn.srv.quirks.SwitchboardLimit:
		n.conn.fail(cmd, 920)
		return
	}
	if !slices.Contains(g.invited, a) {
		g.invited = append(g.invited, a)
	}
	n.published(cmd)
	told := slices.Clone(g.people)
	for _, m := range a.sessions {
		if m.dialect.documents && m.present() {
			told = append(told, m)
		}
	}
	for _, m := range told {
		m.notify("PUT", notice{from: partyAddress(g.id), uri: "/circle", media: typeParty, body: g.roster()})
	}
}

// leave ends somebody's part. The others hear of it with the account's last endpoint.
func (g *party) leave(n *session) {
	if !g.here(n) {
		return
	}
	s := n.conn.srv
	g.people = slices.DeleteFunc(g.people, func(m *session) bool { return m == n })
	if len(g.people) == 0 {
		delete(s.parties, g.id)
		return
	}
	if g.hosts(n.account) {
		return
	}
	for _, m := range g.people {
		m.notify("DEL", notice{from: partyAddress(g.id), uri: rosterURI(n.account), number: 2, media: typeCircle})
	}
}

// tell passes a message on to all the others.
func (g *party) tell(from *session, payload []byte) {
	for _, m := range g.people {
		if m != from {
			m.takeEnvelope(payload)
		}
	}
}
