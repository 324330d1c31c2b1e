package msn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
	"github.com/matrix-msn/matrix-msn/msn/p2p"
)

const (
	// MaxObject is the most bytes that are taken of an object, whatever it says of itself.
	MaxObject = 1 << 20
	// transferTick is how often transfers look at the clock.
	transferTick = 2 * time.Second
	// transferWindow is how many packets of a transfer may be on their way (p2p.md 17.2).
	transferWindow = 5
	// maxPeers bounds with how many people transfers may be under way.
	maxPeers = 256
)

// transfers are the objects that come and go, with everybody (p2p.md 9).
type transfers struct {
	mu      sync.Mutex
	peers   map[string]*transferPeer
	offered map[string][]byte // what we serve, by SHA1D
}

// carrier brings what a transfer has to say to somebody: a switchboard, or SDG.
type carrier interface {
	carry(ctx context.Context, to string, parcels []parcel) error
}

// parcel is a packet, or where signal is set a text beside the packets.
type parcel struct {
	data   []byte
	signal bool
}

// transferPeer is what is shared with one person, or in MSNP21 with one place of theirs. Its lock is that of transfers.
type transferPeer struct {
	name    string // address, or address;{guid}
	link    *p2p.Link
	way     carrier  // the last that carried something
	out     []parcel // on their way
	sending bool
	ticking bool
	waiting map[string][]chan p2p.Result // by object
}

// SetDisplayPicture makes a picture what contacts see of me, and serves it to those who ask; nil takes it away.
// Official programs show PNG of 96x96. It is announced with my present status (CHG); ErrUnsupported before MSNP9.
func (c *Client) SetDisplayPicture(ctx context.Context, picture []byte) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if nc.dialect.presence < presenceObject {
		return fmt.Errorf("display picture: %w", ErrUnsupported)
	}
	if len(picture) > MaxObject {
		return fmt.Errorf("display picture: %d bytes: %w", len(picture), ErrTooLong)
	}
	p := c.wear(nc, picture)
	p.Object = nil
	return c.presence.do(ctx, p, nc.announce)
}

// ShowsObjects tells whether the version that was agreed on has display pictures (MSNP9 and later).
func (c *Client) ShowsObjects() bool {
	return c.Version() != 0 && dialectOf(c.Version()).presence >= presenceObject
}

// wear makes a picture mine, to be announced with the status that it gives back: the last that was asked for.
func (c *Client) wear(nc *notificationConn, picture []byte) Presence {
	var made *MSNObject
	if len(picture) > 0 && len(picture) <= MaxObject {
		o := NewMSNObject(c.cfg.Passport, ObjectDisplayPicture, "TFR"+newSession()[:8]+".tmp", "", picture)
		c.objects.offer(o, picture)
		made = &o
	}
	nc.mu.Lock()
	defer nc.mu.Unlock()
	old := nc.picture
	nc.picture = made
	if old != nil && (made == nil || made.SHA1D != old.SHA1D) {
		c.objects.offer(*old, nil)
	}
	if nc.asked.Status != "" {
		return nc.asked // it may still wait for its turn
	}
	return nc.announced
}

// offer makes data available to others; nil takes an object back.
func (t *transfers) offer(o MSNObject, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.offered == nil {
		t.offered = make(map[string][]byte)
	}
	if data == nil {
		delete(t.offered, o.SHA1D)
	} else {
		t.offered[o.SHA1D] = data
	}
}

// served finds what somebody asks for. The lock is held.
func (t *transfers) served(text string) ([]byte, bool) {
	o, err := ParseMSNObject(text)
	if err != nil {
		return nil, false
	}
	data, ok := t.offered[o.DataHash()]
	return data, ok
}

