package bridge

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"

	"github.com/matrix-msn/matrix-msn/msn"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestExampleConfigIsUpToDate(t *testing.T) {
	want, err := ExampleConfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "config.example.yaml")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what `matrix-msn -e` writes: go test -tags goolm ./bridge -run ExampleConfig -update", path)
	}
	for _, expected := range []string{"type: sqlite3-fk-wal", "command_prefix: '!msn'", "port: 29350", "username: msnbot"} {
		if !strings.Contains(want, expected) {
			t.Errorf("%q is not in it", expected)
		}
	}
}

// parse reads our section as the program does.
func parse(t *testing.T, text string) (*Connector, error) {
	t.Helper()
	c := &Connector{Folder: t.TempDir()}
	_, data, _ := c.GetConfig()
	return c, yaml.Unmarshal([]byte(text), data)
}

func TestExampleIsValid(t *testing.T) {
	c, err := parse(t, networkConfig)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateConfig(); err != nil {
		t.Errorf("the example is not valid: %v", err)
	}
	if c.Config.Presence.Refresh.Duration != 20*time.Second || c.Config.Contacts.CreateRooms != roomsOnline {
		t.Errorf("%+v", c.Config)
	}
}

// TestMistakes has one mistake a row. The message must name the field, the value and what is allowed.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ change, into, field, value, allowed string }{
		{"create_rooms: online", "create_rooms: some", "contacts.create_rooms", "some", "online, all, on_message"},
		{"max_rooms: 200", "max_rooms: -1", "contacts.max_rooms", "-1", "0 or more"},
		{"name_formatting: strip", "name_formatting: bold", "contacts.name_formatting", "bold", "strip, keep"},
		{"refresh: 20s", "refresh: often", "presence.refresh", "often", "20s"},
		{"refresh: 20s", "refresh: 1ms", "presence.refresh", "1ms", "1s to 1h"},
		{"per_second: 100", "per_second: 0", "presence.per_second", "0", "1 to 10000"},
		{"when_away: follow", "when_away: sleep", "presence.when_away", "sleep", "follow, idle, hidden, fixed"},
		{"offline_as: hidden", "offline_as: gone", "presence.offline_as", "gone", "hidden, away"},
		{"interval: 5s", "interval: -5s", "nudge.interval", "-5s", "0s to 1h"},
		{"backoff_first: 5s", "backoff_first: 0s", "connect.backoff_first", "0s", "10ms"},
		{"backoff_most: 10m", "backoff_most: 1s", "connect.backoff_most", "1s", "5s to 24h"},
		{"per_second: 2\n", "per_second: 0\n", "connect.per_second", "0", "more than 0"},
		{"key_file: matrix-msn.key", `key_file: ""`, "secret.key_file", "", "file name"},
		{"    example:\n", "    Example!:\n", "servers", "Example!", "lower-case letters"},
		{"notification: msn.example.com:1863", "notification: msn.example.com:99999", "servers.example.notification", "99999", "host:port"},
		{"notification: msn.example.com:1863", "notification: msn.example.com", "servers.example.notification", "msn.example.com", "host:port"},
		{"http: http://msn.example.com", "http: msn.example.com", "servers.example.http", "msn.example.com", "http or https URL"},
		{`nexus: ""`, "nexus: ftp://x", "servers.example.nexus", "ftp://x", "http or https URL"},
		{"http: http://msn.example.com", `http: ""`, "servers.example.http", "", "base URL"},
		{"transport: tcp", "transport: udp", "servers.example.transport", "udp", "tcp or gateway"},
		{"version: auto", "version: MSNP24", "servers.example.msnp24", "", "host:port"},
		{"version: auto", "version: MSNP99", "servers.example.version", "MSNP99", "MSNP2 to"},
		{"address_map: {}", "address_map: {a: 'b:1'}", "servers.example.address_map", "a", "host:port"},
		{`ca_file: ""`, "ca_file: none.pem", "servers.example.ca_file", "none.pem", "no such file"},
	} {
		text := strings.Replace(networkConfig, test.change, test.into, 1)
		if text == networkConfig {
			t.Fatalf("%q is not in the example", test.change)
		}
		c, err := parse(t, text)
		if err != nil {
			t.Errorf("%s: %v", test.field, err)
			continue
		}
		err = c.ValidateConfig()
		if err == nil {
			t.Errorf("%s: %q is taken", test.field, test.value)
			continue
		}
		if strings.Contains(err.Error(), "Server.") {
			t.Errorf("%s: %q names what is not in the file", test.field, err)
		}
		for _, part := range []string{"network." + test.field, test.value, test.allowed} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", test.field, err, part)
			}
		}
	}
}

