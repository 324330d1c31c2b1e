package userdoc

import "strings"

// Services of a [Part]: messaging and status, personal expression (name, text, picture), what only my own places see, the time of
// the last change of the profile, and what MSNP24 has of Skype.
const (
	Messaging  = "IM"
	Expression = "PE"
	Private    = "PD"
	Profile    = "PF"
	Skype      = "SKP"
)

const (
	maxParts  = 256
	maxFields = 64
)

// User is a <user> document: what one account's presence is, or what of it has changed.
type User struct{ Parts []Part }

// Part is <s>, which holds for an account, or <sep>, which holds for one of its places.
type Part struct {
	// Service is IM, PE, PD, PF or SKP.
	Service string
	// PerEndpoint is set for <sep>; Endpoint is its GUID in lower case without braces, "" in what a place says of itself.
	PerEndpoint bool
	Endpoint    string
	// Changed is the time of the last change as it stands there, for the profile.
	Changed string
	// Fields are the elements inside, in their order. None at all is <s n="IM"/>, as in what NFY DEL tells.
	Fields []Field
}

// Field is one element of a [Part], without XML escapes.
type Field struct{ Name, Value string }

// Get is the value of a field; ok tells whether it is there.
func (p *Part) Get(name string) (value string, ok bool) {
	for _, f := range p.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// ParseUser reads a <user> document. Elements that it does not know are kept as fields, if they are where fields are. The error
// is [ErrNoDocument] if there is no <user>, and [ErrTooMany] above 256 parts, or 64 fields in one.
func ParseUser(payload []byte) (User, error) {
	doc := strings.ToValidUTF8(string(payload), "\uFFFD")
	at, ok := inside(doc, "user")
	if !ok {
		return User{}, ErrNoDocument
	}
	var u User
	for {
		t, ok := nextTag(doc, at)
		if !ok || t.end && strings.EqualFold(t.name, "user") {
			return u, nil
		}
		at = t.to
		perEndpoint := strings.EqualFold(t.name, "sep")
		if t.end || !perEndpoint && !strings.EqualFold(t.name, "s") {
			continue
		}
		if len(u.Parts) == maxParts {
			return User{}, ErrTooMany
		}
		p := Part{Service: t.attribute("n"), PerEndpoint: perEndpoint, Changed: t.attribute("ts")}
		if perEndpoint {
			p.Endpoint = endpoint(t.attribute("epid"))
		}
		if !t.empty {
			if p.Fields, at, ok = parseFields(doc, t); !ok {
				return User{}, ErrTooMany
			}
		}
		u.Parts = append(u.Parts, p)
	}
}

// inside finds the start tag of the document's root, and what follows it. An empty root has nothing inside.
func inside(doc, root string) (at int, ok bool) {
	for {
		t, ok := nextTag(doc, at)
		if !ok {
			return 0, false
		}
		at = t.to
		if !t.end && strings.EqualFold(t.name, root) {
			if t.empty {
				at = len(doc)
			}
			return at, true
		}
	}
}

// parseFields reads the elements up to the end tag of parent; ok is false if there are too many.
func parseFields(doc string, parent tag) (fields []Field, at int, ok bool) {
	at = parent.to
	for {
		t, more := nextTag(doc, at)
		if !more {
			return fields, len(doc), true
		}
		if t.end {
			at = t.to
			if strings.EqualFold(t.name, parent.name) {
				return fields, at, true
			}
			continue
		}
		if len(fields) == maxFields {
			return nil, 0, false
		}
		f := Field{Name: t.name}
		at = t.to
		if !t.empty {
			var inner string
			inner, at = endOf(doc, t, parent.name)
			f.Value = text(inner)
		}
		fields = append(fields, f)
	}
}

// endpoint is a GUID as it is kept, or what of it can be part of one.
func endpoint(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'f', '0' <= r && r <= '9', r == '-':
			return r
		case 'A' <= r && r <= 'F':
			return r - 'A' + 'a'
		}
		return -1
	}, s)
}

// Append writes the document. Fields whose name could not be read back are left out.
func (u User) Append(b []byte) []byte {
	b = append(b, "<user>"...)
	for _, p := range u.Parts {
		b = p.append(b)
	}
	return append(b, "</user>"...)
}

func (p Part) append(b []byte) []byte {
	name := "s"
	if p.PerEndpoint {
		name = "sep"
	}
	b = append(append(append(b, '<'), name...), ` n="`...)
	b = append(appendText(b, p.Service), '"')
	if p.PerEndpoint && p.Endpoint != "" {
		b = append(appendText(append(b, ` epid="{`...), p.Endpoint), `}"`...)
	}
	if p.Changed != "" {
		b = append(appendText(append(b, ` ts="`...), p.Changed), '"')
	}
	if len(p.Fields) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	for _, f := range p.Fields {
		if plainName(f.Name) {
			b = appendElement(b, f.Name, f.Value)
		}
	}
	return append(append(append(b, "</"...), name...), '>')
}
