package msn

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

const (
	// maxContacts and maxGroups bound what a server can make us keep.
	maxContacts = 10000
	maxGroups   = 1000
)

// roster is what the server has told of the contact list. The reader writes it, everybody reads it.
type roster struct {
	mu       sync.Mutex
	name     string // own friendly name
	privacy  Privacy
	contacts map[string]*entry
	groups   []Group
	last     string            // the contact of the latest LST line, which BPR lines without address follow
	pending  bool              // the dialect has the pending list
	told     map[string]string // names of people that came with a push, where the book has none
}

// entry is one contact with what was last heard of it; nil for nothing, as most of a list is offline.
type entry struct {
	contact  Contact
	presence *Presence
	personal *PersonalMessage
	invite   string // what somebody said who waits for a decision
	waiting  string // the id of their place on the pending list, where it has one
}

func newRoster() *roster {
	return &roster{contacts: make(map[string]*entry), privacy: AllowOthers}
}

// reset forgets everything, before a list is read.
func (r *roster) reset(d *dialect, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.name, r.privacy, r.groups, r.last, r.pending = name, AllowOthers, nil, "", d.pending
	clear(r.contacts)
}

// snapshot copies a contact so that nobody shares its parts.
func (e *entry) snapshot() Contact {
	c := e.contact
	c.Groups = slices.Clone(c.Groups)
	c.Phones = maps.Clone(c.Phones)
	return c
}

// at finds or makes the entry of a passport; nil if the list is full or the passport empty.
func (r *roster) at(passport string) *entry {
	if e := r.contacts[passport]; e != nil {
		return e
	}
	if passport == "" || len(r.contacts) >= maxContacts {
		return nil
	}
	e := &entry{contact: Contact{Passport: passport, FriendlyName: passport, NetworkID: 1}}
	r.contacts[passport] = e
	return e
}

// change is one step of the list's history, whatever the spelling that told it.
type change struct {
	kind     changeKind
	list     List
	passport string // lower case; "" where only the id is known
	id       string // contact id
	name     string // decoded; "" for unchanged
	groups   []string
	group    Group
	key      string // phone key
	value    string
	network  int
	nickname bool // the name is one that I gave
}

// changeKind tells the steps apart.
type changeKind uint8

const (
	noChange     changeKind = iota
	listLine                // LST: the contact as a whole; list holds all its bits
	serialLine              // LST of one list
	added                   // onto list, or into groups[0]
	removed                 // off list, or out of groups[0]
	renamed                 // a contact, or myself
	groupLine               // LSG
	groupAdded              // ADG
	groupRenamed            // REG
	groupRemoved            // RMG
	policy                  // BLP: value
	phone                   // BPR: key, value
	ownName                 // PRP MFN
)

// apply makes the step and tells what the world should hear of it.
func (r *roster) apply(me string, c change) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.passport == "" && c.id != "" {
		c.passport = r.withID(c.id)
	}
	switch c.kind {
	case listLine, serialLine:
		return r.line(c)
	case added:
		return r.add(c)
	case removed:
		return r.remove(c)
	case renamed:
		return r.rename(me, c)
	case groupLine, groupAdded, groupRenamed, groupRemoved:
		return r.regroup(c)
	case policy:
		if p := Privacy(c.value); p == AllowOthers || p == BlockOthers {
			r.privacy = p
		}
	case ownName:
		r.name = c.name
	case phone:
		return r.setPhone(c)
	}
	return nil
}

// withID finds the passport of a contact id, "" if there is none. It is asked for a change at a time.
func (r *roster) withID(id string) string {
	for passport, e := range r.contacts {
		if e.contact.ID == id {
			return passport
		}
	}
	return ""
}

// line takes one line of the burst.
func (r *roster) line(c change) []Event {
	e := r.at(c.passport)
	if e == nil {
		return nil
	}
	r.last = c.passport
	if c.kind == listLine {
		e.contact.Lists = c.list
	} else {
		e.contact.Lists |= c.list
	}
	r.describe(e, c)
	if len(c.groups) > 0 {
		e.contact.Groups = c.groups
	}
	return nil // everything is told at once when the burst is over
}

// describe takes over name, id and network.
func (r *roster) describe(e *entry, c change) {
	if c.name != "" {
		e.contact.FriendlyName = c.name
	}
	if c.id != "" {
		e.contact.ID = c.id
	}
	if c.network != 0 {
		e.contact.NetworkID = c.network
	}
}

