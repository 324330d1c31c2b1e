package bridge

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
)

const (
	// healthPause is how often the homeserver is looked for; healthTimeout is how long it may take to answer.
	healthPause   = 15 * time.Second
	healthTimeout = 10 * time.Second
)

// health makes /_matrix/mau/ready tell what is so now: bridgev2 sets it once, at the start. A bridge whose homeserver does not answer is not
// ready; accounts that MSN does not take make no difference, since they are their users' affair.
type health struct {
	reach func(ctx context.Context) error // asks the homeserver something; nil where there is none
	lost  atomic.Bool
}

// healthOn puts itself before the routes of a real homeserver's application service. It must be called before that starts.
func healthOn(mx bridgev2.MatrixConnector) *health {
	real, ok := mx.(*matrix.Connector)
	if !ok {
		return &health{}
	}
	h := &health{reach: func(ctx context.Context) error {
		_, err := real.Bot.Versions(ctx)
		return err
	}}
	routes := http.NewServeMux()
	routes.Handle("/", real.AS.Router)
	routes.HandleFunc("GET /_matrix/mau/ready", h.ready(real.AS.GetReady))
	real.AS.Router = routes
	return h
}

// ready answers like next, unless the homeserver is lost.
func (h *health) ready(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h.lost.Load() {
			http.Error(w, `{"error": "The homeserver does not answer"}`, http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

// run looks for the homeserver until ctx ends.
func (h *health) run(ctx context.Context) {
	if h.reach == nil {
		return
	}
	for sleep(ctx, healthPause) == nil {
		limited, cancel := context.WithTimeout(ctx, healthTimeout)
		err := h.reach(limited)
		cancel()
		if lost := err != nil; h.lost.Swap(lost) != lost && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Bool("lost", lost).Msg("The homeserver was lost, or is back")
		}
	}
}
