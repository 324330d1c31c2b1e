package probe

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The steps, in their order; each is a column of the table.
const (
	stepSignIn   = "sign-in"
	stepList     = "list"
	stepPresence = "presence"
	stepPing     = "ping"
	stepPeer     = "peer"
	stepTextOut  = "text out"
	stepTextIn   = "text in"
)

// run makes every round, one after another.
func run(ctx context.Context, opt options, stderr io.Writer) report {
	rep := report{label: opt.serverLabel, transport: opt.transportTag, withPeer: opt.peer.passport != "", skipped: opt.skipped}
	var trace func(string)
	if opt.trace {
		var mu sync.Mutex
		trace = func(line string) {
			mu.Lock()
			defer mu.Unlock()
			_, _ = fmt.Fprintln(stderr, line)
		}
	}
	rep.checks = checkService(ctx, opt)
	for _, versions := range opt.rounds {
		r := round{opt: opt, versions: versions, trace: trace, row: row{version: label(versions), steps: rep.steps()}}
		r.do(ctx)
		rep.rows = append(rep.rows, r.row)
		if ctx.Err() != nil {
			break
		}
	}
	rep.interrupted = ctx.Err() != nil
	return rep
}

// label names a round before the server has chosen.
func label(versions []msn.Version) string {
	if len(versions) == 1 {
		return versions[0].String()
	}
	return "auto"
}

// round is one sign-in with all its steps.
type round struct {
	opt      options
	versions []msn.Version
	trace    func(string)
	row      row
}

// do runs the steps until one fails: those after it depend on it and are reported as not run.
func (r *round) do(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var me, peer *session
	defer func() {
		bye, done := context.WithTimeout(context.WithoutCancel(ctx), r.opt.timeout)
		defer done()
		for _, s := range []*session{me, peer} { // in the orderly way, or a gateway would keep them for a while
			if s != nil {
				s.stop(bye, func() {})
			}
		}
	}()
	ok := r.step(ctx, stepSignIn, func(ctx, session context.Context) (detail string, err error) {
		me, err = r.signIn(ctx, session, r.opt.user)
		if err == nil {
			r.row.version = me.client.Version().String()
		}
		return "", err
	}) && r.step(ctx, stepList, func(context.Context, context.Context) (string, error) {
		return fmt.Sprintf("%d contacts, %d groups", len(me.client.Contacts()), len(me.client.Groups())), nil
	}) && r.step(ctx, stepPresence, func(ctx, _ context.Context) (string, error) {
		return "", changePresence(ctx, me.client)
	}) && r.step(ctx, stepPing, func(ctx, _ context.Context) (string, error) {
		return "", me.client.Ping(ctx)
	})
	if !ok {
		return
	}
	if r.opt.peer.passport != "" {
		ok = r.talk(ctx, me, &peer)
	}
	if ok {
		in := &pair{me: me, peer: peer, life: ctx}
		for _, e := range extras {
			_ = r.step(ctx, e.name, func(ctx, _ context.Context) (string, error) { return e.run(ctx, r, in) }) // it is in the report
		}
		peer = in.peer
	}
}

// talk signs the second account in and passes a text each way.
func (r *round) talk(ctx context.Context, me *session, to **session) bool {
	var peer *session
	defer func() { *to = peer }()
	return r.step(ctx, stepPeer, func(ctx, session context.Context) (detail string, err error) {
		peer, err = r.signIn(ctx, session, r.opt.peer)
		return "", err
	}) && r.step(ctx, stepTextOut, func(ctx, _ context.Context) (string, error) {
		return "", passText(ctx, me, peer, r.opt.user.passport, r.opt.peer.passport, "Probe: Grüße ☃ there")
	}) && r.step(ctx, stepTextIn, func(ctx, _ context.Context) (string, error) {
		return "", passText(ctx, peer, me, r.opt.peer.passport, r.opt.user.passport, "Probe: Grüße ☃ back")
	})
}

// step runs one step under its own time limit. The second context is the whole round's, for what must
// outlive the step.
func (r *round) step(ctx context.Context, name string, do func(step, round context.Context) (string, error)) bool {
	limited, cancel := context.WithTimeout(ctx, r.opt.timeout)
	defer cancel()
	began := time.Now()
	detail, err := do(limited, ctx)
	r.row.set(name, result{ran: true, err: err, detail: detail, took: time.Since(began)})
	return err == nil
}

// signIn starts a session and waits until it stands: signed in, and announced to the others.
func (r *round) signIn(ctx, life context.Context, who account) (*session, error) {
	s, err := start(life, r.opt.base, who, r.versions, r.trace)
	if err != nil {
		return nil, err
	}
	if _, err = await(ctx, s, func(msn.SignedIn) bool { return true }); err == nil {
		err = s.client.Ping(ctx) // it waits for the first CHG, before which nobody can be called
	}
	return s, s.where(err)
}

// changePresence goes busy and back, so that the server has to take two changes.
func changePresence(ctx context.Context, c *msn.Client) error {
	for _, status := range []msn.Status{msn.Busy, msn.Online} {
		p := msn.Presence{Status: status, Capabilities: msn.Capabilities{Bits: msn.CapChunks}}
		if err := c.SetPresence(ctx, p); err != nil {
			return fmt.Errorf("set %s: %w", status, err)
		}
	}
	return nil
}

// passText sends a text and waits until the other session has it, unchanged.
func passText(ctx context.Context, from, to *session, sender, receiver, text string) error {
	if _, err := from.client.Send(ctx, msn.With(receiver), &msn.TextMessage{Text: text}); err != nil {
		return fmt.Errorf("send to %s: %w", receiver, err)
	}
	_, err := await(ctx, to, func(m msn.MessageReceived) bool {
		got, isText := m.Message.(*msn.TextMessage)
		return isText && m.From == sender && got.Text == text
	})
	if err != nil {
		return fmt.Errorf("%s did not get the text: %w", receiver, err)
	}
	return nil
}
