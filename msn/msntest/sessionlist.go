package msntest

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// The lists that a client of MSNP13+ tells for its session (core.md 7.5): what the notification server goes by as long as the
// session lasts. Those of the address book are kept.

const (
	// maxList and maxListed bound one ADL, RML or FQY (core.md 2.4).
	maxList   = 7500
	maxListed = 150
	// maxListDepth is one more than the deepest form needs.
	maxListDepth = 5
)

// listed is one <c> of a list document.
type listed struct {
	address string // with its domain; of a circle the id alone
	domain  string
	network int
	bits    int
	partial bool // it has <s> elements, which carry the bits (MSNP21)
}

// listDocument is the payload of ADL, RML and FQY.
type listDocument struct {
	initial bool
	items   []listed
	// domains are those of the document with their items' local parts, for a quirk.
	domains []string
}

// errEmptyDomain is a <d> without a name or without a contact (error 240). All else that is wrong is 241.
var errEmptyDomain = errors.New("a domain without contacts")

var errList = errors.New("not a list document")

// parseList reads a list document.
func parseList(payload []byte) (listDocument, error) {
	if len(payload) > maxList {
		return listDocument{}, errList
	}
	r := &listReader{in: xml.NewDecoder(strings.NewReader(string(payload)))}
	for {
		token, err := r.in.Token()
		switch {
		case err == io.EOF && r.ended:
			return r.doc, nil
		case err != nil:
			return listDocument{}, errList
		}
		if err := r.take(token); err != nil {
			return listDocument{}, err
		}
	}
}

// listReader follows the nesting of ml, then d, t, n or skp, then c, then s.
type listReader struct {
	in    *xml.Decoder
	doc   listDocument
	path  []string
	ended bool
	names string // attribute n of the element around the contacts
	count int    // contacts in it
}

func (r *listReader) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		if len(r.path) == maxListDepth || r.ended {
			return errList
		}
		r.path = append(r.path, t.Name.Local)
		return r.open(t)
	case xml.EndElement:
		if len(r.path) == 2 && r.path[1] == "d" && r.count == 0 {
			return errEmptyDomain
		}
		r.path = r.path[:len(r.path)-1]
		r.ended = len(r.path) == 0
	case xml.CharData:
		if strings.TrimSpace(string(t)) != "" {
			return errList
		}
	case xml.Directive:
		return errList
	}
	return nil
}

func (r *listReader) open(t xml.StartElement) error {
	switch name := r.path[len(r.path)-1]; {
	case len(r.path) == 1 && name == "ml":
		r.doc.initial = attribute(t, "l") == "1"
	case len(r.path) == 2 && (name == "d" || name == "t" || name == "n" || name == "skp"):
		r.names, r.count = strings.ToLower(attribute(t, "n")), 0
		if name == "d" {
			if r.names == "" {
				return errEmptyDomain
			}
			r.doc.domains = append(r.doc.domains, r.names)
		}
	case len(r.path) == 3 && name == "c":
		return r.contact(t)
	case len(r.path) == 4 && name == "s":
		bits, err := strconv.Atoi(attribute(t, "l"))
		if err != nil {
			return errList
		}
		item := &r.doc.items[len(r.doc.items)-1]
		item.partial = true
		if service := attribute(t, "n"); service == "IM" || item.bits == 0 {
			item.bits = bits
		}
	default:
		return errList
	}
	return nil
}

func (r *listReader) contact(t xml.StartElement) error {
	name := strings.ToLower(attribute(t, "n"))
	item := listed{address: name, domain: r.names, network: msn.NetworkMSN}
	if len(r.doc.items) == maxListed || name == "" {
		return errList
	}
	switch r.path[1] {
	case "d":
		item.address = name + "@" + r.names
	case "t":
		item.network = msn.NetworkPhone
	case "skp":
		item.network = networkSkype
	}
	var err error
	if text := attribute(t, "t"); text != "" {
		if item.network, err = strconv.Atoi(text); err != nil {
			return errList
		}
	}
	if text := attribute(t, "l"); text != "" {
		if item.bits, err = strconv.Atoi(text); err != nil {
			return errList
		}
	}
	if item.network == msn.NetworkCircle {
		item.address = name
	}
	r.count++
	r.doc.items = append(r.doc.items, item)
	return nil
}

// attribute is the value of an attribute by its local name.
func attribute(t xml.StartElement, name string) string {
	i := slices.IndexFunc(t.Attr, func(a xml.Attr) bool { return a.Name.Local == name })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(t.Attr[i].Value)
}

