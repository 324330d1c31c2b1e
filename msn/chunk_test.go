package msn

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var chunkTime = time.Date(2005, 4, 7, 12, 0, 0, 0, time.UTC)

// firstChunk and laterChunk are pieces of a text message.
func firstChunk(id string, want int, body string) []byte {
	return fmt.Appendf(nil, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nMessage-ID: %s\r\nChunks: %d\r\n\r\n%s", id, want, body)
}

func laterChunk(id string, index int, body string) []byte {
	return fmt.Appendf(nil, "Message-ID: %s\r\nChunk: %d\r\n\r\n%s", id, index, body)
}

// textOf is the text of a payload, which must be one.
func textOf(t *testing.T, payload []byte) string {
	t.Helper()
	m, err := ParseMessage(payload)
	text, ok := m.(*TextMessage)
	if !ok {
		t.Fatalf("%q is %T, %v, not a text", payload, m, err)
	}
	return text.Text
}

// joinAll adds payloads that make one message, the last one completing it.
func joinAll(t *testing.T, r *Reassembler, payloads [][]byte) []byte {
	t.Helper()
	for i, payload := range payloads {
		complete, ok, err := r.Add("a", payload, chunkTime)
		if err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
		if last := i == len(payloads)-1; ok != last {
			t.Fatalf("piece %d of %d: complete is %v", i, len(payloads), ok)
		}
		if ok {
			return complete
		}
	}
	t.Fatal("no payloads")
	return nil
}

func assertEmpty(t *testing.T, r *Reassembler) {
	t.Helper()
	if len(r.open) != 0 || r.size != 0 {
		t.Errorf("%d messages of %d bytes are left", len(r.open), r.size)
	}
}

func TestChunkingVectors(t *testing.T) {
	for _, v := range readVectors(t).Chunking {
		want := parseText(v.Body)
		for try := range 20 {
			payloads := slices.Clone(v.Payloads)
			if try > 0 {
				shuffle := rand.New(rand.NewPCG(1, uint64(try)))
				shuffle.Shuffle(len(payloads), func(i, j int) { payloads[i], payloads[j] = payloads[j], payloads[i] })
			}
			var r Reassembler
			complete := joinAll(t, &r, payloads)
			if got := textOf(t, complete); got != want {
				t.Errorf("%s: %q, want %q", v.Name, got, want)
			}
			if got := ChunkID(complete); got != v.MessageID {
				t.Errorf("%s: Message-ID %q, want %q", v.Name, got, v.MessageID)
			}
			assertEmpty(t, &r)
		}
	}
}

func TestReassemblerPassesOthers(t *testing.T) {
	var r Reassembler
	for _, payload := range [][]byte{
		nil, []byte("no header"), AppendMessage(nil, &Nudge{}), AppendMessage(nil, &P2PData{Data: []byte("Message-ID: x\r\nChunks: 2\r\n")}),
		[]byte("Content-Type: text/plain\r\nMessage-ID: {1}\r\n\r\nx"), []byte("Chunks: 2\r\n\r\nno ID"),
	} {
		if got, ok, err := r.Add("a", payload, chunkTime); !ok || err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%q: %q, %v, %v", payload, got, ok, err)
		}
	}
	assertEmpty(t, &r)
	got, ok, err := r.Add("a", firstChunk("{1}", 1, "alone"), chunkTime)
	if !ok || err != nil || textOf(t, got) != "alone" {
		t.Errorf("a message of one piece: %q, %v, %v", got, ok, err)
	}
	assertEmpty(t, &r)
}

