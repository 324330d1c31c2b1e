package msnfmt

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"maunium.net/go/mautrix/id"
)

// blocks are the elements that begin and end a line.
var blocks = map[string]bool{
	"p": true, "div": true, "ul": true, "ol": true, "li": true, "blockquote": true, "pre": true, "h1": true, "h2": true,
	"h3": true, "h4": true, "h5": true, "h6": true, "table": true, "caption": true, "tr": true, "details": true,
	"summary": true, "dl": true, "dt": true, "dd": true, "center": true, "section": true, "article": true, "figure": true,
}

// ends says which open elements a new one ends, as authors of HTML leave out their end tags; within says which elements
// that does not reach out of.
var ends = map[string]struct{ open, within []string }{
	"li": {[]string{"li"}, []string{"ul", "ol"}},
	"tr": {[]string{"tr"}, []string{"table"}},
	"td": {[]string{"td", "th"}, []string{"tr", "table"}},
	"th": {[]string{"td", "th"}, []string{"tr", "table"}},
	"p":  {[]string{"p"}, []string{"li", "blockquote", "td", "th", "div", "details"}},
	"a":  {[]string{"a"}, nil},
}

func attribute(token html.Token, key string) (value string, there bool) {
	for _, a := range token.Attr {
		if a.Key == key {
			return strings.Join(strings.Fields(clean(a.Val)), " "), true
		}
	}
	return "", false
}

// open begins an element. Void ones are done with it.
func (r *renderer) open(token html.Token) {
	if isVoid(token.Data) {
		if !r.top().skip {
			r.void(token)
		}
		return
	}
	if e, ok := ends[token.Data]; ok {
		r.end(e.open, e.within)
	}
	if len(r.stack) >= maxDepth {
		return
	}
	parent := r.top()
	f := frame{
		tag: token.Data, effects: parent.effects, skip: parent.skip, verbatim: parent.verbatim, link: parent.link,
		levels: len(r.page.levels),
	}
	if !f.skip {
		r.begin(&f, token)
	}
	r.stack = append(r.stack, f)
}

