package msntest

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Namespaces of envelopes.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// call is one request to a web service while it is handled. The Server's lock is held then.
type call struct {
	s       *Server
	visitor visitor
	request *http.Request
	// header and body are the parts of the envelope; do is the action's own element, nil if there is none.
	header, body, do *node
	action           string
	namespace        string // of the service, which for some follows the request
	out              answer // the inside of the body, and head of the header, of the answer
	head             answer
}

// fault is a refusal of a web service.
type fault struct {
	status    int    // 0 means 500
	prefix    string // of the code, "" for soap:Client
	code      string // errorcode, or the faultcode behind a prefix
	text      string
	extra     string // XML for additionalDetails, or for detail if there is a prefix
	bare      bool   // the status alone, no body
	q0        string // namespace of the prefix
	direct    bool   // detail holds extra alone
	faultcode string // instead of soap:Client
}

// refusal is one with an errorcode of the address book and storage services (services.md 6.4).
func refusal(code, text string) *fault { return &fault{code: code, text: text} }

// service is one web service: what it is called, how it knows who calls, and what it does.
type service struct {
	namespace  string
	site, also string // the site that tickets are for, and another that is as good, "" for none
	// ticket finds the ticket of a request.
	ticket func(c *call) string
	// anonymous says that no ticket is asked for. movable says that it may answer with a redirect.
	anonymous, movable bool
	// coded says that refusals are faultcodes of the service's own, not details with an errorcode.
	coded bool
	// stale is the refusal of a ticket that is not good.
	stale func(c *call) *fault
	// unbound is that of one without a session, where there has to be one; nil means 403.
	unbound func() *fault
	// act finds what to do; nil for an unknown action, for which unknown is asked.
	act     func(c *call) func(c *call) *fault
	unknown func(c *call) *fault
}

// serve makes a service answer HTTP.
func (s *Server) serve(svc *service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		body, ok := readRequest(w, r)
		if !ok || !s.dawdle(w, r) || svc.movable && s.moveAway(w, r) {
			return
		}
		c := &call{s: s, request: r, namespace: svc.namespace}
		failed := c.parse(body)
		s.mu.Lock()
		if failed == nil {
			failed = c.handle(svc)
		}
		cut := s.webFaults(c.visitor.account).Truncate
		s.reap()
		s.changed()
		s.mu.Unlock()
		c.write(w, failed, cut)
	}
}

// readRequest reads a whole request within its bounds.
func readRequest(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, "the request is cut off", http.StatusBadRequest)
	}
	return body, err == nil
}

// dawdle waits as Faults.Slow says. It is false if nobody waits for the answer any more.
func (s *Server) dawdle(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	slow := s.faults.Slow
	s.mu.Unlock()
	if slow <= 0 {
		return true
	}
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	return false
}

// movedMark is in the query of the place that a redirect once leads to.
const movedMark = "moved"

// redirection is where a fault sends a request, "" for nowhere.
func redirection(r *http.Request, to string) string {
	base := scheme(r) + "://" + r.Host + r.URL.Path
	switch {
	case to == "loop":
		return base
	case to == "once" && r.URL.Query().Has(movedMark):
		return ""
	case to == "once":
		return base + "?" + movedMark + "=1"
	}
	return to
}

