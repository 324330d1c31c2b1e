package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// tile is a PNG of one colour, as a display picture.
func tile(t testing.TB, shade uint8) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, tileSide, tileSide))
	for i := range tileSide * tileSide {
		picture.SetNRGBA(i%tileSide, i/tileSide, color.NRGBA{shade, 255 - shade, shade / 2, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// avatar waits until a ghost has an avatar whose bytes are data, nil for none, and returns where it is.
func (h *house) avatar(passport string, data []byte) (uri id.ContentURIString) {
	h.t.Helper()
	h.hs.wait(h.t, "the avatar of "+passport, func() bool {
		uri = h.hs.avatars[ghostOf(passport)]
		return bytes.Equal(h.hs.media[uri], data) && (uri == "") == (data == nil)
	})
	return uri
}

// uploads counts what was uploaded.
func (h *house) uploads() int {
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	return len(h.hs.media)
}

// wears makes somebody show a picture.
func (p *person) wears(picture []byte) {
	p.t.Helper()
	if err := p.SetDisplayPicture(p.t.Context(), picture); err != nil {
		p.t.Fatal(err)
	}
}

// TestContactsPicture shows a contact's picture, its changes and its end, also as that of the room, and asks for nothing anew
// after a restart.
func TestContactsPicture(t *testing.T) {
	h := newHouse(t, nil)
	first, second := tile(t, 10), tile(t, 20)
	bob := h.person(bobMSN, msn.Online)
	bob.wears(first)
	h.signedIn()
	uri := h.avatar(bobMSN, first)
	room := h.room(bobMSN)
	shown := func(want id.ContentURIString) {
		h.hs.wait(t, "the avatar of the room", func() bool { return h.hs.rooms[room].avatar == want })
	}
	shown(uri)
	bob.wears(second)
	shown(h.avatar(bobMSN, second))
	bob.wears(first)
	shown(h.avatar(bobMSN, first))
	if n := h.uploads(); n != 2 {
		t.Errorf("%d uploads", n)
	}
	h.br.StopWithTimeout(10 * time.Second)
	before := h.hs.pictureRequests()
	h.start(func(c *Config) { *c = h.conn.Config })
	h.online()
	h.settled()
	if n := h.hs.pictureRequests() - before; n != 0 {
		t.Errorf("%d requests for pictures after a restart", n)
	}
	bob.wears(nil)
	h.avatar(bobMSN, nil)
	shown("")
	bob.wears(second)
	shown(h.avatar(bobMSN, second))
	if err := bob.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hs.wait(t, "Bob offline", func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOffline })
	h.settled()
	h.avatar(bobMSN, second)
}

// settled waits until nothing is left to be done about pictures.
func (h *house) settled() {
	h.t.Helper()
	s := h.online()
	for {
		s.pictures.mu.Lock()
		busy := len(s.pictures.bare) + len(s.pictures.tiles) + s.pictures.working
		for _, w := range s.pictures.wants {
			if !w.miss || w.busy {
				busy++
			}
		}
		s.pictures.mu.Unlock()
		if busy == 0 {
			return
		}
		if sleep(h.t.Context(), time.Millisecond) != nil {
			h.t.Fatal("pictures are not done")
		}
	}
}

// TestSamePicture fetches a picture of many from one of them.
func TestSamePicture(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsOnMessage })
	data := tile(t, 30)
	for _, passport := range []string{bobMSN, carolMSN} {
		h.person(passport, msn.Online).wears(data)
	}
	h.signedIn()
	if a, b := h.avatar(bobMSN, data), h.avatar(carolMSN, data); a != b {
		t.Errorf("%s and %s", a, b)
	}
	if n := h.uploads(); n != 1 {
		t.Errorf("%d uploads", n)
	}
}

// TestTile shows the picture that somebody who is away has left at the storage service.
func TestTile(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsAll })
	data := tile(t, 40)
	bob := h.person(bobMSN, msn.Online)
	if err := bob.SetRoamingProfile(t.Context(), msn.RoamingProfile{DisplayName: "Bob", Picture: data}); err != nil {
		t.Fatal(err)
	}
	if err := bob.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.signedIn()
	h.avatar(bobMSN, data)
	h.settled()
	h.avatar(carolMSN, nil)
	other := tile(t, 41)
	h.person(bobMSN, msn.Online).wears(other)
	h.avatar(bobMSN, other)
}

