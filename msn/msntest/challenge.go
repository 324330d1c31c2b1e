package msntest

import (
	"crypto/rand"
	"math/big"
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// challenge sends CHL if the version has it and none is unanswered.
func (n *session) challenge() {
	s := n.conn.srv
	if n.dialect.challenge == noChallenge || s.quirks.NoChallenge || n.question != "" {
		return
	}
	n.question = newQuestion()
	n.questionAt = s.now()
	n.conn.notice("CHL", n.question)
}

// newQuestion is 20 digits: with the product ids that there are, never a multiple of eight bytes (core.md 9.1).
func newQuestion() string {
	number, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil))
	if err != nil {
		number = big.NewInt(0) // never, since Go 1.24
	}
	digits := number.String()
	return strings.Repeat("0", 20-len(digits)) + digits
}

// answerChallenge does QRY.
func answerChallenge(n *session, cmd wire.Command) {
	s := n.conn.srv
	if s.quirks.LaxCommands && n.question == "" {
		return
	}
	good := n.question != "" && len(cmd.Args) > 0 && solves(n.dialect.challenge, n.question, cmd.Args[0], string(cmd.Payload))
	if !good && !s.quirks.LenientChallenge {
		n.conn.fail(cmd, 540)
		return
	}
	n.question = ""
	n.challengeAt = s.now().Add(s.quirks.ChallengeEvery)
	n.conn.reply(cmd, "QRY")
}

// solves tells whether an answer is right for any product of that name, whichever client it belongs to (core.md 9.1).
func solves(form challengeForm, question, id, answer string) bool {
	for _, p := range msn.Products() {
		if p.ID != id && p.ID != wire.Decode(id) {
			continue
		}
		right := []string{msn.ChallengeOld(question, p.Key)}
		if form == newChallenge {
			right = []string{
				msn.ChallengeNew(question, p.ID, p.Key), msn.ChallengeNewPadded(question, p.ID, p.Key),
			}
		}
		if slices.Contains(right, strings.ToLower(answer)) {
			return true
		}
	}
	return false
}
