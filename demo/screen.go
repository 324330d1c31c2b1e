package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// screen prints the play: steps, progress, and what both sides see.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	once  bool
	steps int
}

func newScreen(out io.Writer, once bool) *screen { return &screen{out: out, once: once} }

func (s *screen) print(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// say prints progress.
func (s *screen) say(line string) { s.print("      %s", line) }

// step does something and prints one line about it.
func (s *screen) step(what string, do func() error) error {
	s.steps++
	number, began := s.steps, time.Now()
	err := do()
	took := time.Since(began).Round(10 * time.Millisecond)
	if err != nil {
		s.print("FAIL  %2d %s (%v): %v", number, what, took, err)
		return err
	}
	s.print("ok    %2d %s (%v)", number, what, took)
	return nil
}

// seen prints what somebody sees on one side. A run that only checks keeps to its steps.
func (s *screen) seen(side, who, text string) {
	if !s.once {
		s.print("      %-6s %-17s %s", side, who, strings.ReplaceAll(text, "\n", " / "))
	}
}

// invite says how to join.
func (s *screen) invite(p *play, folder string) {
	versions := msn.Versions()
	s.print(`
The demo is up. Ctrl-C ends it.

  With Element or any other Matrix client
      homeserver  %s     (in Element: sign in > edit the homeserver)
      user        %s     password  %s
  Write to Bob in his room; "nudge", "busy", "away", "back" and "song" make him do such things, anything else he answers.
  The bot is %s; "help" lists what it does.

  With an MSN client (%s to %s), as %s, a contact of Alice whom nobody plays
      server      %s     password  %s
      HTTP        %s     (nexus, login, gateway)

  The same for programs: %s/demo.env     Logs: %s
`, p.house.Homeserver.URL, p.alice.UserID, matrixPassword, p.house.Bridge.Bot, versions[0], versions[len(versions)-1],
		eve.passport, p.house.MSN.NSAddr(), eve.password, p.house.MSN.HTTPURL(), folder, folder)
}
