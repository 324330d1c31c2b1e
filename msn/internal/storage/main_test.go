package storage

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails if tests leave goroutines behind.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(3 * time.Second); code == 0; runtime.Gosched() {
		buf := make([]byte, 1<<20)
		stuck := ""
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "matrix-msn/msn") && !strings.Contains(g, "TestMain") {
				stuck = g
			}
		}
		if stuck == "" {
			break
		}
		if time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, "a goroutine is left behind:\n"+stuck)
			code = 1
		}
	}
	os.Exit(code)
}
