package msntest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Circles (services.md 13): who belongs to them is the address book's to know. The notification server's part is in
// circlesession.go.

// States of somebody's relationship to a circle.
const (
	circleInvited  = 1
	circleGone     = 2
	circleAccepted = 3
	circleDeclined = 4
)

const (
	circlePrefix = "00000000-0000-0000-0009-"
	// maxCircles is how many circles one may make, maxCircleName how long a name may be.
	maxCircles    = 100
	maxCircleName = 200
)

// Circle is a group of accounts with a name, which exists from the start or is made by [Server.AddCircle].
type Circle struct {
	// ID is a GUID that begins with 00000000-0000-0000-0009-; empty means one that is made of the name.
	ID string
	// Name is what it is called. Owner is the address of an account, its administrator.
	Name, Owner string
	// Members have accepted, Invited have not answered yet: addresses of accounts.
	Members, Invited []string
}

// AddCircle makes a circle and returns its id. It fails if the name is empty, the id is none or taken, or somebody has no
// account. Those who are signed in are told.
func (s *Server) AddCircle(c Circle) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made, err := s.addCircle(c)
	if err != nil {
		return "", fmt.Errorf("circle %q: %w", c.Name, err)
	}
	s.circleMoved(made)
	s.changed()
	return made.id, nil
}

func (s *Server) addCircle(c Circle) (*circle, error) {
	id := strings.ToLower(c.ID)
	if id == "" {
		id = circlePrefix + guidOf("circle", c.Name, c.Owner)[24:]
	}
	switch {
	case c.Name == "" || len(c.Name) > maxCircleName:
		return nil, errors.New("no name, or too long a name")
	case !strings.HasPrefix(id, circlePrefix) || !guidShape.MatchString(id):
		return nil, fmt.Errorf("id %q: not a circle's", c.ID)
	case s.circles[id] != nil:
		return nil, errors.New("exists already")
	}
	made := &circle{id: id, name: c.Name, owner: strings.ToLower(c.Owner), created: s.now()}
	add := func(addresses []string, role msn.CircleRole, state int) error {
		for _, address := range addresses {
			address = strings.ToLower(address)
			if s.accounts[address] == nil {
				return fmt.Errorf("%s: no such account", address)
			}
			if made.member(address) == nil {
				m := made.add(address, s.now())
				m.role, m.state, m.inviter = int(role), state, made.owner
			}
		}
		return nil
	}
	if err := add([]string{c.Owner}, msn.RoleAdmin, circleAccepted); err != nil {
		return nil, err
	}
	if err := add(c.Members, msn.RoleMember, circleAccepted); err != nil {
		return nil, err
	}
	if err := add(c.Invited, msn.RoleInvited, circleInvited); err != nil {
		return nil, err
	}
	s.circles[id] = made
	return made, nil
}

// add makes a record of somebody.
func (c *circle) add(passport string, now time.Time) *circleMember {
	m := &circleMember{passport: passport, contactID: guidOf("member", c.id, passport), since: now}
	c.members = append(c.members, m)
	return m
}

// member is the record of somebody, nil if there is none.
func (c *circle) member(passport string) *circleMember {
	for _, m := range c.members {
		if m.passport == passport {
			return m
		}
	}
	return nil
}

// circlesByID are all circles in order.
func (s *Server) circlesByID() []*circle {
	all := make([]*circle, 0, len(s.circles))
	for _, c := range s.circles {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *circle) int { return strings.Compare(a.id, b.id) })
	return all
}

// circlesOf are the circles that an account belongs to.
func (s *Server) circlesOf(a *account) []*circle {
	var all []*circle
	for _, c := range s.circlesByID() {
		if m := c.member(a.passport); m != nil && m.state == circleAccepted {
			all = append(all, c)
		}
	}
	return all
}

// circleMoved notes that memberships have changed, and tells everybody whom it concerns, gone or not.
func (s *Server) circleMoved(c *circle) {
	for _, m := range c.members {
		if a := s.accounts[m.passport]; a != nil {
			a.web.circleAt = s.now()
			s.tellBookChanged(a, c.id)
		}
	}
	s.circleChanged(c)
}

// circleKey signs circle tickets. They are good as long as the program runs.
var circleKey = randomSecret()

