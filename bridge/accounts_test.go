package bridge

import (
	"context"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// logsIn logs a Matrix user in to an account, and waits until it is signed in.
func (h *house) logsIn(user *bridgev2.User, passport string) *Client {
	h.t.Helper()
	ctx := h.br.Log.WithContext(h.t.Context())
	process, err := h.conn.CreateLogin(ctx, user, flowPassword)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := process.Start(ctx); err != nil {
		h.t.Fatal(err)
	}
	if _, err := process.(bridgev2.LoginProcessUserInput).SubmitUserInput(ctx, map[string]string{fieldAddress: passport, fieldPassword: "secret"}); err != nil {
		h.t.Fatal(err)
	}
	return h.present(makeLoginID(serverName, passport))
}

// present waits until a login is signed in; the sign-in that checks a password does not count.
func (h *house) present(login networkid.UserLoginID) *Client {
	h.t.Helper()
	c := h.br.GetCachedUserLoginByID(login).Client.(*Client)
	for {
		if s := c.current.Load(); s != nil && s.msn.Ping(h.t.Context()) == nil {
			return c
		}
		if sleep(h.t.Context(), time.Millisecond) != nil {
			h.t.Fatalf("%s did not come online", login)
		}
	}
}

// direct waits for a user's room with a ghost.
func (h *house) direct(user id.UserID, passport string, not ...id.RoomID) (found id.RoomID) {
	h.t.Helper()
	h.hs.wait(h.t, "the room of "+string(user)+" with "+passport, func() bool {
		for roomID, r := range h.hs.rooms {
			if r.direct && r.members[user] != nil && r.members[ghostOf(passport)] != nil && !slices.Contains(not, roomID) {
				found = roomID
				return true
			}
		}
		return false
	})
	return found
}

// TestTwoAccounts has one user with two accounts that share a contact: two rooms, one ghost, and commands that say which they mean.
func TestTwoAccounts(t *testing.T) {
	h := newHouse(t, nil)
	const second = "eve@example.com"
	h.msn.Befriend(second, bobMSN)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	first := h.direct(alice, bobMSN)
	eve := h.logsIn(h.user, second)
	other := h.direct(alice, bobMSN, first)

	h.status(h.say(first, "from Alice"))
	h.status(h.say(other, "from Eve"))
	if from := bob.reads("from Alice").From; from != aliceMSN {
		t.Errorf("it came from %s", from)
	}
	if from := bob.reads("from Eve").From; from != second {
		t.Errorf("it came from %s", from)
	}
	bob.writes(msn.With(second), "hello Eve")
	h.heard(other, ghostOf(bobMSN), "hello Eve")
	h.hs.mu.Lock()
	if slices.Contains(h.hs.messages(first, ghostOf(bobMSN)), "hello Eve") {
		t.Error("a text for Eve is in Alice's room")
	}
	h.hs.mu.Unlock()

	h.command("group @eve@example.com add Only hers", "eve@example.com: The contact group Only hers is made")
	h.command("group @local/alice@example.com", "You have no contact groups")
	h.command("group @nobody@example.com", "is not one of your accounts")
	h.command("status @eve@example.com busy", "Your MSN status is Busy")
	bob.wait("Eve to be busy", func(e msn.Event) bool {
		p, ok := e.(msn.PresenceChanged)
		return ok && p.Passport == second && p.Presence.Status == msn.Busy
	})
	if status := bob.PresenceOf(aliceMSN).Status; status != msn.Online {
		t.Errorf("Alice is %s", status)
	}

	// One of the two goes: Bob is still seen online by the other.
	eve.Disconnect()
	h.inStep()
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if p := h.hs.presence[ghostOf(bobMSN)].presence; p != event.PresenceOnline {
		t.Errorf("Bob is %s", p)
	}
}

// TestReconnectLeavesTheOthers signs in again what is away, and nothing else.
func TestReconnectLeavesTheOthers(t *testing.T) {
	h := newHouse(t, speaking(msn.MSNP12))
	h.signedIn()
	h.logsIn(h.user, "eve@example.com")
	before := h.online()
	h.personWith("eve@example.com", msn.Online, msn.MSNP12)
	h.told("is not signed in to MSN any more")
	h.command("reconnect", "Signing in to MSN again")
	if h.online() != before {
		t.Error("Alice was signed out, who was well")
	}
}

// TestHandedOver: who logs in to an account that another Matrix user has logged out of gets rooms of their own, and the other keeps theirs.
func TestHandedOver(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	old := h.direct(alice, bobMSN)
	h.command("group add Family", "is made")
	h.command("group put bob@example.com Family", "is in Family")
	family := h.space("Family", old)
	h.client().login.Logout(h.br.Log.WithContext(t.Context()))

	const carl = id.UserID("@carl:" + domain)
	user, err := h.br.GetUserByMXID(h.br.Log.WithContext(t.Context()), carl)
	if err != nil {
		t.Fatal(err)
	}
	h.logsIn(user, aliceMSN)
	his := h.direct(carl, bobMSN, old)
	h.hs.wait(t, "the end of the bridge in the old rooms", func() bool {
		for _, room := range []id.RoomID{old, family} {
			for member, content := range h.hs.rooms[room].members {
				if content.Membership.IsInviteOrJoin() != (member == alice) {
					return false
				}
			}
		}
		return true
	})
	bob.writes(msn.With(aliceMSN), "for Carl")
	h.heard(his, ghostOf(bobMSN), "for Carl")
	h.hs.wait(t, "his space of the group", func() bool {
		for room, r := range h.hs.rooms {
			if r.space && r.name == "Family" && room != family && r.members[carl] != nil {
				_, in := r.children[his]
				return in
			}
		}
		return false
	})
}

// TestMatrixUsersAsContacts has two Matrix users who are each other's contacts on MSN: everything crosses once, and nobody hears an echo.
func TestMatrixUsersAsContacts(t *testing.T) {
	h := newHouse(t, nil)
	h.msn.Befriend(aliceMSN, bobMSN)
	h.signedIn()
	const bob = id.UserID("@bob:" + domain)
	user, err := h.br.GetUserByMXID(h.br.Log.WithContext(t.Context()), bob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := user.GetManagementRoom(h.br.Log.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	h.logsIn(user, bobMSN)
	hers, his := h.direct(alice, bobMSN), h.direct(bob, aliceMSN)
	for _, text := range []string{"one", "two"} {
		if s := h.status(h.say(hers, text)); s.Status != event.MessageStatusSuccess {
			t.Fatalf("%+v", s)
		}
		h.heard(his, ghostOf(aliceMSN), text)
	}
	c := event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgText, Body: "three"}}
	eventID := h.hs.put(his, bob, event.EventMessage, &c)
	h.dispatch(&event.Event{ID: eventID, RoomID: his, Sender: bob, Type: event.EventMessage, Content: c})
	h.heard(hers, ghostOf(bobMSN), "three")
	h.hs.wait(t, "Bob online", func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == event.PresenceOnline })
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(his, ghostOf(aliceMSN)); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("Bob got %q", got)
	}
	if got := h.hs.messages(hers, ghostOf(bobMSN)); !slices.Equal(got, []string{"three"}) {
		t.Errorf("Alice got %q", got)
	}
}

