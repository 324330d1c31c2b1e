package msn

import "time"

// Event is something that MSN started: it goes up to the one handler given in [Config]. The set is
// closed; a handler switches on the concrete type. Events of one connection arrive in the order in
// which the server sent them; those of different switchboards may come at the same time, from several
// goroutines. A handler runs in the goroutine that reads the connection: it must not call a Client
// method that asks the server, and while it blocks, nothing more is read there.
type Event interface{ event() }

// SignedIn is the first event of a [Client.Run]: the server has taken the credentials and the whole
// contact list has been read (core.md 5 and 7), so Contacts and Groups are complete. A ContactRequest for
// each one waiting follows, then the client announces itself, upon which the first PresenceChanged come.
type SignedIn struct {
	Version      Version
	FriendlyName string // own name, decoded
	Verified     bool   // the account's e-mail address is verified (MSNP6+; true before)
	Profile      Profile
}

// Profile is what the server tells of the account after sign-in (core.md 6.1). Ticket-like fields are
// left out of it.
type Profile struct {
	EmailEnabled bool
	MPOPEnabled  bool
	ClientIP     string
	Fields       map[string]string // the harmless rest, by header name
}

// ContactChanged says that a contact is new on any list or that its lists, name, groups or phones changed.
// Presence has its own event.
type ContactChanged struct{ Contact Contact }

// ContactRemoved says that an account has left the last of my lists.
type ContactRemoved struct{ Passport string }

// GroupsChanged says that contact groups were added, renamed or removed.
type GroupsChanged struct{ Groups []Group }

// ContactRequest says that somebody has put me on their list and that I have not decided yet: the
// pending list (MSNP10+), or reverse list without allow or block (before). It is reported at
// sign-in for each waiting one, and when it happens.
type ContactRequest struct {
	Passport     string
	FriendlyName string
	// Text is what they wrote with it (MSNP13+), "" for nothing.
	Text string
}

// PresenceChanged reports a contact's status, name, capabilities or display picture (ILN, NLN, FLN;
// core.md 8.3). Initial is set for the states the server tells because of sign-in or of an add.
type PresenceChanged struct {
	Passport string
	Presence Presence
	Initial  bool
}

// PersonalMessageChanged reports UBX data of a contact (MSNP11+, core.md 8.4). Both parts empty
// means that it was cleared.
type PersonalMessageChanged struct {
	Passport        string
	PersonalMessage PersonalMessage
}

// MessageReceived is one whole message (chunks joined) from somebody in a conversation.
type MessageReceived struct {
	ID           MessageID
	Conversation Conversation
	From         string // passport, lower case; my own for what I wrote at another place (MSNP16+)
	FriendlyName string // the sender's name as the server gave it with the message
	At           time.Time
	Message      Message
	// MissingChunks is how many parts of it never came; the message ends, or has a gap, where they belong.
	MissingChunks int
}

// ParticipantJoined says that somebody came into a conversation (JOI, or IRO for those who were
// there when we were invited). Conversation already contains them.
type ParticipantJoined struct {
	Conversation Conversation
	Passport     string
	FriendlyName string
}

// ParticipantLeft says that somebody left (BYE). Conversation no longer contains them. Idle is the
// server's "timed out" flag.
type ParticipantLeft struct {
	Conversation Conversation
	Passport     string
	Idle         bool
}

// ConversationClosed says that the switchboard behind a session is gone; the people may talk again
// over a new one. Conversation names those who were there last, and the session that has ended.
type ConversationClosed struct{ Conversation Conversation }

// Undelivered reports a late NAK for a message that was sent without waiting for an answer.
type Undelivered struct {
	ID           MessageID
	Conversation Conversation
}

// ServerNotice is a text from the service to the user: maintenance announced (x-msmsgssystemmessage),
// alerts (NOT), pages (IPG).
type ServerNotice struct{ Text string }

// EndpointsChanged says that my own places have changed (MSNP16+): one signed in or out, or got another name
// or state. Endpoints has all of them, this one too.
type EndpointsChanged struct{ Endpoints []Endpoint }

// OfflineMessageReceived is a message that was left while I was away. All that wait are reported in the order
// of their sending, once in a sign-in. The service keeps each until [Client.DeleteOfflineMessages] is called,
// which is for when it has arrived for good; else it comes again at the next sign-in.
type OfflineMessageReceived struct{ OfflineMessage OfflineMessage }

// MailChanged tells how much unread mail an account's mailbox has, at sign-in and when it changes.
type MailChanged struct{ Inbox, Folders int }

// MailReceived is a new e-mail.
type MailReceived struct {
	From, FromAddress, Subject string
	// Junk is set if it went to the folder for that.
	Junk bool
}

// CirclesChanged says that circles were joined, left, renamed or got other members (MSNP18+). Circles has all
// of them, invitations too.
type CirclesChanged struct{ Circles []Circle }

// CirclePresenceChanged is a member's presence inside a circle.
type CirclePresenceChanged struct {
	Circle, Passport string
	Presence         Presence
}

// ListTrouble says that the contact list changed elsewhere and could not be read again (MSNP13+). What is known
// stays as it was. Or that something about circles went wrong while all else goes on: a circle could not be joined,
// or its members not be read.
type ListTrouble struct{ Err error }

// OfflineTrouble says that messages wait with the service that could not be fetched. They stay there, and are
// tried again at the next sign-in.
type OfflineTrouble struct{ Err error }

func (ListTrouble) event()            {}
func (OfflineTrouble) event()         {}
func (EndpointsChanged) event()       {}
func (OfflineMessageReceived) event() {}
func (MailChanged) event()            {}
func (MailReceived) event()           {}
func (CirclesChanged) event()         {}
func (CirclePresenceChanged) event()  {}
func (SignedIn) event()               {}
func (ContactChanged) event()         {}
func (ContactRemoved) event()         {}
func (GroupsChanged) event()          {}
func (ContactRequest) event()         {}
func (PresenceChanged) event()        {}
func (PersonalMessageChanged) event() {}
func (MessageReceived) event()        {}
func (ParticipantJoined) event()      {}
func (ParticipantLeft) event()        {}
func (ConversationClosed) event()     {}
func (Undelivered) event()            {}
func (ServerNotice) event()           {}
