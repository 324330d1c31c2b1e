// Command matrix-msn bridges MSN Messenger to Matrix. It is bridgev2's program with bridge.Connector in it,
// and with `probe`, the registration and the example config on top.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"github.com/matrix-msn/matrix-msn/bridge"
	"github.com/matrix-msn/matrix-msn/probe"
)

// Set by the build.
var (
	Tag       = "unknown"
	Commit    = "unknown"
	BuildTime = "unknown"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "probe" {
		os.Exit(probe.Main(os.Args[2:], os.Stdout, os.Stderr, bridge.LookUpServer))
	}
	connector := &bridge.Connector{}
	program := &mxmain.BridgeMain{
		Name:                "matrix-msn",
		Description:         "A Matrix bridge to MSN Messenger.",
		URL:                 "https://github.com/matrix-msn/matrix-msn",
		Version:             "0.1.0",
		Connector:           connector,
		AdditionalLongFlags: " [--check]\n  matrix-msn probe --help",
	}
	program.InitVersion(Tag, Commit, BuildTime)
	if done, err := offline(program, connector, os.Args); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "matrix-msn:", err) // a closed stderr cannot be told of
		os.Exit(1)
	} else if done {
		return
	}
	program.PreInit()
	connector.Folder = filepath.Dir(program.ConfigPath)
	program.Init()
	program.Start()
	exitCode := program.WaitForInterrupt()
	program.Stop()
	os.Exit(exitCode)
}
