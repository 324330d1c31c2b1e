package msntest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// maxMembers is how many members one request may name.
const maxMembers = 1000

// findMembership tells who is on AL, BL, RL and PL (services.md 7.1).
func findMembership(c *call) *fault {
	a, s := c.visitor.account, c.s
	since := c.since("deltasOnly", "lastChange")
	var members answer
	for _, role := range roleNames {
		items := s.members(a, role)
		var inside answer
		c.told(&inside, "member/"+role+"/", items, since)
		if inside.b.Len() == 0 && !since.IsZero() {
			continue
		}
		members.raw("<Membership>").leaf("MemberRole", role).raw("<Members>").raw(inside.b.String()).raw("</Members>").
			leaf("MembershipIsComplete", word(since.IsZero())).raw("</Membership>")
	}
	w := c.begin(true)
	w.raw("<Services>")
	if members.b.Len() > 0 && wantsMessenger(c.do) {
		w.raw("<Service><Memberships>", members.b.String(), "</Memberships><Info><Handle>").
			leaves("Id", "1", "Type", "Messenger", "ForeignId", "").raw("</Handle>").
			leaves("InverseRequired", "false", "AuthorizationCriteria", "Everyone", "IsBot", "false").
			raw("</Info><Changes></Changes>").leaves("LastChange", bookTime(c.latest()), "Deleted", "false").raw("</Service>")
	}
	w.raw("</Services><OwnerNamespace><Info><Handle>").
		leaves("Id", personalID, "IsPassportNameHidden", "false", "CID", "0").raw("</Handle>").
		leaves("CreatorPuid", "0", "CreatorCID", a.cid(), "CreatorPassportName", a.passport).
		raw("<CircleAttributes>").leaves("IsPresenceEnabled", "false", "Domain", "WindowsLive").raw("</CircleAttributes>").
		leaf("MessengerApplicationServiceCreated", "false").raw("</Info><Changes></Changes>").
		leaves("CreateDate", bookTime(a.settingsAt), "LastChange", bookTime(c.latest())).raw("</OwnerNamespace>")
	return c.finish(true)
}

// wantsMessenger tells whether a filter lets the one service through that there is.
func wantsMessenger(do *node) bool {
	types := do.texts("serviceFilter/Types")
	return len(types) == 0 || slices.Contains(types, "Messenger")
}

// members are those who have a role.
func (s *Server) members(a *account, role string) []bookItem {
	list, loose := roleLists[role], s.quirks.LooseBook
	var all []bookItem
	for _, e := range a.order {
		undecided := e.lists&msn.PendingList != 0
		hidden := list != msn.PendingList && undecided || list == msn.PendingList && e.lists&msn.ForwardList != 0
		if e.lists&list == 0 || loose && hidden {
			continue
		}
		passport, name, key := e.passport, s.nameFor(e), "member/"+role+"/"+e.passport
		note := a.web.asked[passport]
		network := person{passport, e, nil}.network(s)
		all = append(all, bookItem{key, func(w *answer, changed time.Time, deleted bool) {
			s.writeMember(w, a, role, passport, network, name, note, changed, deleted)
		}})
	}
	if role == "Block" {
		for _, c := range s.circlesByID() {
			if m := c.member(a.passport); m != nil && m.blocked {
				id, name := c.id, c.name
				all = append(all, bookItem{"member/Block/" + id, func(w *answer, changed time.Time, deleted bool) {
					s.writeMember(w, a, role, id, msn.NetworkCircle, name, "", changed, deleted)
				}})
			}
		}
	}
	return all
}

// memberID is the MembershipId: a number, or at Escargot role and account.
func (s *Server) memberID(a *account, role, address string) string {
	if s.quirks.LooseBook {
		return role + "/" + accountID(address)
	}
	key := role + "/" + address
	if a.web.numbers == nil {
		a.web.numbers = map[string]int{}
	}
	if a.web.numbers[key] == 0 {
		a.web.lastNumber++
		a.web.numbers[key] = a.web.lastNumber
	}
	return strconv.Itoa(a.web.numbers[key])
}

