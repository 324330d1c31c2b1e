// Package database keeps what bridgev2 does not store: what is to be remembered of a login, who belongs
// to which conference, which sub-space shows which contact group, what stands in ghosts' profiles, which pictures are known, and which
// protocol versions work on which service. The tables lie in bridgev2's database, beside its own. It knows the value types of package msn
// and is used by package bridge.
package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/matrix-msn/matrix-msn/database/upgrades"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Database is our part of the bridge's database.
type Database struct{ *dbutil.Database }

// New takes a part of the bridge's database. Upgrade must be called before anything else.
func New(main *dbutil.Database, log dbutil.DatabaseLogger) *Database {
	return &Database{main.Child("msn_schema", upgrades.Table, log)}
}

// Conference is a conversation of more than two, as one login sees it. It outlives its switchboards.
type Conference struct {
	Login string // bridgev2's login ID
	ID    string // random, part of the portal's ID
	// Members are the others who are in it now, Everyone also those who have left: addresses, lower
	// case, sorted.
	Members, Everyone []string
	// Used is when something last happened in it; it is kept to the second.
	Used time.Time
}

// Conferences lists those of a login, the last used first.
func (db *Database) Conferences(ctx context.Context, login string) ([]Conference, error) {
	rows, err := db.Query(ctx,
		"SELECT id, members, everyone, used FROM msn_conference WHERE login=$1 ORDER BY used DESC, id", login)
	list, err := dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) (Conference, error) {
		c := Conference{Login: login}
		var members, everyone string
		var used int64
		err := row.Scan(&c.ID, &members, &everyone, &used)
		c.Members, c.Everyone, c.Used = strings.Fields(members), strings.Fields(everyone), time.Unix(used, 0)
		return c, err
	}, err).AsList()
	if err != nil {
		return nil, fmt.Errorf("read conferences: %w", err)
	}
	return list, nil
}

// PutConference stores one, new or changed.
func (db *Database) PutConference(ctx context.Context, c Conference) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_conference (login, id, members, everyone, used) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (login, id) DO UPDATE SET members=excluded.members, everyone=excluded.everyone, used=excluded.used`,
		c.Login, c.ID, strings.Join(c.Members, " "), strings.Join(c.Everyone, " "), c.Used.Unix())
	if err != nil {
		return fmt.Errorf("store conference: %w", err)
	}
	return nil
}

// DeleteConference forgets one. It is no error if there is none.
func (db *Database) DeleteConference(ctx context.Context, login, id string) error {
	if _, err := db.Exec(ctx, "DELETE FROM msn_conference WHERE login=$1 AND id=$2", login, id); err != nil {
		return fmt.Errorf("delete conference: %w", err)
	}
	return nil
}

// Login is what is remembered of a login beside bridgev2's row, which has no place for what changes by
// itself: bridgev2 writes that row from memory whenever it likes.
type Login struct {
	// Greeted says that the user has been told of the contact list once.
	Greeted bool
	// Elsewhere says that another client took the account over: it is left alone until the user asks.
	Elsewhere bool
	// Status is the code that `status` set, with PersonalMessage; "" follows Matrix.
	Status, PersonalMessage string
	// Lost is why the login was lost for good, as a code, once the user was told; "" while it is not.
	Lost string
	// Place is what `places name` called this place for the user's others; "" for the configured name.
	Place string
}

// Login is what is remembered of a login; the zero value if nothing is.
func (db *Database) Login(ctx context.Context, login string) (Login, error) {
	var l Login
	err := db.QueryRow(ctx, "SELECT greeted, elsewhere, status, personal_message, lost, place FROM msn_login WHERE login=$1", login).
		Scan(&l.Greeted, &l.Elsewhere, &l.Status, &l.PersonalMessage, &l.Lost, &l.Place)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Login{}, fmt.Errorf("read login: %w", err)
	}
	return l, nil
}

// PutLogin stores what is to be remembered of a login.
func (db *Database) PutLogin(ctx context.Context, login string, l Login) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_login (login, greeted, elsewhere, status, personal_message, lost, place) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (login) DO UPDATE SET greeted=excluded.greeted, elsewhere=excluded.elsewhere,
			status=excluded.status, personal_message=excluded.personal_message, lost=excluded.lost, place=excluded.place`,
		login, l.Greeted, l.Elsewhere, l.Status, l.PersonalMessage, l.Lost, l.Place)
	if err != nil {
		return fmt.Errorf("store login: %w", err)
	}
	return nil
}

// DeleteLogin forgets what is remembered of a login. Which rooms show which contact groups and conferences stays, as the rooms do: the next
// login of the account finds them again.
func (db *Database) DeleteLogin(ctx context.Context, login string) error {
	return db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, table := range []string{"msn_login", "msn_profile", "msn_nickname"} {
			if _, err := db.Exec(ctx, "DELETE FROM "+table+" WHERE login=$1", login); err != nil {
				return fmt.Errorf("delete login: %w", err)
			}
		}
		return nil
	})
}

// VersionMemory is what is known of the versions of a service; the zero value if nothing is.
func (db *Database) VersionMemory(ctx context.Context, server string) (msn.VersionMemory, error) {
	var text string
	err := db.QueryRow(ctx, "SELECT versions FROM msn_server WHERE server=$1", server).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return msn.VersionMemory{}, nil
	}
	var memory msn.VersionMemory
	if err == nil {
		err = json.Unmarshal([]byte(text), &memory)
	}
	if err != nil {
		return msn.VersionMemory{}, fmt.Errorf("read versions of %s: %w", server, err)
	}
	return memory, nil
}

// PutVersionMemory stores what is known of the versions of a service.
func (db *Database) PutVersionMemory(ctx context.Context, server string, memory msn.VersionMemory) error {
	text, err := json.Marshal(memory)
	if err == nil {
		_, err = db.Exec(ctx, `
			INSERT INTO msn_server (server, versions) VALUES ($1, $2)
			ON CONFLICT (server) DO UPDATE SET versions=excluded.versions`, server, string(text))
	}
	if err != nil {
		return fmt.Errorf("store versions of %s: %w", server, err)
	}
	return nil
}
