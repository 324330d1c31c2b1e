package msn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// lists names the lists as commands do.
var lists = map[string]List{
	"FL": ForwardList, "AL": AllowList, "BL": BlockList, "RL": ReverseList, "PL": PendingList,
}

// word is the list's name in commands.
func (l List) word() string {
	for word, list := range lists {
		if list == l {
			return word
		}
	}
	return ""
}

// phoneKeys are the settings that BPR and PRP carry (core.md 7.4).
var phoneKeys = []string{"PHH", "PHW", "PHM", "MOB", "MBE", "HSB", "WWE", "MFN"}

// lineForm is how the lines of a SYN burst are spelt (core.md 7.2).
type lineForm uint8

const (
	serialLines  lineForm = iota // one line per list and contact, "n of m"
	bitmaskLines                 // one line per contact, lists in a sum
	guidLines                    // N= F= C=, two timestamps in SYN
)

// synArgs are the arguments of SYN that ask for everything.
func (f lineForm) synArgs() []string {
	if f == guidLines {
		return []string{"0", "0"}
	}
	return []string{"0"}
}

// counts reads how many contacts and groups SYN announces; known is false where it does not say, as in
// the form for an unchanged list.
func (f lineForm) counts(args []string) (contacts, groups int, known bool) {
	skip := 1
	if f == guidLines {
		skip = 2
	}
	if f == serialLines || len(args) < skip+2 {
		return 0, 0, false
	}
	contacts, err1 := strconv.Atoi(args[skip])
	groups, err2 := strconv.Atoi(args[skip+1])
	return contacts, groups, err1 == nil && err2 == nil && contacts >= 0 && groups >= 0
}

// contact reads LST.
func (f lineForm) contact(args []string) change {
	switch f {
	case serialLines:
		return serialContact(args)
	case bitmaskLines:
		return bitmaskContact(args)
	}
	return guidContact(args)
}

// serialContact reads "FL 255 1 2 bob@example.com Bob 0,1"; an empty list is "BL 255 0 0".
func serialContact(args []string) change {
	if len(args) < 5 || lists[args[0]] == 0 {
		return change{}
	}
	c := change{kind: serialLine, list: lists[args[0]], passport: handle(args[4]), name: arg(args, 5)}
	if len(args) > 6 {
		c.groups = groupIDs(args[6])
	}
	return c
}

// bitmaskContact reads "bob@example.com Bob 11 0,1".
func bitmaskContact(args []string) change {
	if len(args) < 3 {
		return change{}
	}
	bits, err := strconv.ParseUint(args[2], 10, 8)
	if err != nil {
		return change{}
	}
	c := change{kind: listLine, list: List(bits), passport: handle(args[0]), name: decode(args[1])}
	if len(args) > 3 {
		c.groups = groupIDs(args[3])
	}
	return c
}

// guidContact reads "N=bob@example.com F=Bob C=guid 11 1 guid,guid": what is present tells itself by
// prefix or shape, since the network came with MSNP12 and groups may be missing.
func guidContact(args []string) change {
	c := change{kind: listLine}
	numbers := 0
	for _, a := range args {
		if c.tagged(a) || a == "" {
			continue
		}
		n, err := strconv.ParseUint(a, 10, 16)
		switch {
		case err != nil:
			c.groups = append(c.groups, groupIDs(a)...)
		case numbers == 0:
			c.list = List(n)
			numbers++
		case numbers == 1:
			c.network = int(n)
			numbers++
		}
	}
	if numbers == 0 || c.passport == "" {
		return change{}
	}
	return c
}

// tagged takes an argument of the form N=, F= or C=.
func (c *change) tagged(a string) bool {
	switch {
	case strings.HasPrefix(a, "N="):
		c.passport = handle(a[2:])
	case strings.HasPrefix(a, "F="):
		c.name = decode(a[2:])
	case strings.HasPrefix(a, "C="):
		c.id = decode(a[2:])
	default:
		return false
	}
	return true
}

// group reads LSG: "1 2 0 Friends 0" after a list version, "0 Friends 0", or "Friends guid".
func (f lineForm) group(args []string) change {
	c := change{kind: groupLine}
	switch {
	case f == serialLines && len(args) >= 5:
		c.group = Group{ID: decode(args[3]), Name: decode(args[4])}
	case f == bitmaskLines && len(args) >= 2:
		c.group = Group{ID: decode(args[0]), Name: decode(args[1])}
	case f == guidLines && len(args) >= 2:
		c.group = Group{ID: decode(args[1]), Name: decode(args[0])}
	default:
		return change{}
	}
	return c
}