// TestTileOfSomebodyOnline is for contacts from whom pictures cannot be fetched, as their version is older than MSNP21, and for who appears offline.
func TestTileOfSomebodyOnline(t *testing.T) {
	data := tile(t, 45)
	for name, change := range map[string]func(*Config){
		"MSNP21": speaking(msn.MSNP21), "hidden": func(c *Config) { c.Presence.WhenAway, c.Presence.OfflineAs = awayFollow, offlineAsHidden },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *Config) {
				hasty(c)
				change(c)
			})
			bob := h.person(bobMSN, msn.Online)
			if err := bob.SetRoamingProfile(t.Context(), msn.RoamingProfile{DisplayName: "Bob", Picture: data}); err != nil {
				t.Fatal(err)
			}
			h.signedIn()
			if name == "hidden" {
				h.hs.heard(t.Context(), alice, &event.PresenceEventContent{Presence: event.PresenceOffline})
			}
			bob.wears(data)
			h.avatar(bobMSN, data)
		})
	}
}

// fakePictures is a pictureSync without anybody.
type fakePictures struct {
	*pictureSync
	shown   map[string]string // by passport
	known   map[string]bool   // by SHA1D
	fetches int
}

func object(name string, size int) *msn.MSNObject {
	return &msn.MSNObject{Type: msn.ObjectDisplayPicture, SHA1D: name, Size: size}
}

func newFakePictures(fetch func(passport string) error) *fakePictures {
	f := &fakePictures{pictureSync: newPictureSync(), shown: map[string]string{}, known: map[string]bool{}}
	f.has = func(_ context.Context, passport, sha1d string) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.shown[passport] == sha1d
	}
	f.give = func(_ context.Context, passport, sha1d string, _ id.ContentURIString) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.shown[passport] = sha1d
	}
	f.uri = func(ctx context.Context, sha1d string, fetch func(context.Context) ([]byte, error)) (id.ContentURIString, error) {
		f.mu.Lock()
		known := f.known[sha1d]
		f.mu.Unlock()
		if !known {
			if _, err := fetch(ctx); err != nil {
				return "", err
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.known[sha1d] = true
		return "mxc://example.org/x", nil
	}
	f.fetch = func(_ context.Context, passport string, _ msn.MSNObject) ([]byte, error) {
		f.mu.Lock()
		f.fetches++
		f.mu.Unlock()
		return nil, fetch(passport)
	}
	f.tile = func(context.Context, string) ([]byte, error) { return nil, msn.ErrUnsupported }
	return f
}

// many names contacts.
func many(n int) (passports []string) {
	for i := range n {
		passports = append(passports, fmt.Sprintf("friend%d@example.com", i))
	}
	return passports
}

// TestPictureSync is the behaviour of one session in a bubble of fake time.
func TestPictureSync(t *testing.T) {
	errLost := errors.New("lost")
	for name, test := range map[string]struct {
		fetch func(f *fakePictures) func(passport string) error
		play  func(t *testing.T, f *fakePictures)
		// shown is how many have their picture in the end, fetches how often anybody was asked.
		// most is 0 where it is exactly that often.
		shown, fetches, most int
	}{
		"fifty of one kind": {play: func(_ *testing.T, f *fakePictures) {
			for _, passport := range many(50) {
				f.see(passport, object("a", 9))
			}
		}, shown: 50, fetches: 1},
		"fifty kinds": {play: func(_ *testing.T, f *fakePictures) {
			for i, passport := range many(50) {
				f.see(passport, object(fmt.Sprint(i), 9))
			}
		}, shown: 50, fetches: 50},
		"the first of many fails": {
			fetch: func(*fakePictures) func(string) error {
				return func(passport string) error {
					if passport == many(1)[0] {
						return errLost
					}
					return nil
				}
			},
			play: func(_ *testing.T, f *fakePictures) {
				for _, passport := range many(5) {
					f.see(passport, object("a", 9))
				}
			}, shown: 5, fetches: 2,
		},
		"never comes": {
			fetch: func(*fakePictures) func(string) error { return func(string) error { return errLost } },
			play: func(_ *testing.T, f *fakePictures) {
				for range 3 { // signing out and in makes no difference in the end
					f.see("bob", object("a", 9))
					time.Sleep(time.Hour)
					f.gone("bob")
				}
			}, fetches: pictureFailures,
		},
		"no picture": {
			fetch: func(*fakePictures) func(string) error { return func(string) error { return errNoPicture } },
			play:  func(_ *testing.T, f *fakePictures) { f.see("bob", object("a", 9)) }, fetches: 1,
		},
		"not with this version": {
			fetch: func(*fakePictures) func(string) error { return func(string) error { return msn.ErrUnsupported } },
			play:  func(_ *testing.T, f *fakePictures) { f.see("bob", object("a", 9)) }, fetches: 1,
		},
		"hidden for ten minutes": {
			fetch: func(f *fakePictures) func(string) error {
				began := time.Now()
				return func(string) error {
					if time.Since(began) < 10*time.Minute {
						return msn.ErrHidden
					}
					return nil
				}
			},
			play: func(_ *testing.T, f *fakePictures) { f.see("bob", object("a", 9)); f.see("carol", object("b", 9)) }, shown: 2, fetches: 12, most: 30,
		},
		"goes in the middle": {
			fetch: func(f *fakePictures) func(string) error {
				return func(passport string) error {
					f.gone(passport)
					return msn.ErrContactOffline
				}
			},
			play: func(_ *testing.T, f *fakePictures) { f.see("bob", object("a", 9)) }, fetches: 1,
		},
		"changes in the middle": {
			fetch: func(f *fakePictures) func(string) error {
				return func(passport string) error {
					f.see(passport, object("b", 9))
					return nil
				}
			},
			play: func(_ *testing.T, f *fakePictures) { f.see("bob", object("a", 9)) }, shown: 1, fetches: 2,
		},
		"odd objects": {play: func(_ *testing.T, f *fakePictures) {
			f.see("bob", &msn.MSNObject{Type: msn.ObjectWink, SHA1D: "a", Size: 9})
			f.see("bob", object("", 9))
			f.see("bob", object("a", 0))
			f.see("bob", object("a", -1))
			f.see("bob", object("a", msn.MaxObject+1))
		}},
		"taken away": {play: func(_ *testing.T, f *fakePictures) {
			f.see("bob", object("a", 9))
			time.Sleep(time.Minute)
			f.see("bob", nil)
		}, fetches: 1},
		"offline keeps it": {play: func(_ *testing.T, f *fakePictures) {
			f.see("bob", object("a", 9))
			time.Sleep(time.Minute)
			f.gone("bob")
		}, shown: 1, fetches: 1},
		"changes all the time": {play: func(_ *testing.T, f *fakePictures) {
			for i := range 100 {
				f.see("bob", object(fmt.Sprint(i), 9))
				time.Sleep(time.Second)
			}
			f.gone("bob")
		}, shown: 1, fetches: 9, most: 40},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakePictures(func(string) error { return nil })
				if test.fetch != nil {
					fetch := test.fetch(f)
					f.fetch = func(_ context.Context, passport string, _ msn.MSNObject) ([]byte, error) {
						f.mu.Lock()
						f.fetches++
						f.mu.Unlock()
						return nil, fetch(passport)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					f.run(ctx)
				}()
				test.play(t, f)
				time.Sleep(24 * time.Hour)
				cancel()
				<-ended
				shown := 0
				for _, sha1d := range f.shown {
					if sha1d != "" {
						shown++
					}
				}
				if shown != test.shown || f.fetches < test.fetches || f.fetches > max(test.fetches, test.most) {
					t.Errorf("%d shown, %d fetches; want %d and %d", shown, f.fetches, test.shown, test.fetches)
				}
				if len(f.queue) != len(f.wants) || len(f.queue) > 0 || len(f.bare) > 0 || len(f.tiles) > 0 || f.working != 0 {
					t.Errorf("left over: %v %v %v %v %d", f.queue, f.wants, f.bare, f.tiles, f.working)
				}
			})
		})
	}
}

