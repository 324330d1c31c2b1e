package msntest

import (
	"time"
)

// The web services (services.md) stand beside the notification server in one model: they share the accounts and the lock.
// Their files are named svc_*. This one holds what both sides know of each other; contract_ns.go is its counterpart.

// webState is what the web services keep of an account. Its maps are made when they are needed.
type webState struct {
	noBook bool // until ABAdd

	notes      map[string]string       // annotations of Me
	contacts   map[string]*bookContact // by address: what the lists do not say, and who is in the book alone
	asked      map[string]string       // by who asked: the message of a request
	numbers    map[string]int          // MembershipId by role and address
	lastNumber int
	versions   map[string]*bookRevision // of items of book and memberships, for deltas
	revised    time.Time                // when the last of them was noted
	forgot     time.Time                // when items that are gone were forgotten
	circleAt   time.Time                // when the circles changed last

	tokens    []string // of tickets, oldest first
	mailbox   []offlineMessage
	challenge string      // of the lock key
	left      []time.Time // when offline messages were left, within a minute
	profile   roamingProfile
}

// offlineMessage waits for its recipient.
type offlineMessage struct {
	from, fromName, to, text, runID string
	sequence                        int
	at                              time.Time
	id                              string // GUID in upper case
	read                            bool
}

// circle is a group with a name and members. The Server's lock guards it.
type circle struct {
	id, name, owner string // id is a GUID in lower case, owner an address
	members         []*circleMember
	created         time.Time
}

// circleMember is somebody who is in a circle, was, or is to be.
type circleMember struct {
	passport            string
	role                int // 1 admin, 2 assistant admin, 3 member, 4 invited
	state               int // 0 none, 1 invited, 2 gone, 3 accepted, 4 declined
	contactID           string
	inviteText, inviter string
	blocked             bool
	since               time.Time
}
