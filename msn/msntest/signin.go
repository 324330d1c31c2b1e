package msntest

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

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
	n.conn.reply(cmd, "VER", n.dialect.version.String())
}

// minCVR is the number of fields that even MSNP2 sends (core.md 5.4).
const minCVR = 6

// tellVersions does CVR, and CVQ, which clients sent that found no common version. It recommends what the client has.
func (n *session) tellVersions(cmd wire.Command) {
	if len(cmd.Args) < minCVR {
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
	switch {
	case n.account != nil:
		n.conn.fail(cmd, 207)
	case n.dialect == nil || len(cmd.Args) < 3 || !strings.EqualFold(cmd.Args[0], n.dialect.auth.String()):
		n.misplaced()
	case n.dialect.cvrNeeded && !n.told:
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
	if !strings.Contains(claimed, "@") {
		n.conn.fail(cmd, 206)
		return
	}
	if !validPassport(claimed) {
		n.conn.fail(cmd, 911)
		return
	}
	n.claimed = claimed
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
	}
	n.conn.reply(cmd, "USR", n.dialect.auth.String(), "S", n.nonce)
}

// moved is the arguments of XFR NS (core.md 5.12).
func (n *session) moved(to string) []string {
	args := []string{"NS", to}
	switch n.dialect.moveTail {
	case zeroTail:
		args = append(args, "0")
	case zeroCurrentTail:
		args = append(args, "0", n.conn.srv.told(n.conn, n.conn.kind))
	}
	return args
}

func (n *session) endSignIn(cmd wire.Command) {
	s := n.conn.srv
	a := s.accounts[n.claimed]
	nonce := n.nonce
	n.nonce = ""
	var good bool
	switch n.dialect.auth {
	case byMD5:
		good = a != nil && provesPassword(cmd.Args[2], nonce, a.password)
	case byTicket:
		good = a != nil && s.ticketOf(cmd.Args[2]) == a.passport
	}
	if !good {
		n.conn.fail(cmd, 911)
		return
	}
	if a.session != nil {
		s.tellOut(a.session.conn, "OTH")
	}
	n.account, a.session, n.shown = a, n, map[string]bool{}
	n.welcome(cmd)
}

// passwordLength is how much of a password Passport used (core.md 2.4).
const passwordLength = 16

// samePassword compares as much of two passwords as counts.
func samePassword(a, b string) bool {
	a, b = a[:min(len(a), passwordLength)], b[:min(len(b), passwordLength)]
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
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
	a, d, s := n.account, n.dialect, n.conn.srv
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
	n.hotmail("text/x-msmsgsprofile; charset=UTF-8", n.profile())

	f := s.faultsFor(n.conn)
	switch {
	case f.MoveTo != "":
		n.conn.notice("XFR", n.moved(f.MoveTo)...)
		n.conn.hangUp()
	case f.OutAfterSignIn != "":
		s.tellOut(n.conn, f.OutAfterSignIn)
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
		"Birthday: ", "Wallet: ", "Flags: 1027", "sid: 507", "kv: 5", "MSPAuth: " + randomHex(64),
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

// ticket is a proof of a Passport login.
type ticket struct {
	passport string
	until    time.Time
}

// maxTickets is how many tickets one account has at once; older ones end early.
const maxTickets = 32

// newTicket issues a ticket in the form that USR takes it. The lock is held.
func (s *Server) newTicket(passport string) string {
	var own []string
	for token, t := range s.tickets {
		if t.passport == passport {
			own = append(own, token)
		}
	}
	if len(own) >= maxTickets {
		oldest := slices.MinFunc(own, func(a, b string) int { return s.tickets[a].until.Compare(s.tickets[b].until) })
		delete(s.tickets, oldest)
	}
	token, form := "7"+randomHex(48)+"*!"+randomHex(24)+"$$", "t=%&p=7"+randomHex(32)+"$$"
	if s.quirks.BareTickets {
		token, form = randomHex(20), "%"
	}
	s.tickets[token] = ticket{passport, s.now().Add(s.quirks.TicketLife)}
	return strings.Replace(form, "%", token, 1)
}

// ticketOf finds whose ticket it is; "" if it is nobody's, or no longer.
func (s *Server) ticketOf(text string) string {
	token := strings.TrimPrefix(text, "t=")
	token, _, _ = strings.Cut(token, "&")
	t, known := s.tickets[token]
	if !known || s.now().After(t.until) {
		return ""
	}
	return t.passport
}
