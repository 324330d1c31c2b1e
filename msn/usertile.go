package msn

import (
	"context"
	"fmt"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/storage"
)

// UserTile gets the picture that a contact has left at the storage service, which is there while they are away; nil if they have
// left none, or have no ID, as before MSNP10. There is a service that shows it to anybody who knows the ID (services.md 11.1);
// ErrUnsupported where there is no storage service at all.
func (c *Client) UserTile(ctx context.Context, passport string) ([]byte, error) {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return nil, err
	}
	if c.cfg.Server.Storage == "" {
		return nil, fmt.Errorf("picture of %s: %w", passport, ErrUnsupported)
	}
	contact, ok := c.Contact(passport)
	if !ok || !isGUID(contact.ID) {
		return nil, nil // on no list, or on one without IDs
	}
	store := &storage.Store{Caller: nc.web.caller, URL: c.cfg.Server.Storage, Ticket: func() string { return "" }}
	data, err := store.UserTile(ctx, nc.dial.http, strings.ToLower(contact.ID))
	if err != nil {
		return nil, fmt.Errorf("picture of %s: %w", passport, err)
	}
	return data, nil
}
