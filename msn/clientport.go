package msn

import "math/bits"

// ClientPort turns the ClientPort field of the profile into the TCP port that the server saw, and back:
// the field has the two bytes swapped (core.md 6.1).
func ClientPort(field uint16) uint16 { return bits.ReverseBytes16(field) }
