package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
)

// service is an MSN service with two accounts.
func service(t *testing.T, cfg msntest.Config) *msntest.Server {
	t.Helper()
	cfg.Accounts = []msntest.Account{
		{Passport: alice, Password: "alice-secret", Friends: []string{bob}, Groups: []string{"Friends"}},
		{Passport: bob, Password: "bob-secret"},
	}
	return msntest.New(t, cfg)
}

// noConfig is a lookup that finds nothing.
func noConfig(_, name string) (msn.Config, []string, error) {
	return msn.Config{}, nil, errors.New("no service " + name)
}

// try runs the command and returns its exit code and what it printed.
func try(t *testing.T, lookup ServerLookup, args ...string) (code int, out, trouble string) {
	t.Helper()
	t.Setenv("MSN_PASSWORD", "")
	t.Setenv("MSN_PEER_PASSWORD", "")
	var stdout, stderr bytes.Buffer
	code = Main(args, &stdout, &stderr, lookup)
	if all := stdout.String() + stderr.String(); strings.Contains(all, "secret") {
		t.Errorf("a password was printed:\n%s", all)
	}
	return code, stdout.String(), stderr.String()
}

func TestEveryVersionPasses(t *testing.T) {
	s := service(t, msntest.Config{})
	for _, transport := range []string{"tcp", "gateway"} {
		t.Run(transport, func(t *testing.T) {
			code, out, trouble := try(t, noConfig, "--ns", s.NSAddr(), "--http", s.HTTPURL(), "--transport", transport, "--version", "all",
				"--user", alice, "--password", "alice-secret", "--peer-user", bob, "--peer-password", "bob-secret", "--allow-changes", "--make-circle")
			if code != exitPassed {
				t.Fatalf("exit code %d\n%s%s", code, out, trouble)
			}
			for _, v := range msn.Versions() {
				if !strings.Contains(out, v.String()+" ") {
					t.Errorf("%s is not in the table:\n%s", v, out)
				}
			}
			if strings.Contains(out, "FAIL") {
				t.Errorf("FAIL in a table that passed:\n%s", out)
			}
		})
	}
}

// TestRequest has somebody add another one who does not know them, with each kind of list, twice.
func TestRequest(t *testing.T) {
	const carol = "carol@example.com"
	s := service(t, msntest.Config{})
	s.AddAccount(msntest.Account{Passport: carol, Password: "carol-secret"})
	for _, v := range []msn.Version{msn.MSNP9, msn.MSNP9, msn.MSNP12, msn.MSNP12, msn.MSNP18, msn.MSNP18} {
		code, out, trouble := try(t, noConfig, "--ns", s.NSAddr(), "--http", s.HTTPURL(), "--version", v.String(), "--json",
			"--user", carol, "--password", "carol-secret", "--peer-user", bob, "--peer-password", "bob-secret", "--allow-changes")
		var doc jsonReport
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitPassed {
			t.Fatalf("%s: exit code %d, %v\n%s%s", v, code, err, out, trouble)
		}
		want := "asked, declined"
		if v < msn.MSNP10 {
			want = "asked; nothing can be declined in this version"
		}
		steps := doc.Versions[0].Steps
		i := slices.IndexFunc(steps, func(s jsonStep) bool { return s.Name == "request" })
		if i < 0 || steps[i].Outcome != outcomeOK || steps[i].Detail != want {
			t.Errorf("%s: %+v", v, steps)
		}
	}
}

