package msn

import (
	"strings"
	"testing"
)

func TestMD5Response(t *testing.T) {
	for _, v := range readVectors(t).MD5Login {
		if got := MD5Response(v.Challenge, v.Password); got != v.Response {
			t.Errorf("challenge %s: %s, want %s", v.Challenge, got, v.Response)
		}
	}
}

func TestChallengeOld(t *testing.T) {
	for _, v := range readVectors(t).ChlOld {
		if got := ChallengeOld(v.Challenge, v.ProductKey); got != v.Response {
			t.Errorf("%s with %s: %s, want %s", v.Challenge, v.ProductID, got, v.Response)
		}
		if key, ok := ProductKeyOf(v.ProductID); !ok || key != v.ProductKey {
			t.Errorf("ProductKeyOf(%s) = %q, %v", v.ProductID, key, ok)
		}
	}
}

func TestChallengeNew(t *testing.T) {
	for _, v := range readVectors(t).ChlNew {
		if got := ChallengeNew(v.Challenge, v.ProductID, v.ProductKey); got != v.Response {
			t.Errorf("%s with %s: %s, want %s", v.Challenge, v.ProductID, got, v.Response)
		}
		if got := ChallengeNewPadded(v.Challenge, v.ProductID, v.ProductKey); got != v.Response {
			t.Errorf("padded, %s with %s: %s, want %s", v.Challenge, v.ProductID, got, v.Response)
		}
		if key, ok := ProductKeyOf(v.ProductID); !ok || key != v.ProductKey {
			t.Errorf("ProductKeyOf(%s) = %q, %v", v.ProductID, key, ok)
		}
	}
	for _, v := range readVectors(t).ChlWrong {
		if got := ChallengeNew(v.Challenge, v.ProductID, v.ProductKey); got == v.WrongResponse {
			t.Errorf("%s: the answer of the masked words", v.Challenge)
		}
	}
}

// Where the length is a multiple of 8 already, the two readings differ by eight zeros.
func TestChallengeNewPadding(t *testing.T) {
	const id, key = "PROD0120PW!CCV9@", "C1BX{V4W}Q3*10SM"
	challenge := strings.Repeat("1", 24)
	plain, padded := ChallengeNew(challenge, id, key), ChallengeNewPadded(challenge, id, key)
	if plain != challengeHash(challenge+id, challenge+key) {
		t.Error("ChallengeNew adds zeros")
	}
	if padded != challengeHash(challenge+id+"00000000", challenge+key) {
		t.Error("ChallengeNewPadded does not add eight zeros")
	}
	if plain == padded {
		t.Error("both readings give the same")
	}
	if got := ChallengeNew("", "", ""); len(got) != 32 {
		t.Errorf("empty challenge: %q", got)
	}
}

func TestProducts(t *testing.T) {
	all := Products()
	if len(all) != 17 {
		t.Fatalf("%d products, want the 17 of core.md 9.1", len(all))
	}
	seen := make(map[string]bool)
	for _, p := range all {
		if len(p.Key) != 16 || seen[p.ID] {
			t.Errorf("%+v: doubled, or its key has not 16 characters", p)
		}
		seen[p.ID] = true
	}
	all[0].Key = "changed"
	if key, _ := ProductKeyOf(all[0].ID); key == "changed" {
		t.Error("Products hands out its own table")
	}
	if _, ok := ProductKeyOf("PROD0000"); ok {
		t.Error("an unknown product has a key")
	}
}
