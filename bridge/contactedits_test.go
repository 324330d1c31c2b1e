package bridge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// command writes to the bot and waits for an answer with that text.
func (h *house) command(line, answer string) {
	h.t.Helper()
	room, err := h.user.GetManagementRoom(h.br.Log.WithContext(h.t.Context()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.commandIn(room, line, answer)
}

func (h *house) commandIn(room id.RoomID, line, answer string) {
	h.t.Helper()
	h.hs.mu.Lock()
	before := len(h.hs.messages(room, botID))
	h.hs.mu.Unlock()
	h.say(room, line)
	h.hs.wait(h.t, fmt.Sprintf("the answer %q to %q", answer, line), func() bool {
		return slices.ContainsFunc(h.hs.messages(room, botID)[before:], func(m string) bool { return strings.Contains(m, answer) })
	})
}

// TestContactCommands edits the list as a user does, with each kind of list.
func TestContactCommands(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP11, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			eve := h.person("eve@example.com", msn.Online)
			h.person(bobMSN, msn.Online)
			h.signedIn()
			bob, s := h.room(bobMSN), h.online()

			h.command("list", "alice@example.com: 2 contacts")
			h.command("list BOB", "- Bob B (bob@example.com): Online")
			h.command("list nobody", `0 contacts with "nobody"`)
			h.command("add Eve@example.com", "They are asked whether")
			eve.wait("to be asked", func(e msn.Event) bool { r, ok := e.(msn.ContactRequest); return ok && r.Passport == aliceMSN })
			h.command("add eve@example.com", "was on your contact list already")
			if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
				t.Fatal(err)
			}
			h.told("Eve (eve@example.com) has you on their MSN contact list now")
			h.command("add nobody@example.com", "There is no such account")
			h.command("add", "Give an address")
			h.command("add what?@", "An MSN address looks like")

			h.command("group add Best friends", "The contact group Best friends is made")
			h.command("group add Work", "Work is made")
			h.command(`group put eve@example.com "best friends"`, "eve@example.com is in Best friends.")
			h.commandIn(bob, "!msn group put Work", "bob@example.com is in Work.")
			h.command("group", "1. Best friends (1)")
			h.command("group move bob@example.com 1", "is in Best friends alone")
			s.inGroups(t, bobMSN, "Best friends")
			h.command("group take bob@example.com best friends", "is not in Best friends")
			s.inGroups(t, bobMSN)
			h.command("group rename Work Labour", "Work is called Labour now")
			h.command("group put bob@example.com Work", `There is no contact group "Work"`)
			long := strings.Repeat("x", 62)
			h.command("group add "+long, "MSN takes 61 bytes")
			h.command("group rename Labour "+long, "MSN takes 61 bytes")
			if v != msn.MSNP8 { // which takes several groups of one name
				h.command("group add Labour", "There is one of that name already")
			}
			h.command("group remove Labour", "Labour is gone")
			h.command("group frobnicate", "`group` lists your contact groups")

			h.command("block bob@example.com", "is blocked")
			h.command("list bob@", "(bob@example.com): blocked")
			h.command("unblock bob@example.com", "is not blocked")
			h.command("unblock bob@example.com", "They are not blocked")
			h.command("privacy contacts", "Only those whom you allowed")
			if s.msn.Privacy() != msn.BlockOthers {
				t.Error("BLP is as it was")
			}
			h.command("privacy", "Only those whom you allowed")
			h.command("privacy everybody", "Everybody who is not blocked")
			h.command("privacy what", "Write `privacy`")
			h.command("sync", "3 contacts and 1 group are in step")
			h.command("remove eve@example.com", "is off your contact list")
			h.command("remove eve@example.com", "That is not on your contact list")
		})
	}
}

