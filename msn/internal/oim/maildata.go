package oim

import (
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html/charset"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	// maxHeaders bounds how many messages one document may tell of.
	maxHeaders = 10000
	// maxDocument bounds a document that is escaped in another, in bytes; a message has about 400 in it.
	maxDocument = 4 << 20
)

// Header is what is told of a message that waits.
type Header struct {
	ID         string
	From, Name string // passport and name of the sender
	Received   time.Time
	Size       int
	Read       bool
	Folder     string
	Type       string // "11" for an offline message, "13" from another network
}

// MailData is what Mail-Data says: counts of mail, and the messages that wait (core.md 6.2).
type MailData struct {
	Inbox, InboxUnread, Folders, FoldersUnread int
	// TooLarge is set if the service must be asked, since there are too many.
	TooLarge bool
	Messages []Header
}

// ReadMailData reads the field of a notice. White space, escaped documents and elements in odd places are taken as
// they come; what was understood of a broken one is returned with the error.
func ReadMailData(text string) (MailData, error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "too-large") {
		return MailData{TooLarge: true}, nil
	}
	if strings.HasPrefix(text, "&") {
		text = unescape(text)
	}
	if !strings.Contains(text, "<") {
		return MailData{}, fmt.Errorf("mail data: %.40q is no document", text)
	}
	d := soap.NewDecoder(strings.NewReader(text))
	var data MailData
	err := d.Document(func(root string) error {
		if root == "M" || root == "E" { // without MD around them
			return data.child(d, root)
		}
		return data.read(d)
	})
	if err != nil {
		return data, fmt.Errorf("mail data: %w", err)
	}
	return data, nil
}

// unescape undoes one layer of XML escapes.
func unescape(s string) string {
	d := xml.NewDecoder(strings.NewReader("<x>" + s + "</x>"))
	d.Strict = false
	var b strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return b.String()
		}
		if text, ok := token.(xml.CharData); ok {
			b.Write(text)
		}
	}
}

// readAnswer takes an answer to GetMetadata: MD with elements in it, MD with the text of a document, or that text alone.
func (m *MailData) readAnswer(d *soap.Decoder) error {
	var text strings.Builder
	long := false
	piece := func(s string) {
		if long = long || text.Len()+len(s) > maxDocument; !long {
			text.WriteString(s)
		}
	}
	err := d.Mixed(func(name string) error {
		if name != "MD" {
			return m.child(d, name)
		}
		return d.Mixed(func(name string) error { return m.child(d, name) }, piece)
	}, piece)
	switch {
	case err != nil:
		return err
	case long:
		return fmt.Errorf("mail data of more than %d bytes", maxDocument)
	case strings.TrimSpace(text.String()) == "" || len(m.Messages) > 0:
		return nil
	}
	*m, err = ReadMailData(text.String())
	return err
}

// read takes the children of MD.
func (m *MailData) read(d *soap.Decoder) error {
	return d.Each(func(name string) error { return m.child(d, name) })
}

func (m *MailData) child(d *soap.Decoder, name string) error {
	switch name {
	case "MD": // in another document's root
		return m.read(d)
	case "E":
		return m.counts(d)
	case "M":
		if len(m.Messages) >= maxHeaders {
			return fmt.Errorf("more than %d messages", maxHeaders)
		}
		h, err := readHeader(d)
		if h.ID != "" {
			m.Messages = append(m.Messages, h)
		}
		return err
	}
	return nil
}

func (m *MailData) counts(d *soap.Decoder) error {
	into := map[string]*int{"I": &m.Inbox, "IU": &m.InboxUnread, "O": &m.Folders, "OU": &m.FoldersUnread}
	return d.Each(func(name string) error {
		text, err := d.Text()
		if n, wrong := strconv.Atoi(text); wrong == nil && n >= 0 && n < 1<<20 && into[name] != nil {
			*into[name] = n
		}
		return err
	})
}

func readHeader(d *soap.Decoder) (h Header, err error) {
	err = d.Each(func(name string) error {
		text, err := d.Text()
		switch name {
		case "I":
			h.ID = text
		case "E":
			h.From = text
		case "N":
			h.Name = decodeWord(text)
		case "RT":
			h.Received = readTime(text)
		case "SZ":
			if n, wrong := strconv.Atoi(text); wrong == nil && n >= 0 {
				h.Size = n
			}
		case "RS":
			h.Read = text == "1"
		case "F":
			h.Folder = text
		case "T":
			h.Type = text
		}
		return err
	})
	return h, err
}

// readTime reads an ISO time, with or without a zone; the zero time for nonsense.
func readTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// decodeWord reads a name of RFC 2047. Some services leave a blank before its end.
func decodeWord(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), " ?=", "?=")
	words := mime.WordDecoder{CharsetReader: charsetReader}
	if decoded, err := words.DecodeHeader(s); err == nil {
		s = decoded
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// charsetReader is for words and bodies that are not UTF-8.
func charsetReader(label string, r io.Reader) (io.Reader, error) {
	converted, err := charset.NewReaderLabel(label, r)
	if err != nil {
		return nil, fmt.Errorf("the encoding %.40q is not known", label)
	}
	return converted, nil
}
