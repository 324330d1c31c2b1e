package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Checks of the service as a whole, which no version is needed for: ways to tickets, and certificates.

// wrongPassword is added to the right one, to see that a wrong one is told apart.
const wrongPassword = "-matrix-msn-probe"

// checkService makes them.
func checkService(ctx context.Context, opt options) []check {
	var all []check
	add := func(name string, do func(ctx context.Context) (string, error)) {
		limited, cancel := context.WithTimeout(ctx, opt.timeout)
		defer cancel()
		began := time.Now()
		detail, err := do(limited)
		all = append(all, check{name: name, result: result{ran: true, detail: detail, err: err, took: time.Since(began)}})
	}
	for _, from := range []msn.TicketSource{msn.NexusTicket, msn.RSTTicket, msn.RST2Ticket} {
		if !hasSource(opt.base.Server, from) {
			continue
		}
		add("tickets by "+string(from), func(ctx context.Context) (string, error) { return checkTickets(ctx, opt, from) })
	}
	for _, at := range secured(opt.base.Server) {
		add("TLS of "+at, func(ctx context.Context) (string, error) { return checkTLS(ctx, opt.base, at) })
	}
	return all
}

func hasSource(s msn.Server, from msn.TicketSource) bool {
	return map[msn.TicketSource]string{msn.NexusTicket: s.Nexus, msn.RSTTicket: s.RST, msn.RST2Ticket: s.RST2}[from] != ""
}

// checkTickets asks with the right password, and with a wrong one.
func checkTickets(ctx context.Context, opt options, from msn.TicketSource) (string, error) {
	cfg := opt.base
	cfg.Passport, cfg.Password = opt.user.passport, opt.user.password
	got, err := msn.CheckTickets(ctx, cfg, from)
	if err != nil {
		return "", err
	}
	detail := "one ticket"
	if len(got.Sites) > 0 {
		detail = fmt.Sprintf("%d sites", len(got.Sites))
	}
	if got.Lives > 0 {
		detail += ", good for " + got.Lives.Round(time.Minute).String()
	}
	cfg.Password += wrongPassword
	switch _, err = msn.CheckTickets(ctx, cfg, from); {
	case err == nil:
		return "", errors.New("a wrong password is accepted as well")
	case !errors.Is(err, msn.ErrAuthFailed):
		return "", fmt.Errorf("a wrong password is not refused as one: %w", err)
	}
	return detail + ", a wrong password is refused", nil
}

// secured lists host:port of everything that is reached by TLS, each once.
func secured(s msn.Server) []string {
	var all []string
	if s.TLS != nil {
		all = append(all, s.Notification)
	}
	for _, address := range []string{s.Nexus, s.RST, s.RST2, s.AddressBook, s.Sharing, s.OfflineStore, s.OfflineFetch, s.Storage, s.Gateway} {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		all = append(all, net.JoinHostPort(u.Hostname(), port))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkTLS looks at version, names and expiry of a certificate, whether it is trusted or not.
func checkTLS(ctx context.Context, base msn.Config, at string) (string, error) {
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return "", err
	}
	cfg := new(tls.Config)
	if base.Server.TLS != nil {
		cfg = base.Server.TLS.Clone()
	} else if carrier, ok := carrierOf(base.HTTPClient); ok && carrier.TLSClientConfig != nil {
		cfg = carrier.TLSClientConfig.Clone()
	}
	cfg.ServerName = host
	var seen *tls.ConnectionState
	cfg.VerifyConnection = func(state tls.ConnectionState) error { seen = &state; return nil }
	dial := base.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", at)
	if err != nil {
		return "", err
	}
	defer func() { _ = nc.Close() }() // it has said what it had to
	err = tls.Client(nc, cfg).HandshakeContext(ctx)
	if seen == nil || len(seen.PeerCertificates) == 0 {
		return "", adviceOn(err)
	}
	leaf := seen.PeerCertificates[0]
	detail := fmt.Sprintf("%s, for %s, until %s", tls.VersionName(seen.Version), strings.Join(leaf.DNSNames, " "), leaf.NotAfter.Format(time.DateOnly))
	if left := time.Until(leaf.NotAfter); err == nil && left < 14*24*time.Hour {
		return detail, fmt.Errorf("it expires in %s", left.Round(time.Hour))
	}
	return detail, adviceOn(err)
}

// adviceOn adds to an error of TLS what of the configuration decides it.
func adviceOn(err error) error {
	var unknown x509.UnknownAuthorityError
	var other tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w (`ca_file` of the server names an authority of one's own)", err)
	case errors.As(err, &other):
		return fmt.Errorf("%w (`tls` of the server says whether it is spoken)", err)
	}
	return err
}

// carrierOf is what an HTTP client travels by, if that is known.
func carrierOf(client *http.Client) (*http.Transport, bool) {
	if client == nil {
		return nil, false
	}
	carrier, ok := client.Transport.(*http.Transport)
	return carrier, ok
}
