package database

import (
	"context"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// Group is a contact group as one login has it, and the sub-space that shows it.
type Group struct {
	Login string // bridgev2's login ID
	Room  string // random, part of the portal's ID: it stays when the service gives the group another ID
	// ID and Name are those of the service: a number before MSNP10, a GUID from then on.
	ID, Name string
}

// Groups lists those of a login, by their room.
func (db *Database) Groups(ctx context.Context, login string) ([]Group, error) {
	rows, err := db.Query(ctx, "SELECT room, id, name FROM msn_group WHERE login=$1 ORDER BY room", login)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (Group, error) {
		g := Group{Login: login}
		return g, row.Scan(&g.Room, &g.ID, &g.Name)
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("read contact groups: %w", err)
	}
	return list, nil
}

// PutGroup stores one, new or changed.
func (db *Database) PutGroup(ctx context.Context, g Group) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_group (login, room, id, name) VALUES ($1, $2, $3, $4)
		ON CONFLICT (login, room) DO UPDATE SET id=excluded.id, name=excluded.name`, g.Login, g.Room, g.ID, g.Name)
	if err != nil {
		return fmt.Errorf("store contact group: %w", err)
	}
	return nil
}

// DeleteGroup forgets one with who is in it. It is no error if there is none.
func (db *Database) DeleteGroup(ctx context.Context, login, room string) error {
	return db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, table := range []string{"msn_group", "msn_group_contact"} {
			if _, err := db.Exec(ctx, "DELETE FROM "+table+" WHERE login=$1 AND room=$2", login, room); err != nil {
				return fmt.Errorf("delete contact group: %w", err)
			}
		}
		return nil
	})
}

// GroupContact says that a contact's room is shown in the sub-space of a group.
type GroupContact struct {
	Room     string // of the Group
	Passport string // lower case
	Chat     string // ID of the contact's Matrix room, which may have been another one before
}

// GroupContacts lists who is shown in the groups of a login.
func (db *Database) GroupContacts(ctx context.Context, login string) ([]GroupContact, error) {
	rows, err := db.Query(ctx, "SELECT room, passport, chat FROM msn_group_contact WHERE login=$1 ORDER BY room, passport", login)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (GroupContact, error) {
		var c GroupContact
		return c, row.Scan(&c.Room, &c.Passport, &c.Chat)
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("read who is in contact groups: %w", err)
	}
	return list, nil
}

// PutGroupContact stores that a contact's room is shown in a group.
func (db *Database) PutGroupContact(ctx context.Context, login string, c GroupContact) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_group_contact (login, room, passport, chat) VALUES ($1, $2, $3, $4)
		ON CONFLICT (login, room, passport) DO UPDATE SET chat=excluded.chat`, login, c.Room, c.Passport, c.Chat)
	if err != nil {
		return fmt.Errorf("store who is in a contact group: %w", err)
	}
	return nil
}

// DeleteGroupContact forgets that a contact's room is shown in a group.
func (db *Database) DeleteGroupContact(ctx context.Context, login, room, passport string) error {
	_, err := db.Exec(ctx, "DELETE FROM msn_group_contact WHERE login=$1 AND room=$2 AND passport=$3", login, room, passport)
	if err != nil {
		return fmt.Errorf("delete who is in a contact group: %w", err)
	}
	return nil
}