// with finds or makes what is shared with somebody, address or address;{guid}; nil if there are too many. The lock is held.
func (t *transfers) with(cfg *Config, name string) *transferPeer {
	p := t.peers[name]
	if p != nil {
		return p
	}
	if t.peers == nil {
		t.peers = make(map[string]*transferPeer)
	}
	if len(t.peers) >= maxPeers {
		return nil
	}
	p = &transferPeer{name: name, waiting: make(map[string][]chan p2p.Result)}
	if _, place, placed := strings.Cut(name, ";"); placed && place != "" {
		p.link = p2p.NewLink2(cfg.Passport+";{"+cfg.MachineGUID+"}", name, t.served)
	} else {
		p.link = p2p.NewLink(cfg.Passport, name, t.served)
	}
	t.peers[name] = p
	return p
}

// wayTo finds what carries a transfer with somebody, and the name that goes with it.
func (c *Client) wayTo(ctx context.Context, nc *notificationConn, to Conversation) (way carrier, name string, err error) {
	passport := to.Participants[0]
	if nc.dialect.p2p2 {
		place, ok := c.placeOf(passport)
		if !ok {
			return nil, "", fmt.Errorf("no place of theirs is known: %w", ErrContactOffline)
		}
		return envelopeWay{nc}, passport + ";{" + place + "}", nil
	}
	if _, ok := nc.dialect.chat.(switchboards); !ok {
		return nil, "", ErrUnsupported
	}
	sb, err := c.board(ctx, nc, to)
	return sb, passport, err
}

// generationPlaces is the first generation that has places, and speaks version 2 between them.
const generationPlaces = 0xA0000000

// placeOf picks a place of a contact that can take part in transfers.
func (c *Client) placeOf(passport string) (id string, ok bool) {
	for _, e := range c.PersonalMessageOf(passport).Endpoints {
		if e.Capabilities.Bits&generation >= generationPlaces || e.Capabilities.Extended&CapP2P2 != 0 {
			return e.ID, true
		}
	}
	return "", false
}

