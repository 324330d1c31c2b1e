package bridge

import (
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestWhoIsMeant: a word behind a command is a person, and never taken for nothing.
func TestWhoIsMeant(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	room, s := h.room(bobMSN), h.online()
	blocked := func(passport string, want bool) {
		t.Helper()
		if contact, _ := s.msn.Contact(passport); contact.On(msn.BlockList) != want {
			t.Errorf("%s is %+v", passport, contact)
		}
	}
	h.commandIn(room, "!msn block carol", "carol@example.com is blocked")
	blocked(carolMSN, true)
	blocked(bobMSN, false)
	h.commandIn(room, "!msn block nobody in particular", `"nobody in particular" is no address, and nobody on your lists is called so`)
	h.commandIn(room, "!msn remove carol@example.com now", `"now" is too much: `)
	h.command("unblock CAROL", "carol@example.com is not blocked")
	blocked(carolMSN, false)
	h.command("block foo", `"foo" is no address`)
	h.command("add foo", `"foo" is no address`)
	h.command("block", "Give an address")
	h.command("rename Carol Caro", "carol@example.com is called Caro now")
	h.command("group add Work", "is made")
	h.command("group put CARO Work", "carol@example.com is in Work")
	h.commandIn(room, "!msn add foo", `"foo" is no address`)
	h.commandIn(room, "!msn add", "was on your contact list already")
	h.command("block o", "may be bob@example.com, carol@example.com")
	blocked(bobMSN, false)
	h.commandIn(room, "!msn block", "bob@example.com is blocked")
	blocked(bobMSN, true)
}

// TestWhichAccount: with several accounts a change is for the one that is named, or the only one that knows the contact.
func TestWhichAccount(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	eve := h.logsIn(h.user, "eve@example.com")
	h.command("block carol@example.com", "alice@example.com: carol@example.com is blocked")
	h.command("group add Work", "Which account? You have several: put `@local/alice@example.com` or `@local/eve@example.com` behind `group`")
	h.command("sync", "Which account?")
	h.command("group add @eve@example.com Work", "eve@example.com: The contact group Work is made")
	h.command("group @local/eve@example.com", "1. Work (0)")
	h.command("group", "alice@example.com: You have no contact groups")
	h.command("privacy", "eve@example.com: Everybody")
	h.command("block Bob", "alice@example.com: bob@example.com is blocked")
	h.command("unblock Bob", "alice@example.com: bob@example.com is not blocked")
	h.command("privacy contacts", "Which account?")
	h.command("places", "Which account?")
	h.command("profile name Alice", "Which account?")
	h.command("circle create Club", "Which account?")
	h.command("circle create @eve@example.com Club", "The circle Club is made")
	if circles := eve.current.Load().msn.Circles(); len(circles) != 1 {
		t.Errorf("%v", circles)
	}
	h.command("start-chat dora@example.com", "Which account?")
	h.command("start-chat @eve@example.com bob@example.com", "Created chat with")
	if contact, _ := eve.current.Load().msn.Contact(bobMSN); !contact.On(msn.ForwardList) {
		t.Error("Eve has no Bob")
	}
	h.command("start-chat "+string(ghostOf(carolMSN)), "Created chat with")
	h.command("start-chat local/alice@example.com carol@example.com", "already have")
	if groups := eve.current.Load().msn.Groups(); len(groups) != 1 || groups[0].Name != "Work" {
		t.Errorf("%v", groups)
	}
}

// TestRequestsByCommand: only who asks can be answered.
func TestRequestsByCommand(t *testing.T) {
	h := newHouse(t, nil)
	h.signedIn()
	h.command("requests", "Nobody waits for an answer")
	h.command("decline bob@example.com", "There is no request of bob@example.com")
	h.command("accept eve@example.com", "There is no request of eve@example.com")
	if contact, _ := h.online().msn.Contact("eve@example.com"); contact.On(msn.ForwardList) {
		t.Error("a stranger is on the list")
	}
	eve := h.person("eve@example.com", msn.Online)
	if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
		t.Fatal(err)
	}
	h.room("eve@example.com")
	h.command("requests", "Eve (eve@example.com)")
	h.command("list", "2 contacts, and 1 contact request")
	h.command("block eve@example.com", "is blocked")
	h.command("requests", "Nobody waits for an answer")
	h.command("list", "alice@example.com: 2 contacts")
	h.command("list", "Blocked, and not on your list:\n\n- Eve (eve@example.com)")
	h.command("list eve", "0 contacts with \"eve\"\n\nBlocked, and not on your list:\n\n- Eve (eve@example.com)")
	if _, plain := h.online().contactTable(1, "bob"); strings.Contains(plain, "Blocked") {
		t.Errorf("of Bob: %s", plain)
	}
	if n := h.bot("has you on their MSN contact list now"); n != 0 {
		t.Errorf("%d notices of what is no news", n)
	}
}

// TestAnswersByName: who asks is answered by name, with each kind of list, and starting a chat answers nobody.
func TestAnswersByName(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP11, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.signedIn()
			s := h.online()
			eve := h.person("eve@example.com", msn.Online)
			if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
				t.Fatal(err)
			}
			h.room("eve@example.com")
			h.command("start-chat eve@example.com", "direct chat with")
			if contact, _ := s.msn.Contact("eve@example.com"); !s.asks("eve@example.com") || contact.On(msn.ForwardList) {
				t.Errorf("starting a chat has answered: %+v", contact)
			}
			h.command("accept Eve", "eve@example.com is on your contact list.")
			h.command("requests", "Nobody waits for an answer")
			h.command("accept Eve", "There is no request of eve@example.com")
			h.command("block bob", "bob@example.com is blocked")
			h.command("remove bob", "bob@example.com is off your contact list")
			h.command("start-chat bob@example.com", "Created chat with")
			if contact, _ := s.msn.Contact(bobMSN); contact.On(msn.ForwardList) {
				t.Errorf("Bob, who is blocked: %+v", contact)
			}
			h.command("add bob@example.com", "and still blocked")
			h.inStep()
			if n := h.bot("has you on their MSN contact list now"); n != 0 {
				t.Errorf("%d notices of what is no news", n)
			}
		})
	}
}
