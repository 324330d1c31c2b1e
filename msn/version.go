package msn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Version is a protocol dialect: 2 for MSNP2. Zero stands for "none agreed yet".
type Version int

// The dialects that this package speaks.
const (
	MSNP2  Version = 2
	MSNP3  Version = 3
	MSNP4  Version = 4
	MSNP5  Version = 5
	MSNP6  Version = 6
	MSNP7  Version = 7
	MSNP8  Version = 8
	MSNP9  Version = 9
	MSNP10 Version = 10
	MSNP11 Version = 11
	MSNP12 Version = 12
	MSNP13 Version = 13
	MSNP14 Version = 14
	MSNP15 Version = 15
	MSNP16 Version = 16
	MSNP17 Version = 17
	MSNP18 Version = 18
	MSNP21 Version = 21
	MSNP24 Version = 24
)

// String is the name that VER uses, for example MSNP12.
func (v Version) String() string { return "MSNP" + strconv.Itoa(int(v)) }

// ParseVersion reads "MSNP12" in any letter case. Versions that this package does not speak are an
// error that names those that it does.
func ParseVersion(s string) (Version, error) {
	if len(s) > 4 && strings.EqualFold(s[:4], "MSNP") {
		n, err := strconv.Atoi(s[4:])
		if err == nil && Version(n).String()[4:] == s[4:] && slices.Contains(Versions(), Version(n)) {
			return Version(n), nil
		}
	}
	all := Versions()
	return 0, fmt.Errorf("%.20q is not a protocol version; allowed are %s to %s", s, all[0], all[len(all)-1])
}

// Versions lists what this package speaks, lowest first.
func Versions() []Version {
	var all []Version
	for v := MSNP2; v <= changelog[len(changelog)-1].since; v++ {
		all = append(all, v)
	}
	return all
}

// dialect is how one version differs from the others. It has three kinds of field and nothing else:
// strategies, forms and switches. Nothing outside of this file compares versions.
type dialect struct {
	version Version

	// strategies
	auth   authenticator
	roster rosterSource

	// forms
	cvr       cvrForm
	presence  presenceForm
	challenge challengeForm

	// switches
	nameInSignIn     bool // USR OK tells the own name (later it comes with PRP MFN)
	groups           bool // contact groups exist
	pending          bool // the pending list exists
	personalMessages bool // UUX and UBX
	chunks           bool // messages may be cut into chunks

	// what goes with the client that first spoke it
	clientName, clientVersion string
	productID                 string
	capabilities              uint32
}

// changelog is the history of the protocol, executable: the dialect of a version is every entry up to
// it, in order (core.md 1.2 and 15).
var changelog = []struct {
	since  Version
	change func(*dialect)
}{
	{MSNP2, func(d *dialect) {
		d.auth, d.roster = md5Auth{}, synRoster{serialLines, numericEdits}
		d.cvr, d.presence, d.nameInSignIn = cvrBare, presenceBare, true
		d.clientName, d.clientVersion = "MSMSGS", "1.0.0863"
	}},
	{MSNP3, func(d *dialect) { d.clientVersion = "2.0.0083" }},
	{MSNP4, func(d *dialect) { d.cvr, d.clientVersion = cvrBrand, "2.2.1053" }},
	{MSNP5, func(d *dialect) { d.clientVersion = "3.0.0286" }},
	{MSNP6, func(d *dialect) {
		d.challenge, d.productID, d.clientVersion = challengeOld, "msmsgs@msnmsgr.com", "3.6.0039"
	}},
	{MSNP7, func(d *dialect) { d.groups, d.clientVersion = true, "4.6.0083" }},
	{MSNP8, func(d *dialect) {
		d.auth, d.roster = passportAuth{}, synRoster{bitmaskLines, numericEdits}
		d.cvr, d.presence, d.clientVersion = cvrAccount, presenceCapabilities, "5.0.0540"
	}},
	{MSNP9, func(d *dialect) {
		d.presence, d.chunks, d.capabilities = presenceObject, true, 0x10000000
		d.clientName, d.clientVersion, d.productID = "MSNMSGR", "6.0.0602", "PROD0038W!61ZTF9"
	}},
	{MSNP10, func(d *dialect) {
		d.roster, d.pending, d.nameInSignIn = synRoster{guidLines, guidEdits}, true, false
		d.capabilities, d.clientVersion = 0x30000000, "6.1.0211"
	}},
	{MSNP11, func(d *dialect) {
		d.challenge, d.personalMessages = challengeNew, true
		d.capabilities, d.clientVersion, d.productID = 0x40000020, "7.0.0813", "PROD0090YUAUV{2B"
	}},
	{MSNP12, func(d *dialect) {
		d.capabilities, d.clientVersion, d.productID = 0x50000020, "7.5.0324", "PROD0104U6VVM{UJ"
	}},
}

// dialectOf builds the dialect of a version.
func dialectOf(v Version) *dialect {
	d := &dialect{version: v}
	for _, entry := range changelog {
		if entry.since <= v {
			entry.change(d)
		}
	}
	return d
}

// agree picks the dialect from a VER reply: the highest that was offered, whatever the order
// (core.md 1.3). ok is false if there is none.
func agree(reply []string, offered []Version) (best Version, ok bool) {
	for _, word := range reply {
		v, err := ParseVersion(word)
		if err == nil && slices.Contains(offered, v) && v > best {
			best, ok = v, true
		}
	}
	return best, ok
}
