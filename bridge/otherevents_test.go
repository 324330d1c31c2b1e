package bridge

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// happens is an event in a room that is no message, with content as JSON is read to.
func (h *house) happens(room id.RoomID, sender id.UserID, kind event.Type, raw, before map[string]any) id.EventID {
	content := event.Content{Raw: raw}
	evt := &event.Event{RoomID: room, Sender: sender, Type: kind, Content: content}
	if kind.Class == event.StateEventType {
		evt.StateKey = new(string)
	}
	if before != nil {
		evt.Unsigned.PrevContent = &event.Content{Raw: before}
	}
	evt.ID = h.hs.put(room, sender, kind, &content)
	h.dispatch(evt)
	return evt.ID
}

// TestCallsAndWidgets are said in words, once, by whom they are from.
func TestCallsAndWidgets(t *testing.T) {
	h, bob, room := chat(t, nil)
	offer := map[string]any{"offer": map[string]any{"sdp": "v=0\r\nm=audio 9\r\nm=video 9\r\n"}}
	pad := map[string]any{"name": "Etherpad", "type": "m.etherpad", "url": "https://pad.example.com/p/1"}
	h.goes(h.happens(room, alice, event.CallInvite, offer, nil))
	const calling = "*is calling (video), which only works on Matrix*"
	bob.reads(calling)
	h.happens(room, alice, event.CallCandidates, map[string]any{"candidates": []any{}}, nil)
	h.happens(room, ghostOf(bobMSN), event.CallInvite, offer, nil)
	h.happens(room, botID, widgets[0], pad, nil)
	h.happens(room, "@mallory:"+domain, widgets[0], pad, nil)
	h.happens(room, alice, widgets[0], map[string]any{}, pad) // taken away, or redacted
	h.happens(room, alice, widgets[0], pad, pad)              // changed
	h.happens("!other:"+domain, alice, event.CallInvite, offer, nil)
	h.goes(h.happens(room, alice, widgets[0], pad, nil))
	h.goes(h.happens(room, alice, widgets[1], pad, map[string]any{}))
	h.goes(h.say(room, "that is all"))
	bob.reads("that is all")
	const added = "*added the widget “Etherpad”*: https://pad.example.com/p/1"
	if got := bob.texts(); !slices.Equal(got, []string{calling, added, added, "that is all"}) {
		t.Errorf("Bob read %q", got)
	}
}

// TestCallNobodyHears tells who calls that it did not get to MSN.
func TestCallNobodyHears(t *testing.T) {
	h, _, room := chat(t, nil)
	h.commandIn(room, "!msn block", "is blocked")
	h.refused(h.happens(room, alice, event.CallInvite, map[string]any{}, nil), "you have blocked them")
	h.command("group add Friends", "is made")
	h.command("group put bob@example.com Friends", "is in Friends")
	space := h.space("Friends", room)
	pad := h.happens(space, alice, widgets[0], map[string]any{"url": "https://pad.example.com/"}, nil)
	h.refused(h.say(space, "hello"), "takes no messages")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if s, ok := h.hs.statuses[pad]; ok {
		t.Errorf("a widget in the space of a group: %+v", s)
	}
}

// TestEmptyTexts shows nothing where Messenger shows nothing, while its users are here and while they are away.
func TestEmptyTexts(t *testing.T) {
	h, bob, room := chat(t, nil)
	for _, text := range []string{"", " \r\n", "\x01", "after"} {
		bob.writes(msn.With(aliceMSN), text)
	}
	h.heard(room, ghostOf(bobMSN), "after")
	s := h.online()
	s.offlineReceived(t.Context(), msn.OfflineMessage{ID: "empty", From: bobMSN, Text: " "})
	s.offlineReceived(t.Context(), msn.OfflineMessage{ID: "full", From: bobMSN, Text: "later"})
	h.heard(room, ghostOf(bobMSN), "later")
	h.hs.mu.Lock()
	defer h.hs.mu.Unlock()
	if got := h.hs.messages(room, ghostOf(bobMSN)); !slices.Equal(got, []string{"after", "later"}) {
		t.Errorf("on Matrix are %q", got)
	}
}

// TestNobodyIsInvited has whoever an ID of the bridge's names, and who cannot be, decline without a word of how they could come.
func TestNobodyIsInvited(t *testing.T) {
	h, _, chat := chat(t, nil)
	room, err := h.br.Bot.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Invite: []id.UserID{alice}})
	if err != nil {
		t.Fatal(err)
	}
	nobody := id.NewUserID("msn_nonsense", domain)
	h.invites(room, nobody)
	h.takenBack(room, nobody, "there is no such person")
	h.refused(h.invites(chat, nobody), "there is no such person")
	h.takenBack(chat, nobody, "there is no such person")
	if n := h.bot("create-group"); n != 0 {
		t.Error("they are told to write create-group")
	}
}
