package msntest

import (
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strings"
	"time"
)

// The sites that tickets are asked for (services.md 4.4), beside those of the notification server.
const (
	brokerSite   = "http://Passport.NET/tb"
	contactsSite = "contacts.msn.com"
	secureSite   = "messengersecure.live.com"
	storageSite  = "storage.msn.com"
)

// ticket is a proof of a Passport login, good for one site, or for any if that is "".
type ticket struct {
	passport string
	until    time.Time
	site     string
	secret   []byte // what has to be proved with it, if anything
	batch    string // the same in tickets that were given together
}

// maxTickets is how many tickets one account has at once; older ones end early.
const maxTickets = 256

// samePassword compares as much of two passwords as counts.
func (s *Server) samePassword(a, b string) bool {
	if cut := s.quirks.PasswordCut; cut > 0 {
		a, b = a[:min(len(a), cut)], b[:min(len(b), cut)]
	}
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// passwordLength is how much of a password Passport used (core.md 2.4), which the hash of MSNP2 to 7 may be made of.
const passwordLength = 16

// newTicket issues a ticket of the nexus in the form that USR takes it. The lock is held.
func (s *Server) newTicket(passport string) string {
	token := s.issue(ticket{passport: passport, site: ticketSite, until: s.now().Add(s.quirks.TicketLife), batch: randomHex(16)})
	if s.quirks.BareTickets {
		return token
	}
	return "t=" + token + "&p=7" + randomHex(32) + "$$"
}

// newSiteTicket issues a ticket of RST in the form that clients take it, with the secret that belongs to it. The lock is held.
func (s *Server) newSiteTicket(passport, site, batch string, life time.Duration) (text string, secret []byte) {
	secret = randomSecret()
	t := ticket{passport: passport, site: site, until: s.now().Add(life), secret: secret, batch: batch}
	return siteTicket(s.issue(t), s.quirks.SharedTicket), secret
}

// randomSecret is what is proved with a ticket.
func randomSecret() []byte {
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // never fails since Go 1.24
	return secret
}

// siteTicket writes the token of a ticket as RST does.
func siteTicket(token string, shared bool) string {
	if shared {
		return "t=" + token + sharedFiller + "&p="
	}
	return "t=" + token + "&p="
}

const (
	// sharedFiller is what Escargot writes behind all tokens.
	sharedFiller = "Y6%2BH31sTUOFkqjNTDYqAAFLr5Ote7BMrMnUIzpg860jh084QMgs5djRQLLQP0TVOFkKdWDwAJdEWcfsI9YL8otN9kSfhTaPHR1njHmG0H98O2NE"
	// sharedLength is how much of such a ticket counts.
	sharedLength = 20
)

// issue notes a ticket under a fresh token.
func (s *Server) issue(t ticket) string {
	token := "7" + randomHex(48) + "*!" + randomHex(24) + "$$"
	if s.quirks.SharedTicket || s.quirks.BareTickets {
		token = randomHex(sharedLength)
	}
	if s.quirks.SharedTicket {
		t.site = ""
	}
	a := s.accounts[t.passport]
	if a != nil {
		if len(a.web.tokens) >= maxTickets {
			a.web.tokens = slices.DeleteFunc(a.web.tokens, func(token string) bool { _, there := s.tickets[token]; return !there })
		}
		for len(a.web.tokens) >= maxTickets {
			delete(s.tickets, a.web.tokens[0])
			a.web.tokens = a.web.tokens[1:]
		}
		a.web.tokens = append(a.web.tokens, token)
	}
	s.tickets[token] = t
	return token
}

// tokenOf is what identifies a ticket, of which there are several spellings: with t= and p=, with a filler, bare.
func (s *Server) tokenOf(text string) string {
	token, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "t="), "&")
	if s.quirks.SharedTicket && len(token) > sharedLength {
		token = token[:sharedLength]
	}
	return token
}

// goodTicket finds a ticket that has not expired and is good for a site.
func (s *Server) goodTicket(text, site string) (ticket, bool) {
	t, known := s.tickets[s.tokenOf(text)]
	good := known && !s.now().After(t.until) && (t.site == "" || t.site == site)
	return t, good
}

// checkTicket tells whose ticket it is and what has to be proved with it.
func (s *Server) checkTicket(text, site string) (a *account, secret []byte, ok bool) {
	t, good := s.goodTicket(text, site)
	if a = s.accounts[t.passport]; !good || a == nil {
		return nil, nil, false
	}
	return a, t.secret, true
}

// profileSite stands for the sites that the MSPAuth of the profile message is good for: clients of MSNP13 and 14 have nothing
// else (services.md 6.1).
const profileSite = "MSPAuth"

// profileTicket is the MSPAuth of the profile message for the account's newest session: a ticket without t=.
func (s *Server) profileTicket(a *account) string {
	var own string
	if len(a.sessions) > 0 {
		own = s.tokenOf(a.sessions[len(a.sessions)-1].ticket)
	}
	if s.quirks.SharedTicket && own != "" {
		return own + sharedFiller
	}
	return s.issue(ticket{
		passport: a.passport, site: profileSite, until: s.now().Add(s.quirks.TicketLife), batch: s.tickets[own].batch,
	})
}

// visitor is who calls a web service: an account, and the session that the call belongs to if it is known.
type visitor struct {
	account *account
	session *session
}

// visit finds who shows a ticket for one of some sites to a web service. bound says that the server wants a session that lives, and there is none.
func (s *Server) visit(text string, sites ...string) (v visitor, bound bool) {
	token := s.tokenOf(text)
	if s.quirks.SharedTicket {
		for _, a := range s.accounts {
			for _, n := range a.sessions {
				if token != "" && s.tokenOf(n.ticket) == token {
					return visitor{a, n}, true
				}
			}
		}
		return visitor{}, true
	}
	var t ticket
	good := false
	for _, site := range append(sites, profileSite) {
		if !good && site != "" {
			t, good = s.goodTicket(text, site)
		}
	}
	a := s.accounts[t.passport]
	if !good || a == nil {
		return visitor{}, false
	}
	v.account = a
	for _, n := range a.sessions {
		if own := s.tickets[s.tokenOf(n.ticket)]; own.batch != "" && own.batch == t.batch {
			v.session = n
		}
	}
	return v, false
}
