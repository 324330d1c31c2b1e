package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Service is the short name of the MSN service in the bridge's configuration, and so in the IDs of ghosts.
const Service = "local"

// Bridge is the real program with a configuration made as an administrator makes it: -e, a few edits, -g.
type Bridge struct {
	Registration string // the path of the file for the homeserver
	Bot          id.UserID
	folder       string
	program      string
	url          string
	proc         *process
}

// Script is what a configuration is made of.
type Script struct {
	Homeserver string // URL
	Port       int    // where the bridge listens
	MSN        msn.Server
	HTTP       string // base URL of the MSN service's HTTP parts
	// Edits are further changes, path in the configuration ("network.contacts.create_rooms") to value.
	Edits map[string]any
}

// NewBridge writes configuration and registration of a bridge below folder. Nothing runs yet.
func NewBridge(ctx context.Context, folder, program string, script Script) (*Bridge, error) {
	b := &Bridge{
		Registration: filepath.Join(folder, "registration.yaml"), Bot: id.NewUserID("msnbot", Domain),
		folder: folder, program: program, url: "http://" + address(script.Port),
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := run(ctx, folder, nil, program, "-e", "-c", b.config()); err != nil {
		return nil, fmt.Errorf("write the example config: %w", err)
	}
	if err := edit(b.config(), b.edits(script)); err != nil {
		return nil, err
	}
	if err := run(ctx, folder, nil, program, "-g", "-c", b.config(), "-r", b.Registration); err != nil {
		return nil, fmt.Errorf("write the registration: %w", err)
	}
	// The secret of double puppeting is the application service's own token, which -g has just made.
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	return b, edit(b.config(), map[string]any{"double_puppet": map[string]any{
		"servers": map[string]any{}, "secrets": map[string]any{Domain: "as_token:" + token},
	}})
}

func (b *Bridge) config() string { return filepath.Join(b.folder, "config.yaml") }

// edits is what an administrator changes in the example.
func (b *Bridge) edits(script Script) map[string]any {
	all := map[string]any{
		"homeserver.address":    script.Homeserver,
		"homeserver.domain":     Domain,
		"appservice.address":    b.url,
		"appservice.hostname":   host,
		"appservice.port":       script.Port,
		"database.type":         "sqlite3-fk-wal",
		"database.uri":          "file:" + filepath.Join(b.folder, "bridge.db") + "?_txlock=immediate",
		"bridge.permissions":    map[string]any{"*": "relay", Domain: "user"},
		"logging.writers":       []any{map[string]any{"type": "stdout", "format": "json"}},
		"network.double_puppet": true,
		"network.servers": map[string]any{Service: map[string]any{
			"name": "Local", "notification": script.MSN.Notification, "http": script.HTTP,
		}},
	}
	for path, value := range script.Edits {
		all[path] = value
	}
	return all
}

// token reads the as_token out of the registration.
func (b *Bridge) token() (string, error) {
	data, err := os.ReadFile(b.Registration)
	if err != nil {
		return "", err
	}
	var registration struct {
		Token string `yaml:"as_token"`
	}
	if err := yaml.Unmarshal(data, &registration); err != nil {
		return "", fmt.Errorf("read %s: %w", b.Registration, err)
	}
	if registration.Token == "" {
		return "", fmt.Errorf("read %s: it has no as_token", b.Registration)
	}
	return registration.Token, nil
}

// Client acts as the bridge's bot, as an administrator who has the registration could.
func (b *Bridge) Client(homeserver string) (*mautrix.Client, error) {
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	client, err := mautrix.NewClient(homeserver, b.Bot, token)
	if err == nil {
		client.SetAppServiceUserID = true
	}
	return client, err
}

// Start runs the bridge and waits until it answers and has reached the homeserver.
func (b *Bridge) Start(ctx context.Context) error {
	var err error
	b.proc, err = start("the bridge", b.Log(), b.folder, nil, b.program, "-c", b.config(), "-n")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return b.proc.until(ctx, "it was ready", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/_matrix/mau/ready", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// Log is the file that the bridge's log goes to.
func (b *Bridge) Log() string { return filepath.Join(b.folder, "bridge.log") }

// Memory is what the running bridge holds of the machine's memory, in bytes. Linux only.
func (b *Bridge) Memory() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", b.proc.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm: %q", data)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// Stop ends the bridge in order.
func (b *Bridge) Stop() error {
	if b.proc == nil {
		return nil
	}
	return b.proc.stop(15 * time.Second)
}

// Kill ends the bridge as a power cut would.
func (b *Bridge) Kill() {
	if b.proc != nil {
		b.proc.kill()
	}
}

// Ghost is the Matrix user that stands for an MSN address (bridge.md "Identity", in Matrix's encoding), written out
// again here so that a change of it is noticed: rooms would lose their people.
func (b *Bridge) Ghost(passport string) id.UserID {
	return id.NewUserID("msn_"+Service+"=2f"+strings.NewReplacer("@", "=40", "_", "__").Replace(strings.ToLower(passport)), Domain)
}

// Channel is the portal ID of the 1:1 chat with an address.
func (b *Bridge) Channel(passport string) string { return Service + "/" + strings.ToLower(passport) }

// Conference tells whether a portal ID is that of a chat of several.
func (b *Bridge) Conference(channel string) bool { return strings.HasPrefix(channel, Service+"/conf/") }

// edit changes values in a YAML file and leaves the rest as it is. A path that does not exist is a mistake.
func edit(path string, changes map[string]any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for where, value := range changes {
		at := doc
		parts := strings.Split(where, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				return fmt.Errorf("edit %s: there is no section %s of %s", path, part, where)
			}
			at = next
		}
		if _, known := at[parts[len(parts)-1]]; !known {
			return fmt.Errorf("edit %s: there is no field %s", path, where)
		}
		at[parts[len(parts)-1]] = value
	}
	if data, err = yaml.Marshal(doc); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
