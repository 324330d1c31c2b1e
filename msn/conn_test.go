package msn

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// served is a conn over a pipe with its reader running; got collects what answers nothing.
func served(t *testing.T, script *player) (c *conn, got chan wire.Command, ended chan error) {
	t.Helper()
	near, far := net.Pipe()
	c, got, ended = newConn(near, nil), make(chan wire.Command, 16), make(chan error, 1)
	go func() {
		if err := script.play(far); err != nil {
			t.Error(err)
		}
	}()
	go func() {
		ended <- c.serve(t.Context(), func(_ context.Context, cmd wire.Command) error {
			got <- cmd
			return nil
		})
	}()
	return c, got, ended
}

// TestAsk matches answers with questions, whatever comes between them.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, got, ended := served(t, script(t, `
C: CHG 1 NLN
S: NLN BSY bob@example.com 1
S: CHG 2 NLN
S: ILN 1 NLN bob@example.com Bob
S: CHG 1 NLN
C: ADC 2 AL N=bob@example.com
S: 215 2
C: MSG 3 A 0
S: NAK 3
`))
		if answer, err := c.ask(t.Context(), command("CHG", "NLN"), nil); err != nil || answer.Name != "CHG" {
			t.Errorf("%+v, %v", answer, err)
		}
		for _, want := range []string{"NLN", "CHG", "ILN"} {
			if cmd := <-got; cmd.Name != want {
				t.Errorf("got %s, want %s", cmd.Name, want)
			}
		}
		_, err := c.ask(t.Context(), command("ADC", "AL", "N=bob@example.com"), nil)
		var refused *ProtocolError
		if !errors.As(err, &refused) || *refused != (ProtocolError{"ADC", 215}) || !errors.Is(err, ErrAlreadyThere) {
			t.Errorf("%v", err)
		}
		msg := command("MSG", "A")
		msg.Payload = []byte{}
		if answer, err := c.ask(t.Context(), msg, nil); err != nil || answer.Name != "NAK" {
			t.Errorf("%+v, %v", answer, err)
		}
		if err := <-ended; !errors.Is(err, ErrClosed) || !errors.Is(err, io.EOF) {
			t.Errorf("serve = %v", err)
		}
		if _, err := c.ask(t.Context(), command("CHG", "NLN"), nil); !unsent(err) || !errors.Is(err, ErrClosed) {
			t.Errorf("ask after the end: %v", err)
		}
	})
}

// TestAbandoned gives up a question: the connection lives, and the late answer goes to the handler.
func TestAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := script(t, "C: BLP 1 AL\nC: GTC 2 A\nS: BLP 1 7 AL\nS: GTC 2 8 A\n")
		c, got, ended := served(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.ask(ctx, command("BLP", "AL"), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ask = %v", err)
		}
		if _, err := c.ask(t.Context(), command("GTC", "A"), nil); err != nil {
			t.Error(err)
		}
		if cmd := <-got; cmd.Name != "BLP" {
			t.Errorf("%+v", cmd)
		}
		<-ended
	})
}

// TestBlockedWrite has a peer that does not read: the reader goes on, whoever waits for the turn can give
// up, and in the end the connection is closed.
func TestBlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newConn(near, nil)
		got, ended := make(chan wire.Command, 1), make(chan error, 1)
		go func() {
			ended <- c.serve(t.Context(), func(_ context.Context, cmd wire.Command) error {
				got <- cmd
				return nil
			})
		}()
		first := make(chan error, 1)
		go func() { first <- c.tell(t.Context(), command("CHG", "NLN")) }()
		synctest.Wait()
		if _, err := far.Write([]byte("FLN bob@example.com\r\n")); err != nil {
			t.Fatal(err)
		}
		if cmd := <-got; cmd.Name != "FLN" {
			t.Errorf("%+v", cmd)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.tell(ctx, command("CHG", "BSY")); !errors.Is(err, context.DeadlineExceeded) || !unsent(err) {
			t.Errorf("the second write: %v", err)
		}
		if err := <-first; !errors.Is(err, ErrClosed) {
			t.Errorf("the first write: %v", err)
		}
		<-ended
		if c.alive() {
			t.Error("half a command may be out, and the connection lives")
		}
		_ = far.Close()
	})
}

// TestBursts has lists that are empty, unchanged, or not as long as the server says.
func TestBursts(t *testing.T) {
	const head12 = `
C: VER 1 MSNP12 CVR0
S: VER 1 MSNP12
C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 MSMSGS alice@example.com
S: CVR 2 1 1 1 http://x http://x
C: USR 3 TWN I alice@example.com
S: USR 3 TWN S ct=1
C: USR 4 TWN S t=One*!..$$&p=Two
S: USR 4 OK alice@example.com 0 0
C: SYN 5 0 0
`
	const head2 = `
