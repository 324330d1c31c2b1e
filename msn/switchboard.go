package msn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// joinTimeout is how long the first person may take to come after RINGING: there is no refusal
	// (core.md 10.2).
	joinTimeout = 25 * time.Second
	// latecomers is how much longer the others of a group may take.
	latecomers = 5 * time.Second
	// ownPlaceTime is how long a new conversation waits for my other places, so that they see its first message.
	ownPlaceTime = time.Second
	// ackTimeout is how long a switchboard may take to confirm a message.
	ackTimeout = 20 * time.Second
	// unconfirmed is how many messages without acknowledgement are remembered for a late NAK.
	unconfirmed = 64
	// maxParticipants bounds what a server can make us keep of one switchboard.
	maxParticipants = 256
)

// errLeft is the reason of a switchboard's end that we asked for.
var errLeft = fmt.Errorf("left the conversation: %w", ErrClosed)

// switchboard is one live conversation on its own connection (core.md 10).
type switchboard struct {
	*conn
	client  *Client
	session string // ours, random: server ids repeat

	mu       sync.Mutex
	people   map[string]participant // who is there
	absent   map[string]bool        // who was called in vain, or timed out: still of the conversation
	group    bool
	entering bool // ANS is not answered: joins are reported together
	told     bool // somebody was reported to have joined
	alsoHere bool // another place of mine is there
	last     Conversation
	changed  chan struct{} // closed and replaced when people changes
	used     time.Time
	received int
	sent     int
	late     [unconfirmed]sentUnconfirmed
	parts    Reassembler
}

// participant is one person in a switchboard. A person with several endpoints is listed several times
// (core.md 10.3): bare is the entry without one.
type participant struct {
	name         string
	capabilities Capabilities
	bare         bool
	endpoints    int
}

// sentUnconfirmed is a message that only a NAK would answer.
type sentUnconfirmed struct {
	trID uint32
	id   MessageID
}

// newSwitchboard wraps an open connection and starts its reader.
func (c *Client) newSwitchboard(nc *conn, group, entering bool) (*switchboard, error) {
	sb := &switchboard{
		conn: nc, client: c, session: newSession(), group: group, entering: entering,
		people: make(map[string]participant), absent: make(map[string]bool),
		changed: make(chan struct{}), used: time.Now(),
	}
	ok := c.start(func(ctx context.Context) {
		_ = sb.serve(ctx, sb.handle) // the reason stays in sb
		sb.over(ctx)
	})
	if !ok {
		sb.close(ErrClosed)
		return nil, ErrClosed
	}
	return sb, nil
}

// enter is USR or ANS. Its refusal says nothing about the account, so it goes by another name.
func (sb *switchboard) enter(ctx context.Context, cmd wire.Command, seen seen) error {
	got, err := sb.ask(ctx, cmd, seen)
	var refused *ProtocolError
	switch {
	case errors.As(err, &refused):
		return &ProtocolError{Command: "switchboard", Code: refused.Code}
	case err != nil:
		return err
	case len(got.Args) == 0 || got.Args[0] != "OK":
		return errOddAnswer
	}
	return nil
}

// handle takes what answers no question.
func (sb *switchboard) handle(ctx context.Context, cmd wire.Command) error {
	if code, refused := cmd.ErrorCode(); refused {
		if e := (&ProtocolError{Command: "switchboard", Code: code}); e.fatal() || code >= 280 && code <= 282 {
			return e
		}
		return nil
	}
	switch cmd.Name {
	case "JOI":
		sb.joined(ctx, cmd.Args)
	case "IRO": // index, total, then as JOI
		if len(cmd.Args) > 2 {
			sb.joined(ctx, cmd.Args[2:])
		}
	case "BYE":
		sb.leftBy(ctx, cmd.Args)
	case "MSG":
		sb.message(ctx, cmd)
	case "NAK":
		sb.nak(ctx, cmd.TrID)
	case "OUT":
		return fmt.Errorf("the switchboard says goodbye: %w", ErrClosed)
	}
	return nil
}

