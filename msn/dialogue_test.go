package msn

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// runDialogue runs a client against recorded connections and returns what it heard and why it ended.
func runDialogue(t *testing.T, change func(*Config), players ...*player) (*Client, *farEnd, []Event, error) {
	t.Helper()
	f, l := newFarEnd(players...), &listener{}
	cfg := testConfig(f, l)
	cfg.Limits.Changes = -1
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reason := c.Run(t.Context())
	for range f.dialled {
		if err := <-f.errs; err != nil {
			t.Error(err)
		}
	}
	return c, f, l.heard(), reason
}

// TestSignIn replays a whole sign-in in every dialect, and asks what came of it.
func TestSignIn(t *testing.T) {
	for _, v := range Versions() {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cryptotest.SetGlobalRandom(t, 1) // the proof of MSNP15 has random bytes
				name := strings.ToLower(v.String()) + "-sign-in.msnp"
				p := load(t, name)
				c, _, events, err := runDialogue(t, func(cfg *Config) {
					cfg.Versions = []Version{v}
					withServices(t, cfg)
				}, p)
				if !errors.Is(err, ErrLoggedInElsewhere) {
					t.Errorf("Run = %v, want %v", err, ErrLoggedInElsewhere)
				}
				p.save(t, name)
				checkList(t, c, v)
				checkEvents(t, events, v)
			})
		})
	}
}

// checkList asks for the contact list that all the dialogues tell.
func checkList(t *testing.T, c *Client, v Version) {
	t.Helper()
	d := dialectOf(v)
	bob := Contact{Passport: "bob@example.com", FriendlyName: "Bobby", Lists: ForwardList | AllowList | ReverseList, NetworkID: 1}
	carol := Contact{Passport: "carol@example.com", FriendlyName: "Carol", Lists: ForwardList | BlockList, NetworkID: 1}
	dave := Contact{Passport: "dave@example.com", FriendlyName: "Däve", Lists: ReverseList, NetworkID: 1}
	_, book := d.roster.(addressBook)
	if v >= MSNP5 {
		bob.Phones = map[string]string{"PHH": "55502", "MOB": "Y"}
	}
	if book {
		bob.Phones = map[string]string{"PHH": "55502"}
	}
	if v >= MSNP5 && v < MSNP8 {
		carol.Phones = map[string]string{"MOB": "N"}
	}
	ids := []string{"0", "1"}
	if d.pending {
		ids = []string{"11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"}
		bob.ID, carol.ID = "22222222-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
		dave.Lists = PendingList
	}
	var groups []Group
	if d.groups {
		groups = []Group{{ids[0], "Other Contacts"}, {ids[1], "Friends"}}
		bob.Groups, carol.Groups = ids, ids[:1]
	}
	if got, want := c.Contacts(), []Contact{bob, carol, dave}; !reflect.DeepEqual(got, want) {
		t.Errorf("contacts:\n got %+v\nwant %+v", got, want)
	}
	if got := c.Groups(); !reflect.DeepEqual(got, groups) {
		t.Errorf("groups: got %+v, want %+v", got, groups)
	}
	if c.Privacy() != BlockOthers || c.Version() != v {
		t.Errorf("privacy %s, version %s", c.Privacy(), c.Version())
	}
}

// checkEvents asks for the events that all the dialogues make.
func checkEvents(t *testing.T, events []Event, v Version) {
	t.Helper()
	if len(events) == 0 {
		t.Fatal("no events")
	}
	first, ok := events[0].(SignedIn)
	if !ok || first.Version != v || first.FriendlyName != "Alice A" || !first.Verified {
		t.Errorf("first event is %+v", events[0])
	}
	if p := first.Profile; !p.EmailEnabled || p.ClientIP != "192.0.2.7" || p.Fields["sid"] != "507" || p.Fields["MSPAuth"] != "" {
		t.Errorf("profile is %+v", p)
	}
	var told []string
	for _, e := range events[1:] {
		switch e := e.(type) {
		case PresenceChanged:
			told = append(told, fmt.Sprint(e.Passport, " ", e.Presence.Status, " ", e.Presence.FriendlyName, " ",
				e.Presence.Capabilities.Bits, " ", e.Presence.Object != nil, " ", e.Initial))
		case ContactRequest:
			told = append(told, "request "+e.Passport+" "+e.FriendlyName)
		case PersonalMessageChanged:
			told = append(told, "personal "+e.Passport+" "+e.PersonalMessage.Text)
		case EndpointsChanged:
			told = append(told, fmt.Sprintf("places %s self %s, %s %s", e.Endpoints[0].Name, e.Endpoints[0].Status, e.Endpoints[1].Name, e.Endpoints[1].Status))
		default:
			told = append(told, fmt.Sprintf("%T", e))
		}
	}
	bits, object := 0, v >= MSNP9
	if v >= MSNP8 {
		bits = 268435500
	}
	d := dialectOf(v)
	want := []string{"request dave@example.com Däve", fmt.Sprint("bob@example.com BSY Bob B ", bits, " ", object, " ", d.presence != presencePrefix || d.documents)}
	if v >= MSNP11 {
		want = append(want, "personal bob@example.com Gone & fishing")
	}
	if d.endpoints {
		want = append(want, "places matrix-msn self NLN, HOME IDL")
	}
	want = append(want, "bob@example.com IDL Bobby 0 false false")
	if d.documents { // where the capabilities of a place are told, the place is
		want = append(want, "personal bob@example.com Gone & fishing")
	}
	want = append(want, "bob@example.com FLN  0 false false")
	if !reflect.DeepEqual(told, want) {
		t.Errorf("events:\n got %q\nwant %q", told, want)
	}
}

