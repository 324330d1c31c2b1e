package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Picture is a display picture that is on Matrix already. The picture itself is not kept here, so that rows are small.
type Picture struct {
	SHA1D string // what MSN knows it by: the hash of its bytes, in base64
	MXC   string // where it is on Matrix
	Bytes int    // how large it was on MSN
	// Used is when it was last given to somebody, to the second.
	Used time.Time
}

// Picture finds a picture. found is false if it is not known.
func (db *Database) Picture(ctx context.Context, sha1d string) (p Picture, found bool, err error) {
	p.SHA1D = sha1d
	var used int64
	err = db.QueryRow(ctx, "SELECT mxc, bytes, used FROM msn_picture WHERE sha1d=$1", sha1d).Scan(&p.MXC, &p.Bytes, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return Picture{}, false, nil
	}
	if err != nil {
		return Picture{}, false, fmt.Errorf("read picture: %w", err)
	}
	p.Used = time.Unix(used, 0)
	return p, true, nil
}

// PutPicture stores one, new or used again.
func (db *Database) PutPicture(ctx context.Context, p Picture) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_picture (sha1d, mxc, bytes, used) VALUES ($1, $2, $3, $4)
		ON CONFLICT (sha1d) DO UPDATE SET mxc=excluded.mxc, bytes=excluded.bytes, used=excluded.used`,
		p.SHA1D, p.MXC, p.Bytes, p.Used.Unix())
	if err != nil {
		return fmt.Errorf("store picture: %w", err)
	}
	return nil
}

// PrunePictures forgets all but the keep pictures that were used last. One that is forgotten is fetched anew when
// somebody shows it again.
func (db *Database) PrunePictures(ctx context.Context, keep int) error {
	_, err := db.Exec(ctx, `
		DELETE FROM msn_picture WHERE sha1d NOT IN (SELECT sha1d FROM msn_picture ORDER BY used DESC, sha1d LIMIT $1)`, keep)
	if err != nil {
		return fmt.Errorf("forget old pictures: %w", err)
	}
	return nil
}

// Profile is what MSN contacts are to see of a login, beside the status.
type Profile struct {
	// Name was set by command; "" follows the configuration.
	Name string
	// Message was set by command if MessageFixed; else the personal message follows Matrix.
	MessageFixed bool
	Message      string
	// PNG is the display picture as MSN shows it, nil for none. Source is the medium on Matrix that it was made of.
	// It was set by command if PictureFixed; else it follows the avatar on Matrix.
	PictureFixed bool
	Source       string
	PNG          []byte
	// Stored tells what of it the storage service was given last.
	Stored string
}

// Profile is that of a login; the zero value if nothing is known.
func (db *Database) Profile(ctx context.Context, login string) (Profile, error) {
	var p Profile
	err := db.QueryRow(ctx, `
		SELECT name, message_fixed, message, picture_fixed, source, png, stored FROM msn_profile WHERE login=$1`, login).
		Scan(&p.Name, &p.MessageFixed, &p.Message, &p.PictureFixed, &p.Source, &p.PNG, &p.Stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Profile{}, fmt.Errorf("read profile: %w", err)
	}
	return p, nil
}

// PutProfile stores that of a login.
func (db *Database) PutProfile(ctx context.Context, login string, p Profile) error {
	_, err := db.Exec(ctx, `
		INSERT INTO msn_profile (login, name, message_fixed, message, picture_fixed, source, png, stored)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (login) DO UPDATE SET name=excluded.name, message_fixed=excluded.message_fixed, message=excluded.message,
			picture_fixed=excluded.picture_fixed, source=excluded.source, png=excluded.png, stored=excluded.stored`,
		login, p.Name, p.MessageFixed, p.Message, p.PictureFixed, p.Source, p.PNG, p.Stored)
	if err != nil {
		return fmt.Errorf("store profile: %w", err)
	}
	return nil
}
