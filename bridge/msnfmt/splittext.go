package msnfmt

import (
	"strings"
	"unicode/utf8"

	"github.com/matrix-msn/matrix-msn/msn"
)

// maxEventText bounds what a text may take up in one event, in bytes of JSON, body and formatted body together. An event
// has 64 KiB (Matrix client-server API, "size limits"), and encryption makes four bytes of three.
const maxEventText = 40_000

// SplitText parts a text that does not fit into one Matrix event, at the end of a line or between words where
// there is one, each part with the format of the whole. Joined, the parts are the text. A text that fits comes back alone
// and as it is.
func SplitText(m *msn.TextMessage) []*msn.TextMessage {
	var parts []*msn.TextMessage
	rest := m.Text
	for {
		end := partEnd(rest)
		if end == len(rest) && parts == nil {
			return []*msn.TextMessage{m}
		}
		part := *m
		part.Text, rest = rest[:end], rest[end:]
		parts = append(parts, &part)
		if rest == "" {
			return parts
		}
	}
}

// partEnd is how many bytes of s go into one event: at least one rune, if there is any.
func partEnd(s string) int {
	cost, word, line := 0, 0, 0 // word and line: just behind the last good places to part
	for i, r := range s {
		cost += jsonCost(r)
		if cost > maxEventText && i > 0 {
			switch {
			case line > i/2:
				return line
			case word > i/2:
				return word
			case joins(r):
				return beforeJoined(s, i)
			}
			return i
		}
		switch r {
		case '\n':
			line = i + 1
		case ' ', '\t':
			word = i + 1
		}
	}
	return len(s)
}

// beforeJoined goes back from i to the start of the character that i is part of, if that is near.
func beforeJoined(s string, i int) int {
	start := i
	for range 16 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		start -= size
		if start > 0 && !joins(r) && !strings.HasSuffix(s[:start], string(zeroWidthJoiner)) {
			return start
		}
	}
	return i
}

// jsonCost is what a rune takes up at most in body and formatted body. JSON writers may escape <, > and & once more.
func jsonCost(r rune) int {
	switch {
	case r == '\t': // four blanks that do not break
		return 2 + 4*len(`\u0026nbsp;`)
	case r == ' ':
		return 1 + len(`\u0026nbsp;`)
	case strings.ContainsRune("<>&\"'\\\n\r\u2028\u2029", r):
		return len(`\u003c`) + len(`\u003cbr\u003e`)
	case r < ' ':
		return 0
	case r < utf8.RuneSelf:
		return 4 // twice, and a code of two bytes may become an emoji of four, one of three an emoji of six
	}
	return 2 * utf8.RuneLen(r)
}
