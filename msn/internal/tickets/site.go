package tickets

import (
	"slices"
	"strings"
)

// The addresses of the sites that tickets are for (services.md 4.4). They are names only: nothing connects to
// them.
const (
	TokenBroker     = "http://Passport.NET/tb"      // renewal of tickets; servers expect it first
	MessengerClear  = "messengerclear.live.com"     // the notification server (MSNP15 and later); has a secret
	Messenger       = "messenger.msn.com"           // mail and waiting messages; the notification server before MSNP15
	Contacts        = "contacts.msn.com"            // address book and memberships
	MessengerSecure = "messengersecure.live.com"    // sending offline messages
	Storage         = "storage.msn.com"             // roaming profile
	StorageLive     = "storage.live.com"            // roaming profile of 2011
	Spaces          = "spaces.live.com"             // contact cards
	Updates         = "sup.live.com"                // what's new
	Directory       = "directory.services.live.com" // names and personal messages (MSNP21)
	StatusUpdates   = "rpstauth.live.com"           // status updates over REST
	Voice           = "voice.messenger.msn.com"     // telephone calls
)

// Site is one site to get a ticket for.
type Site struct {
	// Address is one of the constants above.
	Address string
	// Policy says what kind of ticket it is to be: MBI, MBI_SSL, ?id=507, or what a server demands. The token
	// broker has none.
	Policy string
	// Required makes the whole request fail if there is no ticket for this site.
	Required bool
}

// key is an address in the form in which two are compared: servers differ in letter case, and some put a scheme
// or a slash.
func key(address string) string {
	address = strings.ToLower(strings.TrimSpace(address))
	if _, rest, has := strings.Cut(address, "://"); has {
		address = rest
	}
	return strings.TrimRight(address, "/")
}

// ordered puts the token broker first and the notification server second, as servers expect, keeps the rest as
// it is, and drops what is there twice.
func ordered(sites []Site) []Site {
	list := make([]Site, 0, len(sites))
	for _, s := range sites {
		i := slices.IndexFunc(list, func(have Site) bool { return key(have.Address) == key(s.Address) })
		if i < 0 {
			list = append(list, s)
		} else {
			list[i].Required = list[i].Required || s.Required
		}
	}
	rank := func(s Site) int {
		switch key(s.Address) {
		case key(TokenBroker):
			return 0
		case MessengerClear:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b Site) int { return rank(a) - rank(b) })
	return list
}

// TWNPolicy is the policy for [Messenger] that makes its ticket answer the challenge of USR TWN S: the
// notification server of MSNP8 to MSNP14 takes it instead of one from the nexus (services.md 3.3).
func TWNPolicy(challenge string) string {
	return "?" + strings.ReplaceAll(challenge, ",", "&")
}
