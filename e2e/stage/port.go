package stage

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// host is the only one that anything here listens on.
const host = "127.0.0.1"

// Ports that are found lie here, below those that the system lends to outgoing connections: between finding
// one and listening on it nobody else is given it.
const (
	lowestPort = 20000
	ports      = 10000
	tries      = 200
)

// nextPort goes through the ports from a place of its own in each process, so that none is found twice.
var nextPort = func() *atomic.Int64 {
	next := new(atomic.Int64)
	next.Store(rand.Int64N(ports))
	return next
}()

// Port is a free TCP port of loopback: the wanted one if it is free, else another, which is said. 0 wants any.
func Port(wanted int, what string, say func(string)) (int, error) {
	if wanted != 0 && free(wanted) == nil {
		return wanted, nil
	}
	var err error
	for range tries {
		port := lowestPort + int(nextPort.Add(1)%ports)
		if err = free(port); err != nil {
			continue
		}
		if wanted != 0 {
			say(fmt.Sprintf("port %d is in use: %s takes %d instead", wanted, what, port))
		}
		return port, nil
	}
	return 0, fmt.Errorf("find a free port for %s: %w", what, err)
}

// free is nil if nobody listens on a port.
func free(port int) error {
	listener, err := net.Listen("tcp", address(port))
	if err != nil {
		return err
	}
	return listener.Close()
}

// address is a port of loopback as host:port.
func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
