package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVectorsNicks(t *testing.T) {
	for _, v := range readVectors(t).Nicks {
		encode, _, _ := strings.Cut(v.Rule, ":")
		switch encode {
		case "full":
			if got := EncodeFull(v.Text); got != v.Encoded {
				t.Errorf("EncodeFull(%q) = %q, want %q", v.Text, got, v.Encoded)
			}
		case "minimal", "any":
			if got := Encode(v.Text); got != v.Encoded {
				t.Errorf("Encode(%q) = %q, want %q", v.Text, got, v.Encoded)
			}
		default:
			t.Errorf("unknown rule %q", v.Rule)
		}
		if got := Decode(v.Encoded); got != v.Text {
			t.Errorf("Decode(%q) = %q, want %q", v.Encoded, got, v.Text)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, test := range []struct{ text, minimal, full string }{
		{"", "", ""},
		{"50% + 1", "50%25%20+%201", "50%25%20%2B%201"},
		{"a\x00\t\x7f", "a%00%09%7F", "a%00%09%7F"},
		{"a\u0085\u00a0\u3000b", "a%C2%85%C2%A0%E3%80%80b", "a%C2%85%C2%A0%E3%80%80b"},
		{"\xffé\uFFFD", "%FFé\uFFFD", "%FF%C3%A9%EF%BF%BD"},
		{"-_.!~*'()", "-_.!~*'()", "-_.!~*'()"},
		{`<msnobj Creator="a"/>`, `<msnobj%20Creator="a"/>`, "%3Cmsnobj%20Creator%3D%22a%22%2F%3E"},
		{"👋🏽", "👋🏽", "%F0%9F%91%8B%F0%9F%8F%BD"},
	} {
		if got := Encode(test.text); got != test.minimal {
			t.Errorf("Encode(%q) = %q, want %q", test.text, got, test.minimal)
		}
		if got := EncodeFull(test.text); got != test.full {
			t.Errorf("EncodeFull(%q) = %q, want %q", test.text, got, test.full)
		}
	}
}

func TestDecode(t *testing.T) {
	for in, want := range map[string]string{
		"a+b": "a+b", "%": "%", "%2": "%2", "%zz%41": "%zzA", "%e2%82%AC": "€", "%2541": "%41", "100%%20": "100% ",
		"%FF": "\uFFFD", "\xff": "\uFFFD", "%41%": "A%", "": "",
	} {
		if got := Decode(in); got != want {
			t.Errorf("Decode(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPercent(f *testing.F) {
	for _, s := range []string{"Bob & <Eve>", "%41%zz%", "\xff\uFFFD", "a\r\nb c", "%E0%B8", "\u2028\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Decode(s); !utf8.ValidString(got) {
			t.Errorf("Decode(%q) is not UTF-8: %q", s, got)
		}
		want := strings.ToValidUTF8(s, "\uFFFD")
		for _, encoded := range []string{Encode(s), EncodeFull(s)} {
			if strings.ContainsAny(encoded, " \r\n\t\x00") || !utf8.ValidString(encoded) {
				t.Errorf("%q is encoded %q", s, encoded)
			}
			if got := Decode(encoded); got != want {
				t.Errorf("%q is encoded %q and decoded %q", s, encoded, got)
			}
		}
	})
}
