package msn

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Product is what a client says it is when it answers a challenge: the ID goes over the wire, the key
// goes into the hash (core.md 9.1).
type Product struct {
	ID, Key string
	// New tells that the clients of this product answered by the algorithm of MSNP11 ([ChallengeNew]).
	New bool
}

var products = []Product{
	{"msmsgs@msnmsgr.com", "Q1P7W2E4J9R8U3S5", false},
	{"PROD0038W!61ZTF9", "VT6PX?UQTM4WM%YR", false},
	{"PROD0058#7IL2{QD", "QHDCY@7R1TB6W?5B", false},
	{"PROD0061VRRZH@4F", "JXQ6J@TUOGYV@N0M", false},
	{"PROD00504RLUG%WL", "I2EBK%PYNLZL5_J4", false},
	{"PROD0076ENE8*@AW", "CEQJ8}OE0!WTSWII", false},
	{"PROD0090YUAUV{2B", "YMM8C_H7KCQ2S_KL", true},
	{"PROD00974#MT*RC2", "LMCVO*18PQJ3H!K3", true},
	{"PROD0101{0RM?UBW", "CFHUR$52U_{VIX5T", true},
	{"PROD0104U6VVM{UJ", "VK67B}379XYM5}$T", true},
	{"PROD01065C%ZFN6F", "O4BG@C7BWLYQX?5G", true},
	{"PROD0112J1LW7%NB", "RH96F{PHI8PPX_TJ", true},
	{"PROD0113H11T8$X_", "RG@XY*28Q5QHS%Q5", true},
	{"PROD0114ES4Z%Q5W", "PK}_A_0N_K%O?A9S", true},
	{"PROD0118R6%2WYOS", "YIXPX@5I2P0UT*LK", true},
	{"PROD0119GSJUC$18", "ILTXC!4IXB5FB*PX", true},
	{"PROD0120PW!CCV9@", "C1BX{V4W}Q3*10SM", true},
}

// Products lists the known products, oldest first. The slice is the caller's own.
func Products() []Product { return slices.Clone(products) }

// ProductKeyOf finds the key of a product ID.
func ProductKeyOf(id string) (key string, ok bool) {
	for _, p := range products {
		if p.ID == id {
			return p.Key, true
		}
	}
	return "", false
}

// MD5Response is the answer to USR MD5 in MSNP2-7 (core.md 5.5): the hash of challenge and password,
// 32 lower-case hex digits. It is as good as a password for that challenge: never log it.
func MD5Response(challenge, password string) string { return md5Hex(challenge + password) }

// ChallengeOld is the payload of QRY in MSNP6-10: 32 lower-case hex digits.
func ChallengeOld(challenge, productKey string) string { return md5Hex(challenge + productKey) }

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// ChallengeNew is the payload of QRY since MSNP11: 32 lower-case hex digits. It appends '0' to challenge
// and product ID until their length is a multiple of 8, which is none if it already is. See
// [ChallengeNewPadded] for the other reading of that case.
func ChallengeNew(challenge, productID, productKey string) string {
	text := challenge + productID
	if over := len(text) % 8; over != 0 {
		text += strings.Repeat("0", 8-over)
	}
	return challengeHash(text, challenge+productKey)
}

// ChallengeNewPadded differs from [ChallengeNew] only where challenge and product ID together are a
// multiple of 8 bytes long: it then appends eight more '0', as many clients do (core.md 9.1 and 16).
// Microsoft's server never sent such a challenge. A server accepts both answers.
func ChallengeNewPadded(challenge, productID, productKey string) string {
	text := challenge + productID
	text += strings.Repeat("0", 8-len(text)%8)
	return challengeHash(text, challenge+productKey)
}

// challengeHash mixes text, whose length is a multiple of 8, into the MD5 of secret.
func challengeHash(text, secret string) string {
	const modulus = 0x7fffffff
	sum := md5.Sum([]byte(secret))
	var w, m [4]uint64
	for i := range w {
		w[i] = uint64(binary.LittleEndian.Uint32(sum[4*i:]))
		m[i] = w[i] & modulus
	}
	var high, low uint64
	for b := []byte(text); len(b) >= 8; b = b[8:] {
		even := uint64(binary.LittleEndian.Uint32(b))
		odd := uint64(binary.LittleEndian.Uint32(b[4:]))
		t := 0x0e79a9c1 * even % modulus
		t = (m[0]*(t+high) + m[1]) % modulus // still the high of the round before
		high = (m[2]*((odd+t)%modulus) + m[3]) % modulus
		low += high + t
	}
	high = (high + m[1]) % modulus
	low = (low + m[3]) % modulus
	var out [16]byte
	for i := range w {
		mask := high
		if i%2 == 1 {
			mask = low
		}
		binary.LittleEndian.PutUint32(out[4*i:], uint32(w[i]^mask)) // w, not m: bit 31 stays
	}
	return hex.EncodeToString(out[:])
}
