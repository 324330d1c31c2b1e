package bridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	Profile      ProfileConfig           `yaml:"profile"`
	Text         TextConfig              `yaml:"text"`
	Nudge        NudgeConfig             `yaml:"nudge"`
	Secret       SecretConfig            `yaml:"secret"`
	Connect      ConnectConfig           `yaml:"connect"`
	Metrics      MetricsConfig           `yaml:"metrics"`
	Mail         MailConfig              `yaml:"mail"`
	Places       PlacesConfig            `yaml:"places"`
	DoublePuppet bool                    `yaml:"double_puppet"`
}

// MailConfig says whether the mailbox of an account is worth a notice.
type MailConfig struct {
	Notices bool `yaml:"notices"`
}

// PlacesConfig is about the several places at which an account may be signed in.
type PlacesConfig struct {
	Name    string `yaml:"name"`
	Notices bool   `yaml:"notices"`
}

// ServerConfig says how to reach one MSN service.
type ServerConfig struct {
	Profile       string            `yaml:"profile"`
	Name          string            `yaml:"name"`
	Notification  string            `yaml:"notification"`
	TLS           bool              `yaml:"tls"`
	CAFile        string            `yaml:"ca_file"`
	HTTP          string            `yaml:"http"`
	Nexus         string            `yaml:"nexus"`
	RST           string            `yaml:"rst"`
	RST2          string            `yaml:"rst2"`
	AddressBook   string            `yaml:"address_book"`
	Sharing       string            `yaml:"sharing"`
	OfflineStore  string            `yaml:"offline_store"`
	OfflineFetch  string            `yaml:"offline_fetch"`
	Storage       string            `yaml:"storage"`
	Gateway       string            `yaml:"gateway"`
	MSNP24        string            `yaml:"msnp24"`
	Transport     string            `yaml:"transport"`
	Proxy         string            `yaml:"proxy"`
	Version       versionList       `yaml:"version"`
	Tickets       versionList       `yaml:"tickets"`
	PasswordLimit int               `yaml:"password_limit"`
	ClientName    string            `yaml:"client_name"`
	ClientVersion string            `yaml:"client_version"`
	ProductID     string            `yaml:"product_id"`
	ProductKey    string            `yaml:"product_key"`
	Limits        LimitsConfig      `yaml:"limits"`
	AddressMap    map[string]string `yaml:"address_map"`
}

// LimitsConfig keeps the bridge from being too fast for a service. Empty times are those that suit every known one.
type LimitsConfig struct {
	Changes      duration `yaml:"changes"`
	Switchboards duration `yaml:"switchboards"`
	SignIns      float64  `yaml:"sign_ins"`
}

// ContactsConfig says which contacts get rooms by themselves.
type ContactsConfig struct {
	CreateRooms string `yaml:"create_rooms"`
	MaxRooms    int    `yaml:"max_rooms"`
	Groups      string `yaml:"groups"`
	Names       string `yaml:"names"`
	AcceptAll   bool   `yaml:"accept_all"`
	// NameFormatting is what becomes of the formatting codes in contacts' names.
	NameFormatting string `yaml:"name_formatting"`
}

// The values of ContactsConfig.NameFormatting.
const (
	formattingStrip = "strip"
	formattingKeep  = "keep"
)

// ProfileConfig says what of the Matrix user's profile MSN contacts see.
type ProfileConfig struct {
	Name    bool `yaml:"name"`
	Picture bool `yaml:"picture"`
}

// The values of ContactsConfig.CreateRooms.
const (
	roomsOnline    = "online"
	roomsAll       = "all"
	roomsOnMessage = "on_message"
)

// The values of ContactsConfig.Groups and Names.
const (
	groupsSpaces = "spaces"
	groupsTags   = "tags"
	groupsNone   = "none"

	namesNickname = "nickname"
	namesOwn      = "own"
)

