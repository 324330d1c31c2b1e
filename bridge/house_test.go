package bridge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// The whole house: a homeserver in memory, bridgev2 on SQLite, the bridge, and an MSN service with scripted
// people.

const (
	alice      = id.UserID("@alice:" + domain)
	aliceMSN   = "alice@example.com"
	bobMSN     = "bob@example.com"
	carolMSN   = "carol@example.com"
	serverName = "local"
)

func ghostOf(passport string) id.UserID {
	return id.NewUserID("msn_"+id.EncodeUserLocalpart(string(makeUserID(serverName, passport))), domain)
}

// usualVersion is what everybody in these tests speaks, if nothing else is said: the last with switchboards.
const usualVersion = msn.MSNP18

// speaking changes the bridge's version.
func speaking(v msn.Version) func(*Config) {
	return func(c *Config) {
		s := c.Servers[serverName]
		s.Version = versionList{v.String()}
		c.Servers[serverName] = s
	}
}

type house struct {
	t    testing.TB
	hs   *homeserver
	msn  *msntest.Server
	dir  string
	conn *Connector
	br   *bridgev2.Bridge
	user *bridgev2.User
}

// testConfig is the example's with quick times and the given service.
func testConfig(t testing.TB, service *msntest.Server) Config {
	t.Helper()
	var cfg Config
	if err := yaml.Unmarshal([]byte(networkConfig), &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Servers = map[string]ServerConfig{serverName: {
		Notification: service.NSAddr(), HTTP: service.HTTPURL(), Version: versionList{usualVersion.String()},
	}}
	cfg.Connect = ConnectConfig{
		PerSecond: 1000, BackoffFirst: duration{Duration: 20 * time.Millisecond}, BackoffMost: duration{Duration: 200 * time.Millisecond},
		TellAfter: duration{Duration: time.Hour},
	}
	cfg.Presence.PerSecond = 10000
	return cfg
}

// houseDir is t.TempDir, but that bridgev2 may still write there: it puts rooms into spaces in goroutines for which nobody waits.
func houseDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "house")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newHouse starts everything; nobody is logged in yet.
func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, hs: newHomeserver(), dir: houseDir(t)}
	h.msn = msntest.New(t, msntest.Config{Accounts: []msntest.Account{
		{Passport: aliceMSN, Password: "secret", FriendlyName: "Alice", Friends: []string{bobMSN, carolMSN}},
		{Passport: bobMSN, Password: "secret", FriendlyName: "Bob [b]B[/b]", Friends: []string{carolMSN}},
		{Passport: carolMSN, Password: "secret", FriendlyName: "Carol"},
		{Passport: "eve@example.com", Password: "secret", FriendlyName: "Eve"},
	}})
	h.start(change)
	t.Cleanup(func() { h.br.StopWithTimeout(10 * time.Second) })
	return h
}

// start starts the bridge on the database of the folder.
func (h *house) start(change func(*Config)) {
	t := h.t
	t.Helper()
	db, err := dbutil.NewFromConfig("matrix-msn", dbutil.Config{PoolConfig: dbutil.PoolConfig{
		Type: "sqlite3-fk-wal", URI: "file:" + filepath.Join(h.dir, "test.db") + "?_txlock=immediate", MaxOpenConns: 5, MaxIdleConns: 1,
	}}, dbutil.NoopLogger)
	if err != nil {
		t.Fatal(err)
	}
	h.conn = &Connector{Config: testConfig(t, h.msn), Folder: h.dir}
	if change != nil {
		change(&h.conn.Config)
	}
	if err := h.conn.ValidateConfig(); err != nil {
		t.Fatal(err)
	}
	var permissions bridgeconfig.PermissionConfig
	if err := yaml.Unmarshal([]byte(`"*": admin`), &permissions); err != nil {
		t.Fatal(err)
	}
	log := zerolog.Nop()
	if testing.Verbose() {
		log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.DebugLevel)
	}
	h.br = bridgev2.NewBridge("", db, log, &bridgeconfig.BridgeConfig{
		CommandPrefix: "!msn", PersonalFilteringSpaces: true, PrivateChatPortalMeta: true, Permissions: permissions,
		BridgeStatusNotices: "none", // those for trouble are a data race in bridgev2
	}, h.hs, h.conn, commands.NewProcessor)
	h.conn.pictures.pause, h.conn.quiet = 5*time.Millisecond, 20*time.Millisecond
	h.conn.landingPauses = []time.Duration{time.Millisecond, 5 * time.Millisecond}
	ctx := h.br.Log.WithContext(t.Context())
	if err := h.br.StartConnectors(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.br.StartLogins(ctx); err != nil {
		t.Fatal(err)
	}
	h.br.PostStart(ctx)
	if h.user, err = h.br.GetUserByMXID(ctx, alice); err != nil {
		t.Fatal(err)
	}
	// Made before anything else, as bridgev2 does not lock it against events.
	if _, err := h.user.GetManagementRoom(ctx); err != nil {
		t.Fatal(err)
	}
}

