package msn

import "time"

// OfflineMessage is a text that a service keeps for somebody who is away (services.md 10).
type OfflineMessage struct {
	ID           string // the service's, for [Client.DeleteOfflineMessages]
	From         string // passport, lower case
	FriendlyName string
	At           time.Time // when it was sent
	Text         string
	// Run and Sequence order the messages of one sender's sign-in; Run is "" if the service does not tell.
	Run      string
	Sequence int
}
