package msntest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// listening is the set of open ports. It has its own lock, never held together with the Server's.
type listening struct {
	mu        sync.Mutex // held while opening and closing, which takes time
	listeners []net.Listener
	web       *http.Server

	names sync.RWMutex    // held for a moment
	addrs map[kind]string // known after the first open, kept while closed
	http  string
	https string // "" if there is none
}

// quietLog is for net/http, whose complaints about clients are nobody's business here.
var quietLog = log.New(io.Discard, "", 0)

func (l *listening) addr(k kind) string {
	l.names.RLock()
	defer l.names.RUnlock()
	return l.addrs[k]
}

func (l *listening) httpAddr() string {
	l.names.RLock()
	defer l.names.RUnlock()
	return l.http
}

// open listens on the addresses of before, else on the configured ones. On failure nothing stays open.
func (l *listening) open(s *Server) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listeners != nil {
		return errors.New("listen: already listening")
	}
	defer func() {
		if err != nil {
			for _, open := range l.listeners {
				_ = open.Close() // the first error says more
			}
			l.listeners = nil
		}
	}()
	l.names.RLock()
	addrs, webAddr, securedAddr := maps.Clone(l.addrs), l.http, l.https
	l.names.RUnlock()
	if addrs == nil {
		addrs = map[kind]string{notification: s.cfg.NSAddr, switchboards: s.cfg.SBAddr}
		if s.cfg.Dispatch {
			addrs[dispatch] = s.cfg.DSAddr
		}
		if s.cfg.MSNP24 {
			addrs[messenger24] = s.cfg.MSNP24Addr
		}
		webAddr, securedAddr = s.cfg.HTTPAddr, s.cfg.HTTPSAddr
	}

	type server struct {
		kind     kind
		listener net.Listener
	}
	var servers []server
	for _, k := range []kind{dispatch, notification, switchboards, messenger24} {
		addr, wanted := addrs[k]
		if !wanted {
			continue
		}
		listener, err := l.listen(k.String(), addr)
		if err != nil {
			return err
		}
		addrs[k] = listener.Addr().String()
		servers = append(servers, server{k, listener})
	}
	web, err := l.listen("HTTP", webAddr)
	if err != nil {
		return err
	}
	var secured net.Listener
	if s.secure != nil {
		if secured, err = l.listen("HTTPS", securedAddr); err != nil {
			return err
		}
		securedAddr = secured.Addr().String()
	}
	l.names.Lock()
	l.addrs, l.http, l.https = addrs, web.Addr().String(), securedAddr
	l.names.Unlock()
	l.web = s.httpServer()

	for _, server := range servers {
		listener := server.listener
		if s.cfg.TLS != nil {
			listener = tls.NewListener(listener, s.cfg.TLS)
		}
		s.tasks.Go(func() { s.acceptAll(server.kind, listener) })
	}
	handler := l.web
	for _, listener := range s.webListeners(web, secured) {
		s.tasks.Go(func() { _ = handler.Serve(listener) }) // it ends when it is closed
	}
	return nil
}

func (l *listening) listen(what, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	l.listeners = append(l.listeners, listener)
	return listener, nil
}

// close closes all listeners and ends the HTTP requests under way.
func (l *listening) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed error
	for _, listener := range l.listeners {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = errors.Join(failed, fmt.Errorf("stop listening: %w", err))
		}
	}
	l.listeners = nil
	if l.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if l.web.Shutdown(ctx) != nil {
			_ = l.web.Close() // whoever is still there had three seconds
		}
		l.web = nil
	}
	return failed
}

// acceptAll serves one listener until it is closed.
func (s *Server) acceptAll(k kind, listener net.Listener) {
	for {
		nc, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Too many open files, or a client that went away: neither ends the service.
			select {
			case <-s.done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		case s.full():
			_ = nc.Close() // refused
		default:
			s.accept(k, nc)
		}
	}
}

// full tells whether there is no room for a further TCP connection.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)-len(s.gateways) >= s.cfg.MaxConnections
}

// boundedListener closes connections at once when there are too many.
type boundedListener struct {
	net.Listener
	mu   sync.Mutex
	room int
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.take() {
			return &boundedConn{Conn: nc, l: l}, nil
		}
		_ = nc.Close() // refused
	}
}

func (l *boundedListener) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room == 0 {
		return false
	}
	l.room--
	return true
}

type boundedConn struct {
	net.Conn
	l    *boundedListener
	once sync.Once
}

func (c *boundedConn) Close() error {
	c.once.Do(func() {
		c.l.mu.Lock()
		defer c.l.mu.Unlock()
		c.l.room++
	})
	return c.Conn.Close()
}
