package msn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// Server says where an MSN service lives. There are no defaults: everything comes from configuration.
type Server struct {
	// Notification is host:port of the dispatch or notification server.
	Notification string
	// TLS, if not nil, wraps the notification and switchboard connections.
	TLS *tls.Config
	// Nexus is the URL of the Passport nexus (MSNP8-14), for example http://host/rdr/pprdr.asp.
	Nexus string
	// RST and RST2 are the URLs of the ticket services (MSNP11 and later; MSNP15 and later need one of them).
	RST, RST2 string
	// Tickets is the order in which ways to a ticket are tried; nil means what suits the version, as far
	// as there are URLs: nexus before RST up to MSNP12, RST before RST2 up to MSNP15, RST2 first from then on.
	Tickets []TicketSource
	// PasswordLimit cuts the password after so many characters, as Passport did with 16; 0 sends it whole.
	PasswordLimit int
	// AddressBook and Sharing are the URLs of the address book's two halves (MSNP13 and later).
	AddressBook, Sharing string
	// OfflineStore and OfflineFetch are the URLs for sending (OimWS) and receiving (RSI) offline messages;
	// empty for a service that has none.
	OfflineStore, OfflineFetch string
	// Storage is the URL of the roaming profile; empty for a service that has none.
	Storage string
	// MapURL, if not nil, rewrites the URLs to which web services redirect.
	MapURL func(url string) string
	// MSNP24 is host:port of a server that speaks MSNP24, which has its own (experimental).
	MSNP24 string
	// Gateway is the URL of the HTTP gateway; used if UseGateway is set.
	Gateway    string
	UseGateway bool
	// MapAddress, if not nil, rewrites the addresses that XFR and RNG give ("host:port").
	MapAddress func(addr string) string
}

// Limits are the rates that a server bears. The zero value suits every known one.
type Limits struct {
	// Changes is the least time between two announcements of status, personal message or name, each
	// counted apart; 0 means 2 s, a negative value no limit. Of several that wait the last one wins.
	Changes time.Duration
	// Switchboards is the least time between two requests for a switchboard (XFR); 0 means no limit.
	// Microsoft's servers wanted 8 s (core.md 3, 800).
	Switchboards time.Duration
}

// defaultChanges is what Limits.Changes stands for when it is zero.
const defaultChanges = 2 * time.Second

// Config is everything a sign-in needs. It is taken by value: nothing can be changed afterwards.
type Config struct {
	Server   Server
	Passport string
	Password string
	// Versions are the dialects to offer; nil for all that this package speaks.
	Versions []Version
	// Presence is announced right after sign-in; Status "" means Online.
	Presence        Presence
	PersonalMessage PersonalMessage
	// DisplayPicture is announced with the first status, where the version has any: see SetDisplayPicture. Nil is none.
	DisplayPicture []byte
	// ClientName and ClientVersion are told to the server in CVR, ProductID and ProductKey answer its
	// challenges (core.md 9.1). Empty: values that go with the dialect.
	ClientName, ClientVersion string
	ProductID, ProductKey     string
	// MachineGUID names this endpoint (MSNP16 and later), with or without braces. It must stay the same for
	// one installation and account; the same one signed in twice ends the first. Empty: made up anew.
	MachineGUID string
	// EndpointName is what my other places are told this one is called; empty means "matrix-msn".
	EndpointName string
	// CheckOnly signs in to see whether it works, and out again when SignedIn has been handled: nothing is announced, so
	// that nobody sees it, and what waits for the account is not handed out.
	CheckOnly bool
	// Limits keep us from being too fast for the server.
	Limits Limits
	// Handler gets every event. See Event for what it may do.
	Handler func(ctx context.Context, event Event)
	// Trace, if not nil, gets the dialogue in the notation of golden files, secrets replaced by ***.
	// It is called from several goroutines.
	Trace func(line string)
	// Dial makes TCP connections and HTTPClient carries nexus and gateway; nil for ordinary ones.
	Dial       func(ctx context.Context, network, addr string) (net.Conn, error)
	HTTPClient *http.Client
}

