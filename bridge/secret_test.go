package bridge

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func key(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func ring(t testing.TB, cfg SecretConfig) *keyRing {
	t.Helper()
	r, err := loadKeys(cfg, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSeal(t *testing.T) {
	r := ring(t, SecretConfig{Key: key(1)})
	sealed, err := r.seal("local/me@example.com", "pässword")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sealed, "ssword") {
		t.Errorf("%q is not encrypted", sealed)
	}
	if again, _ := r.seal("local/me@example.com", "pässword"); again == sealed {
		t.Error("the nonce was used twice")
	}
	if plain, stale, err := r.open("local/me@example.com", sealed); plain != "pässword" || stale || err != nil {
		t.Errorf("open: %q %v %v", plain, stale, err)
	}
	if _, _, err := r.open("local/other@example.com", sealed); !errors.Is(err, errSealBroken) {
		t.Errorf("opened for somebody else: %v", err)
	}
	if _, _, err := ring(t, SecretConfig{Key: key(2)}).open("local/me@example.com", sealed); !errors.Is(err, errSealKey) {
		t.Errorf("opened with another key: %v", err)
	}
}

func TestKeyRotation(t *testing.T) {
	sealed, err := ring(t, SecretConfig{Key: key(1)}).seal("me", "secret")
	if err != nil {
		t.Fatal(err)
	}
	plain, stale, err := ring(t, SecretConfig{Key: key(2), OldKeys: []string{key(3), key(1)}}).open("me", sealed)
	if plain != "secret" || !stale || err != nil {
		t.Errorf("open with an old key: %q %v %v", plain, stale, err)
	}
}

func TestKeyFile(t *testing.T) {
	folder := t.TempDir()
	first, err := loadKeys(SecretConfig{KeyFile: "test.key"}, folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, "test.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v %v", info.Mode(), err)
	}
	second, err := loadKeys(SecretConfig{KeyFile: "test.key"}, folder)
	if err != nil || !bytes.Equal(first.keys[0], second.keys[0]) {
		t.Errorf("the key file is not read again: %v", err)
	}
	if _, err := loadKeys(SecretConfig{KeyFile: "no/such/folder.key"}, folder); err == nil || !strings.Contains(err.Error(), "secret.key_file") {
		t.Errorf("err = %v", err)
	}
	for _, bad := range []SecretConfig{{Key: "short"}, {Key: key(1), OldKeys: []string{"$$$"}}} {
		_, err := loadKeys(bad, folder)
		if err == nil || strings.Contains(err.Error(), "$$$") || strings.Contains(err.Error(), "short") {
			t.Errorf("%+v: err = %v", bad, err)
		}
	}
}

// FuzzOpen checks that no stored text can do harm.
func FuzzOpen(f *testing.F) {
	r := ring(f, SecretConfig{Key: key(1)})
	sealed, err := r.seal("me", "secret")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{sealed, "", "x1..", "x1." + keyName(r.keys[0]) + ".AAAA", sealed[:len(sealed)-2]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if plain, _, err := r.open("me", s); err == nil && plain != "secret" {
			t.Errorf("%q opens as %q", s, plain)
		}
	})
}

func TestTheDatabaseHoldsNoPassword(t *testing.T) {
	h := newHouse(t, nil).signedIn()
	meta, err := h.client().meta().MarshalJSON()
	if err != nil || bytes.Contains(meta, []byte("secret")) {
		t.Errorf("%s %v", meta, err)
	}
	for _, file := range []string{"test.db", "test.db-wal"} {
		data, err := os.ReadFile(filepath.Join(h.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(`"secret"`)) {
			t.Errorf("%s holds the password", file)
		}
	}
	if exported, ok := h.client().ExportCredentials(t.Context()).(map[string]string); !ok || exported["password"] != "" {
		t.Errorf("exported: %v", exported)
	}
}

func TestPasswordIsSealedAnew(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Secret = SecretConfig{Key: key(1)} }).signedIn()
	before := h.client().meta().password()
	h.conn.Config.Secret = SecretConfig{Key: key(2), OldKeys: []string{key(1)}}
	h.restart()
	h.online()
	h.conn.Config.Secret = SecretConfig{Key: key(2)}
	h.restart()
	h.online()
	if after := h.client().meta().password(); after == before {
		t.Error("the password is still sealed with the old key")
	}
}
