package abch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	namespace = "http://www.msn.com/webservices/AddressBook"
	instance  = "http://www.w3.org/2001/XMLSchema-instance"
	schema    = "http://www.w3.org/2001/XMLSchema"
	// personal is the id of every account's own book; zeroTime is the base of a reading that is no delta.
	personal = "00000000-0000-0000-0000-000000000000"
	zeroTime = "0001-01-01T00:00:00.0000000-08:00"
	// application is the id of a client that services let in (services.md 6.1).
	application = "CFE80F9D-180F-4399-82AB-413F33A1FA11"
	// maxCacheKey bounds what is kept of a key and sent again, in bytes.
	maxCacheKey = 4096
)

// Book is the address book of one account. It is made for one sign-in, and its methods may be called from
// several goroutines.
type Book struct {
	Caller *soap.Caller
	// AddressBook and Sharing are the URLs of the two services (abservice.asmx and SharingService.asmx).
	AddressBook, Sharing string
	// Ticket gives the whole ticket for contacts, "" if there is none; nil is as good.
	Ticket func() string
	// Cookie gives the value of MSPAuth, for MSNP13 and 14: it is used if there is no ticket.
	Cookie func() string
	// ApplicationID is what program this is; "" for one that services let in.
	ApplicationID string

	mu   sync.Mutex
	keys map[string]string // the last CacheKey of each URL
}

// request is one call of a service.
type request struct {
	action, scenario string
	sharing          bool
	// body writes what is in the element of the action, read is called inside of the element of the answer.
	body func(w *soap.Writer)
	read func(d *soap.Decoder) error
	// anyStatus is for actions that give reasons in an ordinary answer with the status of a failure.
	anyStatus bool
}

// errOddAnswer is for an answer to something else, or without what matters.
var errOddAnswer = errors.New("the answer makes no sense")

// call makes one request. The error is one of this package's if there is one for it.
func (b *Book) call(ctx context.Context, r request) error {
	url := b.AddressBook
	if r.sharing {
		url = b.Sharing
	}
	if url == "" {
		return fmt.Errorf("%s: no URL is configured: %w", r.action, soap.ErrUnsupported)
	}
	var key cacheKey
	ticket, cookie := b.secrets()
	post := soap.Request{
		URL: url, Action: namespace + "/" + r.action, Attrs: []string{"xmlns:xsi", instance, "xmlns:xsd", schema},
		Header: func(w *soap.Writer) { b.header(w, &r, url, ticket) },
		Body: func(w *soap.Writer) {
			w.Open(r.action, "xmlns", namespace)
			r.body(w)
			w.Close(r.action)
		},
		AnyStatus: r.anyStatus,
		OnHeader:  key.read,
		OnBody: func(d *soap.Decoder) error {
			if !strings.EqualFold(d.Name(), r.action+"Response") {
				return fmt.Errorf("%w: it is <%.60s>", errOddAnswer, d.Name())
			}
			if r.read == nil {
				return nil
			}
			return r.read(d)
		},
	}
	if cookie != "" {
		post.Cookie = "MSPAuth=" + cookie
	}
	err := b.Caller.Call(ctx, post)
	if key.changed {
		b.keep(url, key.value)
	}
	return refusals.Explain(err, ticket, cookie)
}

// secrets are the ticket, or the cookie in its place.
func (b *Book) secrets() (ticket, cookie string) {
	if b.Ticket != nil {
		ticket = b.Ticket()
	}
	if ticket == "" && b.Cookie != nil {
		cookie = b.Cookie()
	}
	return ticket, cookie
}

// header writes who asks, and why (services.md 6.1).
func (b *Book) header(w *soap.Writer, r *request, url, ticket string) {
	program := b.ApplicationID
	if program == "" {
		program = application
	}
	w.Open("ABApplicationHeader", "xmlns", namespace)
	w.Element("ApplicationId", program).Element("IsMigration", "false").Element("PartnerScenario", r.scenario)
	if key := b.key(url); key != "" {
		w.Element("CacheKey", key)
	}
	w.Close("ABApplicationHeader")
	w.Open("ABAuthHeader", "xmlns", namespace).Element("ManagedGroupRequest", "false")
	if ticket != "" {
		w.Element("TicketToken", ticket)
	}
	w.Close("ABAuthHeader")
}

// key is the cache key for a URL: it leads to the machine that has our data at hand.
func (b *Book) key(url string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keys[url]
}

// keep keeps a key; "" forgets it.
func (b *Book) keep(url, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keys == nil {
		b.keys = make(map[string]string, 2)
	}
	b.keys[url] = key
}

// cacheKey is what the header of an answer says about it. The host that is preferred there is not used: it is
// often one that cannot be reached (services.md 6.2).
type cacheKey struct {
	value   string
	changed bool
}

func (k *cacheKey) read(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		if name != "ServiceHeader" {
			return nil
		}
		return d.Each(func(name string) error {
			switch name {
			case "CacheKey":
				if err := d.Into(&k.value); err != nil {
					return err
				}
				if len(k.value) > maxCacheKey {
					k.value = ""
				}
			case "CacheKeyChanged":
				return d.Flag(&k.changed)
			}
			return nil
		})
	})
}

// fetch calls what reads a whole list. A service that wants another kind of reading than it got is asked
// once more without our key, which is all that we had not left out (services.md 7.1).
func (b *Book) fetch(ctx context.Context, r request) error {
	err := b.call(ctx, r)
	if errors.Is(err, ErrFullSync) {
		b.keep(b.AddressBook, "")
		b.keep(b.Sharing, "")
		err = b.call(ctx, r)
	}
	return err
}

// lower makes names of elements comparable: two readings of the same book differ in their capitals
// (services.md 8.2).
func lower(name string) string { return strings.ToLower(name) }
