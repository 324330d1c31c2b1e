package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The content types of MSNSLP bodies, without their common beginning (p2p.md 6.3).
const (
	slpPrefix = "application/x-msnmsgr-"

	SessionRequest   = "sessionreqbody"
	SessionClose     = "sessionclosebody"
	SessionFailure   = "session-failure-respbody"
	TransportRequest = "transreqbody"
	TransportAnswer  = "transrespbody"
	NoBody           = "null"
)

// MaxSLP bounds one MSNSLP message, in bytes.
const MaxSLP = 64 << 10

// Field is one Name: value line of a body.
type Field struct{ Name, Value string }

// SLP is one MSNSLP message: a request has a Method, an answer a Status.
type SLP struct {
	Method string // INVITE, BYE, ACK; "" for an answer
	Status int    // 200, 603, 481, 500 ...
	Reason string // of an answer, "OK"
	// To and From are addresses, perhaps with ;{guid} behind.
	To, From string
	Branch   string // GUID with braces
	CSeq     int    // 0 in requests, 1 in answers
	CallID   string // GUID with braces
	// Type is the content type without "application/x-msnmsgr-".
	Type string
	Body []Field
}

// ErrNotSLP is for text that is no MSNSLP message.
var ErrNotSLP = errors.New("this is not an MSNSLP message")

// Get is the value of a field of the body, "" for none. Names are compared without case.
func (m *SLP) Get(name string) string {
	for _, f := range m.Body {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Append writes the message in the exact form that official programs want, NUL included (p2p.md 6.1).
func (m *SLP) Append(b []byte) []byte {
	if m.Method != "" {
		b = fmt.Appendf(b, "%s MSNMSGR:%s MSNSLP/1.0\r\n", m.Method, m.To)
	} else {
		b = fmt.Appendf(b, "MSNSLP/1.0 %d %s\r\n", m.Status, m.Reason)
	}
	body, kind := []byte{0}, m.Type
	if m.Type != NoBody {
		kind, body = slpPrefix+m.Type, nil
		for _, f := range m.Body {
			body = fmt.Appendf(body, "%s: %s\r\n", f.Name, f.Value)
		}
		body = append(body, '\r', '\n', 0)
	}
	b = fmt.Appendf(b, "To: <msnmsgr:%s>\r\nFrom: <msnmsgr:%s>\r\nVia: MSNSLP/1.0/TLP ;branch=%s\r\nCSeq: %d \r\nCall-ID: %s\r\n"+
		"Max-Forwards: 0\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		m.To, m.From, m.Branch, m.CSeq, m.CallID, kind, len(body))
	return append(b, body...)
}

// ParseSLP reads a message leniently (p2p.md 6.4).
func ParseSLP(b []byte) (*SLP, error) {
	if len(b) > MaxSLP {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrNotSLP, len(b))
	}
	head, rest, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	first, lines, _ := strings.Cut(string(head), "\r\n")
	m := &SLP{}
	if err := m.start(strings.TrimSpace(first)); err != nil {
		return nil, err
	}
	for _, f := range fieldsOf(lines) {
		m.header(f)
	}
	body, _, _ := bytes.Cut(rest, []byte{0})
	m.Body = fieldsOf(string(body))
	return m, nil
}

// start reads the first line.
func (m *SLP) start(line string) error {
	words := strings.Fields(line)
	switch {
	case len(words) >= 2 && strings.EqualFold(words[0], "MSNSLP/1.0"):
		status, err := strconv.Atoi(words[1])
		if err != nil || status < 100 || status > 999 {
			return fmt.Errorf("%w: %.60q", ErrNotSLP, line)
		}
		m.Status, m.Reason = status, strings.Join(words[2:], " ")
	case len(words) >= 3 && strings.EqualFold(words[2], "MSNSLP/1.0"):
		m.Method = strings.ToUpper(words[0])
	default:
		return fmt.Errorf("%w: %.60q", ErrNotSLP, line)
	}
	return nil
}

func (m *SLP) header(f Field) {
	switch strings.ToLower(f.Name) {
	case "to":
		m.To = slpAddress(f.Value)
	case "from":
		m.From = slpAddress(f.Value)
	case "via":
		_, branch, _ := strings.Cut(f.Value, "branch=")
		m.Branch = braced(branch)
	case "cseq":
		if n, err := strconv.Atoi(f.Value); err == nil {
			m.CSeq = n
		}
	case "call-id":
		m.CallID = braced(f.Value)
	case "content-type":
		kind, _, _ := strings.Cut(strings.ToLower(f.Value), ";")
		m.Type = strings.TrimPrefix(strings.TrimSpace(kind), slpPrefix)
	}
}

// maxSLPFields bounds headers and bodies; the longest known have about 25.
const maxSLPFields = 128

// fieldsOf reads Name: value lines; others are passed over.
func fieldsOf(text string) []Field {
	var all []Field
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\r", " ") // or it could not be written again as it is
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); found && name != "" && len(all) < maxSLPFields {
			all = append(all, Field{name, strings.TrimSpace(value)})
		}
	}
	return all
}

// slpAddress reads "<msnmsgr:bob@example.com;{guid}>".
func slpAddress(s string) string {
	s = strings.Trim(strings.TrimSpace(s), "<>")
	if _, rest, found := strings.Cut(s, ":"); found {
		s = rest
	}
	if words := strings.Fields(s); len(words) > 0 { // an address has no blanks
		return strings.ToLower(words[0])
	}
	return ""
}

// braced is a GUID in braces and upper case, whatever it came as.
func braced(s string) string {
	s = strings.ToUpper(strings.Trim(strings.TrimSpace(s), "{}"))
	if s == "" {
		return ""
	}
	return "{" + s + "}"
}