func TestReassemblerKeepsSendersApart(t *testing.T) {
	var r Reassembler
	for _, sender := range []string{"a", "b"} {
		if _, ok, err := r.Add(sender, firstChunk("{1}", 2, "from "), chunkTime); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for _, sender := range []string{"a", "b"} {
		got, ok, err := r.Add(sender, laterChunk("{1}", 1, sender), chunkTime)
		if !ok || err != nil || textOf(t, got) != "from "+sender {
			t.Errorf("%q, %v, %v", got, ok, err)
		}
	}
	assertEmpty(t, &r)
}

func TestReassemblerKeepsNoPayload(t *testing.T) {
	var r Reassembler
	first, later := firstChunk("{1}", 2, "ab"), laterChunk("{1}", 1, "cd")
	if _, _, err := r.Add("a", first, chunkTime); err != nil {
		t.Fatal(err)
	}
	clear(first)
	if got, ok, _ := r.Add("a", later, chunkTime); !ok || textOf(t, got) != "abcd" {
		t.Errorf("%q, %v", got, ok)
	}
}

// What cannot be joined comes back with the error, whole.
func TestReassemblerBroken(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces [][]byte // the last one breaks it
		want   string   // what is handed out then, as a body
	}{
		{"no chunks", [][]byte{firstChunk("{1}", 0, "x")}, "x"},
		{"too many", [][]byte{firstChunk("{1}", maxChunks+1, "x")}, "x"},
		{"negative", [][]byte{laterChunk("{1}", -1, "x")}, "x"},
		{"first by the later's name", [][]byte{laterChunk("{1}", 0, "x")}, "x"},
		{"far behind", [][]byte{laterChunk("{1}", maxChunks, "x")}, "x"},
		{"behind the last", [][]byte{firstChunk("{1}", 2, "a"), laterChunk("{1}", 2, "c")}, "ac"},
		{"behind the last, told later", [][]byte{laterChunk("{1}", 2, "c"), firstChunk("{1}", 2, "a")}, "ca"},
		{"another at its place", [][]byte{firstChunk("{1}", 3, "a"), laterChunk("{1}", 1, "b"), laterChunk("{1}", 1, "B")}, "abB"},
		{"another number", [][]byte{firstChunk("{1}", 3, "a"), firstChunk("{1}", 4, "a")}, "aa"},
	} {
		var r Reassembler
		for i, piece := range c.pieces {
			got, ok, err := r.Add("a", piece, chunkTime)
			if i < len(c.pieces)-1 {
				if ok || err != nil {
					t.Fatalf("%s: piece %d: %v, %v", c.name, i, ok, err)
				}
				continue
			}
			_, body := cutHeader(got)
			if ok || !errors.Is(err, ErrBrokenChunks) || string(body) != c.want {
				t.Errorf("%s: %q, %v, %v", c.name, got, ok, err)
			}
		}
		assertEmpty(t, &r)
	}
}

func TestReassemblerSameAgain(t *testing.T) {
	var r Reassembler
	pieces := [][]byte{firstChunk("{1}", 3, "a"), firstChunk("{1}", 3, "a"), laterChunk("{1}", 2, "c"), laterChunk("{1}", 2, "c"), laterChunk("{1}", 1, "b")}
	if got := textOf(t, joinAll(t, &r, pieces)); got != "abc" {
		t.Error(got)
	}
	assertEmpty(t, &r)
}

