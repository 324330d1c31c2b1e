// Package leaktest is for the TestMain of the packages below msn: what they start they must end. It is a leaf; tests alone import it.
package leaktest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines may take to end.
const patience = 3 * time.Second

// Main runs the tests of a package and ends the process; the tests fail, too, if they leave goroutines of package msn, or of one below it,
// behind.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leftover(); left != "" {
			fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
			code = 1
		}
	}
	os.Exit(code)
}

// leftover waits a moment for goroutines to end and shows those that do not.
func leftover() string {
	var stuck []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
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
