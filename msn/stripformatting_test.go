package msn

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStripFormatting(t *testing.T) {
	for name, want := range map[string]string{
		"":                                      "",
		"Bob":                                   "Bob",
		"[c=4]Bob[/c]":                          "Bob",
		"[c=#FF0000]B[/c=12]ob":                 "Bob",
		"[C=rgb(1,2,3)][B]Bob[/B][/C] [i]x[/i]": "Bob x",
		"[a=1]B[u]o[/u][s]b[/s][/a]":            "Bob",
		"[a=very long text that is no code at all]Bob": "[a=very long text that is no code at all]Bob",
		"·$4Bob":                   "Bob",
		"·$12,3B·$#ff0000o·$b":     "Bob",
		"·$(255,0,10)Bob":          "Bob",
		"·#B·&o·@b·'·0!":           "Bob!",
		"a · b":                    "a · b",
		"\x034,5Bob\x03 \x02x\x0f": "Bob x",
		"B\x00o\u202eb\ufeff\n":    "Bob",
		"two\r\nlines":             "two  lines",
		"👨\u200d👩\u200d👧 fam":      "👨\u200d👩\u200d👧 fam",
		"[Bob] (b) [x] [c] 100%":   "[Bob] (b) [x] [c] 100%",
		"[b][/b]":                  "[b][/b]",
		"·$4":                      "·$4",
		" ":                        " ",
		"\x00":                     "\x00",
		"Zo\xeb":                   "Zo\uFFFD",
	} {
		if got := StripFormatting(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func FuzzStripFormatting(f *testing.F) {
	f.Add("[c=4]Bob[/c] ·$4,5x·#\x03")
	f.Add("[[b]b]\u202e")
	f.Fuzz(func(t *testing.T, name string) {
		got := StripFormatting(name)
		if name != "" && got == "" {
			t.Fatalf("%q is gone", name)
		}
		if got != name && (!utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n\x1b")) {
			t.Fatalf("%q left %q", name, got)
		}
	})
}
