package msn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
)

// circlesOf reads the circles of an address book: what they are from the inverse information, who has invited
// me from the hidden contact that stands for one (services.md 13.2).
func circlesOf(book *abch.AddressBook) map[string]*circleState {
	states := make(map[string]*circleState)
	for _, info := range book.Circles {
		id := normalGUID(info.ID)
		if id == "" || info.Deleted || len(states) >= maxCircles {
			continue
		}
		states[id] = &circleState{
			circle: Circle{ID: id, Name: info.Name, Role: circleRoles[strings.ToLower(info.Role)]}, contactID: id,
			ids: make(map[string]string), here: make(map[string]string),
		}
	}
	for id, s := range states {
		hidden := book.Hidden(id)
		if hidden == nil {
			continue
		}
		n := hidden.Relation(abch.RelationCircle)
		s.contactID = hidden.ID
		if s.circle.Name == "" {
			s.circle.Name = hidden.DisplayName
		}
		switch n.RelationshipState {
		case abch.StateWaiting:
			s.circle.Role = RoleInvited
		case abch.StateLeft, abch.StateRejected:
			delete(states, id)
		}
		if s.circle.Role == RoleInvited {
			s.circle.Inviter, s.circle.InviteText = lower(n.InviterEmail), n.InviterMessage
		}
	}
	return states
}

// circleRoles are the words of the service for roles, in lower case.
var circleRoles = map[string]CircleRole{
	"admin": RoleAdmin, "assistantadmin": RoleAssistant, "member": RoleMember, "statependingoutbound": RoleInvited,
}

