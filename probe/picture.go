package probe

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// probePicture is a PNG of one pixel, with as much behind it as a display picture usually has: it goes in several packets.
var probePicture = func() []byte {
	png, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		panic(err) // it is a constant
	}
	return append(png, bytes.Repeat([]byte{0}, 4000)...)
}()

// pictureSoon is how long a picture may take to be seen without a change of status.
const pictureSoon = 3 * time.Second

// picture has the second account see the display picture of the first and fetch it. It ends with the step.
func picture(ctx context.Context, r *round, in *pair) (detail string, err error) {
	if in.peer == nil {
		return "", lacking("no second account was given")
	}
	if !in.me.client.ShowsObjects() {
		return "", fmt.Errorf("display pictures: %w", msn.ErrUnsupported)
	}
	user := r.opt.user.passport
	if in.peer.client.PresenceOf(user).Status == msn.Offline {
		return "", lacking("the second account does not see the first one online")
	}
	if err := in.me.client.SetDisplayPicture(ctx, probePicture); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, in.me.client.SetDisplayPicture(context.WithoutCancel(ctx), nil))
	}()
	want := msn.NewMSNObject(user, msn.ObjectDisplayPicture, "", "", probePicture).SHA1D
	look := func(ctx context.Context) (msn.PresenceChanged, error) {
		return await(ctx, in.peer, func(e msn.PresenceChanged) bool {
			return e.Passport == user && e.Presence.Object != nil && e.Presence.Object.SHA1D == want
		})
	}
	soon, cancel := context.WithTimeout(ctx, pictureSoon)
	defer cancel()
	how := ""
	seen, err := look(soon)
	if err != nil && ctx.Err() == nil { // services pass it on only with another status
		if err := in.me.client.SetPresence(ctx, msn.Presence{Status: msn.Busy}); err != nil {
			return "", err
		}
		defer func() {
			err = errors.Join(err, in.me.client.SetPresence(context.WithoutCancel(ctx), msn.Presence{Status: msn.Online}))
		}()
		how = ", seen only with a change of status"
		seen, err = look(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("the picture is not seen: %w", err)
	}
	began := time.Now()
	got, err := in.peer.client.FetchObject(ctx, user, *seen.Presence.Object)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes in %s%s", len(got), rounded(time.Since(began)), how), nil
}
