package database

import (
	"slices"
	"testing"
)

func TestGroups(t *testing.T) {
	db, ctx := open(t), t.Context()
	friends, work := Group{"l", "r1", "1", "Friends"}, Group{"l", "r2", "2", "Work 💼"}
	for _, g := range []Group{work, friends, {"other", "r1", "1", "Friends"}} {
		if err := db.PutGroup(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	friends.ID, friends.Name = "guid", "Best friends"
	if err := db.PutGroup(ctx, friends); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Groups(ctx, "l"); err != nil || !slices.Equal(got, []Group{friends, work}) {
		t.Errorf("%v %v", got, err)
	}
	bob, carol := GroupContact{"r1", "bob@x", "!old:x"}, GroupContact{"r2", "carol@x", "!c:x"}
	for _, c := range []GroupContact{carol, bob} {
		if err := db.PutGroupContact(ctx, "l", c); err != nil {
			t.Fatal(err)
		}
	}
	bob.Chat = "!new:x"
	if err := db.PutGroupContact(ctx, "l", bob); err != nil {
		t.Fatal(err)
	}
	if got, err := db.GroupContacts(ctx, "l"); err != nil || !slices.Equal(got, []GroupContact{bob, carol}) {
		t.Errorf("%v %v", got, err)
	}
	if err := db.DeleteGroupContact(ctx, "l", "r2", "carol@x"); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteGroup(ctx, "l", "r2"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.GroupContacts(ctx, "l"); err != nil || !slices.Equal(got, []GroupContact{bob}) {
		t.Errorf("%v %v", got, err)
	}
	if err := db.DeleteLogin(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	groups, _ := db.Groups(ctx, "l")
	contacts, _ := db.GroupContacts(ctx, "l")
	if len(groups) != 1 || len(contacts) != 1 { // their rooms stay, too
		t.Errorf("after a logout: %v %v", groups, contacts)
	}
	if got, _ := db.Groups(ctx, "other"); len(got) != 1 {
		t.Errorf("another login's: %v", got)
	}
}

func TestGhostStatuses(t *testing.T) {
	db, ctx := open(t), t.Context()
	for _, put := range [][2]string{{"a", "hi"}, {"b", "♪"}, {"a", "ho"}, {"b", ""}, {"c", ""}} {
		if err := db.PutGhostStatus(ctx, put[0], put[1]); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.GhostStatuses(ctx); err != nil || len(got) != 1 || got["a"] != "ho" {
		t.Errorf("%v %v", got, err)
	}
}
