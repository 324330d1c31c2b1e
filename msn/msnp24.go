package msn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/matrix-msn/matrix-msn/msn/internal/tickets"
	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// MSNP24 is experimental: no server is known, and all that is known of it comes from one client (core.md 14).
// It has a server, an alphabet and a way of signing in of its own, but says the same things as MSNP21 in them.
// So the notification connection speaks MSNP21 here too, and a tongue translates every command on its way.

// Namespaces of MSNP24.
const (
	spaceConnection    = "CON"
	spaceUser          = `CON\USER`
	spaceClient        = `CON\MSGR`
	spaceChallenge     = `MSGR\CHALLENGE`
	spacePresence      = `MSGR\PRESENCE`
	spaceContacts      = `MSGR\CONTACTS`
	spaceSubscriptions = `MSGR\SUBSCRIPTIONS`
	spaceMessages      = "MSGR"
)

// chatService is the site whose ticket opens MSNP24.
const chatService = "chatservice.live.com"

// tongue translates between MSNP21 and MSNP24. It is used by the writer and the reader of one connection.
type tongue struct {
	mu           sync.Mutex
	registration string            // what the server wants to be told in every payload
	asked        map[uint32]string // what a PUT was before it was translated, by TrID
	messages     int
	admitted     chan struct{} // gets the answer that ends the sign-in
}

func newTongue() *tongue {
	return &tongue{asked: make(map[uint32]string), admitted: make(chan struct{}, 1)}
}

// maxAsked bounds the questions that are remembered; the answers of a living server empty the map.
const maxAsked = 1024

// out translates a command of mine. number gives a TrID to those that have none in other versions.
func (t *tongue) out(cmd wire.Command, number func() uint32) wire.Command {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := wire.Command24{Name: cmd.Name, TrID: cmd.TrID, Namespace: arg(cmd.Args, 0), Body: cmd.Payload}
	switch cmd.Name {
	case "PNG", "OUT":
		return wire.Command24{Name: cmd.Name, TrID: number(), Namespace: spaceConnection}.Command()
	case "ADL":
		c.Name, c.Namespace = "PUT", spaceContacts
		if len(t.asked) < maxAsked {
			t.asked[cmd.TrID] = cmd.Name
		}
	case "PUT":
		if c.Namespace == "" {
			c.Namespace = spacePresence
		}
	case "SDG":
		c.Namespace = spaceMessages
	case "ACK":
		c.Namespace, c.Body = spaceMessages, []byte{}
		c.Top = append(c.Top, wire.Header{Name: "Ack-Id", Value: arg(cmd.Args, 0)})
	}
	if t.registration != "" {
		c.Top = append(c.Top, wire.Header{Name: "Registration", Value: t.registration})
	}
	if c.Body == nil {
		c.Body = []byte{}
	}
	return c.Command()
}

