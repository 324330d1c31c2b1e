package msntest

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The dialogues in testdata are written by hand from core.md. They are played over plain TCP by the code in this file, which
// shares nothing with package wire, so that server and codec cannot agree on a mistake. Each line is one of
//
//	# comment
//	alice C: VER 1 MSNP8 CVR0          alice's connection to the notification server sends this
//	alice S: VER 1 MSNP8               ... and gets this next
//	alice:sb C: USR 1 alice@example.com $cookie
//	 | payload line                     joined by CR LF; a # in the command line stands for the length
//	alice closed                        the server closes now
//	alice hangs up
//	alice signs in MSNP8               as NAME@example.com with the fixture's password; everything up to the profile
//	alice lists bob=3 carol=4          the first ADL, with these bits
//
// In what is expected, * is any one argument, ... any rest, $x one argument that is kept under that name (and must be the same
// the next time). In what is sent, $x is what was kept, md5($x,password), ticket(address,password), sso($x,address,password),
// sha(address) and qry($x,product) are computed; guid(alice:home) is the machine GUID of that connection, in both directions. Connections are opened at their first mention: to the dispatch server for names ending in :ds, to a switchboard
// for :sb, :sb2 and so on, to the server of MSNP24 for :24.
//
// Every dialogue meets the same service, fixture.

// fixture is alice, who has bob and carol on FL (bob in group Friends) and mallory on BL; dave has her on FL.
func fixture() Config {
	return Config{
		Dispatch: true,
		Accounts: []Account{
			{
				Passport: "alice@example.com", Password: "secret", FriendlyName: "Alice A", Groups: []string{"Friends"},
				Phones: map[string]string{"PHH": "555 01"},
				Contacts: []Preset{
					{Passport: "bob@example.com", Lists: msn.ForwardList | msn.AllowList, Groups: []string{"Friends"}},
					{Passport: "carol@example.com", Lists: msn.ForwardList | msn.AllowList},
					{Passport: "mallory@example.com", Lists: msn.BlockList},
				},
			},
			{
				Passport: "bob@example.com", Password: "builder:yes", FriendlyName: "Bob", Phones: map[string]string{"PHH": "55502", "MOB": "Y"},
				Contacts: []Preset{{Passport: "alice@example.com", Lists: msn.ForwardList | msn.AllowList}},
			},
			{Passport: "carol@example.com", Password: "carol", FriendlyName: "Carol"},
			{
				Passport: "dave@example.com", Password: "dave", FriendlyName: "Dave",
				Contacts: []Preset{{Passport: "alice@example.com", Lists: msn.ForwardList | msn.AllowList}},
			},
			{
				Passport: "erin@yahoo.example", Network: msn.NetworkYahoo, Password: "erin", FriendlyName: "Erin",
				Friends: []string{"alice@example.com"},
			},
			{
				Passport: "mallory@example.com", Password: "mallory", FriendlyName: "Mallory",
				Contacts: []Preset{{Passport: "alice@example.com", Lists: msn.ForwardList | msn.AllowList}},
			},
		},
	}
}

func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := New(t, fixture())
			play(t, s, string(text))
		})
	}
}

// player plays a dialogue.
type player struct {
	t     *testing.T
	s     *Server
	conns map[string]*raw
	kept  map[string]string
	line  string
	pipes bool // connections in memory, and no HTTP
}

// raw is one plain connection.
type raw struct {
	nc  net.Conn
	in  *bufio.Reader
	all bool // every command has a payload, as in MSNP24
}

func play(t *testing.T, s *Server, script string) *player {
	t.Helper()
	p := &player{t: t, s: s, conns: map[string]*raw{}, kept: map[string]string{}}
	t.Cleanup(func() {
		for _, c := range p.conns {
			_ = c.nc.Close()
		}
	})
	p.play(script)
	return p
}

func (p *player) play(script string) {
	p.t.Helper()
	lines := strings.Split(strings.Trim(script, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p.line = fmt.Sprintf("line %d, %q", i+1, line)
		var payload []string
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], " |") {
			i++
			payload = append(payload, strings.TrimPrefix(strings.TrimPrefix(lines[i], " |"), " "))
		}
		p.step(line, payload != nil, strings.Join(payload, "\r\n"))
	}
}

