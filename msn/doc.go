// Package msn is an MSN Messenger client: it signs in to a notification server, keeps the contact list
// and presence, and talks to people over switchboards, in every dialect from MSNP2 to MSNP12. It knows
// nothing of Matrix and logs nothing; package bridge is its user, and msntest, its far end in tests, is
// another.
//
// # Rooms
//
//   - [Client] is one sign-in, from dial to end. Requests go down as blocking calls with a context, what
//     MSN starts comes up as one [Event] to the one handler in [Config].
//   - version.go holds the changelog of the protocol, from which the dialect of a version is made. It is
//     the only file that compares versions: a new version is a new entry.
//   - auth*.go, roster*.go and chat.go are the strategies that a dialect picks from: how to sign in, how
//     the list is fetched and changed, how conversations travel.
//   - circles.go, circlebook.go, envelopes.go, parties.go and userpresence.go are what travels in envelopes (PUT, NFY,
//     SDG): circles from MSNP18, everything from MSNP21. msnp24.go translates MSNP21 into the alphabet of MSNP24.
//   - conn.go asks, writes and serves over any net.Conn: TCP, TLS, the HTTP gateway of gateway.go, a pipe.
//   - message*.go, presence.go, msnobject.go and the like are pure codecs, one MSNP noun each.
//   - internal/wire turns bytes into commands and back, for both sides.
//
// # Protocol flow
//
// Run dials the notification server and does VER, INF or CVR, and USR, where a dispatch server may send
// it on (XFR). Then it fetches the list (SYN), reports [SignedIn], and announces itself (CHG), upon which
// the server tells who is online (ILN). A conversation is known by who is in it, never by the
// switchboard that carries it today: [Client.Send] finds the live one or asks for a new one (XFR SB, USR,
// CAL), and invitations of others (RNG, ANS) join in.
//
// # Goroutines
//
// Run owns all of them and returns when they have ended:
//
//   - Run itself, which starts the others
//   - the session: sign-in, then the pinger
//   - one reader for the notification connection
//   - one reader for each switchboard
//   - one for each invitation and each challenge while it is being answered
//   - two for each tunnel through the HTTP gateway, and one that ends a Passport login with its connection
//
// Sending needs none: it happens in the caller's.
package msn
