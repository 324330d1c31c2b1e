// Command serve runs the MSN service of package msntest, for demos, for MSN clients and for trying things out. It keeps
// everything in memory and forgets it when it ends.
//
//	go run -tags goolm ./msn/msntest/serve -user alice@example.com:secret -user bob@example.com:secret -friends alice@example.com,bob@example.com
//
// It says where everything is: notification and switchboard servers, nexus, tickets (RST.srf, RST2.srf), address book,
// offline messages, storage, client configuration and the HTTP gateway; with -https the web services are there behind TLS as
// well, and -cert-out writes what clients have to trust. -oim, -request, -circle, -crowd and -no-book say what is there from
// the start, -fault and -quirks how the service misbehaves.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
