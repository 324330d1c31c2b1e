package msn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// maxLoginRedirects is how often the login server may send us on.
	maxLoginRedirects = 5
	// maxHTTPBody is how much of an answer is read so that the connection can be used again.
	maxHTTPBody = 64 << 10
	// maxPassportText is how much of the server's words is kept, in bytes.
	maxPassportText = 512
	// maxTicket is the longest ticket that still fits into a command line.
	maxTicket = 7 << 10
)

// passportAuth is the sign-in of MSNP8 to MSNP14: a challenge that is carried to Passport over HTTP,
// and the ticket that comes back (core.md 5.6 and 5.7, services.md 3).
type passportAuth struct{}

func (passportAuth) signIn(ctx context.Context, nc *notificationConn) ([]string, error) {
	if err := nc.clientVersion(ctx); err != nil {
		return nil, err
	}
	got, err := nc.step(ctx, command("USR", "TWN", "I", wire.Encode(nc.cfg.Passport)))
	if err != nil {
		return nil, err
	}
	challenge, err := nc.challenged(got, "TWN")
	if err != nil {
		return nil, err
	}
	ticket, err := nc.passportTicket(ctx, challenge)
	if err != nil {
		return nil, nc.failed("passport", err)
	}
	got, err = nc.step(ctx, command("USR", "TWN", "S", ticket))
	if err != nil {
		return nil, err
	}
	return nc.signedIn(got)
}

// passportTicket gets a ticket from the nexus or a ticket service, whichever comes first for the version and
// answers.
func (nc *notificationConn) passportTicket(ctx context.Context, challenge string) (ticket string, err error) {
	err = nc.tryTickets(ctx, func(ctx context.Context, from TicketSource) error {
		if from == NexusTicket {
			ticket, err = nc.nexusTicket(ctx, challenge)
			return err
		}
		sites := append([]tickets.Site{
			{Address: tickets.TokenBroker},
			{Address: tickets.Messenger, Policy: tickets.TWNPolicy(challenge), Required: true},
		}, services...)
		if err := nc.web.request(ctx, from, sites); err != nil {
			return err
		}
		ticket = nc.web.ticket(tickets.Messenger)
		return nil
	})
	return ticket, err
}

// nexusTicket asks the nexus where to log in, and logs in there.
func (nc *notificationConn) nexusTicket(ctx context.Context, challenge string) (string, error) {
	client := *nc.dial.http
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	password := tickets.CutPassword(nc.cfg.Password, nc.cfg.Server.PasswordLimit)
	p := passport{http: &client, mapped: nc.cfg.Server.mapped, account: nc.cfg.Passport, password: password}
	login, err := p.loginURL(ctx, nc.cfg.Server.Nexus)
	if err != nil {
		return "", err
	}
	return p.ticket(ctx, login, challenge)
}

// passport is one login at the Passport service.
type passport struct {
	http              *http.Client
	mapped            func(*url.URL) (*url.URL, error) // where a URL leads that a server named
	account, password string
}

// get makes one request. Errors name the host only: paths and queries may hold secrets.
func (p passport) get(ctx context.Context, target *url.URL, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("passport at %s: bad request", target.Host)
	}
	req.Header.Set("User-Agent", "MSMSGS")
	req.Header.Set("Cache-Control", "no-cache")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := p.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("passport at %s: %w", target.Host, err)
	}
	_, _ = io.CopyN(io.Discard, res.Body, maxHTTPBody) // only the headers matter
	_ = res.Body.Close()
	return res, nil
}

// redirected tells where a response sends us, nil for nowhere.
func (p passport) redirected(from *url.URL, res *http.Response) (*url.URL, error) {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	to, err := from.Parse(res.Header.Get("Location"))
	if err != nil || to.Host == "" || (to.Scheme != "http" && to.Scheme != "https") {
		return nil, fmt.Errorf("passport at %s redirects to nowhere", from.Host)
	}
	if to, err = p.mapped(to); err != nil {
		return nil, fmt.Errorf("passport at %s redirects us: %w", from.Host, err)
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return nil, fmt.Errorf("passport at %s redirects to %s without encryption", from.Host, to.Host)
	}
	return to, nil
}

