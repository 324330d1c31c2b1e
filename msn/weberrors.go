package msn

import (
	"errors"
	"net/http"

	"github.com/matrix-msn/matrix-msn/msn/internal/abch"
	"github.com/matrix-msn/matrix-msn/msn/internal/oim"
	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
)

// meanings says what an error of the packages below means to callers of this one. Of several the first counts.
type meanings []struct{ of, is error }

// of adds the meaning to an error, so that errors.Is finds both.
func (m meanings) of(err error) error {
	for _, meaning := range m {
		if errors.Is(err, meaning.of) {
			return &ServiceError{Meaning: meaning.is, Err: err}
		}
	}
	return err
}

// ServiceError is a failure of a web service: Err is what happened, Meaning one of this package's errors.
type ServiceError struct{ Meaning, Err error }

// Error has both, the meaning first.
func (e *ServiceError) Error() string { return e.Meaning.Error() + ": " + e.Err.Error() }

// Unwrap gives both.
func (e *ServiceError) Unwrap() []error { return []error{e.Meaning, e.Err} }

var ticketMeanings = meanings{
	{tickets.ErrPassword, ErrAuthFailed},
	{tickets.ErrActionNeeded, ErrActionNeeded},
	{tickets.ErrFederated, ErrAccountRestricted},
	{tickets.ErrUnavailable, ErrServerBusy},
}

// ticketError gives the failures of a ticket service their meaning.
func ticketError(err error) error { return ticketMeanings.of(err) }

var serviceMeanings = meanings{
	{abch.ErrUnknownAccount, ErrUnknownAccount},
	{abch.ErrBadAddress, ErrUnknownAccount},
	{abch.ErrNotThere, ErrNotOnList},
	{abch.ErrGroupExists, ErrNameTaken},
	{abch.ErrNameTooLong, ErrTooLong},
	{abch.ErrTooMany, ErrListFull},
	{soap.ErrThrottled, ErrTooFast},
	{soap.ErrUnsupported, ErrUnsupported},
	{soap.ErrStaleTicket, ErrStaleTicket},
	{soap.ErrSessionLost, ErrSessionLost},
	{oim.ErrRefused, ErrContactBlocked},
}

// serviceError gives the failures of the address book, of offline messages and of storage their meaning.
func serviceError(err error) error {
	if err == nil {
		return nil
	}
	if known := serviceMeanings.of(err); known != err {
		return known
	}
	var status *soap.StatusError
	var fault *soap.Fault
	switch {
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		return &ServiceError{ErrSessionLost, err}
	case errors.As(err, &status) && status.Status >= 500:
		return &ServiceError{ErrServerBusy, err}
	case errors.As(err, &fault):
		return &ServiceError{ErrServiceTrouble, err}
	}
	return err
}
