package msntest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNexus(t *testing.T) {
	s := New(t, fixture())
	for path, login := range map[string]string{
		"/rdr/pprdr.asp": "/login2.srf", "//RDR//pprdr.asp": "/login2.srf", "/nexus-mock": "/login",
	} {
		answer := get(t, s.HTTPURL()+path, "")
		want := "DALogin=" + s.HTTPURL() + login + ","
		if got := answer.Header.Get("PassportURLs"); answer.StatusCode != 200 || !strings.Contains(got, want) {
			t.Errorf("%s: %s, %q", path, answer.Status, got)
		}
	}
	// The letter case of the header matters to old clients.
	c := dialRaw(t, strings.TrimPrefix(s.HTTPURL(), "http://"))
	defer c.nc.Close()
	if _, err := io.WriteString(c.nc, "GET /rdr/pprdr.asp HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c.in)
	if err != nil || !bytes.Contains(text, []byte("\r\nPassportURLs: DARealm=")) {
		t.Errorf("got %q, %v", text, err)
	}
	if answer := get(t, s.HTTPURL()+"/rdr/other.asp", ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %s", answer.Status)
	}
}

func TestLogin(t *testing.T) {
	s := New(t, fixture())
	if err := s.AddAccount(Account{Passport: "long@example.com", Password: "0123456789abcdefXYZ"}); err != nil {
		t.Fatal(err)
	}
	url := s.HTTPURL() + "/login2.srf"
	for _, c := range []struct {
		name, authorization string
		status              int
	}{
		{"right", authorization("alice@example.com", "secret"), 200},
		{"another letter case", authorization("ALICE@example.com", "secret"), 200},
		{"long password", authorization("long@example.com", "0123456789abcdefXYZ"), 200},
		{"first 16 characters", authorization("long@example.com", "0123456789abcdef"), 401},
		{"colon in password", authorization("bob@example.com", "builder:yes"), 200},
		{"wrong password", authorization("alice@example.com", "Secret"), 401},
		{"no password", authorization("alice@example.com", ""), 401},
		{"unknown", authorization("nobody@example.com", "secret"), 401},
		{"no header", "", 401},
		{"other scheme", "Basic YWxpY2U6c2VjcmV0", 401},
		{"nonsense", "Passport1.4 ,,,=,sign-in,pwd", 401},
	} {
		answer := get(t, url, c.authorization)
		info, challenge := answer.Header.Get("Authentication-Info"), answer.Header.Get("WWW-Authenticate")
		if answer.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, answer.Status)
		}
		if good := strings.HasPrefix(info, "Passport1.4 da-status=success,") && strings.Contains(info, ",from-PP='t="); good != (c.status == 200) {
			t.Errorf("%s: %q", c.name, info)
		}
		if bad := strings.HasPrefix(challenge, "Passport1.4 da-status=failed,"); bad != (c.status == 401) {
			t.Errorf("%s: %q", c.name, challenge)
		}
	}
}

// TestPasswordCut has a service that looks at the beginning of a password alone, as Passport did.
func TestPasswordCut(t *testing.T) {
	cfg := fixture()
	cfg.Quirks.PasswordCut = 16
	s := New(t, cfg)
	if err := s.AddAccount(Account{Passport: "long@example.com", Password: "0123456789abcdefXYZ"}); err != nil {
		t.Fatal(err)
	}
	for password, status := range map[string]int{"0123456789abcdef": 200, "0123456789abcdefABC": 200, "0123456789abcde": 401} {
		if answer := get(t, s.HTTPURL()+"/login2.srf", authorization("long@example.com", password)); answer.StatusCode != status {
			t.Errorf("%s: %s", password, answer.Status)
		}
	}
}

