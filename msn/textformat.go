package msn

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// maxFontName bounds a font's name in runes. Windows itself stops at 31.
const maxFontName = 64

// ParseTextFormat reads the value of an X-MMS-IM-Format header (core.md 12.3). What is missing or makes
// no sense is left at its default, so there is no error: a bad style must not cost a text.
func ParseTextFormat(s string) TextFormat {
	var f TextFormat
	for part := range strings.SplitSeq(s, ";") {
		key, value, found := strings.Cut(part, "=")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "FN":
			f.Font = cleanFontName(wire.Decode(value))
		case "EF":
			f.setEffects(value)
		case "CO":
			f.Color = swapRedBlue(parseHex(value))
		case "CS":
			f.CharSet = uint8(min(parseHex(value), 0xff))
		case "PF":
			f.PitchFamily = uint8(min(parseHex(value), 0xff))
		case "RL":
			f.RightToLeft = value == "1"
		}
	}
	return f
}

func (f *TextFormat) setEffects(letters string) {
	f.Bold = strings.ContainsAny(letters, "Bb")
	f.Italic = strings.ContainsAny(letters, "Ii")
	f.Underline = strings.ContainsAny(letters, "Uu")
	f.Strike = strings.ContainsAny(letters, "Ss")
}

// String writes the header's value with the fields in the order and spelling of official clients.
// [ParseTextFormat] reads it back to the same format.
func (f TextFormat) String() string {
	var b strings.Builder
	b.WriteString("FN=" + wire.EncodeFull(cleanFontName(f.Font)) + "; EF=")
	for _, effect := range []struct {
		letter byte
		on     bool
	}{{'B', f.Bold}, {'I', f.Italic}, {'U', f.Underline}, {'S', f.Strike}} {
		if effect.on {
			b.WriteByte(effect.letter)
		}
	}
	b.WriteString("; CO=" + strconv.FormatUint(uint64(swapRedBlue(f.Color)), 16))
	b.WriteString("; CS=" + strconv.FormatUint(uint64(f.CharSet), 16))
	b.WriteString("; PF=" + strconv.FormatUint(uint64(f.PitchFamily), 16))
	if f.RightToLeft {
		b.WriteString("; RL=1")
	}
	return b.String()
}

// parseHex is 0 for what is no hexadecimal number of at most 32 bits.
func parseHex(s string) uint32 {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// swapRedBlue turns 0xRRGGBB to 0xBBGGRR and back.
func swapRedBlue(color uint32) uint32 {
	return bits.ReverseBytes32(color) >> 8
}

func cleanFontName(name string) string {
	name = cleanLine(name)
	if runes := []rune(name); len(runes) > maxFontName {
		name = strings.TrimSpace(string(runes[:maxFontName]))
	}
	return name
}
