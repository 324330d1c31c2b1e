package msntest

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

// chooseVersion does VER.
func (n *session) chooseVersion(cmd wire.Command) {
	if n.dialect != nil {
		n.conn.fail(cmd, 715)
		n.conn.hangUp()
		return
	}
	n.dialect = agree(cmd.Args, n.conn.srv.cfg.Refuse)
	if n.dialect == nil {
		n.conn.reply(cmd, "VER", "0")
		n.conn.hangUp()
		return
	}
	n.conn.lengths = n.dialect.documents
	n.conn.reply(cmd, "VER", n.dialect.version.String())
}

// minCVR is the number of fields that even MSNP2 sends (core.md 5.4).
const minCVR = 6

// tellVersions does CVR, and CVQ, which clients sent that found no common version. It recommends what the client has.
func (n *session) tellVersions(cmd wire.Command) {
	switch loose := n.conn.srv.quirks.OwnSignIn; {
	case len(cmd.Args) < minCVR && loose:
		return
	case len(cmd.Args) < minCVR:
		n.conn.fail(cmd, 710)
		return
	}
	n.told = true
	version := cmd.Args[5]
	url := n.conn.srv.HTTPURL() + "/"
	n.conn.reply(cmd, cmd.Name, version, version, version, url, url)
}

// tellPackages does INF.
func (n *session) tellPackages(cmd wire.Command) {
	if n.dialect == nil || n.account != nil || !n.dialect.inf {
		n.misplaced()
		return
	}
	n.conn.reply(cmd, "INF", n.dialect.auth.String())
}

// signIn does USR in both its stages.
func (n *session) signIn(cmd wire.Command) {
	own := n.conn.srv.quirks.OwnSignIn
	switch {
	case n.account != nil && n.dialect.circles && len(cmd.Args) == 3 && strings.EqualFold(cmd.Args[0], "SHA"):
		n.proveCircles(cmd)
	case n.account != nil && own && n.dialect.auth != byMD5:
		n.conn.fail(cmd, 205)
	case n.account != nil:
		n.conn.fail(cmd, 207)
	case n.dialect == nil || len(cmd.Args) < 3 || !strings.EqualFold(cmd.Args[0], n.dialect.auth.String()):
		n.misplaced()
	case n.dialect.cvrNeeded && !n.told && !own:
		n.conn.fail(cmd, 710)
	case strings.EqualFold(cmd.Args[1], "I"):
		n.beginSignIn(cmd)
	case strings.EqualFold(cmd.Args[1], "S") && n.nonce != "":
		n.endSignIn(cmd)
	default:
		n.misplaced()
	}
}

func (n *session) beginSignIn(cmd wire.Command) {
	s := n.conn.srv
	claimed := addressArg(cmd.Args, 2)
	if !strings.Contains(claimed, "@") && !s.quirks.OwnSignIn {
		n.conn.fail(cmd, 206)
		return
	}
	if !validPassport(claimed) {
		n.conn.fail(cmd, 911)
		return
	}
	n.claimed, n.spelt = claimed, decoded(cmd.Args, 2)
	to := s.faultsFor(n.conn).Redirect
	if to == "" && n.conn.kind == dispatch {
		to = s.told(n.conn, notification)
	}
	if to != "" {
		n.conn.reply(cmd, "XFR", n.moved(to)...)
		n.conn.hangUp()
		return
	}
	switch n.dialect.auth {
	case byMD5:
		n.nonce = itoa(int(s.now().Unix())) + "." + randomNumber()
	case byTicket:
		n.nonce = "lc=1033,id=507,tw=40,fs=1,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,ct=" + itoa(int(s.now().Unix())) +
			",kpp=1,kv=5,ver=2.1.0173.1,tpf=" + randomHex(32)
		if s.quirks.OwnSignIn {
			n.nonce = "ct=1,rver=1,wp=FS_40SEC_0_COMPACT,lc=1,id=1"
		}
	case byProof:
		n.nonce = randomNonce()
	}
	if n.dialect.policies {
		n.conn.send(wire.Command{Name: "GCF", HasTrID: true, Payload: []byte(policies)})
	}
	if n.dialect.auth == byProof {
		n.conn.reply(cmd, "USR", "SSO", "S", ssoPolicy, n.nonce)
		return
	}
	n.conn.reply(cmd, "USR", n.dialect.auth.String(), "S", n.nonce)
}