// editForm is how changes of the list are spelt (core.md 7.3 and 7.4).
type editForm uint8

const (
	numericEdits editForm = iota // ADD REM REA, numbers for groups, list versions in replies
	guidEdits                    // ADC REM SBP, GUIDs for contacts and groups
)

// add puts somebody on a list.
func (f editForm) add(list List, c Contact, name string) wire.Command {
	who := wire.Encode(c.Passport)
	if name == "" {
		name = c.Passport
	}
	switch {
	case f == numericEdits && list == ForwardList:
		return command("ADD", "FL", who, wire.Encode(name))
	case f == numericEdits:
		return command("ADD", list.word(), who, who)
	case list == ForwardList:
		return command("ADC", "FL", "N="+who, "F="+wire.Encode(name))
	}
	return command("ADC", list.word(), "N="+who)
}

// remove takes somebody off a list.
func (f editForm) remove(list List, c Contact) wire.Command {
	if f == guidEdits && list == ForwardList {
		return command("REM", "FL", c.ID)
	}
	return command("REM", list.word(), wire.Encode(c.Passport))
}

// addToGroup puts a contact of the forward list into a group.
func (f editForm) addToGroup(c Contact, group string) wire.Command {
	if f == guidEdits {
		return command("ADC", "FL", "C="+c.ID, wire.Encode(group))
	}
	return command("ADD", "FL", wire.Encode(c.Passport), wire.Encode(c.FriendlyName), wire.Encode(group))
}

// removeFromGroup takes it out again.
func (f editForm) removeFromGroup(c Contact, group string) wire.Command {
	who := wire.Encode(c.Passport)
	if f == guidEdits {
		who = c.ID
	}
	return command("REM", "FL", who, wire.Encode(group))
}

// rename changes the name under which I see a contact.
func (f editForm) rename(c Contact, name string) wire.Command {
	if f == guidEdits {
		return command("SBP", c.ID, "MFN", wire.Encode(name))
	}
	return command("REA", wire.Encode(c.Passport), wire.Encode(name))
}

// renameSelf changes my own name.
func (f editForm) renameSelf(me, name string) wire.Command {
	if f == guidEdits {
		return command("PRP", "MFN", wire.Encode(name))
	}
	return command("REA", wire.Encode(me), wire.Encode(name))
}

// addGroup makes a group.
func (f editForm) addGroup(name string) wire.Command {
	if f == guidEdits {
		return command("ADG", wire.Encode(name))
	}
	return command("ADG", wire.Encode(name), "0")
}

// renameGroup gives a group another name.
func (f editForm) renameGroup(id, name string) wire.Command {
	if f == guidEdits {
		return command("REG", wire.Encode(id), wire.Encode(name))
	}
	return command("REG", wire.Encode(id), wire.Encode(name), "0")
}

// removeGroup deletes a group.
func (f editForm) removeGroup(id string) wire.Command { return command("RMG", wire.Encode(id)) }

// read understands the replies and pushes about the list. Escargot spells some of them in its own way
// (core.md 16), so ids are found by their shape where that is possible.
func (f editForm) read(cmd wire.Command) change {
	args := cmd.Args
	switch cmd.Name {
	case "ADD":
		return readADD(args)
	case "ADC":
		return readADC(args)
	case "REM":
		return f.readREM(args)
	case "REA":
		if len(args) >= 3 {
			return change{kind: renamed, passport: handle(args[1]), name: decode(args[2])}
		}
	case "SBP":
		if len(args) >= 3 && args[1] == "MFN" {
			return change{kind: renamed, id: args[0], name: decode(args[2])}
		}
	case "ADG", "REG", "RMG":
		return f.readGroup(cmd)
	case "BLP":
		if len(args) > 0 {
			return change{kind: policy, value: args[len(args)-1]}
		}
	case "PRP":
		return readPRP(args)
	case "BPR":
		return readBPR(args)
	}
	return change{}
}

// readADD reads "FL 256 bob@example.com Bob 2".
func readADD(args []string) change {
	if len(args) < 3 || lists[args[0]] == 0 {
		return change{}
	}
	c := change{kind: added, list: lists[args[0]], passport: handle(args[2]), name: arg(args, 3)}
	if len(args) > 4 && c.list == ForwardList {
		c.groups = groupIDs(args[4])
	}
	return c
}

