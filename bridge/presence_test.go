package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

func TestViewOf(t *testing.T) {
	song := msn.CurrentMedia{Type: "Music", Enabled: true, Format: "{1} - {0}", Args: []string{"Yesterday", "The Beatles"}}
	for _, test := range []struct {
		status   msn.Status
		personal msn.PersonalMessage
		want     view
	}{
		{msn.Online, msn.PersonalMessage{}, view{event.PresenceOnline, ""}},
		{msn.Busy, msn.PersonalMessage{}, view{presenceBusy, "Busy"}},
		{msn.OnThePhone, msn.PersonalMessage{}, view{presenceBusy, "On the phone"}},
		{msn.Away, msn.PersonalMessage{}, view{event.PresenceUnavailable, "Away"}},
		{msn.BeRightBack, msn.PersonalMessage{}, view{event.PresenceUnavailable, "Be right back"}},
		{msn.Idle, msn.PersonalMessage{Text: "[b]zzz[/b]"}, view{event.PresenceUnavailable, "zzz"}},
		{msn.Online, msn.PersonalMessage{Media: song}, view{event.PresenceOnline, "♪ The Beatles - Yesterday"}},
		{msn.Online, msn.PersonalMessage{Media: msn.CurrentMedia{Type: "Music", Enabled: true, Format: "{0} - {1}", Args: []string{"Yesterday", "The Beatles", "Help!"}}},
			view{event.PresenceOnline, "♪ The Beatles - Yesterday"}},
		{msn.Online, msn.PersonalMessage{Media: msn.CurrentMedia{Type: "Music", Enabled: true, Format: "{0} - {1}", Args: []string{"Yesterday", ""}}},
			view{event.PresenceOnline, "♪ Yesterday"}},
		{msn.Online, msn.PersonalMessage{Media: msn.CurrentMedia{Type: "Games", Enabled: true, Format: "{0}", Args: []string{"Solitaire"}}},
			view{event.PresenceOnline, "🎮 Solitaire"}},
		{msn.Online, msn.PersonalMessage{Media: msn.CurrentMedia{Type: "Office", Enabled: true, Format: "{0}", Args: []string{"a letter"}}},
			view{event.PresenceOnline, "a letter"}},
		{msn.Busy, msn.PersonalMessage{Text: " \u200b "}, view{presenceBusy, "Busy"}},
		{msn.Online, msn.PersonalMessage{Text: "hi", Media: song}, view{event.PresenceOnline, "hi"}},
		{msn.Offline, msn.PersonalMessage{Text: "hi"}, view{event.PresenceOffline, ""}},
		{msn.Hidden, msn.PersonalMessage{}, view{event.PresenceOffline, ""}},
		{"", msn.PersonalMessage{}, view{event.PresenceOffline, ""}},
	} {
		if got := viewOf(test.status, test.personal); got != test.want {
			t.Errorf("viewOf(%s, %+v) = %v, want %v", test.status, test.personal, got, test.want)
		}
	}
}

func TestOwnPresence(t *testing.T) {
	for _, test := range []struct {
		whenAway, offlineAs string
		heard               event.Presence
		want                msn.Status
	}{
		{awayFollow, offlineAsHidden, event.PresenceOnline, msn.Online},
		{awayFollow, offlineAsHidden, presenceBusy, msn.Busy},
		{awayFollow, offlineAsHidden, event.PresenceUnavailable, msn.Idle},
		{awayFollow, offlineAsHidden, event.PresenceOffline, msn.Hidden},
		{awayFollow, offlineAsAway, event.PresenceOffline, msn.Away},
		{awayIdle, offlineAsHidden, event.PresenceOffline, msn.Idle},
		{awayHidden, offlineAsAway, event.PresenceUnavailable, msn.Hidden},
		{awayHidden, offlineAsAway, event.PresenceOffline, msn.Hidden},
		{awayFixed, offlineAsHidden, event.PresenceUnavailable, msn.Online},
		{awayFixed, offlineAsHidden, event.PresenceOffline, msn.Online},
		{awayFixed, offlineAsHidden, presenceBusy, msn.Busy},
	} {
		o := newOwnPresence(PresenceConfig{WhenAway: test.whenAway, OfflineAs: test.offlineAs})
		if status, _ := o.want(); status != msn.Online {
			t.Errorf("before anything is known: %s", status)
		}
		o.heard(&event.PresenceEventContent{Presence: test.heard, StatusMessage: "tea"})
		if status, text := o.want(); status != test.want || text != "tea" {
			t.Errorf("%+v: %s %q", test, status, text)
		}
		o.set(msn.OutToLunch, "soup")
		if status, text := o.want(); status != msn.OutToLunch || text != "soup" || o.active() {
			t.Errorf("%+v: the command does not win: %s %q", test, status, text)
		}
		o.set("", "")
		away := test.want != msn.Online && test.want != msn.Busy
		if o.active() != away {
			t.Errorf("%+v: who writes is there", test)
		}
	}
}

