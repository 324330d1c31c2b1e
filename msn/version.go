package msn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/ml"
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
		known := slices.Contains(Versions(), Version(n)) || apart[Version(n)] != nil
		if err == nil && Version(n).String()[4:] == s[4:] && known {
			return Version(n), nil
		}
	}
	return 0, fmt.Errorf("%.20q is not a protocol version that is spoken; those are MSNP2 to 18, 21 and 24", s)
}

// Versions lists what this package speaks, lowest first: those of the changelog. MSNP24 is not among them,
// since it has a server of its own and is spoken only by name; MSNP19, 20, 22 and 23 were in no client.
func Versions() []Version {
	all := make([]Version, 0, len(changelog))
	for _, entry := range changelog {
		all = append(all, entry.since)
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
	chat   chatter

	// forms
	cvr       cvrForm
	presence  presenceForm
	challenge challengeForm
	personal  personalForm
	offline   offlineForm
	members   ml.Form
	sdg       sdgForm

	// switches
	nameInSignIn bool // USR OK tells the own name (later it comes with PRP MFN)
	groups       bool // contact groups exist
	pending      bool // the pending list exists
	reverse      bool // who has been on it is put on the reverse list; MSNP10 leaves that to the server (docs/interop.md)
	chunks       bool // messages may be cut into chunks
	signals      bool // UUN and UBN
	networks     bool // people of other networks: UUM, UBM, FQY
	endpoints    bool // one account may be signed in at several places
	circles      bool // circles: USR SHA, PUT, NFY, SDG
	documents    bool // presence travels in documents, PUT and NFY, and no more in CHG and UUX
	p2p2         bool // transfers are between places, in SDG and in packets of version 2
	apart        bool // it has a server and an alphabet of its own
	tickets      []TicketSource

	// what goes with the client that first spoke it
	clientName, clientVersion string
	productID                 string
	capabilities, extended    uint32
}

// changelog is the history of the protocol, executable: the dialect of a version is every entry up to
// it, in order (core.md 1.2 and 15).
var changelog = []struct {
	since  Version
	change func(*dialect)
}{
	{MSNP2, func(d *dialect) {
		d.auth, d.roster, d.chat = md5Auth{}, synRoster{serialLines, numericEdits}, switchboards{}
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
		d.tickets = []TicketSource{NexusTicket, RSTTicket, RST2Ticket}
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
		d.reverse = true
		d.challenge, d.personal, d.offline = challengeNew, personalData, offlineStore
		d.tickets = []TicketSource{RSTTicket, NexusTicket, RST2Ticket} // a nexus ticket opens no services
		d.capabilities, d.clientVersion, d.productID = 0x40000020, "7.0.0813", "PROD0090YUAUV{2B"
	}},
	{MSNP12, func(d *dialect) {
		d.capabilities, d.clientVersion, d.productID = 0x50000020, "7.5.0324", "PROD0104U6VVM{UJ"
	}},
	{MSNP13, func(d *dialect) {
		d.roster, d.personal, d.signals = addressBook{findAll}, personalMachine, true
		d.capabilities, d.clientVersion, d.productID = 0x60000020, "8.0.0566", "PROD01065C%ZFN6F"
	}},
	{MSNP14, func(d *dialect) {
		d.presence, d.networks = presenceNetwork, true
		d.clientVersion, d.productID = "8.0.0812", "PROD0112J1LW7%NB"
	}},
	{MSNP15, func(d *dialect) {
		d.auth, d.offline = ssoAuth{}, offlineStore2
		d.tickets = []TicketSource{RSTTicket, RST2Ticket}
		d.capabilities, d.clientVersion, d.productID = 0x80000020, "8.5.1302", "PROD0119GSJUC$18"
	}},
	{MSNP16, func(d *dialect) {
		d.auth, d.presence, d.personal, d.endpoints = ssoAuth{machine: true}, presenceExtended, personalEndpoints, true
		d.tickets = []TicketSource{RST2Ticket, RSTTicket}
		d.capabilities, d.clientVersion, d.productID = 0x90000020, "9.0.1407", "PROD0118R6%2WYOS"
	}},
	{MSNP17, func(*dialect) {}}, // no client spoke it; servers take it for MSNP16
	{MSNP18, func(d *dialect) {
		d.roster, d.presence, d.personal, d.offline = addressBook{findPaged}, presencePrefix, personalScene, offlineUUM
		d.circles, d.sdg = true, sdgCircles
		d.capabilities, d.clientVersion, d.productID = 0xA0000020, "14.0.8117.0416", "PROD0120PW!CCV9@"
	}},
	{MSNP21, func(d *dialect) {
		d.chat, d.sdg, d.documents, d.offline = envelopes{groups: true}, sdgAll, true, offlineSDG
		d.cvr, d.members, d.signals, d.networks = cvrHop, ml.Services, false, false
		d.p2p2, d.capabilities, d.extended = true, 0xB0000020, CapP2P2|capOfflineText|capNudge|capGroupTalk
		d.clientVersion = "15.4.3508.1109"
	}},
}

// apart are the versions that have servers of their own and are not in VER. They are in no list of versions.
var apart = map[Version]func(*dialect){
	MSNP24: func(d *dialect) {
		d.auth, d.chat, d.apart = skypeAuth{}, envelopes{}, true
		d.circles, d.endpoints, d.p2p2, d.extended, d.offline = false, false, false, 0, offlineNone
	},
}

// dialectOf builds the dialect of a version.
func dialectOf(v Version) *dialect {
	d := &dialect{version: v}
	for _, entry := range changelog {
		if entry.since <= v {
			entry.change(d)
		}
	}
	if change := apart[v]; change != nil {
		change(d)
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
