package bridge

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// roomTries is how often the creation of a room is tried in one session.
	roomTries = 3
	// roomPause is how long to wait after a failure: the homeserver has trouble.
	roomPause = 5 * time.Second
	// bigBatch is from how many rooms on their creation is worth telling.
	bigBatch = 10
)

// contactSync makes rooms, groups and names for contacts in the background, one at a time: a homeserver creates
// about ten rooms a second and would have no time for anybody else. Rooms go first.
type contactSync struct {
	create func(ctx context.Context, passport string) (made bool, err error)
	name   func(ctx context.Context, passport string)
	tell   func(ctx context.Context, created int)
	groups func(ctx context.Context)

	mu         sync.Mutex
	room       int // how many more may be created
	rooms      []string
	queued     map[string]int  // tries so far
	renamed    map[string]bool // who is among names
	names      []string        // who may be called otherwise than before
	tasks      []func(context.Context)
	created    int // of this batch
	groupless  int // made since groups was called last
	regrouping bool
	wake       chan struct{}
}

func newContactSync(maxRooms int) *contactSync {
	return &contactSync{
		room: maxRooms, queued: make(map[string]int), renamed: make(map[string]bool), wake: make(chan struct{}, 1),
	}
}

// want asks for a room, once in a session. The queue is bounded by the contact list.
func (s *contactSync) want(passport string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.queued[passport]; known {
		return
	}
	s.queued[passport] = 0
	s.rooms = append(s.rooms, passport)
	s.stir()
}

// called notes that somebody may be called otherwise than before. By what is found out when it is their turn.
func (s *contactSync) called(passport string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renamed[passport] {
		return
	}
	s.renamed[passport] = true
	s.names = append(s.names, passport)
	s.stir()
}

// regroup has groups called: contact groups, or who is in them, may have changed.
func (s *contactSync) regroup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regrouping = true
	s.stir()
}

// groupsDue tells whether it is time for groups: when no room waits, and now and then while many are made.
func (s *contactSync) groupsDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.regrouping || len(s.rooms) > 0 && s.room > 0 && s.groupless < bigBatch {
		return false
	}
	s.regrouping, s.groupless = false, 0
	return true
}

// maxTasks bounds what a server can make wait.
const maxTasks = 1000

// do has something done before anything else. It is false if too much waits already.
func (s *contactSync) do(task func(context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) >= maxTasks {
		return false
	}
	s.tasks = append(s.tasks, task)
	s.stir()
	return true
}

func (s *contactSync) nextTask() (task func(context.Context), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) == 0 {
		return nil, false
	}
	task = s.tasks[0]
	s.tasks = s.tasks[1:]
	return task, true
}

// stir wakes run. The caller holds the lock.
func (s *contactSync) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (s *contactSync) run(ctx context.Context) {
	for ctx.Err() == nil {
		if task, ok := s.nextTask(); ok {
			task(ctx)
			continue
		}
		if s.groupsDue() {
			s.groups(ctx)
			continue
		}
		if passport, ok := s.nextRoom(); ok {
			s.makeRoom(ctx, passport)
			continue
		}
		if created := s.batchDone(); created >= bigBatch {
			s.tell(ctx, created)
		}
		if passport, ok := s.nextName(); ok {
			s.name(ctx, passport)
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
	}
}

func (s *contactSync) nextRoom() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rooms) == 0 || s.room <= 0 {
		return "", false
	}
	passport := s.rooms[0]
	s.rooms = s.rooms[1:]
	return passport, true
}

func (s *contactSync) nextName() (passport string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.names) == 0 {
		return "", false
	}
	passport = s.names[0]
	s.names = s.names[1:]
	delete(s.renamed, passport)
	return passport, true
}

func (s *contactSync) batchDone() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	created := s.created
	s.created = 0
	return created
}

func (s *contactSync) makeRoom(ctx context.Context, passport string) {
	made, err := s.create(ctx, passport)
	s.mu.Lock()
	if made {
		s.created++
		s.groupless++
		s.room--
	}
	again := err != nil && s.queued[passport]+1 < roomTries
	if again {
		s.queued[passport]++
		s.rooms = append(s.rooms, passport)
	}
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Bool("again", again).Msg("Failed to create a room for a contact")
		_ = sleep(ctx, roomPause) // run looks at ctx
	}
}

// waiting lists whose room is still to be seen to, and tells how many more may be made.
func (s *contactSync) waiting() (passports []string, room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rooms), max(s.room, 0)
}
