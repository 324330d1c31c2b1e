package msntest

import (
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// phoneKeys are the settings that contacts see, in the order of BPR (core.md 7.4). ownKeys are those of PRP.
var (
	phoneKeys = []string{"PHH", "PHW", "PHM", "MOB"}
	ownKeys   = []string{"PHH", "PHW", "PHM", "MOB", "MBE"}
	yesNoKeys = []string{"MOB", "MBE"}
)

// escargotTime is when everything was changed last, to Escargot.
const escargotTime = "2000-01-01T00:00:00.0-00:00"

// timestamp is how MSNP10+ writes the times of a list.
func timestamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.0000000-07:00") }

// synchronise does SYN. The whole list is sent whatever the client has (core.md 7.2).
func synchronise(n *session, cmd wire.Command) {
	n.synchronised = true
	switch n.dialect.burst {
	case bitmaskBurst:
		n.bitmaskBurst(cmd)
	case guidBurst, typedBurst:
		n.guidBurst(cmd)
	default:
		n.serialBurst(cmd)
	}
}

// serialBurst is the form of MSNP2-7: every line repeats transaction id and list version.
func (n *session) serialBurst(cmd wire.Command) {
	a := n.account
	serial := itoa(a.serial)
	line := func(name string, args ...string) { n.conn.reply(cmd, name, append([]string{serial}, args...)...) }
	line("SYN")
	line("GTC", a.prompt)
	line("BLP", string(a.privacy))
	if n.dialect.listPhones {
		for _, key := range ownKeys {
			property := withValue(key, a.phone(key))
			if n.shortPhones() {
				n.conn.push("PRP", append([]string{serial}, property...)...)
			} else {
				line("PRP", property...)
			}
		}
	}
	if n.dialect.groups == numberedGroups {
		count := itoa(len(a.groups) + 1)
		line("LSG", "1", count, "0", wire.Encode(otherContacts), "0")
		for i, g := range a.groups {
			line("LSG", itoa(i+2), count, itoa(g.number), wire.Encode(g.name), "0")
		}
	}
	for _, list := range []struct {
		name string
		list msn.List
	}{{"FL", msn.ForwardList}, {"AL", msn.AllowList}, {"BL", msn.BlockList}, {"RL", msn.ReverseList | msn.PendingList}} {
		n.serialList(cmd, list.name, list.list)
	}
}

// shortPhones tells whether phones in the burst are told with less, as Escargot does it to MSNP5 and 6.
func (n *session) shortPhones() bool {
	return n.conn.srv.quirks.OwnLines && n.dialect.groups == noGroups
}

// serialList sends one list of MSNP2-7, `0 0` if it is empty. People on PL are on RL to these versions.
func (n *session) serialList(cmd wire.Command, name string, list msn.List) {
	s, a := n.conn.srv, n.account
	serial := itoa(a.serial)
	var on []*entry
	for _, e := range a.order {
		if e.lists&list != 0 && n.knows(e) {
			on = append(on, e)
		}
	}
	if len(on) == 0 {
		n.conn.reply(cmd, "LST", name, serial, "0", "0")
		return
	}
	for i, e := range on {
		args := []string{name, serial, itoa(i + 1), itoa(len(on)), e.passport, wire.Encode(s.nameFor(e))}
		if list == msn.ForwardList && n.dialect.groups == numberedGroups {
			args = append(args, e.groupNumbers())
		}
		n.conn.reply(cmd, "LST", args...)
		if list == msn.ForwardList {
			for _, line := range n.phoneLines(e) {
				whose := []string{serial, e.passport}
				if n.shortPhones() {
					whose = whose[:1]
				}
				n.conn.push("BPR", append(whose, line...)...)
			}
		}
	}
}

// bitmaskBurst is the form of MSNP8-9: each contact once, the lists in sum, no transaction ids.
func (n *session) bitmaskBurst(cmd wire.Command) {
	s, a := n.conn.srv, n.account
	known := n.known()
	n.conn.reply(cmd, "SYN", itoa(a.serial), itoa(len(known)), itoa(len(a.groups)+1))
	n.ownSettings()
	n.conn.push("LSG", "0", wire.Encode(otherContacts), "0")
	for _, g := range a.groups {
		n.conn.push("LSG", itoa(g.number), wire.Encode(g.name), "0")
	}
	for _, e := range known {
		lists := e.lists
		if lists&msn.PendingList != 0 { // unknown here
			lists = lists&^msn.PendingList | msn.ReverseList
		}
		args := []string{e.passport, wire.Encode(s.nameFor(e)), itoa(int(lists))}
		if lists&msn.ForwardList != 0 {
			args = append(args, e.groupNumbers())
		}
		n.conn.push("LST", args...)
		n.burstPhones(e)
	}
}

// guidBurst is the form of MSNP10-12.
func (n *session) guidBurst(cmd wire.Command) {
	s, a := n.conn.srv, n.account
	known := n.known()
	own := s.quirks.OwnLines
	settings, lists := timestamp(a.settingsAt), timestamp(a.listAt)
	if own {
		settings, lists = escargotTime, escargotTime
	}
	n.conn.reply(cmd, "SYN", settings, lists, itoa(len(known)), itoa(len(a.groups)))
	n.ownSettings()
	for _, g := range a.groups {
		n.conn.push("LSG", wire.Encode(g.name), g.guid)
	}
	for _, e := range known {
		args := []string{"N=" + e.passport, "F=" + wire.Encode(s.nameFor(e))}
		if e.lists&msn.ForwardList != 0 {
			args = append(args, "C="+e.guid)
		}
		args = append(args, itoa(int(e.lists)))
		if n.dialect.burst == typedBurst {
			args = append(args, contactType(e.passport))
		}
		if guids := e.groupGUIDs(); guids != "" || own {
			args = append(args, guids)
		}
		n.conn.push("LST", args...)
		n.burstPhones(e)
	}
}

// contactType tells phones from accounts (core.md 7.2).
func contactType(passport string) string {
	if isTelephone(passport) {
		return "4"
	}
	return "1"
}

// ownSettings is the lines of MSNP8+ between SYN and the groups.
func (n *session) ownSettings() {
	a := n.account
	n.conn.push("GTC", a.prompt)
	n.conn.push("BLP", string(a.privacy))
	if n.dialect.groups == guidGroups {
		n.conn.push("PRP", "MFN", wire.Encode(a.name))
	}
	for _, key := range n.ownKeys() {
		if value := a.phone(key); value != "" {
			n.conn.push("PRP", key, wire.Encode(value))
		}
	}
}

func (n *session) ownKeys() []string {
	if n.dialect.blogs {
		return append(slices.Clone(ownKeys), "HSB")
	}
	return ownKeys
}

// burstPhones is the BPR lines of MSNP8+, which belong to the LST before them.
func (n *session) burstPhones(e *entry) {
	if e.lists&msn.ForwardList == 0 {
		return
	}
	for _, line := range n.phoneLines(e) {
		n.conn.push("BPR", line...)
	}
}

// phoneLines is what is known of a contact's phones, as keys with values: its own view (SBP), else what the contact shows to
// those whom it allows.
func (n *session) phoneLines(e *entry) [][]string {
	if !n.dialect.listPhones {
		return nil
	}
	var lines [][]string
	for _, key := range n.shownKeys() {
		if value := n.phoneOf(e, key); value != "" {
			lines = append(lines, withValue(key, value))
		}
	}
	return lines
}

func (n *session) shownKeys() []string {
	if n.dialect.blogs {
		return append(slices.Clone(phoneKeys), "HSB")
	}
	return phoneKeys
}

func (n *session) phoneOf(e *entry, key string) string {
	if value := e.phones[key]; value != "" {
		return value
	}
	other := n.conn.srv.accounts[e.passport]
	if other == nil || !other.allows(n.account.passport) {
		return ""
	}
	return other.phones[key]
}

// phone is one of the account's own settings. The yes-no ones always have a value.
func (a *account) phone(key string) string {
	if a.phones[key] == "" && slices.Contains(yesNoKeys, key) {
		return "N"
	}
	return a.phones[key]
}

// withValue is a key and its value, or the key alone if there is none.
func withValue(key, value string) []string {
	if value == "" {
		return []string{key}
	}
	return []string{key, wire.Encode(value)}
}

// knows tells whether an entry can be told in this dialect: phones cannot before MSNP11,
// as other networks cannot before MSNP14.
func (n *session) knows(e *entry) bool {
	if isTelephone(e.passport) {
		return n.dialect.telephones
	}
	return n.dialect.federated || n.conn.srv.networkOf(e.passport) == msn.NetworkMSN
}

func (n *session) known() []*entry {
	var known []*entry
	for _, e := range n.account.order {
		if n.knows(e) {
			known = append(known, e)
		}
	}
	return known
}

// groupNumbers is the groups as MSNP7-9 write them; who is in none is in group 0.
func (e *entry) groupNumbers() string {
	var all []string
	if e.inOther() {
		all = append(all, "0")
	}
	for _, g := range e.groups {
		all = append(all, itoa(g.number))
	}
	return strings.Join(all, ",")
}

// inOther tells whether somebody is in group 0.
func (e *entry) inOther() bool { return e.other || len(e.groups) == 0 }

func (e *entry) groupGUIDs() string {
	var all []string
	for _, g := range e.groups {
		all = append(all, g.guid)
	}
	return strings.Join(all, ",")
}

func isTelephone(passport string) bool { return strings.HasPrefix(passport, "tel:") }
