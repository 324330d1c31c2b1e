package storage

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What the service refuses with (services.md 11.2). Every error that has such a meaning is also the [soap.Fault] or
// [soap.StatusError] that it was.
var (
	// ErrNoProfile is for an account without a profile, and for a picture that is gone; Create makes a profile.
	ErrNoProfile = errors.New("there is no profile")
	// ErrExists is for what is there already.
	ErrExists = errors.New("it is there already")
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrSessionLost is for a service that only answers those who are signed in, and thinks that we are not.
	ErrSessionLost = errors.New("the service does not know the session")
	// ErrDenied is for what the service does not let us do.
	ErrDenied = errors.New("the service does not allow it")
	// ErrUnsupported is for what this service does not offer.
	ErrUnsupported = errors.New("the service does not offer this")
)

// codes are the codes of faults, in the order in which they count.
var codes = []struct {
	code string
	is   error
}{
	{"ItemDoesNotExist", ErrNoProfile},
	{"ItemAlreadyExists", ErrExists},
	{"PassportAuthFail", ErrStaleTicket},
	{"BadContextToken", ErrStaleTicket},
	{"AccessDenied", ErrDenied},
	{"Forbidden", ErrUnsupported},
}

// meaning adds what an error means, and takes the ticket out that a service may have repeated.
func meaning(err error, ticket string) error {
	var fault *soap.Fault
	var status *soap.StatusError
	switch {
	case errors.As(err, &fault):
		fault.Redact(ticket)
		for _, c := range codes {
			if fault.Has(c.code) {
				return fmt.Errorf("%w: %w", c.is, err)
			}
		}
		if strings.HasSuffix(fault.Text, "no longer supported") {
			return fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrSessionLost, err)
	}
	return err
}