// Client is one sign-in, from dial to end. It is used once. Its methods may be called from several
// goroutines, but not from the handler, unless they only read what is known (Contacts, Version ...).
// Those that need the server wait until the sign-in is complete.
type Client struct {
	cfg    Config
	dial   *dialer
	roster *roster
	chats  chats
	// objects are what is fetched from others and served to them.
	objects transfers

	presence throttle[Presence]
	personal throttle[PersonalMessage]
	name     throttle[string]

	used    atomic.Bool
	version atomic.Int64
	nc      *notificationConn // written before ready is closed

	tasks    chan func(context.Context) // Run starts them
	ready    chan struct{}              // closed when signed in and announced
	leaving  atomic.Bool                // SignOut was called
	stop     chan struct{}              // closed by SignOut when it has said OUT
	stopping sync.Once
	closing  chan struct{} // closed when Run takes no more tasks
	ended    chan struct{} // closed when Run has returned

	gate gate
}

// New checks the configuration. Errors name the field and what is allowed.
func New(cfg Config) (*Client, error) {
	cfg.Passport = strings.ToLower(strings.TrimSpace(cfg.Passport))
	if err := checkPassport(cfg.Passport); err != nil {
		return nil, fmt.Errorf("Passport: %w", err)
	}
	if cfg.Password == "" {
		return nil, errors.New("Password: must not be empty")
	}
	if cfg.Handler == nil {
		return nil, errors.New("Handler: must not be nil")
	}
	if err := cfg.checkServer(); err != nil {
		return nil, err
	}
	if err := cfg.checkIdentity(); err != nil {
		return nil, err
	}
	if cfg.Limits.Changes == 0 {
		cfg.Limits.Changes = defaultChanges
	}
	c := &Client{
		cfg:     cfg,
		dial:    newDialer(cfg),
		roster:  newRoster(),
		tasks:   make(chan func(context.Context)),
		ready:   make(chan struct{}),
		stop:    make(chan struct{}),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	c.chats.init()
	c.presence.every, c.personal.every, c.name.every = cfg.Limits.Changes, cfg.Limits.Changes, cfg.Limits.Changes
	return c, nil
}

// checkServer looks at the addresses that the offered versions need.
func (cfg *Config) checkServer() error {
	if cfg.Versions == nil { // all for which there are addresses
		cfg.Versions = cfg.Server.Versions()
	}
	cfg.Versions = slices.Compact(slices.Sorted(slices.Values(cfg.Versions)))
	if len(cfg.Versions) == 0 {
		return errors.New("Versions: must not be empty; nil offers all")
	}
	known := append(Versions(), MSNP24)
	if cfg.apart() && len(cfg.Versions) > 1 {
		return errNotTogether
	}
	for _, v := range cfg.Versions {
		if !slices.Contains(known, v) {
			return fmt.Errorf("Versions: %s is not one; allowed are %s to %s", v, known[0], known[len(known)-1])
		}
		if err := cfg.Server.serves(dialectOf(v)); err != nil {
			return err
		}
	}
	field, address := "Notification", cfg.Server.Notification
	if cfg.apart() {
		field, address = "MSNP24", cfg.Server.MSNP24
	} else if address != "" {
		address = withPort(address)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("Server.%s: %q is not host:port", field, address)
	}
	if err := cfg.Server.checkURLs(); err != nil {
		return err
	}
	return nil
}

// apart tells whether a version is asked for that has a server of its own.
func (cfg *Config) apart() bool {
	return slices.ContainsFunc(cfg.Versions, func(v Version) bool { return dialectOf(v).apart })
}

// Versions are those for which there are addresses, but MSNP24, which is spoken only by name.
func (s Server) Versions() []Version {
	return slices.DeleteFunc(Versions(), func(v Version) bool { return s.serves(dialectOf(v)) != nil })
}

// serves tells what a version needs that is not configured.
func (s *Server) serves(d *dialect) error {
	needs := []string{}
	if len(d.tickets) > 0 && !slices.ContainsFunc(d.tickets, func(t TicketSource) bool { return s.urls()[string(t)] != "" }) {
		for _, t := range d.tickets {
			needs = append(needs, "Server."+urlNames[string(t)])
		}
		return fmt.Errorf("%s: none is configured, and %s signs in through one of them", strings.Join(needs, ", "), d.version)
	}
	if _, book := d.roster.(addressBook); book && (s.AddressBook == "" || s.Sharing == "") {
		return fmt.Errorf("Server.AddressBook, Server.Sharing: must be http or https URLs, as %s has its contact list there", d.version)
	}
	return nil
}

// urlNames are the fields behind the keys of urls.
var urlNames = map[string]string{
	string(NexusTicket): "Nexus", string(RSTTicket): "RST", string(RST2Ticket): "RST2", "book": "AddressBook", "sharing": "Sharing",
	"store": "OfflineStore", "fetch": "OfflineFetch", "storage": "Storage", "gateway": "Gateway",
}

// urls are the configured URLs.
func (s *Server) urls() map[string]string {
	return map[string]string{
		string(NexusTicket): s.Nexus, string(RSTTicket): s.RST, string(RST2Ticket): s.RST2, "book": s.AddressBook, "sharing": s.Sharing,
		"store": s.OfflineStore, "fetch": s.OfflineFetch, "storage": s.Storage, "gateway": s.Gateway,
	}
}

// checkURLs wants every URL that there is to be one.
func (s *Server) checkURLs() error {
	urls := s.urls()
	for _, key := range slices.Sorted(maps.Keys(urls)) {
		if urls[key] == "" && !(key == "gateway" && s.UseGateway) {
			continue
		}
		if err := checkURL(urls[key]); err != nil {
			return fmt.Errorf("Server.%s: %w", urlNames[key], err)
		}
	}
	return nil
}

// checkIdentity looks at what is told of us.
func (cfg *Config) checkIdentity() error {
	if cfg.Presence.Status != "" {
		if err := checkStatus(cfg.Presence.Status); err != nil {
			return fmt.Errorf("Presence.Status: %w", err)
		}
	}
	if cfg.ProductID != "" && cfg.ProductKey == "" {
		if _, ok := ProductKeyOf(cfg.ProductID); !ok {
			return errors.New("ProductID: not a known one, so ProductKey must be given too")
		}
	}
	if cfg.MachineGUID == "" {
		cfg.MachineGUID = newGUID()
	} else if normalGUID(cfg.MachineGUID) == "" {
		return fmt.Errorf("MachineGUID: %.50q is not a GUID", cfg.MachineGUID)
	}
	cfg.MachineGUID = normalGUID(cfg.MachineGUID)
	if cfg.EndpointName == "" {
		cfg.EndpointName = defaultEndpointName
	}
	if strings.ContainsAny(cfg.ProductID, " \r\n") {
		return errors.New("ProductID: must be one word")
	}
	return nil
}

// checkURL wants an absolute http or https URL.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is not an http or https URL", s)
	}
	return nil
}

