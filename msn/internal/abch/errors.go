package abch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What a service may refuse (services.md 6.4). Every error that has such a meaning is also the [soap.Fault] or
// [soap.StatusError] that it was.
var (
	// ErrNoBook is for an account without an address book; [Book.Add] makes one.
	ErrNoBook = errors.New("there is no address book")
	// ErrUnknownAccount is for an address that nobody has.
	ErrUnknownAccount = errors.New("there is no such account")
	// ErrBadAddress is for what is no address.
	ErrBadAddress = errors.New("this is not an address")
	// ErrFederated is for an address of another network: it is to be added as one of that.
	ErrFederated = errors.New("the address belongs to another network")
	// ErrNotThere is for a contact or group that is not in the book (any more).
	ErrNotThere = errors.New("it is not in the address book")
	// ErrGroupExists is for a name that another group has, or that is not allowed.
	ErrGroupExists = errors.New("there is a group of this name")
	// ErrNameTooLong is for the name of a group; services take 61 characters and more.
	ErrNameTooLong = errors.New("the name is too long")
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrSessionLost is for a service that only answers those who are signed in, and thinks that we are not.
	ErrSessionLost = errors.New("the service does not know the session")
	// ErrThrottled is for too many requests.
	ErrThrottled = errors.New("the service wants fewer requests")
	// ErrUnsupported is for what this service does not offer.
	ErrUnsupported = errors.New("the service does not offer this")
	// ErrFullSync is for a service that wants the whole list to be asked for although it was.
	ErrFullSync = errors.New("the service wants a full reading")
	// ErrTooMany is for a list that is longer than anybody's: nothing of it is given.
	ErrTooMany = errors.New("the list is too long")

	// Of these nobody hears, as they are success.
	errBookExists    = errors.New("the address book is there already")
	errContactExists = errors.New("the contact is there already")
	errMemberExists  = errors.New("the membership is there already")
	errNoMember      = errors.New("the membership is not there")
)

var codes = map[string]error{
	"ABDoesNotExist":         ErrNoBook,
	"ABAlreadyExists":        errBookExists,
	"FullSyncRequired":       ErrFullSync,
	"ContactAlreadyExists":   errContactExists,
	"ContactDoesNotExist":    ErrNotThere,
	"InvalidPassportUser":    ErrUnknownAccount,
	"UserDoesNotExist":       ErrUnknownAccount,
	"BadEmailArgument":       ErrBadAddress,
	"EmailDomainIsFederated": ErrFederated,
	"FederatedQueryFailure":  ErrFederated,
	"GroupAlreadyExists":     ErrGroupExists,
	"GroupDoesNotExist":      ErrNotThere,
	"BadArgumentLength":      ErrNameTooLong,
	"MemberAlreadyExists":    errMemberExists,
	"MemberDoesNotExist":     errNoMember,
	"RequestLimitReached":    ErrThrottled,
	"PassportAuthFail":       ErrStaleTicket,
	"BadContextToken":        ErrStaleTicket,
	"Forbidden":              ErrUnsupported,
}

// meaning adds what an error means, and takes tickets out that a service may have repeated.
func meaning(err error, secrets ...string) error {
	var fault *soap.Fault
	var status *soap.StatusError
	switch {
	case errors.As(err, &fault):
		fault.Redact(secrets...)
		if of := faultMeaning(fault); of != nil {
			return fmt.Errorf("%w (%w)", of, err)
		}
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		return fmt.Errorf("%w (%w)", ErrSessionLost, err)
	}
	return err
}

func faultMeaning(f *soap.Fault) error {
	for _, code := range []string{f.Detail["errorcode"], f.Code} {
		for known, of := range codes {
			if strings.EqualFold(code, known) {
				return of
			}
		}
	}
	if strings.HasSuffix(f.Text, "no longer supported") {
		return ErrUnsupported
	}
	return nil
}

// unless makes success of an error that says that all is as wanted.
func unless(err error, fine error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}
