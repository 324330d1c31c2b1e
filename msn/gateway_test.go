package msn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tunnel is an HTTP gateway in memory: each session leads to the next player.
type tunnel struct {
	t       *testing.T
	players []*player
	errs    chan error
	polite  bool // say Session=close

	mu       sync.Mutex
	n        int
	sessions map[string]*tunnelled
	busy     map[*tunnelled]bool
	log      []string
}

// tunnelled is one session.
type tunnelled struct {
	nc     net.Conn
	mu     sync.Mutex
	out    bytes.Buffer
	closed bool
}

func (g *tunnel) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	if q.Get("Action") == "" && q.Get("SessionID") == "" {
		return goodPassport("t=One*!..$$&p=Two").Transport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s := g.session(q)
	if s == nil {
		return &http.Response{StatusCode: 400, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	if len(body) > 0 {
		if _, err := s.nc.Write(body); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return nil, err
		}
	}
	if q.Get("Lifespan") != "" { // held until something comes, or a second
		for began := time.Now(); time.Since(began) < time.Second && !s.waiting(); {
			time.Sleep(50 * time.Millisecond)
		}
	}
	s.mu.Lock()
	answer := bytes.Clone(s.out.Bytes())
	s.out.Reset()
	over := s.closed
	s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	id := fmt.Sprintf("12345.%d", g.n)
	if !over {
		g.sessions[id] = s
	}
	delete(g.busy, s)
	header := "SessionID=" + id + "; GW-IP=192.0.2.1"
	if over && g.polite {
		header += "; Session=close"
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"X-Msn-Messenger": {header}},
		Body: io.NopCloser(bytes.NewReader(answer)), Request: r}, nil
}

func (s *tunnelled) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Len() > 0 || s.closed
}

// session finds or opens the session of a request. An id is good for one request.
func (g *tunnel) session(q url.Values) *tunnelled {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, q.Get("Action")+" "+q.Get("Server")+" "+q.Get("IP"))
	s := g.sessions[q.Get("SessionID")]
	delete(g.sessions, q.Get("SessionID"))
	if q.Get("Action") == "open" {
		near, far := net.Pipe()
		s = &tunnelled{nc: near}
		p := g.players[0]
		g.players = g.players[1:]
		go func() { g.errs <- p.play(far) }()
		go s.gather()
	}
	if s != nil && g.busy[s] {
		g.t.Error("two requests of one session at once")
	}
	g.busy[s] = true
	return s
}

// gather collects what the player says.
func (s *tunnelled) gather() {
	buf := make([]byte, 512)
	for {
		n, err := s.nc.Read(buf)
		s.mu.Lock()
		s.out.Write(buf[:n])
		s.closed = err != nil
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// TestGateway signs in and talks through the HTTP gateway, with an id that changes all the time, and
// learns of the end in both ways that servers have.
func TestGateway(t *testing.T) {
	for _, polite := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			board := enter + call + text("C: MSG 3 A", "hello") + "S: ACK 3\n" + bye
			g := &tunnel{t: t, polite: polite, errs: make(chan error, 2),
				sessions: map[string]*tunnelled{}, busy: map[*tunnelled]bool{}}
			g.players = []*player{script(t, signInMSNP12+xfr(7)+"C: PNG\nS: QNG 60\nS: OUT OTH\n"), script(t, board)}
			l := &listener{}
			cfg := testConfig(newFarEnd(), l)
			only(MSNP12)(&cfg)
			cfg.HTTPClient = &http.Client{Transport: g}
			cfg.Server.UseGateway, cfg.Server.Gateway = true, "http://gateway.example.com/gateway/gateway.dll"
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Run(t.Context()) }()
			if sent, err := send(t, c); err != nil || !sent.Acknowledged {
				t.Errorf("Send = %+v, %v", sent, err)
			}
			if err := c.Leave(t.Context(), With("bob@example.com")); err != nil {
				t.Error(err)
			}
			if err := <-g.errs; err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, ErrLoggedInElsewhere) {
				t.Errorf("Run = %v", err)
			}
			if err := <-g.errs; err != nil {
				t.Error(err)
			}
			log := strings.Join(g.log, "\n")
			if !strings.HasPrefix(log, "open NS ns.example.com") || !strings.Contains(log, "open SB sb.example.com\n") {
				t.Errorf("requests:\n%.200s", log)
			}
		})
	}
}

// brokenTrips never arrive.
type brokenTrips struct{}

func (brokenTrips) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody there")
}

// TestGatewayEnds has gateways that fail in every way: the connection ends with an error, at once.
func TestGatewayEnds(t *testing.T) {
	answers := map[string]func(*http.Request) *http.Response{
		"expired": func(*http.Request) *http.Response { return answer(400, "X", "x") },
		"broken":  func(*http.Request) *http.Response { return answer(502, "X", "x") },
		"closing": func(*http.Request) *http.Response {
			return answer(200, "X-Msn-Messenger", "SessionID=1.2; Session=close")
		},
		"away":       nil,
		"no session": func(*http.Request) *http.Response { return answer(200, "X", "x") },
	}
	for name, serve := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := testConfig(newFarEnd(), &listener{})
				cfg.HTTPClient = &http.Client{Transport: passportFunc(serve)}
				if serve == nil {
					cfg.HTTPClient.Transport = brokenTrips{}
				}
				cfg.Server.UseGateway, cfg.Server.Gateway = true, "http://gateway.example.com/gateway/gateway.dll"
				c, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				why := map[string]string{"expired": "gateway.example.com: HTTP 400", "broken": "HTTP 502", "no session": "no MSN gateway", "away": "nobody there"}[name]
				if err := c.Run(t.Context()); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), why) {
					t.Errorf("Run = %v", err)
				}
			})
		})
	}
}

// TestSessionOf reads the header of the gateway.
func TestSessionOf(t *testing.T) {
	cases := []struct {
		header, id string
		closing    bool
	}{
		{"SessionID=1.2; GW-IP=10.0.0.9", "1.2", false},
		{"GW-IP=10.0.0.9;sessionid=a-b", "a-b", false},
		{"SessionID=1.2; Session=close", "1.2", true},
		{"", "", false},
	}
	for _, tc := range cases {
		if id, closing := sessionOf(tc.header); id != tc.id || closing != tc.closing {
			t.Errorf("%q: %q %t", tc.header, id, closing)
		}
	}
}

// roundTrips answers requests in order and keeps their bodies.
type roundTrips struct {
	answer string
	bodies []string
}

func (r *roundTrips) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.bodies = append(r.bodies, string(body))
	return &http.Response{StatusCode: 200, Header: http.Header{"X-Msn-Messenger": {"SessionID=1.1"}},
		Body: io.NopCloser(strings.NewReader(r.answer)), Request: req}, nil
}

// TestGatewayCloseSendsWhatWaits closes a tunnel while an answer is under way that nobody reads.
func TestGatewayCloseSendsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := &roundTrips{answer: "QNG 50\r\n"}
		nc, err := dialGateway(t.Context(), &http.Client{Transport: trips}, "http://gateway.example.com/", notificationServer, "127.0.0.1:1863")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"PNG\r\n", "OUT\r\n"} {
			if _, err := io.WriteString(nc, line); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the answer to PNG waits for its reader, OUT in the queue
		}
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
		if got := strings.Join(trips.bodies, ""); got != "PNG\r\nOUT\r\n" {
			t.Errorf("the gateway got %q", got)
		}
	})
}
