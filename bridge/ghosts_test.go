package bridge

import (
	"fmt"
	"testing"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestGhostInTurn changes a ghost again and again while its room is looked at, which the race detector watches. The last name
// and picture stay, on the ghost and on the room.
func TestGhostInTurn(t *testing.T) {
	h := newHouse(t, nil)
	h.person(bobMSN, msn.Online)
	h.signedIn()
	room := h.room(bobMSN)
	c := h.client()
	ghost := makeUserID(c.server, bobMSN)
	for i := range 50 {
		c.login.QueueRemoteEvent(&simplevent.ChatResync{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: directKey(c.login.ID, c.server, bobMSN)},
			ChatInfo:  &bridgev2.ChatInfo{MessageRequest: new(bool)},
		})
		name := fmt.Sprint("Bob ", i)
		if c.ensureGhost(t.Context(), bobMSN, ""); i%10 > 0 { // waits for nothing
			c.conn.ghosts.name(t.Context(), ghost, bobMSN, naming{name: name})
		} else {
			await(t.Context(), c.conn.ghosts.name(t.Context(), ghost, bobMSN, naming{name: name}))
		}
		if i == 25 {
			c.conn.pictures.give(t.Context(), ghost, "hash", "mxc://example.com/picture")
		}
	}
	h.hs.wait(t, "the last name and the picture", func() bool {
		r := h.hs.rooms[room]
		return h.hs.names[ghostOf(bobMSN)] == "Bob 49" && r.name == "Bob 49" && r.avatar == "mxc://example.com/picture" &&
			h.hs.avatars[ghostOf(bobMSN)] == "mxc://example.com/picture"
	})
}
