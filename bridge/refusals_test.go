package bridge

import (
	"errors"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// refused waits until an event was refused for good, in these words.
func (h *house) refused(evt id.EventID, words string) {
	h.t.Helper()
	if s := h.status(evt); s.Status != event.MessageStatusFail || !strings.Contains(s.Message, words) || !s.SendNotice {
		h.t.Errorf("status %+v, want %q", s, words)
	}
}

// invites is Alice inviting somebody's ghost, or whoever an ID of the bridge's names, into a room.
func (h *house) invites(room id.RoomID, ghost id.UserID) id.EventID {
	key := string(ghost)
	content := event.Content{Parsed: &event.MemberEventContent{Membership: event.MembershipInvite}}
	h.hs.change(func() {
		h.hs.rooms[room].members[ghost] = &event.MemberEventContent{Membership: event.MembershipInvite}
	})
	evt := h.hs.put(room, alice, event.StateMember, &content)
	h.dispatch(&event.Event{ID: evt, RoomID: room, Sender: alice, Type: event.StateMember, StateKey: &key, Content: content})
	return evt
}

// takenBack waits until an invitation is none any more, for that reason.
func (h *house) takenBack(room id.RoomID, ghost id.UserID, why string) {
	h.t.Helper()
	h.hs.wait(h.t, "the invitation to be taken back: "+why, func() bool {
		m := h.hs.rooms[room].members[ghost]
		return m.Membership == event.MembershipLeave && strings.Contains(m.Reason, why)
	})
}

// TestFileForSomebodyOffline: the words about a file are kept by the service, the file is not, and the user hears so.
func TestFileForSomebodyOffline(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Contacts.CreateRooms = roomsAll })
	h.signedIn()
	room := h.room(bobMSN)
	h.refused(h.send(room, event.EventMessage, &event.MessageEventContent{
		MsgType: event.MsgImage, Body: "holiday.jpg", URL: "mxc://example.org/abc", Info: &event.FileInfo{MimeType: "image/jpeg"},
	}), "the file itself was not sent")
	h.heardPart(room, botID, "The MSN service keeps your messages")
	bob := h.person(bobMSN, msn.Online)
	bob.wait("a word of the file", func(e msn.Event) bool {
		m, ok := e.(msn.OfflineMessageReceived)
		return ok && strings.Contains(m.OfflineMessage.Text, "holiday.jpg")
	})
}

// TestBlockedChat: the command that a refusal names works where it is read.
func TestBlockedChat(t *testing.T) {
	h, _, room := chat(t, nil)
	h.commandIn(room, "!msn block", "is blocked")
	h.refused(h.say(room, "hello?"), "write `!msn unblock` here first")
	h.commandIn(room, "!msn nudge", "You have blocked them: write `!msn unblock` here first.")
	h.commandIn(room, "!msn unblock", "is not blocked")
	h.goes(h.say(room, "hello!"))
}

// TestWordsInAGroup: a contact group takes neither texts nor people, and says so.
func TestWordsInAGroup(t *testing.T) {
	h, _, chat := chat(t, nil)
	h.command("group add Friends", "is made")
	h.command("group put bob@example.com Friends", "is in Friends")
	space := h.space("Friends", chat)
	h.refused(h.say(space, "hello all"), "write to a contact, in the room with them")
	h.refused(h.invites(space, ghostOf(carolMSN)), "nobody can be invited into a contact group")
	h.takenBack(space, ghostOf(carolMSN), "put the room of the contact into the space")
}

// TestInvitingSomebodyOffline: the invitation is taken back with the reason why they did not come.
func TestInvitingSomebodyOffline(t *testing.T) {
	h, _, room := chat(t, nil)
	s := h.status(h.invites(room, ghostOf(carolMSN)))
	if s.Status == event.MessageStatusSuccess {
		t.Errorf("status %+v", s)
	}
	h.takenBack(room, ghostOf(carolMSN), "not online")
	stranger := id.NewUserID("msn_"+id.EncodeUserLocalpart("elsewhere/bob@example.com"), domain)
	h.refused(h.invites(room, stranger), "there is no such person")
	h.takenBack(room, stranger, "there is no such person")
}

// TestStartChatWhileSignedOut: nobody gets a room who might be no contact; who has one is given it.
func TestStartChatWhileSignedOut(t *testing.T) {
	h, _, room := chat(t, nil)
	if err := h.msn.StopListening(); err != nil {
		t.Fatal(err)
	}
	h.msn.Drop(aliceMSN)
	c := h.client()
	for c.current.Load() != nil {
		if sleep(t.Context(), time.Millisecond) != nil {
			t.Fatal("Alice stays signed in")
		}
	}
	const why = "is not signed in to MSN at the moment, and cannot put anybody on your contact list"
	h.command("start-chat eve@example.com", why)
	h.command("start-chat "+ghostOf("eve@example.com").String(), why)
	if _, err := c.ResolveIdentifier(t.Context(), "eve@example.com", true); !errors.Is(err, notConnected) {
		t.Errorf("%v", err)
	}
	h.command("start-chat bob@example.com", "You already have a direct chat with")
	h.command("start-chat "+ghostOf(bobMSN).String(), "You already have a direct chat with")
	if got, err := c.rooms.id(t.Context(), directKey(c.login.ID, serverName, bobMSN)); err != nil || got != room {
		t.Errorf("%s %v, want %s", got, err, room)
	}
	if c.hasChat(t.Context(), "eve@example.com") {
		t.Error("there is a chat with Eve")
	}
	h.command("status", "alice@example.com: not signed in to MSN. When it is, it will be shown as Online")
	if err := h.msn.Resume(); err != nil {
		t.Fatal(err)
	}
	h.online()
	h.command("status", "alice@example.com: Online")
	h.command("start-chat carol@example.com", "Created chat with")
}

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a minute", 59 * time.Second: "less than a minute", time.Minute: "1 minute", 5*time.Minute + 40*time.Second: "5 minutes",
		time.Hour: "1 hour", 2*time.Hour + 59*time.Minute: "2 hours", 47 * time.Hour: "47 hours", 50 * time.Hour: "2 days",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// TestRemovedNickname: what a contact was called is gone with the contact, wherever it was kept, and whoever took them off the list.
func TestRemovedNickname(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			h.room(bobMSN)
			for _, remove := range []func(){
				func() { h.command("remove bob@example.com", "is off your contact list") },
				func() {
					if err := h.online().msn.RemoveContact(t.Context(), bobMSN); err != nil { // as an event
						t.Fatal(err)
					}
					h.inStep()
				},
			} {
				h.command("rename bob@example.com Bobby", "is called Bobby now")
				h.command("list bob", "Bobby (bob@example.com)")
				remove()
				h.command("add bob@example.com", "is on your contact list")
				if got := h.online().nickname(bobMSN); got != "" {
					t.Errorf("Bob is still called %q", got)
				}
			}
		})
	}
}
