package oim

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
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
X-OriginalArrivalTime: 02 Jan 2026 11:04:05.1230 (UTC) FILETIME=[82760530:01DC7BD7]
Date: 2 Jan 2026 03:04:05 -0800

SGVsbG8=
`

// TestReadMessage reads the whole of a message, and of others what there is.
func TestReadMessage(t *testing.T) {
	got, err := ReadMessage(sample)
	if err != nil || got.From != "bob@example.com" || got.Name != "Bob" || got.Text != "Hello" || got.Sequence != 7 || got.Phone ||
		got.RunID != "3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD" || !got.At.Equal(time.Date(2026, 1, 2, 11, 4, 5, 123e6, time.UTC)) {
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
		"From: a@b":        "",
		"From: a@b\nno field\n: none\nContent-Transfer-Encoding:\n base64\n\nR3LDvMOfZQ==":                                                        "Grüße",
		"From: a@b\nContent-Transfer-Encoding: base64\n\nR3LD=\nvMOf=ZQ==":                                                                        "Grüße",
		"From: a@b\nContent-Transfer-Encoding: base64\n\nSGVsbG8)":                                                                                "Hello",
		"From: a@b\nContent-Transfer-Encoding: base64\n\nThis is no base64 at all.\n":                                                             "This is no base64 at all.",
		"From: a@b\nContent-Transfer-Encoding: base64\n\nR3JGTGU=":                                                                                "GrFLe",
		"From: a@b\nContent-Transfer-Encoding: quoted-printable\n\n100 %=ZZ":                                                                      "100 %=ZZ",
		"From: a@b\nContent-Type: text/plain; charset=klingon\n\nGrüße":                                                                           "Grüße",
		"From: a@b\nContent-Type: ;;;\n\nGrüße":                                                                                                   "Grüße",
		"\uFEFF\r\n\r\nFrom: a@b\r\n\r\na\r\nb\r\n":                                                                                               "a\nb",
		"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\nno part of it":                                                                   "no part of it",
		"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>hi\n--x--":                                    "<p>hi",
		"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Transfer-Encoding: base64\n\nSGVsbG8=\n--x":                         "Hello",
		"From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\n\nin\n--y--\n--x--": "in",
	} {
		m, err := ReadMessage(text)
		if err != nil || m.Text != want {
			t.Errorf("%q: %q, %v; want %q", text, m.Text, err, want)
		}
	}
	for _, text := range []string{"", "no header at all", "\r\n\r\n", ":\n\nx"} {
		if m, err := ReadMessage(text); !errors.Is(err, ErrNoMessage) {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
	picture := "From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: image/png\n\nno\n--x--"
	if m, err := ReadMessage(picture); !errors.Is(err, errNoText) {
		t.Errorf("a message without text would be taken for an empty one: %+v, %v", m, err)
	}
	long := "From: a@b\n" + strings.Repeat(" x\n", 1<<20) + "\n" + strings.Repeat("é", maxText)
	if m, err := ReadMessage(long); err != nil || m.From != "" || len(m.Text) != maxText {
		t.Errorf("a long one has %d bytes of %q, %v", len(m.Text), m.From, err)
	}
}

// TestReadFrom takes addresses where they are, and leaves out what is none.
func TestReadFrom(t *testing.T) {
	for text, want := range map[string][2]string{
		`=?utf-8?B?Qm9i?= <Bob@Example.com>`:       {"Bob", "bob@example.com"},
		`=?utf-8?B?Qm9i ?= <bob@example.com>`:      {"Bob", "bob@example.com"},
		`=?iso-8859-1?Q?B=F6b?= <bob@example.com>`: {"Böb", "bob@example.com"},
		`=?klingon?B?Qm9i?= <bob@example.com>`:     {"=?klingon?B?Qm9i?=", "bob@example.com"},
		`"Bob <the> builder" <bob@example.com>`:    {"Bob <the> builder", "bob@example.com"},
		`bob@example.com`:                          {"", "bob@example.com"},
		`<bob@example.com`:                         {"", "bob@example.com"},
		`Bob <tel:+15550100>`:                      {"Bob", "tel:+15550100"},
		`Bob`:                                      {"", ""},
		`Bob <>`:                                   {"Bob", ""},
		`Bob bob@example.com`:                      {"", ""},
		``:                                         {"", ""},
	} {
		if name, address := readFrom(text); name != want[0] || address != want[1] {
			t.Errorf("%s: %q, %q", text, name, address)
		}
	}
}

// TestComplete takes from the header what the message does not say, and only that.
func TestComplete(t *testing.T) {
	at := time.Unix(1, 0)
	h := Header{From: "bob@example.com", Name: "Bob", Received: at}
	m := Message{Text: "x"}
	if m.Complete(h); m.From != h.From || m.Name != h.Name || !m.At.Equal(at) || m.Text != "x" {
		t.Errorf("%+v", m)
	}
	h.Received = at.Add(600 * time.Millisecond)
	if m.Complete(h); !m.At.Equal(h.Received) {
		t.Errorf("%s: a part of a second is told by the header alone", m.At)
	}
	full := Message{From: "carol@example.com", Name: "Carol", At: time.Unix(2, 0)}
	m = full
	if m.Complete(h); m != full {
		t.Errorf("%+v", m)
	}
}

// TestSentAt prefers FILETIME, in its range.
func TestSentAt(t *testing.T) {
	date := time.Date(2026, 1, 2, 11, 4, 5, 0, time.UTC)
	for filetime, want := range map[string]time.Time{
		"FILETIME=[00000000:00000000]": date, "FILETIME=[FFFFFFFF:FFFFFFFF]": date, "FILETIME=[00000000:80000000]": date, "": date,
		"FILETIME=[D53E8000:019DB1DE]": date, "FILETIME=[d53e8000:019db1df]": time.Unix(429, 496729600).UTC(),
	} {
		m, err := ReadMessage("X-OriginalArrivalTime: " + filetime + "\nDate: Fri, 2 Jan 2026 03:04:05 -0800\n\n")
		if err != nil || !m.At.Equal(want) {
			t.Errorf("%s: %s, %v; want %s", filetime, m.At, err, want)
		}
	}
	if m, err := ReadMessage("Date: yesterday\n\n"); err != nil || !m.At.IsZero() {
		t.Errorf("no date: %s, %v", m.At, err)
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
	messages = []Message{{RunID: "Z", At: at(1), Text: "1"}, {RunID: "A", At: at(1), Text: "2"}}
	if Sort(messages); messages[0].Text != "1" {
		t.Error("two of the same time have changed places")
	}
}

// FuzzReadMessage reads anything.
func FuzzReadMessage(f *testing.F) {
	f.Add(sample)
	f.Add("From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n--x--")
	f.Add("From: a@b\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("hi")))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadMessage(text)
		switch {
		case len(m.Text) > maxText || err != nil && m.Text != "":
			t.Fatalf("%d bytes of text, %v", len(m.Text), err)
		case !utf8.ValidString(m.Text) || !utf8.ValidString(m.Name):
			t.Fatalf("%q of %q is no UTF-8", m.Text, m.Name)
		case m.Sequence < 0:
			t.Fatalf("number %d", m.Sequence)
		}
	})
}