func TestFailures(t *testing.T) {
	refused := slices.DeleteFunc(msn.Versions(), func(v msn.Version) bool { return v < msn.MSNP12 })
	s := service(t, msntest.Config{Refuse: refused})
	lookup := func(_, name string) (msn.Config, []string, error) {
		if name != "ours" {
			return noConfig("", name)
		}
		return msn.Config{Server: s.MSN(), Versions: []msn.Version{msn.MSNP8}}, []string{"it is old"}, nil
	}
	private, plain := httptest.NewTLSServer(http.NotFoundHandler()), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(private.Close)
	t.Cleanup(plain.Close)
	flags := func(more ...string) []string {
		return append([]string{"--ns", s.NSAddr(), "--http", s.HTTPURL(), "--user", alice}, more...)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string // in what is printed
	}{
		{"wrong password", flags("--password", "wrong"), exitFailed, "sign-in: FAIL"},
		{"refused version", flags("--password", "alice-secret", "--version", "MSNP12"), exitFailed, "MSNP12 sign-in: FAIL"},
		{"one of all refused", flags("--password", "alice-secret", "--version", "all"), exitFailed, "10 of 18 versions passed"},
		{"auto falls back", flags("--password", "alice-secret"), exitPassed, "MSNP11"},
		{"nobody there", []string{"--ns", "127.0.0.1:1", "--user", alice, "--password", "alice-secret", "--version", "MSNP2"}, exitFailed, "FAIL"},
		{"configured service and its versions", []string{"--server", "ours", "--user", alice, "--password", "alice-secret"}, exitPassed, "MSNP8"},
		{"unknown service", []string{"--server", "theirs", "--user", alice, "--password", "alice-secret"}, exitUsage, "no service theirs"},
		{"no port", []string{"--ns", "127.0.0.1", "--user", alice, "--password", "alice-secret"}, exitUsage, "host:port"},
		{"a certificate of one's own", []string{"--ns", s.NSAddr(), "--http", private.URL, "--user", alice, "--password", "alice-secret", "--version", "MSNP12"}, exitFailed, "`ca_file`"},
		{"no TLS", []string{"--ns", s.NSAddr(), "--http", "https" + strings.TrimPrefix(plain.URL, "http"), "--user", alice, "--password", "alice-secret", "--version", "MSNP12"}, exitFailed, "`tls`"},
		{"HTTP", []string{"--ns", strings.TrimPrefix(plain.URL, "http://"), "--user", alice, "--password", "alice-secret", "--version", "MSNP2"}, exitFailed, "HTTP, and not MSNP"},
		{"no such port", []string{"--ns", "127.0.0.1:99999", "--user", alice, "--password", "alice-secret"}, exitUsage, "host:port"},
		{"no URL", []string{"--ns", s.NSAddr(), "--http", "ftp://x", "--user", alice, "--password", "alice-secret"}, exitUsage, "--http"},
		{"no URL for this", []string{"--ns", s.NSAddr(), "--user", alice, "--password", "alice-secret", "--version", "MSNP8"}, exitUsage, "--http URL"},
		{"no URL, and none needed", []string{"--ns", s.NSAddr(), "--user", alice, "--password", "alice-secret"}, exitPassed, "MSNP7"},
		{"no time", flags("--timeout", "-1s", "--password", "alice-secret"), exitUsage, "more than 0"},
		{"no address", []string{"--ns", s.NSAddr(), "--user", "alice", "--password", "alice-secret"}, exitUsage, "no address"},
		{"no service", []string{"--user", alice, "--password", "alice-secret"}, exitUsage, "say which service"},
		{"two services", flags("--server", "ours", "--password", "alice-secret"), exitUsage, "exclude each other"},
		{"no password", flags(), exitUsage, "no password for " + alice},
		{"no such version", flags("--password", "alice-secret", "--version", "MSNP1"), exitUsage, "allowed are auto, all"},
		{"gateway without address", []string{"--ns", s.NSAddr(), "--transport", "gateway", "--user", alice, "--password", "alice-secret"}, exitUsage, "--http"},
		{"unknown transport", flags("--transport", "pigeon", "--password", "alice-secret"), exitUsage, "allowed are tcp and gateway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, trouble := try(t, lookup, c.args...)
			if code != c.code || !strings.Contains(out+trouble, c.want) {
				t.Errorf("exit code %d, want %d and %q\n%s%s", code, c.code, c.want, out, trouble)
			}
		})
	}
}

// TestTraceHidesPasswords looks at what --trace prints; try checks that no password is in it.
func TestTraceHidesPasswords(t *testing.T) {
	s := service(t, msntest.Config{})
	code, out, trace := try(t, noConfig, "--ns", s.NSAddr(), "--http", s.HTTPURL(), "--version", "MSNP8", "--trace",
		"--user", alice, "--password", "alice-secret")
	if code != exitPassed || !strings.Contains(trace, "C: VER 1 MSNP8 CVR0") || !strings.Contains(trace, "***") {
		t.Errorf("exit code %d\n%s%s", code, out, trace)
	}
}

// TestJSON prints one document with stable words and no secrets.
func TestJSON(t *testing.T) {
	s := service(t, msntest.Config{})
	code, out, trouble := try(t, noConfig, "--ns", s.NSAddr(), "--http", s.HTTPURL(), "--version", "MSNP10", "--json",
		"--user", alice, "--password", "alice-secret", "--peer-user", bob, "--peer-password", "bob-secret")
	if code != exitPassed {
		t.Fatalf("exit code %d\n%s%s", code, out, trouble)
	}
	var doc jsonReport
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if !doc.Passed || len(doc.Versions) != 1 || len(doc.Service) != 3 || doc.Service[0].Outcome != outcomeOK {
		t.Errorf("%+v", doc)
	}
	outcomes := map[string]string{}
	for _, step := range doc.Versions[0].Steps {
		outcomes[step.Name] = step.Outcome
	}
	for name, want := range map[string]string{"sign-in": outcomeOK, "groups": outcomeNotTried, "offline": outcomeNotOffered, "latency": outcomeOK, "picture": outcomeOK} {
		if outcomes[name] != want {
			t.Errorf("%s: %q, want %q", name, outcomes[name], want)
		}
	}
	for _, step := range doc.Versions[0].Steps {
		if step.Outcome != outcomeOK && (step.Detail == "" || strings.Contains(step.Detail, outcomeNotTried)) {
			t.Errorf("%s is %s: %q", step.Name, step.Outcome, step.Detail)
		}
	}
	if len(doc.Cannot)+len(doc.Doubtful)+len(doc.Skipped) > 0 {
		t.Errorf("cannot: %q, %q, %q", doc.Cannot, doc.Doubtful, doc.Skipped)
	}
}

