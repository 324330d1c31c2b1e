package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
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
func noConfig(_, name string) (msn.Server, []msn.Version, error) {
	return msn.Server{}, nil, errors.New("no service " + name)
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
	lookup := func(_, name string) (msn.Server, []msn.Version, error) {
		if name != "ours" {
			return noConfig("", name)
		}
		return s.MSN(), []msn.Version{msn.MSNP8}, nil
	}
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
	if !slices.ContainsFunc(doc.Cannot, func(s string) bool { return strings.HasPrefix(s, "Offline messages are not kept") }) {
		t.Errorf("cannot: %q", doc.Cannot)
	}
}
