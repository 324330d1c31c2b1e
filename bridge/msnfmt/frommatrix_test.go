package msnfmt

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

func htmlContent(source string) *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgText, Body: "the plain body", Format: event.FormatHTML, FormattedBody: source}
}

func TestHTMLToText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"text", "hello", "hello"},
		{"entities", "&lt;b&gt; &amp;amp; &quot;x&quot; &#x1F642;", "<b> &amp; \"x\" :)"},
		{"white space", "\n a \n\t b  <i></i>  c\n", "a b c"},
		{"blanks that do not break", "a&nbsp;&nbsp;b", "a  b"},
		{"line breaks", "<br>a<br>b<br/><br>c<br><br>", "a\nb\n\nc"},
		{"paragraphs", "<p>a</p>\n<p>b</p><p>c</p>", "a\n\nb\n\nc"},
		{"paragraphs without ends", "<p>a<p>b", "a\n\nb"},
		{"bold part", "so <b>very</b> good", "so *very* good"},
		{"bold part with blanks", "so<strong> very </strong>good", "so *very* good"},
		{"bold twice", "so <b>very <strong>very</strong></b> good", "so *very very* good"},
		{"empty bold", "so <b> </b>good", "so good"},
		{"italic part", "an <em>odd</em> one", "an _odd_ one"},
		{"struck part", "not <del>good</del> <s>bad</s>", "not ~good~ ~bad~"},
		{"underlined part", "an <u>odd</u> one", "an odd one"},
		{"both", "x <b><i>y</i></b>", "x *_y_*"},
		{"coloured part", `x <font color="red">y</font>`, "x y"},
		{"whole bold, part italic", "<b>all <i>of</i> it</b>", "all _of_ it"},
		{"crossed", "x <b>a <i>b</b> c</i>", "x *a _b_* c"},
		{"high and low", "x<sup>2</sup> H<sub>2</sub>O", "x^2 H_2O"},
		{"list", "<p>do:</p><ul><li>a</li><li><p>b</p></li>\n<li>c<br>d</li></ul><p>end</p>", "do:\n• a\n• b\n• c\n  d\nend"},
		{"numbers", `<ol start="9"><li>a</li><li>b<br>c</li></ol>`, "9. a\n10. b\n    c"},
		{"numbers from nonsense", `<ol start="-99999999999999999999"><li>a</ol>`, "1. a"},
		{"list in list", "<ul><li>a<ul><li>b<li>c</ul></li><li>d</li></ul>", "• a\n  • b\n  • c\n• d"},
		{"numbers in bullets", "<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>", "• a\n  1. b\n• c"},
		{"empty item", "<ul><li></li><li>b</li></ul>", "• b"},
		{"tasks", `<ul><li><input type="checkbox" checked> a</li><li><input type="checkbox"> b</li></ul>`, "• [x] a\n• [ ] b"},
		{"link", `see <a href="https://example.com/a">this</a>.`, "see this (https://example.com/a)."},
		{"link as it is", `<a href="https://example.com/">https://example.com</a>`, "https://example.com"},
		{"link without scheme", `<a href="https://www.example.com/">example.com</a>`, "example.com"},
		{"link that lies", `<a href="https://example.com/">https://example.org/</a>`, "https://example.org/ (https://example.com/)"},
		{"mail", `<a href="mailto:bob@example.com">Bob</a>, <a href="mailto:bob@example.com">bob@example.com</a>`,
			"Bob (bob@example.com), bob@example.com"},
		{"script link", `<a href="javascript:alert(1)">x</a>`, "x"},
		{"relative link", `<a href="/x">x</a>`, "x"},
		{"link with no text", `<a href="https://example.com/"></a>`, "https://example.com/"},
		{"link with blanks", `<a href="https://example.com/"> a <b>b</b> </a>c`, "a *b* (https://example.com/) c"},
		{"link around blocks", `<a href="https://example.com/"><p>a</p></a>c`, "a (https://example.com/)\nc"},
		{"user", `hi <a href="https://matrix.to/#/@bob:example.com">Bob</a>!`, "hi Bob!"},
		{"user by matrix:", `hi <a href="matrix:u/bob:example.com">Bob</a>!`, "hi Bob!"},
		{"user that MSN knows", `hi <a href="https://matrix.to/#/@alice:example.com">@alice:example.com</a>!`, "hi Alice (away)!"},
		{"user with no text", `hi <a href="https://matrix.to/#/@bob:example.com"></a>!`, "hi bob!"},
		{"room", `<a href="https://matrix.to/#/%23room:example.com">#room:example.com</a>`,
			"#room:example.com (https://matrix.to/#/%23room:example.com)"},
		{"inline code", "run <code>a  *b*  🙂</code> now", "run a  *b*  🙂 now"},
		{"code", "<p>so:</p><pre><code class=\"language-go\">if x {\n\ty  =  1 &lt; 2 // 🙂\n}\n</code></pre>after",
			"so:\nif x {\n\ty  =  1 < 2 // 🙂\n}\nafter"},
		{"code first", "<pre>\n  indented\n\n    more\n</pre>", "  indented\n\n    more"},
		{"highlighted code", "<pre><code><span>a</span> <span>=</span>\n<b>b</b> = 🙂</code></pre>", "a =\nb = 🙂"},
		{"quote", "<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n>\n> b\nc"},
		{"quotes", "<blockquote>a<blockquote>b<br>c</blockquote>d</blockquote>e", "> a\n> > b\n> > c\n> d\ne"},
		{"list in quote", "<blockquote><ul><li>a<br><br>b</li></ul></blockquote>", "> • a\n>\n>   b"},
		{"spoiler", `it is <span data-mx-spoiler>him</span>!`, "it is [spoiler: him]!"},
		{"spoiler with reason", `<span data-mx-spoiler="the end">him</span>`, "[spoiler, the end: him]"},
		{"heading", "a<h2>Title</h2><p>text</p>", "a\n\nTitle\ntext"},
		{"rule", "a<hr>b", "a\n----------\nb"},
		{"table", "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1<td>2<tr><td>3</td><td></td><td>4</td></tr></tbody></table>z",
			"a | b\n1 | 2\n3 | | 4\nz"},
		{"picture", `a <img src="mxc://x/y" alt="a cat"> <img data-mx-emoticon src="mxc://x/y" alt=":wave:" title=":wave:"> <img title="t"><img>`,
			"a a cat :wave: t[picture]"},
		{"details", "<details><summary>more</summary>text</details>", "more\ntext"},
		{"formula", `<span data-mx-maths="x^2"><code>x2</code></span> <div data-mx-maths="\sum"><img></div>`, "x^2\n\\sum"},
		{"reply", `<mx-reply><blockquote><a href="https://example.com/">In reply</a><br>old</blockquote></mx-reply>new`, "new"},
		{"hidden", "<style>x</style><script>y</script>z<!-- no -->", "z"},
		{"unknown tags", "<blink>a</blink> <x-y>b</x-y>", "a b"},
		{"broken", "a <b <i>b</i> </nope> < c > </", "a *b < c > </*"},
		{"shut too early", "</p></div></b>a</blockquote>", "a"},
		{"emoji", "<p>hi🙂<b>x</b> https://example.com/🙂 <code>🙂</code> <i>👍🏽</i></p>", "hi :)*x* https://example.com/🙂 🙂 _👍🏽_"},
		// Where HTML shows nothing or cannot be trusted, there is the body.
		{"nothing to show", "<p> </p>", "the plain body"},
		{"a reply never shut", "<mx-reply>everything", "the plain body"},
		{"a style never shut", "x<style>everything", "the plain body"},
		{"control characters", "a&#0;b&#7;c\x00d", "a\uFFFDbcd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := FromMatrix(htmlContent(tt.in), Options{Emoticons: true, Fonts: true}, About{Name: func(user id.UserID) string {
				if user == "@alice:example.com" {
					return "Alice (away)"
				}
				return ""
			}})
			if got.Text != tt.want {
				t.Errorf("got  %q\nwant %q", got.Text, tt.want)
			}
		})
	}
}

