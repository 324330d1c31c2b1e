package bridge

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// report prints percentiles of what was measured.
func report(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(p int) float64 {
		return float64(took[min(len(took)*p/100, len(took)-1)]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(0, "ns/op") // an average says nothing here
}

// BenchmarkMatrixToMSN is the time from an event of the homeserver until the contact has the text; the
// homeserver takes no time.
func BenchmarkMatrixToMSN(b *testing.B) {
	h := newHouse(b, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	h.status(h.say(room, "first")) // opens the switchboard
	bob.reads("first")
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		text := fmt.Sprintf("text %d", i)
		began := time.Now()
		h.say(room, text)
		bob.reads(text)
		took = append(took, time.Since(began))
		bob.mu.Lock()
		bob.events = nil // or looking for the text takes longer and longer
		bob.mu.Unlock()
	}
	report(b, took)
}

// BenchmarkMSNToMatrix is the time from a contact's sending until the homeserver gets the event.
func BenchmarkMSNToMatrix(b *testing.B) {
	h := newHouse(b, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	arrived := make(chan time.Time, 16)
	bob.writes(msn.With(aliceMSN), "first")
	h.heard(room, ghostOf(bobMSN), "first")
	h.hs.onSend = func(s sent) {
		if s.kind == event.EventMessage && s.sender == ghostOf(bobMSN) {
			arrived <- time.Now()
		}
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		bob.writes(msn.With(aliceMSN), "text")
		took = append(took, (<-arrived).Sub(began))
	}
	report(b, took)
}
