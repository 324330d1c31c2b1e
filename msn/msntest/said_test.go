package msntest

import (
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// one is a list document about one person of example.com.
func one(name, bits string) string {
	return "<ml><d n=\"example.com\"><c n=\"" + name + "\" l=\"" + bits + "\" t=\"1\"/></d></ml>"
}

// said is a change of lists by a session, and its answer.
func (p *player) said(who, verb, trid, name, bits string) {
	p.t.Helper()
	p.play(who + " C: " + verb + " " + trid + " #\n | " + one(name, bits) + "\n" + who + " S: " + verb + " " + trid + " OK")
}

// TestBlockedInSession blocks by ADL and RML alone: what they say holds until the address book or another word says otherwise,
// and no longer than the session (core.md 7.1, 7.5, 8.8).
func TestBlockedInSession(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears("bob")
	p.play("alice signs in MSNP12\nalice C: CHG 6 NLN 0\nalice S: CHG 6 NLN 0\nalice S: ILN 6 NLN bob@example.com Bob 0\nalice S: MSG Hotmail Hotmail #\nalice S: CHL 0 *\n" +
		"alice C: XFR 7 SB\nalice S: XFR 7 SB * CKI $c\nalice:sb C: USR 1 alice@example.com $c\nalice:sb S: USR 1 OK ...")
	const seen = "alice S: NLN NLN bob@example.com Bob 0"
	const gone = "alice S: FLN bob@example.com"
	// blocked, and allowed again
	p.said("bob", "RML", "7", "alice", "2")
	p.play("alice C: PNG\nalice S: QNG 50")
	p.said("bob", "ADL", "8", "alice", "4")
	p.play(gone + "\nalice:sb C: CAL 2 bob@example.com\nalice:sb S: 217 2")
	if a := s.Account("bob@example.com"); !a.On("alice@example.com", msn.AllowList) || a.On("alice@example.com", msn.BlockList) {
		t.Errorf("what is kept has changed: %+v", a.Contacts)
	}
	p.said("bob", "RML", "9", "alice", "4")
	p.play(seen)
	// on neither list, so the policy decides
	p.play("bob C: BLP 10 BL\nbob S: BLP 10 BL\n" + gone)
	p.said("bob", "ADL", "11", "alice", "2")
	p.play(seen)
	p.said("bob", "RML", "12", "alice", "2")
	p.play(gone + "\nbob C: BLP 13 AL\nbob S: BLP 13 AL\n" + seen)
	// with the session goes what it said
	p.said("bob", "ADL", "14", "alice", "4")
	p.play(gone + "\nbob C: OUT\nbob closed")
	waitUntil(t, s, func() bool { return len(s.accounts["bob@example.com"].sessions) == 0 })
	p.appears("bob")
	p.play(seen)
}

// TestAddedInSession adds somebody by ADL alone: their presence comes, and they are told, until RML or the end of the session.
func TestAddedInSession(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears("carol")
	p.play("dave signs in MSNP15\ndave lists alice=3\ndave C: CHG 6 NLN 0\ndave S: CHG 6 NLN 0\ndave S: MSG Hotmail Hotmail #\ndave S: CHL 0 *")
	const added = "carol S: ADL 0 #\n | <ml><d n=\"example.com\"><c n=\"dave\" t=\"1\" l=\"8\" f=\"Dave\"/></d></ml>\ncarol S: NOT #"
	const removed = "carol S: RML 0 #\n | <ml><d n=\"example.com\"><c n=\"dave\" t=\"1\" l=\"8\"/></d></ml>\ncarol S: NOT #"
	p.said("dave", "ADL", "7", "carol", "3")
	p.play("dave S: ILN 7 NLN carol@example.com 1 Carol 0\n" + added)
	if !s.Account("carol@example.com").On("dave@example.com", msn.PendingList) {
		t.Error("carol does not know that dave has added her")
	}
	p.play("carol C: CHG 8 BSY 0:0\ncarol S: CHG 8 BSY 0:0\ncarol S: NLN BSY 1:carol@example.com ...\ndave S: NLN BSY carol@example.com 1 Carol 0")
	p.said("dave", "RML", "9", "carol", "1")
	p.play(removed)
	p.said("dave", "ADL", "10", "carol", "1")
	p.play("dave S: ILN 10 BSY carol@example.com 1 Carol 0\n" + added)
	// she does not allow him
	p.said("carol", "ADL", "11", "dave", "4")
	p.play("dave S: FLN carol@example.com 1 0\ndave C: OUT\ndave closed\n" + removed)
	if a := s.Account("carol@example.com"); a.On("dave@example.com", msn.PendingList) || a.On("dave@example.com", msn.ReverseList) {
		t.Errorf("dave is still there: %+v", a.Contacts)
	}
}

// TestInitialList is a first ADL that names somebody of whom the address book knows nothing: neither it nor what takes it back changes the
// other's lists.
func TestInitialList(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "")
	p.appears("carol")
	p.play("dave signs in MSNP15\ndave lists carol=3\ndave C: CHG 6 NLN 0\ndave S: CHG 6 NLN 0\ndave S: ILN 6 NLN carol@example.com 1 Carol 0\n" +
		"dave S: MSG Hotmail Hotmail #\ndave S: CHL 0 *")
	p.said("dave", "RML", "7", "carol", "1")
	p.said("dave", "ADL", "8", "alice", "3")
	p.play("dave C: OUT\ndave closed\ncarol C: PNG\ncarol S: QNG 50")
	if a := s.Account("carol@example.com"); a.On("dave@example.com", msn.PendingList) || a.On("dave@example.com", msn.ReverseList) {
		t.Errorf("dave is on her lists: %+v", a.Contacts)
	}
}

