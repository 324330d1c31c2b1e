package msnfmt

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	// maxDepth bounds how deep elements are followed; those within are read as their text.
	maxDepth = 200
	// maxNumber is the highest number a list may start at.
	maxNumber = 9999
)

// htmlText turns Matrix HTML into text and the format that covers all of it. ok is false if the HTML is not to be
// used: broken, growing, or hiding what follows in an element that was never closed.
//
// It goes by tokens and its own stack rather than by html.Parse, which is built to show what browsers show: it copies
// open formatting into each paragraph, and 64 KiB of input may become millions of nodes.
func htmlText(source string, opt Options, about About) (text string, format msn.TextFormat, ok bool) {
	r := &renderer{opt: opt, about: about, names: map[id.UserID]string{}}
	if !r.render(source) {
		return "", format, false
	}
	format = r.covered.format(opt)
	if marks := r.covered.partly(); marks != (effects{}) {
		// A part is styled. Now that it is known which, once more with marks around such parts.
		again := &renderer{opt: opt, about: about, names: r.names, mark: marks}
		if !again.render(source) {
			return "", format, false
		}
		r = again
	}
	return r.page.out.String(), format, true
}

// effects are styles in force at some place.
type effects struct {
	bold, italic, underline, strike bool
	color                           string // normalised "#rrggbb", "" for none
	rtl                             bool
}

// coverage compares the effects of all visible text.
type coverage struct {
	seen     bool
	all, any effects // any has no colour
}

func (c *coverage) note(e effects) {
	if !c.seen {
		c.seen, c.all, c.any = true, e, e
		return
	}
	c.all.bold = c.all.bold && e.bold
	c.all.italic = c.all.italic && e.italic
	c.all.underline = c.all.underline && e.underline
	c.all.strike = c.all.strike && e.strike
	c.all.rtl = c.all.rtl && e.rtl
	if c.all.color != e.color {
		c.all.color = ""
	}
	c.any.bold = c.any.bold || e.bold
	c.any.italic = c.any.italic || e.italic
	c.any.strike = c.any.strike || e.strike
}

func (c *coverage) format(opt Options) msn.TextFormat {
	f := msn.TextFormat{
		Bold: c.all.bold, Italic: c.all.italic, Underline: c.all.underline, Strike: c.all.strike,
		RightToLeft: c.all.rtl,
	}
	if c.all.color != "" && opt.Fonts {
		if rgb, err := strconv.ParseUint(c.all.color[1:], 16, 32); err == nil && !isBlack(uint32(rgb)) && !isWhite(uint32(rgb)) {
			f.Color = uint32(rgb)
		}
	}
	return f
}

// partly are the effects that are worth a mark: those that some of the text has.
func (c *coverage) partly() effects {
	return effects{
		bold:   c.any.bold && !c.all.bold,
		italic: c.any.italic && !c.all.italic,
		strike: c.any.strike && !c.all.strike,
	}
}

// frame is an open element.
type frame struct {
	tag      string
	effects  effects
	skip     bool // nothing inside is shown
	verbatim bool // white space inside counts
	levels   int  // of the page, when the element opened
	marks    []*mark
	link     *link // the a element that this is in or is
	next     int   // the next number of a numbered list
	cells    int   // seen in this row
}

// link is an open a element.
type link struct {
	href string
	user id.UserID // it mentions this user
	text strings.Builder
}

type renderer struct {
	opt     Options
	about   About
	names   map[id.UserID]string
	mark    effects // effects that get marks
	covered coverage
	page    page
	stack   []frame
	after   string // the block that ended last, while nothing followed it
	inPre   bool   // a pre began and nothing followed it
}

func (r *renderer) render(source string) (ok bool) {
	r.stack = append(r.stack, frame{})
	tokens := html.NewTokenizer(strings.NewReader(source))
	for !r.page.full {
		switch tokens.Next() {
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) || r.top().skip {
				return false
			}
			for len(r.stack) > 1 {
				r.pop()
			}
			return !r.page.full
		case html.TextToken:
			r.text(string(tokens.Text()))
		case html.StartTagToken:
			r.open(tokens.Token())
		case html.SelfClosingTagToken:
			// On a tag that is not void, HTML ignores the slash and leaves the element open. Here it closes.
			token := tokens.Token()
			r.open(token)
			r.shut(token.Data)
		case html.EndTagToken:
			name, _ := tokens.TagName()
			r.shut(string(name))
		}
	}
	return false
}

func (r *renderer) top() *frame { return &r.stack[len(r.stack)-1] }

// say writes visible text and lets it count for links and coverage.
func (r *renderer) say(s string) {
	if strings.TrimSpace(s) != "" {
		top := r.top()
		if top.link != nil {
			if r.page.blanks != "" && top.link.text.Len() > 0 {
				top.link.text.WriteByte(' ')
			}
			top.link.text.WriteString(s)
		}
		r.covered.note(top.effects)
		r.after, r.inPre = "", false
	}
	r.page.write(s)
}

// text adds what stands between tags.
func (r *renderer) text(s string) {
	if r.top().skip {
		return
	}
	s = clean(s)
	if r.top().verbatim {
		r.verbatim(s)
		return
	}
	const white = " \t\n\f" // and not the blank that does not break
	words := strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(white, c) })
	if strings.TrimLeft(s, white) != s {
		r.blank()
	}
	if len(words) == 0 {
		return
	}
	line := strings.Join(words, " ")
	if r.opt.Emoticons {
		line = toCodes(line, r.page.before())
	}
	r.say(strings.ReplaceAll(line, "\u00A0", " "))
	if strings.TrimRight(s, white) != s {
		r.blank()
	}
}

// blank parts what was written in this line from what follows.
func (r *renderer) blank() {
	if !r.page.atLineStart() && r.page.blanks == "" {
		r.page.blanks = " "
	}
}

// verbatim adds text as it stands, but for white space at the ends of lines.
func (r *renderer) verbatim(s string) {
	if r.inPre {
		s = strings.TrimPrefix(s, "\n")
		r.inPre = false
	}
	for i, line := range strings.Split(strings.ReplaceAll(s, "\u00A0", " "), "\n") {
		if i > 0 {
			r.page.endLine(1)
		}
		body := strings.TrimRight(line, " \t")
		if body != "" {
			r.say(body)
			r.page.blanks = ""
		}
		r.page.blanks += line[len(body):]
	}
}
