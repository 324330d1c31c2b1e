package probe

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The outcomes of a step, in words that do not change.
const (
	outcomeOK         = "ok"
	outcomeFailed     = "failed"
	outcomeNotOffered = "not offered"
	outcomeNotTried   = "not tried"
)

// outcome is what became of a step.
func (r result) outcome() string {
	switch {
	case !r.ran, errors.Is(r.err, errNotTried):
		return outcomeNotTried
	case errors.Is(r.err, msn.ErrUnsupported):
		return outcomeNotOffered
	case r.err != nil:
		return outcomeFailed
	}
	return outcomeOK
}

// jsonStep, jsonVersion and jsonReport are the document of --json (docs/probe.md).
type jsonStep struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
	Millis  float64 `json:"ms"`
}

type jsonVersion struct {
	Version string     `json:"version"`
	Passed  bool       `json:"passed"`
	Steps   []jsonStep `json:"steps"`
}

type jsonReport struct {
	Server      string        `json:"server"`
	Transport   string        `json:"transport"`
	Passed      bool          `json:"passed"`
	Interrupted bool          `json:"interrupted"`
	Service     []jsonStep    `json:"service"`
	Versions    []jsonVersion `json:"versions"`
	Cannot      []string      `json:"cannot"`
	Doubtful    []string      `json:"doubtful"`
	Skipped     []string      `json:"skipped"`
}

func (r result) json(name string) jsonStep {
	s := jsonStep{Name: name, Outcome: r.outcome(), Detail: r.detail, Millis: float64(r.took.Microseconds()) / 1000}
	switch {
	case r.err != nil:
		s.Detail = strings.TrimPrefix(r.err.Error(), errNotTried.Error()+": ")
	case !r.ran:
		s.Detail = "a step before it failed"
	}
	return s
}

// printJSON writes the report for machines.
func (r report) printJSON(w io.Writer) error {
	doc := jsonReport{
		Server: r.label, Transport: r.transport, Passed: r.passed(), Interrupted: r.interrupted,
		Service: []jsonStep{}, Versions: []jsonVersion{},
	}
	missing, doubtful := r.cannot()
	doc.Cannot, doc.Doubtful, doc.Skipped = append([]string{}, missing...), append([]string{}, doubtful...), append([]string{}, r.skipped...)
	for _, c := range r.checks {
		doc.Service = append(doc.Service, c.result.json(c.name))
	}
	for _, row := range r.rows {
		v := jsonVersion{Version: row.version, Passed: row.passed(), Steps: []jsonStep{}}
		for _, step := range append(r.steps(), row.extraSteps()...) {
			v.Steps = append(v.Steps, row.results[step].json(step))
		}
		doc.Versions = append(doc.Versions, v)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(doc)
}
