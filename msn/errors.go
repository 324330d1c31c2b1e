package msn

import (
	"errors"
	"fmt"
	"time"
)

// What callers decide on. ProtocolError.Is maps error numbers to them (core.md 3).
var (
	ErrAuthFailed        = errors.New("wrong address or password")   // 911, 917, Passport 401
	ErrUnknownAccount    = errors.New("no such account")             // 205, 208
	ErrAccountRestricted = errors.New("the account may not sign in") // 923 to 927: kid, unverified, restricted; OUT TOU
	ErrVersionRefused    = errors.New("the server speaks none of the offered protocol versions")
	ErrServerBusy        = errors.New("the service is busy")                     // 600, 910, 912, 918, 921 ...
	ErrServerDown        = errors.New("the service is going down")               // OUT SSD, 604
	ErrLoggedInElsewhere = errors.New("signed in at another place")              // OUT OTH
	ErrMoved             = errors.New("the account was moved to another server") // OUT MIG, XFR, 928, 931: start again from the dispatch server
	ErrContactOffline    = errors.New("the contact is not online")               // 217
	ErrContactBlocked    = errors.New("the contact does not take messages")      // 216 on CAL
	ErrNotDelivered      = errors.New("the message was not delivered")           // NAK
	ErrUnknownDelivery   = errors.New("the message may not have arrived")        // no ACK in time, or connection lost after sending
	ErrListFull          = errors.New("the contact list is full")                // 210
	ErrTooFast           = errors.New("too many requests, slow down")            // 713, 800
	ErrUnsupported       = errors.New("not in this protocol version")
	ErrDeadPeer          = errors.New("the server stopped answering") // no QNG
	ErrClosed            = errors.New("the connection is closed")
	ErrNoAnswer          = errors.New("the server did not answer in time")
	ErrHidden            = errors.New("not possible while appearing offline")   // 913 on XFR
	ErrTooLong           = errors.New("too long for MSN")                       // a message over 1664 bytes and not a text, or a name
	ErrNotOnList         = errors.New("not on the contact list")                // 216 on REM
	ErrAlreadyThere      = errors.New("already there")                          // 215
	ErrClosedHost        = errors.New("a host of Microsoft's, which is closed") // named by a server, see ClosedHost
	ErrOtherProtocol     = errors.New("the port speaks another protocol")
	ErrActionNeeded      = errors.New("the account must be completed on the web first")
	ErrSessionLost       = errors.New("the service does not know this sign-in any more") // HTTP 403 of a web service
	ErrStaleTicket       = errors.New("the ticket for the service has expired")
	ErrNameTaken         = errors.New("there is one of that name already") // contact groups
	ErrServiceTrouble    = errors.New("a web service of MSN does not work")
)

// ProtocolError is a refusal by the server: a three-digit number in answer to a command.
type ProtocolError struct {
	Command string
	Code    int
}

// Error names the command, the number and its meaning.
func (e *ProtocolError) Error() string {
	meaning := refusals[e.Code].meaning
	if meaning == "" {
		meaning = "meaning unknown"
	}
	if e.Command == "" {
		return fmt.Sprintf("error %d (%s)", e.Code, meaning)
	}
	return fmt.Sprintf("%s refused: error %d (%s)", e.Command, e.Code, meaning)
}

// Is maps the number to the sentinels above. What a number means depends on the command now and then:
// 216 says "blocked" of a call and "not on that list" of a removal.
func (e *ProtocolError) Is(target error) bool {
	switch e.Code {
	case 216:
		if e.Command == "CAL" {
			return target == ErrContactBlocked
		}
		return target == ErrNotOnList
	case 911: // of a switchboard it means a stale cookie, and nothing about the password
		return target == ErrAuthFailed && e.Command != "switchboard"
	case 913:
		return target == ErrHidden
	}
	means := refusals[e.Code].is
	return means != nil && target == means
}

// fatal tells whether servers hang up after this error.
func (e *ProtocolError) fatal() bool { return refusals[e.Code].fatal }

