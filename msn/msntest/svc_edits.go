package msntest

import (
	"maps"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
)

// newContact is what a request wants to add.
type newContact struct {
	passport  string
	network   int
	messenger bool // wants to be on FL
	nickname  string
	invite    string // what is told to them
}

// contactFrom reads contactInfo.
func contactFrom(info *node) newContact {
	n := newContact{passport: strings.ToLower(info.get("passportName")), network: msn.NetworkMSN, messenger: true}
	if flag := info.get("isMessengerUser"); flag != "" {
		n.messenger = info.yes("isMessengerUser")
	}
	n.nickname = clip(info.annotations("annotations")["AB.NickName"])
	n.invite = clip(info.annotations("MessengerMemberInfo/PendingAnnotations")["MSN.IM.InviteMessage"])
	if n.passport != "" {
		return n
	}
	for _, e := range info.list("emails", "ContactEmail") {
		if address := strings.ToLower(e.get("email")); address != "" && n.passport == "" {
			n.passport, n.messenger = address, e.yes("isMessengerEnabled")
			for network, kind := range emailTypes {
				if e.get("contactEmailType") == kind {
					n.network = network
				}
			}
		}
	}
	for _, p := range info.list("phones", "ContactPhone") {
		if number := p.get("number"); number != "" && n.passport == "" {
			n.passport, n.network, n.messenger = phoneAddress(number), msn.NetworkPhone, p.yes("isMessengerEnabled")
		}
	}
	return n
}

// checkContact says why somebody cannot be added, if so.
func (c *call) checkContact(n newContact) *fault {
	other := c.s.accounts[n.passport]
	switch {
	case n.network == msn.NetworkPhone:
		if !telephone.MatchString(n.passport) {
			return refusal("BadArgument", "This is no telephone number")
		}
	case !validPassport(n.passport):
		return refusal("BadEmailArgument", "This is no address")
	case !n.messenger && !c.s.quirks.LooseBook:
	case other == nil:
		return refusal("InvalidPassportUser", "There is no such user")
	case n.network == msn.NetworkMSN && other.network != msn.NetworkMSN:
		return refusal("EmailDomainIsFederated", "The address belongs to another network")
	case n.network != other.network:
		return refusal("InvalidPassportUser", "There is no such user in that network")
	}
	return nil
}

// addPerson puts somebody into the book, and on FL if that is wanted. It returns the contact's id, also with the refusal of
// somebody who is there.
func (c *call) addPerson(n newContact) (id string, f *fault) {
	a, s := c.visitor.account, c.s
	if f := c.checkContact(n); f != nil {
		return "", f
	}
	id = s.contactID(a, n.passport)
	known := a.bookOf(n.passport, false)
	there := a.on(n.passport, msn.ForwardList) || known != nil && known.alone && !n.messenger
	switch {
	case there && s.quirks.LooseBook:
		return id, nil
	case there:
		f := refusal("ContactAlreadyExists", "Contact Already Exists")
		f.extra = "<conflictObjectId>" + id + "</conflictObjectId>"
		return id, f
	case len(a.web.contacts) >= 4*s.quirks.ForwardLimit:
		return "", refusal("RequestLimitReached", "The address book is full")
	}
	if n.messenger {
		return id, c.putForward(n)
	}
	b := a.bookOf(n.passport, true)
	b.alone, b.network = true, n.network
	if n.nickname != "" {
		b.fields[nicknameField] = n.nickname
	}
	return id, nil
}

// putForward puts somebody on FL; the message to them goes along.
func (c *call) putForward(n newContact) *fault {
	a, s := c.visitor.account, c.s
	var groups []*group
	if b := a.bookOf(n.passport, false); b != nil && b.alone {
		groups = b.groups
		if n.nickname == "" {
			n.nickname = b.fields[nicknameField]
		}
		b.alone, b.groups = false, nil
		delete(b.fields, nicknameField)
	}
	if other := s.accounts[n.passport]; other != nil && !s.quirks.LooseBook && !other.on(a.passport, msn.ReverseList) {
		if other.web.asked == nil {
			other.web.asked = map[string]string{}
		}
		other.web.asked[a.passport] = n.invite
	}
	switch code := s.onList(a, n.passport, msn.ForwardList, n.nickname); code {
	case 0, 215:
	case 210:
		return refusal("RequestLimitReached", "The address book is full")
	default:
		return refusal("InvalidPassportUser", "There is no such user")
	}
	if e := a.entries[n.passport]; len(groups) > 0 {
		e.groups = groups
	}
	if n.network != msn.NetworkMSN && s.accounts[n.passport] == nil {
		a.entries[n.passport].network = n.network
	}
	return nil
}

