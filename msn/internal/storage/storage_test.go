package storage

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// tinyPNG is the smallest picture that is one.
var tinyPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")

// service answers actions from a map and keeps what was asked.
func service(t *testing.T, answers map[string]func(body string) (int, string)) (*Store, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			asked = append(asked, "GET "+r.URL.String())
			status, body := answers["GET"](r.URL.String())
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
		body, _ := io.ReadAll(r.Body)
		action := r.Header.Get("SOAPAction")
		action = strings.Trim(action[strings.LastIndexByte(action, '/')+1:], `"`)
		asked = append(asked, action+" "+string(body))
		answer := answers[action]
		if answer == nil {
			t.Errorf("%s was not expected", action)
			w.WriteHeader(404)
			return
		}
		status, text := answer(string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>`+text+`</soap:Body></soap:Envelope>`)
	}))
	t.Cleanup(server.Close)
	s := &Store{
		Caller: &soap.Caller{HTTP: server.Client()}, URL: server.URL + "/storageservice/SchematizedStore.asmx",
		Ticket: func() string { return "t=SECRET&p=" }, CID: func() string { return "987654321" },
	}
	return s, &asked
}

func ok(text string) func(string) (int, string) {
	return func(string) (int, string) { return 200, text }
}

func fault(code string) func(string) (int, string) {
	return func(string) (int, string) {
		return 500, "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring><detail><errorcode>" + code + "</errorcode></detail></soap:Fault>"
	}
}

const full = `<GetProfileResponse><GetProfileResult><ResourceID>abc!106</ResourceID><DateModified>2026-01-01T00:00:00Z</DateModified><ExpressionProfile>` +
	`<ResourceID>abc!118</ResourceID><Photo><ResourceID>abc!205</ResourceID><Name>x</Name><DocumentStreams><DocumentStream><DocumentStreamName>UserTileSmall</DocumentStreamName>` +
	`<MimeType>png</MimeType><PreAuthURL>/small</PreAuthURL></DocumentStream><DocumentStream><DocumentStreamName>UserTileStatic</DocumentStreamName><MimeType>image/png</MimeType>` +
	`<PreAuthURL>/static</PreAuthURL><SHA1Hash>c2hh</SHA1Hash></DocumentStream></DocumentStreams></Photo><PersonalStatus>At &amp; work</PersonalStatus>` +
	`<PersonalStatusLastModified>0001-01-01T00:00:00</PersonalStatusLastModified><DisplayName>Alice ☺</DisplayName><DisplayNameLastModified>2026-01-02T03:04:05.5-08:00</DisplayNameLastModified>` +
	`<StaticUserTilePublicURL>http://elsewhere.example.com/public</StaticUserTilePublicURL></ExpressionProfile></GetProfileResult></GetProfileResponse>`

// TestProfile reads a profile and its picture.
func TestProfile(t *testing.T) {
	s, asked := service(t, map[string]func(string) (int, string){"GetProfile": ok(full), "GET": func(string) (int, string) { return 200, string(tinyPNG) }})
	p, err := s.Get(t.Context())
	want := Profile{ResourceID: "abc!106", ExpressionID: "abc!118", PhotoID: "abc!205", DisplayName: "Alice ☺", PersonalStatus: "At & work", PictureURL: "/static", PictureType: "png",
		PictureSHA1: "c2hh", NameChanged: time.Date(2026, 1, 2, 11, 4, 5, 5e8, time.UTC)}
	if err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	data, kind, err := s.Picture(t.Context(), http.DefaultClient, p)
	if err != nil || !bytes.Equal(data, tinyPNG) || kind != "image/png" {
		t.Errorf("picture: %d bytes, %s, %v", len(data), kind, err)
	}
	noPhoto := strings.Replace(full, "UserTileStatic", "Other", 1)
	s, _ = service(t, map[string]func(string) (int, string){"GetProfile": ok(noPhoto)})
	if p, err := s.Get(t.Context()); err != nil || p.PictureURL != "http://elsewhere.example.com/public" {
		t.Errorf("without the whole picture: %+v, %v", p, err)
	}
	if got := (*asked)[1]; got != "GET /static?t=SECRET%26p%3D" {
		t.Errorf("asked for %s", got)
	}
	if !strings.Contains((*asked)[0], "<Name>987654321</Name>") || !strings.Contains((*asked)[0], "<TicketToken>t=SECRET&amp;p=</TicketToken>") {
		t.Errorf("asked %s", (*asked)[0])
	}
}

// TestEscargot reads the answer of a server that tells of a picture though there is none.
func TestEscargot(t *testing.T) {
	text, err := os.ReadFile("testdata/escargot-profile.xml")
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	s := &Store{Caller: &soap.Caller{HTTP: &http.Client{Transport: canned(func() string { return body })}}, URL: "http://example.com/x", Ticket: func() string { return "t=SECRET&p=" }, CID: func() string { return "1" }}
	want := Profile{
		ResourceID: "a2b9009139975e85!106", ExpressionID: "a2b9009139975e85!118", PhotoID: "a2b9009139975e85!205", DisplayName: "Bob",
		NameChanged: time.Date(2026, 11, 23, 5, 7, 45, 0, time.UTC),
		PictureURL:  "https://127.0.0.1/storage/usertile/1bbc064c-d74a-56e6-a2b9-009139975e85/static",
	}
	if p, err := s.Get(t.Context()); err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	for cut := range len(text) - len("</soap:Envelope>\n") { // wherever it breaks off
		body = string(text[:cut])
		if p, err := s.Get(t.Context()); err == nil || p != (Profile{}) {
			t.Fatalf("cut at %d: %+v", cut, p)
		}
	}
}

// canned answers everything with one text.
type canned func() string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c())), Request: r}, nil
}

