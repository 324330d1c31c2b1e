package userdoc

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const guid = "b171be3e-0000-4000-8000-000000000001"

// pushed is what core.md 13.2 shows.
const pushed = `<user><s n="IM"><Status>BSY</Status></s><sep n="IM" epid="{` + guid + `}"><Capabilities>1:2</Capabilities></sep></user>`

func TestUser(t *testing.T) {
	cases := []struct {
		doc  string
		want User
		back string // "" for doc
	}{
		{pushed, User{[]Part{
			{Service: "IM", Fields: []Field{{"Status", "BSY"}}},
			{Service: "IM", PerEndpoint: true, Endpoint: guid, Fields: []Field{{"Capabilities", "1:2"}}},
		}}, ""},
		{`<user><s n="PF" ts="2011-04-16T06:00:58Z"></s></user>`, User{[]Part{{Service: "PF", Changed: "2011-04-16T06:00:58Z"}}},
			`<user><s n="PF" ts="2011-04-16T06:00:58Z"/></user>`},
		{`<user><s n="IM"/><sep n="IM" epid="{` + strings.ToUpper(guid) + `}"/></user>`, User{[]Part{
			{Service: "IM"}, {Service: "IM", PerEndpoint: true, Endpoint: guid},
		}}, `<user><s n="IM"/><sep n="IM" epid="{` + guid + `}"/></user>`},
		{`<user><sep n="PD"><ClientType>1</ClientType><EpName>A &amp; B</EpName><Idle/></sep></user>`, User{[]Part{
			{Service: "PD", PerEndpoint: true, Fields: []Field{{"ClientType", "1"}, {"EpName", "A & B"}, {"Idle", ""}}},
		}}, `<user><sep n="PD"><ClientType>1</ClientType><EpName>A &amp; B</EpName><Idle></Idle></sep></user>`},
		{`<user></user>`, User{}, ""},
		{`<user/>`, User{}, `<user></user>`},
		// What servers were seen to make of texts that nobody had escaped.
		{"<?xml version='1.0'?>\r\n<user>\r\n <s n = 'PE' ><PSM>a < b &amp; <3 &x \x01</PSM>\r\n<FriendlyName>B&#x26;&#66;</FriendlyName></s></user>",
			User{[]Part{{Service: "PE", Fields: []Field{{"PSM", "a < b & <3 &x \x01"}, {"FriendlyName", "B&B"}}}}},
			`<user><s n="PE"><PSM>a &lt; b &amp; &lt;3 &amp;x </PSM><FriendlyName>B&amp;B</FriendlyName></s></user>`},
		{`<user><s n="PE"><PSM><![CDATA[</PSM> <b>]]></PSM></s></user>`, User{[]Part{{Service: "PE", Fields: []Field{{"PSM", "</PSM> <b>"}}}}},
			`<user><s n="PE"><PSM>&lt;/PSM&gt; &lt;b&gt;</PSM></s></user>`},
		{`<user><s n="PE"><PSM>cut</s><s n="IM"><Status>NLN`, User{[]Part{
			{Service: "PE", Fields: []Field{{"PSM", "cut"}}}, {Service: "IM", Fields: []Field{{"Status", "NLN"}}},
		}}, `<user><s n="PE"><PSM>cut</PSM></s><s n="IM"><Status>NLN</Status></s></user>`},
	}
	for _, tc := range cases {
		got, err := ParseUser([]byte(tc.doc))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tc.doc, got, err, tc.want)
		}
		if tc.back == "" {
			tc.back = tc.doc
		}
		if written := string(got.Append(nil)); written != tc.back {
			t.Errorf("%s:\nwritten %s\nwant    %s", tc.doc, written, tc.back)
		}
	}
}

func TestUserBounds(t *testing.T) {
	for doc, want := range map[string]error{
		"": ErrNoDocument, "hello": ErrNoDocument, "<circle/>": ErrNoDocument,
		"<user>" + strings.Repeat(`<s n="IM"/>`, 257):                              ErrTooMany,
		`<user><s n="IM">` + strings.Repeat("<A>b</A>", 65):                        ErrTooMany,
		"<user>" + strings.Repeat(`<s n="IM"/>`, 256):                              nil,
		"<user>" + strings.Repeat("<", 10000) + strings.Repeat("<![CDATA[", 10000): nil,
	} {
		if _, err := ParseUser([]byte(doc)); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", doc, err, want)
		}
	}
	p := Part{Fields: []Field{{"A", "1"}}}
	if v, ok := p.Get("A"); v != "1" || !ok {
		t.Error("A is not found")
	}
	if _, ok := p.Get("a"); ok {
		t.Error("a is found")
	}
	odd := User{[]Part{{Service: `"><x`, Fields: []Field{{"a b", "x"}, {"", "x"}, {"A", "1"}}}}}
	if got := string(odd.Append(nil)); got != `<user><s n="&quot;&gt;&lt;x"><A>1</A></s></user>` {
		t.Errorf("written %s", got)
	}
}

