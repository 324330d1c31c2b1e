package msn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// alone is a signed-in connection without a server, with a circle and a group.
func alone(t testing.TB, v Version, l *listener) *notificationConn {
	t.Helper()
	cfg := testConfig(newFarEnd(), l)
	withServices(t, &cfg)
	cfg.Versions = []Version{MSNP21}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.gate.open(t.Context(), cfg.Handler, nil)
	close(c.closing) // tasks are refused
	nc := &notificationConn{cfg: &c.cfg, client: c, roster: c.roster, dialect: dialectOf(v), dial: c.dial, session: "s"}
	nc.web = newWeb(nc)
	nc.circles.known = map[string]*circleState{club: {
		circle: Circle{ID: club, Name: "Club", Role: RoleMember}, ids: map[string]string{}, here: map[string]string{}, joined: true,
	}}
	nc.parties.at("7d3a1c52-0000-4000-8000-00000000000b@live.com")
	return nc
}

// pushes are the payloads of NFY and SDG in the golden dialogues.
func pushes(f *testing.F) {
	f.Helper()
	for _, name := range []string{"msnp18-circles.msnp", "msnp21-chat.msnp", "msnp21-sign-in.msnp"} {
		file, err := os.Open(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		lines, err := wire.ParseTranscript(file)
		_ = file.Close() // read only
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range lines {
			if line.From == wire.FromServer && (line.Command.Name == "NFY" || line.Command.Name == "SDG") {
				f.Add(line.Command.Name == "SDG", arg(line.Command.Args, 0) == "DEL", line.Command.Payload)
			}
		}
	}
}

// FuzzPushes lets a server push anything in an envelope: what comes of it are events that make sense, and no end but that
// which another place of mine asks for.
func FuzzPushes(f *testing.F) {
	pushes(f)
	f.Fuzz(func(t *testing.T, spoken, gone bool, payload []byte) {
		for _, v := range []Version{MSNP18, MSNP21, MSNP24} {
			l := &listener{}
			nc := alone(t, v, l)
			cmd := wire.Command{Name: "NFY", Args: []string{"PUT"}, Payload: payload}
			if gone {
				cmd.Args[0] = "DEL"
			}
			if spoken {
				cmd = wire.Command{Name: "SDG", Payload: payload}
			}
			for range 2 {
				if err := nc.handle(t.Context(), cmd); err != nil && err != errSentAway {
					t.Errorf("%s: %v", v, err)
				}
			}
			for _, e := range l.heard() {
				checkPushed(t, e)
			}
		}
	})
}

func checkPushed(t *testing.T, e Event) {
	t.Helper()
	switch e := e.(type) {
	case MessageReceived:
		if e.From == "" || e.ID == "" || e.Message == nil || e.FriendlyName == "" {
			t.Errorf("message %+v", e)
		}
		if e.Conversation.Circle != "" && e.Conversation.Circle != normalGUID(e.Conversation.Circle) {
			t.Errorf("circle %q", e.Conversation.Circle)
		}
	case PresenceChanged:
		if checkPassport(e.Passport) != nil || !e.Presence.Status.Valid() {
			t.Errorf("presence %+v", e)
		}
	case CirclesChanged:
		if len(e.Circles) != 1 {
			t.Errorf("circles %+v", e)
		}
	case ParticipantJoined:
		if checkPassport(e.Passport) != nil || e.Conversation.Session == "" {
			t.Errorf("joined %+v", e)
		}
	}
}

// FuzzTongue lets a server of MSNP24 say anything: what is translated is a command that the connection can take.
func FuzzTongue(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "msnp24-talk.msnp"))
	if err != nil {
		f.Fatal(err)
	}
	lines, err := wire.ParseTranscript24(strings.NewReader(string(text)))
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range lines {
		if line.From == wire.FromServer24 {
			f.Add(line.Command.Append(nil, line.From))
		}
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		r := wire.NewReader(strings.NewReader(string(said)), wire.FromServer24)
		l := &listener{}
		nc := alone(t, MSNP24, l)
		tongue := newTongue()
		nc.conn = &conn{tongue: tongue}
		for {
			cmd, err := r.Read()
			if err != nil {
				return
			}
			got := tongue.in(cmd)
			if _, refused := cmd.ErrorCode(); refused && (got.Name != cmd.Name || got.TrID != cmd.TrID || !got.HasTrID) {
				t.Errorf("%+v became %+v", cmd, got)
			}
			if got.Name != "OUT" {
				_ = nc.handle(t.Context(), got) // any end is as good
			}
		}
	})
}
