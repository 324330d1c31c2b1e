package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"
)

const (
	// maxDepth is far above what any answer nests.
	maxDepth = 64
	// maxText bounds the text of one element, in bytes; the longest are pictures of a roaming profile.
	maxText = 4 << 20
	// maxToken bounds what is read before a tag or a text is whole, as all of it is held in memory.
	maxToken = maxText + 64<<10
)

// Decoder reads the elements of an answer one after the other, by local name: prefixes and namespaces vary
// from server to server. It stands in an element; Each and Text take what is in it.
type Decoder struct {
	input *cleaner
	xml   *xml.Decoder
	depth int
	name  string
	attrs []xml.Attr
}

// NewDecoder reads XML that may have any encoding that its declaration names. What is not UTF-8, or no
// character of XML, is read as U+FFFD rather than refused: names of people hold such things.
func NewDecoder(r io.Reader) *Decoder {
	input := newCleaner(r)
	d := &Decoder{input: input, xml: xml.NewDecoder(input)}
	d.xml.Strict = false
	d.xml.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return input, nil // the declaration was read as single bytes, so it is none
		}
		r, err := charset.NewReaderLabel(label, input)
		if err != nil {
			return nil, ErrEncoding
		}
		return r, nil
	}
	return d
}

// ErrTooDeep is for XML that nests deeper than anything that makes sense.
var ErrTooDeep = errors.New("the XML is nested too deeply")

// ErrEncoding is for XML in an encoding that is not known.
var ErrEncoding = errors.New("the XML has an encoding that is not known")

// next is the next token that matters.
func (d *Decoder) next() (xml.Token, error) {
	d.input.since = 0
	token, err := d.xml.Token()
	if err != nil {
		return nil, broken(err)
	}
	switch t := token.(type) {
	case xml.StartElement:
		if d.depth++; d.depth > maxDepth {
			return nil, ErrTooDeep
		}
		d.name, d.attrs = t.Name.Local, t.Attr
	case xml.EndElement:
		d.depth--
	}
	return token, nil
}

// Name is the local name of the element that was entered last.
func (d *Decoder) Name() string { return d.name }

// Attr is an attribute of the element that was entered last, by local name; "" if it has none.
func (d *Decoder) Attr(local string) string {
	for _, a := range d.attrs {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// Each calls read for every child of the present element, inside of the child. What read leaves of the
// child is skipped.
func (d *Decoder) Each(read func(name string) error) error { return d.Mixed(read, nil) }

// Mixed is Each for an element that may have text beside its children, which text gets in pieces.
func (d *Decoder) Mixed(read func(name string) error, text func(piece string)) error {
	inside := d.depth
	for {
		token, err := d.next()
		if err != nil {
			return unexpected(err)
		}
		switch t := token.(type) {
		case xml.CharData:
			if text != nil {
				text(string(t))
			}
		case xml.StartElement:
			if err := read(d.name); err != nil {
				return err
			}
			for d.depth > inside {
				if _, err := d.next(); err != nil {
					return unexpected(err)
				}
			}
		case xml.EndElement:
			if d.depth < inside {
				return nil
			}
		}
	}
}

// Text is the text of the present element and all in it, to its end. White space around it is cut.
func (d *Decoder) Text() (string, error) {
	inside, text := d.depth, strings.Builder{}
	for {
		token, err := d.next()
		if err != nil {
			return "", unexpected(err)
		}
		switch t := token.(type) {
		case xml.CharData:
			if text.Len()+len(t) > maxText {
				return "", ErrTooLong
			}
			text.Write(t)
		case xml.EndElement:
			if d.depth < inside {
				return strings.TrimSpace(text.String()), nil
			}
		}
	}
}

// Into reads the text of the present element into a variable.
func (d *Decoder) Into(s *string) error {
	text, err := d.Text()
	if err == nil {
		*s = text
	}
	return err
}

// Flag reads true, false, 1, 0 in any letter case; what is neither leaves the variable alone.
func (d *Decoder) Flag(b *bool) error {
	text, err := d.Text()
	switch strings.ToLower(text) {
	case "true", "1":
		*b = true
	case "false", "0":
		*b = false
	}
	return err
}

// Document reads a whole document by its root: read is called inside of it.
func (d *Decoder) Document(read func(root string) error) error {
	for {
		token, err := d.next()
		if errors.Is(err, io.EOF) {
			return errors.New("there is no XML in it")
		}
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			return read(d.name)
		}
	}
}

// unexpected is an end inside of an element.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

var errCut = fmt.Errorf("the XML is cut off: %w", io.ErrUnexpectedEOF)

// broken says where XML is none, without quoting it, as there may be a ticket in it.
func broken(err error) error {
	var e *xml.SyntaxError
	switch {
	case errors.Is(err, ErrEncoding):
		return ErrEncoding
	case strings.HasPrefix(err.Error(), "xml: unsupported version"):
		return errors.New("the XML has a version that is not supported")
	case !errors.As(err, &e):
		return err
	case strings.HasPrefix(e.Msg, "unexpected EOF"):
		return errCut
	}
	return fmt.Errorf("the XML makes no sense in line %d", e.Line)
}
