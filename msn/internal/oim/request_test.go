package oim

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
)

var rewrite = flag.Bool("update", false, "write the requests to testdata")

// TestRequests are all requests byte for byte; -update writes them.
func TestRequests(t *testing.T) {
	const run = "{3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD}"
	answer200 := answer{200, envelope("<Response/>")}
	challenge := refusal("AuthenticationFailed", "<LockKeyChallenge>1850937852</LockKeyChallenge>")
	for _, tc := range []struct {
		name    string
		answers []answer
		do      func(ctx context.Context, d *desk) error
	}{
		{"store", []answer{stored}, func(ctx context.Context, d *desk) error {
			s := sender(d)
			s.Store2, s.Version, s.BuildVersion = false, "MSNP11", "7.0.0777"
			return s.Send(ctx, "bob@example.com", "Hello", run, 1)
		}},
		{"store2", []answer{challenge, stored}, func(ctx context.Context, d *desk) error {
			return sender(d).Send(ctx, `b"o&b@example.com`, strings.Repeat("Grüße 🎉\n", 10), run, 2)
		}},
		{"getmetadata", []answer{{500, ""}, answer200}, func(ctx context.Context, d *desk) error {
			_, err := fetcher(d).Metadata(ctx)
			return err
		}},
		{"getmessage", []answer{{200, envelope("<R><GetMessageResult>From: a@b</GetMessageResult></R>")}}, func(ctx context.Context, d *desk) error {
			_, err := fetcher(d).Message(ctx, "<1>")
			return err
		}},
		{"deletemessages", []answer{answer200}, func(ctx context.Context, d *desk) error { return fetcher(d).Delete(ctx, "1", "2") }},
		{"uum", nil, func(_ context.Context, d *desk) error {
			d.asked = []string{string(AppendUUM(nil, "a\nb ☺", "FN=Segoe%20UI; EF=; CO=0; CS=0; PF=0"))}
			return nil
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{answers: tc.answers}
			if err := tc.do(t.Context(), d); err != nil || len(d.answers) > 0 {
				t.Errorf("%s: %v, %d answers are left", tc.name, err, len(d.answers))
			}
			got, file := strings.Join(d.asked, "\n")+"\n", "testdata/request-"+tc.name+".txt"
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(file); err != nil || got != string(want) {
				t.Errorf("%s: asked\n%s\nwant\n%s (%v)", tc.name, got, want, err)
			}
		})
	}
}
