package msntest

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// pictures are a PNG and a GIF in base64.
func pictures(t testing.TB) (pngText, gifText string) {
	t.Helper()
	picture := image.NewPaletted(image.Rect(0, 0, 42, 42), []color.Color{color.Black, color.White})
	for x := range 21 {
		for y := range 42 {
			picture.SetColorIndex(x, y, 1)
		}
	}
	var one, two bytes.Buffer
	if err := png.Encode(&one, picture); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&two, picture, nil); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(one.Bytes()), base64.StdEncoding.EncodeToString(two.Bytes())
}

func fetch(t testing.TB, url string) (status int, kind string, body []byte) {
	t.Helper()
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request(t, url))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), body
}

func request(t testing.TB, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStorage plays its dialogue, and fetches the pictures beside it.
func TestStorage(t *testing.T) {
	s := New(t, fixture())
	text, err := os.ReadFile("testdata/web/with-pictures/storage.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := playWeb(t, s, "")
	w.kept["png"], w.kept["gif"] = pictures(t)
	steps := strings.SplitAfter(string(text), " tile\n")
	if len(steps) != 2 {
		t.Fatal("the dialogue has changed")
	}
	w.playWeb(steps[0])
	static := w.kept["tile"]
	status, kind, body := fetch(t, static)
	if want, _ := base64.StdEncoding.DecodeString(w.kept["png"]); status != 200 || kind != "image/png" || !bytes.Equal(body, want) {
		t.Errorf("got %d, %s, %d bytes", status, kind, len(body))
	}
	status, kind, body = fetch(t, strings.TrimSuffix(static, "static")+"small")
	small, err := png.Decode(bytes.NewReader(body))
	if status != 200 || kind != "image/png" || err != nil || small.Bounds().Dx() != 21 || small.Bounds().Dy() != 21 {
		t.Fatalf("got %d, %s, %v", status, kind, err)
	}
	for x, want := range map[int]uint32{2: 0xffff, 18: 0} {
		if r, _, _, _ := small.At(x, 10).RGBA(); r != want {
			t.Errorf("point %d of the small picture is %x", x, r)
		}
	}
	// by the id that bob's book has for alice, too
	w.playWeb("@bob book ABFindAll\n@200\n ? <contactId>([-0-9a-f]*)</contactId><contactInfo>(?:<groupIds>.*</groupIds>)?<contactType>[A-Za-z]*</contactType><quickName>Alice A< alice")
	if status, _, _ := fetch(t, s.HTTPURL()+"/storage/usertile/"+w.kept["alice"]+"/static"); status != 200 {
		t.Errorf("by contact: got %d", status)
	}
	for _, path := range []string{"none/static", w.kept["alice"] + "/large", w.kept["alice"], ""} {
		if status, _, _ := fetch(t, s.HTTPURL()+"/storage/usertile/"+path); status != 404 {
			t.Errorf("%s: got %d", path, status)
		}
	}
	w.playWeb(steps[1])
	if status, _, _ := fetch(t, static); status != 404 {
		t.Errorf("after the end: got %d", status)
	}
}
