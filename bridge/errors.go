package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Every error that a person gets to read is worded here, and nowhere else.

// trouble is what an ended or failed sign-in means.
type trouble struct {
	is    func(error) bool
	code  status.BridgeStateErrorCode
	text  string
	final bool // trying again would not help, or would fight with another client
}

var (
	errServerGone   = errors.New("the service is not in the bridge's configuration any more")
	errNotConnected = errors.New("not signed in to MSN at the moment")
	errBlocked      = errors.New("blocked by the user")
)

func is(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}

// troubles are tried in order.
var troubles = []trouble{
	{is(msn.ErrLoggedInElsewhere), "msn-elsewhere",
		"You signed in to MSN at another place, and the service allows only one. Write `reconnect` to the bridge bot to sign in here again.", true},
	{is(msn.ErrAccountRestricted), "msn-restricted",
		"The MSN service does not let this account sign in (it is not verified, restricted or banned).", true},
	{is(msn.ErrAuthFailed), "msn-auth-failed",
		"The MSN service does not accept this address and password. Please check both and log in again.", true},
	{is(msn.ErrUnknownAccount), "msn-unknown-account",
		"There is no such account on this MSN service.", true},
	{is(msn.ErrVersionRefused), "msn-version-refused",
		"The MSN service speaks none of the protocol versions that the bridge offers. An administrator can change them in the configuration.", false},
	{is(msn.ErrActionNeeded), "msn-action-needed",
		"The MSN service wants you to complete your account on its web page before you can sign in.", true},
	{is(msn.ErrServiceTrouble, msn.ErrSessionLost, msn.ErrStaleTicket), "msn-service-trouble",
		"A web service of the MSN service does not work, so that your contact list could not be read.", false},
	{is(msn.ErrServerBusy, msn.ErrTooFast), "msn-busy",
		"The MSN service is busy. Please try again later.", false},
	{is(msn.ErrServerDown), "msn-going-down",
		"The MSN service is going down.", false},
	{is(msn.ErrMoved), "msn-moved",
		"The MSN service asks to sign in anew at another of its servers.", false},
	{is(errSealKey, errSealBroken), "msn-password-lost",
		"The bridge cannot read the stored password any more. Please log in again.", true},
	{is(errServerGone), "msn-server-gone",
		"This MSN service is not in the bridge's configuration any more.", true},
	{isCertificate, "msn-certificate",
		"The certificate of the MSN service is not trusted. An administrator can name the authority that it is from (`ca_file` of the server).", false},
	{is(msn.ErrOtherProtocol), "msn-other-protocol",
		"What answers at the address of the MSN service does not speak as it should. An administrator can look at the address and `tls` of the server.", false},
	{isUnreachable, "msn-unreachable",
		"The MSN service cannot be reached.", false},
	{is(msn.ErrDeadPeer, msn.ErrNoAnswer, context.DeadlineExceeded), "msn-no-answer",
		"The MSN service does not answer.", false},
	{is(msn.ErrClosed), "msn-closed",
		"The MSN service closed the connection.", false},
}

// otherTrouble is everything else.
var otherTrouble = trouble{code: "msn-error", text: "Something went wrong with the MSN service."}

func isCertificate(err error) bool {
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &untrusted)
}