// signInMSNP12 is a short MSNP12 sign-in up to the answer of CHG, with an empty list.
const signInMSNP12 = `
C: VER 1 MSNP12 CVR0
S: VER 1 MSNP12
C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 MSMSGS alice@example.com
S: CVR 2 7.5.0324 7.5.0324 1.0.0000 http://x http://x
C: USR 3 TWN I alice@example.com
S: USR 3 TWN S ct=1
C: USR 4 TWN S t=One*!..$$&p=Two
S: USR 4 OK alice@example.com 1 0
C: SYN 5 0 0
S: SYN 5 t t 1 0
S: LST N=bob@example.com F=Bob C=22222222-0000-4000-8000-000000000001 11 1
C: PNG
S: QNG 30
C: CHG 6 NLN 1342177312
S: CHG 6 NLN 1342177312
S: ILN 6 NLN bob@example.com Bob 1342177312 0
`

// only is a change of the test configuration: one version, nothing to announce beside the status.
func only(v Version) func(*Config) {
	return func(cfg *Config) {
		cfg.Versions = []Version{v}
		cfg.PersonalMessage = PersonalMessage{}
	}
}

// TestEnds replays what ends a session, and asks for its meaning.
func TestEnds(t *testing.T) {
	cases := []struct {
		name, tail string
		want       error
	}{
		{"other place", "S: OUT OTH\n", ErrLoggedInElsewhere},
		{"going down", "S: OUT SSD\n", ErrServerDown},
		{"migrated", "S: OUT MIG\n", ErrMoved},
		{"terms", "S: OUT TOU\n", ErrAccountRestricted},
		{"come back", "S: OUT RCT 7\n", ErrServerDown},
		{"plain goodbye", "S: OUT\n", ErrClosed},
		{"moved", "S: XFR 0 NS ns2.example.com:1863 0 ns.example.com:1863\n", ErrMoved},
		{"restart", "S: XFR 0 NS 0\n", ErrMoved},
		{"hung up", "", ErrClosed},
		{"challenge failed", "S: 540 0\n", nil},
		{"busy", "S: 600 0\n", ErrServerBusy},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, _, events, err := runDialogue(t, only(MSNP12), script(t, signInMSNP12+tc.tail))
				if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("Run = %v, want %v", err, tc.want)
				}
				var step *SignInError
				if errors.As(err, &step) {
					t.Errorf("a failure of the sign-in: %v", err)
				}
				if len(events) == 0 {
					t.Error("no events")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, _, _, err := runDialogue(t, only(MSNP12), script(t, signInMSNP12+"S: XFR 0 NS ns2.example.com U D\n"))
		var moved *MovedError
		if !errors.As(err, &moved) || moved.Address != "ns2.example.com:1863" {
			t.Errorf("Run = %v, want the new address", err)
		}
		_, _, _, err = runDialogue(t, only(MSNP12), script(t, signInMSNP12+"S: OUT RCT 7\n"))
		var later *ReconnectError
		if !errors.As(err, &later) || later.After != 7*time.Minute {
			t.Errorf("Run = %v, want 7 minutes", err)
		}
	})
}

