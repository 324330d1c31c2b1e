package bridge

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"

	"github.com/matrix-msn/matrix-msn/msn"
)

//go:embed network-config.yaml
var networkConfig string

// Config is the network section of the bridge's config file; network-config.yaml documents it.
type Config struct {
	Servers      map[string]ServerConfig `yaml:"servers"`
	Contacts     ContactsConfig          `yaml:"contacts"`
	Presence     PresenceConfig          `yaml:"presence"`
	Text         TextConfig              `yaml:"text"`
	Nudge        NudgeConfig             `yaml:"nudge"`
	Secret       SecretConfig            `yaml:"secret"`
	Connect      ConnectConfig           `yaml:"connect"`
	Metrics      MetricsConfig           `yaml:"metrics"`
	DoublePuppet bool                    `yaml:"double_puppet"`
}

// ServerConfig says how to reach one MSN service.
type ServerConfig struct {
	Name          string            `yaml:"name"`
	Notification  string            `yaml:"notification"`
	TLS           bool              `yaml:"tls"`
	CAFile        string            `yaml:"ca_file"`
	HTTP          string            `yaml:"http"`
	Nexus         string            `yaml:"nexus"`
	Gateway       string            `yaml:"gateway"`
	Transport     string            `yaml:"transport"`
	Version       versionList       `yaml:"version"`
	ClientName    string            `yaml:"client_name"`
	ClientVersion string            `yaml:"client_version"`
	AddressMap    map[string]string `yaml:"address_map"`
}

// ContactsConfig says which contacts get rooms by themselves.
type ContactsConfig struct {
	CreateRooms string `yaml:"create_rooms"`
	MaxRooms    int    `yaml:"max_rooms"`
}

// The values of ContactsConfig.CreateRooms.
const (
	roomsOnline    = "online"
	roomsAll       = "all"
	roomsOnMessage = "on_message"
)

// PresenceConfig says how presence crosses.
type PresenceConfig struct {
	ToMatrix   bool     `yaml:"to_matrix"`
	FromMatrix bool     `yaml:"from_matrix"`
	Refresh    duration `yaml:"refresh"`
	PerSecond  int      `yaml:"per_second"`
	WhenAway   string   `yaml:"when_away"`
	OfflineAs  string   `yaml:"offline_as"`
}

// The values of PresenceConfig.WhenAway and OfflineAs.
const (
	awayFollow = "follow"
	awayIdle   = "idle"
	awayHidden = "hidden"
	awayFixed  = "fixed"

	offlineAsHidden = "hidden"
	offlineAsAway   = "away"
)

// TextConfig says how texts are converted.
type TextConfig struct {
	Emoticons bool `yaml:"emoticons"`
	Fonts     bool `yaml:"fonts"`
	Reactions bool `yaml:"reactions"`
}

// NudgeConfig bounds nudges.
type NudgeConfig struct {
	Interval duration `yaml:"interval"`
	Bell     bool     `yaml:"bell"`
}

// SecretConfig says where the keys are.
type SecretConfig struct {
	Key     string   `yaml:"key"`
	KeyFile string   `yaml:"key_file"`
	OldKeys []string `yaml:"old_keys"`
}

// ConnectConfig bounds how often the bridge signs in.
type ConnectConfig struct {
	PerSecond    float64  `yaml:"per_second"`
	BackoffFirst duration `yaml:"backoff_first"`
	BackoffMost  duration `yaml:"backoff_most"`
}

// duration keeps a text that is none, so that validation can say which field it stands in.
type duration struct {
	time.Duration
	broken string
}

// UnmarshalYAML reads "20s".
func (d *duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	*d = duration{Duration: parsed}
	if err != nil {
		d.broken = node.Value
	}
	return nil
}

// MarshalYAML writes it as it is read.
func (d duration) MarshalYAML() (any, error) { return d.String(), nil }

// versionList is one word or a list of words.
type versionList []string

// UnmarshalYAML takes both forms.
func (v *versionList) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*v = strings.Fields(strings.ReplaceAll(node.Value, ",", " "))
		return nil
	}
	return node.Decode((*[]string)(v))
}

// UnmarshalYAML refuses fields that do not exist, as a misspelt one would do nothing in silence.
func (s *ServerConfig) UnmarshalYAML(node *yaml.Node) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	type plain ServerConfig
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode((*plain)(s)); err != nil {
		return fmt.Errorf("network.servers: %w", err)
	}
	return nil
}

