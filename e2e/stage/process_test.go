package stage

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStopEndsTheWholeGroup(t *testing.T) {
	folder := t.TempDir()
	script := `trap "" TERM; sleep 600 & echo $! > child; wait`
	p, err := start("deaf", filepath.Join(folder, "log"), folder, nil, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var child string
	err = p.until(ctx, "its child ran", func(context.Context) error {
		data, err := os.ReadFile(filepath.Join(folder, "child"))
		child = strings.TrimSpace(string(data))
		if err == nil && child == "" {
			return errors.New("no number yet")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(50 * time.Millisecond); err == nil {
		t.Error("stop does not say that it had to kill")
	}
	for syscall.Kill(-p.cmd.Process.Pid, 0) == nil { // the signal was sent to all; the system ends each in its own time
		// A zombie that init has not taken yet still answers; a running one has a command line.
		if line, err := os.ReadFile("/proc/" + child + "/cmdline"); err != nil || len(line) == 0 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("process %s of the group is still there", child)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestUntilTellsWhyAProcessEnded(t *testing.T) {
	folder := t.TempDir()
	p, err := start("moody", filepath.Join(folder, "log"), folder, nil, "sh", "-c", "echo not in the mood; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	err = p.until(t.Context(), "it sang", func(context.Context) error { return errors.New("silence") })
	if err == nil || !strings.Contains(err.Error(), "not in the mood") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("until = %v; want the exit status and the output", err)
	}
	if err := p.stop(time.Second); err != nil {
		t.Errorf("stop of an ended process: %v", err)
	}
}

func TestRunShowsLinesAndTheEndOfTheOutput(t *testing.T) {
	var got []string
	err := run(t.Context(), t.TempDir(), func(line string) { got = append(got, line) }, "sh", "-c", "echo one; echo two; exit 1")
	if err == nil || !strings.Contains(err.Error(), "two") {
		t.Errorf("run = %v; want the output in it", err)
	}
	if strings.Join(got, ",") != "one,two" {
		t.Errorf("lines = %q", got)
	}
}

func TestPortTakesAnotherAndSaysSo(t *testing.T) {
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	var said string
	got, err := Port(taken, "the play", func(line string) { said = line })
	if err != nil || got == taken || got == 0 {
		t.Errorf("Port = %d, %v; want another than %d", got, err, taken)
	}
	if !strings.Contains(said, "the play") {
		t.Errorf("said %q", said)
	}
}

func TestFolderIsEmptyAndOnesOwn(t *testing.T) {
	cache := t.TempDir()
	first, free, err := Folder(cache, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(first, "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, free2, err := Folder(cache, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if second == first {
		t.Error("two play in one folder")
	}
	free2()
	free()
	again, free3, err := Folder(cache, "demo")
	if err != nil {
		t.Fatal(err)
	}
	defer free3()
	if left, err := os.ReadDir(again); again != first || err != nil || len(left) > 0 {
		t.Errorf("Folder = %s with %v, %v; want %s, empty", again, left, err, first)
	}
}
