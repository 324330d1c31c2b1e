package soap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRedirects is how often one request follows a Location.
	maxRedirects = 3
	// maxAnswer is the default for Request.Limit: an address book of 3,000 contacts has about 5 MB.
	maxAnswer = 32 << 20
	// timeout is for one request with its redirects (services.md 2).
	timeout = 30 * time.Second
	// maxFaultFields and maxFaultText bound what is kept of a fault.
	maxFaultFields = 64
	maxFaultText   = 16 << 10
	// maxQuote bounds what errors quote of a server's words, in bytes.
	maxQuote = 300
	// maxMoved bounds how many URLs are remembered to have moved.
	maxMoved = 256
)

// The namespaces of the two envelopes.
const (
	envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Caller sends requests. It remembers where redirects led, so it is made anew for each sign-in. Its methods
// may be called from several goroutines.
type Caller struct {
	// HTTP carries the requests; its own redirects are not used. Connections are reused by it.
	HTTP *http.Client
	// MapURL, if not nil, rewrites the URLs that redirects name.
	MapURL func(string) string
	// Trace, if not nil, is told of every request in one line without any content.
	Trace func(line string)

	mu    sync.Mutex
	moved map[string]string // URL and action to where it went

	sent, received atomic.Int64
}

// Traffic is how many bytes of bodies were sent and received.
func (c *Caller) Traffic() (sent, received int64) { return c.sent.Load(), c.received.Load() }

// Request is one envelope to post.
type Request struct {
	URL string
	// Action is the SOAPAction header, whole; "" for none.
	Action string
	// SOAP12 chooses the envelope and content type of SOAP 1.2.
	SOAP12 bool
	// Attrs are further attributes of the envelope, name, value, ...: namespaces.
	Attrs []string
	// Header and Body write what goes into these elements; a nil Header leaves the element out.
	Header, Body func(*Writer)
	// Cookie is the Cookie header, "" for none.
	Cookie string
	// Limit is how large an answer may be, in bytes; 0 means 32 MiB.
	Limit int64
	// OnHeader is called inside of the answer's Header, if not nil; the fault's header too.
	OnHeader func(*Decoder) error
	// OnBody is called inside of the first element of the answer's Body; Name of the decoder is its name.
	OnBody func(*Decoder) error
	// AnyStatus calls OnBody even if the status tells of a failure; the [*StatusError] follows all the same.
	AnyStatus bool
}

// name is the action's last word, for people, or where it goes if it has none.
func (r *Request) name() string {
	if r.Action == "" {
		if u, err := url.Parse(r.URL); err == nil {
			return u.Host + u.Path
		}
	}
	return r.Action[strings.LastIndexByte(r.Action, '/')+1:]
}

// Fault is a SOAP fault of either form, wherever it stood.
type Fault struct {
	Action string // the last word of the request's action
	Status int    // of HTTP
	// Code is the local part of the innermost code: FailedAuthentication, Client, AuthenticationFailed.
	Code string
	// Text is what the service says, for people.
	Text string
	// Detail has every other text in the fault by the local name of its element; of several the first.
	Detail map[string]string
}

// Error says what was refused and why, in one line. No details are in it, as they may hold tickets.
func (f *Fault) Error() string {
	why := f.Code
	if code := f.Detail["errorcode"]; code != "" {
		why = code
	}
	if f.Text != "" && f.Text != why {
		why += ": " + f.Text
	}
	return f.Action + " is refused: " + cut(oneLine(WithoutTickets(why)), maxQuote)
}

// Has tells whether the fault has a code, be it the fault's own or the service's errorcode.
func (f *Fault) Has(code string) bool {
	return strings.EqualFold(f.Code, code) || strings.EqualFold(f.Detail["errorcode"], code)
}

// Redact replaces secrets by ***, where the service has repeated them: tickets, whole (t=value&p=) or just their values.
// Secrets of less than four bytes stay, as they may be anything.
func (f *Fault) Redact(secrets ...string) {
	var pairs []string
	for _, secret := range secrets {
		value, _, _ := strings.Cut(strings.TrimPrefix(secret, "t="), "&")
		for _, s := range []string{secret, value} {
			if len(s) > 3 {
				pairs = append(pairs, s, "***")
			}
		}
	}
	r := strings.NewReplacer(pairs...)
	f.Code, f.Text = r.Replace(f.Code), r.Replace(f.Text)
	for name, text := range f.Detail {
		f.Detail[name] = r.Replace(text)
	}
}

// StatusError is an HTTP status that comes without a fault.
type StatusError struct {
	Action string
	Status int
}

// Error names the action and the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s is answered with HTTP %d %s", e.Action, e.Status, http.StatusText(e.Status))
}

