package abch

import (
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// The types of contacts that matter (services.md 8.3).
const (
	TypeMe      = "Me"
	TypeCircle  = "Circle"
	TypePending = "LivePending" // asked, or asking; Live is accepted
)

// The annotations of one's own record that say how the messenger behaves. Of the switches 1 is on.
const (
	AnnotationBLP      = "MSN.IM.BLP" // 1 = others may write, 2 = they may not
	AnnotationGTC      = "MSN.IM.GTC" // 1 = ask me when somebody adds me, 2 = do not
	AnnotationMPOP     = "MSN.IM.MPOP"
	AnnotationRoaming  = "MSN.IM.RoamLiveProperties"
	annotationNickname = "AB.NickName"
)

// Types and states of relationships in [NetworkInfo] (services.md 8.3 and 13.1).
const (
	RelationPerson = 3
	RelationCircle = 5

	StateWaiting  = 1
	StateLeft     = 2
	StateAccepted = 3
	StateRejected = 4
)

// The roles in a circle, as a [NetworkInfo] counts them; [CircleInfo] has their names.
const (
	RoleAdmin          = 1
	RoleAssistantAdmin = 2
	RoleMember         = 3
	RoleInvited        = 4
)

// circlePrefix begins the id of every circle.
const circlePrefix = "00000000-0000-0000-0009-"

// maxPer bounds what is kept of one kind in one contact; what a service keeps is far less.
const maxPer = 256

// Contact is one entry of an address book.
type Contact struct {
	ID   string // opaque; what changes are addressed to
	Type string // Me, Regular, Messenger, Live, LivePending, LiveRejected, LiveDropped, Circle
	// Passport is the address, of the network that Network says; a phone is tel:+15550100. "" if the entry
	// has none.
	Passport string
	Network  int

	DisplayName, QuickName, FirstName, LastName string
	// Nickname is what the owner calls the contact.
	Nickname string
	Comment  string
	// IsMessengerUser is false for entries that are none of the messenger's (services.md 8.3).
	IsMessengerUser bool
	Favourite       bool
	Hidden          bool // stands for a circle, or is no contact of the owner's making

	GroupIDs  []string
	CID, PUID string // decimal; "" or "0" if not told
	Emails    []Email
	// Phones are numbers by kind: PHH at home, PHW at work, PHM mobile (core.md 7.3), and others by the service's
	// own word: Pager, Other, Fax.
	Phones      map[string]string
	Annotations map[string]string
	NetworkInfo []NetworkInfo
	// InviteMessage is what was or will be told to somebody who is asked.
	InviteMessage string
}

// Email is a further address of a contact.
type Email struct {
	Kind, Address string // ContactEmailPersonal, Messenger2, ...
	// Messenger tells whether the messenger can reach it, Capability in which network, 0 for not told.
	Messenger  bool
	Capability int
}

// NetworkInfo is a relationship of a contact: of a person to a network, or to a circle.
type NetworkInfo struct {
	DomainID, RelationshipType, RelationshipState, RelationshipRole    int
	SourceID, DomainTag, DisplayName                                   string
	InviterCID, InviterName, InviterEmail, InviterMessage, LastChanged string
}

// Circle tells whether an entry of one's own book stands for a circle.
func (c Contact) Circle() bool { return c.Type == TypeCircle || c.Hidden && c.CircleID() != "" }

// CircleID is the id of the circle that an entry stands for, in lower case, "" if it stands for none.
func (c Contact) CircleID() string {
	for _, info := range c.NetworkInfo {
		if info.RelationshipType == RelationCircle && isCircleID(info.DomainTag) {
			return lower(info.DomainTag)
		}
	}
	local, _, _ := strings.Cut(c.Passport, "@")
	for _, id := range []string{local, c.ID} {
		if isCircleID(id) {
			return lower(id)
		}
	}
	return ""
}

// Relation is the contact's relationship of a type; the zero one if there is none.
func (c Contact) Relation(kind int) NetworkInfo {
	for _, info := range c.NetworkInfo {
		if info.RelationshipType == kind {
			return info
		}
	}
	return NetworkInfo{}
}

func isCircleID(s string) bool {
	return len(s) == len(personal) && strings.HasPrefix(lower(s), circlePrefix)
}

// contactReading is one contact being read.
type contactReading struct {
	Contact
	deleted bool
	phone   string // the first that the messenger can reach
}

func (c *contactReading) read(d *soap.Decoder) error {
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "contactid":
			return d.Into(&c.ID)
		case "fdeleted":
			return d.Flag(&c.deleted)
		case "contactinfo":
			return d.Each(func(name string) error { return c.info(d, lower(name)) })
		}
		return nil
	})
	c.settle()
	return err
}

