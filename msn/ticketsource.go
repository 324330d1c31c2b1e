package msn

// TicketSource is a way to the ticket that proves who one is.
type TicketSource string

// The ways: the Passport nexus of MSNP8 and later, and the two forms of the ticket service.
const (
	NexusTicket TicketSource = "nexus"
	RSTTicket   TicketSource = "rst"
	RST2Ticket  TicketSource = "rst2"
)
