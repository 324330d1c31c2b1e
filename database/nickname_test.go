package database

import (
	"maps"
	"testing"
)

func TestNicknames(t *testing.T) {
	db, ctx := open(t), t.Context()
	check := func(want map[string]string) {
		t.Helper()
		if got, err := db.Nicknames(ctx, "l"); err != nil || !maps.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	put := func(login, passport, name string) {
		t.Helper()
		if err := db.PutNickname(ctx, login, passport, name); err != nil {
			t.Fatal(err)
		}
	}
	check(map[string]string{})
	put("l", "bob@x", "Bobby ☃")
	put("l", "bob@x", "Bob")
	put("l", "carol@x", "Caro")
	put("other", "bob@x", "Robert")
	check(map[string]string{"bob@x": "Bob", "carol@x": "Caro"})
	put("l", "carol@x", "")
	put("l", "nobody@x", "")
	check(map[string]string{"bob@x": "Bob"})
}