func (r *renderer) begin(f *frame, token html.Token) {
	if blocks[f.tag] {
		r.page.breakTo(1)
	}
	switch dir, _ := attribute(token, "dir"); strings.ToLower(dir) {
	case "rtl":
		f.effects.rtl = true
	case "ltr":
		f.effects.rtl = false
	}
	if r.beginInline(f, token) {
		return
	}
	switch f.tag {
	case "p":
		if r.after == "p" {
			r.page.breakTo(2)
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		r.page.breakTo(2)
		f.effects.bold = true
	case "blockquote":
		r.page.push("> ", "> ")
	case "ol":
		f.next = 1
		if start, there := attribute(token, "start"); there {
			if n, err := strconv.Atoi(start); err == nil && n >= 0 && n <= maxNumber {
				f.next = n
			}
		}
	case "li":
		marker := r.marker()
		r.page.push(marker, strings.Repeat(" ", len([]rune(marker))))
	case "pre":
		f.verbatim, r.inPre = true, true
	case "td", "th":
		r.cell()
	case "mx-reply", "script", "style", "head", "template":
		f.skip = true
	}
}

// beginInline begins what stands in a line: styles, links, code.
func (r *renderer) beginInline(f *frame, token html.Token) bool {
	inForce := f.effects
	switch f.tag {
	case "b", "strong":
		f.effects.bold = true
		r.emphasise(f, r.mark.bold && !inForce.bold, "*")
	case "i", "em":
		f.effects.italic = true
		r.emphasise(f, r.mark.italic && !inForce.italic, "_")
	case "s", "del", "strike":
		f.effects.strike = true
		r.emphasise(f, r.mark.strike && !inForce.strike, "~")
	case "u", "ins":
		f.effects.underline = true
	case "code", "tt", "kbd", "samp":
		f.verbatim = true
	case "sup":
		r.surround(f, "^", "")
	case "sub":
		r.surround(f, "_", "")
	case "span", "font":
		r.beginSpan(f, token)
	case "a":
		r.beginLink(f, token)
	default:
		// A block may carry a formula too.
		r.formula(f, token)
		return f.skip
	}
	return true
}

func (r *renderer) emphasise(f *frame, on bool, sign string) {
	if on && !f.verbatim {
		r.surround(f, sign, sign)
	}
}

func (r *renderer) surround(f *frame, opening, closing string) {
	m := &mark{opening, closing}
	f.marks = append(f.marks, m)
	r.page.open(m)
}

func (r *renderer) beginSpan(f *frame, token html.Token) {
	if r.formula(f, token); f.skip {
		return
	}
	color, there := attribute(token, "data-mx-color")
	if !there {
		color, there = attribute(token, "color")
	}
	if there {
		if color, ok := parseColor(color); ok {
			f.effects.color = color
		}
	}
	if reason, spoiler := attribute(token, "data-mx-spoiler"); spoiler {
		opening := "[spoiler: "
		if reason != "" {
			opening = "[spoiler, " + reason + ": "
		}
		r.surround(f, opening, "]")
	}
}

// formula shows the LaTeX of a formula in place of what the element holds, which is its picture.
func (r *renderer) formula(f *frame, token html.Token) {
	if latex, there := attribute(token, "data-mx-maths"); there && latex != "" {
		r.say(latex)
		f.skip = true
	}
}

func (r *renderer) beginLink(f *frame, token html.Token) {
	href, _ := attribute(token, "href")
	l := &link{}
	if uri, err := id.ParseMatrixURIOrMatrixToURL(href); err == nil && uri != nil {
		l.user = uri.UserID()
		href = uri.MatrixToURL()
	}
	l.href = shownURL(href)
	if l.href == "" && l.user == "" {
		return
	}
	f.link = l
	if name := r.name(l.user); name != "" {
		r.say(name)
		f.skip = true
	}
}

// name is what the caller calls a user, "" if it has no name.
func (r *renderer) name(user id.UserID) string {
	if user == "" || r.about.Name == nil {
		return ""
	}
	name, known := r.names[user]
	if !known {
		name = oneLine(r.about.Name(user), maxName)
		r.names[user] = name
	}
	return name
}

// marker is what stands before the next item of the innermost list.
func (r *renderer) marker() string {
	for i := len(r.stack) - 1; i >= 0; i-- {
		switch f := &r.stack[i]; f.tag {
		case "ul":
			return "• "
		case "ol":
			f.next++
			return strconv.Itoa(f.next-1) + ". "
		}
	}
	return "• "
}

func (r *renderer) cell() {
	for i := len(r.stack) - 1; i >= 0; i-- {
		if f := &r.stack[i]; f.tag == "tr" {
			if f.cells > 0 {
				r.page.blanks = strings.TrimSuffix(r.page.blanks, " ") + " | "
			}
			f.cells++
			return
		}
	}
}

func isVoid(tag string) bool {
	switch tag {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr":
		return true
	}
	return false
}

func (r *renderer) void(token html.Token) {
	switch token.Data {
	case "br":
		r.page.endLine(1)
	case "hr":
		r.page.breakTo(1)
		r.say("----------")
		r.page.breakTo(1)
	case "img":
		text, _ := attribute(token, "alt")
		if text == "" {
			text, _ = attribute(token, "title")
		}
		if text == "" {
			text = "[picture]"
		}
		r.say(text)
	case "input":
		if kind, _ := attribute(token, "type"); kind != "checkbox" {
			return
		}
		if _, checked := attribute(token, "checked"); checked {
			r.say("[x]")
		} else {
			r.say("[ ]")
		}
	}
}

// shut ends the innermost open element of this name, and what is open within it.
func (r *renderer) shut(tag string) {
	for i := len(r.stack) - 1; i > 0; i-- {
		if r.stack[i].tag == tag {
			for len(r.stack) > i {
				r.pop()
			}
			return
		}
	}
	if tag == "p" || tag == "br" {
		r.page.breakTo(1)
	}
}

func (r *renderer) end(open, within []string) {
	for i := len(r.stack) - 1; i > 0; i-- {
		for _, tag := range within {
			if r.stack[i].tag == tag {
				return
			}
		}
		for _, tag := range open {
			if r.stack[i].tag == tag {
				for len(r.stack) > i {
					r.pop()
				}
				return
			}
		}
	}
}

// pop ends the innermost element.
func (r *renderer) pop() {
	f := *r.top()
	r.stack = r.stack[:len(r.stack)-1]
	for i := len(f.marks) - 1; i >= 0; i-- {
		r.page.close(f.marks[i])
	}
	if f.link != nil && f.link != r.top().link {
		r.endLink(f.link)
	}
	for len(r.page.levels) > f.levels {
		r.page.pop()
	}
	if blocks[f.tag] && !r.top().skip {
		r.page.breakTo(1)
		r.after = f.tag
	}
}

// endLink adds where a link goes, unless its text says so.
func (r *renderer) endLink(l *link) {
	text := strings.TrimSpace(l.text.String())
	switch {
	case l.user != "":
		if text == "" && r.name(l.user) == "" {
			r.say(l.user.Localpart())
		}
	case text == "":
		r.say(l.href)
	case !sameURL(text, l.href):
		// In the line of its text, even if what follows is to begin a new one.
		breaks, blanks := r.page.breaks, r.page.blanks
		r.page.breaks, r.page.blanks = 0, " "
		r.page.write("(" + l.href + ")")
		r.page.breaks, r.page.blanks = breaks, blanks
	}
}

// shownURL is how an URL is shown to somebody who can only copy it, "" for one that is of no use outside of Matrix.
func shownURL(href string) string {
	scheme, rest, found := strings.Cut(href, ":")
	if !found || rest == "" {
		return ""
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "ftps", "magnet", "geo", "sip", "sips", "xmpp", "irc", "ircs", "msnim":
		return href
	case "mailto", "tel":
		return rest
	}
	return ""
}

// sameURL says whether a link's text is its address, give or take what people leave out.
func sameURL(text, href string) bool {
	return bareURL(text) == bareURL(href)
}

func bareURL(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	s = strings.ToLower(s)
	for _, prefix := range []string{"https://", "http://", "mailto:", "tel:"} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "www."), "/")
}

// colorNames are the colours that old HTML names.
var colorNames = map[string]string{
	"black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "white": "#ffffff", "maroon": "#800000", "red": "#ff0000",
	"purple": "#800080", "fuchsia": "#ff00ff", "green": "#008000", "lime": "#00ff00", "olive": "#808000",
	"yellow": "#ffff00", "navy": "#000080", "blue": "#0000ff", "teal": "#008080", "aqua": "#00ffff", "orange": "#ffa500",
}

// parseColor reads #rgb, #rrggbb and names to #rrggbb.
func parseColor(s string) (string, bool) {
	s = strings.ToLower(s)
	if named, ok := colorNames[s]; ok {
		return named, true
	}
	if len(s) == 4 {
		s = string([]byte{s[0], s[1], s[1], s[2], s[2], s[3], s[3]})
	}
	if len(s) != 7 || s[0] != '#' {
		return "", false
	}
	if _, err := strconv.ParseUint(s[1:], 16, 32); err != nil {
		return "", false
	}
	return s, true
}