// ErrRedirects is for redirects that do not end, or that lead from https to http.
var ErrRedirects = errors.New("the service redirects")

// ticketText is what a ticket looks like in what a service says about one.
var ticketText = regexp.MustCompile(`\b([tp])=[^\s<>"',;]{8,}`)

// WithoutTickets hides what looks like tickets in a text, for errors and traces.
func WithoutTickets(s string) string { return ticketText.ReplaceAllString(s, "$1=***") }

// oneLine makes a text fit for an error.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F }), " ")
}

// body writes the envelope.
func (r *Request) body() []byte {
	w := &Writer{}
	w.b.WriteString(`<?xml version="1.0" encoding="utf-8"?>`)
	ns := envelope11
	if r.SOAP12 {
		ns = envelope12
	}
	w.Open("soap:Envelope", append([]string{"xmlns:soap", ns}, r.Attrs...)...)
	if r.Header != nil {
		w.Open("soap:Header")
		r.Header(w)
		w.Close("soap:Header")
	}
	w.Open("soap:Body")
	if r.Body != nil {
		r.Body(w)
	}
	return w.Close("soap:Body").Close("soap:Envelope").Bytes()
}

// Call posts a request and reads the answer. The error is a [*Fault], a [*StatusError], the context's, or
// says what is wrong with the connection or the answer.
func (c *Caller) Call(ctx context.Context, r Request) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, timeoutError{r.name()})
	defer cancel()
	err := c.call(ctx, &r)
	if err != nil && ctx.Err() != nil {
		cause := context.Cause(ctx)
		if _, ours := errors.AsType[timeoutError](cause); ours {
			return cause
		}
		return fmt.Errorf("%s: %w", r.name(), cause)
	}
	return err
}

// timeoutError is for an answer that takes longer than timeout.
type timeoutError struct{ name string }

func (e timeoutError) Error() string { return fmt.Sprintf("%s: no answer within %s", e.name, timeout) }

func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

func (c *Caller) call(ctx context.Context, r *Request) error {
	body := r.body()
	at := c.remembered(r)
	for range maxRedirects + 1 {
		answer, err := c.post(ctx, at, r, body)
		if err != nil {
			c.forget(r)
			return fmt.Errorf("%s: %w", r.name(), clean(err))
		}
		next, err := c.redirected(at, answer)
		if next == "" && err == nil {
			return c.arrived(r, at, answer)
		}
		drain(answer.Body)
		if err != nil {
			c.forget(r)
			return fmt.Errorf("%s: %w", r.name(), err)
		}
		at = next
	}
	c.forget(r)
	return fmt.Errorf("%s: %w more than %d times", r.name(), ErrRedirects, maxRedirects)
}

// arrived reads the answer from where redirects ended. That place is remembered if a SOAP service is there.
func (c *Caller) arrived(r *Request, at string, answer *http.Response) error {
	err := c.read(r, answer)
	var fault *Fault
	if err == nil || errors.As(err, &fault) {
		c.Moved(r.URL, r.Action, at)
	} else {
		c.forget(r)
	}
	return err
}

// clean takes the URL out of an error of net/http: it says nothing new, and may hold a ticket.
func clean(err error) error {
	var e *url.Error
	if !errors.As(err, &e) {
		return err
	}
	switch text := e.Err.Error(); {
	case strings.Contains(text, "Location header"):
		return fmt.Errorf("%w to something that is no URL", ErrRedirects)
	case strings.Contains(text, "malformed"):
		return errors.New("the answer is not HTTP")
	}
	return &transportError{e.Err}
}

