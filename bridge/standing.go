package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
)

// What the user is told of a login that does not work: at once and with a ping when it is lost for good, after a while when MSN cannot be
// reached; each once, over restarts too, and the end of it.

// standing is since when a login is without MSN.
type standing struct {
	mu    sync.Mutex
	since time.Time // zero while signed in
	told  bool
	state status.BridgeStateEvent
}

// now is the state for figures.
func (s *standing) now() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == "" {
		return string(status.StateUnconfigured)
	}
	return string(s.state)
}

// announce tells bridgev2 how the login stands. bridgev2 does not lock that.
func (c *Client) announce(state status.BridgeState) {
	c.standing.mu.Lock()
	defer c.standing.mu.Unlock()
	c.standing.state = state.StateEvent
	c.login.BridgeState.Send(state)
}

// begin starts the clock, if it is not running.
func (s *standing) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since, s.told = time.Now(), false
	}
}

// overdue tells, once, that the login has been without MSN for so long.
func (s *standing) overdue(after time.Duration) (since time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told || after <= 0 || s.since.IsZero() || time.Since(s.since) < after {
		return time.Time{}, false
	}
	s.told = true
	return s.since, true
}

// end stops the clock and tells whether the user was told of the trouble.
func (s *standing) end() (told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told = s.told
	s.since, s.told = time.Time{}, false
	return told
}

// tellOutage tells of a connection that has not come back for long.
func (c *Client) tellOutage(ctx context.Context, err error) {
	c.standing.begin()
	since, ok := c.standing.overdue(c.conn.Config.Connect.TellAfter.Duration)
	if !ok {
		return
	}
	c.tell(ctx, fmt.Sprintf("%s has not been signed in to MSN for %s: %s I go on trying, and shall tell you when it works again.",
		cell(c.login.RemoteName), inWords(time.Since(since)), diagnose(err).explain(err)))
}

// inWords tells people how long something has taken: nobody wants it to the minute after hours.
func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}

// tellLost tells, with a ping, that a login is lost for good.
func (c *Client) tellLost(ctx context.Context, state status.BridgeState) {
	code, told := string(state.Error), false
	c.remember(ctx, func(l *database.Login) {
		told = l.Lost == code
		l.Lost = code
	})
	if told {
		return
	}
	user := c.login.UserMXID
	c.say(ctx, fmt.Sprintf("[%s](%s): %s is not signed in to MSN any more. %s", user, user.URI().MatrixToURL(), cell(c.login.RemoteName), state.Reason), user)
}

// signedInAgain ends what the user was told.
func (s *session) signedInAgain(ctx context.Context) {
	s.remember(ctx, func(l *database.Login) { l.Lost = "" })
	if s.standing.end() {
		s.notices.add(fmt.Sprintf("%s is signed in to MSN again.", cell(s.login.RemoteName)))
	}
}

// say writes to the user's management room, with a ping for those who are mentioned.
func (c *Client) say(ctx context.Context, markdown string, mentions ...id.UserID) {
	room, err := c.login.User.GetManagementRoom(ctx)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to get the management room")
		return
	}
	content := format.RenderMarkdown(markdown, true, false)
	content.MsgType = event.MsgNotice
	if len(mentions) > 0 {
		content.MsgType, content.Mentions = event.MsgText, &event.Mentions{UserIDs: mentions} // clients do not ping for notices
	}
	if _, err := c.conn.br.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: &content}, nil); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to write to the management room")
	}
}
