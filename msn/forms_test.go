package msn

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// TestDialects compares the dialects with the golden table, one row each.
func TestDialects(t *testing.T) {
	var b strings.Builder
	for _, v := range append(Versions(), MSNP24) {
		d := dialectOf(v)
		fmt.Fprintf(&b, "%s auth=%T roster=%v cvr=%d presence=%d challenge=%d name=%t groups=%t pending=%t reverse=%t psm=%d offline=%d chunks=%t signals=%t networks=%t endpoints=%t chat=%T sdg=%d circles=%t documents=%t tickets=%v %s/%s %s %#x\n",
			v, d.auth, d.roster, d.cvr, d.presence, d.challenge, d.nameInSignIn, d.groups, d.pending, d.reverse,
			d.personal, d.offline, d.chunks, d.signals, d.networks, d.endpoints, d.chat, d.sdg, d.circles, d.documents, d.tickets, d.clientName, d.clientVersion, d.productID, d.capabilities)
	}
	path := filepath.Join("testdata", "dialects.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestVersionWords reads version names.
func TestVersionWords(t *testing.T) {
	for _, v := range Versions() {
		for _, s := range []string{v.String(), strings.ToLower(v.String())} {
			if got, err := ParseVersion(s); err != nil || got != v {
				t.Errorf("ParseVersion(%q) = %v, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{"", "MSNP", "MSNP1", "MSNP012", "MSNP+2", "MSNP99", "CVR0", "12"} {
		if got, err := ParseVersion(s); err == nil {
			t.Errorf("ParseVersion(%q) = %v", s, got)
		}
	}
}

// TestReadEdits reads the replies and pushes of core.md 7.3 and 7.4, and Escargot's spellings.
func TestReadEdits(t *testing.T) {
	const guid, contact = "33333333-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000001"
	numeric, guids := synRoster{bitmaskLines, numericEdits}, synRoster{guidLines, guidEdits}
	cases := []struct {
		roster synRoster
		line   string
		want   change
	}{
		{numeric, "ADD 7 FL 256 bob@example.com Bob%20B 2", change{kind: added, list: ForwardList, passport: "bob@example.com", name: "Bob B", groups: []string{"2"}}},
		{numeric, "ADD 0 RL 31 Alice@example.com Alice", change{kind: added, list: ReverseList, passport: "alice@example.com", name: "Alice"}},
		{numeric, "REM 9 FL 257 bob@example.com", change{kind: removed, list: ForwardList, passport: "bob@example.com"}},
		{numeric, "REM 9 FL 257 bob@example.com 2", change{kind: removed, list: ForwardList, passport: "bob@example.com", groups: []string{"2"}}},
		{numeric, "REM 0 RL 32 alice@example.com", change{kind: removed, list: ReverseList, passport: "alice@example.com"}},
		{numeric, "ADG 10 258 Work 2 0", change{kind: groupAdded, group: Group{"2", "Work"}}},
		{numeric, "REG 12 260 2 Job 0", change{kind: groupRenamed, group: Group{"2", "Job"}}},
		{numeric, "RMG 11 259 2", change{kind: groupRemoved, group: Group{ID: "2"}}},
		{numeric, "REA 13 261 bob@example.com Al", change{kind: renamed, passport: "bob@example.com", name: "Al"}},
		{numeric, "BLP 14 262 BL", change{kind: policy, value: "BL"}},
		{numeric, "BPR 40 bob@example.com PHH 555", change{kind: phone, passport: "bob@example.com", key: "PHH", value: "555"}},
		{numeric, "BPR 255 PHH 555", change{kind: phone, key: "PHH", value: "555"}},
		{guids, "ADC 7 FL N=bob@example.com F=Bob C=" + contact, change{kind: added, list: ForwardList, passport: "bob@example.com", name: "Bob", id: contact}},
		{guids, "ADC 8 FL C=" + contact + " " + guid, change{kind: added, list: ForwardList, id: contact, groups: []string{guid}}},
		{guids, "ADC 0 RL N=alice@example.com F=Alice", change{kind: added, list: ReverseList, passport: "alice@example.com", name: "Alice"}},
		{guids, "REM 10 FL " + contact, change{kind: removed, list: ForwardList, id: contact}},
		{guids, "REM 11 FL " + contact + " " + guid, change{kind: removed, list: ForwardList, id: contact, groups: []string{guid}}},
		{guids, "REM 12 AL bob@example.com", change{kind: removed, list: AllowList, passport: "bob@example.com"}},
		{guids, "ADG 13 Work " + guid, change{kind: groupAdded, group: Group{guid, "Work"}}},
		{guids, "ADG 13 Work " + guid + " 0", change{kind: groupAdded, group: Group{guid, "Work"}}},
		{guids, "REG 14 " + guid + " Job", change{kind: groupRenamed, group: Group{guid, "Job"}}},
		{guids, "REG 14 1 Job " + guid + " 0", change{kind: groupRenamed, group: Group{guid, "Job"}}},
		{guids, "RMG 15 " + guid, change{kind: groupRemoved, group: Group{ID: guid}}},
		{guids, "RMG 15 1 " + guid, change{kind: groupRemoved, group: Group{ID: guid}}},
		{guids, "SBP 17 " + contact + " MFN Bobby", change{kind: renamed, id: contact, name: "Bobby"}},
		{guids, "PRP 16 MFN Al%20A", change{kind: ownName, name: "Al A"}},
		{guids, "PRP 16 PHH 555", change{}},
		{guids, "BPR bob@example.com PHM tel:+15550100", change{kind: phone, passport: "bob@example.com", key: "PHM", value: "tel:+15550100"}},
		{guids, "LST N=x@example.com 4", change{kind: listLine, list: BlockList, passport: "x@example.com"}},
		{guids, "LST N=x@example.com F=X C=" + contact + " 11 32 " + guid, change{kind: listLine, list: 11, network: 32, passport: "x@example.com", name: "X", id: contact, groups: []string{guid}}},
		{guids, "ADD 7 ZZ 1 bob@example.com Bob", change{}},
		{guids, "ADC 7 FL", change{}},
		{guids, "REM 7 FL", change{}},
		{numeric, "REM 7 FL 1", change{}},
	}
	for _, tc := range cases {
		cmd, err := wire.NewReader(strings.NewReader(tc.line+"\r\n"), wire.FromServer).Read()
		if err != nil {
			t.Fatalf("%s: %v", tc.line, err)
		}
		if got := tc.roster.read(cmd); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.line, got, tc.want)
		}
	}
}

// FuzzRosterLines reads any line about the list in every dialect into a roster.
func FuzzRosterLines(f *testing.F) {
	for _, s := range []string{
		"LST bob@example.com Bob 11 0,1", "LST 4 FL 255 1 2 bob@example.com Bob 0,1", "LST 4 BL 255 0 0",
		"LST N=bob@example.com F=Bob C=22222222-0000-4000-8000-000000000001 11 1 11111111-0000-4000-8000-000000000001",
		"BPR PHH 555", "BPR 255 bob@example.com MOB Y", "ADC 0 RL N=a@b F=", "REM 0 FL 1 a@b 2", "ADG 1 1 Work 2 0",
		"REG 14 1 Job 33333333-0000-4000-8000-000000000001 0", "ILN 9 BSY bob@example.com Bob 268435456 0", "SYN 5 a b 1 2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cmd, err := wire.NewReader(strings.NewReader(s+"\r\n"), wire.FromServer).Read()
		if err != nil {
			return
		}
		for _, v := range Versions() {
			d := dialectOf(v)
			r := newRoster()
			r.reset(d, "Alice")
			for range 2 {
				for _, e := range r.apply("alice@example.com", d.roster.read(cmd)) {
					if c, ok := e.(ContactChanged); ok && c.Contact.Passport == "" {
						t.Errorf("%s: a contact without address", v)
					}
				}
			}
			for _, c := range r.all() {
				if c.Passport != strings.ToLower(c.Passport) {
					t.Errorf("%s: %q is not in lower case", v, c.Passport)
				}
			}
			d.presence.read(cmd.Args)
			if syn, ok := d.roster.(synRoster); ok {
				syn.lines.counts(cmd.Args)
				(&burst{form: syn.lines, serial: map[string]bool{}}).saw(cmd)
			}
		}
	})
}

// TestFitName cuts names at a rune.
func TestFitName(t *testing.T) {
	for _, unit := range []string{"a", "é", "☃", "😀", " ", "%"} {
		long := strings.Repeat(unit, 400)
		got := FitName(long)
		if n := len(wire.Encode(got)); n > maxName || n < maxName-12 || !strings.HasPrefix(long, got) || len(got)%len(unit) != 0 {
			t.Errorf("%q: %d encoded bytes, %d raw", unit, n, len(got))
		}
	}
	if got := FitName("Alice A"); got != "Alice A" {
		t.Errorf("%q", got)
	}
}
