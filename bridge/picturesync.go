package bridge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	// pictureWorkers is how many pictures one login fetches at a time: each takes a switchboard.
	pictureWorkers = 3
	// pictureTimeout bounds one fetch.
	pictureTimeout = 90 * time.Second
	// picturePause is the least time between two fetches from the same contact; it doubles with every failure.
	picturePause = 10 * time.Second
	// pictureTries is how often one and the same picture is tried in one session, whoever offers it.
	pictureTries = 4
	// pictureFailures is how many failures one contact may cause in a session, with whatever pictures.
	pictureFailures = 8
	// hiddenPause is how long to wait while nothing can be fetched because the account appears offline.
	hiddenPause = time.Minute
)

// errNotKnown is for a picture that is not on Matrix yet.
var errNotKnown = errors.New("the picture is not known yet")

// pictureSync shows the contacts' display pictures of one session, in the background. Every contact has at most one thing to
// be done, so that it is bounded by the contact list; a picture of many is fetched from one of them.
type pictureSync struct {
	// has, give and uri are those of pictures; fetch asks a contact, and tile the storage service.
	has   func(ctx context.Context, passport, sha1d string) bool
	give  func(ctx context.Context, passport, sha1d string, uri id.ContentURIString)
	uri   func(ctx context.Context, sha1d string, fetch func(context.Context) ([]byte, error)) (id.ContentURIString, error)
	fetch func(ctx context.Context, passport string, o msn.MSNObject) ([]byte, error)
	tile  func(ctx context.Context, passport string) ([]byte, error)
	pause time.Duration

	mu     sync.Mutex
	people map[string]*shower
	wants  map[string]*want // by SHA1D
	queue  []string         // the SHA1D of wants, in their order
	bare   []string         // contacts who show nothing, to be looked at once
	tiles  []string         // contacts who are away, to be looked for at the storage service
	held   time.Time        // nothing can be fetched before
	wake   chan struct{}

	working int // jobs under way
}

// shower is a contact who is online.
type shower struct {
	sha1d    string // what they show; "" for nothing
	away     bool
	failures int
	next     time.Time // when they may be asked again
}

// want is a picture that somebody shows, until all who do have it.
type want struct {
	object msn.MSNObject
	people []string
	busy   bool
	miss   bool // it has to be fetched
	tries  int
}

func newPictureSync() *pictureSync {
	return &pictureSync{pause: picturePause, people: make(map[string]*shower), wants: make(map[string]*want), wake: make(chan struct{}, 1)}
}

