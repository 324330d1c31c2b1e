package msntest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	maxName  = 387 // bytes of a percent-encoded name (core.md 2.4)
	maxPhone = 95  // characters; longer ones close the connection
)

// listNames are the lists as commands name them.
var listNames = map[string]msn.List{
	"FL": msn.ForwardList, "AL": msn.AllowList, "BL": msn.BlockList, "RL": msn.ReverseList, "PL": msn.PendingList,
}

// listArg is the first argument as a list and in the spelling of replies.
func listArg(cmd wire.Command) (msn.List, string) {
	if len(cmd.Args) == 0 {
		return 0, ""
	}
	name := strings.ToUpper(cmd.Args[0])
	return listNames[name], name
}

// edited counts a change of the lists and returns the new version.
func (n *session) edited() int { return n.account.listChanged(n.conn.srv.now()) }

// configured counts a change of the settings, likewise.
func (n *session) configured() int {
	n.account.settingsAt = n.conn.srv.now()
	n.account.serial++
	return n.account.serial
}

// setPrivacy does BLP.
func setPrivacy(n *session, cmd wire.Command) {
	policy := msn.Privacy(strings.ToUpper(decoded(cmd.Args, 0)))
	switch policy {
	case msn.AllowOthers, msn.BlockOthers:
	default:
		n.misplaced()
		return
	}
	if policy == n.account.privacy && n.dialect.idleModes {
		n.conn.fail(cmd, 218)
		return
	}
	n.account.privacy = policy
	n.replyChanged(cmd, n.configured(), 0, string(policy))
	n.conn.srv.presenceOf(n.account, false)
}

// setPrompt does GTC.
func setPrompt(n *session, cmd wire.Command) {
	prompt := strings.ToUpper(decoded(cmd.Args, 0))
	switch {
	case prompt != "A" && prompt != "N":
		n.misplaced()
	case prompt == n.account.prompt && n.dialect.idleModes:
		n.conn.fail(cmd, 218)
	default:
		n.account.prompt = prompt
		n.replyChanged(cmd, n.configured(), 0, prompt)
	}
}

// addToList does ADD (MSNP2-9): list, address, name, group.
func addToList(n *session, cmd wire.Command) {
	list, name := listArg(cmd)
	if list&(msn.ForwardList|msn.AllowList|msn.BlockList) == 0 || len(cmd.Args) < 2 {
		n.conn.hangUp() // RL is the server's; real servers close
		return
	}
	passport := addressArg(cmd.Args, 1)
	if code := n.addable(passport); code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	place := placement{}
	args := []string{name, passport, passport}
	if len(cmd.Args) > 2 && cmd.Args[2] != "" {
		args[2] = cmd.Args[2]
	}
	if list == msn.ForwardList && len(cmd.Args) > 3 && n.dialect.groups == numberedGroups {
		var ok bool
		if place, ok = n.account.numbered(cmd.Args[3]); !ok {
			n.conn.fail(cmd, 224)
			return
		}
		args = append(args, cmd.Args[3])
	}
	e, fresh, code := n.put(list, passport, place)
	if code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	n.replyChanged(cmd, n.edited(), 1, args...)
	n.added(cmd, e, list, fresh)
}

// addContact does ADC (MSNP10-12): list, then N= or C=, F=, and a group.
func addContact(n *session, cmd wire.Command) {
	list, listName := listArg(cmd)
	var address, name, guid, groupID string
	for _, arg := range cmd.Args[min(1, len(cmd.Args)):] {
		switch key, value, _ := strings.Cut(arg, "="); {
		case key == "N":
			address = strings.ToLower(wire.Decode(value))
		case key == "F":
			name = value
		case key == "C":
			guid = value
		default:
			groupID = arg
		}
	}
	switch {
	case list == 0 || list == msn.PendingList:
		n.conn.hangUp()
		return
	case list == msn.ReverseList:
		n.acceptPending(cmd, address)
		return
	}
	byGUID := address == "" && guid != ""
	if byGUID {
		known := n.account.byGUID(guid)
		if known == nil {
			n.conn.fail(cmd, n.dialect.noAccount)
			return
		}
		address = known.passport
	} else if code := n.addable(address); code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	place := placement{}
	if list == msn.ForwardList && groupID != "" {
		g := n.account.group(groupID)
		if g == nil {
			n.conn.fail(cmd, 224)
			return
		}
		place = placement{group: g}
	}
	e, fresh, code := n.put(list, address, place)
	if code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	n.edited()
	args := []string{listName, "N=" + address}
	switch {
	case byGUID && list == msn.ForwardList:
		args[1] = "C=" + e.guid
	case list == msn.ForwardList:
		if name == "" {
			name = wire.Encode(n.conn.srv.nameFor(e))
		}
		args = append(args, "F="+name, "C="+e.guid)
	}
	if place.group != nil {
		args = append(args, place.group.guid)
	}
	n.conn.reply(cmd, "ADC", args...)
	n.added(cmd, e, list, fresh)
}

