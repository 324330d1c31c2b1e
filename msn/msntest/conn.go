package msntest

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// kind is what a connection is to: the service has three sorts of server.
type kind uint8

const (
	dispatch kind = iota
	notification
	switchboards
	messenger24 // a notification server that speaks MSNP24
)

// String is the abbreviation that the protocol uses.
func (k kind) String() string { return [...]string{"DS", "NS", "SB", "MSNP24"}[k] }

// client and server are the two ends in the alphabet of that kind.
func (k kind) client() wire.Side {
	if k == messenger24 {
		return wire.FromClient24
	}
	return wire.FromClient
}

func (k kind) server() wire.Side {
	if k == messenger24 {
		return wire.FromServer24
	}
	return wire.FromServer
}

// conn is one connection of a client, by TCP, TLS or the gateway. All fields but link and out are guarded by the Server's lock.
type conn struct {
	srv    *Server
	kind   kind
	number uint64 // for traces
	link   io.ReadCloser
	out    *outbox

	// local and remote are the two addresses as the server sees them, "host:port".
	local, remote string
	opened        time.Time
	peer          peer
	over          bool // hung up: nothing is handled or sent any more
	lengths       bool // MSNP21: an error about a command with payload ends in a length (core.md 3)

	commands int  // received, for Faults.DropAfter
	soiled   bool // Faults.Garbage was sent
}

// peer is who is at the other end: somebody at a notification server or in a switchboard.
type peer interface {
	// handle does one command. The lock is held.
	handle(cmd wire.Command)
	// gone undoes everything that depends on the connection. It is called exactly once, with the lock held; sending to the
	// connection does nothing then.
	gone()
	// passport is the account, or "" as long as it is not known.
	passport() string
	// arrived tells whether sign-in is complete.
	arrived() bool
}

func (c *conn) passport() string {
	if c.peer == nil {
		return ""
	}
	return c.peer.passport()
}

// send writes one command. It says whether the command was taken for writing. The lock is held.
func (c *conn) send(cmd wire.Command) bool {
	if t, ok := c.peer.(*interpreter); ok {
		return t.interpret(cmd)
	}
	return c.transmit(cmd)
}

// transmit is send without an interpreter.
func (c *conn) transmit(cmd wire.Command) bool {
	if c.over || c.srv.faultsFor(c).Silent {
		return false
	}
	c.srv.trace(c, cmd, c.kind.server())
	if c.out.add(cmd.Append(nil, c.kind.server())) {
		return true
	}
	c.srv.doomed = append(c.srv.doomed, c)
	return false
}

// push sends a command that has no place for a transaction id.
func (c *conn) push(name string, args ...string) bool {
	return c.send(wire.Command{Name: name, Args: args})
}

// reply sends a command with the transaction id of the request.
func (c *conn) reply(to wire.Command, name string, args ...string) bool {
	return c.send(wire.Command{Name: name, TrID: to.TrID, HasTrID: true, Args: args})
}

// notice sends an unasked command that has a place for a transaction id, with 0 in it.
func (c *conn) notice(name string, args ...string) bool {
	return c.send(wire.Command{Name: name, HasTrID: true, Args: args})
}

// fail answers with an error number. If the number is one after which Microsoft's servers closed, so does this.
func (c *conn) fail(to wire.Command, code int) {
	var length []string
	if c.lengths && len(to.Payload) > 0 {
		length = []string{"0"} // of the payload that explains it
	}
	c.reply(to, fmt.Sprintf("%03d", code), length...)
	if fatal(code) {
		c.hangUp()
	}
}

// fatal tells whether real servers closed the connection after an error (core.md 3).
func fatal(code int) bool {
	switch {
	case code >= 600 && code <= 605, code >= 910 && code <= 912, code >= 914 && code <= 919, code >= 921 && code <= 923:
		return true
	}
	switch code {
	case 200, 280, 282, 300, 302, 500, 501, 510, 511, 520, 540, 700, 707, 710, 711, 712, 714, 717, 733, 734, 926, 927, 928, 931:
		return true
	}
	return false
}

// hangUp closes the connection after what was sent has gone out. The lock is held.
func (c *conn) hangUp() {
	if c.over {
		return
	}
	c.end()
	c.out.end()
}

// cut closes the connection at once. The lock is held.
func (c *conn) cut() {
	c.end()
	c.out.kill()
	_ = c.link.Close() // nothing can be done about it
}

// end takes the client out of the service.
func (c *conn) end() {
	if !c.over {
		c.over = true
		c.peer.gone()
		c.srv.changed()
	}
}

// serve reads and handles commands until the connection ends. It is the reading goroutine.
func (c *conn) serve() {
	var lines *brittleLines
	in := io.Reader(c.link)
	if c.srv.quirks.BrittleLines && c.kind != messenger24 {
		lines = newBrittleLines(c.link)
		in = lines
	}
	reader := wire.NewReader(in, c.kind.client())
	for {
		if lines != nil {
			lines.next = true
		}
		cmd, err := reader.Read()
		if err != nil {
			c.srv.lost(c, err)
			break
		}
		if !c.srv.handle(c, cmd) {
			// Read on until the client closes, so that closing with unread bytes does not destroy the last answer on its
			// way (TCP resets then). The writer sets a deadline for this.
			_, _ = io.Copy(io.Discard, c.link) // the connection is over
			break
		}
	}
	c.out.kill()
	_ = c.link.Close() // it is over
}

// lingerTime is how long a client may take to close after its connection was closed, lastLinger after the whole service was.
const (
	lingerTime = 2 * time.Second
	lastLinger = 100 * time.Millisecond
)

// write is the writing goroutine of a TCP connection.
func (c *conn) write(nc net.Conn) {
	if !c.out.writeTo(nc) {
		_ = nc.Close() // it is broken
		return
	}
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		linger := lingerTime
		select {
		case <-c.srv.done:
			linger = lastLinger
		default:
		}
		if half.CloseWrite() == nil && nc.SetReadDeadline(time.Now().Add(linger)) == nil {
			return
		}
	}
	_ = nc.Close() // it is over
}

// pushEnvelope sends NFY PUT, NFY DEL or SDG.
func (c *conn) pushEnvelope(name, verb string, payload []byte) bool {
	if verb == "" {
		return c.send(wire.Command{Name: name, HasTrID: true, Payload: payload})
	}
	return c.send(wire.Command{Name: name, Args: []string{verb}, Payload: payload})
}
