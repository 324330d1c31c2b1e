package tickets

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// proofVector is one of the vectors of the protocol notes, with all that lies between input and output.
type proofVector struct {
	Secret string `json:"binary_secret_b64"`
	Nonce  string
	IV     string                                      `json:"iv_hex"`
	Key1   string                                      `json:"key1_hex"`
	Key2   string                                      `json:"key2_hex"`
	Key3   string                                      `json:"key3_hex"`
	Steps  struct{ Hash1, Hash2, Hash3, Hash4 string } `json:"key2_steps"`
	Hash   string                                      `json:"hmac_nonce_hex"`
	Padded string                                      `json:"plaintext_padded_hex"`
	Cipher string                                      `json:"cipher_hex"`
	Blob   string                                      `json:"blob_hex"`
	Proof  string                                      `json:"response_b64"`
}

func proofVectors(t testing.TB) []proofVector {
	t.Helper()
	data, err := os.ReadFile("testdata/rps.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ RPS []proofVector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.RPS) < 3 {
		t.Fatalf("only %d vectors", len(file.RPS))
	}
	return file.RPS
}

func TestProofVectors(t *testing.T) {
	for i, v := range proofVectors(t) {
		is := func(what string, got []byte, want string) {
			if want == "" || hex.EncodeToString(got) != want {
				t.Errorf("%d: %s is %x, want %s", i, what, got, want)
			}
		}
		secret, err := base64.StdEncoding.DecodeString(v.Secret)
		if err != nil {
			t.Fatal(err)
		}
		is("key 1", secret, v.Key1)
		steps := deriveSteps(secret, []byte(hashMagic))
		is("hash 1", steps[0], v.Steps.Hash1)
		is("hash 2", steps[1], v.Steps.Hash2)
		is("hash 3", steps[2], v.Steps.Hash3)
		is("hash 4", steps[3], v.Steps.Hash4)
		is("key 2", derive(secret, hashMagic), v.Key2)
		is("key 3", derive(secret, cipherMagic), v.Key3)
		is("hash of the nonce", sum(derive(secret, hashMagic), []byte(v.Nonce)), v.Hash)
		is("padded nonce", padded(v.Nonce), v.Padded)

		var iv [8]byte
		if n, err := hex.Decode(iv[:], []byte(v.IV)); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		got, err := Answer(secret, v.Nonce, iv)
		if err != nil || got != v.Proof || v.Proof == "" {
			t.Errorf("%d: got %s, %v\nwant %s", i, got, err, v.Proof)
		}
		blob, err := base64.StdEncoding.DecodeString(got)
		if err != nil {
			t.Fatal(err)
		}
		is("blob", blob, v.Blob)
		is("cipher", blob[56:], v.Cipher)
	}
}

// A proof with an IV of its own is what a server would compute with that IV, and no two are alike.
func TestProof(t *testing.T) {
	secret := []byte("0123456789abcdefghijklmn")
	seen := make(map[string]bool)
	for _, nonce := range []string{"", "x", "1234567", "12345678", strings.Repeat("N", 64), strings.Repeat("N", maxNonce)} {
		got, err := Proof(secret, nonce)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := base64.StdEncoding.DecodeString(got)
		if err != nil {
			t.Fatal(err)
		}
		var iv [8]byte
		copy(iv[:], blob[28:])
		if seen[string(iv[:])] {
			t.Error("an IV comes twice")
		}
		seen[string(iv[:])] = true
		if again, err := Answer(secret, nonce, iv); err != nil || again != got {
			t.Errorf("%d bytes: %s, then %s, %v", len(nonce), got, again, err)
		}
		block, err := des.NewTripleDESCipher(derive(secret, cipherMagic))
		if err != nil {
			t.Fatal(err)
		}
		plain := make([]byte, len(blob)-56)
		cipher.NewCBCDecrypter(block, iv[:]).CryptBlocks(plain, blob[56:])
		if !bytes.Equal(plain, padded(nonce)) || len(plain) <= len(nonce) {
			t.Errorf("%q is encrypted as %q", nonce, plain)
		}
	}
}

func TestProofRefuses(t *testing.T) {
	if _, err := Proof(nil, "x"); !errors.Is(err, ErrNoSecret) {
		t.Errorf("got %v", err)
	}
	_, err := Proof([]byte("topsecret"), strings.Repeat("x", maxNonce+1))
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("got %v", err)
	}
}
