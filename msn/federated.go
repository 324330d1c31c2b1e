package msn

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// federatedKind is the type of UUM and UBM (core.md 11.1).
type federatedKind int

const (
	federatedText   federatedKind = 1
	federatedTyping federatedKind = 2
	federatedNudge  federatedKind = 3
)

// federated is UBM: a message from another network, over the notification connection. MSNP14 names the
// sender alone, later versions the receiver too; the number of fields tells.
func (nc *notificationConn) federated(ctx context.Context, cmd wire.Command) {
	network, err := strconv.Atoi(arg(cmd.Args, 1))
	if err != nil {
		network = 0
	}
	from, circle := readAddress(arg(cmd.Args, 0), network)
	if from == "" || circle != "" {
		return
	}
	m, err := ParseMessage(cmd.Payload)
	if err != nil {
		m = &Unknown{Body: cmd.Payload}
	}
	with := from
	if from == nc.cfg.Passport { // another place of mine has written it
		if len(cmd.Args) < 4 {
			return
		}
		to, err := strconv.Atoi(arg(cmd.Args, 3))
		if err != nil {
			to = 0
		}
		with, _ = readAddress(arg(cmd.Args, 2), to)
	}
	nc.heard(ctx, from, With(with), m)
}

// heard reports a message that came over the notification connection.
func (nc *notificationConn) heard(ctx context.Context, from string, in Conversation, m Message) {
	nc.mu.Lock()
	nc.received++
	id := messageID(nc.session, from, nc.received)
	nc.mu.Unlock()
	name := from
	if c, ok := nc.roster.find(from); ok {
		name = c.FriendlyName
	}
	nc.report(ctx, MessageReceived{ID: id, Conversation: in, From: from, FriendlyName: name, At: time.Now(), Message: m})
}

// nextHere numbers a message of mine over the notification connection.
func (nc *notificationConn) nextHere() MessageID {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	nc.sentHere++
	return messageID(nc.session, nc.cfg.Passport, nc.sentHere)
}

// elsewhere tells whether a conversation is with somebody of another network, who is reached without a
// switchboard.
func elsewhere(to Conversation) (network int, account string, ok bool) {
	if len(to.Participants) != 1 || to.Circle != "" {
		return 0, "", false
	}
	network, account = SplitPassport(to.Participants[0])
	return network, account, network != NetworkMSN
}

// sendFederated is UUM: text, typing and nudges only (core.md 11.1). It is not confirmed.
func (nc *notificationConn) sendFederated(ctx context.Context, network int, account string, to Conversation, m Message) (Sent, error) {
	kind := federatedText
	payloads := [][]byte{AppendMessage(nil, m)}
	switch m := m.(type) {
	case *TextMessage:
		payloads = SplitText(m, false, newChunkID)
	case *Typing:
		kind = federatedTyping
	case *Nudge:
		kind = federatedNudge
	default:
		return Sent{}, fmt.Errorf("to another network than MSN: %w", ErrUnsupported)
	}
	sent := Sent{ID: nc.nextHere(), At: time.Now(), Conversation: to}
	for _, payload := range payloads {
		cmd := command("UUM", wire.Encode(account), strconv.Itoa(network), strconv.Itoa(int(kind)))
		cmd.Payload = payload
		if kind == federatedTyping {
			return sent, nc.tell(ctx, cmd)
		}
		if err := nc.unrefused(ctx, cmd); err != nil {
			return Sent{}, err
		}
	}
	return sent, nil
}
