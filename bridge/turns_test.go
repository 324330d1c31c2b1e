package bridge

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/id"
)

// slowCommands takes its time and notes when it is done.
type slowCommands struct {
	took map[string]time.Duration
	done chan string
}

func (s slowCommands) Handle(_ context.Context, _ id.RoomID, _ id.EventID, _ *bridgev2.User, message string, _ id.EventID) {
	time.Sleep(s.took[message])
	s.done <- message
}

// TestTurns checks that a user's commands keep their order, that users do not wait for each other, and
// that a slow command holds nobody back for long.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name  string
		first time.Duration
		other bool // the second command is another user's
		want  []string
	}{
		{"in order", patience / 2, false, []string{"first", "second"}},
		{"another user", patience / 2, true, []string{"second", "first"}},
		{"a slow one", patience * 2, false, []string{"second", "first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slowCommands{took: map[string]time.Duration{"first": c.first}, done: make(chan string, 2)}
				turns := inTurns(s)
				user := func(name id.UserID) *bridgev2.User {
					return &bridgev2.User{User: &database.User{MXID: name}}
				}
				go turns.Handle(t.Context(), "", "", user("@alice:example.com"), "first", "")
				synctest.Wait()
				second := user("@alice:example.com")
				if c.other {
					second = user("@bob:example.com")
				}
				go turns.Handle(t.Context(), "", "", second, "second", "")
				if got := []string{<-s.done, <-s.done}; !slices.Equal(got, c.want) {
					t.Errorf("done in the order %q, want %q", got, c.want)
				}
			})
		})
	}
}
