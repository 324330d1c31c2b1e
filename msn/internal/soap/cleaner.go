package soap

import (
	"bufio"
	"io"
	"strconv"
	"unicode/utf8"
)

// cleaner replaces what XML 1.0 does not allow, raw or as a character reference, by U+FFFD.
type cleaner struct {
	r       *bufio.Reader
	pending []byte
	utf8    bool
	any     bool
}

const replacement = "\uFFFD"

func newCleaner(r io.Reader) *cleaner { return &cleaner{r: bufio.NewReaderSize(r, 4096)} }

// Read gives clean bytes.
func (c *cleaner) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !c.any {
		c.any = true
		c.begin()
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	for n < len(p) && len(c.pending) == 0 {
		if n > 0 && c.r.Buffered() == 0 {
			break // give what there is rather than wait
		}
		if err := c.step(); err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		m := copy(p[n:], c.pending)
		n += m
		c.pending = c.pending[m:]
	}
	return n, nil
}

// begin passes over a byte order mark and looks whether another encoding than UTF-8 is declared, in which
// bytes from 0x80 mean something else.
func (c *cleaner) begin() {
	if head, _ := c.r.Peek(3); string(head) == "\xEF\xBB\xBF" {
		_, _ = c.r.Discard(3) // they were peeked at
	}
	head, _ := c.r.Peek(200)
	c.utf8 = declaredUTF8(head)
}

// step makes pending out of the next character.
func (c *cleaner) step() error {
	b, err := c.r.ReadByte()
	if err != nil {
		return err
	}
	switch {
	case b == '&':
		c.reference()
	case b < ' ' && b != '\t' && b != '\n' && b != '\r', b == 0x7F:
		c.pending = append(c.pending[:0], replacement...)
	case b < utf8.RuneSelf || !c.utf8:
		c.pending = append(c.pending[:0], b)
	default:
		_ = c.r.UnreadByte() // it was just read
		r, size, err := c.r.ReadRune()
		if err != nil {
			return err
		}
		if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
			r = utf8.RuneError
		}
		c.pending = utf8.AppendRune(c.pending[:0], r)
	}
	return nil
}

// reference takes what follows '&': a reference to a character that may not be is replaced.
func (c *cleaner) reference() {
	c.pending = append(c.pending[:0], '&')
	head, _ := c.r.Peek(12)
	if len(head) < 3 || head[0] != '#' {
		return
	}
	digits, base := head[1:], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	for i, b := range digits {
		if b != ';' {
			continue
		}
		n, err := strconv.ParseUint(string(digits[:i]), base, 32)
		if err == nil && !allowed(n) {
			_, _ = c.r.Discard(len(head) - len(digits) + i + 1) // they were peeked at
			c.pending = append(c.pending[:0], replacement...)
		}
		return
	}
}

// allowed tells the characters of XML 1.0.
func allowed(n uint64) bool {
	switch {
	case n == '\t', n == '\n', n == '\r':
		return true
	case n < ' ', n >= 0xD800 && n <= 0xDFFF, n == 0xFFFE, n == 0xFFFF, n > 0x10FFFF:
		return false
	}
	return true
}

// declaredUTF8 is false if an XML declaration names an encoding that is neither UTF-8 nor UTF-16; the
// latter is never meant, as it was readable.
func declaredUTF8(head []byte) bool {
	label := declaredEncoding(head)
	return label == "" || label == "utf-8" || label == "utf8" || label == "us-ascii" || len(label) > 6 && label[:6] == "utf-16" || label == "utf-16"
}
