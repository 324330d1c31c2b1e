package wire

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Limits of an envelope, beside [MaxPayload].
const (
	// maxHeaders bounds the headers of all blocks together; the longest known have about 15.
	maxHeaders = 64
	// maxBlocks bounds the blocks that are looked at for the three that count.
	maxBlocks = 6
)

// Header is one "Name: value" line of an [Envelope].
type Header struct{ Name, Value string }

// The first header of each block of an [Envelope]. That of the content block says what it is (core.md 13.1).
const (
	RoutingBlock     = "Routing"
	ReliabilityBlock = "Reliability"
	// Publication is for PUT and DEL, Messaging for SDG, Notification for NFY.
	Publication  = "Publication"
	Messaging    = "Messaging"
	Notification = "Notification"
)

// Envelope is the payload of PUT, DEL, SDG and NFY: three blocks of headers and a body (core.md 13.1), used for circles in
// MSNP18 and for everything from MSNP21.
type Envelope struct {
	// Routing says from whom to whom, Reliability is of no importance so far, Content describes the body.
	Routing, Reliability, Content []Header
	// Body is nil if it is empty.
	Body []byte
}

// Errors of [ParseEnvelope].
var (
	ErrNoEnvelope     = errors.New("the payload has no block of headers")
	ErrTooManyHeaders = errors.New("the payload has too many headers")
	ErrHeaderTooLong  = errors.New("the payload has too long a header")
)

// ParseEnvelope reads the payload of PUT, DEL, SDG and NFY. Lines may end in LF alone, lines that are no header are passed
// over, and a block is known by its first header, else by its place; a block that is missing stays empty. The body is all
// that follows the content block, whatever Content-Length says: Escargot counts characters there (core.md 11.3).
//
// The error is [ErrNoEnvelope] if there is no block at all, [ErrTooManyHeaders] above 64 headers, and [ErrHeaderTooLong] for
// a line over [MaxLine]. The body shares memory with the payload.
func ParseEnvelope(payload []byte) (Envelope, error) {
	var e Envelope
	rest, left, found := payload, maxHeaders, false
	for range maxBlocks {
		var block []Header
		var err error
		block, rest, err = cutBlock(rest, left)
		if err != nil {
			return Envelope{}, err
		}
		if len(block) > 0 {
			found = true
			left -= len(block)
			if e.place(block) {
				break
			}
		}
		if len(rest) == 0 {
			break
		}
	}
	if !found {
		return Envelope{}, ErrNoEnvelope
	}
	if e.Content != nil && len(rest) > 0 {
		e.Body = rest
	}
	return e, nil
}

// place puts a block where it belongs, and tells whether it was the last one.
func (e *Envelope) place(block []Header) (last bool) {
	switch first := block[0].Name; {
	case strings.EqualFold(first, RoutingBlock):
		e.Routing = append(e.Routing, block...)
	case strings.EqualFold(first, ReliabilityBlock):
		e.Reliability = append(e.Reliability, block...)
	case contentKind(first) != "":
		e.Content = block
		return true
	case e.Routing == nil:
		e.Routing = block
	case e.Reliability == nil:
		e.Reliability = block
	default:
		e.Content = block
		return true
	}
	return false
}

// contentKind is the name of a content block in its ordinary spelling, "" for any other header.
func contentKind(name string) string {
	for _, kind := range []string{Publication, Messaging, Notification} {
		if strings.EqualFold(name, kind) {
			return kind
		}
	}
	return ""
}

// cutBlock reads headers up to an empty line or the end.
func cutBlock(b []byte, most int) (block []Header, rest []byte, err error) {
	for len(b) > 0 {
		line := b
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			line, b = b[:end], b[end+1:]
		} else {
			b = nil
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			break
		}
		if len(line) > MaxLine {
			return nil, nil, ErrHeaderTooLong
		}
		name, value, found := strings.Cut(string(line), ":")
		if name = headerText(name); !found || name == "" {
			continue
		}
		if len(block) == most {
			return nil, nil, ErrTooManyHeaders
		}
		h := Header{name, headerText(value)}
		if len(h.Name)+len(": ")+len(h.Value) > MaxLine { // as [Envelope.Append] would write it
			return nil, nil, ErrHeaderTooLong
		}
		block = append(block, h)
	}
	return block, b, nil
}

// headerText makes a text fit for one header: valid UTF-8, no control characters, no blanks at the ends.
func headerText(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return ' '
		}
		return r // an invalid byte comes as U+FFFD
	}, s))
}

// Get is the value of the first header of that name in any block, in any letter case, "" if there is none.
func (e *Envelope) Get(name string) string {
	for _, block := range [][]Header{e.Routing, e.Reliability, e.Content} {
		for _, h := range block {
			if strings.EqualFold(h.Name, name) {
				return h.Value
			}
		}
	}
	return ""
}

// Kind is what the content block is: [Publication], [Messaging] or [Notification] with its version, "2.0"; "" and "" for
// anything else.
func (e *Envelope) Kind() (kind, version string) {
	if len(e.Content) == 0 {
		return "", ""
	}
	first := e.Content[0]
	if kind = contentKind(first.Name); kind == "" {
		return "", ""
	}
	return kind, first.Value
}

// To and From are the addresses of the routing block; zero where there are none.
func (e *Envelope) To() Address   { return ParseAddress(e.Get("To")) }
func (e *Envelope) From() Address { return ParseAddress(e.Get("From")) }

// Append writes the three blocks and the body. Content-Length is set to the length of the body in bytes: in place if the
// content block has it, else at its end. What cannot stand in a header line is left out.
func (e *Envelope) Append(b []byte) []byte {
	b = append(appendHeaders(b, e.Routing), "\r\n"...)
	b = append(appendHeaders(b, e.Reliability), "\r\n"...)
	const length = "Content-Length"
	told := false
	for _, h := range e.Content {
		if strings.EqualFold(h.Name, length) {
			if told {
				continue
			}
			told = true
			h.Value = strconv.Itoa(len(e.Body))
		}
		b = appendHeader(b, h)
	}
	if !told {
		b = appendHeader(b, Header{length, strconv.Itoa(len(e.Body))})
	}
	b = append(b, "\r\n"...)
	return append(b, e.Body...)
}

func appendHeaders(b []byte, block []Header) []byte {
	for _, h := range block {
		b = appendHeader(b, h)
	}
	return b
}

// appendHeader leaves out a header whose name could not be read back.
func appendHeader(b []byte, h Header) []byte {
	name := headerText(h.Name)
	if name == "" || strings.Contains(name, ":") {
		return b
	}
	b = append(append(b, name...), ": "...)
	return append(append(b, headerText(h.Value)...), "\r\n"...)
}
