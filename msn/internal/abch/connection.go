package abch

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// The actions of [Book.ManageWLConnection].
const (
	ActionAdd     = 1 // ask, or accept
	ActionDecline = 2
)

// CreateCircle makes a circle, of which the caller is the admin under ownName, and gives its id in lower case.
func (b *Book) CreateCircle(ctx context.Context, name, ownName string) (id string, err error) {
	err = b.call(ctx, request{
		action: "CreateCircle", scenario: "CircleSave", sharing: true,
		body: func(w *soap.Writer) {
			w.Open("properties").Element("Domain", "1").Element("HostedDomain", "live.com").Element("Type", "2")
			w.Element("MembershipAccess", "0").Element("IsPresenceEnabled", "true").Element("RequestMembershipOption", "2")
			w.Element("DisplayName", name).Close("properties")
			w.Open("callerInfo").Element("PublicDisplayName", ownName).Close("callerInfo")
		},
		read: guid(&id, "id"),
	})
	return made("CreateCircle", lower(id), err)
}

// CreateContact makes an entry for an address and gives its id: in the book of a circle, or with "" in one's
// own (MSNP21). It is nothing but an entry until [Book.ManageWLConnection] asks them. One that is there
// already is success, with the id that the service names, which may be "" or wrong.
func (b *Book) CreateContact(ctx context.Context, circleID, email string) (id string, err error) {
	if email == "" {
		return "", fmt.Errorf("CreateContact: %w", ErrBadAddress)
	}
	scenario := "ContactSave"
	if circleID != "" {
		scenario = "CircleInvite"
	}
	err = b.call(ctx, request{
		action: "CreateContact", scenario: scenario,
		body: func(w *soap.Writer) {
			handle(w, circleID)
			w.Open("contactHandle").Element("Email", email).Element("Puid", "0").Element("Cid", "0")
			w.Element("CircleId", personal).Close("contactHandle")
		},
		read: guid(&id, "contactid"),
	})
	return made("CreateContact", id, err)
}

// ManageWLConnection asks, accepts or declines (ActionAdd, ActionDecline): a person (RelationPerson, role 0), an
// invitation into a circle in one's own book (RelationCircle, role 0, the id of the hidden contact), or an
// invitation of somebody in the book of a circle (RelationCircle, RoleMember). The text goes with a question,
// and may be "". A refusal that the service words for programs is a [soap.Fault] with the code clientErrorData.
func (b *Book) ManageWLConnection(ctx context.Context, circleID, contactID string, action, relationType, role int, inviteText string) error {
	if contactID == "" {
		return fmt.Errorf("ManageWLConnection: %w", ErrNotThere)
	}
	scenario := "ContactSave"
	if circleID != "" {
		scenario = "CircleInvite"
	}
	trouble := ""
	err := b.call(ctx, request{
		action: "ManageWLConnection", scenario: scenario, anyStatus: true,
		body: func(w *soap.Writer) {
			handle(w, circleID)
			w.Element("contactId", contactID).Element("connection", "true")
			w.Element("presence", strconv.FormatBool(relationType != RelationCircle)).Element("action", strconv.Itoa(action))
			w.Element("relationshipType", strconv.Itoa(relationType)).Element("relationshipRole", strconv.Itoa(role))
			if inviteText != "" {
				w.Open("annotations")
				annotation(w, inviteMessage, inviteText)
				w.Close("annotations")
			}
		},
		read: guid(&trouble, "clienterrordata"),
	})
	var status *soap.StatusError
	if trouble == "" || err != nil && !errors.As(err, &status) {
		return err
	}
	refused := &soap.Fault{Action: "ManageWLConnection", Status: 200, Code: "clientErrorData", Text: trouble}
	if status != nil {
		refused.Status = status.Status
	}
	ticket, cookie := b.secrets()
	return refusals.Explain(refused, ticket, cookie)
}

// BreakConnection ends what ManageWLConnection has made: with the id of a circle and of one's own entry in its
// book one leaves it, with that of another a member is put out; with "" a contact is removed (MSNP21).
func (b *Book) BreakConnection(ctx context.Context, circleID, contactID string, deleteContact, block bool) error {
	if contactID == "" {
		return fmt.Errorf("BreakConnection: %w", ErrNotThere)
	}
	scenario := "Timer"
	if circleID != "" {
		scenario = "CircleLeave"
	}
	return b.call(ctx, request{
		action: "BreakConnection", scenario: scenario,
		body: func(w *soap.Writer) {
			handle(w, circleID)
			w.Element("contactId", contactID).Element("deleteContact", strconv.FormatBool(deleteContact))
			w.Element("blockContact", strconv.FormatBool(block))
		},
	})
}