func TestHTMLToFormat(t *testing.T) {
	styled := func(f msn.TextFormat) msn.TextFormat {
		f.Font, f.PitchFamily = "Arial", 0x22
		return f
	}
	for _, tt := range []struct {
		name, in, text string
		want           msn.TextFormat
	}{
		{"none", "<p>x</p>", "x", msn.TextFormat{}},
		{"bold", "<p><strong>x</strong></p>", "x", styled(msn.TextFormat{Bold: true})},
		{"bold in pieces", "<b>x</b> <b>y</b><br><b>z</b>", "x y\nz", styled(msn.TextFormat{Bold: true})},
		{"all", `<font color="#0F0"><b><i><u><strike>x</strike></u></i></b></font>`, "x",
			styled(msn.TextFormat{Bold: true, Italic: true, Underline: true, Strike: true, Color: 0x00ff00})},
		{"colour by attribute", `<span data-mx-color="#123456">x</span>`, "x", styled(msn.TextFormat{Color: 0x123456})},
		{"colour by name", `<font color="Navy">x</font>`, "x", styled(msn.TextFormat{Color: 0x000080})},
		{"black", `<font color="#000000">x</font>`, "x", msn.TextFormat{}},
		{"white cannot be read", `<font color="white">x</font>`, "x", msn.TextFormat{}},
		{"no colour", `<font color="#12345">x</font>`, "x", msn.TextFormat{}},
		{"two colours", `<font color="red">x</font><font color="blue">y</font>`, "xy", msn.TextFormat{}},
		{"heading", "<h1>x</h1>", "x", styled(msn.TextFormat{Bold: true})},
		{"bold list", "<ul><li><b>x</b></li><li><b>y</b></li></ul>", "• x\n• y", styled(msn.TextFormat{Bold: true})},
		{"bold link", `<b><a href="https://example.com/">x</a></b>`, "x (https://example.com/)", styled(msn.TextFormat{Bold: true})},
		{"right to left by letters", "<b>שלום</b>", "שלום", styled(msn.TextFormat{Bold: true, RightToLeft: true})},
		{"right to left by attribute", `<div dir="rtl">abc</div>`, "abc", styled(msn.TextFormat{RightToLeft: true})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := FromMatrix(htmlContent(tt.in), Options{Fonts: true}, About{})
			if got.Text != tt.text || got.Format != tt.want {
				t.Errorf("got %q %+v", got.Text, got.Format)
			}
		})
	}
	if got := FromMatrix(htmlContent(`<font color="red">x</font>`), Options{}, About{}); got.Format != (msn.TextFormat{}) {
		t.Errorf("a colour that was not wanted: %+v", got.Format)
	}
}

