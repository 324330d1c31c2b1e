package database

import (
	"context"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// Nicknames is what the user of a login calls contacts, by address, as far as the service does not keep it.
func (db *Database) Nicknames(ctx context.Context, login string) (map[string]string, error) {
	rows, err := db.Query(ctx, "SELECT passport, name FROM msn_nickname WHERE login=$1", login)
	names := make(map[string]string)
	err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) ([2]string, error) {
		var r [2]string
		return r, row.Scan(&r[0], &r[1])
	}, err).Iter(func(r [2]string) (bool, error) {
		names[r[0]] = r[1]
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read nicknames: %w", err)
	}
	return names, nil
}

// PutNickname stores what a contact is called; "" forgets it.
func (db *Database) PutNickname(ctx context.Context, login, passport, name string) error {
	var err error
	if name == "" {
		_, err = db.Exec(ctx, "DELETE FROM msn_nickname WHERE login=$1 AND passport=$2", login, passport)
	} else {
		_, err = db.Exec(ctx, `
			INSERT INTO msn_nickname (login, passport, name) VALUES ($1, $2, $3)
			ON CONFLICT (login, passport) DO UPDATE SET name=excluded.name`, login, passport, name)
	}
	if err != nil {
		return fmt.Errorf("store a nickname: %w", err)
	}
	return nil
}
