package abch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// messengerGroup is the type of groups that the messenger shows (services.md 8.8).
const messengerGroup = "C8529CE2-6EAD-434d-881F-341E17DB3FF8"

// Add makes the address book of an account that has none. One that is there already is success.
func (b *Book) Add(ctx context.Context, owner string) error {
	return unless(b.call(ctx, request{
		action: "ABAdd", scenario: "Initial",
		body: func(w *soap.Writer) {
			w.Open("abInfo").Element("name", "").Element("ownerPuid", "0").Element("ownerEmail", owner)
			w.Element("fDefault", "true").Close("abInfo")
		},
	}), errBookExists)
}

// NewContact is somebody to be added.
type NewContact struct {
	// Passport is the address, of the network that Network says; 0 means MSN's.
	Passport string
	Network  int
	// Nickname is what the owner calls them, "" for nothing of the owner's own.
	Nickname string
	// InviteText goes with the question to them, OwnName is who asks; both may be "".
	InviteText, OwnName string
}

// AddContact adds a contact and gives its id. One that is there already is success, with the id that the
// service names; it is "" if it names none, and may be wrong, so that the book should be read again. The
// contact's right to write is a matter of [Book.AddMember].
func (b *Book) AddContact(ctx context.Context, n NewContact) (id string, err error) {
	if n.Passport == "" {
		return "", fmt.Errorf("ABContactAdd: %w", ErrBadAddress)
	}
	scenario := "ContactSave"
	if n.Network == networkPhone {
		scenario = "MobileContactMsgrAPI"
	}
	err = b.call(ctx, request{
		action: "ABContactAdd", scenario: scenario,
		body: func(w *soap.Writer) {
			w.Element("abId", personal).Open("contacts").Open("Contact", "xmlns", namespace).Open("contactInfo")
			n.write(w)
			w.Close("contactInfo").Close("Contact").Close("contacts")
			w.Open("options").Element("EnableAllowListManagement", "true").Close("options")
		},
		read: guid(&id, "guid"),
	})
	return made("ABContactAdd", id, err)
}

// guid reads the id in the result of an answer; wanted is its element, in lower case.
func guid(id *string, wanted string) func(d *soap.Decoder) error {
	return func(d *soap.Decoder) error {
		return d.Each(func(string) error {
			return d.Each(func(name string) error {
				if lower(name) == wanted && *id == "" {
					return d.Into(id)
				}
				return nil
			})
		})
	}
}

// made is the outcome of something that makes an id.
func made(action, id string, err error) (string, error) {
	var fault *soap.Fault
	switch {
	case errors.Is(err, errContactExists) && errors.As(err, &fault):
		return fault.Detail["conflictObjectId"], nil
	case err != nil:
		return "", err
	case id == "":
		return "", fmt.Errorf("%s: %w: it has no id", action, errOddAnswer)
	}
	return id, nil
}

// write writes contactInfo, in the order of the schema.
func (n NewContact) write(w *soap.Writer) {
	switch n.Network {
	case 0, networkMSN:
	case networkPhone:
		w.Open("phones").Open("ContactPhone").Element("contactPhoneType", "ContactPhoneMobile")
		w.Element("number", strings.TrimPrefix(n.Passport, tel)).Element("isMessengerEnabled", "true")
		w.Element("propertiesChanged", "Number IsMessengerEnabled").Close("ContactPhone").Close("phones")
	default:
		kind := "Messenger2"
		if n.Network == networkOCS {
			kind = "Messenger3"
		}
		w.Open("emails").Open("ContactEmail").Element("contactEmailType", kind).Element("email", n.Passport)
		w.Element("isMessengerEnabled", "true").Element("Capability", strconv.Itoa(n.Network))
		w.Element("propertiesChanged", "Email IsMessengerEnabled Capability").Close("ContactEmail").Close("emails")
	}
	if n.Nickname != "" {
		w.Open("annotations")
		annotation(w, annotationNickname, n.Nickname)
		w.Close("annotations")
	}
	w.Element("contactType", TypePending)
	if n.Network == 0 || n.Network == networkMSN {
		w.Element("passportName", n.Passport)
	}
	w.Element("isMessengerUser", "true")
	if n.InviteText == "" && n.OwnName == "" {
		return
	}
	w.Open("MessengerMemberInfo")
	if n.InviteText != "" {
		w.Open("PendingAnnotations")
		annotation(w, inviteMessage, n.InviteText)
		w.Close("PendingAnnotations")
	}
	if n.OwnName != "" {
		w.Element("DisplayName", n.OwnName)
	}
	w.Close("MessengerMemberInfo")
}

