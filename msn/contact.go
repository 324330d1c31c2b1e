package msn

// List is a bit of a contact's list membership (core.md 7.1).
type List uint8

// The lists. Reverse and Pending are the server's to write.
const (
	ForwardList List = 1
	AllowList   List = 2
	BlockList   List = 4
	ReverseList List = 8
	PendingList List = 16
)

// Contact is one account on any of my lists.
type Contact struct {
	Passport     string // lower case
	FriendlyName string // decoded; the name MSN shows for it
	Lists        List
	ID           string   // GUID, MSNP10+, forward list only
	Groups       []string // group ids
	NetworkID    int      // 1 = MSN; others are in front of the Passport too, see [SplitPassport]
	Nickname     string   // what I call them (MSNP13+); it is the FriendlyName then
	Phones       map[string]string
}

// On tells whether the contact is on all the given lists.
func (c Contact) On(l List) bool { return c.Lists&l == l }

// Group is a contact group. ID is a number before MSNP10 and a GUID from then on.
type Group struct{ ID, Name string }

// Privacy is BLP: what becomes of people on neither my allow nor my block list.
type Privacy string

// The two policies.
const (
	AllowOthers Privacy = "AL"
	BlockOthers Privacy = "BL"
)
