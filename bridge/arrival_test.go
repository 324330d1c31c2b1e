package bridge

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a arrival
		began := time.Now()
		a.wait(t.Context())
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s for nothing", waited)
		}
		a.begin()
		a.begin()
		go func() {
			time.Sleep(time.Second)
			a.end()
			a.end()
		}()
		a.wait(t.Context())
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %s, want 1s", waited)
		}
		a.begin()
		began = time.Now()
		a.wait(t.Context())
		if waited := time.Since(began); waited != arrivalTime {
			t.Errorf("waited %s, want %s", waited, arrivalTime)
		}
	})
}