// listText writes items as a list document. Each may have further attributes.
func listText(items []listed, attributes func(listed) string) []byte {
	var b strings.Builder
	b.WriteString("<ml>")
	for _, item := range items {
		name, domain, ok := strings.Cut(item.address, "@")
		switch {
		case item.network == msn.NetworkCircle:
			name, domain, ok = item.address, item.domain, true
		case isTelephone(item.address):
			ok = false
		}
		if ok {
			b.WriteString(`<d n="` + markup.Replace(domain) + `"><c n="` + markup.Replace(name) + `"` + attributes(item) + `/></d>`)
		} else {
			b.WriteString(`<t><c n="` + markup.Replace(item.address) + `"` + attributes(item) + `/></t>`)
		}
	}
	b.WriteString("</ml>")
	return []byte(b.String())
}

func networkAttribute(item listed) string { return ` t="` + itoa(item.network) + `"` }

// pushList tells that somebody has this account on FL now, or not any more: ADL or RML with the bit of RL.
func (n *session) pushList(name string, by *account, more string) {
	if more != "" {
		more = " " + more
	}
	payload := listText([]listed{{address: by.passport, network: by.network}}, func(item listed) string {
		return networkAttribute(item) + ` l="8"` + more
	})
	n.conn.send(wire.Command{Name: name, HasTrID: true, Payload: payload})
}

// refuseList answers with an error whose payload names those it is about.
func (n *session) refuseList(cmd wire.Command, code int, offenders []listed) {
	n.conn.send(wire.Command{
		Name: itoa(code), TrID: cmd.TrID, HasTrID: true, Payload: listText(offenders, networkAttribute),
	})
}

// malformedList answers a document that makes no sense. Escargot closes then.
func (n *session) malformedList(cmd wire.Command, err error) {
	code := 241
	if errors.Is(err, errEmptyDomain) {
		code = 240
	}
	n.conn.fail(cmd, code)
	if n.conn.srv.quirks.ListsByADL {
		n.conn.hangUp()
	}
}

// useLists does ADL.
func useLists(n *session, cmd wire.Command) {
	doc, err := parseList(cmd.Payload)
	if err != nil {
		n.malformedList(cmd, err)
		return
	}
	circles := countIf(doc.items, func(item listed) bool { return item.network == msn.NetworkCircle })
	switch {
	case circles > 0 && (!n.dialect.circles || circles < len(doc.items)):
		n.malformedList(cmd, errList)
		return
	case circles > 0:
		n.useCircles(cmd, doc)
		return
	case n.conn.srv.quirks.ListsByADL && !n.useListsStored(cmd, doc):
		return
	}
	var offenders map[int][]listed
	if !n.conn.srv.quirks.ListsByADL {
		offenders = n.takeLists(doc)
	}
	codes := sortedKeys(offenders)
	if len(codes) > 0 {
		n.refuseList(cmd, codes[0], offenders[codes[0]])
	} else {
		n.conn.reply(cmd, "ADL", "OK")
	}
	n.afterLists(cmd, doc)
}

func countIf[T any](items []T, is func(T) bool) int {
	count := 0
	for _, item := range items {
		if is(item) {
			count++
		}
	}
	return count
}

