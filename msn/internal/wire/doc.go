// Package wire is the alphabet of MSNP: it turns bytes into commands and commands into bytes, and knows nothing else of the
// protocol. There is no network, no context, no goroutine and no state of a session in it.
//
// It stands at the bottom of the house: package msn speaks with it as a client, msntest as a server, and both write their
// traces and golden dialogues in its one notation (see [FormatCommand] and [ParseTranscript]).
//
// MSNP lines do not describe themselves. Whether a number is a transaction id, a payload length or a mere argument depends
// on the command and on who sent it (core.md 2.2, 2.3), so a [Reader] is told whose bytes it reads, and a table (shape.go)
// says per side what each command looks like. The table holds for MSNP2 to MSNP21 at once: where versions differ, the shape
// of the line itself tells them apart, so that the codec needs no version.
package wire
