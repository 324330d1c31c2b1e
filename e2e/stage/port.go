package stage

import (
	"fmt"
	"net"
	"strconv"
)

// host is the only one that anything here listens on.
const host = "127.0.0.1"

// Port is a free TCP port of loopback: the wanted one if it is free, else another, which is said. 0 wants any.
func Port(wanted int, what string, say func(string)) (int, error) {
	if wanted != 0 {
		if listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(wanted))); err == nil {
			return wanted, listener.Close()
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port for %s: %w", what, err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if wanted != 0 {
		say(fmt.Sprintf("port %d is in use: %s takes %d instead", wanted, what, port))
	}
	return port, listener.Close()
}

// address is a port of loopback as host:port.
func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
