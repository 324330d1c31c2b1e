package ml

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// bookNotice is one about the address book, with something more in its data.
func bookNotice(more string) string {
	return `<NOTIFICATION id="0" siteid="45705" siteurl="http://contacts.example.com">
 <TO pid="0x00011B00:0xA0B1C2D3" name="alice@example.com"><VIA agent="messenger"/></TO>
 <MSG id="0"><SUBSCR url="s.htm"/><ACTION url="a.htm"/><BODY>
 &lt;NotificationData xmlns:xsd="http://www.w3.org/2001/XMLSchema"&gt;` + more + `&lt;CID&gt;-4023&lt;/CID&gt;
 &lt;LastModifiedDate&gt;2009-01-02T03:04:05.0000000Z&lt;/LastModifiedDate&gt;&lt;HasNewItem&gt;false&lt;/HasNewItem&gt;&lt;/NotificationData&gt;
 </BODY></MSG></NOTIFICATION>`
}

func TestReadNotice(t *testing.T) {
	book := Notice{Site: ContactsSite, SiteURL: "http://contacts.example.com", To: "alice@example.com", Action: "a.htm", CID: "-4023"}
	changed, circle := book, book
	changed.Service = "ABCHInternal"
	circle.Service, circle.CircleID, circle.Operation, circle.Role = "x & y", "00000000-0000-0000-0009-0123456789ab", "Invite", "Member"
	cases := []struct {
		name, payload string
		want          Notice
		changed       bool
		broken        bool
	}{
		{"book", bookNotice("&lt;Service&gt; ABCHInternal &lt;/Service&gt;"), changed, true, false},
		{"circle", bookNotice("&lt;Service&gt;x &amp;amp; y&lt;/Service&gt;&lt;CircleId&gt;00000000-0000-0000-0009-0123456789AB&lt;/CircleId&gt;" +
			"&lt;OperationType&gt;Invite&lt;/OperationType&gt;&lt;Role&gt;Member&lt;/Role&gt;"), circle, true, false},
		{"neither", bookNotice(""), book, false, false},
		{"cdata", `<NOTIFICATION siteid="45705"><MSG><BODY><![CDATA[<NotificationData><Service>ABCHInternal</Service></NotificationData>]]></BODY></MSG></NOTIFICATION>`,
			Notice{Site: ContactsSite, Service: "ABCHInternal"}, true, false},
		{"alert", `<NOTIFICATION ver="2" id="1342902633" siteid="199999999" siteurl="http://alerts.example.com"><TO pid="0x1:0x2" name="alice@example.com"/>` +
			`<MSG pri="1" id="1"><ACTION url="/alert?command=action"/><SUBSCR url="/alert"/><BODY lang="3076" icon="alert.png"><TEXT>The daily &amp; &#x1F600;</TEXT>` +
			`<TEXTX>&lt;P&gt;no&lt;/P&gt;</TEXTX></BODY></MSG></NOTIFICATION>`,
			Notice{
				Site: 199999999, SiteURL: "http://alerts.example.com", To: "alice@example.com", Text: "The daily & 😀",
				Action: "/alert?command=action",
			}, false, false},
		{"page", `<NOTIFICATION id="5" siteid="111100400" siteurl="http://mobile.example.com/"><TO name="alice@example.com"/><FROM name="tel:+15550100"/>` +
			`<MSG id="1"><BODY><TEXT>hi</TEXT></BODY></MSG></NOTIFICATION>`,
			Notice{Site: 111100400, SiteURL: "http://mobile.example.com/", To: "alice@example.com", From: "tel:+15550100", Text: "hi"}, false, false},
		{"cut", `<NOTIFICATION siteid="45705"><TO name="alice@example.com"`, Notice{Site: ContactsSite}, false, true},
		{"cut within", `<NOTIFICATION siteid="45705"><MSG><BODY>&lt;Service&gt;ABCHInternal&lt;/Service&gt;&lt;CID`,
			Notice{Site: ContactsSite}, false, true},
		{"broken data", `<NOTIFICATION siteid="45705"><MSG><BODY>&lt;a&gt;&lt;Service&gt;ABCHInternal&lt;/Service&gt;&lt;b</BODY></MSG></NOTIFICATION>`,
			Notice{Site: ContactsSite, Service: "ABCHInternal"}, true, true},
		{"bytes", "<NOTIFICATION siteid='x'><MSG><BODY><TEXT>\xff</TEXT></BODY></MSG></NOTIFICATION>", Notice{Text: "\uFFFD"}, false, false},
		{"nothing", "", Notice{}, false, false},
		{"text", "hello", Notice{}, false, false},
		{"nested", strings.Repeat("<a>", maxDepth+1), Notice{}, false, true},
	}
	for _, c := range cases {
		got, err := ReadNotice([]byte(c.payload))
		if got != c.want || got.Changed() != c.changed || (err != nil) != c.broken {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
}

// FuzzReadNotice reads anything without panic, and bounds what it gives.
func FuzzReadNotice(f *testing.F) {
	f.Add([]byte(bookNotice("&lt;Service&gt;ABCHInternal&lt;/Service&gt;")))
	f.Add([]byte(`<NOTIFICATION siteid="1"><MSG><ACTION url="/a"/><BODY><TEXT>x</TEXT></BODY></MSG></NOTIFICATION>`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, _ := ReadNotice(payload)
		for _, s := range []string{n.Text, n.Service, n.CID, n.CircleID, n.Operation, n.Role} {
			if len(s) > 4*maxNoticeText || !utf8.ValidString(s) { // lower case may be longer
				t.Fatalf("%q", s)
			}
		}
	})
}
