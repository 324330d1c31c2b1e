package msntest

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestLockKey is core.md 9.1 with the vectors of vectors.json, chl_new.
func TestLockKey(t *testing.T) {
	for _, c := range []struct{ challenge, id, key, want string }{
		{"22210219642164014968", "PROD0090YUAUV{2B", "YMM8C_H7KCQ2S_KL", "85ecb0db8f32113df79ce0892b9a102c"},
		{"11533365622852247127", "PROD0113H11T8$X_", "RG@XY*28Q5QHS%Q5", "f086d1ded067186deca8dba2231602cf"},
		{"237191752526424888127371168", "PROD0113H11T8$X_", "RG@XY*28Q5QHS%Q5", "65b6b623c649c25629af048d34066040"},
		{"22210219642164014968", "PROD0119GSJUC$18", "ILTXC!4IXB5FB*PX", "a400af809ac86fbdf6deec7286fc06b8"},
		{"1663122458434562624782678054", "PROD0120PW!CCV9@", "C1BX{V4W}Q3*10SM", "f379e91748f9722568da550eccefec47"},
	} {
		if got := lockKey(c.challenge, c.id, c.key); got != c.want {
			t.Errorf("%s: got %s", c.challenge, got)
		}
	}
	for range 100 { // a challenge has ten digits, and never meets an ambiguity with an id of 16 or 17 characters
		if got := (&account{}).lockChallenge(); !regexp.MustCompile(`^[0-9]{10}$`).MatchString(got) {
			t.Fatalf("challenge %q", got)
		}
	}
}

// leave is a message to be left, as in services.md 10.3.
type leave struct {
	action, from, to, ticket, key, number, content string
}

const product, productKey = "PROD0119GSJUC$18", "ILTXC!4IXB5FB*PX"

func offlineContent(run, number, text string) string {
	return "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\nX-OIM-Message-Type: OfflineMessage\r\n" +
		"X-OIM-Run-Id: " + run + "\r\nX-OIM-Sequence-Num: " + number + "\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(text))
}

func (l leave) envelope() string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` +
		`<From memberName="` + l.from + `" friendlyName="=?utf-8?B?QWxpY2Ug4piD?=" xml:lang="en-US" proxy="MSNMSGR" xmlns="http://messenger.msn.com/ws/2004/09/oim/" msnpVer="MSNP15" buildVer="8.5.1302"/>` +
		`<To memberName="` + l.to + `" xmlns="http://messenger.msn.com/ws/2004/09/oim/"/>` +
		`<Ticket passport="` + escaped(l.ticket) + `" appid="` + product + `" lockkey="` + l.key + `" xmlns="http://messenger.msn.com/ws/2004/09/oim/"/>` +
		`<Sequence xmlns="http://schemas.xmlsoap.org/ws/2003/03/rm"><Identifier xmlns="http://schemas.xmlsoap.org/ws/2002/07/utility">http://messenger.msn.com</Identifier>` +
		`<MessageNumber>` + l.number + `</MessageNumber></Sequence></soap:Header><soap:Body>` +
		`<MessageType xmlns="http://messenger.msn.com/ws/2004/09/oim/">text</MessageType>` +
		`<Content xmlns="http://messenger.msn.com/ws/2004/09/oim/">` + escaped(l.content) + `</Content></soap:Body></soap:Envelope>`
}

const (
	store  = "http://messenger.msn.com/ws/2004/09/oim/Store"
	store2 = "http://messenger.live.com/ws/2006/09/oim/Store2"
	runOne = "{3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD}"
)

