package stage

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// Domain is the homeserver's name in user IDs.
const Domain = "localhost"

// Homeserver is a Synapse with SQLite on loopback that knows the given application services.
type Homeserver struct {
	URL    string
	folder string
	python string
	secret string // of the registration API
	client *mautrix.Client
	proc   *process
}

// NewHomeserver writes the configuration of a Synapse below folder. Nothing runs yet.
func NewHomeserver(folder, python string, port int, registrations ...string) (*Homeserver, error) {
	h := &Homeserver{URL: "http://" + address(port), folder: folder, python: python, secret: rand.Text()}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // it never fails
	key := "ed25519 a_play " + base64.RawStdEncoding.EncodeToString(seed) + "\n"
	config, err := yaml.Marshal(h.config(port, registrations))
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{"signing.key": []byte(key), "homeserver.yaml": config, "log.yaml": []byte(logConfig)} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	h.client, err = mautrix.NewClient(h.URL, "", "")
	return h, err
}

// logConfig sends warnings to the process's output.
const logConfig = `version: 1
formatters: {plain: {format: "%(asctime)s %(levelname)s %(name)s: %(message)s"}}
handlers: {out: {class: logging.StreamHandler, formatter: plain}}
root: {level: WARNING, handlers: [out]}
disable_existing_loggers: false
`

// config is all of homeserver.yaml. Limits that are made for strangers on the Internet are out of the way: a play has
// one machine and is in a hurry.
func (h *Homeserver) config(port int, registrations []string) map[string]any {
	free := map[string]any{"per_second": 1000, "burst_count": 1000}
	in := func(name string) string { return filepath.Join(h.folder, name) }
	return map[string]any{
		"server_name": Domain,
		"listeners": []any{map[string]any{
			"port": port, "bind_addresses": []string{host}, "type": "http", "tls": false, "x_forwarded": false,
			"resources": []any{map[string]any{"names": []string{"client"}, "compress": false}},
		}},
		"public_baseurl":                     h.URL + "/",
		"database":                           map[string]any{"name": "sqlite3", "args": map[string]any{"database": in("homeserver.db")}},
		"media_store_path":                   in("media"),
		"signing_key_path":                   in("signing.key"),
		"log_config":                         in("log.yaml"),
		"pid_file":                           in("homeserver.pid"),
		"registration_shared_secret":         h.secret,
		"macaroon_secret_key":                rand.Text(),
		"form_secret":                        rand.Text(),
		"report_stats":                       false,
		"enable_registration":                false,
		"trusted_key_servers":                []any{},
		"federation_domain_whitelist":        []any{},
		"suppress_key_server_warning":        true,
		"app_service_config_files":           registrations,
		"presence":                           map[string]any{"enabled": true},
		"user_directory":                     map[string]any{"enabled": false},
		"url_preview_enabled":                false,
		"bcrypt_rounds":                      4,
		"rc_message":                         free,
		"rc_registration":                    free,
		"rc_login":                           map[string]any{"address": free, "account": free, "failed_attempts": free},
		"rc_admin_redaction":                 free,
		"rc_joins":                           map[string]any{"local": free, "remote": free},
		"rc_joins_per_room":                  free,
		"rc_invites":                         map[string]any{"per_room": free, "per_user": free, "per_issuer": free},
		"rc_room_creation":                   free,
		"rc_presence":                        map[string]any{"per_user": free},
		"caches":                             map[string]any{"global_factor": 0.5},
		"allow_public_rooms_over_federation": false,
	}
}

// startTime is how long a homeserver or bridge may take until it answers.
const startTime = 90 * time.Second

// Start runs the homeserver and waits until it answers.
func (h *Homeserver) Start(ctx context.Context) error {
	var err error
	h.proc, err = start("Synapse", filepath.Join(h.folder, "synapse.log"), h.folder, nil,
		h.python, "-m", "synapse.app.homeserver", "-c", filepath.Join(h.folder, "homeserver.yaml"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return h.proc.until(ctx, "it answered", func(ctx context.Context) error {
		_, err := h.client.Versions(ctx)
		return err
	})
}

// Stop ends the homeserver.
func (h *Homeserver) Stop() error {
	if h.proc == nil {
		return nil
	}
	return h.proc.stop(10 * time.Second)
}

// Register makes a user with the registration API that administrators use, and logs in.
func (h *Homeserver) Register(ctx context.Context, localpart, password, displayName string) (*Person, error) {
	return h.register(ctx, localpart, password, displayName, "notadmin")
}

// Administrator is Register for one who may do everything on the homeserver.
func (h *Homeserver) Administrator(ctx context.Context, localpart, password string) (*Person, error) {
	return h.register(ctx, localpart, password, localpart, "admin")
}

func (h *Homeserver) register(ctx context.Context, localpart, password, displayName, rank string) (*Person, error) {
	endpoint := h.client.BuildURL(mautrix.BaseURLPath{"_synapse", "admin", "v1", "register"})
	var nonce struct {
		Nonce string `json:"nonce"`
	}
	if _, err := h.client.MakeRequest(ctx, http.MethodGet, endpoint, nil, &nonce); err != nil {
		return nil, fmt.Errorf("register %s: ask for a nonce: %w", localpart, err)
	}
	mac := hmac.New(sha1.New, []byte(h.secret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00%s", nonce.Nonce, localpart, password, rank)
	var made struct {
		UserID      id.UserID   `json:"user_id"`
		DeviceID    id.DeviceID `json:"device_id"`
		AccessToken string      `json:"access_token"`
	}
	_, err := h.client.MakeRequest(ctx, http.MethodPost, endpoint, map[string]any{
		"nonce": nonce.Nonce, "username": localpart, "password": password, "displayname": displayName,
		"admin": rank == "admin", "mac": hex.EncodeToString(mac.Sum(nil)),
	}, &made)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", localpart, err)
	}
	if made.AccessToken == "" {
		return nil, errors.New("register " + localpart + ": no access token in the answer")
	}
	client, err := mautrix.NewClient(h.URL, made.UserID, made.AccessToken)
	if err != nil {
		return nil, err
	}
	client.DeviceID = made.DeviceID
	return newPerson(client), nil
}
