package msntest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// Server is a running MSN service. Its methods may be called from any goroutine, but not from Config.Trace.
type Server struct {
	cfg    Config
	quirks Quirks
	now    func() time.Time
	done   chan struct{} // closed when Close begins
	tasks  sync.WaitGroup

	mu           sync.Mutex
	accounts     map[string]*account
	listeners    map[string][]*session // who has somebody on their FL by ADL
	conns        map[*conn]struct{}
	switchboards map[string]*switchboard
	cookies      map[string]*cookie
	tickets      map[string]ticket
	gateways     map[string]*gatewaySession
	circles      map[string]*circle // by id
	parties      map[string]*party
	faults       Faults
	doomed       []*conn // whose client does not read: to be cut when nothing is in the middle of a list
	closing      bool
	opened       uint64 // connections so far
	traced       *conn  // whose line was traced last
	began        time.Time
	watchers     int
	change       chan struct{} // closed and replaced when something changes while somebody watches

	secure    *tls.Config // of the HTTP services, nil if there are none behind TLS
	listening listening
}

// Start starts a service. It listens when Start returns; [Server.Close] stops it.
func Start(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("configure: %w", err)
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 4096
	}
	if cfg.DSAddr != "" {
		cfg.Dispatch = true
	}
	cfg.MSNP24 = cfg.MSNP24 || cfg.MSNP24Addr != ""
	s := &Server{
		cfg: cfg, quirks: cfg.Quirks.withDefaults(), now: cfg.Clock, done: make(chan struct{}),
		accounts: map[string]*account{}, conns: map[*conn]struct{}{}, switchboards: map[string]*switchboard{},
		cookies: map[string]*cookie{}, tickets: map[string]ticket{}, gateways: map[string]*gatewaySession{},
		circles: map[string]*circle{}, parties: map[string]*party{}, listeners: map[string][]*session{},
		change: make(chan struct{}), faults: cfg.Faults,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.began = s.now().Truncate(time.Millisecond)
	for _, a := range cfg.Accounts {
		if err := s.addAccount(a); err != nil {
			return nil, fmt.Errorf("account %q: %w", a.Passport, err)
		}
	}
	for _, a := range cfg.Accounts {
		s.preset(a)
	}
	if err := s.prepareHTTPS(); err != nil {
		return nil, err
	}
	if err := s.presetWeb(); err != nil {
		return nil, err
	}
	if err := s.listening.open(s); err != nil {
		return nil, err
	}
	s.tasks.Go(s.sweepAlways)
	return s, nil
}

// Close tells everybody that the service goes down (OUT SSD), closes everything and waits until all goroutines have ended.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		s.tasks.Wait()
		return nil
	}
	s.closing = true
	close(s.done)
	s.faults = Faults{}
	for c := range s.conns {
		c.out.hold(0)
		s.tellOut(c, "SSD")
	}
	s.mu.Unlock()
	err := s.listening.close() // requests that wait at the gateway get the news first
	s.cutAll(viaGateway)
	stop := time.AfterFunc(farewellTime, func() { s.cutAll(func(*conn) bool { return true }) })
	s.tasks.Wait()
	stop.Stop()
	return err
}

// farewellTime is how long clients may take to read that the service goes down.
const farewellTime = 3 * time.Second

// cutAll closes the connections that which picks.
func (s *Server) cutAll(which func(*conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if which(c) {
			c.cut()
		}
	}
}

// viaGateway tells whether a connection travels in HTTP.
func viaGateway(c *conn) bool {
	_, ok := c.link.(*gatewayLink)
	return ok
}

// NSAddr is the address of the notification server, "host:port".
func (s *Server) NSAddr() string { return s.listening.addr(notification) }

// SBAddr is the address of the switchboard server.
func (s *Server) SBAddr() string { return s.listening.addr(switchboards) }

// DSAddr is the address of the dispatch server, or "" if there is none.
func (s *Server) DSAddr() string { return s.listening.addr(dispatch) }

// MSNP24Addr is the address of the server that speaks MSNP24, or "" if there is none.
func (s *Server) MSNP24Addr() string { return s.listening.addr(messenger24) }

// HTTPURL is the base URL of the HTTP services, without a slash at its end.
func (s *Server) HTTPURL() string { return "http://" + s.listening.httpAddr() }

// MSN is how a client of package msn reaches the service: by way of the dispatch server if there is one, with TLS if the
// service has it (and then trusting its certificate).
func (s *Server) MSN() msn.Server {
	server := msn.Server{Notification: s.NSAddr(), MSNP24: s.MSNP24Addr()}
	if addr := s.DSAddr(); addr != "" {
		server.Notification = addr
	}
	if s.cfg.TLS != nil {
		server.TLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		for _, cert := range s.cfg.TLS.Certificates {
			for _, der := range cert.Certificate {
				if parsed, err := x509.ParseCertificate(der); err == nil { // one that cannot be parsed was never usable
					server.TLS.RootCAs.AddCert(parsed)
				}
			}
		}
	}
	return server.ServicesAt(s.HTTPURL())
}

