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
	switch r.outcome() {
	case outcomeNotTried:
		return "-"
	case outcomeFailed, outcomeNotOffered:
		return "FAIL"
	}
	return "PASS " + r.took.Round(100*time.Microsecond).String()
}

// check is a result with a name.
type check struct {
	name   string
	result result
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

// passed is true if every basic step ran, and none has failed. What a service does not offer is no failure.
func (r row) passed() bool {
	for _, step := range r.steps {
		if res := r.results[step]; !res.ran || res.err != nil {
			return false
		}
	}
	for _, step := range r.extraSteps() {
		if r.results[step].outcome() == outcomeFailed {
			return false
		}
	}
	return true
}

// extraSteps are those beyond the basic ones that were come to.
func (r row) extraSteps() []string {
	var steps []string
	for _, e := range extras {
		if r.results[e.name].ran {
			steps = append(steps, e.name)
		}
	}
	return steps
}

// report is the outcome of a whole probe.
type report struct {
	label, transport string
	withPeer         bool
	skipped          []string // versions without address
	interrupted      bool
	checks           []check
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
	for _, c := range r.checks {
		if c.result.outcome() == outcomeFailed {
			return false
		}
	}
	return len(r.rows) > 0 && !r.interrupted
}

// cannot says in plain words what the service does not do in any version that has it, as far as it was asked; and, in doubtful, what
// failed each time, which it may do all the same: it was only in trouble then, or so was the way there.
func (r report) cannot() (missing, doubtful []string) {
	for _, e := range extras {
		refused, failed, works := false, false, false
		for _, row := range r.rows {
			if !e.in(row.version) {
				continue
			}
			switch res := row.results[e.name]; res.outcome() {
			case outcomeNotOffered:
				refused = true
			case outcomeFailed:
				failed = true
			case outcomeNotTried:
				works = works || res.ran // nobody can tell
			default:
				works = true
			}
		}
		switch {
		case works:
		case failed && e.doubtful != "":
			doubtful = append(doubtful, e.doubtful)
		case refused && e.missing != "":
			missing = append(missing, e.missing)
		}
	}
	return missing, doubtful
}

// print writes the table, then the contact list's size and the reason of every failure.
func (r report) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(tw, format, args...) } // a closed stdout cannot be told of
	line("%s over %s\n\n", r.label, r.transport)
	for _, c := range r.checks {
		why := c.result.detail
		if c.result.err != nil {
			why = strings.TrimSpace(why + " " + c.result.err.Error())
		}
		line("%s\t%s\t%s\n", c.name, c.result.outcome(), why)
	}
	if len(r.checks) > 0 {
		line("\n")
	}
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
		for _, step := range append(r.steps(), row.extraSteps()...) {
			row.explain(step, out)
		}
	}
	missing, doubtful := r.cannot()
	listed := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		out("\n%s:\n", title)
		for _, line := range lines {
			out("- %s\n", line)
		}
		out("\n")
	}
	listed("What this service cannot do", missing)
	listed("What failed here, as told above: it may be missing, or only in trouble", doubtful)
	if len(r.skipped) > 0 {
		out("not tried, as their addresses are not known (give --http URL): %s\n", strings.Join(r.skipped, ", "))
	}
	if r.interrupted {
		out("interrupted\n")
	}
	if !r.withPeer {
		out("no second account given (--peer-user): messages were not tried\n")
	}
	out("%d of %d versions passed\n", good, len(r.rows))
}

// explain says what there is to say about one step.
func (r row) explain(step string, out func(string, ...any)) {
	switch res := r.results[step]; res.outcome() {
	case outcomeFailed:
		out("%s %s: FAIL: %v\n", r.version, step, res.err)
	case outcomeNotOffered:
		out("%s %s: not offered\n", r.version, step)
	case outcomeNotTried:
		if res.err != nil {
			out("%s %s: %v\n", r.version, step, res.err)
		}
	default:
		if res.detail != "" {
			out("%s %s: %s\n", r.version, step, res.detail)
		}
	}
}

func verdict(passed bool) string {
	if passed {
		return "PASS"
	}
	return "FAIL"
}
