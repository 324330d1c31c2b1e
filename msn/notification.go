package msn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// maxRedirects is how often the sign-in may be sent to another server (core.md 5.12).
	maxRedirects = 5
	// firstPing is the pause before the first PNG; later ones go by QNG, within the other two bounds
	// (core.md 9.2 and 16).
	firstPing = 45 * time.Second
	minPing   = 20 * time.Second
	maxPing   = 60 * time.Second
	// pingTimeout is how long a living server may take for QNG (core.md 9.2).
	pingTimeout = 30 * time.Second
)

var (
	errOddAnswer = errors.New("the server answered with something else")
	errNoMD5     = errors.New("the server does not offer MD5 sign-in")
)

// notificationConn is the connection to the notification server: sign-in, list, presence, and the
// invitations to switchboards.
type notificationConn struct {
	*conn
	cfg    *Config
	dial   *dialer
	roster *roster
	client *Client

	// dialect is written once, by the reader when it sees the answer to VER.
	dialect *dialect
	// hop is what the server before this one gave for CVR (MSNP21).
	hop string
	// web is the sign-in's access to the web services.
	web *web
	// session names messages that come over this connection.
	session string
	// burst is the SYN under way, nil for none.
	burst atomic.Pointer[burst]

	mu      sync.Mutex
	profile Profile
	pings   []chan int
	places  []Endpoint
	// placeName and announced are what my other places were told last.
	placeName string
	announced Presence
	asked     Presence   // by SetPresence, perhaps not announced yet
	picture   *MSNObject // mine, announced with every status
	received  int
	sentHere  int
	stale     bool // the address book has changed since it was read
	reading   bool // a task reads it
	oims      offlineInbox
	mail      mailbox

	circles circles
	parties parties
}

// connect signs in, following redirects, and returns the connection with the arguments of USR OK.
func (c *Client) connect(ctx context.Context) (*notificationConn, []string, error) {
	addr, hop := withPort(c.cfg.Server.Notification), ""
	if c.cfg.apart() {
		addr = c.cfg.Server.MSNP24
	}
	for range maxRedirects + 1 {
		nc, ok, err := c.attempt(ctx, addr, hop)
		var elsewhere *redirect
		if !errors.As(err, &elsewhere) {
			return nc, ok, err
		}
		addr, hop = c.dial.told(elsewhere.addr), elsewhere.hop
	}
	return nil, nil, &SignInError{Step: "connect", Err: errors.New("the servers redirect without end")}
}

// attempt signs in at one server.
func (c *Client) attempt(ctx context.Context, addr, hop string) (*notificationConn, []string, error) {
	kind, wrap, spoken := notificationServer, newConn, (*dialect)(nil)
	if c.cfg.apart() {
		kind, wrap, spoken = apartServer, newConn24, dialectOf(c.cfg.Versions[0])
	}
	raw, err := c.dial.dial(ctx, kind, addr)
	if err != nil {
		return nil, nil, &SignInError{Step: "connect", Err: err}
	}
	c.comment("connected to the notification server at " + addr)
	nc := &notificationConn{
		conn: wrap(raw, c.cfg.Trace), dialect: spoken, cfg: &c.cfg, dial: c.dial, roster: c.roster, client: c,
		session: newSession(), placeName: c.cfg.EndpointName, hop: hop,
	}
	nc.web = newWeb(nc)
	if !c.start(func(ctx context.Context) { _ = nc.serve(ctx, nc.handle) }) { // the reason stays in nc
		nc.close(ErrClosed)
		return nil, nil, nc.failed("connect", ErrClosed)
	}
	if nc.dialect == nil {
		err = nc.agree(ctx)
	}
	if err == nil {
		var ok []string
		if ok, err = nc.dialect.auth.signIn(ctx, nc); err == nil {
			return nc, ok, nil
		}
	}
	nc.close(err)
	return nil, nil, err
}

// agree is VER: the server picks the dialect.
func (nc *notificationConn) agree(ctx context.Context) error {
	offered := nc.cfg.Versions
	args := make([]string, 0, len(offered)+1)
	for i := len(offered) - 1; i >= 0; i-- { // highest first
		args = append(args, offered[i].String())
	}
	got, err := nc.ask(ctx, command("VER", append(args, "CVR0")...), func(_ context.Context, reply wire.Command) {
		if v, ok := agree(reply.Args, offered); ok && reply.Name == "VER" {
			nc.dialect = dialectOf(v)
		}
	})
	switch {
	case err != nil: // the answer may be coming in this very moment, and with it the dialect
		return &SignInError{Step: "VER", Err: err}
	case got.Name == "XFR" && len(got.Args) >= 2:
		return redirectedTo(got.Args)
	case nc.dialect == nil:
		return nc.failed("VER", ErrVersionRefused)
	}
	return nil
}

