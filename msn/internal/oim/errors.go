package oim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What the services refuse with (services.md 10.2 and 10.3). Every error that has such a meaning is also the
// [soap.Fault] or [soap.StatusError] that it was.
var (
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrSessionLost is for a service that only answers those who are signed in, and thinks that we are not.
	ErrSessionLost = errors.New("the service does not know the session")
	// ErrThrottled is for too many messages in a short time.
	ErrThrottled = errors.New("the service wants fewer messages")
	// ErrRefused is for a recipient who does not exist, or does not want our messages. Of a service in trouble it is
	// said as well.
	ErrRefused = errors.New("the message is not taken for this person")
	// ErrContent is for a message that the service does not understand.
	ErrContent = errors.New("the service does not understand the message")
	// ErrLockKey is for a product id and key that the service does not accept.
	ErrLockKey = errors.New("the service does not accept the product id and key")
	// ErrUnsupported is for what this service does not offer.
	ErrUnsupported = errors.New("the service does not offer this")
)

// codes are the codes of faults, in the order in which they count.
var codes = []struct {
	code string
	is   error
}{
	{"BadContextToken", ErrStaleTicket},
	{"PassportAuthFail", ErrStaleTicket},
	{"AuthenticationFailed", ErrStaleTicket},
	{"SenderThrottleLimitExceeded", ErrThrottled},
	{"SystemUnavailable", ErrRefused},
	{"InvalidContent", ErrContent},
	{"Forbidden", ErrUnsupported},
}

// meaning adds what an error means, and takes tickets out that a service may have repeated.
func meaning(err error, secrets ...string) error {
	var fault *soap.Fault
	var status *soap.StatusError
	switch {
	case errors.As(err, &fault):
		fault.Redact(secrets...)
		if is := faultMeaning(fault); is != nil {
			return fmt.Errorf("%w: %w", is, err)
		}
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrSessionLost, err)
	}
	return err
}

func faultMeaning(f *soap.Fault) error {
	if f.Has("AuthenticationFailed") && challengeOf(f) != "" && !wantsTicket(f) {
		return ErrLockKey
	}
	for _, c := range codes {
		if f.Has(c.code) {
			return c.is
		}
	}
	if strings.HasSuffix(f.Text, "no longer supported") {
		return ErrUnsupported
	}
	return nil
}

// challengeOf is what the lock key is to be computed from, "" if a fault does not ask for it.
func challengeOf(f *soap.Fault) string { return f.Detail["LockKeyChallenge"] }

// wantsTicket tells whether a fault asks for another ticket. A service may ask for both at once, whichever it lacks.
func wantsTicket(f *soap.Fault) bool {
	return f.Detail["TweenerChallenge"] != "" || f.Detail["RequiredAuthPolicy"] != ""
}
