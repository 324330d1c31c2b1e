package stage

import (
	"runtime"
	"strings"
	"time"
)

// Leaked gives goroutines a moment to end and returns the stacks of those of this project that do not, "" for none. It is
// for the end of a test run. The thread that children are started from is not counted: it lives as long as the process.
func Leaked() string {
	var left []string
	for range 100 {
		buf := make([]byte, 4<<20)
		left = nil
		for i, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if i > 0 && strings.Contains(stack, module) && !strings.Contains(stack, module+"e2e/stage.init.") { // the first is this one
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(20 * time.Millisecond) // nothing signals the end of a goroutine
	}
	return strings.Join(left, "\n\n")
}
