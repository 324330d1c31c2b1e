package msntest

import (
	"slices"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// groupKind is the groupType of all groups (services.md 8.1).
const groupKind = "c8529ce2-6ead-434d-881f-341e17db3ff8"

// abFindAll tells the whole book to MSNP13 to 16 (services.md 8.1).
func abFindAll(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	since := c.since("deltasOnly", "lastChange")
	w := c.begin(true)
	w.raw("<groups>")
	c.told(w, "group/", c.s.groupItems(c.visitor.account), since)
	w.raw("</groups><contacts>")
	c.told(w, "plain/", c.s.contactItems(c.visitor.account, false), since)
	w.raw("</contacts>")
	c.bookEnd("ab")
	return c.finish(true)
}

// ownBook refuses other books than the caller's own.
func (c *call) ownBook(id string) *fault {
	if id != "" && id != personalID {
		return refusal("ABDoesNotExist", "Address Book Does Not Exist")
	}
	return nil
}

// abFindPaged tells the whole book, or a circle's, to MSNP18 and later (services.md 8.2). There is one page.
func abFindPaged(c *call) *fault {
	if id := c.do.get("abHandle/ABId"); id != "" && id != personalID {
		return c.findCircle(id)
	}
	a, s := c.visitor.account, c.s
	since := c.since("filterOptions/DeltasOnly", "filterOptions/LastChanged")
	w := c.begin(true)
	w.raw("<Groups>")
	c.told(w, "group/", s.groupItems(a), since)
	w.raw("</Groups><Contacts>")
	c.told(w, "contact/", s.contactItems(a, true), since)
	if c.do.yes("filterOptions/ContactFilter/IncludeHiddenContacts") {
		c.told(w, "hidden/", s.hiddenItems(a), since)
	}
	w.raw("</Contacts>")
	c.circleResult(since)
	c.bookEnd("Ab")
	return c.finish(true)
}

// bookEnd writes what is said of the book itself.
func (c *call) bookEnd(name string) {
	a := c.visitor.account
	c.out.open(name).leaf("abId", personalID).raw("<abInfo>").leaves("ownerPuid", "0", "OwnerCID", a.cid(), "ownerEmail", a.passport,
		"fDefault", "true", "joinedNamespace", "false", "IsBot", "false", "IsParentManaged", "false", "SubscribeExternalPartner", "false",
		"NotifyExternalPartner", "false", "AddressBookType", "Individual").raw("</abInfo>").
		leaves("lastChange", bookTime(c.latest()), "DynamicItemLastChanged", noTime, "createDate", bookTime(a.settingsAt), "propertiesChanged", "").
		end(name)
}

// groupItems are the groups.
func (s *Server) groupItems(a *account) []bookItem {
	var all []bookItem
	for _, g := range a.groups {
		id, name, favorite := g.guid, g.name, g.favorite
		all = append(all, bookItem{"group/" + id, func(w *answer, changed time.Time, deleted bool) {
			w.raw("<Group>").leaf("groupId", id).raw("<groupInfo>")
			writeNotes(w, "annotations", "MSN.IM.Display", "1")
			w.leaves("groupType", groupKind, "name", name, "IsNotMobileVisible", "false", "IsPrivate", "false", "IsFavorite", word(favorite)).
				raw("</groupInfo>").leaves("propertiesChanged", "", "fDeleted", word(deleted), "lastChange", bookTime(changed)).raw("</Group>")
		}})
	}
	return all
}

// contactItems are Me and the contacts. networks says whether to tell of their networks (MSNP18+); with them they are items of another
// kind, so that changes are told apart for who asks for the one and who asks for the other.
func (s *Server) contactItems(a *account, networks bool) []bookItem {
	kind := "plain/"
	if networks {
		kind = "contact/"
	}
	all := []bookItem{{kind + "Me", func(w *answer, changed time.Time, deleted bool) { s.writeMe(w, a, changed) }}}
	for _, p := range a.people() {
		id, name, network, groups := s.contactID(a, p.passport), p.passport, p.network(s), p.groups(a)
		all = append(all, bookItem{kind + id, func(w *answer, changed time.Time, deleted bool) {
			w.raw("<Contact>").leaf("contactId", id).raw("<contactInfo>")
			if deleted {
				w.leaf("contactType", "Regular").leaf("passportName", name)
			} else {
				s.writePerson(w, a, p, network, groups, networks)
			}
			endContact(w, changed, deleted)
		}})
	}
	return all
}

func endContact(w *answer, changed time.Time, deleted bool) {
	w.raw("</contactInfo>").leaves("propertiesChanged", "", "fDeleted", word(deleted), "lastChange", bookTime(changed)).raw("</Contact>")
}

// meNotes are the annotations of Me that are settings: what they are and how the account has them.
func (a *account) meNotes() []string {
	pick := func(one bool) string {
		if one {
			return "1"
		}
		return "2"
	}
	notes := map[string]string{
		"MSN.IM.BLP": pick(a.privacy == msn.AllowOthers), "MSN.IM.GTC": pick(a.prompt == "A"), "MSN.IM.MBEA": "0", "MSN.IM.MPOP": "1",
		"MSN.IM.RoamLiveProperties": "1",
	}
	for name, value := range a.web.notes {
		notes[name] = value
	}
	return sortedPairs(notes)
}

func sortedPairs(m map[string]string) []string {
	var names, pairs []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		pairs = append(pairs, name, m[name])
	}
	return pairs
}

