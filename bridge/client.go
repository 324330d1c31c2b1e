package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	// goodSession is how long a sign-in must have lasted for the back-off to begin anew.
	goodSession = time.Minute
	// goodbye bounds the orderly end of a sign-in. bridgev2 gives 5 s in all.
	goodbye = 3 * time.Second
	// landed bounds how long the end of a login waits for all that, and for messages that are on their way to Matrix.
	landed = 4500 * time.Millisecond
)

// Client is one login: it keeps the account signed in and carries everything across.
type Client struct {
	conn             *Connector
	login            *bridgev2.UserLogin
	server, passport string

	memory      *memory
	own         *ownPresence
	profile     *ownProfile
	conferences *conferences
	groups      *groupRooms
	nicknames   *nicknames
	rooms       *rooms
	typist      *typist
	nudgesIn    spacing[string]
	nudgesOut   spacing[networkid.PortalID]
	keptTold    spacing[networkid.PortalID]
	unsendTold  atomic.Bool
	asked       sync.Map   // by address: whose contact request is shown in this run
	deciding    sync.Mutex // held while a contact request is ended
	leftRooms   sync.Map   // by leftRoom: the rooms of circles that the user has left in this run

	standing standing
	underway underway

	current atomic.Pointer[session]
	arrival arrival

	mu      sync.Mutex
	running *running
}

// running is the goroutine that keeps a login signed in.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
}

var (
	_ bridgev2.NetworkAPI                    = (*Client)(nil)
	_ bridgev2.NetworkAPIWithUserID          = (*Client)(nil)
	_ bridgev2.CredentialExportingNetworkAPI = (*Client)(nil)
)

func newClient(c *Connector, login *bridgev2.UserLogin, server, passport string) *Client {
	client := &Client{conn: c, login: login, server: server, passport: passport}
	client.arrival.begin() // a message may come before Connect, when the bridge starts
	client.memory = &memory{db: c.db, login: string(login.ID)}
	client.own = newOwnPresence(c.Config.Presence)
	client.profile = client.newProfile()
	client.conferences = &conferences{db: c.db, login: string(login.ID)}
	client.groups = &groupRooms{form: c.Config.Contacts.Groups, db: c.db, login: string(login.ID)}
	client.nicknames = &nicknames{db: c.db, login: string(login.ID)}
	client.rooms = newRooms(c.br, &c.ghosts)
	client.typist = newTypist(client.sendTyping)
	client.keptTold.every = keptPause
	client.nudgesIn.every, client.nudgesOut.every = c.Config.Nudge.Interval.Duration, c.Config.Nudge.Interval.Duration
	return client
}

// meta is our part of the login's row.
func (c *Client) meta() *loginMeta {
	if meta, ok := c.login.Metadata.(*loginMeta); ok {
		return meta
	}
	meta := &loginMeta{}
	c.login.Metadata = meta
	return meta
}

// ownID is the account's own user ID.
func (c *Client) ownID() networkid.UserID { return makeUserID(c.server, c.passport) }

// GetUserID is the account's own user ID.
func (c *Client) GetUserID() networkid.UserID { return c.ownID() }

// IsThisUser tells whether an ID is the account's own.
func (c *Client) IsThisUser(_ context.Context, user networkid.UserID) bool { return user == c.ownID() }

// IsLoggedIn tells whether there are credentials, not whether they are in use now.
func (c *Client) IsLoggedIn() bool { return c.meta().password() != "" }

// Connect starts to keep the account signed in, and returns at once. It does nothing if that goes on
// already.
func (c *Client) Connect(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return
	}
	// The context that bridgev2 gives is not cancelled at shutdown: Disconnect does that.
	ctx, cancel := context.WithCancel(c.login.Log.WithContext(context.WithoutCancel(ctx)))
	r := &running{cancel: cancel, done: make(chan struct{})}
	c.running = r
	c.conn.people.add(c)
	go func() {
		defer close(r.done)
		c.keepSignedIn(ctx)
	}()
}

// Disconnect signs out and returns when everything of the sign-in has ended and what came from MSN is on Matrix. It works without
// Connect.
func (c *Client) Disconnect() {
	ctx, cancel := context.WithTimeout(context.Background(), landed)
	defer cancel()
	c.mu.Lock()
	r := c.running
	c.mu.Unlock()
	if r == nil {
		return
	}
	r.cancel()
	<-r.done
	c.underway.wait(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == r {
		c.running = nil
		c.conn.people.remove(c)
	}
}

// LogoutRemote signs out and forgets what was kept of the account. The password goes with the login.
func (c *Client) LogoutRemote(ctx context.Context) {
	c.Disconnect()
	c.meta().setPassword("")
	err := errors.Join(c.conn.db.PutOwner(ctx, string(c.login.ID), c.login.UserMXID), c.conn.db.DeleteLogin(ctx, string(c.login.ID)))
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to forget what was remembered of a login")
	}
}

// ExportCredentials gives what is needed to log in elsewhere, but for the password: MSN has no tokens that
// could be handed on instead.
func (c *Client) ExportCredentials(context.Context) any {
	return map[string]string{"server": c.server, "address": c.passport}
}

