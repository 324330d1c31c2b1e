package msnfmt

import (
	"strings"
	"testing"
)

// official are the codes that the client's own window and its help listed, one table for all versions.
const official = `:) :-) :D :d :-D :O :-O :P :p :-P ;) ;-) :( :-( :S :-S :s :| :-| :'( :$ :-$ (H) (h) :@ :-@ (A) (a) (6)
:-# 8o| 8-| ^o) :-* +o( :^) *-) <:o) 8-) |-) (L) (l) (U) (u) (K) (k) (G) (F) (W) (P) (~) (T) (@) (&) (C) (I) (S) (*)
(8) (E) (^) (O) (M) (sn) (bah) (pl) (||) (pi) (so) (au) (ap) (um) (ip) (co) (mp) (st) (li) (mo) (Y) (N) (B) (D) (X) (Z)
({) (}) :-[ (yn) (h5) (ci) (xx) (tu) (#) (R) (?) (%)`

func TestEveryOfficialCodeIsKnown(t *testing.T) {
	for _, code := range strings.Fields(official) {
		got := toEmoji(code)
		if got == code {
			t.Errorf("%s stays", code)
			continue
		}
		if back := toEmoji(toCodes(got, 0)); back != got {
			t.Errorf("%s: %s comes back as %s", code, got, back)
		}
	}
}

func TestEmoticonTableIsUnambiguous(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range emoticons {
		for _, s := range append(append([]string{}, row.codes...), row.emoji...) {
			if seen[strings.TrimSuffix(s, string(emojiStyle))] {
				t.Errorf("%s stands twice", s)
			}
			seen[strings.TrimSuffix(s, string(emojiStyle))] = true
		}
		for _, e := range row.emoji {
			if got := toCodes(e, 0); got != row.codes[0] {
				t.Errorf("%s became %s, want %s", e, got, row.codes[0])
			}
		}
		if got := toEmoji(row.codes[0]); got != row.emoji[0] {
			t.Errorf("%s became %s, want %s", row.codes[0], got, row.emoji[0])
		}
	}
}

// Any two emoticons beside each other, or in brackets or quotes, must be found again.
func TestEmoticonsBesideEachOther(t *testing.T) {
	for _, a := range emoticons {
		for _, form := range []string{"(%)", "[%]", "“%”", "%.", "%!", "%\n%"} {
			text := strings.ReplaceAll(form, "%", a.emoji[0])
			if got := toEmoji(toCodes(text, 0)); got != text {
				t.Errorf("%s came back as %s by %s", text, got, toCodes(text, 0))
			}
		}
		for _, b := range emoticons {
			text := a.emoji[0] + b.emoji[0]
			code := toCodes(text, 0)
			if got := strings.ReplaceAll(toEmoji(code), " ", ""); got != text {
				t.Errorf("%s came back as %s by %s", text, got, code)
			}
		}
	}
}

