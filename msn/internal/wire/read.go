package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	// maxFields bounds the fields of a line; the longest lines of the protocol have about two dozen.
	maxFields = 256
	// maxEmptyLines bounds the empty lines in a row that are skipped.
	maxEmptyLines = 64

	// Fields and lines are cut from blocks of these sizes, which saves two allocations per command. A command that is kept
	// keeps its blocks alive, so they are small.
	fieldBlock = 64
	textBlock  = 2048

	// payloadStep is the most that is allocated for a payload on the word of a length alone; beyond it, memory grows with
	// the bytes that came.
	payloadStep = 64 << 10
)

// SyntaxError is a line that is no command. The bytes that follow it cannot be made sense of: close the connection.
type SyntaxError struct {
	// Line is the command word, or the start of what stands in its place, quoted. The rest of the line may hold passwords
	// and tickets and is not kept.
	Line string
	// Reason says what is wrong, without quoting the line.
	Reason string
}

// Error is safe to log: see the fields.
func (e *SyntaxError) Error() string { return "broken line " + e.Line + ": " + e.Reason }

// syntaxError keeps of the line only its first word if that can be a command, else three bytes of it: it could be anything.
func syntaxError(line, format string, args ...any) error {
	word, _, _ := strings.Cut(line, " ")
	if len(word) > 3 {
		word = word[:3]
	}
	return &SyntaxError{Line: strconv.QuoteToASCII(word), Reason: fmt.Sprintf(format, args...)}
}

// Reader reads the commands that one side sends. It is not safe for concurrent use.
type Reader struct {
	in   *bufio.Reader
	from Side
	err  error // sticky: after it the place in the stream is lost

	fields []string
	text   strings.Builder
}

// NewReader returns a Reader of what from sends over in. It reads ahead, so nobody else may read from in.
func NewReader(in io.Reader, from Side) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, MaxLine+len("\r\n")), from: from}
}

// Read returns the next whole command; it is the caller's to keep. Lower-case command words are raised, a bare LF ends a
// line too, trailing blanks and empty lines are skipped; two blanks in a row hold an empty argument (core.md 2.1).
//
// The error is io.EOF if the stream ended between two commands, io.ErrUnexpectedEOF if inside one, a [*SyntaxError] if what
// came is no command or too large, else the stream's own. All errors are final: further calls return the same.
func (r *Reader) Read() (Command, error) {
	if r.err != nil {
		return Command{}, r.err
	}
	cmd, err := r.read()
	if err != nil {
		r.err = err
		return Command{}, err
	}
	return cmd, nil
}

func (r *Reader) read() (Command, error) {
	raw, err := r.line()
	if err != nil {
		return Command{}, err
	}
	line := r.keep(raw)
	cmd, size, err := parseLine(line, r.from, r.room(strings.Count(line, " ")))
	if err != nil {
		return Command{}, err
	}
	if size >= 0 {
		cmd.Payload, err = r.payload(size)
	}
	return cmd, err
}

// line returns the next line that is not empty, without its end and trailing blanks. It is valid until the next read.
func (r *Reader) line() ([]byte, error) {
	for range maxEmptyLines + 1 {
		line, err := r.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, syntaxError(string(line[:3]), "longer than %d bytes", MaxLine)
		case errors.Is(err, io.EOF) && len(line) > 0:
			if line[0] < ' ' || line[0] > '~' { // the beginning of something, but of no command
				return nil, syntaxError(string(line), "no text")
			}
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
		if len(line) > MaxLine {
			return nil, syntaxError(string(line[:3]), "longer than %d bytes", MaxLine)
		}
		if line = bytes.TrimRight(line, " "); len(line) > 0 {
			return line, nil
		}
	}
	return nil, syntaxError("", "more than %d empty lines", maxEmptyLines)
}

