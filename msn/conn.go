package msn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// answerTimeout is for one question: some servers never answer what they do not like
	// (escargot.md 13).
	answerTimeout = 30 * time.Second
	// writeTimeout is for one command to leave; a peer that stops reading must not hold us.
	writeTimeout = 30 * time.Second
	// keepBuffer is the largest write buffer that is kept between commands.
	keepBuffer = 4096
)

// conn is one MSNP connection to a notification server or a switchboard, over any net.Conn. It has two
// locks that are never held together: the turn to write, and the map of questions. A blocked write
// therefore never stops the reader.
type conn struct {
	nc     net.Conn
	reader *wire.Reader
	trace  func(string)
	// here and there are my end and the other one. tongue translates, for MSNP24; nil for no need.
	here, there wire.Side
	tongue      *tongue

	turn chan struct{} // one slot: whoever fills it may write
	out  []byte        // belongs to the writer

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]*question
	wanted  error // see endingFor
	err     error // why done is closed
	done    chan struct{}

	// handling is set while the reader is in the handler: silence is then ours, not the peer's.
	handling atomic.Bool
}

// question is a command that waits for its answer.
type question struct {
	name   string
	answer chan wire.Command
	seen   seen // may be nil
}

// seen gets an answer in the reader's goroutine, so in the order of the wire, with the reader's context.
type seen func(ctx context.Context, answer wire.Command)

// newConn wraps an open connection. The caller must run serve.
func newConn(nc net.Conn, trace func(string)) *conn {
	return &conn{
		nc:      nc,
		reader:  wire.NewReader(nc, wire.FromServer),
		trace:   trace,
		here:    wire.FromClient,
		there:   wire.FromServer,
		turn:    make(chan struct{}, 1),
		waiting: make(map[uint32]*question),
		done:    make(chan struct{}),
	}
}

// command makes a command with a slot for its TrID. Arguments are written as they are.
func command(name string, args ...string) wire.Command {
	return wire.Command{Name: name, Args: args, HasTrID: true}
}

// unsentError wraps a failure before any byte of the command left: sending it again cannot make a
// second copy.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// ask sends a command and waits for its answer: a reply of the same name, an error number, or one of
// those that isAnswer knows. seen, if not nil, gets the answer first, in the reader's goroutine.
func (c *conn) ask(ctx context.Context, cmd wire.Command, seen seen) (wire.Command, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, ErrNoAnswer)
	defer cancel()
	q := &question{name: cmd.Name, answer: make(chan wire.Command, 1), seen: seen}
	cmd.TrID, cmd.HasTrID = c.expect(q), true
	defer c.forget(cmd.TrID)
	if err := c.write(ctx, cmd); err != nil {
		return wire.Command{}, err
	}
	select {
	case got := <-q.answer:
		return c.verdict(cmd.Name, got)
	case <-c.done:
		select {
		case got := <-q.answer: // the answer came before the end
			return c.verdict(cmd.Name, got)
		default:
			return wire.Command{}, c.reason()
		}
	case <-ctx.Done(): // an abandoned wait closes nothing
		return wire.Command{}, context.Cause(ctx)
	}
}

func (c *conn) verdict(name string, got wire.Command) (wire.Command, error) {
	if code, refused := got.ErrorCode(); refused {
		return got, &ProtocolError{Command: name, Code: code}
	}
	return got, nil
}

// expect numbers a question and remembers it.
func (c *conn) expect(q *question) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	if q != nil {
		c.waiting[c.last] = q
	}
	return c.last
}

func (c *conn) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// tell sends a command that has no answer, or whose answer nobody waits for.
func (c *conn) tell(ctx context.Context, cmd wire.Command) error {
	if cmd.HasTrID {
		cmd.TrID = c.expect(nil)
	}
	return c.write(ctx, cmd)
}

