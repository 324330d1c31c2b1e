package msntest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Config is everything a [Server] needs to know at its start. The zero value is a service without accounts on free loopback
// ports.
type Config struct {
	// Accounts exist from the start; see [Server.AddAccount].
	Accounts []Account
	// Refuse lists versions that the service does not speak. Refusing all of them is allowed.
	Refuse []msn.Version
	// Dispatch starts a dispatch server too, which sends everybody on to the notification server (XFR NS).
	Dispatch bool
	// Quirks are departures from Microsoft's behaviour, limits and times.
	Quirks Quirks
	// Faults are there from the start; see [Server.SetFaults].
	Faults Faults
	// TLS, if not nil, wraps dispatch, notification and switchboard connections. It needs a certificate; see [SelfSigned].
	TLS *tls.Config
	// NSAddr, SBAddr, HTTPAddr and DSAddr are the addresses to listen on, as for net.Listen; empty means a free port of
	// 127.0.0.1. DSAddr turns Dispatch on.
	NSAddr, SBAddr, HTTPAddr, DSAddr string
	// HTTPS starts the HTTP services a second time behind TLS, at HTTPSAddr (which turns it on) or a free port of 127.0.0.1,
	// with the certificate of TLS, or one made then if TLS is nil; see [Server.CA].
	HTTPS     bool
	HTTPSAddr string
	// Circles, Requests and Offline are there from the start; see [Server.AddCircle], [Server.AskFor] and
	// [Server.LeaveOffline].
	Circles  []Circle
	Requests []Request
	Offline  []Offline
	// MSNP24 starts a server that speaks MSNP24 as well, of which only a simulation is possible (core.md 14). MSNP24Addr is the
	// address to listen on, as above, and turns it on.
	MSNP24     bool
	MSNP24Addr string
	// PublicHost is the host that clients are told in XFR and RNG; empty means the one that they reached the service by.
	PublicHost string
	// Trace, if not nil, gets the dialogues of all connections in the notation of wire.FormatCommand, secrets replaced by ***.
	// A comment line says whose they are whenever that changes. It is called by one goroutine at a time, must not block for
	// long and must not call the Server.
	Trace func(line string)
	// Clock tells the time; nil means time.Now. Everything that expires is measured by it.
	Clock func() time.Time
	// MaxConnections bounds the TCP connections and, apart from them, the gateway sessions; 0 means 4096. Further ones are
	// closed at once.
	MaxConnections int
}

// Account is one MSN account. The zero values of the optional fields are those of a fresh account.
type Account struct {
	// Network is the network that the account belongs to; 0 means MSN's. People of another one, 32 for Yahoo's, are reached by
	// UUM and not in switchboards; for the test's sake they sign in here like everybody else.
	Network int
	// Passport is the address, kept in lower case. Password is in clear, since MSNP2-7 prove it by a hash of a fresh
	// challenge (core.md 5.5).
	Passport, Password string
	// FriendlyName is the display name; empty means the Passport.
	FriendlyName string
	// Unverified accounts may not change their name and are told so in USR OK (core.md 5.5).
	Unverified bool
	// Email says that the account has an inbox: the profile says so and the unread count follows it (core.md 6.2).
	Email bool
	// Groups are the names of contact groups, in order: numbers 1, 2, ... before MSNP10, GUIDs from then on.
	Groups []string
	// Friends are accounts, existing or not yet, that are on this account's FL and AL, and which have this account on theirs,
	// as if by [Server.Befriend].
	Friends []string
	// Contacts are list entries of this account alone; they are not mirrored on the other side, but for the lists that only
	// the server writes: who is on FL here has this account on RL or PL there.
	Contacts []Preset
	// Privacy is the policy for people on no list; empty means AL, which lets them in.
	Privacy msn.Privacy
	// Phones are the phone settings by key: PHH, PHW, PHM, MOB, MBE (core.md 7.4).
	Phones map[string]string
	// NoAddressBook makes the address book services answer ABDoesNotExist until the client makes a book by ABAdd
	// (services.md 8.4). The lists are there all the same.
	NoAddressBook bool
}

// Preset is one entry of an account's lists at its start.
type Preset struct {
	Passport string
	// Lists are any of FL, AL and BL (AL and BL not both).
	Lists msn.List
	// Groups are names out of Account.Groups.
	Groups []string
	// FriendlyName is shown for it; empty means its account's own name.
	FriendlyName string
}

