package soap

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
	if code == 0 {
		if left := leftover(); left != "" {
			fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftover waits a moment for goroutines to end and shows those of this module that do not.
func leftover() string {
	var stuck []string
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		buf := make([]byte, 1<<20)
		stuck = stuck[:0]
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "matrix-msn/msn") && !strings.Contains(g, "TestMain") {
				stuck = append(stuck, g)
			}
		}
		if len(stuck) == 0 {
			return ""
		}
	}
	return strings.Join(stuck, "\n\n")
}
