package wire

import "math"

// payloadRule says when the last field of a line is the length of a payload (core.md 2.3).
type payloadRule uint8

const (
	never    payloadRule = iota
	always               // the last field must be a length
	trailing             // it is one if it is a number and not the only field: `ADL 6 OK` has none, `ADL 0 123` has
	refusal              // errors: it is one if it is a number, and the second and last field: `241 9 87`, but `217 5` has none
)

// shape is all wire knows of a command.
type shape struct {
	// numbered says whether the first of the fields (without the payload length) is a transaction id. nil: never.
	numbered func(fields []string) bool
	payload  payloadRule
}

var (
	// anyFromClient is what a client may send beyond the table, in any version: it carries a transaction id if it starts
	// with a number.
	anyFromClient = shape{numbered: leadingNumber}
	// anyFromServer is what a server may send beyond the table. A number at its start may be anything.
	anyFromServer = shape{}
	errorReply    = shape{numbered: leadingNumber, payload: refusal}
)

// clientShapes has the commands of clients that are not anyFromClient. Payload commands are read as such in every version,
// also in those that do not know them: a server that refuses one must still stay in step (core.md 2.3).
var clientShapes = map[string]shape{
	"PNG": {}, "OUT": {},
	"ADL": {leadingNumber, always}, "DEL": {leadingNumber, always}, "FQY": {leadingNumber, always},
	"MSG": {leadingNumber, always}, "NOT": {leadingNumber, always}, "PAG": {leadingNumber, always},
	"PGD": {leadingNumber, always}, "PUT": {leadingNumber, always}, "QRY": {leadingNumber, always},
	"RML": {leadingNumber, always}, "SDC": {leadingNumber, always}, "SDG": {leadingNumber, always},
	"UUM": {leadingNumber, always}, "UUN": {leadingNumber, always}, "UUX": {leadingNumber, always},
	"VAS": {leadingNumber, always},
}

// serverShapes has the commands of servers. Those not numbered are pushes whose first field is an address, a nick, a session
// id or a count (core.md 2.2).
var serverShapes = map[string]shape{
	// Pushes without a transaction id.
	"NLN": {}, "FLN": {}, "RNG": {}, "JOI": {}, "BYE": {}, "QNG": {}, "OUT": {},
	// BPR has a list version in front in MSNP5-9 (`BPR 255 bob@example.com PHH 1`), never a transaction id.
	"BPR": {},
	"MSG": {nil, always}, "NOT": {nil, always}, "IPG": {nil, always}, "NFY": {nil, always},
	"UBX": {nil, always}, "UBN": {nil, always}, "UBM": {nil, always},

	// Signing in.
	"VER": {leadingNumber, never}, "INF": {leadingNumber, never}, "CVR": {leadingNumber, never}, "CVQ": {leadingNumber, never},
	"USR": {leadingNumber, never}, "XFR": {leadingNumber, never}, "SBS": {leadingNumber, never}, "URL": {leadingNumber, never},
	"CHL": {leadingNumber, never}, "QRY": {leadingNumber, never}, "GCF": {leadingNumber, always},

	// Lists. In the SYN burst of MSNP8+ BLP, GTC, PRP, LSG and LST have no transaction id, elsewhere they have. What follows
	// it tells: the values of BLP and GTC and the keys of PRP are letters.
	"BLP": {leadingNumber, never}, "GTC": {leadingNumber, never}, "PRP": {leadingNumber, never},
	"LST": {numberedList, never}, "LSG": {numberedGroup, never},
	"SYN": {leadingNumber, never}, "ADD": {leadingNumber, never}, "ADC": {leadingNumber, never}, "REM": {leadingNumber, never},
	"ADG": {leadingNumber, never}, "RMG": {leadingNumber, never}, "REG": {leadingNumber, never}, "REA": {leadingNumber, never},
	"SBP": {leadingNumber, never}, "FND": {leadingNumber, never}, "SND": {leadingNumber, never}, "SDC": {leadingNumber, never},
	"ADL": {leadingNumber, trailing}, "RML": {leadingNumber, trailing}, "FQY": {leadingNumber, trailing},

	// Presence, paging and the rest of the notification server.
	"CHG": {leadingNumber, never}, "ILN": {leadingNumber, never}, "IMS": {leadingNumber, never}, "PAG": {leadingNumber, never},
	"PGD": {leadingNumber, never}, "VAS": {leadingNumber, never}, "UUN": {leadingNumber, never}, "UUM": {leadingNumber, never},
	// `UUX 8 0` is read as an empty payload, as libpurple does.
	"UUX": {leadingNumber, trailing},
	"PUT": {leadingNumber, trailing}, "DEL": {leadingNumber, trailing}, "SDG": {leadingNumber, always},

	// Switchboard.
	"ANS": {leadingNumber, never}, "IRO": {leadingNumber, never}, "CAL": {leadingNumber, never}, "ACK": {leadingNumber, never},
	"NAK": {leadingNumber, never},
}

// shapeOf never fails: what is in no table has a shape as well.
func shapeOf(name string, from Side) shape {
	if from == FromClient24 || from == FromServer24 {
		return shape{leadingNumber, always}
	}
	if from == FromClient {
		if s, ok := clientShapes[name]; ok {
			return s
		}
		return anyFromClient
	}
	if s, ok := serverShapes[name]; ok {
		return s
	}
	if digits(name) {
		return errorReply
	}
	return anyFromServer
}

// leadingNumber: the line has a transaction id if it starts with a number that can be one.
func leadingNumber(fields []string) bool {
	if len(fields) == 0 {
		return false
	}
	_, ok := number(fields[0], math.MaxUint32)
	return ok
}

// numberedList tells `LST 4 FL 255 1 2 bob@example.com Bob` (MSNP2-7, and replies to LST) from `LST bob@example.com Bob 11 0`
// and `LST N=bob@example.com F=Bob 8`: after the transaction id stands the name of a list.
func numberedList(fields []string) bool {
	if len(fields) < 2 || !leadingNumber(fields) {
		return false
	}
	switch fields[1] {
	case "FL", "AL", "BL", "RL", "PL":
		return true
	}
	return false
}

// numberedGroup tells `LSG 4 255 1 2 0 Other%20Contacts 0` (MSNP7: transaction id, list version, index, count) from
// `LSG 0 Other%20Contacts 0` (MSNP8-9) and `LSG Friends GUID` (MSNP10-12), where a name may look like a number: only the
// first starts with four numbers.
func numberedGroup(fields []string) bool {
	return len(fields) >= 4 && leadingNumber(fields) && digits(fields[1]) && digits(fields[2]) && digits(fields[3])
}
