package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Contact is somebody with an MSN client, signed in once, who keeps all that MSN tells.
type Contact struct {
	*msn.Client
	Record[msn.Event]
	Passport string
	cancel   context.CancelFunc
	ended    chan struct{}
	err      error // of Run; read after ended
}

// signInTime is how long a sign-in may take.
const signInTime = 20 * time.Second

// Enter signs somebody in and returns when the contact list is there. Configuration that is left out is filled in; the
// handler is the record.
func Enter(ctx context.Context, server msn.Server, passport, password string, adjust func(*msn.Config)) (*Contact, error) {
	c := &Contact{Passport: passport, ended: make(chan struct{})}
	cfg := msn.Config{
		Server: server, Passport: passport, Password: password, Limits: msn.Limits{Changes: -1},
		Presence: msn.Presence{Status: msn.Online, Capabilities: msn.Capabilities{Bits: msn.CapChunks}},
	}
	if adjust != nil {
		adjust(&cfg)
	}
	cfg.Handler = func(_ context.Context, e msn.Event) { c.Add(e) }
	var err error
	if c.Client, err = msn.New(cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", passport, err)
	}
	var life context.Context
	life, c.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(c.ended)
		c.err = c.Run(life)
	}()
	ctx, cancel := context.WithTimeout(ctx, signInTime)
	defer cancel()
	if err := c.Ping(ctx); err != nil { // Ping waits for the sign-in
		c.cancel()
		<-c.ended
		return nil, fmt.Errorf("%s signs in to MSN: %w", passport, errors.Join(err, c.err))
	}
	return c, nil
}

// Leave signs out and waits for the end.
func (c *Contact) Leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = c.SignOut(ctx) // it ends either way
	c.cancel()
	<-c.ended
}

// Ended is closed when the sign-in has ended, for whatever reason.
func (c *Contact) Ended() <-chan struct{} { return c.ended }

// Await waits for the first event after a mark that matches.
func (c *Contact) Await(ctx context.Context, what string, mark int, match func(msn.Event) bool) (msn.Event, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.ended:
			cancel(fmt.Errorf("the sign-in has ended: %w", c.err))
		case <-ctx.Done():
		}
	}()
	e, err := c.Record.Await(ctx, mark, match)
	if err != nil {
		return nil, fmt.Errorf("%s did not see %s: %w", c.Passport, what, context.Cause(ctx))
	}
	return e, nil
}

// AwaitMessage waits for the first message of a kind after a mark that matches.
func AwaitMessage[M msn.Message](ctx context.Context, c *Contact, what string, mark int, match func(msn.MessageReceived, M) bool) (msn.MessageReceived, error) {
	e, err := c.Await(ctx, what, mark, func(e msn.Event) bool {
		got, ok := e.(msn.MessageReceived)
		if !ok {
			return false
		}
		message, ok := got.Message.(M)
		return ok && match(got, message)
	})
	if err != nil {
		return msn.MessageReceived{}, err
	}
	return e.(msn.MessageReceived), nil
}

// Hear waits for a text from somebody after a mark.
func (c *Contact) Hear(ctx context.Context, mark int, from, text string) (msn.MessageReceived, error) {
	return AwaitMessage(ctx, c, fmt.Sprintf("%q from %s", text, from), mark, func(e msn.MessageReceived, m *msn.TextMessage) bool {
		return e.From == from && m.Text == text
	})
}

// Say sends a text to people.
func (c *Contact) Say(ctx context.Context, to msn.Conversation, text string) (msn.Sent, error) {
	sent, err := c.Send(ctx, to, &msn.TextMessage{Text: text})
	if err != nil {
		return sent, fmt.Errorf("%s says %q: %w", c.Passport, text, err)
	}
	return sent, nil
}
