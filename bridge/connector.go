// Package bridge is the only room where Matrix and MSN meet. It plugs package msn into mautrix's
// bridgev2, which owns users, rooms, messages, encryption and commands; what a feature means on either
// side stands in bridge.md.
//
//   - [Connector] is the network as a whole: configuration, keys, our tables, what all logins share.
//   - Client is one login: it signs in, and in again when the connection ends (client.go). Matrix → MSN is
//     handlematrix.go, one method per ability; MSN → Matrix is handlemsn.go, one case per event.
//   - Everything else is a chapter with its own small state that holds no reference back: presence,
//     contacts, conferences, pictures, the own profile, typing, nudges, secrets.
//   - ids.go alone makes IDs, errors.go alone words errors.
//   - msnfmt converts texts and is pure.
//
// Arrows: main → bridge → msn, database. Goroutines: one per login that keeps it signed in, and below it,
// for the time of one sign-in, those of msn, one each for rooms, presence, profile and typing, and a few
// for pictures; one for the presence of all ghosts.
package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.mau.fi/util/dbutil"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Connector is MSN for bridgev2. The zero value is ready for NewBridge, once Config is filled.
type Connector struct {
	// Config is the network section of the config file.
	Config Config
	// Folder is where relative file names of the configuration begin; "" for the working directory.
	Folder string

	br       *bridgev2.Bridge
	db       *database.Database
	services map[string]*service
	keys     *keyRing
	paces    map[string]*pace // by service
	versions versionKeeper
	presence *presenceKeeper
	health   *health
	people   people
	ghosts   ghosts
	pictures pictures
	profiles profilePort
	quiet    time.Duration // how long a user's profile must have rested before it is read
	metrics  *metrics

	landingPauses []time.Duration
	inviteHints   spacing[id.RoomID]

	tasks sync.WaitGroup
	life  context.Context // from Start to Stop
	stop  context.CancelFunc
}

var (
	_ bridgev2.NetworkConnector            = (*Connector)(nil)
	_ bridgev2.ConfigValidatingNetwork     = (*Connector)(nil)
	_ bridgev2.IdentifierValidatingNetwork = (*Connector)(nil)
	_ bridgev2.StoppableNetwork            = (*Connector)(nil)
)

func noEvents(context.Context, msn.Event) {}

// GetName says what the bridge is called before and after it is configured (bridge.md, Framework).
func (c *Connector) GetName() bridgev2.BridgeName {
	return bridgev2.BridgeName{
		DisplayName:          "MSN Messenger",
		NetworkURL:           "https://en.wikipedia.org/wiki/MSN_Messenger",
		NetworkID:            "msn",
		BeeperBridgeType:     "github.com/matrix-msn/matrix-msn",
		DefaultPort:          29350,
		DefaultCommandPrefix: "!msn",
	}
}

// Init keeps the bridge and hooks up what needs the Matrix side; it does no I/O.
func (c *Connector) Init(br *bridgev2.Bridge) {
	c.br = br
	c.db = database.New(br.DB.Database, dbutil.ZeroLogger(br.Log.With().Str("db_section", "msn").Logger()))
	// A homeserver sends transactions at least once (bridge.md, Synapse, measured).
	br.Config.DeduplicateMatrixMessages = true
	c.health = healthOn(br.Matrix)
	c.people.init()
	c.ghosts.init(br)
	c.pictures.init(br, c.db, &c.ghosts)
	c.metrics = newMetrics()
	c.metrics.registry.MustRegister(stateOfAll{c})
	if br.Config.BridgeStatusNotices == "errors" { // standing.go says the same in words, once, and with a ping
		br.Config.BridgeStatusNotices = "none"
	}
	spacesOn(br.Matrix, c.heardSpaceChild)
	c.followUpgrades()
	c.inviteHints.every = hintPause
	c.answerInvites()
	c.hearOthers()
	c.hearLeaving()
	c.quiet, c.landingPauses = profileQuiet, landingPauses
	c.profiles = profileOn(br.Matrix, c.changedFace)
	c.presence = newPresenceKeeper(presenceOn(br.Matrix, c.heardPresence), c.people.watching)
	if mx, ok := br.Matrix.(*matrix.Connector); ok && c.Config.DoublePuppet {
		if mx.Config.DoublePuppet.Secrets == nil {
			mx.Config.DoublePuppet.Secrets = make(map[string]string)
		}
		mx.Config.DoublePuppet.Secrets[mx.Config.Homeserver.Domain] = "as_token:" + mx.Config.AppService.ASToken
	}
	if processor, ok := br.Commands.(*commands.Processor); ok {
		processor.AddHandlers(c.commands()...)
	}
}

// Start reads keys, upgrades our tables and starts what all logins share.
func (c *Connector) Start(ctx context.Context) error {
	if err := c.db.Upgrade(ctx); err != nil {
		return bridgev2.DBUpgradeError{Err: err, Section: "msn"}
	}
	var err error
	if c.services, err = c.Config.services(c.Folder); err != nil {
		return err
	}
	if c.keys, err = loadKeys(c.Config.Secret, c.Folder); err != nil {
		return fmt.Errorf("load the key for passwords: %w", err)
	}
	c.paces = make(map[string]*pace)
	for id, service := range c.services {
		rate := service.signIns
		if rate == 0 {
			rate = c.Config.Connect.PerSecond
		}
		c.paces[id] = newPace(rate)
		for _, warning := range service.warnings {
			c.br.Log.Warn().Msg(warning)
		}
	}
	c.versions.db = c.db
	if err := c.db.PrunePictures(ctx, keptPictures); err != nil {
		return err
	}
	turns := inTurns(c.br.Commands)
	turns.image = c.imageForBot
	c.br.Commands = turns
	provisionOn(c.br.Matrix)
	running, stop := context.WithCancel(c.br.Log.WithContext(context.WithoutCancel(ctx)))
	c.life, c.stop = running, stop
	c.tasks.Go(func() { c.health.run(running) })
	if listen := c.Config.Metrics.Listen; listen != "" {
		serve, err := c.metrics.serve(running, listen)
		if err != nil {
			return err
		}
		c.tasks.Go(func() {
			if err := serve(); err != nil {
				c.br.Log.Err(err).Msg("Metrics are not served any more")
			}
		})
	}
	if c.Config.Presence.ToMatrix {
		c.presence.refresh, c.presence.perSecond = c.Config.Presence.Refresh.Duration, c.Config.Presence.PerSecond
		if port, ok := c.presence.port.(statusPort); ok && c.Config.Presence.ProfileStatus {
			statuses := newProfileStatuses(port, c.db)
			statuses.perSecond = c.Config.Presence.PerSecond
			c.presence.shown = statuses.see
			c.tasks.Go(func() { statuses.run(running) })
		}
		c.tasks.Go(func() { c.presence.run(running) })
	}
	return nil
}

// Stop is called when all logins are disconnected.
func (c *Connector) Stop() {
	if c.stop != nil {
		c.stop()
	}
	c.tasks.Wait()
}

// LoadUserLogin makes the client of a login. It does no I/O, as bridgev2 holds a lock.
func (c *Connector) LoadUserLogin(_ context.Context, login *bridgev2.UserLogin) error {
	server, passport, ok := parseLoginID(login.ID)
	if !ok {
		return fmt.Errorf("%q is not the ID of a login", login.ID)
	}
	login.Client = newClient(c, login, server, passport)
	return nil
}

// ValidateUserID tells whether somebody with this ID could exist.
func (c *Connector) ValidateUserID(id networkid.UserID) bool {
	server, _, ok := parseUserID(id)
	_, configured := c.services[server]
	return ok && configured
}