// writeMe writes the contact that stands for oneself.
func (s *Server) writeMe(w *answer, a *account, changed time.Time) {
	id := guidOf("me", a.passport)
	if s.quirks.LooseBook {
		id = accountID(a.passport)
	}
	w.raw("<Contact>").leaf("contactId", id).raw("<contactInfo>")
	writeNotes(w, "annotations", a.meNotes()...)
	w.leaves("contactType", "Me", "quickName", a.name, "passportName", a.passport, "IsPassportNameHidden", "false", "displayName", a.name,
		"puid", "0", "CID", a.cid(), "IsNotMobileVisible", "false", "isMobileIMEnabled", "false", "isMessengerUser", "false",
		"isFavorite", "false", "isSmtp", "false", "hasSpace", "false", "spotWatchState", "NoDevice", "birthdate", noTime,
		"primaryEmailType", "ContactEmailPersonal", "PrimaryLocation", "ContactLocationPersonal", "PrimaryPhone", "ContactPhonePersonal",
		"IsPrivate", "false", "Gender", "Unspecified", "TimeZone", "None")
	endContact(w, changed, false)
}

// contactKind is the contactType: Live for those who have the owner on their list too.
func (s *Server) contactKind(a *account, p person, network int) string {
	switch {
	case s.quirks.LooseBook || network != msn.NetworkMSN || p.entry == nil:
		return "Regular"
	case p.entry.lists&msn.ReverseList != 0:
		return "Live"
	}
	return "LivePending"
}

// writePerson writes the inside of contactInfo.
func (s *Server) writePerson(w *answer, a *account, p person, network int, groups []*group, networks bool) {
	book := p.book
	if book == nil {
		book = &bookContact{}
	}
	name, cid, passport := p.passport, "0", p.writeParts(w, book, network)
	if other := s.accounts[p.passport]; other != nil {
		name = other.name
		if network == msn.NetworkMSN {
			cid = other.cid()
		}
	}
	notes := sortedPairs(book.notes)
	if nickname := p.nickname(); nickname != "" {
		notes = append([]string{"AB.NickName", nickname}, notes...)
	}
	if len(notes) > 0 {
		writeNotes(w, "annotations", notes...)
	}
	if len(groups) > 0 {
		w.raw("<groupIds>")
		for _, g := range groups {
			w.leaf("guid", g.guid)
		}
		w.raw("</groupIds>")
	}
	kind := s.contactKind(a, p, network)
	w.leaf("contactType", kind)
	writeFields(w, book, "quickName", name, "firstName", "", "MiddleName", "", "lastName", "", "Suffix", "", "NameTitle", "")
	w.leaves("passportName", passport, "IsPassportNameHidden", "false", "displayName", name, "puid", "0", "CID", cid)
	writeFields(w, book, "comment", "")
	w.leaves("isMobileIMEnabled", "false", "isMessengerUser", word(p.entry != nil))
	writeFields(w, book, "isFavorite", word(slices.ContainsFunc(groups, func(g *group) bool { return g.favorite })))
	w.leaves("isSmtp", "false")
	writeFields(w, book, "hasSpace", "false", "birthdate", noTime, "primaryEmailType", "ContactEmailPersonal")
	w.leaves("PrimaryLocation", "ContactLocationPersonal", "PrimaryPhone", "ContactPhonePersonal", "IsPrivate", "false")
	writeFields(w, book, "Anniversary", "")
	w.leaves("Gender", "Unspecified", "TimeZone", "None")
	if networks && network == msn.NetworkMSN && p.entry != nil {
		state := "3"
		if kind == "LivePending" {
			state = "1"
		}
		w.raw("<NetworkInfoList>")
		writeNetwork(w, "", name, "3", state, "0", "", "", "")
		w.raw("</NetworkInfoList>")
	}
}

