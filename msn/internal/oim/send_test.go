package oim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

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
			if len(strings.TrimSuffix(line, "\n")) > lineLength {
				t.Errorf("line of %d bytes", len(line))
			}
		}
		m, err := ReadMessage("From: a@b\n" + mail)
		if err != nil || m.Text != long || m.Sequence != 1 {
			t.Errorf("it reads as %+v, %v", m, err)
		}
		_, name, _ := strings.Cut(d.asked[1], `friendlyName="`)
		name, _, _ = strings.Cut(name, `"`)
		if got, want := decodeWord(name), "Alice "+strings.Repeat("é", 21); got != want {
			t.Errorf("the name is %q, want %q", got, want)
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
		{[]answer{refusal("BadContextToken", "")}, soap.ErrStaleTicket},
		{[]answer{refusal("AuthenticationFailed", "<RequiredAuthPolicy>MBI_SSL</RequiredAuthPolicy>")}, soap.ErrStaleTicket},
		{slicesOf(refusal("SenderThrottleLimitExceeded", ""), attempts), soap.ErrThrottled},
		{slicesOf(refusal("AuthenticationFailed", "<LockKeyChallenge>1</LockKeyChallenge>"), attempts), ErrLockKey},
		{slicesOf(refusal("AuthenticationFailed", "<TweenerChallenge>ct=1</TweenerChallenge><LockKeyChallenge>1</LockKeyChallenge>"), 2), soap.ErrStaleTicket},
		{[]answer{{403, ""}}, soap.ErrSessionLost},
		{[]answer{{200, envelope("<soap:Fault><faultcode>soap:Client</faultcode><faultstring>API Store2 no longer supported</faultstring></soap:Fault>")}}, soap.ErrUnsupported},
		{[]answer{refusal("InvalidContent", "<errorcode>TICKET</errorcode>")}, ErrContent},
		{[]answer{
			refusal("AuthenticationFailed", "<LockKeyChallenge>1</LockKeyChallenge>"),
			{500, envelope("<soap:Fault><faultcode>a:TICKET</faultcode><faultstring>TICKET and key-of-1, t=TICKET&amp;p=</faultstring></soap:Fault>")},
		}, nil},
		{[]answer{{200, envelope("<StoreResponse>")[:90]}}, io.ErrUnexpectedEOF},
		{[]answer{{200, "<html></html>"}}, nil},
		{[]answer{{200, ""}}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &desk{answers: slices.Clone(tc.answers)}
			err := sender(d).Send(t.Context(), "bob@example.com", "x", "r", 1)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if len(d.answers) > 0 {
				t.Errorf("%v: %d answers are left", tc.want, len(d.answers))
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

// TestSendBoth is for the fault that asks for a key and a ticket at once though only the key is missing, as Escargot
// does.
func TestSendBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answers: []answer{refusal("AuthenticationFailed", "<TweenerChallenge>ct=1</TweenerChallenge><LockKeyChallenge>7</LockKeyChallenge>"), stored}}
		if err := sender(d).Send(t.Context(), "bob@example.com", "x", "r", 1); err != nil || !strings.Contains(d.asked[1], `lockkey="key-of-7"`) {
			t.Errorf("%v, asked %q", err, d.asked)
		}
	})
}

// TestSendWaits lets calls wait for each other in a second's pace, and gives up waiting when the caller does.
func TestSendWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answers: slicesOf(stored, 3)}
		s := sender(d)
		begun, done := time.Now(), make(chan error)
		for i := range 3 {
			go func() { done <- s.Send(t.Context(), "bob@example.com", "x", "r", i) }()
		}
		synctest.Wait() // one is sent, one waits for its time, one for its turn
		ctx, cancel := context.WithTimeout(t.Context(), pause/2)
		defer cancel()
		if err := s.Send(ctx, "bob@example.com", "x", "r", 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call without patience: %v", err)
		}
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begun); took != 2*pause {
			t.Errorf("three messages took %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answers: []answer{refusal("SenderThrottleLimitExceeded", "")}}
		ctx, cancel := context.WithTimeout(t.Context(), throttled/2)
		defer cancel()
		err := sender(d).Send(ctx, "bob@example.com", "x", "r", 1)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, soap.ErrThrottled) {
			t.Errorf("throttled until the end: %v", err)
		}
	})
}

// TestAppendUUM is what MSNP18 sends instead.
func TestAppendUUM(t *testing.T) {
	want := "MIME-Version: 1.0\r\nDest-Agent: client\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\na\r\nb"
	if got := string(AppendUUM(nil, "a\nb", "")); got != want {
		t.Errorf("got %q", got)
	}
}
