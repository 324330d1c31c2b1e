package msn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// idleBoard is after how long without a message a switchboard between two is left, and emptyBoard
	// the same for one where nobody else is. They are looked at with each ping.
	idleBoard  = 10 * time.Minute
	emptyBoard = 2 * time.Minute
	// maxBoards and maxAnswers bound what invitations can make us open.
	maxBoards  = 256
	maxAnswers = 16
	// answerInvitation is for dialling and ANS.
	answerInvitation = 40 * time.Second
)

// chats knows which switchboard carries which conversation.
type chats struct {
	mu        sync.Mutex
	boards    map[string]*switchboard // by our session
	opening   map[string]*opening     // by conversation
	answering int
	nextXFR   time.Time
}

// opening is the one attempt to open a switchboard for a conversation; later callers wait for it.
type opening struct {
	done chan struct{}
	sb   *switchboard
	err  error
}

func (ch *chats) init() {
	ch.boards, ch.opening = make(map[string]*switchboard), make(map[string]*opening)
}

// newSession makes a session name that is never made again, in this process or another.
func newSession() string { return rand.Text() }

// newGUID makes a random GUID in lower case.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newChunkID makes a GUID for a chunked message.
func newChunkID() string { return "{" + strings.ToUpper(newGUID()) + "}" }

// key names a conversation while it is being opened.
func (c Conversation) key() string {
	if c.Session != "" {
		return c.Session
	}
	return fmt.Sprint(c.Group, strings.Join(c.Participants, " "))
}

// keep registers a switchboard; drop forgets it.
func (ch *chats) keep(sb *switchboard) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if sb.alive() { // over may have been called before
		ch.boards[sb.session] = sb
	}
}

func (ch *chats) drop(sb *switchboard) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	delete(ch.boards, sb.session)
}

// Switchboards counts the connections to switchboards that are open now.
func (c *Client) Switchboards() int { return len(c.chats.all()) }

// all lists the switchboards.
func (ch *chats) all() []*switchboard {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	list := make([]*switchboard, 0, len(ch.boards))
	for _, sb := range ch.boards {
		list = append(list, sb)
	}
	return list
}

// leaveAll says OUT everywhere.
func (ch *chats) leaveAll(ctx context.Context) {
	for _, sb := range ch.all() {
		sb.leave(ctx)
	}
}

// find picks the live switchboard of a conversation: the named one, else one with the same people, and
// of several the one used last and not deserted. It is nil if there is none. The caller holds the lock.
func (ch *chats) find(to Conversation) *switchboard {
	if sb := ch.boards[to.Session]; sb != nil && sb.alive() {
		return sb
	}
	var best *switchboard
	for _, sb := range ch.boards {
		if !sb.alive() || !sb.carries(to) {
			continue
		}
		if best == nil {
			best = sb
			continue
		}
		here, _ := sb.empty()
		there, _ := best.empty()
		if here != there && there || here == there && sb.lastUsed().After(best.lastUsed()) {
			best = sb
		}
	}
	return best
}

// board makes sure of a switchboard with people in it. One caller opens, others wait for its result.
func (c *Client) board(ctx context.Context, nc *notificationConn, to Conversation) (*switchboard, error) {
	for {
		c.chats.mu.Lock()
		sb := c.chats.find(to)
		if sb != nil {
			if empty, _ := sb.empty(); !empty {
				c.chats.mu.Unlock()
				return sb, nil
			}
		}
		o := c.chats.opening[to.key()]
		mine := o == nil
		if mine {
			o = &opening{done: make(chan struct{})}
			c.chats.opening[to.key()] = o
		}
		c.chats.mu.Unlock()
		if mine {
			o.sb, o.err = c.reach(ctx, nc, sb, to)
			c.chats.mu.Lock()
			delete(c.chats.opening, to.key())
			c.chats.mu.Unlock()
			close(o.done)
			return o.sb, o.err
		}
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if !errors.Is(o.err, context.Canceled) && !errors.Is(o.err, context.DeadlineExceeded) {
			return o.sb, o.err
		} // else the opener gave up, which says nothing: try ourselves
	}
}