func (p *player) step(line string, hasPayload bool, payload string) {
	p.t.Helper()
	who, rest, _ := strings.Cut(line, " ")
	c := p.conn(who)
	switch {
	case rest == "closed":
		if got, _, err := c.read(); err != io.EOF {
			p.t.Fatalf("%s: got %q, %v", p.line, got, err)
		}
		_ = c.nc.Close()
		delete(p.conns, who)
	case rest == "hangs up":
		_ = c.nc.Close()
		delete(p.conns, who)
	case strings.HasPrefix(rest, "signs in "):
		p.signIn(who, strings.TrimPrefix(rest, "signs in "))
	case strings.HasPrefix(rest, "lists "):
		p.lists(who, strings.TrimPrefix(rest, "lists "))
	case strings.HasPrefix(rest, "C: "):
		text := p.fill(strings.TrimPrefix(rest, "C: "))
		if hasPayload {
			text = strings.Replace(text, "#", strconv.Itoa(len(p.fill(payload))), 1)
		}
		text += "\r\n" + p.fill(payload)
		if _, err := c.nc.Write([]byte(text)); err != nil {
			p.t.Fatalf("%s: %v", p.line, err)
		}
	case strings.HasPrefix(rest, "S: "):
		p.expect(c, strings.TrimPrefix(rest, "S: "), hasPayload, payload)
	default:
		p.t.Fatalf("%s: what does this mean?", p.line)
	}
}

// passwords are those of the fixture.
var passwords = map[string]string{
	"alice": "secret", "bob": "builder:yes", "carol": "carol", "dave": "dave", "mallory": "mallory", "erin": "erin",
}

// addressOf is the account of a name in a dialogue.
func addressOf(name string) string {
	if name == "erin" {
		return "erin@yahoo.example"
	}
	return name + "@example.com"
}

// signIn plays a whole sign-in, without CHG.
func (p *player) signIn(who, version string) {
	p.t.Helper()
	name, _, _ := strings.Cut(who, ":")
	number, err := strconv.Atoi(strings.TrimPrefix(version, "MSNP"))
	if err != nil {
		p.t.Fatal(err)
	}
	script := "{x} C: VER 1 {v}\n{x} S: VER 1 {v}\n{x} C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS {a}\n{x} S: CVR 2 ...\n"
	if number < 8 {
		script += "{x} C: USR 3 MD5 I {a}\n{x} S: USR 3 MD5 S ${x}\n{x} C: USR 4 MD5 S md5(${x},{p})\n{x} S: USR 4 OK {a} ...\n"
	} else {
		gcf := ""
		if number >= 13 {
			gcf = "{x} S: GCF 0 #\n"
		}
		switch {
		case number < 15:
			script += "{x} C: USR 3 TWN I {a}\n" + gcf + "{x} S: USR 3 TWN S *\n{x} C: USR 4 TWN S ticket({a},{p})\n"
		case number < 16:
			script += "{x} C: USR 3 SSO I {a}\n" + gcf + "{x} S: USR 3 SSO S MBI_KEY_OLD ${x}\n{x} C: USR 4 SSO S sso(${x},{a},{p})\n"
		default:
			script += "{x} C: USR 3 SSO I {a}\n" + gcf + "{x} S: USR 3 SSO S MBI_KEY_OLD ${x}\n{x} C: USR 4 SSO S sso(${x},{a},{p}) {guid({who})}\n"
		}
		script += "{x} S: USR 4 OK {a} ...\n"
	}
	switch {
	case number >= 21:
		script += "{x} S: CHL 0 *\n{x} S: NFY PUT #\n"
	case number >= 11:
		script += "{x} S: SBS 0 null\n"
	}
	script += "{x} S: MSG Hotmail Hotmail #"
	if number >= 16 && number < 21 && !strings.Contains(who, ":") { // a further endpoint gets more, each test says what
		script += "\n{x} S: UBX ..."
	}
	kept := strings.ReplaceAll(who, ":", "")
	delete(p.kept, kept)
	p.play(strings.NewReplacer("${x}", "$"+kept, "{who}", who, "{x}", who, "{v}", version, "{a}", addressOf(name), "{p}", passwords[name]).Replace(script))
}

func (p *player) expect(c *raw, want string, hasPayload bool, payload string) {
	p.t.Helper()
	got, body, err := c.read()
	if err != nil {
		p.t.Fatalf("%s: %v", p.line, err)
	}
	want, payload = p.compute(want), p.compute(payload)
	if hasPayload {
		want = strings.Replace(want, "#", strconv.Itoa(len(payload)), 1)
		if string(body) != payload {
			p.t.Fatalf("%s: got payload %q", p.line, body)
		}
	} else if body != nil && strings.HasSuffix(want, " #") {
		want = strings.TrimSuffix(want, "#") + strconv.Itoa(len(body))
	}
	wants, gots := strings.Split(want, " "), strings.Split(got, " ")
	for i, w := range wants {
		if w == "..." {
			return
		}
		if i >= len(gots) {
			p.t.Fatalf("%s: got %q", p.line, got)
		}
		name, kept := strings.CutPrefix(w, "$")
		switch old, known := p.kept[name]; {
		case w == "*":
		case kept && !known:
			p.kept[name] = gots[i]
		case kept && old == gots[i], w == gots[i]:
		default:
			p.t.Fatalf("%s: got %q", p.line, got)
		}
	}
	if len(gots) != len(wants) {
		p.t.Fatalf("%s: got %q", p.line, got)
	}
}

