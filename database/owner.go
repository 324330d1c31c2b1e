package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maunium.net/go/mautrix/id"
)

// Owner is the Matrix user whose the rooms are that a logout of this account has left behind; "" if there was none.
func (db *Database) Owner(ctx context.Context, login string) (id.UserID, error) {
	var owner id.UserID
	err := db.QueryRow(ctx, "SELECT mxid FROM msn_owner WHERE login=$1", login).Scan(&owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read whose the rooms of an account are: %w", err)
	}
	return owner, nil
}

// PutOwner stores whose the rooms are that a logout leaves behind.
func (db *Database) PutOwner(ctx context.Context, login string, owner id.UserID) error {
	_, err := db.Exec(ctx, "INSERT INTO msn_owner (login, mxid) VALUES ($1, $2) ON CONFLICT (login) DO UPDATE SET mxid=excluded.mxid", login, owner)
	if err != nil {
		return fmt.Errorf("store whose the rooms of an account are: %w", err)
	}
	return nil
}

// ForgetRooms forgets which rooms show which contact groups and conferences of a login, for somebody else's login of the account.
func (db *Database) ForgetRooms(ctx context.Context, login string) error {
	return db.DoTxn(ctx, nil, func(ctx context.Context) error {
		for _, table := range []string{"msn_conference", "msn_group", "msn_group_contact", "msn_owner"} {
			if _, err := db.Exec(ctx, "DELETE FROM "+table+" WHERE login=$1", login); err != nil {
				return fmt.Errorf("forget the rooms of an account: %w", err)
			}
		}
		return nil
	})
}
