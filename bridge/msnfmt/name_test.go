package msnfmt

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"Bob":                         "Bob",
		"":                            "",
		" \t\r\n ":                    "",
		"\x00\x07\x1b":                "",
		"\u202Eevil\u202C":            "evil",
		"שלום עולם":                   "שלום עולם",
		"a\nb":                        "a b",
		"👩‍👩‍👧 mum 🎈":                 "👩‍👩‍👧 mum 🎈",
		"Z" + strings.Repeat("̈", 20): "Z" + strings.Repeat("̈", mostMarks),
		"กำ":                          "กำ",
		strings.Repeat("ä", 300):      strings.Repeat("ä", longestName) + "…",
		"\xff\xfe":                    "\uFFFD",
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// FuzzName checks what is promised of every name.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"Bob", "\u202E[b]x", "Z̸̡̢̛", "\x00", "👩‍👩‍👧"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Name(name)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > longestName+1 || strings.IndexFunc(got, unicode.IsControl) >= 0 || strings.TrimSpace(got) != got {
			t.Errorf("%q: %q", name, got)
		}
		if again := Name(got); again != got && utf8.RuneCountInString(got) <= longestName {
			t.Errorf("%q: %q, and again %q", name, got, again)
		}
	})
}
