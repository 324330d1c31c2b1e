package msntest

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// What a client of MSNP15 sends to prove that it knows the secret of its ticket (core.md 5.11), as a server checks it.
const (
	proofHeader = 28
	proofIV     = 8
	proofHash   = 20
	proofCipher = 72
	nonceLength = 64
)

// verifyProof tells whether a blob, in base64, was made of this nonce with this secret: all its numbers, the hash, and the
// nonce encrypted under the initialisation vector that the client chose.
func verifyProof(secret []byte, nonce, blob string) bool {
	b, err := base64.StdEncoding.DecodeString(blob)
	if err != nil || len(b) != proofHeader+proofIV+proofHash+proofCipher || len(nonce) != nonceLength || len(secret) == 0 {
		return false
	}
	for i, want := range []uint32{proofHeader, 1, 0x6603, 0x8004, proofIV, proofHash, proofCipher} {
		if binary.LittleEndian.Uint32(b[4*i:]) != want {
			return false
		}
	}
	iv, hash, sealed := b[proofHeader:][:proofIV], b[proofHeader+proofIV:][:proofHash], b[proofHeader+proofIV+proofHash:]
	rightHash := keyedHash(proofKey(secret, "WS-SecureConversationSESSION KEY HASH"), []byte(nonce))
	block, err := des.NewTripleDESCipher(proofKey(secret, "WS-SecureConversationSESSION KEY ENCRYPTION"))
	if err != nil {
		return false
	}
	right := append([]byte(nonce), 8, 8, 8, 8, 8, 8, 8, 8)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(right, right)
	return subtle.ConstantTimeCompare(hash, rightHash)&subtle.ConstantTimeCompare(sealed, right) == 1
}

// proofKey derives a key of 24 bytes from the secret.
func proofKey(secret []byte, purpose string) []byte {
	first := keyedHash(secret, []byte(purpose))
	second := keyedHash(secret, slices.Concat(first, []byte(purpose)))
	third := keyedHash(secret, first)
	fourth := keyedHash(secret, slices.Concat(third, []byte(purpose)))
	return append(second, fourth[:4]...)
}

func keyedHash(key, text []byte) []byte {
	h := hmac.New(sha1.New, key)
	_, _ = h.Write(text) // never fails
	return h.Sum(nil)
}