// circleTicket is what admits to the circles, the same until they change (services.md 13.2).
func (s *Server) circleTicket(a *account) string {
	var inside answer
	inside.raw("<Ticket>")
	for _, c := range s.circlesOf(a) {
		inside.open("Circle", "Id", c.id, "HostedDomain", strings.TrimPrefix(circleDomain, "@")).end("Circle")
	}
	inside.leaves("TS", a.web.circleAt.UTC().Format(time.RFC3339Nano), "CID", a.cid()).raw("</Ticket>")
	mac := hmac.New(sha256.New, circleKey)
	mac.Write(inside.bytes())
	return `<?xml version="1.0" encoding="utf-16"?><SignedTicket xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema" ver="1" keyVer="1"><Data>` + base64.StdEncoding.EncodeToString(inside.bytes()) +
		`</Data><Sig>` + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + `</Sig></SignedTicket>`
}

// circleContactID is the id of the contact in somebody's own book that stands for a circle.
func (s *Server) circleContactID(a *account, c *circle) string {
	if s.quirks.LooseBook {
		return c.id
	}
	return guidOf("circle contact", a.passport, c.id)
}

// circleContacts are the hidden contacts that stand for circles.
func (s *Server) circleContacts(a *account) []bookItem {
	var all []bookItem
	for _, c := range s.circlesByID() {
		m := c.member(a.passport)
		if m == nil || m.state == 0 || s.quirks.LooseBook && m.state != circleAccepted && m.state != circleInvited {
			continue
		}
		id, inviter, inviterName := s.circleContactID(a, c), m.inviter, m.inviter
		if by := s.accounts[m.inviter]; by != nil {
			inviterName = by.name
		}
		circleID, name, state, role, text := c.id, c.name, itoa(m.state), itoa(m.role), m.inviteText
		all = append(all, bookItem{"hidden/" + id, func(w *answer, changed time.Time, deleted bool) {
			w.raw("<Contact>").leaf("contactId", id).raw("<contactInfo>").leaves("contactType", "Circle", "passportName", circleID+circleDomain,
				"displayName", name, "CID", "0", "isMessengerUser", "true").raw("<NetworkInfoList>")
			writeNetwork(w, circleID, name, relationCircle, state, role, inviter, inviterName, text)
			w.raw("</NetworkInfoList>").leaf("IsHidden", "true")
			endContact(w, changed, deleted)
		}})
	}
	return all
}

// roleWords are the roles as CircleInverseInfo tells them.
var roleWords = map[int]string{1: "Admin", 2: "AssistantAdmin", 3: "Member", 4: "StatePendingOutbound"}

// circleResult writes what is said of the circles, if that was asked for.
func (c *call) circleResult(since time.Time) {
	if !slices.Contains(strings.Fields(c.do.get("extendedContent")), "CircleResult") {
		return
	}
	a, s := c.visitor.account, c.s
	var items []bookItem
	for _, circle := range s.circlesByID() {
		m := circle.member(a.passport)
		if m == nil || m.state != circleAccepted && m.state != circleInvited {
			continue
		}
		id, name, role, state := circle.id, circle.name, roleWords[m.role], "Accepted"
		if m.state == circleInvited {
			state = "WaitingResponse"
		}
		items = append(items, bookItem{"circle/" + id, func(w *answer, _ time.Time, deleted bool) {
			writeInverse(w, id, name, role, state, deleted)
		}})
	}
	w := c.out.raw("<CircleResult><Circles>")
	c.told(w, "circle/", items, since)
	w.raw("</Circles>").leaf("CircleTicket", s.circleTicket(a)).raw("</CircleResult>")
}

func writeInverse(w *answer, id, name, role, state string, deleted bool) {
	w.raw("<CircleInverseInfo><Content><Handle>").leaf("Id", id).raw("</Handle><Info>").
		leaves("Domain", "1", "HostedDomain", strings.TrimPrefix(circleDomain, "@"), "Type", "2", "MembershipAccess", "0",
			"IsPresenceEnabled", "true", "RequestMembershipOption", "2", "DisplayName", name, "ProfileLastUpdated", noTime, "Changes", "",
			"CreateDate", noTime, "LastChanged", noTime).
		raw("</Info><Changes></Changes>").leaves("CreateDate", noTime, "LastChanged", noTime).
		raw("</Content><PersonalInfo><MembershipInfo><CirclePersonalMembership>").leaves("Role", role, "State", state).
		raw("</CirclePersonalMembership></MembershipInfo>").
		leaves("Name", name, "IsNotMobileVisible", "false", "IsFavorite", "false", "IsFamily", "false", "Changes", "").
		raw("</PersonalInfo>").leaf("Deleted", word(deleted)).raw("</CircleInverseInfo>")
}

