package msn_test

import (
	"context"
	"net"
	"net/http"
)

// newHTTPClient carries HTTP over connections of the given kind, and keeps them.
func newHTTPClient(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 8}}
}
