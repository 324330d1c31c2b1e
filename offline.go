package main

import (
	"errors"
	"fmt"
	"os"

	"go.mau.fi/util/configupgrade"
	flag "maunium.net/go/mauflag"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"

	"github.com/matrix-msn/matrix-msn/bridge"
	"github.com/matrix-msn/matrix-msn/registration"
)

// What the program does without running: the example config (-e) and the registration (-g, --check).
// bridgev2 has both, but neither SQLite in its example nor double puppeting in its registration, and
// no comparison.

// check is here so that bridgev2's help lists it.
var _ = flag.Make().LongKey("check").
	Usage("With -g: say how the registration file differs from the config, and change nothing.").Default("false").Bool()

// errDiffers is the outcome of a comparison that found something, which has been printed.
var errDiffers = errors.New("the registration file has to be written and installed anew")

// offline does what the flags ask for. done is false if they ask for none of it.
func offline(program *mxmain.BridgeMain, connector *bridge.Connector, args []string) (done bool, err error) {
	flags := flag.New(args)
	config := flags.MakeFull("c", "config", "", "config.yaml").String()
	file := flags.MakeFull("r", "registration", "", "registration.yaml").String()
	example := flags.MakeFull("e", "generate-example-config", "", "false").Bool()
	generate := flags.MakeFull("g", "generate-registration", "", "false").Bool()
	check := flags.Make().LongKey("check").Default("false").Bool()
	keep := flags.MakeFull("n", "no-update", "", "false").Bool()
	if flags.Parse() != nil {
		return false, nil // bridgev2 knows more flags, and complains of unknown ones
	}
	switch {
	case *example:
		return true, writeExample(*config)
	case *check && !*generate:
		return true, errors.New("--check goes with -g")
	case !*generate:
		return false, nil
	case *check:
		program.ConfigPath, program.SaveConfig = *config, false
		program.LoadConfig()
		return true, checkRegistration(program.Config, connector, *file)
	case *keep:
		return true, errors.New("--no-update does not go with -g: the generated tokens have to be written to the config")
	}
	program.ConfigPath, program.SaveConfig = *config, true
	program.LoadConfig()
	return true, writeRegistration(program.Config, connector, *config, *file)
}

// writeExample writes the example config to a file that does not exist yet, or to the standard output.
func writeExample(path string) error {
	text, err := bridge.ExampleConfig()
	if err != nil {
		return err
	}
	if path == "-" {
		_, err = os.Stdout.WriteString(text)
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already: remove it, or name another file with -c", path)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	fmt.Println("Wrote the example config to", path)
	return nil
}

// options are what our section says about the registration.
func options(connector *bridge.Connector) registration.Options {
	return registration.Options{DoublePuppet: connector.Config.DoublePuppet}
}

// checkRegistration prints how a file differs from the config.
func checkRegistration(cfg *bridgeconfig.Config, connector *bridge.Connector, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	differences, err := registration.Check(*cfg, options(connector), text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Print(registration.Report(differences))
	if len(differences) > 0 {
		return errDiffers
	}
	return nil
}

// writeRegistration writes the file, and the tokens into the config.
func writeRegistration(cfg *bridgeconfig.Config, connector *bridge.Connector, configPath, path string) error {
	if cfg.Homeserver.Domain == "example.com" {
		return errors.New("homeserver.domain is still example.com: set it in the config first")
	}
	reg := registration.Build(cfg, options(connector))
	text, err := registration.YAML(reg)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	base, err := bridge.ExampleConfig()
	if err != nil {
		return err
	}
	_, _, network := connector.GetConfig()
	tokens := configupgrade.SimpleUpgrader(func(helper configupgrade.Helper) {
		helper.Set(configupgrade.Str, reg.AppToken, "appservice", "as_token")
		helper.Set(configupgrade.Str, reg.ServerToken, "appservice", "hs_token")
	})
	upgrader := configupgrade.MergeUpgraders(base,
		&configupgrade.ProxyUpgrader{Target: network, Prefix: []string{"network"}}, bridgeconfig.Upgrader)
	if _, _, err := configupgrade.Do(configPath, true, upgrader, tokens); err != nil {
		return fmt.Errorf("write the tokens to %s: %w", configPath, err)
	}
	fmt.Printf("Wrote %s. List it in the homeserver's configuration (Synapse: app_service_config_files) and restart the homeserver.\n", path)
	return nil
}
