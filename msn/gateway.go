package msn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	gatewayTimeout  = 60 * time.Second       // for one request
	gatewayFlush    = 5 * time.Second        // for what is still to be sent when we close
	gatewayFastPoll = 20 * time.Millisecond  // first pause after traffic, doubled from poll to poll
	gatewaySlowPoll = 2 * time.Second        // longest pause (core.md 4.2: what clients used)
	gatewayHeld     = 300 * time.Millisecond // a poll that took longer was held by the server
	gatewayMaxBody  = 32 << 10               // bytes of commands per request
	gatewayMaxQueue = 1 << 20                // bytes of commands that wait for a request
)

// gatewayConn is a connection tunnelled through HTTP requests (core.md 4.2, services.md 14). To its
// user it is one end of a pipe; two goroutines stand at the other end: collect gathers what is to be
// sent, and pump makes one request after another. Close waits for both.
type gatewayConn struct {
	net.Conn          // the user's end
	far      net.Conn // our end

	http   *http.Client
	url    string
	at     string // its host, for errors
	open   string // query of the first request
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	queue  []byte
	failed error         // why the tunnel ended, nil if a side wanted it
	closed bool          // the user closed: nothing more comes into queue
	work   chan struct{} // one slot: queue or closed has changed
	space  chan struct{} // one slot: queue has shrunk
}

// dialGateway makes the tunnel. No request is made before the first bytes are written, because the
// opening request carries them.
func dialGateway(ctx context.Context, client *http.Client, gateway string, kind serverKind, addr string) (net.Conn, error) {
	target, err := url.Parse(gateway)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("gateway URL %q is not one", gateway)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	near, far := net.Pipe()
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g := &gatewayConn{
		Conn: near, far: far, http: client, url: gateway, at: target.Host, cancel: cancel,
		open: "Action=open&Server=" + string(kind) + "&IP=" + url.QueryEscape(host),
		work: make(chan struct{}, 1), space: make(chan struct{}, 1),
	}
	g.tasks.Go(g.collect)
	g.tasks.Go(func() { g.pump(life) })
	return g, nil
}

// Read gives what the gateway brings, and at the end why it is one.
func (g *gatewayConn) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.failed != nil {
			err = g.failed
		}
	}
	return n, err
}

// Close sends what is still waiting, ends the tunnel and waits for its goroutines. Calling it again
// does no harm.
func (g *gatewayConn) Close() error {
	err := g.Conn.Close()
	timer := time.AfterFunc(gatewayFlush, g.cancel)
	g.tasks.Wait()
	timer.Stop()
	g.cancel()
	return err
}

// collect moves what the user writes into the queue.
func (g *gatewayConn) collect() {
	buf := make([]byte, 2048)
	for {
		n, err := g.far.Read(buf)
		g.mu.Lock()
		g.queue = append(g.queue, buf[:n]...)
		g.closed = err != nil
		full := len(g.queue) > gatewayMaxQueue
		g.mu.Unlock()
		notify(g.work)
		if err != nil {
			return
		}
		for full { // the user's writes block meanwhile
			<-g.space
			g.mu.Lock()
			full = len(g.queue) > gatewayMaxQueue
			g.mu.Unlock()
		}
	}
}

func notify(slot chan struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}

// take gets the next bytes to send.
func (g *gatewayConn) take() (body []byte, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.queue), gatewayMaxBody)
	body = bytes.Clone(g.queue[:n])
	g.queue = g.queue[n:]
	if len(g.queue) == 0 {
		g.queue = nil
	}
	notify(g.space)
	return body, g.closed && g.queue == nil
}

// pump makes the requests until the tunnel ends.
func (g *gatewayConn) pump(ctx context.Context) {
	defer func() {
		_ = g.far.Close() // gives the user io.EOF and ends collect
		g.mu.Lock()
		g.queue = nil
		g.mu.Unlock()
		notify(g.space)
	}()
	session, pause := "", gatewayFastPoll
	hold := false // the last poll showed no sign that the server would not hold it
	for {
		body, closed := g.take()
		if len(body) == 0 {
			if closed || !g.rest(ctx, pause, session == "") {
				return
			}
			if body, closed = g.take(); closed && len(body) == 0 {
				return
			}
		}
		if session == "" && len(body) == 0 {
			continue
		}
		hold = pause >= gatewaySlowPoll
		began := time.Now()
		next, n, err := g.request(ctx, session, body, hold)
		if err != nil {
			if !errors.Is(err, errGatewayEnd) && ctx.Err() == nil {
				g.mu.Lock()
				g.failed = err
				g.mu.Unlock()
			}
			return
		}
		session = next
		switch {
		case n > 0 || len(body) > 0:
			pause = gatewayFastPoll
		case hold && time.Since(began) >= gatewayHeld: // the server waits for us: no need to
		default:
			pause = min(2*pause, gatewaySlowPoll)
		}
	}
}

// rest waits until there is something to send or it is time to poll; before the session is open there
// is nothing to poll. It is false when the tunnel ends.
func (g *gatewayConn) rest(ctx context.Context, pause time.Duration, unopened bool) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	due := timer.C
	if unopened {
		due = nil
	}
	select {
	case <-g.work:
	case <-due:
	case <-ctx.Done():
		return false
	}
	return true
}

// errGatewayEnd says that the server ended the tunnelled connection.
var errGatewayEnd = errors.New("the gateway ended the session")

// request makes one request, passes its body on, and returns the newest session id and how many bytes
// came. GW-IP is not followed: servers put there what is not to be reached (services.md 14).
func (g *gatewayConn) request(ctx context.Context, session string, body []byte, hold bool) (next string, n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
	defer cancel()
	query := g.open
	switch {
	case session != "" && len(body) > 0:
		query = "SessionID=" + url.QueryEscape(session)
	case session != "" && hold:
		query = "Action=poll&Lifespan=1&SessionID=" + url.QueryEscape(session)
	case session != "":
		query = "Action=poll&SessionID=" + url.QueryEscape(session)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"?"+query, bytes.NewReader(body))
	if err != nil {
		return "", 0, fmt.Errorf("gateway at %s: %w", g.at, err)
	}
	req.Header.Set("Content-Type", "application/x-msn-messenger")
	req.Header.Set("User-Agent", "MSMSGS")
	req.Header.Set("Pragma", "no-cache")
	res, err := g.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the session in the URL
		}
		return "", 0, fmt.Errorf("gateway at %s: %w", g.at, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("gateway at %s: HTTP %d", g.at, res.StatusCode)
	}
	next, closing := sessionOf(res.Header.Get("X-MSN-Messenger"))
	if next == "" {
		next = session
	}
	if next == "" {
		return "", 0, fmt.Errorf("gateway at %s: what answers there is no MSN gateway", g.at)
	}
	n, err = io.Copy(untilClosed{g.far}, res.Body)
	if err == nil && closing {
		err = errGatewayEnd
	}
	return next, n, err
}

// untilClosed passes bytes on to the user as long as there is one: an answer that nobody reads any more must not end the
// tunnel, or what the user wrote last (OUT) would stay in the queue.
type untilClosed struct{ io.Writer }

func (u untilClosed) Write(b []byte) (int, error) {
	if _, err := u.Writer.Write(b); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return 0, err
	}
	return len(b), nil
}

// sessionOf reads the X-MSN-Messenger header.
func sessionOf(header string) (id string, closing bool) {
	for part := range strings.SplitSeq(header, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case strings.EqualFold(key, "SessionID"):
			id = value
		case strings.EqualFold(key, "Session") && strings.EqualFold(value, "close"):
			closing = true
		}
	}
	return id, closing
}
