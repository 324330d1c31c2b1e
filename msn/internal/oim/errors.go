package oim

import (
	"errors"
	"fmt"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What the services refuse with (services.md 10.2 and 10.3), beside what package soap has for all services. Every error that
// has such a meaning is also the [soap.Fault] or [soap.StatusError] that it was.
var (
	// ErrRefused is for a recipient who does not exist, or does not want our messages. Of a service in trouble it is
	// said as well.
	ErrRefused = errors.New("the message is not taken for this person")
	// ErrContent is for a message that the service does not understand.
	ErrContent = errors.New("the service does not understand the message")
	// ErrLockKey is for a product id and key that the service does not accept.
	ErrLockKey = errors.New("the service does not accept the product id and key")
)

var refusals = soap.Refusals{
	{Code: "BadContextToken", Is: soap.ErrStaleTicket},
	{Code: "PassportAuthFail", Is: soap.ErrStaleTicket},
	{Code: "AuthenticationFailed", Is: soap.ErrStaleTicket},
	{Code: "SenderThrottleLimitExceeded", Is: soap.ErrThrottled},
	{Code: "SystemUnavailable", Is: ErrRefused},
	{Code: "InvalidContent", Is: ErrContent},
}

// explain adds what an error means. A lock key and a ticket are asked for with the same code.
func explain(err error, secrets ...string) error {
	explained := refusals.Explain(err, secrets...)
	var fault *soap.Fault
	if errors.As(err, &fault) && fault.Has("AuthenticationFailed") && challengeOf(fault) != "" && !wantsTicket(fault) {
		return fmt.Errorf("%w: %w", ErrLockKey, err)
	}
	return explained
}

// challengeOf is what the lock key is to be computed from, "" if a fault does not ask for it.
func challengeOf(f *soap.Fault) string { return f.Detail["LockKeyChallenge"] }

// wantsTicket tells whether a fault asks for another ticket. A service may ask for both at once, whichever it lacks.
func wantsTicket(f *soap.Fault) bool {
	return f.Detail["TweenerChallenge"] != "" || f.Detail["RequiredAuthPolicy"] != ""
}