// upgradeConfig copies what an older config file says into the current example.
func upgradeConfig(helper configupgrade.Helper) {
	helper.Copy(configupgrade.Map, "servers")
	for section, fields := range map[string]map[string]configupgrade.YAMLType{
		"contacts": {"create_rooms": configupgrade.Str, "max_rooms": configupgrade.Int},
		"presence": {
			"to_matrix": configupgrade.Bool, "from_matrix": configupgrade.Bool, "refresh": configupgrade.Str | configupgrade.Int,
			"per_second": configupgrade.Int, "when_away": configupgrade.Str, "offline_as": configupgrade.Str,
		},
		"text":  {"emoticons": configupgrade.Bool, "fonts": configupgrade.Bool, "reactions": configupgrade.Bool},
		"nudge": {"interval": configupgrade.Str | configupgrade.Int, "bell": configupgrade.Bool},
		"secret": {
			"key": configupgrade.Str, "key_file": configupgrade.Str, "old_keys": configupgrade.List,
		},
		"metrics": {"listen": configupgrade.Str},
		"connect": {
			"per_second":    configupgrade.Int | configupgrade.Float,
			"backoff_first": configupgrade.Str | configupgrade.Int, "backoff_most": configupgrade.Str | configupgrade.Int,
		},
	} {
		for field, kind := range fields {
			helper.Copy(kind, section, field)
		}
	}
	helper.Copy(configupgrade.Bool, "double_puppet")
}

// GetConfig gives bridgev2 the example, the place to decode into, and the upgrader.
func (c *Connector) GetConfig() (example string, data any, upgrader configupgrade.Upgrader) {
	return networkConfig, &c.Config, &configupgrade.StructUpgrader{
		SimpleUpgrader: upgradeConfig,
		Blocks:         [][]string{{"contacts"}, {"presence"}, {"text"}, {"nudge"}, {"secret"}, {"connect"}, {"metrics"}, {"double_puppet"}},
		Base:           networkConfig,
	}
}

// ValidateConfig checks the network section before the bridge starts. All mistakes are reported, each
// with its field, its value and what is allowed.
func (c *Connector) ValidateConfig() error {
	_, err := c.Config.services(c.Folder)
	return errors.Join(err, c.Config.check())
}

// wrong words one mistake.
func wrong(field string, value any, allowed string) error {
	return fmt.Errorf("network.%s: %q: allowed is %s", field, fmt.Sprint(value), allowed)
}

// check looks at everything but the servers.
func (cfg *Config) check() error {
	var errs []error
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, wrong(field, value, "one of "+strings.Join(allowed, ", ")))
		}
	}
	between := func(field string, d duration, least, most time.Duration) {
		if d.broken != "" {
			errs = append(errs, wrong(field, d.broken, "a time with its unit, like 20s"))
		} else if d.Duration < least || d.Duration > most {
			errs = append(errs, wrong(field, d.Duration, fmt.Sprintf("%s to %s", least, most)))
		}
	}
	oneOf("contacts.create_rooms", cfg.Contacts.CreateRooms, roomsOnline, roomsAll, roomsOnMessage)
	if cfg.Contacts.MaxRooms < 0 {
		errs = append(errs, wrong("contacts.max_rooms", cfg.Contacts.MaxRooms, "0 or more"))
	}
	oneOf("presence.when_away", cfg.Presence.WhenAway, awayFollow, awayIdle, awayHidden, awayFixed)
	oneOf("presence.offline_as", cfg.Presence.OfflineAs, offlineAsHidden, offlineAsAway)
	if d := cfg.Presence.Refresh; d.broken != "" || d.Duration != 0 {
		between("presence.refresh", d, time.Second, time.Hour)
	}
	if n := cfg.Presence.PerSecond; n < 1 || n > 10000 {
		errs = append(errs, wrong("presence.per_second", n, "1 to 10000"))
	}
	between("nudge.interval", cfg.Nudge.Interval, 0, time.Hour)
	between("connect.backoff_first", cfg.Connect.BackoffFirst, 10*time.Millisecond, time.Hour)
	between("connect.backoff_most", cfg.Connect.BackoffMost, cfg.Connect.BackoffFirst.Duration, 24*time.Hour)
	if cfg.Connect.PerSecond <= 0 || cfg.Connect.PerSecond > 1000 {
		errs = append(errs, wrong("connect.per_second", cfg.Connect.PerSecond, "more than 0, up to 1000"))
	}
	if cfg.Secret.Key == "" && cfg.Secret.KeyFile == "" {
		errs = append(errs, wrong("secret.key_file", "", "a file name, if secret.key is empty"))
	}
	return errors.Join(errs...)
}

