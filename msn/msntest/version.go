package msntest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// command does one command of a signed-in client.
type command func(n *session, cmd wire.Command)

// dialect is what one protocol version does, seen from the server. Nothing else in this package varies by version.
type dialect struct {
	version msn.Version

	// commands are those of a signed-in client; others close the connection.
	commands map[string]command

	// Signing in.
	auth        authentication
	inf         bool // INF tells the security packages
	policies    bool // GCF is pushed before USR S
	cvrNeeded   bool // no USR without CVR
	okName      bool // USR OK has the friendly name
	okVerified  bool // USR OK has the verified flag
	okKid       bool // USR OK has the kid flag
	moveTail    moveTail
	mobileNote  bool // SBS 0 null before the profile
	clientAddr  bool // the profile has ClientIP and ClientPort
	migrated    bool // the profile has ABCHMigrated
	mailSummary bool // x-msmsgsinitialmdatanotification instead of x-msmsgsinitialemailnotification

	// Lists.
	burst      burstForm
	listPhones bool // PRP and BPR for phones
	serials    bool // list versions in replies
	groups     groupForm
	noAccount  int  // error for adding somebody who does not exist
	pending    bool // PL exists, and the client moves people from it to RL
	reverse    bool // ADC RL, even at a service of StrictReverse
	telephones bool // tel: entries on FL
	nameKey    bool // MFN
	blogs      bool // HSB
	idleModes  bool // BLP and GTC that change nothing get 218

	// Presence.
	capabilities bool        // in CHG, ILN, NLN
	objects      bool        // MSNObject in CHG, ILN, NLN
	messages     bool        // UUX, UBX
	elements     []string    // of UBX that it knows, but for those about endpoints
	address      addressForm // in NLN, FLN, UBX
	tail         bool        // capabilities in FLN
	initialNLN   bool        // no ILN
	endpoints    bool        // several at once, each with a machine GUID; NLN and UBX about oneself
	documents    bool        // PUT and NFY instead of all that
	challenge    challengeForm
	pongSeconds  bool // QNG says when to ask again

	// Switchboards.
	joinCapabilities bool     // in IRO, JOI
	dataMessages     bool     // MSG D
	boardTail        []string // after the cookie in XFR, and at the end of RNG
	hiddenCalls      bool     // XFR SB while hidden

	// Messages over the notification server.
	federated      bool // UUM, UBM, and contacts of other networks
	longFederated  bool // UBM says to whom
	offlineMessage bool // UUM to network 1 is an offline message
	circles        bool // USR SHA, PUT, NFY, SDG, DEL
	mailData       bool // is told of offline messages
}

type authentication uint8

const (
	byMD5 authentication = iota
	byTicket
	byProof
)

func (a authentication) String() string { return [...]string{"MD5", "TWN", "SSO"}[a] }

// moveTail is what follows the address in XFR NS (core.md 5.12).
type moveTail uint8

const (
	noTail          moveTail = iota
	zeroTail                 // 0
	zeroCurrentTail          // 0 and the address of this server
	letterTail               // U D
	hopTail                  // U D and what the client is to repeat in its next CVR
)

// addressForm is how somebody is named in presence lines (core.md 8.3).
type addressForm uint8

const (
	plainAddress    addressForm = iota // bob@example.com
	numberedAddress                    // bob@example.com 1
	prefixedAddress                    // 1:bob@example.com
)

// burstForm is how SYN is answered (core.md 7.2, 15).
type burstForm uint8

const (
	serialBurst  burstForm = iota // v1: one LST per list and entry, with TrID and list version
	phoneBurst                    // v2: and PRP, BPR
	groupBurst                    // v3: and LSG
	bitmaskBurst                  // v4: each contact once, lists in sum
	guidBurst                     // v5: N= F= C=
	typedBurst                    // v5t: and the contact type
	noBurst                       // the address book is a web service; ADL says what to use of it
)

type groupForm uint8

const (
	noGroups groupForm = iota
	numberedGroups
	guidGroups
)

type challengeForm uint8

const (
	noChallenge challengeForm = iota
	oldChallenge
	newChallenge
)