// TestLastWord is the address book and several sessions speaking of the same person in turn.
func TestLastWord(t *testing.T) {
	s := New(t, fixture())
	member := func(verb, role string) string {
		return "@bob sharing " + verb + "\n > <memberships><Membership><MemberRole>" + role +
			"</MemberRole><Members><Member><PassportName>alice@example.com</PassportName></Member></Members></Membership></memberships>\n"
	}
	w := playWeb(t, s, "")
	w.play("bob:a signs in MSNP18\nbob:a S: UBX 1:bob@example.com 0\nbob:a lists alice=3\nbob:a C: CHG 6 NLN 0:0\nbob:a S: CHG 6 NLN 0:0\nbob:a S: NLN ...\nbob:a S: MSG Hotmail Hotmail #\nbob:a S: CHL 0 *\n" +
		"alice signs in MSNP12\nalice C: CHG 6 NLN 0\nalice S: CHG 6 NLN 0\nalice S: ILN 6 NLN bob@example.com Bob 0\nalice S: MSG Hotmail Hotmail #\nalice S: CHL 0 *\nbob:a S: NLN NLN 1:alice@example.com ...")
	const seen = "alice S: NLN NLN bob@example.com Bob 0\n"
	const gone = "alice S: FLN bob@example.com\n"
	const same = "alice C: PNG\nalice S: QNG 50\n"
	const noted = "bob:a S: NOT #\n"
	// the address book first, then the session, as clients do
	w.playWeb(member("DeleteMember", "Allow") + "@200\n" + noted + member("AddMember", "Block") + "@200\n" + noted + gone)
	w.said("bob:a", "RML", "7", "alice", "2")
	w.said("bob:a", "ADL", "8", "alice", "4")
	w.playWeb(same + member("DeleteMember", "Block") + "@200\n" + noted + seen)
	// the session first: it is only that which allows, and then only that which blocks
	w.said("bob:a", "ADL", "9", "alice", "4")
	w.playWeb(gone + member("AddMember", "Allow") + "@200\n" + noted + seen)
	w.said("bob:a", "ADL", "10", "alice", "4")
	w.playWeb(gone + member("AddMember", "Allow") + "@500\n = >MemberAlreadyExists<\n" + seen)
	w.said("bob:a", "ADL", "11", "alice", "4")
	w.playWeb(gone + member("DeleteMember", "Allow") + "@200\n" + noted + same)
	w.playWeb(member("AddMember", "Block") + "@200\n" + noted + same + member("DeleteMember", "Block") + "@200\n" + noted + seen)
	// two places: the newer word holds, and with its session gone the older one
	w.said("bob:a", "ADL", "12", "alice", "4")
	w.play(gone + "bob:b signs in MSNP18\nbob:b S: UBX 1:bob@example.com #\nbob:b S: NLN ...\nbob:a S: UBX 1:bob@example.com #\nbob:b lists alice=3\n" + seen + "bob:b hangs up\n" + gone)
}