// acceptPending does ADC RL, with which a client moves somebody out of PL (core.md 7.1).
func (n *session) acceptPending(cmd wire.Command, address string) {
	if n.conn.srv.quirks.StrictReverse && (!n.dialect.reverse || !n.account.on(address, msn.PendingList)) {
		n.conn.hangUp()
		return
	}
	if code := n.conn.srv.acceptPending(n.account, address); code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	n.conn.reply(cmd, "ADC", "RL", "N="+address)
}

// addable checks an address that is to be put on a list. 0 means that it may be.
func (n *session) addable(address string) int { return n.conn.srv.addable(address, n.dialect) }

func (s *Server) addable(address string, d *dialect) int {
	switch {
	case isTelephone(address) && d.telephones:
		if !telephone.MatchString(address) {
			return 232
		}
	case !validPassport(address):
		return 201
	case s.accounts[address] == nil:
		return d.noAccount
	}
	return 0
}

var telephone = regexp.MustCompile(`^tel:\+?[0-9]{3,20}$`)

// placement is a group that a contact is to be put into: none said, group 0, or one of the account's.
type placement struct {
	zero  bool
	group *group
}

// numbered finds a group by its number.
func (a *account) numbered(number string) (placement, bool) {
	if number == "0" {
		return placement{zero: true}, true
	}
	for _, g := range a.groups {
		if itoa(g.number) == number {
			return placement{group: g}, true
		}
	}
	return placement{}, false
}

// group finds a group by its GUID.
func (a *account) group(guid string) *group {
	for _, g := range a.groups {
		if strings.EqualFold(g.guid, guid) {
			return g
		}
	}
	return nil
}

// put puts somebody on FL, AL or BL, or somebody on FL into a further group. fresh tells that the list changed, not only the
// groups. code is the error number, or 0.
func (n *session) put(list msn.List, passport string, place placement) (e *entry, fresh bool, code int) {
	return n.conn.srv.put(n.account, list, passport, place, n.dialect)
}

// put is put for a client of some version, or for a web service.
func (s *Server) put(a *account, list msn.List, passport string, place placement, d *dialect) (e *entry, fresh bool, code int) {
	switch {
	case list == msn.AllowList && a.on(passport, msn.BlockList), list == msn.BlockList && a.on(passport, msn.AllowList):
		return nil, false, 219
	case a.on(passport, list):
		e = a.entries[passport]
		return e, false, e.regroup(place, d.groups)
	case list == msn.ForwardList && a.forward() >= s.quirks.ForwardLimit:
		return nil, false, 210
	case len(a.order) >= 4*s.quirks.ForwardLimit:
		return nil, false, 210
	}
	e = a.entry(passport)
	e.lists |= list
	if !d.pending && list != msn.ForwardList && e.lists&msn.PendingList != 0 {
		// These versions know no PL: whoever is on AL or BL has been decided upon.
		e.lists = e.lists&^msn.PendingList | msn.ReverseList
	}
	if list == msn.ForwardList && place.group != nil {
		e.groups = append(e.groups, place.group)
	}
	return e, true, 0
}

// regroup puts somebody who is on FL into a group as well.
func (e *entry) regroup(place placement, groups groupForm) int {
	switch {
	case place.zero && !e.inOther():
		e.other = true
	case place.group != nil && !slices.Contains(e.groups, place.group):
		e.other = e.inOther() && groups == numberedGroups
		e.groups = append(e.groups, place.group)
	default:
		return 215
	}
	return 0
}

// added tells what follows from an addition: phones and presence to this client, RL to the other.
func (n *session) added(cmd wire.Command, e *entry, list msn.List, fresh bool) {
	s := n.conn.srv
	other := s.accounts[e.passport]
	if !fresh || other == nil {
		return
	}
	s.mirrorAdded(n.account, other, list)
	if list == msn.ForwardList {
		n.addedPhones(e)
		s.show(n, other, false, &cmd)
	}
}

