package soap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// cleaner replaces what XML 1.0 does not allow, raw or as a character reference, by U+FFFD, and makes UTF-8 of
// UTF-16. Two references to the halves of a surrogate pair become the character that is meant.
type cleaner struct {
	r       *bufio.Reader
	pending []byte // of room
	room    [16]byte
	utf8    bool
	any     bool
	since   int // how much was given since it was last set to 0
	most    int // how much of that there may be
}

// maxReference is the longest character reference that is looked at, as zeros may lead the number.
const maxReference = 32

// replacement stands for a raw byte that may not be.
func replacement(utf8 bool) string {
	if utf8 {
		return "\uFFFD"
	}
	return "?"
}

func newCleaner(r io.Reader) *cleaner {
	return &cleaner{r: bufio.NewReaderSize(r, 8192), most: maxToken}
}

// ErrTooLong is for a tag or a text beyond all measure.
var ErrTooLong = errors.New("a tag or a text in the XML is too long")

// Read gives clean bytes.
func (c *cleaner) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.since > c.most {
		return 0, ErrTooLong
	}
	if !c.any {
		c.any = true
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	for n < len(p) && len(c.pending) == 0 {
		if n > 0 && c.r.Buffered() == 0 {
			break // give what there is rather than wait
		}
		if m := c.plain(p[n:]); m > 0 {
			n += m
			continue
		}
		if err := c.step(); err != nil {
			if n > 0 {
				break // it comes again
			}
			return 0, err
		}
		m := copy(p[n:], c.pending)
		n += m
		c.pending = c.pending[m:]
	}
	c.since += n
	return n, nil
}

// begin passes over a byte order mark and looks whether another encoding than UTF-8 is declared, in which
// bytes from 0x80 mean something else.
func (c *cleaner) begin() error {
	head, _ := c.r.Peek(4) // an error comes again with the next Read
	switch label := wide(head); {
	case label != "":
		r, err := charset.NewReaderLabel(label, c.r)
		if err != nil {
			return err
		}
		c.r, c.utf8 = bufio.NewReaderSize(r, 8192), true
		if head, _ := c.r.Peek(3); string(head) == "\uFEFF" {
			_, _ = c.r.Discard(3) // they were peeked at
		}
		return nil
	case bytes.HasPrefix(head, []byte("\uFEFF")):
		_, _ = c.r.Discard(3) // they were peeked at
	}
	head, _ = c.r.Peek(200)
	c.utf8 = declaredUTF8(head)
	return nil
}

// wide is the form of UTF-16 that XML begins in, "" for none.
func wide(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{'<', 0}):
		return "utf-16le"
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}), bytes.HasPrefix(head, []byte{0, '<'}):
		return "utf-16be"
	}
	return ""
}

// plain gives what is buffered up to the next byte that needs a look.
func (c *cleaner) plain(p []byte) int {
	head, _ := c.r.Peek(min(len(p), c.r.Buffered())) // it is buffered
	n := 0
	for n < len(head) && untouched[head[n]] {
		n++
	}
	copy(p, head[:n])
	_, _ = c.r.Discard(n) // they were peeked at
	return n
}

// untouched are the bytes that mean themselves in any encoding.
var untouched = func() (table [256]bool) {
	for b := range utf8.RuneSelf {
		table[b] = b != '&' && allowed(uint64(b))
	}
	return table
}()

// step makes pending out of the next character.
func (c *cleaner) step() error {
	b, err := c.r.ReadByte()
	if err != nil {
		return err
	}
	switch {
	case b == '&':
		c.reference()
	case b < utf8.RuneSelf && !untouched[b]:
		c.pending = append(c.room[:0], replacement(c.utf8)...)
	case b < utf8.RuneSelf || !c.utf8:
		c.pending = append(c.room[:0], b)
	default:
		_ = c.r.UnreadByte() // it was just read
		r, _, err := c.r.ReadRune()
		if err != nil {
			return err
		}
		if !allowed(uint64(r)) {
			r = utf8.RuneError
		}
		c.pending = utf8.AppendRune(c.room[:0], r) // what is no UTF-8 was read as U+FFFD
	}
	return nil
}

// reference takes what follows '&'. It answers with a reference too, as that is the same in every encoding.
func (c *cleaner) reference() {
	c.pending = append(c.room[:0], '&')
	n, size := c.numbered(0)
	if size == 0 || allowed(n) {
		return
	}
	r := utf8.RuneError
	if n <= 0xFFFF && utf16.IsSurrogate(rune(n)) {
		low, more := c.low(size)
		if pair := utf16.DecodeRune(rune(n), low); pair != utf8.RuneError {
			r, size = pair, size+more
		}
	}
	_, _ = c.r.Discard(size) // they were peeked at
	c.pending = fmt.Appendf(c.room[:0], "&#%d;", r)
}

// low is the character reference that follows after so many bytes, if it is for half of a surrogate pair.
func (c *cleaner) low(after int) (r rune, size int) {
	head, _ := c.r.Peek(after + 2)
	if len(head) < after+2 || head[after] != '&' || head[after+1] != '#' {
		return 0, 0
	}
	n, size := c.numbered(after + 1)
	if size == 0 || n > 0xFFFF {
		return 0, 0
	}
	return rune(n), size + 1
}

// numbered reads "#...;" at a distance from here without taking it; size 0 is for none.
func (c *cleaner) numbered(at int) (n uint64, size int) {
	if head, _ := c.r.Peek(at + 1); len(head) <= at || head[at] != '#' {
		return 0, 0
	}
	for size = 2; size <= maxReference; size++ {
		head, err := c.r.Peek(at + size) // no more than is needed: what follows may not have been sent yet
		if err != nil {
			return 0, 0
		}
		switch b := head[at+size-1]; {
		case b == ';':
			return number(head[at+1 : at+size-1]), size
		case b < '0' || b > 'z' || b > '9' && b < 'A':
			return 0, 0
		}
	}
	return 0, 0
}

// number is the number of a character reference. What is none is allowed: it stays as it is.
func number(digits []byte) uint64 {
	text, base := string(digits), 10
	if len(text) > 0 && (text[0] == 'x' || text[0] == 'X') {
		text, base = text[1:], 16
	}
	n, err := strconv.ParseUint(text, base, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0
	case err != nil:
		return ' '
	}
	return n
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
	return label == "" || label == "utf-8" || label == "utf8" || label == "us-ascii" || len(label) >= 6 && label[:6] == "utf-16"
}
