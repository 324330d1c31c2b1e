package bridge

import (
	"bytes"
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/crypto/attachment"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// sees waits until somebody sees Alice with a picture, nil for none, that they have not seen before, and gets it.
func (p *person) sees(after int, want []byte) (seen int) {
	p.t.Helper()
	var object *msn.MSNObject
	p.waitFrom(after, "Alice's picture", func(e msn.Event) bool {
		changed, ok := e.(msn.PresenceChanged)
		if !ok || changed.Passport != aliceMSN || changed.Presence.Status == msn.Offline || (changed.Presence.Object == nil) != (want == nil) {
			return false
		}
		object = changed.Presence.Object
		return object == nil || object.SHA1D == msn.SHA1D(want)
	})
	if object == nil {
		return p.seen()
	}
	got, err := p.FetchObject(p.t.Context(), aliceMSN, *object)
	if err != nil || !bytes.Equal(got, want) {
		p.t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
	}
	return p.seen()
}

// seen counts events.
func (p *person) seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

// waitFrom is wait for what comes after so many events.
func (p *person) waitFrom(after int, what string, want func(msn.Event) bool) {
	p.t.Helper()
	n := 0
	p.wait(what, func(e msn.Event) bool {
		n++
		return n > after && want(e)
	})
}

// hasty lets what is announced change as often as a test wants.
func hasty(c *Config) {
	s := c.Servers[serverName]
	s.Limits.Changes = duration{Duration: time.Millisecond}
	c.Servers[serverName] = s
}

// forced is a display picture made of a picture of Matrix.
func forced(t testing.TB, data []byte) []byte {
	t.Helper()
	made, err := forMSN(data)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// downloads lists what was asked for.
func (hs *homeserver) downloads() []string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return slices.Clone(hs.loaded)
}

// TestOwnPicture shows the avatar on Matrix as the display picture: changes, a restart, commands, and in the storage service.
func TestOwnPicture(t *testing.T) {
	h := newHouse(t, hasty)
	first, second := encoded(t, striped(300, 200))["moving"], encoded(t, striped(50, 80))["jpeg"]
	third := tile(t, 99)
	firstURI, secondURI, thirdURI := h.hs.store(first), h.hs.store(second), h.hs.store(third)
	h.hs.faces[alice] = face{"Alice of Matrix", firstURI}
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	at := bob.sees(0, forced(t, first))
	h.hs.become(alice, face{"Alice of Matrix", secondURI}, 50)
	at = bob.sees(at, forced(t, second))
	if got := h.hs.downloads(); !slices.Equal(got, []string{string(firstURI), string(secondURI)}) {
		t.Errorf("downloads: %v", got)
	}
	if name := bob.PresenceOf(aliceMSN).FriendlyName; name != "Alice" {
		t.Errorf("the account is called %q", name)
	}
	h.restart() // the picture comes with the first status
	h.online()
	bob.waitFrom(at, "Alice back", func(e msn.Event) bool {
		changed, ok := e.(msn.PresenceChanged)
		if ok && changed.Passport == aliceMSN && changed.Presence.Status == msn.Online {
			if changed.Presence.Object == nil {
				t.Error("Alice is seen without a picture")
			}
			return true
		}
		return false
	})
	at = bob.sees(at, forced(t, second))
	if n := len(h.hs.downloads()); n != 2 {
		t.Errorf("%d downloads after a restart", n)
	}
	stored := func(want []byte) {
		t.Helper()
		for {
			profile, err := h.online().msn.RoamingProfile(t.Context())
			if err == nil && bytes.Equal(profile.Picture, want) {
				return
			}
			if sleep(t.Context(), 5*time.Millisecond) != nil { // the service tells nobody
				t.Fatal("the storage service has another picture")
			}
		}
	}
	stored(forced(t, second))

	h.command("picture "+string(thirdURI), "Your contacts see that picture")
	at = bob.sees(at, forced(t, third))
	stored(forced(t, third))
	h.hs.become(alice, face{"Alice", firstURI}, 1) // is not shown now
	h.command("picture", string(thirdURI)+", by command")
	h.command("picture none", "You have no picture on MSN")
	at = bob.sees(at, nil)
	h.restart()
	h.online()
	at = bob.sees(at, nil)
	h.command("picture auto", "follows Matrix again")
	at = bob.sees(at, forced(t, first))
	h.hs.become(alice, face{"Alice", ""}, 1)
	at = bob.sees(at, nil)
	h.hs.become(alice, face{"Alice", firstURI}, 1)
	bob.sees(at, forced(t, first))
}

// commandOn says something to the bot in relation to another event, and waits for its answer.
func (h *house) commandOn(text string, relates *event.RelatesTo, want string) {
	h.t.Helper()
	room, err := h.user.GetManagementRoom(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.hs.mu.Lock()
	before := len(h.hs.messages(room, botID))
	h.hs.mu.Unlock()
	h.send(room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: "!msn " + text, RelatesTo: relates})
	h.hs.wait(h.t, want+" to "+text, func() bool {
		said := h.hs.messages(room, botID)
		return len(said) > before && strings.Contains(strings.Join(said[before:], "\n"), want)
	})
}

// TestPictureOfAnswer takes the image that the command answers, encrypted or not, and nothing else.
func TestPictureOfAnswer(t *testing.T) {
	h := newHouse(t, func(c *Config) { hasty(c); c.Profile.Picture = false })
	h.hs.faces[alice] = face{"Alice", h.hs.store(tile(t, 1))}
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room, err := h.user.GetManagementRoom(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.send(room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgImage, Body: "me.png", URL: "mxc://example.org/me"})
	h.told("Answer to the image with `picture`")
	h.command("me.png", "Unknown command")
	if n := h.bot("Unknown command"); n != 1 {
		t.Errorf("an image is a command: %d", n)
	}
	answer := func(content *event.MessageEventContent) *event.RelatesTo {
		return (&event.RelatesTo{}).SetReplyTo(h.hs.put(room, alice, event.EventMessage, &event.Content{Parsed: content}))
	}
	plain, secret := tile(t, 2), tile(t, 3)
	h.commandOn("picture", answer(&event.MessageEventContent{MsgType: event.MsgImage, URL: h.hs.store(plain)}), "Your contacts see that picture")
	at := bob.sees(0, forced(t, plain))
	keys := attachment.NewEncryptedFile()
	sealed := slices.Clone(secret)
	keys.EncryptInPlace(sealed)
	uri := h.hs.store(sealed)
	arrived := attachment.EncryptedFile{Key: keys.Key, InitVector: keys.InitVector, Hashes: keys.Hashes, Version: keys.Version}
	file := &event.EncryptedFileInfo{EncryptedFile: arrived, URL: uri}
	h.commandOn("picture", answer(&event.MessageEventContent{MsgType: event.MsgImage, File: file}), "Your contacts see that picture")
	at = bob.sees(at, forced(t, secret))

	wrong := arrived
	wrong.Hashes.SHA256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for text, content := range map[string]*event.MessageEventContent{
		"a text":    {MsgType: event.MsgText, Body: "x"},
		"no URL":    {MsgType: event.MsgImage},
		"missing":   {MsgType: event.MsgImage, URL: "mxc://example.org/missing"},
		"a page":    {MsgType: event.MsgImage, URL: h.hs.store([]byte("<html>"))},
		"tampered":  {MsgType: event.MsgImage, File: &event.EncryptedFileInfo{EncryptedFile: wrong, URL: uri}},
		"bad URL":   {MsgType: event.MsgImage, URL: "https://example.org/x.png"},
		"huge, enc": {MsgType: event.MsgImage, File: &event.EncryptedFileInfo{EncryptedFile: arrived, URL: h.hs.store(make([]byte, maxAvatar+1))}},
	} {
		want := "he picture cannot be used"
		if text == "a text" || text == "no URL" {
			want = "nswer to an image"
		}
		h.commandOn("picture", answer(content), want)
	}
	h.command("picture https://example.org/x.png", "nswer to an image")
	h.commandOn("picture", (&event.RelatesTo{}).SetReplyTo("$nothing"), "cannot be read")
	h.command("picture", "by command")
	h.command("picture auto", "yours on Matrix is not shown there")
	bob.sees(at, nil)
}

// TestOwnName and message: what commands set, also across restarts.
func TestOwnName(t *testing.T) {
	h := newHouse(t, func(c *Config) { hasty(c); c.Profile.Name = true })
	h.hs.faces[alice] = face{name: "Alice 🐇"}
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	called := func(want string) {
		t.Helper()
		for bob.PresenceOf(aliceMSN).FriendlyName != want {
			if sleep(t.Context(), time.Millisecond) != nil {
				t.Fatalf("Alice is called %q, want %q", bob.PresenceOf(aliceMSN).FriendlyName, want)
			}
		}
	}
	called("Alice 🐇")
	h.hs.become(alice, face{name: "Alice B"}, 3)
	called("Alice B")
	h.command("name  the  [b]Rabbit[/b]", "Your name on MSN is the [b]Rabbit[/b], until `!msn")
	called("the [b]Rabbit[/b]")
	h.hs.become(alice, face{name: "Alice C"}, 1)
	h.restart()
	h.online()
	h.command("name", "Rabbit")
	called("the [b]Rabbit[/b]")
	h.command("name auto", "follows Matrix again")
	called("Alice C")
}

func TestOwnMessage(t *testing.T) {
	h := newHouse(t, hasty)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	says := func(want string) {
		t.Helper()
		for bob.PersonalMessageOf(aliceMSN).Text != want {
			if sleep(t.Context(), time.Millisecond) != nil {
				t.Fatalf("Alice says %q, want %q", bob.PersonalMessageOf(aliceMSN).Text, want)
			}
		}
	}
	h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceOnline, StatusMessage: "on Matrix"})
	says("on Matrix")
	h.command("message down the hole", "Your message on MSN is: down the hole")
	says("down the hole")
	h.command("status busy", "Your MSN status is Busy")
	h.command("message", "down the hole")
	h.command("status busy lunch", "Your MSN status is Busy: lunch")
	says("lunch")
	h.command("status auto", "follows Matrix again")
	says("down the hole")
	h.restart()
	h.online()
	says("down the hole")
	h.command("message none", "no message on MSN")
	says("")
	h.command("message auto", "follows Matrix again")
	h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceOnline, StatusMessage: "again"})
	says("again")
	h.command("name auto", "stays what it is")
	h.command("name", "the name that the account has on MSN")
	long := strings.Repeat("ü", 3000)
	h.command("message "+long, "Your message on MSN is: ")
	says(long)
}

