package oim

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestReadMailData reads Microsoft's form, Escargot's, and broken ones.
func TestReadMailData(t *testing.T) {
	one := Header{
		ID: "58A1D5A0-0000-4000-8000-000000000001", From: "bob@example.com", Name: "Böb", Size: 950, Type: "11",
		Received: time.Date(2005, 11, 15, 22, 24, 27, 0, time.UTC), Folder: "00000000-0000-0000-0000-000000000009",
	}
	pushed := one // in the form of a notice while signed in
	pushed.Folder, pushed.Received = ".!!OIM", time.Time{}
	const m = `<M><T>11</T><S>6</S><RT>2005-11-15T22:24:27.000Z</RT><RS>0</RS><SZ>950</SZ><E>bob@example.com</E><I>58A1D5A0-0000-4000-8000-000000000001</I>` +
		`<F>00000000-0000-0000-0000-000000000009</F><N>=?utf-8?B?QsO2Yg== ?=</N></M>`
	const counts = `<E><I>12</I><IU>3</IU><O>5</O><OU>1</OU></E><Q><QTM>409600</QTM><QNM>204800</QNM></Q>`
	full := MailData{Inbox: 12, InboxUnread: 3, Folders: 5, FoldersUnread: 1, Messages: []Header{one}}
	for text, want := range map[string]MailData{
		"<MD>" + counts + m + "</MD>":                                                        full,
		"\r\n <MD>" + counts + m + "<SU> </SU></MD>\r\n":                                     full,
		strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace("<MD>" + counts + m + "</MD>"): full,
		"too-large": {TooLarge: true},
		"<MD></MD>": {},
		"<MD><M><E>x@y</E></M><E><IU>-1</IU><I>many</I></E></MD>": {},
		m:                                 {Messages: []Header{one}},
		"<Mail><MD>" + m + "</MD></Mail>": {Messages: []Header{one}},
		"<MD>" + strings.Replace(strings.Replace(m, "<F>00000000-0000-0000-0000-000000000009", "<F>.!!OIM", 1), "<RT>2005-11-15T22:24:27.000Z</RT>", "", 1) +
			"<SU> </SU></MD>": {Messages: []Header{pushed}},
	} {
		if got, err := ReadMailData(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "nothing", "<MD><M><I>1</I></M><M>", "<MD>" + strings.Repeat("<x>", 100)} {
		if got, err := ReadMailData(text); err == nil {
			t.Errorf("%.40q: %+v", text, got)
		}
	}
	if got, err := ReadMailData("<MD>" + m + "<M><I>2"); err == nil || len(got.Messages) != 1 {
		t.Errorf("a broken one: %+v, %v", got, err)
	}
	if got, err := ReadMailData("<MD>" + strings.Repeat("<M><I>1</I></M>", maxHeaders+1) + "</MD>"); err == nil || len(got.Messages) != maxHeaders {
		t.Errorf("too many: %d, %v", len(got.Messages), err)
	}
}

// FuzzReadMailData reads anything.
func FuzzReadMailData(f *testing.F) {
	f.Add("<MD><E><I>1</I></E><M><I>1</I></M></MD>")
	f.Add("&lt;MD&gt;&lt;/MD&gt;")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := ReadMailData(text)
		for _, h := range data.Messages {
			if h.ID == "" || h.Size < 0 || !utf8.ValidString(h.Name) {
				t.Fatalf("%+v, %v", h, err)
			}
		}
		if data.Inbox < 0 || data.InboxUnread < 0 || data.Folders < 0 || data.FoldersUnread < 0 || data.TooLarge && len(data.Messages) > 0 {
			t.Fatalf("%+v, %v", data, err)
		}
	})
}