// memberKinds are xsi:type, Type and the element of the address by network; everything else is e-mail.
var memberKinds = map[int][3]string{
	msn.NetworkMSN: {"PassportMember", "Passport", "PassportName"}, msn.NetworkPhone: {"PhoneMember", "Phone", "PhoneNumber"},
	msn.NetworkCircle: {"CircleMember", "Circle", "CircleId"},
}

var emailKind = [3]string{"EmailMember", "Email", "Email"}

// writeMember writes <Member>.
func (s *Server) writeMember(w *answer, a *account, role, address string, network int, name, invite string, changed time.Time, deleted bool) {
	kind, known := memberKinds[network]
	if !known {
		kind = emailKind
	}
	state := "Accepted"
	if role == "Pending" && !s.quirks.LooseBook {
		state = "Pending"
	}
	w.open("Member", "xsi:type", kind[0]).leaves("MembershipId", s.memberID(a, role, address), "Type", kind[1], "DisplayName", name, "State", state)
	if !known {
		writeNotes(w, "Annotations", "MSN.IM.BuddyType", pad2(network)+":")
	} else if invite != "" && role == "Pending" {
		writeNotes(w, "Annotations", "MSN.IM.InviteMessage", invite)
	}
	w.leaves("Deleted", word(deleted), "LastChanged", bookTime(changed), "JoinedDate", bookTime(a.settingsAt), "ExpirationDate", noTime, "Changes", "")
	w.leaf(kind[2], address)
	if network == msn.NetworkMSN {
		cid := "0"
		if other := s.accounts[address]; other != nil {
			cid = other.cid()
		}
		w.leaves("IsPassportNameHidden", "false", "PassportId", "0", "CID", cid, "PassportChanges", "", "LookedupByCID", "false")
	}
	w.end("Member")
}

