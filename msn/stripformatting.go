package msn

import (
	"regexp"
	"strings"
)

// formattingCodes are the codes that Messenger Plus! users put into their names. First the tags, a colour or
// gradient with its end, a background, bold, italic, underline and strike. Then the short codes: a middle dot or
// the control character itself with a colour (one or two, as a number, as #RRGGBB or as (r,g,b)), and
// a middle dot with a letter of style.
var formattingCodes = func() *regexp.Regexp {
	const (
		tag   = `\[(?:/?[bius]|[ca]=[^\[\]]{1,24}|/[ca](?:=[^\[\]]{1,24})?)\]`
		color = `(?:#[0-9a-f]{6}|\([0-9]{1,3},[0-9]{1,3},[0-9]{1,3}\)|[0-9]{1,2})`
		short = `(?:·\$|\x03)(?:` + color + `(?:,` + color + `)?)?|·[#&@'0]`
	)
	return regexp.MustCompile(`(?i)` + tag + `|` + short)
}()

// StripFormatting takes formatting codes and characters that do not show (control characters, and those
// that turn the writing direction of what follows) out of a friendly name or a personal message, for
// worlds that would show the codes. A name of nothing else comes back as it is, so that nobody
// ends up without a name.
func StripFormatting(name string) string {
	stripped := formattingCodes.ReplaceAllString(strings.ToValidUTF8(name, "\uFFFD"), "")
	stripped = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return -1
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, stripped))
	if stripped != "" {
		return stripped
	}
	if visible := cleanLine(name); visible != "" {
		return visible
	}
	return name
}
