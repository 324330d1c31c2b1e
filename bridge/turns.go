package bridge

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/id"
)

// patience is how long a command waits for the one before it: a slow one, as a sign-in that is tried,
// must not keep `cancel` from being heard.
const patience = 2 * time.Second

// turns runs the commands of each user one after another. bridgev2 runs all at once, and asks its
// questions before it is ready for the answer: who answers at once, as a program does, would be told that
// the answer is an unknown command.
type turns struct {
	next bridgev2.CommandProcessor
	// image answers what is no command but an image, and tells whether it was one; nil for nothing.
	image func(ctx context.Context, room id.RoomID, event id.EventID, body string) bool

	mu    sync.Mutex
	users map[id.UserID]chan struct{} // a full channel: somebody's turn
}

// inTurns wraps a command processor.
func inTurns(next bridgev2.CommandProcessor) *turns {
	return &turns{next: next, users: make(map[id.UserID]chan struct{})}
}

// turn is the user's place at the counter.
func (t *turns) turn(user id.UserID) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users[user] == nil {
		t.users[user] = make(chan struct{}, 1)
	}
	return t.users[user]
}

// Handle implements bridgev2.CommandProcessor.
func (t *turns) Handle(ctx context.Context, room id.RoomID, event id.EventID, user *bridgev2.User, message string, replyTo id.EventID) {
	turn := t.turn(user.MXID)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-late.C:
	case <-ctx.Done():
	}
	if t.image != nil && t.image(ctx, room, event, message) {
		return
	}
	// The processor adds words to the logger, which is that of all events that came with this one.
	t.next.Handle(zerolog.Ctx(ctx).With().Logger().WithContext(ctx), room, event, user, message, replyTo)
}
