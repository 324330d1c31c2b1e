package oim

import (
	"errors"
	"fmt"
	"net/http"
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

// TestAppendUUM is what MSNP18 sends instead.
func TestAppendUUM(t *testing.T) {
	want := "MIME-Version: 1.0\r\nDest-Agent: client\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\na\r\nb"
	if got := string(AppendUUM(nil, "a\nb", "")); got != want {
		t.Errorf("got %q", got)
	}
}