// ssoPolicy is the policy under which a client has to ask for the ticket of MSNP15+ (core.md 5.8).
const ssoPolicy = "MBI_KEY_OLD"

// randomNonce is the base64 of 48 random bytes, which clients take as text.
func randomNonce() string {
	var b [48]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b[:])
}

// moved is the arguments of XFR NS (core.md 5.12).
func (n *session) moved(to string) []string {
	args := []string{"NS", to}
	switch n.dialect.moveTail {
	case zeroTail:
		args = append(args, "0")
	case zeroCurrentTail:
		args = append(args, "0", n.conn.srv.told(n.conn, n.conn.kind))
	case letterTail:
		args = append(args, "U", "D")
	case hopTail:
		hop := "Version: 1\r\nXfrCount: 1\r\nIsGeoXfr: true\r\n"
		args = append(args, "U", "D", base64.StdEncoding.EncodeToString([]byte(hop)))
	}
	return args
}

func (n *session) endSignIn(cmd wire.Command) {
	s := n.conn.srv
	a := s.accounts[n.claimed]
	if s.quirks.OwnSignIn && n.spelt != n.claimed { // accounts are kept in lower case
		a = nil
	}
	nonce := n.nonce
	n.nonce = ""
	var good bool
	switch n.dialect.auth {
	case byMD5:
		good = a != nil && provesPassword(cmd.Args[2], nonce, a.password)
	case byTicket:
		good = n.showTicket(cmd, a, ticketSite) != nil
	case byProof:
		if s.quirks.LooseProof && n.dialect.endpoints && len(cmd.Args) < 4 {
			return // Escargot says nothing
		}
		good = n.proveTicket(cmd, a, nonce)
	}
	if !good {
		n.conn.fail(cmd, 911)
		return
	}
	if !n.takeSeat(a) {
		n.conn.fail(cmd, 734)
		return
	}
	n.welcome(cmd)
}

// The sites whose tickets a notification server takes (core.md 5.9).
const (
	ticketSite = "messenger.msn.com"
	proofSite  = "messengerclear.live.com"
)

// showTicket checks the ticket of USR S. It returns nil for a bad one, else its secret, which is empty for TWN.
func (n *session) showTicket(cmd wire.Command, a *account, site string) []byte {
	ticket := decoded(cmd.Args, 2)
	owner, secret, ok := n.conn.srv.checkTicket(ticket, site)
	if !ok || a == nil || owner != a {
		return nil
	}
	n.ticket = ticket
	return append([]byte{}, secret...)
}

// proveTicket checks ticket, proof and machine GUID of USR SSO S.
func (n *session) proveTicket(cmd wire.Command, a *account, nonce string) bool {
	secret := n.showTicket(cmd, a, proofSite)
	if secret == nil {
		return false
	}
	bare := len(cmd.Args) < 4 && n.conn.srv.quirks.LooseProof // only MSNP15 comes here
	if !bare && !verifyProof(secret, nonce, decoded(cmd.Args, 3)) {
		return false
	}
	if n.dialect.endpoints {
		n.endpoint = normalGUID(decoded(cmd.Args, 4))
		return n.endpoint != ""
	}
	return true
}

// normalGUID is a GUID in lower case without braces, "" if it is none.
func normalGUID(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	if !guidShape.MatchString(text) {
		return ""
	}
	return strings.ToLower(text)
}

// takeSeat makes a session one of its account, and ends those that cannot be beside it: all others below MSNP16; those below
// MSNP16 and an older one of the same machine from then on (core.md 8.7). It is false if there are too many.
func (n *session) takeSeat(a *account) bool {
	s := n.conn.srv
	var leaving []*session
	for _, other := range a.sessions {
		if !n.dialect.endpoints || !other.dialect.endpoints || other.endpoint == n.endpoint {
			leaving = append(leaving, other)
		}
	}
	if len(a.sessions)-len(leaving) >= s.quirks.EndpointLimit {
		return false
	}
	for _, other := range leaving {
		s.tellOut(other.conn, "OTH")
	}
	n.account, a.sessions = a, append(a.sessions, n)
	n.shown, n.lists, n.toldUser = map[string]bool{}, map[string]said{}, map[string]string{}
	n.circleLists, n.inCircles = map[string]msn.List{}, map[string]bool{}
	n.listed = n.dialect.burst != noBurst || s.quirks.ListsByADL
	return true
}