// abContactAdd does ABContactAdd (services.md 8.5).
func abContactAdd(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	contacts := c.do.list("contacts", "Contact")
	if len(contacts) != 1 {
		return refusal("BadArgument", "One contact can be added at a time")
	}
	info := contacts[0].kid("contactInfo")
	n := contactFrom(info)
	id, f := c.addPerson(n)
	if f != nil {
		return f
	}
	c.keepDetails(n.passport, info, everyProperty)
	if n.messenger && c.do.yes("options/EnableAllowListManagement") {
		c.allow(n.passport)
	}
	c.edited()
	return c.result("guid", id)
}

// allow puts somebody on AL who is not blocked, as adding does at Microsoft.
func (c *call) allow(passport string) {
	if a := c.visitor.account; !c.s.quirks.LooseBook && !a.on(passport, msn.BlockList|msn.AllowList) {
		_ = c.s.onList(a, passport, msn.AllowList, "") // somebody on FL can be on AL
	}
}

// Properties of contacts that can be changed, by the words of propertiesChanged, and where they are.
var (
	fieldProperties = map[string]string{
		"ContactFirstName": "firstName", "ContactLastName": "lastName", "MiddleName": "MiddleName", "ContactQuickName": "quickName",
		"ContactBirthDate": "birthdate", "Anniversary": "Anniversary", "Comment": "comment", "HasSpace": "hasSpace",
		"IsFavorite": "isFavorite", "ContactPrimaryEmailType": "primaryEmailType",
	}
	partProperties = map[string][]string{ // with the type, and what else there may be
		"ContactEmail": {"emails", "contactEmailType", "email", "isMessengerEnabled", "Capability", "MessengerEnabledExternally"},
		"ContactPhone": {"phones", "contactPhoneType", "number", "isMessengerEnabled"},
		"ContactLocation": {
			"locations", "contactLocationType", "name", "street", "city", "state", "country", "postalCode", "Department",
		},
		"ContactWebSite": {"webSites", "contactWebSiteType", "webURL"},
	}
	everyProperty = append(append(slices.Sorted(maps.Keys(fieldProperties)), slices.Sorted(maps.Keys(partProperties))...), "Annotation")
)

// keepDetails takes over what the book alone knows of somebody: the named properties, as far as they are given.
func (c *call) keepDetails(passport string, info *node, properties []string) {
	a := c.visitor.account
	for _, property := range properties {
		switch field, parts := fieldProperties[property], partProperties[property]; {
		case field != "" && info.has(field):
			a.bookOf(passport, true).fields[field] = clip(info.get(field))
		case parts != nil && info.has(parts[0]):
			c.keepParts(passport, info.list(parts[0], property), parts)
		case property == "Annotation":
			c.keepNotes(passport, info.annotations("annotations"))
		}
	}
}

// keepParts takes over e-mail addresses and the like: one of each type. What the contact's own address is made of is no detail.
func (c *call) keepParts(passport string, given []*node, names []string) {
	b := c.visitor.account.bookOf(passport, true)
	for _, g := range given {
		part := bookPart{[]string{names[1], clip(g.get(names[1]))}}
		own := false
		for _, name := range names[2:] {
			if g.has(name) {
				value := clip(g.get(name))
				part.leaves = append(part.leaves, name, value)
				own = own || strings.EqualFold(value, passport) || strings.EqualFold(phoneAddress(value), passport)
			}
		}
		b.parts[names[0]] = slices.DeleteFunc(b.parts[names[0]], func(p bookPart) bool { return p.kind() == part.kind() })
		if len(part.leaves) > 2 && !own && len(b.parts[names[0]]) < maxParts {
			b.parts[names[0]] = append(b.parts[names[0]], part)
		}
	}
}

// keepNotes takes over annotations; the nickname is the name that the lists have.
func (c *call) keepNotes(passport string, notes map[string]string) {
	a := c.visitor.account
	for name, value := range notes {
		name, value = clip(name), clip(value)
		if name == "AB.NickName" {
			if e := a.entries[passport]; e != nil && e.lists&msn.ForwardList != 0 {
				e.name = value
			} else {
				a.bookOf(passport, true).fields[nicknameField] = value
			}
			continue
		}
		setNote(a.bookOf(passport, true).notes, name, value)
	}
}

