package msntest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Faults makes the service misbehave. The zero value is a good service. See [Server.SetFaults].
type Faults struct {
	// Passport restricts the faults to connections of this account, once it is known; empty means everybody.
	Passport string
	// On restricts them to kinds of connection, "DS", "NS", "SB" and "MSNP24"; empty means all.
	On []string

	// DropAfter cuts a connection, without a word, when it has sent that many commands; 0 means never.
	DropAfter int
	// Delay holds back everything that is written.
	Delay time.Duration
	// Silent makes connections half-open: commands are read and not handled, nothing is written, nothing is closed.
	Silent bool
	// Garbage is written once to each connection, raw, in front of the answer to its next command.
	Garbage []byte
	// Refuse answers a command, named by its word, with an error number instead of doing it. The connection is closed if the
	// number is one of those that Microsoft's servers closed after (core.md 3).
	Refuse map[string]int
	// NAK refuses all messages in switchboards of type N, A and D, and delivers none.
	NAK bool
	// WithholdACK delivers messages but does not say so.
	WithholdACK bool
	// Redirect answers the first USR of a sign-in with XFR NS to this address, on any server.
	Redirect string
	// MoveTo sends XFR 0 NS with this address right after sign-in, then closes.
	MoveTo string
	// OutAfterSignIn sends OUT with this reason ("OTH", "SSD", "MIG" ...) right after sign-in, then closes.
	OutAfterSignIn string

	// Nexus and Login are HTTP statuses that the nexus and the login server answer with instead of working; 0 means none.
	Nexus, Login int
	// LoginRedirect makes the login server send each request elsewhere first (302, core.md 5.7).
	LoginRedirect bool
	// RSTDown answers requests for tickets with 503.
	RSTDown bool
	// RSTRedirect answers them with a redirect, inside SOAP, to this URL: "once" means the same place, which then works,
	// "loop" the same place again and again.
	RSTRedirect string
	// RSTFault refuses them with this faultcode, "wsse:InvalidSecurityToken" for example, without looking at the password.
	RSTFault string
	// RSTSiteFaults are sites whose tickets are refused one by one, in the answer about the others.
	RSTSiteFaults []string
	// StaleTickets are sites whose tickets of RST expire at once; "*" means all.
	StaleTickets []string

	// ServiceUnauthorized answers all web services but RST with 403 and no body.
	ServiceUnauthorized bool
	// ServiceFault refuses actions of web services, "ABFindAll" for example or "*" for all, with this errorcode.
	ServiceFault map[string]string
	// ServiceFaultStatus is the HTTP status of those; 0 means 500.
	ServiceFaultStatus int
	// ServiceRedirect answers address book and storage requests with 301 and this Location: "once" and "loop" as above.
	ServiceRedirect string
	// Truncate cuts the answers of web services, RST too, after that many bytes and closes the connection; 0 means never.
	Truncate int
	// Slow makes web services, RST too, wait before they answer.
	Slow time.Duration

	// Gateway is an HTTP status that the gateway answers with; 0 means none.
	Gateway int
}

// SetFaults replaces the faults. They apply at once, to open connections as well; counting for DropAfter starts anew.
func (s *Server) SetFaults(f Faults) {
	f.On = slices.Clone(f.On)
	f.Refuse = maps.Clone(f.Refuse)
	f.Garbage = slices.Clone(f.Garbage)
	f.RSTSiteFaults, f.StaleTickets = slices.Clone(f.RSTSiteFaults), slices.Clone(f.StaleTickets)
	f.ServiceFault = maps.Clone(f.ServiceFault)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	for c := range s.conns {
		c.commands, c.soiled = 0, false
		c.out.hold(s.delayFor(c))
	}
	s.changed()
}

// faultsFor returns the faults that apply to a connection. The lock is held.
func (s *Server) faultsFor(c *conn) Faults {
	f := s.faults
	if f.Passport != "" && !strings.EqualFold(f.Passport, c.passport()) {
		return Faults{}
	}
	if len(f.On) > 0 && !slices.Contains(f.On, c.kind.String()) {
		return Faults{}
	}
	return f
}

func (s *Server) delayFor(c *conn) time.Duration { return s.faultsFor(c).Delay }
