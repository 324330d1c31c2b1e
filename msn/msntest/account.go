package msntest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// account is one account and its lists. The Server's lock guards it.
type account struct {
	passport, password string
	name               string // friendly name, decoded
	unverified, email  bool
	member             uint64 // PUID
	privacy            msn.Privacy
	prompt             string // GTC
	phones             map[string]string
	serial             int // list version, grows with every change
	settingsAt, listAt time.Time

	entries map[string]*entry
	order   []*entry // in the order of their coming
	groups  []*group
	nextID  int

	network  int        // msn.NetworkMSN, or that of a partner
	sessions []*session // signed in there, in the order of their coming
	words    int        // what they have said of AL and BL so far
	face     face       // what they show together
	leaving  *session   // while it is told that one has gone

	web webState // what the web services keep of it
}

// session is the one that signed in first, nil if nobody is signed in.
func (a *account) session() *session {
	if len(a.sessions) == 0 {
		return nil
	}
	return a.sessions[0]
}

// entry is somebody on an account's lists.
type entry struct {
	passport string
	network  int    // if it has no account, 0 for msn.NetworkMSN
	name     string // own view of the name, "" means the live one
	lists    msn.List
	guid     string
	groups   []*group
	other    bool // in group 0 of MSNP7-9 beside others; who is in none is there anyway
	phones   map[string]string
}

// group has a number before MSNP10 and a GUID from then on.
type group struct {
	number int
	guid   string
	name   string

	favorite bool // kept for clients that ask (services.md, section 8.8)
}

// otherContacts is the name of group 0, which always exists (core.md 7.2).
const otherContacts = "Other Contacts"

