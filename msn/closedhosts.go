package msn

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Microsoft's hosts are gone, and whoever has their names now is nobody's MSN service. Servers that were made for the official programs
// name them still, in XFR, DALogin and redirects: what is ours to tell goes there only if the configuration names them itself.

// closedHosts are the ends of names that Microsoft's service had.
var closedHosts = []string{".hotmail.com", ".msn.com", ".live.com", ".passport.com", ".passport.net", ".messenger.com"}

// ClosedHost tells whether an address (a host, with or without port, or a URL) is one of Microsoft's, whose service has ended.
func ClosedHost(address string) bool {
	host := hostOf(address)
	return slices.ContainsFunc(closedHosts, func(end string) bool { return strings.HasSuffix("."+host, end) })
}

// hostOf is the host of an address or URL, in lower case, without a dot at its end.
func hostOf(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address, _, _ = strings.Cut(rest, "/")
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return strings.TrimSuffix(strings.ToLower(address), ".")
}

// closedHostError is an ErrClosedHost.
type closedHostError struct{ host string }

func (e closedHostError) Error() string {
	return fmt.Sprintf("the service sends us to %s, which was Microsoft's and is closed: map it to another address, or name it in the configuration", e.host)
}

func (closedHostError) Is(target error) bool { return target == ErrClosedHost }

// leads refuses a host of Microsoft's that is not configured.
func (s *Server) leads(address string) error {
	host := hostOf(address)
	if !ClosedHost(host) || host == hostOf(s.Notification) || host == hostOf(s.MSNP24) {
		return nil
	}
	for _, configured := range s.urls() {
		if host == hostOf(configured) {
			return nil
		}
	}
	return closedHostError{host}
}

// guarded keeps HTTP from hosts to which nothing leads; redirects that the client follows by itself, too.
type guarded struct {
	server *Server
	next   http.RoundTripper
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.server.leads(r.URL.Host); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, err
	}
	return g.next.RoundTrip(r)
}

// CloseIdleConnections lets the client's method of that name go through.
func (g guarded) CloseIdleConnections() {
	(&http.Client{Transport: g.next}).CloseIdleConnections()
}

// mapped is where a URL that a server named leads, after MapURL.
func (s *Server) mapped(u *url.URL) (*url.URL, error) {
	if s.MapURL == nil {
		return u, nil
	}
	to, err := url.Parse(s.MapURL(u.String()))
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("%s is mapped to no URL", u.Host)
	}
	return to, nil
}