// transportError is an error of net/http, in one line.
type transportError struct{ err error }

func (e *transportError) Error() string {
	return cut(oneLine(WithoutTickets(e.err.Error())), maxQuote)
}

func (e *transportError) Unwrap() error { return e.err }

func (c *Caller) post(ctx context.Context, at string, r *Request, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL makes no sense")
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if r.SOAP12 {
		req.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
	}
	if r.Action != "" {
		req.Header.Set("SOAPAction", `"`+r.Action+`"`)
	}
	if r.Cookie != "" {
		req.Header.Set("Cookie", r.Cookie)
	}
	req.Header.Set("User-Agent", "MSMSGS")
	req.Header.Set("Accept-Encoding", "identity") // nobody knows whether these servers can compress
	begun := time.Now()
	answer, err := c.client().Do(req)
	c.sent.Add(int64(len(body)))
	if c.Trace != nil {
		c.Trace(traceLine(r, req.URL, answer, time.Since(begun)))
	}
	return answer, err
}

// traceLine tells of a request in one line. What the server says is not in it but for the status.
func traceLine(r *Request, at *url.URL, answer *http.Response, took time.Duration) string {
	outcome, what := "failed", ""
	if answer != nil {
		outcome = strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	}
	if r.Action != "" {
		what = " " + r.name()
	}
	return fmt.Sprintf("# POST %s%s%s: %s after %s", at.Host, WithoutTickets(at.EscapedPath()), what, outcome, took.Round(time.Millisecond))
}

// client is the HTTP client with redirects left to us, so that the POST is repeated with its body.
func (c *Caller) client() *http.Client {
	own := http.Client{}
	if c.HTTP != nil {
		own = *c.HTTP
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// redirected is where an answer sends us, "" for nowhere.
func (c *Caller) redirected(at string, answer *http.Response) (string, error) {
	switch answer.StatusCode {
	case 301, 302, 303, 307, 308:
	default:
		return "", nil
	}
	return c.Follow(at, answer.Header.Get("Location"))
}

// Follow says where a redirect leads from a URL: at the location, which may be relative, after MapURL. It is for
// services that redirect inside of an answer. The error is [ErrRedirects] if there is no location, or one that
// must not be followed: from https to http, or to no kind of http at all.
func (c *Caller) Follow(at, location string) (string, error) {
	from, err := url.Parse(at)
	if err != nil {
		return "", errors.New("the URL makes no sense")
	}
	to, err := from.Parse(strings.TrimSpace(location))
	if location == "" || err != nil || to.Host == "" {
		return "", fmt.Errorf("%w without saying where", ErrRedirects)
	}
	next := to.String()
	if c.MapURL != nil {
		next = c.MapURL(next)
		if to, err = url.Parse(next); err != nil || to.Host == "" {
			return "", fmt.Errorf("%w to what is mapped to no URL", ErrRedirects)
		}
	}
	switch {
	case to.Scheme != "https" && to.Scheme != "http":
		return "", fmt.Errorf("%w to something that is not http", ErrRedirects)
	case from.Scheme == "https" && to.Scheme != "https":
		return "", fmt.Errorf("%w from https to a connection that is not encrypted", ErrRedirects)
	}
	return next, nil
}

// remembered is where a request goes first: its own URL, or where it went before. Moves may follow each other.
func (c *Caller) remembered(r *Request) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := r.URL
	for range maxRedirects {
		next, moved := c.moved[at+" "+r.Action]
		if !moved {
			break
		}
		at = next
	}
	return at
}

// Moved remembers that requests for a URL and action ("" for those without one) go to another URL from now on.
// Call does so by itself for redirects of HTTP.
func (c *Caller) Moved(from, action, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = make(map[string]string)
	}
	if to == from {
		delete(c.moved, from+" "+action)
	} else if len(c.moved) < maxMoved {
		c.moved[from+" "+action] = to
	}
}

