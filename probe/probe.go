// Package probe checks an MSN service end to end, as an administrator does before configuring it:
// it tries the ways to tickets and the certificates, signs in with every protocol version asked for, reads the
// contact list, sets the presence and, given a second account, passes a text each way; then everything else that
// a service may have: groups, blocks, several places, roaming profile, circles, offline messages. It stands beside the bridge: it uses msn alone and
// gets the configured services from whoever calls it.
package probe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Exit codes of Main.
const (
	exitPassed = 0 // every step asked for has passed
	exitFailed = 1 // at least one has not
	exitUsage  = 2 // the command line or the configuration is wrong
)

// ServerLookup finds a configured service by its short name and gives what is needed to sign in there, with the versions that its `version`
// setting allows, and what is to be said of the entry though it is no error.
type ServerLookup func(configPath, name string) (cfg msn.Config, warnings []string, err error)

// options are the command line, understood.
type options struct {
	base         msn.Config      // how to reach the service, for every sign-in
	warnings     []string        // about the configured service
	rounds       [][]msn.Version // one sign-in per entry: the versions it offers
	skipped      []string        // versions for which there is no address
	user, peer   account
	timeout      time.Duration
	trace        bool
	changes      bool // the accounts' lists and profile may be changed, and are put back
	circle       bool // a circle may be made, which stays on some services
	json         bool
	serverLabel  string
	transportTag string
}

// account is a passport with its password.
type account struct{ passport, password string }

// Main is the `probe` command: args without the program and command name. It returns the exit code:
// 0 only if every step passed in every version asked for, 1 if one failed, 2 for a wrong command line.
func Main(args []string, stdout, stderr io.Writer, lookup ServerLookup) int {
	opt, err := parse(args, stderr, lookup)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitPassed
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "probe:", err) // a closed stderr cannot be told of
		return exitUsage
	}
	for _, warning := range opt.warnings {
		_, _ = fmt.Fprintln(stderr, "probe: warning:", warning) // as above
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report := run(ctx, opt, stderr)
	if opt.json {
		if err := report.printJSON(stdout); err != nil {
			_, _ = fmt.Fprintln(stderr, "probe:", err) // a closed stderr cannot be told of
			return exitFailed
		}
	} else {
		report.print(stdout)
	}
	if !report.passed() {
		return exitFailed
	}
	return exitPassed
}

// parse reads the command line. Passwords come from flags, the environment or the terminal.
func parse(args []string, stderr io.Writer, lookup ServerLookup) (options, error) {
	fs := flag.NewFlagSet("matrix-msn probe", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var (
		name      = fs.String("server", "", "short `NAME` of a service in the config's network.servers")
		config    = fs.String("config", "config.yaml", "the bridge's config `file`, for --server")
		ns        = fs.String("ns", "", "`host:port` of the dispatch or notification server, instead of --server")
		httpBase  = fs.String("http", "", "base `URL` of the service's HTTP parts (tickets, address book, gateway ...), with --ns")
		transport = fs.String("transport", "", "tcp or gateway (default: as configured, else tcp)")
		user      = fs.String("user", "", "`address` of the account to sign in with")
		password  = fs.String("password", "", "its password; else $MSN_PASSWORD, else asked for")
		peer      = fs.String("peer-user", "", "`address` of a second account, to pass a text each way")
		peerPass  = fs.String("peer-password", "", "its password; else $MSN_PEER_PASSWORD, else asked for")
		version   = fs.String("version", "auto", "auto (best that both sides speak), all (each in turn) or one, like MSNP12")
		timeout   = fs.Duration("timeout", 20*time.Second, "longest wait for one step")
		changes   = fs.Bool("allow-changes", false, "also change lists and profile of the two accounts, and put them back")
		circle    = fs.Bool("make-circle", false, "also make a circle (MSNP18 and later), which cannot be removed on every service")
		asJSON    = fs.Bool("json", false, "print one JSON document instead of a table")
		trace     = fs.Bool("trace", false, "print the dialogues (secrets hidden) to stderr")
	)
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	opt := options{timeout: *timeout, trace: *trace, changes: *changes, circle: *circle, json: *asJSON}
	if *timeout <= 0 {
		return options{}, fmt.Errorf("--timeout %s: must be more than 0", *timeout)
	}
	if err := opt.chooseServer(*name, *config, *ns, *httpBase, lookup); err != nil {
		return options{}, err
	}
	if err := opt.chooseTransport(*transport); err != nil {
		return options{}, err
	}
	if err := opt.chooseRounds(*version); err != nil {
		return options{}, err
	}
	if *user == "" {
		return options{}, errors.New("--user is missing: the address to sign in with")
	}
	var err error
	if opt.user, err = credentials(*user, *password, "MSN_PASSWORD", stderr); err != nil {
		return options{}, err
	}
	if *peer != "" {
		opt.peer, err = credentials(*peer, *peerPass, "MSN_PEER_PASSWORD", stderr)
	}
	return opt, err
}

// chooseServer fills in where the service is, from the config or from the flags.
func (o *options) chooseServer(name, config, ns, httpBase string, lookup ServerLookup) (err error) {
	switch {
	case name != "" && ns != "":
		return errors.New("--server and --ns exclude each other: name a configured service, or give its address")
	case name != "":
		o.base, o.warnings, err = lookup(config, name)
		o.serverLabel = name
		return err
	case ns == "":
		return errors.New("say which service: --server NAME from the config, or --ns host:port with --http URL")
	}
	_, port, err := net.SplitHostPort(ns)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 {
		return fmt.Errorf("--ns %q: allowed is host:port, like msn.example.com:1863", ns)
	}
	o.base, o.serverLabel = msn.Config{Server: msn.Server{Notification: ns}}, ns
	if httpBase == "" {
		return nil
	}
	if at, err := url.Parse(httpBase); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return fmt.Errorf("--http %q: allowed is an http or https URL, like https://msn.example.com", httpBase)
	}
	o.base.Server = o.base.Server.ServicesAt(httpBase)
	return nil
}

