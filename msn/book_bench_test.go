package msn_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// crowd is an account with n contacts in some groups, none of whom is online.
func crowd(passport string, n, groups int) msntest.Account {
	a := msntest.Account{Passport: passport, Password: "secret"}
	for i := range groups {
		a.Groups = append(a.Groups, fmt.Sprintf("Group %d", i))
	}
	for i := range n {
		p := msntest.Preset{
			Passport: fmt.Sprintf("contact%d@example.com", i), Lists: msn.ForwardList | msn.AllowList,
			FriendlyName: fmt.Sprintf("Contact number %d ☺", i),
		}
		if groups > 0 {
			p.Groups = []string{fmt.Sprintf("Group %d", i%groups)}
		}
		a.Contacts = append(a.Contacts, p)
	}
	return a
}

// counting counts the bytes of connections.
type counting struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c counting) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

// enter signs in and out once; it returns when the sign-in is complete and over.
func enter(ctx context.Context, cfg msn.Config) (*msn.Client, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan struct{}, 1)
	cfg.Handler = func(_ context.Context, e msn.Event) {
		if _, ok := e.(msn.SignedIn); ok {
			ready <- struct{}{}
		}
	}
	c, err := msn.New(cfg)
	if err != nil {
		return nil, err
	}
	over := make(chan error, 1)
	go func() { over <- c.Run(ctx) }()
	select {
	case <-ready:
	case err := <-over:
		return nil, err
	}
	if err := c.SignOut(ctx); err != nil {
		return nil, err
	}
	return c, <-over
}

// BenchmarkSignInBook is a sign-in with MSNP18, 600 contacts and 20 groups, and the sign-out: time, bytes on all
// connections, allocations of both ends, and the most heap in use.
func BenchmarkSignInBook(b *testing.B) {
	s, err := msntest.Start(msntest.Config{
		Accounts: []msntest.Account{crowd("alice@example.com", 600, 20)}, Quirks: msntest.Quirks{NoChallenge: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var bytes atomic.Int64
	cfg := configOf(s, "alice@example.com", &bytes)
	b.ReportAllocs()
	var peak uint64
	for b.Loop() {
		c, err := enter(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		if n := len(c.Contacts()); n != 600 {
			b.Fatalf("%d contacts", n)
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapInuse > peak {
			peak = m.HeapInuse
		}
	}
	b.ReportMetric(float64(bytes.Load())/float64(b.N), "wire-B/op")
	b.ReportMetric(float64(peak), "peak-heap-B")
}

// BenchmarkSignIns1000 is a thousand accounts with twenty contacts each that sign in as fast as eight at a time
// can, and stay: how many in a second, and what they hold.
func BenchmarkSignIns1000(b *testing.B) {
	const accounts = 1000
	cfg := msntest.Config{Quirks: msntest.Quirks{NoChallenge: true}}
	for i := range accounts {
		cfg.Accounts = append(cfg.Accounts, crowd(fmt.Sprintf("user%d@example.com", i), 20, 2))
	}
	s, err := msntest.Start(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		before := heap()
		ctx, cancel := context.WithCancel(b.Context())
		var running sync.WaitGroup
		turns := make(chan struct{}, 8)
		var ready sync.WaitGroup
		for i := range accounts {
			turns <- struct{}{}
			cfg := configOf(s, fmt.Sprintf("user%d@example.com", i), nil)
			ready.Add(1)
			cfg.Handler = func(_ context.Context, e msn.Event) {
				if _, ok := e.(msn.SignedIn); ok {
					<-turns
					ready.Done()
				}
			}
			c, err := msn.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			running.Go(func() {
				if err := c.Run(ctx); err != nil && ctx.Err() == nil {
					b.Error(err)
				}
			})
		}
		ready.Wait()
		b.ReportMetric(float64(heap()-before)/accounts, "B/session-both-ends")
		cancel()
		running.Wait()
	}
	b.ReportMetric(accounts*float64(b.N)/b.Elapsed().Seconds(), "sign-ins/s") // the signing out included
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// configOf is an MSNP18 sign-in at a service, its bytes counted.
func configOf(s *msntest.Server, passport string, bytes *atomic.Int64) msn.Config {
	cfg := msn.Config{Server: s.MSN(), Passport: passport, Password: "secret", Versions: []msn.Version{msn.MSNP18}}
	if bytes == nil {
		return cfg
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return counting{nc, bytes}, nil
	}
	cfg.Dial = dial
	cfg.HTTPClient = newHTTPClient(dial)
	return cfg
}
