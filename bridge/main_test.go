package bridge

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails if a goroutine is left over when all tests are done.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftover(); left != "" {
			fmt.Fprintf(os.Stderr, "goroutines are left over:\n%s\n", left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftover waits a while for goroutines of this module or of bridgev2 to end.
func leftover() string {
	var left []string
	for range 200 {
		left = nil
		buf := make([]byte, 1<<20)
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "matrix-msn/") && !strings.Contains(g, "TestMain") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(10 * time.Millisecond) // waiting for goroutines to be gone: there is nothing to be told by
	}
	return strings.Join(left, "\n\n")
}