// readMembers reads the circle's own address book.
func (s *circleState) readMembers(ctx context.Context, nc *notificationConn) error {
	var book *abch.AddressBook
	err := nc.web.do(ctx, func(ctx context.Context) (err error) {
		book, err = nc.web.book.FindContactsPaged(ctx, "CircleIdAlert", s.circle.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, contact := range book.Contacts {
		passport := JoinPassport(contact.Network, lower(contact.Passport))
		n := contact.Relation(abch.RelationCircle)
		if n == (abch.NetworkInfo{}) || checkPassport(passport) != nil || len(s.circle.Members) >= maxCircleMembers {
			continue
		}
		if _, twice := s.ids[passport]; twice {
			continue
		}
		m := CircleMember{Passport: passport, FriendlyName: contact.DisplayName, Role: CircleRole(n.RelationshipRole)}
		switch { // the type comes first: there are services that give somebody invited the state of who has left
		case contact.Type == abch.TypePending, n.RelationshipState == abch.StateWaiting:
			m.Role = RoleInvited
		case n.RelationshipState == abch.StateLeft, n.RelationshipState == abch.StateRejected:
			continue
		}
		s.ids[passport] = contact.ID
		s.circle.Members = append(s.circle.Members, m)
	}
	slices.SortFunc(s.circle.Members, func(a, b CircleMember) int { return strings.Compare(a.Passport, b.Passport) })
	return nil
}

// circling is signedIn for what needs circles.
func (c *Client) circling(ctx context.Context) (*notificationConn, error) {
	nc, err := c.signedIn(ctx)
	if err == nil && !nc.dialect.circles {
		return nil, fmt.Errorf("circles: %w", ErrUnsupported)
	}
	return nc, err
}

// Circles are those I belong to or am invited to, by id; none before MSNP18, and before SignedIn.
func (c *Client) Circles() []Circle {
	select {
	case <-c.ready:
		return c.nc.circles.all()
	default:
		return nil
	}
}

// CreateCircle makes a circle with me as its admin. ErrUnsupported before MSNP18, as with everything about circles.
func (c *Client) CreateCircle(ctx context.Context, name string) (Circle, error) {
	nc, err := c.circling(ctx)
	if err != nil {
		return Circle{}, err
	}
	if name == "" {
		return Circle{}, errors.New("create a circle: the name must not be empty")
	}
	var id string
	err = nc.web.do(ctx, func(ctx context.Context) (err error) {
		id, err = nc.web.book.CreateCircle(ctx, name, nc.roster.ownName())
		return err
	})
	if err != nil {
		return Circle{}, fmt.Errorf("create a circle: %w", err)
	}
	if err := nc.reloadCircles(ctx); err != nil {
		return Circle{}, fmt.Errorf("create a circle: %w", err)
	}
	made, ok := nc.circles.find(id)
	if !ok {
		return Circle{}, fmt.Errorf("create a circle: it is not in the address book: %w", ErrServiceTrouble)
	}
	return made, nil
}

// inCircle is circling for one that I know of.
func (c *Client) inCircle(ctx context.Context, id string) (*notificationConn, *circleState, error) {
	nc, err := c.circling(ctx)
	if err != nil {
		return nil, nil, err
	}
	nc.circles.mu.Lock()
	defer nc.circles.mu.Unlock()
	s := nc.circles.known[normalGUID(id)]
	if s == nil {
		return nil, nil, fmt.Errorf("%.40q is no circle of mine: %w", id, ErrNotOnList)
	}
	return nc, s, nil
}

// InviteToCircle asks somebody in, for admins and assistants. The text goes with the invitation.
func (c *Client) InviteToCircle(ctx context.Context, id, passport, text string) error {
	passport = lower(passport)
	if err := checkPassport(passport); err != nil {
		return fmt.Errorf("invite to a circle: %w", err)
	}
	nc, s, err := c.inCircle(ctx, id)
	if err != nil {
		return fmt.Errorf("invite to a circle: %w", err)
	}
	_, account := SplitPassport(passport)
	err = nc.web.do(ctx, func(ctx context.Context) error {
		contact, known := s.ids[passport] // what a service says of one who is in the book already may be nonsense
		if !known {
			var err error
			if contact, err = nc.web.book.CreateContact(ctx, s.circle.ID, account); err != nil {
				return err
			}
		}
		return nc.web.book.ManageWLConnection(ctx, s.circle.ID, contact, abch.ActionAdd, abch.RelationCircle, abch.RoleMember, text)
	})
	if err != nil {
		return fmt.Errorf("invite %s to a circle: %w", passport, err)
	}
	nc.bookStale(ctx)
	return nil
}

// AnswerCircle accepts or declines an invitation.
func (c *Client) AnswerCircle(ctx context.Context, id string, accept bool) error {
	nc, s, err := c.inCircle(ctx, id)
	if err != nil {
		return fmt.Errorf("answer an invitation: %w", err)
	}
	action := abch.ActionDecline
	if accept {
		action = abch.ActionAdd
	}
	err = nc.web.do(ctx, func(ctx context.Context) error {
		return nc.web.book.ManageWLConnection(ctx, "", s.contactID, action, abch.RelationCircle, 0, "")
	})
	if err != nil {
		return fmt.Errorf("answer an invitation: %w", err)
	}
	if err := nc.reloadCircles(ctx); err != nil {
		return fmt.Errorf("answer an invitation: %w", err)
	}
	return nil
}

// LeaveCircle leaves a circle. A service may refuse it to the owner.
func (c *Client) LeaveCircle(ctx context.Context, id string) error {
	if err := c.putOut(ctx, id, c.cfg.Passport); err != nil {
		return fmt.Errorf("leave a circle: %w", err)
	}
	return nil
}

// RemoveFromCircle puts a member out, for admins.
func (c *Client) RemoveFromCircle(ctx context.Context, id, passport string) error {
	if err := c.putOut(ctx, id, lower(passport)); err != nil {
		return fmt.Errorf("remove %s from a circle: %w", lower(passport), err)
	}
	return nil
}

// putOut breaks the connection of a member, or of somebody invited, with a circle.
func (c *Client) putOut(ctx context.Context, id, passport string) error {
	nc, s, err := c.inCircle(ctx, id)
	if err != nil {
		return err
	}
	nc.circles.mu.Lock()
	contact := s.ids[passport]
	nc.circles.mu.Unlock()
	if contact == "" {
		return fmt.Errorf("%s is no member: %w", passport, ErrNotOnList)
	}
	err = nc.web.do(ctx, func(ctx context.Context) error {
		return nc.web.book.BreakConnection(ctx, s.circle.ID, contact, true, false)
	})
	if err != nil {
		return err
	}
	return nc.reloadCircles(ctx)
}

// reloadCircles reads the circles again and waits for it, for those who have changed one. That a circle cannot be
// joined is no failure of the change.
func (nc *notificationConn) reloadCircles(ctx context.Context) error {
	var book *abch.AddressBook
	err := nc.web.do(ctx, func(ctx context.Context) (err error) {
		book, err = nc.web.book.FindContactsPaged(ctx, "CircleIdAlert", "")
		return err
	})
	if err != nil {
		return err
	}
	if err := nc.circles.load(ctx, nc, book); err != nil {
		if !nc.alive() || ctx.Err() != nil {
			return err
		}
		nc.circleTrouble(ctx, err)
	}
	return nil
}

// circleTrouble reports what went wrong with circles while everything else goes on.
func (nc *notificationConn) circleTrouble(ctx context.Context, err error) {
	nc.client.comment("circles: " + err.Error())
	nc.report(ctx, ListTrouble{Err: err})
}