func (r *roster) add(c change) []Event {
	e := r.at(c.passport)
	if e == nil {
		return nil
	}
	before := e.contact.Lists
	if c.list == ReverseList && r.pending && before&(ReverseList|PendingList|AllowList|BlockList) == 0 {
		c.list = PendingList // the server says RL of who is on PL from then on (core.md 7.1)
	}
	e.contact.Lists |= c.list
	if c.list == ForwardList || before == 0 || c.list == ReverseList && before&ForwardList == 0 {
		r.describe(e, c)
	}
	if c.nickname {
		e.contact.Nickname = c.name
	}
	for _, g := range c.groups {
		if !slices.Contains(e.contact.Groups, g) {
			e.contact.Groups = append(e.contact.Groups, g)
		}
	}
	events := []Event{ContactChanged{e.snapshot()}}
	news := c.list == ReverseList || c.list == PendingList
	if news && before&c.list == 0 && before&(AllowList|BlockList) == 0 {
		if before&(ReverseList|PendingList) == 0 { // not twice for RL and PL
			events = append(events, ContactRequest{e.contact.Passport, e.contact.FriendlyName, e.invite})
		}
	}
	return events
}

func (r *roster) remove(c change) []Event {
	e := r.contacts[c.passport]
	if e == nil {
		return nil
	}
	if len(c.groups) > 0 {
		e.contact.Groups = slices.DeleteFunc(e.contact.Groups, func(g string) bool { return g == c.groups[0] })
		return []Event{ContactChanged{e.snapshot()}}
	}
	e.contact.Lists &^= c.list
	if c.list == ReverseList { // who has me no more asks no more
		e.contact.Lists &^= PendingList
	}
	if c.list == ForwardList {
		e.contact.ID, e.contact.Groups, e.contact.Nickname = "", nil, ""
		e.presence, e.personal = nil, nil
	}
	if e.contact.Lists == 0 {
		delete(r.contacts, c.passport)
		return []Event{ContactRemoved{c.passport}}
	}
	return []Event{ContactChanged{e.snapshot()}}
}

func (r *roster) rename(me string, c change) []Event {
	if c.passport == me {
		r.name = c.name
		return nil
	}
	e := r.contacts[c.passport]
	if e == nil || c.name == "" && !c.nickname {
		return nil
	}
	if c.nickname {
		e.contact.Nickname = c.name
	}
	switch {
	case c.name != "":
		e.contact.FriendlyName = c.name
	case e.presence != nil && e.presence.FriendlyName != "":
		e.contact.FriendlyName = e.presence.FriendlyName
	default:
		e.contact.FriendlyName = cmp.Or(r.told[c.passport], c.passport)
	}
	return []Event{ContactChanged{e.snapshot()}}
}

func (r *roster) regroup(c change) []Event {
	at := slices.IndexFunc(r.groups, func(g Group) bool { return g.ID == c.group.ID })
	switch {
	case c.group.ID == "":
		return nil
	case c.kind == groupRemoved:
		if at < 0 {
			return nil
		}
		r.groups = slices.Delete(r.groups, at, at+1)
		for _, e := range r.contacts {
			e.contact.Groups = slices.DeleteFunc(e.contact.Groups, func(g string) bool { return g == c.group.ID })
		}
	case at >= 0:
		r.groups[at].Name = c.group.Name
	case len(r.groups) < maxGroups:
		r.groups = append(r.groups, c.group)
	}
	if c.kind == groupLine {
		return nil
	}
	return []Event{GroupsChanged{slices.Clone(r.groups)}}
}

func (r *roster) setPhone(c change) []Event {
	inBurst := c.passport == ""
	if inBurst {
		c.passport = r.last
	}
	e := r.contacts[c.passport]
	if e == nil || c.key == "" {
		return nil
	}
	was, had := e.contact.Phones[c.key]
	switch {
	case c.value == "" && !had, was == c.value && had:
		return nil // the blank form says that nothing is known
	case c.value == "":
		delete(e.contact.Phones, c.key)
	case len(e.contact.Phones) < len(phoneKeys):
		if e.contact.Phones == nil {
			e.contact.Phones = make(map[string]string, 2)
		}
		e.contact.Phones[c.key] = c.value
	}
	return []Event{ContactChanged{e.snapshot()}}
}

// all lists the contacts by passport.
func (r *roster) all() []Contact {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Contact, 0, len(r.contacts))
	for _, e := range r.contacts {
		list = append(list, e.snapshot())
	}
	slices.SortFunc(list, func(a, b Contact) int { return strings.Compare(a.Passport, b.Passport) })
	return list
}

// find gives one contact.
func (r *roster) find(passport string) (Contact, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.contacts[passport]; e != nil {
		return e.snapshot(), true
	}
	return Contact{}, false
}

