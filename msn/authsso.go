package msn

import (
	"context"

	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// ssoAuth is the sign-in of MSNP15 and later: tickets for all services come with one request, and the proof
// that the one for the notification server is ours is computed from the secret beside it (core.md 5.8).
type ssoAuth struct {
	machine bool // the place is named (MSNP16)
}

func (a ssoAuth) signIn(ctx context.Context, nc *notificationConn) ([]string, error) {
	if err := nc.clientVersion(ctx); err != nil {
		return nil, err
	}
	got, err := nc.step(ctx, command("USR", "SSO", "I", wire.Encode(nc.cfg.Passport)))
	if err != nil {
		return nil, err
	}
	policy, err := nc.challenged(got, "SSO")
	if err != nil {
		return nil, err
	}
	nonce := ""
	if len(got.Args) > 3 {
		nonce = got.Args[3]
	}
	if nonce == "" {
		return nil, nc.failed("USR", errOddAnswer)
	}
	sites := append([]tickets.Site{
		{Address: tickets.TokenBroker},
		{Address: tickets.MessengerClear, Policy: decode(policy), Required: true},
		{Address: tickets.Messenger, Policy: "?id=507"},
	}, services...)
	err = nc.tryTickets(ctx, func(ctx context.Context, from TicketSource) error { return nc.web.request(ctx, from, sites) })
	if err != nil {
		return nil, nc.failed("ticket", err)
	}
	ticket := nc.web.given.Tickets[tickets.MessengerClear]
	proof, err := tickets.Proof(ticket.Secret, nonce)
	if err != nil {
		return nil, nc.failed("ticket", err)
	}
	args := []string{"SSO", "S", ticket.Token, proof}
	if a.machine {
		args = append(args, nc.machine())
	}
	if got, err = nc.step(ctx, command("USR", args...)); err != nil {
		return nil, err
	}
	return nc.signedIn(got)
}
