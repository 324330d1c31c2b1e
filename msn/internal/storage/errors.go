package storage

import (
	"errors"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What the service refuses with (services.md 11.2), beside what package soap has for all services. Every error that has such a
// meaning is also the [soap.Fault] or [soap.StatusError] that it was.
var (
	// ErrNoProfile is for an account without a profile, and for a picture that is gone; Create makes a profile.
	ErrNoProfile = errors.New("there is no profile")
	// ErrExists is for what is there already.
	ErrExists = errors.New("it is there already")
	// ErrDenied is for what the service does not let us do.
	ErrDenied = errors.New("the service does not allow it")
)

var refusals = soap.Refusals{
	{Code: "ItemDoesNotExist", Is: ErrNoProfile},
	{Code: "ItemAlreadyExists", Is: ErrExists},
	{Code: "AccessDenied", Is: ErrDenied},
}