// info takes one element of contactInfo.
func (c *contactReading) info(d *soap.Decoder, name string) error {
	if text := c.text(name); text != nil {
		return d.Into(text)
	}
	switch name {
	case "ismessengeruser":
		return d.Flag(&c.IsMessengerUser)
	case "isfavorite":
		return d.Flag(&c.Favourite)
	case "ishidden":
		return d.Flag(&c.Hidden)
	case "annotations":
		return readAnnotations(d, &c.Annotations)
	case "groupids":
		return d.Each(func(string) error { return c.group(d) })
	case "emails":
		return d.Each(func(string) error { return c.email(d) })
	case "phones":
		return d.Each(func(string) error { return c.number(d) })
	case "networkinfolist":
		return d.Each(func(string) error { return c.network(d) })
	case "messengermemberinfo":
		return d.Each(func(name string) error {
			if lower(name) != "pendingannotations" {
				return nil
			}
			var notes map[string]string
			err := readAnnotations(d, &notes)
			c.InviteMessage = notes[inviteMessage]
			return err
		})
	}
	return nil
}

// text is where the text of an element belongs.
func (c *contactReading) text(name string) *string {
	switch name {
	case "contacttype":
		return &c.Type
	case "passportname":
		return &c.Passport
	case "displayname":
		return &c.DisplayName
	case "quickname":
		return &c.QuickName
	case "firstname":
		return &c.FirstName
	case "lastname":
		return &c.LastName
	case "comment":
		return &c.Comment
	case "cid":
		return &c.CID
	case "puid":
		return &c.PUID
	}
	return nil
}

func (c *contactReading) group(d *soap.Decoder) error {
	id, err := d.Text()
	if id != "" && len(c.GroupIDs) < maxPer {
		c.GroupIDs = append(c.GroupIDs, id)
	}
	return err
}

func (c *contactReading) email(d *soap.Decoder) error {
	var e Email
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "contactemailtype":
			return d.Into(&e.Kind)
		case "email":
			return d.Into(&e.Address)
		case "ismessengerenabled":
			return d.Flag(&e.Messenger)
		case "capability":
			return number(d, &e.Capability)
		}
		return nil
	})
	if e.Address != "" && len(c.Emails) < maxPer {
		c.Emails = append(c.Emails, e)
	}
	return err
}

// phoneKeys are the keys of numbers that the notification server knows too.
var phoneKeys = map[string]string{"Personal": "PHH", "Business": "PHW", "Mobile": "PHM"}

func (c *contactReading) number(d *soap.Decoder) error {
	var kind, digits string
	var messenger bool
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "contactphonetype":
			return d.Into(&kind)
		case "number":
			return d.Into(&digits)
		case "ismessengerenabled":
			return d.Flag(&messenger)
		}
		return nil
	})
	kind = strings.TrimPrefix(kind, "ContactPhone")
	if key, known := phoneKeys[kind]; known {
		kind = key
	}
	if len(c.Phones) < maxPer {
		put(&c.Phones, kind, digits)
	}
	if messenger && c.phone == "" {
		c.phone = digits
	}
	return err
}

func (c *contactReading) network(d *soap.Decoder) error {
	var n NetworkInfo
	err := d.Each(func(name string) error {
		switch lower(name) {
		case "domainid":
			return number(d, &n.DomainID)
		case "relationshiptype":
			return number(d, &n.RelationshipType)
		case "relationshipstate":
			return number(d, &n.RelationshipState)
		case "relationshiprole":
			return number(d, &n.RelationshipRole)
		case "sourceid":
			return d.Into(&n.SourceID)
		case "domaintag":
			return d.Into(&n.DomainTag)
		case "displayname":
			return d.Into(&n.DisplayName)
		case "invitercid":
			return d.Into(&n.InviterCID)
		case "invitername":
			return d.Into(&n.InviterName)
		case "inviteremail":
			return d.Into(&n.InviterEmail)
		case "invitermessage":
			return d.Into(&n.InviterMessage)
		case "lastchanged", "lastupdated":
			return d.Into(&n.LastChanged)
		}
		return nil
	})
	if n != (NetworkInfo{}) && len(c.NetworkInfo) < maxPer {
		c.NetworkInfo = append(c.NetworkInfo, n)
	}
	return err
}

// number reads a number that is not negative; what is none is 0.
func number(d *soap.Decoder, n *int) error {
	text, err := d.Text()
	*n = 0
	if value, wrong := strconv.ParseUint(text, 10, 31); wrong == nil {
		*n = int(value)
	}
	return err
}

// settle finds the address of a contact, which may be none of MSN's: without a passport it is the first e-mail
// address that the messenger can reach, else the first number (services.md 8.3).
func (c *contactReading) settle() {
	c.Nickname = c.Annotations[annotationNickname]
	c.Network = networkMSN
	if c.Passport != "" {
		return
	}
	for _, e := range c.Emails {
		if e.Messenger {
			c.Passport, c.Network, c.IsMessengerUser = e.Address, e.network(), true
			return
		}
	}
	if address := phoneAddress(c.phone); address != "" {
		c.Passport, c.Network, c.IsMessengerUser = address, networkPhone, true
	}
}

func (e Email) network() int {
	switch {
	case e.Capability > 0 && e.Capability < 1000:
		return e.Capability
	case strings.EqualFold(e.Kind, "Messenger2"):
		return networkYahoo
	case strings.EqualFold(e.Kind, "Messenger3"):
		return networkOCS
	}
	return networkMSN
}
