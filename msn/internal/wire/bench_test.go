package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// forever repeats its bytes.
type forever struct {
	data []byte
	at   int
}

func (f *forever) Read(p []byte) (int, error) {
	n := copy(p, f.data[f.at:])
	f.at = (f.at + n) % len(f.data)
	return n, nil
}

func kilobyteMessage() Command {
	head := "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nX-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=0; PF=22\r\n\r\n"
	return push("MSG", "alice@example.com", "Alice%20Example").with(head + strings.Repeat("x", 1024-len(head)))
}

// BenchmarkRead decodes messages with payloads of 1 KiB, as a client gets them from a switchboard.
func BenchmarkRead(b *testing.B) {
	one := kilobyteMessage().Append(nil, FromServer)
	r := NewReader(&forever{data: bytes.Repeat(one, 64)}, FromServer)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	for b.Loop() {
		if cmd, err := r.Read(); err != nil || len(cmd.Payload) != 1024 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}

// BenchmarkReadLine decodes commands without payload.
func BenchmarkReadLine(b *testing.B) {
	one := []byte("NLN BSY bob@example.com Bob%20Example 268435456 0\r\n")
	r := NewReader(&forever{data: bytes.Repeat(one, 64)}, FromServer)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	for b.Loop() {
		if cmd, err := r.Read(); err != nil || len(cmd.Args) != 5 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}

// BenchmarkAppend encodes the same messages into a buffer that is used again.
func BenchmarkAppend(b *testing.B) {
	cmd := kilobyteMessage()
	buf := cmd.Append(nil, FromServer)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = cmd.Append(buf[:0], FromServer)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}

func TestAppendAllocatesNothingBeyondTheBuffer(t *testing.T) {
	cmd := kilobyteMessage()
	buf := make([]byte, 0, 2048)
	if got := testing.AllocsPerRun(100, func() { cmd.Append(buf, FromServer) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestReadAllocatesThePayload: one allocation for each payload; the blocks that lines and fields are cut from add less than
// one in ten commands.
func TestReadAllocatesThePayload(t *testing.T) {
	const commands = 1000
	in := bytes.Repeat(kilobyteMessage().Append(nil, FromServer), commands)
	var r *Reader
	got := testing.AllocsPerRun(5, func() {
		r = NewReader(bytes.NewReader(in), FromServer)
		for {
			if _, err := r.Read(); err == io.EOF {
				return
			}
		}
	})
	if got > commands*11/10 {
		t.Errorf("%v allocations for %d commands", got, commands)
	}
}
