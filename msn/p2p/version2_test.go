package p2p

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	alicesPlace = "alice@example.com;{0b6dd0c2-8c6f-4f7b-9d7f-2f6f8f0e9d11}"
	bobsPlace   = "bob@example.com;{7a1f5c34-59d2-4c0e-8f6c-3d2f1b9a8e70}"
)

// TestPackets2 reads and writes every packet of the vectors.
func TestPackets2(t *testing.T) {
	all := load(t).Packets2
	if len(all) < 11 {
		t.Errorf("only %d packets", len(all))
	}
	for _, v := range all {
		want, err := hex.DecodeString(v.Packet + v.Footer)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePacket2(want)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if got := p.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", v.Name, got, want)
		}
		if v.Acked != 0 && (!p.Acknowledges || p.ACK != v.Acked) || v.Naked != p.NAK || v.Message != 0 && p.length() != v.Message {
			t.Errorf("%s: read %+v", v.Name, p)
		}
	}
}

// TestPackets2Tolerance reads what is odd, and refuses what cannot be read.
func TestPackets2Tolerance(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// an unknown field in either header, no footer; the sequence counts what came
	p, err := ParsePacket2(unhex("10 02 0012 00000001 0903010203000000" + "10 01 0000 00000000 0701ff0000000000 6162"))
	if err != nil || string(p.Data) != "ab" || p.length() != 18 || !p.First || p.Footer != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	for name, b := range map[string]string{
		"nothing":                 "",
		"a short header":          "08 02 0000 000000",
		"a header of no length":   "00 02 0000 00000000 00000000",
		"a header without end":    "20 02 0000 00000000 00000000",
		"less than it says":       "08 02 0100 00000000 08010000 00000000",
		"no data header":          "08 02 0004 00000000 08010000",
		"a data header of 4":      "08 02 0008 00000000 0401000000000000",
		"a data header too large": "08 02 0008 00000000 1401000000000000",
	} {
		if _, err := ParsePacket2(unhex(b)); !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParsePacket2(unhex("08 02 0014 00000000 14010000 00000000 0108ffffffffffffffff 0000")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than there can be: %v", err)
	}
}

// TestTranscript2 has the recorded alice ask our bob, who says what the recorded one says, byte for byte.
func TestTranscript2(t *testing.T) {
	now := time.Now()
	bob := newLink(bobsPlace, alicesPlace, &framing2{sequence: 0x55667788}, func(object string) ([]byte, bool) { return pattern(2600), object == picture })
	var said [][]byte
	n := 0
	for _, m := range load(t).Transcript2.Messages {
		packet := packetOf(t, m.Payload)
		if strings.Contains(m.What, "some peers only") {
			break
		}
		if m.From == "alice@example.com" {
			if err := bob.Receive(now, packet); err != nil {
				t.Errorf("%s: %v", m.What, err)
			}
			packets, _ := bob.Take()
			said = append(said, packets...)
			continue
		}
		if len(said) == 0 {
			t.Fatalf("bob does not say: %s", m.What)
		}
		if !bytes.Equal(said[0], packet) {
			t.Errorf("%s:\n got %x\nwant %x", m.What, said[0], packet)
		}
		said = said[1:]
		n++
	}
	if n != 7 || len(said) != 0 || !bob.Idle() {
		t.Errorf("%d packets of bob are right, %d too many; left: %v", n, len(said), bob.sessions)
	}
}

// TestFetch2 fetches objects of all sizes both ways at once.
func TestFetch2(t *testing.T) {
	for _, size := range []int{0, 1, 4, MaxData2 - synRoom, MaxData2, MaxData2 + 1, 100_000} {
		data := pattern(size)
		serve := func(string) ([]byte, bool) { return data, true }
		alice, bob := NewLink2(alicesPlace, bobsPlace, serve), NewLink2(bobsPlace, alicesPlace, serve)
		now := time.Now()
		for range 6 {
			alice.Fetch(now, picture, 1<<20)
			bob.Fetch(now, picture, 1<<20)
		}
		results := talk(t, now, alice, bob, func(_ *Link, raw []byte) bool {
			if len(raw) > 24+20+MaxData2+FooterSize {
				t.Errorf("a packet has %d bytes", len(raw))
			}
			return false
		})
		if len(results) != 12 {
			t.Fatalf("%d bytes: %d results", size, len(results))
		}
		for _, r := range results {
			if r.Err != nil || !bytes.Equal(r.Data, data) {
				t.Errorf("%d bytes: %d came, %v", size, len(r.Data), r.Err)
			}
		}
		if !alice.Idle() || !bob.Idle() || len(alice.framing.(*framing2).parts) != 0 {
			t.Errorf("%d bytes: something is left: %+v %+v", size, alice.sessions, bob.sessions)
		}
	}
}

// TestLateAcknowledgement2 goes on when one acknowledgement stands for all before it, and when the numbers wrap.
func TestLateAcknowledgement2(t *testing.T) {
	now := time.Now()
	data := pattern(5000)
	alice := NewLink2(alicesPlace, bobsPlace, nil)
	bob := newLink(bobsPlace, alicesPlace, &framing2{sequence: 1<<32 - 100}, func(string) ([]byte, bool) { return data, true })
	alice.Fetch(now, picture, 1<<20)
	seen := 0
	results := talk(t, now, alice, bob, func(from *Link, raw []byte) bool {
		p, err := ParsePacket2(raw)
		if err != nil {
			t.Fatal(err)
		}
		if from == alice && p.Acknowledges && p.length() == 0 {
			seen++
			return seen == 1 // the answer to bob's SYN is lost
		}
		return false
	})
	if len(results) != 1 || !bytes.Equal(results[0].Data, data) || !bob.Idle() {
		t.Errorf("%+v, %+v", results, bob.sessions)
	}
}

// TestPeerBeginsAnew2 has a peer lose what it knew between two fetches.
func TestPeerBeginsAnew2(t *testing.T) {
	now := time.Now()
	serve := func(string) ([]byte, bool) { return pattern(3000), true }
	bob := NewLink2(bobsPlace, alicesPlace, serve)
	for range 2 {
		alice := NewLink2(alicesPlace, bobsPlace, nil)
		alice.Fetch(now, picture, 1<<20)
		if results := talk(t, now, alice, bob, nil); len(results) != 1 || results[0].Err != nil {
			t.Errorf("%+v", results)
		}
	}
}

// TestFetchFails2 ends what cannot succeed.
func TestFetchFails2(t *testing.T) {
	lose := func(_ *Link, raw []byte) bool {
		p, err := ParsePacket2(raw)
		return err == nil && p.Content == ContentObject && p.First
	}
	cases := []struct {
		name  string
		limit int
		drop  func(*Link, []byte) bool
		serve bool
		want  error
	}{
		{"declined", 1 << 20, nil, false, ErrDeclined},
		{"too large", 4999, nil, true, ErrTooLarge},
		{"nobody", 1 << 20, func(*Link, []byte) bool { return true }, true, ErrNoAnswer},
		{"the beginning is lost", 1 << 20, lose, true, ErrNoAnswer},
	}
	for _, tc := range cases {
		now := time.Now()
		alice := NewLink2(alicesPlace, bobsPlace, nil)
		bob := NewLink2(bobsPlace, alicesPlace, func(string) ([]byte, bool) { return pattern(5000), tc.serve })
		alice.Fetch(now, picture, tc.limit)
		results := talk(t, now, alice, bob, tc.drop)
		for range 20 {
			now = now.Add(10 * time.Second)
			alice.Tick(now)
			bob.Tick(now)
			results = append(results, talk(t, now, alice, bob, tc.drop)...)
		}
		if len(results) != 1 || !errors.Is(results[0].Err, tc.want) {
			t.Errorf("%s: %+v", tc.name, results)
		}
		if !alice.Idle() || !bob.Idle() {
			t.Errorf("%s: something is left", tc.name)
		}
	}
}

// TestSignals refuses a direct connection beside the packets.
func TestSignals(t *testing.T) {
	now := time.Now()
	bob := NewLink2(bobsPlace, alicesPlace, func(string) ([]byte, bool) { return pattern(10), true })
	ask := SLP{
		Method: "INVITE", To: bobsPlace, From: alicesPlace, Branch: guid(), CallID: guid(), Type: TransportRequest,
		Body: []Field{{"Bridges", "TRUDPv1 TCPv1 SBBridge"}, {"NetID", "0"}, {"Hashed-Nonce", guid()}, {"SessionID", "7"}},
	}
	if err := bob.ReceiveSignal(now, bytes.TrimRight(ask.Append(nil), "\x00")); err != nil {
		t.Fatal(err)
	}
	packets, _ := bob.Take()
	texts := bob.Signals()
	if len(packets) != 0 || len(texts) != 1 {
		t.Fatalf("%d packets, %d signals", len(packets), len(texts))
	}
	m, err := ParseSLP(texts[0])
	if err != nil || m.Status != 200 || m.Type != TransportAnswer || m.Get("Listening") != "false" || m.Get("Hashed-Nonce") != "{00000000-0000-0000-0000-000000000000}" ||
		m.Get("SessionID") != "7" || m.CallID != ask.CallID || bytes.HasSuffix(texts[0], []byte{0}) {
		t.Errorf("%+v, %v", m, err)
	}
	if err := bob.ReceiveSignal(now, []byte("hello")); !errors.Is(err, ErrNotSLP) {
		t.Error(err)
	}
	if err := bob.ReceiveSignal(now, make([]byte, MaxSLP+1)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// FuzzReceive2 gives a link of version 2 anything; it must neither panic nor keep what it is given without bound.
func FuzzReceive2(f *testing.F) {
	v := load(f)
	for _, m := range v.Transcript2.Messages {
		f.Add(packetOf(f, m.Payload))
	}
	for _, p := range v.Packets2 {
		b, err := hex.DecodeString(p.Packet + p.Footer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(0, 0)
		l := NewLink2(bobsPlace, alicesPlace, func(string) ([]byte, bool) { return pattern(10), true })
		l.Fetch(now, picture, 1000)
		for _, raw := range [][]byte{b, b} {
			_ = l.Receive(now, raw)       // whatever it says, it goes on
			_ = l.ReceiveSignal(now, raw) // likewise
		}
		if p, err := ParsePacket2(b); err == nil {
			if _, err := ParsePacket2(p.Append(nil)); err != nil && len(p.Data) < 60_000 {
				t.Fatalf("what was read cannot be written: %v", err)
			}
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