func TestCircle(t *testing.T) {
	bob := wire.Address{Network: 1, Account: "bob@example.com"}
	carol := wire.Address{Network: 1, Account: "carol@example.com"}
	cases := []struct {
		doc  string
		want Circle
		back string
	}{
		{"<circle><roster><id>IM</id><user><id>1:bob@example.com</id></user></roster></circle>",
			Circle{Roster: "IM", Members: []Member{{Address: bob}}}, ""},
		{"<circle><roster><id>IM</id><user><id>1:bob@example.com</id><state>Pending</state></user><user><id>1:carol@example.com</id></user></roster></circle>",
			Circle{Roster: "IM", Members: []Member{{bob, StatePending}, {Address: carol}}}, ""},
		{`<circle><props><presence dtype="xml"><Data><UTL></UTL><MFN>Club &amp; Co</MFN><PSM>hi</PSM><CurrentMedia></CurrentMedia></Data></presence></props></circle>`,
			Circle{Props: &Props{"Club & Co", "hi"}}, ""},
		{`<circle><props><presence dataType="0"><Data><UTL/><MFN>Name</MFN><PSM/><CurrentMedia/></Data></presence></props></circle>`,
			Circle{Props: &Props{Name: "Name"}},
			`<circle><props><presence dtype="xml"><Data><UTL></UTL><MFN>Name</MFN><PSM></PSM><CurrentMedia></CurrentMedia></Data></presence></props></circle>`},
		{"<circle></circle>", Circle{}, ""},
		{"<circle/>", Circle{}, "<circle></circle>"},
		{"", Circle{}, "<circle></circle>"},
		{" \r\n<circle><roster><user><id>1:bob@example.com</id></user><user></user><user/></roster>",
			Circle{Roster: "IM", Members: []Member{{Address: bob}}},
			"<circle><roster><id>IM</id><user><id>1:bob@example.com</id></user></roster></circle>"},
	}
	for _, tc := range cases {
		got, err := ParseCircle([]byte(tc.doc))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", tc.doc, got, err, tc.want)
		}
		if tc.back == "" && tc.doc != "" {
			tc.back = tc.doc
		}
		if written := string(got.Append(nil)); tc.back != "" && written != tc.back {
			t.Errorf("%q:\nwritten %s", tc.doc, written)
		}
	}
	if _, err := ParseCircle([]byte("hello")); !errors.Is(err, ErrNoDocument) {
		t.Errorf("text: %v", err)
	}
	var many strings.Builder
	many.WriteString("<circle><roster>")
	for i := range maxMembers + 1 {
		fmt.Fprintf(&many, "<user><id>1:m%d@example.com</id></user>", i)
	}
	if _, err := ParseCircle([]byte(many.String())); !errors.Is(err, ErrTooMany) {
		t.Errorf("many members: %v", err)
	}
}

func TestRosterUser(t *testing.T) {
	bob := wire.Address{Network: 1, Account: "bob@example.com"}
	uri := RosterUser(bob)
	if uri != "/circle/roster(IM)/user(1:bob@example.com)" {
		t.Error(uri)
	}
	if got, ok := ParseRosterUser(uri); got != bob || !ok {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, s := range []string{"/circle", "", "/circle/roster(IM)/user()", "/circle/roster(IM)/user(1:bob@example.com"} {
		if got, ok := ParseRosterUser(s); ok {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}

func FuzzUser(f *testing.F) {
	f.Add([]byte(pushed))
	f.Add([]byte(`<user><s n="a"><b>c</s><sep epid='{X}'/><![CDATA[<s>]]><s><x>&#0;&lt</x>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		u, err := ParseUser(doc)
		if err != nil {
			return
		}
		written := u.Append(nil)
		again, err := ParseUser(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if twice := again.Append(nil); string(twice) != string(written) {
			t.Errorf("\n got %q\nwant %q", twice, written)
		}
	})
}

func FuzzCircle(f *testing.F) {
	f.Add([]byte("<circle><roster><id>IM</id><user><id>1:b@x</id><state>Pending</state></user></roster></circle>"))
	f.Add([]byte("<circle><props><MFN>x</MFN></props><roster><id>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := ParseCircle(doc)
		if err != nil {
			return
		}
		written := c.Append(nil)
		again, err := ParseCircle(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if len(again.Members) != len(c.Members) || (again.Props == nil) != (c.Props == nil) {
			t.Errorf("%s\n got %+v\nwant %+v", written, again, c)
		}
	})
}
