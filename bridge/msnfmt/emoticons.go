package msnfmt

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// emoticons is MSN Messenger's own table. The first code of a row is the one written to MSN, and the first emoji the one
// written to Matrix; the others are read. No code and no emoji stands in two rows. (brb) is not here: it was a sign with
// those letters on it, and the letters say it better than any emoji.
var emoticons = []struct{ codes, emoji []string }{
	{codes(":)", ":-)"), emoji("🙂", "☺️")},
	{codes(":D", ":-D", ":d", ":-d", ":>", ":->"), emoji("😃", "😀")},
	{codes(":O", ":-O", ":o", ":-o"), emoji("😮")},
	{codes(":P", ":-P", ":p", ":-p"), emoji("😛")},
	{codes(";)", ";-)"), emoji("😉")},
	{codes(":(", ":-(", ":<", ":-<"), emoji("🙁", "☹️")},
	{codes(":S", ":-S", ":s", ":-s"), emoji("😕")},
	{codes(":|", ":-|"), emoji("😐")},
	{codes(":'("), emoji("😢")},
	{codes(":$", ":-$"), emoji("😳")},
	{codes(":@", ":-@"), emoji("😠")},
	{codes(":[", ":-["), emoji("🦇")},
	{codes(":-#"), emoji("🤐")},
	{codes("8o|"), emoji("😬")},
	{codes("8-|"), emoji("🤓")},
	{codes("^o)"), emoji("🤨")},
	{codes(":-*"), emoji("🤫")},
	{codes("+o("), emoji("🤢")},
	{codes(":^)"), emoji("🤷")},
	{codes("*-)"), emoji("🤔")},
	{codes("<:o)"), emoji("🥳")},
	{codes("8-)"), emoji("🙄")},
	{codes("|-)"), emoji("😴")},
	{codes("(H)", "(h)"), emoji("😎")},
	{codes("(A)", "(a)"), emoji("😇")},
	{codes("(6)"), emoji("😈")},
	{codes("(L)", "(l)"), emoji("❤️", "♥️")},
	{codes("(U)", "(u)"), emoji("💔")},
	{codes("(K)", "(k)"), emoji("💋")},
	{codes("(F)", "(f)"), emoji("🌹")},
	{codes("(W)", "(w)"), emoji("🥀")},
	{codes("(Y)", "(y)"), emoji("👍")},
	{codes("(N)", "(n)"), emoji("👎")},
	{codes("(X)", "(x)"), emoji("👧")},
	{codes("(Z)", "(z)"), emoji("👦")},
	{codes("({)"), emoji("🤗")},
	{codes("(})"), emoji("🫂")},
	{codes("(B)", "(b)"), emoji("🍺")},
	{codes("(D)", "(d)"), emoji("🍸")},
	{codes("(C)", "(c)"), emoji("☕")},
	{codes("(^)"), emoji("🎂")},
	{codes("(G)", "(g)"), emoji("🎁")},
	{codes("(P)", "(p)"), emoji("📷")},
	{codes("(~)"), emoji("🎞️")},
	{codes("(@)"), emoji("🐱")},
	{codes("(&)"), emoji("🐶")},
	{codes("(T)", "(t)"), emoji("☎️")},
	{codes("(I)", "(i)"), emoji("💡")},
	{codes("(8)"), emoji("🎵")},
	{codes("(S)", "(s)"), emoji("🌙")},
	{codes("(*)"), emoji("⭐")},
	{codes("(#)"), emoji("☀️")},
	{codes("(R)", "(r)"), emoji("🌈")},
	{codes("(E)", "(e)"), emoji("📧")},
	{codes("(O)", "(o)"), emoji("🕒")},
	{codes("(M)", "(m)"), emoji("🦋")},
	{codes("(?)"), emoji("❓")},
	{codes("(%)"), emoji("⛓️")},
	{codes("(bah)"), emoji("🐑")},
	{codes("(nah)"), emoji("🐐")},
	{codes("(sn)"), emoji("🐌")},
	{codes("(tu)"), emoji("🐢")},
	{codes("(pi)"), emoji("🍕")},
	{codes("(pl)"), emoji("🍽️")},
	{codes("(||)"), emoji("🥣")},
	{codes("(so)"), emoji("⚽")},
	{codes("(au)"), emoji("🚗")},
	{codes("(ap)"), emoji("✈️")},
	{codes("(um)"), emoji("☂️")},
	{codes("(ip)"), emoji("🏝️")},
	{codes("(co)"), emoji("💻")},
	{codes("(mp)"), emoji("📱")},
	{codes("(st)"), emoji("⛈️")},
	{codes("(li)"), emoji("⚡")},
	{codes("(mo)"), emoji("💰")},
	{codes("(xx)"), emoji("🎮")},
	{codes("(h5)"), emoji("🙌")},
	{codes("(ci)"), emoji("🚬")},
	{codes("(yn)"), emoji("🤞")},
}

