package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789ABCDEF"

func appendPercent(b []byte, c byte) []byte { return append(b, '%', hexDigits[c>>4], hexDigits[c&15]) }

// Encode percent-encodes s so that it can stand as one argument: the percent sign, white space and control characters of all
// scripts (Escargot splits its lines at any white space), and bytes that are not UTF-8. Other UTF-8 stays as it is
// (core.md 2.5). Encode("") is empty, and an empty last argument is lost on the way: leave it out instead.
func Encode(s string) string {
	return encode(s, func(r rune) bool { return r != '%' && !unicode.IsSpace(r) && !unicode.IsControl(r) })
}

// EncodeFull percent-encodes all but ASCII letters, digits and -_.!~*'() as encodeURIComponent does: the form for
// MSNObjects, and the one in which the official clients sent nicks.
func EncodeFull(s string) string {
	return encode(s, func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			r < utf8.RuneSelf && strings.IndexByte("-_.!~*'()", byte(r)) >= 0
	})
}

func encode(s string, stays func(rune) bool) string {
	var b []byte
	done := 0
	for i, r := range s {
		size := 1
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		} else {
			size = utf8.RuneLen(r)
		}
		if stays(r) && (r != utf8.RuneError || size > 1) {
			continue
		}
		b = append(b, s[done:i]...)
		for _, c := range []byte(s[i : i+size]) {
			b = appendPercent(b, c)
		}
		done = i + size
	}
	if b == nil {
		return s
	}
	return string(append(b, s[done:]...))
}

// Decode undoes [Encode] and [EncodeFull]. It takes whatever comes: a percent sign without two hex digits stays, a plus sign
// is a plus sign, and what is not UTF-8 in the end becomes U+FFFD. The result may hold any character, control characters and
// line ends included.
func Decode(s string) string {
	at := strings.IndexByte(s, '%')
	if at < 0 {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	b := append(make([]byte, 0, len(s)), s[:at]...)
	for i := at; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, ok := hexByte(s[i+1], s[i+2]); ok {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func hexByte(high, low byte) (byte, bool) {
	h, l := hexValue(high), hexValue(low)
	return h<<4 | l, h < 16 && l < 16
}

// hexValue is 16 or more for what is no hex digit.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xFF
}