// FetchObject gets an object from the person who offers it: over the switchboard with them, or a new one; in MSNP21 from the
// place where they are. It is checked against its size and hash; ErrObjectMismatch if it does not fit. Of the same object asked
// for twice only one is fetched. ErrContactOffline if they are not there, and the errors of package p2p.
func (c *Client) FetchObject(ctx context.Context, from string, o MSNObject) ([]byte, error) {
	from = lower(from)
	if o.Size < 0 || o.Size > MaxObject {
		return nil, fmt.Errorf("fetch an object of %s: %d bytes: %w", from, o.Size, ErrTooLong)
	}
	to, nc, err := c.talking(ctx, With(from))
	if err != nil {
		return nil, err
	}
	way, name, err := c.wayTo(ctx, nc, to)
	if err != nil {
		return nil, fmt.Errorf("fetch an object of %s: %w", from, err)
	}
	answer, err := c.objects.ask(c, way, name, o)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		if r.Err != nil {
			return nil, fmt.Errorf("fetch an object of %s: %w", from, r.Err)
		}
		if err := o.check(r.Data); err != nil {
			return nil, fmt.Errorf("fetch an object of %s: %w", from, err)
		}
		return r.Data, nil
	case <-nc.done:
		return nil, nc.reason()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// check is [MSNObject.Verify] for what was asked for by this very text: blanks stand for +, and nothing else is taken.
func (o MSNObject) check(data []byte) error {
	if SHA1D(data) != o.DataHash() {
		return fmt.Errorf("%w: its hash is another", ErrObjectMismatch)
	}
	if len(data) != o.Size {
		return fmt.Errorf("%w: it has %d bytes instead of %d", ErrObjectMismatch, len(data), o.Size)
	}
	return nil
}

var errTooManyPeers = errors.New("there are too many transfers")

// ask begins a fetch, or joins one.
func (t *transfers) ask(c *Client, way carrier, from string, o MSNObject) (<-chan p2p.Result, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.with(&c.cfg, from)
	if p == nil {
		return nil, errTooManyPeers
	}
	text := o.String()
	answer := make(chan p2p.Result, 1)
	p.waiting[text] = append(p.waiting[text], answer)
	p.way = way
	if len(p.waiting[text]) == 1 {
		p.link.Fetch(time.Now(), text, min(o.Size, MaxObject))
	}
	t.pump(c, p)
	return answer, nil
}

// received takes a packet that somebody has sent to us in a switchboard.
func (t *transfers) received(sb *switchboard, from string, data *P2PData) {
	c := sb.client
	dest, _, _ := strings.Cut(lower(data.Dest), ";")
	if dest != "" && dest != c.cfg.Passport || from == c.cfg.Passport {
		return // for somebody else in the room
	}
	t.take(c, sb, from, func(l *p2p.Link, now time.Time) error { return l.Receive(now, data.Data) })
}

// take has a link take what somebody has sent.
func (t *transfers) take(c *Client, way carrier, from string, receive func(l *p2p.Link, now time.Time) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.with(&c.cfg, from)
	if p == nil {
		return
	}
	p.way = way
	if err := receive(p.link, time.Now()); err != nil {
		c.comment("a packet of a transfer makes no sense: " + err.Error())
	}
	t.pump(c, p)
}

// pump hands results out and makes sure that packets go and the clock is looked at. The lock is held.
func (t *transfers) pump(c *Client, p *transferPeer) {
	packets, results := p.link.Take()
	for _, r := range results {
		for _, answer := range p.waiting[r.Object] {
			answer <- r
		}
		delete(p.waiting, r.Object)
	}
	for _, text := range p.link.Signals() {
		p.out = append(p.out, parcel{text, true})
	}
	for _, packet := range packets {
		p.out = append(p.out, parcel{packet, false})
	}
	if len(p.out) > 0 && !p.sending {
		p.sending = c.start(func(ctx context.Context) { t.send(ctx, c, p) })
	}
	if !p.link.Idle() && !p.ticking {
		p.ticking = c.start(func(ctx context.Context) { t.tick(ctx, c, p) })
	}
	if p.link.Idle() && !p.sending && !p.ticking {
		delete(t.peers, p.name)
	}
}

// send sends what waits, in its order, a few packets at a time.
func (t *transfers) send(ctx context.Context, c *Client, p *transferPeer) {
	for {
		t.mu.Lock()
		if len(p.out) == 0 {
			p.sending = false
			t.pump(c, p)
			t.mu.Unlock()
			return
		}
		parcels, way := p.out, p.way
		p.out = nil
		t.mu.Unlock()
		if err := way.carry(ctx, p.name, parcels); err != nil {
			c.comment("a transfer is broken off: " + err.Error())
			t.mu.Lock()
			p.link.Lost()
			p.out = nil
			t.mu.Unlock()
		}
	}
}

// tick looks at the clock while something is under way.
func (t *transfers) tick(ctx context.Context, c *Client, p *transferPeer) {
	ticker := time.NewTicker(transferTick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		p.link.Tick(time.Now())
		if p.link.Idle() {
			p.ticking = false
		}
		t.pump(c, p)
		over := !p.ticking
		t.mu.Unlock()
		if over {
			return
		}
	}
}

// carry sends packets for one person, with a few unconfirmed at a time.
func (sb *switchboard) carry(ctx context.Context, to string, packets []parcel) error {
	var open []*question
	confirm := func() error {
		q := open[0]
		open = open[1:]
		select {
		case got := <-q.answer:
			if got.Name == "NAK" {
				return ErrNotDelivered
			}
			_, err := sb.verdict("MSG", got)
			return err
		case <-sb.done:
			return sb.reason()
		case <-time.After(ackTimeout):
			return ErrNoAnswer
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, packet := range packets {
		if len(open) >= transferWindow {
			if err := confirm(); err != nil {
				return err
			}
		}
		q := &question{name: "MSG", answer: make(chan wire.Command, 1)}
		cmd := command("MSG", "D")
		cmd.Payload = AppendMessage(nil, &P2PData{Dest: to, Data: packet.data})
		cmd.TrID = sb.expect(q)
		defer sb.forget(cmd.TrID)
		if err := sb.write(ctx, cmd); err != nil {
			return err
		}
		open = append(open, q)
	}
	for len(open) > 0 {
		if err := confirm(); err != nil {
			return err
		}
	}
	return nil
}