// person splits "bob@example.com;{guid}".
func person(s string) (passport string, endpoint bool) {
	passport, _, endpoint = strings.Cut(handle(s), ";")
	return passport, endpoint
}

// joined is JOI and IRO.
func (sb *switchboard) joined(ctx context.Context, args []string) {
	if len(args) == 0 {
		return
	}
	passport, endpoint := person(args[0])
	if passport == sb.client.cfg.Passport {
		sb.mine(args[0])
		return
	}
	if passport == "" {
		return
	}
	sb.mu.Lock()
	p, known := sb.people[passport]
	if !known && len(sb.people) >= maxParticipants {
		sb.mu.Unlock()
		return
	}
	p.name = arg(args, 1)
	if len(args) > 2 {
		p.capabilities = ParseCapabilities(args[2])
	}
	if endpoint {
		p.endpoints++
	} else {
		p.bare = true
	}
	sb.people[passport] = p
	delete(sb.absent, passport)
	sb.group = sb.group || len(sb.people) > 1
	sb.stir()
	silent := known || sb.entering
	sb.told = sb.told || !silent
	event := ParticipantJoined{sb.snapshot(), passport, p.name}
	sb.mu.Unlock()
	if !silent {
		sb.client.report(ctx, event)
	}
}

// mine is another place of mine that has come.
func (sb *switchboard) mine(handle string) {
	_, place, _ := strings.Cut(handle, ";")
	if place = normalGUID(decode(place)); place == "" || place == sb.client.cfg.MachineGUID {
		return
	}
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.alsoHere = true
	sb.stir()
}

// awaitMine waits a little for another place of mine.
func (sb *switchboard) awaitMine(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, ownPlaceTime)
	defer cancel()
	for {
		sb.mu.Lock()
		here, changed := sb.alsoHere, sb.changed
		sb.mu.Unlock()
		if here {
			return
		}
		select {
		case <-changed:
		case <-sb.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// entered is the answer to ANS: those who were there are reported, all in one conversation.
func (sb *switchboard) entered(ctx context.Context) {
	sb.mu.Lock()
	sb.entering = false
	var events []Event
	conv := sb.snapshot()
	for _, passport := range conv.Participants {
		events = append(events, ParticipantJoined{conv, passport, sb.people[passport].name})
	}
	sb.told = len(events) > 0
	sb.mu.Unlock()
	for _, event := range events {
		sb.client.report(ctx, event)
	}
}

// leftBy is BYE. Between two, and when the server put somebody out for being idle, the person stays
// part of the conversation: the next message calls them again.
func (sb *switchboard) leftBy(ctx context.Context, args []string) {
	passport, endpoint := person(arg(args, 0))
	idle := arg(args, 1) == "1"
	sb.mu.Lock()
	p, known := sb.people[passport]
	if !known {
		sb.mu.Unlock()
		return
	}
	if endpoint {
		p.endpoints--
		if p.bare || p.endpoints > 0 {
			sb.people[passport] = p
			sb.mu.Unlock()
			return
		}
	}
	delete(sb.people, passport)
	if idle || !sb.group {
		sb.absent[passport] = true
	}
	sb.stir()
	event := ParticipantLeft{sb.snapshot(), passport, idle}
	sb.mu.Unlock()
	sb.client.report(ctx, event)
}

// stir wakes those who wait for people to come. The caller holds the lock.
func (sb *switchboard) stir() {
	if len(sb.people) > 0 {
		sb.last = sb.snapshot()
	}
	close(sb.changed)
	sb.changed = make(chan struct{})
}

// snapshot is the conversation as it is now. The caller holds the lock.
func (sb *switchboard) snapshot() Conversation {
	return Conversation{
		Participants: slices.Sorted(maps.Keys(sb.people)), Group: sb.group, Session: sb.session,
	}
}

// conversation is the snapshot for those who do not hold the lock.
func (sb *switchboard) conversation() Conversation {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.snapshot()
}

// carries tells whether the board is one for the conversation: the same people are there, or would be
// if those who are absent came back.
func (sb *switchboard) carries(to Conversation) bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.group != to.Group || sb.entering {
		return false
	}
	here := slices.Sorted(maps.Keys(sb.people))
	if slices.Equal(here, to.Participants) {
		return len(here) > 0
	}
	all := slices.AppendSeq(here, maps.Keys(sb.absent))
	slices.Sort(all)
	return slices.Equal(slices.Compact(all), to.Participants)
}

// empty tells whether nobody else is there; missing lists whom a call may bring back.
func (sb *switchboard) empty() (empty bool, missing []string) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return len(sb.people) == 0, slices.Sorted(maps.Keys(sb.absent))
}