// TestNameStays: a name that was given stays, if auto follows nothing, and one too long is cut and told so.
func TestNameStays(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Profile.Name = false })
	h.conn.quiet = time.Hour
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	management, err := h.user.GetManagementRoom(h.br.Log.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	h.status(h.say(management, "name Rabbit"))
	h.command("name auto", "stays what it is now")
	bob.wait("the name", func(e msn.Event) bool {
		p, ok := e.(msn.PresenceChanged)
		return ok && p.Presence.FriendlyName == "Rabbit"
	})
	long := strings.Repeat("ü", 300)
	h.command("name "+long, "It is cut, as MSN takes no more")
	bob.wait("what fits", func(e msn.Event) bool {
		p, ok := e.(msn.PresenceChanged)
		return ok && p.Presence.FriendlyName == strings.Repeat("ü", 193)
	})
}

// fakeProfile is a Matrix side with one medium and its small form.
type fakeProfile struct{ large, small []byte }

func (f fakeProfile) Face(context.Context, id.UserID) (face, error) {
	return face{avatar: "mxc://a/b"}, nil
}
func (f fakeProfile) OnFace(func(context.Context, id.UserID, face)) {}

func (f fakeProfile) Download(_ context.Context, _ id.ContentURIString, thumbnail bool, limit int64) ([]byte, error) {
	data := f.large
	if thumbnail {
		data = f.small
	}
	switch {
	case data == nil:
		return nil, errors.New("not found")
	case int64(len(data)) > limit:
		return nil, errTooManyBytes
	}
	return data, nil
}

