package msn

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// maxParties bounds the groups that invitations can make us join.
	maxParties = 256
	// newParty is where a group is asked for that is not there yet.
	newParty = "00000000-0000-0000-0000-000000000000" + circleDomain
)

// Media types of documents about circles and groups.
const (
	typeCircle = "application/circles+xml"
	typeParty  = "application/multiparty+xml"
)

// parties are the temporary groups of MSNP21, which stand for what a switchboard of several people was before
// (core.md 13.4). The address of one, less the network, is the Session of its conversation: a server makes a
// new one for each.
type parties struct {
	mu    sync.Mutex
	known map[string]*party // by address
}

// party is one group.
type party struct {
	people  map[string]bool // who takes part, but me
	invited map[string]bool // who was asked and has not come
	changed chan struct{}   // closed and replaced when people changes
	joined  bool            // I take part
}

func partyAddress(session string) wire.Address {
	return wire.Address{Network: NetworkGroup, Account: session}
}

// at finds or makes a party; nil if there are too many. The caller holds the lock.
func (p *parties) at(session string) *party {
	if g := p.known[session]; g != nil || session == "" || len(p.known) >= maxParties {
		return g
	}
	if p.known == nil {
		p.known = make(map[string]*party)
	}
	g := &party{people: make(map[string]bool), invited: make(map[string]bool), changed: make(chan struct{})}
	p.known[session] = g
	return g
}

// conversation is the one of a party. The caller holds the lock.
func (g *party) conversation(session string) Conversation {
	return Conversation{
		Participants: slices.Sorted(maps.Keys(g.people)), Invited: slices.Sorted(maps.Keys(g.invited)), Group: true, Session: session,
	}
}

// stir wakes those who wait. The caller holds the lock.
func (g *party) stir() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// conversation is where a message from somebody belongs.
func (p *parties) conversation(me, session, sender string) Conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	conv := Conversation{Group: true, Session: session}
	if g := p.known[session]; g != nil {
		conv = g.conversation(session)
	}
	if sender != me && !slices.Contains(conv.Participants, sender) {
		conv.Participants = With(append(conv.Participants, sender)...).Participants
	}
	return conv
}

// find picks the live party of a conversation: the named one, else one with the same people, those who
// were invited and have not come yet included.
func (p *parties) find(me string, to Conversation) (Conversation, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.known[to.Session]; g != nil {
		return g.conversation(to.Session), true
	}
	for _, session := range slices.Sorted(maps.Keys(p.known)) {
		g := p.known[session]
		here := slices.Sorted(maps.Keys(g.people))
		all := slices.AppendSeq(slices.Clone(here), maps.Keys(g.invited))
		slices.Sort(all)
		if g.joined && to.Group && (slices.Equal(here, to.Participants) || slices.Equal(slices.Compact(all), to.Participants)) {
			return g.conversation(session), true
		}
	}
	return Conversation{}, false
}

// reach makes sure of a party with people in it: the one there is, or a new one to which all are asked.
func (p *parties) reach(ctx context.Context, nc *notificationConn, to Conversation) (Conversation, error) {
	if conv, ok := p.find(nc.cfg.Passport, to); ok {
		if len(conv.Participants) == 0 && len(to.Participants) > 0 {
			return p.gather(ctx, nc, conv.Session, to.Participants)
		}
		return conv, nil
	}
	if len(to.Participants) == 0 {
		return Conversation{}, fmt.Errorf("the conversation is over and names nobody: %w", ErrClosed)
	}
	e := nc.publication(partyAddress(newParty), "/circle", typeParty)
	made, err := nc.publish(ctx, "PUT", e)
	if err != nil {
		return Conversation{}, fmt.Errorf("make a group: %w", err)
	}
	address := made.From()
	session := lower(address.Account)
	if address.Network != NetworkGroup || session == "" || session == newParty {
		return Conversation{}, fmt.Errorf("make a group: %w", errOddAnswer)
	}
	p.mu.Lock()
	g := p.at(session)
	if g != nil {
		g.joined = true
	}
	p.mu.Unlock()
	if g == nil {
		return Conversation{}, fmt.Errorf("make a group: too many of them: %w", ErrTooFast)
	}
	if err := nc.join(ctx, partyAddress(session)); err != nil {
		p.drop(session)
		return Conversation{}, fmt.Errorf("join a group: %w", err)
	}
	return p.gather(ctx, nc, session, to.Participants)
}