// circleBook finds the circle of a book that the caller may read, nil if there is none.
func (c *call) circleBook(id string) (*circle, *circleMember) {
	circle := c.s.circles[strings.ToLower(id)]
	if circle == nil {
		return nil, nil
	}
	m := circle.member(c.visitor.account.passport)
	if m == nil || m.state != circleAccepted && m.state != circleInvited {
		return nil, nil
	}
	return circle, m
}

func noSuchBook() *fault { return refusal("ABDoesNotExist", "Address Book Does Not Exist") }

// findCircle tells the book of a circle: its members, and a Me that is the circle.
func (c *call) findCircle(id string) *fault {
	circle, _ := c.circleBook(id)
	if circle == nil {
		return noSuchBook()
	}
	s := c.s
	w := c.begin(true).raw("<Groups></Groups><Contacts>")
	w.raw("<Contact>").leaf("contactId", guidOf("circle itself", circle.id)).raw("<contactInfo>").leaves("contactType", "Me",
		"quickName", circle.name, "passportName", circle.id+circleDomain, "displayName", circle.name, "CID", "0", "isMessengerUser", "false")
	endContact(w, circle.created, false)
	for _, m := range circle.members {
		kind := map[int]string{circleAccepted: "Live", circleInvited: "LivePending"}[m.state]
		other := s.accounts[m.passport]
		if kind == "" || other == nil {
			continue
		}
		w.raw("<Contact>").leaf("contactId", c.memberContactID(m)).raw("<contactInfo>").leaves("contactType", kind, "quickName", other.name,
			"passportName", m.passport, "displayName", other.name, "CID", other.cid(), "isMessengerUser", "true").raw("<NetworkInfoList>")
		writeNetwork(w, circle.id, other.name, relationCircle, itoa(m.state), itoa(m.role), m.inviter, m.inviter, m.inviteText)
		w.raw("</NetworkInfoList>")
		endContact(w, m.since, false)
	}
	w.raw("</Contacts><Ab>").leaf("abId", circle.id).raw("<abInfo>").leaves("name", circle.name, "ownerPuid", "0", "OwnerCID", "0",
		"ownerEmail", circle.id+circleDomain, "fDefault", "true", "joinedNamespace", "false", "AddressBookType", "Group").raw("</abInfo>").
		leaves("lastChange", bookTime(s.now()), "DynamicItemLastChanged", noTime, "createDate", bookTime(circle.created), "propertiesChanged", "").
		raw("</Ab>")
	return c.finish(true)
}

// memberContactID is the id of a member in the circle's book.
func (c *call) memberContactID(m *circleMember) string {
	if c.s.quirks.LooseBook {
		return accountID(m.passport)
	}
	return m.contactID
}

// createCircle does CreateCircle.
func createCircle(c *call) *fault {
	a, s := c.visitor.account, c.s
	name := strings.ToValidUTF8(c.do.get("properties/DisplayName"), "\uFFFD")
	own := 0
	for _, circle := range s.circles {
		if circle.owner == a.passport {
			own++
		}
	}
	switch {
	case name == "" || len(name) > maxCircleName:
		return refusal("BadArgumentLength", "The name is too long, or there is none")
	case own >= maxCircles:
		return refusal("RequestLimitReached", "There are too many circles")
	}
	made, err := s.addCircle(Circle{ID: circlePrefix + randomHex(12), Name: name, Owner: a.passport})
	if err != nil {
		return refusal("BadArgument", "The circle cannot be made")
	}
	s.circleMoved(made)
	return c.result("Id", made.id)
}

// createMember does CreateContact in the book of a circle: somebody to be invited.
func (c *call) createMember(id, email string) *fault {
	circle, _ := c.circleBook(id)
	other := c.s.accounts[email]
	switch {
	case circle == nil:
		return noSuchBook()
	case !circle.admin(c.visitor.account.passport):
		return refusal("AccessDenied", "Only administrators invite")
	case other == nil || other.network != msn.NetworkMSN:
		return refusal("InvalidPassportUser", "There is no such user")
	}
	m := circle.member(email)
	if m == nil {
		m = circle.add(email, c.s.now())
	}
	c.memberResult(circle, m)
	return nil
}