// maxPassport is longer than any address that a mail system takes, in bytes.
const maxPassport = 320

// checkPassport wants something that can be an address and cannot break a command line.
func checkPassport(s string) error {
	network, account := SplitPassport(s)
	local, domain, found := strings.Cut(account, "@")
	if number, telephone := strings.CutPrefix(account, "tel:"); telephone && network == NetworkPhone {
		local, domain, found = "tel", number, true
	}
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError || r == ',' || r == ';'
	}
	if !found || local == "" || domain == "" || len(s) > maxPassport || strings.ContainsFunc(s, odd) {
		return fmt.Errorf("%.100q is not an address of the form name@domain", s)
	}
	return nil
}

// checkStatus wants one that can be set.
func checkStatus(s Status) error {
	if !s.Valid() || s == Offline {
		return fmt.Errorf("%.10q cannot be set; allowed are NLN BSY IDL BRB AWY PHN LUN HDN", string(s))
	}
	return nil
}

// errSignedOut is the reason of an end that SignOut asked for.
var errSignedOut = fmt.Errorf("signed out: %w", ErrClosed)

// Run signs in, reports events, and returns why it ended: nil after SignOut, ctx.Err() if ctx ended,
// else an error that errors.Is understands (ErrAuthFailed, ErrLoggedInElsewhere, ErrServerDown, ...).
// Failures of the sign-in itself are a [*SignInError]. Every goroutine of the sign-in has ended when it
// returns: Run's own session with the pinger, one reader for the notification connection and one for
// each switchboard, and short ones that answer invitations and challenges.
func (c *Client) Run(ctx context.Context) error {
	if !c.used.CompareAndSwap(false, true) {
		return errors.New("a Client is used once: Run was called before")
	}
	defer close(c.ended)
	life, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	result := make(chan error, 1)
	running.Go(func() { result <- c.session(life) })
	var err error
	for stop, over := c.stop, false; !over; {
		select {
		case task := <-c.tasks:
			running.Go(func() { task(life) })
		case <-stop:
			cancel(errSignedOut)
			stop = nil
		case err = <-result:
			over = true
		}
	}
	close(c.closing)
	cancel(errSignedOut)
	running.Wait()
	if c.leaving.Load() {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// start lets Run run a task; it is false if Run takes none any more.
func (c *Client) start(task func(context.Context)) bool {
	select {
	case c.tasks <- task:
		return true
	case <-c.closing:
		return false
	}
}

// session is the sign-in and what follows, until the notification connection ends.
func (c *Client) session(ctx context.Context) error {
	nc, ok, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.close(ErrClosed)
	event := nc.greeting(ok)
	c.roster.reset(nc.dialect, event.FriendlyName)
	if err := nc.dialect.roster.fetch(ctx, nc); err != nil {
		return nc.failed(nc.dialect.roster.step(), err)
	}
	if name := c.roster.ownName(); name != "" {
		event.FriendlyName = name
	}
	nc.mu.Lock()
	event.Profile = nc.profile
	nc.mu.Unlock()
	c.version.Store(int64(nc.dialect.version))
	if c.cfg.CheckOnly {
		c.cfg.Handler(ctx, event)
		c.leaving.Store(true)
		return nc.tell(ctx, wire.Command{Name: "OUT"})
	}
	c.gate.open(ctx, c.cfg.Handler, append([]Event{event}, c.roster.requests()...))
	c.wear(nc, c.cfg.DisplayPicture)
	if err := nc.announce(ctx, c.cfg.Presence); err != nil {
		return nc.failed("CHG", err)
	}
	if nc.dialect.personal != personalNone && (c.cfg.PersonalMessage.Text != "" || c.cfg.PersonalMessage.Media.Enabled) {
		if err := nc.express(ctx, c.cfg.PersonalMessage); err != nil {
			return nc.failed("UUX", err)
		}
		c.personal.sent()
	}
	c.presence.sent()
	c.nc = nc
	close(c.ready)
	return nc.keepAlive(ctx, c.tidy)
}

// greeting reads the arguments of USR OK: handle, then the name where the dialect has it, then the
// verified flag (core.md 5.5 and 5.6). What is missing is taken for good.
func (nc *notificationConn) greeting(ok []string) SignedIn {
	e := SignedIn{Version: nc.dialect.version, FriendlyName: nc.cfg.Passport, Verified: true}
	rest := ok[min(1, len(ok)):]
	if nc.dialect.nameInSignIn && len(rest) > 0 {
		e.FriendlyName, rest = decode(rest[0]), rest[1:]
	}
	if len(rest) > 0 {
		e.Verified = rest[0] != "0"
	}
	return e
}

// gate holds events back until the first one, SignedIn, has been handled.
type gate struct {
	mu     sync.Mutex
	opened bool
	early  []Event
}

// maxEarly is how many events are kept before SignedIn; the contact list itself makes none.
const maxEarly = 4096

// open hands the first events to the handler, then those that came early, and lets all later ones
// through. It holds the lock meanwhile, so that nothing can overtake.
func (g *gate) open(ctx context.Context, handler func(context.Context, Event), first []Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, event := range append(first, g.early...) {
		handler(ctx, event)
	}
	g.opened, g.early = true, nil
}

// held keeps an event that came early. It is false when the gate is open.
func (g *gate) held(event Event) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.opened && len(g.early) < maxEarly {
		g.early = append(g.early, event)
	}
	return !g.opened
}

// report hands an event to the handler, in the calling goroutine.
func (c *Client) report(ctx context.Context, event Event) {
	if !c.gate.held(event) {
		c.cfg.Handler(ctx, event)
	}
}

// comment writes a comment line into the trace.
func (c *Client) comment(text string) {
	if c.cfg.Trace != nil {
		c.cfg.Trace("# " + strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, text))
	}
}

