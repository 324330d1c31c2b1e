package tickets

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Ticket is what a site is opened with. However it is printed, it does not show what it is.
type Ticket struct {
	// Token is the ticket itself, unescaped: t=...&p=..., or whatever else the server gives out. For the token
	// broker it is the encrypted text.
	Token string
	// Secret is what proves that the ticket is ours, see [Proof]. Most sites have none.
	Secret []byte
	// Expires is when the site will take the ticket no more, by our own clock. It is zero if the server did not
	// say.
	Expires time.Time
}

// Expired tells whether the ticket is useless at a time, or will be so soon. One without an end never is.
func (t Ticket) Expired(now time.Time, margin time.Duration) bool {
	return !t.Expires.IsZero() && !now.Add(margin).Before(t.Expires)
}

// String tells whether there is a ticket and how long it lasts.
func (t Ticket) String() string {
	if t.Token == "" {
		return "ticket(none)"
	}
	if t.Expires.IsZero() {
		return "ticket(***)"
	}
	return "ticket(*** until " + t.Expires.UTC().Format(time.RFC3339) + ")"
}

// GoString is String: %#v shows no more.
func (t Ticket) GoString() string { return t.String() }

// Format prints String for every verb, as some verbs would show the fields.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) } // as fmt itself, which has nobody to tell

// MarshalText is String: logs in JSON show no more.
func (t Ticket) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Set is the tickets of one request by the address of their site.
type Set map[string]Ticket

// Parts takes a ticket apart for the two halves of a cookie (services.md 10.2). One that is not in two parts is
// all t.
func Parts(ticket string) (t, p string) {
	found := false
	for part := range strings.SplitSeq(ticket, "&") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			t, found = value, true
		case "p":
			p = value
		}
	}
	if !found {
		return ticket, ""
	}
	return t, p
}

// CutPassword is the first characters of a password, as many as the limit says; 0 is no limit. The Passport of
// old knew 16 and ignored the rest, which services that came later may not do (services.md 4).
func CutPassword(password string, limit int) string {
	if limit <= 0 {
		return password
	}
	n := 0
	for i := range password {
		if n == limit {
			return password[:i]
		}
		n++
	}
	return password
}
