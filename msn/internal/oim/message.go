package oim

import (
	"errors"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is one that was left, as it was fetched.
type Message struct {
	ID         string // of the header; Fetcher.Message sets it
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
	// The message has seconds, the header has their parts: it tells which of two in a second was the first.
	if finer := h.Received.Sub(m.At); m.At.IsZero() || 0 < finer && finer < time.Second {
		m.At = h.Received
	}
}

// Sort puts messages in the order of their sending: runs by the time of their first message, in a run by number. What
// began at the same time stays in the order of the service.
func Sort(messages []Message) {
	began, listed := make(map[string]time.Time), make(map[string]int)
	for i, m := range messages {
		if _, known := listed[m.run()]; !known {
			listed[m.run()] = i
		}
		if t, known := began[m.run()]; !known || m.At.Before(t) {
			began[m.run()] = m.At
		}
	}
	slices.SortStableFunc(messages, func(a, b Message) int {
		if a.run() != b.run() {
			if c := began[a.run()].Compare(began[b.run()]); c != 0 {
				return c
			}
			return listed[a.run()] - listed[b.run()]
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

// ReadMessage reads a message as the service keeps it, a mail (services.md 10.2), leniently. Fields that it lacks are
// those of the zero value; Complete fills them. With an error there is no text.
func ReadMessage(text string) (Message, error) {
	h, body, err := splitMail(text)
	if err != nil {
		return Message{}, err
	}
	m := Message{RunID: strings.ToUpper(strings.Trim(h.Get("X-OIM-Run-Id"), "{} ")), At: sentAt(h)}
	m.Name, m.From = readFrom(h.Get("From"))
	if n, err := strconv.Atoi(h.Get("X-OIM-Sequence-Num")); err == nil && n >= 0 {
		m.Sequence = n
	}
	m.Phone = strings.HasPrefix(strings.ToLower(h.Get("X-OIM-originatingSource")), "tel:")
	m.Text, err = readBody(h.Get("Content-Type"), h.Get("Content-Transfer-Encoding"), body, 0)
	return m, err
}

// readFrom reads "=?utf-8?B?Qm9i?= <bob@example.com>" and what comes near it. What is no address is not given.
func readFrom(s string) (name, address string) {
	address = s
	if at := strings.LastIndexByte(s, '<'); at >= 0 {
		name = decodeWord(strings.Trim(strings.TrimSpace(s[:at]), `"`))
		address, _, _ = strings.Cut(s[at+1:], ">")
	}
	address = strings.ToLower(strings.TrimSpace(address))
	if !strings.Contains(address, "@") && !strings.HasPrefix(address, "tel:") || strings.ContainsAny(address, " \t") {
		address = ""
	}
	return name, address
}

var filetime = regexp.MustCompile(`FILETIME=\[([0-9A-Fa-f]{1,8}):([0-9A-Fa-f]{1,8})\]`)

// epoch is the Unix time in units of FILETIME, 100 ns since 1601.
const epoch = 116444736000000000

// sentAt is the best of the times: FILETIME, else the date, of which one server gets the zone wrong
// (services.md 10.2).
func sentAt(h textproto.MIMEHeader) time.Time {
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
