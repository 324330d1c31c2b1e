package oim

import (
	"net/http"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestFetch asks, fetches and deletes.
func TestFetch(t *testing.T) {
	const ns = ` xmlns="http://www.hotmail.msn.com/ws/2004/09/oim/rsi"`
	escape := strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")
	d := &desk{answers: []answer{
		{500, "plain text"},
		{200, envelope(`<GetMetadataResponse` + ns + `><MD>&lt;M&gt;&lt;E&gt;bob@example.com&lt;/E&gt;&lt;I&gt;1&lt;/I&gt;&lt;/M&gt;</MD></GetMetadataResponse>`)},
		{200, envelope(`<GetMetadataResponse` + ns + `><MD><E><IU>2</IU></E><M><E>bob@example.com</E><I>1</I></M></MD></GetMetadataResponse>`)},
		{200, envelope(`<GetMessageResponse` + ns + `><GetMessageResult>` + escape.Replace(sample) + `</GetMessageResult></GetMessageResponse>`)},
		{200, envelope(`<DeleteMessagesResponse` + ns + `/>`)},
		refusal("Client", ""),
	}}
	f := &Fetcher{Caller: &soap.Caller{HTTP: &http.Client{Transport: d}}, URL: "https://example.com/rsi/rsi.asmx", Ticket: func() (string, string) { return "T&T", "P" }}
	for range 2 {
		data, err := f.Metadata(t.Context())
		if err != nil || len(data.Messages) != 1 || data.Messages[0].ID != "1" {
			t.Errorf("metadata: %+v, %v", data, err)
		}
	}
	m, err := f.Message(t.Context(), "1")
	if err != nil || m.Text != "Hello" || m.ID != "1" {
		t.Errorf("message: %+v, %v", m, err)
	}
	if err := f.Delete(t.Context(), "1", "2"); err != nil {
		t.Error(err)
	}
	if err := f.Delete(t.Context(), "3"); err == nil {
		t.Error("a refused deletion is success")
	}
	if err := f.Delete(t.Context()); err != nil || len(d.asked) != 6 {
		t.Errorf("deleting nothing: %v, %d requests", err, len(d.asked))
	}
	if !strings.Contains(d.asked[0], "<t>T&amp;T</t><p>P</p>") || !strings.Contains(d.asked[4], "<messageId>1</messageId><messageId>2</messageId>") {
		t.Errorf("asked %q", d.asked)
	}
}