// writeParts writes emails, phones and the like, and returns the passport: people of other networks have none, but an address
// among those.
func (p person) writeParts(w *answer, book *bookContact, network int) (passport string) {
	parts := func(element, part string, more ...bookPart) {
		writeParts(w, element, part, append(more, book.parts[element]...))
	}
	var email, phone []bookPart
	switch {
	case isTelephone(p.passport):
		phone = []bookPart{{[]string{
			"contactPhoneType", "ContactPhoneMobile", "number", p.passport[len("tel:"):], "isMessengerEnabled", "true", "propertiesChanged", "",
		}}}
	case network != msn.NetworkMSN:
		email = []bookPart{{[]string{
			"contactEmailType", emailTypes[network], "email", p.passport, "isMessengerEnabled", "true", "Capability", itoa(network),
			"MessengerEnabledExternally", "false", "propertiesChanged", "",
		}}}
	default:
		passport = p.passport
	}
	parts("emails", "ContactEmail", email...)
	parts("phones", "ContactPhone", phone...)
	parts("locations", "ContactLocation")
	parts("webSites", "ContactWebSite")
	return passport
}

// emailTypes are how the addresses of other networks are kept.
var emailTypes = map[int]string{2: "Messenger3", 32: "Messenger2"}

// nickname is the own name for a contact.
func (p person) nickname() string {
	if p.entry != nil {
		return p.entry.name
	}
	if p.book != nil {
		return p.book.fields[nicknameField]
	}
	return ""
}

// nicknameField is where the nickname of somebody is kept who is in the book alone; of others it is the entry's name.
const nicknameField = "AB.NickName"

// writeFields writes elements: as the book has them, else by default, and not at all if that is "".
func writeFields(w *answer, book *bookContact, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		value, there := book.fields[pairs[i]]
		if !there {
			value = pairs[i+1]
		}
		if value != "" {
			w.leaf(pairs[i], value)
		}
	}
}

func writeParts(w *answer, element, part string, all []bookPart) {
	if len(all) == 0 {
		return
	}
	w.open(element)
	for _, p := range all {
		w.open(part).leaves(p.leaves...).end(part)
	}
	w.end(element)
}

// writeNetwork writes NetworkInfo. tag is the circle's id, "" for none.
func writeNetwork(w *answer, tag, name, kind, state, role, inviter, inviterName, message string) {
	if tag == "" {
		tag = "$null"
	}
	w.raw("<NetworkInfo>").leaves("DomainId", "1", "DomainTag", tag, "DisplayName", name, "RelationshipType", kind, "RelationshipState", state,
		"RelationshipStateDate", noTime, "RelationshipRole", role, "NDRCount", "0")
	if inviter != "" {
		w.leaves("InviterMessage", message, "InviterCID", "0", "InviterName", inviterName, "InviterEmail", inviter)
	}
	w.leaves("CreateDate", noTime, "LastChanged", noTime, "PropertiesChanged", "", "SourceId", "WL").raw("</NetworkInfo>")
}

// hiddenItems are what is no contact of the owner's making: those who ask, and what stands for circles.
func (s *Server) hiddenItems(a *account) []bookItem {
	var all []bookItem
	if !s.quirks.LooseBook {
		for _, e := range a.askers() {
			id, passport, name, note := s.contactID(a, e.passport), e.passport, s.nameFor(e), a.web.asked[e.passport]
			all = append(all, bookItem{"hidden/" + id, func(w *answer, changed time.Time, deleted bool) {
				w.raw("<Contact>").leaf("contactId", id).raw("<contactInfo>").leaves("contactType", "LivePending", "passportName", passport,
					"displayName", name, "isMessengerUser", "false", "IsHidden", "true").raw("<NetworkInfoList>")
				writeNetwork(w, "", name, "3", "1", "0", passport, name, note)
				w.raw("</NetworkInfoList>")
				endContact(w, changed, deleted)
			}})
		}
	}
	return append(all, s.circleContacts(a)...)
}

// abFindByContacts tells of some contacts.
func abFindByContacts(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	var wanted []string
	for _, id := range c.do.texts("contactIds") {
		p, there := c.s.personByID(c.visitor.account, id)
		if !there {
			return refusal("ContactDoesNotExist", "Contact Does Not Exist")
		}
		wanted = append(wanted, "contact/"+c.s.contactID(c.visitor.account, p.passport))
		if len(wanted) > maxMembers {
			return refusal("RequestLimitReached", "Too many contacts")
		}
	}
	w := c.begin(true).raw("<contacts>")
	for _, item := range c.s.contactItems(c.visitor.account, true) {
		if slices.Contains(wanted, item.key) {
			item.write(w, c.s.now(), false)
		}
	}
	w.raw("</contacts>")
	c.bookEnd("ab")
	return c.finish(true)
}
