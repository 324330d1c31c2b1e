package msn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// xfr is the notification server's part of opening a switchboard.
func xfr(trID int) string {
	return fmt.Sprintf("C: XFR %d SB\nS: XFR %d SB sb.example.com:1864 CKI 1.2.3\n", trID, trID)
}

const (
	enter   = "C: USR 1 alice@example.com 1.2.3\nS: USR 1 OK alice@example.com Alice\n"
	ringing = "S: CAL 2 RINGING 11752013\n"
	call    = "C: CAL 2 bob@example.com\n" + ringing + "S: JOI bob@example.com Bob 1342177312\n"
	bye     = "C: OUT\n"
)

// text is a text message as the client or the server sends it.
func text(head, body string) string {
	n := len("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n") + len(body)
	return fmt.Sprintf("%s %d\n | MIME-Version: 1.0\n | Content-Type: text/plain; charset=UTF-8\n |\n | %s\n", head, n, body)
}

// talk signs in with MSNP12, does something while the given switchboards are there, and signs out.
func talk(t *testing.T, notification string, boards []string, do func(t *testing.T, c *Client, l *listener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		players := []*player{script(t, signInMSNP12+notification+bye)}
		for _, b := range boards {
			players = append(players, script(t, b))
		}
		f, l := newFarEnd(players...), &listener{}
		cfg := testConfig(f, l)
		only(MSNP12)(&cfg)
		cfg.Limits.Changes = -1
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Run(t.Context()) }()
		<-c.ready
		do(t, c, l)
		synctest.Wait()
		if err := c.SignOut(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		f.close()
		for range f.dialled {
			if err := <-f.errs; err != nil {
				t.Error(err)
			}
		}
		if len(f.players) != 0 {
			t.Errorf("%d connections were not made", len(f.players))
		}
	})
}

// kinds names the events after the sign-in.
func kinds(l *listener) []string {
	var names []string
	for _, e := range l.heard()[2:] { // SignedIn and Bob's ILN
		switch e := e.(type) {
		case MessageReceived:
			names = append(names, fmt.Sprintf("%s: %T", e.From, e.Message))
		case ParticipantJoined:
			names = append(names, "join "+e.Passport+" to "+strings.Join(e.Conversation.Participants, "+"))
		case ParticipantLeft:
			names = append(names, fmt.Sprint("leave ", e.Passport, " ", e.Idle))
		default:
			names = append(names, fmt.Sprintf("%T", e))
		}
	}
	return names
}

func wantKinds(t *testing.T, l *listener, want ...string) {
	t.Helper()
	if got := kinds(l); !slices.Equal(got, want) {
		t.Errorf("events:\n got %q\nwant %q", got, want)
	}
}

// send sends a text to Bob.
func send(t *testing.T, c *Client) (Sent, error) {
	t.Helper()
	return c.Send(t.Context(), With("Bob@example.com"), &TextMessage{Text: "hello"})
}

// TestConversation opens a switchboard, talks both ways, and calls again somebody who has left.
func TestConversation(t *testing.T) {
	board := enter + call + text("C: MSG 3 A", "hello") + "S: ACK 3\n" +
		text("S: MSG bob@example.com Bob", "hi") +
		"S: BYE bob@example.com\n" +
		"C: CAL 4 bob@example.com\nS: CAL 4 RINGING 1\nS: JOI bob@example.com Bob 1342177312\n" +
		text("C: MSG 5 A", "hello") + "S: ACK 5\n" + bye
	talk(t, xfr(7), []string{board}, func(t *testing.T, c *Client, l *listener) {
		first, err := send(t, c)
		if err != nil || !first.Acknowledged || first.ID == "" || first.Conversation.Session == "" {
			t.Errorf("Send = %+v, %v", first, err)
		}
		synctest.Wait()
		second, err := send(t, c)
		if err != nil || second.ID == first.ID || second.Conversation.Session != first.Conversation.Session {
			t.Errorf("Send = %+v, %v", second, err)
		}
		synctest.Wait()
		wantKinds(t, l, "join bob@example.com to bob@example.com", "bob@example.com: *msn.TextMessage",
			"leave bob@example.com false", "join bob@example.com to bob@example.com")
	})
}

