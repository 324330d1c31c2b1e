package bridge

import (
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestNewestVersion has offline messages come with MSNP21, which has no mailbox for them.
func TestNewestVersion(t *testing.T) {
	h := newHouse(t, speaking(msn.MSNP21))
	bob := h.personWith(bobMSN, msn.Online, msn.MSNP15)
	if _, err := bob.SendOffline(t.Context(), aliceMSN, "where are you?"); err != nil {
		t.Fatal(err)
	}
	h.signedIn()
	h.heard(h.room(bobMSN), ghostOf(bobMSN), "where are you?")
}
