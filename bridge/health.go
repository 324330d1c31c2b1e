package bridge

import (
	"context"
	"net/http"
	"sync"
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

	mu   sync.Mutex
	back chan struct{} // closed when the homeserver is back; nil while it is there
}

// healthPort is a Matrix side that tells whether it is there.
type healthPort interface {
	Reach(ctx context.Context) error
}

// healthOn puts itself before the routes of a real homeserver's application service. It must be called before that starts.
func healthOn(mx bridgev2.MatrixConnector) *health {
	real, ok := mx.(*matrix.Connector)
	if port, other := mx.(healthPort); other {
		return &health{reach: port.Reach}
	} else if !ok {
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
		if h.lost() != nil {
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
		h.look(ctx)
	}
}

// look asks the homeserver whether it is there.
func (h *health) look(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	err := h.reach(limited)
	if ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && h.back == nil:
		h.back = make(chan struct{})
		zerolog.Ctx(ctx).Warn().Err(err).Msg("The homeserver does not answer")
	case err == nil && h.back != nil:
		close(h.back)
		h.back = nil
		zerolog.Ctx(ctx).Warn().Msg("The homeserver is back")
	}
}

// lost is nil while the homeserver is there, and else closed when it is back.
func (h *health) lost() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.back
}

// wait looks for the homeserver and returns when it is there, or with ctx; run must be running.
func (h *health) wait(ctx context.Context) error {
	if h.reach == nil {
		return ctx.Err()
	}
	h.look(ctx)
	if back := h.lost(); back != nil {
		select {
		case <-back:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
