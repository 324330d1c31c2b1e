package oim

import (
	"context"
	"errors"
	"fmt"
	"net/http"

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

// call posts one action.
func (f *Fetcher) call(ctx context.Context, action string, body func(*soap.Writer), read func(*soap.Decoder) error) error {
	t, p := f.Ticket()
	err := f.Caller.Call(ctx, soap.Request{
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
	})
	return explain(err, t, p)
}

// Metadata asks which messages wait. There is a service that fails at an empty question, and is asked again with
// something in it; it answers with an escaped document (escargot.md 55). With an error there may be messages
// nevertheless: those before the place where the answer breaks off.
func (f *Fetcher) Metadata(ctx context.Context) (MailData, error) {
	data, err := f.metadata(ctx, nil)
	var status *soap.StatusError
	var fault *soap.Fault
	plain := errors.As(err, &status) && status.Status == http.StatusInternalServerError
	if plain || errors.As(err, &fault) && !errors.Is(err, soap.ErrStaleTicket) {
		again, second := f.metadata(ctx, func(w *soap.Writer) { w.Element("alsoMarkAsRead", "false") })
		if second == nil || len(again.Messages) > 0 || errors.Is(second, soap.ErrStaleTicket) {
			data, err = again, second
		}
	}
	if err != nil {
		return data, fmt.Errorf("ask for waiting messages: %w", err)
	}
	return data, nil
}

func (f *Fetcher) metadata(ctx context.Context, body func(*soap.Writer)) (data MailData, err error) {
	err = f.call(ctx, "GetMetadata", body, data.readAnswer)
	return data, err
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
