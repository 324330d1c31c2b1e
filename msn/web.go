package msn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
)

// ticketTimeout is for all ways to a ticket, redirects included.
const ticketTimeout = 60 * time.Second

// web is the access of one sign-in to the web services: its tickets, and what is built on them. The tickets
// are those that the notification connection signed in with, as a service may take no others
// (services.md 4.7).
type web struct {
	nc     *notificationConn
	caller *soap.Caller
	book   *abch.Book

	mu       sync.Mutex
	policies []tickets.Site // what was asked for
	source   tickets.Source
	given    *tickets.Result // nil if the ticket came from the nexus
	mspAuth  string          // of the profile message
	mspProf  string
	ownCID   string // of the address book

	renewing sync.Mutex
}

// newWeb makes the access of one attempt to sign in.
func newWeb(nc *notificationConn) *web {
	w := &web{nc: nc, caller: &soap.Caller{HTTP: nc.dial.http, Trace: nc.cfg.Trace, MapURL: nc.cfg.Server.MapURL}}
	w.book = &abch.Book{
		Caller: w.caller, AddressBook: nc.cfg.Server.AddressBook, Sharing: nc.cfg.Server.Sharing,
		Ticket: func() string { return w.ticket(tickets.Contacts) }, Cookie: w.cookie,
	}
	return w
}

// ticket is the one for a site, "" if none was given.
func (w *web) ticket(site string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given == nil {
		return ""
	}
	return w.given.Tickets[site].Token
}

// cookie is MSPAuth, for services that were never asked for a ticket of their own (MSNP13 and 14).
func (w *web) cookie() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mspAuth
}

// admitted takes over the tickets of the profile message, which are sent again when they are renewed.
func (w *web) admitted(auth, prof string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mspAuth, w.mspProf = auth, prof
}

// cid is my own CID in decimal, as far as anybody has told it.
func (w *web) cid() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ownCID
}

// sources are the ways to a ticket for this version, in the order in which they are tried: as configured,
// else as suits the version.
func (nc *notificationConn) sources() []TicketSource {
	server, able := &nc.cfg.Server, nc.dialect.tickets
	order := server.Tickets
	if order == nil {
		order = able
	}
	var list []TicketSource
	for _, s := range order {
		there := map[TicketSource]string{NexusTicket: server.Nexus, RSTTicket: server.RST, RST2Ticket: server.RST2}[s]
		if there != "" && slices.Contains(able, s) {
			list = append(list, s)
		}
	}
	return list
}

// errNoTicketSource is for a server entry without any of the URLs.
var errNoTicketSource = errors.New("no URL for tickets is configured that this version can use")

// tryTickets tries the ways to a ticket until one answers. A refused password is an answer.
func (nc *notificationConn) tryTickets(ctx context.Context, get func(ctx context.Context, from TicketSource) error) error {
	ctx, cancel := context.WithTimeout(ctx, ticketTimeout)
	defer cancel()
	var failed error = errNoTicketSource
	for i, from := range nc.sources() {
		err := get(ctx, from)
		if err == nil || errors.Is(err, ErrAuthFailed) || errors.Is(err, ErrAccountRestricted) || ctx.Err() != nil {
			return err
		}
		if i == 0 {
			failed = err
		} else {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// request asks a ticket service for all sites that we use.
func (w *web) request(ctx context.Context, from TicketSource, sites []tickets.Site) error {
	server := &w.nc.cfg.Server
	source := tickets.Source{URL: server.RST}
	if from == RST2Ticket {
		source = tickets.Source{URL: server.RST2, RST2: true}
	}
	given, err := tickets.Request(ctx, w.caller, source, w.nc.cfg.Passport,
		tickets.CutPassword(w.nc.cfg.Password, server.PasswordLimit), sites, time.Now())
	if err != nil {
		return ticketError(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.policies, w.source, w.given = sites, source, given
	return nil
}

// services are the sites of services that are used after the sign-in; a server that lacks one is not refused.
var services = []tickets.Site{
	{Address: tickets.Contacts, Policy: "MBI"},
	{Address: tickets.MessengerSecure, Policy: "MBI_SSL"},
	{Address: tickets.Storage, Policy: "MBI_SSL"},
}

// renew asks for all tickets again, once for all who find theirs stale: old is what the caller had used.
func (w *web) renew(ctx context.Context, old *tickets.Result) error {
	w.renewing.Lock()
	defer w.renewing.Unlock()
	w.mu.Lock()
	given, source, sites := w.given, w.source, w.policies
	w.mu.Unlock()
	if given == nil {
		return errors.New("the ticket has expired, and there is no way to renew it but to sign in again")
	}
	if given != old {
		return nil
	}
	renewed, err := tickets.Request(ctx, w.caller, source, w.nc.cfg.Passport,
		tickets.CutPassword(w.nc.cfg.Password, w.nc.cfg.Server.PasswordLimit), sites, time.Now())
	if err != nil {
		return fmt.Errorf("renew the tickets: %w", ticketError(err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = renewed
	return nil
}

// do calls the address book. If it does not know the session any more, that ends the sign-in: only a new one helps (services.md 4.7).
func (w *web) do(ctx context.Context, call func(ctx context.Context) error) error {
	err := w.use(ctx, call)
	if errors.Is(err, ErrSessionLost) {
		select {
		case <-w.nc.client.ready:
			w.nc.close(err)
		default: // the sign-in fails by itself
		}
	}
	return err
}

// use calls a service. A stale ticket is renewed and the call repeated, once. The sign-in does not depend on the services for offline
// messages and profiles: a proxy in front of one may refuse us as well.
func (w *web) use(ctx context.Context, call func(ctx context.Context) error) error {
	w.mu.Lock()
	before := w.given
	w.mu.Unlock()
	err := call(ctx)
	if errors.Is(err, soap.ErrStaleTicket) {
		if failed := w.renew(ctx, before); failed != nil {
			return fmt.Errorf("%w (%w)", serviceError(err), failed)
		}
		err = call(ctx)
	}
	return serviceError(err)
}