// lastUsed is when something was last sent or received.
func (sb *switchboard) lastUsed() time.Time {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return sb.used
}

// call invites one person (CAL).
func (sb *switchboard) call(ctx context.Context, passport string) error {
	sb.mu.Lock()
	_, here := sb.people[passport]
	if !here {
		sb.absent[passport] = true
	}
	sb.mu.Unlock()
	if here {
		return nil
	}
	_, err := sb.ask(ctx, command("CAL", wire.Encode(passport)), nil)
	if err != nil && !errors.Is(err, ErrAlreadyThere) {
		return fmt.Errorf("call %s: %w", passport, err)
	}
	return nil
}

// gather calls everybody and waits for them: for the first of them long, for the others a little. It
// fails if nobody comes.
func (sb *switchboard) gather(ctx context.Context, people []string) error {
	var failure error
	var called []string
	for _, p := range people {
		err := sb.call(ctx, p)
		switch {
		case err == nil:
			called = append(called, p)
		case !sb.alive() || ctx.Err() != nil:
			return err
		case failure == nil:
			failure = err
		}
	}
	if len(called) == 0 {
		return failure
	}
	first, cancel := context.WithTimeoutCause(ctx, joinTimeout, ErrContactOffline)
	defer cancel()
	if err := sb.wait(first, called, 1); err != nil {
		return fmt.Errorf("no answer from %s: %w", strings.Join(called, ", "), err)
	}
	rest, cancel := context.WithTimeout(ctx, latecomers)
	defer cancel()
	if err := sb.wait(rest, called, len(called)); err != nil && !sb.alive() {
		return err
	}
	return ctx.Err()
}

