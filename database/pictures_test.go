package database

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/dbutil"

	"github.com/matrix-msn/matrix-msn/database/upgrades"
)

func TestPictures(t *testing.T) {
	db, ctx := open(t), t.Context()
	if _, found, err := db.Picture(ctx, "x"); found || err != nil {
		t.Errorf("%t %v", found, err)
	}
	want := Picture{SHA1D: "x", MXC: "mxc://a/b", Bytes: 4711, Used: time.Unix(100, 0)}
	for range 2 {
		if err := db.PutPicture(ctx, want); err != nil {
			t.Fatal(err)
		}
		if got, found, err := db.Picture(ctx, "x"); got != want || !found || err != nil {
			t.Errorf("%v %t %v", got, found, err)
		}
		want.Used, want.MXC = time.Unix(200, 0), "mxc://a/c"
	}
	for i := range 9 {
		if err := db.PutPicture(ctx, Picture{SHA1D: fmt.Sprint(i), MXC: "mxc://a/d", Used: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.PrunePictures(ctx, 3); err != nil {
		t.Fatal(err)
	}
	for sha1d, want := range map[string]bool{"x": true, "8": true, "7": true, "6": false, "0": false} {
		if _, found, err := db.Picture(ctx, sha1d); found != want || err != nil {
			t.Errorf("%s: %t %v", sha1d, found, err)
		}
	}
}

func TestProfile(t *testing.T) {
	db, ctx := open(t), t.Context()
	if got, err := db.Profile(ctx, "l"); !reflect.DeepEqual(got, Profile{}) || err != nil {
		t.Errorf("%v %v", got, err)
	}
	for _, want := range []Profile{
		{Name: "☃", MessageFixed: true, Message: "m", PictureFixed: true, Source: "mxc://a/b", PNG: []byte{0, 1, 255}, Stored: "s"}, {},
	} {
		if err := db.PutProfile(ctx, "l", want); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Profile(ctx, "l"); !reflect.DeepEqual(got, want) || err != nil {
			t.Errorf("%v %v", got, err)
		}
	}
	if err := db.PutProfile(ctx, "l", Profile{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteLogin(ctx, "l"); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Profile(ctx, "l"); !reflect.DeepEqual(got, Profile{}) || err != nil {
		t.Errorf("after deleting: %v %v", got, err)
	}
}

// schema lists our tables as the database keeps them, without the way they were written.
func schema(t *testing.T, db *dbutil.Database) map[string]string {
	t.Helper()
	query := "SELECT name, sql FROM sqlite_master WHERE name LIKE 'msn_%'"
	if db.Dialect == dbutil.Postgres {
		query = `SELECT table_name || '.' || column_name, concat(data_type, ' ', is_nullable, ' ', column_default) FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name LIKE 'msn_%'`
	}
	rows, err := db.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[string]string)
	for rows.Next() {
		var name, sql string
		if err := rows.Scan(&name, &sql); err != nil {
			t.Fatal(err)
		}
		all[name] = strings.Join(strings.Fields(sql), "")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestUpgrade comes to the schema of a new database from every older one, and loses nothing.
func TestUpgrade(t *testing.T) {
	fresh := schema(t, open(t).Database)
	main := openMain(t)
	v1, err := os.ReadFile(filepath.Join("testdata", "v1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := main.Exec(t.Context(), string(v1)); err != nil {
		t.Fatal(err)
	}
	db := New(main, dbutil.NoopLogger)
	if err := db.Upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := schema(t, db.Database); !reflect.DeepEqual(got, fresh) {
		t.Errorf("upgraded:\n%v\nnew:\n%v", got, fresh)
	}
	if got, err := db.Login(t.Context(), "l"); !got.Greeted || got.Status != "BSY" || err != nil {
		t.Errorf("the login is lost: %v %v", got, err)
	}
}

// TestPostgreSQL looks at what PostgreSQL is told, which calls bytes otherwise. No server is asked.
func TestPostgreSQL(t *testing.T) {
	postgres := (&dbutil.Database{Dialect: dbutil.Postgres}).Internals()
	for _, file := range []string{"00-latest.sql", "02-pictures.sql"} {
		text, err := os.ReadFile(filepath.Join("upgrades", file))
		if err != nil {
			t.Fatal(err)
		}
		var lines [][]byte
		for line := range strings.Lines(string(text)) {
			lines = append(lines, []byte(strings.TrimSuffix(line, "\n")))
		}
		got, err := postgres.FilterSQLUpgrade(lines)
		if err != nil || !strings.Contains(got, "BYTEA") || strings.Contains(got, "BLOB") {
			t.Errorf("%s: %v\n%s", file, err, got)
		}
	}
	if len(upgrades.Table) != 5 {
		t.Errorf("%d upgrades", len(upgrades.Table))
	}
}
