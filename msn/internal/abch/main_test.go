package abch

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/leaktest"
	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestMain fails if tests leave goroutines behind.
func TestMain(m *testing.M) { leaktest.Main(m) }

const (
	bookURL    = "http://contacts.example.com/abservice/abservice.asmx"
	sharingURL = "http://contacts.example.com/abservice/SharingService.asmx"
	secret     = "t=EwSecretTicket&p=Inside"
)

// service is a web service in memory: it gives the answers one after the other, the last one for ever.
type service struct {
	answers  []answer
	requests []*http.Request
	bodies   []string
}

type answer struct {
	status   int
	body     string
	location string
	stream   io.Reader // instead of body
}

// RoundTrip answers one request.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	a := s.answers[min(len(s.requests), len(s.answers))-1]
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.stream == nil {
		a.stream = strings.NewReader(a.body)
	}
	header := http.Header{}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprint(a.status), Header: header, Body: io.NopCloser(a.stream), Request: r,
	}, nil
}

// open is a book at a service that gives these answers.
func open(answers ...answer) (*Book, *service) {
	s := &service{answers: answers}
	return &Book{
		Caller:      &soap.Caller{HTTP: &http.Client{Transport: s}},
		AddressBook: bookURL, Sharing: sharingURL, Ticket: func() string { return secret },
	}, s
}

// ok is an answer with something in the body.
func ok(body string) answer { return answer{body: envelope("", body)} }

// fault is an ordinary fault.
func fault(status int, code, text string) answer {
	return answer{status: status, body: envelope("", `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>`+text+
		`</faultstring><detail><errorcode xmlns="`+namespace+`">`+code+`</errorcode></detail></soap:Fault>`)}
}

func envelope(header, body string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` +
		header + `</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// read is what a file of testdata holds.
func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func yes() *bool            { b := true; return &b }
func no() *bool             { b := false; return &b }
func text(s string) *string { return &s }