// TestResend sends once more over a fresh switchboard after a NAK between two people, and only once.
func TestResend(t *testing.T) {
	refused := enter + call + text("C: MSG 3 A", "hello") + "S: NAK 3\n" + bye
	taken := enter + call + text("C: MSG 3 A", "hello") + "S: ACK 3\n" + bye
	talk(t, xfr(7)+xfr(8), []string{refused, taken}, func(t *testing.T, c *Client, _ *listener) {
		if sent, err := send(t, c); err != nil || !sent.Acknowledged {
			t.Errorf("Send = %+v, %v", sent, err)
		}
	})
	talk(t, xfr(7)+xfr(8), []string{refused, refused}, func(t *testing.T, c *Client, _ *listener) {
		if _, err := send(t, c); !errors.Is(err, ErrNotDelivered) {
			t.Errorf("Send = %v", err)
		}
	})
}

// TestNoAck has a switchboard that does not confirm: nobody can say what became of the message, so it
// is not sent again.
func TestNoAck(t *testing.T) {
	talk(t, xfr(7), []string{enter + call + text("C: MSG 3 A", "hello")}, func(t *testing.T, c *Client, _ *listener) {
		if _, err := send(t, c); !errors.Is(err, ErrUnknownDelivery) || errors.Is(err, ErrNotDelivered) {
			t.Errorf("Send = %v", err)
		}
	})
}

// TestNobodyComes has calls that fail.
func TestNobodyComes(t *testing.T) {
	for code, want := range map[string]error{"217": ErrContactOffline, "216": ErrContactBlocked, "713": ErrTooFast, "208": ErrUnknownAccount} {
		board := enter + "C: CAL 2 bob@example.com\nS: " + code + " 2\n" + bye
		talk(t, xfr(7), []string{board}, func(t *testing.T, c *Client, _ *listener) {
			if _, err := send(t, c); !errors.Is(err, want) {
				t.Errorf("Send = %v, want %v", err, want)
			}
		})
	}
	talk(t, xfr(7), []string{enter + "C: CAL 2 bob@example.com\n" + ringing + bye}, func(t *testing.T, c *Client, _ *listener) {
		began := time.Now()
		if _, err := send(t, c); !errors.Is(err, ErrContactOffline) || time.Since(began) != joinTimeout {
			t.Errorf("Send = %v after %s", err, time.Since(began))
		}
	})
	talk(t, "C: XFR 7 SB\nS: 913 7\n", nil, func(t *testing.T, c *Client, _ *listener) {
		if _, err := send(t, c); !errors.Is(err, ErrHidden) {
			t.Errorf("Send = %v", err)
		}
	})
	talk(t, xfr(7), []string{"C: USR 1 alice@example.com 1.2.3\nS: 911 1\n"}, func(t *testing.T, c *Client, _ *listener) {
		if _, err := send(t, c); err == nil || errors.Is(err, ErrAuthFailed) {
			t.Errorf("Send = %v: a stale cookie is no wrong password", err)
		}
	})
}

// TestOneOpener has two callers at once: one switchboard is opened.
func TestOneOpener(t *testing.T) {
	board := enter + call + text("C: MSG 3 A", "hello") + "S: ACK 3\n" + text("C: MSG 4 A", "hello") + "S: ACK 4\n" + bye
	talk(t, xfr(7), []string{board}, func(t *testing.T, c *Client, _ *listener) {
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if _, err := send(t, c); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	})
}

// TestInvited answers an invitation to two people, one of them with two endpoints, and talks in the
// group.
func TestInvited(t *testing.T) {
	ring := "S: RNG 11752013 sb.example.com:1864 CKI 4.5.6 bob@example.com Bob\n"
	board := "C: ANS 1 alice@example.com 4.5.6 11752013\n" +
		"S: IRO 1 1 3 bob@example.com;{b171be3e-0000-4000-8000-000000000001} Bob 1342177312\n" +
		"S: IRO 1 2 3 bob@example.com Bob 1342177312\n" +
		"S: IRO 1 3 3 carol@example.com Carol 0\n" +
		"S: ANS 1 OK\n" +
		"S: BYE bob@example.com;{b171be3e-0000-4000-8000-000000000001}\n" +
		text("S: MSG bob@example.com Bob", "hi") +
		text("C: MSG 2 A", "hello") + "S: ACK 2\n" +
		"S: BYE carol@example.com 1\n" + bye
	talk(t, ring, []string{board}, func(t *testing.T, c *Client, l *listener) {
		synctest.Wait()
		joined, ok := l.heard()[2].(ParticipantJoined)
		if !ok || !joined.Conversation.Group {
			t.Fatalf("%+v", l.heard()[2])
		}
		sent, err := c.Send(t.Context(), With("carol@example.com", "bob@example.com"), &TextMessage{Text: "hello"})
		if err != nil || sent.Conversation.Session != joined.Conversation.Session {
			t.Errorf("Send = %+v, %v", sent, err)
		}
		synctest.Wait()
		both := "bob@example.com+carol@example.com"
		wantKinds(t, l, "join bob@example.com to "+both, "join carol@example.com to "+both,
			"bob@example.com: *msn.TextMessage", "leave carol@example.com true")
	})
}

