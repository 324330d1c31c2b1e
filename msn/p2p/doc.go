// Package p2p is MSN's transfer protocol between two people: packets with a binary header, a text protocol
// (MSNSLP) that agrees on sessions, and sessions that carry objects, such as display pictures (p2p.md).
// It is bytes in, bytes out: it has no connection, no goroutine and no clock. Package msn hands it what
// came in a switchboard and sends what it gives back.
package p2p
