package msn

import (
	"context"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// authenticator is how a dialect proves who the user is. It sends everything from INF or CVR to the
// last USR and returns the arguments after "USR n OK".
type authenticator interface {
	signIn(ctx context.Context, nc *notificationConn) (ok []string, err error)
}

// redirect is what a dispatch server answers instead of an answer: XFR NS.
// hop is what the next server wants to be told of the way in CVR (MSNP21), "" for nothing.
type redirect struct{ addr, hop string }

func (r *redirect) Error() string { return "redirected to " + r.addr }

// redirectedTo reads "NS address U D hop"; what follows the address differs between versions (core.md 5.12).
func redirectedTo(args []string) *redirect {
	r := &redirect{addr: args[1]}
	if len(args) > 4 {
		r.hop = args[4]
	}
	return r
}

// step asks one command of the sign-in; a refusal or an end is put down to its name.
func (nc *notificationConn) step(ctx context.Context, cmd wire.Command) (wire.Command, error) {
	got, err := nc.ask(ctx, cmd, nil)
	if err != nil {
		return got, nc.failed(cmd.Name, err)
	}
	if got.Name == "XFR" {
		if len(got.Args) >= 2 && strings.EqualFold(got.Args[0], "NS") {
			return got, redirectedTo(got.Args)
		}
		return got, nc.failed(cmd.Name, errOddAnswer)
	}
	return got, nil
}

// failed wraps the failure of one step of the sign-in.
func (nc *notificationConn) failed(step string, err error) error {
	e := &SignInError{Step: step, Err: err}
	if nc.dialect != nil {
		e.Version = nc.dialect.version
	}
	return e
}

// signedIn reads "USR n OK ...".
func (nc *notificationConn) signedIn(got wire.Command) ([]string, error) {
	if len(got.Args) == 0 || got.Args[0] != "OK" {
		return nil, nc.failed("USR", errOddAnswer)
	}
	return got.Args[1:], nil
}

// challenged reads "USR n SCHEME S challenge".
func (nc *notificationConn) challenged(got wire.Command, scheme string) (string, error) {
	if len(got.Args) < 3 || got.Args[0] != scheme || got.Args[1] != "S" {
		return "", nc.failed("USR", errOddAnswer)
	}
	return got.Args[2], nil
}

// cvrForm is how many fields CVR has (core.md 5.4).
type cvrForm uint8

const (
	cvrBare    cvrForm = iota // six fields
	cvrBrand                  // and the brand
	cvrAccount                // and the account
	cvrHop                    // and the way
)

// args lists the fields.
func (f cvrForm) args(name, version, account, hop string) []string {
	args := []string{"0x0409", "winnt", "5.1", "i386", wire.Encode(name), wire.Encode(version)}
	if f >= cvrBrand {
		args = append(args, "MSMSGS")
	}
	if f >= cvrAccount {
		args = append(args, wire.Encode(account))
	}
	if f >= cvrHop {
		if hop == "" {
			hop = "0"
		}
		args = append(args, wire.Encode(hop))
	}
	return args
}

// clientVersion tells the server what we are. The answer recommends downloads and is not read.
func (nc *notificationConn) clientVersion(ctx context.Context) error {
	name, version := nc.cfg.ClientName, nc.cfg.ClientVersion
	if name == "" {
		name = nc.dialect.clientName
	}
	if version == "" {
		version = nc.dialect.clientVersion
	}
	_, err := nc.step(ctx, command("CVR", nc.dialect.cvr.args(name, version, nc.cfg.Passport, nc.hop)...))
	return err
}