// gather asks people into a party and waits for them: for the first of them long, for the others a little.
func (p *parties) gather(ctx context.Context, nc *notificationConn, session string, people []string) (Conversation, error) {
	address := partyAddress(session)
	address.Path = chatPath
	var failure error
	asked := 0
	for _, passport := range people {
		e := nc.publication(address, "/circle", typeParty)
		e.Body = userdoc.Circle{Roster: userdoc.RosterIM, Members: []userdoc.Member{{Address: addressOfPassport(passport)}}}.Append(nil)
		p.ask(session, passport)
		if _, err := nc.publish(ctx, "PUT", e); err != nil {
			if !nc.alive() || ctx.Err() != nil {
				return Conversation{}, err
			}
			failure = fmt.Errorf("invite %s: %w", passport, err)
			continue
		}
		asked++
	}
	if asked == 0 {
		return Conversation{}, failure
	}
	first, cancel := context.WithTimeoutCause(ctx, joinTimeout, ErrContactOffline)
	defer cancel()
	if err := p.wait(first, nc, session, people, 1); err != nil {
		return Conversation{}, fmt.Errorf("no answer from %s: %w", strings.Join(people, ", "), err)
	}
	rest, cancel := context.WithTimeout(ctx, latecomers)
	defer cancel()
	if err := p.wait(rest, nc, session, people, len(people)); err != nil && !nc.alive() {
		return Conversation{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.known[session]
	if g == nil {
		return Conversation{}, fmt.Errorf("the group is over: %w", ErrClosed)
	}
	return g.conversation(session), ctx.Err()
}

// ask remembers that somebody was invited.
func (p *parties) ask(session, passport string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.known[session]; g != nil && !g.people[passport] {
		g.invited[passport] = true
	}
}

// wait returns when at least n of the people are there.
func (p *parties) wait(ctx context.Context, nc *notificationConn, session string, people []string, n int) error {
	for {
		p.mu.Lock()
		g := p.known[session]
		if g == nil {
			p.mu.Unlock()
			return ErrClosed
		}
		here := 0
		for _, passport := range people {
			if g.people[passport] {
				here++
			}
		}
		changed := g.changed
		p.mu.Unlock()
		if here >= n {
			return nil
		}
		select {
		case <-changed:
		case <-nc.done:
			return nc.reason()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// told is NFY of a group: who takes part, who is invited (which may be me), who has left.
func (p *parties) told(ctx context.Context, nc *notificationConn, e *wire.Envelope, gone bool) {
	session := lower(e.From().Account)
	if gone {
		if user, about := userdoc.ParseRosterUser(e.Get("Uri")); about {
			p.left(ctx, nc, session, passportOf(user))
		}
		return
	}
	doc, err := userdoc.ParseCircle(e.Body)
	if err != nil {
		nc.client.comment("a document about a group makes no sense: " + err.Error())
		return
	}
	p.mu.Lock()
	g := p.at(session)
	if g == nil {
		p.mu.Unlock()
		return
	}
	invited := false
	var come []string
	for _, m := range doc.Members {
		passport := passportOf(m.Address)
		switch pending := m.State == userdoc.StatePending; {
		case checkPassport(passport) != nil:
		case passport == nc.cfg.Passport:
			invited = invited || pending && !g.joined
		case pending:
			g.invited[passport] = g.invited[passport] || len(g.invited) < maxParticipants
		case !g.people[passport] && len(g.people) < maxParticipants:
			g.people[passport] = true
			delete(g.invited, passport)
			come = append(come, passport)
		}
	}
	g.joined = g.joined || invited
	if len(come) > 0 {
		g.stir()
	}
	conv, tell := g.conversation(session), g.joined
	p.mu.Unlock()
	if invited {
		nc.client.start(func(ctx context.Context) {
			if err := nc.join(ctx, partyAddress(session)); err != nil {
				nc.client.comment("a group could not be joined: " + err.Error())
				p.drop(session)
			}
		})
	}
	for _, passport := range come {
		if tell {
			nc.report(ctx, ParticipantJoined{conv, passport, nc.calls(passport)})
		}
	}
}

// left takes that somebody has gone.
func (p *parties) left(ctx context.Context, nc *notificationConn, session, passport string) {
	p.mu.Lock()
	g := p.known[session]
	if g == nil {
		p.mu.Unlock()
		return
	}
	last := g.conversation(session)
	here := g.people[passport]
	delete(g.people, passport)
	delete(g.invited, passport)
	over := passport == nc.cfg.Passport
	if over {
		delete(p.known, session)
	}
	g.stir()
	conv := g.conversation(session)
	p.mu.Unlock()
	switch {
	case over:
		nc.report(ctx, ConversationClosed{last})
	case here:
		nc.report(ctx, ParticipantLeft{Conversation: conv, Passport: passport})
	}
}

// drop forgets a party.
func (p *parties) drop(session string) (last Conversation, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.known[session]
	if g == nil {
		return Conversation{}, false
	}
	delete(p.known, session)
	g.stir()
	return g.conversation(session), true
}

// leave is DEL of myself in the roster.
func (p *parties) leave(ctx context.Context, nc *notificationConn, session string) error {
	e := nc.publication(partyAddress(session), userdoc.RosterUser(nc.here().Bare()), typeCircle)
	_, err := nc.publish(ctx, "DEL", e)
	if err != nil && !refused(err) {
		return fmt.Errorf("leave a group: %w", err)
	}
	if last, ok := p.drop(session); ok {
		nc.report(ctx, ConversationClosed{last})
	}
	return nil
}

// calls is what a contact is called, the address for anybody else.
func (nc *notificationConn) calls(passport string) string {
	if c, ok := nc.roster.find(passport); ok {
		return c.FriendlyName
	}
	return passport
}

// TalksInGroups tells whether a talk of several people is a temporary group (MSNP21, core.md 13.4), which clients of older versions
// cannot enter.
func (c *Client) TalksInGroups() bool {
	if c.Version() == 0 {
		return false
	}
	e, ok := dialectOf(c.Version()).chat.(envelopes)
	return ok && e.groups
}
