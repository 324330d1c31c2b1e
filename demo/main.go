// Command demo is `make demo`: a homeserver, an MSN service and the bridge on this machine, and a play in which Alice,
// who has a Matrix client, and her MSN contacts talk. Then it stays up, so that others can join with any client.
//
//	make demo           play, then stay until Ctrl-C
//	make demo ONCE=1    play, say of each step whether it went well, and exit 0 or 1
//
// Everything that it writes is below .cache in the source tree; demo.env in .cache/demo describes the running demo.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
)

func main() {
	once := flag.Bool("once", false, "exit after the play instead of staying up")
	flag.Parse()
	dieWithParent()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := demo(ctx, os.Stdout, *once); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// stepTime is how long a step of the play may take. Building and installing have their own limits.
const stepTime = time.Minute

// demo builds the stage, has the play, and stays.
func demo(ctx context.Context, out io.Writer, once bool) (err error) {
	source, err := stage.SourceTree()
	if err != nil {
		return err
	}
	folder, free, err := stage.Folder(stage.Cache(source), "demo")
	if err != nil {
		return err
	}
	defer free()
	s := newScreen(out, once)
	s.say("everything of this run is in " + folder)
	house, err := stage.Build(ctx, stage.Options{
		Source: source, Folder: folder, Ports: stage.DefaultPorts, Service: service(),
		Edits: map[string]any{
			"network.presence.offline_as": "away", // whom no client shows any more can still be written to
			"network.connect.per_second":  20,
		},
		Say: s.say, Step: s.step,
	})
	if err != nil {
		return err
	}
	defer func() {
		s.say("stopping")
		err = errors.Join(err, house.Close())
	}()
	p := &play{screen: s, house: house}
	defer p.end()
	if err := p.perform(ctx); err != nil {
		return fmt.Errorf("%w\nthe logs are in %s", err, folder)
	}
	env := filepath.Join(folder, "demo.env")
	if err := s.step("demo.env says how to join", func() error { return p.writeEnv(env) }); err != nil {
		return err
	}
	if once {
		s.say(fmt.Sprintf("all %d steps went well", s.steps))
		return nil
	}
	s.invite(p, folder)
	p.goOn(ctx)
	return os.Remove(env) // it would tell of a demo that is no more
}

// writeEnv describes the running demo for programs. It appears whole or not at all.
func (p *play) writeEnv(path string) error {
	text := fmt.Sprintf("HOMESERVER=%s\nUSER_ID=%s\nPASSWORD=%s\nBOT=%s\nMSN_NS=%s\nMSN_HTTP=%s\n"+
		"MSN_USER=%s\nMSN_PASSWORD=%s\nFREE_USER=%s\nFREE_PASSWORD=%s\n",
		p.house.Homeserver.URL, p.alice.UserID, matrixPassword, p.house.Bridge.Bot, p.house.MSN.NSAddr(), p.house.MSN.HTTPURL(),
		alice.passport, alice.password, eve.passport, eve.password)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