// signedIn waits until the sign-in is complete.
func (c *Client) signedIn(ctx context.Context) (*notificationConn, error) {
	select {
	case <-c.ready:
		if err := c.nc.reason(); err != nil {
			return nil, err
		}
		return c.nc, nil
	case <-c.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// SignOut ends Run in the orderly way: OUT on every connection. It returns when Run has, or when ctx
// ends. A Client that was never run cannot be run afterwards.
func (c *Client) SignOut(ctx context.Context) error {
	if c.used.CompareAndSwap(false, true) {
		return nil
	}
	c.leaving.Store(true)
	select {
	case <-c.ready:
		c.chats.leaveAll(ctx)
		_ = c.nc.tell(ctx, wire.Command{Name: "OUT"}) // it ends either way
	default:
	}
	c.stopping.Do(func() { close(c.stop) })
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Version is the dialect agreed with the server, 0 before SignedIn.
func (c *Client) Version() Version { return Version(c.version.Load()) }

// Contacts is a snapshot of everybody on any of my lists, by passport.
func (c *Client) Contacts() []Contact { return c.roster.all() }

// Contact is a snapshot of one contact; ok is false for somebody on none of my lists.
func (c *Client) Contact(passport string) (contact Contact, ok bool) {
	return c.roster.find(strings.ToLower(passport))
}

// Groups is a snapshot of the contact groups, in the server's order. There are none before MSNP7.
func (c *Client) Groups() []Group {
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	return slices.Clone(c.roster.groups)
}

// Requests lists those who wait for a decision, by passport: Allow, Block, AddContact or Decline settles it.
func (c *Client) Requests() []ContactRequest {
	var list []ContactRequest
	for _, e := range c.roster.requests() {
		if request, ok := e.(ContactRequest); ok {
			list = append(list, request)
		}
	}
	return list
}

// HasGroups tells whether the version that is spoken knows contact groups: MSNP7 and later. It is false before SignedIn.
func (c *Client) HasGroups() bool {
	v := c.Version()
	return v != 0 && dialectOf(v).groups
}

// Privacy is what becomes of people on neither my allow nor my block list.
func (c *Client) Privacy() Privacy {
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	return c.roster.privacy
}

// PresenceOf is what was last heard of a contact, Offline if nothing was.
func (c *Client) PresenceOf(passport string) Presence {
	p, _ := c.roster.heard(strings.ToLower(passport))
	return p
}

// PersonalMessageOf is the personal message last heard of a contact.
func (c *Client) PersonalMessageOf(passport string) PersonalMessage {
	_, p := c.roster.heard(strings.ToLower(passport))
	return p
}

// SetPresence announces my status, capabilities and display picture (CHG); the FriendlyName is ignored.
// Limits.Changes applies.
func (c *Client) SetPresence(ctx context.Context, p Presence) error {
	if p.Status == "" {
		p.Status = Online
	}
	if err := checkStatus(p.Status); err != nil {
		return err
	}
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	nc.mu.Lock()
	nc.asked = p
	nc.mu.Unlock()
	return c.presence.do(ctx, p, nc.announce)
}

// SetPersonalMessage announces what others see beside my name (UUX); ErrUnsupported before MSNP11.
// Limits.Changes applies.
func (c *Client) SetPersonalMessage(ctx context.Context, p PersonalMessage) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if nc.dialect.personal == personalNone {
		return fmt.Errorf("set personal message: %w", ErrUnsupported)
	}
	return c.personal.do(ctx, p, nc.express)
}

// maxName is the longest friendly name that servers take, percent-encoded, in bytes (core.md 2.4).
const maxName = 387

// FitName cuts a name at a rune so that it fits when encoded: it is what others see of it.
func FitName(name string) string {
	if len(wire.Encode(name)) <= maxName {
		return name
	}
	size := 0
	for i, r := range name {
		size += len(wire.Encode(string(r)))
		if size > maxName {
			return name[:i]
		}
	}
	return name
}

// SetFriendlyName changes my own name (REA, PRP MFN). Names over 387 encoded bytes are cut at a rune.
// Limits.Changes applies.
func (c *Client) SetFriendlyName(ctx context.Context, name string) error {
	if name == "" {
		return errors.New("set friendly name: it must not be empty")
	}
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	return c.name.do(ctx, FitName(name), func(ctx context.Context, name string) error {
		if err := nc.dialect.roster.renameSelf(ctx, nc, name); err != nil {
			return fmt.Errorf("set friendly name: %w", err)
		}
		return nil
	})
}

// Ping asks the notification server for a sign of life (PNG, QNG): when it returns, everything that
// the server sent before has been handled. ErrDeadPeer after 30 s.
func (c *Client) Ping(ctx context.Context) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	_, err = nc.ping(ctx)
	return err
}
