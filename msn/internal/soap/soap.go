package soap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	// maxFaultFields bounds what is kept of a fault.
	maxFaultFields = 64
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
}

// name is the action's last word, for people.
func (r *Request) name() string {
	if r.Action == "" {
		if u, err := url.Parse(r.URL); err == nil {
			return u.Path
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
	return fmt.Sprintf("%s is refused: %.300s", f.Action, oneLine(why))
}

// Has tells whether the fault has a code, be it the fault's own or the service's errorcode.
func (f *Fault) Has(code string) bool {
	return strings.EqualFold(f.Code, code) || strings.EqualFold(f.Detail["errorcode"], code)
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
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%s: no answer within %s", r.name(), timeout))
	defer cancel()
	err := c.call(ctx, &r)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Caller) call(ctx context.Context, r *Request) error {
	at, body := r.URL, r.body()
	if known := c.remembered(r); known != "" {
		at = known
	}
	for range maxRedirects + 1 {
		answer, err := c.post(ctx, at, r, body)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name(), clean(err))
		}
		next, err := c.redirected(at, answer)
		if next == "" && err == nil {
			if at != r.URL {
				c.remember(r, at)
			}
			return c.read(r, answer)
		}
		drain(answer.Body)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
		at = next
	}
	c.remember(r, "")
	return fmt.Errorf("%s: %w more than %d times", r.name(), ErrRedirects, maxRedirects)
}

// clean takes the URL out of an error of net/http: it says nothing new, and may hold a ticket.
func clean(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

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
		status := "failed"
		if err == nil {
			status = answer.Status
		}
		c.Trace(fmt.Sprintf("# POST %s%s %s: %s after %s", req.URL.Host, req.URL.Path, r.name(), oneLine(status), time.Since(begun).Round(time.Millisecond)))
	}
	return answer, err
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
	to, err := answer.Location()
	if err != nil || to.Host == "" {
		return "", fmt.Errorf("%w without saying where", ErrRedirects)
	}
	next := to.String()
	if c.MapURL != nil {
		next = c.MapURL(next)
	}
	if strings.HasPrefix(at, "https:") && !strings.HasPrefix(next, "https:") {
		return "", fmt.Errorf("%w from https to a connection that is not encrypted", ErrRedirects)
	}
	if !strings.HasPrefix(next, "https:") && !strings.HasPrefix(next, "http:") {
		return "", fmt.Errorf("%w to something that is not http", ErrRedirects)
	}
	return next, nil
}

func (c *Caller) remembered(r *Request) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved[r.URL+" "+r.Action]
}

// remember keeps where a request went; "" forgets.
func (c *Caller) remember(r *Request, at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = make(map[string]string)
	}
	if at == "" {
		delete(c.moved, r.URL+" "+r.Action)
	} else if len(c.moved) < 256 {
		c.moved[r.URL+" "+r.Action] = at
	}
}

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
			return fmt.Errorf("the answer is <%.40s>, not a SOAP envelope", root)
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
			case a.body || a.status > 299:
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

// readFault collects the texts of a fault. It is kept even if what follows is cut off.
func (a *reading) readFault(d *Decoder) error {
	f := &Fault{Action: a.request.name(), Status: a.status, Detail: make(map[string]string)}
	a.fault = f
	return f.collect(d)
}

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
		switch name {
		case "faultcode", "Value": // of SOAP 1.2 codes the innermost comes last
			f.Code = text[strings.LastIndexByte(text, ':')+1:]
		case "faultstring", "Text":
			f.Text = text
		default:
			if _, has := f.Detail[name]; !has && len(f.Detail) < maxFaultFields {
				f.Detail[name] = text
			}
		}
		return nil
	})
}