// guidOf makes a GUID that stays the same for the same words, so that tests can be repeated.
func guidOf(words ...string) string {
	sum := sha1.Sum([]byte(strings.Join(words, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// randomHex is n random hex digits; n is even.
func randomHex(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// randomNumber is a random decimal number of at most the digits of an int32.
func randomNumber() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strconv.Itoa(int(binary.LittleEndian.Uint32(b[:])>>1) | 1)
}

// AddAccount creates an account. It fails if the address is no address or taken, or a preset makes no sense.
func (s *Server) AddAccount(a Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.addAccount(a); err != nil {
		return fmt.Errorf("account %q: %w", a.Passport, err)
	}
	s.preset(a)
	s.changed()
	return nil
}

func (s *Server) addAccount(a Account) error {
	passport := strings.ToLower(a.Passport)
	switch {
	case !validPassport(passport):
		return errors.New("not an address")
	case s.accounts[passport] != nil:
		return errors.New("exists already")
	case a.Privacy != "" && a.Privacy != msn.AllowOthers && a.Privacy != msn.BlockOthers:
		return fmt.Errorf("privacy %q: want AL or BL", a.Privacy)
	}
	for _, friend := range a.Friends {
		if !validPassport(strings.ToLower(friend)) {
			return fmt.Errorf("friend %q: not an address", friend)
		}
	}
	for _, c := range a.Contacts {
		if err := c.check(a.Groups); err != nil {
			return fmt.Errorf("contact %q: %w", c.Passport, err)
		}
	}
	sum := sha1.Sum([]byte(passport))
	acc := &account{
		passport: passport, password: a.Password, name: a.FriendlyName, unverified: a.Unverified, email: a.Email,
		network: cmp.Or(a.Network, msn.NetworkMSN),
		member:  binary.BigEndian.Uint64(sum[:]), privacy: a.Privacy, prompt: "A", phones: map[string]string{},
		serial: 1, settingsAt: s.now(), listAt: s.now(), entries: map[string]*entry{}, nextID: 1,
	}
	if acc.name == "" {
		acc.name = passport
	}
	if acc.privacy == "" {
		acc.privacy = msn.AllowOthers
	}
	maps.Copy(acc.phones, a.Phones)
	for _, name := range a.Groups {
		acc.addGroup(name)
	}
	acc.web.noBook = a.NoAddressBook
	s.accounts[passport] = acc
	return nil
}

func (p Preset) check(groups []string) error {
	switch {
	case !validPassport(strings.ToLower(p.Passport)):
		return errors.New("not an address")
	case p.Lists&^(msn.ForwardList|msn.AllowList|msn.BlockList) != 0:
		return errors.New("on lists other than FL, AL and BL")
	case p.Lists&msn.AllowList != 0 && p.Lists&msn.BlockList != 0:
		return errors.New("on AL and BL at once")
	}
	for _, name := range p.Groups {
		if !slices.Contains(groups, name) {
			return fmt.Errorf("group %q: no such group", name)
		}
	}
	return nil
}

// preset fills the lists of a new account. Friends and contacts may be created later; then [Server.watchedBy] catches up.
func (s *Server) preset(a Account) {
	acc := s.accounts[strings.ToLower(a.Passport)]
	for _, p := range a.Contacts {
		e := acc.entry(strings.ToLower(p.Passport))
		e.lists |= p.Lists
		e.name = p.FriendlyName
		for _, name := range p.Groups {
			i := slices.IndexFunc(acc.groups, func(g *group) bool { return g.name == name })
			e.groups = append(e.groups, acc.groups[i])
		}
		if other := s.accounts[e.passport]; other != nil && e.lists&msn.ForwardList != 0 {
			other.watchedBy(acc.passport)
		}
		acc.tidy(e)
	}
	for _, friend := range a.Friends {
		befriend(acc, strings.ToLower(friend))
		if other := s.accounts[strings.ToLower(friend)]; other != nil {
			befriend(other, acc.passport)
		}
	}
	for _, other := range s.accounts {
		if other == acc {
			continue
		}
		if other.forwards(acc.passport) {
			acc.watchedBy(other.passport)
		}
	}
}

// befriend puts somebody on FL, AL and RL.
func befriend(a *account, passport string) {
	e := a.entry(passport)
	e.lists = e.lists&^(msn.BlockList|msn.PendingList) | msn.ForwardList | msn.AllowList | msn.ReverseList
}

// Befriend puts two existing accounts on each other's FL, AL and RL. Clients that are signed in are not told; their presence
// lines follow as if the lists had changed.
func (s *Server) Befriend(a, b string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, two := s.accounts[strings.ToLower(a)], s.accounts[strings.ToLower(b)]
	if one == nil || two == nil || one == two {
		return
	}
	befriend(one, two.passport)
	befriend(two, one.passport)
	one.listChanged(s.now())
	two.listChanged(s.now())
	s.refreshPair(one, two)
	s.changed()
}

// entry finds or makes the entry of somebody. One that ends up on no list is removed again by tidy.
func (a *account) entry(passport string) *entry {
	e := a.entries[passport]
	if e == nil {
		e = &entry{passport: passport, guid: guidOf("contact", a.passport, passport)}
		a.entries[passport] = e
		a.order = append(a.order, e)
	}
	return e
}

// tidy removes an entry that is on no list.
func (a *account) tidy(e *entry) {
	if e.lists&msn.ForwardList == 0 {
		e.groups, e.other, e.name, e.phones = nil, false, "", nil
	}
	if e.lists == 0 {
		delete(a.entries, e.passport)
		a.order = slices.DeleteFunc(a.order, func(other *entry) bool { return other == e })
	}
}

// on tells whether somebody is on a list of the account.
func (a *account) on(passport string, list msn.List) bool {
	e := a.entries[passport]
	return e != nil && e.lists&list != 0
}

// allows tells whether the account lets somebody see and call it (core.md 7.1).
func (a *account) allows(passport string) bool {
	switch a.standing(passport) {
	case msn.AllowList:
		return true
	case msn.BlockList:
		return false
	}
	return a.privacy == msn.AllowOthers
}

// watchedBy notes that somebody has the account on FL: on RL, or on PL as long as the account has not decided.
func (a *account) watchedBy(passport string) *entry {
	e := a.entry(passport)
	if e.lists&(msn.ReverseList|msn.PendingList) == 0 {
		if a.standing(passport) != 0 {
			e.lists |= msn.ReverseList
		} else {
			e.lists |= msn.PendingList
		}
	}
	return e
}

// listChanged counts a change of the lists and returns the new version.
func (a *account) listChanged(now time.Time) int {
	a.serial++
	a.listAt = now
	return a.serial
}

// forward counts the contacts on FL.
func (a *account) forward() int {
	n := 0
	for _, e := range a.order {
		if e.lists&msn.ForwardList != 0 {
			n++
		}
	}
	return n
}

func (a *account) byGUID(guid string) *entry {
	for _, e := range a.order {
		if e.lists&msn.ForwardList != 0 && strings.EqualFold(e.guid, guid) {
			return e
		}
	}
	return nil
}

func (a *account) addGroup(name string) *group {
	g := &group{number: a.nextID, name: name, guid: guidOf("group", a.passport, strconv.Itoa(a.nextID))}
	a.nextID++
	a.groups = append(a.groups, g)
	return g
}

func (a *account) dropGroup(g *group) {
	same := func(other *group) bool { return other == g }
	a.groups = slices.DeleteFunc(a.groups, same)
	for _, e := range a.order {
		e.groups = slices.DeleteFunc(e.groups, same)
	}
}

// nameFor is what an account sees as somebody's name: its own view, else the live name, else the address.
func (s *Server) nameFor(e *entry) string {
	if e.name != "" {
		return e.name
	}
	if other := s.accounts[e.passport]; other != nil {
		return other.name
	}
	return e.passport
}

// AccountState is what the service knows of an account at one moment.
type AccountState struct {
	// Exists tells whether there is such an account; if not, all else is zero.
	Exists                 bool
	Passport, FriendlyName string
	// SignedIn tells whether there is a session, Version what it speaks. Status is Offline until its first CHG; then it is
	// what was set, which includes Hidden.
	SignedIn bool
	Version  msn.Version
	Status   msn.Status
	// Capabilities is the field of CHG, Object the MSNObject of CHG, still percent-encoded; PersonalMessage the payload of
	// UUX.
	Capabilities    msn.Capabilities
	Object          string
	PersonalMessage []byte
	// Contacts are all entries in the order of their coming; ID and Groups are GUIDs whatever the version. A name that is
	// not the account's own view is the contact's present one.
	Contacts []msn.Contact
	// Groups are the groups by GUID.
	Groups  []msn.Group
	Privacy msn.Privacy
	// Prompt is GTC: A or N. Phones are PRP's keys. Serial is the list version.
	Prompt string
	Phones map[string]string
	Serial int
	// Switchboards is the number of switchboards that the account is in.
	Switchboards int
	// Endpoints are its sessions in the order of their coming: one at most below MSNP16.
	Endpoints []EndpointState
	// Circles are the ids of the circles that it belongs to or is invited to.
	Circles []string
}

// EndpointState is one session of an account.
type EndpointState struct {
	// ID is the GUID of the machine in lower case without braces, "" below MSNP16.
	ID      string
	Version msn.Version
	// Name, Client, Idle and Status are what the endpoint tells of itself (PrivateEndpointData, core.md 8.4).
	Name         string
	Client       msn.ClientType
	Idle         bool
	Status       msn.Status
	Capabilities msn.Capabilities
	// Listed tells whether it has sent its lists (ADL), always true below MSNP13. InCircles are the circles in which it
	// takes part.
	Listed    bool
	InCircles []string
}

// On tells whether somebody is on all the given lists of the account.
func (a AccountState) On(passport string, lists msn.List) bool {
	i := slices.IndexFunc(a.Contacts, func(c msn.Contact) bool { return strings.EqualFold(c.Passport, passport) })
	return i >= 0 && a.Contacts[i].On(lists)
}

// Account takes a snapshot of an account.
func (s *Server) Account(passport string) AccountState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state(passport)
}

func (s *Server) state(passport string) AccountState {
	a := s.accounts[strings.ToLower(passport)]
	if a == nil {
		return AccountState{}
	}
	state := AccountState{
		Exists: true, Passport: a.passport, FriendlyName: a.name, Status: msn.Offline, Privacy: a.privacy, Prompt: a.prompt,
		Phones: maps.Clone(a.phones), Serial: a.serial,
	}
	if n := a.session(); n != nil {
		state.SignedIn, state.Version = true, n.dialect.version
		if a.face.status != "" {
			state.Status = a.face.status
		}
		state.Capabilities, state.Object, state.PersonalMessage = a.face.capabilities, a.face.object, slices.Clone(a.face.message)
	}
	for _, n := range a.sessions {
		state.Endpoints = append(state.Endpoints, n.endpointState())
	}
	for _, g := range a.groups {
		state.Groups = append(state.Groups, msn.Group{ID: g.guid, Name: g.name})
	}
	for _, e := range a.order {
		c := msn.Contact{
			Passport: e.passport, FriendlyName: s.nameFor(e), Lists: e.lists, NetworkID: s.networkOf(e.passport),
			Phones: maps.Clone(e.phones),
		}
		if e.lists&msn.ForwardList != 0 {
			c.ID = e.guid
		}
		for _, g := range e.groups {
			c.Groups = append(c.Groups, g.guid)
		}
		state.Contacts = append(state.Contacts, c)
	}
	for id, c := range s.circles {
		if slices.ContainsFunc(c.members, func(m *circleMember) bool { return m.passport == a.passport }) {
			state.Circles = append(state.Circles, id)
		}
	}
	slices.Sort(state.Circles)
	for _, sb := range s.switchboards {
		if sb.find(a.passport) != nil {
			state.Switchboards++
		}
	}
	return state
}

// SignedIn tells whether an account is signed in, be it hidden or before its first CHG.
func (s *Server) SignedIn(passport string) bool { return s.Account(passport).SignedIn }

// Watch waits until a condition on an account holds, or the context ends. The condition is asked at once and after
// everything that happens, in the waiting goroutine.
func (s *Server) Watch(ctx context.Context, passport string, until func(AccountState) bool) error {
	s.mu.Lock()
	s.watchers++
	defer func() {
		s.mu.Lock()
		s.watchers--
		s.mu.Unlock()
	}()
	for {
		state, change := s.state(passport), s.change
		s.mu.Unlock()
		if until(state) {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", passport, ctx.Err())
		}
		s.mu.Lock()
	}
}

// WaitSignedIn waits until an account is signed in.
func (s *Server) WaitSignedIn(ctx context.Context, passport string) error {
	return s.Watch(ctx, passport, func(a AccountState) bool { return a.SignedIn })
}

// WaitSignedOut waits until an account is not signed in.
func (s *Server) WaitSignedOut(ctx context.Context, passport string) error {
	return s.Watch(ctx, passport, func(a AccountState) bool { return !a.SignedIn })
}

// WaitStatus waits until an account has set a status; Offline means that it is signed out or before its first CHG.
func (s *Server) WaitStatus(ctx context.Context, passport string, status msn.Status) error {
	return s.Watch(ctx, passport, func(a AccountState) bool { return a.Status == status })
}

// Kick signs all endpoints of an account out at the notification server: OUT with a reason ("OTH", "SSD", "MIG" ...), or plain OUT. It says
// whether the account was signed in. Its switchboards stay.
func (s *Server) Kick(passport, reason string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[strings.ToLower(passport)]
	if a == nil || len(a.sessions) == 0 {
		return false
	}
	for _, n := range slices.Clone(a.sessions) {
		s.tellOut(n.conn, reason)
	}
	return true
}

// Drop cuts all connections of an account, those in switchboards too, without a word. It says how many there were.
func (s *Server) Drop(passport string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.conns {
		if !c.over && strings.EqualFold(c.passport(), passport) {
			c.cut()
			n++
		}
	}
	return n
}
