package tickets

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What a request for tickets can fail of, for errors.Is. The text is for people.
var (
	// ErrPassword is final: asking again only locks the account.
	ErrPassword = errors.New("the address or the password is wrong")
	// ErrInvalidRequest is for a request that the service does not understand, be it because the address or the
	// password is missing.
	ErrInvalidRequest = errors.New("the ticket service does not understand the request")
	// ErrFederated is for accounts of organisations that check passwords themselves, which is not supported.
	ErrFederated = errors.New("the account signs in at its own organisation, which is not supported")
	// ErrActionNeeded is for accounts that must be looked after on a web page, see [ActionError].
	ErrActionNeeded = errors.New("the account needs attention on a web page before it can sign in")
	// ErrUnavailable is for a service that is out of order at the moment.
	ErrUnavailable = errors.New("the ticket service is out of order")
	// ErrRedirects is for a service that sends us in circles, or from https to http.
	ErrRedirects = soap.ErrRedirects
	// ErrNoTicket is for an answer without a ticket that is required.
	ErrNoTicket = errors.New("the ticket service gave no ticket")
)

// Numbers of reqstatus whose meaning is known (services.md 4.6).
const (
	statusInvalidRequest = 0x80048820
	statusWrongPassword  = 0x80048821
	statusAuthFailure    = 0x80048823
	statusFederated      = 0x800488EE
)

// Fault is a refusal by a ticket service.
type Fault struct {
	// Site is the address of the site that no ticket is given for, "" if the whole request is refused.
	Site string
	// Code is the local part of the fault's code: FailedAuthentication, InvalidRequest; "" if there is none.
	Code string
	// Text is what the service says, for people.
	Text string
	// Status is the service's number for what happened, 0x80048821; 0 if it gave none.
	Status uint32
	// Meaning is one of the errors of this package, or nil.
	Meaning error
}

// Error has the meaning first, then the service's words.
func (f *Fault) Error() string {
	var b strings.Builder
	switch {
	case f.Meaning != nil:
		b.WriteString(f.Meaning.Error())
	default:
		b.WriteString("the ticket service refuses the request")
	}
	if f.Site != "" {
		b.WriteString(" (" + f.Site + ")")
	}
	said := f.Text
	if said == "" {
		said = f.Code
	}
	if said != "" {
		b.WriteString(": " + said)
	}
	if f.Status != 0 {
		fmt.Fprintf(&b, " [0x%08x]", f.Status)
	}
	return b.String()
}

// Unwrap is the meaning.
func (f *Fault) Unwrap() error { return f.Meaning }

// ActionError is [ErrActionNeeded] with the page to open.
type ActionError struct {
	// Site is the site that no ticket is given for, "" for all.
	Site string
	// URL is the page, whole. It is for the owner of the account alone, as what is in it may let others in. It is
	// "" if the service names no page of http or https.
	URL string
	// Text is what the service says, for people.
	Text string

	page string // URL without what may be secret
}

// action makes an ActionError.
func action(site, page, text string, hide hidden) *ActionError {
	e := &ActionError{Site: site, Text: text}
	if u, err := url.Parse(page); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		e.URL, e.page = page, hide.in(u.Scheme+"://"+u.Host+u.EscapedPath())
	}
	return e
}

// Error names the page without what may be secret in its URL.
func (e *ActionError) Error() string {
	text := ErrActionNeeded.Error()
	if e.page != "" {
		text += " (" + e.page + ")"
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Unwrap is ErrActionNeeded.
func (e *ActionError) Unwrap() error { return ErrActionNeeded }

// statusNumber reads 0x80048821; 0 for anything else.
func statusNumber(s string) uint32 {
	s = strings.ToLower(strings.TrimSpace(s))
	if !strings.HasPrefix(s, "0x") {
		return 0
	}
	n, err := strconv.ParseUint(s[2:], 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// refusal makes an error of ours out of a fault. status and flowURL are from the header of the answer, in case
// the fault has none.
func refusal(f *soap.Fault, site string, status uint32, flowURL string, hide hidden) error {
	for _, field := range []string{"value", "reqstatus"} {
		if n := statusNumber(f.Detail[field]); n != 0 {
			status = n
		}
	}
	if own := f.Detail["flowurl"]; own != "" {
		flowURL = own
	}
	text := f.Text
	if more := f.Detail["text"]; more != "" {
		text = more // of internalerror: the same, but with the reason
	}
	text = hide.in(text)
	meaning := meaningOf(f, status, flowURL)
	if meaning == ErrActionNeeded {
		return action(site, flowURL, text, hide)
	}
	return &Fault{Site: site, Code: hide.in(f.Code), Text: text, Status: status, Meaning: meaning}
}

// meaningOf says what a fault means; nil if nothing special. The number says more than the code.
func meaningOf(f *soap.Fault, status uint32, flowURL string) error {
	switch status {
	case statusWrongPassword, statusAuthFailure:
		return ErrPassword
	case statusFederated:
		return ErrFederated
	case statusInvalidRequest:
		return ErrInvalidRequest
	}
	switch {
	case flowURL != "":
		return ErrActionNeeded
	case f.Code == "FailedAuthentication":
		return ErrPassword
	case f.Code == "InvalidRequest", f.Code == "Client", f.Code == "Sender":
		return ErrInvalidRequest
	case f.Code == "Server", f.Code == "Receiver", f.Status >= http.StatusInternalServerError:
		return ErrUnavailable
	}
	return nil
}

// hidden is the password, which no text may show, even if the server says it.
type hidden string

// maxSaid bounds what is kept of the server's words, in bytes.
const maxSaid = 300

// in is a text of the server's that is fit for an error.
func (h hidden) in(text string) string {
	text = strings.Join(strings.Fields(soap.WithoutTickets(text)), " ")
	if h != "" && strings.Contains(strings.ToLower(text), strings.ToLower(string(h))) {
		return "" // rather nothing than a text with holes that tell what was in them
	}
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "")
	}
	return text
}

// masked is an error whose text had the password in it.
type masked struct{ err error }

func (e *masked) Error() string { return "the ticket service answers something that cannot be shown" }

func (e *masked) Unwrap() error { return e.err }

// failure makes an error of ours out of what soap says of the connection.
func failure(err error, hide hidden) error {
	var status *soap.StatusError
	if errors.As(err, &status) && (status.Status >= 500 || status.Status == http.StatusTooManyRequests) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if hide != "" && strings.Contains(err.Error(), string(hide)) {
		return &masked{err}
	}
	return err
}
