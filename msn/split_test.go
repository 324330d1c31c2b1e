package msn

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

const chunkID = "{01234567-89AB-4CDE-8F01-23456789ABCD}"

func oneID() string { return chunkID }

// The first vector is also what our own cutting makes of its body.
func TestChunkPayloadVector(t *testing.T) {
	v := readVectors(t).Chunking[0]
	bodies := [][]byte{}
	for _, p := range v.Payloads {
		_, body := cutHeader(p)
		bodies = append(bodies, body)
	}
	whole := AppendMessage(nil, &TextMessage{Text: string(v.Body)})
	header, _ := cutHeader(whole)
	// A size at which the first piece has room for the vector's; the later ones then have more, so only it is compared.
	size := len(header) + len("Message-ID: \r\nChunks: 1024\r\n\r\n") + len(v.MessageID) + v.Size
	got := chunkPayload(whole, v.MessageID, size)
	want := bytes.Replace(v.Payloads[0], []byte("Chunks: 3"), []byte("Chunks: 2"), 1)
	if !bytes.Equal(got[0], want) {
		t.Errorf("first piece %q\nwant %q", got[0], want)
	}
	later := fmt.Sprintf("Message-ID: %s\r\nChunk: 1\r\n\r\n%s%s", v.MessageID, bodies[1], bodies[2])
	if len(got) != 2 || string(got[1]) != later {
		t.Errorf("later pieces %q\nwant %q", got[1:], later)
	}
}

func TestSplitTextFits(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		m := &TextMessage{}
		m.Text = strings.Repeat("x", MaxMessagePayload-len(AppendMessage(nil, m)))
		noID := func() string { t.Error("an ID for a text that fits"); return chunkID }
		if got := SplitText(m, chunked, noID); len(got) != 1 || len(got[0]) != MaxMessagePayload {
			t.Errorf("chunked %v: %d payloads", chunked, len(got))
		}
		m.Text += "x"
		if got := SplitText(m, chunked, oneID); len(got) != 2 {
			t.Errorf("chunked %v, one byte more: %d payloads", chunked, len(got))
		}
	}
}

var longTexts = map[string]string{
	"words":       strings.Repeat("Grüße aus Köln, ", 700),
	"no blanks":   strings.Repeat("é", 9_000),
	"four bytes":  "x" + strings.Repeat("😀", 5_000),
	"families":    strings.Repeat("👨\u200d👩\u200d👧\u200d👦", 400),
	"lines":       strings.Repeat("a line\n", 1_500),
	"line ends":   strings.Repeat("\n", 4_000),
	"marks alone": strings.Repeat("\u0301", 4_000),
	"not UTF-8":   strings.Repeat("\xff\xfe", 2_000),
	"CR LF":       strings.Repeat("ab\r\n", 2_000),
	"huge":        strings.Repeat("0123456789 ", 120_000),
}

// The worst header there can be leaves room for text.
var longestHeader = TextMessage{
	Format:      TextFormat{Font: strings.Repeat("😀", 100), Bold: true, Italic: true, Underline: true, Strike: true, Color: 0xffffff, CharSet: 255, PitchFamily: 255, RightToLeft: true},
	DisplayName: strings.Repeat("n", 10_000),
}

func TestSplitTextChunked(t *testing.T) {
	for name, text := range longTexts {
		for _, style := range []TextMessage{{}, longestHeader} {
			m := style
			m.Text = text
			ids := 0
			payloads := SplitText(&m, true, func() string { ids++; return fmt.Sprintf("{%036d}", ids) })
			var got strings.Builder
			var r Reassembler
			for i, payload := range payloads {
				_, body := cutHeader(payload)
				if len(payload) > MaxMessagePayload || !utf8.Valid(body) {
					t.Fatalf("%s: piece %d has %d bytes, UTF-8 is %v", name, i, len(payload), utf8.Valid(body))
				}
				complete, ok, err := r.Add("a", payload, chunkTime)
				if err != nil {
					t.Fatalf("%s: piece %d: %v", name, i, err)
				}
				if ok {
					got.WriteString(textOf(t, complete))
				}
			}
			if want := parseText([]byte(text)); got.String() != want {
				t.Errorf("%s: %d bytes came back of %d", name, got.Len(), len(want))
			}
			assertEmpty(t, &r)
		}
	}
}

func TestSplitTextInSeveral(t *testing.T) {
	noID := func() string { t.Error("an ID without chunks"); return chunkID }
	for name, text := range longTexts {
		for _, style := range []TextMessage{{}, longestHeader} {
			m := style
			m.Text = text
			var got strings.Builder
			for i, payload := range SplitText(&m, false, noID) {
				part := textOf(t, payload)
				if len(payload) > MaxMessagePayload || part == "" || ChunkID(payload) != "" {
					t.Fatalf("%s: payload %d has %d bytes: %.200q", name, i, len(payload), payload)
				}
				if strings.HasPrefix(part, "\u200d") || strings.HasSuffix(part, "\u200d") {
					t.Errorf("%s: payload %d is cut inside an emoji", name, i)
				}
				got.WriteString(part)
			}
			// A line end at which it was cut is the end of a message now.
			noLines := strings.NewReplacer("\n", "")
			if want := noLines.Replace(parseText([]byte(text))); noLines.Replace(got.String()) != want {
				t.Errorf("%s: %d bytes came back of %d", name, got.Len(), len(want))
			}
		}
	}
}

func TestSplitTextBetweenWords(t *testing.T) {
	payloads := SplitText(&TextMessage{Text: strings.Repeat("word ", 1_000)}, false, oneID)
	for i, payload := range payloads {
		if text := textOf(t, payload); !strings.HasPrefix(text, "word") || !strings.HasSuffix(text, "word ") {
			t.Errorf("payload %d of %d: %.10q ... %q", i, len(payloads), text, text[len(text)-10:])
		}
	}
}

func TestSplitPayloadInk(t *testing.T) {
	ink := &Ink{"image/gif", bytes.Repeat([]byte{0, 1, 2, 255}, 2_000)}
	payloads := SplitPayload(AppendMessage(nil, ink), oneID)
	var r Reassembler
	if m, err := ParseMessage(joinAll(t, &r, payloads)); err != nil || !reflect.DeepEqual(m, ink) {
		t.Errorf("%T, %v", m, err)
	}
	small := AppendMessage(nil, &Nudge{})
	if got := SplitPayload(small, oneID); len(got) != 1 || !bytes.Equal(got[0], small) {
		t.Errorf("%q", got)
	}
}
