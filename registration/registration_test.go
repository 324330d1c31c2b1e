package registration

import (
	"flag"
	"os"
	"strings"
	"testing"

	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
)

var update = flag.Bool("update", false, "write generated files anew")

func config() bridgeconfig.Config {
	var cfg bridgeconfig.Config
	cfg.Homeserver.Domain = "hs.example"
	cfg.AppService = bridgeconfig.AppserviceConfig{
		ID: "msn", Address: "http://127.0.0.1:29350", ASToken: placeholder, HSToken: placeholder, EphemeralEvents: true,
		UsernameTemplate: "msn_{{.}}", Bot: bridgeconfig.BotUserConfig{Username: "msnbot"},
	}
	return cfg
}

func TestExampleIsUpToDate(t *testing.T) {
	want, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("example.yaml", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("example.yaml is not what the generator writes: go test -tags goolm ./registration -update")
	}
}

func TestBuild(t *testing.T) {
	cfg := config()
	first := Build(&cfg, Options{})
	if len(first.AppToken) < 32 || first.AppToken == first.ServerToken || cfg.AppService.ASToken != first.AppToken {
		t.Error("no tokens were generated")
	}
	if !first.EphemeralEvents || !first.SoruEphemeralEvents || first.RateLimited == nil || *first.RateLimited {
		t.Errorf("%+v", first)
	}
	second := Build(&cfg, Options{DoublePuppet: true})
	if second.AppToken != first.AppToken || second.ServerToken != first.ServerToken {
		t.Error("tokens are not kept")
	}
	last := second.Namespaces.UserIDs[len(second.Namespaces.UserIDs)-1]
	if last.Regex != `^@.*:hs\.example$` || last.Exclusive {
		t.Errorf("double puppeting: %+v", last)
	}
}

func TestCheck(t *testing.T) {
	cfg := config()
	text, err := YAML(Build(&cfg, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Check(cfg, Options{}, text); err != nil || len(got) != 0 {
		t.Fatalf("a fresh one: %q %v", got, err)
	}
	fresh := config()
	for _, test := range []struct {
		name, from, to string
		cfg            bridgeconfig.Config
		opt            Options
		want           string
	}{
		{"token", cfg.AppService.ASToken, "other", cfg, Options{}, "as_token differs"},
		{"no token", cfg.AppService.HSToken, `""`, cfg, Options{}, "hs_token is missing"},
		{"not generated", "", "", fresh, Options{}, "generate the registration"},
		{"url", "http://127.0.0.1:29350", "http://127.0.0.1:1", cfg, Options{}, "url is"},
		{"id", "id: msn", "id: other", cfg, Options{}, "id is"},
		{"namespace", `@msn_.*`, `@other_.*`, cfg, Options{}, "cannot create these users"},
		{"exclusive", "exclusive: true", "exclusive: false", cfg, Options{}, "not exclusive"},
		{"double puppeting", "", "", cfg, Options{DoublePuppet: true}, "network.double_puppet"},
		{"ephemeral", "receive_ephemeral: true", "receive_ephemeral: false", cfg, Options{}, "receive_ephemeral is off"},
		{"unstable ephemeral", "de.sorunome.msc2409.push_ephemeral: true", "", cfg, Options{}, "push_ephemeral is off"},
		{"rate", "rate_limited: false", "rate_limited: true", cfg, Options{}, "rate_limited"},
	} {
		changed := strings.Replace(string(text), test.from, test.to, 1)
		got, err := Check(test.cfg, test.opt, []byte(changed))
		all := Report(got)
		if err != nil || !strings.Contains(all, test.want) {
			t.Errorf("%s: %v %q does not say %q", test.name, err, all, test.want)
		}
		if strings.Contains(all, cfg.AppService.ASToken) || strings.Contains(all, cfg.AppService.HSToken) {
			t.Errorf("%s: a secret is in %q", test.name, all)
		}
	}
	for _, bad := range []string{"", "\t: {", "[]"} {
		if _, err := Check(cfg, Options{}, []byte(bad)); err == nil {
			t.Errorf("%q is taken for a registration", bad)
		}
	}
}
