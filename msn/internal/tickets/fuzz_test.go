package tickets

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// canned answers every request with the same bytes, without a network.
type canned struct {
	status int
	body   []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(c.body))), Request: r}, nil
}

// Whatever a service answers, it is tickets that fit into a command, or an error without the password in it.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/answer-*.xml")
	if err != nil || len(files) < 4 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, data)
	}
	f.Add(500, []byte(`<Envelope><Fault><faultcode>a:Redirect</faultcode><redirectUrl>/x</redirectUrl></Fault></Envelope>`))
	f.Add(200, []byte(`<E:Envelope><E:Body><E:Fault><E:Code><E:Value>s3cret&amp;Pass</E:Value></E:Code><pp><flowurl>http://s3cret&amp;Pass/</flowurl></pp></E:Fault></E:Body></E:Envelope>`))
	f.Add(200, []byte(collection(given(MessengerClear, "t=a&p=b", proofToken(secret)+dayLong), refused(Storage, "<Fault/>"))))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		caller := &soap.Caller{HTTP: &http.Client{Transport: canned{status % 1000, body}}}
		got, err := Request(t.Context(), caller, Source{URL: "http://example.com/RST.srf"}, passport, password, allSites, noon)
		if (got == nil) != (err != nil) {
			t.Fatalf("got %v and %v", got, err)
		}
		if err != nil {
			fit(t, err)
			return
		}
		if _, has := got.Tickets[MessengerClear]; !has {
			t.Fatal("the ticket that is required is missing")
		}
		for _, site := range allSites {
			if _, has := got.Tickets[site.Address]; has == (got.Refused[site.Address] != nil) {
				t.Fatalf("%s: given %t, refused %v", site.Address, has, got.Refused[site.Address])
			}
		}
		for _, err := range got.Refused {
			fit(t, err)
		}
		for site, ticket := range got.Tickets {
			if ticket.Token == "" || len(ticket.Token) > maxToken || strings.ContainsFunc(ticket.Token, func(r rune) bool { return r <= ' ' || r >= 0x7F }) {
				t.Fatalf("%s: ticket %q", site, ticket.Token)
			}
			if len(ticket.Secret) > 0 {
				if _, err := Proof(ticket.Secret, "nonce"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// fit is an error fit to be shown.
func fit(t *testing.T, err error) {
	text := err.Error()
	if text == "" || len(text) > 1000 || strings.ContainsAny(text, "\r\n") || strings.Contains(text, password) {
		t.Fatalf("the error is %q", text)
	}
	var action *ActionError
	if errors.As(err, &action) && action.URL != "" && !strings.HasPrefix(strings.ToLower(action.URL), "http") {
		t.Fatalf("the page to go to is %q", action.URL)
	}
}

// The parts of a ticket make the same ticket again, if it is of the usual form.
func FuzzParts(f *testing.F) {
	f.Add("abc==", "def")
	f.Fuzz(func(t *testing.T, a, b string) {
		gotA, gotB := Parts("t=" + a + "&p=" + b)
		if !strings.Contains(a+b, "&") && (gotA != a || gotB != b) {
			t.Fatalf("got %q, %q", gotA, gotB)
		}
		if gotA, gotB = Parts(a); len(gotA)+len(gotB) > len(a) {
			t.Fatalf("%q: got %q, %q", a, gotA, gotB)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	body, err := os.ReadFile("testdata/answer-microsoft-rst.xml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		caller := &soap.Caller{HTTP: &http.Client{Transport: canned{200, body}}}
		if _, err := Request(b.Context(), caller, Source{URL: "http://example.com/RST.srf"}, passport, password, allSites, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProof(b *testing.B) {
	secret, nonce := []byte("0123456789abcdefghijklmn"), strings.Repeat("N", 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Proof(secret, nonce); err != nil {
			b.Fatal(err)
		}
	}
}
