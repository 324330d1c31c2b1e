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
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// presencePort is what presence needs of the Matrix side, which bridgev2 does not have. It is nil where
// there is none.
type presencePort interface {
	// SetGhostPresence announces the presence of a ghost.
	SetGhostPresence(ctx context.Context, ghost networkid.UserID, presence event.Presence, message string) error
	// Presence asks for the presence of a Matrix user.
	Presence(ctx context.Context, user id.UserID) (*event.PresenceEventContent, error)
	// OnPresence has f called with the presence of Matrix users, ghosts too.
	OnPresence(f func(ctx context.Context, user id.UserID, p *event.PresenceEventContent))
}

// presenceOn finds the port of a Matrix connector and lets it report to heard.
func presenceOn(mx bridgev2.MatrixConnector, heard func(context.Context, id.UserID, *event.PresenceEventContent)) presencePort {
	var port presencePort
	switch mx := mx.(type) {
	case *matrix.Connector:
		port = &appservicePresence{mx: mx}
	case presencePort:
		port = mx
	default:
		return nil
	}
	port.OnPresence(heard)
	return port
}

// presenceBusy is MSC3026; servers without it answer 400.
const presenceBusy event.Presence = "org.matrix.msc3026.busy"

// appservicePresence is the port of a real homeserver.
type appservicePresence struct {
	mx *matrix.Connector

	mu     sync.Mutex
	noBusy bool
	known  map[networkid.UserID]bool // registered in this run
}

// SetGhostPresence registers the ghost if that is needed and announces its presence.
func (a *appservicePresence) SetGhostPresence(ctx context.Context, ghost networkid.UserID, presence event.Presence, message string) error {
	intent := a.mx.AS.Intent(a.mx.FormatGhostMXID(ghost))
	a.mu.Lock()
	known, noBusy := a.known[ghost], a.noBusy
	a.mu.Unlock()
	if !known {
		if err := intent.EnsureRegistered(ctx); err != nil {
			return err
		}
		a.mu.Lock()
		if a.known == nil {
			a.known = make(map[networkid.UserID]bool)
		}
		a.known[ghost] = true
		a.mu.Unlock()
	}
	if presence == presenceBusy && noBusy {
		presence = event.PresenceOnline
	}
	err := intent.SetPresence(ctx, mautrix.ReqPresence{Presence: presence, StatusMsg: message})
	var refused mautrix.HTTPError
	if presence == presenceBusy && errors.As(err, &refused) && refused.IsStatus(400) {
		a.mu.Lock()
		a.noBusy = true
		a.mu.Unlock()
		return intent.SetPresence(ctx, mautrix.ReqPresence{Presence: event.PresenceOnline, StatusMsg: message})
	}
	return err
}

// Presence asks as the bot, which shares the management room with everybody who is logged in.
func (a *appservicePresence) Presence(ctx context.Context, user id.UserID) (*event.PresenceEventContent, error) {
	got, err := a.mx.Bot.GetPresence(ctx, user)
	if err != nil {
		return nil, err
	}
	return &event.PresenceEventContent{Presence: got.Presence, StatusMessage: got.StatusMsg}, nil
}

// OnPresence listens to the ephemeral events of transactions.
func (a *appservicePresence) OnPresence(f func(context.Context, id.UserID, *event.PresenceEventContent)) {
	a.mx.EventProcessor.On(event.EphemeralEventPresence, func(ctx context.Context, evt *event.Event) {
		f(ctx, evt.Sender, evt.Content.AsPresence())
	})
}

// view is a contact's presence as one login sees it, in Matrix terms.
type view struct {
	presence event.Presence
	message  string
}

// songMark stands before what somebody listens to, in both directions.
const songMark = "♪ "

// gameMark stands before what somebody plays.
const gameMark = "🎮 "

// viewOf is the table of bridge.md, Presence.
func viewOf(status msn.Status, personal msn.PersonalMessage) view {
	var v view
	word := status.Word()
	switch status {
	case msn.Online:
		v.presence, word = event.PresenceOnline, ""
	case msn.Busy, msn.OnThePhone:
		v.presence = presenceBusy
	case msn.Offline, msn.Hidden, "":
		return view{presence: event.PresenceOffline}
	default:
		v.presence = event.PresenceUnavailable
	}
	v.message = word
	if media := playing(personal.Media); media != "" {
		v.message = media
	}
	if text := msn.StripFormatting(personal.Text); msnfmt.Name(text) != "" { // blanks say nothing
		v.message = text
	}
	return v
}

// usualSong is how programs write what they play, with title and artist as the first arguments.
const usualSong = "{0} - {1}"

