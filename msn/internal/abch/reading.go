package abch

import (
	"context"
	"fmt"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// AddressBook is what a book holds.
type AddressBook struct {
	Groups   []Group
	Contacts []Contact // without Me, and without those that are deleted
	// Me is the record of the owner; in the book of a circle it stands for the circle. nil if there is none.
	Me      *Contact
	Owner   Owner
	Circles []CircleInfo
	// CircleTicket is the text that admits to the circles, exactly as it is to be sent on.
	CircleTicket string
	// LastChange is the service's own word for the time.
	LastChange string
	// Duplicates is how many entries were left out because the same one had come before.
	Duplicates int
}

// Group is a group of contacts.
type Group struct{ ID, Name string }

// Owner is whose book it is.
type Owner struct {
	Email string
	CID   string // decimal
}

// CircleInfo is a circle that the owner belongs to or is invited to.
type CircleInfo struct {
	ID   string // in lower case, without @live.com
	Name string
	// Role is the owner's: Admin, AssistantAdmin, Member, StatePendingOutbound (invited).
	Role string
	// State is the owner's: Accepted, WaitingResponse, ...
	State             string
	HostedDomain      string // live.com
	IsPresenceEnabled bool
	Deleted           bool
}

// Hidden is the entry that stands for a circle, nil if there is none: answers to an invitation are addressed
// to it, and it says who invited.
func (a *AddressBook) Hidden(circleID string) *Contact {
	for i := range a.Contacts {
		if c := &a.Contacts[i]; c.Circle() && c.CircleID() == lower(circleID) {
			return c
		}
	}
	return nil
}

// FindAll reads the whole book with ABFindAll (MSNP13 to 16).
func (b *Book) FindAll(ctx context.Context, scenario string) (*AddressBook, error) {
	return b.readBook(ctx, request{
		action: "ABFindAll", scenario: scenario,
		body: func(w *soap.Writer) {
			w.Element("abId", personal).Element("abView", "Full").Element("deltasOnly", "false").Element("lastChange", zeroTime)
		},
	})
}

// FindContactsPaged reads the whole book with ABFindContactsPaged (MSNP18 and later); with the id of a circle
// that circle's, which has its members.
func (b *Book) FindContactsPaged(ctx context.Context, scenario, circleID string) (*AddressBook, error) {
	return b.readBook(ctx, request{
		action: "ABFindContactsPaged", scenario: scenario,
		body: func(w *soap.Writer) {
			w.Open("filterOptions").Element("DeltasOnly", "false").Open("ContactFilter")
			w.Element("IncludeHiddenContacts", "true").Element("IncludeShellContacts", "true")
			w.Close("ContactFilter").Close("filterOptions").Element("abView", "MessengerClient8")
			if circleID == "" {
				w.Element("extendedContent", "AB AllGroups CircleResult")
				return
			}
			w.Element("extendedContent", "AB")
			handle(w, circleID)
		},
	})
}

// handle says which book is meant; nothing says one's own.
func handle(w *soap.Writer, circleID string) {
	if circleID != "" {
		w.Open("abHandle").Element("ABId", circleID).Element("Puid", "0").Element("Cid", "0").Close("abHandle")
	}
}

func (b *Book) readBook(ctx context.Context, r request) (*AddressBook, error) {
	var reading *bookReading
	r.read = func(d *soap.Decoder) error {
		reading = &bookReading{ids: make(map[string]bool), addresses: make(map[addressKey]bool), groups: make(map[string]bool)}
		return d.Each(func(name string) error {
			if !strings.EqualFold(name, r.action+"Result") {
				return nil
			}
			reading.result = true
			return d.Each(func(name string) error { return reading.part(d, lower(name)) })
		})
	}
	switch err := b.fetch(ctx, r); {
	case err != nil:
		return nil, err
	case reading == nil || !reading.result:
		return nil, fmt.Errorf("%s: %w: it has no result", r.action, errOddAnswer)
	}
	return &reading.book, nil
}

// addressKey tells two contacts of a book apart: somebody may be both a contact of the messenger and an entry
// that is none of its business.
type addressKey struct {
	network   int
	address   string
	messenger bool
}

// bookReading is an answer being read.
type bookReading struct {
	book      AddressBook
	result    bool
	total     int // contacts, with those left out
	ids       map[string]bool
	addresses map[addressKey]bool
	groups    map[string]bool
	groupsIn  int
}

// part takes one element of the result.
func (r *bookReading) part(d *soap.Decoder, name string) error {
	switch name {
	case "groups":
		return d.Each(func(string) error { return r.group(d) })
	case "contacts":
		return d.Each(func(string) error { return r.contact(d) })
	case "circleresult":
		return r.circles(d)
	case "ab":
		return d.Each(func(name string) error {
			switch lower(name) {
			case "lastchange":
				return d.Into(&r.book.LastChange)
			case "abinfo":
				return d.Each(func(name string) error {
					switch lower(name) {
					case "owneremail":
						return d.Into(&r.book.Owner.Email)
					case "ownercid":
						return d.Into(&r.book.Owner.CID)
					}
					return nil
				})
			}
			return nil
		})
	}
	return nil
}

func (r *bookReading) group(d *soap.Decoder) error {
	if r.groupsIn++; r.groupsIn > maxGroups {
		return fmt.Errorf("%w: more than %d groups", ErrTooMany, maxGroups)
	}
	var g Group
	var deleted bool
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "groupid":
			return d.Into(&g.ID)
		case "fdeleted":
			return d.Flag(&deleted)
		case "groupinfo":
			return d.Each(func(name string) error {
				if lower(name) == "name" {
					return d.Into(&g.Name)
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil || deleted || g.ID == "":
	case r.groups[lower(g.ID)]:
		r.book.Duplicates++
	default:
		r.groups[lower(g.ID)] = true
		r.book.Groups = append(r.book.Groups, g)
	}
	return err
}

func (r *bookReading) contact(d *soap.Decoder) error {
	if r.total++; r.total > maxContacts {
		return fmt.Errorf("%w: more than %d contacts", ErrTooMany, maxContacts)
	}
	var c contactReading
	if err := c.read(d); err != nil {
		return err
	}
	switch {
	case c.deleted || c.ID == "" && c.Passport == "":
	case c.Type == TypeMe:
		if r.book.Me != nil {
			r.book.Duplicates++
			break
		}
		r.book.Me = &c.Contact
	case r.twice(&c.Contact):
		r.book.Duplicates++
	default:
		r.book.Contacts = append(r.book.Contacts, c.Contact)
	}
	return nil
}

// twice tells whether a contact was there before, and notes that it was now.
func (r *bookReading) twice(c *Contact) bool {
	id, address := lower(c.ID), addressKey{c.Network, lower(c.Passport), c.IsMessengerUser}
	if id != "" && r.ids[id] || address.address != "" && r.addresses[address] {
		return true
	}
	if id != "" {
		r.ids[id] = true
	}
	if address.address != "" {
		r.addresses[address] = true
	}
	return false
}

func (r *bookReading) circles(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		switch lower(name) {
		case "circleticket":
			return d.Into(&r.book.CircleTicket)
		case "circles":
			return d.Each(func(string) error {
				if len(r.book.Circles) >= maxGroups {
					return fmt.Errorf("%w: more than %d circles", ErrTooMany, maxGroups)
				}
				c, err := readCircle(d)
				if c.ID != "" {
					r.book.Circles = append(r.book.Circles, c)
				}
				return err
			})
		}
		return nil
	})
}

// readCircle reads a CircleInverseInfo.
func readCircle(d *soap.Decoder) (c CircleInfo, err error) {
	var own string // what the owner's own half of it calls the circle
	err = d.Each(func(name string) error {
		switch lower(name) {
		case "deleted":
			return d.Flag(&c.Deleted)
		case "content":
			return d.Each(func(name string) error { return c.content(d, lower(name)) })
		case "personalinfo":
			return d.Each(func(name string) error {
				switch lower(name) {
				case "name":
					return d.Into(&own)
				case "membershipinfo":
					return d.Each(func(string) error { return c.membership(d) })
				}
				return nil
			})
		}
		return nil
	})
	if c.Name == "" {
		c.Name = own
	}
	c.ID = strings.TrimSuffix(lower(c.ID), circleDomain)
	return c, err
}

func (c *CircleInfo) content(d *soap.Decoder, name string) error {
	switch name {
	case "handle":
		return d.Each(func(name string) error {
			if lower(name) == "id" {
				return d.Into(&c.ID)
			}
			return nil
		})
	case "info":
		return d.Each(func(name string) error {
			switch lower(name) {
			case "displayname":
				return d.Into(&c.Name)
			case "hosteddomain":
				return d.Into(&c.HostedDomain)
			case "ispresenceenabled":
				return d.Flag(&c.IsPresenceEnabled)
			}
			return nil
		})
	}
	return nil
}

func (c *CircleInfo) membership(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		switch lower(name) {
		case "role":
			return d.Into(&c.Role)
		case "state":
			return d.Into(&c.State)
		}
		return nil
	})
}
