package bridge

import (
	"hash/maphash"
	"sync"
)

// stripes is a lock for each of many things, without a lock object for each.
type stripes struct {
	once  sync.Once
	seed  maphash.Seed
	locks [64]sync.Mutex
}

// of is the lock of a thing, which it may share with others.
func (s *stripes) of(name string) *sync.Mutex {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	return &s.locks[maphash.String(s.seed, name)%uint64(len(s.locks))]
}