// playing is what somebody listens to, plays or works on; "" for nothing. Of a song the artist comes first.
func playing(m msn.CurrentMedia) string {
	text := m.Text()
	if m.Format == usualSong && len(m.Args) > 1 && strings.EqualFold(m.Type, "Music") {
		m.Format = "{1} - {0}"
		text = strings.Trim(m.Text(), " -")
	}
	switch {
	case text == "", strings.EqualFold(m.Type, "Office"):
		return text
	case strings.EqualFold(m.Type, "Games"):
		return gameMark + text
	}
	return songMark + text
}

// reach orders presences: what the best placed login sees is shown.
func (v view) reach() int {
	switch v.presence {
	case event.PresenceOnline:
		return 3
	case presenceBusy:
		return 2
	case event.PresenceUnavailable:
		return 1
	}
	return 0
}

// presenceKeeper shows contacts' presence on Matrix and repeats it before the homeserver forgets it. The
// same ghost may be seen by several logins. One goroutine sends, under a rate limit.
type presenceKeeper struct {
	port      presencePort
	watching  func(networkid.UserLoginID) bool // is there somebody to see it
	refresh   time.Duration                    // 0 for never
	perSecond int

	mu     sync.Mutex
	ghosts map[networkid.UserID]*shown
	dirty  []networkid.UserID // in the order of their changes
	wake   chan struct{}

	changes, repeats, failures int // what was sent
	held                       int // what was not, because a newer one came before its turn

	shown func(networkid.UserID, view) // told of every change before the homeserver is; nil for nobody
}

// shown is one ghost.
type shown struct {
	views  map[networkid.UserLoginID]view
	told   view
	toldAt time.Time
	dirty  bool
}

func newPresenceKeeper(port presencePort, watching func(networkid.UserLoginID) bool) *presenceKeeper {
	return &presenceKeeper{
		port: port, watching: watching, perSecond: 100,
		ghosts: make(map[networkid.UserID]*shown), wake: make(chan struct{}, 1),
	}
}

// see notes what a login sees of a ghost.
func (k *presenceKeeper) see(login networkid.UserLoginID, ghost networkid.UserID, v view) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.ghosts[ghost]
	if g == nil {
		if v.presence == event.PresenceOffline {
			return // which is what everybody thinks anyway
		}
		g = &shown{views: make(map[networkid.UserLoginID]view), told: view{presence: event.PresenceOffline}}
		k.ghosts[ghost] = g
	}
	if v.presence == event.PresenceOffline {
		delete(g.views, login)
	} else {
		g.views[login] = v
	}
	k.touch(ghost, g)
}

// forget takes back everything that a login saw: it is not connected any more.
func (k *presenceKeeper) forget(login networkid.UserLoginID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ghost := range slices.Sorted(maps.Keys(k.ghosts)) {
		g := k.ghosts[ghost]
		if _, seen := g.views[login]; seen {
			delete(g.views, login)
			k.touch(ghost, g)
		}
	}
}

// touch queues a ghost. The caller holds the lock.
func (k *presenceKeeper) touch(ghost networkid.UserID, g *shown) {
	switch {
	case g.dirty:
		k.held++
	case g.best() != g.told:
		g.dirty = true
		k.dirty = append(k.dirty, ghost)
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// best is what of all views is shown.
func (g *shown) best() view {
	best := view{presence: event.PresenceOffline}
	for _, login := range slices.Sorted(maps.Keys(g.views)) {
		if v := g.views[login]; v.reach() > best.reach() {
			best = v
		}
	}
	return best
}

// presenceTick is how often the keeper looks for ghosts whose presence is due again.
const presenceTick = time.Second

// lastWords bounds how long the keeper goes on telling that everybody is offline when the bridge stops.
const lastWords = 2 * time.Second

// run sends until ctx ends; then it tells that everybody is offline.
func (k *presenceKeeper) run(ctx context.Context) {
	if k.port == nil {
		return
	}
	ticker := time.NewTicker(presenceTick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-k.wake:
			k.flush(ctx, false)
		case <-ticker.C:
			k.flush(ctx, true)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	k.mu.Lock()
	for ghost, g := range k.ghosts {
		clear(g.views)
		k.touch(ghost, g)
	}
	k.mu.Unlock()
	k.flush(last, false)
}

// flush sends what has changed and, if repeating, what is due.
func (k *presenceKeeper) flush(ctx context.Context, repeating bool) {
	for ctx.Err() == nil {
		k.mu.Lock()
		if len(k.dirty) == 0 {
			k.mu.Unlock()
			break
		}
		ghost := k.dirty[0]
		k.dirty = k.dirty[1:]
		g := k.ghosts[ghost]
		g.dirty = false
		v := g.best()
		changed := v != g.told
		k.mu.Unlock()
		if changed {
			if k.shown != nil {
				k.shown(ghost, v)
			}
			k.send(ctx, ghost, g, v, &k.changes)
		}
	}
	if !repeating || k.refresh <= 0 {
		return
	}
	for _, ghost := range k.due(time.Now()) {
		k.mu.Lock()
		g := k.ghosts[ghost]
		k.mu.Unlock()
		if ctx.Err() != nil || g == nil {
			return
		}
		k.send(ctx, ghost, g, g.told, &k.repeats)
		if k.changed() {
			return // changes go first; the rest is due at the next tick
		}
	}
}

func (k *presenceKeeper) changed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.dirty) > 0
}

// due lists the ghosts to repeat, the longest waiting first.
func (k *presenceKeeper) due(now time.Time) []networkid.UserID {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []networkid.UserID
	for ghost, g := range k.ghosts {
		if now.Sub(g.toldAt) < k.refresh || g.told.presence == event.PresenceOffline {
			continue
		}
		if slices.ContainsFunc(slices.Collect(maps.Keys(g.views)), k.watching) {
			list = append(list, ghost)
		}
	}
	slices.SortFunc(list, func(a, b networkid.UserID) int {
		if order := k.ghosts[a].toldAt.Compare(k.ghosts[b].toldAt); order != 0 {
			return order
		}
		return strings.Compare(string(a), string(b))
	})
	return list
}

// send tells one presence and keeps to the rate.
func (k *presenceKeeper) send(ctx context.Context, ghost networkid.UserID, g *shown, v view, count *int) {
	began := time.Now()
	err := k.port.SetGhostPresence(ctx, ghost, v.presence, v.message)
	k.mu.Lock()
	*count++
	g.told, g.toldAt = v, began
	if err != nil {
		k.failures++
	} else if v.presence == event.PresenceOffline && len(g.views) == 0 && !g.dirty {
		delete(k.ghosts, ghost)
	}
	k.mu.Unlock()
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("ghost_id", string(ghost)).Msg("Failed to set the presence of a ghost")
	}
	_ = sleep(ctx, time.Second/time.Duration(k.perSecond)-time.Since(began)) // whoever calls looks at ctx
}