func TestLoginFaults(t *testing.T) {
	s := New(t, fixture())
	good := authorization("alice@example.com", "secret")
	s.SetFaults(Faults{LoginRedirect: true})
	answer := get(t, s.HTTPURL()+"/login2.srf", good)
	location := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusFound || location != s.HTTPURL()+"/login2.srf?lc=1033" {
		t.Fatalf("got %s to %q", answer.Status, location)
	}
	if answer := get(t, location, good); answer.StatusCode != http.StatusOK {
		t.Errorf("got %s", answer.Status)
	}
	s.SetFaults(Faults{Login: 503, Nexus: 503, Gateway: 500})
	for _, path := range []string{"/login", "/nexus-mock"} {
		if answer := get(t, s.HTTPURL()+path, good); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if status, _, _ := post(t, s, "Action=open&Server=NS&IP=x", ""); status != 500 {
		t.Errorf("gateway: %d", status)
	}
	s.SetFaults(Faults{Login: 401})
	if answer := get(t, s.HTTPURL()+"/login", good); answer.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
}

// post makes one gateway request. state is X-MSN-Messenger.
func post(t testing.TB, s *Server, query, body string) (status int, state map[string]string, answer string) {
	t.Helper()
	return postContext(context.Background(), t, s, query, body)
}

func postContext(ctx context.Context, t testing.TB, s *Server, query, body string) (int, map[string]string, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.HTTPURL()+"/gateway/gateway.dll?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() == nil {
			t.Errorf("post: %v", err)
		}
		return 0, nil, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("post: %v", err)
	}
	state := map[string]string{}
	for item := range strings.SplitSeq(response.Header.Get("X-MSN-Messenger"), "; ") {
		key, value, _ := strings.Cut(item, "=")
		state[key] = value
	}
	return response.StatusCode, state, string(text)
}

func TestGateway(t *testing.T) {
	s := New(t, fixture())
	// The open request may bring several commands.
	status, state, text := post(t, s, "Action=open&Server=NS&IP=messenger.hotmail.com", "VER 1 MSNP7 CVR0\r\nINF 2\r\nUSR 3 MD5 I alice@exa")
	if status != 200 || text != "VER 1 MSNP7\r\nINF 2 MD5\r\n" {
		t.Fatalf("got %d, %q", status, text)
	}
	if state["GW-IP"] != strings.TrimPrefix(s.HTTPURL(), "http://") {
		t.Errorf("GW-IP %q", state["GW-IP"])
	}
	first := state["SessionID"]
	status, state, text = post(t, s, "SessionID="+first, "mple.com\r\n")
	challenge, ok := strings.CutPrefix(strings.TrimSpace(text), "USR 3 MD5 S ")
	if status != 200 || !ok {
		t.Fatalf("got %d, %q", status, text)
	}
	if state["SessionID"] == first {
		t.Error("the session id does not change")
	}
	_, state, text = post(t, s, "SessionID="+state["SessionID"], "USR 4 MD5 S "+md5Hex(challenge+"secret")+"\r\nCHG 5 NLN\r\n")
	if !strings.HasPrefix(text, "USR 4 OK alice@example.com Alice%20A 1\r\nMSG Hotmail Hotmail ") || !strings.Contains(text, "CHG 5 NLN\r\n") {
		t.Fatalf("got %q", text)
	}
	status, state, text = post(t, s, "Action=poll&SessionID="+state["SessionID"], "")
	if status != 200 || text != "" {
		t.Fatalf("got %d, %q", status, text)
	}

	// A held poll answers when something comes.
	type answer struct {
		state map[string]string
		text  string
	}
	polled := make(chan answer, 1)
	go func() {
		_, state, text := post(t, s, "Action=poll&Lifespan=15&SessionID="+state["SessionID"], "")
		polled <- answer{state, text}
	}()
	play(t, s, "bob signs in MSNP2\nbob C: CHG 5 BSY\nbob S: CHG 5 BSY\nbob S: ILN 5 ...")
	got := <-polled
	if got.text != "NLN BSY bob@example.com Bob\r\n" {
		t.Fatalf("got %q", got.text)
	}

	// The end is told once, with the last bytes.
	_, state, text = post(t, s, "SessionID="+got.state["SessionID"], "OUT\r\n")
	if state["Session"] != "close" || text != "" {
		t.Fatalf("got %v, %q", state, text)
	}
	if status, _, _ := post(t, s, "Action=poll&SessionID="+state["SessionID"], ""); status != http.StatusBadRequest {
		t.Errorf("got %d after the end", status)
	}
	if err := s.WaitSignedOut(timeout(t), "alice@example.com"); err != nil {
		t.Error(err)
	}
}

