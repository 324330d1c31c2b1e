package msn

import (
	"slices"
	"strings"
	"time"
)

// Conversation says who talks, never over which connection: the switchboard that carries it today is
// an accident. Participants are the others, lower case, sorted, without doubles.
type Conversation struct {
	Participants []string
	// Invited are those who were asked into it and have not come, as far as that is known: MSNP21 tells, a switchboard does not.
	Invited []string
	// Group is set once more than two people were in it; it stays set when people leave, as an
	// official client's window does.
	Group bool
	// Circle is the ID of the circle in which it is held, "" for none. Its members are the circle's.
	Circle string
	// Session names the live switchboard; it is never used again, not even by another process. "" where
	// there is none. A group that changes its members is followed by it.
	Session string
}

// With is the conversation with the given people, not tied to any switchboard.
func With(passports ...string) Conversation {
	people := make([]string, len(passports))
	for i, p := range passports {
		people[i] = strings.ToLower(p)
	}
	slices.Sort(people)
	people = slices.Compact(people)
	return Conversation{Participants: people, Group: len(people) > 1}
}

// SamePeople tells whether both conversations have the same participants.
func (c Conversation) SamePeople(other Conversation) bool {
	return slices.Equal(c.Participants, other.Participants)
}

// MessageID names a message within one account. MSNP has no such thing: it is made of the
// switchboard's Session, which is random, the sender and a sequence number, and so never made twice.
type MessageID string

// Sent says what became of a message that was sent.
type Sent struct {
	ID MessageID
	At time.Time
	// Acknowledged is true if the switchboard confirmed delivery (ACK).
	Acknowledged bool
	// Conversation is the one that took it, with its live Session.
	Conversation Conversation
}