// handle takes what answers no question.
func (nc *notificationConn) handle(ctx context.Context, cmd wire.Command) error {
	if code, refused := cmd.ErrorCode(); refused {
		return late(code)
	}
	switch cmd.Name {
	case "OUT":
		return outReason(cmd.Args)
	case "XFR":
		return nc.moved(cmd.Args)
	case "QNG":
		nc.pong(cmd.Args)
	case "MSG":
		nc.message(ctx, cmd.Payload)
	}
	if nc.dialect == nil { // nothing else makes sense before VER
		return nil
	}
	switch cmd.Name {
	case "ILN", "NLN":
		nc.present(ctx, cmd.Args, cmd.Name == "ILN")
	case "FLN":
		nc.gone(ctx, cmd.Args)
	case "UBX":
		nc.personal(ctx, cmd)
	case "CHL":
		nc.challenge(cmd.Args)
	case "RNG":
		nc.ring(cmd.Args)
	case "NOT", "IPG":
		nc.notice(ctx, cmd.Payload)
	case "ADL", "RML":
		nc.memberships(ctx, cmd)
	case "UBN":
		return nc.signal(ctx, cmd)
	case "UBM":
		nc.federated(ctx, cmd)
	case "ATH":
		nc.admitted()
	case "NFY":
		return nc.notified(ctx, cmd)
	case "SDG":
		nc.spoken(ctx, cmd)
	case "LST", "LSG", "BPR", "PRP", "BLP", "GTC",
		"ADD", "ADC", "REM", "REA", "SBP", "ADG", "REG", "RMG":
		nc.listed(ctx, cmd)
	}
	return nil // SBS, GCF, URL and what we do not know: nothing to do (core.md 17)
}

// late judges an error that answers nothing that is still waited for.
func late(code int) error {
	e := &ProtocolError{Code: code}
	if code == 540 {
		e.Command = "QRY"
	}
	if e.fatal() {
		return e
	}
	return nil
}

// outReason is what OUT says (core.md 9.3).
func outReason(args []string) error {
	switch strings.ToUpper(arg(args, 0)) {
	case "OTH":
		return ErrLoggedInElsewhere
	case "SSD":
		return ErrServerDown
	case "MIG":
		return ErrMoved
	case "TOU":
		return fmt.Errorf("the terms of use must be accepted on the web: %w", ErrAccountRestricted)
	case "RCT":
		minutes, err := strconv.Atoi(arg(args, 1))
		if err != nil || minutes < 0 || minutes > 24*60 {
			minutes = 5
		}
		return &ReconnectError{After: time.Duration(minutes) * time.Minute}
	}
	return fmt.Errorf("the server says goodbye: %w", ErrClosed)
}

// moved is XFR 0 NS after sign-in.
func (nc *notificationConn) moved(args []string) error {
	if !strings.EqualFold(arg(args, 0), "NS") {
		return nil // a switchboard that nobody waits for any more
	}
	addr := arg(args, 1)
	if addr == "0" || addr == "" {
		return &MovedError{}
	}
	return &MovedError{Address: nc.dial.told(addr)}
}

// presenceForm is how much CHG, ILN and NLN say (core.md 8.2 and 8.3).
type presenceForm uint8

const (
	presenceBare         presenceForm = iota // status and name
	presenceCapabilities                     // and the capabilities
	presenceObject                           // and the display picture
	presenceNetwork                          // and the network, behind the address
	presenceExtended                         // and the second number of capabilities
	presencePrefix                           // the network in front of the address
)

// args spells what is announced of oneself.
func (f presenceForm) args(p Presence) []string {
	args := []string{string(p.Status)}
	if f >= presenceCapabilities {
		args = append(args, p.Capabilities.Format(f >= presenceExtended))
	}
	if f >= presenceObject && p.Object != nil {
		args = append(args, wire.EncodeFull(p.Object.String()))
	}
	return args
}

