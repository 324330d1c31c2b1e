package msn

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// TestEnvelopes replays a talk in MSNP21.
func TestEnvelopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		const name = "msnp21-chat.msnp"
		p := load(t, name)
		l, err := talkThrough(t, p, func(cfg *Config) {
			cfg.Versions = []Version{MSNP21}
			withServices(t, cfg)
		}, talkInEnvelopes)
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		p.save(t, name)
		const mine, other = `7d3a1c52-0000-4000-8000-00000000000a@live.com`, `7d3a1c52-0000-4000-8000-00000000000b@live.com`
		want := []string{
			"msn.SignedIn", "msn.ContactRequest", "presence bob@example.com BSY Bob B", "msn.PersonalMessageChanged", "msn.EndpointsChanged",
			`bob@example.com (Bob) to [bob@example.com] false "" "": *msn.Typing`,
			`bob@example.com (Bob B) to [bob@example.com] false "" "": "Grüße\nBob" true`,
			`bob@example.com (Bob B) to [bob@example.com] false "" "": *msn.Nudge`,
			`alice@example.com (alice@example.com) to [bob@example.com] false "" "": "from home" false`,
			`bob@example.com (Bob B) to [bob@example.com] false "" "": "while you were away" false`,
			"joined carol@example.com (Carol): [carol@example.com]", "joined bob@example.com (Bob B): [bob@example.com carol@example.com]",
			`carol@example.com (Carol) to [bob@example.com carol@example.com] true "" "` + other + `": "hello all" false`,
			"left bob@example.com: [carol@example.com]",
			"closed [carol@example.com]",
			"joined bob@example.com (Bob B): [bob@example.com carol@example.com]",
			"joined carol@example.com (Carol): [bob@example.com carol@example.com]",
			"msn.EndpointsChanged",
		}
		if got := describeAll(l.heard()); !reflect.DeepEqual(got, want) {
			t.Errorf("events:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		for _, e := range l.heard() {
			if m, ok := e.(MessageReceived); ok && strings.Contains(describe(m), "away") && !m.At.Equal(time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)) {
				t.Errorf("a message left while away is of %s", m.At)
			}
		}
	})
}

func talkInEnvelopes(t *testing.T, c *Client, _ *listener) {
	t.Helper()
	ctx, bob := t.Context(), With("bob@example.com")
	if _, err := c.Send(ctx, bob, &Typing{From: "alice@example.com"}); err != nil {
		t.Error(err)
	}
	sent, err := c.Send(ctx, bob, &TextMessage{Text: "Grüße €"})
	if err != nil || sent.ID == "" || sent.Acknowledged || !reflect.DeepEqual(sent.Conversation, bob) {
		t.Errorf("sent %+v, %v", sent, err)
	}
	if _, err := c.Send(ctx, bob, &Nudge{}); !errors.Is(err, ErrContactOffline) {
		t.Errorf("a nudge to nobody: %v", err)
	}
	if sent, err = c.SendOffline(ctx, "bob@example.com", "for later"); err != nil || sent.Acknowledged {
		t.Errorf("sent offline %+v, %v", sent, err)
	}
	other := Conversation{Group: true, Session: "7d3a1c52-0000-4000-8000-00000000000b@live.com"}
	sent, err = c.Send(ctx, other, &TextMessage{Text: "hello"})
	if err != nil || !reflect.DeepEqual(sent.Conversation.Participants, []string{"carol@example.com"}) || sent.Conversation.Session != other.Session {
		t.Errorf("sent %+v, %v", sent, err)
	}
	if err := c.Leave(ctx, other); err != nil {
		t.Error(err)
	}
	if err := c.Leave(ctx, other); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
	group := With("bob@example.com", "carol@example.com")
	sent, err = c.Send(ctx, group, &TextMessage{Text: "to both"})
	if err != nil || !sent.Conversation.SamePeople(group) || !sent.Conversation.Group || sent.Conversation.Session == "" {
		t.Errorf("sent %+v, %v", sent, err)
	}
	if opened, err := c.Open(ctx, group); err != nil || opened.Session != sent.Conversation.Session {
		t.Errorf("opened %+v, %v", opened, err)
	}
	if err := c.SignOutEndpoint(ctx, "{C0FFEE00-0000-4000-8000-000000000002}"); err != nil {
		t.Error(err)
	}
	if err := c.SetEndpointName(ctx, "A & B"); err != nil {
		t.Error(err)
	}
}

// TestPresenceIn applies documents one after another.
func TestPresenceIn(t *testing.T) {
	const guid = "11111111-2222-4333-8444-555555555555"
	steps := []struct {
		doc         string
		gone, whole bool
		status      Status
		name, text  string
		places      int
	}{
		{`<user><s n="IM"><Status>bsy</Status></s><s n="PE"><FriendlyName>Bob</FriendlyName><PSM>hi</PSM></s><sep n="IM" epid="{` + guid + `}"><Capabilities>1:2</Capabilities></sep></user>`,
			false, true, Busy, "Bob", "hi", 1},
		{`<user><s n="PE"><PSM></PSM></s></user>`, false, false, Busy, "Bob", "", 1},
		{`<user><s n="IM"><Status>XYZ</Status></s></user>`, false, false, Busy, "Bob", "", 1},
		{`<user><sep n="IM" epid="{` + strings.Replace(guid, "1", "2", 1) + `}"><Capabilities>0:0</Capabilities></sep></user>`, false, false, Busy, "Bob", "", 2},
		{`<user><sep n="IM" epid="{` + guid + `}"/></user>`, true, false, Busy, "Bob", "", 1},
		{`<user><s n="IM"/></user>`, true, false, Offline, "", "", 0},
		{`<user/>`, false, false, Offline, "", "", 0},
	}
	p, m := Presence{Status: Offline}, PersonalMessage{}
	for _, s := range steps {
		doc, err := userdoc.ParseUser([]byte(s.doc))
		if err != nil {
			t.Fatal(err)
		}
		p, m, _ = presenceIn(doc, s.gone, s.whole, p, m)
		if p.Status != s.status || p.FriendlyName != s.name || m.Text != s.text || len(m.Endpoints) != s.places {
			t.Errorf("%s: %+v %+v", s.doc, p, m)
		}
	}
}

