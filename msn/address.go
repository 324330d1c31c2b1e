package msn

import (
	"strconv"
	"strings"
)

// NetworkMSN and the others are networks that a passport may belong to (core.md 7.1). A passport of another
// network than MSN has the number in front, "32:erin@yahoo.example", in all of this package, so that it is
// one word that tells people apart.
const (
	NetworkMSN    = 1
	NetworkLCS    = 2
	NetworkPhone  = 4
	NetworkMobile = 8
	NetworkCircle = 9
	NetworkGroup  = 10 // a temporary group (MSNP21)
	NetworkYahoo  = 32
)

// SplitPassport takes a passport apart: "32:erin@yahoo.example" is network 32, one without a number is MSN's.
func SplitPassport(passport string) (network int, account string) {
	number, rest, found := strings.Cut(passport, ":")
	if n, err := strconv.Atoi(number); found && err == nil && n > 0 && n < 1000 && isNumber(number) {
		return n, rest
	}
	return NetworkMSN, passport
}

// JoinPassport puts a passport together; the network of MSN, and 0 for "not told", are left out.
func JoinPassport(network int, account string) string {
	if network == NetworkMSN || network <= 0 {
		return account
	}
	return strconv.Itoa(network) + ":" + account
}

// circleDomain is what follows the id of a circle in its address.
const circleDomain = "@live.com"

// readAddress reads an address of a presence line in any version: "bob@example.com", "1:bob@example.com",
// "1:bob@example.com;via=9:guid@live.com" (core.md 8.3). network is what a separate field said, 0 for none.
// circle is the id of the circle through which somebody is seen, "" for none.
func readAddress(s string, network int) (passport, circle string) {
	s = handle(s)
	s, rest, _ := strings.Cut(s, ";")
	for part := range strings.SplitSeq(rest, ";") {
		if via, found := strings.CutPrefix(part, "via="); found {
			_, id := SplitPassport(via)
			circle = strings.TrimSuffix(id, circleDomain)
		}
	}
	if n, account := SplitPassport(s); account != s {
		return JoinPassport(n, account), circle
	}
	return JoinPassport(network, s), circle
}