// TestRefusals replays sign-ins that fail.
func TestRefusals(t *testing.T) {
	const ver, cvr = "C: VER 1 MSNP12 CVR0\nS: VER 1 MSNP12\n",
		"C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 MSMSGS alice@example.com\nS: CVR 2 1 1 1 http://x http://x\n"
	const usr = "C: USR 3 TWN I alice@example.com\n"
	cases := []struct {
		name, text, step string
		want             error
	}{
		{"no version", "C: VER 1 MSNP12 CVR0\nS: VER 1 0\n", "VER", ErrVersionRefused},
		{"a version not offered", "C: VER 1 MSNP12 CVR0\nS: VER 1 MSNP18\n", "VER", ErrVersionRefused},
		{"several versions", "C: VER 1 MSNP12 CVR0\nS: VER 1 MSNP11 msnp12\n", "CVR", ErrClosed},
		{"hung up after VER", "C: VER 1 MSNP12 CVR0\n", "VER", ErrClosed},
		{"CVR refused", ver + "C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 MSMSGS alice@example.com\nS: 710 2\n", "CVR", nil},
		{"wrong password", ver + cvr + usr + "S: 911 3\n", "USR", ErrAuthFailed},
		{"busy", ver + cvr + usr + "S: 910 3\n", "USR", ErrServerBusy},
		{"banned", ver + cvr + usr + "S: 923 3\n", "USR", ErrAccountRestricted},
		{"elsewhere", ver + cvr + usr + "S: 931 3\n", "USR", ErrMoved},
		{"odd answer", ver + cvr + usr + "S: USR 3 SSO S x\n", "USR", nil},
		{"broken line", ver + cvr + usr + "S: OUT SSD\n", "USR", ErrServerDown},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := script(t, tc.text)
				if tc.name == "several versions" {
					p.lines = p.lines[:2]
				}
				f, l := newFarEnd(p), &listener{}
				cfg := testConfig(f, l)
				only(MSNP12)(&cfg)
				c, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				err = c.Run(t.Context())
				var step *SignInError
				if !errors.As(err, &step) || step.Step != tc.step || tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("Run = %v, want step %s and %v", err, tc.step, tc.want)
				}
				if got := l.heard(); len(got) != 0 {
					t.Errorf("events: %v", got)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Error("the password is in the error")
				}
				<-f.errs
			})
		})
	}
}

// TestNoAnswer has a server that says nothing: the wait ends by itself.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := script(t, "C: VER 1 MSNP12 CVR0\n")
		p.hold = true
		f, l := newFarEnd(p), &listener{}
		defer f.close()
		cfg := testConfig(f, l)
		only(MSNP12)(&cfg)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.Run(t.Context()); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("Run = %v", err)
		}
		if took := time.Since(began); took != answerTimeout {
			t.Errorf("took %s", took)
		}
	})
}

// TestDeadPeer has a server that stops answering after sign-in.
func TestDeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := script(t, signInMSNP12+"C: PNG\nS: QNG 50\nC: PNG\n")
		p.hold = true
		f, l := newFarEnd(p), &listener{}
		defer f.close()
		cfg := testConfig(f, l)
		only(MSNP12)(&cfg)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.Run(t.Context()); !errors.Is(err, ErrDeadPeer) {
			t.Errorf("Run = %v", err)
		}
		if took, want := time.Since(began), firstPing+50*time.Second+pingTimeout; took != want {
			t.Errorf("took %s, want %s", took, want)
		}
	})
}

// TestRedirect follows dispatch servers, and gives up when they never end.
func TestRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dispatch := "C: VER 1 MSNP7 CVR0\nS: VER 1 MSNP7\nC: INF 2\nS: INF 2 MD5\n" +
			"C: CVR 3 0x0409 winnt 5.1 i386 MSMSGS 4.6.0083 MSMSGS\nS: CVR 3 1 1 1 http://x http://x\n" +
			"C: USR 4 MD5 I alice@example.com\nS: XFR 4 NS ns2.example.com 0 ns.example.com:1863\n"
		first := script(t, dispatch)
		second := load(t, "msnp7-sign-in.msnp")
		_, f, _, err := runDialogue(t, func(cfg *Config) {
			only(MSNP7)(cfg)
			cfg.Server.MapAddress = func(addr string) string { return "mapped-" + addr }
		}, first, second)
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		if want := []string{"ns.example.com:1863", "mapped-ns2.example.com:1863"}; !reflect.DeepEqual(f.dialled, want) {
			t.Errorf("dialled %q, want %q", f.dialled, want)
		}
		var loop []*player
		for range maxRedirects + 1 {
			loop = append(loop, script(t, dispatch))
		}
		_, f, _, err = runDialogue(t, only(MSNP7), loop...)
		if err == nil || len(f.dialled) != maxRedirects+1 || !strings.Contains(err.Error(), "without end") {
			t.Errorf("Run = %v after %d dials", err, len(f.dialled))
		}
	})
}

// TestSignOut ends Run in the orderly way, and before it has begun.
func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := newFarEnd(script(t, signInMSNP12+"C: OUT\n")), &listener{}
		cfg := testConfig(f, l)
		only(MSNP12)(&cfg)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Run(t.Context()) }()
		<-c.ready
		if err := c.SignOut(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := <-f.errs; err != nil {
			t.Error(err)
		}
		if err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) && !errors.Is(err, errSignedOut) {
			t.Errorf("Ping = %v", err)
		}
		if err := c.Run(t.Context()); err == nil {
			t.Error("a client ran twice")
		}
	})
}

// TestCancel ends Run by its context, also in the middle of the sign-in.
func TestCancel(t *testing.T) {
	for _, text := range []string{signInMSNP12, "C: VER 1 MSNP12 CVR0\n"} {
		synctest.Test(t, func(t *testing.T) {
			p := script(t, text)
			p.hold = true
			f, l := newFarEnd(p), &listener{}
			defer f.close()
			cfg := testConfig(f, l)
			only(MSNP12)(&cfg)
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.Run(ctx) }()
			synctest.Wait()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v", err)
			}
		})
	}
}
