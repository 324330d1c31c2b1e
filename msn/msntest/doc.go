// Package msntest is an MSN service in memory: dispatch server, notification server, switchboards, Passport nexus and login,
// the web services behind address book, offline messages, storage and circles, and the HTTP gateway, for MSNP2 to MSNP18 and
// MSNP21. MSNP24 has a server of its own ([Config.MSNP24]). MSNP19, 20, 22 and 23 are not offered, since nothing is known of
// them. Tests start it on loopback ([New]), the program in serve runs it for demos and
// for real MSN clients.
//
// It stands at the far end of package msn and shares with it only the alphabet: the wire codec and value types. What each
// protocol version does it states for itself, in version.go, from core.md and not from the client: a wrong row in the
// client's table then makes a test fail instead of agreeing with itself. Where the sources disagree it does what Microsoft's
// servers did, unless [Quirks] ask for something else.
//
// # What is where
//
// The notification server reads and writes lines in session.go and signin.go; lists.go and burst.go are the lists of MSNP2 to
// 12, sessionlist.go those of MSNP13 and later; presence.go and personal.go are presence in lines, documents.go the same in
// MSNP21's documents; switchboard.go is conversations, standin.go carries them between switchboards and MSNP21, signals.go,
// spoken.go, circlesession.go and party.go are what goes over the notification connection; msnp24.go translates. The web
// services are in the files svc_*.go and share the accounts; contract_ns.go is what they ask of the notification server.
//
// # How it works
//
// All state (accounts, sessions, switchboards) is guarded by one lock, held while one command is handled. Handling never
// waits: what is to be sent goes into the bounded outbox of a connection and a writer goroutine of that connection carries it
// off, so a stuck client harms nobody but itself. The goroutines are: one acceptor per listener, one reader and one writer per
// TCP connection, one reader per gateway session, those of net/http, and one sweeper for everything that expires.
// [Server.Close] waits for all of them.
package msntest
