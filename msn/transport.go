package msn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// dialTimeout is for one connection with its TLS handshake.
	dialTimeout = 20 * time.Second
	// defaultPort stands in for an address without one (core.md 4.1).
	defaultPort = "1863"
)

// serverKind is the word that the HTTP gateway uses for the two kinds of server.
type serverKind string

const (
	notificationServer serverKind = "NS"
	switchboardServer  serverKind = "SB"
	apartServer        serverKind = "" // of MSNP24, which no gateway knows
)

// ServicesAt derives the URLs of a service's HTTP parts from one base URL, under the paths that
// Microsoft used (services.md 1): the rest of s is kept.
func (s Server) ServicesAt(base string) Server {
	base = strings.TrimRight(base, "/")
	s.Nexus = base + "/rdr/pprdr.asp"
	s.Gateway = base + "/gateway/gateway.dll"
	s.RST, s.RST2 = base+"/RST.srf", base+"/RST2.srf"
	s.AddressBook = base + "/abservice/abservice.asmx"
	s.Sharing = base + "/abservice/SharingService.asmx"
	s.OfflineStore = base + "/OimWS/oim.asmx"
	s.OfflineFetch = base + "/rsi/rsi.asmx"
	s.Storage = base + "/storageservice/SchematizedStore.asmx"
	return s
}

// withPort adds the default port to an address that has none.
func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), defaultPort)
}

// dialer opens connections the way the configuration says.
type dialer struct {
	server Server
	tcp    func(ctx context.Context, network, addr string) (net.Conn, error)
	http   *http.Client
}

// newDialer fills in the ordinary ways.
func newDialer(cfg Config) *dialer {
	d := &dialer{server: cfg.Server, tcp: cfg.Dial, http: cfg.HTTPClient}
	if d.tcp == nil {
		d.tcp = (&net.Dialer{}).DialContext
	}
	client := http.Client{}
	if d.http != nil {
		client = *d.http
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = guarded{&d.server, client.Transport}
	d.http = &client
	return d
}

// told maps an address that a server gave in XFR or RNG.
func (d *dialer) told(addr string) string {
	addr = withPort(addr)
	if d.server.MapAddress != nil {
		addr = withPort(d.server.MapAddress(addr))
	}
	return addr
}

// dial connects to a server by TCP, TLS or the gateway.
func (d *dialer) dial(ctx context.Context, kind serverKind, addr string) (net.Conn, error) {
	if d.server.UseGateway && kind != apartServer {
		return dialGateway(ctx, d.http, d.server.Gateway, kind, addr)
	}
	if err := d.server.leads(addr); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	nc, err := d.tcp(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	if d.server.TLS == nil {
		return nc, nil
	}
	cfg := d.server.TLS
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			_ = nc.Close() // unusable either way
			return nil, fmt.Errorf("connect to %s: %w", addr, err)
		}
		cfg = cfg.Clone()
		cfg.ServerName = host
	}
	secured := tls.Client(nc, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // unusable either way
		if broken := new(tls.RecordHeaderError); errors.As(err, broken) {
			err = fmt.Errorf("%w: no TLS: %w", ErrOtherProtocol, err)
		}
		return nil, fmt.Errorf("TLS with %s: %w", addr, err)
	}
	return secured, nil
}