// TestLeaving goes the whole way of an offline message: ticket, lock key, refusals, notification, fetching, deleting.
func TestLeaving(t *testing.T) {
	now := time.Date(2026, 7, 2, 3, 4, 5, 123e6, time.UTC)
	cfg := fixture()
	cfg.Clock = func() time.Time { return now }
	cfg.Quirks.OfflinePerMinute = 3
	s := New(t, cfg)
	w := playWeb(t, s, "carol signs in MSNP15\ncarol lists alice=2\ncarol C: CHG 6 NLN 0\ncarol S: CHG 6 NLN 0\ncarol S: MSG Hotmail Hotmail #\ncarol S: CHL 0 *")
	l := leave{action: store2, from: "alice@example.com", to: "carol@example.com", number: "1", content: offlineContent(runOne, "1", "hi ☃ & <you>")}
	post := func(l leave, status string, wants ...string) {
		t.Helper()
		w.what = "message to " + l.to
		w.post("/OimWS/oim.asmx", l.action, l.envelope(), nil)
		for i := range wants {
			wants[i] = " = " + wants[i]
		}
		w.check(status, wants)
	}
	post(l, "500", code2+"AuthenticationFailed<", `<RequiredAuthPolicy xmlns="http://messenger.live.com/ws/2006/09/oim/">MBI_SSL<`)
	l.ticket, l.action = "t=nonsense&p=", store
	post(l, "500", `<faultcode xmlns:q0="http://messenger.msn.com/ws/2004/09/oim/">q0:AuthenticationFailed<`, `<TweenerChallenge xmlns="http://messenger.msn.com/ws/2004/09/oim/">lc=1033`)
	l.ticket, l.action = w.ticket("alice", contactsSite), store2
	post(l, "500", "RequiredAuthPolicy")
	l.ticket = w.ticket("alice", secureSite)
	challenge := `<LockKeyChallenge xmlns="http://messenger.live.com/ws/2006/09/oim/">`
	post(l, "500", code2+"AuthenticationFailed<", challenge)
	l.key = "0123456789abcdef0123456789abcdef"
	post(l, "500", challenge)
	asked := regexp.MustCompile(`<LockKeyChallenge[^>]*>(\d+)<`).FindStringSubmatch(w.answer)[1]
	l.key = lockKey(asked, product, productKey)

	refusals(post, l)
	for i := 1; i <= 3; i++ {
		l.number = fmt.Sprint(i)
		l.content = offlineContent(runOne, l.number, "hi ☃ & <you>")
		if i == 2 { // by the older action, with the ticket of MSNP11 to 14, and LF
			l.action, l.ticket, l.content = store, logIn(t, s, "alice@example.com", "secret"), strings.ReplaceAll(l.content, "\r\n", "\n")
		}
		post(l, "200", `<AcknowledgmentRange Upper="`+l.number+`" Lower="`+l.number+`">`, "<PointsConsumed>0</PointsConsumed>", "/oim/\"><PointsConsumed>")
		w.play("carol S: MSG Hotmail Hotmail #")
	}
	post(l, "500", "q0:SenderThrottleLimitExceeded<")
	s.mu.Lock()
	now = now.Add(61 * time.Second)
	s.mu.Unlock()
	l.to = "mallory@example.com"
	post(l, "200")
	if got := s.OfflineMessages("mallory@example.com"); len(got) != 1 || got[0].Text != "hi ☃ & <you>" || got[0].From != "alice@example.com" || got[0].RunID != runOne {
		t.Errorf("got %+v", got)
	}
	if got := s.OfflineMessages("carol@example.com"); len(got) != 3 || got[1].Sequence != 2 {
		t.Errorf("got %+v", got)
	}
	// from somebody who is blocked
	l.ticket, l.from, l.to, l.action = w.ticket("mallory", secureSite), "mallory@example.com", "alice@example.com", store2
	post(l, "500", "LockKeyChallenge")
	l.key = lockKey(regexp.MustCompile(`<LockKeyChallenge[^>]*>(\d+)<`).FindStringSubmatch(w.answer)[1], product, productKey)
	post(l, "500", "q0:SystemUnavailable<")
	fetching(t, w)
}

// code2 begins faults of Store2.
const code2 = `<faultcode xmlns:q0="http://messenger.live.com/ws/2006/09/oim/">q0:`

// refusals tries what is no message, and messages to nobody. They do not count for the limit.
func refusals(post func(l leave, status string, wants ...string), l leave) {
	for _, wrong := range map[string]func(l *leave){
		"another sender": func(l *leave) { l.from = "bob@example.com" }, "nobody": func(l *leave) { l.to = "nobody@example.com" },
		"oneself": func(l *leave) { l.to = l.from },
	} {
		bad := l
		wrong(&bad)
		post(bad, "500", code2+"SystemUnavailable<")
	}
	for _, content := range []string{
		"", "hello", strings.Replace(l.content, "1.0", "1.1", 1), strings.Replace(l.content, "text/plain", "text/html", 1),
		strings.Replace(l.content, "base64", "8bit", 1), strings.Replace(l.content, "Message-Type: O", "Message-Type: o", 1),
		offlineContent("3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD", "1", "x"), offlineContent("{x}", "1", "x"), offlineContent(runOne, "2", "x"),
		offlineContent(runOne, "1", "\xff"), offlineContent(runOne, "1", strings.Repeat("x", 100)), l.content + "*",
	} {
		bad := l
		bad.content = content
		post(bad, "500", code2+"InvalidContent<")
	}
}