// DeleteContact takes a contact out of the book. The memberships stay. ErrNotThere if it is not in the book.
func (b *Book) DeleteContact(ctx context.Context, id string) error {
	if id == "" {
		return fmt.Errorf("ABContactDelete: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABContactDelete", scenario: "Timer",
		body: func(w *soap.Writer) { w.Element("abId", personal); contactIDs(w, id) },
	})
}

func contactIDs(w *soap.Writer, id string) {
	w.Open("contacts").Open("Contact").Element("contactId", id).Close("Contact").Close("contacts")
}

// ContactChanges is what is to change about a contact: what is nil stays. An empty Nickname takes it away.
type ContactChanges struct {
	Nickname, DisplayName, QuickName, Comment *string
	IsMessengerUser                           *bool
}

// UpdateContact changes a contact. ErrNotThere if it is not in the book.
func (b *Book) UpdateContact(ctx context.Context, id string, c ContactChanges) error {
	var u update
	if c.Nickname != nil {
		u.annotate(annotationNickname, *c.Nickname)
	}
	u.element("ContactQuickName", "quickName", c.QuickName)
	u.element("DisplayName", "displayName", c.DisplayName)
	u.element("Comment", "comment", c.Comment)
	if c.IsMessengerUser != nil {
		yes := strconv.FormatBool(*c.IsMessengerUser)
		u.element("IsMessengerUser", "isMessengerUser", &yes)
	}
	return b.update(ctx, "ContactSave", id, u)
}

// MeChanges is what is to change about the owner's own record: what is nil stays.
type MeChanges struct {
	// DisplayName is not kept by all services: the notification server must be told too (services.md 8.7).
	DisplayName *string
	// BlockOthers is BLP, AskWhenAdded GTC, SeveralPlaces MPOP. RoamLiveProperties is whether name, text and
	// picture are kept by the storage service for all places.
	BlockOthers, AskWhenAdded, SeveralPlaces, RoamLiveProperties *bool
}

// UpdateMe changes the owner's record.
func (b *Book) UpdateMe(ctx context.Context, m MeChanges) error {
	scenario := "Timer"
	u := update{me: true}
	for _, s := range []struct {
		name    string
		is      *bool
		yes, no string
	}{
		{AnnotationBLP, m.BlockOthers, "2", "1"},
		{AnnotationGTC, m.AskWhenAdded, "1", "2"},
		{AnnotationMPOP, m.SeveralPlaces, "1", "0"},
		{AnnotationRoaming, m.RoamLiveProperties, "1", "2"},
	} {
		switch {
		case s.is == nil:
			continue
		case *s.is:
			u.annotate(s.name, s.yes)
		default:
			u.annotate(s.name, s.no)
		}
		scenario = "PrivacyApply"
	}
	u.element("DisplayName", "displayName", m.DisplayName)
	return b.update(ctx, scenario, "", u)
}

// update is a change of a contact: its elements in the order of the schema, and the words for them.
type update struct {
	me       bool
	notes    [][2]string
	elements [][2]string
	changed  []string
}

func (u *update) annotate(name, value string) {
	if len(u.notes) == 0 {
		u.changed = append(u.changed, "Annotation")
	}
	u.notes = append(u.notes, [2]string{name, value})
}

func (u *update) element(word, name string, value *string) {
	if value != nil {
		u.changed = append(u.changed, word)
		u.elements = append(u.elements, [2]string{name, *value})
	}
}