// restart stops the bridge and starts it again.
func (h *house) restart() {
	h.t.Helper()
	cfg := h.conn.Config
	h.br.StopWithTimeout(10 * time.Second)
	h.start(func(c *Config) { *c = cfg })
}

// login logs Alice in, as provisioning does.
func (h *house) login(password string) error {
	h.t.Helper()
	ctx := h.br.Log.WithContext(h.t.Context())
	process, err := h.conn.CreateLogin(ctx, h.user, flowPassword)
	if err != nil {
		return err
	}
	step, err := process.Start(ctx)
	if err != nil {
		return err
	}
	if n := len(step.UserInputParams.Fields); n != 2 {
		return fmt.Errorf("%d fields, want 2 with a single service", n)
	}
	_, err = process.(bridgev2.LoginProcessUserInput).SubmitUserInput(ctx, map[string]string{
		fieldAddress: " Alice@Example.com", fieldPassword: password,
	})
	return err
}

// signedIn logs Alice in and waits until she is there.
func (h *house) signedIn() *house {
	h.t.Helper()
	if err := h.login("secret"); err != nil {
		h.t.Fatal(err)
	}
	h.online()
	return h
}

// online waits until Alice's session is complete: what the server sent with it has been handled.
func (h *house) online() *session {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	for {
		client := h.client()
		if s := client.current.Load(); s != nil {
			if err := s.msn.Ping(ctx); err == nil {
				return s
			}
		}
		if sleep(ctx, time.Millisecond) != nil { // between two sessions there is nothing to wait for
			h.t.Fatalf("Alice did not come online\n%s", h.hs.dump())
		}
	}
}

func (h *house) client() *Client {
	h.t.Helper()
	login := h.br.GetCachedUserLoginByID(makeLoginID(serverName, aliceMSN))
	if login != nil {
		return login.Client.(*Client)
	}
	h.t.Fatal("Alice is not logged in")
	return nil
}

// room waits for the room of a chat between two.
func (h *house) room(passport string) id.RoomID {
	h.t.Helper()
	var found id.RoomID
	h.hs.wait(h.t, "the room with "+passport, func() bool {
		for roomID, r := range h.hs.rooms {
			if m := r.members[ghostOf(passport)]; r.direct && m != nil && m.Membership == event.MembershipJoin {
				found = roomID
			}
		}
		return found != ""
	})
	return found
}

// say sends a text of Alice's into a room and returns the event.
func (h *house) say(room id.RoomID, text string) id.EventID {
	return h.send(room, event.EventMessage, &event.MessageEventContent{MsgType: event.MsgText, Body: text})
}

func (h *house) send(room id.RoomID, kind event.Type, content any) id.EventID {
	c := event.Content{Parsed: content}
	eventID := h.hs.put(room, alice, kind, &c)
	h.dispatch(&event.Event{ID: eventID, RoomID: room, Sender: alice, Type: kind, Content: c, Timestamp: time.Now().UnixMilli()})
	return eventID
}

