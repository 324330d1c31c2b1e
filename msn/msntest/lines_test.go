package msntest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// FuzzBrittleLines reads as Escargot does: what comes of it are the first of the commands that are there.
func FuzzBrittleLines(f *testing.F) {
	for _, seed := range []string{
		"PNG\r\n\r\nPNG\r\n", "MSG 1 N 4\r\n\r\nX\nPNG\nX\r\n", "PRP 1 MFN \xff\r\n", "PNG", strings.Repeat("x", wire.MaxLine+1) + "\n", "UUX 1 3\r\n\xff\r\nPNG\n  \n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := newBrittleLines(bytes.NewReader(data))
		brittle, plain := wire.NewReader(lines, wire.FromClient), wire.NewReader(bytes.NewReader(data), wire.FromClient)
		for {
			lines.next = true
			got, err := brittle.Read()
			if err != nil {
				return
			}
			if want, err := plain.Read(); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, want %+v, %v", got, want, err)
			}
		}
	})
}