// keepSignedIn signs in, again and again, until ctx ends or trying again makes no sense.
func (c *Client) keepSignedIn(ctx context.Context) {
	defer c.arrival.end()
	log := zerolog.Ctx(ctx)
	cfg := c.conn.Config.Connect
	remembered, err := c.memory.get(ctx)
	if err != nil {
		log.Err(err).Msg("Failed to read what is remembered of the login")
	}
	c.own.set(msn.Status(remembered.Status), remembered.PersonalMessage)
	c.recall(ctx)
	if remembered.Elsewhere { // a restart of the bridge is no reason to fight again
		c.report(ctx, msn.ErrLoggedInElsewhere)
		return
	}
	c.askPresence(ctx)
	c.standing.begin()
	for failures := 0; ; {
		c.arrival.begin()
		if pace := c.conn.paces[c.server]; pace != nil && pace.wait(ctx) != nil {
			return
		}
		c.announce(status.BridgeState{StateEvent: status.StateConnecting})
		began := time.Now()
		again, err := c.signIn(ctx)
		if ctx.Err() != nil {
			return
		}
		if again { // with other versions
			continue
		}
		c.arrival.end()
		if err == nil {
			err = msn.ErrClosed
		}
		log.Warn().Err(err).Dur("lasted", time.Since(began)).Msg("The MSN session has ended")
		if c.report(ctx, err) {
			return
		}
		c.conn.metrics.reconnects.Inc()
		c.tellOutage(ctx, err)
		if time.Since(began) >= goodSession {
			failures = 0
		}
		wait := backoff(failures, cfg.BackoffFirst.Duration, cfg.BackoffMost.Duration)
		if after := new(msn.ReconnectError); errors.As(err, &after) {
			wait = max(wait, after.After)
		}
		failures++
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// report tells bridgev2 why a session has ended; final means that it should not be tried again.
func (c *Client) report(ctx context.Context, err error) (final bool) {
	state, final := bridgeState(err)
	c.remember(ctx, func(l *database.Login) { l.Elsewhere = errors.Is(err, msn.ErrLoggedInElsewhere) })
	c.conn.metrics.endings.WithLabelValues(string(state.Error)).Inc()
	c.announce(state)
	if final {
		c.tellLost(ctx, state)
	}
	return final
}

// remember changes what is remembered of the login.
func (c *Client) remember(ctx context.Context, f func(*database.Login)) {
	if err := c.memory.change(ctx, f); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to remember something of the login")
	}
}

// backoff doubles with each failure and is spread by a third, so that logins do not march in step.
func backoff(failures int, first, most time.Duration) time.Duration {
	wait := most
	if failures < 30 {
		wait = min(first<<failures, most)
	}
	if wait <= 0 {
		wait = most
	}
	third := int64(wait) / 3
	return wait - time.Duration(third) + time.Duration(rand.Int64N(2*third+1))
}

// password opens the sealed one, and seals it anew if the key has changed.
func (c *Client) password(ctx context.Context) (string, error) {
	meta, id := c.meta(), string(c.login.ID)
	plain, stale, err := c.conn.keys.open(id, meta.password())
	if err != nil {
		return "", err
	}
	if stale {
		sealed, err := c.conn.keys.seal(id, plain)
		if err != nil {
			return "", err
		}
		meta.setPassword(sealed)
		if err := c.login.Save(ctx); err != nil {
			return "", fmt.Errorf("store the password under the new key: %w", err)
		}
	}
	return plain, nil
}

// session is one sign-in, from dial to end.
type session struct {
	*Client
	msn      *msn.Client
	contacts *contactSync
	notices  *notices
	offline  *offlineArrivals
	pictures *pictureSync

	seenMu  sync.Mutex
	places  map[string]string // my other places, by id
	reverse map[string]bool   // who is on the reverse list, of those who are known
	waited  map[string]bool   // whose contact request was there at the sign-in, and is still to be looked at

	complete    atomic.Bool // the contact list has been read
	calledOnMSN string      // my name there; written before the first Ping returns
	counted     bool        // in metrics.signedIn; written before Run ends
}

// signIn is one sign-in, from dial to end. again asks for another try at once, with other versions.
func (c *Client) signIn(ctx context.Context) (again bool, err error) {
	password, err := c.password(ctx)
	if err != nil {
		return false, err
	}
	cfg, err := c.conn.clientConfig(ctx, c.server, c.passport, password)
	if err != nil {
		return false, err
	}
	s := &session{Client: c, notices: newNotices(c.tell), offline: newOfflineArrivals(), reverse: make(map[string]bool), waited: make(map[string]bool)}
	s.pictures = s.newPictures()
	if s.contacts, err = c.newContacts(ctx); err != nil {
		return false, err
	}
	s.contacts.create, s.contacts.name, s.contacts.tell, s.contacts.groups = c.createRoom, s.nameContact, c.tellRooms, s.sortGroups
	wantStatus, wantText := c.own.want()
	cfg.Presence = msn.Presence{Status: wantStatus}
	cfg.PersonalMessage = personalOf(wantText)
	cfg.DisplayPicture = c.profile.picture()
	if l, err := c.memory.get(ctx); err == nil && l.Place != "" {
		cfg.EndpointName = l.Place
	}
	cfg.Handler = s.handle
	cfg.MachineGUID = c.conn.machine(c.login.ID)
	if log := zerolog.Ctx(ctx); log.GetLevel() <= zerolog.TraceLevel {
		cfg.Trace = func(line string) { log.Trace().Str("line", line).Msg("MSNP") }
	}
	if s.msn, err = msn.New(cfg); err != nil {
		return false, err
	}
	err = s.run(ctx, wantStatus, wantText, cfg.DisplayPicture)
	if ctx.Err() == nil {
		memory := c.conn.versions.change(ctx, c.server, func(m *msn.VersionMemory) { again = m.Failed(cfg.Versions, err, time.Now()) })
		if memory != nil {
			zerolog.Ctx(ctx).Err(memory).Msg("Failed to remember which protocol versions work")
		}
	}
	return again, err
}

// run is the life of a session with all its goroutines.
func (s *session) run(ctx context.Context, wantStatus msn.Status, wantText string, picture []byte) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	over := make(chan struct{})
	tasks.Go(func() { // leave in the orderly way when ctx ends
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		bye, cancel := context.WithTimeout(life, goodbye)
		defer cancel()
		_ = s.msn.SignOut(bye) // it ends either way
		end()
	})
	tasks.Go(func() { s.contacts.run(life) })
	tasks.Go(func() { s.own.run(life, s.msn, wantStatus, wantText) })
	tasks.Go(func() { s.typist.run(life) })
	tasks.Go(func() { s.notices.run(life) })
	tasks.Go(func() { s.offline.run(life, s.msn.DeleteOfflineMessages) })
	tasks.Go(func() { s.settle(life) })
	tasks.Go(func() { s.showPictures(life) })
	tasks.Go(func() { s.announceProfile(life, picture) })
	s.current.Store(s)
	s.arrival.end() // what is asked of s.msn waits by itself
	err := s.msn.Run(life)
	if s.counted {
		s.conn.metrics.signedIn.Dec()
	}
	s.current.CompareAndSwap(s, nil)
	close(over)
	end()
	tasks.Wait()
	s.conferences.disconnected()
	s.conn.presence.forget(s.login.ID)
	return err
}