// TestPlaceName keeps the name of this place over a sign-in, and does not announce places that were there before.
func TestPlaceName(t *testing.T) {
	h := newHouse(t, func(c *Config) { speaking(msn.MSNP18)(c); c.Places.Notices = true })
	h.personWith(aliceMSN, msn.Online, msn.MSNP18)
	h.signedIn()
	named := func() func(msntest.AccountState) bool {
		return func(a msntest.AccountState) bool {
			return slices.ContainsFunc(a.Endpoints, func(e msntest.EndpointState) bool { return e.Name == "Küche" })
		}
	}
	h.command("places name Küche", "this one is called Küche")
	if err := h.msn.Watch(t.Context(), aliceMSN, named()); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.online()
	if err := h.msn.Watch(t.Context(), aliceMSN, named()); err != nil {
		t.Fatal(err)
	}
	h.inStep()
	if n := h.bot("at another place too"); n != 0 {
		t.Errorf("%d notices of a place that was there", n)
	}
}

// TestTwoServices has one user with the same address on two services: two accounts, and the same contact's address is two people.
func TestTwoServices(t *testing.T) {
	other := msntest.New(t, msntest.Config{Accounts: []msntest.Account{
		{Passport: aliceMSN, Password: "secret", Friends: []string{bobMSN}}, {Passport: bobMSN, Password: "secret", FriendlyName: "The other Bob"},
	}})
	h := newHouse(t, func(c *Config) {
		c.Servers["club"] = ServerConfig{Name: "Club", Notification: other.NSAddr(), HTTP: other.HTTPURL(), Version: versionList{usualVersion.String()}}
	})
	h.person(bobMSN, msn.Online)
	ctx := h.br.Log.WithContext(t.Context())
	for _, service := range []string{serverName, "club"} {
		process, err := h.conn.CreateLogin(ctx, h.user, flowPassword)
		if err != nil {
			t.Fatal(err)
		}
		step, err := process.Start(ctx)
		if err != nil || len(step.UserInputParams.Fields) != 3 {
			t.Fatalf("%+v %v", step, err)
		}
		if _, err := process.(bridgev2.LoginProcessUserInput).SubmitUserInput(ctx, map[string]string{
			fieldServer: service, fieldAddress: aliceMSN, fieldPassword: "secret",
		}); err != nil {
			t.Fatal(err)
		}
	}
	here := h.direct(alice, bobMSN)
	h.present(makeLoginID("club", aliceMSN))
	there, err := msn.New(msn.Config{Server: other.MSN(), Passport: bobMSN, Password: "secret", Handler: noEvents, Versions: []msn.Version{usualVersion}})
	if err != nil {
		t.Fatal(err)
	}
	life, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = there.Run(life) }()
	defer func() { cancel(); <-ended }()
	if err := there.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Send(ctx, msn.With(aliceMSN), &msn.TextMessage{Text: "from the club"}); err != nil {
		t.Fatal(err)
	}
	ghost := id.NewUserID("msn_"+id.EncodeUserLocalpart(string(makeUserID("club", bobMSN))), domain)
	h.hs.wait(t, "the other Bob's text in a room of its own", func() bool {
		for roomID := range h.hs.rooms {
			if slices.Contains(h.hs.messages(roomID, ghost), "from the club") {
				return roomID != here && h.hs.names[ghost] == "The other Bob" && h.hs.names[ghostOf(bobMSN)] == "Bob B"
			}
		}
		return false
	})
	h.command("group @club/alice@example.com add Members", "alice@example.com on Club: The contact group Members is made")
	h.command("group @alice@example.com", "is not one of your accounts; they are @club/alice@example.com, @local/alice@example.com")
}