// write sends one whole command. A failed write closes the connection, since half a command may be
// out; giving up before the turn comes does not.
func (c *conn) write(ctx context.Context, cmd wire.Command) error {
	select {
	case c.turn <- struct{}{}:
	case <-c.done:
		return &unsentError{c.reason()}
	case <-ctx.Done():
		return &unsentError{context.Cause(ctx)}
	}
	defer func() { <-c.turn }()
	if err := c.reason(); err != nil {
		return &unsentError{err}
	}
	if c.tongue != nil {
		cmd = c.tongue.out(cmd, func() uint32 { return c.expect(nil) })
	}
	if c.trace != nil {
		c.trace(line(cmd, c.here))
	}
	c.out = cmd.Append(c.out[:0], c.here)
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		c.close(fmt.Errorf("%w: %w", ErrClosed, err))
		return &unsentError{c.reason()}
	}
	n, err := c.nc.Write(c.out)
	if cap(c.out) > keepBuffer {
		c.out = nil
	}
	if err == nil {
		return nil
	}
	c.close(fmt.Errorf("%w: %w", ErrClosed, err))
	if n == 0 {
		return &unsentError{c.reason()}
	}
	return c.reason()
}

// serve reads until the connection ends and returns why. What answers no question goes to handle,
// whose error ends the connection. It is the only reader.
func (c *conn) serve(ctx context.Context, handle func(context.Context, wire.Command) error) error {
	stop := context.AfterFunc(ctx, func() { c.close(context.Cause(ctx)) })
	defer stop()
	defer c.nc.Close() // waits for a tunnel's goroutines, even if another goroutine closes it
	for {
		cmd, err := c.reader.Read()
		if err != nil {
			c.close(closedBy(err))
			return c.reason()
		}
		if c.trace != nil {
			c.trace(line(cmd, c.there))
		}
		if c.tongue != nil {
			cmd = c.tongue.in(cmd)
		}
		if c.answered(ctx, cmd) {
			continue
		}
		c.handling.Store(true)
		err = handle(ctx, cmd)
		c.handling.Store(false)
		if err != nil {
			c.close(err)
			return c.reason()
		}
	}
}

// line is a command as the trace shows it.
func line(cmd wire.Command, from wire.Side) string {
	return strings.TrimSuffix(wire.FormatCommand(wire.Redact(cmd, from), from), "\n")
}

// closedBy makes the reason of an end out of a read error: a broken line stays visible as such.
func closedBy(err error) error {
	var broken *wire.SyntaxError
	if errors.As(err, &broken) {
		switch {
		case strings.HasPrefix(broken.Line, `"HTT`):
			return fmt.Errorf("%w: HTTP, and not MSNP: %w: %w", ErrOtherProtocol, ErrClosed, err)
		case strings.HasPrefix(broken.Line, `"\x15\x03`): // an alert record
			return fmt.Errorf("%w: TLS, and it is spoken to without: %w: %w", ErrOtherProtocol, ErrClosed, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// answered hands the command to the question that it answers, if it answers one.
func (c *conn) answered(ctx context.Context, cmd wire.Command) bool {
	if !cmd.HasTrID {
		return false
	}
	c.mu.Lock()
	q := c.waiting[cmd.TrID]
	if q == nil || !isAnswer(q.name, cmd) {
		c.mu.Unlock()
		return false
	}
	delete(c.waiting, cmd.TrID)
	c.mu.Unlock()
	if q.seen != nil {
		c.handling.Store(true)
		q.seen(ctx, cmd)
		c.handling.Store(false)
	}
	q.answer <- cmd
	return true
}

// isAnswer tells whether a reply ends the question of that name. Everything else under the same TrID
// (IRO before ANS OK, ILN after CHG, the lines of SYN) goes to the handler.
func isAnswer(name string, reply wire.Command) bool {
	if _, refused := reply.ErrorCode(); refused || reply.Name == name {
		return true
	}
	switch name {
	case "VER", "INF", "CVR", "USR", "CNT": // the dispatch server redirects
		return reply.Name == "XFR"
	case "MSG":
		return reply.Name == "ACK" || reply.Name == "NAK"
	}
	return false
}

// close ends the connection for the given reason; only the first one counts.
func (c *conn) close(reason error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		if c.wanted != nil {
			reason = c.wanted
		}
		if reason == nil {
			reason = ErrClosed
		}
		c.err = reason
	}
	c.mu.Unlock()
	if first {
		close(c.done)
		_ = c.nc.Close() // its error changes nothing: the connection is given up
	}
}

// endingFor says why the connection is about to end, whichever end closes it.
func (c *conn) endingFor(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = reason
}

// reason is why the connection ended, nil while it lives.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// alive tells whether the connection has not ended.
func (c *conn) alive() bool { return c.reason() == nil }

// unsent tells whether no byte of the failed command had left.
func unsent(err error) bool {
	var e *unsentError
	return errors.As(err, &e)
}
