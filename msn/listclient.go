package msn

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// errNoContactID is for a forward list entry of which the server never told the id.
var errNoContactID = errors.New("the server has not told the contact's id")

// known finds a contact, or makes up one that is on no list.
func (c *Client) known(passport string) (Contact, error) {
	passport = strings.ToLower(strings.TrimSpace(passport))
	if err := checkPassport(passport); err != nil {
		return Contact{}, err
	}
	if passport == c.cfg.Passport {
		return Contact{}, errors.New("that is my own address")
	}
	if found, ok := c.roster.find(passport); ok {
		return found, nil
	}
	return Contact{Passport: passport, FriendlyName: passport}, nil
}

// forward finds a contact of the forward list, with its id where the dialect has ids.
func (c *Client) forward(nc *notificationConn, passport string) (Contact, error) {
	contact, err := c.known(passport)
	if err != nil {
		return Contact{}, err
	}
	if !contact.On(ForwardList) {
		return Contact{}, fmt.Errorf("%s: %w", contact.Passport, ErrNotOnList)
	}
	if contact.ID == "" && nc.dialect.roster.ids() {
		return Contact{}, fmt.Errorf("%s: %w", contact.Passport, errNoContactID)
	}
	return contact, nil
}

// AddContact puts somebody on the forward list under the given name ("" for the address) and allows
// them, unless they are blocked: a block is only ever lifted by Allow. A waiting request of theirs is
// settled by it. ErrUnknownAccount if there is no such account, ErrListFull if the list is.
func (c *Client) AddContact(ctx context.Context, passport, name string) (Contact, error) {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return Contact{}, err
	}
	contact, err := c.known(passport)
	if err != nil {
		return Contact{}, fmt.Errorf("add contact: %w", err)
	}
	if !contact.On(ForwardList) {
		err := nc.put(ctx, ForwardList, contact, FitName(name))
		if errors.Is(err, ErrNotOnList) { // Escargot says so of an add that took effect (escargot.md 27)
			nc.applied(ctx, change{kind: added, list: ForwardList, passport: contact.Passport, name: name})
			err = nil
		}
		if err != nil {
			return Contact{}, err
		}
	}
	if contact.Lists&(AllowList|BlockList) == 0 {
		if err := nc.put(ctx, AllowList, contact, ""); err != nil && !errors.Is(err, ErrAlreadyThere) {
			return Contact{}, err
		}
	}
	if err := nc.settle(ctx, contact); err != nil {
		return Contact{}, err
	}
	contact, _ = c.roster.find(contact.Passport)
	return contact, nil
}

// RemoveContact takes somebody off the forward list. Whether they are allowed or blocked stays as it is.
func (c *Client) RemoveContact(ctx context.Context, passport string) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	contact, err := c.forward(nc, passport)
	if err != nil {
		return fmt.Errorf("remove contact: %w", err)
	}
	return nc.take(ctx, ForwardList, contact)
}

// Allow lets somebody see my presence and write to me: onto the allow list, off the block list, and,
// if they are waiting for a decision, from the pending to the reverse list.
func (c *Client) Allow(ctx context.Context, passport string) error {
	return c.decide(ctx, passport, AllowList, BlockList)
}

// Block makes me offline to somebody: onto the block list, off the allow list, and, if they are
// waiting for a decision, from the pending to the reverse list.
func (c *Client) Block(ctx context.Context, passport string) error {
	return c.decide(ctx, passport, BlockList, AllowList)
}

// Forget takes somebody off the allow and the block list: whether they see me and may write to me follows the privacy of the account
// from then on (SetPrivacy).
func (c *Client) Forget(ctx context.Context, passport string) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	contact, err := c.known(passport)
	if err != nil {
		return err
	}
	for _, list := range []List{AllowList, BlockList} {
		if !contact.On(list) {
			continue
		}
		if err := nc.take(ctx, list, contact); err != nil && !errors.Is(err, ErrNotOnList) {
			return err
		}
	}
	return nil
}

// decide moves somebody between the two lists that exclude each other.
func (c *Client) decide(ctx context.Context, passport string, onto, off List) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	contact, err := c.known(passport)
	if err != nil {
		return err
	}
	if contact.On(off) {
		if err := nc.take(ctx, off, contact); err != nil && !errors.Is(err, ErrNotOnList) {
			return err
		}
	}
	if !contact.On(onto) {
		if err := nc.put(ctx, onto, contact, ""); err != nil && !errors.Is(err, ErrAlreadyThere) {
			return err
		}
	}
	return nc.settle(ctx, contact)
}

// settle moves somebody from the pending to the reverse list (core.md 7.1). The decision itself stands
// by then: a server that refuses this leaves them on the pending list, and roster.requests does not take
// that for a request.
func (nc *notificationConn) settle(ctx context.Context, contact Contact) error {
	if !nc.dialect.pending || !contact.On(PendingList) {
		return nil
	}
	var refused *ProtocolError
	if !nc.dialect.reverse {
		nc.applied(ctx, change{kind: added, list: ReverseList, passport: contact.Passport})
	} else if err := nc.put(ctx, ReverseList, contact, ""); err != nil && !errors.As(err, &refused) {
		return err
	}
	if err := nc.take(ctx, PendingList, contact); err != nil && !errors.As(err, &refused) {
		return err
	}
	return nil
}

