package storage

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write the requests to testdata")

// TestRequests are all requests byte for byte; -update writes them.
func TestRequests(t *testing.T) {
	p := Profile{ResourceID: "abc!106", ExpressionID: "abc!118", PhotoID: "abc!205"}
	all := make(map[string]func(string) (int, string))
	for _, action := range []string{"CreateProfile", "UpdateProfile", "UpdateDocument", "CreateRelationships", "DeleteRelationships"} {
		all[action] = ok("<R/>")
	}
	all["GetProfile"] = ok(full)
	all["CreateDocument"] = ok("<R><CreateDocumentResult>abc!300</CreateDocumentResult></R>")
	for _, tc := range []struct {
		name string
		late bool
		do   func(ctx context.Context, s *Store) error
	}{
		{"getprofile", false, func(ctx context.Context, s *Store) error { _, err := s.Get(ctx); return err }},
		{"getprofile-2008", true, func(ctx context.Context, s *Store) error { _, err := s.Get(ctx); return err }},
		{"createprofile", false, func(ctx context.Context, s *Store) error { return s.Create(ctx) }},
		{"updateprofile", false, func(ctx context.Context, s *Store) error { return s.Update(ctx, p, "A <b>", "Hi & ☺") }},
		{"updateprofile-clear", true, func(ctx context.Context, s *Store) error { return s.Update(ctx, p, "", "") }},
		{"setpicture", false, func(ctx context.Context, s *Store) error { return s.SetPicture(ctx, p, "image/png", tinyPNG) }},
		{"updatedocument", true, func(ctx context.Context, s *Store) error { return s.updateDocument(ctx, p, tinyPNG) }},
	} {
		s, asked := service(t, all)
		s.Year2008 = tc.late
		if err := tc.do(t.Context(), s); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		got, file := strings.Join(*asked, "\n")+"\n", "testdata/request-"+tc.name+".txt"
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || got != string(want) {
			t.Errorf("%s: asked\n%s\nwant\n%s (%v)", tc.name, got, want, err)
		}
	}
}
