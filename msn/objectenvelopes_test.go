package msn

import (
	"slices"
	"strings"
	"testing"
)

// TestSplitPackets cuts bodies where their packets begin.
func TestSplitPackets(t *testing.T) {
	for offsets, want := range map[string]string{
		"":         "abcdefgh",
		"0":        "abcdefgh",
		"0,3":      "abc defgh",
		" 0, 3,5 ": "abc de fgh",
		"0,3,3,5":  "abc de fgh",
		"2,4":      "ab cd efgh",
		"0,8":      "abcdefgh ",
		"0,9":      "abcdefgh", // beyond the end
		"0,5,3":    "abcdefgh", // backwards
		"0,-1":     "abcdefgh",
		"0,x":      "abcdefgh",
		"0" + strings.Repeat(",1", maxEnvelopePackets): "abcdefgh",
	} {
		var got []string
		for _, packet := range splitPackets(offsets, []byte("abcdefgh")) {
			got = append(got, string(packet))
		}
		if !slices.Equal(got, strings.Split(want, " ")) {
			t.Errorf("%.20q: got %q, want %q", offsets, got, want)
		}
	}
}
