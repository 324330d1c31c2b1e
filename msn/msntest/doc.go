// Package msntest is an MSN service in memory: dispatch server, notification server, switchboards, Passport nexus and login,
// and the HTTP gateway, for MSNP2 to MSNP12. Tests start it on loopback ([New]), the program in serve runs it for demos and
// for real MSN clients.
//
// It stands at the far end of package msn and shares with it only the alphabet: the wire codec and value types. What each
// protocol version does it states for itself, in version.go, from core.md and not from the client: a wrong row in the
// client's table then makes a test fail instead of agreeing with itself. Where the sources disagree it does what Microsoft's
// servers did, unless [Quirks] ask for something else.
//
// # How it works
//
// All state (accounts, sessions, switchboards) is guarded by one lock, held while one command is handled. Handling never
// waits: what is to be sent goes into the bounded outbox of a connection and a writer goroutine of that connection carries it
// off, so a stuck client harms nobody but itself. The goroutines are: one acceptor per listener, one reader and one writer per
// TCP connection, one reader per gateway session, those of net/http, and one sweeper for everything that expires.
// [Server.Close] waits for all of them.
package msntest
