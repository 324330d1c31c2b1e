package oim

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestReadMailData reads Microsoft's form, Escargot's, and broken ones.
func TestReadMailData(t *testing.T) {
	one := Header{
		ID: "58A1D5A0-0000-4000-8000-000000000001", From: "bob@example.com", Name: "Böb", Size: 950, Type: "11",
		Received: time.Date(2005, 11, 15, 22, 24, 27, 0, time.UTC), Folder: "00000000-0000-0000-0000-000000000009",
	}
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
}

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

// desk answers requests from a list, and keeps what was asked.
type desk struct {
	answers []answer
	asked   []string
}

type answer struct {
	status int
	body   string
}

func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.asked = append(d.asked, r.Header.Get("SOAPAction")+"\n"+string(body))
	if len(d.answers) == 0 {
		return nil, errors.New("asked too often")
	}
	a := d.answers[0]
	d.answers = d.answers[1:]
	rec := httptest.NewRecorder()
	rec.WriteHeader(a.status)
	_, _ = rec.WriteString(a.body)
	return rec.Result(), nil
}

func envelope(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func refusal(code, detail string) answer {
	return answer{500, envelope(`<soap:Fault><faultcode xmlns:q0="x">q0:` + code + `</faultcode><faultstring>no</faultstring><detail>` + detail + `</detail></soap:Fault>`)}
}

var stored = answer{200, envelope(`<StoreResponse xmlns="http://messenger.msn.com/ws/2004/09/oim/"><PointsConsumed>0</PointsConsumed></StoreResponse>`)}

func sender(d *desk) *Sender {
	return &Sender{
		Caller: &soap.Caller{HTTP: &http.Client{Transport: d}}, URL: "https://example.com/OimWS/oim.asmx", Passport: "alice@example.com",
		FriendlyName: func() string { return "Alice ☺ with a name that is longer than forty-eight bytes" }, Ticket: func() string { return "t=TICKET&p=" },
		ProductID: "PROD0119GSJUC$18", Challenge: func(c string) string { return "key-of-" + c }, Version: "MSNP15", BuildVersion: "8.5.1302", Store2: true,
	}
}

// TestSend answers the challenge once, keeps the key, and waits where it must.
func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answers: []answer{refusal("AuthenticationFailed", "<LockKeyChallenge>123</LockKeyChallenge>"), stored, refusal("SenderThrottleLimitExceeded", ""), stored}}
		s := sender(d)
		begun := time.Now()
		long := strings.Repeat("Grüße 🎉\n", 30)
		if err := s.Send(t.Context(), "bob@example.com", long, "3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD", 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took >= pause {
			t.Errorf("the challenge took %s", took)
		}
		if err := s.Send(t.Context(), "bob@example.com", "two", "3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD", 2); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < pause+throttled {
			t.Errorf("two messages took %s", took)
		}
		if len(d.asked) != 4 || !strings.Contains(d.asked[0], `lockkey=""`) || !strings.Contains(d.asked[1], `lockkey="key-of-123"`) || !strings.Contains(d.asked[3], `lockkey="key-of-123"`) {
			t.Errorf("asked %q", d.asked)
		}
		_, mail, _ := strings.Cut(d.asked[1], "<Content")
		_, mail, _ = strings.Cut(mail, ">")
		mail, _, _ = strings.Cut(mail, "</Content>")
		mail = strings.ReplaceAll(mail, "&#xA;", "\n")
		for line := range strings.Lines(mail) {
			if len(line) > 78 {
				t.Errorf("line of %d bytes", len(line))
			}
		}
		m, err := ReadMessage("From: a@b\n" + mail)
		if err != nil || m.Text != long || m.Sequence != 1 {
			t.Errorf("it reads as %+v, %v", m, err)
		}
		if strings.Contains(d.asked[1], "\uFFFD") {
			t.Error("the name was cut inside a rune")
		}
	})
}

// TestSendFails gives every refusal its own error and does not go on for ever.
func TestSendFails(t *testing.T) {
	for _, tc := range []struct {
		answers []answer
		want    error
	}{
		{[]answer{refusal("SystemUnavailable", "")}, ErrRefused},
		{[]answer{refusal("InvalidContent", "")}, ErrContent},
		{[]answer{refusal("BadContextToken", "")}, ErrStaleTicket},
		{[]answer{refusal("AuthenticationFailed", "<RequiredAuthPolicy>MBI_SSL</RequiredAuthPolicy>")}, ErrStaleTicket},
		{slicesOf(refusal("SenderThrottleLimitExceeded", ""), attempts), ErrThrottled},
		{slicesOf(refusal("AuthenticationFailed", "<LockKeyChallenge>1</LockKeyChallenge>"), attempts), ErrStaleTicket},
		{[]answer{{403, ""}}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{answers: tc.answers}
			err := sender(d).Send(t.Context(), "bob@example.com", "x", "r", 1)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if strings.Contains(fmt.Sprint(err), "TICKET") || strings.Contains(fmt.Sprint(err), "key-of") {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

func slicesOf(a answer, n int) (all []answer) {
	for range n {
		all = append(all, a)
	}
	return all
}

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

// TestAppendUUM is what MSNP18 sends instead.
func TestAppendUUM(t *testing.T) {
	want := "MIME-Version: 1.0\r\nDest-Agent: client\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\na\r\nb"
	if got := string(AppendUUM(nil, "a\nb", "")); got != want {
		t.Errorf("got %q", got)
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

// FuzzReadMailData reads anything.
func FuzzReadMailData(f *testing.F) {
	f.Add("<MD><E><I>1</I></E><M><I>1</I></M></MD>")
	f.Add("&lt;MD&gt;&lt;/MD&gt;")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = ReadMailData(text) // whatever it says, it ends
	})
}
