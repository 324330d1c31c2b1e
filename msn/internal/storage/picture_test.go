package storage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestPictures takes what is a picture, and nothing else. What a web server refuses has no meaning for the sign-in.
func TestPictures(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		some   bool
		fails  bool
	}{
		"there":     {200, string(tinyPNG), true, false},
		"none":      {404, "", false, false},
		"gone":      {410, "", false, false},
		"empty":     {200, "", false, false},
		"a page":    {200, "<html></html>", false, true},
		"too large": {200, string(tinyPNG) + strings.Repeat("x", MaxPicture), false, true},
		"broken":    {500, "", false, true},
		"forbidden": {403, "", false, true},
	} {
		s, _ := service(t, map[string]func(string) (int, string){"GET": func(string) (int, string) { return tc.status, tc.body }})
		data, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: "/x"})
		var status *soap.StatusError
		if (data != nil) != tc.some || (err != nil) != tc.fails || errors.As(err, &status) || err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	s, _ := service(t, nil)
	for _, address := range []string{"ftp://example.com/x", "javascript:x", "http://", "http://a b/", ":", "http://[::1"} {
		if _, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: address}); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
	if data, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{}); data != nil || err != nil {
		t.Errorf("no picture: %v, %v", data, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.Picture(ctx, http.DefaultClient, Profile{PictureURL: "/x"})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("canceled: %v", err)
	}
}

// TestPictureElsewhere shows the ticket to nobody but the service, not even behind a redirect.
func TestPictureElsewhere(t *testing.T) {
	var asked []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String()+" "+r.Header.Get("Referer"))
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/odd":
			w.Header().Set("Location", "http://[")
			w.WriteHeader(http.StatusFound)
		default:
			_, _ = w.Write(tinyPNG)
		}
	}))
	defer elsewhere.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/redirected", http.StatusFound)
	}))
	defer own.Close()
	s := &Store{Caller: &soap.Caller{}, URL: own.URL + "/storageservice/x.asmx", Ticket: func() string { return "t=SECRET&p=" }}
	for _, address := range []string{elsewhere.URL + "/absolute", strings.TrimPrefix(elsewhere.URL, "http:") + "/without-scheme", "/redirecting", "relative?u=http://x/"} {
		if data, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: address}); err != nil || !bytes.Equal(data, tinyPNG) {
			t.Errorf("%s: %d bytes, %v", address, len(data), err)
		}
	}
	if want := []string{"/absolute ", "/without-scheme ", "/redirected ", "/redirected "}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for _, address := range []string{"/loop", "/odd"} {
		if _, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: elsewhere.URL + address}); !errors.Is(err, soap.ErrRedirects) {
			t.Errorf("%s: %v", address, err)
		}
	}
	s.Caller.MapURL = func(u string) string { return strings.Replace(u, "http://picture.example.com", elsewhere.URL, 1) }
	if _, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: "http://picture.example.com/mapped"}); err != nil || asked[len(asked)-1] != "/mapped " {
		t.Errorf("mapped: %v, asked %s", err, asked[len(asked)-1])
	}
	elsewhere.Close()
	if _, _, err := s.Picture(t.Context(), http.DefaultClient, Profile{PictureURL: "/redirecting"}); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestPNG makes a PNG of other pictures, and refuses what is none or too large.