func codes(s ...string) []string { return s }
func emoji(s ...string) []string { return s }

type emoticonCode struct{ code, emoji string }

// codesByByte finds codes by their first byte, longest first. codeOfEmoji goes by the emoji's rune without its
// variation selector.
var codesByByte, codeOfEmoji = func() (map[byte][]emoticonCode, map[rune]string) {
	byByte, byRune := map[byte][]emoticonCode{}, map[rune]string{}
	for _, row := range emoticons {
		for _, code := range row.codes {
			byByte[code[0]] = append(byByte[code[0]], emoticonCode{code, row.emoji[0]})
		}
		for _, e := range row.emoji {
			r, _ := utf8.DecodeRuneInString(e)
			byRune[r] = row.codes[0]
		}
	}
	for _, list := range byByte {
		sort.SliceStable(list, func(i, j int) bool { return len(list[i].code) > len(list[j].code) })
	}
	return byByte, byRune
}()

// toEmoji replaces MSN's codes by emoji, but not in URLs, and not in what stands between backticks. MSN itself replaced
// codes wherever they stood; where it made nonsense of ordinary text ("C:Share", "file(s)") this is stricter.
func toEmoji(s string) string {
	var b strings.Builder
	spans := protected(s)
	fresh := -1 // where the last code ended: what stands before such a place is no word
	for i := 0; i < len(s); {
		if len(spans) > 0 && i >= spans[0].from {
			b.WriteString(s[i:spans[0].to])
			i, spans = spans[0].to, spans[1:]
			continue
		}
		if found, ok := codeAt(s, i, i == fresh); ok && (len(spans) == 0 || i+len(found.code) <= spans[0].from) {
			b.WriteString(found.emoji)
			i += len(found.code)
			fresh = i
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

func codeAt(s string, i int, fresh bool) (emoticonCode, bool) {
	for _, candidate := range codesByByte[s[i]] {
		if strings.HasPrefix(s[i:], candidate.code) && fits(s, i, candidate.code, fresh) {
			return candidate, true
		}
	}
	return emoticonCode{}, false
}

// fits looks at what stands around a code. A code that does not end in a bracket must not run into a word
// (C:Share, 5:30), and one that starts like the end of a word must not follow one (1998-), file(s), f(8)).
func fits(s string, i int, code string, fresh bool) bool {
	if end := code[len(code)-1]; end != ')' && end != '(' {
		if next, _ := utf8.DecodeRuneInString(s[i+len(code):]); isWordRune(next) {
			return false
		}
	}
	if i == 0 || fresh {
		return true
	}
	wordLike := code[0] == '8' || code[0] == '(' && (code[1] >= 'a' && code[1] <= 'z' || code[1] >= '0' && code[1] <= '9')
	if !wordLike {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	return !isWordRune(before)
}

// toCodes replaces emoji by MSN's codes, with a blank where a code would run into a word. Emoji that are part of a longer
// sequence (skin tones, joined emoji, keycaps, text style) have no code and stay. before is the rune that s will follow,
// 0 for none.
func toCodes(s string, before rune) string {
	var b strings.Builder
	spans := protected(s)
	fresh := false // a code was written last
	joined := false
	for i := 0; i < len(s); {
		if len(spans) > 0 && i >= spans[0].from {
			if fresh {
				b.WriteByte(' ')
			}
			b.WriteString(s[i:spans[0].to])
			before, _ = utf8.DecodeLastRuneInString(s[:spans[0].to])
			i, spans, fresh, joined = spans[0].to, spans[1:], false, false
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		code, length := codeOf(s[i:])
		if length == 0 || joined {
			if fresh && isWordRune(r) {
				b.WriteByte(' ')
			}
			b.WriteString(s[i : i+size])
			i += size
			before, fresh, joined = r, false, r == zeroWidthJoiner
			continue
		}
		if needsBlank(before, fresh, code) {
			b.WriteByte(' ')
		}
		b.WriteString(code)
		i += length
		before, fresh = rune(code[len(code)-1]), true
	}
	return b.String()
}

// codeOf finds the code of the emoji that s starts with, and the emoji's length in bytes; 0 for none.
func codeOf(s string) (code string, length int) {
	r, length := utf8.DecodeRuneInString(s)
	code, ok := codeOfEmoji[r]
	if !ok {
		return "", 0
	}
	length += len(s[length:]) - len(strings.TrimPrefix(s[length:], string(emojiStyle)))
	switch next, _ := utf8.DecodeRuneInString(s[length:]); {
	case next == zeroWidthJoiner, next == textStyle, next == keycap, isSkinTone(next), isTag(next):
		return "", 0
	}
	return code, length
}

func needsBlank(before rune, fresh bool, code string) bool {
	switch {
	case before == 0 || unicode.IsSpace(before):
		return false
	case fresh:
		return isWordRune(rune(code[0]))
	}
	return !strings.ContainsRune("([{\"«“‘", before)
}

type span struct{ from, to int }

// protected finds what no emoticon may be read in or written to: URLs, from their scheme to the end of the word, and
// text between backticks. The spans are in order and apart.
func protected(s string) []span {
	var spans []span
	unclosed := map[int]int{} // length of a run of backticks: up to here there is no other such run
	for i := 0; i < len(s); {
		switch {
		case s[i] == '`':
			run := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
			if end := closing(s, i+run, run, unclosed); end > 0 {
				spans = append(spans, span{i, end})
				i = end
			} else {
				i += run
			}
		case isBlank(s[i]):
			i++
		default:
			end := i + strings.IndexAny(s[i:]+" ", " \t\n`")
			if at := urlIn(s[i:end]); at >= 0 {
				end = i + at + strings.IndexAny(s[i+at:]+" ", " \t\n")
				spans = append(spans, span{i + at, end})
			}
			i = end
		}
	}
	return spans
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// closing finds the end of the next run of exactly n backticks, 0 for none. Fewer than three close only in the same line.
func closing(s string, from, n int, unclosed map[int]int) int {
	if from < unclosed[n] {
		return 0
	}
	for i := from; i < len(s); {
		if s[i] == '\n' && n < 3 {
			unclosed[n] = i
			return 0
		}
		run := len(s[i:]) - len(strings.TrimLeft(s[i:], "`"))
		if run == n && i > from {
			return i + run
		}
		i += max(run, 1)
	}
	unclosed[n] = len(s)
	return 0
}

// urlIn says where in a word an URL begins, or -1.
func urlIn(word string) int {
	if at := strings.Index(word, "://"); at > 0 {
		start := at
		for start > 0 && (isASCIIAlnum(word[start-1]) || strings.IndexByte("+.-", word[start-1]) >= 0) {
			start--
		}
		if start < at {
			return start
		}
	}
	for _, prefix := range []string{"www.", "mailto:"} {
		at := indexFold(word, prefix)
		if at == 0 || at > 0 && !isASCIIAlnum(word[at-1]) {
			return at
		}
	}
	return -1
}

func isASCIIAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// indexFold is strings.Index without regard to ASCII case.
func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}
