package msn

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
	"github.com/matrix-msn/matrix-msn/msn/internal/ml"
	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// maxCircles and maxCircleMembers bound what a service can make us keep and fetch.
	maxCircles       = 200
	maxCircleMembers = 1000
	// circleLists is what is told of a circle that I take part in: forward and allow list.
	circleLists = int(ForwardList | AllowList)
)

// circles is what is known of the circles of one sign-in: who belongs to them comes from the address book,
// who takes part from the notification server (services.md 13).
type circles struct {
	mu     sync.Mutex
	known  map[string]*circleState // by id
	ticket string                  // the one that was shown to the notification server

	loading sync.Mutex // held while an address book is taken over
}

// circleState is one circle.
type circleState struct {
	circle    Circle            // Members without their Online
	contactID string            // of the circle in my own address book
	ids       map[string]string // contact ids of the members in the circle's own book, by passport
	here      map[string]string // who takes part, with what the server calls them
	joined    bool              // I take part
}

// snapshot copies a circle so that nobody shares its parts.
func (s *circleState) snapshot() Circle {
	c := s.circle
	c.Members = slices.Clone(c.Members)
	for i, m := range c.Members {
		name, here := s.here[m.Passport]
		c.Members[i].Online = here
		if m.FriendlyName == "" || m.FriendlyName == m.Passport && name != "" {
			c.Members[i].FriendlyName = name
		}
	}
	return c
}

// all lists the circles by id.
func (c *circles) all() []Circle {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Circle, 0, len(c.known))
	for _, id := range slices.Sorted(maps.Keys(c.known)) {
		list = append(list, c.known[id].snapshot())
	}
	return list
}

// find gives one circle.
func (c *circles) find(id string) (circle Circle, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[normalGUID(id)]
	if s == nil {
		return Circle{}, false
	}
	return s.snapshot(), true
}

// load takes over the circles of an address book that was read just now: it reads their members, shows the
// notification server the ticket, and joins those that are new (services.md 13.3 and 13.4). A circle that the
// server refuses stays known, but nothing is heard of it; that is no reason to end a sign-in.
func (c *circles) load(ctx context.Context, nc *notificationConn, book *abch.AddressBook) error {
	if !nc.dialect.circles || book == nil {
		return nil
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	before := c.all()
	states := circlesOf(book)
	var failed error
	for _, id := range slices.Sorted(maps.Keys(states)) {
		if s := states[id]; s.circle.Role != RoleInvited {
			if err := s.readMembers(ctx, nc); err != nil {
				failed = errors.Join(failed, fmt.Errorf("read the members of circle %s: %w", id, err))
			}
		}
	}
	newcomers, gone := c.take(states)
	if after := c.all(); !slices.EqualFunc(before, after, sameCircle) {
		nc.report(ctx, CirclesChanged{after})
	}
	if err := c.prove(ctx, nc, book.CircleTicket); err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, c.enter(ctx, nc, newcomers), c.forget(ctx, nc, gone))
}

// sameCircle tells whether nothing has changed.
func sameCircle(a, b Circle) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Role == b.Role && a.Inviter == b.Inviter && a.InviteText == b.InviteText &&
		slices.Equal(a.Members, b.Members)
}

// take replaces what is known, and tells which circles are to be joined and which are not mine any more.
func (c *circles) take(states map[string]*circleState) (newcomers, gone []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range states {
		if was := c.known[id]; was != nil {
			s.here, s.joined = was.here, was.joined
			if len(s.circle.Members) == 0 { // could not be read this time
				s.circle.Members, s.ids = was.circle.Members, was.ids
			}
		}
		if s.circle.Role == RoleInvited {
			s.joined = false
		} else if !s.joined {
			newcomers = append(newcomers, id)
		}
	}
	for id, was := range c.known {
		if states[id] == nil && was.joined {
			gone = append(gone, id)
		}
	}
	c.known = states
	slices.Sort(newcomers)
	slices.Sort(gone)
	return newcomers, gone
}

// prove shows the ticket, which changes with every membership. It is shown by those without circles too: there are
// servers that tell of invitations only then.
func (c *circles) prove(ctx context.Context, nc *notificationConn, ticket string) error {
	c.mu.Lock()
	known := c.ticket
	c.mu.Unlock()
	if ticket == "" || ticket == known {
		return nil
	}
	proof := base64.StdEncoding.EncodeToString([]byte(ticket))
	got, err := nc.ask(ctx, command("USR", "SHA", "A", proof), nil)
	if err == nil && arg(got.Args, 0) != "OK" {
		err = errOddAnswer
	}
	if errors.Is(err, ErrAuthFailed) { // of the ticket, which says nothing about the password
		return fmt.Errorf("sign in to circles: %v: %w", err, ErrServiceTrouble)
	}
	if err != nil {
		return fmt.Errorf("sign in to circles: %w", err)
	}
	c.mu.Lock()
	c.ticket = ticket
	c.mu.Unlock()
	return nil
}

