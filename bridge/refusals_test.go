package bridge

import (
	"strings"
	"testing"

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
	h.refused(h.invites(room, stranger), "only people of the same MSN service")
	h.takenBack(room, stranger, "only people of the same MSN service")
}
