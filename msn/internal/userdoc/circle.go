package userdoc

import (
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// maxMembers bounds the people of one roster.
const maxMembers = 1000

// RosterIM is what the roster of those who talk is called.
const RosterIM = "IM"

// StatePending is the state of somebody who was invited and has not come (core.md 13.4).
const StatePending = "Pending"

// Circle is a <circle> document: who takes part, what it is called, or both. The zero value is the empty document, which says no
// more than that the circle is there.
type Circle struct {
	// Roster is what the roster is about, IM for all that is known; "" if the document has none.
	Roster string
	// Members are those of the roster.
	Members []Member
	// Props are nil if the document has none.
	Props *Props
}

// Member is one entry of a roster.
type Member struct {
	Address wire.Address
	// State is "" or [StatePending].
	State string
}

// Props are what a circle looks like.
type Props struct{ Name, PersonalMessage string }

// ParseCircle reads a <circle> document; an empty payload is an empty one. The error is [ErrNoDocument] if there is something
// else, and [ErrTooMany] above 1,000 members.
func ParseCircle(payload []byte) (Circle, error) {
	doc := strings.TrimSpace(strings.ToValidUTF8(string(payload), "\uFFFD"))
	if doc == "" {
		return Circle{}, nil
	}
	at, ok := inside(doc, "circle")
	if !ok {
		return Circle{}, ErrNoDocument
	}
	var c Circle
	for {
		t, ok := nextTag(doc, at)
		if !ok || t.end && strings.EqualFold(t.name, "circle") {
			return c, nil
		}
		at = t.to
		if t.end || t.empty {
			continue
		}
		switch strings.ToLower(t.name) {
		case "roster":
			var inner string
			inner, at = endOf(doc, t, "circle")
			if c, ok = c.withRoster(inner); !ok {
				return Circle{}, ErrTooMany
			}
		case "props":
			var inner string
			inner, at = endOf(doc, t, "circle")
			c.Props = &Props{Name: elementText(inner, "MFN"), PersonalMessage: elementText(inner, "PSM")}
		}
	}
}

// withRoster reads what stands in <roster>: its own id, and users with theirs.
func (c Circle) withRoster(inner string) (Circle, bool) {
	if c.Roster == "" {
		c.Roster = RosterIM
	}
	for at := 0; ; {
		t, ok := nextTag(inner, at)
		if !ok {
			return c, true
		}
		at = t.to
		switch {
		case t.end || t.empty:
		case strings.EqualFold(t.name, "id"):
			var id string
			id, at = endOf(inner, t, "")
			if id = strings.TrimSpace(text(id)); id != "" {
				c.Roster = id
			}
		case strings.EqualFold(t.name, "user"):
			var user string
			user, at = endOf(inner, t, "roster")
			m := Member{Address: wire.ParseAddress(strings.Map(allowed, elementText(user, "id"))), State: strings.TrimSpace(elementText(user, "state"))}
			if m.Address.Account == "" {
				continue
			}
			if len(c.Members) == maxMembers {
				return c, false
			}
			c.Members = append(c.Members, m)
		}
	}
}

// elementText is the text of the first element of that name, "" if there is none.
func elementText(doc, name string) string {
	for at := 0; ; {
		t, ok := nextTag(doc, at)
		if !ok {
			return ""
		}
		at = t.to
		if t.end || t.empty || !strings.EqualFold(t.name, name) {
			continue
		}
		inner, _ := endOf(doc, t, "")
		return text(inner)
	}
}

// Append writes the document.
func (c Circle) Append(b []byte) []byte {
	b = append(b, "<circle>"...)
	if c.Roster != "" {
		b = append(b, "<roster>"...)
		b = appendElement(b, "id", c.Roster)
		for _, m := range c.Members {
			b = appendElement(append(b, "<user>"...), "id", m.Address.String())
			if m.State != "" {
				b = appendElement(b, "state", m.State)
			}
			b = append(b, "</user>"...)
		}
		b = append(b, "</roster>"...)
	}
	if c.Props != nil {
		b = append(b, `<props><presence dtype="xml"><Data><UTL></UTL>`...)
		b = appendElement(b, "MFN", c.Props.Name)
		b = appendElement(b, "PSM", c.Props.PersonalMessage)
		b = append(b, "<CurrentMedia></CurrentMedia></Data></presence></props>"...)
	}
	return append(b, "</circle>"...)
}

// RosterUser is the Uri of one member, as in what tells that somebody has left: /circle/roster(IM)/user(1:bob@example.com).
func RosterUser(a wire.Address) string {
	return "/circle/roster(" + RosterIM + ")/user(" + a.String() + ")"
}

// ParseRosterUser reads such a Uri; ok is false if it is another one.
func ParseRosterUser(uri string) (a wire.Address, ok bool) {
	_, user, found := strings.Cut(uri, "/user(")
	user, closed := strings.CutSuffix(strings.TrimSpace(user), ")")
	a = wire.ParseAddress(user)
	return a, found && closed && a.Account != ""
}