// enter joins circles.
func (c *circles) enter(ctx context.Context, nc *notificationConn, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := nc.enlistSelf(ctx); err != nil {
		return err
	}
	var entries []ml.Contact
	for _, id := range ids {
		entries = append(entries, circleEntry(id))
	}
	for _, document := range ml.Initial(entries, nc.dialect.members) {
		cmd := command("ADL")
		cmd.Payload = document
		if _, err := nc.ask(ctx, cmd, nil); err != nil {
			return fmt.Errorf("tell the server the circles: %w", err)
		}
	}
	var failed error
	for _, id := range ids {
		if err := nc.join(ctx, circleAddress(id)); err != nil {
			failed = errors.Join(failed, fmt.Errorf("join circle %s: %w", id, err))
			continue
		}
		c.mu.Lock()
		if s := c.known[id]; s != nil {
			s.joined = true
		}
		c.mu.Unlock()
	}
	return failed
}

// enlistSelf makes up for an empty contact list, which Escargot does not take for one, so that it lets nobody into a
// circle (services.md 9.1): I am on it then.
func (nc *notificationConn) enlistSelf(ctx context.Context) error {
	if slices.ContainsFunc(nc.roster.all(), func(c Contact) bool { return c.Lists&clientLists != 0 }) {
		return nil
	}
	cmd := command("ADL")
	cmd.Payload = ml.Initial([]ml.Contact{listEntry(nc.cfg.Passport, AllowList)}, nc.dialect.members)[0]
	if _, err := nc.ask(ctx, cmd, nil); err != nil && !refused(err) {
		return fmt.Errorf("tell the server the contact list: %w", err)
	}
	return nil
}

// forget tells the notification server of circles that are not mine any more.
func (c *circles) forget(ctx context.Context, nc *notificationConn, ids []string) error {
	for _, id := range ids {
		cmd := command("RML")
		cmd.Payload = ml.Change(circleEntry(id), nc.dialect.members)
		if _, err := nc.ask(ctx, cmd, nil); err != nil && !refused(err) { // a server may have noticed by itself
			return fmt.Errorf("leave circle %s: %w", id, err)
		}
	}
	return nil
}

func circleEntry(id string) ml.Contact {
	return ml.Contact{Network: NetworkCircle, Account: id + circleDomain, Lists: circleLists}
}

func circleAddress(id string) wire.Address {
	return wire.Address{Network: NetworkCircle, Account: id + circleDomain}
}

// circleID is the reverse; "" for an address that is no circle's.
func circleID(a wire.Address) string {
	if a.Network != NetworkCircle {
		return ""
	}
	return normalGUID(strings.TrimSuffix(lower(a.Account), circleDomain))
}

// here is my own address, with the place.
func (nc *notificationConn) here() wire.Address {
	return wire.Address{Network: NetworkMSN, Account: nc.cfg.Passport, EndpointID: nc.cfg.MachineGUID}
}

// join announces me to a circle or group: a roster of myself (core.md 11.3).
func (nc *notificationConn) join(ctx context.Context, to wire.Address) error {
	e := nc.publication(to, "/circle", typeCircle)
	e.Body = userdoc.Circle{Roster: userdoc.RosterIM, Members: []userdoc.Member{{Address: nc.here().Bare()}}}.Append(nil)
	_, err := nc.publish(ctx, "PUT", e)
	return err
}

// publication makes the envelope of PUT and DEL.
func (nc *notificationConn) publication(to wire.Address, uri, media string) wire.Envelope {
	return wire.Envelope{
		Routing:     nc.routing(to),
		Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}},
		Content: []wire.Header{{Name: wire.Publication, Value: "1.0"}, {Name: "Uri", Value: uri},
			{Name: "Content-Type", Value: media}, {Name: "Content-Length"}},
	}
}

func (nc *notificationConn) routing(to wire.Address) []wire.Header {
	return []wire.Header{{Name: wire.RoutingBlock, Value: "1.0"}, {Name: "To", Value: to.String()}, {Name: "From", Value: nc.here().String()}}
}

// publish asks PUT or DEL; what comes back is an envelope, or empty.
func (nc *notificationConn) publish(ctx context.Context, name string, e wire.Envelope) (wire.Envelope, error) {
	cmd := command(name)
	cmd.Payload = e.Append(nil)
	got, err := nc.ask(ctx, cmd, nil)
	if err != nil {
		return wire.Envelope{}, err
	}
	if !strings.EqualFold(arg(got.Args, 0), "OK") {
		return wire.Envelope{}, errOddAnswer
	}
	if len(got.Payload) == 0 {
		return wire.Envelope{}, nil
	}
	return wire.ParseEnvelope(got.Payload)
}

