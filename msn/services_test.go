package msn_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// booked runs a test for every version that has an address book.
func booked(t *testing.T, test func(t *testing.T, v msn.Version)) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		if v >= msn.MSNP13 {
			test(t, v)
		}
	})
}

// TestOfflineText leaves texts for somebody who is away, who gets them once and in order.
func TestOfflineText(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := signIn(t, s, alice, v)
		_, err := a.SendOffline(t.Context(), bob, "one")
		if v < msn.MSNP11 {
			if !errors.Is(err, msn.ErrUnsupported) {
				t.Errorf("before MSNP11: %v", err)
			}
			return
		}
		a.check("leave a text", err)
		_, err = a.SendOffline(t.Context(), bob, "two ☃\nlines")
		a.check("leave a text", err)
		b := signIn(t, s, bob, v)
		if v == msn.MSNP21 { // has them as messages that are late
			for _, text := range []string{"one", "two ☃\nlines"} {
				if e := b.text(alice, text); time.Since(e.At) > time.Hour {
					t.Errorf("%q is of %s", text, e.At)
				}
			}
			return
		}
		var got []msn.OfflineMessage
		for _, text := range []string{"one", "two ☃\nlines"} {
			e := await(b, text, func(e msn.OfflineMessageReceived) bool { return e.OfflineMessage.Text == text })
			got = append(got, e.OfflineMessage)
		}
		var ids []string
		for i, m := range got {
			if m.From != alice || m.ID == "" || time.Since(m.At) > time.Hour || time.Since(m.At) < -time.Hour {
				t.Errorf("%d: %+v", i, m)
			}
			ids = append(ids, m.ID)
		}
		if got[0].At.After(got[1].At) {
			t.Errorf("%s is after %s", got[0].At, got[1].At)
		}
		b.check("delete", b.DeleteOfflineMessages(t.Context(), ids...))
		b.check("sign out", b.SignOut(t.Context()))
		again := signIn(t, s, bob, v)
		again.settled()
		again.mu.Lock()
		defer again.mu.Unlock()
		for _, e := range again.events {
			if e, ok := e.(msn.OfflineMessageReceived); ok {
				t.Errorf("it comes again: %+v", e.OfflineMessage)
			}
		}
	})
}

// TestPlaces signs one account in twice.
func TestPlaces(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		home, work := signIn(t, s, alice, v), (*session)(nil)
		if v < msn.MSNP16 {
			work = signIn(t, s, alice, v)
			if err := home.reason(); !errors.Is(err, msn.ErrLoggedInElsewhere) {
				t.Errorf("Run = %v", err)
			}
			if _, err := work.NetworkOf(t.Context(), bob); v < msn.MSNP14 && !errors.Is(err, msn.ErrUnsupported) {
				t.Errorf("NetworkOf: %v", err)
			}
			return
		}
		work = begin(t, s, alice, func(cfg *msn.Config) { cfg.EndpointName = "WORK" }, v)
		work.settled()
		two := func(u *session) []msn.Endpoint {
			return await(u, "two places", func(e msn.EndpointsChanged) bool { return len(e.Endpoints) == 2 && e.Endpoints[1].Name != "" }).Endpoints
		}
		places := two(home)
		if !places[0].Self || places[1].Self || places[1].Name != "WORK" {
			t.Errorf("places: %+v", places)
		}
		if mine := two(work); !mine[0].Self || mine[0].ID != places[1].ID {
			t.Errorf("places: %+v", mine)
		}
		b := signIn(t, s, bob, v)
		b.sees(alice, msn.Online)
		home.say(msn.With(bob), "from home")
		b.text(alice, "from home")
		if e := work.text(alice, "from home"); !slices.Equal(e.Conversation.Participants, []string{bob}) {
			t.Errorf("at work it is in %+v", e.Conversation)
		}
		b.say(msn.With(alice), "to both")
		home.text(bob, "to both")
		work.text(bob, "to both")
		work.check("name", work.SetEndpointName(t.Context(), "OFFICE"))
		await(home, "the new name", func(e msn.EndpointsChanged) bool {
			return slices.ContainsFunc(e.Endpoints, func(p msn.Endpoint) bool { return p.Name == "OFFICE" })
		})
		home.check("sign the other out", home.SignOutEndpoint(t.Context(), ""))
		if err := work.reason(); !errors.Is(err, msn.ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		home.settled()
	})
}

// TestAddressBookRequests asks, accepts and declines by the address book.
func TestAddressBookRequests(t *testing.T) {
	booked(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a, d := signIn(t, s, alice, v), signIn(t, s, dave, v)
		_, err := a.AddContact(t.Context(), dave, "My Dave")
		a.check("add", err)
		r := await(d, "a request", func(r msn.ContactRequest) bool { return r.Passport == alice })
		if r.FriendlyName != "Alice A" {
			t.Errorf("the request is from %q", r.FriendlyName)
		}
		if c, _ := a.Contact(dave); c.Nickname != "My Dave" || c.FriendlyName != "My Dave" || !c.On(msn.ForwardList|msn.AllowList) {
			t.Errorf("dave is %+v", c)
		}
		d.check("decline", d.Decline(t.Context(), alice))
		if c, _ := d.Contact(alice); c.On(msn.PendingList) || c.Lists&(msn.AllowList|msn.BlockList) != 0 {
			t.Errorf("alice is %+v", c)
		}
		d.check("sign out", d.SignOut(t.Context()))
		again := signIn(t, s, dave, v)
		again.settled()
		again.mu.Lock()
		for _, e := range again.events {
			if e, ok := e.(msn.ContactRequest); ok {
				t.Errorf("a declined request comes again: %+v", e)
			}
		}
		again.mu.Unlock()
		_, err = again.AddContact(t.Context(), alice, "")
		again.check("add", err)
		again.sees(alice, msn.Online)
		a.sees(dave, msn.Online)
	})
}

