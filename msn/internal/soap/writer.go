package soap

import (
	"bytes"
	"encoding/xml"
)

// Writer makes XML. Names and namespaces are given as they stand; texts and attribute values are escaped.
type Writer struct{ b bytes.Buffer }

// Open begins an element; attrs are name, value, name, value.
func (w *Writer) Open(name string, attrs ...string) *Writer {
	w.b.WriteByte('<')
	w.b.WriteString(name)
	for i := 0; i+1 < len(attrs); i += 2 {
		w.b.WriteByte(' ')
		w.b.WriteString(attrs[i])
		w.b.WriteString(`="`)
		w.escape(attrs[i+1])
		w.b.WriteByte('"')
	}
	w.b.WriteByte('>')
	return w
}

// Close ends an element.
func (w *Writer) Close(name string) *Writer {
	w.b.WriteString("</")
	w.b.WriteString(name)
	w.b.WriteByte('>')
	return w
}

// Element is one with only text in it.
func (w *Writer) Element(name, text string, attrs ...string) *Writer {
	w.Open(name, attrs...)
	w.escape(text)
	return w.Close(name)
}

// Text is text.
func (w *Writer) Text(s string) *Writer {
	w.escape(s)
	return w
}

func (w *Writer) escape(s string) { _ = xml.EscapeText(&w.b, []byte(s)) } // a Buffer takes everything

// Bytes is what was written.
func (w *Writer) Bytes() []byte { return w.b.Bytes() }

// String is what was written.
func (w *Writer) String() string { return w.b.String() }