// readADC reads "FL N=bob@example.com F=Bob C=guid" and "FL C=guid group".
func readADC(args []string) change {
	if len(args) < 2 || lists[args[0]] == 0 {
		return change{}
	}
	c := change{kind: added, list: lists[args[0]]}
	for _, a := range args[1:] {
		if !c.tagged(a) && isGUID(a) {
			c.groups = append(c.groups, decode(a))
		}
	}
	return c
}

// readREM reads "FL 257 bob@example.com 2", "FL guid group" and "AL bob@example.com".
func (f editForm) readREM(args []string) change {
	if len(args) < 2 || lists[args[0]] == 0 {
		return change{}
	}
	c := change{kind: removed, list: lists[args[0]]}
	rest := args[1:]
	if f == numericEdits {
		if len(rest) < 2 {
			return change{}
		}
		rest = rest[1:]
	}
	if c.passport = handle(rest[0]); !strings.Contains(c.passport, "@") && isGUID(rest[0]) {
		c.passport, c.id = "", rest[0]
	}
	if len(rest) > 1 && rest[1] != "" {
		c.groups = groupIDs(rest[1])
	}
	return c
}

// readGroup reads the replies to ADG, REG and RMG.
func (f editForm) readGroup(cmd wire.Command) change {
	kind := map[string]changeKind{"ADG": groupAdded, "REG": groupRenamed, "RMG": groupRemoved}[cmd.Name]
	c := change{kind: kind}
	if f == numericEdits { // version, then name and id or id and name
		args := append(slices.Clone(cmd.Args), "", "", "")
		switch kind {
		case groupAdded:
			c.group = Group{ID: decode(args[2]), Name: decode(args[1])}
		case groupRenamed:
			c.group = Group{ID: decode(args[1]), Name: decode(args[2])}
		default:
			c.group.ID = decode(args[1])
		}
		return c
	}
	at := slices.IndexFunc(cmd.Args, isGUID)
	if at < 0 {
		return change{}
	}
	c.group.ID = decode(cmd.Args[at])
	switch {
	case kind == groupRemoved:
	case at > 0 && (kind == groupAdded || at > 1): // "name guid 0", Escargot's "1 name guid 0"
		c.group.Name = decode(cmd.Args[at-1])
	default: // "guid name"
		c.group.Name = arg(cmd.Args, at+1)
	}
	return c
}

// readPRP reads "MFN Alice", also behind a list version. Phones of my own are not kept.
func readPRP(args []string) change {
	if at := slices.Index(args, "MFN"); at == 0 || at == 1 && isNumber(args[0]) {
		return change{kind: ownName, name: arg(args, at+1)}
	}
	return change{}
}

// readBPR reads "PHH 555" (of the LST line before), "bob@example.com PHH 555", and both behind a list
// version.
func readBPR(args []string) change {
	if len(args) > 1 && isNumber(args[0]) {
		args = args[1:]
	}
	c := change{kind: phone}
	if len(args) > 0 && !slices.Contains(phoneKeys, args[0]) {
		c.passport, args = handle(args[0]), args[1:]
	}
	if len(args) == 0 || !slices.Contains(phoneKeys, args[0]) {
		return change{}
	}
	c.key, c.value = args[0], arg(args, 1)
	if c.key == "MFN" {
		return change{kind: renamed, passport: c.passport, name: c.value}
	}
	return c
}

// arg decodes an argument that may be missing. Arguments are parts of a larger buffer, which must not be
// kept alive by what we keep of it.
func arg(args []string, at int) string {
	if at < len(args) {
		return decode(args[at])
	}
	return ""
}

// decode is wire.Decode for what is kept.
func decode(s string) string { return strings.Clone(wire.Decode(s)) }

// handle decodes an address; addresses are compared in lower case.
func handle(s string) string { return strings.ToLower(decode(s)) }

// groupIDs splits a list of group ids.
func groupIDs(s string) []string {
	var ids []string
	for id := range strings.SplitSeq(s, ",") {
		if id != "" {
			ids = append(ids, decode(id))
		}
	}
	return ids
}

// isNumber tells whether s is all digits.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isGUID tells whether s has the shape 8-4-4-4-12.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}