// TestParseSDG reads messages as other programs write them.
func TestParseSDG(t *testing.T) {
	object := "<msnobj Creator=\"bob@example.com\" Size=\"5\" Type=\"8\" Location=\"TFR2C.tmp\" Friendly=\"AAA=\" SHA1D=\"qvTGHdzF6KLavt4PO0gs2a6pQ00=\"/>"
	cases := []struct {
		content, body string
		want          Message
	}{
		{"Messaging: 2.0\r\nMessage-Type: text", "a\rb", &TextMessage{Text: "a\nb"}},
		{"Messaging: 2.0\r\nMessage-Type: RichText", "a", &TextMessage{Text: "a"}},
		{"Messaging: 1.0\r\nContent-Type: text/plain", "no type", &TextMessage{Text: "no type"}},
		{"Messaging: 1.0\r\nContent-Type: text/x-msnmsgr-datacast", "ID: 1\r\n\r\n", &Nudge{}},
		{"Messaging: 1.0\r\nMessage-Type: Nudge", "", &Nudge{}},
		{"Messaging: 2.0\r\nMessage-Type: Control/Typing", "", &Typing{From: "bob@example.com"}},
		{"Messaging: 1.0\r\nMessage-Type: Control\r\nTypingUser: x@example.com", "\r\n", &Typing{From: "bob@example.com"}},
		{"Messaging: 2.0\r\nMessage-Type: Control/ClearTyping", "", nil},
		{"Messaging: 2.0\r\nMessage-Type: Signal/Turn", "secret", nil},
		{"Messaging: 2.0\r\nMessage-Type: Data", "abc", nil},
		{"Messaging: 2.0\r\nMessage-Type: Whatever\r\nContent-Type: x/y", "abc", &Unknown{ContentType: "x/y", Body: []byte("abc")}},
		{"Messaging: 2.0\r\nMessage-Type: Wink\r\nContent-Type: x/y", "none", &Unknown{ContentType: "x/y", Body: []byte("none")}},
	}
	for _, tc := range cases {
		e, err := wire.ParseEnvelope([]byte("Routing: 1.0\r\nTo: 1:alice@example.com;epid={1}\r\nFrom: 1:bob@example.com;epid={2}\r\n\r\n" + tc.content + "\r\n\r\n" + tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := parseSDG(&e, "bob@example.com"); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %#v", tc.content, got)
		}
	}
	o, err := ParseMSNObject(object)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []sdgForm{sdgCircles, sdgAll} {
		for _, m := range []Message{
			&TextMessage{Text: "a\nb", DisplayName: "Bot", Format: TextFormat{Font: "Arial", Bold: true}}, &Nudge{}, &Typing{From: "bob@example.com"},
			&Wink{Object: o}, &CustomEmoticons{Animated: true, Emoticons: []CustomEmoticon{{":)", o}}},
		} {
			parts, err := form.content(m, "bob@example.com", "Bob")
			if err != nil || len(parts) != 1 {
				t.Fatalf("%T: %d parts, %v", m, len(parts), err)
			}
			e, err := wire.ParseEnvelope(parts[0].Append([]byte("Routing: 1.0\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			if got := parseSDG(&e, "bob@example.com"); !reflect.DeepEqual(got, m) {
				t.Errorf("%T as %d: got %#v, want %#v", m, form, got, m)
			}
		}
	}
	long, err := sdgAll.content(&TextMessage{Text: strings.Repeat("lang ", 1000)}, "bob@example.com", "")
	if err != nil || len(long) < 3 {
		t.Errorf("a long text has %d parts, %v", len(long), err)
	}
}

// TestHop is sent on with a hop string, which the next server gets in CVR, and then to one that gives none.
func TestHop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hop = "VmVyc2lvbjogMQ0KWGZyQ291bnQ6IDINCklzR2VvWGZyOiB0cnVlDQo="
		start := "C: VER 1 MSNP21 CVR0\nS: VER 1 MSNP21\nC: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 15.4.3508.1109 MSMSGS alice@example.com "
		rest := "\nS: CVR 2 1 1 1 http://x http://x\nC: USR 3 SSO I alice@example.com\nS: XFR 3 NS "
		_, f, _, err := runDialogue(t, func(cfg *Config) {
			withServices(t, cfg)
			cfg.Versions = []Version{MSNP21}
		}, script(t, start+"0"+rest+"ns2.example.com:443 U D "+hop), script(t, start+hop+rest+"ns3.example.com:443 G D"), script(t, start+"0"))
		var step *SignInError
		if !errors.As(err, &step) || step.Step != "CVR" {
			t.Errorf("Run = %v", err)
		}
		if want := []string{"ns.example.com:1863", "ns2.example.com:443", "ns3.example.com:443"}; !reflect.DeepEqual(f.dialled, want) {
			t.Errorf("dialled %v", f.dialled)
		}
	})
}
