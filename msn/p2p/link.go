package p2p

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The times of p2p.md 7.4.
const (
	inviteAnswer  = 30 * time.Second // for the acknowledgement of an INVITE
	progress      = 60 * time.Second // without any packet of a session
	patience      = 10 * time.Second // for an acknowledgement that some programs never send
	byeTime       = 30 * time.Second // for the BYE of somebody whom we have served
	assemblyTime  = 60 * time.Second
	waitForAPlace = 30 * time.Second
)

const (
	// maxServing is how many objects are served to one peer at a time; others wait.
	maxServing = 4
	// maxSessions and maxAssemblies bound what one peer can make us keep.
	maxSessions   = 64
	maxAssemblies = 16
)

// Why an object did not come.
var (
	ErrDeclined = errors.New("the other side declines")
	ErrNoAnswer = errors.New("the other side does not answer")
	ErrBroken   = errors.New("the transfer was broken off")
	ErrTooLarge = errors.New("the object is larger than it was said to be")
	ErrTooMany  = errors.New("there are too many transfers with this person")
)

// Result is the end of a fetch: Data or Err. Whether the data is what was asked for is for the caller to check.
type Result struct {
	Object string
	Data   []byte
	Err    error
}

// Link is what one account shares with one peer, in as many switchboards as come and go. Its methods must not
// be called at the same time.
type Link struct {
	own, peer string
	// objects gives what we serve, by the text of the MSNObject that is asked for.
	objects func(object string) (data []byte, ok bool)

	next       uint32              // Identifier of the next message
	sessions   map[string]*session // by Call-ID
	assemblies map[uint32]*assembly
	waiting    map[uint32]*awaited // our messages, by Identifier
	queue      []*session          // who asks for objects and has to wait

	out     [][]byte
	results []Result
}

// awaited is a message of ours that is not acknowledged.
type awaited struct {
	session  *session
	deadline time.Time
	then     func(now time.Time)
	must     bool // without the acknowledgement the session is over
}

// session is one transfer.
type session struct {
	id       uint32
	callID   string
	branch   string
	object   string
	fetching bool
	data     *assembly // being fetched
	limit    uint64
	serving  []byte
	appID    uint32
	deadline time.Time
	served   bool
}

// assembly puts the packets of one message together.
type assembly struct {
	total, have uint64
	data        []byte
	deadline    time.Time
}

// NewLink begins with a peer. objects may be nil: nothing is served then.
func NewLink(own, peer string, objects func(object string) ([]byte, bool)) *Link {
	return &Link{
		own: own, peer: peer, objects: objects, next: 4 + rand.Uint32N(1<<30),
		sessions: make(map[string]*session), assemblies: make(map[uint32]*assembly), waiting: make(map[uint32]*awaited),
	}
}

// Take gives the packets that are to be sent, in their order, and the fetches that have ended, and forgets both.
func (l *Link) Take() (packets [][]byte, results []Result) {
	packets, results = l.out, l.results
	l.out, l.results = nil, nil
	return packets, results
}

// Idle tells whether nothing is under way, so that a switchboard may go.
func (l *Link) Idle() bool { return len(l.sessions) == 0 && len(l.waiting) == 0 }

// Fetch asks the peer for an object, given as text exactly as it was announced. No more than limit bytes are taken.
func (l *Link) Fetch(now time.Time, object string, limit int) {
	if len(l.sessions) >= maxSessions {
		l.results = append(l.results, Result{Object: object, Err: ErrTooMany})
		return
	}
	s := &session{
		id: 4 + rand.Uint32N(1<<31-8), callID: guid(), branch: guid(), object: object, fetching: true, limit: uint64(max(limit, 0)),
		deadline: now.Add(inviteAnswer + progress),
	}
	l.sessions[s.callID] = s
	l.tell(now, &SLP{
		Method: "INVITE", Branch: s.branch, CallID: s.callID, Type: SessionRequest,
		Body: []Field{
			{"EUF-GUID", ObjectGUID}, {"SessionID", number(s.id)}, {"AppID", number(appObject)}, {"Context", objectContext(object)},
		},
	}, &awaited{session: s, deadline: now.Add(inviteAnswer), must: true})
}

