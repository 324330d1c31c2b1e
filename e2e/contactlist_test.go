package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// requestCounter passes the bridge's requests on to the homeserver and counts them.
type requestCounter struct {
	server *httptest.Server

	mu       sync.Mutex
	requests map[string]int // by kind
	last     time.Time
}

// front is for stage.Options.
func (c *requestCounter) front() func(string) (string, error) {
	if c == nil {
		return nil
	}
	return func(homeserver string) (string, error) {
		target, err := url.Parse(homeserver)
		if err != nil {
			return "", err
		}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
		c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proxy.ServeHTTP(w, r)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.requests == nil {
				c.requests = make(map[string]int)
			}
			c.requests[kindOf(r)]++
			c.last = time.Now()
		}))
		return c.server.URL, nil
	}
}

func (c *requestCounter) close() {
	if c.server != nil {
		c.server.Close()
	}
}

var roomOrUser = regexp.MustCompile(`[!@$][^/]*`)

// kindOf is method and path without what differs from room to room.
func kindOf(r *http.Request) string {
	path, err := url.PathUnescape(r.URL.EscapedPath())
	if err != nil {
		path = r.URL.Path
	}
	return r.Method + " " + roomOrUser.ReplaceAllString(strings.TrimPrefix(path, "/_matrix/client/v3/"), "…")
}

// take is what was counted since the last time.
func (c *requestCounter) take() (all, presence int, kinds map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kinds, c.requests = c.requests, nil
	for kind, n := range kinds {
		all += n
		if strings.HasPrefix(kind, "PUT presence/") {
			presence += n
		}
	}
	return all, presence, kinds
}

// quiet waits until the bridge has asked nothing but presence for a while, and returns when it asked last.
func (c *requestCounter) quiet(b *testing.B, began time.Time) time.Duration {
	const while = 4 * time.Second
	busy, before := time.Now(), -1
	for time.Since(busy) < while {
		time.Sleep(100 * time.Millisecond) // a measurement, not a test
		c.mu.Lock()
		n := 0
		for kind, count := range c.requests {
			if !strings.HasPrefix(kind, "PUT presence/") {
				n += count
			}
		}
		c.mu.Unlock()
		if n != before {
			busy, before = time.Now(), n
		}
		if time.Since(began) > 10*time.Minute {
			b.Fatal("the bridge does not come to rest")
		}
	}
	return busy.Sub(began)
}

// The list of BenchmarkContactList.
const (
	listContacts = 600
	listOnline   = 200
	listGroups   = 20
)

// BenchmarkContactList signs in to an account with 600 contacts in 20 groups, of whom 200 are online, for the first time, and again after
// a restart of the bridge. One round takes minutes: -benchtime 1x.
func BenchmarkContactList(b *testing.B) {
	if counter == nil {
		b.Fatal("run it by name: -bench ContactList")
	}
	for b.Loop() {
		u := newcomer(b)
		populate(b, u)
		counter.take()
		began, mark := time.Now(), u.Len()
		if answer := u.logIn(b, u.passport, u.password); strings.Contains(answer, "Failed") {
			b.Fatal(answer)
		}
		within(b, func(ctx context.Context) error {
			_, err := u.Portal(ctx, "the first room", mark, func(channel string) bool { return strings.Contains(channel, "@") })
			return err
		})
		b.ReportMetric(time.Since(began).Seconds(), "s-first-room")
		rooms := 0
		ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
		_ = u.Follow(ctx, mark, func(evt *event.Event) bool { // the number tells
			if evt.Type == event.StateBridge && strings.Contains(evt.Content.AsBridge().Channel.ID, "@") {
				rooms++
			}
			return rooms < listOnline
		})
		cancel()
		b.ReportMetric(time.Since(began).Seconds(), "s-rooms")
		b.ReportMetric(float64(rooms), "rooms")
		b.ReportMetric(counter.quiet(b, began).Seconds(), "s-all")
		all, presence, kinds := counter.take()
		b.ReportMetric(float64(all), "requests")
		b.ReportMetric(float64(all-presence)/listContacts, "requests/contact")
		b.ReportMetric(float64(presence), "presence-requests")
		b.Logf("first sign-in: %v", kinds)
		if memory, err := house.Bridge.Memory(); err == nil {
			b.ReportMetric(float64(memory)/1e6, "MB-bridge")
		}

		if err := house.Bridge.Stop(); err != nil {
			b.Fatal(err)
		}
		counter.take()
		began = time.Now()
		within(b, func(ctx context.Context) error { return house.Bridge.Start(ctx) })
		within(b, func(ctx context.Context) error { return house.MSN.WaitSignedIn(ctx, u.passport) })
		b.ReportMetric(counter.quiet(b, began).Seconds(), "s-again")
		all, presence, kinds = counter.take()
		b.ReportMetric(float64(all-presence), "requests-again")
		b.ReportMetric(float64(presence), "presence-requests-again")
		b.Logf("second sign-in: %v", kinds)
	}
	b.ReportMetric(0, "ns/op") // it has no meaning of its own
}

// populate gives the user's account its contacts and groups, and signs a third of them in.
func populate(b *testing.B, u *user) {
	b.Helper()
	var friends []string
	for i := range listContacts {
		passport := fmt.Sprintf("friend%d-%s", i, u.passport)
		if err := house.MSN.AddAccount(msntest.Account{Passport: passport, Password: secret, FriendlyName: fmt.Sprintf("Friend %d 🎈", i)}); err != nil {
			b.Fatal(err)
		}
		house.MSN.Befriend(u.passport, passport)
		friends = append(friends, passport)
	}
	me := enter(b, u.passport, u.password, msn.MSNP12)
	for i := range listGroups {
		within(b, func(ctx context.Context) error {
			made, err := me.AddGroup(ctx, fmt.Sprintf("Group %d", i))
			for j := i; j < len(friends) && err == nil; j += listGroups {
				err = me.AddToGroup(ctx, friends[j], made.ID)
			}
			return err
		})
	}
	me.Leave()
	for i, passport := range friends[:listOnline] {
		c, err := stage.Enter(b.Context(), house.MSN.MSN(), passport, secret, func(cfg *msn.Config) {
			cfg.Versions = []msn.Version{msn.MSNP12}
			if i%2 == 0 {
				cfg.PersonalMessage.Text = "I am friend number " + passport
			}
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Leave)
	}
}