// fetching is what carol does with three messages.
func fetching(t *testing.T, w *webPlayer) {
	w.playWeb(`
@carol rsi GetMetadata
@200
 = <GetMetadataResponse xmlns="http://www.hotmail.msn.com/ws/2004/09/oim/rsi"><MD><E><I>0</I>
 = <M><T>11</T><S>6</S><RT>2026-07-02T03:04:05.123Z</RT><RS>0</RS>
 = <E>alice@example.com</E>
 = <F>00000000-0000-0000-0000-000000000009</F><N>=?utf-8?B?QWxpY2Ug4piD?=</N>
 ? <I>([0-9A-F]{8}-[-0-9A-F]{27})</I> one
 ? <I>[0-9A-F]{8}.*<I>([0-9A-F]{8}-[-0-9A-F]{27})</I>.*<I>[0-9A-F]{8} two
@carol rsi GetMessage
 > <messageId>{one}</messageId><alsoMarkAsRead>true</alsoMarkAsRead>
@200
 = From: =?utf-8?B?QWxpY2Ug4piD?= &lt;alice@example.com&gt;
 = X-OIM-Run-Id: {3A3BE82C-684D-4F4F-8005-CBE8D4F82BAD}
 = X-OIM-Sequence-Num: 1
 = Content-Transfer-Encoding: base64
 ? (1\.0\r\nContent-Type) ends
 = Date: 1 Jul 2026 19:04:05 -0800
 = X-OriginalArrivalTime: 02 Jul 2026 03:04:05.1230 (UTC) FILETIME=[71178530:01DD09CF]
 = aGkg4piDICYgPHlvdT4=
@carol rsi GetMetadata
@200
 = <RS>1</RS>
@carol rsi GetMessage
 > <messageId>00000000-0000-0000-0000-000000000000</messageId>
@500
 = <faultcode>soap:Client</faultcode><faultstring>Schema validation error</faultstring>
@carol rsi DeleteMessages
 > <messageIds><messageId>{one}</messageId><messageId>00000000-0000-0000-0000-000000000000</messageId></messageIds>
@500
@carol rsi DeleteMessages
@500
@carol rsi DeleteMessages
 > <messageIds><messageId>{one}</messageId><messageId>{two}</messageId></messageIds>
@200
 = <DeleteMessagesResponse xmlns="http://www.hotmail.msn.com/ws/2004/09/oim/rsi"></DeleteMessagesResponse>
carol S: MSG Hotmail Hotmail #
 | MIME-Version: 1.0
 | Content-Type: text/x-msmsgsactivemailnotification; charset=UTF-8
 |
 | Src-Folder: .!!OIM
 | Dest-Folder: .!!trAsH
 | Message-Delta: 2
 |
@carol rsi EatMessages
@500
@alice rsi GetMetadata
@200
 ! <M>
`)
	if got := w.s.OfflineMessages("carol@example.com"); len(got) != 1 || got[0].Sequence != 3 {
		t.Errorf("left: %+v", got)
	}
}

// TestMailData has the summary at sign-in, and what comes when there are too many for it.
func TestMailData(t *testing.T) {
	s := New(t, fixture())
	leaveMany := func(n int) {
		for range n {
			if err := s.LeaveOffline(Offline{From: "bob@example.com", To: "alice@example.com", Text: "x", At: time.Unix(1e9, 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	summary := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.mailData(s.accounts["alice@example.com"])
	}
	leaveMany(25)
	if got := summary(); strings.Count(got, "<M>") != 25 || !strings.Contains(got, "<RT>2001-09-09T01:46:40.000Z</RT>") {
		t.Errorf("got %s", got)
	}
	leaveMany(1)
	if got := summary(); got != "too-large" {
		t.Errorf("got %s", got)
	}
	playWeb(t, s, `alice signs in MSNP15
alice lists bob=3
alice C: CHG 6 NLN 0
alice S: CHG 6 NLN 0
alice S: MSG Hotmail Hotmail #
 | MIME-Version: 1.0
 | Content-Type: text/x-msmsgsinitialmdatanotification; charset=UTF-8
 |
 | Mail-Data: too-large
 |
`)
	leaveMany(maxMailbox - 26)
	if err := s.LeaveOffline(Offline{From: "bob@example.com", To: "alice@example.com", Text: "x"}); err == nil {
		t.Error("a full mailbox takes more")
	}
	if err := s.LeaveOffline(Offline{From: "nobody@example.com", To: "alice@example.com"}); err == nil {
		t.Error("nobody leaves a message")
	}
}
