package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// plain is a picture of one colour.
func plain(width, height int, c color.NRGBA) *image.NRGBA {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		picture.SetNRGBA(i%width, i/width, c)
	}
	return picture
}

// displayPicture is a PNG as Messenger has them.
func displayPicture(t testing.TB, c color.NRGBA) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, plain(96, 96, c)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var (
	red, green = color.NRGBA{230, 10, 20, 255}, color.NRGBA{20, 220, 30, 255}
	blue, grey = color.NRGBA{10, 20, 240, 255}, color.NRGBA{120, 120, 120, 255}
)

// pictured waits until a contact has a picture in a room, and the room has it too, after a mark.
func (u *user) pictured(t testing.TB, mark int, room id.RoomID, contact string, want []byte) {
	t.Helper()
	ghost := house.Bridge.Ghost(contact)
	var uri id.ContentURIString
	u.awaits(t, "the picture of "+contact, mark, func(evt *event.Event) bool {
		if evt.RoomID != room || evt.Type != event.StateMember || evt.GetStateKey() != string(ghost) || evt.Content.AsMember().AvatarURL == "" {
			return false
		}
		uri = evt.Content.AsMember().AvatarURL
		return true
	})
	within(t, func(ctx context.Context) error {
		parsed, err := uri.Parse()
		if err != nil {
			return err
		}
		got, err := u.DownloadBytes(ctx, parsed)
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("the picture of %s has %d bytes, want %d", contact, len(got), len(want))
		}
		return err
	})
	u.awaits(t, "the picture of the room", mark, func(evt *event.Event) bool {
		return evt.RoomID == room && evt.Type == event.StateRoomAvatar && evt.Content.AsRoomAvatar().URL == uri
	})
}

// shows makes a picture the user's avatar on Matrix.
func (u *user) shows(t testing.TB, picture image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	within(t, func(ctx context.Context) error {
		made, err := u.UploadBytes(ctx, b.Bytes(), "image/jpeg")
		if err != nil {
			return err
		}
		return u.SetAvatarURL(ctx, made.ContentURI)
	})
}

// sees waits until a contact sees the user with a picture after a mark, and fetches it: it is all of one colour.
func sees(t testing.TB, c *stage.Contact, mark int, passport string, want color.NRGBA) {
	t.Helper()
	within(t, func(ctx context.Context) error {
		var object msn.MSNObject
		_, err := c.Await(ctx, "the user's picture", mark, func(e msn.Event) bool {
			p, ok := e.(msn.PresenceChanged)
			if !ok || p.Passport != passport || p.Presence.Object == nil {
				return false
			}
			object = *p.Presence.Object
			return true
		})
		if err != nil {
			return err
		}
		data, err := c.FetchObject(ctx, passport, object)
		if err != nil {
			return err
		}
		got, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return err
		}
		near := func(a uint32, b uint8) bool { return max(a>>8, uint32(b))-min(a>>8, uint32(b)) < 8 }
		r, g, b, _ := got.At(48, 48).RGBA()
		if got.Bounds() != image.Rect(0, 0, 96, 96) || !near(r, want.R) || !near(g, want.G) || !near(b, want.B) {
			return fmt.Errorf("it is %v, %d %d %d; want %v", got.Bounds(), r>>8, g>>8, b>>8, want)
		}
		return nil
	})
}

// TestPictures shows pictures both ways, and their changes, to contacts with every kind of program that has them.
func TestPictures(t *testing.T) {
	// In a service of MSNP21 the bridge would sign in with that, which carries no pictures from and to older programs.
	elsewhere(t, msntest.Config{Refuse: []msn.Version{msn.MSNP21}}, map[string]any{})
	for _, version := range []msn.Version{msn.MSNP9, msn.MSNP12, msn.MSNP15, msn.MSNP18} {
		t.Run(version.String(), func(t *testing.T) { pictures(t, version) })
	}
}

// TestPicturesInMSNP21 is TestPictures for two who both speak MSNP21.
func TestPicturesInMSNP21(t *testing.T) {
	elsewhere(t, msntest.Config{}, map[string]any{})
	pictures(t, msn.MSNP21)
}

// pictures has the user and a contact with a version show each other pictures.
func pictures(t *testing.T, version msn.Version) {
	t.Helper()
	u := newcomer(t)
	u.shows(t, plain(300, 200, red))
	passport, password := account(t, "bob")
	house.MSN.Befriend(u.passport, passport)
	bob := enter(t, passport, password, version)
	wear := func(picture []byte) {
		t.Helper()
		within(t, func(ctx context.Context) error { return bob.SetDisplayPicture(ctx, picture) })
	}
	first, second := displayPicture(t, blue), displayPicture(t, grey)
	wear(first)
	u.logIn(t, u.passport, u.password)
	room := u.roomWith(t, passport)
	u.pictured(t, 0, room, passport, first)
	sees(t, bob, 0, u.passport, red)

	mark := u.Len()
	wear(second)
	u.pictured(t, mark, room, passport, second)
	seen := bob.Len()
	u.shows(t, plain(100, 700, green))
	sees(t, bob, seen, u.passport, green)

	seen = bob.Len()
	u.ask(t, "picture none", "no picture on MSN")
	within(t, func(ctx context.Context) error {
		_, err := bob.Await(ctx, "the user without a picture", seen, func(e msn.Event) bool {
			p, ok := e.(msn.PresenceChanged)
			return ok && p.Passport == u.passport && p.Presence.Status != msn.Offline && p.Presence.Object == nil
		})
		return err
	})
	mark = u.Len()
	wear(nil)
	u.awaits(t, "the room without a picture", mark, func(evt *event.Event) bool {
		return evt.RoomID == room && evt.Type == event.StateRoomAvatar && evt.Content.AsRoomAvatar().URL == ""
	})
}