// provesPassword checks the answer to USR MD5, be it made of the whole password or of what counts of it.
func provesPassword(answer, nonce, password string) bool {
	for _, p := range []string{password, password[:min(len(password), passwordLength)]} {
		sum := md5.Sum([]byte(nonce + p))
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(answer)), []byte(hex.EncodeToString(sum[:]))) == 1 {
			return true
		}
	}
	return false
}

// welcome sends what follows a successful USR (core.md 5.14).
func (n *session) welcome(cmd wire.Command) {
	a, d := n.account, n.dialect
	args := []string{"OK", a.passport}
	if d.okName {
		args = append(args, wire.Encode(a.name))
	}
	if d.okVerified {
		args = append(args, flag(!a.unverified))
	}
	if d.okKid {
		args = append(args, "0")
	}
	n.conn.reply(cmd, "USR", args...)
	if d.mobileNote {
		n.conn.notice("SBS", "null")
	}
	if d.documents {
		n.challenge()
		n.tellProfileTime()
	}
	n.hotmail("text/x-msmsgsprofile; charset=UTF-8", n.profile())
	n.meetPlaces()
	n.afterSignIn()
}

// afterSignIn does what faults ask for.
func (n *session) afterSignIn() {
	s := n.conn.srv
	f := s.faultsFor(n.conn)
	switch {
	case f.MoveTo != "":
		n.conn.notice("XFR", n.moved(f.MoveTo)...)
		n.conn.hangUp()
	case f.OutAfterSignIn != "":
		s.tellOut(n.conn, f.OutAfterSignIn)
	}
}

// meetPlaces tells an endpoint that has just signed in of the others, and them of it: UBX about oneself, without content for
// one that is alone, and NLN if the account is online already (core.md 5.14).
func (n *session) meetPlaces() {
	s, a := n.conn.srv, n.account
	switch {
	case !n.dialect.endpoints:
		return
	case len(a.sessions) == 1 || s.quirks.BarePlaces:
		if !n.dialect.documents {
			n.conn.send(wire.Command{Name: "UBX", Args: n.addressArgs(a, ""), Payload: []byte{}})
		}
	}
	if len(a.sessions) == 1 {
		return
	}
	s.showPlaces(a)
	if a.shownStatus() != "" && !n.dialect.documents {
		n.conn.push("NLN", n.presenceLine(a, "")...)
	}
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// hotmail sends a message of the server itself. text starts behind the Content-Type line.
func (n *session) hotmail(contentType, text string) {
	payload := "MIME-Version: 1.0\r\nContent-Type: " + contentType + "\r\n" + text
	n.conn.send(wire.Command{Name: "MSG", Args: []string{"Hotmail", "Hotmail"}, Payload: []byte(payload)})
}

// profile is the header of the profile message (core.md 6.1), with the empty lines that end it.
func (n *session) profile() string {
	a, d, s := n.account, n.dialect, n.conn.srv
	fields := []string{
		"LoginTime: " + itoa(int(s.now().Unix())),
		"EmailEnabled: " + flag(a.email),
		"MemberIdHigh: " + itoa(int(int32(a.member>>32))),
		"MemberIdLow: " + itoa(int(int32(a.member))),
		"lang_preference: 1033", "preferredEmail: ", "country: ", "PostalCode: ", "Gender: ", "Kid: 0", "Age: ", "BDayPre: ",
		"Birthday: ", "Wallet: ", "Flags: 1027", "sid: 507", "kv: 5", "MSPAuth: " + s.profileTicket(a),
	}
	if d.clientAddr {
		host, port, err := net.SplitHostPort(n.conn.remote)
		if err == nil {
			fields = append(fields, "ClientIP: "+host, "ClientPort: "+swappedPort(port))
		}
	}
	if d.migrated {
		fields = append(fields, "ABCHMigrated: 1")
	}
	if d.endpoints {
		fields = append(fields, "MPOPEnabled: 1")
	}
	return strings.Join(fields, "\r\n") + "\r\n\r\n"
}

// swappedPort is a port with its bytes exchanged, as Microsoft's servers wrote it (vectors.json, client_port).
func swappedPort(port string) string {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "0"
	}
	return strconv.FormatUint(n>>8|n&0xff<<8, 10)
}
