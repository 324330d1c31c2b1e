package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// Exit codes: 0 for a service that ran and was stopped, 1 for one that could not run, 2 for wrong arguments.
const (
	exitOK = iota
	exitFailed
	exitUsage
)

// run starts the service and keeps it until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, say, err := configure(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "serve: %v\n", err)
		return exitUsage
	}
	server, err := msntest.Start(cfg)
	if err != nil {
		fmt.Fprintf(stderr, "serve: %v\n", err)
		if errors.Is(err, syscall.EADDRINUSE) {
			fmt.Fprintln(stderr, "serve: the port is taken; choose others with -ns, -sb, -http and -ds (port 0 takes any free one)")
		}
		return exitFailed
	}
	if err := say.announce(stdout, server, cfg.TLS != nil); err != nil {
		fmt.Fprintf(stderr, "serve: say where the service is: %v\n", err)
		_ = server.Close() // the first error says more
		return exitFailed
	}
	<-ctx.Done()
	if err := server.Close(); err != nil {
		fmt.Fprintf(stderr, "serve: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// settings are the arguments that are more than one value.
type settings struct {
	cfg     msntest.Config
	say     saying
	byName  map[string]int // index in cfg.Accounts
	friends [][]string
	crowd   string
}

// configure reads the arguments.
func configure(args []string, stdout, stderr io.Writer) (msntest.Config, saying, error) {
	set := settings{byName: map[string]int{}}
	cfg := &set.cfg
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	set.define(flags)
	quirks := flags.String("quirks", "", "behave as another server: `escargot`")
	noDeltas := flags.Bool("no-deltas", false, "refuse to tell only what has changed in lists and address book (FullSyncRequired)")
	lenient := flags.Bool("lenient", false, "take any answer to CHL, and none")
	challengeEvery := flags.Duration("challenge-every", 0, "repeat CHL after this `time`")
	idle := flags.Duration("idle", 0, "close switchboards after this `time` without traffic (default 5m)")
	trace := flags.Bool("trace", false, "print the dialogue with all clients, without secrets")
	selfSigned := flags.Bool("tls", false, "TLS on the notification and switchboard servers, with a certificate made now")
	certFile := flags.String("tls-cert", "", "TLS with this certificate `file`, and -tls-key")
	keyFile := flags.String("tls-key", "", "`file` of the key that belongs to -tls-cert")
	faults := flags.String("fault", "", "misbehave: `list` of drop=N, delay=2s, silent, nak, noack, redirect302, XYZ=NNN (error for a command), rstdown, rstredirect=once|loop, rstfault=code, stale=site|*, forbidden, truncate=N, slow=2s, moved=once|loop, Action:code (of a web service)")
	if err := flags.Parse(args); err != nil {
		return *cfg, set.say, err
	}
	if flags.NArg() > 0 {
		return *cfg, set.say, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := set.addCrowd(); err != nil {
		return *cfg, set.say, fmt.Errorf("-crowd %q: %w", set.crowd, err)
	}
	if err := set.resolveFriends(); err != nil {
		return *cfg, set.say, err
	}
	var err error
	if cfg.Quirks, err = parseQuirks(*quirks, *lenient, *noDeltas, *challengeEvery, *idle); err != nil {
		return *cfg, set.say, err
	}
	if set.crowd != "" {
		cfg.Quirks.ForwardLimit = max(600, 2*len(cfg.Accounts))
	}
	if cfg.Faults, err = parseFaults(*faults); err != nil {
		return *cfg, set.say, fmt.Errorf("-fault: %w", err)
	}
	if *trace {
		cfg.Trace = func(line string) { fmt.Fprintln(stdout, line) }
	}
	cfg.TLS, err = secure(*selfSigned, *certFile, *keyFile, cfg.PublicHost)
	return *cfg, set.say, err
}

// define defines the flags that say where the service is and who is there.
func (set *settings) define(flags *flag.FlagSet) {
	cfg := &set.cfg
	flags.StringVar(&cfg.NSAddr, "ns", "127.0.0.1:1863", "`address` of the notification server")
	flags.StringVar(&cfg.SBAddr, "sb", "127.0.0.1:1864", "`address` of the switchboard server")
	flags.StringVar(&cfg.HTTPAddr, "http", "127.0.0.1:8880", "`address` of the HTTP services: nexus, login, tickets, address book, offline messages, storage, gateway")
	flags.StringVar(&cfg.DSAddr, "ds", "", "`address` of a dispatch server, which sends clients on to the notification server")
	flags.StringVar(&cfg.HTTPSAddr, "https", "", "`address` of the HTTP services behind TLS, with the certificate of -tls, or one made now")
	flags.StringVar(&set.say.certFile, "cert-out", "", "write what clients have to trust for TLS and HTTPS to this `file`, in PEM")
	flags.BoolVar(&set.say.json, "json", false, "say where the service is in JSON alone")
	flags.StringVar(&cfg.MSNP24Addr, "msnp24", "", "`address` of a server for MSNP24 (a simulation)")
	flags.StringVar(&cfg.PublicHost, "public-host", "", "`host` that clients are told (default: the one they came to)")
	flags.Func("user", "account as `address:password`; repeatable", set.addUser)
	flags.Func("name", "friendly name as `address=name`; repeatable, after -user", set.nameUser)
	flags.Func("groups", "contact groups as `address=name,name`; repeatable, after -user", set.groupUser)
	flags.Func("friends", "`addresses` of people who are on each other's lists, a,b[,c...]; repeatable", set.addFriends)
	flags.Func("no-book", "`address` of an account without an address book before the client makes one; repeatable, after -user", set.noBook)
	flags.Func("request", "somebody who asks to be on a list, as `from:to` or from:to:text; repeatable", set.addRequest)
	flags.Func("oim", "offline message as `from:to:text`; repeatable", set.addOffline)
	flags.Func("circle", "circle as `name:owner,member,?invited`; repeatable", set.addCircle)
	flags.StringVar(&set.crowd, "crowd", "", "give the first account `contacts:groups` more, 600:20")
	flags.Func("refuse", "`versions` not to speak, MSNP12,MSNP11", set.refuse)
}

// secure makes the TLS configuration, nil for none.
func secure(selfSigned bool, certFile, keyFile, host string) (*tls.Config, error) {
	switch {
	case selfSigned && certFile+keyFile != "":
		return nil, errors.New("-tls makes its own certificate: leave out -tls-cert and -tls-key, or -tls")
	case selfSigned && host != "":
		return msntest.SelfSigned(host)
	case selfSigned:
		return msntest.SelfSigned()
	case certFile == "" && keyFile == "":
		return nil, nil
	case certFile == "" || keyFile == "":
		return nil, errors.New("-tls-cert and -tls-key go together")
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("-tls-cert and -tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func (set *settings) addUser(arg string) error {
	address, password, ok := strings.Cut(arg, ":")
	if !ok || address == "" || password == "" {
		return errors.New("want address:password")
	}
	address = strings.ToLower(address)
	if _, known := set.byName[address]; known {
		return errors.New("given twice")
	}
	set.byName[address] = len(set.cfg.Accounts)
	set.cfg.Accounts = append(set.cfg.Accounts, msntest.Account{Passport: address, Password: password})
	return nil
}

// user finds the account in address=rest.
func (set *settings) user(arg string) (*msntest.Account, string, error) {
	address, rest, ok := strings.Cut(arg, "=")
	if !ok || rest == "" {
		return nil, "", errors.New("want address=...")
	}
	i, known := set.byName[strings.ToLower(address)]
	if !known {
		return nil, "", fmt.Errorf("no -user %s before", address)
	}
	return &set.cfg.Accounts[i], rest, nil
}

func (set *settings) nameUser(arg string) error {
	account, name, err := set.user(arg)
	if err == nil {
		account.FriendlyName = name
	}
	return err
}

func (set *settings) groupUser(arg string) error {
	account, names, err := set.user(arg)
	if err == nil {
		account.Groups = append(account.Groups, strings.Split(names, ",")...)
	}
	return err
}

func (set *settings) addFriends(arg string) error {
	people := strings.Split(strings.ToLower(arg), ",")
	if len(people) < 2 {
		return errors.New("want at least two addresses, a,b")
	}
	set.friends = append(set.friends, people)
	return nil
}

// resolveFriends puts everybody of a -friends on the lists of everybody else of it.
func (set *settings) resolveFriends() error {
	for _, people := range set.friends {
		for _, one := range people {
			i, known := set.byName[one]
			if !known {
				return fmt.Errorf("-friends: no -user %s", one)
			}
			account := &set.cfg.Accounts[i]
			for _, other := range people {
				if other != one && !slices.Contains(account.Friends, other) {
					account.Friends = append(account.Friends, other)
				}
			}
		}
	}
	return nil
}

func (set *settings) refuse(arg string) error {
	for word := range strings.SplitSeq(arg, ",") {
		number, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(word)), "MSNP")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 || n > 99 {
			return fmt.Errorf("%q is no version, want MSNP12", word)
		}
		set.cfg.Refuse = append(set.cfg.Refuse, msn.Version(n))
	}
	return nil
}

// parseQuirks makes the quirks of another server and those of single flags one.
func parseQuirks(like string, lenient, noDeltas bool, challengeEvery, idle time.Duration) (msntest.Quirks, error) {
	var q msntest.Quirks
	switch like {
	case "":
	case "escargot":
		q = msntest.EscargotQuirks()
	default:
		return q, fmt.Errorf("-quirks %s: only escargot is known", like)
	}
	q.LenientChallenge = q.LenientChallenge || lenient
	q.NoDeltas = q.NoDeltas || noDeltas
	q.ChallengeEvery = challengeEvery
	if idle != 0 {
		q.SwitchboardIdle = idle
	}
	return q, nil
}

// parseFaults reads -fault.
func parseFaults(list string) (msntest.Faults, error) {
	var f msntest.Faults
	if list == "" {
		return f, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		var err error
		switch name {
		case "drop":
			f.DropAfter, err = strconv.Atoi(value)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		case "silent":
			f.Silent = true
		case "nak":
			f.NAK = true
		case "noack":
			f.WithholdACK = true
		case "redirect302":
			f.LoginRedirect = true
		default:
			err = webFault(&f, name, value)
		}
		if err != nil {
			return f, fmt.Errorf("%q: %w", item, err)
		}
	}
	return f, nil
}

// addRefusal reads CAL=217.
func addRefusal(f *msntest.Faults, name, value string) error {
	code, err := strconv.Atoi(value)
	if len(name) != 3 || strings.ToUpper(name) != name || err != nil || code < 100 || code > 999 {
		return errors.New("no such fault")
	}
	if f.Refuse == nil {
		f.Refuse = map[string]int{}
	}
	f.Refuse[name] = code
	return nil
}
