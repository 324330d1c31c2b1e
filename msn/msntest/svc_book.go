package msntest

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// bookContact is what the book has of somebody beside the lists; alone says that it is on no FL, but in the book.
type bookContact struct {
	passport string
	network  int
	alone    bool
	groups   []*group          // if alone
	fields   map[string]string // elements of contactInfo
	parts    map[string][]bookPart
	notes    map[string]string // annotations, but for the nickname
}

// bookPart is one of a contact's emails, phones, locations or webSites: leaf elements of which the type is the first.
type bookPart struct{ leaves []string }

func (p bookPart) kind() string { return p.leaves[1] }

// Bounds of what an address book keeps, far above what a client needs.
const (
	maxNotes     = 64   // annotations of one contact
	maxBookText  = 1024 // bytes of a value
	maxParts     = 32   // emails, phones ... of one contact
	maxRevisions = 20000
)

// clip makes a text fit.
func clip(s string) string {
	if len(s) > maxBookText {
		s = s[:maxBookText]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// bookOf finds what the book has of somebody; begin says whether to begin a record.
func (a *account) bookOf(passport string, begin bool) *bookContact {
	b := a.web.contacts[passport]
	if b == nil && begin {
		b = &bookContact{passport: passport, fields: map[string]string{}, parts: map[string][]bookPart{}, notes: map[string]string{}}
		if a.web.contacts == nil {
			a.web.contacts = map[string]*bookContact{}
		}
		a.web.contacts[passport] = b
	}
	return b
}

// person is a contact of the book, on FL or alone.
type person struct {
	passport string
	entry    *entry       // nil if alone
	book     *bookContact // nil if there is nothing to know
}

func (p person) network(s *Server) int {
	if p.book != nil && p.book.network != 0 {
		return p.book.network
	}
	if p.entry != nil && p.entry.network != 0 {
		return p.entry.network
	}
	return s.networkOf(p.passport)
}

func (p person) groups(a *account) []*group {
	groups := []*group(nil)
	switch {
	case p.entry != nil:
		groups = p.entry.groups
	case p.book != nil:
		groups = p.book.groups
	}
	return slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return !slices.Contains(a.groups, g) })
}

// people are the contacts of a book in the order of their coming, those who are there alone last.
func (a *account) people() []person {
	var all []person
	for _, e := range a.order {
		if e.lists&msn.ForwardList != 0 {
			all = append(all, person{e.passport, e, a.web.contacts[e.passport]})
		}
	}
	var alone []person
	for passport, b := range a.web.contacts {
		if b.alone && !a.on(passport, msn.ForwardList) {
			alone = append(alone, person{passport, nil, b})
		}
	}
	slices.SortFunc(alone, func(x, y person) int { return strings.Compare(x.passport, y.passport) })
	return append(all, alone...)
}

// contactID is the id of a contact in a book.
func (s *Server) contactID(a *account, passport string) string {
	if s.quirks.LooseBook {
		return accountID(passport)
	}
	return guidOf("contact", a.passport, passport)
}

// personByID finds a contact by its id.
func (s *Server) personByID(a *account, id string) (person, bool) {
	id = strings.ToLower(strings.TrimSpace(id))
	for _, p := range a.people() {
		if s.contactID(a, p.passport) == id {
			return p, true
		}
	}
	return person{}, false
}

// askers are those on PL, who are in no book yet.
func (a *account) askers() []*entry {
	var all []*entry
	for _, e := range a.order {
		if e.lists&msn.PendingList != 0 && e.lists&msn.ForwardList == 0 {
			all = append(all, e)
		}
	}
	return all
}

// bookItem is a contact, group or member. write puts it down with the time of its last change.
type bookItem struct {
	key   string
	write func(w *answer, changed time.Time, deleted bool)
}

// bookRevision is the last version of an item.
type bookRevision struct {
	item    bookItem
	sum     uint64
	changed time.Time
	gone    bool
}

var bookSeed = maphash.MakeSeed()

// revise notes which items of a kind have changed since it was asked last: lists change in many ways, and nobody has to say
// so this way. Later changes have later times, whatever the clock says.
func (a *account) revise(now time.Time, kind string, items []bookItem) {
	w := &a.web
	if w.versions == nil {
		w.versions = map[string]*bookRevision{}
	}
	now = now.Truncate(time.Millisecond)
	if !now.After(w.revised) {
		now = w.revised.Add(time.Millisecond)
	}
	there, changed := map[string]bool{}, false
	var scratch answer
	for _, item := range items {
		scratch.b.Reset()
		item.write(&scratch, time.Time{}, false)
		sum := maphash.Bytes(bookSeed, scratch.bytes())
		there[item.key] = true
		if last := w.versions[item.key]; last != nil && !last.gone && last.sum == sum {
			last.item = item
			continue
		}
		w.versions[item.key] = &bookRevision{item: item, sum: sum, changed: now}
		changed = true
	}
	for key, v := range w.versions {
		if strings.HasPrefix(key, kind) && !v.gone && !there[key] {
			v.gone, v.changed, changed = true, now, true
		}
	}
	if changed {
		w.revised = now
	}
	if len(w.versions) > maxRevisions {
		w.forgot = now
		for key, v := range w.versions {
			if v.gone {
				delete(w.versions, key)
			}
		}
	}
}

// told writes the items of a kind: all, or those that have changed since, with those that are gone.
func (c *call) told(w *answer, kind string, items []bookItem, since time.Time) {
	a := c.visitor.account
	if c.s.quirks.LooseBook {
		for _, item := range items {
			item.write(w, c.s.now(), false)
		}
		return
	}
	a.revise(c.s.now(), kind, items)
	for _, item := range items {
		if v := a.web.versions[item.key]; since.IsZero() || v.changed.After(since) {
			item.write(w, v.changed, false)
		}
	}
	if since.IsZero() {
		return
	}
	var gone []string
	for key, v := range a.web.versions {
		if strings.HasPrefix(key, kind) && v.gone && v.changed.After(since) && !a.became(key) {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	for _, key := range gone {
		v := a.web.versions[key]
		v.item.write(w, v.changed, true)
	}
}

// became tells whether an item that is gone as what it was is a contact now: somebody who asked and was accepted.
func (a *account) became(key string) bool {
	_, id, _ := strings.Cut(key, "/")
	now := a.web.versions["contact/"+id]
	return now != nil && !now.gone
}

// latest is when the last change was that has been told.
func (c *call) latest() time.Time {
	if c.s.quirks.LooseBook || c.visitor.account.web.revised.IsZero() {
		return c.s.now()
	}
	return c.visitor.account.web.revised
}

// since is the time from which a delta is wanted, zero if all is.
func (c *call) since(deltas, last string) time.Time {
	if !c.do.yes(deltas) {
		return time.Time{}
	}
	return parseTime(c.do.get(last))
}
