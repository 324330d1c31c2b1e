package oim

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	// oimNamespace is that of all elements; only actions and faults have another from Store2 on.
	oimNamespace = "http://messenger.msn.com/ws/2004/09/oim/"
	store        = oimNamespace + "Store"
	store2       = "http://messenger.live.com/ws/2006/09/oim/Store2"

	// attempts is how often one message is tried (services.md 10.3).
	attempts = 5
	// pause is the least time between two messages, throttled that after the service has asked for less.
	pause     = time.Second
	throttled = 12 * time.Second
	// maxName is how much of my name is told, in bytes.
	maxName = 48
	// lineLength is how long the lines of base64 are.
	lineLength = 76
)

// Sender leaves texts for others. It keeps the lock key, so it lives as long as the sign-in.
type Sender struct {
	Caller *soap.Caller
	URL    string
	// Passport and FriendlyName are mine.
	Passport     string
	FriendlyName func() string
	// Ticket gives the whole ticket for sending.
	Ticket func() string
	// ProductID is who this program is, and Challenge answers for it.
	ProductID string
	Challenge func(challenge string) string
	// Version and BuildVersion are told: MSNP15, 8.5.1302.
	Version, BuildVersion string
	// Store2 chooses the action of MSNP15 and later.
	Store2 bool

	once    sync.Once
	turn    chan struct{} // holds one while a message is on its way
	lockKey string
	next    time.Time // of the next message
}

// Send leaves one text. It returns when the service has it, or has refused it. Calls wait for each other, as the service
// bears about one in a second; one that is throttled is tried again after 12 seconds. At most five attempts are
// made. After an error that is not of this package nobody knows whether the service has the text.
func (s *Sender) Send(ctx context.Context, to, text, runID string, sequence int) error {
	s.once.Do(func() { s.turn = make(chan struct{}, 1) })
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("leave a message: %w", context.Cause(ctx))
	}
	var err error
	answered := false
	for range attempts {
		if waiting := s.pace(ctx); waiting != nil {
			if err != nil {
				waiting = fmt.Errorf("%w (%w)", waiting, err)
			}
			return fmt.Errorf("leave a message: %w", waiting)
		}
		err = s.try(ctx, to, text, runID, sequence)
		s.next = time.Now().Add(pause)
		var fault *soap.Fault
		switch {
		case err == nil:
			return nil
		case errors.Is(err, soap.ErrThrottled):
			s.next = time.Now().Add(throttled)
		case !errors.As(err, &fault) || challengeOf(fault) == "":
			return fmt.Errorf("leave a message: %w", err)
		case answered && wantsTicket(fault): // so the key is not what it lacks
			return fmt.Errorf("leave a message: %w", err)
		default:
			s.lockKey, s.next, answered = s.Challenge(challengeOf(fault)), time.Time{}, true
		}
	}
	return fmt.Errorf("leave a message: %d attempts: %w", attempts, err)
}

// pace waits until the next message may be sent.
func (s *Sender) pace(ctx context.Context) error {
	wait := time.Until(s.next)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// try makes one request.
func (s *Sender) try(ctx context.Context, to, text, runID string, sequence int) error {
	action := store
	if s.Store2 {
		action = store2
	}
	number, ticket := strconv.Itoa(sequence), s.Ticket()
	err := s.Caller.Call(ctx, soap.Request{
		URL: s.URL, Action: action,
		Header: func(w *soap.Writer) {
			w.Element("From", "", "memberName", s.Passport, "friendlyName", encodeName(s.FriendlyName()), "xml:lang", "en-US",
				"proxy", "MSNMSGR", "xmlns", oimNamespace, "msnpVer", s.Version, "buildVer", s.BuildVersion)
			w.Element("To", "", "memberName", to, "xmlns", oimNamespace)
			w.Element("Ticket", "", "passport", ticket, "appid", s.ProductID, "lockkey", s.lockKey, "xmlns", oimNamespace)
			w.Open("Sequence", "xmlns", "http://schemas.xmlsoap.org/ws/2003/03/rm")
			w.Element("Identifier", "http://messenger.msn.com", "xmlns", "http://schemas.xmlsoap.org/ws/2002/07/utility")
			w.Element("MessageNumber", number).Close("Sequence")
		},
		Body: func(w *soap.Writer) {
			w.Element("MessageType", "text", "xmlns", oimNamespace)
			w.Element("Content", content(text, runID, number), "xmlns", oimNamespace)
		},
	})
	return explain(err, ticket, s.lockKey)
}

// content is the message as a mail.
func content(text, runID, number string) string {
	var b strings.Builder
	b.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: base64\n" +
		"X-OIM-Message-Type: OfflineMessage\nX-OIM-Run-Id: {" + strings.Trim(runID, "{}") + "}\nX-OIM-Sequence-Num: " + number + "\n\n")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for len(encoded) > lineLength {
		b.WriteString(encoded[:lineLength] + "\n")
		encoded = encoded[lineLength:]
	}
	return b.String() + encoded
}

// encodeName is a name as one word of RFC 2047, cut at a rune.
func encodeName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?="
}

// AppendUUM is the payload by which MSNP18 leaves a text over the notification server (services.md 10.4). format is
// X-MMS-IM-Format on one line, "" for none.
func AppendUUM(b []byte, text, format string) []byte {
	b = append(b, "MIME-Version: 1.0\r\nDest-Agent: client\r\nContent-Type: text/plain; charset=UTF-8\r\n"...)
	if format != "" {
		b = append(b, "X-MMS-IM-Format: "+format+"\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")...)
}
