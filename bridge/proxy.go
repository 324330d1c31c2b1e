package bridge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// proxyTimeout is for the dialogue with a proxy.
const proxyTimeout = 20 * time.Second

// dialThrough makes TCP connections over a proxy: socks5://[user:password@]host:port or http://... . Errors name its
// host only.
func dialThrough(address string) (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Port() == "" {
		return nil, errors.New("want socks5://host:port or http://host:port")
	}
	switch u.Scheme {
	case "socks5", "socks5h":
		var auth *proxy.Auth
		if u.User != nil {
			password, _ := u.User.Password()
			auth = &proxy.Auth{User: u.User.Username(), Password: password}
		}
		dialer, err := proxy.SOCKS5("tcp", u.Host, auth, &net.Dialer{Timeout: proxyTimeout})
		if err != nil {
			return nil, errors.New("want socks5://host:port or http://host:port")
		}
		withContext, ok := dialer.(proxy.ContextDialer)
		if !ok {
			return nil, errors.New("SOCKS5 is not available")
		}
		return withContext.DialContext, nil
	case "http":
		return func(ctx context.Context, network, addr string) (net.Conn, error) { return connectThrough(ctx, u, addr) }, nil
	}
	return nil, fmt.Errorf("a %s proxy is not supported; want socks5 or http", u.Scheme)
}

// connectThrough asks an HTTP proxy for a tunnel.
func connectThrough(ctx context.Context, through *url.URL, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", through.Host)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() }) // which ends the dialogue
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: make(http.Header)}
	if through.User != nil {
		password, _ := through.User.Password()
		req.SetBasicAuth(through.User.Username(), password)
		req.Header["Proxy-Authorization"] = req.Header["Authorization"]
		req.Header.Del("Authorization")
	}
	err = req.Write(nc)
	var answer *http.Response
	reader := bufio.NewReader(nc)
	if err == nil {
		answer, err = http.ReadResponse(reader, req)
	}
	switch {
	case !stop():
		err = context.Cause(ctx)
	case err == nil && answer.StatusCode != http.StatusOK:
		err = fmt.Errorf("HTTP %d", answer.StatusCode)
	case err == nil && reader.Buffered() > 0: // servers of MSN wait for the client to speak
		err = errors.New("it speaks before its turn")
	}
	if err != nil {
		_ = nc.Close() // it is of no use
		return nil, fmt.Errorf("proxy %s to %s: %w", through.Host, addr, err)
	}
	return nc, nil
}
