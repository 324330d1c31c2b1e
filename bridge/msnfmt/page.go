package msnfmt

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxText bounds what one HTML body may become, in bytes. An event has 64 KiB, so only HTML that was made to grow
	// comes here; its plain body is used instead.
	maxText = 128 << 10
	// maxIndent is how many levels of quotes and lists are shown in front of continued lines.
	maxIndent = 8
)

// page collects the lines of a text. Breaks and blanks are held back until something visible follows, so that none
// pile up and none end the text.
type page struct {
	out     strings.Builder
	levels  []level
	marks   []*mark // to be opened before the next visible text
	blanks  string  // to be written before the next visible text of the same line
	breaks  int     // line ends to be written before it
	shallow int     // fewest levels that were open since the first of these breaks
	full    bool    // more than maxText: what is here is not to be used
}

// level is a quote or a list item: first goes before its first line, rest before the others.
type level struct {
	first, rest string
	used        bool
}

// mark is punctuation around a part of the text. It is written only if the part has something visible.
type mark struct{ opening, closing string }

func (p *page) atLineStart() bool { return p.breaks > 0 || p.out.Len() == 0 }

// write adds visible text without line ends.
func (p *page) write(s string) {
	if s == "" || p.full {
		return
	}
	if p.atLineStart() {
		p.startLine()
	}
	p.out.WriteString(p.blanks)
	p.blanks = ""
	for _, m := range p.marks {
		p.out.WriteString(m.opening)
	}
	p.marks = p.marks[:0]
	p.out.WriteString(s)
	p.full = p.out.Len() > maxText
}

func (p *page) startLine() {
	p.shallow = min(p.shallow, len(p.levels))
	for i := range p.breaks {
		if i > 0 {
			var between string
			for _, l := range p.levels[:p.shallow] {
				if l.used {
					between += l.rest
				}
			}
			p.out.WriteString(strings.TrimRight(between, " "))
		}
		p.out.WriteByte('\n')
		if p.out.Len() > maxText {
			break
		}
	}
	p.breaks = 0
	for i := range p.levels {
		if l := &p.levels[i]; l.used {
			p.out.WriteString(l.rest)
		} else {
			p.out.WriteString(l.first)
			l.used = true
		}
	}
}

// endLine adds n line ends.
func (p *page) endLine(n int) { p.breakTo(p.breaks + n) }

// breakTo sees to it that at least n line ends come before what follows: 1 is a new line, 2 an empty one between.
func (p *page) breakTo(n int) {
	p.blanks = ""
	if p.out.Len() == 0 {
		return
	}
	if p.breaks == 0 {
		p.shallow = len(p.levels)
	}
	p.shallow = min(p.shallow, len(p.levels))
	p.breaks = max(p.breaks, n)
}

func (p *page) push(first, rest string) {
	if len(p.levels) >= maxIndent {
		rest = ""
	}
	p.levels = append(p.levels, level{first: first, rest: rest})
}

func (p *page) pop() { p.levels = p.levels[:len(p.levels)-1] }

func (p *page) open(m *mark) { p.marks = append(p.marks, m) }

func (p *page) close(m *mark) {
	for i, waiting := range p.marks {
		if waiting == m {
			p.marks = append(p.marks[:i], p.marks[i+1:]...)
			return
		}
	}
	if !p.full {
		p.out.WriteString(m.closing)
	}
}

// before is the rune that the next visible text will follow in its line, 0 for none.
func (p *page) before() rune {
	switch {
	case p.atLineStart():
		return 0
	case p.blanks != "":
		return ' '
	case len(p.marks) > 0: // what a mark opens starts afresh
		return 0
	}
	r, _ := utf8.DecodeLastRuneInString(p.out.String())
	return r
}
