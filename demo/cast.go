package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// role is an MSN account of the play.
type role struct {
	name, passport, password string
	versions                 []msn.Version
}

// The cast. Dave comes with the oldest client, the others with the newest that the service takes. Alice has a Matrix client, and the bridge
// signs her in. Frank is blocked by her, and Grace asks to be her contact. Nobody plays Eve: she is for a real MSN client.
var (
	alice = role{"Alice", "alice@example.com", "looking-glass", nil}
	bob   = role{"Bob", "bob@example.com", "builder", nil}
	carol = role{"Carol", "carol@example.com", "christmas", nil}
	dave  = role{"Dave", "dave@example.com", "daffodil", []msn.Version{msn.MSNP2}}
	eve   = role{"Eve", "eve@example.com", "evergreen", nil}
	frank = role{"Frank", "frank@example.com", "frankincense", nil}
	grace = role{"Grace", "grace@example.com", "graceful", nil}

	contacts = []role{bob, carol, dave}
)

// The contact groups that Alice made in Messenger, long ago: Bob is in both, Dave in none.
const friendsGroup, workGroup = "Friends", "Work 🛠"

// matrixPassword is that of Alice on the homeserver, wrongPassword one that the MSN service refuses her.
const (
	matrixPassword = "wonderland"
	wrongPassword  = "jabberwocky"
)

// service is the MSN service with everybody's account, all friends of each other but for Grace. Like the services that people use today
// it does not speak MSNP21, in which older programs see no pictures and cannot come to conferences.
func service() msntest.Config {
	cfg := msntest.Config{Refuse: []msn.Version{msn.MSNP21}}
	everybody := []role{alice, bob, carol, dave, eve, frank}
	for _, r := range everybody {
		account := msntest.Account{Passport: r.passport, Password: r.password, FriendlyName: r.name}
		for _, other := range everybody {
			if other.passport != r.passport {
				account.Friends = append(account.Friends, other.passport)
			}
		}
		cfg.Accounts = append(cfg.Accounts, account)
	}
	cfg.Accounts = append(cfg.Accounts, msntest.Account{Passport: grace.passport, Password: grace.password, FriendlyName: grace.name})
	cfg.Quirks.LenientChallenge = true // whatever client somebody brings
	return cfg
}

// enter signs a contact in.
func (p *play) enter(ctx context.Context, r role) (*stage.Contact, error) {
	return stage.Enter(ctx, p.house.MSN.MSN(), r.passport, r.password, func(cfg *msn.Config) {
		cfg.Versions = r.versions
		if r.passport == bob.passport {
			cfg.PersonalMessage.Text = "Can we fix it?"
		}
	})
}

// watchMSN prints what a contact sees, until the sign-in ends.
func (p *play) watchMSN(ctx context.Context, r role, c *stage.Contact) {
	_ = c.Follow(ctx, 0, func(e msn.Event) bool { // it ends with the context
		switch e := e.(type) {
		case msn.MessageReceived:
			if text := described(e); text != "" {
				p.screen.seen("MSN", r.name+"'s screen", nameOf(e.From)+text)
			}
		case msn.PresenceChanged:
			if e.Passport == alice.passport && !e.Initial {
				p.screen.seen("MSN", r.name+"'s screen", "("+alice.name+" is "+strings.ToLower(e.Presence.Status.Word())+")")
			}
		case msn.ParticipantJoined:
			if e.Conversation.Group {
				p.screen.seen("MSN", r.name+"'s screen", "("+nameOf(e.Passport)+" joins the conversation)")
			}
		}
		return true
	})
}

// described is what a message looks like, after the sender's name.
func described(e msn.MessageReceived) string {
	switch m := e.Message.(type) {
	case *msn.TextMessage:
		return ": " + m.Text
	case *msn.Typing:
		return " is typing..."
	case *msn.Nudge:
		return " sends a nudge!"
	}
	return ""
}

// nameOf is how the play calls an address.
func nameOf(passport string) string {
	everybody := []role{alice, bob, carol, dave, eve, frank, grace}
	if i := slices.IndexFunc(everybody, func(r role) bool { return r.passport == passport }); i >= 0 {
		return everybody[i].name
	}
	return passport
}

// watchMatrix prints what Alice sees.
func (p *play) watchMatrix(ctx context.Context) {
	_ = p.alice.Follow(ctx, 0, func(evt *event.Event) bool { // it ends with the context
		who := p.matrixName(evt.Sender)
		switch evt.Type {
		case event.EventMessage:
			content := evt.Content.AsMessage()
			switch {
			case content.Body == "": // taken back
			case evt.Sender == p.alice.UserID:
				p.screen.seen("Matrix", "Alice writes", masked(content.Body))
			case content.MsgType == nudgeType:
				p.screen.seen("Matrix", "Alice's screen", who+" sends a nudge!  ["+string(nudgeType)+"]")
			default:
				p.screen.seen("Matrix", "Alice's screen", who+": "+content.Body)
			}
		case event.EphemeralEventTyping:
			for _, user := range evt.Content.AsTyping().UserIDs {
				if user != p.alice.UserID {
					p.screen.seen("Matrix", "Alice's screen", p.matrixName(user)+" is typing...")
				}
			}
		case event.EphemeralEventPresence:
			if evt.Sender != p.alice.UserID && evt.Sender != p.house.Bridge.Bot {
				content := evt.Content.AsPresence()
				p.presence(who, strings.TrimSpace(fmt.Sprintf("(%s is %s) %s", who, content.Presence, content.StatusMessage)))
			}
		}
		return true
	})
}

// masked is a text of Alice as it may stand on a screen.
func masked(text string) string {
	if text == alice.password || text == wrongPassword {
		return strings.Repeat("*", len(text))
	}
	return text
}

// presence prints a contact's presence if it is news: the homeserver repeats it.
func (p *play) presence(who, text string) {
	if p.shown[who] != text {
		p.shown[who] = text
		p.screen.seen("Matrix", "Alice's screen", text)
	}
}

// matrixName is how the play calls a Matrix user.
func (p *play) matrixName(user id.UserID) string {
	if user == p.house.Bridge.Bot {
		return "MSN bot"
	}
	for _, r := range []role{bob, carol, dave, eve, frank, grace} {
		if user == p.house.Bridge.Ghost(r.passport) {
			return r.name
		}
	}
	if user == p.alice.UserID {
		return alice.name
	}
	return user.String()
}
