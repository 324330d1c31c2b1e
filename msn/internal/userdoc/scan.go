package userdoc

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors of the readers.
var (
	ErrNoDocument = errors.New("not a document of that kind")
	ErrTooMany    = errors.New("the document has too many parts")
)

// tag is one start or end tag, with the place of what stands around it.
type tag struct {
	name       string
	end, empty bool // </name>, <name/>
	attributes string
	from, to   int // where it begins, and what follows it
}

// nextTag finds the next tag at or after at. What begins with < and goes on with no letter is text.
func nextTag(doc string, at int) (t tag, ok bool) {
	for {
		open := strings.IndexByte(doc[at:], '<')
		if open < 0 {
			return tag{}, false
		}
		t.from = at + open
		inner := doc[t.from+1:]
		if cdata, found := strings.CutPrefix(inner, "![CDATA["); found {
			end := strings.Index(cdata, "]]>")
			if end < 0 {
				return tag{}, false
			}
			at = len(doc) - len(cdata) + end + len("]]>")
			continue
		}
		inner, t.end = strings.CutPrefix(inner, "/")
		size := nameLength(inner)
		if size == 0 {
			at = t.from + 1
			continue
		}
		closing := strings.IndexByte(inner, '>')
		if closing < 0 {
			return tag{}, false
		}
		t.name = inner[:size]
		t.attributes, t.empty = strings.CutSuffix(inner[size:closing], "/")
		t.to = len(doc) - len(inner) + closing + 1
		return t, true
	}
}

// nameLength is how many bytes at the start of s are the name of an element: 0 if what follows can be none.
func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == ':'):
		case c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			return i
		default:
			return 0
		}
	}
	return 0
}

// attribute is the value of an attribute, "" if there is none.
func (t tag) attribute(name string) string {
	for rest := t.attributes; ; {
		before, after, found := strings.Cut(rest, "=")
		if !found {
			return ""
		}
		after = strings.TrimLeft(after, " \t\r\n")
		if after == "" || after[0] != '"' && after[0] != '\'' {
			rest = after
			continue
		}
		value, next, closed := strings.Cut(after[1:], after[:1])
		if !closed {
			return ""
		}
		if strings.EqualFold(strings.TrimSpace(before), name) {
			return Unescape(value)
		}
		rest = next
	}
}

// endOf finds the end tag of an element whose start tag was t: the first of that name, as such elements do not nest. Without one
// the element ends where its parent does.
func endOf(doc string, t tag, parent string) (inner string, next int) {
	for at := t.to; ; {
		e, ok := nextTag(doc, at)
		if !ok {
			return doc[t.to:], len(doc)
		}
		if e.end && strings.EqualFold(e.name, t.name) {
			return doc[t.to:e.from], e.to
		}
		if e.end && parent != "" && strings.EqualFold(e.name, parent) {
			return doc[t.to:e.from], e.from
		}
		at = e.to
	}
}

// text is the content of an element that has no others.
func text(inner string) string {
	if data, found := strings.CutPrefix(strings.TrimSpace(inner), "<![CDATA["); found {
		return strings.TrimSuffix(data, "]]>")
	}
	return Unescape(inner)
}

// Unescape replaces the five named entities and numeric ones. Anything else that begins with & stands for itself.
func Unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexByte(after[:min(len(after), 12)], ';')
		if r, ok := entity(after[:max(end, 0)]); ok {
			b.WriteRune(r)
			s = after[end+1:]
			continue
		}
		b.WriteByte('&')
		s = after
	}
}

func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, numeric := strings.CutPrefix(name, "#")
	base := 10
	if len(digits) > 1 && (digits[0] == 'x' || digits[0] == 'X') {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 31)
	if !numeric || err != nil {
		return 0, false
	}
	if n == 0 || !utf8.ValidRune(rune(n)) {
		return utf8.RuneError, true
	}
	return rune(n), true
}

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// Escape writes text as one line of XML 1.0: line breaks become blanks, and what XML cannot carry is left out.
func Escape(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		}
		return allowed(r) // an invalid byte comes as U+FFFD
	}, s)
	return escapes.Replace(s)
}

// allowed drops what XML cannot carry, so that what was read can be written.
func allowed(r rune) rune {
	if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0xfffe || r == 0xffff {
		return -1
	}
	return r
}

func appendText(b []byte, s string) []byte { return append(b, Escape(s)...) }

func appendElement(b []byte, name, value string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = appendText(b, value)
	return append(append(append(b, "</"...), name...), '>')
}

// plainName tells whether a name can stand in a tag.
func plainName(name string) bool { return name != "" && nameLength(name+">") == len(name) }