// port notes what it is told, and when.
type port struct {
	mu   sync.Mutex
	told []string
	at   []time.Time
	fail bool
}

func (p *port) SetGhostPresence(_ context.Context, ghost networkid.UserID, presence event.Presence, message string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, fmt.Sprintf("%s %s %s", ghost, presence, message))
	p.at = append(p.at, time.Now())
	if p.fail {
		return errors.New("no")
	}
	return nil
}

func (p *port) Presence(context.Context, id.UserID) (*event.PresenceEventContent, error) {
	return nil, errors.New("no")
}

func (p *port) OnPresence(func(context.Context, id.UserID, *event.PresenceEventContent)) {}

// take empties the notes.
func (p *port) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.told, p.at = nil, nil
	return told
}

// keeping runs a keeper in a bubble of fake time.
func keeping(t *testing.T, f func(t *testing.T, k *presenceKeeper, p *port, away *sync.Map)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, away := &port{}, &sync.Map{}
		k := newPresenceKeeper(p, func(login networkid.UserLoginID) bool {
			_, isAway := away.Load(login)
			return !isAway
		})
		k.refresh = 20 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			k.run(ctx)
		}()
		f(t, k, p, away)
		cancel()
		<-ended
	})
}

func online(message string) view { return view{event.PresenceOnline, message} }

