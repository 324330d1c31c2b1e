package msn

import (
	"strconv"
	"strings"
)

// Status is a three-letter presence code (core.md 8.1).
type Status string

// The status codes. Hidden is only ever sent, Offline only ever received.
const (
	Online      Status = "NLN"
	Busy        Status = "BSY"
	Idle        Status = "IDL"
	BeRightBack Status = "BRB"
	Away        Status = "AWY"
	OnThePhone  Status = "PHN"
	OutToLunch  Status = "LUN"
	Hidden      Status = "HDN"
	Offline     Status = "FLN"
)

// statusWords are the names that official clients show.
var statusWords = map[Status]string{
	Online:      "Online",
	Busy:        "Busy",
	Idle:        "Idle",
	BeRightBack: "Be right back",
	Away:        "Away",
	OnThePhone:  "On the phone",
	OutToLunch:  "Out to lunch",
	Hidden:      "Appear offline",
	Offline:     "Offline",
}

// Valid tells whether s is one of the codes above.
func (s Status) Valid() bool { return statusWords[s] != "" }

// Word is what people call the status, "On the phone". An unknown code is its own word.
func (s Status) Word() string {
	if word, known := statusWords[s]; known {
		return word
	}
	return string(s)
}

// Presence is what contacts see of somebody.
type Presence struct {
	Status       Status
	FriendlyName string
	Capabilities Capabilities
	Object       *MSNObject // display picture, nil for none
}

// Capabilities are the two capability numbers (core.md 8.5); Extended exists from MSNP16.
type Capabilities struct{ Bits, Extended uint32 }

// Capability bits that this project looks at.
const (
	CapInkGIF     uint32 = 0x4
	CapInkISF     uint32 = 0x8
	CapChunks     uint32 = 0x20
	CapWinks      uint32 = 0x8000
	CapVoiceClips uint32 = 0x40000
)

// Extended capabilities. Some programs ask nobody into a group talk who does not have that one.
const (
	CapP2P2        uint32 = 0x20 // transfers in version 2 (p2p.md 12)
	capOfflineText uint32 = 0x100
	capNudge       uint32 = 0x400
	capGroupTalk   uint32 = 0x80000000
)

// ParseCapabilities reads the field of CHG, NLN and ILN: one decimal number, or two with a colon (MSNP16+).
// A field that is missing or makes no sense is no capability; numbers after the second are passed over.
func ParseCapabilities(s string) Capabilities {
	first, rest, _ := strings.Cut(s, ":")
	second, _, _ := strings.Cut(rest, ":")
	return Capabilities{Bits: parseBits(first), Extended: parseBits(second)}
}

// parseBits takes negative numbers too: some clients print the 32 bits as signed.
func parseBits(s string) uint32 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n > 1<<32-1 || n < -1<<31 {
		return 0
	}
	return uint32(n)
}

// Format writes the field: both numbers if extended (MSNP16+), else the first alone.
func (c Capabilities) Format(extended bool) string {
	first := strconv.FormatUint(uint64(c.Bits), 10)
	if !extended {
		return first
	}
	return first + ":" + strconv.FormatUint(uint64(c.Extended), 10)
}

// transfers are those of the capabilities that are about transfers: MSNP21 has them apart, too, and some programs look only there.
func (c Capabilities) transfers() Capabilities { return Capabilities{Extended: c.Extended & CapP2P2} }

// PersonalMessage is the content of UUX and UBX (core.md 8.4).
type PersonalMessage struct {
	Text  string
	Media CurrentMedia
	// SignatureSound (MSNP16), DynamicPicture and Scene (MSNP18) are MSNObjects as text, "" for none;
	// ColorScheme is the colour of the window, a signed decimal, "" for the default.
	SignatureSound, DynamicPicture, Scene, ColorScheme string
	// Endpoints are the contact's places (MSNP16); only what they tell of themselves is set. It is not sent.
	Endpoints []Endpoint
}

// CurrentMedia is what somebody listens to or plays. Enabled false means none.
type CurrentMedia struct {
	Application string
	Type        string // Music, Games, Office
	Enabled     bool
	Format      string // with {0}, {1} ... for Args
	Args        []string
}