// mirrorAdded tells what follows for somebody who was put on a list of an account: RL and news of it, or another view.
func (s *Server) mirrorAdded(a, other *account, list msn.List) {
	if list != msn.ForwardList {
		s.presenceTo(other, a)
		return
	}
	known := other.on(a.passport, msn.ReverseList|msn.PendingList)
	other.watchedBy(a.passport)
	if known {
		return
	}
	serial := other.listChanged(s.now())
	for _, m := range other.sessions {
		m.beAdded(a, serial)
	}
}

// addedPhones is the four BPR lines that follow the answer to ADD, blank where nothing is known; in MSNP10+ what is known.
func (n *session) addedPhones(e *entry) {
	if !n.synchronised || !n.dialect.listPhones {
		return
	}
	for _, key := range n.shownKeys() {
		value := n.phoneOf(e, key)
		switch {
		case value == "" && !n.dialect.serials:
			continue
		case value == "" && slices.Contains(yesNoKeys, key):
			value = "N"
		}
		n.phone(e.passport, key, value)
	}
}

// phone sends one BPR line outside of the burst.
func (n *session) phone(passport, key, value string) {
	n.conn.push("BPR", n.withSerial(n.account.serial, 0, append([]string{passport}, withValue(key, value)...))...)
}

// beAdded tells a client that somebody has it on FL now.
func (n *session) beAdded(by *account, serial int) {
	name := wire.Encode(by.name)
	switch {
	case n.dialect.burst == noBurst:
		n.pushList("ADL", by, `f="`+markup.Replace(wire.EncodeFull(by.name))+`"`)
		n.tellBookChanged("")
	case n.dialect.pending:
		n.conn.notice("ADC", "RL", "N="+by.passport, "F="+name)
		n.tellBookChanged("")
	default:
		n.noticeChanged("ADD", serial, 1, "RL", by.passport, name)
		n.tellBookChanged("")
	}
}

// beRemoved tells a client that somebody has it on FL no more.
func (n *session) beRemoved(by *account, serial int) {
	if n.dialect.burst == noBurst {
		n.pushList("RML", by, "")
		n.tellBookChanged("")
		return
	}
	n.noticeChanged("REM", serial, 1, "RL", by.passport)
}

var guidShape = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// removeFromList does REM: list, address (on FL of MSNP10+ the GUID), group.
func removeFromList(n *session, cmd wire.Command) {
	list, _ := listArg(cmd)
	if list == 0 || list == msn.ReverseList || len(cmd.Args) < 2 || list == msn.PendingList && !n.dialect.pending {
		n.conn.hangUp()
		return
	}
	a := n.account
	e := a.entries[addressArg(cmd.Args, 1)]
	if list == msn.ForwardList && n.dialect.groups == guidGroups {
		if !guidShape.MatchString(cmd.Args[1]) {
			n.conn.fail(cmd, 403)
			return
		}
		e = a.byGUID(cmd.Args[1])
	}
	if e == nil || e.lists&list == 0 {
		n.conn.fail(cmd, 216)
		return
	}
	args := append([]string{strings.ToUpper(cmd.Args[0])}, cmd.Args[1:min(len(cmd.Args), 3)]...)
	if list == msn.ForwardList && len(cmd.Args) > 2 && n.dialect.groups != noGroups {
		if code := n.leaveGroup(e, cmd.Args[2]); code != 0 {
			n.conn.fail(cmd, code)
			return
		}
		n.replyChanged(cmd, n.edited(), 1, args...)
		return
	}
	n.conn.srv.takeOff(a, e, list)
	n.replyChanged(cmd, n.edited(), 1, args[:2]...)
	n.removed(e, list)
	a.tidy(e)
}

// takeOff removes somebody from a list. Who leaves PL and still has us on FL is on RL from then on.
func (s *Server) takeOff(a *account, e *entry, list msn.List) {
	e.lists &^= list
	other := s.accounts[e.passport]
	if list == msn.PendingList && other != nil && other.forwards(a.passport) {
		e.lists |= msn.ReverseList
	}
}

// leaveGroup removes a contact from one group.
func (n *session) leaveGroup(e *entry, id string) int {
	if n.dialect.groups == numberedGroups {
		place, ok := n.account.numbered(id)
		switch {
		case !ok:
			return 224
		case place.zero && !e.inOther():
			return 225
		case place.zero:
			e.other = false
			return 0
		}
		return e.leave(place.group)
	}
	g := n.account.group(id)
	if g == nil {
		return 224
	}
	return e.leave(g)
}

