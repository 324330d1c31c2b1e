package msntest

import "testing"

// TestPhonesByPolicy is phones of somebody who has me on neither AL nor BL: their policy decides (core.md 7.1, 7.3).
func TestPhonesByPolicy(t *testing.T) {
	s := New(t, fixture())
	play(t, s, `
dave signs in MSNP10
dave C: SYN 5 0 0
dave S: SYN 5 * * 1 0
dave S: GTC A
dave S: BLP AL
dave S: PRP MFN Dave
dave S: PRP MOB N
dave S: PRP MBE N
dave S: LST N=alice@example.com F=Alice%20A * 3
dave S: BPR PHH 555%2001
alice signs in MSNP7
alice C: PRP 5 PHM 7
alice S: PRP 5 2 PHM 7
dave S: BPR alice@example.com PHM 7
alice C: BLP 6 BL
alice S: BLP 6 3 BL
alice C: PRP 7 PHM 8
alice S: PRP 7 4 PHM 8
dave C: SYN 8 0 0
dave S: SYN 8 * * 1 0
dave S: GTC A
dave S: BLP AL
dave S: PRP MFN Dave
dave S: PRP MOB N
dave S: PRP MBE N
dave S: LST N=alice@example.com F=Alice%20A * 3
dave C: PNG
dave S: QNG 50`)
}
