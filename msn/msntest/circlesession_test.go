package msntest

import (
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

const club = "00000000-0000-0000-0009-0123456789ab"

// withClub is the fixture with a circle of alice, who made it, bob and carol; dave was invited.
func withClub(t testing.TB) *Server {
	s := New(t, fixture())
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &circle{id: club, name: "Club & Co", owner: "alice@example.com"}
	for name, role := range map[string]msn.CircleRole{
		"alice": msn.RoleAdmin, "bob": msn.RoleMember, "carol": msn.RoleMember, "dave": msn.RoleInvited,
	} {
		state := 3 // accepted (services.md 13.1)
		if role == msn.RoleInvited {
			state = 1
		}
		c.members = append(c.members, &circleMember{
			passport: name + "@example.com", role: int(role), state: state, contactID: guidOf("club", name),
		})
	}
	s.circles[club] = c
	return s
}

// envelope is PUT, DEL or SDG of a dialogue, with the lines of the payload.
func envelope(who, command, to, content string, body string) string {
	name, _, _ := strings.Cut(who, ":")
	lines := []string{who + " C: " + command + " #", "Routing: 1.0", "To: " + to,
		"From: 1:" + name + "@example.com;epid={guid(" + who + ")}", "", "Reliability: 1.0", ""}
	lines = append(lines, strings.Split(content, "|")...)
	lines = append(lines, "", body)
	return strings.Join(lines, "\n | ")
}

// enters plays the way of one member into the club, up to the answer to PUT.
func (p *player) enters(who string) {
	p.t.Helper()
	name, _, _ := strings.Cut(who, ":")
	p.play(strings.ReplaceAll("{x} C: USR 30 SHA A sha("+name+"@example.com)\n{x} S: USR 30 OK "+name+"@example.com 0 0\n"+
		"{x} C: ADL 31 #\n | <ml l=\"1\"><d n=\"live.com\"><c n=\""+club+"\" l=\"3\" t=\"9\"/></d></ml>\n{x} S: ADL 31 OK\n{x} S: NFY PUT #\n", "{x}", who) +
		envelope(who, "PUT 32", "9:"+club+"@live.com", "Publication: 1.0|Uri: /circle|Content-Type: application/circles+xml",
			"<circle><roster><id>IM</id><user><id>1:"+name+"@example.com</id></user></roster></circle>") + "\n" + who + " S: PUT 32 OK 0")
}

// appears plays a sign-in of MSNP18 with nobody on the session's lists.
func (p *player) appears(who string) {
	p.t.Helper()
	p.play(strings.ReplaceAll("{x} signs in MSNP18\n{x} lists mallory=4\n{x} C: CHG 6 NLN 0:0\n{x} S: CHG 6 NLN 0:0\n{x} S: NLN NLN 1:{x}@example.com ...\n"+
		"{x} S: MSG Hotmail Hotmail #\n{x} S: CHL 0 *", "{x}", who))
}

// circleNotice is what NFY of the club carries.
func circleNotice(to, kind, body string) string {
	return " | Routing: 1.0\n | To: 1:" + to + "@example.com;epid={00000000-0000-0000-0000-000000000000}\n | From: 9:" + club + "@live.com\n |\n" +
		" | Reliability: 1.0\n |\n | Notification: 1.0\n | NotifNum: 0\n | Uri: /circle\n | NotifType: " + kind +
		"\n | Content-Type: application/circles+xml\n | Content-Length: " + itoa(len(body)) + "\n |\n | " + body + "\n"
}

func TestCircle(t *testing.T) {
	s := withClub(t)
	p := play(t, s, "")
	p.appears("alice")
	props := `<circle><props><presence dtype="xml"><Data><UTL></UTL><MFN>Club &amp; Co</MFN><PSM></PSM><CurrentMedia></CurrentMedia></Data></presence></props></circle>`
	one := `<circle><roster><id>IM</id><user><id>1:alice@example.com</id></user></roster></circle>`
	p.enters("alice")
	p.play("alice S: NFY PUT #\n" + circleNotice("alice", "Full", props) + "alice S: NFY PUT #\n" + circleNotice("alice", "Partial", one))
	p.appears("bob")
	p.enters("bob")
	p.play("bob S: NFY PUT #\nbob S: NFY PUT #\nalice S: NFY PUT #")
	via := "1:%@example.com;via=9:" + club + "@live.com"
	p.play("bob S: NLN NLN " + strings.Replace(via, "%", "alice", 1) + " Alice%20A 0:0\nbob S: UBX " + strings.Replace(via, "%", "alice", 1) + " #\n" +
		"alice S: NLN NLN " + strings.Replace(via, "%", "bob", 1) + " Bob 0:0\nalice S: UBX " + strings.Replace(via, "%", "bob", 1) + " #\n" +
		"bob C: CHG 40 BSY 0:0\nbob S: CHG 40 BSY 0:0\nalice S: NLN BSY " + strings.Replace(via, "%", "bob", 1) + " Bob 0:0\nbob S: NLN BSY 1:bob@example.com Bob 0:0")
	text := envelope("bob", "SDG 41", "9:"+club+"@live.com;path=IM", "Messaging: 1.0|Content-Type: Text/plain; charset=UTF-8|Message-Type: Text", "hello")
	p.play(text + "\n" + strings.Replace(text, "bob C: SDG 41", "alice S: SDG 0", 1))
	// without path, and from elsewhere
	p.play(strings.Replace(text, ";path=IM", "", 1) + "\nbob S: 201 41\n" + strings.Replace(text, "epid={guid(bob)}", "epid={guid(alice)}", 1) + "\nbob S: 201 41")

	// the circle gets another name by a web service, and bob is removed from it
	s.mu.Lock()
	c := s.circles[club]
	c.name = "Pub"
	for i, m := range c.members {
		if m.passport == "bob@example.com" {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	s.circleChanged(c)
	s.tellBookChanged(s.accounts["alice@example.com"], club)
	s.mu.Unlock()
	p.play("bob S: NFY DEL #\nalice S: FLN " + strings.Replace(via, "%", "bob", 1) + " 0:0\nalice S: NFY DEL #\nalice S: NFY PUT #\nalice S: NOT #\n" +
		text + "\nbob S: 201 41")
	if got := s.Account("alice@example.com").Endpoints; len(got) != 1 || len(got[0].InCircles) != 1 || got[0].InCircles[0] != club {
		t.Errorf("got %+v", got)
	}
}

// TestCircleRules is what is refused on the way into a circle, and leaving it.
func TestCircleRules(t *testing.T) {
	s := withClub(t)
	p := play(t, s, "alice signs in MSNP18")
	adl := func(trid, lists string) string {
		return "alice C: ADL " + trid + " #\n | <ml><d n=\"live.com\"><c n=\"" + club + "\" l=\"" + lists + "\" t=\"9\"/></d></ml>\n"
	}
	refused := " #\n | <ml><d n=\"live.com\"><c n=\"" + club + "\" t=\"9\"/></d></ml>\n"
	put := envelope("alice", "PUT 32", "9:"+club+"@live.com", "Publication: 1.0|Uri: /circle|Content-Type: application/circles+xml",
		"<circle><roster><id>IM</id><user><id>1:alice@example.com</id></user></roster></circle>")
	p.play("alice C: USR 5 SHA A sha(bob@example.com)\nalice S: 935 5\nalice C: USR 6 SHA A *\nalice S: 935 6\nalice C: USR 7 SHA A sha(alice@example.com)\n" +
		"alice S: USR 7 OK alice@example.com 0 0\n" + adl("8", "3") + "alice S: 933 8" + refused + put + "\nalice S: 201 32\nalice lists bob=3\n" +
		put + "\nalice S: 201 32\n" + adl("9", "3") + "alice S: ADL 9 OK\nalice S: NFY PUT #\n" +
		strings.Replace(put, "<id>1:alice", "<id>1:bob", 1) + "\nalice S: 201 32\n" + put + "\nalice S: PUT 32 OK 0\nalice S: NFY PUT #\nalice S: NFY PUT #\n" +
		"alice C: ADL 10 #\n | <ml><d n=\"live.com\"><c n=\"" + club + "\" l=\"3\" t=\"9\"/></d><d n=\"example.com\"><c n=\"bob\" l=\"1\"/></d></ml>\nalice S: 241 10\n" +
		strings.Replace(put, "PUT 32", "PUT 33", 1) + "\nalice S: PUT 33 OK 0\nalice S: NFY PUT #\nalice S: NFY PUT #\n" +
		// blocking it ends the part in it, as does RML
		adl("11", "4") + "alice S: ADL 11 OK\n" + put + "\nalice S: 201 32\n" + adl("12", "3") + "alice S: ADL 12 OK\nalice S: NFY PUT #\n" +
		put + "\nalice S: PUT 32 OK 0\nalice S: NFY PUT #\nalice S: NFY PUT #\n" + strings.Replace(adl("13", "3"), "ADL", "RML", 1) + "alice S: RML 13 OK\n" +
		put + "\nalice S: 201 32\ndave signs in MSNP18\ndave lists alice=3\ndave C: USR 6 SHA A sha(dave@example.com)\ndave S: USR 6 OK dave@example.com 0 0\n" +
		strings.Replace(adl("14", "3"), "alice", "dave", 1) + "dave S: 933 14 #\n" + strings.SplitN(refused, "\n", 2)[1])
	if got := s.Account("alice@example.com").Endpoints; len(got[0].InCircles) != 0 {
		t.Errorf("got %+v", got)
	}
	p.play("alice C: USR 40 SSO I alice@example.com\nalice S: 207 40\nbob signs in MSNP16\nbob C: USR 40 SHA A x\nbob S: 207 40\nbob C: PUT 41 0\nbob closed")
}

// TestCircleLeaving is every way to take part no more.
func TestCircleLeaving(t *testing.T) {
	s := withClub(t)
	p := play(t, s, "")
	p.appears("alice")
	p.enters("alice")
	p.play("alice S: NFY PUT #\nalice S: NFY PUT #")
	p.appears("bob")
	via := "1:bob@example.com;via=9:" + club + "@live.com"
	come := "bob S: NFY PUT #\nbob S: NFY PUT #\nalice S: NFY PUT #\nbob S: NLN ...\nbob S: UBX 1:alice@example.com;via=9:" + club + "@live.com #\nalice S: NLN NLN " + via +
		" ...\nalice S: UBX " + via + " #\n"
	gone := "alice S: FLN " + via + " 0:0\nalice S: NFY DEL #\n | Routing: 1.0\n | To: 1:alice@example.com;epid={00000000-0000-0000-0000-000000000000}\n" +
		" | From: 9:" + club + "@live.com\n |\n | Reliability: 1.0\n |\n | Notification: 1.0\n | NotifNum: 2\n" +
		" | Uri: /circle/roster(IM)/user(1:bob@example.com)\n | NotifType: Partial\n | Content-Type: application/circles+xml\n | Content-Length: 0\n |\n |\n"
	p.enters("bob")
	p.play(come + envelope("bob", "DEL 50", "9:"+club+"@live.com", "Publication: 1.0|Uri: /circle/roster(IM)/user(1:bob@example.com)", "") +
		"\nbob S: DEL 50 OK 0\n" + gone + envelope("bob", "DEL 50", "9:"+club+"@live.com", "Publication: 1.0|Uri: /circle/roster(IM)/user(1:bob@example.com)", "") + "\nbob S: 201 50")
	p.enters("bob")
	p.play(come + "bob hangs up\n" + gone)
	p.appears("bob")
	p.enters("bob")
	// hiding is being offline, but one still takes part
	p.play(come + "bob C: CHG 51 HDN 0:0\nbob S: CHG 51 HDN 0:0\nalice S: FLN " + via + " 0:0")
}