func sortedKeys[T any](m map[int]T) []int {
	keys := make([]int, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// takeLists takes the good entries over and returns the others by error number.
func (n *session) takeLists(doc listDocument) map[int][]listed {
	offenders := map[int][]listed{}
	for _, item := range doc.items {
		if code := n.listable(item); code != 0 {
			offenders[code] = append(offenders[code], item)
			continue
		}
		n.enlist(item.address, msn.List(item.bits), doc.initial)
	}
	return offenders
}

// listable checks an entry of ADL. 0 means that it may be used.
func (n *session) listable(item listed) int {
	s := n.conn.srv
	bits := msn.List(item.bits)
	known := n.account.entries[item.address] != nil || item.address == n.account.passport
	switch {
	case item.bits <= 0 || item.bits&^int(msn.ForwardList|msn.AllowList|msn.BlockList) != 0,
		bits&(msn.AllowList|msn.BlockList) == msn.AllowList|msn.BlockList:
		return 241
	case !slices.Contains(listNetworks, item.network):
		return 204
	case item.network == msn.NetworkPhone:
		if !telephone.MatchString(item.address) {
			return 241
		}
	case !validPassport(item.address):
		return 241
	case s.accounts[item.address] == nil && !known:
		return 208
	case s.accounts[item.address] != nil && s.networkOf(item.address) != item.network:
		return 204
	}
	if _, there := n.lists[item.address]; !there && len(n.lists) >= 4*s.quirks.ForwardLimit {
		return 210
	}
	// Who lists their own account, as MSNP21 does, has no contact more.
	if bits&msn.ForwardList != 0 && !n.lists[item.address].forward && item.address != n.account.passport &&
		n.listedForward >= s.quirks.ForwardLimit {
		return 210
	}
	return 0
}

// listNetworks are the networks whose users can be on lists, but for circles.
var listNetworks = []int{msn.NetworkMSN, msn.NetworkLCS, msn.NetworkPhone, msn.NetworkYahoo, networkSkype}

// networkSkype is the network of MSNP24's contacts (core.md 14).
const networkSkype = 8

// afterLists shows who has come into view. Presence begins with the first ADL.
func (n *session) afterLists(cmd wire.Command, doc listDocument) {
	s, a := n.conn.srv, n.account
	first := !n.listed
	n.listed = true
	if first && n.status != "" {
		n.showContacts(&cmd)
		s.presenceOf(a, true)
		s.showSelf(a)
		return
	}
	for _, item := range doc.items {
		if other := s.accounts[item.address]; other != nil && other != a {
			s.show(n, other, false, &cmd)
		}
	}
}

// useListsStored does ADL as Escargot (escargot.md 24, 25): the first one is ignored, later ones change the stored lists; with
// several domains the contacts of the last one are meant in each; one unknown address refuses all. It says whether to go on.
func (n *session) useListsStored(cmd wire.Command, doc listDocument) bool {
	if doc.initial {
		return true
	}
	s, items := n.conn.srv, escargotItems(doc)
	for _, item := range items {
		switch {
		case item.bits <= 0 || item.bits&^int(msn.ForwardList|msn.AllowList|msn.BlockList) != 0,
			item.bits&int(msn.AllowList|msn.BlockList) == int(msn.AllowList|msn.BlockList):
			n.malformedList(cmd, errList)
			return false
		case s.accounts[item.address] == nil:
			n.conn.fail(cmd, 208)
			return false
		}
	}
	for _, item := range items {
		for _, list := range []msn.List{msn.ForwardList, msn.AllowList, msn.BlockList} {
			if msn.List(item.bits)&list == 0 {
				continue
			}
			if opposite := list ^ (msn.AllowList | msn.BlockList); list != msn.ForwardList && n.account.on(item.address, opposite) {
				s.offList(n.account, item.address, opposite)
			}
			s.onList(n.account, item.address, list, "")
		}
	}
	return true
}

// escargotItems is a document as Escargot reads it.
func escargotItems(doc listDocument) []listed {
	if len(doc.domains) < 2 {
		return doc.items
	}
	last := doc.domains[len(doc.domains)-1]
	var items []listed
	for _, domain := range doc.domains {
		for _, item := range doc.items {
			if item.domain == last {
				name, _, _ := strings.Cut(item.address, "@")
				item.address, item.domain = name+"@"+domain, domain
				items = append(items, item)
			}
		}
	}
	return items
}

// dropLists does RML.
func dropLists(n *session, cmd wire.Command) {
	doc, err := parseList(cmd.Payload)
	if err != nil {
		n.malformedList(cmd, err)
		return
	}
	s := n.conn.srv
	items := doc.items
	if s.quirks.ListsByADL {
		items = escargotItems(doc)
	}
	for _, item := range items {
		bits := msn.List(item.bits)
		switch {
		case item.network == msn.NetworkCircle:
			n.dropCircle(item.address, bits)
			continue
		case item.bits <= 0 || item.bits&^int(msn.ForwardList|msn.AllowList|msn.BlockList) != 0:
			n.refuseList(cmd, 241, []listed{item})
			return
		}
		if s.quirks.ListsByADL {
			for _, list := range []msn.List{msn.ForwardList, msn.AllowList, msn.BlockList} {
				if bits&list != 0 {
					s.offList(n.account, item.address, list)
				}
			}
			continue
		}
		n.unlist(item.address, bits)
	}
	n.conn.reply(cmd, "RML", "OK")
}

// askNetworks does FQY: one answer for each address (core.md 7.5).
func askNetworks(n *session, cmd wire.Command) {
	doc, err := parseList(cmd.Payload)
	switch {
	case err != nil:
		n.malformedList(cmd, err)
		return
	case len(doc.items) == 0, n.conn.srv.quirks.ListsByADL && len(doc.items) > 1:
		n.conn.fail(cmd, 201)
		return
	}
	for _, item := range doc.items {
		a := n.conn.srv.accounts[item.address]
		if a == nil {
			n.refuseList(cmd, 208, []listed{item})
			continue
		}
		item.network = a.network
		if n.conn.srv.quirks.ListsByADL {
			item.network = msn.NetworkMSN
		}
		n.conn.send(wire.Command{Name: "FQY", TrID: cmd.TrID, HasTrID: true, Payload: listText([]listed{item}, networkAttribute)})
	}
}
