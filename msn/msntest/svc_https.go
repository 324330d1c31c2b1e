package msntest

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
)

// prepareHTTPS finds the certificate for the HTTP services behind TLS.
func (s *Server) prepareHTTPS() error {
	s.cfg.HTTPS = s.cfg.HTTPS || s.cfg.HTTPSAddr != ""
	switch {
	case !s.cfg.HTTPS:
		return nil
	case s.cfg.TLS != nil:
		s.secure = s.cfg.TLS
		return nil
	}
	var hosts []string
	if s.cfg.PublicHost != "" {
		hosts = append(hosts, s.cfg.PublicHost)
	}
	var err error
	if s.secure, err = SelfSigned(hosts...); err != nil {
		return fmt.Errorf("HTTPS: %w", err)
	}
	return nil
}

// webListeners wraps the listeners of the HTTP services: the plain one, and the one behind TLS if there is one.
func (s *Server) webListeners(web, secured net.Listener) []net.Listener {
	all := []net.Listener{&boundedListener{Listener: web, room: s.cfg.MaxConnections}}
	if secured != nil {
		all = append(all, tls.NewListener(&boundedListener{Listener: secured, room: s.cfg.MaxConnections}, s.secure))
	}
	return all
}

// HTTPSURL is the base URL of the HTTP services behind TLS, "" if they are not there.
func (s *Server) HTTPSURL() string {
	s.listening.names.RLock()
	defer s.listening.names.RUnlock()
	if s.listening.https == "" {
		return ""
	}
	return "https://" + s.listening.https
}

// CA is what clients have to trust for connections with TLS and for HTTPS: certificates in PEM. It is nil if there is no TLS.
func (s *Server) CA() []byte {
	var all []byte
	for _, cfg := range []*tls.Config{s.cfg.TLS, s.secure} {
		if cfg == nil || cfg == s.cfg.TLS && all != nil {
			continue
		}
		for _, cert := range cfg.Certificates {
			for _, der := range cert.Certificate {
				all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
			}
		}
	}
	return all
}