// service is a configured MSN service, ready for use.
type service struct {
	id       string // short name
	name     string // for people
	server   msn.Server
	versions []msn.Version // nil for all
	client   [2]string     // name and version told to the server
}

// serviceID is what a short name looks like: it becomes part of user IDs.
var serviceID = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// services makes the configured ones; folder is where relative file names begin.
func (cfg *Config) services(folder string) (map[string]*service, error) {
	if len(cfg.Servers) == 0 {
		return nil, wrong("servers", "", "at least one server")
	}
	all := make(map[string]*service)
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(cfg.Servers)) {
		s := cfg.Servers[id]
		made, err := s.service(id, folder)
		if !serviceID.MatchString(id) {
			err = errors.Join(wrong("servers", id, "lower-case letters, digits, - and _, at most 32"), err)
		}
		all[id] = made
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// service checks one entry.
func (s *ServerConfig) service(id, folder string) (*service, error) {
	made := &service{id: id, name: s.Name, client: [2]string{s.ClientName, s.ClientVersion}}
	if made.name == "" {
		made.name = id
	}
	var errs []error
	field := func(name string) string { return "servers." + id + "." + name }
	if _, _, err := net.SplitHostPort(s.Notification); err != nil {
		errs = append(errs, wrong(field("notification"), s.Notification, "host:port"))
	}
	made.server.Notification = s.Notification
	if s.HTTP != "" {
		made.server = made.server.ServicesAt(s.HTTP)
	}
	for _, u := range []struct {
		name, value string
		into        *string
	}{{"http", s.HTTP, nil}, {"nexus", s.Nexus, &made.server.Nexus}, {"gateway", s.Gateway, &made.server.Gateway}} {
		if u.value == "" {
			continue
		}
		if parsed, err := url.Parse(u.value); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			errs = append(errs, wrong(field(u.name), u.value, "an http or https URL"))
		}
		if u.into != nil {
			*u.into = u.value
		}
	}
	errs = append(errs, s.transport(made, field, folder), s.speak(made, field))
	return made, errors.Join(errs...)
}

// transport fills in how the bytes travel.
func (s *ServerConfig) transport(made *service, field func(string) string, folder string) error {
	var errs []error
	switch s.Transport {
	case "", "tcp":
	case "gateway":
		made.server.UseGateway = true
		if made.server.Gateway == "" {
			errs = append(errs, wrong(field("transport"), s.Transport, "tcp, as long as neither http nor gateway is set"))
		}
	default:
		errs = append(errs, wrong(field("transport"), s.Transport, "tcp or gateway"))
	}
	if s.TLS {
		made.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if s.CAFile != "" {
		pool, err := readCertificates(filepath.Join(folder, s.CAFile), s.CAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("network.%s: %w", field("ca_file"), err))
		} else if made.server.TLS != nil {
			made.server.TLS.RootCAs = pool
		}
	}
	for from, to := range s.AddressMap {
		for _, addr := range []string{from, to} {
			if _, _, err := net.SplitHostPort(addr); err != nil {
				errs = append(errs, wrong(field("address_map"), addr, "host:port"))
			}
		}
	}
	if len(s.AddressMap) > 0 {
		replacements := maps.Clone(s.AddressMap)
		made.server.MapAddress = func(addr string) string {
			if to, ok := replacements[addr]; ok {
				return to
			}
			return addr
		}
	}
	return errors.Join(errs...)
}

// readCertificates reads a PEM file. An absolute name is taken as it is.
func readCertificates(joined, name string) (*x509.CertPool, error) {
	if filepath.IsAbs(name) {
		joined = name
	}
	pem, err := os.ReadFile(joined)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%q: no certificate in PEM form in it", name)
	}
	return pool, nil
}

// speak fills in the versions.
func (s *ServerConfig) speak(made *service, field func(string) string) error {
	if len(s.Version) == 0 || len(s.Version) == 1 && strings.EqualFold(s.Version[0], "auto") {
		if made.server.Nexus == "" {
			return wrong(field("http"), s.HTTP, "a base URL (or nexus), which MSNP8 and later need; for older ones alone list them in version")
		}
		return nil
	}
	for _, word := range s.Version {
		v, err := msn.ParseVersion(word)
		if err != nil {
			return fmt.Errorf("network.%s: %w, or auto alone", field("version"), err)
		}
		made.versions = append(made.versions, v)
	}
	probe := msn.Config{
		Server: made.server, Versions: made.versions, Passport: "someone@example.com", Password: "none",
		Handler: noEvents,
	}
	if _, err := msn.New(probe); err != nil {
		return fmt.Errorf("network.servers.%s: %w", made.id, err)
	}
	return nil
}
