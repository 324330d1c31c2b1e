package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	// profileQuiet is how long a profile must have rested before it is read: a change comes once for every room.
	profileQuiet = 2 * time.Second
	// downloadTimeout bounds getting a picture from Matrix.
	downloadTimeout = 30 * time.Second
)

// ownProfile is what MSN contacts see of one login beside the status: name and display picture, as they are on Matrix by the
// rules of the configuration, unless a command says otherwise. What it was is kept, so that a restart needs no download.
type ownProfile struct {
	cfg   ProfileConfig
	db    *database.Database
	port  profilePort
	login string
	user  id.UserID
	quiet time.Duration

	changing sync.Mutex // held while Matrix is asked for a picture

	mu     sync.Mutex
	loaded bool
	data   database.Profile
	called string // on MSN, in this session
	now    *face  // on Matrix, as far as it is known
	stale  bool   // it has to be read
	broken id.ContentURIString
	wake   chan struct{}
}

// stir wakes run. The caller holds the lock.
func (o *ownProfile) stir() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// load reads what is kept, once.
func (o *ownProfile) load(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loaded {
		return nil
	}
	data, err := o.db.Profile(ctx, o.login)
	if err != nil {
		return err
	}
	o.data, o.loaded, o.stale = data, true, true
	return nil
}

// get is a copy of what is kept.
func (o *ownProfile) get() database.Profile {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data
}

// change changes and stores what is kept, and has it announced.
func (o *ownProfile) change(ctx context.Context, f func(*database.Profile)) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f(&o.data)
	o.stir()
	return o.db.PutProfile(ctx, o.login, o.data)
}

// heard takes what the user is called and looks like in some room. It need not be the profile, which is read then.
func (o *ownProfile) heard(now face) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil || *o.now != now {
		o.stale = true
		o.stir()
	}
}

// picture is what is to be shown now, nil for nothing.
func (o *ownProfile) picture() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.data.PictureFixed || o.cfg.Picture {
		return o.data.PNG
	}
	return nil
}

// name is what the account is to be called, "" for what it is called.
func (o *ownProfile) name() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.data.Name != "":
		return o.data.Name
	case o.cfg.Name && o.now != nil:
		return o.now.name
	}
	return ""
}

// follows tells whether anything follows the profile on Matrix. The lock is held.
func (o *ownProfile) follows() bool {
	return o.cfg.Picture && !o.data.PictureFixed || o.cfg.Name && o.data.Name == ""
}

// refresh reads the profile on Matrix if it may have changed, and gets the avatar if it is another.
func (o *ownProfile) refresh(ctx context.Context) error {
	o.mu.Lock()
	ask := o.loaded && o.stale && o.port != nil && o.follows()
	o.stale = o.stale && !ask // what is heard from now on is news
	o.mu.Unlock()
	if !ask {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now, err := o.port.Face(asking, o.user)
	o.mu.Lock()
	if err != nil {
		o.stale = true
	} else {
		o.now = &now
	}
	o.mu.Unlock()
	if err != nil {
		return fmt.Errorf("read the profile on Matrix: %w", err)
	}
	return o.follow(ctx, now.avatar)
}

// follow makes the avatar on Matrix the display picture, if that is wanted and it is another.
func (o *ownProfile) follow(ctx context.Context, avatar id.ContentURIString) error {
	o.changing.Lock()
	defer o.changing.Unlock()
	o.mu.Lock()
	same := !o.cfg.Picture || o.data.PictureFixed || o.data.Source == string(avatar) || avatar != "" && o.broken == avatar
	o.mu.Unlock()
	if same {
		return nil
	}
	var tile []byte
	if avatar != "" {
		var err error
		if tile, err = o.make(ctx, avatar, nil); err != nil {
			if errors.Is(err, errNoPicture) {
				o.mu.Lock()
				o.broken = avatar
				o.mu.Unlock()
			}
			return fmt.Errorf("the avatar on Matrix: %w", err)
		}
	}
	return o.change(ctx, func(p *database.Profile) {
		if !p.PictureFixed { // meanwhile
			p.Source, p.PNG = string(avatar), tile
		}
	})
}

// make gets a medium and makes a display picture of it. One that is too large is asked for in the form that the homeserver
// makes, which an encrypted one does not have.
func (o *ownProfile) make(ctx context.Context, uri id.ContentURIString, file *event.EncryptedFileInfo) ([]byte, error) {
	if o.port == nil {
		return nil, errors.New("there is no way to pictures on this homeserver")
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	data, err := o.port.Download(ctx, uri, false, maxAvatar)
	if err == nil && file != nil {
		if err = file.DecryptInPlace(data); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoPicture, err)
		}
	}
	var tile []byte
	if err == nil {
		tile, err = forMSN(data)
	}
	if file == nil && (errors.Is(err, errTooManyBytes) || errors.Is(err, errNoPicture)) {
		small, failed := o.port.Download(ctx, uri, true, maxAvatar)
		if failed != nil {
			return nil, fmt.Errorf("%w: %w", errNoPicture, err)
		}
		return forMSN(small)
	}
	if errors.Is(err, errTooManyBytes) {
		err = fmt.Errorf("%w: %w", errNoPicture, err)
	}
	return tile, err
}