func check(t *testing.T, when string, p *port, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := p.take(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func TestKeeperRepeats(t *testing.T) {
	keeping(t, func(t *testing.T, k *presenceKeeper, p *port, away *sync.Map) {
		k.see("one", "bob", online("hi"))
		time.Sleep(time.Second)
		check(t, "a change", p, "bob online hi")
		k.see("one", "bob", online("hi"))
		time.Sleep(15 * time.Second)
		check(t, "nothing new", p)
		time.Sleep(5 * time.Second)
		check(t, "20 s later", p, "bob online hi")
		away.Store(networkid.UserLoginID("one"), true)
		time.Sleep(time.Minute)
		check(t, "while nobody looks", p)
		away.Delete(networkid.UserLoginID("one"))
		time.Sleep(1500 * time.Millisecond)
		check(t, "as soon as somebody looks again", p, "bob online hi")
		k.see("one", "bob", view{presence: event.PresenceOffline})
		time.Sleep(time.Minute)
		check(t, "offline, once", p, "bob offline ")
		if len(k.ghosts) != 0 {
			t.Errorf("%d ghosts are kept", len(k.ghosts))
		}
	})
}

func TestKeeperMergesLogins(t *testing.T) {
	keeping(t, func(t *testing.T, k *presenceKeeper, p *port, _ *sync.Map) {
		k.see("one", "bob", view{event.PresenceUnavailable, "Away"})
		time.Sleep(time.Second)
		k.see("two", "bob", online(""))
		time.Sleep(time.Second)
		check(t, "the best is shown", p, "bob unavailable Away", "bob online ")
		k.forget("two")
		time.Sleep(time.Second)
		check(t, "the other is left", p, "bob unavailable Away")
		k.forget("one")
		time.Sleep(time.Second)
		check(t, "nobody is left", p, "bob offline ")
	})
}

func TestKeeperKeepsToItsRate(t *testing.T) {
	keeping(t, func(t *testing.T, k *presenceKeeper, p *port, _ *sync.Map) {
		k.perSecond = 10
		for i := range 20 {
			k.see("one", networkid.UserID(fmt.Sprintf("%02d", i)), online(""))
		}
		time.Sleep(950 * time.Millisecond)
		synctest.Wait()
		if n := len(p.take()); n != 10 {
			t.Errorf("%d in the first second, want 10", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(p.take()); n != 10 {
			t.Errorf("%d after that, want the other 10", n)
		}
	})
}

func TestKeeperLastWords(t *testing.T) {
	p := &port{}
	synctest.Test(t, func(t *testing.T) {
		k := newPresenceKeeper(p, func(networkid.UserLoginID) bool { return true })
		ctx, cancel := context.WithCancel(t.Context())
		k.see("one", "bob", online(""))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			k.run(ctx)
		}()
		time.Sleep(time.Second)
		cancel()
		<-ended
		check(t, "the bridge stops", p, "bob online ", "bob offline ")
	})
}

func TestKeeperGoesOnAfterFailures(t *testing.T) {
	keeping(t, func(t *testing.T, k *presenceKeeper, p *port, _ *sync.Map) {
		p.fail = true
		k.see("one", "bob", online(""))
		time.Sleep(time.Second)
		check(t, "a failure", p, "bob online ")
		time.Sleep(20 * time.Second)
		check(t, "tried again with the next turn", p, "bob online ")
		if k.failures != 2 {
			t.Errorf("%d failures are counted", k.failures)
		}
	})
}

// TestAwayDuringARestart checks that nobody is shown as online because the bridge was started.
func TestAwayDuringARestart(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.person(bobMSN, msn.Online)
	h.signedIn()
	h.hs.change(func() { h.hs.presence[alice] = view{event.PresenceUnavailable, "out"} })
	h.restart()
	h.online()
	bob.wait("Alice to be idle", func(e msn.Event) bool {
		p, ok := e.(msn.PresenceChanged)
		return ok && p.Passport == aliceMSN && p.Presence.Status == msn.Idle
	})
	if status, text := h.client().own.want(); status != msn.Idle || text != "out" {
		t.Errorf("%s %q", status, text)
	}
}

// TestKeeperStorm has 200 contacts change 1,000 times in 10 s, and measures what the homeserver is told: at the end everybody is
// shown as they are, the rate is kept, and nobody has waited longer than it takes to tell of everybody once.
func TestKeeperStorm(t *testing.T) {
	keeping(t, func(t *testing.T, k *presenceKeeper, p *port, _ *sync.Map) {
		const contacts, changes, storm = 200, 1000, 10 * time.Second
		k.refresh = 20 * time.Second
		for i := range changes {
			k.see("one", networkid.UserID(fmt.Sprintf("%03d", i%contacts)), online(fmt.Sprint(i)))
			time.Sleep(storm / changes)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		last := map[string]string{}
		told := p.take()
		for _, line := range told {
			ghost, message, _ := strings.Cut(line, " online ")
			last[ghost] = message
		}
		for i := changes - contacts; i < changes; i++ {
			if ghost := fmt.Sprintf("%03d", i%contacts); last[ghost] != fmt.Sprint(i) {
				t.Errorf("%s is shown with %q, not %d", ghost, last[ghost], i)
			}
		}
		k.mu.Lock()
		repeats := k.repeats
		k.mu.Unlock()
		if len(told) > changes+int(storm/time.Second) || repeats > 0 {
			t.Errorf("%d requests, %d of them repeats", len(told), repeats)
		}
		t.Logf("%d changes in %s: %d requests", changes, storm, len(told))

		time.Sleep(20 * time.Second) // what they cost afterwards
		synctest.Wait()
		if n := len(p.take()); n < contacts*9/10 || n > contacts*11/10 {
			t.Errorf("%d requests in 20 s of calm, want one for each of %d contacts", n, contacts)
		}
	})
}

// nowhere is a port that takes everything at once.
type nowhere struct{ port }

func (*nowhere) SetGhostPresence(context.Context, networkid.UserID, event.Presence, string) error {
	return nil
}

// BenchmarkKeeperRefresh is what one round of repeating costs the bridge with 1,000 contacts online; the homeserver's share is in
// docs/presence.md.
func BenchmarkKeeperRefresh(b *testing.B) {
	const contacts = 1000
	k := newPresenceKeeper(&nowhere{}, func(networkid.UserLoginID) bool { return true })
	k.refresh, k.perSecond = time.Nanosecond, 1<<30
	for i := range contacts {
		k.see("one", networkid.UserID(fmt.Sprintf("%04d", i)), online("hello"))
	}
	k.flush(b.Context(), false)
	b.ReportAllocs()
	for b.Loop() {
		k.flush(b.Context(), true)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/contacts, "ns/contact")
}
