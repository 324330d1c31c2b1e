package storage

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// UserTile gets the picture of any account by the id that the contact list gives it; nil if it has none. Nobody is shown a ticket
// for it.
func (s *Store) UserTile(ctx context.Context, client *http.Client, id string) ([]byte, error) {
	at, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("the storage URL makes no sense")
	}
	address := url.URL{Scheme: at.Scheme, Host: at.Host, Path: "/storage/usertile/" + id + "/static"}
	data, _, err := s.Picture(ctx, client, Profile{PictureURL: address.String()})
	return data, err
}