// Quirks are limits and times of the service, and ways in which it can be unlike Microsoft's. The zero value is Microsoft's
// behaviour as core.md tells it.
type Quirks struct {
	// LenientChallenge accepts any answer to CHL, and none. Otherwise a wrong answer, or none within 50 s, gets 540 and the
	// connection is closed (core.md 9.1).
	LenientChallenge bool
	// NoChallenge sends no CHL at all.
	NoChallenge bool
	// ChallengeEvery repeats CHL after the one that follows the first CHG; 0 means never.
	ChallengeEvery time.Duration
	// IgnoreUnknown passes over unknown and misplaced commands in silence, but for those of other versions; otherwise they close
	// the connection.
	IgnoreUnknown bool
	// AcceptAll answers MSG of type A and D with ACK even if nobody is there to get it.
	AcceptAll bool
	// EmptyObject writes an empty MSNObject in presence lines of people without picture; otherwise the field is left out.
	EmptyObject bool
	// BareTickets makes login tickets without "t=" and "&p=".
	BareTickets bool
	// HexSessions makes switchboard session ids of 31 hex digits; otherwise they are decimal numbers.
	HexSessions bool
	// ListsByADL makes ADL and RML change the lists that are kept, all but the first ADL, whose content is ignored: every
	// session sees all contacts. Several domains in one document are taken for the last one, one unknown address refuses all,
	// and a document that makes no sense ends the connection; FQY takes one address and calls every network MSN's. Otherwise
	// they hold for the session alone, or until the address book services say otherwise, which change the lists that are kept.
	ListsByADL bool
	// StrictReverse closes the connection after ADC RL: always in MSNP10, and later for somebody who does not ask.
	StrictReverse bool
	// LooseProof accepts USR SSO S of MSNP15 without proof of the ticket's secret, does not answer it in MSNP16+, and refuses a
	// wrong ticket for circles with 911 instead of 935, without closing.
	LooseProof bool
	// KeptMessages keeps personal messages when somebody signs out.
	KeptMessages bool
	// OwnMarkup writes UBX with other escapes than it came with; in MSNP13-15 it may be no XML then.
	OwnMarkup bool
	// BarePlaces takes the capabilities of an endpoint from CHG only, and tells a new endpoint of itself and the others in two
	// steps, first with an empty UBX.
	BarePlaces bool
	// EarlyNotices tells MSNP8 to 12 too of changes of the address book (NOT).
	EarlyNotices bool
	// TwiceInRoster lists people with two endpoints twice in IRO to clients below MSNP16.
	TwiceInRoster bool
	// StrictOffline takes UUM to network 1 for an offline message only if it has Dest-Agent: client, and drops it if the other
	// is online.
	StrictOffline bool
	// OwnSignIn needs no CVR, takes an address only in the letter case of its account and without an @ not at all (911), has
	// always the same text as the challenge of TWN, and answers USR after signing in with 205, but for MD5.
	OwnSignIn bool
	// BrittleLines reads nothing more of a connection after an empty line or one of one letter, without closing it, and closes
	// one after a line that is not UTF-8.
	BrittleLines bool
	// OwnLines has 60 as the number in QNG, dummy addresses in URL, constant times in SYN, and an empty field for no groups at the
	// end of LST of MSNP10 to 12; the burst of MSNP5 and 6 has PRP without transaction id and BPR without address.
	OwnLines bool
	// LaxCommands takes names of any length, says nothing to QRY without a challenge and to CHG that lacks the capabilities, and
	// closes after CHG with an unknown status.
	LaxCommands bool
	// KeepGateway never tells the end of a gateway session (Session=close) and never holds a poll.
	KeepGateway bool

	// SharedTicket gives one ticket for all sites, written as the site's own, and numbers the tickets of RST from the first
	// site that was asked for, so that the first after the token broker's is Compact2. Web services take it as long as a
	// session lives that signed in with it, whatever its age, and answer 403 without a body otherwise.
	SharedTicket bool
	// LooseBook makes the address book Escargot's (services.md 18): contacts and members have the id of their account, all
	// was changed just now, people on PL are left out elsewhere, nobody is put on AL by the way, messages of requests are
	// dropped, the own name is not taken, deltas and unknown actions are refused with status 200, and there is no ABAdd.
	LooseBook bool
	// LooseOffline takes any lock key but an empty one for offline messages, and has no answer to GetMetadata without
	// content.
	LooseOffline bool
	// ReadyProfile has a roaming profile for everybody; otherwise there is none before CreateProfile.
	ReadyProfile bool
	// NoDeltas refuses requests for what has changed in lists and address book since a time (FullSyncRequired), which is done anyhow
	// with a time from before the service was started.
	NoDeltas bool
	// PasswordCut is how much of a password counts, at the nexus and at RST, in bytes; 0 means all of it. Passport took 16.
	PasswordCut int
	// OfflinePerMinute is how many offline messages one may leave in a minute by web service before it refuses
	// (SenderThrottleLimitExceeded); 0 means 60, negative any number.
	OfflinePerMinute int

	// ForwardLimit is the number of contacts on FL (error 210); 0 means 600.
	ForwardLimit int
	// GroupLimit is the number of groups (error 223); 0 means 30.
	GroupLimit int
	// SwitchboardLimit is the number of people in a switchboard (error 920); 0 means 20.
	SwitchboardLimit int
	// EndpointLimit is the number of endpoints of one account (error 734); 0 means 5.
	EndpointLimit int
	// SwitchboardIdle closes a switchboard without traffic; 0 means 5 minutes, negative never.
	SwitchboardIdle time.Duration
	// SignInTimeout closes connections that do not get through USR or ANS; 0 means 60 s.
	SignInTimeout time.Duration
	// CookieLife is how long a switchboard cookie is good; 0 means 120 s.
	CookieLife time.Duration
	// TicketLife is how long a Passport ticket is good; 0 means 24 h.
	TicketLife time.Duration
	// RSTLife is the same for tickets of RST and RST2; 0 means TicketLife.
	RSTLife time.Duration
	// GatewayExpiry ends gateway sessions without request; 0 means 60 s.
	GatewayExpiry time.Duration
}

