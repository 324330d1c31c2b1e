package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/matrix-msn/matrix-msn/msn"
)

// MetricsConfig says where Prometheus finds the figures.
type MetricsConfig struct {
	Listen string `yaml:"listen"`
}

// metrics are the figures of the bridge. A new one is a field, its description in newMetrics, and a line
// where the thing happens.
type metrics struct {
	registry *prometheus.Registry

	signedIn prometheus.Gauge       // accounts that are signed in to MSN now
	endings  *prometheus.CounterVec // ends of a sign-in, by the code that clients see
	messages *prometheus.CounterVec // by direction and outcome

	reconnects prometheus.Counter     // sign-ins after a session that ended
	errors     *prometheus.CounterVec // messages to MSN that failed, by kind
	toMSN      prometheus.Histogram   // from the call to MSN's acknowledgement
	toMatrix   prometheus.Histogram   // from MSN's message to its place in the room
}

// The values of the labels of metrics.messages.
const (
	toMSN    = "to_msn"
	toMatrix = "to_matrix"

	outcomeSent   = "sent"
	outcomeFailed = "failed"
)

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		signedIn: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "matrix_msn_signed_in", Help: "Accounts that are signed in to MSN.",
		}),
		endings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matrix_msn_sign_in_endings_total", Help: "Sign-ins to MSN that ended or failed, by reason.",
		}, []string{"reason"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "matrix_msn_messages_total", Help: "Messages by direction (to_msn, to_matrix) and outcome (sent, failed).",
		}, []string{"direction", "outcome"}),
	}
	m.reconnects = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "matrix_msn_reconnects_total", Help: "Sessions that ended, or could not begin, and are tried again.",
	})
	m.errors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "matrix_msn_errors_total", Help: "Messages to MSN that failed, by kind.",
	}, []string{"kind"})
	buckets := prometheus.ExponentialBuckets(0.002, 2, 15) // to 33 s, more than a message may take
	m.toMSN = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "matrix_msn_to_msn_seconds", Help: "Time until MSN acknowledged a message from Matrix.", Buckets: buckets,
	})
	m.toMatrix = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "matrix_msn_to_matrix_seconds", Help: "Time until a message from MSN was on Matrix.", Buckets: buckets,
	})
	m.registry.MustRegister(m.signedIn, m.endings, m.messages, m.reconnects, m.errors, m.toMSN, m.toMatrix)
	return m
}

// delivered counts a message to MSN, and how long it took.
func (m *metrics) delivered(err error, took time.Duration) {
	outcome := outcomeSent
	if err != nil {
		outcome = outcomeFailed
		m.errors.WithLabelValues(kindOf(err)).Inc()
	} else {
		m.toMSN.Observe(took.Seconds())
	}
	m.messages.WithLabelValues(toMSN, outcome).Inc()
}

// landed counts a message to Matrix, and how long it took.
func (m *metrics) landed(ok bool, took time.Duration) {
	outcome := outcomeFailed
	if ok {
		outcome = outcomeSent
		m.toMatrix.Observe(took.Seconds())
	}
	m.messages.WithLabelValues(toMatrix, outcome).Inc()
}

// metricsClose is how long a request for the figures may hold up the end.
const metricsClose = time.Second

// serve answers at /metrics until ctx ends.
func (m *metrics) serve(ctx context.Context, listen string) (wait func() error, err error) {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("network.metrics.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsClose)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close() // nothing more can be done
		}
	})
	return func() error {
		defer stop()
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}, nil
}

// stateOfAll counts, whenever Prometheus asks, what the bridge holds at that moment.
type stateOfAll struct{ c *Connector }

var (
	loginsDesc   = prometheus.NewDesc("matrix_msn_logins", "Logins by their bridge state.", []string{"state"}, nil)
	contactsDesc = prometheus.NewDesc("matrix_msn_contacts", "Contacts of all accounts that are signed in.", nil, nil)
	boardsDesc   = prometheus.NewDesc("matrix_msn_switchboards", "Connections to switchboards.", nil, nil)
	ghostsDesc   = prometheus.NewDesc("matrix_msn_ghosts_online", "Ghosts that Matrix sees as something else than offline.", nil, nil)
	presenceDesc = prometheus.NewDesc("matrix_msn_presence_updates_total",
		"Presence of ghosts: sent because it changed (change), sent again (repeat), not sent because a newer one came first (held), failed.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (s stateOfAll) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{loginsDesc, contactsDesc, boardsDesc, ghostsDesc, presenceDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s stateOfAll) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	states, contacts, boards := map[string]int{}, 0, 0
	for _, login := range s.c.br.GetAllCachedUserLogins() {
		if client, ok := login.Client.(*Client); ok {
			states[client.standing.now()]++
			if session := client.current.Load(); session != nil {
				contacts += session.forwardContacts()
				boards += session.msn.Switchboards()
			}
		}
	}
	for state, n := range states {
		gauge(loginsDesc, n, state)
	}
	gauge(contactsDesc, contacts)
	gauge(boardsDesc, boards)
	k := s.c.presence
	k.mu.Lock()
	defer k.mu.Unlock()
	online := 0
	for _, g := range k.ghosts {
		if g.told.reach() > 0 {
			online++
		}
	}
	gauge(ghostsDesc, online)
	for kind, n := range map[string]int{"change": k.changes, "repeat": k.repeats, "held": k.held, "failed": k.failures} {
		ch <- prometheus.MustNewConstMetric(presenceDesc, prometheus.CounterValue, float64(n), kind)
	}
}

// forwardContacts counts the contacts of an account.
func (s *session) forwardContacts() (n int) {
	for _, contact := range s.msn.Contacts() {
		if contact.On(msn.ForwardList) {
			n++
		}
	}
	return n
}
