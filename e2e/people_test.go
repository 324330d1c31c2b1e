package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// patience is how long a test waits for a single thing.
const patience = time.Minute

// user is a Matrix user with an MSN account, logged in or not yet.
type user struct {
	*stage.Person
	bot      *stage.Dialogue
	passport string
	password string
}

// elsewhere plays the rest of a test in a house of its own.
func elsewhere(t *testing.T, service msntest.Config, edits map[string]any) {
	t.Helper()
	source, err := stage.SourceTree()
	if err != nil {
		t.Fatal(err)
	}
	edits["network.connect.per_second"], edits["logging.min_level"] = 100, "trace"
	usual := house
	folder := t.TempDir()
	within(t, func(ctx context.Context) (err error) {
		house, err = stage.Build(ctx, stage.Options{
			Source: source, Folder: folder, Service: service, Edits: edits,
		})
		if err != nil {
			house = usual
		}
		return err
	})
	t.Cleanup(func() {
		log := house.Bridge.Log()
		if err := house.Close(); err != nil {
			t.Error(err)
		}
		house = usual
		if err := inspect(log); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			data, _ := os.ReadFile(log) // of no use if it is not there
			t.Logf("the bridge's log:\n%s", data[max(0, len(data)-20000):])
		}
	})
}

// accounts makes addresses unique within the run.
var accounts atomic.Int64

// account makes an MSN account.
func account(t testing.TB, name string) (passport, password string) {
	t.Helper()
	passport = fmt.Sprintf("%s%d@example.com", name, accounts.Add(1))
	password = secret + "-" + name
	friendly := strings.ToUpper(name[:1]) + name[1:]
	err := house.MSN.AddAccount(msntest.Account{Passport: passport, Password: password, FriendlyName: friendly})
	if err != nil {
		t.Fatal(err)
	}
	return passport, password
}

// newcomer is a Matrix user who has opened a room with the bot and has an MSN account that the bridge does not know yet.
func newcomer(t testing.TB) *user {
	t.Helper()
	passport, password := account(t, "alice")
	localpart, _, _ := strings.Cut(passport, "@")
	person, err := house.Homeserver.Register(t.Context(), localpart, "matrix-password", "Alice")
	if err != nil {
		t.Fatal(err)
	}
	person.Watch()
	t.Cleanup(person.Leave)
	u := &user{Person: person, passport: passport, password: password}
	within(t, func(ctx context.Context) (err error) {
		u.bot, err = person.Talk(ctx, house.Bridge.Bot)
		return err
	})
	return u
}

// within runs one thing with the test's patience and ends the test if it fails.
func within(t testing.TB, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := do(ctx); err != nil {
		t.Fatal(err)
	}
}

// ask says something to the bot and returns its answer.
func (u *user) ask(t testing.TB, text string, words ...string) (answer string) {
	t.Helper()
	within(t, func(ctx context.Context) (err error) {
		answer, err = u.bot.Ask(ctx, text, words...)
		return err
	})
	return answer
}

// logIn has the dialogue with the bot, and returns what it says to the password.
func (u *user) logIn(t testing.TB, passport, password string) (answer string) {
	t.Helper()
	u.ask(t, "login", "Please enter your")
	u.ask(t, passport, "Please enter your")
	return u.ask(t, password, "Failed", "Invalid", "igned in", "ogged in")
}