// people knows who of Matrix is logged in, and whether they are there.
type people struct {
	mu      sync.Mutex
	clients map[id.UserID]map[*Client]struct{}
	users   map[networkid.UserLoginID]id.UserID
	away    map[id.UserID]bool
}

func (p *people) init() {
	p.clients = make(map[id.UserID]map[*Client]struct{})
	p.users, p.away = make(map[networkid.UserLoginID]id.UserID), make(map[id.UserID]bool)
}

// add and remove keep the clients of a user.
func (p *people) add(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := c.login.UserMXID
	if p.clients[user] == nil {
		p.clients[user] = make(map[*Client]struct{})
	}
	p.clients[user][c] = struct{}{}
	p.users[c.login.ID] = user
}

func (p *people) remove(c *Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := c.login.UserMXID
	delete(p.users, c.login.ID)
	delete(p.clients[user], c)
	if len(p.clients[user]) == 0 {
		delete(p.clients, user)
		delete(p.away, user)
	}
}

// knownTo tells whether anybody but a user has somebody of a service on their list, of those who are signed in.
func (p *people) knownTo(but id.UserID, server, passport string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for user, clients := range p.clients {
		for c := range clients {
			s := c.current.Load()
			if user == but || c.server != server || s == nil {
				continue
			}
			if _, listed := s.msn.Contact(passport); listed {
				return true
			}
		}
	}
	return false
}

// heard notes a user's presence and lists the user's clients.
func (p *people) heard(user id.UserID, presence event.Presence) []*Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	clients := p.clients[user]
	if len(clients) == 0 {
		return nil
	}
	p.away[user] = presence == event.PresenceOffline
	return slices.Collect(maps.Keys(clients))
}

// watching tells whether the user of a login may be there to see contacts' presence. Who is not known to
// be away may.
func (p *people) watching(login networkid.UserLoginID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	user, there := p.users[login]
	return there && !p.away[user]
}

// heardPresence takes m.presence of anybody. Our own ghosts come back as an echo and are nobody's users.
func (c *Connector) heardPresence(_ context.Context, user id.UserID, p *event.PresenceEventContent) {
	if !c.Config.Presence.FromMatrix {
		return
	}
	for _, client := range c.people.heard(user, p.Presence) {
		client.own.heard(p)
	}
}

// askTimeout bounds asking for a user's presence, on which a sign-in waits.
const askTimeout = 5 * time.Second

// askPresence finds out whether the user is there, after a start of the bridge. If that is not possible, the
// first change will tell.
func (c *Client) askPresence(ctx context.Context) {
	port := c.conn.presence.port
	if port == nil || !c.conn.Config.Presence.FromMatrix || c.own.known() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p, err := port.Presence(ctx, c.login.UserMXID)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("The homeserver does not tell the user's presence")
		return
	}
	c.conn.heardPresence(ctx, c.login.UserMXID, p)
}
