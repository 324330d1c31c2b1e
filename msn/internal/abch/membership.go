package abch

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// The roles that matter to a messenger (services.md 7.1).
const (
	Allow   = "Allow"
	Block   = "Block"
	Reverse = "Reverse" // has me on the list
	Pending = "Pending" // waits for an answer
	Hide    = "Hide"    // does not see me online (MSNP21)
)

// The kinds of members that have an address.
const (
	PassportMember = "Passport"
	EmailMember    = "Email" // of another network
	PhoneMember    = "Phone"
	CircleMember   = "Circle"
)

// The networks of addresses (core.md 7.1).
const (
	networkMSN    = 1
	networkOCS    = 2
	networkPhone  = 4
	networkCircle = 9
	networkYahoo  = 32
)

const (
	// maxMembers bounds a list of memberships, all roles together, and maxContacts an address book.
	maxMembers  = 20000
	maxContacts = 20000
	maxGroups   = 2000

	circleDomain = "@live.com"
	tel          = "tel:"

	inviteMessage = "MSN.IM.InviteMessage"
	buddyType     = "MSN.IM.BuddyType"
)

// Member is somebody in a role.
type Member struct {
	Role string
	// Type is one of the kinds, or what the service says of one that has no address.
	Type string
	// Passport, Email, Phone (tel:+15550100) or CircleID (in lower case), as Type says.
	Passport, Email, Phone, CircleID string
	// Network is what Type and annotations say.
	Network int
	// MembershipID is opaque; DeleteMember of the Pending role wants it.
	MembershipID  string
	DisplayName   string // "" if the service does not tell
	State         string // Accepted or Pending
	InviteMessage string // what they wrote when they asked
	CID           string // decimal
	Deleted       bool   // was one, and is not any more
}

// NewMember is a member for an address of a network; the address of a phone may begin with tel:, the one of
// a circle end in @live.com.
func NewMember(network int, account string) Member {
	switch network {
	case networkPhone:
		return Member{Type: PhoneMember, Phone: phoneAddress(account), Network: network}
	case networkCircle:
		return Member{Type: CircleMember, CircleID: strings.ToLower(strings.TrimSuffix(account, circleDomain)), Network: network}
	case 0, networkMSN:
		return Member{Type: PassportMember, Passport: account, Network: networkMSN}
	}
	return Member{Type: EmailMember, Email: account, Network: network}
}

// Address is the address of a member in its network, "" if there is none.
func (m Member) Address() string {
	switch m.Type {
	case PassportMember:
		return m.Passport
	case EmailMember:
		return m.Email
	case PhoneMember:
		return m.Phone
	case CircleMember:
		if m.CircleID != "" {
			return m.CircleID + circleDomain
		}
	}
	return ""
}

// Memberships are all members of the messenger in all their roles.
type Memberships struct {
	Members []Member
	// LastChange is the service's own word for the time, to be sent back as it is.
	LastChange string
	// Duplicates is how many entries were left out because the same one had come before.
	Duplicates int
}

// FindMembership reads all memberships.
func (b *Book) FindMembership(ctx context.Context, scenario string) (*Memberships, error) {
	var r *membershipReading
	err := b.fetch(ctx, request{
		action: "FindMembership", scenario: scenario, sharing: true,
		body: func(w *soap.Writer) {
			w.Open("serviceFilter").Open("Types").Element("ServiceType", "Messenger").Close("Types").Close("serviceFilter")
			w.Element("View", "Full").Element("deltasOnly", "false").Element("lastChange", zeroTime)
		},
		read: func(d *soap.Decoder) error {
			r = &membershipReading{seen: make(map[memberKey]bool)}
			return r.read(d)
		},
	})
	switch {
	case err != nil:
		return nil, err
	case r == nil || !r.result:
		return nil, fmt.Errorf("FindMembership: %w: it has no result", errOddAnswer)
	}
	return &r.all, nil
}

// memberKey tells two members apart.
type memberKey struct {
	role    string
	network int
	address string
}

// membershipReading is an answer being read.
type membershipReading struct {
	all    Memberships
	result bool
	total  int
	seen   map[memberKey]bool
}

func (r *membershipReading) read(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		if lower(name) != "findmembershipresult" {
			return nil
		}
		r.result = true
		return d.Each(func(name string) error {
			if lower(name) != "services" {
				return nil
			}
			return d.Each(func(string) error { return r.service(d) })
		})
	})
}

// service takes one service. Whose the members are is only said after them.
func (r *membershipReading) service(d *soap.Decoder) error {
	var members []Member
	var kind, change string
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "memberships":
			return d.Each(func(string) error { return r.membership(d, &members) })
		case "info":
			return d.Each(func(name string) error {
				if lower(name) != "handle" {
					return nil
				}
				return d.Each(func(name string) error {
					if lower(name) == "type" {
						return d.Into(&kind)
					}
					return nil
				})
			})
		case "lastchange":
			return d.Into(&change)
		}
		return nil
	})
	if err != nil || kind != "" && !strings.EqualFold(kind, "Messenger") {
		return err
	}
	r.all.LastChange = change
	for _, m := range members {
		if key := (memberKey{m.Role, m.Network, lower(m.Address())}); key.address != "" {
			if r.seen[key] {
				r.all.Duplicates++
				continue
			}
			r.seen[key] = true
		}
		r.all.Members = append(r.all.Members, m)
	}
	return nil
}

// membership takes the members of one role; the role may come after them.
func (r *membershipReading) membership(d *soap.Decoder, members *[]Member) error {
	role, first := "", len(*members)
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "memberrole":
			return d.Into(&role)
		case "members":
			return d.Each(func(string) error {
				if r.total++; r.total > maxMembers {
					return fmt.Errorf("%w: more than %d memberships", ErrTooMany, maxMembers)
				}
				m, err := readMember(d)
				*members = append(*members, m)
				return err
			})
		}
		return nil
	})
	for i := range (*members)[first:] {
		(*members)[first+i].Role = role
	}
	return err
}

