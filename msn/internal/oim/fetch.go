package oim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// rsi is the namespace of the service that hands messages out.
const rsi = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi"

// Fetcher hands out the messages that wait for one account.
type Fetcher struct {
	Caller *soap.Caller
	URL    string
	// Ticket gives the two parts of the ticket for the mailbox.
	Ticket func() (t, p string)
}

// What the services refuse with.
var (
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrThrottled is for too many messages in a short time.
	ErrThrottled = errors.New("the service wants fewer messages")
	// ErrRefused is for a recipient who does not exist, or does not want our messages.
	ErrRefused = errors.New("the message is not taken for this person")
	// ErrContent is for a message that the service does not understand.
	ErrContent = errors.New("the service does not understand the message")
)

// call posts one action.
func (f *Fetcher) call(ctx context.Context, action string, body func(*soap.Writer), read func(*soap.Decoder) error) error {
	t, p := f.Ticket()
	return meaning(f.Caller.Call(ctx, soap.Request{
		URL: f.URL, Action: rsi + "/" + action,
		Header: func(w *soap.Writer) {
			w.Open("PassportCookie", "xmlns", rsi).Element("t", t).Element("p", p).Close("PassportCookie")
		},
		Body: func(w *soap.Writer) {
			w.Open(action, "xmlns", rsi)
			if body != nil {
				body(w)
			}
			w.Close(action)
		},
		OnBody: read,
	}))
}

// Metadata asks which messages wait. There is a service that fails at an empty question, and is asked again with
// something in it; it answers with an escaped document (escargot.md 55).
func (f *Fetcher) Metadata(ctx context.Context) (MailData, error) {
	data, err := f.metadata(ctx, nil)
	var status *soap.StatusError
	var fault *soap.Fault
	if errors.As(err, &status) && status.Status == http.StatusInternalServerError || errors.As(err, &fault) && !errors.Is(err, ErrStaleTicket) {
		if again, second := f.metadata(ctx, func(w *soap.Writer) { w.Element("alsoMarkAsRead", "false") }); second == nil {
			return again, nil
		}
	}
	return data, err
}

func (f *Fetcher) metadata(ctx context.Context, body func(*soap.Writer)) (data MailData, err error) {
	err = f.call(ctx, "GetMetadata", body, func(d *soap.Decoder) error {
		return d.Each(func(name string) error {
			if name != "MD" {
				return nil
			}
			return data.readEither(d)
		})
	})
	if err != nil {
		return MailData{}, fmt.Errorf("ask for waiting messages: %w", err)
	}
	return data, nil
}

// readEither reads MD with elements in it, or with the text of a document.
func (m *MailData) readEither(d *soap.Decoder) error {
	text, children := "", false
	err := d.Mixed(func(name string) error {
		children = true
		return m.child(d, name)
	}, func(piece string) {
		if len(text) < maxText {
			text += piece
		}
	})
	if err != nil || children || strings.TrimSpace(text) == "" {
		return err
	}
	*m, err = ReadMailData("<MD>" + text + "</MD>")
	return err
}

// Message fetches one message. It stays with the service.
func (f *Fetcher) Message(ctx context.Context, id string) (Message, error) {
	text := ""
	err := f.call(ctx, "GetMessage", func(w *soap.Writer) {
		w.Element("messageId", id).Element("alsoMarkAsRead", "false")
	}, func(d *soap.Decoder) error {
		return d.Each(func(name string) error {
			if name == "GetMessageResult" {
				return d.Into(&text)
			}
			return nil
		})
	})
	if err != nil {
		return Message{}, fmt.Errorf("fetch a waiting message: %w", err)
	}
	m, err := ReadMessage(text)
	if err != nil {
		return Message{}, fmt.Errorf("fetch a waiting message: %w", err)
	}
	m.ID = id
	return m, nil
}

// Delete takes messages away from the service.
func (f *Fetcher) Delete(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	err := f.call(ctx, "DeleteMessages", func(w *soap.Writer) {
		w.Open("messageIds")
		for _, id := range ids {
			w.Element("messageId", id)
		}
		w.Close("messageIds")
	}, nil)
	if err != nil {
		return fmt.Errorf("delete %d waiting messages: %w", len(ids), err)
	}
	return nil
}

// meaning says what a fault means; the fault stays in it.
func meaning(err error) error {
	var fault *soap.Fault
	if !errors.As(err, &fault) {
		return err
	}
	for code, is := range map[string]error{
		"BadContextToken": ErrStaleTicket, "PassportAuthFail": ErrStaleTicket, "AuthenticationFailed": ErrStaleTicket,
		"SenderThrottleLimitExceeded": ErrThrottled, "SystemUnavailable": ErrRefused, "InvalidContent": ErrContent,
	} {
		if fault.Has(code) {
			return fmt.Errorf("%w: %w", is, err)
		}
	}
	return err
}