func (p *player) conn(who string) *raw {
	p.t.Helper()
	if c := p.conns[who]; c != nil {
		return c
	}
	to := notification
	if _, suffix, ok := strings.Cut(who, ":"); ok && strings.HasPrefix(suffix, "sb") {
		to = switchboards
	} else if suffix == "ds" {
		to = dispatch
	} else if suffix == "24" {
		to = messenger24
	}
	if p.pipes {
		near, far := net.Pipe()
		p.s.accept(to, far)
		p.conns[who] = &raw{nc: near, in: newReader(near)}
	} else {
		p.conns[who] = dialRaw(p.t, p.s.listening.addr(to))
	}
	p.conns[who].all = to == messenger24
	return p.conns[who]
}

func dialRaw(t testing.TB, addr string) *raw {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &raw{nc: nc, in: bufio.NewReader(nc)}
}

func newReader(nc net.Conn) *bufio.Reader { return bufio.NewReader(nc) }

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// read reads a line, and its payload if it has one (core.md 2.3).
func (c *raw) read() (string, []byte, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		if line != "" {
			err = fmt.Errorf("half a line: %q", line)
		}
		return "", nil, err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", nil, fmt.Errorf("line %q without CR LF", line)
	}
	if c.all {
		return c.payload(line)
	}
	switch line[:min(3, len(line))] {
	case "ADL", "RML", "FQY", "PUT", "DEL":
		if fields := strings.Fields(line); strings.Trim(fields[len(fields)-1], "0123456789") != "" {
			return line, nil, nil // OK
		}
		return c.payload(line)
	case "201", "204", "208", "210", "240", "241", "933":
		if strings.Count(line, " ") > 1 {
			return c.payload(line)
		}
	case "MSG", "NOT", "IPG", "GCF", "UBX", "UBN", "UBM", "NFY", "SDG":
		return c.payload(line)
	}
	return line, nil, nil
}

// payload reads what follows a line.
func (c *raw) payload(line string) (string, []byte, error) {
	size, err := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
	if err != nil {
		return "", nil, fmt.Errorf("line %q: %w", line, err)
	}
	body := make([]byte, size)
	_, err = io.ReadFull(c.in, body)
	return line, body, err
}

var (
	calls = regexp.MustCompile(`(md5|ticket|sso|sha|guid|qry)\(([^()]*)\)`)
	names = regexp.MustCompile(`\$[a-z0-9]+`)
)

// fill puts in what is kept and computed.
func (p *player) fill(text string) string {
	p.t.Helper()
	text = names.ReplaceAllStringFunc(text, func(name string) string {
		value, known := p.kept[name[1:]]
		if !known {
			p.t.Fatalf("%s: %s is not known", p.line, name)
		}
		return value
	})
	return p.compute(text)
}

// compute puts in what is computed.
func (p *player) compute(text string) string {
	return calls.ReplaceAllStringFunc(text, func(call string) string {
		parts := calls.FindStringSubmatch(call)
		first, second, _ := strings.Cut(parts[2], ",")
		switch parts[1] {
		case "md5":
			return md5Hex(first + second)
		case "ticket":
			if p.pipes {
				p.s.mu.Lock()
				defer p.s.mu.Unlock()
				return p.s.newTicket(first)
			}
			return logIn(p.t, p.s, first, second)
		case "sso":
			nonce := first
			passport, password, _ := strings.Cut(second, ",")
			ticket, secret := p.clearTicket(passport, password)
			return ticket + " " + prove(secret, nonce)
		case "sha":
			p.s.mu.Lock()
			defer p.s.mu.Unlock()
			return base64.StdEncoding.EncodeToString([]byte(p.s.circleTicket(p.s.accounts[first])))
		case "guid":
			return machineOf(first)
		default:
			key, ok := msn.ProductKeyOf(second)
			if !ok {
				p.t.Fatalf("%s: no such product", p.line)
			}
			return msn.ChallengeNew(first, second, key)
		}
	})
}

// logIn gets a Passport ticket over HTTP as a client does: nexus, then login.
func logIn(t testing.TB, s *Server, passport, password string) string {
	t.Helper()
	nexus := get(t, s.HTTPURL()+"//rdr/pprdr.asp", "")
	_, login, _ := strings.Cut(nexus.Header.Get("PassportURLs"), "DALogin=")
	login, _, _ = strings.Cut(login, ",")
	answer := get(t, login, authorization(passport, password))
	info := answer.Header.Get("Authentication-Info")
	_, ticket, ok := strings.Cut(info, "from-PP='")
	ticket, _, _ = strings.Cut(ticket, "'")
	if !ok || answer.StatusCode != http.StatusOK {
		t.Fatalf("log in as %s: %s, %q", passport, answer.Status, info)
	}
	return ticket
}

func authorization(passport, password string) string {
	encode := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		return b.String()
	}
	return "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom,sign-in=" + encode(passport) + ",pwd=" +
		encode(password) + ",lc=1033,id=507,tw=40"
}

func get(t testing.TB, url, authorization string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body) // only the header matters
	_ = answer.Body.Close()
	return answer
}
