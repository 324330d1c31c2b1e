package storage

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	`<MimeType>png</MimeType><PreAuthURL>/small</PreAuthURL></DocumentStream><DocumentStream><DocumentStreamName>UserTileStatic</DocumentStreamName><MimeType>png</MimeType>` +
	`<PreAuthURL>/static</PreAuthURL></DocumentStream></DocumentStreams></Photo><PersonalStatus>At &amp; work</PersonalStatus><DisplayName>Alice ☺</DisplayName>` +
	`<StaticUserTilePublicURL>http://elsewhere.example.com/public</StaticUserTilePublicURL></ExpressionProfile></GetProfileResult></GetProfileResponse>`

// TestProfile reads a profile and its picture.
func TestProfile(t *testing.T) {
	s, asked := service(t, map[string]func(string) (int, string){"GetProfile": ok(full), "GET": func(string) (int, string) { return 200, string(tinyPNG) }})
	p, err := s.Get(t.Context())
	want := Profile{ResourceID: "abc!106", ExpressionID: "abc!118", PhotoID: "abc!205", DisplayName: "Alice ☺", PersonalStatus: "At & work", PictureURL: "/static", PictureType: "png"}
	if err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	data, kind, err := s.Picture(t.Context(), http.DefaultClient, p)
	if err != nil || !bytes.Equal(data, tinyPNG) || kind != "image/png" {
		t.Errorf("picture: %d bytes, %s, %v", len(data), kind, err)
	}
	if got := (*asked)[1]; got != "GET /static?t=SECRET%26p%3D" {
		t.Errorf("asked for %s", got)
	}
	if !strings.Contains((*asked)[0], "<Name>987654321</Name>") || !strings.Contains((*asked)[0], "<TicketToken>t=SECRET&amp;p=</TicketToken>") {
		t.Errorf("asked %s", (*asked)[0])
	}
}

// TestPictures takes what is a picture, and nothing else.
func TestPictures(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		some   bool
		fails  bool
	}{
		"there":     {200, string(tinyPNG), true, false},
		"none":      {404, "", false, false},
		"empty":     {200, "", false, false},
		"a page":    {200, "<html></html>", false, true},
		"too large": {200, string(tinyPNG) + strings.Repeat("x", MaxPicture), false, true},
		"broken":    {500, "", false, true},
	} {
		s, _ := service(t, map[string]func(string) (int, string){"GET": func(string) (int, string) { return tc.status, tc.body }})
		data, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: "/x"})
		if (data != nil) != tc.some || (err != nil) != tc.fails || strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	s, _ := service(t, nil)
	for _, address := range []string{"ftp://example.com/x", "javascript:x", "http://"} {
		if _, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: address}); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
	if data, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{}); data != nil || err != nil {
		t.Errorf("no picture: %v, %v", data, err)
	}
}

// TestWriting makes, changes and clears.
func TestWriting(t *testing.T) {
	s, asked := service(t, map[string]func(string) (int, string){
		"CreateProfile": ok("<CreateProfileResponse/>"), "UpdateProfile": ok("<UpdateProfileResponse/>"),
		"CreateDocument":      ok("<CreateDocumentResponse><CreateDocumentResult>abc!300</CreateDocumentResult></CreateDocumentResponse>"),
		"CreateRelationships": ok("<CreateRelationshipsResponse/>"), "DeleteRelationships": fault("ItemDoesNotExist"),
	})
	s.Year2008 = true
	p := Profile{ResourceID: "abc!106", ExpressionID: "abc!118", PhotoID: "abc!205"}
	for _, err := range []error{
		s.Create(t.Context()), s.Update(t.Context(), p, "A <b>", "Hi"), s.Update(t.Context(), p, "", ""), s.SetPicture(t.Context(), p, "image/png", tinyPNG),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for i, want := range []string{
		"ExpressionProfileDefault", "<DisplayName>A &lt;b&gt;</DisplayName><PersonalStatus>Hi</PersonalStatus>", "profileAttributesToDelete",
		base64.StdEncoding.EncodeToString(tinyPNG), "<TargetID>abc!300</TargetID>", "<ResourceID>abc!205</ResourceID>",
	} {
		if i >= len(*asked) || !strings.Contains((*asked)[i], want) || !strings.Contains((*asked)[i], "storage/2008") {
			t.Errorf("request %d has no %s: %s", i, want, *asked)
		}
	}
}

// TestRefusals gives refusals their meaning.
func TestRefusals(t *testing.T) {
	for code, want := range map[string]error{"ItemDoesNotExist": ErrNoProfile, "PassportAuthFail": ErrStaleTicket, "AccessDenied": ErrDenied} {
		s, _ := service(t, map[string]func(string) (int, string){"GetProfile": fault(code)})
		if _, err := s.Get(t.Context()); !errors.Is(err, want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", code, err)
		}
	}
}
