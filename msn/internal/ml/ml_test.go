package ml

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestInitial spells the first documents as core.md 7.5 has them.
func TestInitial(t *testing.T) {
	cases := []struct {
		name     string
		contacts []Contact
		form     Form
		want     string
	}{
		{"empty", nil, Plain, `<ml l="1"></ml>`},
		{"by domain", []Contact{
			{1, "bob@example.com", 3, ""}, {32, "erin@yahoo.example", 3, ""}, {1, "dave@example.com", 4, ""},
		}, Plain, `<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/><c n="dave" l="4" t="1"/></d><d n="yahoo.example"><c n="erin" l="3" t="32"/></d></ml>`},
		{"phones", []Contact{{4, "tel:+15550100", 3, ""}}, Plain, `<ml l="1"><t><c n="tel:+15550100" l="3"/></t></ml>`},
		{"never RL or PL", []Contact{{1, "bob@example.com", 31 &^ 4, ""}}, Plain, `<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d></ml>`},
		{"services", []Contact{{1, "bob@example.com", 3, ""}}, Services,
			`<ml l="1"><d n="example.com"><c n="bob" t="1"><s l="3" n="IM"/><s l="3" n="PE"/><s l="3" n="PF"/></c></d></ml>`},
		{"escaped", []Contact{{1, `a"&<b@example.com`, 1, ""}}, Plain, `<ml l="1"><d n="example.com"><c n="a&#34;&amp;&lt;b" l="1" t="1"/></d></ml>`},
	}
	for _, c := range cases {
		got := Initial(c.contacts, c.form)
		if len(got) != 1 || string(got[0]) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestInitialSplits keeps the limits, loses nobody and says nobody twice.
func TestInitialSplits(t *testing.T) {
	var contacts []Contact
	want := map[string]bool{}
	for i := range 3000 {
		c := Contact{Network: 1, Account: fmt.Sprintf("%s%d@d%d.example.com", strings.Repeat("long", i%20), i, i%37), Lists: 3}
		contacts = append(contacts, c)
		want[c.Account] = true
	}
	for _, form := range []Form{Plain, Services} {
		got := map[string]bool{}
		for _, document := range Initial(contacts, form) {
			if len(document) > 7500 {
				t.Errorf("a document has %d bytes", len(document))
			}
			read, err := Read(document)
			if err != nil || len(read) > maxContacts {
				t.Fatalf("%d contacts, %v", len(read), err)
			}
			for _, c := range read {
				if got[c.Account] || c.Lists != 3 || c.Network != 1 {
					t.Errorf("%+v twice or changed", c)
				}
				got[c.Account] = true
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d of %d contacts", len(got), len(want))
		}
	}
}

// TestRead reads what servers push and refuse with.
func TestRead(t *testing.T) {
	cases := []struct {
		payload string
		want    []Contact
		broken  bool
	}{
		{`<ml><d n="example.com"><c n="Bob" t="1" l="8" f="Bob%20B"/></d></ml>`, []Contact{{1, "bob@example.com", 8, "Bob B"}}, false},
		{`<ml><d n="example.com"><c n="bob"/></d><d n="yahoo.example"><c n="erin" t="32"/></d></ml>`,
			[]Contact{{1, "bob@example.com", 0, ""}, {32, "erin@yahoo.example", 0, ""}}, false},
		{`<ml><t><c n="tel:+15550100" l="1"/></t></ml>`, []Contact{{4, "tel:+15550100", 1, ""}}, false},
		{`<ml><d n="example.com"><c n="bob" t="1"><s l="3" n="IM"/><s l="1" n="PE"/></c></d></ml>`, []Contact{{1, "bob@example.com", 3, ""}}, false},
		{`<ml><d n="example.com"><c n="bob" f="100%"/></d></ml>`, []Contact{{1, "bob@example.com", 0, "100%"}}, false},
		{`<ml><d n="example.com"><c n="bob" l="x" t="-1"/><c/></d>`, []Contact{{1, "bob@example.com", 0, ""}}, true},
		{`<ml><d n="example.com"><c n="" t="1"/></d><t><c n="@"/><c n="@x" t="4"/></t></ml>`, nil, false},
		{"", nil, false},
		{strings.Repeat("<d>", 20), nil, true},
	}
	for _, c := range cases {
		got, err := Read([]byte(c.payload))
		if !reflect.DeepEqual(got, c.want) || (err != nil) != c.broken {
			t.Errorf("%s: got %+v, %v", c.payload, got, err)
		}
	}
}

// TestOthers spells the documents about one address.
func TestOthers(t *testing.T) {
	for want, got := range map[string][]byte{
		`<ml><d n="example.com"><c n="bob" l="2" t="1"/></d></ml>`:                                                                    Change(Contact{1, "bob@example.com", 2, ""}, Plain),
		`<ml><d n="yahoo.example"><c n="erin"/></d></ml>`:                                                                             Query("erin@yahoo.example"),
		`<ml><d n="example.com"><c n="alice" t="1"><s l="3" n="IM"/><s l="3" n="PE"/><s l="3" n="PD"/><s l="3" n="PF"/></c></d></ml>`: Self("alice@example.com"),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzRead reads anything without panic, and what was read once is read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`<ml l="1"><d n="example.com"><c n="bob" l="3" t="1"/></d><t><c n="tel:+1" l="1"/></t></ml>`))
	f.Add([]byte(`<ml><d n="a"><c n="b" t="1"><s l="3" n="IM"/></c></d>`))
	f.Add([]byte(`<ml><d n="a"><c n="b"/></d><t><c n="@"/><c n="@a" t="4"/></t></ml>`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		all, err := Read(payload)
		if err != nil {
			return
		}
		n := 0
		for _, document := range Initial(all, Plain) {
			again, err := Read(document)
			if err != nil {
				t.Fatalf("%s: %v", document, err)
			}
			n += len(again)
		}
		if n != len(all) {
			t.Fatalf("%d contacts became %d", len(all), n)
		}
	})
}
