package msntest

import (
	"crypto/rand"
	"math/big"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// changeStatus does CHG. The first one makes the server send what contacts there are (core.md 8.2).
func changeStatus(n *session, cmd wire.Command) {
	d := n.dialect
	status := msn.Status(strings.ToUpper(decoded(cmd.Args, 0)))
	if !status.Valid() || status == msn.Offline {
		n.conn.fail(cmd, 201)
		return
	}
	fields := 1
	if d.capabilities {
		fields++
		n.capabilities = msn.Capabilities{Bits: msn.ParseCapabilities(decoded(cmd.Args, 1)).Bits}
	}
	if d.objects {
		fields++
		n.object = objectArg(cmd.Args, 2)
	}
	first := n.status == ""
	n.status = status
	echo := append([]string{string(status)}, cmd.Args[1:min(fields, len(cmd.Args))]...)
	n.conn.reply(cmd, "CHG", echo...)
	if first {
		n.showContacts(cmd)
	}
	n.conn.srv.presenceOf(n.account, true)
	if first {
		n.mailSummary()
		n.challenge()
	}
}

// objectArg is an MSNObject as it came, or "" for the many ways to say that there is none (core.md 8.2).
func objectArg(args []string, i int) string {
	switch strings.ToLower(strings.ReplaceAll(decoded(args, i), " ", "")) {
	case "", "0", "<msnobj/>":
		return ""
	}
	return args[i]
}

// showContacts sends the initial presence, with the transaction id of the CHG.
func (n *session) showContacts(cmd wire.Command) {
	s := n.conn.srv
	for _, e := range n.account.order {
		if other := s.accounts[e.passport]; other != nil && e.lists&msn.ForwardList != 0 {
			s.show(n, other, false, &cmd)
		}
	}
}

// visible tells whether an account may be shown online to another one (core.md 8.8).
func (s *Server) visible(a, to *account) bool {
	n := a.session
	return n != nil && n.status != "" && n.status != msn.Hidden && to.on(a.passport, msn.ForwardList) && a.allows(to.passport)
}

// presenceOf shows an account to everybody who has it on FL. changed tells that something about it is new, not only who may
// see it.
func (s *Server) presenceOf(a *account, changed bool) {
	for _, e := range a.order {
		if e.lists&(msn.ReverseList|msn.PendingList) == 0 {
			continue
		}
		if other := s.accounts[e.passport]; other != nil && other.session != nil {
			s.show(other.session, a, changed, nil)
		}
	}
}

// presenceTo shows an account to another one, after a change of who may see it.
func (s *Server) presenceTo(other, a *account) {
	if other.session != nil {
		s.show(other.session, a, false, nil)
	}
}

// refreshPair shows two accounts to each other.
func (s *Server) refreshPair(a, b *account) {
	s.presenceTo(a, b)
	s.presenceTo(b, a)
}

// show brings what one client sees of an account up to date. If it is new to the client and asked is not nil, the line is an
// answer to that command (ILN).
func (s *Server) show(n *session, a *account, changed bool, asked *wire.Command) {
	if n.status == "" || n.conn.over {
		return
	}
	was, is := n.shown[a.passport], s.visible(a, n.account)
	switch {
	case is && (!was || changed):
		n.shown[a.passport] = true
		if !was && asked != nil {
			n.conn.reply(*asked, "ILN", n.presenceLine(a)...)
		} else {
			n.conn.push("NLN", n.presenceLine(a)...)
		}
		if !was && len(a.session.message) > 0 {
			n.showMessage(a)
		}
	case was && !is:
		delete(n.shown, a.passport)
		if n.account.on(a.passport, msn.ForwardList) {
			n.conn.push("FLN", a.passport)
		}
	}
}

// emptyObject is what some servers write for no picture.
const emptyObject = "%3Cmsnobj%2F%3E"

// presenceLine is the arguments of ILN and NLN as this client's version has them (core.md 8.3).
func (n *session) presenceLine(a *account) []string {
	of := a.session
	args := []string{string(of.status), a.passport, wire.Encode(a.name)}
	if n.dialect.capabilities {
		args = append(args, of.capabilities.Format(false))
	}
	if !n.dialect.objects {
		return args
	}
	switch {
	case of.object != "":
		args = append(args, of.object)
	case n.conn.srv.quirks.EmptyObject:
		args = append(args, emptyObject)
	}
	return args
}

// maxMessage bounds the payload of UUX; longer ones close the connection.
const maxMessage = 8 << 10

// setPersonalMessage does UUX.
func setPersonalMessage(n *session, cmd wire.Command) {
	if len(cmd.Payload) > maxMessage {
		n.conn.hangUp()
		return
	}
	n.message = cmd.Payload
	n.conn.reply(cmd, "UUX", "0")
	s := n.conn.srv
	for _, e := range n.account.order {
		other := s.accounts[e.passport]
		if other != nil && other.session != nil && other.session.shown[n.account.passport] {
			other.session.showMessage(n.account)
		}
	}
}

// showMessage sends somebody's personal message as it came.
func (n *session) showMessage(a *account) {
	if n.dialect.messages {
		n.conn.send(wire.Command{Name: "UBX", Args: []string{a.passport}, Payload: slices.Concat([]byte{}, a.session.message)})
	}
}

// mailSummary tells what is in the inbox, which is nothing (core.md 6.2).
func (n *session) mailSummary() {
	urls := "Inbox-URL: /cgi-bin/HoTMaiL\r\nFolders-URL: /cgi-bin/folders\r\nPost-URL: " + n.conn.srv.HTTPURL() + "/\r\n"
	switch {
	case n.dialect.mailSummary:
		data := "Mail-Data: <MD><E><I>0</I><IU>0</IU><O>0</O><OU>0</OU></E><Q><QTM>409600</QTM><QNM>204800</QNM></Q></MD>\r\n"
		if n.account.email {
			data += urls
		}
		n.hotmail("text/x-msmsgsinitialmdatanotification; charset=UTF-8", "\r\n"+data)
	case n.account.email:
		n.hotmail("text/x-msmsgsinitialemailnotification; charset=UTF-8",
			"\r\nInbox-Unread: 0\r\nFolders-Unread: 0\r\n"+urls)
	}
}

// challenge sends CHL if the version has it and none is unanswered.
func (n *session) challenge() {
	s := n.conn.srv
	if n.dialect.challenge == noChallenge || s.quirks.NoChallenge || n.question != "" {
		return
	}
	// 20 digits: with the product ids that there are, never a multiple of eight bytes (core.md 9.1).
	number, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil))
	if err != nil {
		return // never fails since Go 1.24
	}
	digits := number.String()
	n.question = strings.Repeat("0", 20-len(digits)) + digits
	n.questionAt = s.now()
	n.conn.notice("CHL", n.question)
}

// answerChallenge does QRY.
func answerChallenge(n *session, cmd wire.Command) {
	s := n.conn.srv
	good := n.question != "" && len(cmd.Args) > 0 && n.solves(cmd.Args[0], string(cmd.Payload))
	if !good && !s.quirks.LenientChallenge {
		n.conn.fail(cmd, 540)
		return
	}
	n.question = ""
	n.challengeAt = s.now().Add(s.quirks.ChallengeEvery)
	n.conn.reply(cmd, "QRY")
}

// solves tells whether an answer is right for any product of that name, whichever client it belongs to (core.md 9.1).
func (n *session) solves(id, answer string) bool {
	for _, p := range msn.Products() {
		if p.ID != id && p.ID != wire.Decode(id) {
			continue
		}
		right := []string{msn.ChallengeOld(n.question, p.Key)}
		if n.dialect.challenge == newChallenge {
			right = []string{
				msn.ChallengeNew(n.question, p.ID, p.Key), msn.ChallengeNewPadded(n.question, p.ID, p.Key),
			}
		}
		if slices.Contains(right, strings.ToLower(answer)) {
			return true
		}
	}
	return false
}