// reach calls people back into an empty switchboard, or into a new one if there is none or it fails.
func (c *Client) reach(ctx context.Context, nc *notificationConn, deserted *switchboard, to Conversation) (*switchboard, error) {
	people := to.Participants
	if deserted != nil {
		if len(people) == 0 {
			_, people = deserted.empty()
		}
		if len(people) == 0 {
			return nil, fmt.Errorf("nobody is left in the conversation: %w", ErrContactOffline)
		}
		err := deserted.gather(ctx, people)
		if err == nil || deserted.alive() || ctx.Err() != nil {
			return deserted, err
		}
	}
	if len(people) == 0 {
		return nil, fmt.Errorf("the conversation is over and names nobody: %w", ErrClosed)
	}
	sb, err := c.openBoard(ctx, nc, to.Group || len(people) > 1)
	if err != nil {
		return nil, fmt.Errorf("open a switchboard: %w", err)
	}
	c.bringMyPlaces(ctx, sb)
	if err := sb.gather(ctx, people); err != nil {
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		sb.leave(leaving)
		return nil, err
	}
	return sb, nil
}

// bringMyPlaces calls myself, so that my other places see the conversation too (core.md 10.2). Where that is
// refused they do not.
func (c *Client) bringMyPlaces(ctx context.Context, sb *switchboard) {
	if len(c.Endpoints()) < 2 {
		return
	}
	if _, err := sb.ask(ctx, command("CAL", wire.Encode(c.cfg.Passport)), nil); err == nil {
		sb.awaitMine(ctx)
	}
}

// openBoard asks for a switchboard and enters it (XFR SB, USR).
func (c *Client) openBoard(ctx context.Context, nc *notificationConn, group bool) (*switchboard, error) {
	if err := c.chats.pace(ctx, c.cfg.Limits.Switchboards); err != nil {
		return nil, err
	}
	got, err := nc.ask(ctx, command("XFR", "SB"), nil)
	if err != nil {
		return nil, err
	}
	if len(got.Args) < 4 || !strings.EqualFold(got.Args[0], "SB") {
		return nil, errOddAnswer
	}
	sb, err := c.dialBoard(ctx, got.Args[1], group, false)
	if err != nil {
		return nil, err
	}
	if err := sb.enter(ctx, command("USR", nc.hereAs(), got.Args[3]), nil); err != nil {
		sb.close(errLeft)
		return nil, err
	}
	c.chats.keep(sb)
	return sb, nil
}

// dialBoard connects to a switchboard server.
func (c *Client) dialBoard(ctx context.Context, addr string, group, entering bool) (*switchboard, error) {
	addr = c.dial.told(addr)
	raw, err := c.dial.dial(ctx, switchboardServer, addr)
	if err != nil {
		return nil, err
	}
	c.comment("connected to the switchboard at " + addr)
	return c.newSwitchboard(newConn(raw, c.cfg.Trace), group, entering)
}

// pace waits for the time of the next XFR.
func (ch *chats) pace(ctx context.Context, every time.Duration) error {
	if every <= 0 {
		return nil
	}
	ch.mu.Lock()
	now := time.Now()
	wait := max(ch.nextXFR.Sub(now), 0)
	ch.nextXFR = now.Add(wait + every)
	ch.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ring is RNG: somebody calls. The reader must not wait for a dial, so another goroutine answers. A
// flood of calls is ignored beyond what a person could have.
func (nc *notificationConn) ring(args []string) {
	c := nc.client
	if len(args) < 5 || !c.chats.mayAnswer() {
		return
	}
	c.start(func(ctx context.Context) {
		defer c.chats.answered()
		if err := c.answer(ctx, nc, args); err != nil {
			c.comment("an invitation could not be answered: " + err.Error())
		}
	})
}

func (ch *chats) mayAnswer() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.answering >= maxAnswers || len(ch.boards) >= maxBoards {
		return false
	}
	ch.answering++
	return true
}

func (ch *chats) answered() {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.answering--
}

// answer enters the switchboard of an invitation: "session address CKI cookie handle nick" (ANS).
func (c *Client) answer(ctx context.Context, nc *notificationConn, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, answerInvitation)
	defer cancel()
	sb, err := c.dialBoard(ctx, args[1], false, true)
	if err != nil {
		return err
	}
	c.chats.keep(sb)
	ans := command("ANS", nc.hereAs(), args[3], args[0])
	if err := sb.enter(ctx, ans, func(ctx context.Context, reply wire.Command) {
		if reply.Name == "ANS" {
			sb.entered(ctx)
		}
	}); err != nil {
		sb.close(errLeft)
		return err
	}
	return nil
}

