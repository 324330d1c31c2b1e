package msntest

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
)

// lockKey is the answer to a lock key challenge, the same calculation as for CHL of MSNP11+ (core.md 9.1). It is written
// here for itself, so that a mistake of the client's does not agree with itself.
func lockKey(challenge, id, key string) string {
	const modulus = 1<<31 - 1
	digest := md5.Sum([]byte(challenge + key))
	var words, masked [4]uint64
	for i := range words {
		words[i] = uint64(binary.LittleEndian.Uint32(digest[4*i:]))
		masked[i] = words[i] & modulus
	}
	text := []byte(challenge + id)
	for len(text)%8 != 0 {
		text = append(text, '0')
	}
	var high, low uint64
	for i := 0; i < len(text); i += 8 {
		t := 0x0E79A9C1 * uint64(binary.LittleEndian.Uint32(text[i:])) % modulus
		t = (masked[0]*(t+high) + masked[1]) % modulus
		next := (uint64(binary.LittleEndian.Uint32(text[i+4:])) + t) % modulus
		high = (masked[2]*next + masked[3]) % modulus
		low += high + t
	}
	mix := [2]uint64{(high + masked[1]) % modulus, (low + masked[3]) % modulus}
	var out []byte
	for i, w := range words {
		out = binary.LittleEndian.AppendUint32(out, uint32(w^mix[i%2]))
	}
	return hex.EncodeToString(out)
}

// lockChallenge is what an account has to answer before it may leave messages: decimal digits, with no product id a multiple
// of eight bytes long, and always the same, since clients keep the answer (services.md 10.3).
func (a *account) lockChallenge() string {
	if a.web.challenge == "" {
		number := randomNumber()
		a.web.challenge = strings.Repeat("1", 10-len(number)) + number
	}
	return a.web.challenge
}

// unlocks tells whether a lock key is right for a product that there is.
func (a *account) unlocks(id, answer string) bool {
	for _, p := range msn.Products() {
		if p.ID == id && strings.EqualFold(answer, lockKey(a.lockChallenge(), p.ID, p.Key)) {
			return true
		}
	}
	return false
}
