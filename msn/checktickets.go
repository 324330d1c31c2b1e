package msn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
)

// TicketReport is what one way to tickets gave.
type TicketReport struct {
	// Sites are those for which there were tickets, in order; nil for the nexus, which has one for everything.
	Sites []string
	// Lives is how long the shortest-lived of them is good, 0 if it was not told.
	Lives time.Duration
}

// CheckTickets asks one ticket service for tickets and throws them away, to see whether it works. Of the
// configuration it needs server and account. Errors are those of a sign-in: ErrAuthFailed, ErrServerBusy ...
func CheckTickets(ctx context.Context, cfg Config, from TicketSource) (TicketReport, error) {
	if cfg.Handler == nil {
		cfg.Handler = func(context.Context, Event) {}
	}
	cfg.Server.Tickets = []TicketSource{from}
	cfg.Versions = []Version{MSNP12} // the one that takes all three
	c, err := New(cfg)
	if err != nil {
		return TicketReport{}, err
	}
	nc := &notificationConn{cfg: &c.cfg, dial: c.dial, roster: c.roster, client: c, dialect: dialectOf(MSNP12), session: newSession()}
	nc.web = newWeb(nc)
	if len(nc.sources()) == 0 {
		return TicketReport{}, fmt.Errorf("%s: %w", from, ErrUnsupported)
	}
	const challenge = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1" // as a server would give it (services.md 3.2)
	if _, err := nc.passportTicket(ctx, challenge); err != nil {
		return TicketReport{}, err
	}
	var report TicketReport
	if given := nc.web.given; given != nil {
		report.Sites = slices.Sorted(maps.Keys(given.Tickets))
		for _, t := range given.Tickets {
			if left := time.Until(t.Expires); !t.Expires.IsZero() && (report.Lives == 0 || left < report.Lives) {
				report.Lives = left
			}
		}
		if given.Tickets[tickets.Messenger].Token == "" {
			return report, errors.New("there is no ticket for messenger.msn.com")
		}
	}
	return report, nil
}
