package msn

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the client's lines of golden dialogues")

// player is the far end of one connection: it replays a dialogue, and fails if the client says anything
// else, to the byte.
type player struct {
	lines []wire.Line
	told  []wire.Line // what was really said, for -update
	hold  bool        // stay connected when the dialogue is over
	from  wire.Side   // whose commands are read
}

// load reads a dialogue from testdata.
func load(t testing.TB, name string) *player {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := wire.ParseTranscript(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &player{lines: lines}
}

// script reads a dialogue from a string; the newlines of the source are its own.
func script(t testing.TB, text string) *player {
	t.Helper()
	lines, err := wire.ParseTranscript(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &player{lines: lines}
}

// play replays the dialogue and then closes, unless hold is set.
func (p *player) play(nc net.Conn) error {
	if !p.hold {
		defer nc.Close()
	}
	var raw bytes.Buffer
	in := wire.NewReader(io.TeeReader(oneByOne{nc}, &raw), p.from)
	for _, line := range p.lines {
		if line.Command.Name == "" {
			continue
		}
		if line.From.String() == "S" {
			if _, err := nc.Write(line.Command.Append(nil, line.From)); err != nil {
				return fmt.Errorf("write %s: %w", line.Command.Name, err)
			}
			p.told = append(p.told, line)
			continue
		}
		raw.Reset()
		got, err := in.Read()
		if err != nil {
			return fmt.Errorf("want %s, got the end: %w", wire.FormatCommand(line.Command, p.from), err)
		}
		want := line.Command.Append(nil, p.from)
		p.told = append(p.told, wire.Line{From: p.from, Command: got, Comment: line.Comment})
		if !*update && !bytes.Equal(raw.Bytes(), want) {
			return fmt.Errorf("want %q, got %q", want, raw.Bytes())
		}
	}
	return nil
}

// oneByOne keeps a reader from reading ahead, so that raw holds one command.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

// save rewrites a dialogue with what was really said.
func (p *player) save(t testing.TB, name string) {
	t.Helper()
	if !*update {
		return
	}
	if err := os.WriteFile(filepath.Join("testdata", name), []byte(wire.FormatTranscript(p.told)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// farEnd is a network of pipes: each dial takes the next player.
type farEnd struct {
	mu      sync.Mutex
	players []*player
	dialled []string
	errs    chan error
	ends    []net.Conn
}

func newFarEnd(players ...*player) *farEnd {
	return &farEnd{players: players, errs: make(chan error, len(players)+1)}
}

// dial is for Config.Dial.
func (f *farEnd) dial(_ context.Context, _, addr string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.players) == 0 {
		return nil, fmt.Errorf("nobody at %s", addr)
	}
	f.dialled = append(f.dialled, addr)
	p := f.players[0]
	f.players = f.players[1:]
	near, far := net.Pipe()
	f.ends = append(f.ends, far)
	go func() { f.errs <- p.play(far) }()
	return near, nil
}

// close ends what was held open.
func (f *farEnd) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, nc := range f.ends {
		_ = nc.Close() // may be closed already
	}
}

// listener collects events.
type listener struct {
	mu     sync.Mutex
	events []Event
}

func (l *listener) handle(_ context.Context, e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// heard returns the events so far.
func (l *listener) heard() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// passportFunc is an http.RoundTripper that never touches a network.
type passportFunc func(*http.Request) *http.Response

func (f passportFunc) RoundTrip(r *http.Request) (*http.Response, error) {
	res := f(r)
	res.Body, res.Request = io.NopCloser(strings.NewReader("")), r
	return res, nil
}

// answer makes a response with one header line.
func answer(status int, name, value string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{name: {value}}}
}

// goodPassport lets anybody in with the given ticket.
func goodPassport(ticket string) *http.Client {
	return &http.Client{Transport: passportFunc(func(r *http.Request) *http.Response {
		if r.Header.Get("Authorization") == "" {
			return answer(200, "Passporturls", "DARealm=Passport.Net,DALogin=login.example.com/login2.srf,ConfigVersion=11")
		}
		return answer(200, "Authentication-Info", "Passport1.4 da-status=success,tname=MSPAuth,from-PP='"+ticket+"',ru=http://messenger.msn.com")
	})}
}

// goodServices is goodPassport with the web services of MSNP13 and later: canned answers by action, from
// testdata/services. asked counts them.
func goodServices(t testing.TB, asked map[string]int) *http.Client {
	t.Helper()
	passport := goodPassport("t=One*!..$$&p=Two").Transport
	var mu sync.Mutex
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		name := strings.ToLower(strings.Trim(filepath.Base(r.Header.Get("SOAPAction")), `"`))
		if strings.HasSuffix(r.URL.Path, ".srf") && r.Method == http.MethodPost {
			name = strings.ToLower(strings.TrimSuffix(filepath.Base(r.URL.Path), ".srf"))
		}
		mu.Lock()
		if asked != nil {
			asked[name]++
		}
		mu.Unlock()
		body, err := os.ReadFile(filepath.Join("testdata", "services", name+".xml"))
		if r.Method != http.MethodPost || err != nil {
			return passport.RoundTrip(r)
		}
		return &http.Response{
			StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"text/xml"}},
			Body: io.NopCloser(bytes.NewReader(body)), Request: r, ContentLength: int64(len(body)),
		}, nil
	})}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// withServices gives a configuration the addresses of web services.
func withServices(t testing.TB, cfg *Config) {
	t.Helper()
	nexus := cfg.Server.Nexus
	cfg.Server = cfg.Server.ServicesAt("https://services.example.com")
	cfg.Server.Nexus = nexus
	cfg.Server.Tickets = []TicketSource{NexusTicket, RSTTicket, RST2Ticket}
	cfg.HTTPClient = goodServices(t, nil)
	cfg.MachineGUID = "{B171BE3E-0000-4000-8000-000000000001}"
}

// testConfig is Alice's.
func testConfig(f *farEnd, l *listener) Config {
	return Config{
		Server:   Server{Notification: "ns.example.com", Nexus: "https://nexus.example.com/rdr/pprdr.asp"},
		Passport: "Alice@example.com", Password: "secret",
		PersonalMessage: PersonalMessage{Text: "At work"},
		Handler:         l.handle, Dial: f.dial, HTTPClient: goodPassport("t=One*!..$$&p=Two"),
	}
}
