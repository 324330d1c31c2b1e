package msn_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// onePixel is the smallest PNG that a storage service takes.
func onePixel(t testing.TB) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestUserTile gets the picture that somebody has left at the storage service, while they are away.
func TestUserTile(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		b := signIn(t, s, bob, msn.MSNP15)
		b.check("leave a picture", b.SetRoamingProfile(t.Context(), msn.RoamingProfile{DisplayName: "Bob", Picture: onePixel(t)}))
		b.check("sign out", b.SignOut(t.Context()))
		a := signIn(t, s, alice, v)
		got, err := a.UserTile(t.Context(), bob)
		contact, _ := a.Contact(bob)
		var want []byte
		if contact.ID != "" {
			want = onePixel(t)
		}
		if err != nil || !bytes.Equal(got, want) || (want == nil) != (v < msn.MSNP10) {
			t.Errorf("%d bytes, %v; the contact's ID is %q", len(got), err, contact.ID)
		}
		for _, who := range []string{"carol@example.com", "nobody@example.com"} {
			if got, err := a.UserTile(t.Context(), who); got != nil || err != nil {
				t.Errorf("%s: %d bytes, %v", who, len(got), err)
			}
		}
	})
	s := house(t, nil)
	server := s.MSN()
	server.Storage = ""
	a := begin(t, s, alice, func(c *msn.Config) { c.Server = server }, msn.MSNP12)
	if _, err := a.UserTile(t.Context(), bob); !errors.Is(err, msn.ErrUnsupported) {
		t.Errorf("without a storage service: %v", err)
	}
}

// TestPictureOfSignIn has a picture with the first status: contacts see one change.
func TestPictureOfSignIn(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		b := signIn(t, s, bob, v)
		a := begin(t, s, alice, func(c *msn.Config) { c.DisplayPicture = onePixel(t) }, v)
		a.settled()
		e := b.sees(alice, msn.Online)
		if shown := e.Presence.Object != nil; shown != (v >= msn.MSNP9) || shown != a.ShowsObjects() {
			t.Errorf("the picture is %+v", e.Presence.Object)
		}
		if e.Presence.Object == nil || v == msn.MSNP21 {
			return
		}
		if got, err := b.FetchObject(t.Context(), alice, *e.Presence.Object); err != nil || !bytes.Equal(got, onePixel(t)) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

// TestPictureAndStatus set at the same time, while the server must not be asked too often: both come.
func TestPictureAndStatus(t *testing.T) {
	s := house(t, nil)
	b := signIn(t, s, bob, msn.MSNP12)
	a := begin(t, s, alice, func(c *msn.Config) { c.Limits = msn.Limits{Changes: 100 * time.Millisecond} }, msn.MSNP12)
	a.settled()
	done := make(chan error, 2)
	ctx := context.WithoutCancel(t.Context())
	go func() { done <- a.SetPresence(ctx, msn.Presence{Status: msn.Busy}) }()
	go func() { done <- a.SetDisplayPicture(ctx, onePixel(t)) }()
	for range 2 {
		a.check("change", <-done)
	}
	await(b, "busy, with a picture", func(p msn.PresenceChanged) bool {
		return p.Passport == alice && p.Presence.Status == msn.Busy && p.Presence.Object != nil
	})
}