// PresenceConfig says how presence crosses.
type PresenceConfig struct {
	ToMatrix      bool     `yaml:"to_matrix"`
	FromMatrix    bool     `yaml:"from_matrix"`
	Refresh       duration `yaml:"refresh"`
	PerSecond     int      `yaml:"per_second"`
	ProfileStatus bool     `yaml:"profile_status"`
	WhenAway      string   `yaml:"when_away"`
	OfflineAs     string   `yaml:"offline_as"`
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
	TellAfter    duration `yaml:"tell_after"`
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
		"contacts": {
			"create_rooms": configupgrade.Str, "max_rooms": configupgrade.Int, "groups": configupgrade.Str, "names": configupgrade.Str,
			"accept_all": configupgrade.Bool, "name_formatting": configupgrade.Str,
		},
		"profile": {"name": configupgrade.Bool, "picture": configupgrade.Bool},
		"presence": {
			"to_matrix": configupgrade.Bool, "from_matrix": configupgrade.Bool, "refresh": configupgrade.Str | configupgrade.Int,
			"per_second": configupgrade.Int, "when_away": configupgrade.Str, "offline_as": configupgrade.Str, "profile_status": configupgrade.Bool,
		},
		"text":  {"emoticons": configupgrade.Bool, "fonts": configupgrade.Bool, "reactions": configupgrade.Bool},
		"nudge": {"interval": configupgrade.Str | configupgrade.Int, "bell": configupgrade.Bool},
		"secret": {
			"key": configupgrade.Str, "key_file": configupgrade.Str, "old_keys": configupgrade.List,
		},
		"metrics": {"listen": configupgrade.Str},
		"mail":    {"notices": configupgrade.Bool},
		"places":  {"name": configupgrade.Str, "notices": configupgrade.Bool},
		"connect": {
			"per_second":    configupgrade.Int | configupgrade.Float,
			"backoff_first": configupgrade.Str | configupgrade.Int, "backoff_most": configupgrade.Str | configupgrade.Int,
			"tell_after": configupgrade.Str | configupgrade.Int,
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
		Blocks:         [][]string{{"contacts"}, {"presence"}, {"profile"}, {"text"}, {"nudge"}, {"secret"}, {"connect"}, {"metrics"}, {"mail"}, {"places"}, {"double_puppet"}},
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
	oneOf("contacts.groups", cfg.Contacts.Groups, groupsSpaces, groupsTags, groupsNone)
	oneOf("contacts.names", cfg.Contacts.Names, namesNickname, namesOwn)
	oneOf("contacts.name_formatting", cfg.Contacts.NameFormatting, formattingStrip, formattingKeep)
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
	between("connect.tell_after", cfg.Connect.TellAfter, 0, 7*24*time.Hour)
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
	versions []msn.Version // that may be offered
	client   [2]string     // name and version told to the server
	product  [2]string     // id and key that answer challenges
	limits   msn.Limits
	signIns  float64 // in a second; 0 for connect.per_second
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	http     *http.Client
	warnings []string
}

// config is what all sign-ins to the service have in common.
func (made *service) config() msn.Config {
	return msn.Config{
		Server: made.server, Versions: made.versions,
		ClientName: made.client[0], ClientVersion: made.client[1], ProductID: made.product[0], ProductKey: made.product[1],
		Limits: made.limits, Dial: made.dial, HTTPClient: made.http,
	}
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
	field := func(name string) string { return "servers." + id + "." + name }
	var errs []error
	entry := *s
	if s.Profile != "" {
		base, known := profiles[s.Profile]
		if !known {
			errs = append(errs, wrong(field("profile"), s.Profile, "empty, or one of "+profileNames()))
		}
		entry = s.over(base.ServerConfig)
	}
	s = &entry
	made := &service{
		id: id, name: s.Name, client: [2]string{s.ClientName, s.ClientVersion}, product: [2]string{s.ProductID, s.ProductKey},
		limits: msn.Limits{Changes: s.Limits.Changes.Duration, Switchboards: s.Limits.Switchboards.Duration}, signIns: s.Limits.SignIns,
	}
	if made.name == "" {
		made.name = id
	}
	if !hostPort(s.Notification) {
		errs = append(errs, wrong(field("notification"), s.Notification, "host:port"))
	}
	errs = append(errs, s.addresses(made, field), s.limited(field), s.transport(made, field, folder), s.speak(made, field))
	if err := errors.Join(errs...); err != nil {
		return made, err
	}
	return made, made.try(made.versions)
}

// hostPort tells whether an address is a host and a port from 1 to 65535.
func hostPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	number, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && number > 0
}

