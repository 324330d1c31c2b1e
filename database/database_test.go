package database

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"go.mau.fi/util/dbutil"
	_ "go.mau.fi/util/dbutil/litestream" // registers sqlite3-fk-wal

	"github.com/matrix-msn/matrix-msn/msn"
)

// openMain opens an empty database: a file, or a schema of the PostgreSQL database that MSN_TEST_POSTGRES names as a URL.
func openMain(t *testing.T) *dbutil.Database {
	t.Helper()
	pool := dbutil.PoolConfig{Type: "sqlite3-fk-wal", URI: "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate", MaxOpenConns: 2}
	if server := os.Getenv("MSN_TEST_POSTGRES"); server != "" {
		pool.Type, pool.URI = "postgres", server
		schema := "test_" + strings.ToLower(rand.Text())
		main := connect(t, pool)
		if _, err := main.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := main.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
				t.Error(err)
			}
		})
		there, err := url.Parse(server)
		if err != nil {
			t.Fatal("MSN_TEST_POSTGRES is no URL")
		}
		query := there.Query()
		query.Set("search_path", schema)
		there.RawQuery = query.Encode()
		pool.URI = there.String()
	}
	return connect(t, pool)
}

func connect(t *testing.T, pool dbutil.PoolConfig) *dbutil.Database {
	t.Helper()
	main, err := dbutil.NewFromConfig("test", dbutil.Config{PoolConfig: pool}, dbutil.NoopLogger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = main.Close() })
	return main
}

func open(t *testing.T) *Database {
	t.Helper()
	db := New(openMain(t), dbutil.NoopLogger)
	for range 2 { // the second time there is nothing to do
		if err := db.Upgrade(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestConferences(t *testing.T) {
	db, ctx := open(t), t.Context()
	old := Conference{Login: "l", ID: "old", Members: []string{"a@x"}, Everyone: []string{"a@x", "b@x"}, Used: time.Unix(100, 0)}
	recent := Conference{Login: "l", ID: "new", Members: []string{"a@x", "b@x"}, Everyone: []string{"a@x", "b@x"}, Used: time.Unix(200, 0)}
	for _, c := range []Conference{old, recent, {Login: "other", ID: "old", Used: time.Unix(1, 0)}} {
		if err := db.PutConference(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.Conferences(ctx, "l"); err != nil || !reflect.DeepEqual(got, []Conference{recent, old}) {
		t.Errorf("%v %v", got, err)
	}
	old.Used, old.Members = time.Unix(300, 0), []string{"b@x"}
	if err := db.PutConference(ctx, old); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Conferences(ctx, "l"); err != nil || !reflect.DeepEqual(got, []Conference{old, recent}) {
		t.Errorf("after a change: %v %v", got, err)
	}
	if err := db.DeleteConference(ctx, "l", "old"); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteLogin(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Conferences(ctx, "l"); len(got) != 1 { // its room stays, too
		t.Errorf("after a logout: %v", got)
	}
	if got, _ := db.Conferences(ctx, "other"); len(got) != 1 {
		t.Errorf("another login's: %v", got)
	}
}

func TestLogin(t *testing.T) {
	db, ctx := open(t), t.Context()
	if got, err := db.Login(ctx, "l"); got != (Login{}) || err != nil {
		t.Errorf("%v %v", got, err)
	}
	for _, want := range []Login{{Greeted: true, Elsewhere: true, Status: "BSY", PersonalMessage: "☃", Lost: "msn-elsewhere", Place: "Küche"}, {Greeted: true}} {
		if err := db.PutLogin(ctx, "l", want); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Login(ctx, "l"); got != want || err != nil {
			t.Errorf("%v %v", got, err)
		}
	}
	if err := db.DeleteLogin(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	if got, _ := db.Login(ctx, "l"); got != (Login{}) {
		t.Errorf("after deleting: %v", got)
	}
}

func TestVersionMemory(t *testing.T) {
	db, ctx := open(t), t.Context()
	if got, err := db.VersionMemory(ctx, "s"); got != (msn.VersionMemory{}) || err != nil {
		t.Errorf("%v %v", got, err)
	}
	want := msn.VersionMemory{Best: msn.MSNP9, Ceiling: msn.MSNP11, Since: time.Unix(1000, 0).UTC()}
	for range 2 {
		if err := db.PutVersionMemory(ctx, "s", want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := db.VersionMemory(ctx, "s"); got.Best != want.Best || got.Ceiling != want.Ceiling || !got.Since.Equal(want.Since) || err != nil {
		t.Errorf("%v %v", got, err)
	}
}
