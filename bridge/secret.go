package bridge

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// sealVersion begins every sealed text: XChaCha20-Poly1305 with a random nonce.
const sealVersion = "x1"

var (
	errSealBroken = errors.New("the stored password is damaged")
	errSealKey    = errors.New("the stored password was encrypted with a key that is not configured any more")
)

// keyRing seals passwords with its first key and opens what any of its keys has sealed.
type keyRing struct{ keys [][]byte }

// loadKeys makes the ring of the configuration. A missing key file is generated. Errors name the field
// and never the key.
func loadKeys(cfg SecretConfig, folder string) (*keyRing, error) {
	ring := &keyRing{}
	current := cfg.Key
	if current == "" {
		path := cfg.KeyFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		var err error
		if current, err = readKeyFile(path); err != nil {
			return nil, err
		}
	}
	key, err := parseKey(current)
	if err != nil {
		return nil, fmt.Errorf("secret.key: %w", err)
	}
	ring.keys = append(ring.keys, key)
	for i, old := range cfg.OldKeys {
		key, err := parseKey(old)
		if err != nil {
			return nil, fmt.Errorf("secret.old_keys, entry %d: %w", i+1, err)
		}
		ring.keys = append(ring.keys, key)
	}
	return ring, nil
}

// readKeyFile reads the key, or makes one that only the owner may read.
func readKeyFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		return string(data), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("secret.key_file: %w", err)
	}
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails since Go 1.24
	text := base64.StdEncoding.EncodeToString(key)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("secret.key_file: generate it (or set secret.key instead): %w", err)
	}
	_, err = file.WriteString(text + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("secret.key_file: %w", err)
	}
	return text, nil
}

func parseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("must be %d bytes in base64, as `openssl rand -base64 %[1]d` prints", chacha20poly1305.KeySize)
	}
	return key, nil
}

// keyName tells keys apart without giving them away.
func keyName(key []byte) string {
	sum := sha256.Sum256(append([]byte("matrix-msn key name\x00"), key...))
	return hex.EncodeToString(sum[:4])
}

// seal encrypts text so that it opens for the same owner only.
func (r *keyRing) seal(owner, text string) (string, error) {
	aead, err := chacha20poly1305.NewX(r.keys[0])
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	sealed := aead.Seal(nonce, nonce, []byte(text), []byte(owner))
	return strings.Join([]string{sealVersion, keyName(r.keys[0]), base64.RawStdEncoding.EncodeToString(sealed)}, "."), nil
}

// open decrypts what seal has made. stale says that it was not sealed with the current key.
func (r *keyRing) open(owner, sealed string) (text string, stale bool, err error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != sealVersion {
		return "", false, errSealBroken
	}
	data, err := base64.RawStdEncoding.DecodeString(parts[2])
	if err != nil || len(data) < chacha20poly1305.NonceSizeX {
		return "", false, errSealBroken
	}
	for i, key := range r.keys {
		if keyName(key) != parts[1] {
			continue
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return "", false, fmt.Errorf("open: %w", err)
		}
		plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(owner))
		if err != nil {
			return "", false, errSealBroken
		}
		return string(plain), i > 0, nil
	}
	return "", false, errSealKey
}