func TestPNG(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.White, color.Black})
	var asJPEG, asGIF, large, noise bytes.Buffer
	for _, err := range []error{
		jpeg.Encode(&asJPEG, picture, nil), gif.Encode(&asGIF, picture, nil),
		gif.Encode(&large, image.NewPaletted(image.Rect(0, 0, maxSide+1, 1), picture.Palette), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range [][]byte{asJPEG.Bytes(), asGIF.Bytes()} {
		made, err := PNG(data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := png.Decode(bytes.NewReader(made)); err != nil || got.Bounds() != picture.Bounds() {
			t.Errorf("%s: %v", data[:4], err)
		}
	}
	if made, err := PNG(tinyPNG); err != nil || !bytes.Equal(made, tinyPNG) {
		t.Errorf("a PNG is changed: %v", err)
	}
	grain := image.NewRGBA(image.Rect(0, 0, 700, 700))
	for i, x := 0, uint32(1); i < len(grain.Pix); i++ {
		x = x*1664525 + 1013904223
		grain.Pix[i] = byte(x>>24) | 0x80*byte(i&3/3)
	}
	if err := jpeg.Encode(&noise, grain, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "text": []byte("no"), "cut": asGIF.Bytes()[:20], "wide": large.Bytes(), "large as PNG": noise.Bytes()} {
		if made, err := PNG(data); err == nil {
			t.Errorf("%s: %d bytes", name, len(made))
		}
	}
}

// steps are the actions that were called.
func steps(asked []string) string {
	var names []string
	for _, a := range asked {
		name, _, _ := strings.Cut(a, " ")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// TestSetPicture goes the way of the service, and never lets the old picture go before the new one is there.
func TestSetPicture(t *testing.T) {
	const made = "<R><CreateDocumentResult>abc!300</CreateDocumentResult></R>"
	once := func(first, then func(string) (int, string)) func(string) (int, string) {
		return func(body string) (int, string) {
			now := first
			first = then
			return now(body)
		}
	}
	p := Profile{ResourceID: "abc!106", ExpressionID: "abc!118", PhotoID: "abc!205"}
	for name, tc := range map[string]struct {
		p       Profile
		answers map[string]func(string) (int, string)
		steps   string
		fails   bool
	}{
		"the first": {Profile{ExpressionID: "abc!118"}, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": ok("<R/>")},
			"CreateDocument CreateRelationships", false},
		"another": {p, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": ok("<R/>"), "DeleteRelationships": ok("<R/>")},
			"CreateDocument CreateRelationships DeleteRelationships DeleteRelationships", false},
		"the old one is gone": {p, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": ok("<R/>"), "DeleteRelationships": fault("ItemDoesNotExist")},
			"CreateDocument CreateRelationships DeleteRelationships DeleteRelationships", false},
		"one at a time": {p, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": once(fault("ItemAlreadyExists"), ok("<R/>")), "DeleteRelationships": ok("<R/>")},
			"CreateDocument CreateRelationships DeleteRelationships DeleteRelationships CreateRelationships", false},
		"in its place": {p, map[string]func(string) (int, string){"CreateDocument": ok(strings.Replace(made, "!300", "!205", 1)), "CreateRelationships": ok("<R/>")},
			"CreateDocument CreateRelationships", false},
		"an update": {p, map[string]func(string) (int, string){"CreateDocument": fault("ItemAlreadyExists"), "UpdateDocument": ok("<R/>"), "CreateRelationships": ok("<R/>")},
			"CreateDocument UpdateDocument CreateRelationships", false},
		"not there":      {p, map[string]func(string) (int, string){"CreateDocument": fault("AccessDenied")}, "CreateDocument", true},
		"not related":    {p, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": fault("AccessDenied")}, "CreateDocument CreateRelationships", true},
		"not let go":     {p, map[string]func(string) (int, string){"CreateDocument": ok(made), "CreateRelationships": ok("<R/>"), "DeleteRelationships": fault("AccessDenied")}, "CreateDocument CreateRelationships DeleteRelationships", true},
		"no such thing":  {p, map[string]func(string) (int, string){"CreateDocument": fault("Forbidden"), "UpdateDocument": fault("Forbidden")}, "CreateDocument UpdateDocument", true},
		"nothing to tie": {Profile{}, map[string]func(string) (int, string){"CreateDocument": ok("<R/>")}, "CreateDocument", false},
	} {
		s, asked := service(t, tc.answers)
		err := s.SetPicture(t.Context(), tc.p, "image/png", tinyPNG)
		if (err != nil) != tc.fails || steps(*asked) != tc.steps {
			t.Errorf("%s: %v after %s", name, err, steps(*asked))
		}
		if !strings.Contains((*asked)[0], base64.StdEncoding.EncodeToString(tinyPNG)) {
			t.Errorf("%s: the picture is not in it", name)
		}
	}
	s, asked := service(t, nil)
	if err := s.SetPicture(t.Context(), p, "image/png", []byte("text")); err == nil || len(*asked) > 0 {
		t.Errorf("no picture: %v", err)
	}
}
