package msn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
	"github.com/matrix-msn/matrix-msn/msn/internal/ml"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// bookRead is the call that reads the address book.
type bookRead uint8

const (
	findAll   bookRead = iota // ABFindAll (MSNP13)
	findPaged                 // ABFindContactsPaged, with circles (MSNP18)
)

// settleTime is how long a change of the address book is left to settle before it is read again: several
// are told of together (services.md 9.5).
const settleTime = 2 * time.Second

// addressBook is the list of MSNP13 and later, which a web service keeps; the notification server is told by
// ADL and RML who is on it (services.md 9). The web service is always asked first.
type addressBook struct{ by bookRead }

func (addressBook) step() string { return "address book" }

func (addressBook) ids() bool { return true }

// read understands what is left of the commands about the list.
func (addressBook) read(cmd wire.Command) change {
	switch cmd.Name {
	case "BLP", "PRP":
		return guidEdits.read(cmd)
	}
	return change{}
}

// listing is an address book as it was read.
type listing struct {
	contacts map[string]Contact
	invites  map[string]string // texts of those who wait, by passport
	pending  map[string]string // ids of their entries
	groups   []Group
	name     string
	privacy  Privacy
	book     *abch.AddressBook
}

// fetch reads the book and tells the notification server who is on it.
func (a addressBook) fetch(ctx context.Context, nc *notificationConn) error {
	if err := nc.barrier(ctx); err != nil { // the profile, which may hold the ticket, has come by then
		return err
	}
	list, err := a.load(ctx, nc, "Initial")
	if err != nil {
		return err
	}
	nc.roster.replace(list)
	if err := nc.subscribe(ctx, list.privacy); err != nil {
		return err
	}
	if err := nc.enlist(ctx, list); err != nil {
		return err
	}
	if err := nc.circles.load(ctx, nc, list.book); err != nil {
		if !nc.alive() || ctx.Err() != nil {
			return err
		}
		nc.circleTrouble(ctx, err)
	}
	if nc.dialect.documents || list.name == "" || list.name == nc.cfg.Passport {
		return nil // where there are documents, the first one has the name
	}
	if err := a.renameHere(ctx, nc, list.name); err != nil && !refused(err) {
		return err
	}
	return nil
}

// subscribe is what comes before the list: the policy towards others (BLP), which MSNP21 has no more, and there
// the list of myself.
func (nc *notificationConn) subscribe(ctx context.Context, p Privacy) error {
	if nc.dialect.apart {
		return nc.subscribe24(ctx)
	}
	cmd := command("BLP", string(p))
	if nc.dialect.documents {
		cmd = command("ADL")
		cmd.Payload = ml.Self(nc.cfg.Passport)
	}
	if _, err := nc.ask(ctx, cmd, nil); err != nil && (nc.dialect.documents || !refused(err)) {
		return err
	}
	return nil
}

// refused tells whether the server has said no, rather than nothing. Some close the connection then, which
// shows with the next command.
func refused(err error) bool {
	var e *ProtocolError
	return errors.As(err, &e)
}

