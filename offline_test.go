package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"github.com/matrix-msn/matrix-msn/bridge"
)

// run calls the program as from the command line.
func run(args ...string) (done bool, err error) {
	connector := &bridge.Connector{}
	program := &mxmain.BridgeMain{Name: "matrix-msn", Connector: connector}
	return offline(program, connector, append([]string{"matrix-msn"}, args...))
}

// edit replaces a text in a file.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), from, to, 1)
	if changed == string(text) {
		t.Fatalf("%q is not in %s", from, path)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFirstSteps goes the way of the README: example config, registration, check.
func TestFirstSteps(t *testing.T) {
	folder := t.TempDir()
	config, file := filepath.Join(folder, "config.yaml"), filepath.Join(folder, "registration.yaml")
	must := func(args ...string) {
		t.Helper()
		if done, err := run(args...); !done || err != nil {
			t.Fatalf("%q: %v %v", args, done, err)
		}
	}
	must("-e", "-c", config)
	if _, err := run("-e", "-c", config); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a second -e: %v", err)
	}
	if _, err := run("-g", "-c", config, "-r", file); err == nil || !strings.Contains(err.Error(), "homeserver.domain") {
		t.Errorf("-g without a domain: %v", err)
	}
	edit(t, config, "domain: example.com", "domain: hs.example")
	must("-g", "-c", config, "-r", file)
	must("-g", "--check", "-c", config, "-r", file)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	edit(t, config, "double_puppet: false", "double_puppet: true")
	if done, err := run("-g", "--check", "-c", config, "-r", file); !done || !errors.Is(err, errDiffers) {
		t.Errorf("after a change: %v %v", done, err)
	}
	must("-g", "-c", config, "-r", file)
	must("-g", "--check", "-c", config, "-r", file)
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(before)) {
		if strings.Contains(line, "_token") && !strings.Contains(string(after), line) {
			t.Error("a token has changed: the homeserver would lock the bridge out")
		}
	}
}

func TestFlagsThatAreNotOurs(t *testing.T) {
	for _, args := range [][]string{{}, {"-c", "config.yaml"}, {"--version"}, {"--no-such-flag"}} {
		if done, err := run(args...); done || err != nil {
			t.Errorf("%q: %v %v", args, done, err)
		}
	}
	for _, args := range [][]string{{"--check"}, {"-g", "-n"}} {
		if done, err := run(args...); !done || err == nil {
			t.Errorf("%q: %v %v", args, done, err)
		}
	}
}
