package msntest

import (
	"html"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// maxMessage bounds the payload of UUX; longer ones close the connection.
const maxMessage = 8 << 10

// privateData is what an endpoint tells the others of the same account (core.md 8.4).
type privateData struct {
	told  bool
	name  string
	kind  int
	idle  bool
	state msn.Status
}

// setPersonalMessage does UUX: the personal message, or what is about the endpoint, in a document of its own or inside.
func setPersonalMessage(n *session, cmd wire.Command) {
	if len(cmd.Payload) > maxMessage {
		n.conn.hangUp()
		return
	}
	doc, s := string(cmd.Payload), n.conn.srv
	if n.dialect.endpoints {
		doc = n.takePlace(doc)
	}
	if doc != "" || len(cmd.Payload) == 0 {
		n.account.face.message = []byte(doc)
	}
	n.conn.reply(cmd, "UUX", "0")
	s.personalOf(n.account)
}

// takePlace takes what a document says of the endpoint and returns the rest, "" if that was all.
func (n *session) takePlace(doc string) string {
	rest, inner, private := cutElement(doc, "PrivateEndpointData")
	if private {
		n.private = privateData{
			told: true, name: elementText(inner, "EpName"), kind: 1,
			idle: strings.EqualFold(elementText(inner, "Idle"), "true"), state: msn.Status(elementText(inner, "State")),
		}
		if kind, err := strconv.Atoi(elementText(inner, "ClientType")); err == nil {
			n.private.kind = kind
		}
	}
	rest, inner, public := cutElement(rest, "EndpointData")
	if public && !n.conn.srv.quirks.BarePlaces {
		n.capabilities = msn.ParseCapabilities(elementText(inner, "Capabilities"))
	}
	if (private || public) && !strings.Contains(rest, "<") {
		return ""
	}
	return rest
}

// cutElement takes the first element of that name out of a document that may be anything.
func cutElement(doc, name string) (rest, inner string, found bool) {
	at := 0
	for {
		i := strings.Index(doc[at:], "<"+name)
		if i < 0 {
			return doc, "", false
		}
		start := at + i
		at = start + 1 + len(name)
		if at < len(doc) && strings.IndexByte(" \t\r\n/>", doc[at]) >= 0 {
			return cutAt(doc, name, start, at)
		}
	}
}

// cutAt cuts the element that starts at start and whose name ends at at.
func cutAt(doc, name string, start, at int) (rest, inner string, found bool) {
	end := strings.IndexByte(doc[at:], '>')
	if end < 0 {
		return doc, "", false
	}
	end += at
	if doc[end-1] == '/' {
		return doc[:start] + doc[end+1:], "", true
	}
	inner, after, closed := strings.Cut(doc[end+1:], "</"+name+">")
	if !closed {
		return doc, "", false
	}
	return doc[:start] + after, inner, true
}

// elementText is the text of an element, "" if there is none.
func elementText(doc, name string) string {
	_, inner, _ := cutElement(doc, name)
	return html.UnescapeString(inner)
}

// markup writes a text into XML.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// personalOf shows what somebody says of itself to those who see it, and to its own endpoints.
func (s *Server) personalOf(a *account) {
	s.eachWatcher(a, func(n *session) {
		if n.shown[a.passport] {
			n.showPersonal(a)
		}
	})
	s.personalInCircles(a)
	s.showPlaces(a)
}

// showPersonal tells a client about a change of what somebody says of itself, be it that nothing is left.
func (n *session) showPersonal(a *account) {
	if n.dialect.documents {
		n.tellUser(a, false)
	} else {
		n.showMessage(a, true)
	}
}

// showPlaces tells all endpoints of an account of each other.
func (s *Server) showPlaces(a *account) {
	for _, n := range a.sessions {
		switch {
		case n.dialect.documents:
			n.tellUser(a, false)
		case n.dialect.endpoints:
			n.showMessage(a, true)
		}
	}
}

// showMessage sends UBX: somebody's personal message as it came, and its endpoints in MSNP16+. An empty one is sent only if
// that is news.
func (n *session) showMessage(a *account, news bool) {
	if !n.dialect.messages {
		return
	}
	payload := n.personalDocument(a)
	if len(payload) > 0 || news {
		n.conn.send(wire.Command{Name: "UBX", Args: n.addressArgs(a, ""), Payload: payload})
	}
}

// personalDocument is the payload of UBX, never nil.
func (n *session) personalDocument(a *account) []byte {
	doc := string(a.face.message)
	switch {
	case doc == "":
	case n.conn.srv.quirks.OwnMarkup:
		doc = n.escargotDocument(doc)
	default:
		doc = n.withoutNewer(doc)
	}
	if !n.dialect.endpoints {
		return []byte(doc)
	}
	places := n.placesOf(a)
	if places == "" {
		return []byte(doc)
	}
	i := strings.LastIndex(doc, "</Data>")
	if i < 0 {
		return []byte("<Data>" + places + "</Data>")
	}
	return []byte(doc[:i] + places + doc[i:])
}

// withoutNewer is a document without the elements that are newer than this client's version.
func (n *session) withoutNewer(doc string) string {
	for _, f := range personalFields {
		for found := !slices.Contains(n.dialect.elements, f.name); found; {
			doc, _, found = cutElement(doc, f.name)
		}
	}
	return doc
}

// placesOf is the elements about endpoints. Those of this client's own account are told in full.
func (n *session) placesOf(a *account) string {
	var b strings.Builder
	own := a == n.account
	for _, m := range a.sessions {
		if m.endpoint != "" && (own || m.present()) {
			b.WriteString(`<EndpointData id="{` + m.endpoint + `}"><Capabilities>` + m.capabilities.Format(true) +
				`</Capabilities></EndpointData>`)
		}
	}
	for _, m := range a.sessions {
		if own && m.endpoint != "" && m.private.told {
			b.WriteString(`<PrivateEndpointData id="{` + m.endpoint + `}"><EpName>` + markup.Replace(m.private.name) +
				`</EpName><Idle>` + strconv.FormatBool(m.private.idle) + `</Idle><ClientType>` + itoa(m.private.kind) + `</ClientType><State>` +
				markup.Replace(string(m.private.state)) + `</State></PrivateEndpointData>`)
		}
	}
	return b.String()
}

// escargotMarkup is how Escargot escapes the texts in UBX (core.md 8.4, escargot.md 34): up to MSNP12 right, then `&` alone,
// from MSNP16 all by number.
var (
	escargotOnlyAnd = strings.NewReplacer("&", "&#x26;")
	escargotNumbers = strings.NewReplacer("&", "&#x26;", "<", "&#x3C;", ">", "&#x3E;", "=", "&#x3D;", `\`, "&#x5C;")
)

// escargotDocument writes a document anew with Escargot's escapes.
func (n *session) escargotDocument(doc string) string {
	escape := escargotNumbers
	switch {
	case n.dialect.burst != noBurst:
		escape = markup
	case !n.dialect.endpoints:
		escape = escargotOnlyAnd
	}
	var b strings.Builder
	b.WriteString("<Data>")
	for _, name := range []string{"PSM", "CurrentMedia", "MachineGuid", "DDP", "SignatureSound", "Scene", "ColorScheme"} {
		if _, inner, found := cutElement(doc, name); found {
			b.WriteString("<" + name + ">" + escape.Replace(html.UnescapeString(inner)) + "</" + name + ">")
		}
	}
	b.WriteString("</Data>")
	return b.String()
}

// endpointState is a session as a test sees it.
func (n *session) endpointState() EndpointState {
	state := EndpointState{
		ID: n.endpoint, Version: n.dialect.version, Name: n.private.name, Client: msn.ClientType(n.private.kind),
		Idle: n.private.idle, Status: n.private.state, Capabilities: n.capabilities, Listed: n.listed,
	}
	for id := range n.inCircles {
		state.InCircles = append(state.InCircles, id)
	}
	slices.Sort(state.InCircles)
	return state
}
