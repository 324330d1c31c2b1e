package msn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// lower compares addresses.
func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// member is somebody as memberships name them.
func member(c Contact) abch.Member {
	network, account := SplitPassport(c.Passport)
	return abch.NewMember(network, account)
}

// role is the membership of a list; "" for the forward list, which is the book itself.
func (l List) role() string {
	for role, list := range roles {
		if list == l {
			return role
		}
	}
	return ""
}

// put adds somebody: the web service first, then the notification server (services.md 9.2 and 9.3). Onto
// the reverse list the service only takes those who are pending.
func (a addressBook) put(ctx context.Context, nc *notificationConn, list List, c Contact, name string) error {
	step := change{kind: added, list: list, passport: c.Passport, network: c.NetworkID}
	err := nc.web.do(ctx, func(ctx context.Context) (err error) {
		if list != ForwardList {
			return nc.web.book.AddMember(ctx, list.role(), member(c))
		}
		network, account := SplitPassport(c.Passport)
		contact := abch.NewContact{Passport: account, Network: network, Nickname: name, OwnName: nc.roster.ownName()}
		step.id, err = nc.web.book.AddContact(ctx, contact)
		return err
	})
	if err != nil {
		return err
	}
	if list == ForwardList && name != "" {
		step.name, step.nickname = name, true
	}
	if err := nc.membership(ctx, "ADL", list, c.Passport); err != nil {
		return err
	}
	nc.applied(ctx, step)
	return nil
}

// take removes somebody.
func (a addressBook) take(ctx context.Context, nc *notificationConn, list List, c Contact) error {
	err := nc.web.do(ctx, func(ctx context.Context) error {
		if list == ForwardList {
			return nc.web.book.DeleteContact(ctx, c.ID)
		}
		m := member(c)
		if list == PendingList {
			m.MembershipID = nc.roster.pendingID(c.Passport)
		}
		return nc.web.book.DeleteMember(ctx, list.role(), m)
	})
	if err != nil && !(errors.Is(err, ErrNotOnList) && list == ForwardList) { // gone already is gone
		return err
	}
	if err := nc.membership(ctx, "RML", list, c.Passport); err != nil {
		return err
	}
	nc.applied(ctx, change{kind: removed, list: list, passport: c.Passport})
	return nil
}

// rename gives a contact a name of my own.
func (a addressBook) rename(ctx context.Context, nc *notificationConn, c Contact, name string) error {
	err := nc.web.do(ctx, func(ctx context.Context) error {
		return nc.web.book.UpdateContact(ctx, c.ID, abch.ContactChanges{Nickname: &name})
	})
	if err != nil {
		return err
	}
	nc.applied(ctx, change{kind: renamed, passport: c.Passport, name: name, nickname: true})
	return nil
}

// renameHere tells the notification server my name (PRP MFN).
func (a addressBook) renameHere(ctx context.Context, nc *notificationConn, name string) error {
	if nc.dialect.documents {
		return nc.publishName(ctx, FitName(name))
	}
	_, err := nc.edit(ctx, command("PRP", "MFN", wire.Encode(FitName(name))))
	return err
}

// renameSelf changes my name in both places. A service that keeps none of it is as good (services.md 8.7).
func (a addressBook) renameSelf(ctx context.Context, nc *notificationConn, name string) error {
	if err := a.renameHere(ctx, nc, name); err != nil {
		return err
	}
	err := nc.web.do(ctx, func(ctx context.Context) error {
		return nc.web.book.UpdateMe(ctx, abch.MeChanges{DisplayName: &name})
	})
	if errors.Is(err, ErrUnsupported) {
		return nil
	}
	return err
}

// sort does not ask for what is so already: there are services that fail at it without a reason.
func (a addressBook) sort(ctx context.Context, nc *notificationConn, c Contact, group string, in bool) error {
	if slices.Contains(c.Groups, group) == in {
		return nil
	}
	if !nc.roster.hasGroup(group) {
		return fmt.Errorf("group %.50q: %w", group, ErrNotOnList)
	}
	err := nc.web.do(ctx, func(ctx context.Context) error {
		if in {
			return nc.web.book.AddToGroup(ctx, c.ID, group)
		}
		return nc.web.book.RemoveFromGroup(ctx, c.ID, group)
	})
	if err != nil {
		return err
	}
	kind := removed
	if in {
		kind = added
	}
	nc.applied(ctx, change{kind: kind, list: ForwardList, passport: c.Passport, groups: []string{group}})
	return nil
}

func (a addressBook) addGroup(ctx context.Context, nc *notificationConn, name string) (made Group, err error) {
	made.Name = name
	err = nc.web.do(ctx, func(ctx context.Context) (err error) {
		made.ID, err = nc.web.book.AddGroup(ctx, name)
		return err
	})
	if err != nil {
		return Group{}, err
	}
	nc.applied(ctx, change{kind: groupAdded, group: made})
	return made, nil
}

func (a addressBook) renameGroup(ctx context.Context, nc *notificationConn, id, name string) error {
	if !nc.roster.hasGroup(id) {
		return fmt.Errorf("group %.50q: %w", id, ErrNotOnList)
	}
	err := nc.web.do(ctx, func(ctx context.Context) error { return nc.web.book.RenameGroup(ctx, id, name) })
	if err == nil {
		nc.applied(ctx, change{kind: groupRenamed, group: Group{ID: id, Name: name}})
	}
	return err
}

func (a addressBook) removeGroup(ctx context.Context, nc *notificationConn, id string) error {
	if !nc.roster.hasGroup(id) {
		return fmt.Errorf("group %.50q: %w", id, ErrNotOnList)
	}
	err := nc.web.do(ctx, func(ctx context.Context) error { return nc.web.book.DeleteGroup(ctx, id) })
	if err == nil {
		nc.applied(ctx, change{kind: groupRemoved, group: Group{ID: id}})
	}
	return err
}

// setPrivacy is kept in the book and told to the notification server.
func (a addressBook) setPrivacy(ctx context.Context, nc *notificationConn, p Privacy) error {
	block := p == BlockOthers
	err := nc.web.do(ctx, func(ctx context.Context) error {
		return nc.web.book.UpdateMe(ctx, abch.MeChanges{BlockOthers: &block})
	})
	if err != nil && !errors.Is(err, ErrUnsupported) {
		return err
	}
	if !nc.dialect.documents { // where there is no BLP, the book has it alone
		if err := nc.setPolicy(ctx, p); err != nil {
			return err
		}
	}
	nc.applied(ctx, change{kind: policy, value: string(p)})
	return nil
}