// update sends a change; one of nothing is none, as services fail at it.
func (b *Book) update(ctx context.Context, scenario, id string, u update) error {
	switch {
	case len(u.changed) == 0:
		return nil
	case id == "" && !u.me:
		return fmt.Errorf("ABContactUpdate: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABContactUpdate", scenario: scenario,
		body: func(w *soap.Writer) {
			w.Element("abId", personal).Open("contacts").Open("Contact", "xmlns", namespace)
			if !u.me {
				w.Element("contactId", id)
			}
			w.Open("contactInfo")
			if len(u.notes) > 0 {
				w.Open("annotations")
				for _, note := range u.notes {
					annotation(w, note[0], note[1])
				}
				w.Close("annotations")
			}
			if u.me {
				w.Element("contactType", TypeMe)
			}
			for _, e := range u.elements {
				w.Element(e[0], e[1])
			}
			w.Close("contactInfo").Element("propertiesChanged", strings.Join(u.changed, " "))
			w.Close("Contact").Close("contacts")
		},
	})
}

// AddGroup makes a group and gives its id. ErrGroupExists and ErrNameTooLong are about the name.
func (b *Book) AddGroup(ctx context.Context, name string) (id string, err error) {
	err = b.call(ctx, request{
		action: "ABGroupAdd", scenario: "GroupSave",
		body: func(w *soap.Writer) {
			w.Element("abId", personal).Open("groupAddOptions").Element("fRenameOnMsgrConflict", "false").Close("groupAddOptions")
			w.Open("groupInfo").Open("GroupInfo").Element("name", name).Element("groupType", messengerGroup)
			w.Element("fMessenger", "false").Open("annotations")
			annotation(w, "MSN.IM.Display", "1")
			w.Close("annotations").Close("GroupInfo").Close("groupInfo")
		},
		read: guid(&id, "guid"),
	})
	return made("ABGroupAdd", id, err)
}

// RenameGroup renames a group.
func (b *Book) RenameGroup(ctx context.Context, id, name string) error {
	if id == "" {
		return fmt.Errorf("ABGroupUpdate: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABGroupUpdate", scenario: "GroupSave",
		body: func(w *soap.Writer) {
			w.Element("abId", personal).Open("groups").Open("Group").Element("groupId", id)
			w.Open("groupInfo").Element("name", name).Close("groupInfo").Element("propertiesChanged", "GroupName")
			w.Close("Group").Close("groups")
		},
	})
}

// DeleteGroup deletes a group; its contacts stay.
func (b *Book) DeleteGroup(ctx context.Context, id string) error {
	if id == "" {
		return fmt.Errorf("ABGroupDelete: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABGroupDelete", scenario: "Timer",
		body: func(w *soap.Writer) { w.Element("abId", personal); groupFilter(w, id) },
	})
}

func groupFilter(w *soap.Writer, id string) {
	w.Open("groupFilter").Open("groupIds").Element("guid", id).Close("groupIds").Close("groupFilter")
}

// AddToGroup puts a contact of the book into a group. Whether it is there already is for the caller to know:
// some services fail then without saying why.
func (b *Book) AddToGroup(ctx context.Context, contactID, groupID string) error {
	if contactID == "" || groupID == "" {
		return fmt.Errorf("ABGroupContactAdd: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABGroupContactAdd", scenario: "Timer",
		body: func(w *soap.Writer) {
			w.Element("abId", personal)
			groupFilter(w, groupID)
			contactIDs(w, contactID)
		},
	})
}

// RemoveFromGroup takes a contact out of a group.
func (b *Book) RemoveFromGroup(ctx context.Context, contactID, groupID string) error {
	if contactID == "" || groupID == "" {
		return fmt.Errorf("ABGroupContactDelete: %w", ErrNotThere)
	}
	return b.call(ctx, request{
		action: "ABGroupContactDelete", scenario: "Timer",
		body: func(w *soap.Writer) {
			w.Element("abId", personal)
			contactIDs(w, contactID)
			groupFilter(w, groupID)
		},
	})
}