// TestChangesElsewhere makes two programs of one account see each other's changes of the list.
func TestChangesElsewhere(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		if v < msn.MSNP16 {
			return
		}
		s := house(t, nil)
		home, work := signIn(t, s, alice, v), signIn(t, s, alice, v)
		_, err := home.AddContact(t.Context(), dave, "")
		home.check("add", err)
		await(work, "dave on the list", func(e msn.ContactChanged) bool { return e.Contact.Passport == dave && e.Contact.On(msn.ForwardList) })
		home.check("block", home.Block(t.Context(), bob))
		await(work, "bob blocked", func(e msn.ContactChanged) bool { return e.Contact.Passport == bob && e.Contact.On(msn.BlockList) })
		_, err = work.AddGroup(t.Context(), "Grüppe")
		work.check("add group", err)
		await(home, "the group", func(e msn.GroupsChanged) bool {
			return slices.ContainsFunc(e.Groups, func(g msn.Group) bool { return g.Name == "Grüppe" })
		})
		work.check("remove", work.RemoveContact(t.Context(), carol))
		await(home, "carol gone", func(e msn.ContactChanged) bool { return e.Contact.Passport == carol && !e.Contact.On(msn.ForwardList) })
	})
}

// TestRoamingProfile keeps name, message and picture with the service.
func TestRoamingProfile(t *testing.T) {
	booked(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := signIn(t, s, alice, v)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		want := msn.RoamingProfile{DisplayName: "Alice ♥ & <b>", PersonalMessage: "roaming", Picture: tinyPNG, PictureType: "image/png"}
		a.check("write", a.SetRoamingProfile(ctx, want))
		got, err := a.RoamingProfile(ctx)
		a.check("read", err)
		if got.DisplayName != want.DisplayName || got.PersonalMessage != want.PersonalMessage || !slices.Equal(got.Picture, want.Picture) {
			t.Errorf("got %q, %q, %d bytes", got.DisplayName, got.PersonalMessage, len(got.Picture))
		}
		a.check("clear", a.SetRoamingProfile(ctx, msn.RoamingProfile{DisplayName: "Alice"}))
		if got, err = a.RoamingProfile(ctx); err != nil || got.PersonalMessage != "" || got.DisplayName != "Alice" || len(got.Picture) == 0 {
			t.Errorf("got %q, %q, %d bytes, %v", got.DisplayName, got.PersonalMessage, len(got.Picture), err)
		}
	})
}

// tinyPNG is a picture of one pixel.
var tinyPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")

// TestOpenRequests lists who asks while I am signed in, until they think better of it or I decide.
func TestOpenRequests(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		if v >= msn.MSNP13 { // there the book is read anew: TestAddressBookRequests
			return
		}
		s := house(t, func(c *msntest.Config) { c.Quirks.StrictReverse = true })
		a, d := signIn(t, s, alice, v), signIn(t, s, dave, v)
		asks := func(when string, want int) {
			t.Helper()
			d.check("ping", d.Ping(t.Context()))
			if got := d.Requests(); len(got) != want {
				t.Errorf("%s: %+v", when, got)
			}
		}
		add := func() {
			t.Helper()
			_, err := a.AddContact(t.Context(), dave, "")
			a.check("add", err)
		}
		add()
		asks("asked", 1)
		a.check("remove", a.RemoveContact(t.Context(), dave))
		asks("taken back", 0)
		add()
		asks("asked again", 1)
		if err := d.Decline(t.Context(), alice); v >= msn.MSNP10 && err != nil || v < msn.MSNP10 && !errors.Is(err, msn.ErrUnsupported) {
			t.Errorf("decline: %v", err)
		}
		if v >= msn.MSNP10 {
			asks("declined", 0)
		}
		_, err := d.AddContact(t.Context(), alice, "")
		d.check("accept", err)
		asks("accepted", 0)
		if c, _ := d.Contact(alice); !c.On(msn.ForwardList | msn.AllowList | msn.ReverseList) {
			t.Errorf("alice is %+v", c)
		}
	})
}

// TestForbidden has the services refuse us that the sign-in does not need: it goes on.
func TestForbidden(t *testing.T) {
	booked(t, func(t *testing.T, v msn.Version) {
		wall := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
		defer wall.Close()
		a := begin(t, house(t, nil), alice, func(cfg *msn.Config) { cfg.Server.Storage, cfg.Server.OfflineFetch = wall.URL, wall.URL }, v)
		a.settled()
		if _, err := a.RoamingProfile(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("profile: %v", err)
		}
		if err := a.DeleteOfflineMessages(t.Context(), "12345678-0000-4000-8000-123456789012"); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("delete: %v", err)
		}
		a.check("ping", a.Ping(t.Context()))
		_, err := a.AddContact(t.Context(), dave, "")
		a.check("add", err)
	})
}