// TestRefusals gives refusals their meaning, and keeps the ticket to itself that some of them repeat.
func TestRefusals(t *testing.T) {
	for code, want := range map[string]error{
		"ItemDoesNotExist": ErrNoProfile, "ItemAlreadyExists": ErrExists, "PassportAuthFail": soap.ErrStaleTicket, "BadContextToken": soap.ErrStaleTicket,
		"AccessDenied": ErrDenied, "Forbidden": soap.ErrUnsupported, "t=SECRET&amp;p=": nil, "SECRET": nil,
	} {
		for _, status := range []int{200, 500} {
			s, _ := service(t, map[string]func(string) (int, string){"GetProfile": func(string) (int, string) {
				_, body := fault(code)("")
				return status, body
			}})
			_, err := s.Get(t.Context())
			var f *soap.Fault
			if !errors.As(err, &f) || want != nil && !errors.Is(err, want) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("%s with %d: %v", code, status, err)
			}
		}
	}
	for _, tc := range []struct {
		status int
		body   string
		want   error
	}{{403, "", soap.ErrSessionLost}, {500, "Server got itself in trouble", nil}, {200, "", nil}} {
		s, _ := service(t, map[string]func(string) (int, string){"UpdateProfile": func(string) (int, string) { return tc.status, tc.body }})
		if err := s.Update(t.Context(), Profile{}, "a", "b"); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%d: %v", tc.status, err)
		}
	}
}

// FuzzGet reads anything.
func FuzzGet(f *testing.F) {
	f.Add(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + full + `</s:Body></s:Envelope>`)
	f.Add("<Envelope><Body><R><GetProfileResult><ExpressionProfile><Photo><DocumentStreams><x/>")
	f.Fuzz(func(t *testing.T, text string) {
		s := &Store{Caller: &soap.Caller{HTTP: &http.Client{Transport: canned(func() string { return text })}}, URL: "http://example.com/x", Ticket: func() string { return "" }, CID: func() string { return "1" }}
		p, err := s.Get(t.Context())
		if err != nil && p != (Profile{}) || !utf8.ValidString(p.DisplayName+p.PersonalStatus+p.PictureURL) {
			t.Errorf("%+v, %v", p, err)
		}
		if at, err := s.resolve(p.PictureURL); err == nil && !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
			t.Errorf("%q leads to %q", p.PictureURL, at)
		}
	})
}
