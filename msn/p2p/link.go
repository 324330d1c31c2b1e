package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	framing   framing
	// objects gives what we serve, by the text of the MSNObject that is asked for.
	objects func(object string) (data []byte, ok bool)
	// beside tells that texts about direct connections go beside the packets, see Signals.
	beside bool

	sessions   map[string]*session // by Call-ID
	assemblies map[uint32]*assembly
	waiting    map[uint32]*awaited // our messages, by what acknowledges them
	queue      []*session          // who asks for objects and has to wait

	out, signals [][]byte
	results      []Result
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

// NewLink begins with a peer in version 1. objects may be nil: nothing is served then.
func NewLink(own, peer string, objects func(object string) ([]byte, bool)) *Link {
	return newLink(own, peer, &framing1{next: 4 + randomBelow(1<<30)}, objects)
}

// NewLink2 begins with one place of a peer in version 2, for MSNP21: both are address;{guid}, with the GUIDs of the two endpoints.
func NewLink2(own, peer string, objects func(object string) ([]byte, bool)) *Link {
	l := newLink(own, peer, &framing2{sequence: randomBelow(1 << 31)}, objects)
	l.beside = true
	return l
}

func newLink(own, peer string, f framing, objects func(object string) ([]byte, bool)) *Link {
	return &Link{
		own: own, peer: peer, framing: f, objects: objects,
		sessions: make(map[string]*session), assemblies: make(map[uint32]*assembly), waiting: make(map[uint32]*awaited),
	}
}

// randomBelow makes numbers that others are not to guess or meet again.
func randomBelow(n uint32) uint32 { return rand.Uint32N(n) }

// Take gives the packets that are to be sent, in their order, and the fetches that have ended, and forgets both.
func (l *Link) Take() (packets [][]byte, results []Result) {
	packets, results = l.out, l.results
	l.out, l.results = nil, nil
	return packets, results
}

// Signals gives the MSNSLP texts that are to be sent beside the packets, without a NUL, and forgets them: those about direct
// connections in MSNP21, which are messages of their own there (core.md 13.3).
func (l *Link) Signals() (texts [][]byte) {
	texts, l.signals = l.signals, nil
	return texts
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
		id: 4 + randomBelow(1<<31-8), callID: guid(), branch: guid(), object: object, fetching: true, limit: uint64(max(limit, 0)),
		deadline: now.Add(inviteAnswer + progress),
	}
	l.sessions[s.callID] = s
	l.tell(now, &SLP{
		Method: "INVITE", Branch: s.branch, CallID: s.callID, Type: SessionRequest,
		Body: slices.Concat([]Field{{"EUF-GUID", ObjectGUID}}, l.about(s.id), []Field{{"AppID", number(appObject)}, {"Context", objectContext(object)}}),
	}, &awaited{session: s, deadline: now.Add(inviteAnswer), must: true})
}

// about is what a body says of a session.
func (l *Link) about(id uint32) []Field {
	return append([]Field{{"SessionID", number(id)}}, l.framing.bodyFields()...)
}

// Receive takes a packet that the peer has sent to us. The error says what is wrong with it; nothing has to be
// done about it.
func (l *Link) Receive(now time.Time, b []byte) error {
	a, err := l.framing.unpack(b)
	if a.answer != nil {
		l.out = append(l.out, a.answer)
	}
	if a.acknowledged {
		l.acknowledged(now, a.id)
	}
	if s := l.withID(a.broken); s != nil && a.broken != 0 {
		l.end(s, ErrBroken)
	}
	switch {
	case err != nil:
		return err
	case a.piece == nil:
		return nil
	case a.piece.content == slpText:
		return l.text(now, a.piece)
	default:
		return l.content(now, a.piece)
	}
}

