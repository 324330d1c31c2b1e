package bridge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/database"
)

// What a contact says, in the profile of the ghost (MSC4426): clients show it beside the name, and it needs no repeating as presence does.

// profileStatus is the content of the field.
type profileStatus struct {
	Emoji string `json:"emoji"` // 32 bytes at most
	Text  string `json:"text"`  // 256 bytes at most
}

// The names of the field: MSC4426 is not part of the specification yet.
var statusFields = []string{"m.status", "org.matrix.msc4426.status"}

// statusPort is what it needs of the Matrix side.
type statusPort interface {
	// SetGhostStatus writes a ghost's status, or deletes it where it is nil. errNoProfileFields if the homeserver takes none.
	SetGhostStatus(ctx context.Context, ghost networkid.UserID, s *profileStatus) error
}

var errNoProfileFields = errors.New("the homeserver takes no profile fields of other kinds")

// SetGhostStatus writes both names of the field.
func (a *appservicePresence) SetGhostStatus(ctx context.Context, ghost networkid.UserID, s *profileStatus) error {
	if v := a.mx.SpecVersions; !v.Supports(mautrix.FeatureArbitraryProfileFields) && !v.Supports(mautrix.FeatureUnstableProfileFields) {
		return errNoProfileFields
	}
	api, ok := a.mx.GhostIntent(ghost).(*matrix.ASIntent)
	if !ok {
		return errNoProfileFields
	}
	if err := api.Matrix.EnsureRegistered(ctx); err != nil {
		return err
	}
	var failed []error
	for _, field := range statusFields {
		if s != nil {
			failed = append(failed, api.Matrix.SetProfileField(ctx, field, s))
		} else if err := api.Matrix.DeleteProfileField(ctx, field); !errors.Is(err, mautrix.MNotFound) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// statusOf is what the field says of a presence; "" for nothing. It is kept as one text: the emoji, a blank, the words.
func statusOf(v view) string {
	emoji, text := "💬", v.message
	switch rest, song := strings.CutPrefix(text, songMark); {
	case text == "" || v.presence == event.PresenceOffline:
		return ""
	case song:
		emoji, text = "🎵", rest
	case strings.HasPrefix(text, gameMark):
		emoji, text = "🎮", text[len(gameMark):]
	case v.presence == presenceBusy:
		emoji = "⛔"
	case v.presence == event.PresenceUnavailable:
		emoji = "💤"
	}
	return emoji + " " + strings.ToValidUTF8(text[:min(len(text), 256)], "")
}

// fieldOf undoes statusOf.
func fieldOf(told string) *profileStatus {
	emoji, text, found := strings.Cut(told, " ")
	if !found {
		return nil
	}
	return &profileStatus{Emoji: emoji, Text: text}
}

// statusGrace is how long after the start statuses of a former run stay that nobody has confirmed.
const statusGrace = 2 * time.Minute

// profileStatuses writes the fields, one at a time, and only what has changed since the homeserver was told last, in this run or a former one.
type profileStatuses struct {
	port      statusPort
	db        *database.Database
	perSecond int

	mu    sync.Mutex
	told  map[networkid.UserID]string
	want  map[networkid.UserID]string
	dirty []networkid.UserID
	wake  chan struct{}

	sent int // requests, of which each is one for every name of the field
}

func newProfileStatuses(port statusPort, db *database.Database) *profileStatuses {
	return &profileStatuses{
		port: port, db: db, perSecond: 100, told: make(map[networkid.UserID]string), want: make(map[networkid.UserID]string),
		wake: make(chan struct{}, 1),
	}
}

// see notes what is shown of a ghost now.
func (p *profileStatuses) see(ghost networkid.UserID, v view) {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := statusOf(v)
	if _, waiting := p.want[ghost]; !waiting {
		p.dirty = append(p.dirty, ghost)
	}
	p.want[ghost] = status
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (p *profileStatuses) run(ctx context.Context) {
	log := zerolog.Ctx(ctx)
	stored, err := p.load(ctx)
	if err != nil {
		log.Err(err).Msg("Failed to read what ghosts' profiles say")
	}
	grace := time.NewTimer(statusGrace)
	defer grace.Stop()
	confirmed := make(map[networkid.UserID]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-grace.C:
			p.drop(stored, confirmed)
			stored = nil
		}
		for ghost, status, ok := p.next(); ok && ctx.Err() == nil; ghost, status, ok = p.next() {
			if stored != nil {
				confirmed[ghost] = true
			}
			began := time.Now()
			switch err := p.write(ctx, ghost, status); {
			case errors.Is(err, errNoProfileFields):
				log.Info().Msg("What contacts say is not written into profiles: " + err.Error())
				return
			case err != nil && ctx.Err() == nil:
				log.Warn().Err(err).Str("ghost_id", string(ghost)).Msg("Failed to write what a contact says into a profile")
			}
			_ = sleep(ctx, time.Second/time.Duration(p.perSecond)-time.Since(began)) // the loop looks at ctx
		}
	}
}

// load reads what the homeserver was told in a former run.
func (p *profileStatuses) load(ctx context.Context) (stored map[string]string, err error) {
	stored, err = p.db.GhostStatuses(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	for ghost, told := range stored {
		p.told[networkid.UserID(ghost)] = told
	}
	return stored, err
}

// drop takes away what a former run has left and nobody has confirmed.
func (p *profileStatuses) drop(stored map[string]string, confirmed map[networkid.UserID]bool) {
	for _, ghost := range slices.Sorted(maps.Keys(stored)) {
		if id := networkid.UserID(ghost); !confirmed[id] {
			p.see(id, view{presence: event.PresenceOffline})
		}
	}
}

// next is the ghost whose turn it is, of those whose profile says something else.
func (p *profileStatuses) next() (ghost networkid.UserID, status string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.dirty) == 0 {
		return "", "", false
	}
	ghost, p.dirty = p.dirty[0], p.dirty[1:]
	status = p.want[ghost]
	delete(p.want, ghost)
	return ghost, status, true
}

// write tells the homeserver, unless it knows.
func (p *profileStatuses) write(ctx context.Context, ghost networkid.UserID, status string) error {
	p.mu.Lock()
	same := p.told[ghost] == status
	p.mu.Unlock()
	if same {
		return nil
	}
	err := p.port.SetGhostStatus(ctx, ghost, fieldOf(status))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	if err != nil {
		delete(p.told, ghost) // whatever it is now
		return err
	}
	if p.told[ghost] = status; status == "" {
		delete(p.told, ghost)
	}
	return p.db.PutGhostStatus(ctx, string(ghost), status)
}
