package database

import (
	"context"
	"fmt"

	"go.mau.fi/util/dbutil"
)

// GhostStatuses is what stands in the profiles of ghosts about what they say, by ghost ID: the homeserver keeps it over a restart of the
// bridge, and telling it anew would cost a request for each.
func (db *Database) GhostStatuses(ctx context.Context) (map[string]string, error) {
	rows, err := db.Query(ctx, "SELECT ghost, told FROM msn_ghost_status")
	told := make(map[string]string)
	err = dbutil.NewRowIterWithError(rows, func(row dbutil.Scannable) ([2]string, error) {
		var r [2]string
		return r, row.Scan(&r[0], &r[1])
	}, err).Iter(func(r [2]string) (bool, error) {
		told[r[0]] = r[1]
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read ghosts' statuses: %w", err)
	}
	return told, nil
}

// PutGhostStatus stores what stands in a ghost's profile; "" forgets it.
func (db *Database) PutGhostStatus(ctx context.Context, ghost, told string) error {
	var err error
	if told == "" {
		_, err = db.Exec(ctx, "DELETE FROM msn_ghost_status WHERE ghost=$1", ghost)
	} else {
		_, err = db.Exec(ctx, "INSERT INTO msn_ghost_status (ghost, told) VALUES ($1, $2) ON CONFLICT (ghost) DO UPDATE SET told=excluded.told", ghost, told)
	}
	if err != nil {
		return fmt.Errorf("store a ghost's status: %w", err)
	}
	return nil
}