// load reads memberships and book. An account without a book gets one.
func (a addressBook) load(ctx context.Context, nc *notificationConn, scenario string) (*listing, error) {
	var members *abch.Memberships
	var all *abch.AddressBook
	read := func(ctx context.Context) (err error) {
		if members, err = nc.web.book.FindMembership(ctx, scenario); err != nil {
			return err
		}
		if a.by == findPaged {
			all, err = nc.web.book.FindContactsPaged(ctx, scenario, "")
		} else {
			all, err = nc.web.book.FindAll(ctx, scenario)
		}
		return err
	}
	err := nc.web.do(ctx, read)
	if errors.Is(err, abch.ErrNoBook) {
		err = nc.web.do(ctx, func(ctx context.Context) error { return nc.web.book.Add(ctx, nc.cfg.Passport) })
		if err == nil {
			err = nc.web.do(ctx, read)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the address book: %w", err)
	}
	nc.web.mu.Lock()
	nc.web.ownCID = all.Owner.CID
	nc.web.mu.Unlock()
	return newListing(nc.cfg.Passport, members, all), nil
}

// newListing puts both halves together.
func newListing(me string, members *abch.Memberships, all *abch.AddressBook) *listing {
	l := &listing{
		contacts: make(map[string]Contact), invites: make(map[string]string), pending: make(map[string]string),
		privacy: AllowOthers, book: all,
	}
	for _, g := range all.Groups {
		l.groups = append(l.groups, Group{ID: g.ID, Name: g.Name})
	}
	if all.Me != nil {
		l.name = all.Me.DisplayName
		if all.Me.Annotations["MSN.IM.BLP"] == "2" {
			l.privacy = BlockOthers
		}
	}
	for _, c := range all.Contacts {
		l.add(me, c)
	}
	for _, m := range members.Members {
		l.admit(me, m)
	}
	for passport, c := range l.contacts {
		if c.On(AllowList | BlockList) { // never both; a block is the safer half
			c.Lists &^= AllowList
			l.contacts[passport] = c
		}
	}
	return l
}

// add takes a contact of the book. Those that are only addresses are none of the messenger's.
func (l *listing) add(me string, c abch.Contact) {
	passport := JoinPassport(c.Network, lower(c.Passport))
	if !c.IsMessengerUser || passport == me || checkPassport(passport) != nil || c.Circle() {
		return
	}
	if _, twice := l.contacts[passport]; twice || len(l.contacts) >= maxContacts {
		return
	}
	name := c.DisplayName
	if name == "" {
		name = c.Passport
	}
	if c.Nickname != "" {
		name = c.Nickname
	}
	l.contacts[passport] = Contact{
		Passport: passport, FriendlyName: name, Lists: ForwardList, ID: c.ID, Groups: c.GroupIDs, NetworkID: c.Network,
		Phones: c.Phones, Nickname: c.Nickname,
	}
}

// roles are the lists of memberships.
var roles = map[string]List{"Allow": AllowList, "Block": BlockList, "Reverse": ReverseList, "Pending": PendingList}

// admit takes a membership.
func (l *listing) admit(me string, m abch.Member) {
	list := roles[m.Role]
	passport := JoinPassport(m.Network, lower(m.Address()))
	if list == 0 || m.Deleted || passport == me || checkPassport(passport) != nil {
		return
	}
	c, known := l.contacts[passport]
	if !known {
		if len(l.contacts) >= maxContacts {
			return
		}
		c = Contact{Passport: passport, FriendlyName: m.DisplayName, NetworkID: m.Network}
		if c.FriendlyName == "" {
			c.FriendlyName = passport
		}
	}
	c.Lists |= list
	l.contacts[passport] = c
	if list == PendingList {
		l.pending[passport] = m.MembershipID
		l.invites[passport] = m.InviteMessage
	}
}

// bookStale says that the book has changed elsewhere. It is read again, once for all that is told within a
// few seconds.
func (nc *notificationConn) bookStale(context.Context) {
	a, ok := nc.dialect.roster.(addressBook)
	nc.mu.Lock()
	nc.stale = ok
	mine := ok && !nc.reading
	nc.reading = nc.reading || mine
	nc.mu.Unlock()
	if mine && !nc.client.start(func(ctx context.Context) { a.reread(ctx, nc) }) {
		nc.mu.Lock()
		nc.reading = false
		nc.mu.Unlock()
	}
}

// reread reads the book until it has not changed meanwhile.
func (a addressBook) reread(ctx context.Context, nc *notificationConn) {
	for {
		select {
		case <-time.After(settleTime):
		case <-nc.done:
			return
		case <-ctx.Done():
			return
		}
		nc.mu.Lock()
		if !nc.stale {
			nc.reading = false
			nc.mu.Unlock()
			return
		}
		nc.stale = false
		nc.mu.Unlock()
		if err := a.resync(ctx, nc); err != nil && ctx.Err() == nil {
			nc.client.comment("the address book could not be read again: " + err.Error())
			nc.report(ctx, ListTrouble{Err: err})
		}
	}
}

// resync reads the book again and takes over what differs.
func (a addressBook) resync(ctx context.Context, nc *notificationConn) error {
	select { // the sign-in itself may be reading it
	case <-nc.client.ready:
	case <-nc.done:
		return nc.reason()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	list, err := a.load(ctx, nc, "ABChangeNotifyAlert")
	if err != nil {
		return err
	}
	before := nc.roster.all()
	events := nc.roster.replace(list)
	for _, event := range events {
		nc.report(ctx, event)
	}
	return errors.Join(nc.reenlist(ctx, before, list), nc.circles.load(ctx, nc, list.book))
}
