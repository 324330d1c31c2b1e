package oim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxText is the most bytes that are taken of one message's text.
	maxText = 256 << 10
	// maxParts bounds the parts of one message.
	maxParts = 32
)

// Message is one that was left, as it was fetched.
type Message struct {
	ID         string // of the header; Fetch sets it
	From, Name string
	At         time.Time // when it was sent
	Text       string
	RunID      string // without braces, in upper case; "" if it is not told
	Sequence   int
	// Phone is set if it was sent from a telephone.
	Phone bool
}

// Complete takes over from the header what the message itself does not say.
func (m *Message) Complete(h Header) {
	if m.From == "" {
		m.From = h.From
	}
	if m.Name == "" {
		m.Name = h.Name
	}
	if m.At.IsZero() {
		m.At = h.Received
	}
}

// Sort puts messages in the order of their sending: runs by the time of their first message, in a run by number.
func Sort(messages []Message) {
	began := make(map[string]time.Time)
	for _, m := range messages {
		if t, known := began[m.run()]; !known || m.At.Before(t) {
			began[m.run()] = m.At
		}
	}
	slices.SortStableFunc(messages, func(a, b Message) int {
		if a.run() != b.run() {
			if c := began[a.run()].Compare(began[b.run()]); c != 0 {
				return c
			}
			return strings.Compare(a.run(), b.run())
		}
		if a.Sequence != b.Sequence {
			return a.Sequence - b.Sequence
		}
		return a.At.Compare(b.At)
	})
}

// run names the run of a message; one without is a run of its sender and time.
func (m Message) run() string {
	if m.RunID == "" {
		return m.From + " " + m.At.String()
	}
	return m.From + " " + m.RunID
}

// ErrNoMessage is for a text that is no message at all.
var ErrNoMessage = errors.New("this is no message")

// ReadMessage reads the RFC 822 text of a message, leniently.
func ReadMessage(text string) (Message, error) {
	text = strings.TrimLeft(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"), "\r\n \t")
	parsed, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return Message{}, fmt.Errorf("%w: its header cannot be read", ErrNoMessage)
	}
	h := parsed.Header
	m := Message{RunID: strings.ToUpper(strings.Trim(h.Get("X-OIM-Run-Id"), "{} "))}
	m.Name, m.From = readFrom(h.Get("From"))
	if n, err := strconv.Atoi(strings.TrimSpace(h.Get("X-OIM-Sequence-Num"))); err == nil && n >= 0 {
		m.Sequence = n
	}
	m.Phone = strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Get("X-OIM-originatingSource"))), "tel:")
	m.At = sentAt(h)
	body, err := readBody(h.Get("Content-Type"), h.Get("Content-Transfer-Encoding"), parsed.Body, 0)
	if err != nil {
		return m, err
	}
	m.Text = strings.ReplaceAll(body, "\r\n", "\n")
	return m, nil
}

// readFrom reads "=?utf-8?B?Qm9i?= <bob@example.com>" and what comes near it.
func readFrom(s string) (name, address string) {
	name, rest, found := strings.Cut(s, "<")
	if !found {
		return "", strings.ToLower(strings.TrimSpace(s))
	}
	address, _, _ = strings.Cut(rest, ">")
	return decodeWord(strings.Trim(strings.TrimSpace(name), `"`)), strings.ToLower(strings.TrimSpace(address))
}

var filetime = regexp.MustCompile(`FILETIME=\[([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,8})\]`)

// epoch is the Unix time in units of FILETIME, 100 ns since 1601.
const epoch = 116444736000000000

// sentAt is the best of the times: FILETIME, else the date, of which one server gets the zone wrong
// (services.md 10.2).
func sentAt(h mail.Header) time.Time {
	if found := filetime.FindStringSubmatch(h.Get("X-OriginalArrivalTime")); found != nil {
		low, err1 := strconv.ParseUint(found[1], 16, 32)
		high, err2 := strconv.ParseUint(found[2], 16, 32)
		units := int64(high<<32 | low)
		if since := units - epoch; err1 == nil && err2 == nil && since > 0 && since < 3*epoch {
			return time.Unix(since/1e7, since%1e7*100).UTC()
		}
	}
	if t, err := mail.ParseDate(h.Get("Date")); err == nil {
		return t.UTC()
	}
	return time.Time{}
}

// readBody decodes a body, or finds the text in one with several parts.
func readBody(contentType, encoding string, r io.Reader, depth int) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, params = "text/plain", nil
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" && depth < 3 {
		return readParts(params["boundary"], r, depth)
	}
	r = io.LimitReader(r, 4*maxText)
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, &base64Text{r: r})
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	if label := params["charset"]; label != "" && !strings.EqualFold(label, "utf-8") {
		if converted, err := charsetReader(label, r); err == nil {
			r = converted
		}
	}
	b, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil && len(b) == 0 {
		return "", errors.New("the text of the message cannot be decoded")
	}
	text := strings.ToValidUTF8(string(b), "\uFFFD")
	if !strings.EqualFold(encoding, "base64") {
		text = strings.TrimRight(text, "\r\n")
	}
	return text, nil
}

// readParts finds the first plain text among parts.
func readParts(boundary string, r io.Reader, depth int) (string, error) {
	parts := multipart.NewReader(r, boundary)
	found := ""
	for range maxParts {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		kind := strings.ToLower(part.Header.Get("Content-Type"))
		if kind != "" && !strings.HasPrefix(kind, "text/plain") && !strings.HasPrefix(kind, "multipart/") {
			continue
		}
		text, err := readBody(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth+1)
		if err == nil && strings.TrimSpace(text) != "" {
			return text, nil
		}
		found = text
	}
	return found, nil
}

// base64Text drops what is no base64 and completes the padding.
type base64Text struct {
	r    io.Reader
	n    int
	done bool
}

func (b *base64Text) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	for {
		n, err := b.r.Read(p)
		kept := p[:0]
		for _, c := range p[:n] {
			if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
				kept = append(kept, c)
			}
		}
		b.n += len(kept)
		if err != nil {
			b.done = true
			if rest := b.n % 4; rest > 1 && len(kept)+4-rest <= len(p) {
				kept = append(kept, bytes.Repeat([]byte{'='}, 4-rest)...)
			}
			return len(kept), nil
		}
		if len(kept) > 0 {
			return len(kept), nil
		}
	}
}