// roster takes the people who take part in a circle: all of them, where the server tells all (Escargot
// always does), else those who have come.
func (c *circles) roster(id string, members []userdoc.Member) (event Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[id]
	if s == nil {
		return nil
	}
	changed := false
	for _, m := range members {
		passport := passportOf(m.Address)
		if _, here := s.here[passport]; here || m.State == userdoc.StatePending || len(s.here) >= maxCircleMembers {
			continue
		}
		s.here[passport], changed = "", true
	}
	return c.changed(changed)
}

// named takes the name of a circle.
func (c *circles) named(id, name string) Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[id]
	if s == nil || name == "" || s.circle.Name == name {
		return nil
	}
	s.circle.Name = name
	return c.changed(true)
}

// left takes that somebody takes part no more.
func (c *circles) left(id, passport string) Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[id]
	if s == nil {
		return nil
	}
	_, here := s.here[passport]
	delete(s.here, passport)
	return c.changed(here)
}

// changed makes the event. The caller holds the lock.
func (c *circles) changed(yes bool) Event {
	if !yes {
		return nil
	}
	list := make([]Circle, 0, len(c.known))
	for _, id := range slices.Sorted(maps.Keys(c.known)) {
		list = append(list, c.known[id].snapshot())
	}
	return CirclesChanged{list}
}

// lastHeard is what a document about a member of a circle is applied to.
func (c *circles) lastHeard(id, passport string) Presence {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.known[id]; s != nil {
		if name, here := s.here[passport]; here {
			return Presence{Status: Online, FriendlyName: name}
		}
	}
	return Presence{Status: Offline}
}

// present takes a member's presence: the lines that have ;via=, and in MSNP21 documents from there.
func (c *circles) present(ctx context.Context, nc *notificationConn, id, passport string, p Presence) {
	c.mu.Lock()
	s := c.known[id]
	if s == nil || passport == nc.cfg.Passport {
		c.mu.Unlock()
		return
	}
	_, here := s.here[passport]
	changed := here != (p.Status != Offline)
	switch {
	case p.Status == Offline:
		delete(s.here, passport)
	case here || len(s.here) < maxCircleMembers:
		s.here[passport] = p.FriendlyName
	}
	event := c.changed(changed)
	c.mu.Unlock()
	nc.report(ctx, CirclePresenceChanged{Circle: id, Passport: passport, Presence: p})
	if event != nil {
		nc.report(ctx, event)
	}
}

// conversation is how a circle talks: its people are those who take part, less me.
func (c *circles) conversation(me, id string) (conv Conversation, joined bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conv = Conversation{Circle: id, Group: true}
	s := c.known[id]
	if s == nil {
		return conv, false
	}
	for _, passport := range slices.Sorted(maps.Keys(s.here)) {
		if passport != me {
			conv.Participants = append(conv.Participants, passport)
		}
	}
	return conv, s.joined
}

// nameOf is what somebody is called in a circle.
func (c *circles) nameOf(id, passport string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.known[id]; s != nil {
		if name := s.here[passport]; name != "" {
			return name
		}
		for _, m := range s.circle.Members {
			if m.Passport == passport && m.FriendlyName != "" {
				return m.FriendlyName
			}
		}
	}
	return passport
}

// sendToCircle puts a message into SDG. It is not confirmed, but a refusal comes before the answer to a ping.
func (nc *notificationConn) sendToCircle(ctx context.Context, to Conversation, m Message) (Sent, error) {
	conv, joined := nc.circles.conversation(nc.cfg.Passport, to.Circle)
	if !joined {
		return Sent{}, fmt.Errorf("circle %s: %w", to.Circle, ErrNotOnList)
	}
	address := circleAddress(to.Circle)
	address.Path = chatPath
	sent := Sent{ID: nc.nextHere(), At: time.Now(), Conversation: conv}
	return sent, nc.sendEnvelopes(ctx, address, "", m)
}

// sendEnvelopes sends a message in as many SDG as it takes.
func (nc *notificationConn) sendEnvelopes(ctx context.Context, to wire.Address, channel string, m Message) error {
	parts, err := nc.dialect.sdg.content(m, nc.cfg.Passport, nc.roster.ownName())
	if err != nil {
		return err
	}
	for _, e := range parts {
		e.Routing = nc.routing(to)
		if channel != "" {
			e.Routing = append(e.Routing, wire.Header{Name: "Service-Channel", Value: channel})
		}
		if nc.tongue != nil {
			e.Content = append(e.Content, wire.Header{Name: "Client-Message-ID", Value: nc.tongue.nextMessage()})
		}
		cmd := command("SDG")
		cmd.Payload = e.Append(nil)
		if _, typing := m.(*Typing); typing {
			return nc.tell(ctx, cmd)
		}
		if err := nc.unrefused(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}