// Receive takes a packet that the peer has sent to us. The error says what is wrong with it; nothing has to be
// done about it.
func (l *Link) Receive(now time.Time, b []byte) error {
	p, err := ParsePacket(b)
	if err != nil {
		return err
	}
	switch kind := p.Kind(); {
	case kind&FlagACK != 0:
		l.acknowledged(now, p.AckIdentifier)
	case kind == FlagNAK, kind == FlagKey:
	case kind&(FlagSenderGivesUp|FlagReceiverGivesUp) != 0:
		l.acknowledged(now, p.AckIdentifier) // some answer a BYE so
		if s := l.withID(p.SessionID); s != nil {
			l.end(s, ErrBroken)
		}
	case p.SessionID == 0:
		return l.text(now, p)
	default:
		return l.content(now, p)
	}
	return nil
}

// Tick looks at the clock: call it every few seconds while the link is not idle.
func (l *Link) Tick(now time.Time) {
	for id, w := range l.waiting {
		if now.Before(w.deadline) {
			continue
		}
		delete(l.waiting, id)
		switch {
		case w.must:
			l.end(w.session, ErrNoAnswer)
		case w.then != nil:
			w.then(now)
		}
	}
	for id, a := range l.assemblies {
		if !now.Before(a.deadline) {
			delete(l.assemblies, id)
		}
	}
	for _, s := range l.sessions {
		if !now.Before(s.deadline) {
			if s.fetching {
				l.bye(now, s)
			}
			l.end(s, ErrNoAnswer)
		}
	}
}

// Lost ends everything: the peer is gone for good.
func (l *Link) Lost() {
	for _, s := range l.sessions {
		l.end(s, ErrBroken)
	}
	clear(l.waiting)
	clear(l.assemblies)
	l.out = nil
}

// message sends one message in as many packets as it takes.
func (l *Link) message(now time.Time, h Header, data []byte, footer uint32, w *awaited) {
	h.Identifier, h.TotalSize, h.AckIdentifier = l.identifier(), uint64(len(data)), 1+rand.Uint32N(1<<31-1)
	for first := true; first || len(data) > 0; first = false {
		part := data[:min(len(data), MaxData)]
		l.out = append(l.out, Packet{Header: h, Data: part, Footer: footer}.Append(nil))
		h.Offset += uint64(len(part))
		data = data[len(part):]
	}
	if w != nil {
		if w.deadline.IsZero() {
			w.deadline = now.Add(patience)
		}
		l.waiting[h.Identifier] = w
	}
}

func (l *Link) identifier() uint32 {
	l.next++
	return l.next
}

// tell sends an MSNSLP message.
func (l *Link) tell(now time.Time, m *SLP, w *awaited) {
	m.To, m.From = l.peer, l.own
	l.message(now, Header{}, m.Append(nil), 0, w)
}

// acknowledged goes on after a message of ours has arrived.
func (l *Link) acknowledged(now time.Time, identifier uint32) {
	w := l.waiting[identifier]
	if w == nil {
		return
	}
	delete(l.waiting, identifier)
	if w.session != nil {
		w.session.deadline = now.Add(progress)
	}
	if w.then != nil {
		w.then(now)
	}
}

// text takes a packet of an MSNSLP message; with the last one the message is acknowledged and read.
func (l *Link) text(now time.Time, p Packet) error {
	a := l.assemblies[p.Identifier]
	if a == nil {
		if p.TotalSize > MaxSLP || len(l.assemblies) >= maxAssemblies {
			return fmt.Errorf("a text of %d bytes, while %d others are incomplete, is too much", p.TotalSize, len(l.assemblies))
		}
		a = &assembly{total: max(p.TotalSize, uint64(len(p.Data)))}
		l.assemblies[p.Identifier] = a
	}
	a.deadline = now.Add(assemblyTime)
	if err := a.add(p, MaxSLP); err != nil {
		delete(l.assemblies, p.Identifier)
		return err
	}
	if a.have < a.total {
		return nil
	}
	delete(l.assemblies, p.Identifier)
	l.acknowledge(p)
	m, err := ParseSLP(a.data)
	if err != nil {
		return err
	}
	l.understand(now, m)
	return nil
}

