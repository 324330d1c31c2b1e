package msntest

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxLifespan is how long a poll may be held.
	maxLifespan = time.Minute
	// maxGatewayBody is for one request; what is more is not read.
	maxGatewayBody = 256 << 10
	// keptSuffixes is how many of the changing parts of a session id are good: a client may have sent a request before it
	// saw the answer to another one.
	keptSuffixes = 4
)

// gatewaySession is one connection that travels in HTTP requests (core.md 4.2, services.md 14). The Server's lock guards it.
type gatewaySession struct {
	id       string
	suffixes []string // newest last
	conn     *conn
	link     *gatewayLink
	waiting  int       // requests under way
	asked    time.Time // end of the last request
	release  chan struct{}
	life     time.Duration
}

func (g *gatewaySession) expired(now time.Time) bool {
	return g.waiting == 0 && now.Sub(g.asked) >= g.life
}

// gateway serves /gateway/gateway.dll: open, send and poll.
func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if s.broken(w, func(f Faults) int { return f.Gateway }) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxGatewayBody))
	if err != nil {
		http.Error(w, "body cut off or too large", http.StatusBadRequest)
		return
	}
	query := queryOf(r.URL.RawQuery)
	var g *gatewaySession
	if strings.EqualFold(query["action"], "open") {
		g = s.openGateway(r, query)
	} else {
		g = s.findGateway(query["sessionid"])
	}
	if g == nil {
		http.Error(w, "no such session", http.StatusBadRequest)
		return
	}
	s.carry(w, r, g, body, lifespan(query))
}

// queryOf reads a query leniently: keys in lower case, the first of each counts.
func queryOf(raw string) map[string]string {
	query := map[string]string{}
	for item := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(item, "=")
		key = strings.ToLower(key)
		if _, known := query[key]; !known {
			query[key] = value
		}
	}
	return query
}

// lifespan is how long a poll may be held.
func lifespan(query map[string]string) time.Duration {
	seconds, err := strconv.Atoi(query["lifespan"])
	if err != nil || seconds < 0 || !strings.EqualFold(query["action"], "poll") {
		return 0
	}
	return min(time.Duration(min(seconds, 3600))*time.Second, maxLifespan)
}

// openGateway starts a session. Anything but NS is a switchboard.
func (s *Server) openGateway(r *http.Request, query map[string]string) *gatewaySession {
	k := switchboards
	if strings.EqualFold(query["server"], "NS") {
		k = notification
	}
	local := r.Host
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		local = addr.String()
	}
	link := newGatewayLink()
	c := &conn{kind: k, link: link, local: local, remote: r.RemoteAddr}
	s.mu.Lock()
	room := len(s.gateways) < s.cfg.MaxConnections
	s.mu.Unlock()
	if !room || !s.admit(c) {
		return nil
	}
	g := &gatewaySession{
		id: randomNumber() + randomNumber(), conn: c, link: link, waiting: 1, life: s.quirks.GatewayExpiry,
		release: make(chan struct{}),
	}
	s.mu.Lock()
	s.gateways[g.id] = g
	s.mu.Unlock()
	s.tasks.Go(func() {
		c.serve()
		s.forget(c)
	})
	return g
}

// findGateway finds the session of a request and takes part in it. A poll that is held is let go for it.
func (s *Server) findGateway(sessionID string) *gatewaySession {
	id, suffix, _ := strings.Cut(sessionID, ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.gateways[id]
	if g == nil {
		return nil
	}
	for _, known := range g.suffixes {
		if known == suffix {
			g.waiting++
			close(g.release)
			g.release = make(chan struct{})
			s.changed()
			return g
		}
	}
	return nil
}

// carry takes a request's bytes to the server and answers with what there is for the client.
func (s *Server) carry(w http.ResponseWriter, r *http.Request, g *gatewaySession, body []byte, hold time.Duration) {
	s.mu.Lock()
	release := g.release
	s.mu.Unlock()
	if s.quirks.KeepGateway {
		hold = 0
	}
	g.link.feed(body)
	g.link.settle(r.Context())
	g.conn.out.pause()
	b, last := g.conn.out.take()
	if len(b) == 0 && !last && hold > 0 {
		b, last = g.wait(r.Context(), release, s.done, hold)
	}
	s.mu.Lock()
	g.waiting--
	g.asked = s.now()
	suffix := strconv.Itoa(len(g.suffixes)) + randomNumber()
	if s.quirks.KeepGateway {
		suffix, last = "", false
	}
	g.suffixes = append(g.suffixes, suffix)
	if n := len(g.suffixes) - keptSuffixes; n > 0 {
		g.suffixes = append([]string{}, g.suffixes[n:]...)
	}
	if last {
		delete(s.gateways, g.id)
	}
	s.changed()
	s.mu.Unlock()
	if last {
		_ = g.link.Close() // lets the reader end; cannot fail
	}

	state := "SessionID=" + g.id
	if suffix != "" {
		state += "." + suffix
	}
	state += "; GW-IP=" + strings.TrimSuffix(r.Host, ":80")
	if last {
		state += "; Session=close"
	}
	header := w.Header()
	header["X-MSN-Messenger"] = []string{state}
	header.Set("Content-Type", "application/x-msn-messenger")
	header.Set("Content-Length", strconv.Itoa(len(b)))
	header.Set("Cache-Control", "no-cache")
	_, _ = w.Write(b) // the client is gone if not; its session expires
}

// wait holds a poll until there is something to tell, another request comes, or its time is over.
func (g *gatewaySession) wait(ctx context.Context, release, done <-chan struct{}, hold time.Duration) ([]byte, bool) {
	timer := time.NewTimer(hold)
	defer timer.Stop()
	for {
		select {
		case <-g.conn.out.wake:
			if b, last := g.conn.out.take(); len(b) > 0 || last {
				return b, last
			}
			continue
		case <-g.conn.out.killed:
		case <-timer.C:
		case <-release:
		case <-done:
		case <-ctx.Done():
			// Whoever asked is gone: leave what comes now for the next request.
			return nil, false
		}
		return g.conn.out.take()
	}
}

// gatewayLink is the client's half of a gateway session as a stream.
type gatewayLink struct {
	mu      sync.Mutex
	moved   chan struct{} // closed and replaced at every change
	in      []byte
	reading bool // the reader waits for more
	closed  bool
}

func newGatewayLink() *gatewayLink { return &gatewayLink{moved: make(chan struct{})} }

func (l *gatewayLink) notify() {
	close(l.moved)
	l.moved = make(chan struct{})
}

// feed appends what a request brought.
func (l *gatewayLink) feed(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && len(b) > 0 {
		l.in = append(l.in, b...)
		l.reading = false
		l.notify()
	}
}

// settle waits until everything that was fed has been handled, as far as it is whole commands.
func (l *gatewayLink) settle(ctx context.Context) {
	l.mu.Lock()
	for !l.closed && !(l.reading && len(l.in) == 0) {
		moved := l.moved
		l.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
	}
	l.mu.Unlock()
}

// Read implements io.Reader for the reading goroutine.
func (l *gatewayLink) Read(p []byte) (int, error) {
	l.mu.Lock()
	for !l.closed && len(l.in) == 0 {
		l.reading = true
		l.notify()
		moved := l.moved
		l.mu.Unlock()
		<-moved
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if l.closed {
		return 0, io.EOF
	}
	n := copy(p, l.in)
	l.in = l.in[n:]
	return n, nil
}

// Close ends the stream.
func (l *gatewayLink) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.notify()
	}
	return nil
}