func isUnreachable(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// diagnose finds out what an error of a sign-in means.
func diagnose(err error) trouble {
	for _, t := range troubles {
		if t.is(err) {
			return t
		}
	}
	return otherTrouble
}

func init() {
	for _, t := range append(troubles, otherTrouble) {
		status.BridgeStateHumanErrors[t.code] = t.text
	}
}

// explain is the sentence for the user, with what the service itself says about it.
func (t trouble) explain(err error) string {
	var refused *msn.PassportError
	if errors.As(err, &refused) && refused.Text != "" {
		return fmt.Sprintf("%s The service says: %q", t.text, refused.Text)
	}
	if t.code == otherTrouble.code || t.code == "msn-certificate" || t.code == "msn-other-protocol" || t.code == "msn-service-trouble" {
		return fmt.Sprintf("%s (%v)", t.text, err)
	}
	return t.text
}

// bridgeState is what an ended or failed sign-in makes of a login.
func bridgeState(err error) (state status.BridgeState, final bool) {
	t := diagnose(err)
	state = status.BridgeState{
		StateEvent: status.StateTransientDisconnect, Error: t.code, Reason: t.explain(err),
		Info: map[string]any{"go_error": err.Error()},
	}
	if t.final {
		state.StateEvent = status.StateBadCredentials
		state.UserAction = status.UserActionRelogin
	}
	if errors.Is(err, msn.ErrLoggedInElsewhere) {
		state.UserAction = status.UserActionRestart
	}
	return state, t.final
}

// failures says what became of a message that was not delivered. certain means that nobody has it.
var failures = []struct {
	is      func(error) bool
	text    string
	certain bool
	again   bool // sending it again may work
	kind    string
}{
	{is(errNotConnected), "the bridge is not signed in to MSN at the moment", true, true, "not_connected"},
	{is(msn.ErrUnknownDelivery), "the message may not have arrived: the connection broke, or nobody confirmed it", false, true, "unknown_delivery"},
	{is(msn.ErrNotDelivered), "MSN could not deliver the message", true, true, "not_delivered"},
	{is(msn.ErrContactOffline), "your contact is not online (or appears so to you)", true, true, "contact_offline"},
	{is(errOwnCircle), "MSN does not let the owner of a circle leave it", true, false, "own_circle"},
	{is(errBlocked), "you have blocked them", true, false, "blocked"},
	{is(msn.ErrContactBlocked), "your contact does not take messages from you", true, false, "contact_blocked"},
	{is(msn.ErrUnknownAccount), "there is no such account on this MSN service", true, false, "unknown_account"},
	{is(msn.ErrHidden), "MSN does not let you write while you appear offline", true, true, "hidden"},
	{is(msn.ErrServiceTrouble, msn.ErrSessionLost, msn.ErrStaleTicket), "a web service of MSN does not work at the moment", true, true, "web_service"},
	{is(msn.ErrNotOnList), "that is not on your contact list", true, false, "not_on_list"},
	{is(msn.ErrNameTaken), "there is one of that name already", true, false, "name_taken"},
	{is(msn.ErrListFull), "your contact list, or the list of your groups, is full", true, false, "list_full"},
	{is(msn.ErrTooFast), "MSN wants you to write more slowly", true, true, "too_fast"},
	{is(msn.ErrTooLong), "that is too long for MSN", true, false, "too_long"},
	{is(msn.ErrUnsupported), "the protocol version of this MSN service cannot carry it", true, false, "unsupported"},
	{is(msn.ErrServerBusy, msn.ErrServerDown), "the MSN service is busy", true, true, "busy"},
	{is(msn.ErrNoAnswer, context.DeadlineExceeded), "MSN did not answer in time", true, true, "no_answer"},
	{is(msn.ErrClosed, context.Canceled), "the connection to MSN was closed", true, true, "closed"},
}

// kindOf is the kind of a failure, for figures.
func kindOf(err error) string {
	for _, f := range failures {
		if f.is(err) {
			return f.kind
		}
	}
	return "other"
}

// sendStatus words the failure of a message for bridgev2.
func sendStatus(err error) error {
	if err == nil {
		return nil
	}
	made := bridgev2.WrapErrorInStatus(err)
	if made.Message != "" { // it was worded where it happened
		return made
	}
	made = made.WithSendNotice(true).WithMessage("MSN refused it: " + err.Error()).WithIsCertain(true)
	for _, f := range failures {
		if !f.is(err) {
			continue
		}
		made = made.WithMessage(f.text).WithIsCertain(f.certain)
		if !f.again {
			made = made.WithStatus(event.MessageStatusFail)
		}
		return made
	}
	return made
}

// refusal is a message that the bridge itself does not take, with the reason for the user.
func refusal(text string) bridgev2.MessageStatus { return refusalOf(errors.New(text), text) }

// refusalOf is refusal for an error that somebody asks for.
func refusalOf(err error, text string) bridgev2.MessageStatus {
	return bridgev2.WrapErrorInStatus(err).WithErrorAsMessage().WithMessage(text).
		WithStatus(event.MessageStatusFail).WithErrorReason(event.MessageStatusUnsupported).
		WithIsCertain(true).WithSendNotice(true)
}

// blocked refuses a message to somebody whom the user has blocked, with the command that they can write in that very room.
func (c *Client) blocked() error {
	return refusalOf(errBlocked, fmt.Sprintf("you have blocked them: write `%s unblock` here first", c.conn.br.Config.CommandPrefix))
}
