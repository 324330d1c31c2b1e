package msnfmt

import (
	"fmt"
	"html"
	"strings"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// ToMatrix converts a text. The body is the plain text; there is a formatted body only if the text is bold, italic,
// underlined, struck through, right to left or, with Options.Fonts, coloured: the font and black that official clients put on
// every text are nothing to format. Text is escaped, so nothing in it acts as HTML. DisplayName is not looked at.
// One event holds 64 KiB: pass texts through [SplitText] first.
func ToMatrix(m *msn.TextMessage, opt Options) *event.MessageEventContent {
	content := &event.MessageEventContent{MsgType: event.MsgText}
	if m == nil {
		return content
	}
	content.Body = clean(m.Text)
	if opt.Emoticons {
		content.Body = toEmoji(content.Body)
	}
	if opening, closing := tags(m.Format, opt); opening != "" && strings.TrimSpace(content.Body) != "" {
		content.Format = event.FormatHTML
		content.FormattedBody = opening + textToHTML(content.Body) + closing
	}
	return content
}

// IsBlank tells whether a text shows nothing, as Messenger would not have.
func IsBlank(m *msn.TextMessage) bool { return strings.TrimSpace(clean(m.Text)) == "" }

// tags are what stands around a text of this format, "" for a plain one.
func tags(f msn.TextFormat, opt Options) (opening, closing string) {
	add := func(on bool, tag, attributes string) {
		if on {
			opening += "<" + tag + attributes + ">"
			closing = "</" + tag + ">" + closing
		}
	}
	add(f.RightToLeft, "div", ` dir="rtl"`)
	color := fmt.Sprintf("#%06x", f.Color&0xffffff)
	// The specification prefers data-mx-color, some clients know only the attribute of old HTML.
	add(opt.Fonts && !isBlack(f.Color), "font", ` color="`+color+`" data-mx-color="`+color+`"`)
	add(f.Bold, "b", "")
	add(f.Italic, "i", "")
	add(f.Underline, "u", "")
	add(f.Strike, "del", "")
	return opening, closing
}

// isBlack takes in what is so dark that it cannot be told from black: on a dark theme it could not be read.
func isBlack(color uint32) bool {
	return color>>16&0xff < 0x20 && color>>8&0xff < 0x20 && color&0xff < 0x20
}

// isWhite takes in what cannot be read on MSN's white background.
func isWhite(color uint32) bool {
	return color>>16&0xff > 0xe0 && color>>8&0xff > 0xe0 && color&0xff > 0xe0
}

// textToHTML escapes text and keeps its lines and blanks: HTML would fold several blanks into one and drop those at the
// ends of a line.
func textToHTML(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = html.EscapeString(keepBlanks(line))
	}
	return strings.ReplaceAll(strings.Join(lines, "<br>"), "\u00A0", "&nbsp;")
}

func keepBlanks(line string) string {
	if !strings.Contains(line, "  ") && !strings.HasPrefix(line, " ") && !strings.HasSuffix(line, " ") {
		return line
	}
	b := []rune(line)
	for i, r := range b {
		if r == ' ' && (i == 0 || i == len(b)-1 || b[i-1] == ' ' || b[i-1] == '\u00A0') {
			b[i] = '\u00A0'
		}
	}
	return string(b)
}
