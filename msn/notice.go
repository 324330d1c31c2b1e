package msn

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"strings"
)

const (
	// maxNotice is how much of a notice's text is passed on, in bytes.
	maxNotice = 2048
	// maxProfileFields is how many fields of the profile are kept.
	maxProfileFields = 64
)

// serviceMessage is a MSG of the service itself: a header block, an empty line, and a body of further
// Name: value lines (core.md 6.1 to 6.3).
type serviceMessage struct {
	contentType string
	header      []Field
	body        []Field
}

// parseServiceMessage reads it leniently: lines without a colon are skipped.
func parseServiceMessage(payload []byte) serviceMessage {
	var m serviceMessage
	text := strings.ReplaceAll(string(bytes.ToValidUTF8(payload, []byte("\uFFFD"))), "\r\n", "\n")
	header, body, _ := strings.Cut(text, "\n\n")
	m.header, m.body = fields(header), fields(body)
	for _, f := range m.header {
		if strings.EqualFold(f.Name, "Content-Type") {
			kind, _, _ := strings.Cut(f.Value, ";")
			m.contentType = strings.ToLower(strings.TrimSpace(kind))
		}
	}
	return m
}

// fields splits Name: value lines.
func fields(block string) []Field {
	var list []Field
	for line := range strings.Lines(block) {
		name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if found && len(list) < maxProfileFields {
			list = append(list, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return list
}

// field finds one by name.
func field(list []Field, name string) string {
	for _, f := range list {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// message takes a MSG of the service.
func (nc *notificationConn) message(ctx context.Context, payload []byte) {
	m := parseServiceMessage(payload)
	switch m.contentType {
	case "text/x-msmsgsprofile":
		p := profileOf(m.header)
		nc.mu.Lock()
		nc.profile = p
		nc.mu.Unlock()
	case "application/x-msmsgssystemmessage":
		text := fmt.Sprintf("System message of type %s: %s", field(m.body, "Type"), field(m.body, "Arg1"))
		if field(m.body, "Type") == "1" {
			text = fmt.Sprintf("The service goes down for maintenance in %s minutes.", field(m.body, "Arg1"))
		}
		nc.report(ctx, ServerNotice{Text: cut(text, maxNotice)})
	}
}

// profileOf keeps what is harmless of a profile: tickets (MSPAuth and its like) open the user's mailbox.
func profileOf(header []Field) Profile {
	p := Profile{Fields: make(map[string]string)}
	for _, f := range header {
		switch name := strings.ToLower(f.Name); {
		case name == "mime-version", name == "content-type", strings.HasPrefix(name, "msp"), f.Value == "":
		case name == "emailenabled":
			p.EmailEnabled = f.Value == "1"
		case name == "mpopenabled":
			p.MPOPEnabled = f.Value == "1"
		case name == "clientip":
			p.ClientIP = cut(f.Value, 64)
		default:
			p.Fields[f.Name] = cut(f.Value, 256)
		}
	}
	return p
}

// notice takes NOT and IPG: their text, if there is one, is for the user (core.md 6.4).
func (nc *notificationConn) notice(ctx context.Context, payload []byte) {
	_, rest, found := strings.Cut(string(bytes.ToValidUTF8(payload, []byte("\uFFFD"))), "<TEXT")
	if !found {
		return
	}
	_, rest, _ = strings.Cut(rest, ">")
	text, _, _ := strings.Cut(rest, "</TEXT")
	if text = strings.TrimSpace(html.UnescapeString(text)); text != "" {
		nc.report(ctx, ServerNotice{Text: cut(text, maxNotice)})
	}
}
