package msn

// Endpoint is one place at which an account is signed in (MSNP16 and later, core.md 8.7).
type Endpoint struct {
	ID     string // GUID in lower case, without braces
	Name   string // what its user calls it, HOME-PC
	Client ClientType
	Status Status // of this place alone
	Idle   bool
	// Capabilities are those of the program there.
	Capabilities Capabilities
	// Self is set for the place that this Client is.
	Self bool
}

// ClientType says what kind of program an endpoint is.
type ClientType int

// The client types (core.md 8.4).
const (
	ClientComputer ClientType = 1
	ClientWeb      ClientType = 2
	ClientMobile   ClientType = 3
	ClientXbox     ClientType = 4
)