func (e *entry) leave(g *group) int {
	i := slices.Index(e.groups, g)
	if i < 0 {
		return 225
	}
	e.groups = slices.Delete(e.groups, i, i+1)
	return 0
}

// removed tells what follows from a removal.
func (n *session) removed(e *entry, list msn.List) {
	if other := n.conn.srv.accounts[e.passport]; other != nil {
		n.conn.srv.mirrorRemoved(n.account, other, list)
	}
}

// mirrorRemoved tells what follows for somebody who was taken off a list of an account.
func (s *Server) mirrorRemoved(a, other *account, list msn.List) {
	if list != msn.ForwardList {
		s.presenceTo(other, a)
		return
	}
	for _, n := range a.sessions {
		delete(n.shown, other.passport)
	}
	mirror := other.entries[a.passport]
	if mirror == nil || mirror.lists&(msn.ReverseList|msn.PendingList) == 0 {
		return
	}
	mirror.lists &^= msn.ReverseList | msn.PendingList
	serial := other.listChanged(s.now())
	for _, m := range other.sessions {
		m.beRemoved(a, serial)
	}
	other.tidy(mirror)
}

// addGroup does ADG.
func addGroup(n *session, cmd wire.Command) {
	a := n.account
	name := decoded(cmd.Args, 0)
	code := n.groupName(cmd.Args, 0)
	if code == 0 && len(a.groups) >= n.conn.srv.quirks.GroupLimit {
		code = 223
	}
	if code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	g := a.addGroup(name)
	id := g.guid
	if n.dialect.groups == numberedGroups {
		id = itoa(g.number)
	}
	n.replyChanged(cmd, n.edited(), 0, cmd.Args[0], id, "0")
}

// maxGroupName is the limit for a percent-encoded group name (core.md 2.4).
const maxGroupName = 61

// groupName checks a name for a group.
func (n *session) groupName(args []string, i int) int {
	name := decoded(args, i)
	switch {
	case name == "":
		return 201
	case len(args[i]) > maxGroupName:
		return 229
	case n.dialect.groups == guidGroups && slices.ContainsFunc(n.account.groups, func(g *group) bool { return g.name == name }):
		return 228
	}
	return 0
}

// groupArg finds the group that RMG and REG name. MSN 7.0 names a group that it made and dropped again by its name, encoded
// twice (core.md 7.4).
func (n *session) groupArg(id string) *group {
	a := n.account
	if n.dialect.groups == numberedGroups {
		place, _ := a.numbered(id)
		return place.group
	}
	if g := a.group(id); g != nil {
		return g
	}
	name := wire.Decode(wire.Decode(id))
	if i := slices.IndexFunc(a.groups, func(g *group) bool { return g.name == name }); i >= 0 {
		return a.groups[i]
	}
	return nil
}

// removeGroup does RMG. Contacts that were in no other group are in none, or in group 0, then.
func removeGroup(n *session, cmd wire.Command) {
	if len(cmd.Args) == 0 {
		n.misplaced()
		return
	}
	g := n.groupArg(cmd.Args[0])
	switch {
	case cmd.Args[0] == "0" && n.dialect.groups == numberedGroups:
		n.conn.fail(cmd, 230)
		return
	case g == nil:
		n.conn.fail(cmd, 224)
		return
	}
	n.account.dropGroup(g)
	serial := n.edited()
	if n.dialect.groups == numberedGroups {
		n.replyChanged(cmd, serial, 0, itoa(g.number))
	} else {
		n.conn.reply(cmd, "RMG", "1", g.guid)
	}
}

// renameGroup does REG.
func renameGroup(n *session, cmd wire.Command) {
	if len(cmd.Args) == 0 {
		n.misplaced()
		return
	}
	g := n.groupArg(cmd.Args[0])
	if g == nil {
		n.conn.fail(cmd, 224)
		return
	}
	if code := n.groupName(cmd.Args, 1); code != 0 {
		n.conn.fail(cmd, code)
		return
	}
	g.name = decoded(cmd.Args, 1)
	serial := n.edited()
	if n.dialect.groups == numberedGroups {
		n.replyChanged(cmd, serial, 0, itoa(g.number), cmd.Args[1], "0")
	} else {
		n.conn.reply(cmd, "REG", "1", cmd.Args[1], g.guid, "0")
	}
}

