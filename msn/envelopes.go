package msn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// notified is NFY: circles and groups, and in MSNP21 presence (core.md 11.3, 13.2 and 13.4).
func (nc *notificationConn) notified(ctx context.Context, cmd wire.Command) error {
	e, err := wire.ParseEnvelope(cmd.Payload)
	if err != nil {
		nc.client.comment("NFY makes no sense: " + err.Error())
		return nil
	}
	gone := strings.EqualFold(arg(cmd.Args, 0), "DEL")
	media := mediaType(e.Get("Content-Type"))
	switch from := e.From(); {
	case from.Network == NetworkCircle:
		nc.circleTold(ctx, &e, gone)
	case from.Network == NetworkGroup:
		nc.parties.told(ctx, nc, &e, gone)
	case media == "application/user+xml" || media == "" && strings.EqualFold(e.Get("Uri"), "/user"):
		return nc.userTold(ctx, &e, gone)
	}
	return nil
}

// circleTold is NFY of a circle: its name, who takes part, who has left.
func (nc *notificationConn) circleTold(ctx context.Context, e *wire.Envelope, gone bool) {
	id := circleID(e.From())
	var events []Event
	switch user, about := userdoc.ParseRosterUser(e.Get("Uri")); {
	case gone && about:
		events = append(events, nc.circles.left(id, passportOf(user)))
	case gone:
	default:
		doc, err := userdoc.ParseCircle(e.Body)
		if err != nil {
			nc.client.comment("a document about a circle makes no sense: " + err.Error())
			return
		}
		if doc.Props != nil {
			events = append(events, nc.circles.named(id, doc.Props.Name))
		}
		events = append(events, nc.circles.roster(id, doc.Members))
		if strings.EqualFold(e.Get("NotifType"), "Sync") {
			nc.joinAgain(id)
		}
	}
	for _, event := range events {
		if event != nil {
			nc.report(ctx, event)
		}
	}
}

// joinAgain takes part in a circle once more, if I do already: the service has asked for it.
func (nc *notificationConn) joinAgain(id string) {
	if !nc.circles.joinedTo(id) {
		return
	}
	nc.client.start(func(ctx context.Context) {
		if err := nc.join(ctx, circleAddress(id)); err != nil {
			nc.client.comment("circle " + id + " could not be joined again: " + err.Error())
		}
	})
}

// joinedTo tells whether I take part in a circle.
func (c *circles) joinedTo(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.known[id]
	return s != nil && s.joined
}

// spoken is SDG: a message over the notification connection.
func (nc *notificationConn) spoken(ctx context.Context, cmd wire.Command) {
	e, err := wire.ParseEnvelope(cmd.Payload)
	if err != nil {
		nc.client.comment("SDG makes no sense: " + err.Error())
		return
	}
	if id := arg(cmd.Args, 0); id != "" {
		nc.acknowledge(id)
	}
	nc.spokenIn(ctx, &e)
}

// spokenIn is spoken for an envelope.
func (nc *notificationConn) spokenIn(ctx context.Context, e *wire.Envelope) {
	from, to := e.From(), e.To()
	sender := passportOf(from)
	if checkPassport(sender) != nil || sender == nc.cfg.Passport && from.EndpointID == nc.cfg.MachineGUID {
		return // what I have said myself
	}
	if nc.transferred(e, sender) {
		return
	}
	m := parseSDG(e, sender)
	if m == nil {
		return
	}
	in, name := With(sender), ""
	switch {
	case circleID(to) != "" || from.ViaNetwork == NetworkCircle:
		id := circleID(to)
		if id == "" {
			id = circleID(wire.Address{Network: from.ViaNetwork, Account: from.ViaAccount})
		}
		in, _ = nc.circles.conversation(nc.cfg.Passport, id)
		name = nc.circles.nameOf(id, sender)
	case to.Network == NetworkGroup:
		in = nc.parties.conversation(nc.cfg.Passport, lower(to.Account), sender)
	case nc.dialect.sdg != sdgAll:
		return
	case sender == nc.cfg.Passport: // written at another place of mine
		in = With(passportOf(to))
	}
	if told := cleanContext(e.Get("IM-Display-Name")); told != "" {
		name = told
	}
	nc.heardAt(ctx, sender, name, in, m, arrival(e, time.Now()))
}

