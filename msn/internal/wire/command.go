package wire

import (
	"slices"
	"strconv"
)

// Side says who sent the bytes, since the same command word has another shape in the other direction.
type Side uint8

// The two ends of a connection, notification server and switchboard alike.
const (
	FromClient Side = iota
	FromServer
	// FromClient24 and FromServer24 are the ends of a connection that speaks MSNP24, which has an alphabet of its own.
	FromClient24
	FromServer24
)

// String is the letter of the notation: "C" for the client, "S" for the server.
func (s Side) String() string {
	if s == FromServer || s == FromServer24 {
		return "S"
	}
	return "C"
}

// Limits on what is read, checked before anything of that size is allocated.
const (
	// MaxLine is the longest line in bytes without its line end (core.md 2.1).
	MaxLine = 8192
	// MaxPayload is the largest payload in bytes.
	MaxPayload = 1 << 20
)

// Command is one MSNP command: its line and, if it has one, its payload.
type Command struct {
	// Name is three upper-case letters, or three digits for an error.
	Name string
	// TrID is the transaction id; meaningless unless HasTrID.
	TrID uint32
	// HasTrID says that the line has a place for a transaction id. What a server sends unasked may have one too, with 0 in
	// it (`CHL 0 ..`, `ADC 0 RL ..`).
	HasTrID bool
	// Args are the other fields as they stand on the line, percent-encoding included (see [Decode]), without the length of
	// the payload. nil if there are none.
	Args []string
	// Payload is nil for a command without payload. If it is not nil, be it empty, it is written with its length.
	Payload []byte
}

// ErrorCode returns the number of an error reply (`911 4`), and whether the command is one (core.md 3).
func (c Command) ErrorCode() (int, bool) {
	if len(c.Name) != 3 || !digits(c.Name) {
		return 0, false
	}
	return int(c.Name[0]-'0')*100 + int(c.Name[1]-'0')*10 + int(c.Name[2]-'0'), true
}

// Append appends the command to b as from would send it: line, CR LF, payload. It allocates nothing but room in b.
//
// Args must be encoded already (see [Encode]). A blank or line end that is in one nevertheless is percent-encoded, so that
// no argument can become two, or a command of its own. Empty arguments at the end of a line do not survive reading. A command
// that always has a payload is written with length 0 if it has none, since the far end would wait for a length. The limits
// of the reader are not checked here.
func (c Command) Append(b []byte, from Side) []byte {
	size := len(c.Name) + len(c.Payload) + 24
	for _, arg := range c.Args {
		size += 1 + len(arg)
	}
	b = c.appendLine(slices.Grow(b, size), from)
	b = append(b, '\r', '\n')
	return append(b, c.Payload...)
}

// appendLine appends the line without its end.
func (c Command) appendLine(b []byte, from Side) []byte {
	b = appendField(b, c.Name)
	if c.HasTrID {
		b = append(b, ' ')
		b = strconv.AppendUint(b, uint64(c.TrID), 10)
	}
	for _, arg := range c.Args {
		b = append(b, ' ')
		b = appendField(b, arg)
	}
	if c.Payload != nil || shapeOf(c.Name, from).payload == always {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(len(c.Payload)), 10)
	}
	return b
}

// appendField appends one field; what would end the field or the line is percent-encoded.
func appendField(b []byte, field string) []byte {
	done := 0
	for i := 0; i < len(field); i++ {
		if c := field[i]; c == ' ' || c == '\r' || c == '\n' {
			b = append(b, field[done:i]...)
			b = appendPercent(b, c)
			done = i + 1
		}
	}
	return append(b, field[done:]...)
}

// digits says whether s is one or more decimal digits and nothing else.
func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// number reads a decimal number of at most max; ok is false if s is anything else.
func number(s string, max uint64) (n uint64, ok bool) {
	if !digits(s) {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		n = n*10 + uint64(s[i]-'0')
		if n > max {
			return 0, false
		}
	}
	return n, true
}
