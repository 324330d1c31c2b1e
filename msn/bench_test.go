package msn

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// contacts100 is a MSNP12 sign-in with 100 contacts, of whom a third is online.
func contacts100(b *testing.B) *player {
	var text strings.Builder
	head, _, _ := strings.Cut(signInMSNP12, "S: SYN")
	text.WriteString(head + "S: SYN 5 t t 100 0\n")
	for i := range 100 {
		fmt.Fprintf(&text, "S: LST N=contact%d@example.com F=Contact%%20number%%20%d C=22222222-0000-4000-8000-%012d 11 1\n", i, i, i)
	}
	text.WriteString("C: PNG\nS: QNG 30\nC: CHG 6 NLN 1342177312\nS: CHG 6 NLN 1342177312\n")
	for i := 0; i < 100; i += 3 {
		fmt.Fprintf(&text, "S: ILN 6 NLN contact%d@example.com Contact%%20number%%20%d 1342177312 0\n", i, i)
	}
	return script(b, text.String())
}

// BenchmarkIdleSession reports what one signed-in session with 100 contacts costs while nothing happens:
// bytes of heap and stack, and goroutines. The far end, one goroutine and a pipe, is counted too.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 50
	lines := contacts100(b).lines
	for b.Loop() {
		before, goroutines := memory()
		ctx, cancel := context.WithCancel(b.Context())
		var running, played sync.WaitGroup
		clients := make([]*Client, sessions)
		for i := range sessions {
			cfg := testConfig(newFarEnd(), nil)
			only(MSNP12)(&cfg)
			cfg.HTTPClient = goodPassport("t=One*!..$$&p=Two")
			cfg.Handler = func(context.Context, Event) {}
			played.Add(1)
			cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() {
					p := &player{lines: lines, hold: true}
					if err := p.play(far); err != nil {
						b.Error(err)
					}
					p = nil
					played.Done()
					_, _ = far.Read(make([]byte, 1)) // until the client hangs up
				}()
				return near, nil
			}
			c, err := New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			clients[i] = c
			running.Go(func() { _ = c.Run(ctx) })
		}
		played.Wait()
		for _, c := range clients {
			<-c.ready
		}
		after, more := memory()
		b.ReportMetric(float64(after-before)/sessions, "B/session")
		b.ReportMetric(float64(more-goroutines)/sessions-1, "goroutines/session")
		cancel()
		running.Wait()
	}
}

// memory is what is in use, after collection.
func memory() (bytes uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}

// BenchmarkReplay signs in against a recorded dialogue: the client's own share of a sign-in.
func BenchmarkReplay(b *testing.B) {
	lines := contacts100(b).lines
	b.ReportAllocs()
	for b.Loop() {
		cfg := testConfig(newFarEnd(), nil)
		only(MSNP12)(&cfg)
		ctx, cancel := context.WithCancel(b.Context())
		cfg.Handler = func(context.Context, Event) {}
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				_ = (&player{lines: lines, hold: true}).play(far) // a broken one shows in the time
				_, _ = io.Copy(io.Discard, far)
			}()
			return near, nil
		}
		c, err := New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		go func() { _ = c.Run(ctx); close(done) }()
		<-c.ready
		cancel()
		<-done
	}
}
