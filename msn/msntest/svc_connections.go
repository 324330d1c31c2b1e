package msntest

import (
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Relationships and what can be done about them (services.md 8.9).
const (
	relationPerson = "3"
	relationCircle = "5"

	actionAdd     = "1"
	actionDecline = "2"
)

// createContact does CreateContact: an entry in the own book (MSNP21) or in a circle's.
func createContact(c *call) *fault {
	email := strings.ToLower(c.do.get("contactHandle/Email"))
	if id := c.do.get("abHandle/ABId"); id != "" && id != personalID {
		return c.createMember(id, email)
	}
	if c.s.quirks.LooseBook {
		return refusal("Forbidden", "API CreateContact no longer supported")
	}
	n := newContact{passport: email, network: msn.NetworkMSN}
	if other := c.s.accounts[email]; other != nil {
		n.network = other.network
	} else if validPassport(email) {
		return refusal("InvalidPassportUser", "There is no such user")
	}
	a := c.visitor.account
	if _, f := c.addPerson(n); f != nil && f.code != "ContactAlreadyExists" {
		return f
	} else if f == nil {
		c.edited()
	}
	c.personResult(a, email)
	return nil
}

// personResult answers with a contact as it is now.
func (c *call) personResult(a *account, passport string) {
	w := c.begin(true)
	for _, p := range a.people() {
		if p.passport != passport {
			continue
		}
		w.leaf("contactId", c.s.contactID(a, passport)).raw("<contactInfo>")
		c.s.writePerson(w, a, p, p.network(c.s), p.groups(a), true)
		w.raw("</contactInfo>").leaves("propertiesChanged", "", "fDeleted", "false", "lastChange", bookTime(c.s.now()))
	}
	c.finish(true)
}

// manageConnection does ManageWLConnection: asks somebody, accepts or declines, or the same with a circle.
func manageConnection(c *call) *fault {
	id, kind := c.do.get("contactId"), c.do.get("relationshipType")
	action := c.do.get("action")
	if action != actionAdd && action != actionDecline {
		return refusal("BadArgument", "There is no such action")
	}
	book := c.do.get("abHandle/ABId")
	switch {
	case kind == relationCircle && book != "" && book != personalID:
		return c.inviteMember(book, id)
	case kind == relationCircle:
		return c.answerCircle(id, action == actionAdd)
	case kind == relationPerson && !c.s.quirks.LooseBook:
		return c.connect(id, action == actionAdd)
	}
	return refusal("BadArgument", "There is no such relationship")
}

// connect asks somebody who is in the book, or answers somebody who asks.
func (c *call) connect(id string, accept bool) *fault {
	a, s := c.visitor.account, c.s
	passport, network := "", msn.NetworkMSN
	if p, there := s.personByID(a, id); there {
		passport, network = p.passport, p.network(s)
	}
	for _, e := range a.askers() {
		if s.contactID(a, e.passport) == strings.ToLower(id) {
			passport = e.passport
		}
	}
	if passport == "" {
		return refusal("ContactDoesNotExist", "Contact Does Not Exist")
	}
	asked := a.on(passport, msn.PendingList)
	switch {
	case !accept && !asked:
		return refusal("BadArgument", "There is nothing to decline")
	case accept:
		n := newContact{
			passport: passport, network: network, messenger: true,
			invite: clip(c.do.annotations("annotations")["MSN.IM.InviteMessage"]),
		}
		if f := c.putForward(n); f != nil {
			return f
		}
		c.allow(passport)
	}
	if asked {
		if accept {
			_ = s.onList(a, passport, msn.ReverseList, "") // asks, so can be accepted
		}
		_ = s.offList(a, passport, msn.PendingList) // asks, so is there
		delete(a.web.asked, passport)
	}
	c.edited()
	c.personResult(a, passport)
	return nil
}

// breakConnection does BreakConnection: with somebody in the own book, or with a circle.
func breakConnection(c *call) *fault {
	id := c.do.get("contactId")
	if book := c.do.get("abHandle/ABId"); book != "" && book != personalID {
		return c.leaveMember(book, id)
	}
	a, s := c.visitor.account, c.s
	p, there := s.personByID(a, id)
	if !there || s.quirks.LooseBook {
		return refusal("ContactDoesNotExist", "Contact Does Not Exist")
	}
	if c.do.yes("deleteContact") {
		c.forget(p)
	} else if p.entry != nil {
		b := a.bookOf(p.passport, true)
		b.alone, b.network = true, p.network(s)
		_ = s.offList(a, p.passport, msn.ForwardList) // is there
	}
	if c.do.yes("blockContact") {
		_ = s.offList(a, p.passport, msn.AllowList)    // if there
		_ = s.onList(a, p.passport, msn.BlockList, "") // if not there
	}
	c.edited()
	return c.done()
}
