package msn_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/p2p"
)

// TestDisplayPicture carries pictures between two people, both ways at a time, with every version that has them.
func TestDisplayPicture(t *testing.T) {
	everyVersion(t, func(t *testing.T, v msn.Version) {
		s := house(t, nil)
		a := signIn(t, s, alice, v)
		b := signIn(t, s, bob, v)
		pictures := map[string][]byte{alice: bytes.Repeat([]byte("alice"), 5000), bob: []byte("bob")}
		err := a.SetDisplayPicture(t.Context(), pictures[alice])
		if v < msn.MSNP9 {
			if !errors.Is(err, msn.ErrUnsupported) {
				t.Errorf("before MSNP9: %v", err)
			}
			return
		}
		a.check("set a picture", err)
		b.check("set a picture", b.SetDisplayPicture(t.Context(), pictures[bob]))
		shown := func(u *session, who string) msn.MSNObject {
			p := await(u, "the picture of "+who, func(p msn.PresenceChanged) bool { return p.Passport == who && p.Presence.Object != nil })
			return *p.Presence.Object
		}
		of := map[string]msn.MSNObject{alice: shown(b, alice), bob: shown(a, bob)}
		var fetching sync.WaitGroup
		for range 3 {
			for who, by := range map[string]*session{alice: b, bob: a} {
				fetching.Go(func() {
					data, err := by.FetchObject(t.Context(), who, of[who])
					if err != nil || !bytes.Equal(data, pictures[who]) {
						t.Errorf("%s gets %d bytes from %s, %v", by.who, len(data), who, err)
					}
				})
			}
		}
		fetching.Wait()
		a.check("go away", a.SetPresence(t.Context(), msn.Presence{Status: msn.Away})) // the picture stays
		if p := b.sees(alice, msn.Away); p.Presence.Object == nil || p.Presence.Object.SHA1D != of[alice].SHA1D {
			t.Errorf("away, the picture is %+v", p.Presence.Object)
		}
		a.check("take the picture away", a.SetDisplayPicture(t.Context(), nil))
		if _, err := b.FetchObject(t.Context(), alice, of[alice]); !errors.Is(err, p2p.ErrDeclined) {
			t.Errorf("a picture that is gone: %v", err)
		}
		lie := of[bob]
		lie.Size++
		if _, err := a.FetchObject(t.Context(), bob, lie); !errors.Is(err, msn.ErrObjectMismatch) {
			t.Errorf("a picture of another size: %v", err)
		}
	})
}
