package tickets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// maxRedirects is how often a fault may send one request to another URL; the redirects of HTTP in between are
// counted by soap.
const maxRedirects = 5

// Source is a ticket service.
type Source struct {
	URL string
	// RST2 is whether it is RST2.srf, which speaks SOAP 1.2.
	RST2 bool
}

// Result is what a ticket service gave.
type Result struct {
	// Tickets are those that were given, by the address of the site as it was asked for. Sites that were
	// answered without being asked for are there by their own address.
	Tickets Set
	// Refused says why there is no ticket for a site that was asked for.
	Refused map[string]error
	// PUID and CID number the account, both in 16 hex digits; Membername is its address as the service writes it.
	// What the service does not tell is "".
	PUID, CID, Membername string
}

// Request asks a ticket service for tickets to all sites in one go, with the password as it is. now is the time
// of the request, which the lives of tickets count from. Where the service redirects to is remembered by the
// caller.
//
// The request fails if there is no ticket for a site that is required; of the others Refused tells. The error is
// one of this package's, a [*Fault] with a number that has no meaning here, or what [soap.Caller.Call] says.
func Request(ctx context.Context, caller *soap.Caller, src Source, passport, password string, sites []Site, now time.Time) (*Result, error) {
	sites, hide := ordered(sites), hidden(password)
	if len(sites) == 0 {
		return nil, errors.New("no sites to ask tickets for")
	}
	request := envelope(src.RST2, credentials{passport, password}, sites, now)
	request.URL, request.Limit = src.URL, maxAnswer
	for range maxRedirects + 1 {
		var got answer
		request.OnHeader, request.OnBody = got.header, got.body
		err := caller.Call(ctx, request)
		var fault *soap.Fault
		if err != nil && !errors.As(err, &fault) {
			return nil, failure(err, hide)
		}
		if fault == nil {
			caller.Moved(src.URL, "", request.URL)
			return got.result(sites, now, hide)
		}
		to := fault.Detail["redirectUrl"]
		if to == "" {
			return nil, refusal(fault, "", got.status, got.flowURL, hide)
		}
		if request.URL, err = caller.Follow(request.URL, to); err != nil {
			return nil, failure(fmt.Errorf("ticket service: %w", err), hide)
		}
	}
	return nil, fmt.Errorf("ticket service: %w more than %d times", ErrRedirects, maxRedirects)
}

// result sorts what was answered by the sites that were asked for.
func (a *answer) result(sites []Site, now time.Time, hide hidden) (*Result, error) {
	r := &Result{
		Tickets: make(Set), Refused: make(map[string]error),
		PUID: a.account.puid, CID: a.account.cid, Membername: a.account.membername,
	}
	asked := make(map[string]string, len(sites)) // as compared to as asked
	for _, site := range sites {
		asked[key(site.Address)] = site.Address
	}
	for i := range a.responses {
		a.responses[i].sort(r, asked, now, hide)
	}
	for _, site := range sites {
		if _, given := r.Tickets[site.Address]; given {
			delete(r.Refused, site.Address) // by another response
			continue
		}
		if r.Refused[site.Address] == nil {
			r.Refused[site.Address] = a.silent(site.Address, hide)
		}
		if site.Required {
			return nil, r.Refused[site.Address]
		}
	}
	return r, nil
}

// sort puts a response where it belongs. Of several for one site the first with a ticket counts.
func (r *response) sort(into *Result, asked map[string]string, now time.Time, hide hidden) {
	address, was := asked[key(r.address)]
	if !was {
		address = r.address
	}
	switch _, has := into.Tickets[address]; {
	case has, address == "":
	case r.token != "":
		into.Tickets[address] = r.ticket(now)
	case !was, into.Refused[address] != nil:
	case r.fault != nil:
		into.Refused[address] = refusal(r.fault, address, 0, "", hide)
	case r.trouble != nil:
		into.Refused[address] = fmt.Errorf("%w for %s: %w", ErrNoTicket, address, r.trouble)
	}
}

// silent is why there is no ticket for a site of which the answer says nothing: the status of the whole may
// tell.
func (a *answer) silent(address string, hide hidden) error {
	if a.status >= 0x80000000 || a.flowURL != "" {
		return refusal(&soap.Fault{}, address, a.status, a.flowURL, hide)
	}
	return fmt.Errorf("%w for %s", ErrNoTicket, address)
}
