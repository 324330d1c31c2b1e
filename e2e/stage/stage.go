package stage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// Options say what a stage is like.
type Options struct {
	// Source is the source tree, Folder where everything of this play is written; see Folder.
	Source, Folder string
	// Ports are the ones wanted; 0 is any free one. A port in use is said and another taken.
	Ports Ports
	// Service is the MSN service; its addresses are filled in.
	Service msntest.Config
	// Edits change the bridge's configuration further; see Script.
	Edits map[string]any
	// Registrations are files of more application services that the homeserver shall know.
	Registrations []string
	// Front, if not nil, is given the homeserver's address and returns the one that the bridge shall use, of something that stands between
	// them.
	Front func(homeserver string) (string, error)
	// Say gets progress, line by line; nil for none.
	Say func(string)
	// Step wraps each part of the building, to time or number it; nil runs it.
	Step func(what string, do func() error) error
}

// Ports are TCP ports on loopback.
type Ports struct{ Homeserver, Bridge, Notification, Switchboard, HTTP int }

// DefaultPorts are the customary ones.
var DefaultPorts = Ports{Homeserver: 8008, Bridge: 29350, Notification: 1863, Switchboard: 1864, HTTP: 8880}

// Stage is the whole house, running.
type Stage struct {
	Homeserver *Homeserver
	Bridge     *Bridge
	MSN        *msntest.Server
}

// Build builds and starts everything. What was started is stopped again if something fails or the context ends.
func Build(ctx context.Context, opt Options) (_ *Stage, err error) {
	opt.defaults()
	s := &Stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var program, python string
	var ports Ports
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"the bridge builds", func() (err error) { program, err = BuildBridge(ctx, opt.Source, opt.Say); return err }},
		{"Synapse " + SynapseVersion + " is installed", func() (err error) {
			python, err = InstallSynapse(ctx, Cache(opt.Source), opt.Say)
			return err
		}},
		{"an MSN service runs", func() (err error) {
			if ports, err = opt.Ports.free(opt.Say); err != nil {
				return err
			}
			return s.serveMSN(opt, ports)
		}},
		{"the bridge writes its config and registration", func() (err error) {
			homeserver, err := opt.Front("http://" + address(ports.Homeserver))
			if err != nil {
				return err
			}
			s.Bridge, err = NewBridge(ctx, filepath.Join(opt.Folder, "bridge"), program, Script{
				Homeserver: homeserver, Port: ports.Bridge,
				MSN: s.MSN.MSN(), HTTP: s.MSN.HTTPURL(), Edits: opt.Edits,
			})
			return err
		}},
		{"Synapse runs, with the bridge registered", func() (err error) {
			registrations := append([]string{s.Bridge.Registration}, opt.Registrations...)
			s.Homeserver, err = NewHomeserver(filepath.Join(opt.Folder, "synapse"), python, ports.Homeserver, registrations...)
			if err != nil {
				return err
			}
			return s.Homeserver.Start(ctx)
		}},
		{"the bridge runs", func() error { return s.Bridge.Start(ctx) }},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := opt.Step(step.what, step.do); err != nil {
			return nil, fmt.Errorf("not reached: %s: %w", step.what, err)
		}
	}
	return s, nil
}

func (opt *Options) defaults() {
	if opt.Say == nil {
		opt.Say = func(string) {}
	}
	if opt.Front == nil {
		opt.Front = func(homeserver string) (string, error) { return homeserver, nil }
	}
	if opt.Step == nil {
		opt.Step = func(_ string, do func() error) error { return do() }
	}
}

// free finds a free port for each.
func (p Ports) free(say func(string)) (free Ports, err error) {
	for _, one := range []struct {
		what   string
		wanted int
		got    *int
	}{
		{"Synapse", p.Homeserver, &free.Homeserver},
		{"the bridge", p.Bridge, &free.Bridge},
		{"the MSN notification server", p.Notification, &free.Notification},
		{"the MSN switchboard server", p.Switchboard, &free.Switchboard},
		{"the MSN service's HTTP", p.HTTP, &free.HTTP},
	} {
		if *one.got, err = Port(one.wanted, one.what, say); err != nil {
			return free, err
		}
	}
	return free, nil
}

// serveMSN starts the MSN service in this process.
func (s *Stage) serveMSN(opt Options, ports Ports) (err error) {
	cfg := opt.Service
	cfg.NSAddr, cfg.SBAddr, cfg.HTTPAddr = address(ports.Notification), address(ports.Switchboard), address(ports.HTTP)
	s.MSN, err = msntest.Start(cfg)
	return err
}

// Close stops everything, the bridge first.
func (s *Stage) Close() error {
	var errs []error
	if s.Bridge != nil {
		errs = append(errs, s.Bridge.Stop())
	}
	if s.Homeserver != nil {
		errs = append(errs, s.Homeserver.Stop())
	}
	if s.MSN != nil {
		errs = append(errs, s.MSN.Close())
	}
	return errors.Join(errs...)
}
