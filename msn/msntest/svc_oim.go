package msntest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The two services for offline messages: rsi.asmx to fetch them, oim.asmx to leave them (services.md 10.2 and 10.3).

const (
	rsiSpace   = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi"
	storeSpace = "http://messenger.msn.com/ws/2004/09/oim/"
	// store2Space is that of Store2's action and faults; its elements stay in the older one.
	store2Space = "http://messenger.live.com/ws/2006/09/oim/"

	// maxOfflineText is how long a message may be, in bytes.
	maxOfflineText = 16 << 10
)

// fetchService is rsi.asmx.
func (s *Server) fetchService() *service {
	actions := map[string]func(c *call) *fault{"GetMetadata": getMetadata, "GetMessage": getMessage, "DeleteMessages": deleteMessages}
	return &service{
		namespace: rsiSpace, site: ticketSite, coded: true,
		ticket: func(c *call) string { return c.header.get("PassportCookie/t") },
		stale: func(c *call) *fault {
			if c.s.quirks.LooseOffline {
				return schemaFault()
			}
			return &fault{prefix: "q0", q0: rsiSpace, code: "AuthenticationFailed", text: "The ticket is not good"}
		},
		unbound: schemaFault,
		act:     func(c *call) func(c *call) *fault { return actions[c.action] },
		unknown: func(*call) *fault { return schemaFault() },
	}
}

// schemaFault is what the fetching service says to most mistakes.
func schemaFault() *fault {
	return &fault{faultcode: "soap:Client", text: "Schema validation error", direct: true}
}

// getMetadata tells of all messages that wait.
func getMetadata(c *call) *fault {
	data := c.s.metadata(c.visitor.account)
	c.out.open("GetMetadataResponse", "xmlns", rsiSpace)
	if c.s.quirks.LooseOffline {
		if len(c.do.kids) == 0 {
			return &fault{bare: true}
		}
		c.out.text(data)
	} else {
		c.out.raw(data)
	}
	c.out.end("GetMetadataResponse")
	return nil
}

// getMessage gives one message as RFC 822 has it. Its line ends stand in the document as they are, and so are read as LF:
// libpurple knows no others there.
func getMessage(c *call) *fault {
	id := c.do.get("messageId")
	for i := range c.visitor.account.web.mailbox {
		m := &c.visitor.account.web.mailbox[i]
		if !strings.EqualFold(m.id, id) {
			continue
		}
		m.read = m.read || c.do.yes("alsoMarkAsRead")
		c.out.open("GetMessageResponse", "xmlns", rsiSpace).open("GetMessageResult").raw(markup.Replace(wholeMail(*m))).end("GetMessageResult", "GetMessageResponse")
		return nil
	}
	return schemaFault()
}

// deleteMessages deletes messages, all or none, and tells all endpoints.
func deleteMessages(c *call) *fault {
	a := c.visitor.account
	ids := c.do.texts("messageIds")
	var rest []offlineMessage
	for _, m := range a.web.mailbox {
		if !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, m.id) }) {
			rest = append(rest, m)
		}
	}
	gone := len(a.web.mailbox) - len(rest)
	if gone == 0 || gone != len(ids) {
		return schemaFault()
	}
	a.web.mailbox = rest
	c.s.tellMail(a, "text/x-msmsgsactivemailnotification; charset=UTF-8",
		"Src-Folder: .!!OIM\r\nDest-Folder: .!!trAsH\r\nMessage-Delta: "+itoa(gone)+"\r\n")
	c.out.open("DeleteMessagesResponse", "xmlns", rsiSpace).end("DeleteMessagesResponse")
	return nil
}

// storeService is oim.asmx. Its messages have no element of an action: the SOAPAction says which it is.
func (s *Server) storeService() *service {
	return &service{
		namespace: storeSpace, site: secureSite, also: ticketSite, coded: true,
		ticket: func(c *call) string { return c.header.kid("Ticket").attr("passport") },
		stale:  storeTicketFault,
		act: func(c *call) func(c *call) *fault {
			switch strings.TrimSuffix(c.soapAction(), "/") {
			case storeSpace + "Store":
				c.action = "Store"
			case store2Space + "Store2":
				c.action, c.namespace = "Store2", store2Space
			default:
				return nil
			}
			return storeMessage
		},
		unknown: func(*call) *fault { return schemaFault() },
	}
}

// storeFault is a refusal with a code of the service.
func (c *call) storeFault(code, text, detail string) *fault {
	return &fault{prefix: "q0", q0: c.namespace, code: code, text: text, extra: detail}
}

