package msntest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The address book clearing house: two services with one namespace, abservice.asmx for the book and SharingService.asmx for
// memberships (services.md 6 to 8).

const (
	abchSpace  = "http://www.msn.com/webservices/AddressBook"
	personalID = "00000000-0000-0000-0000-000000000000" // the own book
	noTime     = "0001-01-01T00:00:00"
)

// abchActions are what one of the services does, by the names of elements.
type abchActions map[string]func(c *call) *fault

// bookActions are those of abservice.asmx.
var bookActions = abchActions{
	"ABAdd":                abAdd,
	"ABFindAll":            abFindAll,
	"ABFindContactsPaged":  abFindPaged,
	"ABFindByContacts":     abFindByContacts,
	"ABContactAdd":         abContactAdd,
	"ABContactDelete":      abContactDelete,
	"ABContactUpdate":      abContactUpdate,
	"DeleteContact":        deleteContact,
	"ABGroupAdd":           abGroupAdd,
	"ABGroupUpdate":        abGroupUpdate,
	"ABGroupDelete":        abGroupDelete,
	"ABGroupContactAdd":    abGroupContactAdd,
	"ABGroupContactDelete": abGroupContactDelete,
	"CreateContact":        createContact,
	"ManageWLConnection":   manageConnection,
	"BreakConnection":      breakConnection,
	"UpdateDynamicItem":    updateDynamicItem,
	"AddDynamicItem":       updateDynamicItem,
}

// sharingActions are those of SharingService.asmx.
var sharingActions = abchActions{
	"FindMembership": findMembership,
	"AddMember":      addMember,
	"DeleteMember":   deleteMember,
	"AddService":     addService,
	"CreateCircle":   createCircle,
}

// looseMissing are the actions that Escargot does not know (services.md 8).
var looseMissing = []string{
	"ABAdd", "ABFindByContacts", "DeleteContact", "UpdateDynamicItem", "AddDynamicItem", "AddService",
}

// abch makes a service of actions.
func (s *Server) abch(actions abchActions) *service {
	return &service{
		namespace: abchSpace, site: contactsSite, movable: true,
		ticket: abchTicket,
		stale:  func(*call) *fault { return refusal("PassportAuthFail", "The ticket is not good") },
		act: func(c *call) func(c *call) *fault {
			act := actions[c.action]
			if act == nil || c.s.quirks.LooseBook && slices.Contains(looseMissing, c.action) {
				return nil
			}
			return func(c *call) *fault { return c.inBook(act) }
		},
		unknown: func(c *call) *fault {
			f := refusal("Forbidden", "API "+c.action+" no longer supported")
			if c.s.quirks.LooseBook {
				f.status = http.StatusOK
			}
			return f
		},
	}
}

// abchTicket is the TicketToken, or the cookie of MSNP13 and 14 (services.md 6.1).
func abchTicket(c *call) string {
	if token := c.header.get("ABAuthHeader/TicketToken"); token != "" {
		return token
	}
	if cookie, err := c.request.Cookie("MSPAuth"); err == nil {
		return cookie.Value
	}
	// A value with characters that are not for cookies, which net/http leaves out.
	for _, line := range c.request.Header.Values("Cookie") {
		for part := range strings.SplitSeq(line, ";") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(part), "MSPAuth="); ok {
				return value
			}
		}
	}
	return ""
}

// inBook does an action that needs the book, and writes the header of the answer.
func (c *call) inBook(act func(c *call) *fault) *fault {
	a := c.visitor.account
	if a.web.noBook && c.action != "ABAdd" {
		return refusal("ABDoesNotExist", "Address Book Does Not Exist")
	}
	if c.lacksDelta() {
		f := refusal("FullSyncRequired", "Full sync required")
		if c.s.quirks.LooseBook {
			f.status = http.StatusOK
		}
		return f
	}
	key := "12r1:" + guidOf("cache", a.passport)
	if c.s.quirks.LooseBook {
		key = "12r1:" + randomHex(64)
	}
	known := c.header.get("ABApplicationHeader/CacheKey") == key
	c.head.open("ServiceHeader", "xmlns", abchSpace).leaves("Version", "15.01.1408.0000", "CacheKey", key, "CacheKeyChanged", word(!known),
		"PreferredHostName", c.request.Host, "SessionId", guidOf("call", randomHex(16))).end("ServiceHeader")
	return act(c)
}

// lacksDelta tells whether what has changed is asked for and cannot be told: the service does not, or no longer knows what is gone.
func (c *call) lacksDelta() bool {
	since := c.since("deltasOnly", "lastChange")
	if c.do.yes("filterOptions/DeltasOnly") {
		since = c.since("filterOptions/DeltasOnly", "filterOptions/LastChanged")
	} else if !c.do.yes("deltasOnly") {
		return false
	}
	return c.s.quirks.NoDeltas || !since.IsZero() && (since.Before(c.s.began) || since.Before(c.visitor.account.web.forgot))
}

// begin opens the answer of an action, and its result if there is one; finish closes both.
func (c *call) begin(result bool) *answer {
	c.out.open(c.action+"Response", "xmlns", abchSpace)
	if result {
		c.out.open(c.action + "Result")
	}
	return &c.out
}

func (c *call) finish(result bool) *fault {
	if result {
		c.out.end(c.action + "Result")
	}
	c.out.end(c.action + "Response")
	return nil
}

// done is an answer without content.
func (c *call) done() *fault {
	c.begin(false)
	return c.finish(false)
}

// result is an answer of one text.
func (c *call) result(name, text string) *fault {
	c.begin(true).leaf(name, text)
	return c.finish(true)
}

// edited tells the other endpoints of the caller that the book has changed.
func (c *call) edited() {
	a := c.visitor.account
	a.listChanged(c.s.now())
	for _, n := range a.sessions {
		if n != c.visitor.session {
			n.tellBookChanged("")
		}
	}
}

// cid is the CID of an account as the address book has it: decimal with a sign.
func (a *account) cid() string { return formatInt(int64(a.member)) }

// accountID is what Escargot knows an account by everywhere.
func accountID(passport string) string { return guidOf("account", passport) }

// bookTime writes a time for the address book.
func bookTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// parseTime reads a time that the address book or a client wrote, the zero time for anything else.
func parseTime(text string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(form, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// abAdd makes the address book.
func abAdd(c *call) *fault {
	a := c.visitor.account
	if !a.web.noBook {
		return refusal("ABAlreadyExists", "Address Book Already Exists")
	}
	a.web.noBook = false
	c.begin(false).leaf("ABAddResult", personalID)
	return c.finish(false)
}

// updateDynamicItem takes what nobody asks for.
func updateDynamicItem(c *call) *fault {
	c.begin(true)
	return c.finish(true)
}

// roleLists are the lists by the names that memberships have.
var roleLists = map[string]msn.List{
	"Allow": msn.AllowList, "Block": msn.BlockList, "Reverse": msn.ReverseList, "Pending": msn.PendingList,
}

// roleNames are the roles in the order in which they are told.
var roleNames = []string{"Allow", "Block", "Reverse", "Pending"}
