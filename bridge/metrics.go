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
}

// The values of the labels of metrics.messages.
const (
	toMSN    = "to_msn"
	toMatrix = "to_matrix"

	outcomeSent   = "sent"
	outcomeFailed = "failed"
	outcomeQueued = "queued"
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
			Name: "matrix_msn_messages_total", Help: "Messages by direction (to_msn, to_matrix) and outcome (sent, failed, queued).",
		}, []string{"direction", "outcome"}),
	}
	m.registry.MustRegister(m.signedIn, m.endings, m.messages)
	return m
}

// delivered counts a message to MSN.
func (m *metrics) delivered(err error) {
	outcome := outcomeSent
	if err != nil {
		outcome = outcomeFailed
	}
	m.messages.WithLabelValues(toMSN, outcome).Inc()
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
