package msntest

import (
	"strings"
	"testing"
)

// TestNewerElements is what clients get of a document with elements of all versions: those that their own has (core.md 8.4).
func TestNewerElements(t *testing.T) {
	elements := []struct{ since, text string }{
		{"", "<PSM>hi</PSM><CurrentMedia></CurrentMedia>"}, {"MSNP13", "<MachineGuid>{A}</MachineGuid>"}, {"MSNP18", "<DDP>x</DDP>"},
		{"MSNP16", "<SignatureSound>y</SignatureSound>"}, {"MSNP18", "<Scene></Scene>"}, {"MSNP18", "<ColorScheme>-3</ColorScheme>"},
	}
	upTo := func(version string) string {
		var b strings.Builder
		for _, e := range elements {
			if e.since <= version {
				b.WriteString(e.text)
			}
		}
		return "<Data>" + b.String()
	}
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP18\nalice lists bob=3\nalice C: UUX 6 #\n | "+upTo("MSNP21")+"</Data>\nalice S: UUX 6 0\nalice S: UBX 1:alice@example.com #\n"+
		"alice C: CHG 7 NLN 0:0\nalice S: CHG 7 NLN 0:0\nalice S: NLN ...\nalice S: MSG Hotmail Hotmail #\nalice S: CHL 0 *")
	for _, version := range []string{"MSNP11", "MSNP12", "MSNP13", "MSNP15", "MSNP16", "MSNP17", "MSNP18"} {
		p.play("bob signs in " + version)
		if version >= "MSNP13" {
			p.lists("bob", "alice=3")
		}
		address := " alice@example.com"
		switch {
		case version >= "MSNP18":
			address = " 1:alice@example.com"
		case version >= "MSNP14":
			address += " 1"
		}
		places := ""
		if version >= "MSNP16" {
			places = "<EndpointData id=\"{guid(alice)}\"><Capabilities>0:0</Capabilities></EndpointData>"
		}
		p.play("bob C: CHG 6 NLN 0\nbob S: CHG 6 NLN 0\nbob S: " + map[bool]string{false: "ILN 6 NLN", true: "NLN NLN"}[version == "MSNP18"] + address + " ...\nbob S: UBX" + address + " #\n | " +
			upTo(version) + places + "</Data>\nbob hangs up\nalice S: NLN ...")
		if version >= "MSNP16" {
			p.play("alice S: UBX ...")
		}
		p.play("alice S: FLN ...")
	}
}
