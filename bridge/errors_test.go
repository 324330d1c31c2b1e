package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

func TestDiagnose(t *testing.T) {
	texts := map[string]bool{}
	for _, test := range []struct {
		err   error
		code  status.BridgeStateErrorCode
		final bool
	}{
		{msn.ErrLoggedInElsewhere, "msn-elsewhere", true},
		{&msn.ProtocolError{Command: "USR", Code: 911}, "msn-auth-failed", true},
		{&msn.PassportError{Status: 401}, "msn-auth-failed", true},
		{&msn.PassportError{Status: 503}, "msn-busy", false},
		{&msn.ProtocolError{Command: "USR", Code: 205}, "msn-unknown-account", true},
		{&msn.ProtocolError{Command: "USR", Code: 927}, "msn-restricted", true},
		{msn.ErrVersionRefused, "msn-version-refused", false},
		{&msn.ProtocolError{Command: "USR", Code: 600}, "msn-busy", false},
		{msn.ErrServerDown, "msn-going-down", false},
		{&msn.ReconnectError{}, "msn-going-down", false},
		{&msn.MovedError{}, "msn-moved", false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "msn-unreachable", false},
		{&net.DNSError{}, "msn-unreachable", false},
		{fmt.Errorf("%w: HTTP: %w", msn.ErrOtherProtocol, msn.ErrClosed), "msn-other-protocol", false},
		{&tls.CertificateVerificationError{Err: errors.New("expired")}, "msn-certificate", false},
		{msn.ErrDeadPeer, "msn-no-answer", false},
		{context.DeadlineExceeded, "msn-no-answer", false},
		{msn.ErrClosed, "msn-closed", false},
		{errSealKey, "msn-password-lost", true},
		{errServerGone, "msn-server-gone", true},
		{errors.New("odd"), "msn-error", false},
	} {
		wrapped := fmt.Errorf("sign in: %w", &msn.SignInError{Step: "USR", Err: test.err})
		state, final := bridgeState(wrapped)
		if state.Error != test.code || final != test.final {
			t.Errorf("%v: %s, final %v", test.err, state.Error, final)
		}
		if (state.StateEvent == status.StateBadCredentials) != final {
			t.Errorf("%v: %s", test.err, state.StateEvent)
		}
		if status.BridgeStateHumanErrors[state.Error] == "" || state.Reason == "" {
			t.Errorf("%v has no sentence", test.err)
		}
		texts[state.Reason] = true
	}
	if len(texts) < 13 {
		t.Errorf("only %d different sentences", len(texts))
	}
}

func TestTheServiceIsQuoted(t *testing.T) {
	err := &msn.PassportError{Status: 401, Text: "Your account is asleep."}
	if got := diagnose(err).explain(err); !strings.Contains(got, "asleep") {
		t.Errorf("%q", got)
	}
}

func TestSendStatus(t *testing.T) {
	if sendStatus(nil) != nil {
		t.Error("success is an error")
	}
	for _, test := range []struct {
		err     error
		text    string
		certain bool
		status  event.MessageStatus
	}{
		{errNotConnected, "not signed in", true, event.MessageStatusRetriable},
		{msn.ErrContactOffline, "not online", true, event.MessageStatusRetriable},
		{&msn.ProtocolError{Command: "CAL", Code: 217}, "not online", true, event.MessageStatusRetriable},
		{&msn.ProtocolError{Command: "CAL", Code: 216}, "does not take messages", true, event.MessageStatusFail},
		{msn.ErrNotDelivered, "could not deliver", true, event.MessageStatusRetriable},
		{fmt.Errorf("%w: %w", msn.ErrUnknownDelivery, msn.ErrClosed), "may not have arrived", false, event.MessageStatusRetriable},
		{msn.ErrTooLong, "too long", true, event.MessageStatusFail},
		{refusal("no thanks"), "no thanks", true, event.MessageStatusFail},
		{errors.New("odd"), "odd", true, event.MessageStatusRetriable},
	} {
		var got bridgev2.MessageStatus
		if !errors.As(sendStatus(fmt.Errorf("send: %w", test.err)), &got) {
			t.Fatalf("%v: no status", test.err)
		}
		if !strings.Contains(got.Message, test.text) || got.IsCertain != test.certain || got.Status != test.status || !got.SendNotice {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}
