package msnfmt

import (
	"strings"
	"unicode"
)

const (
	// longestName is how much of a name is shown, in characters: Synapse takes 256.
	longestName = 200
	// mostMarks is how many combining marks may stand on one character. Scripts need three at most; more climb over other people's lines.
	mostMarks = 4
)

// Name makes a name of MSN fit for one line on Matrix: no control characters and none that turn the direction of what follows, no towers of
// combining marks, at most 200 characters and an ellipsis. It is "" if nothing visible is left.
func Name(name string) string {
	marks := 0
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF:
			return -1
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > mostMarks {
				return -1
			}
		default:
			marks = 0
		}
		return r
	}, clean(name))
	if name = oneLine(name, longestName); strings.IndexFunc(name, unicode.IsGraphic) < 0 {
		return ""
	}
	return name
}
