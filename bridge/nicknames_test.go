package bridge

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// isCalled waits until somebody's ghost has a name.
func (h *house) isCalled(passport, name string) {
	h.t.Helper()
	h.hs.wait(h.t, passport+" called "+name, func() bool { return h.hs.names[ghostOf(passport)] == name })
}

// TestNames: ghosts are called what contacts call themselves, at once, and what the user calls them, for good.
func TestNames(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP12, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob := h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			h.isCalled(bobMSN, "Bob B")
			room := h.room(bobMSN)
			calls := func(name string) {
				t.Helper()
				if err := bob.SetFriendlyName(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			calls("Robert ☃")
			h.isCalled(bobMSN, "Robert ☃")
			h.commandIn(room, "!msn rename Bobby", "is called Bobby now")
			h.isCalled(bobMSN, "Bobby")
			calls("Rob")

			h.command("list bob", "Bobby (bob@example.com)")
			h.restart()
			h.online()
			h.command("list bob", "Bobby (bob@example.com)")
			h.inStep()
			h.isCalled(bobMSN, "Bobby")
			h.commandIn(room, "!msn rename none", "is called what they call themselves")
			h.isCalled(bobMSN, "Rob")
		})
	}
}

// TestAcceptedName: whoever is accepted is not nicknamed by it.
func TestAcceptedName(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.signedIn()
			eve := h.personWith("eve@example.com", msn.Online, v)
			if _, err := eve.AddContact(t.Context(), aliceMSN, ""); err != nil {
				t.Fatal(err)
			}
			h.heardPart(h.room("eve@example.com"), ghostOf("eve@example.com"), "has added you")
			h.command("accept eve@example.com", "is on your contact list")
			if err := eve.SetFriendlyName(t.Context(), "Eve Two"); err != nil {
				t.Fatal(err)
			}
			h.isCalled("eve@example.com", "Eve Two")
		})
	}
}

// TestBlocked: nothing goes to somebody who is blocked, nor comes from them where they were talking already.
func TestBlocked(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			bob := h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			room := h.room(bobMSN)
			h.goes(h.say(room, "hello"))
			at := bob.reads("hello")
			h.commandIn(room, "!msn block", "is blocked")
			if v != msn.MSNP21 {
				bob.wait("to be left", func(e msn.Event) bool { _, left := e.(msn.ParticipantLeft); return left })
			}
			if _, err := bob.Send(t.Context(), at.Conversation, &msn.TextMessage{Text: "and now?"}); err == nil {
				t.Error("Bob can go on writing")
			}
			if s := h.status(h.say(room, "are you there?")); s.Status != event.MessageStatusFail || !strings.Contains(s.Message, "you have blocked them") {
				t.Errorf("a message to him: %+v", s)
			}
			h.commandIn(room, "!msn unblock", "is not blocked")
			h.goes(h.say(room, "hello again"))
			bob.reads("hello again")
		})
	}
}

// TestRemovedIsOffline: of who is off the contact list nothing more is seen, whatever other lists they are on.
func TestRemovedIsOffline(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			h := newHouse(t, speaking(v))
			h.personWith(bobMSN, msn.Online, v)
			h.signedIn()
			seen := func(p event.Presence) {
				t.Helper()
				h.hs.wait(t, "Bob "+string(p), func() bool { return h.hs.presence[ghostOf(bobMSN)].presence == p })
			}
			seen(event.PresenceOnline)
			h.command("remove bob@example.com", "is off your contact list")
			seen(event.PresenceOffline)
			h.command("add bob@example.com", "is on your contact list")
			seen(event.PresenceOnline)
		})
	}
}