func TestFromMatrix(t *testing.T) {
	reply := &event.RelatesTo{InReplyTo: &event.InReplyTo{EventID: "$x"}}
	for _, tt := range []struct {
		name  string
		in    event.MessageEventContent
		about About
		want  string
	}{
		{name: "text", in: event.MessageEventContent{MsgType: event.MsgText, Body: "a\r\nb\n"}, want: "a\nb"},
		{name: "markdown stays", in: event.MessageEventContent{MsgType: event.MsgText, Body: "**a** <b>"}, want: "**a** <b>"},
		{name: "html of another kind", in: event.MessageEventContent{MsgType: event.MsgText, Body: "a", Format: "x", FormattedBody: "<b>b</b>"}, want: "a"},
		{name: "notice", in: event.MessageEventContent{MsgType: event.MsgNotice, Body: "a"}, want: "a"},
		{name: "emote", in: event.MessageEventContent{MsgType: event.MsgEmote, Body: "waves"}, want: "*waves*"},
		{name: "emote of somebody", in: event.MessageEventContent{MsgType: event.MsgEmote, Body: "waves"}, about: About{Actor: "Alice"}, want: "* Alice waves"},
		{name: "reply", in: event.MessageEventContent{MsgType: event.MsgText, Body: "> <@bob:example.com> old\n> older\n\nnew", RelatesTo: reply},
			about: About{Quote: "Bob: old\nolder"}, want: "> Bob: old older\nnew"},
		{name: "reply to long text", in: event.MessageEventContent{MsgType: event.MsgText, Body: "new"},
			about: About{Quote: "> " + strings.Repeat("x", 500)}, want: "> " + strings.Repeat("x", 118) + "…\nnew"},
		{name: "quote that is no reply", in: event.MessageEventContent{MsgType: event.MsgText, Body: "> <a> b\nc"}, want: "> <a> b\nc"},
		{name: "edit", in: event.MessageEventContent{MsgType: event.MsgText, Body: "new"}, about: About{Edit: true}, want: "* new"},
		{name: "edit as sent", in: event.MessageEventContent{MsgType: event.MsgText, Body: "* new",
			NewContent: &event.MessageEventContent{MsgType: event.MsgText, Body: "new"}}, want: "* new"},
		{name: "location", in: event.MessageEventContent{MsgType: event.MsgLocation, Body: "Big Ben", GeoURI: "geo:51.5008,-0.1247;u=35"},
			want: "Big Ben\nhttps://www.openstreetmap.org/?mlat=51.5008&mlon=-0.1247#map=16/51.5008/-0.1247"},
		{name: "location with nothing", in: event.MessageEventContent{MsgType: event.MsgLocation}, want: "Location"},
		{name: "location off the globe", in: event.MessageEventContent{MsgType: event.MsgLocation, Body: "x", GeoURI: "geo:NaN,1e400"}, want: "x\ngeo:NaN,1e400"},
		{name: "picture", in: event.MessageEventContent{MsgType: event.MsgImage, Body: "cat.png", URL: "mxc://x/y"}, want: "[picture: cat.png]"},
		{name: "picture with caption and link", in: event.MessageEventContent{MsgType: event.MsgImage, Body: "my cat", FileName: "cat.png"},
			about: About{Link: "https://example.com/m/1"}, want: "[picture: cat.png]\nhttps://example.com/m/1\nmy cat"},
		{name: "html caption", in: event.MessageEventContent{MsgType: event.MsgVideo, Body: "my cat", FileName: "cat.mp4", Format: event.FormatHTML, FormattedBody: "<b>my</b> cat"},
			want: "[video: cat.mp4]\n*my* cat"},
		{name: "file", in: event.MessageEventContent{MsgType: event.MsgFile, Body: "a.pdf", Info: &event.FileInfo{Size: 12345}}, want: "[file: a.pdf, 12 kB]"},
		{name: "audio", in: event.MessageEventContent{MsgType: event.MsgAudio, Body: "a.ogg"}, want: "[audio: a.ogg]"},
		{name: "voice", in: event.MessageEventContent{MsgType: event.MsgAudio, MSC3245Voice: &event.MSC3245Voice{}}, want: "[voice message]"},
		{name: "sticker", in: event.MessageEventContent{Body: "yay", URL: "mxc://x/y"}, want: "[sticker: yay]"},
		{name: "unknown with a body", in: event.MessageEventContent{MsgType: "org.example.x", Body: "see you"}, want: "see you"},
		{name: "unknown", in: event.MessageEventContent{MsgType: "org.example.x"}, want: "[something that MSN cannot show: org.example.x]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := json.Marshal(&tt.in)
			if got := FromMatrix(&tt.in, Options{}, tt.about); got.Text != tt.want || got.Format != (msn.TextFormat{}) {
				t.Errorf("got %q %+v\nwant %q", got.Text, got.Format, tt.want)
			}
			if after, _ := json.Marshal(&tt.in); string(after) != string(before) {
				t.Error("the content was changed")
			}
		})
	}
	if got := FromMatrix(nil, Options{}, About{}); got == nil || got.Text != "" {
		t.Errorf("nothing became %v", got)
	}
}

