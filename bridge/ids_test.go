package bridge

import (
	"testing"

	"maunium.net/go/mautrix/bridgev2/networkid"
)

func TestIDs(t *testing.T) {
	if got := makeUserID("escargot", "Bob@Hotmail.com"); got != "escargot/bob@hotmail.com" {
		t.Errorf("makeUserID: %q", got)
	}
	for _, test := range []struct {
		id               string
		server, passport string
		ok               bool
	}{
		{"escargot/bob@hotmail.com", "escargot", "bob@hotmail.com", true},
		{"escargot/32:bob@yahoo.com", "escargot", "32:bob@yahoo.com", true},
		{"escargot/conf/a@example.com", "escargot", "conf/a@example.com", true}, // an odd address, but one
		{"escargot/Bob@hotmail.com", "", "", false},
		{"escargot/conf/abc", "", "", false},
		{"escargot/bob", "", "", false},
		{"escargot/@hotmail.com", "", "", false},
		{"escargot/bob@", "", "", false},
		{"escargot/bob @hotmail.com", "", "", false},
		{"/bob@hotmail.com", "", "", false},
		{"bob@hotmail.com", "", "", false},
		{"", "", "", false},
	} {
		server, passport, ok := parseUserID(networkid.UserID(test.id))
		if ok != test.ok || ok && (server != test.server || passport != test.passport) {
			t.Errorf("parseUserID(%q) = %q, %q, %v", test.id, server, passport, ok)
		}
	}
}

func TestPortalIDs(t *testing.T) {
	login := makeLoginID("escargot", "me@example.com")
	direct := directKey(login, "escargot", "Bob@example.com")
	if server, passport, ok := parseDirect(direct.ID); !ok || server != "escargot" || passport != "bob@example.com" || direct.Receiver != login {
		t.Errorf("direct: %v %q %q %v", direct, server, passport, ok)
	}
	conf := conferenceKey(login, "escargot", "abc123")
	if server, id, ok := parseConference(conf.ID); !ok || server != "escargot" || id != "abc123" || conf.Receiver != login {
		t.Errorf("conference: %v %q %q %v", conf, server, id, ok)
	}
	if _, _, ok := parseConference(direct.ID); ok {
		t.Error("a chat between two is taken for a conference")
	}
	if _, _, ok := parseDirect(conf.ID); ok {
		t.Error("a conference is taken for a chat between two")
	}
}

// FuzzIDs checks that whatever parses comes back the same, and that nothing is two things.
func FuzzIDs(f *testing.F) {
	for _, seed := range []string{"a/b@c", "a/conf/x", "a/conf/b@c", "//", "a/b@c@d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		server, passport, direct := parseDirect(networkid.PortalID(s))
		if direct && string(makeUserID(server, passport)) != s {
			t.Errorf("%q comes back as %q", s, makeUserID(server, passport))
		}
		server, id, conference := parseConference(networkid.PortalID(s))
		if conference && string(conferenceKey("", server, id).ID) != s {
			t.Errorf("%q comes back as %v", s, conferenceKey("", server, id))
		}
		if direct && conference {
			t.Errorf("%q is both", s)
		}
	})
}
