// Package ml reads and writes the documents by which a notification server is told who is on which list: ADL,
// RML and FQY of MSNP13 and later, and the pushes and refusals of the same form (core.md 7.5 and 7.6). It
// knows addresses and bits; what they mean is the caller's.
package ml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"net/url"
)

const (
	// maxContacts and maxBytes bound one document: servers take 150 contacts and 7.5 kB (core.md 2.4).
	maxContacts = 150
	maxBytes    = 7000
	// maxRead bounds what is taken from one document, and maxDepth how deep it may nest.
	maxRead  = 20000
	maxDepth = 16
)

// Phone is the network whose addresses have no domain: tel:+15550100.
const Phone = 4

// Contact is one entry: an account of a network, and its bits.
type Contact struct {
	Network int
	Account string // bob@example.com, or tel:+15550100
	Lists   int    // FL 1, AL 2, BL 4; RL 8 and PL 16 only from the server
	Name    string // only from the server, decoded
}

// Form is how the bits are spelt.
type Form uint8

// The two forms.
const (
	Plain    Form = iota // l= at the contact (MSNP13)
	Services             // <s l= n=> in it (MSNP21)
)

// services are those that a contact is subscribed to in the second form (core.md 7.6).
var services = []string{"IM", "PE", "PF"}

// Initial makes the documents of a sign-in, as many as it takes. There is always one, be it empty: servers
// take a client for ready only then.
func Initial(contacts []Contact, form Form) [][]byte {
	all := make([][]byte, 0, 1+len(contacts)/maxContacts)
	sorted := slices.Clone(contacts)
	slices.SortStableFunc(sorted, func(a, b Contact) int {
		_, x := a.split()
		_, y := b.split()
		return strings.Compare(x, y)
	})
	w := writer{form: form, initial: true}
	for _, c := range sorted {
		if !w.add(c) {
			all = append(all, w.end())
			w = writer{form: form, initial: true}
			w.add(c)
		}
	}
	return append(all, w.end())
}

// Change makes the document for one contact, as there are servers that take only one domain (services.md 9.1).
func Change(c Contact, form Form) []byte {
	w := writer{form: form}
	w.add(c)
	return w.end()
}

// Self makes the document by which MSNP21 subscribes to its own account.
func Self(account string) []byte {
	name, domain := (Contact{Network: 1, Account: account}).split()
	b := append([]byte(`<ml><d n="`), escape(domain)...)
	b = append(append(append(b, `"><c n="`...), escape(name)...), `" t="1">`...)
	for _, s := range []string{"IM", "PE", "PD", "PF"} {
		b = append(append(append(b, `<s l="3" n="`...), s...), `"/>`...)
	}
	return append(b, `</c></d></ml>`...)
}

// Query makes the document of FQY, which asks for the network of an address.
func Query(account string) []byte {
	name, domain := (Contact{Network: 1, Account: account}).split()
	return []byte(`<ml><d n="` + escape(domain) + `"><c n="` + escape(name) + `"/></d></ml>`)
}

// split takes an address apart; phones have the domain "".
func (c Contact) split() (name, domain string) {
	if c.Network == Phone {
		return c.Account, ""
	}
	at := strings.LastIndexByte(c.Account, '@')
	if at < 0 {
		return c.Account, ""
	}
	return c.Account[:at], c.Account[at+1:]
}

// writer makes one document.
type writer struct {
	form    Form
	initial bool
	b       []byte
	n       int
	open    bool // a domain is
	domain  string
}

// add is false if the document is full.
func (w *writer) add(c Contact) bool {
	name, domain := c.split()
	entry := w.entry(name, c)
	if w.n > 0 && (w.n >= maxContacts || len(w.b)+len(entry)+2*len(domain)+64 > maxBytes) {
		return false
	}
	if w.b == nil {
		w.begin()
	}
	if !w.open || domain != w.domain {
		w.shut()
		w.open, w.domain = true, domain
		if domain == "" {
			w.b = append(w.b, "<t>"...)
		} else {
			w.b = append(append(append(w.b, `<d n="`...), escape(domain)...), `">`...)
		}
	}
	w.b = append(w.b, entry...)
	w.n++
	return true
}

func (w *writer) begin() {
	w.b = append(w.b, "<ml"...)
	if w.initial {
		w.b = append(w.b, ` l="1"`...)
	}
	w.b = append(w.b, '>')
}

// entry is <c>; phones have no network, as their place says it.
func (w *writer) entry(name string, c Contact) []byte {
	b := append(append([]byte(`<c n="`), escape(name)...), '"')
	lists := strconv.Itoa(c.Lists & 7)
	if w.form == Plain {
		b = append(append(append(b, ` l="`...), lists...), '"')
	}
	if c.Network != Phone {
		b = append(append(append(b, ` t="`...), strconv.Itoa(max(c.Network, 1))...), '"')
	}
	if w.form == Plain {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	for _, s := range services {
		b = append(append(append(append(append(b, `<s l="`...), lists...), `" n="`...), s...), `"/>`...)
	}
	return append(b, "</c>"...)
}

// shut closes the domain that is open.
func (w *writer) shut() {
	switch {
	case !w.open:
	case w.domain == "":
		w.b = append(w.b, "</t>"...)
	default:
		w.b = append(w.b, "</d>"...)
	}
}

func (w *writer) end() []byte {
	if w.b == nil {
		w.begin()
	}
	w.shut()
	return append(w.b, "</ml>"...)
}

// escape writes an attribute value. Addresses are short and mostly plain.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// Read reads a document from the server, or the payload of a refusal, which names the entries refused. What it
// understands of a broken one is returned with the error.
func Read(payload []byte) ([]Contact, error) {
	d := xml.NewDecoder(strings.NewReader(strings.ToValidUTF8(string(payload), "\uFFFD")))
	d.Strict = false
	var all []Contact
	r := reader{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, fmt.Errorf("membership list: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if r.depth++; r.depth > maxDepth {
				return all, errors.New("membership list: nested too deeply")
			}
			switch t.Name.Local {
			case "d":
				r.domain = attr(t, "n")
			case "t":
				r.domain = ""
			case "c":
				if len(all) >= maxRead {
					return all, fmt.Errorf("membership list: more than %d entries", maxRead)
				}
				if c, ok := r.contact(t); ok {
					all = append(all, c)
				}
			case "s":
				if n := len(all); n > 0 {
					all[n-1].Lists |= number(attr(t, "l"))
				}
			}
		case xml.EndElement:
			r.depth--
		}
	}
}

type reader struct {
	depth  int
	domain string
}

// contact reads <c n= l= t= f=>. An entry without a name before its domain is nobody's.
func (r *reader) contact(t xml.StartElement) (Contact, bool) {
	c := Contact{Network: number(attr(t, "t")), Account: strings.ToLower(attr(t, "n")), Lists: number(attr(t, "l"))}
	if c.Account == "" {
		return c, false
	}
	if r.domain != "" {
		c.Account += "@" + strings.ToLower(r.domain)
	} else if strings.HasPrefix(c.Account, "tel:") {
		c.Network = Phone
	}
	if strings.LastIndexByte(c.Account, '@') == 0 {
		return c, false
	}
	if c.Network == 0 {
		c.Network = 1
	}
	c.Name = attr(t, "f")
	if name, err := url.PathUnescape(c.Name); err == nil && utf8.ValidString(name) {
		c.Name = name
	}
	return c, true
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1<<16 {
		return 0
	}
	return n
}