// StopListening closes all listeners, the HTTP services with them, and cuts all connections without a word, as a machine
// that fails. Accounts and their lists stay. [Server.Resume] brings the service back.
func (s *Server) StopListening() error {
	s.cutAll(func(*conn) bool { return true })
	err := s.listening.close()
	s.cutAll(func(*conn) bool { return true }) // those that came meanwhile
	return err
}

// Resume listens again on the same ports after [Server.StopListening].
func (s *Server) Resume() error {
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return errors.New("resume: the service is closed")
	}
	return s.listening.open(s)
}

// accept starts serving one TCP connection.
func (s *Server) accept(k kind, nc net.Conn) {
	c := &conn{kind: k, link: nc, local: nc.LocalAddr().String(), remote: nc.RemoteAddr().String()}
	if !s.admit(c) {
		_ = nc.Close() // refused
		return
	}
	s.tasks.Go(func() { c.write(nc) })
	s.tasks.Go(func() {
		c.serve()
		s.forget(c)
	})
}

// admit makes a connection part of the service, if there is room.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.conns) >= 2*s.cfg.MaxConnections {
		return false
	}
	s.opened++
	c.srv, c.number, c.opened, c.out = s, s.opened, s.now(), newOutbox()
	switch c.kind {
	case switchboards:
		c.peer = &participant{conn: c}
	case messenger24:
		c.peer = &interpreter{session: &session{conn: c, dialect: newDialect24()}}
	default:
		c.peer = &session{conn: c}
	}
	c.out.hold(s.delayFor(c))
	s.conns[c] = struct{}{}
	return true
}

// forget removes a connection whose goroutines are done.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.end()
	s.reap()
	delete(s.conns, c)
	if s.traced == c {
		s.traced = nil
	}
	s.changed()
}

// lost notes why reading ended.
func (s *Server) lost(c *conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var broken *wire.SyntaxError
	if errors.As(err, &broken) && !c.over {
		s.traceComment(c, broken.Error())
	}
	c.end()
}

// handle does one command. false means that the connection is over.
func (s *Server) handle(c *conn, cmd wire.Command) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.over {
		return false
	}
	s.trace(c, cmd, c.kind.client())
	c.commands++
	f := s.faultsFor(c)
	code, refused := f.Refuse[cmd.Name]
	switch {
	case f.DropAfter > 0 && c.commands >= f.DropAfter:
		c.cut()
		return false
	case f.Silent:
		return true
	case len(f.Garbage) > 0 && !c.soiled:
		c.soiled = true
		c.out.add(f.Garbage)
	}
	if refused {
		c.fail(cmd, code)
	} else {
		c.peer.handle(cmd)
	}
	s.reap()
	c.out.hold(s.delayFor(c)) // signing in may have told whose connection this is
	s.changed()
	return !c.over
}

// reap cuts the connections whose outbox is full or broken. The lock is held.
func (s *Server) reap() {
	for len(s.doomed) > 0 {
		c := s.doomed[0]
		s.doomed = s.doomed[1:]
		if !c.over {
			c.cut()
		}
	}
}

// tellOut ends a connection with OUT and a reason, which may be empty. Switchboards have no reasons.
func (s *Server) tellOut(c *conn, reason string) {
	if c.kind != switchboards {
		if reason == "" {
			c.push("OUT")
		} else {
			c.push("OUT", reason)
		}
	}
	c.hangUp()
}

// trace reports one command. The lock is held.
func (s *Server) trace(c *conn, cmd wire.Command, from wire.Side) {
	if s.cfg.Trace == nil {
		return
	}
	s.traceWhose(c)
	text := wire.FormatCommand(wire.Redact(cmd, from), from)
	s.cfg.Trace(text[:len(text)-1])
}

func (s *Server) traceComment(c *conn, text string) {
	if s.cfg.Trace != nil {
		s.traceWhose(c)
		s.cfg.Trace("# " + text)
	}
}

// traceWhose writes a comment if the line before was another connection's.
func (s *Server) traceWhose(c *conn) {
	if s.traced == c {
		return
	}
	s.traced = c
	who := c.passport()
	if who == "" {
		who = c.remote
	}
	s.cfg.Trace(fmt.Sprintf("# %s %d %s", c.kind, c.number, who))
}

// changed wakes those who watch. The lock is held.
func (s *Server) changed() {
	if s.watchers > 0 {
		close(s.change)
		s.change = make(chan struct{})
	}
}

// httpServer makes the HTTP part anew, as it can be used once.
func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      maxLifespan + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return context.Background() },
		ErrorLog:          quietLog,
	}
}
