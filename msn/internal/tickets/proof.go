package tickets

import (
	"bytes"
	"crypto/cipher"
	"crypto/des" // the protocol's
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // the protocol's
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNoSecret is for a ticket that came without the secret that the proof is made of.
var ErrNoSecret = errors.New("the ticket came without a secret")

// What the keys of a proof are derived with (core.md 5.11).
const (
	hashMagic   = "WS-SecureConversationSESSION KEY HASH"
	cipherMagic = "WS-SecureConversationSESSION KEY ENCRYPTION"
)

// The numbers at the head of a proof: its own size, and the names that Windows has for the algorithms.
const (
	proofHeader = 28
	modeCBC     = 1
	tripleDES   = 0x6603
	hashSHA1    = 0x8004
)

// maxNonce is the longest nonce that is answered, in bytes; servers send 64.
const maxNonce = 4 << 10

// Proof answers the nonce of USR SSO S: it shows that we have the secret of the ticket, and differs each time.
// The nonce is taken as the text that it came as.
func Proof(secret []byte, nonce string) (string, error) {
	var iv [8]byte
	if _, err := rand.Read(iv[:]); err != nil {
		return "", fmt.Errorf("make the proof for the ticket: %w", err)
	}
	return Answer(secret, nonce, iv)
}

// Answer is [Proof] with a chosen initialisation vector, in base64. core.md 5.11 tells its parts.
func Answer(secret []byte, nonce string, iv [8]byte) (string, error) {
	if len(secret) == 0 {
		return "", ErrNoSecret
	}
	if len(nonce) > maxNonce {
		return "", fmt.Errorf("the server's nonce has %d bytes, more than %d", len(nonce), maxNonce)
	}
	block, err := des.NewTripleDESCipher(derive(secret, cipherMagic))
	if err != nil {
		return "", fmt.Errorf("make the proof for the ticket: %w", err)
	}
	encrypted := padded(nonce)
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(encrypted, encrypted)
	hash := sum(derive(secret, hashMagic), []byte(nonce))

	blob := make([]byte, 0, proofHeader+len(iv)+len(hash)+len(encrypted))
	for _, n := range [...]int{proofHeader, modeCBC, tripleDES, hashSHA1, len(iv), len(hash), len(encrypted)} {
		blob = binary.LittleEndian.AppendUint32(blob, uint32(n))
	}
	blob = append(append(append(blob, iv[:]...), hash...), encrypted...)
	return base64.StdEncoding.EncodeToString(blob), nil
}

// padded fills a text up to whole blocks of DES, at least one byte, each byte saying how many.
func padded(text string) []byte {
	n := des.BlockSize - len(text)%des.BlockSize
	return append([]byte(text), bytes.Repeat([]byte{byte(n)}, n)...)
}

// derive makes a key of 24 bytes out of a secret.
func derive(secret []byte, magic string) []byte {
	steps := deriveSteps(secret, []byte(magic))
	return append(steps[1], steps[3][:4]...)
}

// deriveSteps are the four hashes that a key is taken from.
func deriveSteps(secret, magic []byte) [4][]byte {
	h1 := sum(secret, magic)
	h2 := sum(secret, h1, magic)
	h3 := sum(secret, h1)
	h4 := sum(secret, h3, magic)
	return [4][]byte{h1, h2, h3, h4}
}

// sum is HMAC-SHA1 over parts in a row.
func sum(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha1.New, key)
	for _, part := range parts {
		h.Write(part) // a hash takes everything
	}
	return h.Sum(nil)
}