C: VER 1 MSNP2 CVR0
S: VER 1 MSNP2
C: INF 2
S: INF 2 MD5
C: CVR 3 0x0409 winnt 5.1 i386 MSMSGS 1.0.0863
S: CVR 3 1 1 1 http://x http://x
C: USR 4 MD5 I alice@example.com
S: USR 4 MD5 S 1013928519.693957190
C: USR 5 MD5 S 0dc38e0c96e5ef37eb9451a0b2d5aaf9
S: USR 5 OK alice@example.com Alice
C: SYN 6 0
`
	const ping, tail12, tail2 = "C: PNG\nS: QNG\n", "C: CHG 6 NLN 1342177312\nS: CHG 6 NLN 1342177312\nS: OUT OTH\n", "C: CHG 7 NLN\nS: CHG 7 NLN\nS: OUT OTH\n"
	cases := []struct {
		name     string
		v        Version
		text     string
		contacts int
	}{
		{"empty", MSNP12, head12 + "S: SYN 5 t t 0 0\nS: GTC A\nS: BLP AL\nS: PRP MFN Al\n" + ping + tail12, 0},
		{"unchanged", MSNP12, head12 + "S: SYN 5 0 0\n" + ping + ping + ping + ping + tail12, 0},
		{"fewer than said", MSNP12, head12 + "S: SYN 5 t t 3 0\nS: LST N=bob@example.com 3\n" + ping + ping + "C: PNG\nS: LST N=carol@example.com 3\nS: QNG\n" + ping + ping + ping + tail12, 2},
		{"slow", MSNP12, head12 + "S: SYN 5 t t 2 0\n" + ping + "C: PNG\nS: LST N=bob@example.com 3\nS: QNG\nC: PNG\nS: LST N=carol@example.com 3\nS: QNG\n" + tail12, 2},
		{"empty lists", MSNP2, head2 + "S: SYN 6 1\nS: GTC 6 1 A\nS: BLP 6 1 AL\nS: LST 6 FL 1 0 0\nS: LST 6 AL 1 0 0\nS: LST 6 BL 1 0 0\nS: LST 6 RL 1 0 0\n" + ping + tail2, 0},
		{"fresh account", MSNP2, head2 + "S: SYN 6 0\n" + ping + ping + ping + ping + tail2, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _, events, err := runDialogue(t, only(tc.v), script(t, tc.text))
				if !errors.Is(err, ErrLoggedInElsewhere) || len(c.Contacts()) != tc.contacts {
					t.Errorf("Run = %v with %d contacts", err, len(c.Contacts()))
				}
				if first, ok := events[0].(SignedIn); !ok || first.Verified != (tc.v == MSNP2) {
					t.Errorf("%+v", events[0])
				}
			})
		})
	}
}

// TestConfigMistakes names the field and what is allowed.
func TestConfigMistakes(t *testing.T) {
	good := testConfig(newFarEnd(), &listener{})
	cases := []struct {
		field string
		spoil func(*Config)
	}{
		{"Passport", func(c *Config) { c.Passport = "alice" }},
		{"Passport", func(c *Config) { c.Passport = "alice b@example.com" }},
		{"Password", func(c *Config) { c.Password = "" }},
		{"Handler", func(c *Config) { c.Handler = nil }},
		{"Versions", func(c *Config) { c.Versions = []Version{MSNP2, 99} }},
		{"Versions", func(c *Config) { c.Versions = []Version{} }},
		{"Server.Notification", func(c *Config) { c.Server.Notification = "" }},
		{"Server.Nexus", func(c *Config) { c.Server.Nexus, c.Versions = "", []Version{MSNP8} }},
		{"Server.RST", func(c *Config) { c.Versions = []Version{MSNP15} }},
		{"Server.AddressBook", func(c *Config) { c.Versions = []Version{MSNP13} }},
		{"Server.Storage", func(c *Config) { c.Server.Storage = "ftp://example.com" }},
		{"MachineGUID", func(c *Config) { c.MachineGUID = "{B171BE3E}" }},
		{"Server.Nexus", func(c *Config) { c.Server.Nexus = "nexus.example.com/x" }},
		{"Server.Gateway", func(c *Config) { c.Server.UseGateway = true }},
		{"Presence.Status", func(c *Config) { c.Presence.Status = Offline }},
		{"ProductID", func(c *Config) { c.ProductID = "PROD0000NOSUCH" }},
	}
	for _, tc := range cases {
		cfg := good
		tc.spoil(&cfg)
		if _, err := New(cfg); err == nil || len(err.Error()) < len(tc.field) || err.Error()[:len(tc.field)] != tc.field {
			t.Errorf("%s: %v", tc.field, err)
		}
	}
	old := good
	old.Server.Nexus, old.Versions = "", []Version{MSNP2, MSNP7}
	if _, err := New(old); err != nil {
		t.Errorf("MSNP7 needs no nexus: %v", err)
	}
}
