package msn

import (
	"errors"
	"slices"
	"time"
)

// versionMemoryFor is how long a fallback is remembered before the higher versions are tried again:
// services get better now and then.
const versionMemoryFor = 7 * 24 * time.Hour

// VersionMemory is what is known of the versions of one server: "auto" offers everything, falls back
// when a server cannot bear that, and does not make the same mistake at every sign-in. The zero value
// knows nothing. It is a plain value that can be stored as JSON; it is not safe for concurrent use.
//
//	offer := memory.Offer(nil, time.Now())
//	... sign in with Config.Versions = offer ...
//	again := memory.Failed(offer, err, time.Now()) // or memory.Worked(client.Version(), time.Now())
type VersionMemory struct {
	// Best is the version of the last sign-in that worked, 0 for none.
	Best Version `json:"best,omitempty"`
	// Ceiling is the highest version to offer, 0 for no limit.
	Ceiling Version `json:"ceiling,omitempty"`
	// Since is when Ceiling was last lowered; it is forgotten a week later.
	Since time.Time `json:"since,omitzero"`
}

// Offer returns the versions to put into Config.Versions: those of allowed (nil for all that this
// package speaks) that the server is not known to refuse. It is never empty unless allowed is.
func (m *VersionMemory) Offer(allowed []Version, now time.Time) []Version {
	if allowed == nil {
		allowed = Versions()
	}
	if m.Ceiling != 0 && now.Sub(m.Since) > versionMemoryFor {
		m.Ceiling = 0
	}
	offer := slices.Clone(allowed)
	if m.Ceiling != 0 {
		offer = slices.DeleteFunc(offer, func(v Version) bool { return v > m.Ceiling })
	}
	if len(offer) == 0 { // the ceiling lies under everything that the configuration allows
		m.Ceiling = 0
		return slices.Clone(allowed)
	}
	return offer
}

// Worked notes that a sign-in with v succeeded.
func (m *VersionMemory) Worked(v Version) { m.Best = v }

// Failed notes how a sign-in with the given offer failed, and tells whether trying again at once with
// a new Offer may help. That is so when the server refused the versions, or hung up while the version
// and the client were negotiated; a wrong password or a server that cannot be reached says nothing
// about versions. A version that worked before is not given up because of a broken connection.
func (m *VersionMemory) Failed(offered []Version, err error, now time.Time) (again bool) {
	if len(offered) == 0 {
		return false
	}
	top := slices.Max(offered)
	refused := errors.Is(err, ErrVersionRefused)
	var step *SignInError
	if !refused && errors.As(err, &step) && errors.Is(err, ErrClosed) {
		switch step.Step {
		case "VER", "INF", "CVR", "USR":
			refused = true
		}
		if step.Version != 0 {
			top = step.Version
		}
		if m.Best != 0 && m.Best >= top {
			return false
		}
	}
	if !refused {
		return false
	}
	if top <= slices.Min(offered) { // nothing lower is left: begin again from the top next time
		m.Ceiling = 0
		return false
	}
	m.Ceiling, m.Since = top-1, now
	return true
}
