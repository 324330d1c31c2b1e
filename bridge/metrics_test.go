package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free, and then ours
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := newMetrics()
	wait, err := m.serve(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- wait() }()
	m.signedIn.Inc()
	m.delivered(nil, time.Second)
	m.delivered(errors.New("no"), time.Second)
	m.landed(true, time.Second)
	m.landed(false, time.Second)
	m.endings.WithLabelValues("msn-auth-failed").Inc()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it has been read
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"matrix_msn_signed_in 1",
		`matrix_msn_messages_total{direction="to_msn",outcome="sent"} 1`,
		`matrix_msn_messages_total{direction="to_msn",outcome="failed"} 1`,
		`matrix_msn_messages_total{direction="to_matrix",outcome="sent"} 1`,
		`matrix_msn_messages_total{direction="to_matrix",outcome="failed"} 1`,
		`matrix_msn_to_matrix_seconds_count 1`,
		`matrix_msn_sign_in_endings_total{reason="msn-auth-failed"} 1`,
		`matrix_msn_errors_total{kind="other"} 1`,
		`matrix_msn_to_msn_seconds_count 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is missing in\n%s", want, body)
		}
	}
	if _, err := newMetrics().serve(ctx, addr); err == nil || !strings.Contains(err.Error(), "network.metrics.listen") {
		t.Errorf("a port in use: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("end: %v", err)
	}
}
