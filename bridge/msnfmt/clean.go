package msnfmt

import (
	"strings"
	"unicode"
)

// clean makes s valid UTF-8 with \n between lines and without control characters, which homeservers refuse and no
// client shows. Tabs stay.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// oneLine is s cleaned, with every run of white space as one blank, and with an ellipsis if it was longer than limit runes.
// An emoji of several runes is not cut apart.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := limit
	for cut > limit/2 && (joins(runes[cut]) || runes[cut-1] == zeroWidthJoiner) {
		cut--
	}
	return strings.TrimRight(string(runes[:cut]), " ") + "…"
}

const (
	zeroWidthJoiner = '\u200D'
	textStyle       = '\uFE0E' // variation selector: as text
	emojiStyle      = '\uFE0F' // variation selector: as emoji
	keycap          = '\u20E3'
)

// joins says whether r belongs to the character before it.
func joins(r rune) bool {
	return r == zeroWidthJoiner || unicode.Is(unicode.M, r) || isSkinTone(r) || isTag(r)
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

func isTag(r rune) bool { return r >= 0xE0020 && r <= 0xE007F }

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var rightToLeftScripts = []*unicode.RangeTable{
	unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic,
	unicode.Adlam, unicode.Hanifi_Rohingya, unicode.Mende_Kikakui,
}

// isRightToLeft goes by the first letter that has a direction, as the bidirectional algorithm does (rules P2 and P3).
func isRightToLeft(s string) bool {
	for _, r := range s {
		switch {
		case r == '\u200F' || r == '\u061C':
			return true
		case r == '\u200E':
			return false
		case !unicode.IsLetter(r):
			continue
		}
		return unicode.In(r, rightToLeftScripts...)
	}
	return false
}