// set makes something else than the avatar the display picture: a medium, or nothing.
func (o *ownProfile) set(ctx context.Context, uri id.ContentURIString, tile []byte) error {
	return o.change(ctx, func(p *database.Profile) { p.PictureFixed, p.Source, p.PNG = true, string(uri), tile })
}

// unknownSource is no medium, so that the avatar on Matrix, or that there is none, is another one.
const unknownSource = "?"

// auto lets the picture follow Matrix again.
func (o *ownProfile) auto(ctx context.Context) error {
	err := o.change(ctx, func(p *database.Profile) { p.PictureFixed, p.Source = false, unknownSource })
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.stale, o.broken = true, ""
	o.mu.Unlock()
	return o.refresh(ctx)
}

// announceName has the account called something, if it is not already.
func (o *ownProfile) announceName(ctx context.Context, client *msn.Client, name string) error {
	o.mu.Lock()
	same := o.called == name
	o.mu.Unlock()
	if same {
		return nil
	}
	if err := client.SetFriendlyName(ctx, name); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.called = name
	return nil
}

// run announces changes until ctx ends. name is what the account is called, picture what was announced already.
func (o *ownProfile) run(ctx context.Context, client *msn.Client, name string, picture []byte) {
	log := zerolog.Ctx(ctx)
	o.mu.Lock()
	o.called = name
	o.mu.Unlock()
	for ctx.Err() == nil {
		if err := o.refresh(ctx); err != nil && ctx.Err() == nil {
			log.Warn().Err(err).Msg("The profile on MSN stays as it is")
		}
		if want := o.name(); want != "" {
			if err := o.announceName(ctx, client, want); err != nil {
				log.Warn().Err(err).Msg("Failed to change the name on MSN")
			}
		}
		if want := o.picture(); !slices.Equal(want, picture) {
			switch err := client.SetDisplayPicture(ctx, want); {
			case err == nil, errors.Is(err, msn.ErrUnsupported): // before MSNP9 there is none
				picture = want
			default:
				log.Warn().Err(err).Msg("Failed to change the display picture on MSN")
			}
		}
		if err := o.roam(ctx, client); err != nil && ctx.Err() == nil {
			log.Warn().Err(err).Msg("Failed to store name and picture at the MSN service")
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
			_ = sleep(ctx, o.quiet) // the loop looks at ctx
			select {
			case <-o.wake: // the same change, in another room
			default:
			}
		}
	}
}

// roam stores name and picture at the service, for the account's other programs, if they are another than were stored last.
// A picture is never taken away there.
func (o *ownProfile) roam(ctx context.Context, client *msn.Client) error {
	name, picture := o.name(), o.picture()
	if name == "" && picture == nil {
		return nil
	}
	sum := sha256.Sum256(append([]byte(name+"\x00"), picture...))
	key := base64.RawStdEncoding.EncodeToString(sum[:])
	if o.get().Stored == key {
		return nil
	}
	profile, err := client.RoamingProfile(ctx)
	if errors.Is(err, msn.ErrUnsupported) {
		return nil // another version may have it
	}
	if err != nil {
		return err
	}
	if name != "" {
		profile.DisplayName = name
	}
	profile.Picture, profile.PictureType = picture, "image/png"
	if err := client.SetRoamingProfile(ctx, profile); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data.Stored = key
	return o.db.PutProfile(ctx, o.login, o.data)
}

// changedFace takes what a Matrix user is called and looks like in a room.
func (c *Connector) changedFace(_ context.Context, user id.UserID, now face) {
	for _, client := range c.people.of(user) {
		client.profile.heard(now)
	}
}

// of lists a user's clients.
func (p *people) of(user id.UserID) []*Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.clients[user]))
}

// newProfile is the chapter for one login.
func (c *Client) newProfile() *ownProfile {
	return &ownProfile{
		cfg: c.conn.Config.Profile, db: c.conn.db, port: c.conn.profiles, login: string(c.login.ID), user: c.login.UserMXID,
		quiet: c.conn.quiet, wake: make(chan struct{}, 1),
	}
}

// recall reads what is kept of the profile before a sign-in.
func (c *Client) recall(ctx context.Context) {
	if err := c.profile.load(ctx); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to read what is kept of the profile")
	}
	if err := c.nicknames.load(ctx); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to read what contacts are called")
	}
	kept := c.profile.get()
	c.own.say(kept.MessageFixed, kept.Message)
}

// announceProfile keeps name and picture on MSN what they are to be.
func (s *session) announceProfile(ctx context.Context, picture []byte) {
	if s.msn.Ping(ctx) == nil {
		s.profile.run(ctx, s.msn, s.calledOnMSN, picture)
	}
}