// TestBadPictures gets nothing onto Matrix that is no picture, or not the one that was promised, and stops asking.
func TestBadPictures(t *testing.T) {
	good := tile(t, 50)
	for name, test := range map[string]struct {
		data []byte
		lie  func(o *msn.MSNObject) // about what is offered; nil tells the truth
	}{
		"another hash": {good, func(o *msn.MSNObject) { o.SHA1D = msn.SHA1D([]byte("x")) }}, // which is never served
		"more bytes":   {good, func(o *msn.MSNObject) { o.Size++ }},
		"fewer bytes":  {good, func(o *msn.MSNObject) { o.Size -= 10 }},
		"no bytes":     {good, func(o *msn.MSNObject) { o.Size = 0 }},
		"many bytes":   {good, func(o *msn.MSNObject) { o.Size = msn.MaxObject + 1 }},
		"another type": {good, func(o *msn.MSNObject) { o.Type = msn.ObjectWink }},
		"a bomb":       {bomb(30000, 30000), nil},
		"cut":          {good[:len(good)/2], nil},
		"a page":       {[]byte("<html></html>"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(c *Config) { hasty(c); c.Contacts.CreateRooms = roomsOnMessage })
			bob := h.person(bobMSN, msn.Online)
			bob.wears(test.data)
			if test.lie != nil {
				o := msn.NewMSNObject(bobMSN, msn.ObjectDisplayPicture, "x.tmp", "", test.data)
				test.lie(&o)
				if err := bob.SetPresence(t.Context(), msn.Presence{Status: msn.Online, Object: &o}); err != nil {
					t.Fatal(err)
				}
			}
			h.signedIn()
			h.givenUp()
			h.avatar(bobMSN, nil)
			if n := h.uploads(); n != 0 {
				t.Errorf("%d uploads", n)
			}
			next := tile(t, 51)
			bob.wears(next) // and what is good afterwards is taken
			h.avatar(bobMSN, next)
		})
	}
}