func readMember(d *soap.Decoder) (m Member, err error) {
	m.Type = d.Attr("type")
	m.Type = strings.TrimSuffix(m.Type[strings.LastIndexByte(m.Type, ':')+1:], "Member")
	var kind string
	var notes map[string]string
	err = d.Each(func(name string) error {
		switch lower(name) {
		case "membershipid":
			return d.Into(&m.MembershipID)
		case "type":
			return d.Into(&kind)
		case "displayname":
			return d.Into(&m.DisplayName)
		case "state":
			return d.Into(&m.State)
		case "annotations":
			return readAnnotations(d, &notes)
		case "deleted":
			return d.Flag(&m.Deleted)
		case "passportname":
			return d.Into(&m.Passport)
		case "email":
			return d.Into(&m.Email)
		case "phonenumber":
			return d.Into(&m.Phone)
		case "circleid":
			return d.Into(&m.CircleID)
		case "cid":
			return d.Into(&m.CID)
		}
		return nil
	})
	if m.Type == "" {
		m.Type = kind
	}
	m.settle(notes)
	return m, err
}

// settle finds out what the parts of a member mean together.
func (m *Member) settle(notes map[string]string) {
	if m.Type == "" {
		switch {
		case m.Passport != "":
			m.Type = PassportMember
		case m.Email != "":
			m.Type = EmailMember
		case m.Phone != "":
			m.Type = PhoneMember
		case m.CircleID != "":
			m.Type = CircleMember
		}
	}
	m.InviteMessage = notes[inviteMessage]
	m.CircleID = lower(m.CircleID)
	switch m.Type {
	case PassportMember:
		m.Network = networkMSN
	case EmailMember:
		m.Network = networkYahoo
		number, _, _ := strings.Cut(notes[buddyType], ":")
		if n, err := strconv.Atoi(strings.TrimSpace(number)); err == nil && n > 0 && n < 1000 {
			m.Network = n
		}
	case PhoneMember:
		m.Network, m.Phone = networkPhone, phoneAddress(m.Phone)
	case CircleMember:
		m.Network = networkCircle
	}
}

// phoneAddress is the address of a number: tel:+15550100; "" for none.
func phoneAddress(number string) string {
	number = strings.TrimPrefix(number, tel)
	number = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -().\u00A0", r) {
			return -1
		}
		return r
	}, number)
	if number == "" {
		return ""
	}
	return tel + number
}

// readAnnotations reads pairs of names and values into a map; of several with one name the first counts.
func readAnnotations(d *soap.Decoder, notes *map[string]string) error {
	return d.Each(func(string) error {
		var key, value string
		err := d.Each(func(name string) error {
			switch lower(name) {
			case "name":
				return d.Into(&key)
			case "value":
				return d.Into(&value)
			}
			return nil
		})
		put(notes, key, value)
		return err
	})
}

// put adds to a map that is made when there is something to be in it; the first value of a key stays.
func put(m *map[string]string, key, value string) {
	if _, twice := (*m)[key]; twice || key == "" || value == "" {
		return
	}
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[key] = value
}

// AddMember puts somebody into a role. One who is there already is success. Nobody can be put into Pending,
// and into Reverse only who is Pending (services.md 7.2).
func (b *Book) AddMember(ctx context.Context, role string, m Member) error {
	return unless(b.changeMember(ctx, "AddMember", role, m), errMemberExists)
}

// DeleteMember takes somebody out of a role. One who is not there is success. For Pending the member must
// have the MembershipID that the service gave.
func (b *Book) DeleteMember(ctx context.Context, role string, m Member) error {
	return unless(b.changeMember(ctx, "DeleteMember", role, m), errNoMember)
}

func (b *Book) changeMember(ctx context.Context, action, role string, m Member) error {
	if m.Address() == "" {
		return fmt.Errorf("%s: %w", action, ErrBadAddress)
	}
	scenario := "BlockUnblock"
	if role == Reverse || role == Pending {
		scenario = "Timer"
	}
	return b.call(ctx, request{
		action: action, scenario: scenario, sharing: true,
		body: func(w *soap.Writer) {
			w.Open("serviceHandle").Element("Id", "0").Element("Type", "Messenger").Element("ForeignId", "").Close("serviceHandle")
			w.Open("memberships").Open("Membership").Element("MemberRole", role).Open("Members")
			m.write(w, action == "AddMember")
			w.Close("Members").Close("Membership").Close("memberships")
		},
	})
}

func (m Member) write(w *soap.Writer, adding bool) {
	w.Open("Member", "xsi:type", m.Type+"Member", "xmlns:xsi", instance)
	if m.MembershipID != "" && !adding {
		w.Element("MembershipId", m.MembershipID)
	}
	w.Element("Type", m.Type).Element("State", "Accepted")
	switch m.Type {
	case EmailMember:
		if adding {
			w.Open("Annotations")
			annotation(w, buddyType, fmt.Sprintf("%02d:", m.Network))
			w.Close("Annotations")
		}
		w.Element("Email", m.Email)
	case PhoneMember:
		w.Element("PhoneNumber", m.Phone)
	case CircleMember:
		w.Element("CircleId", m.CircleID)
	default:
		w.Element("PassportName", m.Passport)
	}
	w.Close("Member")
}

// annotation writes one pair.
func annotation(w *soap.Writer, name, value string) {
	w.Open("Annotation").Element("Name", name).Element("Value", value).Close("Annotation")
}
