package msntest

import (
	"encoding/base64"
	"encoding/xml"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// The notification server's part of circles (core.md 11.3, services.md 13.3 to 13.5). Who is a member is the address book's;
// here is who takes part at the moment.

// circleDomain is what follows the id of circles and groups in their addresses.
const circleDomain = "@live.com"

// Media types of what is published.
const (
	typeCircle = "application/circles+xml"
	typeParty  = "application/multiparty+xml"
	typeUser   = "application/user+xml"
)

// proveCircles does USR SHA: the ticket of the address book, byte for byte. Escargot closes nothing and has another number.
func (n *session) proveCircles(cmd wire.Command) {
	s := n.conn.srv
	ticket, err := base64.StdEncoding.DecodeString(decoded(cmd.Args, 2))
	if err != nil || !strings.EqualFold(cmd.Args[1], "A") || string(ticket) != s.circleTicket(n.account) {
		if s.quirks.LooseProof {
			n.conn.reply(cmd, "911")
		} else {
			n.conn.fail(cmd, 935)
		}
		return
	}
	n.circleProof = true
	n.conn.reply(cmd, "USR", "OK", n.account.passport, "0", "0")
}

// useCircles does ADL of circles: after the contacts and USR SHA only, and for those one belongs to.
func (n *session) useCircles(cmd wire.Command, doc listDocument) {
	s := n.conn.srv
	var offenders []listed
	for _, item := range doc.items {
		c := s.circles[item.address]
		bits := msn.List(item.bits)
		good := n.listed && n.circleProof && c != nil && item.domain == strings.TrimPrefix(circleDomain, "@") &&
			slices.Contains(s.circlesOf(n.account), c) && bits != 0 && bits&^(msn.ForwardList|msn.AllowList|msn.BlockList) == 0
		if !good {
			offenders = append(offenders, item)
		}
	}
	if len(offenders) > 0 {
		n.refuseList(cmd, 933, offenders)
		return
	}
	n.conn.reply(cmd, "ADL", "OK")
	for _, item := range doc.items {
		n.circleLists[item.address] = msn.List(item.bits)
		if n.circleLists[item.address]&msn.BlockList != 0 {
			s.leaveCircle(n, item.address)
			continue
		}
		n.notify("PUT", notice{from: circleAddress(item.address), uri: "/circle", full: true, media: typeCircle})
		if n.dialect.documents && !n.inCircles[item.address] { // asks the client to join (core.md 13.2)
			n.notify("PUT", notice{from: n.address() + viaCircle(item.address), uri: "/user", sync: true, media: typeUser})
		}
	}
}

// dropCircle does RML of a circle.
func (n *session) dropCircle(id string, bits msn.List) {
	n.circleLists[id] &^= bits
	if n.circleLists[id]&(msn.ForwardList|msn.AllowList) == 0 {
		delete(n.circleLists, id)
		n.conn.srv.leaveCircle(n, id)
	}
}

func circleAddress(id string) string { return "9:" + id + circleDomain }

// circleID is the id in the address of a circle or group.
func circleID(a wire.Address) string {
	return strings.TrimSuffix(strings.ToLower(a.Account), circleDomain)
}

// mayEnter tells whether a session may take part in a circle: member still, and told by ADL without blocking it.
func (n *session) mayEnter(id string) bool {
	s := n.conn.srv
	lists := n.circleLists[id]
	return lists != 0 && lists&msn.BlockList == 0 && s.circles[id] != nil && slices.Contains(s.circlesOf(n.account), s.circles[id])
}

// circleDocument is <circle> as clients publish it.
type circleDocument struct {
	XMLName xml.Name `xml:"circle"`
	Rosters []struct {
		ID    string   `xml:"id"`
		Users []string `xml:"user>id"`
	} `xml:"roster"`
	Props []struct {
		Name string `xml:"presence>Data>MFN"`
	} `xml:"props"`
}

// maxDocument bounds what is published.
const maxDocument = 16 << 10

// parseDocument reads XML from a client strictly.
func parseDocument(body []byte, into any) bool {
	return len(body) <= maxDocument && utf8.Valid(body) && xml.Unmarshal(body, into) == nil
}

// publishCircle does PUT to a circle: entering it, or saying what it is called.
func (n *session) publishCircle(cmd wire.Command, e *wire.Envelope) {
	s, id := n.conn.srv, circleID(e.To())
	var doc circleDocument
	if !n.listed || !n.mayEnter(id) || !sameMedia(e, typeCircle) || !parseDocument(e.Body, &doc) {
		n.conn.fail(cmd, 201)
		return
	}
	entering := false
	for _, roster := range doc.Rosters {
		for _, user := range roster.Users {
			if !n.is(wire.ParseAddress(user)) {
				n.conn.fail(cmd, 201)
				return
			}
			entering = true
		}
	}
	n.published(cmd)
	if len(doc.Props) > 0 && doc.Props[0].Name != "" && s.circles[id].admin(n.account.passport) {
		s.circles[id].name = doc.Props[0].Name
		s.circleChanged(s.circles[id])
	}
	if entering {
		s.enterCircle(n, id)
	}
}

// admin tells whether somebody may change a circle.
func (c *circle) admin(passport string) bool {
	return slices.ContainsFunc(c.members, func(m *circleMember) bool {
		return m.passport == passport && (m.role == int(msn.RoleAdmin) || m.role == int(msn.RoleAssistant))
	})
}

func sameMedia(e *wire.Envelope, media string) bool {
	got, _, _ := strings.Cut(e.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(got), media)
}

// is tells whether an address is this session's account.
func (n *session) is(a wire.Address) bool {
	return a.Network == n.account.network && strings.EqualFold(a.Account, n.account.passport)
}

// circleSessions are those who take part in a circle, members in their order.
func (s *Server) circleSessions(id string) []*session {
	var all []*session
	if c := s.circles[id]; c != nil {
		for _, m := range c.members {
			if a := s.accounts[m.passport]; a != nil {
				for _, n := range a.sessions {
					if n.inCircles[id] {
						all = append(all, n)
					}
				}
			}
		}
	}
	return all
}

// circleRoster is the document of who takes part.
func circleRoster(all []*session) string {
	var b strings.Builder
	b.WriteString("<circle><roster><id>IM</id>")
	var told []*account
	for _, n := range all {
		if !slices.Contains(told, n.account) {
			told = append(told, n.account)
			b.WriteString("<user><id>" + itoa(n.account.network) + ":" + markup.Replace(n.account.passport) + "</id></user>")
		}
	}
	b.WriteString("</roster></circle>")
	return b.String()
}

func circleProps(c *circle) string {
	return `<circle><props><presence dtype="xml"><Data><UTL></UTL><MFN>` + markup.Replace(c.name) +
		`</MFN><PSM></PSM><CurrentMedia></CurrentMedia></Data></presence></props></circle>`
}

// enterCircle makes a session take part: everybody gets the whole roster, and all see each other.
func (s *Server) enterCircle(n *session, id string) {
	n.inCircles[id] = true
	from := circleAddress(id)
	n.notify("PUT", notice{from: from, uri: "/circle", full: true, media: typeCircle, body: circleProps(s.circles[id])})
	all := s.circleSessions(id)
	for _, m := range all {
		m.notify("PUT", notice{from: from, uri: "/circle", media: typeCircle, body: circleRoster(all)})
	}
	for _, m := range all {
		s.showInCircle(n, m.account, id, false)
		s.showInCircle(m, n.account, id, false)
	}
}

// leaveCircle ends a session's part. The others hear of it when it was the account's last one.
func (s *Server) leaveCircle(n *session, id string) {
	if !n.inCircles[id] {
		return
	}
	delete(n.inCircles, id)
	rest := s.circleSessions(id)
	for key := range n.shown {
		if strings.HasSuffix(key, viaCircle(id)) {
			delete(n.shown, key)
		}
	}
	if slices.ContainsFunc(rest, func(m *session) bool { return m.account == n.account }) {
		return
	}
	uri := rosterURI(n.account)
	for _, m := range rest {
		s.showInCircle(m, n.account, id, false)
		m.notify("DEL", notice{from: circleAddress(id), uri: uri, number: 2, media: typeCircle})
	}
}

// rosterURI names somebody in a roster.
func rosterURI(a *account) string {
	return "/circle/roster(IM)/user(" + itoa(a.network) + ":" + a.passport + ")"
}

// leaveCircles ends a session's part in all circles and groups.
func (s *Server) leaveCircles(n *session) {
	for id := range n.inCircles {
		s.leaveCircle(n, id)
	}
	for id, g := range s.parties {
		g.leave(n)
		if len(g.people) == 0 && len(n.account.sessions) <= 1 && slices.Contains(g.invited, n.account) {
			delete(s.parties, id) // was made and never entered
		}
	}
}

// circleChanged tells those who take part in a circle that it was changed by a web service: who is not a member any more
// takes part no more, and the name may be new.
func (s *Server) circleChanged(c *circle) {
	for passport, a := range s.accounts {
		for _, n := range a.sessions {
			if n.inCircles[c.id] && !n.mayEnter(c.id) {
				n.notify("DEL", notice{from: circleAddress(c.id), uri: rosterURI(s.accounts[passport]), number: 2, media: typeCircle})
				s.leaveCircle(n, c.id)
			}
		}
	}
	for _, n := range s.circleSessions(c.id) {
		n.notify("PUT", notice{from: circleAddress(c.id), uri: "/circle", full: true, media: typeCircle, body: circleProps(c)})
	}
}

// viaCircle is how members are named in presence lines, behind their address.
func viaCircle(id string) string { return ";via=" + circleAddress(id) }

// showInCircle brings what a session sees of a member up to date: members see each other whatever their lists say, but for
// those who hide.
func (s *Server) showInCircle(n *session, a *account, id string, changed bool) {
	if n.account == a || n.conn.over {
		return
	}
	key := a.passport + viaCircle(id)
	in := slices.ContainsFunc(a.sessions, func(m *session) bool { return m.inCircles[id] })
	was, is := n.shown[key], in && n.inCircles[id] && a.shownStatus() != ""
	via := circleAddress(id)
	switch {
	case is && (!was || changed):
		n.shown[key] = true
		if n.dialect.documents {
			n.notifyUser("PUT", a, via, !was, n.userDocument(a))
			return
		}
		n.conn.push("NLN", n.presenceLine(a, via)...)
		if !was {
			n.showMemberMessage(a, via)
		}
	case was && !is:
		delete(n.shown, key)
		if n.dialect.documents {
			n.notifyUser("DEL", a, via, false, goneDocument(a))
		} else {
			n.conn.push("FLN", n.offlineLine(a, via)...)
		}
	}
}

// showMemberMessage is UBX of a member of a circle.
func (n *session) showMemberMessage(a *account, via string) {
	if payload := n.personalDocument(a); len(payload) > 0 {
		n.conn.send(wire.Command{Name: "UBX", Args: n.addressArgs(a, via), Payload: payload})
	}
}

// eachCircle goes through the sessions that take part in the same circles as an account.
func (s *Server) eachCircle(a *account, do func(n *session, id string)) {
	seen := map[string]bool{}
	for _, m := range a.sessions {
		for id := range m.inCircles {
			if seen[id] {
				continue
			}
			seen[id] = true
			for _, n := range s.circleSessions(id) {
				if n.account != a {
					do(n, id)
				}
			}
		}
	}
}

func (s *Server) presenceInCircles(a *account, changed bool) {
	s.eachCircle(a, func(n *session, id string) { s.showInCircle(n, a, id, changed) })
}

func (s *Server) personalInCircles(a *account) {
	s.eachCircle(a, func(n *session, id string) {
		switch {
		case !n.shown[a.passport+viaCircle(id)]:
		case n.dialect.documents:
			s.showInCircle(n, a, id, true)
		default:
			n.showMemberMessage(a, circleAddress(id))
		}
	})
}
