package p2p

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectors are those of p2p-vectors.json that version 1 and objects have.
type vectors struct {
	Headers []struct {
		Name   string
		Fields struct {
			SessionID     uint32 `json:"session_id"`
			Identifier    uint32
			Offset        uint64
			TotalSize     uint64 `json:"total_size"`
			MessageLength uint32 `json:"message_length"`
			Flags         uint32
			AckIdentifier uint32 `json:"ack_identifier"`
			AckUniqueID   uint32 `json:"ack_unique_id"`
			AckDataSize   uint64 `json:"ack_data_size"`
		}
		Hex string `json:"header_hex"`
	} `json:"v1_headers"`
	SLP []struct {
		Name       string
		TotalBytes int `json:"total_bytes"`
		Text       string
	}
	Transcripts []struct {
		Name     string
		Messages []struct {
			From, To, What string
			Payload        string `json:"sb_payload_hex"`
		}
	}
	Packets2 []struct {
		Name    string
		Packet  string `json:"packet_hex"`
		Footer  string `json:"footer_hex"`
		Acked   uint32
		Naked   uint32
		Message uint32 `json:"message_len"`
	} `json:"v2_packets"`
	Transcript2 struct {
		Messages []struct {
			From, What string
			Payload    string `json:"sb_payload_hex"`
		}
	} `json:"transcript_v2_display_picture"`
	Chunked struct {
		Total    int
		Text     string   `json:"slp_text"`
		Payloads []string `json:"sb_payloads_hex"`
	} `json:"v1_chunked_invite"`
}

func load(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// packetOf cuts the MIME header off a switchboard payload.
func packetOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	_, packet, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		t.Fatalf("no header in %q", b)
	}
	return packet
}

// TestHeaders reads and writes every header of the vectors.
func TestHeaders(t *testing.T) {
	for _, v := range load(t).Headers {
		want, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		f := v.Fields
		h := Header{
			f.SessionID, f.Identifier, f.Offset, f.TotalSize, f.MessageLength, Flag(f.Flags), f.AckIdentifier, f.AckUniqueID, f.AckDataSize,
		}
		if f.Flags == uint32(FlagKey) { // the last 16 bytes are a nonce
			continue
		}
		got := Packet{Header: h, Data: make([]byte, f.MessageLength)}.Append(nil)
		if !bytes.Equal(got[:HeaderSize], want) {
			t.Errorf("%s: got %x, want %x", v.Name, got[:HeaderSize], want)
		}
		p, err := ParsePacket(got)
		if err != nil || p.Header != h {
			t.Errorf("%s: read %+v, %v", v.Name, p.Header, err)
		}
	}
}

// TestPackets reads and writes whole packets of transcripts.
func TestPackets(t *testing.T) {
	n := 0
	for _, transcript := range load(t).Transcripts {
		for _, m := range transcript.Messages {
			if m.Payload == "" { // a text between them
				continue
			}
			want := packetOf(t, m.Payload)
			p, err := ParsePacket(want)
			if err != nil {
				t.Errorf("%s, %s: %v", transcript.Name, m.What, err)
				continue
			}
			if got := p.Append(nil); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: got %x, want %x", transcript.Name, m.What, got, want)
			}
			n++
		}
	}
	if n < 12 {
		t.Errorf("only %d packets", n)
	}
}

// TestSLP writes the vectors byte for byte, and reads what it writes.
func TestSLP(t *testing.T) {
	for _, v := range load(t).SLP {
		m, err := ParseSLP([]byte(v.Text))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if strings.Contains(v.Name, "reversed") || strings.HasPrefix(v.Name, "bye_short") && m.Get("SessionID") != "" {
			continue
		}
		if got := string(m.Append(nil)); got != v.Text || len(got) != v.TotalBytes {
			t.Errorf("%s:\n got %q\nwant %q", v.Name, got, v.Text)
		}
	}
}

