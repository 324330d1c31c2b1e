package bridge

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2/commands"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Places: an account may be signed in at several (MSNP16 and later).

// placesChanged tells of other places that came or went, where that is wanted.
func (s *session) placesChanged(places []msn.Endpoint) {
	now := make(map[string]string)
	for _, p := range places {
		if !p.Self {
			now[p.ID] = placeName(p)
		}
	}
	s.seenMu.Lock()
	before := s.places
	s.places = now
	s.seenMu.Unlock()
	if before == nil || !s.conn.Config.Places.Notices { // those that were there already are no news
		return
	}
	for id, name := range now {
		if before[id] == "" {
			s.notices.add(fmt.Sprintf("%s is signed in to MSN at another place too: %s.", s.passport, name))
		}
	}
	for id, name := range before {
		if now[id] == "" {
			s.notices.add(fmt.Sprintf("%s has signed out of MSN at %s.", s.passport, name))
		}
	}
}

// placeName is what a place is called.
func placeName(p msn.Endpoint) string {
	if p.Name != "" {
		return p.Name
	}
	return "a place without name"
}

// commandPlaces lists the places, names this one, or signs others out.
func commandPlaces(ce *commands.Event, c *Client) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	places := s.msn.Endpoints()
	switch {
	case len(ce.Args) == 0:
		if len(places) == 0 {
			return errors.New("the protocol version of this MSN service knows one place only, which is here")
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s is signed in at %s:\n\n", cell(c.passport), plural(len(places), "place"))
		for i, p := range places {
			fmt.Fprintf(&b, "%d. %s (%s)%s\n", i+1, cell(placeName(p)), strings.ToLower(p.Status.Word()), map[bool]string{true: ", this one"}[p.Self])
		}
		ce.Reply("%s", b.String())
		return nil
	case ce.Args[0] == "name" && len(ce.Args) > 1:
		name := strings.Join(ce.Args[1:], " ")
		if err := s.msn.SetEndpointName(ce.Ctx, name); err != nil {
			return err
		}
		s.remember(ce.Ctx, func(l *database.Login) { l.Place = name })
		ce.Reply("Your other places are told that this one is called %s.", cell(name))
		return nil
	case ce.Args[0] == "sign-out" && len(ce.Args) == 2:
		return s.signOutPlace(ce, places, ce.Args[1])
	}
	return errors.New("write `places`, `places name <name>`, `places sign-out <number>` or `places sign-out all`")
}

func (s *session) signOutPlace(ce *commands.Event, places []msn.Endpoint, which string) error {
	id := ""
	if which != "all" {
		n, err := strconv.Atoi(which)
		if err != nil || n < 1 || n > len(places) || places[n-1].Self {
			return fmt.Errorf("%q is not the number of another place; `places` lists them", which)
		}
		id = places[n-1].ID
	}
	if !slices.ContainsFunc(places, func(p msn.Endpoint) bool { return !p.Self }) {
		return errors.New("there is no other place")
	}
	if err := s.msn.SignOutEndpoint(ce.Ctx, id); err != nil {
		return err
	}
	ce.Reply("The other place was asked to sign out. A program that does not understand stays.")
	return nil
}

// mailReceived tells of a new mail, where that is wanted.
func (s *session) mailReceived(e msn.MailReceived) {
	if !s.conn.Config.Mail.Notices || e.Junk {
		return
	}
	from := e.From
	if from == "" {
		from = e.FromAddress
	}
	s.notices.add(fmt.Sprintf("New mail for %s from %s: %s", cell(s.passport), cell(from), cell(e.Subject)))
}