func TestDirection(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "123": false, "hello שלום": false, "שלום hello": true, "123 - مرحبا": true, "\u200Fhello": true, "\u200Eשלום": false, "日本": false,
		"ދިވެހި": true,
	} {
		if got := FromMatrix(&event.MessageEventContent{MsgType: event.MsgText, Body: text}, Options{}, About{}).Format.RightToLeft; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestOneLine(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {" a\n\n b ", "a b"}, {"abcdef", "abcdef"}, {"abcdefg", "abcdef…"}, {"abcde fgh", "abcde…"},
		{"abcd👨\u200D👩\u200D👧", "abcd…"}, {"abcde👍🏽", "abcde…"}, {"a" + strings.Repeat("\u0301", 50), "a\u0301\u0301…"},
	} {
		if got := oneLine(tt.in, 6); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.in, got, tt.want)
		}
	}
}

// growing is HTML that would become much more text than it is, or cost much more time, if nothing stopped it.
var growing = []string{
	strings.Repeat("<blockquote>", 150) + strings.Repeat("x<br>", 12000),
	strings.Repeat("<ol start=9999><li>", 150) + strings.Repeat("x<br>", 12000),
	strings.Repeat("<ul><li>", 8000) + "x",
	strings.Repeat("<b><i><u><font color=red>", 100) + strings.Repeat("<p>x", 15000),
	strings.Repeat("<b>", 20000) + "x" + strings.Repeat("</b>", 20000),
	strings.Repeat("</b></i>", 8000) + "x",
	"<table><tr>" + strings.Repeat("<td>", 16000) + "x",
	`<a href="https://example.com/` + strings.Repeat("x", 30000) + `">` + strings.Repeat("x<b>", 8000),
	strings.Repeat(`<span data-mx-spoiler="`+strings.Repeat("y", 50)+`">`, 800) + "x",
	strings.Repeat("<br>", 16000) + "x" + strings.Repeat("<br>", 16000) + "y",
	strings.Repeat("<pre>\n", 10000) + "x",
	strings.Repeat("` ``", 16000),
}