// dispatch is an event of a room as the bridge gets it: whoever asks for its type hears of it, and bridgev2 if it is one of those that it takes.
func (h *house) dispatch(evt *event.Event) {
	ctx := h.br.Log.WithContext(h.br.BackgroundCtx)
	for _, heard := range h.hs.others[evt.Type] {
		heard(ctx, evt)
	}
	if evt.Type != event.CallInvite && !slices.Contains(widgets, evt.Type) {
		h.br.QueueMatrixEvent(ctx, evt)
	}
}

// status waits for what became of an event.
func (h *house) status(evt id.EventID) bridgev2.MessageStatus {
	h.t.Helper()
	var got bridgev2.MessageStatus
	h.hs.wait(h.t, "the status of "+string(evt), func() bool {
		s, ok := h.hs.statuses[evt]
		got = s
		return ok
	})
	return got
}

// heard waits for a message of somebody in a room.
func (h *house) heard(room id.RoomID, from id.UserID, text string) {
	h.t.Helper()
	h.hs.wait(h.t, fmt.Sprintf("%q of %s in %s", text, from, room), func() bool {
		return slices.Contains(h.hs.messages(room, from), text)
	})
}

// told waits for a word of the bot's that contains text.
func (h *house) told(text string) {
	h.t.Helper()
	h.hs.wait(h.t, "the bot's "+text, func() bool {
		for roomID := range h.hs.rooms {
			for _, m := range h.hs.messages(roomID, botID) {
				if strings.Contains(m, text) {
					return true
				}
			}
		}
		return false
	})
}

// person is a scripted MSN user.
type person struct {
	*msn.Client
	t testing.TB

	mu      sync.Mutex
	events  []msn.Event
	arrived chan struct{}
}

// person signs somebody in on MSN.
func (h *house) person(passport string, status msn.Status) *person {
	h.t.Helper()
	return h.personWith(passport, status, usualVersion)
}

// personWith is somebody with a version of their own.
func (h *house) personWith(passport string, status msn.Status, v msn.Version) *person {
	h.t.Helper()
	p := &person{t: h.t, arrived: make(chan struct{})}
	client, err := msn.New(msn.Config{
		Server: h.msn.MSN(), Passport: passport, Password: "secret", Presence: msn.Presence{Status: status},
		Limits: msn.Limits{Changes: -1}, Handler: p.handle, Versions: []msn.Version{v},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	p.Client = client
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Run(ctx) // the test looks at what the person sees
	}()
	h.t.Cleanup(func() { cancel(); <-ended })
	if err := client.Ping(h.t.Context()); err != nil {
		h.t.Fatalf("sign in %s: %v", passport, err)
	}
	return p
}

func (p *person) handle(_ context.Context, e msn.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	close(p.arrived)
	p.arrived = make(chan struct{})
}

// wait returns the first event that want likes.
func (p *person) wait(what string, want func(msn.Event) bool) msn.Event {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	for seen := 0; ; {
		p.mu.Lock()
		events, arrived := p.events[seen:], p.arrived
		seen += len(events)
		p.mu.Unlock()
		for _, e := range events {
			if want(e) {
				return e
			}
		}
		select {
		case <-arrived:
		case <-deadline:
			p.t.Fatalf("waited in vain: %s; saw %v", what, p.texts())
		}
	}
}

// texts lists the texts that a person got.
func (p *person) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var texts []string
	for _, e := range p.events {
		if m, ok := e.(msn.MessageReceived); ok {
			if text, ok := m.Message.(*msn.TextMessage); ok {
				texts = append(texts, text.Text)
			}
		}
	}
	return texts
}

// reads waits for a text.
func (p *person) reads(text string) msn.MessageReceived {
	p.t.Helper()
	e := p.wait(fmt.Sprintf("the text %q", text), func(e msn.Event) bool {
		m, ok := e.(msn.MessageReceived)
		if !ok {
			return false
		}
		t, ok := m.Message.(*msn.TextMessage)
		return ok && t.Text == text
	})
	return e.(msn.MessageReceived)
}

// writes sends a text.
func (p *person) writes(to msn.Conversation, text string) {
	p.t.Helper()
	if _, err := p.Send(p.t.Context(), to, &msn.TextMessage{Text: text}); err != nil {
		p.t.Fatalf("send %q: %v", text, err)
	}
}