// TestLateNAK reports a message that went without asking for an answer and did not arrive.
func TestLateNAK(t *testing.T) {
	ring := "S: RNG 11752013 sb.example.com CKI 4.5.6 bob@example.com Bob\n"
	payload := AppendMessage(nil, &Invitation{Fields: []Field{{"Application-Name", "x"}}})
	if MessageAck(&Invitation{}) != 'N' {
		t.Fatal("invitations ask for an answer now")
	}
	lines := " | " + strings.ReplaceAll(strings.TrimSuffix(string(payload), "\r\n"), "\r\n", "\n | ")
	board := "C: ANS 1 alice@example.com 4.5.6 11752013\nS: IRO 1 1 1 bob@example.com Bob\nS: ANS 1 OK\n" +
		fmt.Sprintf("C: MSG 2 N %d\n%s\n", len(payload), strings.ReplaceAll(lines, " | \n", " |\n"))
	if strings.HasSuffix(string(payload), "\r\n") {
		board += " |\n"
	}
	board += "S: NAK 2\nS: NAK 2\nS: NAK 77\n" + bye
	talk(t, ring, []string{board}, func(t *testing.T, c *Client, l *listener) {
		synctest.Wait()
		sent, err := c.Send(t.Context(), With("bob@example.com"), &Invitation{Fields: []Field{{"Application-Name", "x"}}})
		if err != nil || sent.Acknowledged {
			t.Errorf("Send = %+v, %v", sent, err)
		}
		synctest.Wait()
		events := l.heard()
		if lost, ok := events[len(events)-1].(Undelivered); !ok || lost.ID != sent.ID || len(events) != 4 {
			t.Errorf("events: %+v", events)
		}
	})
}

// TestChunks joins a message in pieces, and shows what there is of one that stays incomplete.
func TestChunks(t *testing.T) {
	ring := "S: RNG 11752013 sb.example.com CKI 4.5.6 bob@example.com Bob\n"
	first := func(id string) string {
		head := "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nMessage-ID: " + id + "\r\nChunks: 2\r\n\r\n"
		return fmt.Sprintf("S: MSG bob@example.com Bob %d\n | %s | hel\n", len(head)+3,
			strings.ReplaceAll(strings.ReplaceAll(head, "\r\n\r\n", "\n |\n"), "\r\n", "\n | "))
	}
	second := func(id string) string {
		return fmt.Sprintf("S: MSG bob@example.com Bob %d\n | Message-ID: %s\n | Chunk: 1\n |\n | lo\n", 28+len(id), id)
	}
	board := "C: ANS 1 alice@example.com 4.5.6 11752013\nS: IRO 1 1 1 bob@example.com Bob\nS: ANS 1 OK\n" +
		first("{A}") + second("{A}") + first("{B}") + bye
	pings := strings.Repeat("C: PNG\nS: QNG 40\n", 3)
	talk(t, ring+pings, []string{board}, func(t *testing.T, _ *Client, l *listener) {
		time.Sleep(2*time.Minute + 10*time.Second)
		var texts []string
		for _, e := range l.heard() {
			if m, ok := e.(MessageReceived); ok {
				texts = append(texts, m.Message.(*TextMessage).Text)
			}
		}
		if !slices.Equal(texts, []string{"hello", "hel"}) {
			t.Errorf("texts: %q", texts)
		}
	})
}

// TestThrottle sends the first change at once and then the last of those that came too early.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle[int]{every: 2 * time.Second}
		var mu sync.Mutex
		var sent []int
		send := func(v int) {
			if err := th.do(t.Context(), v, func(ctx context.Context, v int) error {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, v)
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		began := time.Now()
		send(1)
		var waiting sync.WaitGroup
		for v := 2; v <= 4; v++ {
			waiting.Go(func() { send(v) })
			synctest.Wait()
		}
		waiting.Wait()
		if took := time.Since(began); took != 2*time.Second || !slices.Equal(sent, []int{1, 4}) {
			t.Errorf("sent %v in %s", sent, took)
		}
	})
}
