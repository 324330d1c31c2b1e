// Package e2e has the tests of the whole: a real Synapse, the real bridge program, the MSN service of msntest, and people
// on both sides. One homeserver, bridge and service serve the whole run; every test brings its own people. They need
// PyPI the first time, and fail without it.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
)

// house is where the tests play; echo is a bare application service beside the bridge; counter stands between bridge and homeserver in
// the benchmark of the contact list, and is nil else.
var (
	house   *stage.Stage
	echo    *echoService
	counter *requestCounter
)

// buildTime bounds building, installing and starting everything.
const buildTime = 20 * time.Minute

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the house, runs the tests and looks whether anything was left behind.
func run(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	say := func(line string) { fmt.Fprintln(os.Stderr, "e2e:", line) }
	fail := func(err error) int {
		say(err.Error())
		return 1
	}
	source, err := stage.SourceTree()
	if err != nil {
		return fail(err)
	}
	folder, free, err := stage.Folder(stage.Cache(source), "e2e")
	if err != nil {
		return fail(err)
	}
	defer free()
	if echo, err = newEchoService(filepath.Join(folder, "echo.yaml")); err != nil {
		return fail(err)
	}
	building, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	flag.Parse()
	if bench := flag.Lookup("test.bench"); bench != nil && strings.Contains(bench.Value.String(), "ContactList") {
		counter = &requestCounter{}
		defer counter.close()
	}
	edits := map[string]any{
		"network.connect.per_second":    100,
		"network.connect.backoff_first": "200ms",
		"network.nudge.interval":        "10ms",
		"logging.min_level":             "trace", // which must be as clean of secrets as the others
	}
	if server := os.Getenv("MSN_TEST_POSTGRES"); server != "" { // an empty database
		edits["database.type"], edits["database.uri"] = "postgres", server
	}
	house, err = stage.Build(building, stage.Options{
		Source: source, Folder: folder, Say: say, Registrations: []string{echo.registration}, Front: counter.front(), Edits: edits,
	})
	if err != nil {
		return fail(errors.Join(err, echo.close()))
	}
	interrupted := context.AfterFunc(ctx, func() {
		_ = house.Close() // there is nobody to tell
		os.Exit(130)
	})
	code = m.Run()
	interrupted()
	if err := errors.Join(house.Close(), echo.close(), inspect(house.Bridge.Log())); err != nil {
		return fail(err)
	}
	if left := stage.Leaked(); left != "" {
		return fail(errors.New("goroutines left behind:\n" + left))
	}
	if code != 0 {
		say("the logs are in " + folder)
	}
	return code
}

// secret is in every password of these tests, so that a leak can be searched for.
const secret = "open-sesame"

// inspect searches the bridge's log for what must not be in it.
func inspect(log string) error {
	data, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	ours, framework := stage.Races(data)
	if framework > 0 {
		fmt.Fprintf(os.Stderr, "e2e: %d data races within the framework are passed over\n", framework)
	}
	if len(ours) > 0 {
		return fmt.Errorf("the bridge has %d data races, the first:\n%s", len(ours), ours[0])
	}
	for what, mark := range map[string]string{"a panic": "panic: ", "a caught panic": "Panic ", "a password": secret} {
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte(mark)) {
				return fmt.Errorf("the bridge's log has %s in it: %.600s", what, line)
			}
		}
	}
	return nil
}