// in translates a command of the server. A broken top block makes the payload empty.
func (t *tongue) in(cmd wire.Command) wire.Command {
	c, err := wire.SplitMSNP24(cmd)
	if err != nil {
		return wire.Command{Name: cmd.Name, TrID: cmd.TrID, HasTrID: cmd.HasTrID}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := c.Get("Set-Registration"); r != "" {
		t.registration = r
	}
	was := t.asked[c.TrID]
	if _, refused := cmd.ErrorCode(); refused || was != "" && c.Name == "PUT" {
		delete(t.asked, c.TrID)
	}
	answer := wire.Command{Name: c.Name, TrID: c.TrID, HasTrID: true, Payload: c.Body}
	switch c.Name {
	case "PNG":
		return wire.Command{Name: "QNG", Args: []string{strings.TrimSpace(elementText(string(c.Body), "wait"))}}
	case "OUT":
		return wire.Command{Name: "OUT"}
	case "PUT":
		answer.Args = []string{"OK"}
		if was != "" {
			answer.Name, answer.Payload = was, nil
		} else if kind, _ := kindOf(c.Body); kind == "" {
			answer.Payload = nil // a document about the request, not an envelope
		}
	case "SDG":
		answer.Args = []string{c.Get("Ack-Id")}
	case "NFY":
		return notification24(c)
	case "ATH":
		answer.Args = []string{c.Namespace}
	}
	return answer
}

// notification24 is NFY: its namespace says what it is about.
func notification24(c wire.Command24) wire.Command {
	switch _, about, _ := strings.Cut(strings.ToUpper(c.Namespace), `\`); about {
	case "PUT", "DEL":
		return wire.Command{Name: "NFY", Args: []string{about}, Payload: c.Body}
	case "HOTMAIL":
		return wire.Command{Name: "MSG", Args: []string{"Hotmail", "Hotmail"}, Payload: c.Body}
	case "ABCH":
		return wire.Command{Name: "NOT", Payload: c.Body}
	}
	return wire.Command{Name: "NFY", Args: []string{"other"}, Payload: c.Body}
}

// kindOf tells whether something is an envelope.
func kindOf(body []byte) (kind, version string) {
	e, err := wire.ParseEnvelope(body)
	if err != nil {
		return "", ""
	}
	return e.Kind()
}

// newConn24 makes a connection whose commands a tongue translates.
func newConn24(nc net.Conn, trace func(string)) *conn {
	c := newConn(nc, trace)
	c.reader, c.tongue = wire.NewReader(nc, wire.FromServer24), newTongue()
	c.here, c.there = wire.FromClient24, wire.FromServer24
	return c
}

// skypeAuth is the sign-in of MSNP24: a ticket of its own, and a challenge. The form with an account of Skype needs
// a service that is no more, so only that with the ticket is there (core.md 14).
type skypeAuth struct{}

func (skypeAuth) signIn(ctx context.Context, nc *notificationConn) ([]string, error) {
	if err := nc.connect24(ctx); err != nil {
		return nil, err
	}
	sites := append([]tickets.Site{
		{Address: tickets.TokenBroker}, {Address: chatService, Policy: "MBI_SSL", Required: true}, {Address: tickets.Messenger, Policy: "?id=507"},
	}, services...)
	err := nc.tryTickets(ctx, func(ctx context.Context, from TicketSource) error { return nc.web.request(ctx, from, sites) })
	if err != nil {
		return nil, nc.failed("ticket", err)
	}
	body := element("user", element("ssl-compact-ticket", userdoc.Escape(nc.web.ticket(chatService)))+element("uic", "")+
		element("ssl-site-name", chatService))
	if _, err := nc.ask24(ctx, "ATH", spaceUser, body); err != nil {
		return nil, nc.failed("ATH", err)
	}
	name, version, _ := strings.Cut(nc.clientName(), ":")
	body = element("msgr", element("ver", "2")+element("altVersions", element("ver", "1"))+
		element("client", element("name", userdoc.Escape(name))+element("ver", userdoc.Escape(version)))+element("epid", nc.cfg.MachineGUID))
	got, err := nc.ask24(ctx, "BND", spaceClient, body)
	if err != nil {
		return nil, nc.failed("BND", err)
	}
	id, key := nc.product()
	nonce := elementText(string(got.Payload), "nonce")
	body = element("challenge", element("appId", userdoc.Escape(id))+element("response", nc.dialect.challenge.answer(nonce, id, key)))
	if _, err := nc.ask24(ctx, "PUT", spaceChallenge, body); err != nil {
		return nil, nc.failed("challenge", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, ErrNoAnswer)
	defer cancel()
	select {
	case <-nc.tongue.admitted:
		return []string{nc.cfg.Passport, "1"}, nil
	case <-nc.done:
		return nil, nc.failed("ATH", nc.reason())
	case <-ctx.Done():
		return nil, nc.failed("ATH", context.Cause(ctx))
	}
}

// connect24 is CNT, which a server may answer with another address and what to tell there.
func (nc *notificationConn) connect24(ctx context.Context) error {
	state := ""
	if nc.hop != "" {
		state = element("xfr", element("state", userdoc.Escape(nc.hop)))
	}
	agent := element("agent", element("os", "winnt")+element("osVer", "5.2")+element("proc", "x86")+element("lcid", "en-us"))
	got, err := nc.ask24(ctx, "CNT", spaceConnection, element("connect", state+element("ver", "2")+agent))
	if err != nil {
		return nc.failed("CNT", err)
	}
	if got.Name != "XFR" {
		return nil
	}
	doc := string(got.Payload)
	target := strings.TrimSpace(elementText(doc, "target"))
	if _, _, err := net.SplitHostPort(target); err != nil {
		return nc.failed("CNT", errOddAnswer)
	}
	return &redirect{addr: target, hop: elementText(doc, "state")}
}

// ask24 asks in a namespace.
func (nc *notificationConn) ask24(ctx context.Context, name, namespace, body string) (wire.Command, error) {
	cmd := command(name, namespace)
	cmd.Payload = []byte(body + "\r\n")
	return nc.ask(ctx, cmd, nil)
}

// element is an XML element; the content is XML already.
func element(name, content string) string { return "<" + name + ">" + content + "</" + name + ">" }

// admitted is ATH that nobody asked for: the sign-in is complete.
func (nc *notificationConn) admitted() {
	if nc.tongue == nil {
		return
	}
	select {
	case nc.tongue.admitted <- struct{}{}:
	default:
	}
}

// acknowledge tells that a message has come (ACK). The reader must not wait for the write.
func (nc *notificationConn) acknowledge(id string) {
	nc.client.start(func(ctx context.Context) {
		_ = nc.tell(ctx, command("ACK", id)) // a failed write has closed the connection
	})
}

// subscribe24 asks for what the server pushes.
func (nc *notificationConn) subscribe24(ctx context.Context) error {
	body := element("subscribe", element("presence", element("buddies", "<all />"))+element("messaging", "<im /><conversations />")+
		element("notifications", element("partners", element("partner", "Hotmail")+element("partner", "ABCH"))))
	if _, err := nc.ask24(ctx, "PUT", spaceSubscriptions, body); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// nextMessage is the id that MSNP24 wants in a message.
func (t *tongue) nextMessage() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages++
	return strconv.Itoa(t.messages)
}

// clientType24 is what the clients of MSNP24 said they were.
const clientType24 = "11"

// dressed24 makes parts of my document what MSNP24 has: the place is named in each part about one, and
// capabilities have a third number.
func dressed24(parts []userdoc.Part, id string) []userdoc.Part {
	for i, p := range parts {
		if !p.PerEndpoint {
			continue
		}
		parts[i].Endpoint = id
		for j, f := range p.Fields {
			switch {
			case f.Name == fieldCapabilities && p.Service == userdoc.Messaging:
				p.Fields[j].Value += ":0"
			case f.Name == fieldClient, f.Name == "TYP":
				p.Fields[j].Value = clientType24
			}
		}
	}
	return parts
}

// errNotTogether is for a configuration that offers MSNP24 with others.
var errNotTogether = errors.New("Versions: MSNP24 has a server of its own and is offered alone")
