package stage

import "testing"

const raceLog = `{"level":"info","message":"Bridge started"}
==================
WARNING: DATA RACE
Write at 0x00c00022bd01 by goroutine 33:
  maunium.net/go/mautrix/appservice.(*IntentAPI).EnsureRegistered()
      appservice/intent.go:85 +0x66e
  github.com/matrix-msn/matrix-msn/bridge.(*presenceKeeper).send()
      bridge/presence.go:327 +0xdd

Previous read at 0x00c00022bd01 by goroutine 105:
  maunium.net/go/mautrix/appservice.(*IntentAPI).EnsureRegistered()
      appservice/intent.go:64 +0x7c

Goroutine 33 (running) created at:
  github.com/matrix-msn/matrix-msn/bridge.Start()
      bridge/connector.go:1 +0x1
==================
{"level":"info","message":"in between"}
==================
WARNING: DATA RACE
Read at 0x00c000161058 by goroutine 222:
  runtime.mapaccess1()
      runtime/map.go:1 +0x1
  github.com/matrix-msn/matrix-msn/bridge.(*Client).live()
      bridge/client.go:1 +0x1

Previous write at 0x00c000161058 by main goroutine:
  maunium.net/go/mautrix/bridgev2.(*UserLogin).Delete()
      bridgev2/userlogin.go:337 +0x50
==================
`

func TestRaces(t *testing.T) {
	ours, framework := Races([]byte(raceLog))
	if len(ours) != 1 || framework != 1 {
		t.Fatalf("%d of ours and %d of the framework's, want 1 and 1: %q", len(ours), framework, ours)
	}
	if ours, framework = Races([]byte("nothing\n")); len(ours)+framework != 0 {
		t.Errorf("%d and %d in a log without any", len(ours), framework)
	}
}