// EscargotQuirks is how the third-party server Escargot differs (escargot.md).
func EscargotQuirks() Quirks {
	return Quirks{
		NoChallenge: true, LenientChallenge: true, IgnoreUnknown: true, AcceptAll: true, EmptyObject: true, BareTickets: true,
		HexSessions: true, OwnSignIn: true, BrittleLines: true, OwnLines: true, LaxCommands: true, KeepGateway: true, ListsByADL: true, StrictReverse: true, LooseProof: true, KeptMessages: true, OwnMarkup: true,
		BarePlaces: true, EarlyNotices: true, TwiceInRoster: true, StrictOffline: true, SwitchboardIdle: -1, TicketLife: 30 * time.Second,
		RSTLife: 24 * time.Hour, SharedTicket: true, LooseBook: true, NoDeltas: true, LooseOffline: true, ReadyProfile: true, OfflinePerMinute: -1,
	}
}

// challengeTime is how long a client may take to answer CHL (core.md 9.1).
const challengeTime = 50 * time.Second

// withDefaults fills in what is zero.
func (q Quirks) withDefaults() Quirks {
	number := func(n *int, normal int) {
		if *n == 0 {
			*n = normal
		}
	}
	duration := func(d *time.Duration, normal time.Duration) {
		if *d == 0 {
			*d = normal
		}
	}
	number(&q.ForwardLimit, 600)
	number(&q.GroupLimit, 30)
	number(&q.SwitchboardLimit, 20)
	number(&q.EndpointLimit, 5)
	duration(&q.SwitchboardIdle, 5*time.Minute)
	duration(&q.SignInTimeout, time.Minute)
	duration(&q.CookieLife, 2*time.Minute)
	duration(&q.TicketLife, 24*time.Hour)
	duration(&q.RSTLife, q.TicketLife)
	number(&q.OfflinePerMinute, 60)
	duration(&q.GatewayExpiry, time.Minute)
	return q
}

func (cfg *Config) check() error {
	if cfg.TLS != nil && len(cfg.TLS.Certificates) == 0 && cfg.TLS.GetCertificate == nil {
		return errors.New("TLS without a certificate")
	}
	if cfg.MaxConnections < 0 {
		return fmt.Errorf("at most %d connections: not below 0", cfg.MaxConnections)
	}
	for _, listen := range []struct{ name, addr string }{
		{"notification", cfg.NSAddr}, {"switchboard", cfg.SBAddr}, {"HTTP", cfg.HTTPAddr}, {"dispatch", cfg.DSAddr}, {"HTTPS", cfg.HTTPSAddr},
		{"MSNP24", cfg.MSNP24Addr},
	} {
		if listen.addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(listen.addr); err != nil {
			return fmt.Errorf("%s address %q: want host:port: %w", listen.name, listen.addr, err)
		}
	}
	return nil
}

// maxPassport is far above what any address has; it bounds lines built from addresses.
const maxPassport = 129

// validPassport says whether s can be the address of an account: one @ with something on each side, printable ASCII.
func validPassport(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	if !ok || name == "" || domain == "" || len(s) > maxPassport || strings.Contains(domain, "@") {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`;,"<>%:`, s[i]) >= 0 {
			return false
		}
	}
	return true
}
