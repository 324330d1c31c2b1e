package msn

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"
)

// TestVersionMemory falls back step by step, remembers, and forgets after a week.
func TestVersionMemory(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hungUp := func(v Version) error { return &SignInError{Step: "USR", Version: v, Err: ErrClosed} }
	var m VersionMemory
	offer := m.Offer(nil, now)
	if !slices.Equal(offer, Versions()) {
		t.Fatalf("first offer: %v", offer)
	}
	if m.Failed(offer, &SignInError{Step: "USR", Version: MSNP12, Err: ErrAuthFailed}, now) || m.Ceiling != 0 {
		t.Error("a wrong password says nothing about versions")
	}
	if m.Failed(offer, &SignInError{Step: "connect", Err: errors.New("refused")}, now) || m.Ceiling != 0 {
		t.Error("a server that is down says nothing about versions")
	}
	if !m.Failed(offer, hungUp(MSNP12), now) || m.Ceiling != MSNP11 {
		t.Errorf("%+v", m)
	}
	if !m.Failed(m.Offer(nil, now), &SignInError{Step: "VER", Err: ErrVersionRefused}, now) || m.Ceiling != MSNP10 {
		t.Errorf("%+v", m)
	}
	offer = m.Offer(nil, now)
	if slices.Max(offer) != MSNP10 {
		t.Errorf("offer %v", offer)
	}
	m.Worked(MSNP10)
	if m.Failed(offer, hungUp(MSNP10), now) || m.Ceiling != MSNP10 {
		t.Errorf("a version that worked was given up: %+v", m)
	}
	stored, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var again VersionMemory
	if err := json.Unmarshal(stored, &again); err != nil || !again.Since.Equal(m.Since) || again.Ceiling != m.Ceiling || again.Best != m.Best {
		t.Errorf("%s: %+v, %v", stored, again, err)
	}
	if offer := again.Offer([]Version{MSNP11, MSNP12}, now); !slices.Equal(offer, []Version{MSNP11, MSNP12}) {
		t.Errorf("a ceiling under everything allowed: %v", offer)
	}
	if offer := m.Offer(nil, now.Add(8*24*time.Hour)); !slices.Equal(offer, Versions()) {
		t.Errorf("after a week: %v", offer)
	}
	var low VersionMemory
	if low.Failed([]Version{MSNP2}, ErrVersionRefused, now) || low.Ceiling != 0 {
		t.Errorf("nothing is under MSNP2: %+v", low)
	}
}
