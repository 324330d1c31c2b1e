package oim

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

const sample = `X-Message-Info: opaque
Received: from OIM-SSI02.example.com ([192.0.2.1]) by oim1.example.com with Microsoft SMTPSVC(6.0.3790.211);
	 Fri, 02 Jan 2026 03:04:05 -0800
From: =?utf-8?B?Qm9i?= <Bob@Example.com>
To: alice@example.com
Subject: 
X-OIM-originatingSource: 192.0.2.7
X-OIMProxy: MSNMSGR
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: base64
X-OIM-Message-Type: OfflineMessage
X-OIM-Run-Id: {3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD}
X-OIM-Sequence-Num: 7
X-OriginalArrivalTime: 02 Jan 2026 11:04:05.1230 (UTC) FILETIME=[EB2E0E30:01DC7BD6]
Date: 2 Jan 2026 03:04:05 -0800

SGVsbG8=
`

// TestReadMessage reads the whole of a message, and of others what there is.
func TestReadMessage(t *testing.T) {
	got, err := ReadMessage(sample)
	if err != nil || got.From != "bob@example.com" || got.Name != "Bob" || got.Text != "Hello" || got.Sequence != 7 || got.Phone ||
		got.RunID != "3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD" || got.At.Year() < 2025 || got.At.Year() > 2027 {
		t.Errorf("got %+v, %v", got, err)
	}
	dated, err := ReadMessage(strings.Replace(sample, "X-OriginalArrivalTime", "X-Other", 1))
	if want := time.Date(2026, 1, 2, 11, 4, 5, 0, time.UTC); err != nil || !dated.At.Equal(want) {
		t.Errorf("without FILETIME it is %s, %v", dated.At, err)
	}
	for text, want := range map[string]string{
		"From: a@b\nContent-Type: text/plain\n\nGr=FC=DFe":                                                                    "Gr=FC=DFe",
		"From: a@b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n": "Grüße",
		"From: a@b\nContent-Transfer-Encoding: BASE64\n\nR3LDvMOf\n ZQ\n":                                                     "Grüße",
		"From: a@b\n\n\xff\xfe": "\uFFFD",
		"From: a@b\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/vnd.ms-msnipg\n\nno\n--x\nContent-Type: text/plain\n\nyes\n--x--\n": "yes",
		"From: tel:+1\n\n": "",
	} {
		m, err := ReadMessage(text)
		if err != nil || m.Text != want {
			t.Errorf("%q: %q, %v; want %q", text, m.Text, err, want)
		}
	}
	if _, err := ReadMessage("no header at all"); !errors.Is(err, ErrNoMessage) {
		t.Errorf("nonsense: %v", err)
	}
}

// TestSort puts runs one after another.
func TestSort(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	messages := []Message{
		{From: "b", RunID: "B", Sequence: 2, At: at(40), Text: "4"}, {From: "a", RunID: "A", Sequence: 10, At: at(11), Text: "2"},
		{From: "b", RunID: "B", Sequence: 1, At: at(30), Text: "3"}, {From: "a", RunID: "A", Sequence: 2, At: at(10), Text: "1"},
		{From: "c", At: at(50), Text: "5"}, {From: "c", At: at(60), Text: "6"},
	}
	Sort(messages)
	order := ""
	for _, m := range messages {
		order += m.Text
	}
	if order != "123456" {
		t.Errorf("order %s", order)
	}
}

// FuzzReadMessage reads anything.
func FuzzReadMessage(f *testing.F) {
	f.Add(sample)
	f.Add("From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n--x--")
	f.Add("From: a@b\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("hi")))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadMessage(text)
		if err == nil && len(m.Text) > 4*maxText {
			t.Fatal("too long")
		}
	})
}
