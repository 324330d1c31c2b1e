package msn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/matrix-msn/matrix-msn/msn/internal/storage"
	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
)

// stored is the storage service of this sign-in. Services wanted it from MSNP13 on, when the address book moved.
func (c *Client) stored(ctx context.Context) (*notificationConn, *storage.Store, error) {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return nil, nil, err
	}
	w := nc.web
	if c.cfg.Server.Storage == "" || w.ticket(tickets.Storage) == "" || w.cid() == "" {
		return nil, nil, fmt.Errorf("roaming profile: %w", ErrUnsupported)
	}
	return nc, &storage.Store{
		Caller: w.caller, URL: c.cfg.Server.Storage, CID: w.cid, Year2008: nc.dialect.personal >= personalScene,
		Ticket: func() string { return w.ticket(tickets.Storage) },
	}, nil
}

// RoamingProfile reads what the storage service keeps of the account. It is the zero profile if there is nothing yet, and
// ErrUnsupported if there is no such service, or no ticket for it (before MSNP13, and with tickets of the nexus).
func (c *Client) RoamingProfile(ctx context.Context) (RoamingProfile, error) {
	nc, store, err := c.stored(ctx)
	if err != nil {
		return RoamingProfile{}, err
	}
	var p storage.Profile
	err = nc.web.use(ctx, func(ctx context.Context) (err error) {
		p, err = store.Get(ctx)
		return err
	})
	if errors.Is(err, storage.ErrNoProfile) {
		return RoamingProfile{}, nil
	}
	if err != nil {
		return RoamingProfile{}, err
	}
	r := RoamingProfile{DisplayName: p.DisplayName, PersonalMessage: p.PersonalStatus}
	err = nc.web.use(ctx, func(ctx context.Context) (err error) {
		r.Picture, r.PictureType, err = store.Picture(ctx, nc.dial.http, p)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, nil
}

// maxRoamingPicture bounds the picture that is stored, in bytes.
const maxRoamingPicture = 256 << 10

// SetRoamingProfile writes what differs from what the storage service has; a nil Picture leaves the picture alone. An
// account without a profile gets one.
func (c *Client) SetRoamingProfile(ctx context.Context, r RoamingProfile) error {
	nc, store, err := c.stored(ctx)
	if err != nil {
		return err
	}
	if len(r.Picture) > maxRoamingPicture {
		return fmt.Errorf("roaming profile: a picture of %d bytes, at most %d are taken", len(r.Picture), maxRoamingPicture)
	}
	var p storage.Profile
	get := func(ctx context.Context) (err error) {
		p, err = store.Get(ctx)
		return err
	}
	err = nc.web.use(ctx, get)
	if errors.Is(err, storage.ErrNoProfile) {
		if err = nc.web.use(ctx, store.Create); err == nil {
			err = nc.web.use(ctx, get)
		}
	}
	if err != nil {
		return err
	}
	if p.DisplayName != r.DisplayName || p.PersonalStatus != r.PersonalMessage {
		err := nc.web.use(ctx, func(ctx context.Context) error { return store.Update(ctx, p, r.DisplayName, r.PersonalMessage) })
		if err != nil {
			return err
		}
	}
	if r.Picture == nil {
		return nil
	}
	picture, err := storage.PNG(r.Picture)
	if err != nil {
		return err
	}
	return nc.web.use(ctx, func(ctx context.Context) error {
		if before, _, err := store.Picture(ctx, nc.dial.http, p); err == nil && bytes.Equal(before, picture) {
			return nil
		}
		return store.SetPicture(ctx, p, "image/png", picture)
	})
}