// changes is the history of the protocol from the server's side: a dialect is all changes up to its version, in order
// (core.md 1.2 and 15).
var changes = []struct {
	since  msn.Version
	change func(*dialect)
}{
	{2, func(d *dialect) {
		d.inf, d.okName, d.serials, d.noAccount, d.idleModes = true, true, true, 205, true
		d.add("SYN", synchronise).add("CHG", changeStatus).add("BLP", setPrivacy).add("GTC", setPrompt)
		d.add("ADD", addToList).add("REM", removeFromList).add("REA", rename)
		d.add("XFR", openSwitchboard).add("URL", mailAddress).add("SND", sendInvitation).add("FND", refuse(502))
	}},
	{3, func(d *dialect) {
		d.moveTail = zeroTail
		d.add("IMS", setInvitations)
	}},
	{5, func(d *dialect) {
		d.burst, d.listPhones = phoneBurst, true
		d.add("PRP", setProperty).add("SDC", sendInvitation).add("PAG", page)
	}},
	{6, func(d *dialect) {
		d.okVerified, d.challenge = true, oldChallenge
		d.add("QRY", answerChallenge)
	}},
	{7, func(d *dialect) {
		d.moveTail, d.burst, d.groups, d.clientAddr = zeroCurrentTail, groupBurst, numberedGroups, true
		d.add("ADG", addGroup).add("RMG", removeGroup).add("REG", renameGroup)
	}},
	{8, func(d *dialect) {
		d.inf, d.auth, d.cvrNeeded, d.okKid = false, byTicket, true, true
		d.burst, d.capabilities = bitmaskBurst, true
	}},
	{9, func(d *dialect) {
		d.objects, d.pongSeconds, d.dataMessages = true, true, true
		d.add("PGD", page).add("PAG", refuse(715))
	}},
	{10, func(d *dialect) {
		d.okName, d.serials, d.migrated, d.pending = false, false, true, true
		d.burst, d.groups, d.noAccount, d.nameKey = guidBurst, guidGroups, 208, true
		d.remove("ADD").add("ADC", addContact).add("SBP", setContactProperty).add("REA", refuse(502))
	}},
	{11, func(d *dialect) {
		d.reverse = true
		d.mobileNote, d.messages, d.challenge, d.telephones = true, true, newChallenge, true
		d.blogs, d.mailSummary, d.mailData = true, true, true
		d.elements = []string{"PSM", "CurrentMedia"}
		d.add("UUX", setPersonalMessage).add("GCF", sendConfiguration)
	}},
	{12, func(d *dialect) { d.burst, d.joinCapabilities = typedBurst, true }},
	{13, func(d *dialect) {
		d.moveTail, d.policies = letterTail, true
		d.elements = append(d.elements, "MachineGuid")
		d.burst, d.listPhones, d.blogs, d.idleModes = noBurst, false, false, false
		d.boardTail, d.hiddenCalls = []string{"U", "messenger.msn.com"}, true
		d.remove("ADC").remove("REM").remove("ADG").remove("RMG").remove("REG").remove("SBP").remove("GTC").remove("GCF")
		d.add("SYN", refuse(502)).add("ADL", useLists).add("RML", dropLists).add("UUN", sendSignal)
	}},
	{14, func(d *dialect) {
		d.address, d.tail, d.federated = numberedAddress, true, true
		d.boardTail = []string{"U", "messenger.msn.com", "1"}
		d.add("FQY", askNetworks).add("UUM", sendFederated)
	}},
	{15, func(d *dialect) { d.auth, d.longFederated = byProof, true }},
	{16, func(d *dialect) {
		d.endpoints = true
		d.elements = append(d.elements, "SignatureSound")
	}},
	{17, func(*dialect) {}}, // as 16: nothing is known to be new
	{18, func(d *dialect) {
		d.address, d.initialNLN, d.offlineMessage, d.circles = prefixedAddress, true, true, true
		d.elements = append(d.elements, "DDP", "Scene", "ColorScheme")
		d.add("PUT", publish).add("DEL", withdraw).add("SDG", sendEnvelope).add("VAS", ignore)
	}},
	{21, func(d *dialect) {
		d.moveTail, d.mobileNote, d.documents, d.mailData = hopTail, false, true, false
		d.remove("CHG").remove("UUX").remove("PRP").remove("XFR").remove("UUM").remove("PGD").remove("IMS").remove("UUN").remove("VAS")
	}},
}

// unspoken are versions between the others that no released client spoke and of which nothing certain is known (core.md 13.5).
var unspoken = []msn.Version{19, 20}

func (d *dialect) add(name string, does command) *dialect {
	d.commands[name] = does
	return d
}

func (d *dialect) remove(name string) *dialect {
	delete(d.commands, name)
	return d
}

// dialects are all that the service speaks, lowest first.
var dialects = makeDialects()

func makeDialects() []*dialect {
	var all []*dialect
	for v := changes[0].since; v <= changes[len(changes)-1].since; v++ {
		if slices.Contains(unspoken, v) {
			continue
		}
		d := &dialect{version: v, commands: map[string]command{}}
		for _, entry := range changes {
			if entry.since <= v {
				entry.change(d)
			}
		}
		all = append(all, d)
	}
	return all
}

// agree picks the highest dialect that was offered and is not refused, whatever the order and letter case of the offer
// (core.md 1.3). nil means that there is none; CVR0 is no dialect.
func agree(offer []string, refused []msn.Version) *dialect {
	for _, d := range slices.Backward(dialects) {
		name := "MSNP" + strconv.Itoa(int(d.version))
		offered := slices.ContainsFunc(offer, func(word string) bool { return strings.EqualFold(word, name) })
		if offered && !slices.Contains(refused, d.version) {
			return d
		}
	}
	return nil
}
