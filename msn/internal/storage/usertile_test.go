package storage

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestUserTile asks under the contact's id, beside the service, and shows nobody the ticket.
func TestUserTile(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		if r.URL.Path != "/storage/usertile/some-id/static" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(tinyPNG)
	}))
	defer server.Close()
	s := &Store{Caller: &soap.Caller{}, URL: server.URL + "/storageservice/SchematizedStore.asmx", Ticket: func() string { return "t=SECRET&p=" }}
	if got, err := s.UserTile(t.Context(), http.DefaultClient, "some-id"); err != nil || !bytes.Equal(got, tinyPNG) || asked != "/storage/usertile/some-id/static" {
		t.Errorf("%d bytes, %v, asked %s", len(got), err, asked)
	}
	if got, err := s.UserTile(t.Context(), http.DefaultClient, "nobody"); err != nil || got != nil {
		t.Errorf("nobody: %d bytes, %v", len(got), err)
	}
	s.URL = "://"
	if _, err := s.UserTile(t.Context(), http.DefaultClient, "x"); err == nil {
		t.Error("no URL is taken")
	}
}
