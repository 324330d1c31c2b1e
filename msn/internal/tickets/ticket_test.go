package tickets

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// However a ticket is printed, alone or inside of something, nothing of it is shown.
func TestTicketIsNotShown(t *testing.T) {
	ticket := Ticket{Token: "t=TOPSECRET&p=HIDDEN", Secret: []byte("TOPSECRET"), Expires: noon}
	result := &Result{Tickets: Set{Messenger: ticket}, PUID: "1"}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%T%v"} {
		for _, v := range []any{ticket, &ticket, result, *result, result.Tickets, []Ticket{ticket}, struct{ T Ticket }{ticket}} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
	}
	for _, v := range []any{ticket, result} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "ticket", ticket, "result", result)
	for _, secret := range []string{"TOPSECRET", "HIDDEN", fmt.Sprintf("%x", "TOPSECRET"), fmt.Sprintf("%X", "TOPSECRET"), fmt.Sprintf("%d", []byte("TOPSECRET")), "VE9QU0VDUkVU"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q is shown in\n%s", secret, b.String())
		}
	}
	if got := fmt.Sprintf("%v|%#v|%v|%v", ticket, ticket, Ticket{}, Ticket{Token: "x"}); got !=
		"ticket(*** until 2026-01-02T03:04:05Z)|ticket(*** until 2026-01-02T03:04:05Z)|ticket(none)|ticket(***)" {
		t.Error(got)
	}
}

func TestExpired(t *testing.T) {
	for _, c := range []struct {
		in, margin time.Duration
		want       bool
	}{
		{time.Hour, 0, false}, {time.Hour, time.Hour, true}, {time.Hour, time.Hour - 1, false}, {0, 0, true}, {-1, 0, true}, {1, 0, false},
		{time.Minute, 2 * time.Minute, true}, {-time.Minute, -2 * time.Minute, false},
	} {
		if got := (Ticket{Expires: noon.Add(c.in)}).Expired(noon, c.margin); got != c.want {
			t.Errorf("ends in %s, margin %s: %t", c.in, c.margin, got)
		}
	}
	if (Ticket{}).Expired(noon, time.Hour) {
		t.Error("a ticket without an end has ended")
	}
}

func TestParts(t *testing.T) {
	for _, c := range []struct{ in, t, p string }{
		{"t=abc&p=def", "abc", "def"},
		{"t=abc&p=", "abc", ""},
		{"t=abc", "abc", ""},
		{"t=ab=c==&p=d==", "ab=c==", "d=="},
		{"p=def&t=abc", "abc", "def"},
		{"t=abc&x=y&p=def", "abc", "def"},
		{"0123456789abcdef0123", "0123456789abcdef0123", ""},
		{"abc==&def", "abc==&def", ""},
		{"p=abc", "p=abc", ""},
		{"t=&p=", "", ""},
		{"", "", ""},
	} {
		if gotT, gotP := Parts(c.in); gotT != c.t || gotP != c.p {
			t.Errorf("%q: got %q, %q", c.in, gotT, gotP)
		}
	}
}

func TestCutPassword(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"0123456789abcdefg", 16, "0123456789abcdef"}, {"0123456789abcdef", 16, "0123456789abcdef"}, {"short", 16, "short"},
		{"äöü🎉x", 4, "äöü🎉"}, {"äöü", 1, "ä"}, {"x", 0, "x"}, {"x", -1, "x"}, {"", 16, ""}, {"a\xFFb", 2, "a\xFF"},
	} {
		if got := CutPassword(c.in, c.limit); got != c.want {
			t.Errorf("%q, %d: got %q", c.in, c.limit, got)
		}
	}
}

func TestTWNPolicy(t *testing.T) {
	if got := TWNPolicy("ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1"); got != "?ct=1&rver=1&wp=FS_40SEC_0_COMPACT&lc=1&id=1" {
		t.Error(got)
	}
	if got := TWNPolicy("a,b,,ru=http%3A%2F%2Fx"); got != "?a&b&&ru=http%3A%2F%2Fx" {
		t.Error(got)
	}
}

func TestOrdered(t *testing.T) {
	given := []Site{{Contacts, "MBI", false}, {MessengerClear, "MBI_KEY_OLD", true}, {"CONTACTS.msn.com", "x", true}, {Storage, "", false}, {TokenBroker, "", false}}
	before := append([]Site(nil), given...)
	want := []Site{{TokenBroker, "", false}, {MessengerClear, "MBI_KEY_OLD", true}, {Contacts, "MBI", true}, {Storage, "", false}}
	if got := ordered(given); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(given, before) {
		t.Errorf("got %v, given is now %v", got, given)
	}
	for _, same := range []string{"messengerclear.live.com", "MessengerClear.live.com ", "http://messengerclear.live.com", "https://messengerclear.live.com/"} {
		if key(same) != key(MessengerClear) {
			t.Errorf("%q is another", same)
		}
	}
}