// loginURL asks the nexus where to log in.
func (p passport) loginURL(ctx context.Context, nexus string) (*url.URL, error) {
	at, err := url.Parse(nexus)
	if err != nil || at.Host == "" {
		return nil, errors.New("no usable nexus URL is configured")
	}
	for range maxLoginRedirects + 1 {
		res, err := p.get(ctx, at, "")
		if err != nil {
			return nil, err
		}
		next, err := p.redirected(at, res)
		if err != nil {
			return nil, err
		}
		if next != nil {
			at = next
			continue
		}
		if res.StatusCode != http.StatusOK {
			return nil, nexusError(at, res.StatusCode)
		}
		login, err := daLogin(at, res.Header.Get("PassportURLs"))
		if err != nil {
			return nil, err
		}
		return p.mapped(login)
	}
	return nil, errors.New("the nexus redirects without end")
}

// nexusError is what a nexus says that does not say where to log in. The account is not known to it.
func nexusError(at *url.URL, status int) error {
	err := fmt.Errorf("the nexus at %s answers HTTP %d", at.Host, status)
	if status >= 500 {
		return &ServiceError{ErrServerBusy, err}
	}
	return &ServiceError{ErrServiceTrouble, err}
}

// daLogin reads the login address out of the PassportURLs header. Microsoft gave it without a scheme,
// others with (escargot.md 5). Without one it means https, except where the nexus itself is plain
// http: then there is no encryption to lose, and a service on loopback has none.
func daLogin(nexus *url.URL, header string) (*url.URL, error) {
	for item := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if !strings.EqualFold(key, "DALogin") || value == "" {
			continue
		}
		if !strings.Contains(value, "://") {
			scheme := "https"
			if nexus.Scheme == "http" {
				scheme = "http"
			}
			value = scheme + "://" + value
		}
		login, err := url.Parse(value)
		if err != nil || login.Host == "" || (login.Scheme != "http" && login.Scheme != "https") {
			return nil, fmt.Errorf("the nexus at %s names no usable login address", nexus.Host)
		}
		if nexus.Scheme == "https" && login.Scheme != "https" {
			return nil, fmt.Errorf("the nexus at %s names a login address without encryption", nexus.Host)
		}
		return login, nil
	}
	return nil, fmt.Errorf("the nexus at %s names no login address", nexus.Host)
}

// ticket logs in and returns the ticket as it is to be sent.
func (p passport) ticket(ctx context.Context, login *url.URL, challenge string) (string, error) {
	authorization := "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,sign-in=" +
		encodeAll(p.account) + ",pwd=" + encodeAll(p.password) + "," + challenge
	for range maxLoginRedirects + 1 {
		res, err := p.get(ctx, login, authorization)
		if err != nil {
			return "", err
		}
		next, err := p.redirected(login, res)
		if err != nil {
			return "", err
		}
		switch {
		case next != nil:
			login = next
			continue
		case res.StatusCode == http.StatusOK:
			return ticketIn(res.Header.Get("Authentication-Info"))
		case res.StatusCode == http.StatusUnauthorized:
			return "", &PassportError{res.StatusCode, shownText(res.Header.Get("WWW-Authenticate"))}
		}
		return "", &PassportError{Status: res.StatusCode}
	}
	return "", errors.New("the login server redirects without end")
}

// ticketIn finds from-PP='...'.
func ticketIn(header string) (string, error) {
	_, rest, found := strings.Cut(header, "from-PP='")
	ticket, _, closed := strings.Cut(rest, "'")
	if !found || !closed || ticket == "" || len(ticket) > maxTicket || strings.ContainsFunc(ticket, unicode.IsSpace) {
		return "", errors.New("the login server gave no usable ticket")
	}
	return ticket, nil
}

// shownText finds cbtxt, the words for the user.
func shownText(header string) string {
	for item := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if !strings.EqualFold(key, "cbtxt") {
			continue
		}
		text := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, strings.ReplaceAll(wire.Decode(value), "+", " "))
		return cut(strings.TrimSpace(text), maxPassportText)
	}
	return ""
}

// encodeAll percent-encodes everything but letters and digits: commas and dots have a meaning or were
// encoded by the official clients (core.md 5.7).
func encodeAll(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// cut shortens s to at most max bytes at a rune boundary.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end]
}
