package stage

import (
	"bytes"
	"strings"
)

// module is how the functions of this project begin in a stack trace.
const module = "github.com/matrix-msn/matrix-msn/"

// Races are the reports of the race detector in a log in which one of the two accesses is made by this project's own code.
// Those between two lines of the framework are only counted: nothing here can mend them.
func Races(log []byte) (ours []string, framework int) {
	const border = "==================\n"
	for report := range bytes.SplitSeq(log, []byte(border)) {
		if !bytes.Contains(report, []byte("WARNING: DATA RACE\n")) {
			continue
		}
		if accessedBy(string(report), module) {
			ours = append(ours, string(report))
		} else {
			framework++
		}
	}
	return ours, framework
}

// accessedBy tells whether the innermost function of an access, the runtime's own left out, has the given prefix.
func accessedBy(report, prefix string) bool {
	looking := false
	for line := range strings.Lines(report) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.Contains(line, " at 0x") && strings.Contains(line, " by "): // "Write at ... by goroutine 7:"
			looking = true
		case looking && strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   "):
			function := strings.TrimSpace(line)
			if strings.HasPrefix(function, "runtime.") {
				continue
			}
			if strings.HasPrefix(function, prefix) {
				return true
			}
			looking = false
		}
	}
	return false
}