// tidy leaves switchboards that are not needed any more, and reports messages that stay incomplete.
func (c *Client) tidy(ctx context.Context) {
	now := time.Now()
	for _, sb := range c.chats.all() {
		sb.overdue(ctx, now, false)
		limit := idleBoard
		if empty, _ := sb.empty(); empty {
			limit = emptyBoard
		} else if sb.conversation().Group {
			continue // who leaves a group cannot come back alone
		}
		if now.Sub(sb.lastUsed()) >= limit {
			sb.leave(ctx)
		}
	}
}

// checked completes and checks a conversation that a caller gives.
func (c *Client) checked(to Conversation) (Conversation, error) {
	if to.Circle != "" {
		id := normalGUID(to.Circle)
		if id == "" {
			return Conversation{}, fmt.Errorf("%.40q is not the id of a circle", to.Circle)
		}
		return Conversation{Circle: id, Group: true}, nil
	}
	people := With(to.Participants...).Participants
	people = slices.DeleteFunc(people, func(p string) bool { return p == c.cfg.Passport })
	for _, p := range people {
		if err := checkPassport(p); err != nil {
			return Conversation{}, err
		}
	}
	if len(people) == 0 && to.Session == "" {
		return Conversation{}, errors.New("the conversation names nobody")
	}
	return Conversation{Participants: people, Group: to.Group || len(people) > 1, Session: to.Session}, nil
}

// Open makes sure of a live conversation with its people and returns it with its Session. Up to MSNP18 that is
// a switchboard; between two people MSNP21 needs nothing, nor does a circle.
func (c *Client) Open(ctx context.Context, to Conversation) (Conversation, error) {
	to, nc, err := c.talking(ctx, to)
	if err != nil {
		return Conversation{}, err
	}
	if to.Circle != "" {
		to, _ = nc.circles.conversation(c.cfg.Passport, to.Circle)
		return to, nil
	}
	return nc.dialect.chat.open(ctx, nc, to)
}

// talking checks a conversation and waits until the sign-in is complete.
func (c *Client) talking(ctx context.Context, to Conversation) (Conversation, *notificationConn, error) {
	to, err := c.checked(to)
	if err != nil {
		return Conversation{}, nil, err
	}
	nc, err := c.signedIn(ctx)
	if err != nil {
		return Conversation{}, nil, err
	}
	if to.Circle != "" && !nc.dialect.circles {
		return Conversation{}, nil, fmt.Errorf("circles: %w", ErrUnsupported)
	}
	return to, nc, nil
}

// switchboards is the chat of MSNP2 to MSNP18: each conversation has a connection of its own.
type switchboards struct{}

func (switchboards) open(ctx context.Context, nc *notificationConn, to Conversation) (Conversation, error) {
	sb, err := nc.client.board(ctx, nc, to)
	if err != nil {
		return Conversation{}, err
	}
	return sb.conversation(), nil
}

func (switchboards) invite(ctx context.Context, nc *notificationConn, to Conversation, passport string) (Conversation, error) {
	sb, err := nc.client.board(ctx, nc, to)
	if err != nil {
		return Conversation{}, err
	}
	if err := sb.gather(ctx, []string{passport}); err != nil {
		return Conversation{}, err
	}
	return sb.conversation(), nil
}

func (switchboards) leave(ctx context.Context, nc *notificationConn, to Conversation) error {
	chats := &nc.client.chats
	chats.mu.Lock()
	sb := chats.find(to)
	chats.mu.Unlock()
	if sb != nil && (to.Session == "" || to.Session == sb.session) {
		sb.leave(ctx)
	}
	return nil
}

// Invite calls one more person into a live conversation (CAL); the result is a group. For circles see
// [Client.InviteToCircle].
func (c *Client) Invite(ctx context.Context, to Conversation, passport string) (Conversation, error) {
	passport = strings.ToLower(strings.TrimSpace(passport))
	if err := checkPassport(passport); err != nil {
		return Conversation{}, err
	}
	to, nc, err := c.talking(ctx, to)
	switch {
	case err != nil:
		return Conversation{}, err
	case to.Circle != "":
		return Conversation{}, fmt.Errorf("invite %s to the talk of a circle: %w", passport, ErrUnsupported)
	}
	return nc.dialect.chat.invite(ctx, nc, to, passport)
}

// Leave closes the switchboard of a conversation (OUT): that of its Session if it names one. If there is
// none, nothing happens. Nor does it for a circle, see [Client.LeaveCircle].
func (c *Client) Leave(ctx context.Context, conv Conversation) error {
	to, nc, err := c.talking(ctx, conv)
	if err != nil || to.Circle != "" {
		return err
	}
	return nc.dialect.chat.leave(ctx, nc, to)
}

