package probe

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// result is what became of one step.
type result struct {
	ran    bool
	err    error
	detail string
	took   time.Duration
}

func (r result) String() string {
	switch {
	case !r.ran:
		return "-"
	case r.err != nil:
		return "FAIL"
	}
	return "PASS " + r.took.Round(100*time.Microsecond).String()
}

// row is one version's line of the table.
type row struct {
	version string
	steps   []string
	results map[string]result
}

func (r *row) set(step string, res result) {
	if r.results == nil {
		r.results = make(map[string]result)
	}
	r.results[step] = res
}

// passed is true if every step ran and none failed.
func (r row) passed() bool {
	for _, step := range r.steps {
		if res := r.results[step]; !res.ran || res.err != nil {
			return false
		}
	}
	return true
}

// report is the outcome of a whole probe.
type report struct {
	label, transport string
	withPeer         bool
	interrupted      bool
	rows             []row
}

func (r report) steps() []string {
	steps := []string{stepSignIn, stepList, stepPresence, stepPing}
	if r.withPeer {
		steps = append(steps, stepPeer, stepTextOut, stepTextIn)
	}
	return steps
}

func (r report) passed() bool {
	for _, row := range r.rows {
		if !row.passed() {
			return false
		}
	}
	return len(r.rows) > 0 && !r.interrupted
}

// print writes the table, then the contact list's size and the reason of every failure.
func (r report) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(tw, format, args...) } // a closed stdout cannot be told of
	line("%s over %s\n\n", r.label, r.transport)
	line("version\t%s\tresult\n", strings.Join(r.steps(), "\t"))
	for _, row := range r.rows {
		line("%s", row.version)
		for _, step := range r.steps() {
			line("\t%s", row.results[step])
		}
		line("\t%s\n", verdict(row.passed()))
	}
	_ = tw.Flush() // as above
	out := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	out("\n")
	good := 0
	for _, row := range r.rows {
		if row.passed() {
			good++
		}
		for _, step := range r.steps() {
			switch res := row.results[step]; {
			case res.err != nil:
				out("%s %s: FAIL: %v\n", row.version, step, res.err)
			case res.detail != "":
				out("%s %s: %s\n", row.version, step, res.detail)
			}
		}
	}
	if r.interrupted {
		out("interrupted\n")
	}
	if !r.withPeer {
		out("no second account given (--peer-user): messages were not tried\n")
	}
	out("%d of %d versions passed\n", good, len(r.rows))
}

func verdict(passed bool) string {
	if passed {
		return "PASS"
	}
	return "FAIL"
}