// scheme is how the client came.
func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// moveAway does Faults.ServiceRedirect.
func (s *Server) moveAway(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	to := s.faults.ServiceRedirect
	s.mu.Unlock()
	if to = redirection(r, to); to == "" {
		return false
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
	return true
}

// webFaults are the faults that apply to calls of an account, nil for one that is not known.
func (s *Server) webFaults(a *account) Faults {
	if f := s.faults; f.Passport == "" || a != nil && strings.EqualFold(f.Passport, a.passport) {
		return f
	}
	return Faults{}
}

// parse takes the envelope apart.
func (c *call) parse(body []byte) *fault {
	envelope, err := parseRequest(body)
	if err != nil || envelope.name != "Envelope" || !envelope.has("Body") {
		return &fault{faultcode: "soap:Client", text: "the request is no SOAP envelope", direct: true}
	}
	c.header, c.body = envelope.kid("Header"), envelope.kid("Body")
	if len(c.body.kids) > 0 {
		c.do = c.body.kids[0]
		c.action = c.do.name
	}
	return nil
}

// soapAction is the header without quotes.
func (c *call) soapAction() string { return strings.Trim(c.request.Header.Get("SOAPAction"), `" `) }

// handle finds who calls, and does what is asked.
func (c *call) handle(svc *service) *fault {
	act := svc.act(c)
	if !svc.anonymous {
		text := svc.ticket(c)
		if text == "" && c.s.quirks.SharedTicket && svc.unbound == nil {
			return &fault{bare: true}
		}
		v, bound := c.s.visit(text, svc.site, svc.also)
		c.visitor = v
		f := c.s.webFaults(v.account)
		switch {
		case v.account == nil && bound && svc.unbound != nil:
			return svc.unbound()
		case f.ServiceUnauthorized, v.account == nil && bound:
			return &fault{status: http.StatusForbidden, bare: true}
		case v.account == nil:
			return svc.stale(c)
		}
		if code := firstOf(f.ServiceFault, c.action, "*"); code != "" {
			asked := &fault{status: f.ServiceFaultStatus, code: code, text: "asked for"}
			if svc.coded {
				asked.prefix, asked.q0 = "q0", c.namespace
			}
			return asked
		}
	}
	if act == nil {
		return svc.unknown(c)
	}
	return act(c)
}

// firstOf is the first value that a map has of some keys.
func firstOf(m map[string]string, keys ...string) string {
	for _, k := range keys {
		if v := m[k]; v != "" {
			return v
		}
	}
	return ""
}

// write sends the answer. cut is how much of it, 0 for all.
func (c *call) write(w http.ResponseWriter, failed *fault, cut int) {
	if failed != nil && failed.bare {
		w.WriteHeader(failed.httpStatus())
		return
	}
	var out answer
	out.raw(`<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + soap11 +
		`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">`)
	status := http.StatusOK
	if failed != nil {
		status = failed.httpStatus()
		out.raw("<soap:Body>")
		failed.append(&out, c)
	} else {
		if c.head.b.Len() > 0 {
			out.raw("<soap:Header>", c.head.b.String(), "</soap:Header>")
		}
		out.raw("<soap:Body>").b.Write(c.out.bytes())
	}
	out.raw("</soap:Body></soap:Envelope>")
	writeXML(w, status, "text/xml; charset=utf-8", out.bytes(), cut)
}

// writeXML sends a body, or the beginning of it: then the connection is closed with the rest missing.
func writeXML(w http.ResponseWriter, status int, contentType string, body []byte, cut int) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if cut <= 0 || cut >= len(body) {
		_, _ = w.Write(body) // the client is gone if not
		return
	}
	_, _ = w.Write(body[:cut])                // likewise
	_ = http.NewResponseController(w).Flush() // likewise
	panic(http.ErrAbortHandler)               // how net/http is told to close the connection
}

func (f *fault) httpStatus() int {
	if f.status == 0 {
		return http.StatusInternalServerError
	}
	return f.status
}

// append writes <soap:Fault>.
func (f *fault) append(w *answer, c *call) {
	w.raw("<soap:Fault>")
	switch {
	case f.prefix != "":
		w.leaf("faultcode", f.prefix+":"+f.code, "xmlns:"+f.prefix, f.q0)
	case f.faultcode != "":
		w.leaf("faultcode", f.faultcode)
	default:
		w.leaf("faultcode", "soap:Client")
	}
	w.leaf("faultstring", f.text)
	if f.prefix != "" || f.direct {
		if f.extra != "" {
			w.raw("<detail>", f.extra, "</detail>")
		}
		w.raw("</soap:Fault>")
		return
	}
	w.leaf("faultactor", c.namespace+"/"+c.action)
	w.raw("<detail>")
	for _, part := range []struct{ name, text string }{
		{"errorcode", f.code}, {"errorstring", f.text}, {"machineName", "MSNTEST01"},
	} {
		w.leaf(part.name, part.text, "xmlns", c.namespace)
	}
	w.raw("<additionalDetails>", f.extra).leaf("originalExceptionErrorMessage", f.text).raw("</additionalDetails>")
	w.raw("</detail></soap:Fault>")
}
