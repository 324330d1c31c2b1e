package msn

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/oim"
	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// offlineForm is how a text is left for somebody who is away (services.md 10.3 and 10.4).
type offlineForm uint8

const (
	offlineNone   offlineForm = iota
	offlineStore              // web service, 2004
	offlineStore2             // web service, 2006
	offlineUUM                // notification server
	offlineSDG                // and in an envelope (MSNP21)
)

const (
	// maxOffline bounds how many waiting messages are fetched in one sign-in.
	maxOffline = 10000
	// offlineTimeout is for fetching one message, or sending one with its attempts.
	offlineTimeout = 2 * time.Minute
)

// offlineInbox is what is known of messages that wait.
type offlineInbox struct {
	seen     map[string]bool // ids that were reported
	waiting  []oim.Header
	tooMany  bool // the service only said that there are many
	fetching bool
	sender   *oim.Sender
	run      string
	sequence int
}

// newOfflineSender makes the sender of this sign-in; it keeps the lock key.
func (nc *notificationConn) newOfflineSender() *oim.Sender {
	id, key := nc.product()
	w := nc.web
	return &oim.Sender{
		Caller: w.caller, URL: nc.cfg.Server.OfflineStore, Passport: nc.cfg.Passport, FriendlyName: nc.roster.ownName,
		Ticket: w.offlineTicket, ProductID: id, Version: nc.dialect.version.String(), BuildVersion: nc.dialect.clientVersion,
		Store2:    nc.dialect.offline == offlineStore2,
		Challenge: func(challenge string) string { return ChallengeNew(challenge, id, key) },
	}
}

// offlineTicket is what opens the service for sending: its own ticket, else that of the sign-in.
func (w *web) offlineTicket() string {
	if t := w.ticket(tickets.MessengerSecure); t != "" {
		return t
	}
	t, p := w.mailTicket()
	return "t=" + t + "&p=" + p
}

// mailTicket is what opens the mailbox where messages wait, in two parts.
func (w *web) mailTicket() (t, p string) {
	if ticket := w.ticket(tickets.Messenger); ticket != "" {
		return tickets.Parts(ticket)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mspAuth, w.mspProf
}

// mailData is Mail-Data: counts of mail, and the messages that wait.
func (nc *notificationConn) mailData(ctx context.Context, text string, initial bool) {
	data, err := oim.ReadMailData(text)
	if err != nil {
		nc.client.comment("Mail-Data makes no sense: " + err.Error())
		data = oim.MailData{TooLarge: true} // then the service is asked
	}
	if initial && err == nil && !data.TooLarge {
		nc.mailCounted(ctx, data.InboxUnread, data.FoldersUnread)
	}
	nc.mu.Lock()
	box := &nc.oims
	box.tooMany = box.tooMany || data.TooLarge
	for _, h := range data.Messages {
		if len(box.waiting) < maxOffline {
			box.waiting = append(box.waiting, h)
		}
	}
	mine := !box.fetching && (len(box.waiting) > 0 || box.tooMany)
	box.fetching = box.fetching || mine
	nc.mu.Unlock()
	if mine && !nc.client.start(nc.fetchOffline) {
		nc.mu.Lock()
		box.fetching = false
		nc.mu.Unlock()
	}
}

// fetchOffline brings what waits, until nothing is left.
func (nc *notificationConn) fetchOffline(ctx context.Context) {
	select { // messages come after the sign-in is complete
	case <-nc.client.ready:
	case <-nc.done:
		return
	case <-ctx.Done():
		return
	}
	for {
		nc.mu.Lock()
		headers, tooMany := nc.oims.waiting, nc.oims.tooMany
		nc.oims.waiting, nc.oims.tooMany = nil, false
		if len(headers) == 0 && !tooMany {
			nc.oims.fetching = false
			nc.mu.Unlock()
			return
		}
		nc.mu.Unlock()
		if err := nc.bringOffline(ctx, headers, tooMany); err != nil && ctx.Err() == nil {
			nc.client.comment("offline messages could not be fetched: " + err.Error())
			nc.report(ctx, OfflineTrouble{Err: err})
		}
	}
}

// bringOffline fetches messages and reports them in their order. What cannot be fetched stays with the service.
func (nc *notificationConn) bringOffline(ctx context.Context, headers []oim.Header, all bool) error {
	fetcher := &oim.Fetcher{Caller: nc.web.caller, URL: nc.cfg.Server.OfflineFetch, Ticket: nc.web.mailTicket}
	if fetcher.URL == "" {
		return fmt.Errorf("no URL for offline messages is configured: %w", ErrUnsupported)
	}
	var failed error
	if all {
		failed = nc.web.use(ctx, func(ctx context.Context) error {
			data, err := fetcher.Metadata(ctx)
			headers = append(headers, data.Messages...)
			return err
		})
	}
	var messages []oim.Message
	for _, h := range headers {
		if nc.knowsOffline(h.ID) {
			continue
		}
		var m oim.Message
		err := nc.web.use(ctx, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, offlineTimeout)
			defer cancel()
			m, err = fetcher.Message(ctx, h.ID)
			return err
		})
		if err != nil {
			nc.forgetOffline(h.ID)
			failed = err
			if !nc.alive() || ctx.Err() != nil {
				break
			}
			continue
		}
		m.ID = h.ID
		m.Complete(h)
		messages = append(messages, m)
	}
	oim.Sort(messages)
	for _, m := range messages {
		nc.report(ctx, OfflineMessageReceived{OfflineMessage{
			ID: m.ID, From: lower(m.From), FriendlyName: m.Name, At: m.At, Text: m.Text, Run: m.RunID, Sequence: m.Sequence,
		}})
	}
	return failed
}

