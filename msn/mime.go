package msn

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxMessagePayload is the most bytes that one MSG may carry, headers included (core.md 2.4). A
// switchboard closes the connection above it.
const MaxMessagePayload = 1664

// maxFields bounds one header block or one list of fields in a body. The longest known, the profile, has about 25.
const maxFields = 128

// Errors of [ParseMessage].
var (
	ErrNoHeader      = errors.New("the message has no header")
	ErrTooManyFields = errors.New("the message has too many header fields")
)

// parseFields reads the header block of a message payload: the fields in the order of the wire, and
// the body after the first empty line. Lines may end in LF alone, and lines that are no field are
// passed over. A block without its empty line is taken to have no body. Server messages keep their
// content in this block or in a second one in the body (core.md 6.1 and 6.2).
//
// The error is [ErrNoHeader] if the payload does not begin with a field, and [ErrTooManyFields] above
// 128 fields. The body shares memory with the payload.
func parseFields(payload []byte) (fields []Field, body []byte, err error) {
	rest := payload
	for len(rest) > 0 {
		var line []byte
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		field, ok := parseField(line)
		switch {
		case !ok && len(fields) == 0:
			return nil, nil, ErrNoHeader
		case !ok:
			continue
		case len(fields) == maxFields:
			return nil, nil, ErrTooManyFields
		}
		fields = append(fields, field)
	}
	if len(fields) == 0 {
		return nil, nil, ErrNoHeader
	}
	return fields, rest, nil
}

// parseFieldLines reads a body that is a list of fields, with empty lines anywhere. It fails if there
// is no field, or if there are too many.
func parseFieldLines(body []byte) ([]Field, bool) {
	var fields []Field
	for rest := body; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		field, ok := parseField(line)
		if !ok {
			continue
		}
		if len(fields) == maxFields {
			return nil, false
		}
		fields = append(fields, field)
	}
	return fields, len(fields) > 0
}

// cutLine cuts at the first LF and takes the CR before it away.
func cutLine(b []byte) (line, rest []byte) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return bytes.TrimSuffix(b, []byte("\r")), b[len(b):]
	}
	return bytes.TrimSuffix(b[:end], []byte("\r")), b[end+1:]
}

func parseField(line []byte) (Field, bool) {
	name, value, found := strings.Cut(string(line), ":")
	f := Field{cleanLine(name), cleanLine(value)}
	return f, found && f.Name != ""
}

// fieldValue is the value of the first field of that name, whatever its letter case, or "".
func fieldValue(fields []Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// appendField writes one line. What is not fit for a line was taken out of the value, so that nobody's
// name can add a header of its own.
func appendField(b []byte, name, value string) []byte {
	b = append(b, cleanLine(name)...)
	b = append(b, ": "...)
	b = append(b, cleanLine(value)...)
	return append(b, "\r\n"...)
}

// cleanLine makes a text fit for one line: valid UTF-8, no control characters, no blanks at the ends.
func cleanLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		}
		return r // an invalid byte comes as U+FFFD
	}, s))
}

// cutBytes is the longest beginning of s within max bytes that ends between two runes.
func cutBytes(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