// TestNicknames: what the user calls a contact wins, if the configuration says so.
func TestNicknames(t *testing.T) {
	for names, want := range map[string]string{namesNickname: "Bobby ☃", namesOwn: "Bob B"} {
		t.Run(names, func(t *testing.T) {
			h := newHouse(t, func(c *Config) { c.Contacts.Names = names })
			h.person(bobMSN, msn.Online)
			h.signedIn()
			bob := h.room(bobMSN)
			h.commandIn(bob, "!msn rename Bobby ☃", "is called Bobby ☃ now")
			h.inStep()
			h.hs.mu.Lock()
			defer h.hs.mu.Unlock()
			if got := h.hs.names[ghostOf(bobMSN)]; got != want {
				t.Errorf("the ghost is called %q", got)
			}
		})
	}
}

func TestCutWord(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, " a  b ": {"a", "b"}, `put "best friends" x`: {"put", "best friends", "x"}, `Mum's "open`: {"Mum's", `"open`}, `""`: {""},
		`say"so" "a"`: {`say"so"`, "a"}, `"`: {`"`}, `"ä ö"`: {"ä ö"},
	} {
		var got []string
		for rest := text; strings.TrimSpace(rest) != ""; {
			var word string
			word, rest = cutWord(rest)
			got = append(got, word)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"": "", ` a "b" `: `a "b"`, `"a b"`: "a b", `"The "A" Team"`: `The "A" Team`, `"A" and "B"`: `"A" and "B"`, `"`: `"`, `""`: "",
	} {
		if got := unquoted(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestQuotedNames: names with quotes in them can be given as they are.
func TestQuotedNames(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	s := h.online()
	h.room(bobMSN)
	h.command(`group add The "A" Team`, `The contact group The "A" Team is made`)
	h.command(`group add "Best friends"`, "The contact group Best friends is made")
	h.command(`group add 5" disks`, `5" disks is made`)
	for _, name := range []string{`The "A" Team`, `"The "A" Team"`, "5\" disks", "\"5\" disks\"", "Best friends", `"best Friends"`} {
		h.command("group put bob@example.com "+name, "is in")
		h.command("group take bob@example.com "+name, "is not in")
	}
	h.command(`group rename The "A" Team The "B" Team`, `The "A" Team is called The "B" Team now`)
	h.command(`group rename "The "B" Team" "Best enemies"`, `The "B" Team is called Best enemies now`)
	h.command("group rename Best friends Friends", "Best friends is called Friends now")
	h.command("group rename Worst friends", `There is no contact group "Worst"`)
	h.command(`group remove 5" disks`, "is gone")
	h.command("group remove Nobody's", `There is no contact group "Nobody's"`)
	h.command(`rename bob@example.com The "Boss"`, `is called The "Boss" now`)
	h.command(`block The "Boss"`, "bob@example.com is blocked")
	h.command(`unblock "The "Boss""`, "bob@example.com is not blocked")
	h.command(`rename "The "Boss"" "Bobby B"`, "is called")
	if got := s.nickname(bobMSN); got != "Bobby B" {
		t.Errorf("Bob is called %q", got)
	}
}

// TestWhateverStandsForSomebody takes the Matrix ID of a ghost, and links to it, for the address.
func TestWhateverStandsForSomebody(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.room(bobMSN)
	h.command("group add Friends", "is made")
	bob, eve := ghostOf(bobMSN), ghostOf("eve@example.com")
	link := bob.URI().MatrixToURL()
	for _, whom := range []string{bob.String(), link, "[Bob B](" + link + ")", bob.URI().String(), "local/bob@example.com", "mailto:Bob@example.com"} {
		h.command("block "+whom, "bob@example.com is blocked")
		h.command("unblock "+whom, "bob@example.com is not blocked")
		h.command("rename "+whom+" Bobby", "bob@example.com is called Bobby now")
		h.command("group put "+whom+" Friends", "bob@example.com is in Friends")
		h.command("group take "+whom+" Friends", "bob@example.com is not in Friends")
		h.command("group move "+whom+" Friends", "bob@example.com is in Friends alone")
		h.command("accept "+whom, "There is no request of bob@example.com")
		h.command("decline "+whom, "There is no request of bob@example.com")
		h.command("start-chat "+whom, "You already have a direct chat with")
	}
	h.command("add "+eve.String(), "eve@example.com is on your contact list")
	h.command("remove "+eve.URI().MatrixToURL(), "eve@example.com is off your contact list")
	h.command("add [Eve]("+eve.URI().MatrixToURL()+") Evi", "eve@example.com is on your contact list")

	stranger := id.NewUserID("msn_"+id.EncodeUserLocalpart("crosstalk/bob@example.com"), domain)
	h.command("add "+stranger.String(), `Bob@example.com is of another MSN service, "crosstalk".`)
	h.command("block "+id.NewUserID("msn_nonsense", domain).String(), "There is no such person.")
	for _, command := range []string{"add", "remove", "block", "unblock", "accept", "decline", "start-chat"} {
		h.command(command+" alice@example.com", "hat is your own address")
		h.command(command+" "+ghostOf(aliceMSN).String(), "hat is your own address")
	}
	h.command("rename alice@example.com Me", "That is your own address")
	h.command("group put alice@example.com Friends", "That is your own address")
}

// TestLongList pages a list of 3,000.
func TestLongList(t *testing.T) {
	h := newHouse(t, nil)
	account := msntest.Account{Passport: "many@example.com", Password: "secret"}
	for i := range 3000 {
		account.Friends = append(account.Friends, fmt.Sprintf("friend%04d@example.com", i))
	}
	h.msn.AddAccount(account)
	s := &session{Client: &Client{conn: h.conn, passport: account.Passport, server: serverName, login: &bridgev2.UserLogin{}}}
	s.login.UserLogin = nil
	p := h.person(account.Passport, msn.Online)
	s.msn = p.Client
	s.login = h.signedIn().client().login
	for _, page := range []int{1, 38, 99} {
		table, plain := s.contactTable(page, "")
		if len(table)+len(plain) > 40<<10 || !strings.Contains(table, "3000 contacts, page") || strings.Count(plain, "\n") < 20 {
			t.Errorf("page %d has %d and %d bytes:\n%.300s", page, len(table), len(plain), plain)
		}
	}
	if _, table := s.contactTable(1, "0042"); strings.Count(table, "friend0042@") != 2 {
		t.Errorf("search:\n%s", table)
	}
}

// TestAcceptAll accepts without asking, if the configuration says so and only then.
func TestAcceptAll(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprint(all), func(t *testing.T) {
			h := newHouse(t, func(c *Config) { c.Contacts.AcceptAll = all })
			h.signedIn()
			eve := h.person("eve@example.com", msn.Online)
			if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
				t.Fatal(err)
			}
			if all {
				h.told("as this bridge accepts everybody")
			} else {
				room := h.room("eve@example.com")
				h.hs.wait(t, "the question, with a ping", func() bool {
					return slices.ContainsFunc(h.hs.rooms[room].events, func(e sent) bool {
						m, ok := e.content.Parsed.(*event.MessageEventContent)
						return ok && strings.Contains(m.Body, "has added you") && m.Mentions.Has(alice)
					})
				})
			}
			contact, _ := h.online().msn.Contact("eve@example.com")
			if contact.On(msn.ForwardList) != all || contact.On(msn.AllowList) != all {
				t.Errorf("%+v", contact)
			}
		})
	}
}

