package abch

import (
	"errors"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What a service may refuse (services.md 6.4), beside what package soap has for all services. Every error that has such a meaning
// is also the [soap.Fault] or [soap.StatusError] that it was.
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

var refusals = soap.Refusals{
	{Code: "ABDoesNotExist", Is: ErrNoBook},
	{Code: "ABAlreadyExists", Is: errBookExists},
	{Code: "FullSyncRequired", Is: ErrFullSync},
	{Code: "ContactAlreadyExists", Is: errContactExists},
	{Code: "ContactDoesNotExist", Is: ErrNotThere},
	{Code: "InvalidPassportUser", Is: ErrUnknownAccount},
	{Code: "UserDoesNotExist", Is: ErrUnknownAccount},
	{Code: "BadEmailArgument", Is: ErrBadAddress},
	{Code: "EmailDomainIsFederated", Is: ErrFederated},
	{Code: "FederatedQueryFailure", Is: ErrFederated},
	{Code: "GroupAlreadyExists", Is: ErrGroupExists},
	{Code: "GroupDoesNotExist", Is: ErrNotThere},
	{Code: "BadArgumentLength", Is: ErrNameTooLong},
	{Code: "MemberAlreadyExists", Is: errMemberExists},
	{Code: "MemberDoesNotExist", Is: errNoMember},
	{Code: "RequestLimitReached", Is: soap.ErrThrottled},
}

// unless makes success of an error that says that all is as wanted.
func unless(err error, fine error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}
