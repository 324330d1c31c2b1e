package database

import (
	"testing"
	"time"

	"maunium.net/go/mautrix/id"
)

func TestOwner(t *testing.T) {
	db, ctx := open(t), t.Context()
	is := func(want id.UserID) {
		t.Helper()
		if got, err := db.Owner(ctx, "l"); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	is("")
	for _, owner := range []id.UserID{"@bob:x", "@alice:x"} {
		if err := db.PutOwner(ctx, "l", owner); err != nil {
			t.Fatal(err)
		}
		is(owner)
	}
	for _, login := range []string{"l", "other"} {
		if err := db.PutGroup(ctx, Group{login, "r", "1", "Friends"}); err != nil {
			t.Fatal(err)
		}
		if err := db.PutGroupContact(ctx, login, GroupContact{"r", "bob@x", "!bob:x"}); err != nil {
			t.Fatal(err)
		}
		if err := db.PutConference(ctx, Conference{Login: login, ID: "c", Used: time.Unix(1, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.ForgetRooms(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	is("")
	for login, want := range map[string]int{"l": 0, "other": 1} {
		groups, _ := db.Groups(ctx, login)
		contacts, _ := db.GroupContacts(ctx, login)
		conferences, _ := db.Conferences(ctx, login)
		if len(groups) != want || len(contacts) != want || len(conferences) != want {
			t.Errorf("%s: %v, %v, %v", login, groups, contacts, conferences)
		}
	}
}
