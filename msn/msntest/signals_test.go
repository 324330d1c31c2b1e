package msntest

import (
	"strings"
	"testing"
)

// TestLongSignals is UUN and UUM with more than fits into MSG: the limit of 1664 bytes is that of switchboards (core.md 2.4).
func TestLongSignals(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "bob signs in MSNP15\nbob lists alice=3\nbob C: CHG 6 NLN 0\nbob S: CHG 6 NLN 0\nbob S: MSG Hotmail Hotmail #\nbob S: CHL 0 *\n"+
		"erin signs in MSNP15\nerin lists alice=3\nerin C: CHG 6 NLN 0\nerin S: CHG 6 NLN 0\nerin S: MSG Hotmail Hotmail #\nerin S: CHL 0 *\n"+
		"alice signs in MSNP15\nalice lists mallory=4\nalice C: CHG 6 NLN 0\nalice S: CHG 6 NLN 0\nalice S: MSG Hotmail Hotmail #\nalice S: CHL 0 *\n"+
		"bob S: NLN ...\nerin S: NLN ...")
	for _, size := range []int{1665, maxSignal} {
		payload := "\n | " + strings.Repeat("x", size)
		p.play("alice C: UUN 7 bob@example.com 12 #" + payload + "\nalice S: UUN 7 OK\nbob S: UBN alice@example.com 12 #" + payload +
			"\nalice C: UUM 8 erin@yahoo.example 32 1 #" + payload + "\nerin S: UBM alice@example.com 1 erin@yahoo.example 32 1 #" + payload)
	}
	// an offline message has the limit of those that are left by web service
	p.play("dave signs in MSNP18\ndave C: UUM 5 carol@example.com 1 1 #\n | Content-Type: text/plain\n |\n | " + strings.Repeat("x", maxOfflineText+1) + "\ndave S: 201 5")
	p.play("alice C: UUN 9 bob@example.com 12 #\n | " + strings.Repeat("x", maxSignal+1) + "\nalice closed")
	p.play("erin C: UUM 9 alice@example.com 1 1 #\n | " + strings.Repeat("x", maxSignal+1) + "\nerin S: FLN ...\nerin closed")
}