// online is the session to ask, if there is one.
func (c *Client) online() (*session, error) {
	if s := c.current.Load(); s != nil {
		return s, nil
	}
	return nil, errNotConnected
}

// arrived is online, after a sign-in that is under way.
func (c *Client) arrived(ctx context.Context) (*session, error) {
	if c.current.Load() == nil {
		c.arrival.wait(ctx)
	}
	return c.online()
}

// newContacts counts the rooms that there are already, with those of a former login of the account.
func (c *Client) newContacts(ctx context.Context) (*contactSync, error) {
	if remembered, err := c.memory.get(ctx); err == nil && !remembered.Greeted {
		if err := c.adopt(ctx); err != nil {
			return nil, err
		}
	}
	portals, err := c.conn.br.DB.UserPortal.GetAllForLogin(ctx, c.login.UserLogin)
	if err != nil {
		return nil, fmt.Errorf("count rooms: %w", err)
	}
	rooms := 0
	for _, p := range portals {
		if _, _, ok := parseDirect(p.Portal.ID); ok {
			rooms++
		}
	}
	return newContactSync(c.conn.Config.Contacts.MaxRooms - rooms), nil
}

// settle waits until the first presences are known, makes the rooms that are due and, the first time,
// tells the user what there is.
func (s *session) settle(ctx context.Context) {
	if s.msn.Ping(ctx) != nil {
		return // the session is over, and its end is reported elsewhere
	}
	contacts, online := 0, 0
	for _, contact := range s.msn.Contacts() {
		if !contact.On(msn.ForwardList) {
			continue
		}
		contacts++
		if s.msn.PresenceOf(contact.Passport).Status != msn.Offline && !contact.On(msn.BlockList) {
			online++
		}
		if !s.rooms.there(ctx, directKey(s.login.ID, s.server, contact.Passport)) {
			s.wantRoom(contact)
		}
	}
	s.contacts.regroup()
	remembered, err := s.memory.get(ctx)
	if err != nil || remembered.Greeted {
		s.contacts.do(s.settled)
		return
	}
	s.contacts.do(s.resettled) // a former login may have left rooms behind
	s.remember(ctx, func(l *database.Login) { l.Greeted = true })
	text := fmt.Sprintf("%s is signed in to MSN: %s, %d of them online.", s.login.RemoteName, plural(contacts, "contact"), online)
	if rooms := s.roomsToMake(ctx); rooms > 0 {
		text += fmt.Sprintf(" I am making rooms for %d of them now.", rooms)
	}
	s.tell(ctx, text+" Write `list` to see everybody, and `start-chat <address>` to write to somebody.")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