// TestSLPTolerance reads what programs were seen to write.
func TestSLPTolerance(t *testing.T) {
	m, err := ParseSLP([]byte("bye MSNMSGR:alice@example.com MSNSLP/1.0\r\nTO: msnmsgr:Bob@Example.com;{0B6D}\r\nVia: MSNSLP/1.0/TLP;branch={33517ce4-02fc-4428-b6f4-39927229b722}\r\n" +
		"Call-ID: 6f2b1c8e-3d4a-4b5c-9e7f-0123456789ab\r\nCSeq: 1\r\nContent-Type: application/x-msnmsgr-sessionclosebody\r\n\r\n\r\n\x00\x00\x00"))
	if err != nil || m.Method != "BYE" || m.To != "bob@example.com;{0b6d}" || m.Branch != "{33517CE4-02FC-4428-B6F4-39927229B722}" ||
		m.CallID != "{6F2B1C8E-3D4A-4B5C-9E7F-0123456789AB}" || m.CSeq != 1 || m.Type != SessionClose {
		t.Errorf("got %+v, %v", m, err)
	}
	for _, broken := range []string{"", "\r\n\r\n", "HELLO", "MSNSLP/1.0 abc", "MSNSLP/1.0", strings.Repeat("x", MaxSLP+1)} {
		if _, err := ParseSLP([]byte(broken)); !errors.Is(err, ErrNotSLP) {
			t.Errorf("%.20q: %v", broken, err)
		}
	}
}

const picture = `<msnobj Creator="bob@example.com" Size="2600" Type="3" Location="TFR2C2.tmp" Friendly="AAA=" SHA1D="rrnrqXRUzHt78CTuA/c+Y9TVzcs=" SHA1C="NKBz9yK9EYf/O2H5G7UMXPVBfFM="/>`

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 3)
	}
	return b
}

// between carries packets between two links until both are quiet; drop says which to lose.
func between(t testing.TB, now time.Time, a, b *Link, drop func(from *Link, p Packet) bool) (results []Result) {
	t.Helper()
	return talk(t, now, a, b, func(from *Link, raw []byte) bool {
		if len(raw) > HeaderSize+MaxData+FooterSize {
			t.Fatalf("a packet has %d bytes", len(raw))
		}
		p, err := ParsePacket(raw)
		if err != nil {
			t.Fatal(err)
		}
		return drop != nil && drop(from, p)
	})
}

// talk is between for packets of any version, and signals.
func talk(t testing.TB, now time.Time, a, b *Link, drop func(from *Link, raw []byte) bool) (results []Result) {
	t.Helper()
	for range 1000 {
		moved := false
		for _, pair := range [][2]*Link{{a, b}, {b, a}} {
			packets, ended := pair[0].Take()
			results = append(results, ended...)
			for _, raw := range packets {
				moved = true
				if drop == nil || !drop(pair[0], raw) {
					_ = pair[1].Receive(now, raw) // what it cannot use it says, and goes on
				}
			}
			for _, text := range pair[0].Signals() {
				moved = true
				if err := pair[1].ReceiveSignal(now, text); err != nil {
					t.Error(err)
				}
			}
		}
		if !moved {
			return results
		}
	}
	t.Fatal("they talk without end")
	return nil
}

// TestFetch carries objects of all sizes from one link to another, several at a time.
func TestFetch(t *testing.T) {
	for _, size := range []int{0, 1, MaxData - 1, MaxData, MaxData + 1, 2600, 100_000} {
		data := pattern(size)
		bob := NewLink("bob@example.com", "alice@example.com", func(object string) ([]byte, bool) { return data, object == picture })
		alice := NewLink("alice@example.com", "bob@example.com", nil)
		now := time.Now()
		for range 6 {
			alice.Fetch(now, picture, 1<<20)
		}
		results := between(t, now, alice, bob, nil)
		if len(results) != 6 {
			t.Fatalf("%d bytes: %d results", size, len(results))
		}
		for _, r := range results {
			if r.Err != nil || !bytes.Equal(r.Data, data) || r.Object != picture {
				t.Errorf("%d bytes: %d came, %v", size, len(r.Data), r.Err)
			}
		}
		if !alice.Idle() || !bob.Idle() {
			t.Errorf("%d bytes: something is left: %+v %+v", size, alice.sessions, bob.sessions)
		}
	}
}