func TestToEmoji(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"hello", "hello"},
		{"", ""},
		{"hi :)", "hi 🙂"},
		{"hi:)", "hi🙂"},
		{":):):D", "🙂🙂😃"},
		{":-))", "🙂)"},
		{"love you(L)", "love you❤️"},
		{"(l) (L)", "❤️ ❤️"},
		{"<:o)", "🥳"},
		{":'(", "😢"},
		{"^o) 8o| 8-| 8-)", "🤨 😬 🤓 🙄"},
		{"(brb)", "(brb)"},
		{"(BAH)", "(BAH)"},
		// Ordinary text.
		{"C:Share and std::Ptr", "C:Share and std::Ptr"},
		{"5:30", "5:30"},
		{"it costs:$5", "it costs:$5"},
		{"cc:@bob", "cc:@bob"},
		{"two file(s)", "two file(s)"},
		{"f(8)", "f(8)"},
		{"(1998-)", "(1998-)"},
		{"été:Dû", "été:Dû"},
		// After a code a word begins afresh.
		{":D(sn)", "😃🐌"},
		{"(8)(8)", "🎵🎵"},
		// URLs and code.
		{"http://example.com/:)", "http://example.com/:)"},
		{"http://example.com/(L) (L)", "http://example.com/(L) ❤️"},
		{"HTTPS://example.com/:D\n:D", "HTTPS://example.com/:D\n😃"},
		{"see:)http://example.com/(x)", "see🙂http://example.com/(x)"},
		{"www.example.com/(L) x", "www.example.com/(L) x"},
		{"(www.example.com/(L))", "(www.example.com/(L))"},
		{"mailto:bob@example.com?(L)", "mailto:bob@example.com?(L)"},
		{"a://b :)", "a://b 🙂"},
		{"://:)", "://🙂"},
		{"`(L)` (L)", "`(L)` ❤️"},
		{"` (L)", "` ❤️"},
		{"`a\n(L)`", "`a\n❤️`"},
		{"```\n(L)\n``` (L)", "```\n(L)\n``` ❤️"},
		{"``(L)` (L)`` (L)", "``(L)` (L)`` ❤️"},
		{"x`www.example.com`:)", "x`www.example.com`🙂"},
	} {
		if got := toEmoji(tt.in); got != tt.want {
			t.Errorf("toEmoji(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestToCodes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"hi 🙂", "hi :)"},
		{"hi🙂", "hi :)"},
		{"😃ok", ":D ok"},
		{"😃!", ":D!"},
		{"😃🙄", ":D 8-)"},
		{"(😃)", "(:D)"},
		{"a:🌙", "a: (S)"},
		{"❤️ ❤ ♥️", "(L) (L) (L)"},
		// What is more than the emoji of the table stays.
		{"👍🏽", "👍🏽"},
		{"👍", "(Y)"},
		{"❤️\u200D🔥", "❤️\u200D🔥"},
		{"👨\u200D👩\u200D👧\u200D👦", "👨\u200D👩\u200D👧\u200D👦"},
		{"🤷\u200D♀️", "🤷\u200D♀️"},
		{"☀︎", "☀︎"},
		{"🏴‍☠️ 🇫🇷 8️⃣", "🏴‍☠️ 🇫🇷 8️⃣"},
		{"🦄", "🦄"},
		{"https://example.com/🙂 🙂", "https://example.com/🙂 :)"},
		{"🙂https://example.com/", ":) https://example.com/"},
		{"`🙂`🙂", "`🙂` :)"},
	} {
		if got := toCodes(tt.in, 0); got != tt.want {
			t.Errorf("toCodes(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Looking for the ends of backticks must not take time that grows with the square of the text.
func TestManyBackticks(t *testing.T) {
	var b strings.Builder
	for n := 1; b.Len() < 1<<18; n++ {
		b.WriteString(strings.Repeat("`", n) + " ")
	}
	text := b.String() + strings.Repeat("` :) `` ", 1<<16)
	if got := toEmoji(text); len(got) < len(text) {
		t.Errorf("%d bytes became %d", len(text), len(got))
	}
}

func FuzzEmoticons(f *testing.F) {
	f.Add(":) (L) http://example.com/(L) `:)`")
	f.Add("❤️👍🏽👨\u200D👩\u200D👧")
	f.Add(official)
	f.Fuzz(func(t *testing.T, s string) {
		if len(toEmoji(s)) > 3*len(s) {
			t.Errorf("%q grew to %q", s, toEmoji(s))
		}
		if len(toCodes(s, 'x')) > 3*len(s)+1 {
			t.Errorf("%q grew to %q", s, toCodes(s, 'x'))
		}
		last := 0
		for _, sp := range protected(s) {
			if sp.from < last || sp.to <= sp.from || sp.to > len(s) {
				t.Fatalf("%q: spans %v", s, protected(s))
			}
			last = sp.to
		}
	})
}