// read understands "STATUS handle nick capabilities object"; what is missing is left out. A network behind
// the handle is told by its shape, since sources disagree on the versions that have it (core.md 8.3).
func (f presenceForm) read(args []string) (passport, circle string, p Presence, ok bool) {
	if len(args) < 2 {
		return "", "", p, false
	}
	p.Status = Status(strings.ToUpper(args[0]))
	who, rest, network := args[1], args[2:], 0
	if f >= presenceNetwork && len(rest) > 1 && isNumber(rest[0]) && !hasNetwork(who) {
		network, _ = strconv.Atoi(rest[0]) // isNumber has seen to it
		rest = rest[1:]
	}
	p.FriendlyName = arg(rest, 0)
	if f >= presenceCapabilities {
		p.Capabilities = ParseCapabilities(arg(rest, 1))
	}
	if f >= presenceObject {
		if o, err := ParseMSNObject(arg(rest, 2)); err == nil {
			p.Object = &o
		}
	}
	passport, circle = readAddress(who, network)
	return passport, circle, p, p.Status.Valid()
}

// hasNetwork tells "1:bob@example.com" from "bob@example.com".
func hasNetwork(address string) bool {
	number, _, found := strings.Cut(address, ":")
	return found && isNumber(number)
}

// present is ILN and NLN. From MSNP16 the server tells my own state too, which another place may have set.
func (nc *notificationConn) present(ctx context.Context, args []string, initial bool) {
	passport, circle, p, ok := nc.dialect.presence.read(args)
	switch {
	case !ok || passport == nc.cfg.Passport:
	case circle != "":
		nc.circles.present(ctx, nc, circle, passport, p)
	default:
		nc.roster.setPresence(passport, p)
		nc.report(ctx, PresenceChanged{Passport: passport, Presence: p, Initial: initial})
	}
}

// gone is FLN: "handle", "handle network 0", "1:handle 0:0".
func (nc *notificationConn) gone(ctx context.Context, args []string) {
	passport, circle := nc.addressOf(args)
	p := Presence{Status: Offline}
	switch {
	case passport == "" || passport == nc.cfg.Passport:
	case circle != "":
		nc.circles.present(ctx, nc, circle, passport, p)
	default:
		nc.roster.setPresence(passport, p)
		nc.report(ctx, PresenceChanged{Passport: passport, Presence: p})
	}
}

// addressOf reads the address at the start of a line, with the network that may follow it.
func (nc *notificationConn) addressOf(args []string) (passport, circle string) {
	network := 0
	if nc.dialect.presence >= presenceNetwork && len(args) > 1 && isNumber(args[1]) {
		network, _ = strconv.Atoi(args[1]) // isNumber has seen to it
	}
	return readAddress(arg(args, 0), network)
}

// personalForm is how much UUX tells (core.md 8.4).
type personalForm uint8

const (
	personalNone      personalForm = iota
	personalData                   // text and media
	personalMachine                // and the machine
	personalEndpoints              // and documents about this endpoint
	personalScene                  // and decorations
)

// personal is UBX. About myself it tells of my places (MSNP16).
func (nc *notificationConn) personal(ctx context.Context, cmd wire.Command) {
	passport, circle := nc.addressOf(cmd.Args)
	switch {
	case passport == "" || circle != "":
	case passport == nc.cfg.Passport:
		nc.ownPlaces(ctx, cmd.Payload)
	default:
		p := ParsePersonalMessage(cmd.Payload)
		if nc.roster.setPersonal(passport, p) {
			nc.report(ctx, PersonalMessageChanged{Passport: passport, PersonalMessage: p})
		}
	}
}

// challengeForm is how CHL is answered (core.md 9.1).
type challengeForm uint8

const (
	challengeNone challengeForm = iota
	challengeOld                // MD5
	challengeNew                // MSNP11
)

// answer computes the response.
func (f challengeForm) answer(challenge, id, key string) string {
	if f == challengeNew {
		return ChallengeNew(challenge, id, key)
	}
	return ChallengeOld(challenge, key)
}

// challenge answers CHL. The reader must not wait for the write, so another goroutine makes it.
func (nc *notificationConn) challenge(args []string) {
	if len(args) == 0 || nc.dialect.challenge == challengeNone {
		return
	}
	id, key := nc.product()
	qry := command("QRY", id)
	qry.Payload = []byte(nc.dialect.challenge.answer(args[0], id, key))
	nc.client.start(func(ctx context.Context) {
		_ = nc.tell(ctx, qry) // a failed write has closed the connection
	})
}

