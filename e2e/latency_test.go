package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// BenchmarkLatency measures texts through Synapse and the bridge beside texts through Synapse and a bare application
// service, in turns in the same run, so that both meet the same homeserver in the same mood. The goal is a ratio of at
// most 1.2.
func BenchmarkLatency(b *testing.B) {
	u, friends := signedIn(b, 0, "bob")
	bob := friends[0]
	room := u.roomWith(b, bob.Passport)
	plain := echoRoom(b, u)
	b.Run("MatrixToMSN", func(b *testing.B) {
		compare(b, func(ctx context.Context, text string) (time.Time, error) {
			mark := bob.Len()
			if _, err := u.Say(ctx, room, text); err != nil {
				return time.Time{}, err
			}
			_, err := bob.Hear(ctx, mark, u.passport, text)
			return time.Now(), err
		}, func(ctx context.Context, text string) (time.Time, error) {
			mark := echo.got.Len()
			if _, err := u.Say(ctx, plain, text); err != nil {
				return time.Time{}, err
			}
			got, err := echo.got.Await(ctx, mark, func(s seen) bool { return s.body == text })
			return got.at, err
		})
	})
	b.Run("MSNToMatrix", func(b *testing.B) {
		reads := func(ctx context.Context, mark int, text string) (time.Time, error) {
			_, err := u.Await(ctx, text, mark, func(evt *event.Event) bool {
				return evt.Type == event.EventMessage && evt.Content.AsMessage().Body == text
			})
			return time.Now(), err
		}
		compare(b, func(ctx context.Context, text string) (time.Time, error) {
			mark := u.Len()
			if _, err := bob.Say(ctx, msn.With(u.passport), text); err != nil {
				return time.Time{}, err
			}
			return reads(ctx, mark, text)
		}, func(ctx context.Context, text string) (time.Time, error) {
			mark := u.Len()
			if err := echo.say(ctx, plain, text); err != nil {
				return time.Time{}, err
			}
			return reads(ctx, mark, text)
		})
	})
}

// compare sends a text each way in turns and reports the times of both and their ratio.
func compare(b *testing.B, bridged, bare func(context.Context, string) (time.Time, error)) {
	ways := []func(context.Context, string) (time.Time, error){bridged, bare}
	var times [2][]time.Duration
	n := 0
	for b.Loop() {
		n++
		for turn := range ways {
			which := (n + turn) % len(ways) // each goes first as often as the other
			within(b, func(ctx context.Context) error {
				began := time.Now()
				arrived, err := ways[which](ctx, fmt.Sprintf("%s %d/%d", b.Name(), n, which))
				times[which] = append(times[which], arrived.Sub(began))
				return err
			})
		}
	}
	ms := func(which int, percent int) float64 {
		slices.Sort(times[which])
		return float64(times[which][(len(times[which])-1)*percent/100].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op") // an op is one text of each kind: it says nothing
	b.ReportMetric(ms(0, 50), "bridge-p50-ms")
	b.ReportMetric(ms(0, 95), "bridge-p95-ms")
	b.ReportMetric(ms(1, 50), "bare-p50-ms")
	b.ReportMetric(ms(1, 95), "bare-p95-ms")
	b.ReportMetric(ms(0, 50)/ms(1, 50), "p50-ratio")
}

// echoRoom is a room of the user with the ghost of the bare application service.
func echoRoom(b *testing.B, u *user) (room id.RoomID) {
	b.Helper()
	within(b, func(ctx context.Context) error {
		if err := echo.request(ctx, "POST", map[string]any{
			"type": "m.login.application_service", "username": "echo_ghost", "inhibit_login": true,
		}, "register"); err != nil {
			b.Log(err) // it is there from an earlier round; otherwise joining fails
		}
		resp, err := u.CreateRoom(ctx, &mautrix.ReqCreateRoom{Invite: []id.UserID{echo.ghost}, IsDirect: true, Preset: "trusted_private_chat"})
		if err != nil {
			return err
		}
		room = resp.RoomID
		return echo.join(ctx, room)
	})
	return room
}
