package tickets

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	// maxAnswer is how large an answer may be, in bytes; one for six sites has about 15 KB.
	maxAnswer = 2 << 20
	// maxToken is the longest ticket that is taken, in bytes; Microsoft's have about 1 KB.
	maxToken = 16 << 10
	// maxSecret is the longest secret that is taken, in bytes of base64; servers send 32.
	maxSecret = 4 << 10
	// maxResponses is for how many sites an answer is read; more than anybody asks for.
	maxResponses = 64
	// maxProperty is how much is kept of a property of the account, in bytes.
	maxProperty = 1 << 10
)

// answer is an answer being read. Nothing in it stands for anything by its place: servers differ in the order
// and in the numbers of tickets (services.md 4.5).
type answer struct {
	account   account
	status    uint32 // reqstatus of the whole
	flowURL   string
	responses []response
}

// account is what the header tells of the account.
type account struct{ puid, cid, membername string }

// response is what is answered for one site.
type response struct {
	address          string
	token, secret    string
	created, expires string
	fault            *soap.Fault
	trouble          error // what is wrong with the token
}

// header reads pp, wherever in the header it is.
func (a *answer) header(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		if name != "pp" {
			return nil
		}
		return d.Each(func(name string) error { return a.property(d, name) })
	})
}

// property reads a child of pp.
func (a *answer) property(d *soap.Decoder, name string) error {
	switch name {
	case "PUID":
		return short(d, &a.account.puid)
	case "reqstatus":
		var text string
		err := short(d, &text)
		a.status = statusNumber(text)
		return err
	case "flowurl":
		return short(d, &a.flowURL)
	case "credProperties", "extProperties":
		return d.Each(func(string) error {
			switch strings.ToLower(d.Attr("Name")) {
			case "cid":
				return first(d, &a.account.cid)
			case "authmembername":
				return first(d, &a.account.membername)
			}
			return nil
		})
	}
	return nil
}

// body reads the element in the Body: a collection of responses, or one response by itself.
func (a *answer) body(d *soap.Decoder) error {
	switch d.Name() {
	case "RequestSecurityTokenResponseCollection":
		return d.Each(func(name string) error {
			if name != "RequestSecurityTokenResponse" {
				return nil
			}
			return a.response(d)
		})
	case "RequestSecurityTokenResponse":
		return a.response(d)
	default:
		return errors.New("it is no answer to a request for tickets")
	}
}

// response reads what is answered for one site.
func (a *answer) response(d *soap.Decoder) error {
	if len(a.responses) == maxResponses {
		return fmt.Errorf("tickets for more than %d sites", maxResponses)
	}
	var r response
	err := r.read(d)
	a.responses = append(a.responses, r)
	return err
}

// read takes what it knows from the present element, however deep it is.
func (r *response) read(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		switch name {
		case "Address":
			return first(d, &r.address)
		case "Created":
			return first(d, &r.created)
		case "Expires":
			return first(d, &r.expires)
		case "BinarySecurityToken", "CipherValue":
			return r.readToken(d)
		case "BinarySecret":
			return r.readSecret(d)
		case "Fault", "pp":
			return r.readFault(d)
		case "AppliesTo", "EndpointReference", "LifeTime", "Lifetime", "RequestedSecurityToken", "EncryptedData", "CipherData", "RequestedProofToken":
			return r.read(d)
		}
		return nil
	})
}

func (r *response) readToken(d *soap.Decoder) error {
	text, err := d.Text()
	if err != nil || r.token != "" {
		return err
	}
	// Some write the escapes of XML twice; no ticket has them.
	text = strings.ReplaceAll(unbroken(text), "&amp;", "&")
	switch {
	case len(text) > maxToken:
		r.trouble = fmt.Errorf("the ticket has more than %d bytes", maxToken)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7F }):
		r.trouble = errors.New("the ticket has characters that no ticket has")
	default:
		r.token = text
	}
	return nil
}

func (r *response) readSecret(d *soap.Decoder) error {
	text, err := d.Text()
	if text = unbroken(text); err == nil && r.secret == "" && len(text) <= maxSecret {
		r.secret = text
	}
	return err
}

// readFault reads a fault, or pp where it stands without one.
func (r *response) readFault(d *soap.Decoder) error {
	f, err := soap.ReadFault(d)
	if r.fault == nil {
		r.fault = f
	}
	return err
}

// ticket is what the response gives.
func (r *response) ticket(now time.Time) Ticket {
	// A secret that is no base64 is as good as none: only those who need it notice, and they say so.
	secret, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(r.secret, "="))
	if err != nil || len(secret) == 0 {
		secret = nil
	}
	return Ticket{Token: r.token, Secret: secret, Expires: expiry(now, r.created, r.expires)}
}

// expiry is the end of a ticket by our clock. The server's need not agree with it, so that the life counts from
// now if both its ends are known.
func expiry(now time.Time, created, expires string) time.Time {
	end := parseTime(expires)
	if begin := parseTime(created); !begin.IsZero() && !end.IsZero() {
		return now.Add(end.Sub(begin))
	}
	return end
}

// parseTime reads the forms of time of services.md 2; zero for anything else.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// unbroken takes out the white space that long texts are broken with.
func unbroken(s string) string { return strings.Join(strings.Fields(s), "") }

// short reads a text that is never long.
func short(d *soap.Decoder, s *string) error {
	text, err := d.Text()
	if len(text) <= maxProperty {
		*s = text
	}
	return err
}

// first is short, but of several texts the first stays.
func first(d *soap.Decoder, s *string) error {
	var text string
	err := short(d, &text)
	if *s == "" {
		*s = text
	}
	return err
}
