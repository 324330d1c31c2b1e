package msntest

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// brittleLines hands what a client sends on to a wire.Reader as Escargot would read it (escargot.md 14, 15): after an empty line
// or one of one letter nothing is read any more, and a line that is not UTF-8 is no command.
type brittleLines struct {
	in   *bufio.Reader
	next bool   // the reader wants a command: what comes is a line
	rest []byte // of the line
}

func newBrittleLines(in io.Reader) *brittleLines {
	return &brittleLines{in: bufio.NewReaderSize(in, wire.MaxLine+len("\r\n"))}
}

// Read returns parts of a line, and then single bytes: the reader above must not get more than the payload that it asks for.
func (l *brittleLines) Read(p []byte) (int, error) {
	if !l.next && len(l.rest) == 0 {
		return l.in.Read(p[:min(1, len(p))])
	}
	if l.next {
		l.next = false
		line, err := l.in.ReadSlice('\n')
		if len(line) == 0 {
			return 0, err
		}
		switch {
		case err == io.EOF: // not a whole line
		case !utf8.Valid(line):
			return 0, &wire.SyntaxError{Line: `""`, Reason: "not UTF-8"}
		case len(bytes.TrimSpace(line)) <= 1:
			_, err := io.Copy(io.Discard, l.in)
			if err == nil {
				err = io.EOF
			}
			return 0, err
		}
		l.rest = bytes.Clone(line)
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