// wait returns when at least n of the people are there.
func (sb *switchboard) wait(ctx context.Context, people []string, n int) error {
	for {
		sb.mu.Lock()
		here := 0
		for _, p := range people {
			if _, ok := sb.people[p]; ok {
				here++
			}
		}
		changed := sb.changed
		sb.mu.Unlock()
		if here >= n {
			return nil
		}
		select {
		case <-changed:
		case <-sb.done:
			return sb.reason()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// chunking tells whether everybody there understands chunks.
func (sb *switchboard) chunking() bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	for passport, p := range sb.people {
		bits := p.capabilities.Bits
		if bits == 0 { // before MSNP12 only presence tells
			bits = sb.client.PresenceOf(passport).Capabilities.Bits
		}
		if bits&CapChunks == 0 {
			return false
		}
	}
	return len(sb.people) > 0
}

// send sends one payload. What it returns as an error is unsent if no byte left, ErrNotDelivered on a
// NAK, and ErrUnknownDelivery if nobody can say.
func (sb *switchboard) send(ctx context.Context, ack byte, payload []byte) (MessageID, error) {
	cmd := command("MSG", string(rune(ack)))
	cmd.Payload = payload
	id := sb.nextID()
	if ack != 'A' && ack != 'D' {
		cmd.TrID = sb.expect(nil)
		if ack == 'N' {
			sb.remember(cmd.TrID, id)
		}
		return id, unknowable(sb.write(ctx, cmd))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, ackTimeout, ErrNoAnswer)
	defer cancel()
	got, err := sb.ask(ctx, cmd, nil)
	var refused *ProtocolError
	switch {
	case errors.As(err, &refused):
		return id, fmt.Errorf("%w: %w", ErrNotDelivered, err)
	case errors.Is(err, ErrNoAnswer): // a board that does not confirm is not used again
		sb.close(err)
		return id, unknowable(err)
	case err != nil:
		return id, unknowable(err)
	case got.Name == "NAK":
		return id, ErrNotDelivered
	}
	return id, nil
}

// unknowable marks a failure after bytes have left.
func unknowable(err error) error {
	if err == nil || unsent(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnknownDelivery, err)
}

// nextID numbers a message of mine.
func (sb *switchboard) nextID() MessageID {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.sent++
	sb.used = time.Now()
	return messageID(sb.session, sb.client.cfg.Passport, sb.sent)
}

// messageID makes an id that is never made again: the session is random.
func messageID(session, sender string, n int) MessageID {
	return MessageID(session + "/" + sender + "/" + strconv.Itoa(n))
}

// remember keeps a message for a late NAK; the oldest is forgotten.
func (sb *switchboard) remember(trID uint32, id MessageID) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.late[trID%unconfirmed] = sentUnconfirmed{trID, id}
}

// nak is a NAK that nobody waits for.
func (sb *switchboard) nak(ctx context.Context, trID uint32) {
	sb.mu.Lock()
	lost := sb.late[trID%unconfirmed]
	sb.late[trID%unconfirmed] = sentUnconfirmed{}
	event := Undelivered{ID: lost.id, Conversation: sb.snapshot()}
	sb.mu.Unlock()
	if lost.trID == trID && lost.id != "" {
		sb.client.report(ctx, event)
	}
}

// message is MSG from somebody.
func (sb *switchboard) message(ctx context.Context, cmd wire.Command) {
	from, _ := person(arg(cmd.Args, 0))
	name := arg(cmd.Args, 1)
	now := time.Now()
	sb.mu.Lock()
	sb.used = now
	payload, whole, err := sb.parts.Add(from, cmd.Payload, now)
	sb.mu.Unlock()
	if whole || err != nil { // what cannot be joined is shown as far as it came
		sb.deliver(ctx, from, name, payload, now, 0)
	}
}

// deliver reports one message, of which so many chunks never came.
func (sb *switchboard) deliver(ctx context.Context, from, name string, payload []byte, at time.Time, missing int) {
	m, err := ParseMessage(payload)
	if err != nil {
		m = &Unknown{Body: payload}
	}
	if data, ok := m.(*P2PData); ok {
		sb.client.objects.received(sb, from, data)
		return
	}
	sb.mu.Lock()
	sb.received++
	event := MessageReceived{
		ID: messageID(sb.session, from, sb.received), Conversation: sb.snapshot(),
		From: from, FriendlyName: name, At: at, Message: m, MissingChunks: missing,
	}
	if from == sb.client.cfg.Passport && len(sb.people) == 0 { // written at another place of mine, to people who are gone
		event.Conversation.Participants = sb.last.Participants
	}
	if _, here := sb.people[from]; !here && from != "" && from != sb.client.cfg.Passport {
		event.Conversation.Participants = With(append(event.Conversation.Participants, from)...).Participants
	}
	sb.mu.Unlock()
	sb.client.report(ctx, event)
}

// overdue reports what there is of messages whose other chunks do not come any more: those that have
// waited too long, or all of them.
func (sb *switchboard) overdue(ctx context.Context, now time.Time, all bool) {
	sb.mu.Lock()
	lost := sb.parts.Expired(now)
	if all {
		lost = append(lost, sb.parts.Drain()...)
	}
	sb.mu.Unlock()
	for _, l := range lost {
		sb.deliver(ctx, l.Sender, "", l.Payload, now, max(l.Want-l.Have, 1))
	}
}

// leave is OUT.
func (sb *switchboard) leave(ctx context.Context) {
	_ = sb.tell(ctx, wire.Command{Name: "OUT"}) // it ends either way
	sb.close(errLeft)
}

// over is called when the connection has ended.
func (sb *switchboard) over(ctx context.Context) {
	sb.client.chats.drop(sb)
	sb.overdue(ctx, time.Now(), true)
	sb.mu.Lock()
	told, conv := sb.told, sb.last
	conv.Group = sb.group
	sb.mu.Unlock()
	if told && ctx.Err() == nil {
		sb.client.report(ctx, ConversationClosed{conv})
	}
}