func pad2(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// writeNotes writes annotations: name, value, name, value.
func writeNotes(w *answer, element string, pairs ...string) {
	w.open(element)
	for i := 0; i+1 < len(pairs); i += 2 {
		w.raw("<Annotation>").leaves("Name", pairs[i], "Value", pairs[i+1]).raw("</Annotation>")
	}
	w.end(element)
}

// memberAddress is the address that a <Member> names, "" for none; the kind of address tells the network.
func memberAddress(m *node) string {
	for _, name := range []string{"PassportName", "Email", "CircleId"} {
		if address := m.get(name); address != "" {
			return strings.ToLower(address)
		}
	}
	if number := m.get("PhoneNumber"); number != "" {
		return phoneAddress(number)
	}
	return ""
}

// phoneAddress is the address of a telephone.
func phoneAddress(number string) string {
	number = strings.ToLower(strings.TrimSpace(number))
	if !strings.HasPrefix(number, "tel:") {
		number = "tel:" + number
	}
	return number
}

// memberships goes through what a request names. The first refusal ends it.
func (c *call) memberships(do func(role string, m *node) *fault) *fault {
	n := 0
	for _, membership := range c.do.list("memberships", "Membership") {
		role := membership.get("MemberRole")
		for _, m := range membership.list("Members", "Member") {
			if n++; n > maxMembers {
				return refusal("RequestLimitReached", "Too many members")
			}
			if f := do(role, m); f != nil {
				return f
			}
		}
	}
	if n == 0 {
		return refusal("BadArgument", "No members")
	}
	return nil
}

// otherService tells of requests about another service than the messenger: those for the roaming profile are taken and do
// nothing.
func (c *call) otherService() bool {
	kind := c.do.get("serviceHandle/Type")
	return kind != "" && kind != "Messenger"
}

// addMember does AddMember.
func addMember(c *call) *fault {
	if c.otherService() {
		return c.done()
	}
	f := c.memberships(func(role string, m *node) *fault {
		list, address := roleLists[role], memberAddress(m)
		if circle := c.s.circles[address]; circle != nil && m.has("CircleId") {
			return c.blockCircle(circle, role, true)
		}
		if list == 0 || list == msn.PendingList {
			return refusal("BadArgument", "Nobody can be put in the role "+clip(role))
		}
		return c.memberFault(c.s.onList(c.visitor.account, address, list, ""))
	})
	if f != nil {
		return f
	}
	c.edited()
	return c.done()
}

// memberFault is what an error number of the lists means here. Escargot passes over most (services.md 7.2).
func (c *call) memberFault(code int) *fault {
	switch {
	case code == 0:
		return nil
	case code == 208 || code == 232 || code == 201 && !c.s.quirks.LooseBook:
		return refusal("UserDoesNotExist", "There is no such user")
	case c.s.quirks.LooseBook:
		return nil
	case code == 215:
		return refusal("MemberAlreadyExists", "Member already exists")
	case code == 216:
		return refusal("MemberDoesNotExist", "Member does not exist")
	case code == 219:
		return refusal("BadArgument", "The member has the role Allow or Block already and cannot have both")
	}
	return refusal("RequestLimitReached", "The list is full")
}

// deleteMember does DeleteMember: by MembershipId, or by address.
func deleteMember(c *call) *fault {
	if c.otherService() {
		return c.done()
	}
	f := c.memberships(func(role string, m *node) *fault {
		list, address := roleLists[role], memberAddress(m)
		if id := m.get("MembershipId"); id != "" {
			if found := c.memberByID(role, id); found != "" {
				address = found
			} else if address == "" {
				return c.memberFault(216)
			}
		}
		if circle := c.s.circles[address]; circle != nil {
			return c.blockCircle(circle, role, false)
		}
		switch {
		case list == 0:
			return refusal("BadArgument", "There is no role "+clip(role))
		case list == msn.ReverseList && c.s.quirks.LooseBook:
			return nil
		}
		f := c.memberFault(c.s.offList(c.visitor.account, address, list))
		if list == msn.PendingList {
			delete(c.visitor.account.web.asked, address)
		}
		delete(c.visitor.account.web.numbers, role+"/"+address)
		return f
	})
	if f != nil {
		return f
	}
	c.edited()
	return c.done()
}

// memberByID finds the address of a MembershipId, "" if there is none.
func (c *call) memberByID(role, id string) string {
	a := c.visitor.account
	for _, e := range a.order {
		if e.lists&roleLists[role] != 0 && c.s.memberID(a, role, e.passport) == id {
			return e.passport
		}
	}
	for _, circle := range c.s.circlesByID() {
		if m := circle.member(a.passport); m != nil && m.blocked && c.s.memberID(a, role, circle.id) == id {
			return circle.id
		}
	}
	return ""
}

// blockCircle puts a circle on the list of those that are blocked, or takes it off, which Escargot does not do.
func (c *call) blockCircle(circle *circle, role string, block bool) *fault {
	m := circle.member(c.visitor.account.passport)
	switch {
	case m == nil || role != "Block":
		return refusal("BadArgument", "A circle can only be blocked, and by its members")
	case !block && c.s.quirks.LooseBook:
		return nil
	case m.blocked == block && block:
		return c.memberFault(215)
	case m.blocked == block:
		return c.memberFault(216)
	}
	m.blocked = block
	return nil
}

// addService does AddService: what is asked for is there, or of no use here.
func addService(c *call) *fault {
	kind := c.do.get("serviceInfo/Handle/Type")
	if kind == "" {
		return refusal("BadArgument", "No service")
	}
	c.begin(true).leaves("Id", "1", "Type", clip(kind), "ForeignId", clip(c.do.get("serviceInfo/Handle/ForeignId")))
	return c.finish(true)
}