// storeTicketFault asks for a better ticket, in the words of the version.
func storeTicketFault(c *call) *fault {
	var w answer
	if c.action == "Store2" {
		w.leaf("RequiredAuthPolicy", "MBI_SSL", "xmlns", c.namespace)
	} else {
		w.leaf("TweenerChallenge", "lc=1033,id=507,tw=40,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom", "xmlns", c.namespace)
	}
	return c.storeFault("AuthenticationFailed", "Exception of type 'System.Web.Services.Protocols.SoapException' was thrown.", string(w.bytes()))
}

// storeMessage leaves a message for somebody.
func storeMessage(c *call) *fault {
	a, s := c.visitor.account, c.s
	ticket := c.header.kid("Ticket")
	key := ticket.attr("lockkey")
	if key == "" || !s.quirks.LooseOffline && !a.unlocks(ticket.attr("appid"), key) {
		var w answer
		challenge := a.lockChallenge()
		if s.quirks.LooseOffline {
			challenge = "1850937852"
		}
		w.leaf("LockKeyChallenge", challenge, "xmlns", c.namespace)
		return c.storeFault("AuthenticationFailed", "The lock key is missing or wrong.", string(w.bytes()))
	}
	if c.tooFast() {
		return c.storeFault("SenderThrottleLimitExceeded", "Exception of type 'SenderThrottleLimitExceeded' was thrown.", "")
	}
	number := c.header.get("Sequence/MessageNumber")
	if c.body.get("MessageType") != "text" {
		return c.storeFault("InvalidContent", "The message type is not text.", "")
	}
	content := c.body.at("Content")
	if content == nil {
		return c.storeFault("InvalidContent", "There is no content.", "")
	}
	m, err := readOffline(content.text, number)
	if err != nil {
		return c.storeFault("InvalidContent", err.Error(), "")
	}
	other := s.accounts[strings.ToLower(c.header.kid("To").attr("memberName"))]
	unable := !strings.EqualFold(c.header.kid("From").attr("memberName"), a.passport) || other == nil || other == a ||
		!other.allows(a.passport) || len(other.web.mailbox) >= maxMailbox
	if unable {
		return c.storeFault("SystemUnavailable", "The recipient cannot be reached.", "")
	}
	m.from, m.fromName, m.to, m.at, m.id = a.passport, a.name, other.passport, s.now(), newMessageID()
	if name := decodeWord(c.header.kid("From").attr("friendlyName")); name != "" {
		m.fromName = clip(name)
	}
	a.web.left = append(a.web.left, s.now())
	s.storeOffline(m)
	c.stored(number)
	return nil
}

// tooFast tells whether somebody has left as many messages in a minute as are allowed.
func (c *call) tooFast() bool {
	a, limit := c.visitor.account, c.s.quirks.OfflinePerMinute
	before := c.s.now().Add(-time.Minute)
	a.web.left = slices.DeleteFunc(a.web.left, func(t time.Time) bool { return t.Before(before) })
	return limit > 0 && len(a.web.left) >= limit
}

// stored writes that a message was taken.
func (c *call) stored(number string) {
	c.head.open("SequenceAcknowledgment", "xmlns", "http://schemas.xmlsoap.org/ws/2003/03/rm").
		leaf("Identifier", "http://messenger.msn.com", "xmlns", "http://schemas.xmlsoap.org/ws/2002/07/utility").
		leaf("AcknowledgmentRange", "", "Upper", number, "Lower", number).end("SequenceAcknowledgment")
	c.out.open("StoreResponse", "xmlns", c.namespace).leaf("PointsConsumed", "0").end("StoreResponse")
}

var errOfflineContent = errors.New("the content is malformed")

// readOffline reads the MIME text of a message and checks it as the service does (services.md 10.3).
func readOffline(content, number string) (offlineMessage, error) {
	content = strings.ReplaceAll(strings.TrimLeft(content, "\r\n"), "\r\n", "\n")
	head, body, ok := strings.Cut(content, "\n\n")
	header := map[string]string{}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ":")
		header[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	run := header["x-oim-run-id"]
	sequence, err := strconv.Atoi(header["x-oim-sequence-num"])
	good := ok && err == nil && sequence >= 0 && header["x-oim-sequence-num"] == number && header["mime-version"] == "1.0" &&
		strings.HasPrefix(strings.ToLower(header["content-type"]), "text/plain") &&
		strings.EqualFold(header["content-transfer-encoding"], "base64") && header["x-oim-message-type"] == "OfflineMessage" &&
		normalGUID(run) != "" && strings.HasPrefix(run, "{")
	for line := range strings.SplitSeq(body, "\n") {
		good = good && len(line) <= 77
	}
	if !good {
		return offlineMessage{}, errOfflineContent
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil || len(text) > maxOfflineText || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return offlineMessage{}, errOfflineContent
	}
	return offlineMessage{text: string(text), runID: run, sequence: sequence}, nil
}

// decodeWord reads a name of RFC 2047; what is none is itself.
func decodeWord(s string) string {
	name, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil || !utf8.ValidString(name) {
		return s
	}
	return name
}