// TestAvatars makes a display picture of what is one, by way of the homeserver where that is too much.
func TestAvatars(t *testing.T) {
	good, huge := tile(t, 1), make([]byte, maxAvatar+1)
	for name, test := range map[string]struct {
		large, small []byte
		good         bool
	}{
		"usual": {good, nil, true}, "too many bytes": {huge, good, true}, "too many pixels": {bomb(9000, 9000), good, true},
		"a format we do not know": {[]byte("AVIF"), good, true}, "missing": {nil, good, false}, "huge in both": {huge, huge, false},
		"no picture": {[]byte("x"), nil, false}, "no picture in both": {[]byte("x"), []byte("y"), false}, "cut": {good[:40], nil, false},
	} {
		o := &ownProfile{port: fakeProfile{test.large, test.small}}
		made, err := o.make(t.Context(), "mxc://a/b", nil)
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if config, _, err := image.DecodeConfig(bytes.NewReader(made)); err != nil || config.Width != 96 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := (&ownProfile{}).make(t.Context(), "mxc://a/b", nil); err == nil {
		t.Error("a picture without a homeserver")
	}
}

// TestBrokenAvatar is not asked for again and again, and the old picture stays.
func TestBrokenAvatar(t *testing.T) {
	h := newHouse(t, hasty)
	good, bad := h.hs.store(tile(t, 5)), h.hs.store([]byte("no picture"))
	h.hs.faces[alice] = face{"Alice", good}
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	at := bob.sees(0, forced(t, tile(t, 5)))
	h.hs.become(alice, face{"Alice", bad}, 2)
	h.hs.wait(t, "the bad one", func() bool { return slices.Contains(h.hs.loaded, string(bad)+"#small") })
	h.hs.become(alice, face{"Alice with a bad one", bad}, 2)
	h.hs.wait(t, "the profile once more", func() bool { return h.hs.asked >= 3 })
	h.hs.become(alice, face{"Alice", h.hs.store(tile(t, 6))}, 2)
	bob.sees(at, forced(t, tile(t, 6)))
	n := 0
	for _, uri := range h.hs.downloads() {
		if strings.HasPrefix(uri, string(bad)) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("the bad one was asked for %d times", n)
	}
}