func TestHTMLThatGrows(t *testing.T) {
	for _, source := range growing {
		start := time.Now()
		got := FromMatrix(htmlContent(source), Options{Emoticons: true}, About{})
		if len(got.Text) > 2*maxText || got.Text == "" {
			t.Errorf("%.40s: %d bytes became %d", source, len(source), len(got.Text))
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.40s: took %v", source, took)
		}
	}
}

func FuzzFromMatrix(f *testing.F) {
	f.Add("m.text", "body", "<p>a <b>b</b></p><ul><li>c</ul>", "Bob: x", true)
	f.Add("m.emote", "> <a> b\nc", `<a href="https://matrix.to/#/@a:b">x</a><span data-mx-spoiler="y">z</span>`, "", false)
	f.Add("m.location", "geo:1,2", "<table><tr><td>1<td>2</table><pre>\n x</pre><mx-reply>", "\xff", true)
	f.Add("", "x", `<a href="matrix:u/x?`, "", true)
	f.Fuzz(func(t *testing.T, msgtype, body, source, quote string, on bool) {
		content := &event.MessageEventContent{MsgType: event.MessageType(msgtype), Body: body, GeoURI: body,
			Format: event.FormatHTML, FormattedBody: source, FileName: quote}
		if on {
			content.URL = "mxc://x/y"
		}
		got := FromMatrix(content, Options{Emoticons: on, Fonts: on}, About{Quote: quote, Name: func(id.UserID) string { return quote }})
		if !utf8.ValidString(got.Text) || strings.ContainsAny(got.Text, "\r\x00") {
			t.Fatalf("got %q", got.Text)
		}
		if limit := 2*maxText + 4*(len(body)+len(quote)); len(got.Text) > limit {
			t.Fatalf("%d bytes", len(got.Text))
		}
		if strings.TrimSpace(got.Text) == "" && strings.TrimSpace(clean(body)) != "" {
			t.Fatalf("%q was lost", body)
		}
		IsNudge(content, Options{BellNudge: on})
	})
}
