package msn

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// load24 reads a dialogue of MSNP24 from testdata.
func load24(t testing.TB, name string) *player {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return script24(t, string(text))
}

// script24 reads a dialogue of MSNP24 from a string.
func script24(t testing.TB, text string) *player {
	t.Helper()
	lines, err := wire.ParseTranscript24(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &player{lines: lines, from: wire.FromClient24}
}

// with24 is a configuration for MSNP24; its ticket service knows the site.
func with24(t testing.TB, cfg *Config) {
	t.Helper()
	withServices(t, cfg)
	cfg.Versions, cfg.Server.MSNP24, cfg.Server.Notification = []Version{MSNP24}, "skype.example.com:443", ""
	cfg.Server.Tickets = []TicketSource{RST2Ticket}
	others := cfg.HTTPClient.Transport
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		res, err := others.RoundTrip(r)
		if err != nil || !strings.HasSuffix(r.URL.Path, ".srf") {
			return res, err
		}
		body, err := io.ReadAll(res.Body)
		const one = "<wst:RequestSecurityTokenResponse>"
		at := bytes.LastIndex(body, []byte(one)) // of messenger.msn.com
		end := bytes.Index(body, []byte("</wst:RequestSecurityTokenResponseCollection>"))
		if err != nil || at < 0 || end < 0 {
			return nil, errors.New("rst2.xml is not as it was")
		}
		more := bytes.ReplaceAll(body[at:end], []byte("messenger.msn.com"), []byte(chatService))
		more = bytes.ReplaceAll(more, []byte("t=One*!..$$&amp;p=Two"), []byte("t=Chat&amp;p="))
		body = append(append(bytes.Clone(body[:end]), more...), body[end:]...)
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return res, nil
	})}
}

// TestMSNP24Talk replays a sign-in and a talk in MSNP24.
func TestMSNP24Talk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		const name = "msnp24-talk.msnp"
		p := load24(t, name)
		l, err := talkThrough(t, p, func(cfg *Config) { with24(t, cfg) }, func(t *testing.T, c *Client, _ *listener) {
			bob := With("bob@example.com")
			if c.Version() != MSNP24 {
				t.Errorf("version %s", c.Version())
			}
			if _, err := c.Send(t.Context(), bob, &Typing{From: "alice@example.com"}); err != nil {
				t.Error(err)
			}
			if sent, err := c.Send(t.Context(), bob, &TextMessage{Text: "hello"}); err != nil || sent.ID == "" {
				t.Errorf("sent %+v, %v", sent, err)
			}
			if _, err := c.Send(t.Context(), With("bob@example.com", "carol@example.com"), &Nudge{}); !errors.Is(err, ErrUnsupported) {
				t.Errorf("to a group: %v", err)
			}
			if _, err := c.SendOffline(t.Context(), "bob@example.com", "x"); !errors.Is(err, ErrUnsupported) {
				t.Errorf("offline: %v", err)
			}
			if _, err := c.Send(t.Context(), bob, &Nudge{}); !errors.Is(err, ErrContactOffline) {
				t.Errorf("a nudge to nobody: %v", err)
			}
		})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Run = %v", err)
		}
		p.save(t, name)
		want := []string{
			"msn.SignedIn", "msn.ContactRequest", "presence bob@example.com BSY Bob B", "msn.PersonalMessageChanged",
			`bob@example.com (Bob B) to [bob@example.com] false "" "": *msn.Typing`,
			`bob@example.com (Bob B) to [bob@example.com] false "" "": "Grüße" false`,
			"presence bob@example.com FLN ",
		}
		if got := describeAll(l.heard()); !reflect.DeepEqual(got, want) {
			t.Errorf("events:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	})
}

// TestMSNP24Redirect follows XFR with its state, and gives up on one that names no server.
func TestMSNP24Redirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := script24(t, "C: CNT 1 CON 116\n |\n | <connect><ver>2</ver><agent><os>winnt</os><osVer>5.2</osVer><proc>x86</proc><lcid>en-us</lcid></agent></connect>\n |\n"+
			"S: XFR 1 CON 77\n |\n | <xfr><target>other.example.com:443</target><state>S &amp; T</state></xfr>\n |\n")
		second := script24(t, "C: CNT 1 CON 151\n |\n | <connect><xfr><state>S &amp; T</state></xfr><ver>2</ver><agent><os>winnt</os><osVer>5.2</osVer><proc>x86</proc><lcid>en-us</lcid></agent></connect>\n |\n"+
			"S: XFR 1 CON 39\n |\n | <xfr><target>nowhere</target></xfr>\n |\n")
		_, f, _, err := runDialogue(t, func(cfg *Config) { with24(t, cfg) }, first, second)
		var step *SignInError
		if !errors.As(err, &step) || step.Step != "CNT" || step.Version != MSNP24 {
			t.Errorf("Run = %v", err)
		}
		if want := []string{"skype.example.com:443", "other.example.com:443"}; !reflect.DeepEqual(f.dialled, want) {
			t.Errorf("dialled %v", f.dialled)
		}
	})
}

// TestMSNP24Config asks that MSNP24 is offered alone, with its server.
func TestMSNP24Config(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"with others":      func(cfg *Config) { cfg.Versions = []Version{MSNP18, MSNP24} },
		"without a server": func(cfg *Config) { cfg.Server.MSNP24 = "" },
		"without a port":   func(cfg *Config) { cfg.Server.MSNP24 = "skype.example.com" },
	} {
		cfg := testConfig(newFarEnd(), &listener{})
		with24(t, &cfg)
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	cfg := testConfig(newFarEnd(), &listener{})
	with24(t, &cfg)
	if _, err := New(cfg); err != nil {
		t.Error(err)
	}
}