// signedIn is a newcomer who has logged in, with a contact for each name, who are signed in to MSN with the given version (0
// for the newest) and friends of the user and of each other.
func signedIn(t testing.TB, version msn.Version, names ...string) (*user, []*stage.Contact) {
	t.Helper()
	u := newcomer(t)
	var friends []*stage.Contact
	for _, name := range names {
		passport, password := account(t, name)
		house.MSN.Befriend(u.passport, passport)
		for _, other := range friends {
			house.MSN.Befriend(other.Passport, passport)
		}
		friends = append(friends, enter(t, passport, password, version))
	}
	if answer := u.logIn(t, u.passport, u.password); strings.Contains(answer, "Failed") {
		t.Fatalf("the bot says %q", answer)
	}
	within(t, func(ctx context.Context) error { return house.MSN.WaitStatus(ctx, u.passport, msn.Online) })
	t.Cleanup(func() {
		if t.Failed() {
			return // what it looks like then is in the logs
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := u.bot.Ask(ctx, "logout "+stage.Service+"/"+u.passport, "ogged out"); err != nil {
			t.Error(err)
		}
	})
	return u, friends
}

// enter signs a contact in.
func enter(t testing.TB, passport, password string, version msn.Version) (c *stage.Contact) {
	t.Helper()
	within(t, func(ctx context.Context) (err error) {
		c, err = stage.Enter(ctx, house.MSN.MSN(), passport, password, func(cfg *msn.Config) {
			if version != 0 {
				cfg.Versions = []msn.Version{version}
			}
		})
		return err
	})
	t.Cleanup(c.Leave)
	return c
}

// roomWith waits for the user's room with a contact.
func (u *user) roomWith(t testing.TB, contact string) (room id.RoomID) {
	t.Helper()
	want := house.Bridge.Channel(contact)
	within(t, func(ctx context.Context) (err error) {
		room, err = u.Portal(ctx, "a room with "+contact, 0, func(channel string) bool { return channel == want })
		return err
	})
	return room
}

// says sends a text to a room.
func (u *user) says(t testing.TB, room id.RoomID, text string) id.EventID {
	t.Helper()
	var sent id.EventID
	within(t, func(ctx context.Context) (err error) {
		sent, err = u.Say(ctx, room, text)
		return err
	})
	return sent
}

// awaits waits for an event after a mark.
func (u *user) awaits(t testing.TB, what string, mark int, match func(*event.Event) bool) (evt *event.Event) {
	t.Helper()
	within(t, func(ctx context.Context) (err error) {
		evt, err = u.Await(ctx, what, mark, match)
		return err
	})
	return evt
}

// reads waits until a message of a contact with that text is in a room, after a mark.
func (u *user) reads(t testing.TB, mark int, room id.RoomID, contact, text string) *event.Event {
	t.Helper()
	ghost := house.Bridge.Ghost(contact)
	return u.awaits(t, fmt.Sprintf("%q from %s", text, contact), mark, func(evt *event.Event) bool {
		return evt.Type == event.EventMessage && evt.RoomID == room && evt.Sender == ghost && evt.Content.AsMessage().Body == text
	})
}

// texts are the messages of a sender in a room as the homeserver has them, oldest first.
func (u *user) texts(t testing.TB, room id.RoomID, sender id.UserID) (texts []string) {
	t.Helper()
	within(t, func(ctx context.Context) error {
		texts = nil
		resp, err := u.Messages(ctx, room, "", "", 'b', nil, 500)
		if err != nil {
			return err
		}
		for _, evt := range resp.Chunk {
			if evt.Sender == sender && evt.Type.Type == event.EventMessage.Type {
				_ = evt.Content.ParseRaw(event.EventMessage) // a redacted one has no body
				texts = append([]string{evt.Content.AsMessage().Body}, texts...)
			}
		}
		return nil
	})
	return texts
}

// hears waits until a contact gets a text from the user, after a mark.
func hears(t testing.TB, c *stage.Contact, mark int, from, text string) (e msn.MessageReceived) {
	t.Helper()
	within(t, func(ctx context.Context) (err error) {
		e, err = c.Hear(ctx, mark, from, text)
		return err
	})
	return e
}

// tells has a contact send a message to people.
func tells(t testing.TB, c *stage.Contact, message msn.Message, people ...string) (sent msn.Sent) {
	t.Helper()
	within(t, func(ctx context.Context) (err error) {
		sent, err = c.Send(ctx, msn.With(people...), message)
		return err
	})
	return sent
}

// heard are all texts from somebody that a contact has got, in order.
func heard(c *stage.Contact, from string) (texts []string) {
	for _, e := range c.Since(0) {
		if got, ok := e.(msn.MessageReceived); ok && got.From == from {
			if m, ok := got.Message.(*msn.TextMessage); ok {
				texts = append(texts, m.Text)
			}
		}
	}
	return texts
}