// givenUp waits until no picture is wanted any more.
func (h *house) givenUp() {
	h.t.Helper()
	s := h.online()
	for {
		s.pictures.mu.Lock()
		n := len(s.pictures.wants) + s.pictures.working
		s.pictures.mu.Unlock()
		if n == 0 {
			return
		}
		if sleep(h.t.Context(), time.Millisecond) != nil {
			h.t.Fatal("pictures are still wanted")
		}
	}
}

// TestHashOfPicture refuses what is not what it was said to be, whoever brings it, and remembers what is no picture.
func TestHashOfPicture(t *testing.T) {
	h := newHouse(t, nil)
	all, fetches := &h.conn.pictures, 0
	get := func(sha1d string, data []byte) error {
		_, err := all.uri(t.Context(), sha1d, func(context.Context) ([]byte, error) { fetches++; return data, nil })
		return err
	}
	if err := get("x", tile(t, 1)); !errors.Is(err, msn.ErrObjectMismatch) {
		t.Errorf("another: %v", err)
	}
	page := []byte("<html></html>")
	for range 3 {
		if err := get(msn.SHA1D(page), page); !errors.Is(err, errNoPicture) {
			t.Errorf("a page: %v", err)
		}
	}
	for range 3 {
		if err := get(msn.SHA1D(tile(t, 1)), tile(t, 1)); err != nil {
			t.Error(err)
		}
	}
	if fetches != 3 {
		t.Errorf("%d fetches, want one of each", fetches)
	}
}

// TestOneFetchForAll asks once for what many want at the same time, and again if that fails.
func TestOneFetchForAll(t *testing.T) {
	h := newHouse(t, nil)
	data := tile(t, 1)
	var fetches, failures atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := h.conn.pictures.uri(t.Context(), msn.SHA1D(data), func(context.Context) ([]byte, error) {
				if fetches.Add(1) == 1 {
					return nil, errors.New("lost")
				}
				return data, nil
			})
			if err != nil {
				failures.Add(1)
			}
		})
	}
	all.Wait()
	if fetches.Load() != 2 || failures.Load() != 1 || h.uploads() != 1 {
		t.Errorf("%d fetches, %d failures, %d uploads", fetches.Load(), failures.Load(), h.uploads())
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.conn.pictures.uri(ctx, "y", func(context.Context) ([]byte, error) {
		cancel()
		_, err := h.conn.pictures.uri(ctx, "y", nil) // waits for the first
		return nil, err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is given up: %v", err)
	}
}

// TestNamesKeepFormatting leaves the codes in names that contacts have, if the configuration says so.
func TestNamesKeepFormatting(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.NameFormatting = formattingKeep })
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.hs.wait(t, "Bob's name with its codes", func() bool { return h.hs.names[ghostOf(bobMSN)] == "Bob [b]B[/b]" })
}

// BenchmarkPictures shows the pictures of 50 contacts: fetched and uploaded, known from before, and all there already.
func BenchmarkPictures(b *testing.B) {
	const contacts = 50
	for b.Loop() {
		h := newHouse(b, func(c *Config) { hasty(c); c.Contacts.CreateRooms = roomsOnMessage })
		for i, passport := range many(contacts) {
			if err := h.msn.AddAccount(msntest.Account{Passport: passport, Password: "secret", FriendlyName: passport}); err != nil {
				b.Fatal(err)
			}
			h.msn.Befriend(aliceMSN, passport)
			h.person(passport, msn.Online).wears(tile(b, uint8(i)))
		}
		measure := func(what string, do func()) {
			before, began := h.hs.pictureRequests(), time.Now()
			do()
			h.hs.wait(b, "all pictures", func() bool { return len(h.hs.avatars) == contacts })
			h.settled()
			b.ReportMetric(float64(h.hs.pictureRequests()-before), what+"-requests")
			b.ReportMetric(float64(time.Since(began).Milliseconds()), what+"-ms")
		}
		measure("cold", func() { h.signedIn() })
		measure("warm", h.restart)
		if _, err := h.br.DB.Exec(b.Context(), "UPDATE ghost SET avatar_id='', avatar_mxc='', avatar_hash='', avatar_set=false"); err != nil {
			b.Fatal(err)
		}
		h.hs.change(func() { clear(h.hs.avatars) })
		measure("known", h.restart)
		h.br.StopWithTimeout(10 * time.Second)
	}
}