// Send delivers a message to a conversation: over its live switchboard, or over a new one to which
// everybody is called. Texts over the limit are chunked or split, by what the people there understand;
// ErrTooLong for anything else. ErrContactOffline if nobody came, ErrNotDelivered on NAK,
// ErrUnknownDelivery if no answer came in time or the connection broke after bytes had left. It tries
// once more over a fresh switchboard only where that cannot make a second copy: no byte had left, or a
// NAK between two people. In circles, and from MSNP21 everywhere, a message goes over the notification
// connection, which says nothing unless it refuses: Acknowledged is false then.
func (c *Client) Send(ctx context.Context, to Conversation, m Message) (Sent, error) {
	to, nc, err := c.talking(ctx, to)
	if err != nil {
		return Sent{}, err
	}
	var sent Sent
	if to.Circle != "" {
		sent, err = nc.sendToCircle(ctx, to, m)
	} else {
		sent, err = nc.dialect.chat.send(ctx, nc, to, m)
	}
	if err != nil {
		whom := strings.Join(to.Participants, ", ")
		if to.Circle != "" {
			whom = "a circle"
		}
		return Sent{}, fmt.Errorf("send to %s: %w", whom, err)
	}
	return sent, nil
}

// send goes over the live switchboard of the conversation, or over a new one.
func (switchboards) send(ctx context.Context, nc *notificationConn, to Conversation, m Message) (Sent, error) {
	c := nc.client
	if network, account, ok := elsewhere(to); ok {
		if !nc.dialect.networks {
			return Sent{}, fmt.Errorf("another network than MSN: %w", ErrUnsupported)
		}
		return nc.sendFederated(ctx, network, account, to, m)
	}
	var out outgoing
	for again := true; ; again = false {
		sb, err := c.board(ctx, nc, to)
		if err != nil {
			return Sent{}, err
		}
		if out.payloads == nil {
			if err := out.prepare(m, nc.dialect.chunks && sb.chunking()); err != nil {
				return Sent{}, err
			}
		}
		group := sb.conversation().Group
		err = out.over(ctx, sb)
		if err == nil {
			return Sent{ID: out.id, At: out.at, Acknowledged: out.acknowledged, Conversation: sb.conversation()}, nil
		}
		harmless := unsent(err) || errors.Is(err, ErrNotDelivered) && !group
		if !again || !harmless || ctx.Err() != nil {
			return Sent{}, err
		}
		sb.leave(ctx)
		to.Session = ""
		if len(to.Participants) == 0 {
			to.Participants = sb.lastPeople()
		}
	}
}

// lastPeople are those who were there last.
func (sb *switchboard) lastPeople() []string {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.last.Participants
}

// outgoing is a message on its way, in as many payloads as it takes.
type outgoing struct {
	ack      byte
	payloads [][]byte

	next         int // the first payload that is not delivered
	id           MessageID
	at           time.Time
	acknowledged bool
}

// prepare makes the payloads.
func (o *outgoing) prepare(m Message, chunks bool) error {
	o.ack = MessageAck(m)
	if text, ok := m.(*TextMessage); ok {
		o.payloads = SplitText(text, chunks, newChunkID)
		return nil
	}
	payload := AppendMessage(nil, m)
	switch {
	case len(payload) <= MaxMessagePayload:
		o.payloads = [][]byte{payload}
	case chunks && o.ack != 'D':
		o.payloads = SplitPayload(payload, newChunkID)
	default:
		return fmt.Errorf("%d bytes: %w", len(payload), ErrTooLong)
	}
	return nil
}

// over sends what is not delivered yet over one switchboard. A message that broke off between two of its
// chunks begins again: the new switchboard's people put chunks together by themselves.
func (o *outgoing) over(ctx context.Context, sb *switchboard) error {
	for o.next > 0 && ChunkID(o.payloads[o.next]) != "" && ChunkID(o.payloads[o.next]) == ChunkID(o.payloads[o.next-1]) {
		o.next--
	}
	for ; o.next < len(o.payloads); o.next++ {
		id, err := sb.send(ctx, o.ack, o.payloads[o.next])
		if err != nil {
			return err
		}
		if o.next == 0 {
			o.id, o.at = id, time.Now()
		}
	}
	o.acknowledged = o.ack == 'A' || o.ack == 'D'
	return nil
}
