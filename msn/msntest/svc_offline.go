package msntest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Messages for people who are away (services.md 10): the mailbox, and what the notification server tells of it.

const (
	// maxMailbox is how many messages wait for one account, maxInline how many are told with their summaries at once.
	maxMailbox = 1000
	maxInline  = 25
)

// Offline is a message that waits for somebody.
type Offline struct {
	// From and To are addresses of accounts, Text is what was written.
	From, To, Text string
	// At is when; zero means now. RunID is "{GUID}" and Sequence a number by which messages of one sender are in order; an
	// empty RunID is filled in.
	At       time.Time
	RunID    string
	Sequence int
	// ID is the message's own, a GUID. [Server.LeaveOffline] makes it.
	ID string
}

// LeaveOffline leaves a message for somebody, as if a client had. It fails if one of them has no account, or too much waits.
func (s *Server) LeaveOffline(m Offline) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.leaveOffline(m); err != nil {
		return fmt.Errorf("offline message from %s to %s: %w", m.From, m.To, err)
	}
	s.changed()
	return nil
}

func (s *Server) leaveOffline(m Offline) error {
	from, to := s.accounts[strings.ToLower(m.From)], s.accounts[strings.ToLower(m.To)]
	switch {
	case from == nil || to == nil:
		return errors.New("no such account")
	case len(to.web.mailbox) >= maxMailbox:
		return errors.New("the mailbox is full")
	}
	stored := offlineMessage{
		from: from.passport, fromName: from.name, to: to.passport, text: m.Text, runID: m.RunID, sequence: m.Sequence, at: m.At,
		id: newMessageID(),
	}
	if stored.at.IsZero() {
		stored.at = s.now()
	}
	if stored.runID == "" {
		stored.runID = "{" + strings.ToUpper(guidOf("run", from.passport)) + "}"
		stored.sequence = len(to.web.mailbox) + 1
	}
	s.storeOffline(stored)
	return nil
}

// OfflineMessages are the messages that wait for an account, oldest first.
func (s *Server) OfflineMessages(passport string) []Offline {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[strings.ToLower(passport)]
	if a == nil {
		return nil
	}
	var all []Offline
	for _, m := range a.web.mailbox {
		all = append(all, Offline{From: m.from, To: m.to, Text: m.text, At: m.at, RunID: m.runID, Sequence: m.sequence, ID: m.id})
	}
	return all
}

func newMessageID() string { return strings.ToUpper(guidOf("offline", randomHex(32))) }

// storeOffline keeps a message and tells the recipient's sessions. Of more than fit the oldest are lost, as nobody can be told.
func (s *Server) storeOffline(m offlineMessage) {
	a := s.accounts[m.to]
	if a == nil {
		return
	}
	if len(a.web.mailbox) >= maxMailbox {
		a.web.mailbox = a.web.mailbox[1:]
	}
	a.web.mailbox = append(a.web.mailbox, m)
	s.tellMail(a, "text/x-msmsgsoimnotification; charset=UTF-8", "Mail-Data: "+s.oneMail(m)+"\r\n")
}

// takeOffline empties the mailbox for a client that is given what is in it.
func (s *Server) takeOffline(a *account) []offlineMessage {
	all := a.web.mailbox
	a.web.mailbox = nil
	return all
}

// mailHead begins the summary of a mailbox.
const mailHead = "<E><I>0</I><IU>0</IU><O>0</O><OU>0</OU></E><Q><QTM>409600</QTM><QNM>204800</QNM></Q>"

// offlineFolder is where offline messages are.
const offlineFolder = "00000000-0000-0000-0000-000000000009"

// mailData is Mail-Data of the initial notification: the summaries, or that there are too many.
func (s *Server) mailData(a *account) string {
	if len(a.web.mailbox) > maxInline {
		return "too-large"
	}
	return s.metadata(a)
}

// metadata is <MD> of a mailbox.
func (s *Server) metadata(a *account) string {
	var w answer
	w.raw("<MD>", mailHead)
	for _, m := range a.web.mailbox {
		s.writeMail(&w, m, offlineFolder, true)
	}
	return string(w.raw("</MD>").bytes())
}

// oneMail is <MD> about a new message, which Escargot does not close rightly.
func (s *Server) oneMail(m offlineMessage) string {
	var w answer
	w.raw("<MD>")
	s.writeMail(&w, m, ".!!OIM", false)
	if s.quirks.LooseOffline {
		w.raw("<SU> </SU>")
	}
	return string(w.raw("</MD>").bytes())
}

// writeMail writes <M>, the summary of one message.
func (s *Server) writeMail(w *answer, m offlineMessage, folder string, arrived bool) {
	w.raw("<M>").leaves("T", s.mailKind(m), "S", "6")
	if arrived {
		w.leaf("RT", m.at.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	read := "0"
	if m.read {
		read = "1"
	}
	w.leaves("RS", read, "SZ", itoa(len(m.text)), "E", m.from, "I", m.id, "F", folder, "N", encodedWord(m.fromName))
	if !s.quirks.LooseOffline || arrived {
		w.leaf("SU", " ")
	}
	w.raw("</M>")
}

// mailKind is 11, or 13 for a message of another network.
func (s *Server) mailKind(m offlineMessage) string {
	if s.networkOf(m.from) != msn.NetworkMSN {
		return "13"
	}
	return "11"
}

// encodedWord is a name as RFC 2047 has it.
func encodedWord(s string) string {
	return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// fileTime is what X-OriginalArrivalTime ends in: steps of 100 ns since 1601, the low half first (services.md 10.2).
func fileTime(t time.Time) string {
	n := uint64(t.UnixNano()/100 + 116444736000000000)
	return "FILETIME=[" + hex32(uint32(n)) + ":" + hex32(uint32(n>>32)) + "]"
}

// pacific is the zone that the service writes dates in, in summer too.
var pacific = time.FixedZone("", -8*3600)

// wholeMail is a message as RFC 822 has it (services.md 10.2).
func wholeMail(m offlineMessage) string {
	body := base64.StdEncoding.EncodeToString([]byte(m.text))
	var lines strings.Builder
	for len(body) > 76 {
		lines.WriteString(body[:76] + "\r\n")
		body = body[76:]
	}
	lines.WriteString(body + "\r\n")
	local := m.at.In(pacific)
	return strings.Join([]string{
		"X-Message-Info: " + m.id,
		"Received: from OIM.example.com ([192.0.2.7]) by oim1.example.com with Microsoft SMTPSVC(6.0.3790.211);",
		"\t " + local.Format("Mon, 02 Jan 2006 15:04:05 -0700"),
		"From: " + encodedWord(m.fromName) + " <" + m.from + ">",
		"To: " + m.to,
		"Subject: ",
		"X-OIM-originatingSource: 192.0.2.7",
		"X-OIMProxy: MSNMSGR",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=UTF-8",
		"Content-Transfer-Encoding: base64",
		"X-OIM-Message-Type: OfflineMessage",
		"X-OIM-Run-Id: " + m.runID,
		"X-OIM-Sequence-Num: " + itoa(m.sequence),
		"Message-ID: <OIM-" + m.id + "@OIM.example.com>",
		"X-OriginalArrivalTime: " + m.at.UTC().Format("02 Jan 2006 15:04:05.0000") + " (UTC) " + fileTime(m.at),
		"Date: " + local.Format("2 Jan 2006 15:04:05 -0700"),
		"Return-Path: ndr@oim.example.com",
		"", lines.String(),
	}, "\r\n")
}