// product is what this client is, with the key to answers: as configured, else what goes with the dialect.
func (nc *notificationConn) product() (id, key string) {
	id, key = nc.cfg.ProductID, nc.cfg.ProductKey
	if id == "" {
		id = nc.dialect.productID
	}
	if key == "" {
		key, _ = ProductKeyOf(id) // New refuses ids without a key
	}
	return id, key
}

// ping sends PNG and waits for QNG, whose argument it returns, 0 if there is none.
func (nc *notificationConn) ping(ctx context.Context) (seconds int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pingTimeout, ErrDeadPeer)
	defer cancel()
	answer := make(chan int, 1)
	nc.mu.Lock()
	nc.pings = append(nc.pings, answer)
	nc.mu.Unlock()
	if err := nc.write(ctx, wire.Command{Name: "PNG"}); err != nil {
		nc.unping(answer)
		return 0, err
	}
	select {
	case seconds := <-answer:
		return seconds, nil
	case <-nc.done:
		select {
		case seconds := <-answer: // the answer came before the end
			return seconds, nil
		default:
			return 0, nc.reason()
		}
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// unping forgets a ping that was never sent.
func (nc *notificationConn) unping(answer chan int) {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	for i, p := range nc.pings {
		if p == answer {
			nc.pings = append(nc.pings[:i], nc.pings[i+1:]...)
			return
		}
	}
}

// pong is QNG: the oldest ping is answered.
func (nc *notificationConn) pong(args []string) {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	if len(nc.pings) == 0 {
		return
	}
	seconds, err := strconv.Atoi(arg(args, 0))
	if err != nil {
		seconds = 0
	}
	nc.pings[0] <- seconds
	nc.pings = nc.pings[1:]
	if len(nc.pings) == 0 {
		nc.pings = nil
	}
}

// keepAlive pings until the connection ends and returns why it did. At each ping tidy is called.
func (nc *notificationConn) keepAlive(ctx context.Context, tidy func(context.Context)) error {
	timer := time.NewTimer(firstPing)
	defer timer.Stop()
	for {
		select {
		case <-nc.done:
			return nc.reason()
		case <-timer.C:
		}
		tidy(ctx)
		seconds, err := nc.ping(ctx)
		switch {
		case err == nil:
		case errors.Is(err, ErrDeadPeer) && nc.handling.Load(): // we are slow, not the server
		default:
			nc.close(err)
			return nc.reason()
		}
		pause := firstPing
		if seconds > 0 {
			pause = min(max(time.Duration(seconds)*time.Second, minPing), maxPing)
		}
		timer.Reset(pause)
	}
}

// announce is CHG.
func (nc *notificationConn) announce(ctx context.Context, p Presence) error {
	if p.Status == "" {
		p.Status = Online
	}
	p.Capabilities = nc.dialect.withCapabilities(p.Capabilities)
	nc.mu.Lock()
	if p.Object == nil {
		p.Object = nc.picture
	}
	nc.announced = p
	nc.mu.Unlock()
	if nc.dialect.documents {
		return nc.publishPresence(ctx, p)
	}
	if _, err := nc.ask(ctx, command("CHG", nc.dialect.presence.args(p)...), nil); err != nil {
		return fmt.Errorf("set status %s: %w", p.Status, err)
	}
	return nc.introduce(ctx, p)
}

// generation is the part of the capabilities that names the protocol generation (core.md 8.5).
const generation = 0xF0000000

// withCapabilities completes what the caller can do by what goes with the dialect.
func (d *dialect) withCapabilities(c Capabilities) Capabilities {
	if c.Bits&generation == 0 {
		c.Bits |= d.capabilities & generation
	}
	c.Bits |= d.capabilities &^ generation
	if !d.chunks {
		c.Bits &^= CapChunks
	}
	c.Extended |= d.extended
	return c
}

// express is UUX.
func (nc *notificationConn) express(ctx context.Context, p PersonalMessage) error {
	if nc.dialect.documents {
		return nc.publishPersonal(ctx, p)
	}
	machine := ""
	if nc.dialect.personal >= personalMachine {
		machine = nc.cfg.MachineGUID
	}
	cmd := command("UUX")
	cmd.Payload = appendPersonal(nil, p, machine, nc.dialect.personal >= personalScene)
	if _, err := nc.ask(ctx, cmd, nil); err != nil {
		return fmt.Errorf("set personal message: %w", err)
	}
	return nil
}

// report hands an event to the handler.
func (nc *notificationConn) report(ctx context.Context, event Event) { nc.client.report(ctx, event) }