// TestGatewaySwitchboard opens a switchboard through the gateway as well.
func TestGatewaySwitchboard(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, `
alice signs in MSNP8
alice C: CHG 5 NLN 0
alice S: CHG 5 NLN 0
alice S: CHL 0 *
alice C: XFR 6 SB
alice S: XFR 6 SB $sb CKI $cookie`)
	_, state, text := post(t, s, "Action=open&Server=SB&IP=127.0.0.1", "USR 1 alice@example.com "+p.kept["cookie"]+"\r\n")
	if text != "USR 1 OK alice@example.com Alice%20A\r\n" {
		t.Fatalf("got %q", text)
	}
	_, state, text = post(t, s, "SessionID="+state["SessionID"], "MSG 2 A 0\r\nCAL 3 x\r\n")
	if text != "NAK 2\r\n208 3\r\n" {
		t.Fatalf("got %q", text)
	}
	_, state, text = post(t, s, "SessionID="+state["SessionID"], "XYZ 1\r\n")
	if state["Session"] != "close" || text != "" {
		t.Fatalf("got %v, %q", state, text)
	}
}

func TestGatewayBadRequests(t *testing.T) {
	s := New(t, fixture())
	for _, query := range []string{"", "Action=poll", "SessionID=1.2", "Action=poll&SessionID=", "Action=x&SessionID=%zz"} {
		if status, _, _ := post(t, s, query, ""); status != http.StatusBadRequest {
			t.Errorf("%q: %d", query, status)
		}
	}
	if answer := get(t, s.HTTPURL()+"/gateway/gateway.dll?Action=open&Server=NS", ""); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", answer.Status)
	}
	if status, _, _ := post(t, s, "Action=open&Server=NS", strings.Repeat("x", maxGatewayBody+1)); status != http.StatusBadRequest {
		t.Errorf("too large: %d", status)
	}
	// An id that was good long ago.
	_, state, _ := post(t, s, "Action=open&Server=NS", "")
	first := state["SessionID"]
	for range keptSuffixes {
		_, state, _ = post(t, s, "Action=poll&SessionID="+state["SessionID"], "")
	}
	if status, _, _ := post(t, s, "Action=poll&SessionID="+first, ""); status != http.StatusBadRequest {
		t.Errorf("old id: %d", status)
	}
}

func TestGatewayExpires(t *testing.T) {
	c := newClock()
	cfg := fixture()
	cfg.Clock = c.Now
	s := New(t, cfg)
	_, state, text := post(t, s, "Action=open&Server=NS", "VER 1 MSNP2\r\n")
	if text != "VER 1 MSNP2\r\n" {
		t.Fatalf("got %q", text)
	}
	c.advance(s, 59*time.Second)
	status, state, _ := post(t, s, "Action=poll&SessionID="+state["SessionID"], "")
	if status != 200 {
		t.Fatalf("got %d", status)
	}
	c.advance(s, 2*time.Minute)
	if status, _, _ := post(t, s, "Action=poll&SessionID="+state["SessionID"], ""); status != http.StatusBadRequest {
		t.Errorf("got %d", status)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gateways) != 0 {
		t.Error("the session stays")
	}
}

// TestGatewayOvertaken lets a held poll go when another request comes, and when its client goes away.
func TestGatewayOvertaken(t *testing.T) {
	s := New(t, fixture())
	_, state, _ := post(t, s, "Action=open&Server=NS", "VER 1 MSNP2\r\n")
	id := state["SessionID"]
	polled := make(chan int, 1)
	go func() {
		status, _, _ := post(t, s, "Action=poll&Lifespan=60&SessionID="+id, "")
		polled <- status
	}()
	waitRequests(t, s, 1)
	if _, _, text := post(t, s, "SessionID="+id, "INF 2\r\n"); text != "INF 2 MD5\r\n" {
		// The poll may have taken the answer with it, since it was let go: it is not lost.
		if text != "" {
			t.Fatalf("got %q", text)
		}
	}
	if status := <-polled; status != 200 {
		t.Errorf("got %d", status)
	}
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		postContext(ctx, t, s, "Action=poll&Lifespan=60&SessionID="+id, "")
	}()
	waitRequests(t, s, 1)
	cancel()
	<-gone
	waitRequests(t, s, 0)
}

// waitRequests waits until that many gateway requests are under way.
func waitRequests(t *testing.T, s *Server, n int) {
	t.Helper()
	waitUntil(t, s, func() bool {
		waiting := 0
		for _, g := range s.gateways {
			waiting += g.waiting
		}
		return waiting == n
	})
}

// waitUntil waits for a condition, which is asked with the lock held.
func waitUntil(t testing.TB, s *Server, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers++
	defer func() { s.watchers-- }()
	for !condition() {
		change := s.change
		s.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
		}
		s.mu.Lock()
		if ctx.Err() != nil {
			t.Fatal("waited in vain")
		}
	}
}