// RenameContact changes the name under which I see a contact (REA, SBP, or the nickname in the address book). "" takes a nickname
// away, where the service keeps them, see KeepsNicknames.
func (c *Client) RenameContact(ctx context.Context, passport, name string) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if name == "" && !c.KeepsNicknames() {
		return errors.New("rename contact: the name must not be empty")
	}
	contact, err := c.forward(nc, passport)
	if err != nil {
		return fmt.Errorf("rename contact: %w", err)
	}
	if err := nc.dialect.roster.rename(ctx, nc, contact, FitName(name)); err != nil {
		return fmt.Errorf("rename %s: %w", contact.Passport, err)
	}
	return nil
}

// grouping is signedIn for what needs contact groups.
func (c *Client) grouping(ctx context.Context) (*notificationConn, error) {
	nc, err := c.signedIn(ctx)
	if err == nil && !nc.dialect.groups {
		return nil, fmt.Errorf("contact groups: %w", ErrUnsupported)
	}
	return nc, err
}

// AddGroup makes a contact group. Servers take 30 groups and names of 61 encoded bytes.
// ErrUnsupported before MSNP7, as with everything about groups.
func (c *Client) AddGroup(ctx context.Context, name string) (Group, error) {
	nc, err := c.grouping(ctx)
	if err != nil {
		return Group{}, err
	}
	if name == "" {
		return Group{}, errors.New("add group: the name must not be empty")
	}
	made, err := nc.dialect.roster.addGroup(ctx, nc, name)
	if err != nil {
		return Group{}, fmt.Errorf("add group: %w", err)
	}
	return made, nil
}

// RenameGroup gives a group another name.
func (c *Client) RenameGroup(ctx context.Context, id, name string) error {
	nc, err := c.grouping(ctx)
	if err != nil {
		return err
	}
	if id == "" || name == "" {
		return errors.New("rename group: id and name must not be empty")
	}
	if err := nc.dialect.roster.renameGroup(ctx, nc, id, name); err != nil {
		return fmt.Errorf("rename group: %w", err)
	}
	return nil
}

// RemoveGroup deletes a group; its contacts stay on the list.
func (c *Client) RemoveGroup(ctx context.Context, id string) error {
	nc, err := c.grouping(ctx)
	if err != nil {
		return err
	}
	if id == "" {
		return errors.New("remove group: the id must not be empty")
	}
	if err := nc.dialect.roster.removeGroup(ctx, nc, id); err != nil {
		return fmt.Errorf("remove group: %w", err)
	}
	return nil
}

// AddToGroup puts a contact into a group; a contact may be in several.
func (c *Client) AddToGroup(ctx context.Context, passport, groupID string) error {
	return c.sort(ctx, passport, groupID, true)
}

// RemoveFromGroup takes a contact out of a group; it stays on the list.
func (c *Client) RemoveFromGroup(ctx context.Context, passport, groupID string) error {
	return c.sort(ctx, passport, groupID, false)
}

func (c *Client) sort(ctx context.Context, passport, groupID string, in bool) error {
	nc, err := c.grouping(ctx)
	if err != nil {
		return err
	}
	if groupID == "" {
		return errors.New("sort contact: the group's id must not be empty")
	}
	contact, err := c.forward(nc, passport)
	if err != nil {
		return fmt.Errorf("sort contact: %w", err)
	}
	if err := nc.dialect.roster.sort(ctx, nc, contact, groupID, in); err != nil {
		return fmt.Errorf("sort %s: %w", contact.Passport, err)
	}
	return nil
}

// SetPrivacy says what becomes of people on neither my allow nor my block list (BLP).
func (c *Client) SetPrivacy(ctx context.Context, p Privacy) error {
	if p != AllowOthers && p != BlockOthers {
		return fmt.Errorf("set privacy: %.10q is not one of AL, BL", string(p))
	}
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if err := nc.dialect.roster.setPrivacy(ctx, nc, p); err != nil {
		return fmt.Errorf("set privacy: %w", err)
	}
	return nil
}

// Decline settles a request without granting it: off the pending list, neither allowed nor blocked, so that
// it does not come again at the next sign-in. Where there is no pending list (before MSNP10) a request
// stays until it is allowed or blocked: ErrUnsupported.
func (c *Client) Decline(ctx context.Context, passport string) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if !nc.dialect.pending {
		return fmt.Errorf("decline a request: %w", ErrUnsupported)
	}
	contact, err := c.known(passport)
	if err != nil {
		return fmt.Errorf("decline a request: %w", err)
	}
	return nc.settle(ctx, contact)
}

// KeepsNicknames tells whether the service keeps what I call a contact apart from what they call themselves (MSNP13 and later).
// Before that RenameContact lasts until their next presence.
func (c *Client) KeepsNicknames() bool {
	if c.Version() == 0 {
		return false
	}
	_, book := dialectOf(c.Version()).roster.(addressBook)
	return book
}
