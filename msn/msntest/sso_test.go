package msntest

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// machineOf is the machine GUID of a connection in a dialogue, without braces.
func machineOf(who string) string { return "00000000-0000-4000-8000-" + md5Hex(who)[:12] }

// prove makes the proof of a ticket's secret as a client does (core.md 5.11), with a fixed initialisation vector. It is written
// apart from verifyProof on purpose.
func prove(secret []byte, nonce string) string {
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha1.New, key)
		h.Write([]byte(strings.Join(parts, "")))
		return h.Sum(nil)
	}
	derive := func(magic string) []byte {
		h1 := string(mac(secret, magic))
		h2, h3 := mac(secret, h1, magic), string(mac(secret, h1))
		return append(h2, mac(secret, h3, magic)[:4]...)
	}
	iv := []byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	block, err := des.NewTripleDESCipher(derive("WS-SecureConversationSESSION KEY ENCRYPTION"))
	if err != nil {
		panic(err)
	}
	sealed := []byte(nonce + strings.Repeat("\x08", 8))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, sealed)
	var blob []byte
	for _, n := range []uint32{28, 1, 0x6603, 0x8004, 8, 20, 72} {
		blob = binary.LittleEndian.AppendUint32(blob, n)
	}
	blob = append(blob, iv...)
	blob = append(blob, mac(derive("WS-SecureConversationSESSION KEY HASH"), nonce)...)
	return base64.StdEncoding.EncodeToString(append(blob, sealed...))
}

// TestProof is core.md 5.11 with the vector of vectors.json, rps.
func TestProof(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")
	if err != nil {
		t.Fatal(err)
	}
	const nonce = "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVM"
	const blob = "1c0000000100000003660000048000000800000014000000480000000123456789abcdefded82b6b0dd8c4c1d9b29221c9e5b8bc36ff110b" +
		"24eb2dfee7cf06e82c7060a6a10855229690456fe46549c35c0ec1e4b3e9758e7b99ffe4acf21e1d5b620e4e06f038e5d830c201554bca9fcf85" +
		"6e143707ec7c6629bdfc02320dad"
	var raw []byte
	if _, err := fmt.Sscanf(blob, "%x", &raw); err != nil {
		t.Fatal(err)
	}
	answer := base64.StdEncoding.EncodeToString(raw)
	if got := prove(secret, nonce); got != answer {
		t.Errorf("the test's own proof is %s", got)
	}
	if !verifyProof(secret, nonce, answer) {
		t.Error("the right proof is refused")
	}
	for i := range raw {
		wrong := append([]byte{}, raw...)
		wrong[i] ^= 1
		if i >= 28 && i < 36 {
			continue // another vector alone: checked below
		}
		if verifyProof(secret, nonce, base64.StdEncoding.EncodeToString(wrong)) {
			t.Errorf("a proof with another byte %d is accepted", i)
		}
	}
	raw[30] ^= 1
	for name, wrong := range map[string]string{
		"another initialisation vector": base64.StdEncoding.EncodeToString(raw), "nothing": "", "no base64": "*", "short": answer[:168],
		"longer": answer + "AAAA",
	} {
		if verifyProof(secret, nonce, wrong) {
			t.Errorf("%s is accepted", name)
		}
	}
	if verifyProof(secret, nonce[1:]+"A", answer) || verifyProof(append([]byte{1}, secret[1:]...), nonce, answer) || verifyProof(nil, nonce, answer) {
		t.Error("a proof of something else is accepted")
	}
}

// clearTicket gets a ticket for USR SSO and its secret.
func (p *player) clearTicket(passport, password string) (ticket string, secret []byte) {
	p.t.Helper()
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	ticket, _ = p.s.newSiteTicket(passport, proofSite, "", p.s.quirks.RSTLife)
	_, secret, _ = p.s.checkTicket(ticket, proofSite)
	return ticket, secret
}

// lists sends the first ADL of a session: names of example.com with their bits.
func (p *player) lists(who, list string) {
	p.t.Helper()
	var b strings.Builder
	for _, item := range strings.Fields(list) {
		name, bits, _ := strings.Cut(item, "=")
		b.WriteString(`<c n="` + name + `" l="` + bits + `" t="1"/>`)
	}
	p.play(who + " C: ADL 5 #\n | <ml l=\"1\"><d n=\"example.com\">" + b.String() + "</d></ml>\n" + who + " S: ADL 5 OK")
}