// stir wakes a worker. The caller holds the lock.
func (s *pictureSync) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// see notes what somebody who is online shows; nil is nothing.
func (s *pictureSync) see(passport string, o *msn.MSNObject) {
	sha1d := ""
	if o != nil {
		sha1d = o.DataHash()
		if o.Type != msn.ObjectDisplayPicture || sha1d == "" || o.Size <= 0 || o.Size > msn.MaxObject {
			return // nothing that could be shown; what was seen before stays
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.people[passport]
	if !known {
		p = &shower{}
		s.people[passport] = p
	}
	if known && !p.away && p.sha1d == sha1d {
		return
	}
	s.drop(passport, p)
	p.sha1d, p.away = sha1d, false
	if sha1d == "" {
		s.bare = append(s.bare, passport)
		s.stir()
		return
	}
	if p.failures >= pictureFailures {
		return
	}
	w := s.wants[sha1d]
	if w == nil {
		w = &want{object: *o}
		s.wants[sha1d] = w
		s.queue = append(s.queue, sha1d)
	}
	w.people = append(w.people, passport)
	s.stir()
}

// gone notes that somebody is not online any more. What they showed last stays.
func (s *pictureSync) gone(passport string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.people[passport]; p != nil && !p.away {
		s.drop(passport, p)
		p.away = true
	}
}

// drop takes somebody off what they waited for. The caller holds the lock.
func (s *pictureSync) drop(passport string, p *shower) {
	same := func(other string) bool { return other == passport }
	if w := s.wants[p.sha1d]; w != nil {
		w.people = slices.DeleteFunc(w.people, same)
		s.tidy(p.sha1d, w)
	}
	s.bare = slices.DeleteFunc(s.bare, same)
}

// tidy forgets a want that nobody has any more. The caller holds the lock.
func (s *pictureSync) tidy(sha1d string, w *want) {
	if len(w.people) == 0 && !w.busy {
		delete(s.wants, sha1d)
		s.queue = slices.DeleteFunc(s.queue, func(other string) bool { return other == sha1d })
	}
}

// look asks the storage service for the pictures of people who are away, when there is nothing else to do.
func (s *pictureSync) look(away []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tiles = append(s.tiles, away...)
	s.stir()
}

// run works until ctx ends.
func (s *pictureSync) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range pictureWorkers {
		workers.Go(func() { s.work(ctx) })
	}
	workers.Wait()
}

func (s *pictureSync) work(ctx context.Context) {
	for ctx.Err() == nil {
		job, wait := s.next(time.Now())
		if job != nil {
			job(ctx)
			s.mu.Lock()
			s.working--
			s.mu.Unlock()
			continue
		}
		if wait == 0 {
			wait = time.Hour // there will be a wake
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next finds something to do, or tells how long there is nothing; 0 is for ever.
func (s *pictureSync) next(now time.Time) (job func(context.Context), wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if job != nil {
			s.working++
			s.stir() // there may be more, for another worker
		}
	}()
	if len(s.bare) > 0 {
		passport := s.bare[0]
		s.bare = s.bare[1:]
		return func(ctx context.Context) { s.undress(ctx, passport) }, 0
	}
	sooner := func(at time.Time) {
		if d := max(at.Sub(now), time.Millisecond); wait == 0 || d < wait {
			wait = d
		}
	}
	for _, sha1d := range s.queue {
		w := s.wants[sha1d]
		if w.busy {
			continue
		}
		if !w.miss {
			w.busy = true
			return func(ctx context.Context) { s.dress(ctx, sha1d, w) }, 0
		}
		if s.held.After(now) {
			sooner(s.held)
			continue
		}
		from := slices.MinFunc(w.people, func(a, b string) int { return s.people[a].next.Compare(s.people[b].next) })
		if at := s.people[from].next; at.After(now) {
			sooner(at)
			continue
		}
		w.busy = true
		return func(ctx context.Context) { s.get(ctx, sha1d, w, from) }, 0
	}
	if len(s.tiles) > 0 && wait == 0 {
		passport := s.tiles[0]
		s.tiles = s.tiles[1:]
		return func(ctx context.Context) { s.find(ctx, passport) }, 0
	}
	return nil, wait
}

// shows tells whether somebody shows a picture now.
func (s *pictureSync) shows(passport, sha1d string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[passport]
	return p != nil && !p.away && p.sha1d == sha1d
}

// undress takes the picture away from somebody who shows none.
func (s *pictureSync) undress(ctx context.Context, passport string) {
	if s.shows(passport, "") && !s.has(ctx, passport, "") {
		s.give(ctx, passport, "", "")
	}
}

// lacking lists who shows a picture, and who of them does not have it on Matrix.
func (s *pictureSync) lacking(ctx context.Context, sha1d string, w *want) (people, lacking []string) {
	s.mu.Lock()
	people = slices.Clone(w.people)
	s.mu.Unlock()
	for _, passport := range people {
		if !s.has(ctx, passport, sha1d) {
			lacking = append(lacking, passport)
		}
	}
	return people, lacking
}

// giveAll gives a picture to those who still show it.
func (s *pictureSync) giveAll(ctx context.Context, sha1d string, uri id.ContentURIString, people []string) {
	for _, passport := range people {
		if s.shows(passport, sha1d) {
			s.give(ctx, passport, sha1d, uri)
		}
	}
}

// done takes those off a want who have what they wanted. The caller holds the lock.
func (w *want) done(people []string) {
	w.people = slices.DeleteFunc(w.people, func(passport string) bool { return slices.Contains(people, passport) })
}

// dress gives a picture to those who show it, if it is on Matrix already.
func (s *pictureSync) dress(ctx context.Context, sha1d string, w *want) {
	people, lacking := s.lacking(ctx, sha1d, w)
	var err error
	if len(lacking) > 0 {
		var uri id.ContentURIString
		uri, err = s.uri(ctx, sha1d, func(context.Context) ([]byte, error) { return nil, errNotKnown })
		if err == nil {
			s.giveAll(ctx, sha1d, uri, lacking)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy = false
	switch {
	case err == nil:
		w.done(people)
	case errors.Is(err, errNoPicture):
		w.people = nil
	default:
		w.miss = true
		s.stir()
	}
	s.tidy(sha1d, w)
}

// get fetches a picture from one of those who show it and gives it to all of them.
func (s *pictureSync) get(ctx context.Context, sha1d string, w *want, from string) {
	people, lacking := s.lacking(ctx, sha1d, w)
	uri, err := s.uri(ctx, sha1d, func(ctx context.Context) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
		defer cancel()
		return s.fetch(ctx, from, w.object)
	})
	if err == nil {
		s.giveAll(ctx, sha1d, uri, lacking)
	}
	if ctx.Err() != nil {
		return // the session is over
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.busy = false
	if again := s.judge(w, people, from, err); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Str("from", from).Str("sha1d", sha1d).Bool("again", again).Msg("Failed to get a display picture")
	}
	s.tidy(sha1d, w)
}

// judge draws the conclusion from a fetch, and tells whether the picture will be tried again. The caller holds the lock.
func (s *pictureSync) judge(w *want, people []string, from string, err error) (again bool) {
	p, now := s.people[from], time.Now()
	switch {
	case err == nil:
		p.next = now.Add(s.pause)
		w.done(people)
	case errors.Is(err, msn.ErrHidden):
		s.held = now.Add(hiddenPause)
	case errors.Is(err, errNoPicture), errors.Is(err, msn.ErrUnsupported):
		w.people = nil
	default:
		p.next = now.Add(s.pause << p.failures)
		p.failures++
		if p.failures >= pictureFailures {
			w.done([]string{from})
		}
		if w.tries++; w.tries >= pictureTries {
			w.people = nil
		}
	}
	if len(w.people) > 0 {
		s.stir()
	}
	return len(w.people) > 0
}

// find gives somebody who is away and has no picture the one that the storage service keeps.
func (s *pictureSync) find(ctx context.Context, passport string) {
	if !s.has(ctx, passport, "") {
		return
	}
	data, err := s.tile(ctx, passport)
	var uri id.ContentURIString
	sha1d := msn.SHA1D(data)
	if err == nil && len(data) > 0 {
		uri, err = s.uri(ctx, sha1d, func(context.Context) ([]byte, error) { return data, nil })
	}
	s.mu.Lock()
	p := s.people[passport]
	away := p == nil || p.away
	if errors.Is(err, msn.ErrUnsupported) {
		s.tiles = nil // nobody has one
	}
	s.mu.Unlock()
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Str("of", passport).Msg("Failed to get a picture of the storage service")
	} else if uri != "" && away {
		s.give(ctx, passport, sha1d, uri)
	}
}

// newPictures is the chapter for one session.
func (s *session) newPictures() *pictureSync {
	all, sync := &s.conn.pictures, newPictureSync()
	ghost := func(passport string) networkid.UserID { return makeUserID(s.server, passport) }
	sync.uri, sync.pause = all.uri, all.pause
	sync.has = func(ctx context.Context, passport, sha1d string) bool { return all.has(ctx, ghost(passport), sha1d) }
	sync.give = func(ctx context.Context, passport, sha1d string, uri id.ContentURIString) {
		done := make(chan struct{})
		give := func(ctx context.Context) {
			defer close(done)
			all.give(ctx, ghost(passport), sha1d, uri)
		}
		if !s.contacts.do(give) { // whose goroutine also makes the rooms, in which bridgev2 reads the ghost
			give(ctx)
		}
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	sync.fetch = s.fetchPicture
	sync.tile = func(ctx context.Context, passport string) ([]byte, error) { return s.msn.UserTile(ctx, passport) }
	return sync
}

// fetchPicture gets a picture from somebody who shows it. Where that is not possible, as with versions that have no switchboards,
// and while the account appears offline, the storage service may have the same one.
func (s *session) fetchPicture(ctx context.Context, passport string, o msn.MSNObject) (data []byte, err error) {
	if status, _ := s.own.want(); status == msn.Hidden {
		err = msn.ErrHidden
	} else {
		data, err = s.msn.FetchObject(ctx, passport, o)
	}
	if err == nil {
		return data, nil
	}
	if tile, failed := s.msn.UserTile(ctx, passport); failed == nil && len(tile) > 0 && o.Verify(tile) == nil {
		return tile, nil
	}
	return nil, err
}

// showPictures shows contacts' pictures until ctx ends.
func (s *session) showPictures(ctx context.Context) {
	if s.msn.Ping(ctx) != nil {
		return
	}
	var away []string
	for _, contact := range s.msn.Contacts() {
		if contact.On(msn.ForwardList) && s.msn.PresenceOf(contact.Passport).Status == msn.Offline {
			away = append(away, contact.Passport)
		}
	}
	s.pictures.look(away)
	s.pictures.run(ctx)
}

// pictureSeen takes what a contact's presence says of a picture.
func (s *session) pictureSeen(passport string, p msn.Presence) {
	contact, known := s.msn.Contact(passport)
	if !s.msn.ShowsObjects() || !known || !contact.On(msn.ForwardList) {
		return
	}
	if p.Status == msn.Offline {
		s.pictures.gone(passport)
	} else {
		s.pictures.see(passport, p.Object)
	}
}
