package msntest

import (
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// Presence of MSNP21: one document takes the place of CHG, UUX and PRP MFN, another one that of NLN and UBX (core.md 13.2).

// userDocument is <user> as clients publish it.
type userDocument struct {
	Services  []userPart `xml:"s"`
	Endpoints []userPart `xml:"sep"`
}

// userPart is <s> or <sep>. A field that is nil was not told.
type userPart struct {
	Service  string `xml:"n,attr"`
	Endpoint string `xml:"epid,attr"`

	Status, CurrentMedia                                                         *string
	UserTileLocation, FriendlyName, PSM, DDP, ColorScheme, Scene, SignatureSound *string
	Capabilities, VER, TYP                                                       *string
	ClientType, EpName, Idle, State                                              *string
}

// programFields are what <sep n="PE"> tells of the program at an endpoint.
var programFields = [...]string{"VER", "TYP", "Capabilities"}

// maxProgramField bounds one of them, in bytes.
const maxProgramField = 100

// program is what an endpoint tells of its program. Contacts see it.
type program struct {
	told   bool
	fields [len(programFields)]string
}

// personalFields are the elements of UUX in their order, with the field of <user> that has the same.
var personalFields = []struct {
	name  string
	field func(p *userPart) *string
}{
	{"PSM", func(p *userPart) *string { return p.PSM }},
	{"CurrentMedia", func(p *userPart) *string { return p.CurrentMedia }},
	{"MachineGuid", func(*userPart) *string { return nil }},
	{"DDP", func(p *userPart) *string { return p.DDP }},
	{"SignatureSound", func(p *userPart) *string { return p.SignatureSound }},
	{"Scene", func(p *userPart) *string { return p.Scene }},
	{"ColorScheme", func(p *userPart) *string { return p.ColorScheme }},
}

// publishUser does PUT of one's own presence: what is not told stays.
func (n *session) publishUser(cmd wire.Command, e *wire.Envelope) {
	var doc userDocument
	if !parseDocument(e.Body, &doc) {
		n.conn.fail(cmd, 201)
		return
	}
	status, named := msn.Status(""), false
	for _, p := range doc.Services {
		if p.Service == "IM" && p.Status != nil {
			status = msn.Status(strings.ToUpper(*p.Status))
			if !status.Valid() || status == msn.Offline {
				n.conn.fail(cmd, 201)
				return
			}
		}
		if p.Service == "PE" && p.FriendlyName != nil {
			named = true
			if n.account.unverified || n.conn.srv.longName(wire.Encode(*p.FriendlyName)) {
				n.conn.fail(cmd, 209)
				return
			}
		}
	}
	s, a := n.conn.srv, n.account
	for _, p := range doc.Services {
		n.takeService(&p)
	}
	for _, p := range doc.Endpoints {
		n.takeEndpoint(&p)
	}
	n.published(cmd)
	switch {
	case status != "":
		n.setStatus(status, &cmd)
	case named:
		s.nameChanged(a)
	default:
		s.presenceOf(a, true)
	}
	s.personalOf(a)
}

// takeService takes over <s>.
func (n *session) takeService(p *userPart) {
	a := n.account
	if p.FriendlyName != nil && p.Service == "PE" {
		a.name = *p.FriendlyName
		if a.name == "" {
			a.name = a.passport
		}
	}
	if p.UserTileLocation != nil && p.Service == "PE" {
		a.face.object = objectArg([]string{wire.EncodeFull(*p.UserTileLocation)}, 0)
	}
	var b strings.Builder
	old, changed := string(a.face.message), false
	for _, f := range personalFields {
		value := f.field(p)
		_, inner, there := cutElement(old, f.name)
		switch {
		case value != nil:
			b.WriteString("<" + f.name + ">" + markup.Replace(*value) + "</" + f.name + ">")
			changed = true
		case there:
			b.WriteString("<" + f.name + ">" + inner + "</" + f.name + ">")
		}
	}
	if changed && b.Len() <= maxMessage {
		a.face.message = []byte("<Data>" + b.String() + "</Data>")
	}
}

// takeEndpoint takes over <sep>, which is about this endpoint.
func (n *session) takeEndpoint(p *userPart) {
	switch p.Service {
	case "IM":
		if p.Capabilities != nil {
			n.capabilities = msn.ParseCapabilities(*p.Capabilities)
			n.account.face.capabilities = n.capabilities
		}
	case "PE":
		for i, value := range []*string{p.VER, p.TYP, p.Capabilities} {
			if value != nil && len(*value) <= maxProgramField {
				n.program.told, n.program.fields[i] = true, *value
			}
		}
	case "PD":
		n.private.told = true
		if n.private.kind == 0 {
			n.private.kind = 1
		}
		if p.EpName != nil {
			n.private.name = *p.EpName
		}
		if p.State != nil {
			n.private.state = msn.Status(*p.State)
		}
		if p.Idle != nil {
			n.private.idle = strings.EqualFold(*p.Idle, "true")
		}
		if p.ClientType != nil {
			if kind, err := strconv.Atoi(*p.ClientType); err == nil {
				n.private.kind = kind
			}
		}
	}
}

// userDocument writes what this client may see of somebody: of its own account all.
func (n *session) userDocument(a *account) string {
	var b strings.Builder
	element := func(name, value string) { b.WriteString("<" + name + ">" + markup.Replace(value) + "</" + name + ">") }
	doc := string(a.face.message)
	b.WriteString("<user>")
	if a.face.status != "" {
		b.WriteString(`<s n="IM">`)
		element("Status", string(a.face.status))
		element("CurrentMedia", elementText(doc, "CurrentMedia"))
		b.WriteString("</s>")
	}
	b.WriteString(`<s n="PE">`)
	element("UserTileLocation", wire.Decode(a.face.object))
	element("FriendlyName", a.name)
	for _, name := range []string{"PSM", "DDP", "ColorScheme", "Scene", "SignatureSound"} {
		element(name, elementText(doc, name))
	}
	b.WriteString("</s>")
	for _, m := range a.sessions {
		if m.present() || a == n.account {
			b.WriteString(`<sep n="IM" epid="` + m.place() + `">`)
			element("Capabilities", m.capabilities.Format(true))
			b.WriteString("</sep>")
			if m.program.told {
				b.WriteString(`<sep n="PE" epid="` + m.place() + `">`)
				for i, name := range programFields {
					element(name, m.program.fields[i])
				}
				b.WriteString("</sep>")
			}
		}
		if a == n.account && m.private.told {
			b.WriteString(`<sep n="PD" epid="` + m.place() + `">`)
			element("ClientType", itoa(m.private.kind))
			element("EpName", m.private.name)
			element("Idle", strconv.FormatBool(m.private.idle))
			element("State", string(m.private.state))
			b.WriteString("</sep>")
		}
	}
	b.WriteString("</user>")
	return b.String()
}

// place is the endpoint in braces; one without a name, of a version before MSNP16, is all zeros.
func (n *session) place() string {
	if n.endpoint == "" {
		return "{00000000-0000-0000-0000-000000000000}"
	}
	return "{" + n.endpoint + "}"
}

// goneDocument says that somebody is offline.
func goneDocument(a *account) string {
	var b strings.Builder
	b.WriteString(`<user><s n="IM"/>`)
	for _, n := range a.sessions {
		b.WriteString(`<sep n="IM" epid="` + n.place() + `"/>`)
	}
	if a.leaving != nil {
		b.WriteString(`<sep n="IM" epid="` + a.leaving.place() + `"/>`)
	}
	b.WriteString("</user>")
	return b.String()
}

// tellUser tells what somebody shows. What was told already is not repeated, unless it is new to the client.
func (n *session) tellUser(a *account, fresh bool) {
	body := n.userDocument(a)
	last, known := n.toldUser[a.passport]
	if !fresh && last == body {
		return
	}
	n.toldUser[a.passport] = body
	n.notifyUser("PUT", a, "", fresh || !known, body)
}

// tellUserGone tells that somebody is not online any more.
func (n *session) tellUserGone(a *account) {
	delete(n.toldUser, a.passport)
	n.notifyUser("DEL", a, "", false, goneDocument(a))
}

// tellPlaceGone tells that an endpoint is gone while others stay.
func (n *session) tellPlaceGone(a *account, endpoint string) {
	delete(n.toldUser, a.passport)
	n.notifyUser("DEL", a, "", false, `<user><sep n="IM" epid="{`+endpoint+`}"/></user>`)
}

func (n *session) notifyUser(verb string, a *account, via string, full bool, body string) {
	from := itoa(a.network) + ":" + a.passport
	if via != "" {
		from += ";via=" + via
	}
	n.notify(verb, notice{from: from, uri: "/user", full: full, media: typeUser, body: body})
}

// tellProfileTime tells when the own profile was changed last, after signing in.
func (n *session) tellProfileTime() {
	changed := n.account.settingsAt.UTC().Format("2006-01-02T15:04:05Z")
	n.notifyUser("PUT", n.account, "", false, `<user><s n="PF" ts="`+changed+`"></s></user>`)
}

// placeGone tells watchers and the other endpoints that an endpoint has signed out.
func (s *Server) placeGone(a *account, endpoint string) {
	tell := func(n *session) {
		switch {
		case n.dialect.documents:
			n.tellPlaceGone(a, endpoint)
		case n.dialect.endpoints:
			n.showMessage(a, true)
		}
	}
	s.eachWatcher(a, func(n *session) {
		if n.shown[a.passport] {
			tell(n)
		}
	})
	for _, n := range a.sessions {
		tell(n)
	}
	s.personalInCircles(a)
}