// TestProvisioning goes through all routes.
func TestProvisioning(t *testing.T) {
	h := newHouse(t, nil)
	eve := h.person("eve@example.com", msn.Online)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	h.room(bobMSN)
	if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
		t.Fatal(err)
	}
	h.room("eve@example.com")
	mux := http.NewServeMux()
	(&provisioning{login: func(http.ResponseWriter, *http.Request) *bridgev2.UserLogin { return h.client().login }}).routes(mux)
	ask := func(method, path, body string, status int, want string) string {
		t.Helper()
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, w.Code, w.Body, status, want)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: no JSON: %s", method, path, w.Body)
		}
		return w.Body.String()
	}
	ask("GET", "/v3/msn/contacts", "", 200, `"address":"bob@example.com","name":"Bob B","presence":"Online"`)
	ask("GET", "/v3/msn/contacts?q=nobody", "", 200, `{"contacts":[]}`)
	ask("GET", "/v3/msn/requests", "", 200, `{"address":"eve@example.com","name":"Eve"}`)
	ask("POST", "/v3/msn/requests/eve@example.com/perhaps", "", 400, "allowed is one of")
	ask("POST", "/v3/msn/requests/bob@example.com/accept", "", 404, "does not wait")
	ask("POST", "/v3/msn/requests/eve@example.com/accept", "", 200, "{}")
	ask("GET", "/v3/msn/requests", "", 200, `{"requests":[]}`)
	ask("POST", "/v3/msn/contacts", `{"address":"eve@example.com"}`, 200, "already")
	ask("POST", "/v3/msn/contacts", `{"address":"nonsense"}`, 400, "looks like")
	ask("POST", "/v3/msn/contacts", `{"address":"nobody@example.com"}`, 404, "no such account")
	ask("POST", "/v3/msn/contacts", `[]`, 400, "M_NOT_JSON")
	ask("POST", "/v3/msn/contacts", `{"address":"`+strings.Repeat("x", maxProvisioning)+`"}`, 400, "M_NOT_JSON")
	ask("PATCH", "/v3/msn/contacts/eve@example.com", `{"name":"Evi","blocked":true}`, 200, "{}")
	ask("GET", "/v3/msn/contacts?q=evi", "", 200, `"blocked":true`)
	ask("PATCH", "/v3/msn/contacts/eve@example.com", `{"name":""}`, 200, "{}")
	ask("GET", "/v3/msn/contacts?q=eve", "", 200, `"name":"Eve"`)
	ask("PATCH", "/v3/msn/contacts/eve@example.com", `{"blocked":false}`, 200, "{}")
	ask("PATCH", "/v3/msn/contacts/eve@example.com", `{}`, 400, "nothing to change")
	var made listedGroup
	if err := json.Unmarshal([]byte(ask("POST", "/v3/msn/groups", `{"name":"Friends"}`, 200, `"name":"Friends"`)), &made); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{{"PATCH", "x"}, {"DELETE", "x"}, {"PUT", "x/contacts/eve@example.com"}, {"DELETE", "x/contacts/eve@example.com"}} {
		ask(r[0], "/v3/msn/groups/"+r[1], `{"name":"y"}`, 404, "There is no contact group with this ID")
	}
	ask("PATCH", "/v3/msn/groups/"+made.ID, `{"name":"`+strings.Repeat("x", 62)+`"}`, 400, "61 bytes")
	ask("PUT", "/v3/msn/groups/"+made.ID+"/contacts/eve@example.com", "", 200, "{}")
	ask("GET", "/v3/msn/groups", "", 200, `"contacts":["eve@example.com"]`)
	ask("PATCH", "/v3/msn/groups/"+made.ID, `{"name":"Foes"}`, 200, "{}")
	ask("GET", "/v3/msn/contacts?q=foes", "", 200, `"groups":["Foes"]`)
	ask("DELETE", "/v3/msn/groups/"+made.ID+"/contacts/eve@example.com", "", 200, "{}")
	ask("DELETE", "/v3/msn/groups/"+made.ID, "", 200, "{}")
	ask("GET", "/v3/msn/groups", "", 200, `{"groups":[]}`)
	ask("PUT", "/v3/msn/privacy", `{"privacy":"contacts"}`, 200, "{}")
	ask("GET", "/v3/msn/privacy", "", 200, `"contacts"`)
	ask("PUT", "/v3/msn/privacy", `{"privacy":"x"}`, 400, "allowed is one of")
	ask("POST", "/v3/msn/sync", "", 200, "in step")
	ask("DELETE", "/v3/msn/contacts/eve@example.com", "", 200, "{}")
	ask("DELETE", "/v3/msn/contacts/eve@example.com", "", 404, "not on your contact list")
	h.client().Disconnect()
	ask("GET", "/v3/msn/contacts", "", 503, "not signed in")
}