// TestTranscript plays both sides of the picture transcript against a link.
func TestTranscript(t *testing.T) {
	for _, transcript := range load(t).Transcripts {
		if transcript.Name != "display_picture" {
			continue
		}
		now := time.Now()
		bob := NewLink("bob@example.com", "alice@example.com", func(object string) ([]byte, bool) { return pattern(2600), object == picture })
		for i, m := range transcript.Messages { // the recorded alice speaks to our bob
			if m.From == "alice@example.com" {
				if i == 0 || strings.HasPrefix(m.What, "BYE") {
					if err := bob.Receive(now, packetOf(t, m.Payload)); err != nil {
						t.Errorf("%s: %v", m.What, err)
					}
				}
			}
			packets, _ := bob.Take()
			for _, raw := range packets { // she acknowledges whatever needs it
				p, err := ParsePacket(raw)
				if err != nil {
					t.Fatal(err)
				}
				if p.Kind() != FlagACK && p.Offset+uint64(len(p.Data)) == p.TotalSize {
					if err := bob.Receive(now, p.acknowledgement(99).Append(nil)); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if !bob.Idle() {
			t.Errorf("bob is not done: %+v", bob.sessions)
		}
	}
}

// TestChunkedInvite takes an INVITE in two packets; a file is declined.
func TestChunkedInvite(t *testing.T) {
	v := load(t).Chunked
	now := time.Now()
	bob := NewLink("bob@example.com", "alice@example.com", nil)
	for _, payload := range v.Payloads {
		if err := bob.Receive(now, packetOf(t, payload)); err != nil {
			t.Fatal(err)
		}
	}
	packets, _ := bob.Take()
	if len(packets) != 2 {
		t.Fatalf("%d packets, want an acknowledgement and an answer", len(packets))
	}
	p, err := ParsePacket(packets[1])
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ParseSLP(p.Data); err != nil || m.Status != 603 {
		t.Errorf("the answer is %+v, %v", m, err)
	}
}

// TestFetchFails ends every fetch that cannot succeed, with a reason.
func TestFetchFails(t *testing.T) {
	data := pattern(5000)
	serve := func(string) ([]byte, bool) { return data, true }
	cases := []struct {
		name    string
		objects func(string) ([]byte, bool)
		limit   int
		drop    func(from *Link, p Packet) bool
		want    error
	}{
		{"declined", nil, 1 << 20, nil, ErrDeclined},
		{"too large", serve, 4999, nil, ErrTooLarge},
		{"nobody", serve, 1 << 20, func(*Link, Packet) bool { return true }, ErrNoAnswer},
		{"the data stays away", serve, 1 << 20, func(_ *Link, p Packet) bool { return p.Kind() == FlagObject }, ErrNoAnswer},
		{"a packet is lost", serve, 1 << 20, func(_ *Link, p Packet) bool { return p.Kind() == FlagObject && p.Offset == MaxData }, ErrBroken},
	}
	for _, tc := range cases {
		now := time.Now()
		alice, bob := NewLink("alice@example.com", "bob@example.com", nil), NewLink("bob@example.com", "alice@example.com", tc.objects)
		alice.Fetch(now, picture, tc.limit)
		results := between(t, now, alice, bob, tc.drop)
		for range 20 {
			now = now.Add(10 * time.Second)
			alice.Tick(now)
			bob.Tick(now)
			results = append(results, between(t, now, alice, bob, tc.drop)...)
		}
		if len(results) != 1 || !errors.Is(results[0].Err, tc.want) {
			t.Errorf("%s: %+v", tc.name, results)
		}
		if !alice.Idle() || !bob.Idle() {
			t.Errorf("%s: something is left", tc.name)
		}
	}
}

// TestDirectConnectionOffered has a receiver that would rather listen itself: it is told that we do not, nothing is said
// to its offer but that it has come, and the object arrives through the switchboard.
func TestDirectConnectionOffered(t *testing.T) {
	data := pattern(3000)
	now := time.Now()
	alice, bob := NewLink("alice@example.com", "bob@example.com", nil), NewLink("bob@example.com", "alice@example.com", func(string) ([]byte, bool) { return data, true })
	alice.Fetch(now, picture, 1<<20)
	for _, s := range alice.sessions {
		alice.tell(now, &SLP{Method: "INVITE", Branch: guid(), CallID: s.callID, Type: TransportRequest, Body: []Field{{"Bridges", "TCPv1"}, {"NetID", "0"}}}, nil)
		alice.tell(now, &SLP{Method: "INVITE", Branch: guid(), CallID: s.callID, Type: TransportAnswer, Body: []Field{{"Bridge", "TCPv1"}, {"Listening", "true"}}}, nil)
	}
	var answers []string
	heard := func(from *Link, p Packet) bool {
		if from == bob && p.SessionID == 0 && p.Kind() == FlagNone {
			m, err := ParseSLP(p.Data)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, fmt.Sprintf("%d %s %s", m.Status, m.Type, m.Get("Listening")))
		}
		return false
	}
	results := between(t, now, alice, bob, heard)
	if len(results) != 1 || results[0].Err != nil || !bytes.Equal(results[0].Data, data) {
		t.Errorf("%+v", results)
	}
	if want := []string{"200 sessionreqbody ", "200 transrespbody false"}; !slices.Equal(answers, want) {
		t.Errorf("bob says %q, want %q", answers, want)
	}
}

// TestMissingAcknowledgements goes on where the other side does not acknowledge 200 or preparation.
func TestMissingAcknowledgements(t *testing.T) {
	now := time.Now()
	alice, bob := NewLink("alice@example.com", "bob@example.com", nil), NewLink("bob@example.com", "alice@example.com", func(string) ([]byte, bool) { return pattern(3000), true })
	lazy := func(from *Link, p Packet) bool { return from == alice && p.Kind() == FlagACK }
	alice.Fetch(now, picture, 1<<20)
	results := between(t, now, alice, bob, lazy)
	for range 12 {
		now = now.Add(5 * time.Second)
		alice.Tick(now)
		bob.Tick(now)
		results = append(results, between(t, now, alice, bob, lazy)...)
	}
	if len(results) != 1 || results[0].Err != nil || len(results[0].Data) != 3000 {
		t.Errorf("%+v", results)
	}
}

// TestLost ends what is under way when the peer is gone.
func TestLost(t *testing.T) {
	alice := NewLink("alice@example.com", "bob@example.com", nil)
	alice.Fetch(time.Now(), picture, 100)
	alice.Lost()
	packets, results := alice.Take()
	if len(packets) != 0 || len(results) != 1 || !errors.Is(results[0].Err, ErrBroken) || !alice.Idle() {
		t.Errorf("%d packets, %+v", len(packets), results)
	}
}

// FuzzReceive gives a link anything; it must neither panic nor keep what it is given without bound.
func FuzzReceive(f *testing.F) {
	v := load(f)
	for _, transcript := range v.Transcripts {
		for _, m := range transcript.Messages {
			if m.Payload != "" {
				f.Add(packetOf(f, m.Payload))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(0, 0)
		l := NewLink("bob@example.com", "alice@example.com", func(string) ([]byte, bool) { return pattern(10), true })
		l.Fetch(now, picture, 1000)
		for _, raw := range [][]byte{b, b} {
			_ = l.Receive(now, raw) // whatever it says, it goes on
		}
		for range 20 {
			now = now.Add(time.Minute)
			l.Tick(now)
		}
		if !l.Idle() {
			t.Fatalf("something is left: %+v", l.sessions)
		}
	})
}

// FuzzSLP reads anything; what it understands it writes so that it is understood again.
func FuzzSLP(f *testing.F) {
	for _, v := range load(f).SLP {
		f.Add([]byte(v.Text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseSLP(b)
		if err != nil {
			return
		}
		if _, err := ParseSLP(m.Append(nil)); err != nil {
			t.Fatalf("%q: %v", m.Append(nil), err)
		}
	})
}