// requests lists those who wait for a decision: the pending list, or, in dialects without one, the
// reverse list; less those already allowed or blocked (core.md 7.1). A server may leave somebody on the
// pending list after the decision (escargot.md 26), so the pending bit alone is not asked.
func (r *roster) requests() []Event {
	waiting := ReverseList
	if r.pendingList() {
		waiting = PendingList
	}
	var list []Event
	for _, c := range r.all() {
		if c.On(waiting) && c.Lists&(AllowList|BlockList) == 0 {
			list = append(list, ContactRequest{c.Passport, c.FriendlyName, r.inviteOf(c.Passport)})
		}
	}
	return list
}

// hasGroup tells whether there is a contact group.
func (r *roster) hasGroup(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.groups, func(g Group) bool { return g.ID == id })
}

// inviteOf is what somebody wrote who waits for a decision.
func (r *roster) inviteOf(passport string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.contacts[passport]; e != nil {
		return e.invite
	}
	return ""
}

// maxTold bounds the names that are kept of people who are on no list yet.
const maxTold = 1000

// hears keeps a name that the server told of somebody.
func (r *roster) hears(passport, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = make(map[string]string)
	}
	if name != "" && len(r.told) < maxTold {
		r.told[passport] = name
	}
}

// pendingID is the id of somebody's place on the pending list.
func (r *roster) pendingID(passport string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.contacts[passport]; e != nil {
		return e.waiting
	}
	return ""
}

func (r *roster) pendingList() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending
}

// setPresence keeps what was heard of a contact; of strangers nothing is kept.
func (r *roster) setPresence(passport string, p Presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contacts[passport]
	if e == nil {
		return
	}
	e.presence = &p
	if p.Status == Offline {
		e.presence, e.personal = nil, nil
	}
	if p.FriendlyName != "" && e.contact.Nickname == "" {
		e.contact.FriendlyName = p.FriendlyName
	}
}

// heard gives what is known of a contact's presence.
func (r *roster) heard(passport string) (Presence, PersonalMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	presence, personal := Presence{Status: Offline}, PersonalMessage{}
	if e := r.contacts[passport]; e != nil {
		if e.presence != nil {
			presence = *e.presence
		}
		if e.personal != nil {
			personal = *e.personal
		}
	}
	return presence, personal
}

// setPersonal keeps a personal message. It is false if it was the same before: from MSNP16 servers repeat it
// whenever anything about one of the contact's places changes.
func (r *roster) setPersonal(passport string, p PersonalMessage) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.contacts[passport]
	if e == nil {
		return true
	}
	same := e.personal != nil && reflect.DeepEqual(*e.personal, p)
	e.personal = &p
	return !same
}

func (r *roster) ownName() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name
}

// replace takes over a whole list and tells what differs from the one before.
func (r *roster) replace(l *listing) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []Event
	if l.name != "" {
		r.name = l.name
	}
	r.privacy = l.privacy
	if !slices.Equal(r.groups, l.groups) {
		r.groups = slices.Clone(l.groups)
		events = append(events, GroupsChanged{slices.Clone(r.groups)})
	}
	for passport := range r.contacts {
		if _, still := l.contacts[passport]; !still {
			delete(r.contacts, passport)
			events = append(events, ContactRemoved{passport})
		}
	}
	for _, passport := range slices.Sorted(maps.Keys(l.contacts)) {
		events = append(events, r.renew(l.contacts[passport], l.invites[passport])...)
		r.contacts[passport].waiting = l.pending[passport]
	}
	return events
}

// renew takes over one contact of a list. A name that presence has told is newer than the book's, except
// where I have named the contact myself.
func (r *roster) renew(c Contact, invite string) []Event {
	e := r.contacts[c.Passport]
	if e == nil {
		e = &entry{}
		r.contacts[c.Passport] = e
	}
	before := e.contact
	if told := r.told[c.Passport]; told != "" && c.FriendlyName == c.Passport {
		c.FriendlyName = told
	}
	if e.presence != nil && e.presence.FriendlyName != "" && c.Nickname == "" {
		c.FriendlyName = e.presence.FriendlyName
	}
	e.contact, e.invite = c, invite
	if !c.On(ForwardList) {
		e.presence, e.personal = nil, nil
	}
	var events []Event
	if !sameContact(before, c) {
		events = append(events, ContactChanged{e.snapshot()})
	}
	asks := c.On(PendingList) && c.Lists&(AllowList|BlockList) == 0
	if asks && !before.On(PendingList) {
		events = append(events, ContactRequest{c.Passport, c.FriendlyName, invite})
	}
	return events
}

func sameContact(a, b Contact) bool {
	return a.Passport == b.Passport && a.FriendlyName == b.FriendlyName && a.Lists == b.Lists && a.ID == b.ID &&
		a.Nickname == b.Nickname && a.NetworkID == b.NetworkID && slices.Equal(a.Groups, b.Groups) && maps.Equal(a.Phones, b.Phones)
}
