package msn

import (
	"context"
	"slices"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// md5Auth is the sign-in of MSNP2 to MSNP7: INF, then a challenge over the notification connection
// (core.md 5.3 and 5.5).
type md5Auth struct{}

func (md5Auth) signIn(ctx context.Context, nc *notificationConn) ([]string, error) {
	packages, err := nc.step(ctx, command("INF"))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(packages.Args, "MD5") {
		return nil, nc.failed("INF", errNoMD5)
	}
	if err := nc.clientVersion(ctx); err != nil {
		return nil, err
	}
	got, err := nc.step(ctx, command("USR", "MD5", "I", wire.Encode(nc.cfg.Passport)))
	if err != nil {
		return nil, err
	}
	challenge, err := nc.challenged(got, "MD5")
	if err != nil {
		return nil, err
	}
	got, err = nc.step(ctx, command("USR", "MD5", "S", MD5Response(challenge, nc.cfg.Password)))
	if err != nil {
		return nil, err
	}
	return nc.signedIn(got)
}
