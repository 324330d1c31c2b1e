package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a child in its own process group, so that a Ctrl-C in the terminal reaches us alone and we end it in
// order. It dies with us even if we are killed (where the system has that), and its output goes to a file.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{} // closed when it has been waited for
	err   error         // why it ended; read after ended
}

// start begins a program. Its output is appended to logPath.
func start(name, logPath, folder string, env []string, argv ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, log, log
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = ownGroup()
	if err := inNursery(cmd.Start); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	p := &process{name: name, cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		_ = log.Close() // nobody writes to it any more
		close(p.ended)
	}()
	return p, nil
}

// stop asks the process to end, and ends its whole group if it does not within the grace. It returns when it is gone.
func (p *process) stop(grace time.Duration) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) // it may be gone just now
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
	}
	p.kill()
	return fmt.Errorf("%s did not stop within %v and was killed", p.name, grace)
}

// kill ends the whole group at once and waits.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// until waits for a condition that is asked again and again, and fails early if the process ends.
func (p *process) until(ctx context.Context, what string, ready func(context.Context) error) error {
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before %s (%v); the end of %s:\n%s", p.name, what, p.err, p.log.Name(), tail(p.log.Name(), 25))
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last: %v; the end of %s:\n%s", what, ctx.Err(), last, p.log.Name(), tail(p.log.Name(), 25))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// run runs a program to its end and hands its output to each, line by line. The end of the output is in the error.
func run(ctx context.Context, folder string, each func(line string), argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = folder
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out := &lines{each: each}
	cmd.Stdout, cmd.Stderr = out, out
	if err := inNursery(cmd.Start); err != nil {
		return fmt.Errorf("run %s: %w", filepath.Base(argv[0]), err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("run %s: %w; the end of its output:\n%s", filepath.Base(argv[0]), err, out.last())
	}
	return nil
}

// lines cuts output into lines and keeps the end of it. One goroutine of exec.Cmd writes to it.
type lines struct {
	each func(string)
	all  []byte
	cut  int
}

// keepOutput bounds what is kept of a program's output, in bytes.
const keepOutput = 1 << 20

func (l *lines) Write(b []byte) (int, error) {
	l.all = append(l.all, b...)
	for {
		i := bytes.IndexByte(l.all[l.cut:], '\n')
		if i < 0 {
			break
		}
		if l.each != nil {
			l.each(string(bytes.TrimRight(l.all[l.cut:l.cut+i], "\r")))
		}
		l.cut += i + 1
	}
	if drop := len(l.all) - keepOutput; drop > 0 && drop <= l.cut {
		l.all, l.cut = l.all[drop:], l.cut-drop
	}
	return len(b), nil
}

func (l *lines) last() []byte { return lastLines(l.all, 40) }

// tail is the end of a file.
func tail(path string, n int) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return lastLines(data, n)
}

func lastLines(data []byte, n int) []byte {
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-n):], []byte("\n"))
}

// nursery runs functions in one system thread that lives as long as this process: "dies with its parent" means with the
// thread that started it.
var nursery = sync.OnceValue(func() chan<- func() {
	births := make(chan func())
	go func() {
		runtime.LockOSThread()
		for birth := range births {
			birth()
		}
	}()
	return births
})

func inNursery(birth func() error) error {
	done := make(chan error)
	nursery() <- func() { done <- birth() }
	return <-done
}