// knowsOffline tells whether a message was reported, and counts it as such.
func (nc *notificationConn) knowsOffline(id string) bool {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	if nc.oims.seen == nil {
		nc.oims.seen = make(map[string]bool)
	}
	known := nc.oims.seen[id]
	nc.oims.seen[id] = true
	return known
}

func (nc *notificationConn) forgetOffline(id string) {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	delete(nc.oims.seen, id)
}

// DeleteOfflineMessages tells the service that messages have arrived for good (RSI). ErrUnsupported before
// MSNP11 and where the service has none.
func (c *Client) DeleteOfflineMessages(ctx context.Context, ids ...string) error {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return err
	}
	if nc.dialect.offline == offlineNone || c.cfg.Server.OfflineFetch == "" {
		return fmt.Errorf("delete offline messages: %w", ErrUnsupported)
	}
	if len(ids) == 0 {
		return nil
	}
	fetcher := &oim.Fetcher{Caller: nc.web.caller, URL: c.cfg.Server.OfflineFetch, Ticket: nc.web.mailTicket}
	if err := nc.web.use(ctx, func(ctx context.Context) error { return fetcher.Delete(ctx, ids...) }); err != nil {
		return fmt.Errorf("delete offline messages: %w", err)
	}
	return nil
}

// SendOffline leaves a text for somebody who is away, with the service, which hands it over at their next
// sign-in. ErrUnsupported before MSNP11 and where the service has none; ErrContactBlocked if it is refused
// (they block me, or there is no such account); ErrTooFast if there were too many. From MSNP18 the notification
// server takes it without an answer, so that nobody can say that it was kept: Acknowledged is false then.
// Texts over the limit of one message are sent as several.
func (c *Client) SendOffline(ctx context.Context, passport, text string) (Sent, error) {
	contact, err := c.known(passport)
	if err != nil {
		return Sent{}, fmt.Errorf("send offline: %w", err)
	}
	nc, err := c.signedIn(ctx)
	if err != nil {
		return Sent{}, err
	}
	network, _ := SplitPassport(contact.Passport)
	form := nc.dialect.offline
	switch {
	case form == offlineNone, network != NetworkMSN, form < offlineUUM && c.cfg.Server.OfflineStore == "":
		return Sent{}, fmt.Errorf("send offline: %w", ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, offlineTimeout)
	defer cancel()
	sent := Sent{At: time.Now(), Conversation: With(contact.Passport), Acknowledged: form < offlineUUM}
	for i, part := range splitOffline(text) {
		sequence := nc.nextOffline()
		switch form {
		case offlineUUM:
			err = nc.leaveUUM(ctx, contact.Passport, part)
		case offlineSDG:
			err = nc.sendEnvelopes(ctx, addressOfPassport(contact.Passport), channelOffline, &TextMessage{Text: part})
		default:
			err = nc.leaveText(ctx, contact.Passport, part, sequence)
		}
		if err != nil {
			return Sent{}, fmt.Errorf("send offline to %s: %w", contact.Passport, err)
		}
		if i == 0 {
			sent.ID = MessageID(nc.session + "/offline/" + strconv.Itoa(sequence))
		}
	}
	return sent, nil
}

// splitOffline cuts a text into parts that one message holds.
func splitOffline(text string) []string {
	const most = 1024 // bytes; the header and the encoding of the rest need room below 1664
	var parts []string
	for len(text) > most {
		part := cut(text, most)
		if at := strings.LastIndexAny(part, " \n"); at > most/2 {
			part = part[:at+1]
		}
		parts = append(parts, strings.TrimRight(part, " \n"))
		text = text[len(part):]
	}
	return append(parts, text)
}

// nextOffline numbers the messages of a sign-in.
func (nc *notificationConn) nextOffline() int {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	if nc.oims.run == "" {
		nc.oims.run, nc.oims.sender = strings.ToUpper(newGUID()), nc.newOfflineSender()
	}
	nc.oims.sequence++
	return nc.oims.sequence
}

// leaveText uses the web service.
func (nc *notificationConn) leaveText(ctx context.Context, to, text string, sequence int) error {
	nc.mu.Lock()
	sender, run := nc.oims.sender, nc.oims.run
	nc.mu.Unlock()
	return nc.web.use(ctx, func(ctx context.Context) error { return sender.Send(ctx, to, text, run, sequence) })
}

// leaveUUM uses the notification server, which says nothing if all is well: a ping after it brings its
// refusal, if there is one.
func (nc *notificationConn) leaveUUM(ctx context.Context, to, text string) error {
	cmd := command("UUM", wire.Encode(to), strconv.Itoa(NetworkMSN), "1")
	cmd.Payload = oim.AppendUUM(nil, text, "")
	return nc.unrefused(ctx, cmd)
}

// unrefused sends a command that is answered only if it is refused.
func (nc *notificationConn) unrefused(ctx context.Context, cmd wire.Command) error {
	answer := make(chan wire.Command, 1)
	cmd.TrID = nc.expect(&question{name: cmd.Name, answer: answer})
	defer nc.forget(cmd.TrID)
	if err := nc.write(ctx, cmd); err != nil {
		return unknowable(err)
	}
	silence := nc.barrier(ctx)
	select {
	case got := <-answer:
		if code, refused := got.ErrorCode(); refused {
			return &ProtocolError{cmd.Name, code}
		}
	default:
	}
	return unknowable(silence)
}
