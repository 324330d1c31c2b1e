package msntest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// This file is what the web services ask of the notification server. All of it is called with the lock held.

// tellBookChanged tells the endpoints of an account that its address book has changed, or a circle if circleID is not "".
// Versions before MSNP13 have no such message.
func (s *Server) tellBookChanged(a *account, circleID string) {
	for _, n := range a.sessions {
		n.tellBookChanged(circleID)
	}
}

// tellBookChanged sends NOT (services.md 9.5).
func (n *session) tellBookChanged(circleID string) {
	if n.dialect.burst != noBurst && !(n.conn.srv.quirks.EarlyNotices && n.dialect.cvrNeeded) {
		return
	}
	a, s := n.account, n.conn.srv
	what := "<Service>ABCHInternal</Service>"
	if circleID != "" {
		what += "<CircleId>" + markup.Replace(circleID) + "</CircleId>"
	}
	data := `<NotificationData xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		what + "<CID>" + strconv.FormatInt(int64(a.member), 10) + "</CID><LastModifiedDate>" +
		s.now().UTC().Format("2006-01-02T15:04:05Z") + "</LastModifiedDate><HasNewItem>true</HasNewItem></NotificationData>"
	low, high := hex32(uint32(a.member)), hex32(uint32(a.member>>32))
	n.conn.send(wire.Command{Name: "NOT", Payload: []byte(
		`<NOTIFICATION id="0" siteid="45705" siteurl="http://contacts.example.com"><TO pid="0x` + low + ":0x" + high + `" name="` +
			markup.Replace(a.passport) + `"><VIA agent="messenger"/></TO><MSG id="0"><SUBSCR url="s.htm"/><ACTION url="a.htm"/><BODY>` +
			markup.Replace(data) + `</BODY></MSG></NOTIFICATION>`)})
}

func hex32(n uint32) string {
	s := strings.ToUpper(strconv.FormatUint(uint64(n), 16))
	return strings.Repeat("0", 8-len(s)) + s
}

// tellMail sends a message of the server itself about mail to every endpoint that is told of mail: those that have had the
// initial summary. body starts behind the empty line. MSNP21 has no such message: its clients get what is stored.
func (s *Server) tellMail(a *account, contentType, body string) {
	for _, n := range a.sessions {
		switch {
		case n.status == "":
		case n.dialect.mailData:
			n.hotmail(contentType, "\r\n"+body)
		case n.dialect.documents:
			n.tellStored()
		}
	}
}

// serviceDialect is what web services go by, as far as lists are concerned: no version of its own.
var serviceDialect = &dialect{burst: noBurst, groups: guidGroups, noAccount: 208, pending: true, telephones: true}

// onList puts somebody on a list of an account with all that follows: RL and news at the other side, presence both ways. On RL
// one can only put whoever asks (PL). The name is the own view of a contact's. It returns the error number, or 0: 201 for
// something that is no address or cannot be asked for, 208 for nobody, 210 for a full list, 215 for somebody who is there
// already, 219 for AL and BL at once, 232 for a bad telephone number.
func (s *Server) onList(a *account, passport string, list msn.List, name string) (code int) {
	passport = strings.ToLower(passport)
	if list == msn.ReverseList {
		return s.acceptPending(a, passport)
	}
	if list&(msn.ForwardList|msn.AllowList|msn.BlockList) != list || list == 0 {
		return 201
	}
	if a.entries[passport] == nil { // what is known was good once
		if code := s.addable(passport, serviceDialect); code != 0 {
			return code
		}
	}
	e, fresh, code := s.put(a, list, passport, placement{}, serviceDialect)
	if list != msn.ForwardList && (code == 0 || code == 215) {
		s.overrule(a, passport, roles)
	}
	if code != 0 {
		return code
	}
	if name != "" && list == msn.ForwardList {
		e.name = name
	}
	a.listChanged(s.now())
	if other := s.accounts[passport]; other != nil && fresh {
		s.mirrorAdded(a, other, list)
		s.presenceTo(a, other)
	}
	return 0
}

// acceptPending moves somebody who asks to RL, still on PL too.
func (s *Server) acceptPending(a *account, passport string) (code int) {
	e := a.entries[passport]
	switch {
	case e == nil || e.lists&(msn.PendingList|msn.ReverseList) == 0:
		return 201
	case e.lists&msn.ReverseList != 0:
		return 215
	}
	e.lists |= msn.ReverseList
	a.listChanged(s.now())
	return 0
}

// offList takes somebody off a list with all that follows; off PL settles a request. It returns the error number, or 0: 201
// for RL, 216 for somebody who is not there.
func (s *Server) offList(a *account, passport string, list msn.List) (code int) {
	passport = strings.ToLower(passport)
	e := a.entries[passport]
	if list&roles != 0 {
		s.overrule(a, passport, list)
	}
	switch {
	case list == msn.ReverseList:
		return 201
	case e == nil || e.lists&list == 0:
		return 216
	}
	s.takeOff(a, e, list)
	if list == msn.ForwardList {
		for _, n := range a.sessions {
			n.unforward(passport)
		}
	}
	a.listChanged(s.now())
	if other := s.accounts[e.passport]; other != nil && list != msn.PendingList {
		s.mirrorRemoved(a, other, list)
	}
	a.tidy(e)
	return 0
}

// overrule forgets what sessions have said of somebody, all of it or that they are on one list: the address book is asked to
// say something else.
func (s *Server) overrule(a *account, passport string, list msn.List) {
	a.unsay(passport, list)
	if other := s.accounts[passport]; other != nil {
		s.presenceTo(other, a)
	}
}

// nameChanged shows a new friendly name.
func (s *Server) nameChanged(a *account) {
	s.presenceOf(a, true)
	s.showSelf(a)
}

// lives tells whether a session of an account that signed in with this ticket is there.
func (s *Server) lives(a *account, ticket string) bool {
	return ticket != "" && slices.ContainsFunc(a.sessions, func(n *session) bool { return n.ticket == ticket })
}

// networkOf is the network that an address belongs to: that of its account, or of telephones.
func (s *Server) networkOf(passport string) int {
	if a := s.accounts[passport]; a != nil {
		return a.network
	}
	if isTelephone(passport) {
		return msn.NetworkPhone
	}
	return msn.NetworkMSN
}
