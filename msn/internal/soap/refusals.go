package soap

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// What every service may refuse with (services.md 6.4, 10.2, 10.3 and 11.2). The packages of the services have errors of their
// own beside these.
var (
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrSessionLost is for a service that only answers those who are signed in, and thinks that we are not.
	ErrSessionLost = errors.New("the service does not know the session")
	// ErrThrottled is for too much in a short time.
	ErrThrottled = errors.New("the service wants fewer requests")
	// ErrUnsupported is for what this service does not offer.
	ErrUnsupported = errors.New("the service does not offer this")
)

// Refusals is what the codes of a service's faults mean, in the order in which they count.
type Refusals []struct {
	Code string
	Is   error
}

// everywhere is what codes mean of which a service's own table says nothing.
var everywhere = Refusals{
	{"PassportAuthFail", ErrStaleTicket},
	{"BadContextToken", ErrStaleTicket},
	{"Forbidden", ErrUnsupported},
}

// Explain adds what the error of a call means: the result is that error and still the [Fault] or [StatusError] that it was.
// Secrets are taken out which a service may have repeated; see [Fault.Redact].
func (r Refusals) Explain(err error, secrets ...string) error {
	var fault *Fault
	var status *StatusError
	var is error
	switch {
	case errors.As(err, &fault):
		fault.Redact(secrets...)
		is = r.meaning(fault)
	case errors.As(err, &status) && status.Status == http.StatusForbidden:
		is = ErrSessionLost
	}
	if is == nil {
		return err
	}
	return fmt.Errorf("%w: %w", is, err)
}

func (r Refusals) meaning(f *Fault) error {
	for _, table := range []Refusals{r, everywhere} {
		for _, refusal := range table {
			if f.Has(refusal.Code) {
				return refusal.Is
			}
		}
	}
	if strings.HasSuffix(f.Text, "no longer supported") {
		return ErrUnsupported
	}
	return nil
}