// add takes the data of a packet, which is in order, or repeated.
func (a *assembly) add(p Packet, limit uint64) error {
	end := p.Offset + uint64(len(p.Data))
	switch {
	case p.Offset > a.have:
		return fmt.Errorf("%w: byte %d came where byte %d is missing", ErrBroken, p.Offset, a.have)
	case end > a.total || end > limit:
		return fmt.Errorf("%w: byte %d of %d", ErrTooLarge, end, min(a.total, limit))
	}
	a.data = append(a.data[:p.Offset], p.Data...)
	a.have = max(a.have, end)
	a.data = a.data[:end]
	return nil
}

func (l *Link) acknowledge(p Packet) {
	l.out = append(l.out, p.acknowledgement(l.identifier()).Append(nil))
}

// understand acts on an MSNSLP message.
func (l *Link) understand(now time.Time, m *SLP) {
	s := l.sessions[m.CallID]
	switch {
	case m.Method == "INVITE" && m.Type == SessionRequest:
		l.invited(now, m)
	case m.Method == "INVITE" && m.Type == TransportRequest:
		l.stay(now, m)
	case m.Method == "INVITE" && m.Type == TransportAnswer:
		// The peer listens, and we do not dial. Whoever gets an answer that is no 200 ends the whole session
		// (libpurple); whoever gets none comes back to the switchboard by itself.
	case m.Method == "INVITE":
		l.answer(now, m, 500, "Internal Error", nil, nil)
	case m.Method == "BYE" && s != nil:
		l.end(s, ErrBroken)
	case m.Method != "", s == nil:
	case m.Status == 200:
		s.deadline = now.Add(progress)
	default:
		l.end(s, fmt.Errorf("%w (%d %s)", ErrDeclined, m.Status, strings.ToLower(m.Reason)))
	}
}

// answer answers a request.
func (l *Link) answer(now time.Time, m *SLP, status int, reason string, body []Field, w *awaited) {
	kind := SessionRequest
	if status == 500 {
		kind = NoBody
	}
	if m.Type == TransportRequest {
		kind = TransportAnswer
	}
	l.tell(now, &SLP{Status: status, Reason: reason, Branch: m.Branch, CSeq: m.CSeq + 1, CallID: m.CallID, Type: kind, Body: body}, w)
}

// stay refuses a direct connection: we have no port (p2p.md 17.1).
func (l *Link) stay(now time.Time, m *SLP) {
	body := []Field{{"Bridge", "TCPv1"}, {"Listening", "false"}, {"Nonce", "{00000000-0000-0000-0000-000000000000}"}}
	if id := m.Get("SessionID"); id != "" {
		body = append(body, Field{"SessionID", id})
	}
	l.answer(now, m, 200, "OK", body, nil)
}

// invited is somebody who asks for an object of ours, or offers what we do not take.
func (l *Link) invited(now time.Time, m *SLP) {
	sessionID, err := strconv.ParseUint(m.Get("SessionID"), 10, 64)
	id := uint32(sessionID) // some write 64 bits, of which the low ones count (p2p.md 18)
	answer := []Field{{"SessionID", number(id)}}
	context := m.Get("Context")
	switch {
	case err != nil || m.CallID == "" || l.sessions[m.CallID] != nil || l.withID(id) != nil || id == 0:
		return
	case braced(m.Get("EUF-GUID")) != ObjectGUID:
		l.answer(now, m, 603, "Decline", answer, nil)
		return
	case context == "":
		l.answer(now, m, 500, "Internal Error", nil, nil)
		return
	}
	object, err := contextObject(context)
	if err != nil {
		l.answer(now, m, 500, "Internal Error", nil, nil)
		return
	}
	var data []byte
	known := false
	if l.objects != nil && len(l.sessions) < maxSessions {
		data, known = l.objects(object)
	}
	if !known {
		l.answer(now, m, 603, "Decline", answer, nil)
		return
	}
	app, err := strconv.ParseUint(m.Get("AppID"), 10, 32)
	if err != nil {
		app = appObject
	}
	s := &session{id: id, callID: m.CallID, branch: m.Branch, object: object, serving: data, appID: uint32(app), deadline: now.Add(waitForAPlace)}
	l.sessions[s.callID] = s
	l.queue = append(l.queue, s)
	l.serve(now)
}

