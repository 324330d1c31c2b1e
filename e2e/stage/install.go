package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// SynapseVersion is the one that plays are written for; a newer one may do, but nobody has looked.
const SynapseVersion = "1.163.2"

// installTime is how long pip may take, downloads included.
const installTime = 15 * time.Minute

// Cache is the folder of a source tree under which everything is written: built programs, the homeserver, the plays.
func Cache(source string) string { return filepath.Join(source, ".cache") }

// SourceTree finds the folder of go.mod, from the working folder upwards.
func SourceTree() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod here or above: run this in the source tree")
		}
		folder = parent
	}
}

// InstallSynapse makes a Python environment with Synapse below the cache, once, and returns its interpreter. Others who
// want the same wait. A half-made one is made anew. Progress goes to say.
func InstallSynapse(ctx context.Context, cache string, say func(string)) (python string, err error) {
	venv := filepath.Join(cache, "synapse-"+SynapseVersion)
	python = filepath.Join(venv, "bin", "python")
	unlock, err := lock(ctx, venv+".lock")
	if err != nil {
		return "", fmt.Errorf("install Synapse: %w", err)
	}
	defer unlock()
	complete := filepath.Join(venv, "complete")
	if _, err := os.Stat(complete); err == nil {
		return python, nil
	}
	if err := os.RemoveAll(venv); err != nil {
		return "", fmt.Errorf("install Synapse: clear a half-made environment: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	say("installing Synapse " + SynapseVersion + " with pip, once (250 MB; some 20 s and the download)")
	if err := run(ctx, cache, nil, "python3", "-m", "venv", venv); err != nil {
		return "", fmt.Errorf("make a Python environment (does python3 have venv? apt install python3-venv): %w", err)
	}
	pip := []string{
		python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off",
		"matrix-synapse==" + SynapseVersion,
	}
	if err := run(ctx, cache, pipProgress(say), pip...); err != nil {
		return "", fmt.Errorf("install matrix-synapse==%s (is PyPI, or the index that pip is set to, in reach?): %w", SynapseVersion, err)
	}
	return python, os.WriteFile(complete, nil, 0o600)
}

// pipProgress says one line for every few packages.
func pipProgress(say func(string)) func(string) {
	collected := 0
	return func(line string) {
		switch {
		case strings.HasPrefix(line, "Collecting "):
			if collected++; collected%10 == 0 {
				say(fmt.Sprintf("  pip: %d packages found", collected))
			}
		case strings.HasPrefix(line, "Installing collected"):
			say(fmt.Sprintf("  pip: installing %d packages", collected))
		}
	}
}

// lock takes a file lock, waiting for whoever has it. The lock goes with the process.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, err = tryLock(path)
		if err == nil || !errors.Is(err, errLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s, which another process holds: %w", path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

var errLocked = errors.New("another process holds the lock")

func tryLock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close() // the first error says more
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil // closing is unlocking
}

// Folder makes an empty folder for a play and keeps others out of it until free is called. If another process plays
// there, it takes NAME-2 and so on.
func Folder(cache, name string) (folder string, free func(), err error) {
	for n := 1; n < 100; n++ {
		folder = filepath.Join(cache, name)
		if n > 1 {
			folder += fmt.Sprintf("-%d", n)
		}
		free, err = tryLock(folder + ".lock")
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		err = os.RemoveAll(folder)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.MkdirAll(folder, 0o700)
		}
		if err != nil {
			free()
			return "", nil, fmt.Errorf("empty the folder %s: %w", folder, err)
		}
		return folder, free, nil
	}
	return "", nil, fmt.Errorf("a hundred processes play in %s already", cache)
}

// BuildBridge builds the bridge from the source tree and returns the program. Under the race detector the bridge gets one
// too.
func BuildBridge(ctx context.Context, source string, say func(string)) (program string, err error) {
	name, flags := "matrix-msn", []string{"build", "-tags", "goolm"}
	if raceDetector {
		name, flags = name+"-race", append(flags, "-race")
	}
	program = filepath.Join(Cache(source), "bin", name)
	say("building the bridge (a minute or two the first time)")
	unlock, err := lock(ctx, program+".lock")
	if err != nil {
		return "", fmt.Errorf("build the bridge: %w", err)
	}
	defer unlock()
	argv := append(append([]string{"go"}, flags...), "-o", program, ".")
	if err := run(ctx, source, goProgress(say), argv...); err != nil {
		return "", fmt.Errorf("build the bridge: %w", err)
	}
	return program, nil
}

// goProgress says one line for every ten modules that are downloaded.
func goProgress(say func(string)) func(string) {
	modules := 0
	return func(line string) {
		if strings.HasPrefix(line, "go: downloading ") {
			if modules++; modules%10 == 0 {
				say(fmt.Sprintf("  go: %d modules downloaded", modules))
			}
		}
	}
}