// ReceiveSignal takes an MSNSLP text that the peer has sent beside the packets.
func (l *Link) ReceiveSignal(now time.Time, text []byte) error {
	if len(text) > MaxSLP {
		return fmt.Errorf("%w: a text of %d bytes", ErrTooLarge, len(text))
	}
	m, err := ParseSLP(text)
	if err != nil {
		return err
	}
	l.understand(now, m)
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

// send sends a message in as many packets as it takes.
func (l *Link) send(now time.Time, m message, w *awaited) {
	packets, id := l.framing.pack(m)
	l.out = append(l.out, packets...)
	if w != nil {
		if w.deadline.IsZero() {
			w.deadline = now.Add(patience)
		}
		l.waiting[id] = w
	}
}

// tell sends an MSNSLP message.
func (l *Link) tell(now time.Time, m *SLP, w *awaited) {
	m.To, m.From = l.peer, l.own
	text := m.Append(nil)
	if l.beside && (m.Type == TransportRequest || m.Type == TransportAnswer) {
		l.signals = append(l.signals, bytes.TrimRight(text, "\x00"))
		return
	}
	l.send(now, message{data: text}, w)
}

// acknowledged goes on after messages of ours have arrived, in their order.
func (l *Link) acknowledged(now time.Time, id uint32) {
	var done []uint32
	for ours := range l.waiting {
		if l.framing.covers(id, ours) {
			done = append(done, ours)
		}
	}
	slices.SortFunc(done, func(a, b uint32) int { return int(int32(a - b)) })
	for _, ours := range done {
		w := l.waiting[ours]
		delete(l.waiting, ours)
		if w == nil {
			continue // it has ended with one before it
		}
		if w.session != nil {
			w.session.deadline = now.Add(progress)
		}
		if w.then != nil {
			w.then(now)
		}
	}
}

// text takes a piece of an MSNSLP message; with the last one the message is acknowledged and read.
func (l *Link) text(now time.Time, p *piece) error {
	a := l.assemblies[p.message]
	if a == nil || p.offset == 0 && a.total != p.total { // the number is used again
		if p.total > MaxSLP || len(l.assemblies) >= maxAssemblies {
			return fmt.Errorf("a text of %d bytes, while %d others are incomplete, is too much", p.total, len(l.assemblies))
		}
		a = &assembly{total: p.total}
		l.assemblies[p.message] = a
	}
	a.deadline = now.Add(assemblyTime)
	if err := a.add(p, MaxSLP); err != nil {
		delete(l.assemblies, p.message)
		return err
	}
	if a.have < a.total {
		return nil
	}
	delete(l.assemblies, p.message)
	l.acknowledge(p)
	m, err := ParseSLP(a.data)
	if err != nil {
		return err
	}
	l.understand(now, m)
	return nil
}

// add takes a piece, which is in order, or repeated.
func (a *assembly) add(p *piece, limit uint64) error {
	end := p.offset + uint64(len(p.data))
	switch {
	case p.offset > a.have:
		return fmt.Errorf("%w: byte %d came where byte %d is missing", ErrBroken, p.offset, a.have)
	case end > a.total || end > limit:
		return fmt.Errorf("%w: byte %d of %d", ErrTooLarge, end, min(a.total, limit))
	}
	a.data = append(a.data[:p.offset], p.data...)
	a.have = max(a.have, end)
	a.data = a.data[:end]
	return nil
}

func (l *Link) acknowledge(p *piece) {
	if packet := l.framing.acknowledge(p); packet != nil {
		l.out = append(l.out, packet)
	}
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
	nonce := "Nonce"
	if m.Get("Hashed-Nonce") != "" {
		nonce = "Hashed-Nonce"
	}
	body := []Field{{"Bridge", "TCPv1"}, {"Listening", "false"}, {nonce, "{00000000-0000-0000-0000-000000000000}"}}
	if id := m.Get("SessionID"); id != "" {
		body = append(append(body, Field{"SessionID", id}), l.framing.bodyFields()...)
	}
	l.answer(now, m, 200, "OK", body, nil)
}

// invited is somebody who asks for an object of ours, or offers what we do not take.
func (l *Link) invited(now time.Time, m *SLP) {
	sessionID, err := strconv.ParseUint(m.Get("SessionID"), 10, 64)
	id := uint32(sessionID) // some write 64 bits, of which the low ones count (p2p.md 18)
	answer := l.about(id)
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
		ok := &SLP{Status: 200, Reason: "OK", Branch: s.branch, CSeq: 1, CallID: s.callID, Type: SessionRequest, Body: l.about(s.id)}
		l.tell(now, ok, &awaited{session: s, then: func(now time.Time) { l.prepare(now, s) }})
	}
}

// prepare announces the data; official programs drop what comes before they have acknowledged it.
func (l *Link) prepare(now time.Time, s *session) {
	if l.sessions[s.callID] != s {
		return
	}
	m := message{content: preparation, sessionID: s.id, appID: s.appID, data: make([]byte, 4)}
	l.send(now, m, &awaited{session: s, then: func(now time.Time) { l.deliver(now, s) }})
}

// deliver sends the data.
func (l *Link) deliver(now time.Time, s *session) {
	if l.sessions[s.callID] != s {
		return
	}
	l.send(now, message{content: objectData, sessionID: s.id, appID: s.appID, data: s.serving}, &awaited{
		session: s, deadline: now.Add(progress),
		then: func(now time.Time) { s.deadline = now.Add(byeTime); s.served = false; l.serve(now) },
	})
}

// content takes a piece of session data.
func (l *Link) content(now time.Time, p *piece) error {
	s := l.withID(p.sessionID)
	if s == nil || !s.fetching {
		return fmt.Errorf("session %d is none of ours", p.sessionID)
	}
	s.deadline = now.Add(progress)
	if p.content == preparation && s.data == nil {
		l.acknowledge(p)
		return nil
	}
	if s.data == nil {
		if p.total > s.limit {
			l.bye(now, s)
			l.end(s, fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, p.total, s.limit))
			return nil
		}
		s.data = &assembly{total: p.total}
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
	var body []Field
	if more := l.framing.bodyFields(); more != nil {
		body = l.about(s.id)
	}
	l.tell(now, &SLP{Method: "BYE", Branch: guid(), CallID: s.callID, Type: SessionClose, Body: body}, &awaited{})
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
