package bridge

import (
	"sync"
	"time"
)

// spacing lets something happen once in an interval for each key. It forgets keys that are old.
type spacing[K comparable] struct {
	every time.Duration
	mu    sync.Mutex
	last  map[K]time.Time
}

// allow tells whether it is time again, and if so notes that it happened.
func (s *spacing[K]) allow(key K, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[key]; ok && now.Sub(last) < s.every {
		return false
	}
	if s.last == nil {
		s.last = make(map[K]time.Time)
	}
	for k, at := range s.last {
		if now.Sub(at) >= s.every {
			delete(s.last, k)
		}
	}
	s.last[key] = now
	return true
}
