package msntest

import (
	"strings"
	"testing"
)

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

// TestRenamePhone is that contacts who are telephones cannot be given a name afterwards (core.md 3), in any version.
func TestRenamePhone(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP11\nalice C: ADC 5 FL N=tel:+15550100 F=Mom\nalice S: ADC 5 FL N=tel:+15550100 F=Mom $mom")
	mom := strings.TrimPrefix(p.kept["mom"], "C=")
	p.play("alice C: SBP 6 " + mom + " MFN Mum\nalice S: 213 6\nalice C: SBP 7 " + mom + " PHM 1\nalice S: SBP 7 " + mom + " PHM 1\nalice C: OUT\nalice closed\n" +
		"alice:old signs in MSNP9\nalice:old C: REA 5 tel:+15550100 Mum\nalice:old S: 213 5\nalice:old C: REA 6 bob@example.com Bobby\nalice:old S: REA 6 ...")
}
