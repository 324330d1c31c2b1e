package msntest

import (
	"io"
	"sync"
	"time"
)

const (
	// maxOutbox bounds what waits for a client that does not read; beyond it the connection is cut. A list of 600 contacts
	// takes less than a tenth of it.
	maxOutbox = 2 << 20
	// writeTimeout is for one write to a client that does not read.
	writeTimeout = 20 * time.Second
)

// outbox holds what is to be written to one connection, so that no handler ever waits for a client. Its lock is taken inside
// the Server's, never around it.
type outbox struct {
	mu     sync.Mutex
	buf    []byte
	ending bool // nothing more is taken; what is there still goes out
	dead   bool // nothing more goes out
	delay  time.Duration
	wake   chan struct{} // has room for one
	killed chan struct{}
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), killed: make(chan struct{})}
}

// add takes bytes for writing. It says whether they were taken; a full outbox dies.
func (o *outbox) add(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending || o.dead {
		return false
	}
	if len(o.buf)+len(b) > maxOutbox {
		o.die()
		return false
	}
	o.buf = append(o.buf, b...)
	o.poke()
	return true
}

// hold sets the time that everything is held back from now on.
func (o *outbox) hold(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay = d
}

// end lets what is there go out and takes nothing more.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = true
	o.poke()
}

// kill throws away what is there.
func (o *outbox) kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.die()
}

func (o *outbox) die() {
	if !o.dead {
		o.dead, o.buf = true, nil
		close(o.killed)
	}
	o.poke()
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns what is there, and whether nothing will come after it.
func (o *outbox) take() (b []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, o.buf = o.buf, nil
	return b, o.ending || o.dead
}

// pause waits for as long as hold says. false means that the outbox died meanwhile.
func (o *outbox) pause() bool {
	o.mu.Lock()
	delay := o.delay
	o.mu.Unlock()
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-o.killed:
		return false
	}
}

// deadlineWriter is a connection whose writes can be bounded in time.
type deadlineWriter interface {
	io.Writer
	SetWriteDeadline(time.Time) error
}

// writeTo carries everything to w until the outbox ends, dies, or w fails. It says whether all was written.
func (o *outbox) writeTo(w deadlineWriter) bool {
	for {
		select {
		case <-o.wake:
		case <-o.killed:
			return false
		}
		if !o.pause() {
			return false
		}
		b, last := o.take()
		if len(b) > 0 {
			if err := w.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				o.kill()
				return false
			}
			if _, err := w.Write(b); err != nil {
				o.kill()
				return false
			}
		}
		if last {
			return true
		}
	}
}