func TestReassemblerLimits(t *testing.T) {
	var r Reassembler
	for i := range maxOpenChunked {
		if _, _, err := r.Add("a", firstChunk(fmt.Sprint(i), 2, "x"), chunkTime); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := r.Add("a", firstChunk("more", 2, "one more"), chunkTime)
	if ok || !errors.Is(err, ErrBrokenChunks) || textOf(t, got) != "one more" {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	if got, ok, err := r.Add("a", laterChunk("0", 1, "y"), chunkTime); !ok || err != nil || textOf(t, got) != "xy" {
		t.Errorf("an open message suffers: %q, %v, %v", got, ok, err)
	}
	if lost := r.Drain(); len(lost) != maxOpenChunked-1 {
		t.Errorf("%d drained", len(lost))
	}
	assertEmpty(t, &r)

	piece, sum := strings.Repeat("x", 10_000), 0
	for i := 1; ; i++ {
		got, _, err := r.Add("a", laterChunk("{1}", i, piece), chunkTime)
		sum += len(piece)
		if r.size > maxChunkBytes {
			t.Fatalf("%d bytes are kept", r.size)
		}
		if err == nil {
			continue
		}
		if _, body := cutHeader(got); !errors.Is(err, ErrBrokenChunks) || len(body) != sum || sum < maxChunkBytes*9/10 {
			t.Errorf("%d bytes of %d came back: %v", len(body), sum, err)
		}
		break
	}
	assertEmpty(t, &r)
}

func TestReassemblerExpired(t *testing.T) {
	var r Reassembler
	add := func(sender string, payload []byte, after time.Duration) {
		t.Helper()
		if _, ok, err := r.Add(sender, payload, chunkTime.Add(after)); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	add("b", laterChunk("{2}", 1, "tail"), time.Second)
	add("a", firstChunk("{1}", 4, "a"), 0)
	add("a", laterChunk("{1}", 2, "c"), 0)
	add("c", firstChunk("{3}", 2, "fresh"), 30*time.Second)
	if lost := r.Expired(chunkTime.Add(59 * time.Second)); lost != nil {
		t.Errorf("too early: %+v", lost)
	}
	lost := r.Expired(chunkTime.Add(61 * time.Second))
	if len(lost) != 2 || lost[0].Sender != "a" || lost[0].Have != 2 || lost[0].Want != 4 || textOf(t, lost[0].Payload) != "ac" {
		t.Fatalf("%+v", lost)
	}
	m, err := ParseMessage(lost[1].Payload)
	if want := (&Unknown{Body: []byte("tail")}); err != nil || !reflect.DeepEqual(m, want) || lost[1].Sender != "b" || lost[1].Want != 0 {
		t.Errorf("%+v: %#v, %v", lost[1], m, err)
	}
	if again := r.Expired(chunkTime.Add(61 * time.Second)); again != nil {
		t.Errorf("reported twice: %+v", again)
	}
	if lost := r.Drain(); len(lost) != 1 || lost[0].Sender != "c" {
		t.Errorf("%+v", lost)
	}
	assertEmpty(t, &r)
}

// The fuzzer's bytes are cut into payloads at 0xff. Whatever they are, no body byte that went in is lost.
func FuzzReassembler(f *testing.F) {
	join := func(payloads ...[]byte) []byte { return bytes.Join(payloads, []byte{0xff}) }
	f.Add(join(laterChunk("{1}", 1, "b"), firstChunk("{1}", 2, "a")))
	f.Add(join(firstChunk("{1}", 3, "a"), laterChunk("{1}", 1, "b"), laterChunk("{1}", 1, "c"), []byte("x")))
	f.Add(join(firstChunk("{1}", 1, "a"), laterChunk("{2}", 5, "b"), firstChunk("{2}", 4, "c")))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Reassembler
		in, out := 0, 0
		seen := make(map[string]bool)
		for payload := range bytes.SplitSeq(data, []byte{0xff}) {
			if seen[string(payload)] {
				continue // the same once more may be passed over
			}
			seen[string(payload)] = true
			in += bodyLength(payload)
			complete, ok, err := r.Add("a", payload, chunkTime)
			if err != nil && (ok || !errors.Is(err, ErrBrokenChunks)) {
				t.Fatalf("%q: %v, %v", payload, ok, err)
			}
			if ok || err != nil {
				out += bodyLength(complete)
			}
			if r.size > maxChunkBytes || len(r.open) > maxOpenChunked || r.size < 0 {
				t.Fatalf("%d messages of %d bytes are open", len(r.open), r.size)
			}
		}
		for _, lost := range r.Drain() {
			out += bodyLength(lost.Payload)
		}
		assertEmpty(t, &r)
		// Equal bodies under headers that differ only in what is not looked at count once.
		if out > in || out < in && !repeats(data) {
			t.Fatalf("%d bytes in, %d out: %q", in, out, data)
		}
	})
}

func bodyLength(payload []byte) int {
	_, body, err := parseFields(payload)
	if err != nil {
		return len(payload)
	}
	return len(body)
}

// repeats tells whether two payloads have the same body, so that one may have been taken for the other.
func repeats(data []byte) bool {
	seen := make(map[string]bool)
	for payload := range bytes.SplitSeq(data, []byte{0xff}) {
		_, body, _ := parseFields(payload)
		if seen[string(body)] {
			return true
		}
		seen[string(body)] = true
	}
	return false
}