// forget makes the next request begin at its own URL.
func (c *Caller) forget(r *Request) { c.Moved(r.URL, r.Action, r.URL) }

// drain reads a little so that the connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10)) // an error only costs the connection
	_ = body.Close()
}

// counted counts what is read and fails beyond the limit.
type counted struct {
	r     io.Reader
	left  int64
	total *atomic.Int64
}

// ErrTooLarge is for an answer beyond the limit of its request.
var ErrTooLarge = errors.New("the answer is too large")

func (c *counted) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	c.total.Add(int64(n))
	return n, err
}

// read takes the answer apart.
func (c *Caller) read(r *Request, answer *http.Response) error {
	defer drain(answer.Body)
	limit := r.Limit
	if limit == 0 {
		limit = maxAnswer
	}
	source := &counted{answer.Body, limit, &c.received}
	reading := &reading{request: r, status: answer.StatusCode}
	d := NewDecoder(source)
	err := d.Document(func(root string) error {
		if root != "Envelope" {
			return notEnvelope(root)
		}
		return d.Each(func(name string) error { return reading.part(d, name) })
	})
	switch {
	case reading.fault != nil:
		return reading.fault
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return &StatusError{r.name(), answer.StatusCode}
	case err != nil:
		return fmt.Errorf("%s: read the answer: %w", r.name(), err)
	case !reading.body:
		return fmt.Errorf("%s: the answer has no body", r.name())
	}
	return nil
}

// notEnvelope does not quote what the root is, as the server may say anything there.
func notEnvelope(root string) error {
	if strings.EqualFold(root, "html") {
		return errors.New("the answer is a web page, not a SOAP envelope")
	}
	return errors.New("the answer is not a SOAP envelope")
}

// reading is an answer being read.
type reading struct {
	request *Request
	status  int
	fault   *Fault
	body    bool
}

// part takes Header, Body, and a Fault that stands beside them (RST.srf).
func (a *reading) part(d *Decoder, name string) error {
	switch name {
	case "Header":
		if a.request.OnHeader != nil {
			return a.request.OnHeader(d)
		}
	case "Fault":
		return a.readFault(d)
	case "Body":
		return d.Each(func(name string) error {
			switch {
			case name == "Fault":
				return a.readFault(d)
			case a.body || a.status > 299 && !a.request.AnyStatus:
				return nil
			}
			a.body = true
			if a.request.OnBody == nil {
				return nil
			}
			return a.request.OnBody(d)
		})
	}
	return nil
}

// readFault keeps a fault even if what follows in it is cut off.
func (a *reading) readFault(d *Decoder) error {
	var err error
	a.fault, err = ReadFault(d)
	a.fault.Action, a.fault.Status = a.request.name(), a.status
	return err
}

// ReadFault reads the fault that the decoder stands in, for services that put faults inside of their answers.
// What came before an error is in the fault nevertheless, which is never nil.
func ReadFault(d *Decoder) (*Fault, error) {
	f := &Fault{Detail: make(map[string]string)}
	return f, f.collect(d)
}

// collect takes the texts out of the present element.
func (f *Fault) collect(d *Decoder) error {
	return d.Each(func(name string) error {
		switch name {
		case "Code", "Subcode", "Reason", "Detail", "detail", "additionalDetails", "error", "internalerror", "pp", "parameterFault":
			return f.collect(d)
		}
		text, err := d.Text()
		if err != nil {
			return err
		}
		f.set(name, cut(text, maxFaultText))
		return nil
	})
}

func (f *Fault) set(name, text string) {
	switch name {
	case "faultcode", "Value": // of SOAP 1.2 codes the innermost comes last
		f.Code = text[strings.LastIndexByte(text, ':')+1:]
	case "faultstring", "Text":
		if f.Text == "" { // of several languages the first
			f.Text = text
		}
	default:
		if _, has := f.Detail[name]; !has && len(f.Detail) < maxFaultFields {
			f.Detail[name] = text
		}
	}
}

// cut is the beginning of a text, up to a number of bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