// TestCannot: what a version does not have says nothing about the service, and neither does what failed.
func TestCannot(t *testing.T) {
	s := service(t, msntest.Config{Faults: msntest.Faults{ServiceFault: map[string]string{"GetProfile": "Maintenance"}}})
	for _, c := range []struct {
		version  string
		change   func(*msn.Server)
		cannot   []string
		doubtful []string
		skipped  int
	}{
		{"MSNP12", func(*msn.Server) {}, []string{}, []string{}, 0},
		{"MSNP15", func(*msn.Server) {}, []string{}, []string{"the roaming profile"}, 0},
		{"MSNP15", func(s *msn.Server) { s.Storage = "" }, []string{"There is no roaming profile: name, message and picture do not follow a user from program to program."}, []string{}, 0},
		{"all", func(at *msn.Server) { *at = msn.Server{Notification: at.Notification} }, []string{}, []string{}, 12},
		{"auto", func(at *msn.Server) { *at = msn.Server{Notification: at.Notification} }, []string{}, []string{}, 12},
	} {
		lookup := func(string, string) (msn.Config, []string, error) {
			cfg := msn.Config{Server: s.MSN()}
			c.change(&cfg.Server)
			return cfg, []string{"it is old"}, nil
		}
		_, out, trouble := try(t, lookup, "--server", "ours", "--version", c.version, "--json", "--user", alice, "--password", "alice-secret")
		var doc jsonReport
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err, trouble)
		}
		if !slices.Equal(doc.Cannot, c.cannot) || !slices.Equal(doc.Doubtful, c.doubtful) || len(doc.Skipped) != c.skipped {
			t.Errorf("%s: %q, %q, %q", c.version, doc.Cannot, doc.Doubtful, doc.Skipped)
		}
		if !strings.Contains(trouble, "warning: it is old") {
			t.Errorf("no warning: %q", trouble)
		}
	}
}

// TestConfiguredWay goes the way that the configuration says, and no other.
func TestConfiguredWay(t *testing.T) {
	s := service(t, msntest.Config{})
	var dialled atomic.Int32
	lookup := func(string, string) (msn.Config, []string, error) {
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			return nil, errors.New("the proxy is closed")
		}
		return msn.Config{Server: s.MSN(), Dial: dial, HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil, nil
	}
	code, out, _ := try(t, lookup, "--server", "ours", "--version", "MSNP8", "--user", alice, "--password", "alice-secret")
	if code != exitFailed || dialled.Load() < 4 || strings.Count(out, "the proxy is closed") < 4 || strings.Contains(out, " ok ") {
		t.Errorf("exit code %d after %d connections\n%s", code, dialled.Load(), out)
	}
}

// TestHang says where it hangs.
func TestHang(t *testing.T) {
	s := service(t, msntest.Config{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or nobody hears that the client has gone
		<-r.Context().Done()
	}))
	defer silent.Close()
	for word, change := range map[string]func(*msn.Server){
		"/RST.srf: failed": func(s *msn.Server) { s.RST, s.RST2 = silent.URL+"/RST.srf", silent.URL+"/RST.srf" }, "FindMembership: failed": func(s *msn.Server) { s.Sharing = silent.URL + "/sharing" },
	} {
		lookup := func(string, string) (msn.Config, []string, error) {
			cfg := msn.Config{Server: s.MSN()}
			change(&cfg.Server)
			return cfg, nil, nil
		}
		_, out, _ := try(t, lookup, "--server", "ours", "--version", "MSNP15", "--timeout", "300ms", "--user", alice, "--password", "alice-secret")
		_, said, _ := strings.Cut(out, "sign-in: FAIL")
		said, _, _ = strings.Cut(said, "\n")
		if !strings.Contains(said, "the last that passed was") || !strings.Contains(said, word) {
			t.Errorf("%s: %s", word, said)
		}
	}
}

// TestPutsBack leaves strangers strangers.
func TestPutsBack(t *testing.T) {
	for _, v := range []string{"MSNP7", "MSNP12", "MSNP18"} {
		s := msntest.New(t, msntest.Config{Accounts: []msntest.Account{{Passport: alice, Password: "alice-secret"}, {Passport: bob, Password: "bob-secret"}}})
		code, out, trouble := try(t, noConfig, "--ns", s.NSAddr(), "--http", s.HTTPURL(), "--version", v, "--allow-changes",
			"--user", alice, "--password", "alice-secret", "--peer-user", bob, "--peer-password", "bob-secret")
		if a := s.Account(alice); code != exitPassed || a.On(bob, msn.ForwardList) || a.On(bob, msn.AllowList) || a.On(bob, msn.BlockList) {
			t.Errorf("%s: %+v\n%s%s", v, a.Contacts, out, trouble)
		}
	}
}