func (o *options) chooseTransport(transport string) error {
	switch transport {
	case "":
	case "tcp":
		o.base.Server.UseGateway = false
	case "gateway":
		if o.base.Server.Gateway == "" {
			return errors.New("--transport gateway needs the gateway's address: give --http URL, or set it in the config")
		}
		o.base.Server.UseGateway = true
	default:
		return fmt.Errorf("--transport %q: allowed are tcp and gateway", transport)
	}
	o.transportTag = "TCP"
	if o.base.Server.UseGateway {
		o.transportTag = "HTTP gateway"
	} else if o.base.Server.TLS != nil {
		o.transportTag = "TLS"
	}
	return nil
}

// chooseRounds turns --version into the sign-ins to make.
func (o *options) chooseRounds(version string) error {
	there := o.base.Server.Versions()
	switch word := strings.ToLower(version); word {
	case "auto":
		if len(o.base.Versions) == 0 {
			o.base.Versions = there
			o.skip(there)
		}
		o.rounds = [][]msn.Version{o.base.Versions}
	case "all":
		for _, v := range there {
			o.rounds = append(o.rounds, []msn.Version{v})
		}
		o.skip(there)
	default:
		v, err := msn.ParseVersion(version)
		if err != nil {
			return fmt.Errorf("--version %q: allowed are auto, all and one of %v", version, msn.Versions())
		}
		if slices.Contains(msn.Versions(), v) && !slices.Contains(there, v) {
			return fmt.Errorf("--version %s: its tickets and contact list are on the web, give --http URL (or their addresses in the config)", v)
		}
		o.rounds = [][]msn.Version{{v}}
	}
	return nil
}

// skip notes the versions that are not there.
func (o *options) skip(there []msn.Version) {
	for _, v := range msn.Versions() {
		if !slices.Contains(there, v) {
			o.skipped = append(o.skipped, v.String())
		}
	}
}

// credentials completes an account: the flag, else the environment, else a question on the terminal.
func credentials(passport, password, env string, stderr io.Writer) (account, error) {
	if name, domain, _ := strings.Cut(passport, "@"); name == "" || domain == "" {
		return account{}, fmt.Errorf("%q is no address: one looks like bob@example.com", passport)
	}
	if password == "" {
		password = os.Getenv(env)
	}
	if password == "" {
		fd := int(os.Stdin.Fd())
		if !term.IsTerminal(fd) {
			return account{}, fmt.Errorf("no password for %s: give the flag or set $%s", passport, env)
		}
		_, _ = fmt.Fprintf(stderr, "Password of %s: ", passport)
		typed, err := term.ReadPassword(fd)
		_, _ = fmt.Fprintln(stderr)
		if err != nil {
			return account{}, fmt.Errorf("read the password of %s: %w", passport, err)
		}
		password = string(typed)
	}
	return account{strings.ToLower(passport), password}, nil
}