// memberResult answers with somebody's record in a circle's book.
func (c *call) memberResult(circle *circle, m *circleMember) {
	kind, name := "LivePending", m.passport
	if m.state == circleAccepted {
		kind = "Live"
	}
	if other := c.s.accounts[m.passport]; other != nil {
		name = other.name
	}
	w := c.begin(true)
	w.leaf("contactId", c.memberContactID(m)).raw("<contactInfo>").leaves("contactType", kind, "quickName", name, "passportName", m.passport,
		"displayName", name, "isMessengerUser", "true").raw("<NetworkInfoList>")
	writeNetwork(w, circle.id, name, relationCircle, strconv.Itoa(m.state), strconv.Itoa(m.role), m.inviter, m.inviter, m.inviteText)
	w.raw("</NetworkInfoList></contactInfo>").leaves("propertiesChanged", "", "fDeleted", "false", "lastChange", bookTime(c.s.now()))
	c.finish(true)
}

// clientError is how troubles with connections are told, inside a result (services.md 8.9).
func (c *call) clientError(text string) *fault {
	c.begin(true).leaf("clientErrorData", text)
	return c.finish(true)
}

// inviteMember does ManageWLConnection in the book of a circle.
func (c *call) inviteMember(book, contactID string) *fault {
	a, s := c.visitor.account, c.s
	circle, _ := c.circleBook(book)
	if circle == nil {
		return noSuchBook()
	}
	if !circle.admin(a.passport) {
		return refusal("AccessDenied", "Only administrators invite")
	}
	i := slices.IndexFunc(circle.members, func(m *circleMember) bool { return strings.EqualFold(c.memberContactID(m), contactID) })
	if i < 0 {
		return refusal("ContactDoesNotExist", "Contact Does Not Exist")
	}
	m := circle.members[i]
	if m.state == circleAccepted || m.state == circleInvited {
		return c.clientError("User `" + m.passport + "` already invited to `" + circle.name + "`")
	}
	m.role, m.state, m.since, m.inviter = int(msn.RoleInvited), circleInvited, s.now(), a.passport
	m.inviteText = clip(c.do.annotations("annotations")["MSN.IM.InviteMessage"])
	s.circleMoved(circle)
	c.memberResult(circle, m)
	return nil
}

// answerCircle does ManageWLConnection in the own book, with the contact that stands for a circle.
func (c *call) answerCircle(contactID string, accept bool) *fault {
	a, s := c.visitor.account, c.s
	for _, circle := range s.circlesByID() {
		m := circle.member(a.passport)
		if m == nil || !strings.EqualFold(s.circleContactID(a, circle), contactID) {
			continue
		}
		switch {
		case m.state != circleInvited:
			return c.clientError("User `" + a.passport + "` is not invited to `" + circle.name + "`")
		case accept:
			m.role, m.state = int(msn.RoleMember), circleAccepted
		default:
			m.role, m.state = 0, circleDeclined
		}
		m.since = s.now()
		s.circleMoved(circle)
		c.begin(true).leaf("contactId", contactID)
		return c.finish(true)
	}
	return refusal("ContactDoesNotExist", "Contact Does Not Exist")
}

// leaveMember does BreakConnection in the book of a circle: with one's own id one leaves, with another's an administrator
// takes somebody out, which Escargot leaves to its web site.
func (c *call) leaveMember(book, contactID string) *fault {
	a, s := c.visitor.account, c.s
	circle, own := c.circleBook(book)
	if circle == nil {
		return noSuchBook()
	}
	i := slices.IndexFunc(circle.members, func(m *circleMember) bool { return strings.EqualFold(c.memberContactID(m), contactID) })
	if i < 0 {
		return refusal("ContactDoesNotExist", "Contact Does Not Exist")
	}
	m := circle.members[i]
	switch {
	case m.passport == circle.owner:
		return refusal("AccessDenied", "The owner cannot leave")
	case m != own && (s.quirks.LooseBook || !circle.admin(a.passport)):
		return refusal("AccessDenied", "Only administrators take others out")
	case m.state != circleAccepted && m.state != circleInvited:
		return refusal("ContactDoesNotExist", "Is in the circle no more")
	}
	m.role, m.state, m.since = 0, circleGone, s.now()
	s.circleMoved(circle)
	return c.done()
}
