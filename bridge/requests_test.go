package bridge

import (
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

const eveMSN = "eve@example.com"

// requestVersions have each a way of their own to tell of requests (core.md 7.1).
var requestVersions = []msn.Version{msn.MSNP8, msn.MSNP10, msn.MSNP12, msn.MSNP18, msn.MSNP21}

// asksAlice has Eve put Alice on her list, and waits for the request in its room, the nth there.
func (h *house) asksAlice(eve *person, n int) (room id.RoomID) {
	h.t.Helper()
	if _, err := eve.AddContact(h.t.Context(), aliceMSN, ""); err != nil {
		h.t.Fatal(err)
	}
	room = h.room(eveMSN)
	h.hs.wait(h.t, "the request", func() bool {
		return strings.Count(strings.Join(h.hs.messages(room, ghostOf(eveMSN)), "\n"), "has added you") == n
	})
	for { // and until it is remembered
		c := h.client()
		if row, err := h.br.DB.Message.GetFirstPartByID(h.t.Context(), c.login.ID, requestMessageID(eveMSN)); err == nil && row != nil {
			return room
		}
		if sleep(h.t.Context(), time.Millisecond) != nil {
			h.t.Fatal("the request is not remembered")
		}
	}
}

// stranger fails if Eve has got onto one of Alice's lists.
func (h *house) stranger() {
	h.t.Helper()
	if contact, _ := h.online().msn.Contact(eveMSN); contact.Lists&(msn.ForwardList|msn.AllowList) != 0 {
		h.t.Errorf("Eve is %+v", contact)
	}
}

// TestReactionIsNoAnswer: a thumb, even one that points down, accepts nobody, and nobody hears of it.
func TestReactionIsNoAnswer(t *testing.T) {
	for _, v := range requestVersions {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			eve := h.personWith(eveMSN, msn.Online, v)
			h.signedIn()
			room := h.asksAlice(eve, 1)
			for _, thumb := range []string{"👎", "👍"} {
				s := h.status(h.send(room, event.EventReaction, &event.ReactionEventContent{RelatesTo: event.RelatesTo{
					Type: event.RelAnnotation, EventID: h.lastFrom(room, ghostOf(eveMSN)), Key: thumb,
				}}))
				if s.Status != event.MessageStatusFail || !strings.Contains(s.Message, "a reaction is no answer") {
					t.Errorf("%s: %+v", thumb, s)
				}
			}
			h.stranger()
			if !h.online().asks(eveMSN) {
				t.Error("Eve asks no more")
			}
			h.goes(h.say(room, "hello, stranger"))
			eve.reads("hello, stranger")
			if got := eve.texts(); len(got) != 1 {
				t.Errorf("Eve got %q", got)
			}
			if contact, _ := h.online().msn.Contact(eveMSN); !contact.On(msn.ForwardList | msn.AllowList) {
				t.Errorf("Eve is %+v", contact)
			}
		})
	}
}

// TestRequestTakenBack: who takes a request back is not added by what is written then, and may ask again.
func TestRequestTakenBack(t *testing.T) {
	for _, v := range requestVersions {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			eve := h.personWith(eveMSN, msn.Online, v)
			h.signedIn()
			room := h.asksAlice(eve, 1)
			if err := eve.RemoveContact(t.Context(), aliceMSN); err != nil {
				t.Fatal(err)
			}
			h.heardPart(room, botID, "does not ask to be on your contact list any more")
			h.status(h.say(room, "too late")) // it may arrive or not
			h.stranger()
			h.command("requests", "Nobody waits for an answer")

			h.asksAlice(eve, 2)
			h.client().Disconnect()
			if err := eve.RemoveContact(t.Context(), aliceMSN); err != nil {
				t.Fatal(err)
			}
			h.client().Connect(h.br.Log.WithContext(t.Context()))
			h.hs.wait(t, "the end of the second request", func() bool {
				return strings.Count(strings.Join(h.hs.messages(room, botID), "\n"), "does not ask to be on your contact list any more") == 2
			})
			h.stranger()

			h.asksAlice(eve, 3)
			h.restart() // shown already
			h.online()
			if v == msn.MSNP8 {
				h.commandIn(room, "!msn decline", "knows no declining")
			} else {
				h.commandIn(room, "!msn decline", "was declined")
			}
			h.inStep()
			h.hs.mu.Lock()
			defer h.hs.mu.Unlock()
			texts := strings.Join(h.hs.messages(room, ghostOf(eveMSN)), "\n") + strings.Join(h.hs.messages(room, botID), "\n")
			if n, m := strings.Count(texts, "has added you"), strings.Count(texts, "any more"); n != 3 || m != 2 {
				t.Errorf("asked %d times, ended %d times", n, m)
			}
		})
	}
}