// refusals is core.md 3.
var refusals = map[int]struct {
	meaning string
	is      error
	fatal   bool
}{
	200: {"syntax error", nil, true},
	201: {"invalid parameter", nil, false},
	203: {"invalid federated user", nil, false},
	204: {"unroutable user or bad network", nil, false},
	205: {"no such user", ErrUnknownAccount, false},
	206: {"domain missing", nil, false},
	207: {"already signed in", nil, false},
	208: {"invalid address", ErrUnknownAccount, false},
	209: {"name not allowed", nil, false},
	210: {"list full", ErrListFull, false},
	213: {"invalid rename request", nil, false},
	214: {"name change limit", nil, false},
	215: {"already there", ErrAlreadyThere, false},
	216: {"not on the list", nil, false},
	217: {"not online", ErrContactOffline, false},
	218: {"already in that mode", nil, false},
	219: {"on the opposite list", nil, false},
	220: {"not accepting pages", nil, false},
	223: {"too many groups", ErrListFull, false},
	224: {"invalid group", nil, false},
	225: {"not in that group", nil, false},
	227: {"group not empty", nil, false},
	228: {"group name exists", ErrNameTaken, false},
	229: {"group name too long", ErrTooLong, false},
	230: {"cannot remove the first group", nil, false},
	231: {"invalid group", nil, false},
	232: {"bad phone number", nil, false},
	233: {"unknown phone number", nil, false},
	234: {"unknown mobile domain", nil, false},
	240: {"empty domain element", nil, true},
	241: {"bad membership payload", nil, true},
	280: {"switchboard failed", nil, false},
	281: {"transfer to switchboard failed", nil, false},
	282: {"bad peer-to-peer message", nil, false},
	283: {"unknown peer-to-peer application", nil, false},
	285: {"message too long", ErrTooLong, false},
	290: {"text message funds out", nil, false},
	300: {"required field missing", nil, true},
	301: {"too many hits", nil, false},
	302: {"not signed in", nil, true},
	402: {"contact list unavailable", nil, false},
	403: {"address book error", nil, false},
	407: {"message too long for mobile", ErrTooLong, false},
	420: {"invalid account permissions", ErrAccountRestricted, false},
	500: {"internal server error", ErrServerBusy, true},
	501: {"database error", ErrServerBusy, true},
	502: {"command disabled", ErrUnsupported, false},
	504: {"uninterruptible power down", nil, false},
	508: {"federated partner error", nil, false},
	509: {"mobile message error", nil, false},
	510: {"file operation failed", ErrServerBusy, true},
	511: {"account banned", ErrAccountRestricted, true},
	520: {"memory allocation failed", ErrServerBusy, true},
	537: {"offline messages not supported", nil, false},
	540: {"challenge response failed", nil, true},
	550: {"text message account muted", nil, false},
	551: {"text message account disabled", nil, false},
	552: {"text message account at its limit", nil, false},
	600: {"server busy", ErrServerBusy, true},
	601: {"server unavailable", ErrServerBusy, true},
	602: {"peer server down", ErrServerBusy, true},
	603: {"database connection failed", ErrServerBusy, true},
	604: {"server going down", ErrServerDown, true},
	605: {"server unavailable", ErrServerBusy, true},
	606: {"paging unavailable", nil, false},
	700: {"could not create connection", nil, true},
	707: {"could not create connection", nil, true},
	710: {"bad client version parameters", nil, true},
	711: {"session restricted", nil, true},
	712: {"session overloaded", ErrServerBusy, true},
	713: {"calling too rapidly", ErrTooFast, false},
	714: {"too many sessions", ErrServerBusy, true},
	715: {"not expected, or account not verified", nil, false},
	717: {"bad friend file", nil, true},
	718: {"user restricted", ErrAccountRestricted, false},
	719: {"session federated", nil, false},
	726: {"user federated", nil, false},
	731: {"client version not expected", nil, false},
	733: {"roaming log-off", nil, true},
	734: {"too many endpoints", nil, true},
	800: {"changing too rapidly", ErrTooFast, false},
	801: {"too many membership operations", ErrTooFast, false},
	803: {"login limit exceeded", ErrTooFast, false},
	910: {"server too busy", ErrServerBusy, true},
	911: {"authentication failed", ErrAuthFailed, true},
	912: {"server too busy", ErrServerBusy, true},
	913: {"not allowed while hidden or offline", ErrHidden, false},
	914: {"server unavailable", ErrServerBusy, true},
	915: {"server unavailable", ErrServerBusy, true},
	916: {"server unavailable", ErrServerBusy, true},
	917: {"authentication failed", ErrAuthFailed, true},
	918: {"server too busy", ErrServerBusy, true},
	919: {"server too busy", ErrServerBusy, true},
	920: {"not accepting new people", nil, false},
	921: {"server too busy", ErrServerBusy, true},
	922: {"server too busy", ErrServerBusy, true},
	923: {"child account without consent", ErrAccountRestricted, true},
	924: {"account not verified", ErrAccountRestricted, false},
	926: {"managed account limited", ErrAccountRestricted, true},
	927: {"managed account denied", ErrAccountRestricted, true},
	928: {"bad ticket", ErrMoved, true},
	931: {"account not on this server", ErrMoved, true},
	933: {"invalid circle membership", nil, false},
	935: {"invalid signature", nil, false},
}

// SignInError says at which step a sign-in failed: "connect", "VER", "INF", "CVR", "USR", "passport",
// "ticket", "SYN", "address book" or "CHG"; with MSNP24 also "CNT", "ATH", "BND" and "challenge". Version is what had been agreed by then, 0 before the answer to VER.
type SignInError struct {
	Step    string
	Version Version
	Err     error
}

// Error names the step.
func (e *SignInError) Error() string { return "sign in: " + e.Step + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *SignInError) Unwrap() error { return e.Err }

// PassportError is a refusal by the Passport login (core.md 5.7). Text is what the server wants to be
// shown to the user, in its words, without control characters; it may be empty.
type PassportError struct {
	Status int // HTTP status
	Text   string
}

// Error quotes the server's text.
func (e *PassportError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("passport refused the account (HTTP %d)", e.Status)
	}
	return fmt.Sprintf("passport refused the account (HTTP %d): %q", e.Status, e.Text)
}

// Is makes a refusal with 401 an ErrAuthFailed and trouble of the server an ErrServerBusy.
func (e *PassportError) Is(target error) bool {
	switch {
	case e.Status == 401:
		return target == ErrAuthFailed
	case e.Status >= 500:
		return target == ErrServerBusy
	}
	return false
}

// MovedError ends a Run when the server sends the client elsewhere (XFR 0 NS after sign-in). It is an
// ErrMoved. Address is host:port, or "" for "begin again at the configured server".
type MovedError struct{ Address string }

// Error names the new server.
func (e *MovedError) Error() string {
	if e.Address == "" {
		return ErrMoved.Error()
	}
	return fmt.Sprintf("%s: %s", ErrMoved, e.Address)
}

// Is makes it an ErrMoved.
func (e *MovedError) Is(target error) bool { return target == ErrMoved }

// ReconnectError ends a Run when the server asks to come back later (OUT RCT). It is an ErrServerDown.
type ReconnectError struct{ After time.Duration }

// Error names the time.
func (e *ReconnectError) Error() string {
	return fmt.Sprintf("the service asks to reconnect after %s", e.After)
}

// Is makes it an ErrServerDown.
func (e *ReconnectError) Is(target error) bool { return target == ErrServerDown }