// keep copies a line into the current text block.
func (r *Reader) keep(line []byte) string {
	if r.text.Cap()-r.text.Len() < len(line) {
		r.text.Reset()
		r.text.Grow(max(textBlock, len(line)))
	}
	start := r.text.Len()
	r.text.Write(line)
	return r.text.String()[start:]
}

// room returns an empty slice for n fields from the current field block, for none nil.
func (r *Reader) room(n int) []string {
	if n == 0 || n > maxFields {
		return nil
	}
	if len(r.fields) < n {
		r.fields = make([]string, max(fieldBlock, n))
	}
	room := r.fields[:0:n]
	r.fields = r.fields[n:]
	return room
}

func (r *Reader) payload(size int) ([]byte, error) {
	payload := make([]byte, min(size, payloadStep))
	for read := 0; ; {
		n, err := io.ReadFull(r.in, payload[read:])
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if read += n; read == size {
			return payload, nil
		}
		payload = append(payload, make([]byte, min(size-read, len(payload)))...)
	}
}

// parseLine takes a line apart, appending its fields to room. size is the length of the payload that follows it, or -1.
func parseLine(line string, from Side, room []string) (cmd Command, size int, err error) {
	if strings.IndexByte(line, '\r') >= 0 || strings.IndexByte(line, '\n') >= 0 {
		return Command{}, 0, syntaxError(line, "line end inside a line")
	}
	name, rest, more := strings.Cut(line, " ")
	if cmd.Name, err = commandName(name, from); err != nil {
		return Command{}, 0, err
	}
	fields := room
	for more {
		if len(fields) == maxFields {
			return Command{}, 0, syntaxError(name, "more than %d fields", maxFields)
		}
		var field string
		field, rest, more = strings.Cut(rest, " ")
		fields = append(fields, field)
	}

	shape := shapeOf(cmd.Name, from)
	if size, err = payloadSize(cmd.Name, shape.payload, fields); err != nil {
		return Command{}, 0, err
	}
	if size >= 0 {
		fields = fields[:len(fields)-1]
	}
	if shape.numbered != nil && shape.numbered(fields) {
		id, _ := number(fields[0], math.MaxUint32)
		cmd.TrID, cmd.HasTrID = uint32(id), true
		fields = fields[1:]
	}
	if len(fields) > 0 {
		cmd.Args = fields[:len(fields):len(fields)] // appending to it must not write into another command's fields
	}
	return cmd, size, nil
}

// commandName checks the first word of a line and raises it.
func commandName(word string, from Side) (string, error) {
	if len(word) != 3 {
		return "", syntaxError(word, "no command word")
	}
	if digits(word) {
		if from == FromClient || from == FromClient24 {
			return "", syntaxError(word, "error number from a client")
		}
		return word, nil
	}
	lower := false
	for i := range len(word) {
		switch c := word[i]; {
		case 'A' <= c && c <= 'Z':
		case 'a' <= c && c <= 'z':
			lower = true
		default:
			return "", syntaxError(word, "no command word")
		}
	}
	if lower {
		word = strings.ToUpper(word)
	}
	return word, nil
}

// payloadSize is the length of the payload that the fields announce, or -1 if they announce none.
func payloadSize(name string, rule payloadRule, fields []string) (int, error) {
	switch rule {
	case never:
		return -1, nil
	case always:
		if len(fields) == 0 {
			return 0, syntaxError(name, "no payload length")
		}
	case trailing:
		if len(fields) < 2 {
			return -1, nil
		}
	case refusal:
		if len(fields) != 2 {
			return -1, nil
		}
	}
	last := fields[len(fields)-1]
	if n, ok := number(last, MaxPayload); ok {
		return int(n), nil
	}
	if digits(last) {
		return 0, syntaxError(name, "payload longer than %d bytes", MaxPayload)
	}
	if unsigned, signed := strings.CutPrefix(last, "-"); rule == always || signed && digits(unsigned) {
		return 0, syntaxError(name, "payload length is no number of bytes")
	}
	return -1, nil
}