// setNote keeps one annotation; one without value is none.
func setNote(notes map[string]string, name, value string) {
	switch _, known := notes[name]; {
	case value == "":
		delete(notes, name)
	case known || len(notes) < maxNotes:
		notes[name] = value
	}
}

// forget takes somebody out of the book.
func (c *call) forget(p person) {
	a := c.visitor.account
	delete(a.web.contacts, p.passport)
	if p.entry != nil {
		_ = c.s.offList(a, p.passport, msn.ForwardList) // is there
	}
}

// abContactDelete does ABContactDelete.
func abContactDelete(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	contacts := c.do.list("contacts", "Contact")
	var people []person
	for _, one := range contacts {
		p, there := c.s.personByID(c.visitor.account, one.get("contactId"))
		if !there || len(people) > maxMembers {
			return refusal("ContactDoesNotExist", "Contact Does Not Exist")
		}
		people = append(people, p)
	}
	if len(people) == 0 {
		return refusal("ContactDoesNotExist", "No contact")
	}
	for _, p := range people {
		c.forget(p)
	}
	c.edited()
	return c.done()
}

// deleteContact does DeleteContact.
func deleteContact(c *call) *fault {
	p, there := c.s.personByID(c.visitor.account, c.do.get("contactId"))
	if !there {
		return refusal("ContactDoesNotExist", "Contact Does Not Exist")
	}
	c.forget(p)
	c.edited()
	return c.done()
}

// abContactUpdate does ABContactUpdate for Me and for others (services.md 8.7).
func abContactUpdate(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	for _, one := range c.do.list("contacts", "Contact") {
		properties := strings.Fields(one.get("propertiesChanged"))
		if len(properties) == 0 {
			if c.s.quirks.LooseBook {
				return &fault{bare: true}
			}
			return refusal("BadArgument", "Nothing is said to change")
		}
		info := one.kid("contactInfo")
		if info.get("contactType") == "Me" {
			c.updateMe(info, properties)
			continue
		}
		p, there := c.s.personByID(c.visitor.account, one.get("contactId"))
		if !there {
			return refusal("ContactDoesNotExist", "Contact Does Not Exist")
		}
		if f := c.updatePerson(p, info, properties); f != nil {
			return f
		}
	}
	c.edited()
	return c.done()
}

// updateMe changes the own record: name and settings.
func (c *call) updateMe(info *node, properties []string) {
	a, s := c.visitor.account, c.s
	if name := info.get("displayName"); slices.Contains(properties, "DisplayName") && name != "" && !a.unverified && !s.quirks.LooseBook {
		a.name = clip(name)
		s.nameChanged(a)
	}
	if !slices.Contains(properties, "Annotation") {
		return
	}
	a.settingsAt = s.now()
	for name, value := range info.annotations("annotations") {
		switch {
		case name == "MSN.IM.BLP":
			a.privacy = msn.AllowOthers
			if value == "2" {
				a.privacy = msn.BlockOthers
			}
			s.presenceOf(a, false)
		case name == "MSN.IM.GTC":
			a.prompt = "A"
			if value == "2" {
				a.prompt = "N"
			}
		default:
			if a.web.notes == nil {
				a.web.notes = map[string]string{}
			}
			setNote(a.web.notes, clip(name), clip(value))
		}
	}
}

// updatePerson changes what the book has of somebody, and whether the messenger has them.
func (c *call) updatePerson(p person, info *node, properties []string) *fault {
	a := c.visitor.account
	c.keepDetails(p.passport, info, properties)
	if !slices.Contains(properties, "IsMessengerUser") {
		return nil
	}
	switch wanted := info.yes("isMessengerUser"); {
	case wanted && p.entry == nil:
		n := contactFrom(info)
		n.passport, n.network, n.messenger = p.passport, p.network(c.s), true
		if f := c.checkContact(n); f != nil {
			return f
		}
		return c.putForward(n)
	case !wanted && p.entry != nil:
		b := a.bookOf(p.passport, true)
		b.alone, b.network, b.groups = true, p.network(c.s), p.groups(a)
		if p.entry.name != "" {
			b.fields[nicknameField] = p.entry.name
		}
		_ = c.s.offList(a, p.passport, msn.ForwardList) // is there
	}
	return nil
}