// heardAt reports a message that came over the notification connection, with what is told of it.
func (nc *notificationConn) heardAt(ctx context.Context, from, name string, in Conversation, m Message, at time.Time) {
	nc.mu.Lock()
	nc.received++
	id := messageID(nc.session, from, nc.received)
	nc.mu.Unlock()
	if c, ok := nc.roster.find(from); ok && (name == "" || name == from) {
		name = c.FriendlyName
	}
	if name == "" {
		name = from
	}
	nc.report(ctx, MessageReceived{ID: id, Conversation: in, From: from, FriendlyName: name, At: at, Message: m})
}

// chatter is how a dialect carries conversations that are in no circle.
type chatter interface {
	// send delivers a message, see [Client.Send].
	send(ctx context.Context, nc *notificationConn, to Conversation, m Message) (Sent, error)
	// open makes sure that the conversation is there, see [Client.Open].
	open(ctx context.Context, nc *notificationConn, to Conversation) (Conversation, error)
	// invite asks one more person in, see [Client.Invite].
	invite(ctx context.Context, nc *notificationConn, to Conversation, passport string) (Conversation, error)
	// leave ends my part in it, see [Client.Leave].
	leave(ctx context.Context, nc *notificationConn, to Conversation) error
}

// envelopes is the chat of MSNP21: everything goes over the notification connection (core.md 13.3).
type envelopes struct {
	groups bool // temporary groups exist
}

// grouping tells whether there can be a group.
func (e envelopes) grouping() error {
	if !e.groups {
		return fmt.Errorf("a talk of several people: %w", ErrUnsupported)
	}
	return nil
}

func (e envelopes) send(ctx context.Context, nc *notificationConn, to Conversation, m Message) (Sent, error) {
	if !to.Group && to.Session == "" {
		sent := Sent{ID: nc.nextHere(), At: time.Now(), Conversation: to}
		return sent, nc.sendEnvelopes(ctx, addressOfPassport(to.Participants[0]), channelOnline, m)
	}
	if err := e.grouping(); err != nil {
		return Sent{}, err
	}
	conv, err := nc.parties.reach(ctx, nc, to)
	if err != nil {
		return Sent{}, err
	}
	address := partyAddress(conv.Session)
	address.Path = chatPath
	sent := Sent{ID: nc.nextHere(), At: time.Now(), Conversation: conv}
	return sent, nc.sendEnvelopes(ctx, address, "", m)
}

func (e envelopes) open(ctx context.Context, nc *notificationConn, to Conversation) (Conversation, error) {
	if !to.Group && to.Session == "" {
		return to, nil
	}
	if err := e.grouping(); err != nil {
		return Conversation{}, err
	}
	return nc.parties.reach(ctx, nc, to)
}

func (e envelopes) invite(ctx context.Context, nc *notificationConn, to Conversation, passport string) (Conversation, error) {
	if err := e.grouping(); err != nil {
		return Conversation{}, err
	}
	if !to.Group && to.Session == "" {
		group := With(append(to.Participants, passport)...)
		return nc.parties.reach(ctx, nc, group)
	}
	conv, err := nc.parties.reach(ctx, nc, to)
	if err != nil {
		return Conversation{}, err
	}
	return nc.parties.gather(ctx, nc, conv.Session, []string{passport})
}

func (envelopes) leave(ctx context.Context, nc *notificationConn, to Conversation) error {
	conv, ok := nc.parties.find(nc.cfg.Passport, to)
	if !ok {
		return nil
	}
	return nc.parties.leave(ctx, nc, conv.Session)
}
