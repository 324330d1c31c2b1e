package msn

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/ml"
)

const (
	// maxNotice is how much of a notice's text is passed on, in bytes.
	maxNotice = 2048
)

// serviceMessage is a MSG of the service itself: a header block, an empty line, and a body of further
// Name: value lines (core.md 6.1 to 6.3).
type serviceMessage struct {
	contentType string
	header      []Field
	body        []Field
}

// parseServiceMessage reads it leniently: what is no field is passed over.
func parseServiceMessage(payload []byte) serviceMessage {
	header, rest, err := parseFields(bytes.ToValidUTF8(payload, []byte("\uFFFD")))
	if err != nil {
		return serviceMessage{}
	}
	m := serviceMessage{header: header}
	m.body, _ = parseFieldLines(rest) // a body without fields has none
	kind, _, _ := strings.Cut(field(header, "Content-Type"), ";")
	m.contentType = strings.ToLower(strings.TrimSpace(kind))
	return m
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
		nc.web.admitted(field(m.header, "MSPAuth"), field(m.header, "MSPProf"))
	case "application/x-msmsgssystemmessage":
		text := fmt.Sprintf("System message of type %s: %s", field(m.body, "Type"), field(m.body, "Arg1"))
		if field(m.body, "Type") == "1" {
			text = fmt.Sprintf("The service goes down for maintenance in %s minutes.", field(m.body, "Arg1"))
		}
		nc.report(ctx, ServerNotice{Text: cut(text, maxNotice)})
	default:
		nc.mailNotice(ctx, m)
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

// notice takes NOT and IPG. Those about the address book or a circle make the book be read again, as a whole;
// the text of others, if there is one, is for the user (core.md 6.4).
func (nc *notificationConn) notice(ctx context.Context, payload []byte) {
	n, err := ml.ReadNotice(bytes.ToValidUTF8(payload, []byte("\uFFFD")))
	if err != nil {
		nc.client.comment("a notice makes no sense: " + err.Error())
	}
	switch {
	case n.Changed():
		nc.bookStale(ctx)
	case n.Text != "":
		nc.report(ctx, ServerNotice{Text: cut(n.Text, maxNotice)})
	}
}
