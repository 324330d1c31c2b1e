package oim

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

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
	f := fetcher(d)
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
	if !strings.Contains(d.asked[0], "<t>SECRET&amp;T</t><p>PVALUE</p>") || !strings.Contains(d.asked[4], "<messageId>1</messageId><messageId>2</messageId>") {
		t.Errorf("asked %q", d.asked)
	}
}

// TestMetadataForms reads the answers of two services: elements, and a document without even its own element around.
func TestMetadataForms(t *testing.T) {
	want := MailData{Messages: []Header{
		{
			ID: "F9452B33-6572-4193-B182-86497871E6F0", From: "alice@example.com", Name: "Älice ☺", Size: 917, Type: "11",
			Received: time.Date(2026, 11, 23, 5, 7, 52, 0, time.UTC), Folder: "00000000-0000-0000-0000-000000000009",
		},
		{
			ID: "44BF0BC1-E435-4EEB-99E8-C2CB468AE952", From: "alice@example.com", Name: "Älice ☺", Size: 949, Type: "11",
			Received: time.Date(2026, 11, 23, 5, 7, 50, 0, time.UTC), Folder: "00000000-0000-0000-0000-000000000009",
		},
	}}
	for _, name := range []string{"escargot-metadata.xml", "microsoft-metadata.xml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{answers: []answer{{200, string(text)}}}
		if got, err := fetcher(d).Metadata(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for cut := range len(text) - 1 { // wherever it breaks off
			d := &desk{answers: slicesOf(answer{200, string(text[:cut])}, 2)}
			got, err := fetcher(d).Metadata(t.Context())
			if err == nil && !reflect.DeepEqual(got, want) || err != nil && len(got.Messages) > 2 {
				t.Fatalf("%s, cut at %d: %+v, %v", name, cut, got, err)
			}
		}
	}
}

// TestMessageForms reads what services hand out.
func TestMessageForms(t *testing.T) {
	text, err := os.ReadFile("testdata/escargot-message.xml")
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		ID: "1", From: "alice@example.com", Name: "Älice ☺", At: time.Date(2026, 11, 23, 5, 7, 52, 0, time.UTC), Text: "old",
		RunID: "3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD", Sequence: 3,
	}
	d := &desk{answers: []answer{{200, string(text)}}}
	if got, err := fetcher(d).Message(t.Context(), "1"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	d = &desk{answers: []answer{{200, string(text[:len(text)/2])}}}
	if got, err := fetcher(d).Message(t.Context(), "1"); err == nil {
		t.Errorf("half a message: %+v", got)
	}
}

// TestFetchFails gives refusals their meaning, and asks again only where it helps.
func TestFetchFails(t *testing.T) {
	echo := answer{500, envelope("<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no such token SECRET&amp;T, nor PVALUE</faultstring></soap:Fault>")}
	for name, tc := range map[string]struct {
		answer answer
		want   error
		asked  int
	}{
		"lost":        {answer{403, ""}, soap.ErrSessionLost, 1},
		"stale":       {refusal("PassportAuthFail", ""), soap.ErrStaleTicket, 1},
		"trouble":     {answer{500, "500 Internal Server Error"}, nil, 2},
		"unavailable": {answer{503, ""}, nil, 1},
		"schema":      {echo, nil, 2},
		"OK fault":    {answer{200, envelope("<soap:Fault><faultcode>soap:Client</faultcode><detail><errorcode>Forbidden</errorcode></detail></soap:Fault>")}, soap.ErrUnsupported, 2},
		"a page":      {answer{200, "<html></html>"}, nil, 1},
	} {
		d := &desk{answers: slicesOf(tc.answer, 2)}
		_, err := fetcher(d).Metadata(t.Context())
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || len(d.asked) != tc.asked {
			t.Errorf("%s: %v after %d questions", name, err, len(d.asked))
		}
		for _, secret := range []string{"SECRET", "PVALUE"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: a secret is in %v", name, err)
			}
		}
	}
}
