// Package msnfmt turns the contents of MSN messages into Matrix event content and back. It stands between the
// value types of package msn and those of mautrix, and package bridge is its only user. Everything here is a pure
// function: no input or output, no state, no clock. What each conversion means is bridge.md's "1:1 messages"; the
// style header is core.md 12.3.
//
// The two worlds do not fit: MSN styles a message as a whole and shows the text otherwise as it is, Matrix styles parts.
// So MSN's format becomes HTML around the whole text, and on the way back only what covers the whole text becomes the
// format. The rest becomes punctuation that reads well in any chat window:
//
//	bold part      *bold*         link         text (https://example.com/)
//	italic part    _italic_       list         "• " or "1. " before each item
//	struck part    ~struck~       quote        "> " before each line
//	spoiler        [spoiler: x]   table        a line for each row, cells parted by " | "
//	emote          *waves*        code         as it stands
//
// Underline and colour of a part are dropped. The name of a font is dropped on the way to Matrix, which has no tag for it.
package msnfmt

// Options says what a conversion may do. The zero value is the most reserved: no emoticons, no colours.
type Options struct {
	// Emoticons turns MSN's codes into Unicode emoji on the way to Matrix, and such emoji into codes on the way to MSN.
	Emoticons bool
	// Fonts keeps the colour of a text both ways. Black, and what could not be told from it, is no colour.
	Fonts bool
	// BellNudge makes a Matrix message that is the bell emoji alone a nudge; see [IsNudge].
	BellNudge bool
}
