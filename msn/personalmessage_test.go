package msn

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCurrentMediaVectors(t *testing.T) {
	for _, v := range readVectors(t).Media {
		// The raw form ends with a separator, so that its last field is always empty.
		want := CurrentMedia{
			Application: v.Fields[0], Type: v.Fields[1], Enabled: v.Fields[2] == "1", Format: v.Fields[3],
			Args: v.Fields[4 : len(v.Fields)-1],
		}
		got := ParseCurrentMedia(v.Raw)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %#v\nwant %#v", v.Raw, got, want)
		}
		if got.String() != v.Raw {
			t.Errorf("wrote %s, want %s", got, v.Raw)
		}
		if got.Text() != v.Display {
			t.Errorf("%s reads %q, want %q", v.Raw, got.Text(), v.Display)
		}
	}
}

func TestCurrentMediaText(t *testing.T) {
	for format, want := range map[string]string{
		"":                 "A",
		"{0}":              "A",
		"{1} by {0}":       "B by A",
		"{2}{99999999}":    "{99999999}",
		"{0":               "{0",
		"{}{x}{-1}":        "{}{x}{-1}",
		"playing {0}, {0}": "playing A, A",
		"a{":               "a{",
	} {
		m := CurrentMedia{Enabled: true, Format: format, Args: []string{"A", "B"}}
		if got := m.Text(); got != want {
			t.Errorf("%q reads %q, want %q", format, got, want)
		}
		m.Enabled = false
		if m.Text() != "" {
			t.Errorf("%q reads %q though nothing plays", format, m.Text())
		}
	}
	big := CurrentMedia{Enabled: true, Format: strings.Repeat("{0}", 100_000), Args: []string{strings.Repeat("é", 100_000)}}
	if got := big.Text(); len(got) > maxMediaText || !utf8.ValidString(got) || got == "" {
		t.Errorf("%d bytes of text", len(got))
	}
}

func TestCurrentMediaSeparatorInField(t *testing.T) {
	m := CurrentMedia{Type: "Music", Enabled: true, Format: "{0}", Args: []string{`AC\0DC`, "x"}}
	if got := ParseCurrentMedia(m.String()); got.Text() != "AC/0DC" || len(got.Args) != 2 {
		t.Errorf("%#v", got)
	}
}

func TestParsePersonalMessage(t *testing.T) {
	music := CurrentMedia{Type: "Music", Enabled: true, Format: "{0}", Args: []string{"A & B"}}
	for payload, want := range map[string]PersonalMessage{
		"": {},
		"<Data><PSM>At work</PSM><CurrentMedia></CurrentMedia></Data>":                                                {Text: "At work"},
		"<Data><PSM></PSM><CurrentMedia></CurrentMedia></Data>":                                                       {},
		"<Data><PSM/><CurrentMedia/></Data>":                                                                          {},
		"<Data><PSM /><CurrentMedia>x</CurrentMedia></Data>":                                                          {Media: CurrentMedia{Application: "x"}},
		`<Data><CurrentMedia>\0Music\01\0{0}\0A &amp; B\0</CurrentMedia><PSM>x</PSM></Data>`:                          {Text: "x", Media: music},
		`<Data><PSM>x</PSM><CurrentMedia>&#x5C;0Music&#x5C;01&#x5C;0{0}&#x5C;0A &#38; B&#x5C;0</CurrentMedia></Data>`: {Text: "x", Media: music},
		"<Data><PSM>&lt;3 &amp; &quot;&apos;&gt; &#x3C;&#60;</PSM></Data>":                                            {Text: `<3 & "'> <<`},
		"<Data><PSM>1 < 2 > 0 <3 </3 &#x26; </PSM></Data>":                                                            {Text: "1 < 2 > 0 <3 </3 & "},
		"<Data><PSM>a</PSM>b</PSM></Data>":                                                                            {Text: "a</PSM>b"},
		"<Data><PSM>&nbsp;&;&#;&#x;&amp</PSM></Data>":                                                                 {Text: "&nbsp;&;&#;&#x;&amp"},
		"<Data><PSM>&#0;&#xD800;&#x110000;&#99999999999;</PSM></Data>":                                                {Text: "\uFFFD\uFFFD\uFFFD&#99999999999;"},
		"<Data><PSM>&amp;lt;</PSM></Data>":                                                                            {Text: "&lt;"},
		"<Data><PSM><![CDATA[a & <b>]]></PSM></Data>":                                                                 {Text: "a & <b>"},
		"<Data><PSM>cut of":        {Text: "cut of"},
		"<Data><PSM>cut of</Data>": {Text: "cut of"},
		"<Data><PSM":               {},
		"<Data><PSMX>no</PSMX><PSM id='1'>yes</PSM></Data>":                                                                                {Text: "yes"},
		"<?xml version='1.0'?>\n<Data>\n<PSM>a\xff</PSM></Data>":                                                                           {Text: "a\uFFFD"},
		"<Data><PSM>me</PSM><MachineGuid>{1}</MachineGuid><EndpointData id=\"{1}\"><Capabilities>1:0</Capabilities></EndpointData></Data>": {Text: "me"},
	} {
		if got := ParsePersonalMessage([]byte(payload)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %#v\nwant %#v", payload, got, want)
		}
	}
}

func TestAppendPersonalMessage(t *testing.T) {
	if got, want := string(AppendPersonalMessage(nil, PersonalMessage{Text: "test"})), framingPayload(t, "uux"); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	p := PersonalMessage{
		Text:  `</PSM> & "quotes" 'and' 😀 \0`,
		Media: CurrentMedia{Application: "x", Type: "Music", Enabled: true, Format: "{0} - {1}", Args: []string{"<a>", "é", ""}},
	}
	if got := ParsePersonalMessage(AppendPersonalMessage(nil, p)); !reflect.DeepEqual(got, p) {
		t.Errorf("got %#v\nwant %#v", got, p)
	}
	lines := AppendPersonalMessage([]byte("x"), PersonalMessage{Text: "a\r\nb\x00\x1b\uffff"})
	if got, want := string(lines), "x<Data><PSM>a  b</PSM><CurrentMedia></CurrentMedia></Data>"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func FuzzParsePersonalMessage(f *testing.F) {
	f.Add("<Data><PSM>1 &lt; 2 &#x26;</PSM><CurrentMedia>\\0Music\\01\\0{0} - {1}\\0a\\0b\\0</CurrentMedia></Data>")
	f.Add("<Data><PSM><![CDATA[x]]></PSM><PSM>")
	f.Add("</PSM><PSM></Data><CurrentMedia/>")
	f.Fuzz(func(t *testing.T, s string) {
		p := ParsePersonalMessage([]byte(s))
		if !utf8.ValidString(p.Text) || len(p.Media.Text()) > maxMediaText || !utf8.ValidString(p.Media.Text()) {
			t.Fatalf("%q gave %#v", s, p)
		}
		// What is one line of XML and says its fields in full comes back as it was.
		p.Text = strings.Map(visible, p.Text)
		p.Media = ParseCurrentMedia(ParseCurrentMedia(strings.Map(visible, p.Media.String())).String())
		if again := ParsePersonalMessage(AppendPersonalMessage(nil, p)); !reflect.DeepEqual(again, p) {
			t.Fatalf("%q\n gave %#v\n then %#v", s, p, again)
		}
	})
}

func visible(r rune) rune {
	if r < ' ' || r == 0xfffe || r == 0xffff {
		return -1
	}
	return r
}
