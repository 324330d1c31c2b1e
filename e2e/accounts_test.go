package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// TestTwoMatrixUsers has two Matrix users who are each other's contacts on MSN: what one writes the other reads, once, and nobody hears an echo.
func TestTwoMatrixUsers(t *testing.T) {
	t.Parallel()
	u, v := newcomer(t), newcomer(t)
	house.MSN.Befriend(u.passport, v.passport)
	for _, who := range []*user{u, v} {
		if answer := who.logIn(t, who.passport, who.password); strings.Contains(answer, "Failed") {
			t.Fatal(answer)
		}
	}
	hers, his := u.roomWith(t, v.passport), v.roomWith(t, u.passport)
	mark := v.Len()
	for _, text := range []string{"one", "two", "three 🐇"} {
		u.says(t, hers, text)
	}
	v.reads(t, mark, his, u.passport, "three 🐇")
	mark = u.Len()
	v.says(t, his, "four")
	u.reads(t, mark, hers, v.passport, "four")
	if got := v.texts(t, his, house.Bridge.Ghost(u.passport)); !slices.Equal(got, []string{"one", "two", "three 🐇"}) {
		t.Errorf("the one reads %q", got)
	}
	if got := u.texts(t, hers, house.Bridge.Ghost(v.passport)); !slices.Equal(got, []string{"four"}) {
		t.Errorf("the other reads %q", got)
	}

	// One goes away on Matrix, and the other sees it there.
	mark = u.Len()
	within(t, func(ctx context.Context) error { return v.Be(ctx, event.PresenceUnavailable, "tea") })
	ghost := house.Bridge.Ghost(v.passport)
	u.awaits(t, "the other's absence", mark, func(evt *event.Event) bool {
		p, ok := evt.Content.Parsed.(*event.PresenceEventContent)
		return ok && evt.Sender == ghost && p.Presence == event.PresenceUnavailable && p.StatusMessage == "tea"
	})
	for _, who := range []*user{u, v} {
		who.ask(t, "logout local/"+who.passport, "ogged out")
	}
}

// TestSecondAccount has one user with two accounts that share a contact.
func TestSecondAccount(t *testing.T) {
	t.Parallel()
	u, friends := signedIn(t, msn.MSNP18, "petra")
	petra := friends[0]
	first := u.roomWith(t, petra.Passport)
	passport, password := account(t, "second")
	house.MSN.Befriend(passport, petra.Passport)
	mark := u.Len()
	if answer := u.logIn(t, passport, password); strings.Contains(answer, "Failed") {
		t.Fatal(answer)
	}
	other := u.awaits(t, "another room with the same contact", mark, func(evt *event.Event) bool {
		return evt.Type == event.StateBridge && evt.RoomID != first && evt.Content.AsBridge().Channel.ID == house.Bridge.Channel(petra.Passport)
	}).RoomID
	mark = petra.Len()
	u.says(t, first, "from the first")
	u.says(t, other, "from the second")
	hears(t, petra, mark, u.passport, "from the first")
	hears(t, petra, mark, passport, "from the second")
	u.ask(t, "group @"+passport+" add Only here", passport+": The contact group")
	u.ask(t, "logout local/"+passport, "ogged out")
}
