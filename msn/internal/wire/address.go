package wire

import (
	"strconv"
	"strings"
)

// Address is one of To and From in an [Envelope], and what stands before the name in presence lines of MSNP18
// (core.md 8.3 and 13.1): `1:bob@example.com;epid={guid};path=IM;via=9:guid@live.com`. What it has beyond that is dropped.
type Address struct {
	// Network is 1 for MSN, 9 for circles, 10 for temporary groups, 0 if the address has no number in front.
	Network int
	// Account is an e-mail address in most networks. Its letter case is as it came.
	Account string
	// EndpointID is a GUID in lower case, without braces; "" for none.
	EndpointID string
	// Path is IM for what is said in a circle, else "".
	Path string
	// ViaNetwork and ViaAccount name the circle or gateway through which somebody is seen; 0 and "" for none.
	ViaNetwork int
	ViaAccount string
}

// maxNetwork is beyond any network number that was ever given.
const maxNetwork = 9999

// ParseAddress reads an address. It takes whatever comes: what has no network number is an account alone, and parameters
// come in any order and letter case.
func ParseAddress(s string) Address {
	account, params, _ := strings.Cut(strings.TrimSpace(s), ";")
	var a Address
	a.Network, a.Account = cutNetwork(account)
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "epid"):
			a.EndpointID = strings.ToLower(strings.Trim(value, "{}"))
		case strings.EqualFold(name, "path"):
			a.Path = value
		case strings.EqualFold(name, "via"):
			a.ViaNetwork, a.ViaAccount = cutNetwork(value)
		case value == "" && isGUID(strings.ToLower(param)): // `bob@example.com;{guid}`, as in switchboards
			a.EndpointID = strings.ToLower(strings.Trim(param, "{}"))
		}
	}
	return a
}

// cutNetwork splits "1:bob@example.com".
func cutNetwork(s string) (network int, account string) {
	s = strings.TrimSpace(s)
	if front, rest, found := strings.Cut(s, ":"); found {
		if n, ok := number(front, maxNetwork); ok && n > 0 {
			return int(n), strings.TrimSpace(rest)
		}
	}
	return 0, s
}

// String writes the address: the endpoint in braces, then path, then via.
func (a Address) String() string {
	b := appendAccount(nil, a.Network, a.Account)
	if a.EndpointID != "" {
		b = append(append(append(b, ";epid={"...), a.EndpointID...), '}')
	}
	if a.Path != "" {
		b = append(append(b, ";path="...), a.Path...)
	}
	if a.ViaNetwork != 0 || a.ViaAccount != "" {
		b = appendAccount(append(b, ";via="...), a.ViaNetwork, a.ViaAccount)
	}
	return string(b)
}

func appendAccount(b []byte, network int, account string) []byte {
	if network > 0 {
		b = append(strconv.AppendInt(b, int64(network), 10), ':')
	}
	return append(b, account...)
}

// Bare is the address without endpoint, path and way.
func (a Address) Bare() Address { return Address{Network: a.Network, Account: a.Account} }