// serve lets those who wait have their turn.
func (l *Link) serve(now time.Time) {
	busy := 0
	for _, s := range l.sessions {
		if s.served {
			busy++
		}
	}
	for len(l.queue) > 0 && busy < maxServing {
		s := l.queue[0]
		l.queue = l.queue[1:]
		if l.sessions[s.callID] != s {
			continue // it has ended while it waited
		}
		busy++
		s.served, s.deadline = true, now.Add(progress)
		ok := &SLP{Status: 200, Reason: "OK", Branch: s.branch, CSeq: 1, CallID: s.callID, Type: SessionRequest, Body: []Field{{"SessionID", number(s.id)}}}
		l.tell(now, ok, &awaited{session: s, then: func(now time.Time) { l.prepare(now, s) }})
	}
}

// prepare announces the data; official programs drop what comes before they have acknowledged it.
func (l *Link) prepare(now time.Time, s *session) {
	if l.sessions[s.callID] != s {
		return
	}
	l.message(now, Header{SessionID: s.id}, make([]byte, 4), s.appID, &awaited{session: s, then: func(now time.Time) { l.deliver(now, s) }})
}

// deliver sends the data.
func (l *Link) deliver(now time.Time, s *session) {
	if l.sessions[s.callID] != s {
		return
	}
	l.message(now, Header{SessionID: s.id, Flags: FlagObject}, s.serving, s.appID, &awaited{
		session: s, deadline: now.Add(progress),
		then: func(now time.Time) { s.deadline = now.Add(byeTime); s.served = false; l.serve(now) },
	})
}

// content takes a packet of session data.
func (l *Link) content(now time.Time, p Packet) error {
	s := l.withID(p.SessionID)
	if s == nil || !s.fetching {
		return fmt.Errorf("session %d is none of ours", p.SessionID)
	}
	s.deadline = now.Add(progress)
	if p.Kind() == FlagNone && p.TotalSize == 4 && s.data == nil { // the preparation
		l.acknowledge(p)
		return nil
	}
	if s.data == nil {
		if p.TotalSize > s.limit {
			l.bye(now, s)
			l.end(s, fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, p.TotalSize, s.limit))
			return nil
		}
		s.data = &assembly{total: p.TotalSize}
	}
	if err := s.data.add(p, s.limit); err != nil {
		l.bye(now, s)
		l.end(s, err)
		return err
	}
	if s.data.have < s.data.total {
		return nil
	}
	l.acknowledge(p)
	l.bye(now, s)
	delete(l.sessions, s.callID)
	l.results = append(l.results, Result{Object: s.object, Data: s.data.data})
	return nil
}

// bye says that a session is over.
func (l *Link) bye(now time.Time, s *session) {
	l.tell(now, &SLP{Method: "BYE", Branch: guid(), CallID: s.callID, Type: SessionClose}, &awaited{})
}

// end forgets a session; a fetch has a result.
func (l *Link) end(s *session, why error) {
	if l.sessions[s.callID] != s {
		return
	}
	delete(l.sessions, s.callID)
	for id, w := range l.waiting {
		if w.session == s {
			delete(l.waiting, id)
		}
	}
	if s.fetching {
		l.results = append(l.results, Result{Object: s.object, Err: why})
	}
}

// withID finds a session by its number.
func (l *Link) withID(id uint32) *session {
	for _, s := range l.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// guid makes a random GUID in braces.
func guid() string {
	a, b := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("{%08X-%04X-4%03X-%04X-%012X}", uint32(a>>32), uint16(a>>16), uint16(a)&0xFFF, uint16(b>>48)&0x3FFF|0x8000, b&0xFFFFFFFFFFFF)
}
