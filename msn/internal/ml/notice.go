package ml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ContactsSite is the siteid of notices about the address book; those of other sites are for people.
const ContactsSite = 45705

// maxNoticeText bounds each text of a notice, in bytes.
const maxNoticeText = 16 << 10

// Notice is what a NOT or an IPG says (core.md 6.4).
type Notice struct {
	Site     int    // siteid
	SiteURL  string // what Action is relative to
	To, From string // the names of both ends; From only of a page from a telephone
	// Text is what to show people, Action where more of it is.
	Text, Action string
	// Service is what has changed if there is no text: ABCHInternal for the address book. CircleID, in lower case,
	// Operation and Role say more if it is a circle.
	Service, CID, CircleID, Operation, Role string
}

// Changed tells whether the notice is about the address book, or a circle in it.
func (n Notice) Changed() bool { return n.Service == "ABCHInternal" || n.CircleID != "" }

// ReadNotice reads a notice. What it understands of a broken one is returned with the error.
func ReadNotice(payload []byte) (Notice, error) {
	var n Notice
	var data string // escaped XML
	err := walk(string(payload), func(t xml.StartElement) {
		switch t.Name.Local {
		case "NOTIFICATION":
			n.SiteURL = attr(t, "siteurl")
			if site, err := strconv.ParseUint(attr(t, "siteid"), 10, 31); err == nil {
				n.Site = int(site)
			}
		case "TO":
			n.To = attr(t, "name")
		case "FROM":
			n.From = attr(t, "name")
		case "ACTION":
			n.Action = attr(t, "url")
		}
	}, func(name, chars string) {
		switch name {
		case "BODY":
			data += cutTo(chars, maxNoticeText-len(data))
		case "TEXT":
			n.Text += cutTo(chars, maxNoticeText-len(n.Text))
		}
	})
	n.Text = strings.TrimSpace(n.Text)
	if err != nil || strings.TrimSpace(data) == "" {
		return n, err
	}
	return n, n.readData(data)
}

// readData reads the document in the body of a notice.
func (n *Notice) readData(document string) error {
	fields := map[string]*string{
		"Service": &n.Service, "CID": &n.CID, "CircleId": &n.CircleID, "OperationType": &n.Operation, "Role": &n.Role,
	}
	err := walk(document, func(xml.StartElement) {}, func(name, chars string) {
		if field := fields[name]; field != nil {
			*field += cutTo(chars, maxNoticeText-len(*field))
		}
	})
	for _, field := range fields {
		*field = strings.TrimSpace(*field)
	}
	n.CircleID = strings.ToLower(n.CircleID)
	return err
}

// cutTo is the beginning of a text, at most n bytes of whole characters.
func cutTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:max(n, 0)], "")
}

// walk calls back for every element and every piece of text, with the name of the element that it is in.
func walk(document string, start func(t xml.StartElement), chars func(name, s string)) error {
	d := xml.NewDecoder(strings.NewReader(strings.ToValidUTF8(document, "\uFFFD")))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it was made UTF-8
	var path []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("notice: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > maxDepth {
				return errors.New("notice: nested too deeply, beyond " + strconv.Itoa(maxDepth))
			}
			start(t)
		case xml.EndElement:
			path = path[:max(len(path)-1, 0)]
		case xml.CharData:
			if len(path) > 0 {
				chars(path[len(path)-1], string(t))
			}
		}
	}
}