// addresses fills in where everything is: under one base, or one by one.
func (s *ServerConfig) addresses(made *service, field func(string) string) error {
	var errs []error
	if s.HTTP != "" {
		made.server = made.server.ServicesAt(s.HTTP)
	}
	made.server.Notification, made.server.MSNP24, made.server.PasswordLimit = s.Notification, s.MSNP24, s.PasswordLimit
	for _, u := range []struct {
		name, value string
		into        *string
	}{
		{"http", s.HTTP, nil}, {"nexus", s.Nexus, &made.server.Nexus}, {"rst", s.RST, &made.server.RST}, {"rst2", s.RST2, &made.server.RST2},
		{"address_book", s.AddressBook, &made.server.AddressBook}, {"sharing", s.Sharing, &made.server.Sharing},
		{"offline_store", s.OfflineStore, &made.server.OfflineStore}, {"offline_fetch", s.OfflineFetch, &made.server.OfflineFetch},
		{"storage", s.Storage, &made.server.Storage}, {"gateway", s.Gateway, &made.server.Gateway},
	} {
		if u.value == "" {
			continue
		}
		if parsed, err := url.Parse(u.value); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			errs = append(errs, wrong(field(u.name), u.value, "an http or https URL"))
		}
		if msn.ClosedHost(u.value) {
			made.warnings = append(made.warnings, fmt.Sprintf("network.%s: %s was Microsoft's, which has closed it", field(u.name), u.value))
		}
		if u.into != nil {
			*u.into = u.value
		}
	}
	if msn.ClosedHost(s.Notification) {
		made.warnings = append(made.warnings, fmt.Sprintf("network.%s: %s was Microsoft's, which has closed it", field("notification"), s.Notification))
	}
	for _, word := range s.Tickets {
		source := msn.TicketSource(strings.ToLower(word))
		if source != msn.NexusTicket && source != msn.RSTTicket && source != msn.RST2Ticket {
			errs = append(errs, wrong(field("tickets"), word, "nexus, rst and rst2, in the order in which they are to be tried"))
		}
		made.server.Tickets = append(made.server.Tickets, source)
	}
	return errors.Join(errs...)
}

// limited checks what is a number or a time.
func (s *ServerConfig) limited(field func(string) string) error {
	var errs []error
	for name, d := range map[string]duration{"changes": s.Limits.Changes, "switchboards": s.Limits.Switchboards} {
		if d.broken != "" || d.Duration < 0 || d.Duration > time.Minute {
			errs = append(errs, wrong(field("limits."+name), d.broken+d.Duration.String(), "a time up to 1m, like 2s"))
		}
	}
	if s.Limits.SignIns < 0 || s.Limits.SignIns > 1000 {
		errs = append(errs, wrong(field("limits.sign_ins"), s.Limits.SignIns, "0 to 1000"))
	}
	if s.PasswordLimit < 0 {
		errs = append(errs, wrong(field("password_limit"), s.PasswordLimit, "0 or more"))
	}
	return errors.Join(errs...)
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
	carrier := http.DefaultTransport.(*http.Transport).Clone()
	if s.CAFile != "" {
		pool, err := readCertificates(filepath.Join(folder, s.CAFile), s.CAFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("network.%s: %w", field("ca_file"), err))
		}
		if made.server.TLS != nil {
			made.server.TLS.RootCAs = pool
		}
		carrier.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	if s.Proxy != "" {
		dial, err := dialThrough(s.Proxy)
		if err != nil {
			errs = append(errs, fmt.Errorf("network.%s: %w", field("proxy"), err))
		}
		made.dial, carrier.Proxy, carrier.DialContext = dial, nil, dial
	}
	made.http = &http.Client{Transport: carrier}
	for from, to := range s.AddressMap {
		for _, addr := range []string{from, to} {
			if !hostPort(addr) {
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
		made.server.MapURL = func(at string) string { return mapURL(at, replacements) }
	}
	return errors.Join(errs...)
}

// mapURL replaces the host and port of a URL; without a port it is the one of its scheme.
func mapURL(at string, replacements map[string]string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	to, mapped := replacements[net.JoinHostPort(u.Hostname(), port)]
	if !mapped {
		return at
	}
	u.Host = to
	return u.String()
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
		if made.server.Nexus == "" && made.server.RST == "" && made.server.RST2 == "" {
			return wrong(field("http"), s.HTTP, "a base URL (or nexus, or rst), which MSNP8 and later need; for older ones alone list them in version")
		}
		made.versions = made.server.Versions()
		return nil
	}
	for _, word := range s.Version {
		v, err := msn.ParseVersion(word)
		if err != nil {
			return fmt.Errorf("network.%s: %w, or auto alone", field("version"), err)
		}
		made.versions = append(made.versions, v)
	}
	if own := s.MSNP24; own == "" && slices.Contains(made.versions, msn.MSNP24) {
		return wrong(field("msnp24"), s.MSNP24, "host:port, as MSNP24 has a server of its own")
	}
	return nil
}

// try makes a client that never signs in, which looks at everything.
func (made *service) try(versions []msn.Version) error {
	cfg := msn.Config{
		Server: made.server, Versions: versions, Passport: "someone@example.com", Password: "none", Handler: noEvents,
		ProductID: made.product[0], ProductKey: made.product[1],
	}
	if _, err := msn.New(cfg); err != nil {
		return fmt.Errorf("network.servers.%s: %w", made.id, err)
	}
	return nil
}
