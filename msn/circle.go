package msn

// Circle is a lasting group of people (MSNP18 and later, services.md 13).
type Circle struct {
	ID   string // GUID, lower case
	Name string
	// Role is my own: RoleInvited if I have not answered.
	Role CircleRole
	// Inviter and InviteText are set while I have not answered.
	Inviter, InviteText string
	// Members are the others and I, as far as the service tells.
	Members []CircleMember
}

// CircleMember is one member of a circle, or somebody invited.
type CircleMember struct {
	Passport, FriendlyName string
	Role                   CircleRole
	// Online is set while the member takes part.
	Online bool
}

// CircleRole is what a member of a circle may do (services.md 13.1).
type CircleRole int

// The roles. Admins and assistants invite; only an admin removes.
const (
	RoleAdmin     CircleRole = 1
	RoleAssistant CircleRole = 2
	RoleMember    CircleRole = 3
	RoleInvited   CircleRole = 4
)