func TestMisspeltServerField(t *testing.T) {
	_, err := parse(t, strings.Replace(networkConfig, "transport: tcp", "transprot: tcp", 1))
	if err == nil || !strings.Contains(err.Error(), "transprot") {
		t.Errorf("err = %v", err)
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	c, err := parse(t, strings.NewReplacer("create_rooms: online", "create_rooms: x", "transport: tcp", "transport: y").Replace(networkConfig))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateConfig(); err == nil || !strings.Contains(err.Error(), "create_rooms") || !strings.Contains(err.Error(), "transport") {
		t.Errorf("err = %v", err)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string][]msn.Version{
		"auto": msn.Versions(), "MSNP8": {8}, "msnp8, MSNP9": {8, 9}, "[MSNP2, MSNP12]": {2, 12},
	} {
		c, err := parse(t, strings.Replace(networkConfig, "version: auto", "version: "+text, 1))
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.Config.services("")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := all["example"].versions; len(got) != len(want) || len(got) > 0 && (got[0] != want[0] || got[len(got)-1] != want[len(want)-1]) {
			t.Errorf("%s: %v", text, got)
		}
	}
	// auto is what there are addresses for
	c, err := parse(t, strings.NewReplacer("http: http://msn.example.com", `http: ""`, `nexus: ""`, "nexus: http://msn.example.com/nexus").Replace(networkConfig))
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Config.services("")
	if err != nil || len(all["example"].versions) != 11 {
		t.Errorf("nexus alone: %v, %v", all["example"].versions, err)
	}
}

func TestUpgradeKeepsWhatIsSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	old := "servers:\n    mine:\n        notification: 127.0.0.1:1863\n        http: http://127.0.0.1\npresence:\n    refresh: 5m\ntext:\n    fonts: false\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, upgrader := (&Connector{}).GetConfig()
	text, _, err := configupgrade.Do(path, true, upgrader.(configupgrade.BaseUpgrader))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse(t, string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ValidateConfig(); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	if c.Config.Servers["mine"].Notification == "" || len(c.Config.Servers) != 1 || c.Config.Presence.Refresh.Duration != 5*time.Minute ||
		c.Config.Text.Fonts || !c.Config.Text.Emoticons || c.Config.Contacts.MaxRooms != 200 {
		t.Errorf("%+v", c.Config)
	}
}

// TestMapURL maps what a service names by host and port, as address_map has it.
func TestMapURL(t *testing.T) {
	c, err := parse(t, strings.Replace(networkConfig, "address_map: {}", "address_map: {'login.live.com:443': 'login.example.com:8443', 'a.example:80': 'b.example:81'}", 1))
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Config.services(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"https://login.live.com/RST.srf?a=b": "https://login.example.com:8443/RST.srf?a=b", "https://login.live.com:443/": "https://login.example.com:8443/",
		"http://login.live.com/": "http://login.live.com/", "http://a.example/x": "http://b.example:81/x", "http://a.example:81/x": "http://a.example:81/x", ":": ":",
	} {
		if got := all["example"].server.MapURL(at); got != want {
			t.Errorf("%s leads to %s", at, got)
		}
	}
	if got := all["example"].server.MapAddress("a.example:80"); got != "b.example:81" {
		t.Errorf("the address leads to %s", got)
	}
}

func TestLookUpServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text, err := ExampleConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, warnings, err := LookUpServer(path, "example")
	if err != nil || cfg.Server.Notification != "msn.example.com:1863" || cfg.Server.Nexus == "" || len(cfg.Versions) != len(msn.Versions()) ||
		cfg.HTTPClient == nil || len(warnings) > 0 {
		t.Errorf("%+v %v %v", cfg, warnings, err)
	}
	if _, _, err := LookUpServer(path, "other"); err == nil || !strings.Contains(err.Error(), "example") {
		t.Errorf("err = %v", err)
	}
}
