package msgrconfig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	namespace = "http://www.msn.com/webservices/Messenger/Client"
	// maxDocument bounds the document, in bytes; those that are known have below 20,000.
	maxDocument = 1 << 20
	// maxRedirects and timeout are for fetching it.
	maxRedirects, timeout = 3, 30 * time.Second
	// version is the program that asks. There is a service that answers nothing without one.
	version = "8.5.1302"
)

// Config is what was found.
type Config struct {
	// AddressBook and Sharing are the URLs of the two halves of the address book.
	AddressBook, Sharing string
	// Keep is how long the document may be kept; 0 if it does not say, or says not at all.
	Keep time.Duration
}

// ErrNone is for a document that does not tell where the address book is.
var ErrNone = errors.New("the configuration names no address book")

// Find asks at a URL with both questions that programs ask: with SOAP, and if that does not lead to an address book,
// with GET. URLs in the answer go through the caller's MapURL; one that leads from https to http is refused, as
// tickets would be sent there. The answer needs no ticket, and so can be asked for before the sign-in.
func Find(ctx context.Context, caller *soap.Caller, at string) (Config, error) {
	config, first := post(ctx, caller, at)
	if first == nil {
		return config, nil
	}
	config, second := get(ctx, caller, at)
	if second == nil {
		return config, nil
	}
	if ctx.Err() != nil {
		return Config{}, fmt.Errorf("ask for the configuration: %w", context.Cause(ctx))
	}
	return Config{}, fmt.Errorf("ask for the configuration: %w", errors.Join(first, second))
}

// post asks as MSN Messenger 6 and 7 did.
func post(ctx context.Context, caller *soap.Caller, at string) (Config, error) {
	document := ""
	err := caller.Call(ctx, soap.Request{
		URL: at, Action: namespace + "/GetClientConfig", Limit: 2 * maxDocument,
		Body: func(w *soap.Writer) {
			w.Open("GetClientConfig", "xmlns", namespace).Open("clientinfo").Element("Country", "US").Element("CLCID", "0409")
			w.Element("PLCID", "0409").Element("GeoID", "244").Close("clientinfo").Close("GetClientConfig")
		},
		OnBody: func(d *soap.Decoder) error {
			return d.Each(func(name string) error {
				if name == "GetClientConfigResult" {
					return d.Into(&document)
				}
				return nil
			})
		},
	})
	if err != nil {
		return Config{}, err
	}
	return read(caller, at, strings.NewReader(document))
}

// get asks as Windows Live Messenger does.
func get(ctx context.Context, caller *soap.Caller, at string) (Config, error) {
	u, err := url.Parse(at)
	if err != nil {
		return Config{}, errors.New("the URL makes no sense")
	}
	query := u.Query()
	for name, value := range map[string]string{
		"op": "GetClientConfig", "Country": "US", "CLCID": "0409", "PLCID": "0409", "GeoID": "244", "ver": version,
	} {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := http.Client{}
	if caller.HTTP != nil {
		client = *caller.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	at = u.String()
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return Config{}, errors.New("the URL makes no sense")
		}
		answer, err := client.Do(req)
		if err != nil {
			return Config{}, err
		}
		config, next, err := take(caller, at, answer)
		if next == "" || err != nil {
			return config, err
		}
		at = next
	}
	return Config{}, fmt.Errorf("%w more than %d times", soap.ErrRedirects, maxRedirects)
}

// take reads an answer to GET, or says where it leads.
func take(caller *soap.Caller, at string, answer *http.Response) (config Config, next string, err error) {
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		config, err = read(caller, at, io.LimitReader(answer.Body, maxDocument))
		return config, "", err
	case 301, 302, 303, 307, 308:
		next, err = caller.Follow(at, answer.Header.Get("Location"))
		return Config{}, next, err
	}
	return Config{}, "", &soap.StatusError{Action: "GetClientConfig", Status: answer.StatusCode}
}

// read takes the document apart. What follows the address book in it is not needed, so that it may be broken.
func read(caller *soap.Caller, at string, document io.Reader) (config Config, err error) {
	d := soap.NewDecoder(document)
	found := ""
	err = d.Document(func(root string) error {
		if root != "MsgrConfig" {
			return fmt.Errorf("%.40q is no configuration", root)
		}
		return d.Each(func(name string) error {
			switch name {
			case "Simple":
				return inside(d, []string{"Config", "ExpiresInDays"}, func(text string) {
					if days, wrong := strconv.Atoi(text); wrong == nil && days > 0 && days <= 365 {
						config.Keep = time.Duration(days) * 24 * time.Hour
					}
				})
			case "AbchCfg":
				return inside(d, []string{"abchconfig", "url"}, func(text string) {
					if found == "" {
						found = text
					}
				})
			}
			return nil
		})
	})
	if found == "" {
		if err == nil {
			err = ErrNone
		}
		return Config{}, err
	}
	config.AddressBook, err = caller.Follow(at, found)
	if err != nil {
		return Config{}, fmt.Errorf("the address book cannot be there: %w", err)
	}
	config.Sharing, err = sibling(config.AddressBook)
	return config, err
}

// inside finds elements by their path below the present one.
func inside(d *soap.Decoder, names []string, take func(text string)) error {
	if len(names) == 0 {
		text, err := d.Text()
		if err == nil {
			take(text)
		}
		return err
	}
	return d.Each(func(name string) error {
		if name == names[0] {
			return inside(d, names[1:], take)
		}
		return nil
	})
}

// sibling is SharingService.asmx in the place of abservice.asmx.
func sibling(book string) (string, error) {
	u, err := url.Parse(book)
	if err != nil {
		return "", errors.New("the URL of the address book makes no sense")
	}
	u.Path, u.RawPath = path.Join("/", path.Dir(u.Path), "SharingService.asmx"), ""
	return u.String(), nil
}