// longName tells whether a name, percent-encoded, is longer than may be.
func (s *Server) longName(encoded string) bool {
	return len(encoded) > maxName && !s.quirks.LaxCommands
}

// rename does REA (MSNP2-9): the own name, or the own view of a contact's.
func rename(n *session, cmd wire.Command) {
	a := n.account
	passport, name := addressArg(cmd.Args, 0), decoded(cmd.Args, 1)
	switch {
	case name == "":
		n.conn.fail(cmd, 201)
		return
	case n.conn.srv.longName(cmd.Args[1]), passport == a.passport && a.unverified:
		n.conn.fail(cmd, 209)
		return
	case passport != a.passport && a.entries[passport] == nil:
		n.conn.fail(cmd, 216)
		return
	case isTelephone(passport):
		n.conn.fail(cmd, 213)
		return
	}
	if passport != a.passport {
		a.entries[passport].name = name
		n.replyChanged(cmd, n.edited(), 0, passport, cmd.Args[1])
		return
	}
	a.name = name
	n.replyChanged(cmd, n.configured(), 0, passport, cmd.Args[1])
	n.conn.srv.presenceOf(a, true)
}

// setProperty does PRP: phones, and in MSNP10+ the own name.
func setProperty(n *session, cmd wire.Command) {
	key, value := strings.ToUpper(decoded(cmd.Args, 0)), decoded(cmd.Args, 1)
	args := withRaw(key, cmd.Args, 1)
	if key == "MFN" && n.dialect.nameKey {
		n.setName(cmd, value, args)
		return
	}
	switch {
	case !slices.Contains(n.ownKeys(), key) && key != "WWE":
		n.conn.fail(cmd, 201)
		return
	case len(value) > maxPhone:
		n.conn.hangUp()
		return
	}
	a := n.account
	if value == "" {
		delete(a.phones, key)
	} else {
		a.phones[key] = value
	}
	n.replyChanged(cmd, n.configured(), 0, args...)
	n.conn.srv.phoneChanged(a, key)
}

// withRaw is a key and the argument i as it came, if there is one.
func withRaw(key string, args []string, i int) []string {
	if i < len(args) && args[i] != "" {
		return []string{key, args[i]}
	}
	return []string{key}
}

// setName does PRP MFN; without a value the name is the address again.
func (n *session) setName(cmd wire.Command, name string, args []string) {
	a := n.account
	switch {
	case a.unverified:
		n.conn.fail(cmd, 715)
		return
	case len(cmd.Args) > 1 && n.conn.srv.longName(cmd.Args[1]):
		n.conn.fail(cmd, 209)
		return
	case name == "":
		name = a.passport
	}
	a.name = name
	n.configured()
	n.conn.reply(cmd, "PRP", args...)
	n.conn.srv.nameChanged(a)
}

// phoneChanged tells those who have the account on FL, as far as it allows them.
func (s *Server) phoneChanged(a *account, key string) {
	for _, e := range a.order {
		other := s.accounts[e.passport]
		if other == nil || !a.allows(e.passport) || !other.on(a.passport, msn.ForwardList) {
			continue
		}
		for _, n := range other.sessions {
			if n.synchronised && n.dialect.listPhones && slices.Contains(n.shownKeys(), key) {
				n.phone(a.passport, key, a.phone(key))
			}
		}
	}
}

// setContactProperty does SBP: the own view of a contact's name and phones.
func setContactProperty(n *session, cmd wire.Command) {
	if len(cmd.Args) < 2 {
		n.misplaced()
		return
	}
	e := n.account.byGUID(cmd.Args[0])
	key, value := strings.ToUpper(cmd.Args[1]), decoded(cmd.Args, 2)
	switch {
	case e == nil:
		n.conn.fail(cmd, 216)
		return
	case key == "MFN" && len(cmd.Args) > 2 && n.conn.srv.longName(cmd.Args[2]):
		n.conn.fail(cmd, 209)
		return
	case key == "MFN" && isTelephone(e.passport):
		n.conn.fail(cmd, 213)
		return
	case key == "MFN":
		e.name = value
	case !slices.Contains(n.shownKeys(), key):
		n.conn.fail(cmd, 201)
		return
	case len(value) > maxPhone:
		n.conn.hangUp()
		return
	default:
		if e.phones == nil {
			e.phones = map[string]string{}
		}
		e.phones[key] = value
	}
	n.edited()
	n.conn.reply(cmd, "SBP", append([]string{e.guid}, withRaw(key, cmd.Args, 2)...)...)
}
