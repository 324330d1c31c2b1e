package msn

import (
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
)

// maxMediaText bounds [CurrentMedia.Text] in bytes: a format may name one long argument many times.
const maxMediaText = 1024

// ParsePersonalMessage reads the payload of UBX or UUX (core.md 8.4). It takes whatever there is between
// the tags, because servers and clients were seen to send XML that is not well-formed; what is
// missing is empty. A cleared message has no payload at all.
func ParsePersonalMessage(payload []byte) PersonalMessage {
	doc := strings.ToValidUTF8(string(payload), "\uFFFD")
	doc, endpoints := cutEndpoints(doc)
	return PersonalMessage{
		Text:           elementText(doc, "PSM"),
		Media:          ParseCurrentMedia(elementText(doc, "CurrentMedia")),
		SignatureSound: elementText(doc, "SignatureSound"),
		DynamicPicture: elementText(doc, "DDP"),
		Scene:          elementText(doc, "Scene"),
		ColorScheme:    elementText(doc, "ColorScheme"),
		Endpoints:      endpoints,
	}
}

// AppendPersonalMessage writes the payload of UUX as MSNP11 and MSNP12 have it. A text is one line: line
// breaks become blanks, and characters that XML cannot carry are left out.
func AppendPersonalMessage(b []byte, p PersonalMessage) []byte {
	return appendPersonal(b, p, "", false)
}

// appendPersonal adds the machine (MSNP13) and the decorations (MSNP18).
func appendPersonal(b []byte, p PersonalMessage, machine string, decorations bool) []byte {
	element := func(name, text string) {
		b = append(append(append(b, '<'), name...), '>')
		b = append(b, userdoc.Escape(text)...)
		b = append(append(append(b, "</"...), name...), '>')
	}
	b = append(b, "<Data>"...)
	element("PSM", p.Text)
	element("CurrentMedia", p.Media.String())
	if machine != "" {
		element("MachineGuid", "{"+strings.ToUpper(machine)+"}")
	}
	if decorations {
		element("DDP", p.DynamicPicture)
		element("SignatureSound", p.SignatureSound)
		element("Scene", p.Scene)
		color := p.ColorScheme
		if color == "" {
			color = "-1" // the default
		}
		element("ColorScheme", color)
	}
	return append(b, "</Data>"...)
}

// elementText is the unescaped text between the first start tag and the last end tag of that name. The last
// one, since a text that was not escaped may hold the same tag. Without an end tag it is all up to
// the end of the document.
func elementText(doc, name string) string {
	rest, ok := afterStartTag(doc, name)
	if !ok {
		return ""
	}
	if end := strings.LastIndex(rest, "</"+name); end >= 0 {
		rest = rest[:end]
	} else if end := strings.LastIndex(rest, "</Data"); end >= 0 {
		rest = rest[:end]
	}
	if inner, ok := strings.CutPrefix(rest, "<![CDATA["); ok {
		return strings.TrimSuffix(inner, "]]>")
	}
	return userdoc.Unescape(rest)
}

// afterStartTag finds <name>, <name ...> but neither <names> nor <name/>.
func afterStartTag(doc, name string) (rest string, ok bool) {
	for {
		_, after, found := strings.Cut(doc, "<"+name)
		if !found {
			return "", false
		}
		doc = after
		if after == "" || !strings.ContainsRune(" \t\r\n/>", rune(after[0])) {
			continue
		}
		attributes, content, closed := strings.Cut(after, ">")
		if !closed {
			return "", false
		}
		return content, !strings.HasSuffix(attributes, "/")
	}
}

// mediaSeparator is two characters, a backslash and a zero.
const mediaSeparator = `\0`

// ParseCurrentMedia reads the joined form of core.md 8.4, without XML escapes. Fields that are missing are
// empty.
func ParseCurrentMedia(s string) CurrentMedia {
	if s == "" {
		return CurrentMedia{}
	}
	fields := strings.Split(strings.TrimSuffix(s, mediaSeparator), mediaSeparator)
	m := CurrentMedia{Application: fields[0]}
	if len(fields) > 1 {
		m.Type = fields[1]
	}
	if len(fields) > 2 {
		m.Enabled = fields[2] == "1"
	}
	if len(fields) > 3 {
		m.Format = fields[3]
	}
	if len(fields) > 4 {
		m.Args = fields[4:]
	}
	return m
}

// String is the joined form, every field followed by a backslash and a zero; "" if there is nothing to
// say. A separator inside a field is written as "/0".
func (m CurrentMedia) String() string {
	if m.Application == "" && m.Type == "" && !m.Enabled && m.Format == "" && len(m.Args) == 0 {
		return ""
	}
	enabled := "0"
	if m.Enabled {
		enabled = "1"
	}
	var b strings.Builder
	for _, field := range append([]string{m.Application, m.Type, enabled, m.Format}, m.Args...) {
		b.WriteString(strings.ReplaceAll(field, mediaSeparator, "/0"))
		b.WriteString(mediaSeparator)
	}
	return b.String()
}

// Text fills the arguments into the format, for people to read: "Title - Artist" for music. It is "" if
// nothing is playing, and at most 1024 bytes long.
func (m CurrentMedia) Text() string {
	if !m.Enabled {
		return ""
	}
	format := m.Format
	if format == "" {
		format = "{0}"
	}
	var b strings.Builder
	for format != "" && b.Len() < maxMediaText {
		if n, rest, ok := cutPlaceholder(format); ok {
			if n < len(m.Args) {
				b.WriteString(cutBytes(m.Args[n], maxMediaText))
			}
			format = rest
			continue
		}
		next := strings.IndexByte(format[1:], '{') + 1
		if next == 0 {
			next = len(format)
		}
		b.WriteString(format[:next])
		format = format[next:]
	}
	return strings.TrimSpace(cutBytes(b.String(), maxMediaText))
}

// cutPlaceholder cuts {n} off the beginning.
func cutPlaceholder(s string) (n int, rest string, ok bool) {
	inner, found := strings.CutPrefix(s, "{")
	digits, rest, closed := strings.Cut(inner, "}")
	if !found || !closed {
		return 0, "", false
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	return int(number), rest, err == nil
}
