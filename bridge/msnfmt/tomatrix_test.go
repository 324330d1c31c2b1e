package msnfmt

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

func TestToMatrix(t *testing.T) {
	const red = `<font color="#ff0000" data-mx-color="#ff0000">`
	for _, tt := range []struct {
		name           string
		text           string
		format         msn.TextFormat
		opt            Options
		body, withTags string
	}{
		{name: "plain", text: "hello", body: "hello"},
		{name: "empty", text: "", format: msn.TextFormat{Bold: true}},
		{name: "blank", text: " ", format: msn.TextFormat{Bold: true}, body: " "},
		{name: "default of new clients", text: "hello", format: msn.TextFormat{Font: "Segoe UI", PitchFamily: 0x22},
			opt: Options{Fonts: true}, body: "hello"},
		{name: "default of old clients", text: "hello", format: msn.TextFormat{Font: "MS Shell Dlg"},
			opt: Options{Fonts: true}, body: "hello"},
		{name: "default of libraries", text: "hello", format: msn.TextFormat{Font: "Arial", CharSet: 1, PitchFamily: 0x22},
			opt: Options{Fonts: true}, body: "hello"},
		{name: "nearly black", text: "hello", format: msn.TextFormat{Color: 0x100f1f}, opt: Options{Fonts: true}, body: "hello"},
		{name: "bold", text: "hello", format: msn.TextFormat{Bold: true}, body: "hello", withTags: "<b>hello</b>"},
		{name: "italic", text: "hello", format: msn.TextFormat{Italic: true}, body: "hello", withTags: "<i>hello</i>"},
		{name: "underline", text: "hello", format: msn.TextFormat{Underline: true}, body: "hello", withTags: "<u>hello</u>"},
		{name: "strike", text: "hello", format: msn.TextFormat{Strike: true}, body: "hello", withTags: "<del>hello</del>"},
		{name: "all", text: "a\nb", format: msn.TextFormat{Bold: true, Italic: true, Underline: true, Strike: true, Color: 0xff0000, RightToLeft: true},
			opt: Options{Fonts: true}, body: "a\nb",
			withTags: `<div dir="rtl">` + red + `<b><i><u><del>a<br>b</del></u></i></b></font></div>`},
		{name: "colour", text: "hello", format: msn.TextFormat{Color: 0xff0000}, opt: Options{Fonts: true}, body: "hello",
			withTags: red + "hello</font>"},
		{name: "colour not wanted", text: "hello", format: msn.TextFormat{Color: 0xff0000}, body: "hello"},
		{name: "right to left", text: "שלום", format: msn.TextFormat{RightToLeft: true}, body: "שלום",
			withTags: `<div dir="rtl">שלום</div>`},
		{name: "escaped", text: `<script>alert("x") & 'y'`, format: msn.TextFormat{Bold: true}, body: `<script>alert("x") & 'y'`,
			withTags: `<b>&lt;script&gt;alert(&#34;x&#34;) &amp; &#39;y&#39;</b>`},
		{name: "not escaped twice", text: "&lt;b&gt;", format: msn.TextFormat{Bold: true}, body: "&lt;b&gt;", withTags: "<b>&amp;lt;b&amp;gt;</b>"},
		{name: "blanks", text: "a  b \n c", format: msn.TextFormat{Bold: true}, body: "a  b \n c",
			withTags: "<b>a &nbsp;b&nbsp;<br>&nbsp;c</b>"},
		{name: "line ends", text: "a\r\nb\rc\u2028d", body: "a\nb\nc\nd"},
		{name: "control characters", text: "a\x00\x07b\x1b[0m\u0086", body: "ab[0m"},
		{name: "not UTF-8", text: "a\xffb", body: "a\uFFFDb"},
		{name: "emoticons", text: "hi :) <3 (L)", format: msn.TextFormat{Bold: true}, opt: Options{Emoticons: true},
			body: "hi 🙂 <3 ❤️", withTags: "<b>hi 🙂 &lt;3 ❤️</b>"},
		{name: "no emoticons", text: "hi :)", body: "hi :)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ToMatrix(&msn.TextMessage{Text: tt.text, Format: tt.format}, tt.opt)
			if got.MsgType != event.MsgText || got.Body != tt.body || got.FormattedBody != tt.withTags {
				t.Errorf("got %s, %q, %q", got.MsgType, got.Body, got.FormattedBody)
			}
			if (got.Format == event.FormatHTML) != (tt.withTags != "") {
				t.Errorf("format %q", got.Format)
			}
		})
	}
	if got := ToMatrix(nil, Options{}); got.MsgType != event.MsgText || got.Body != "" {
		t.Errorf("nothing became %v", got)
	}
}

// alphabet is made of what is special somewhere on the way.
var alphabet = []string{"a", "B", " ", "  ", "\n", "\n\n", "<", ">", "&", "&lt;", "\"", "'", "*", "_", "`", "é", "日本", "🎉", "👍🏽",
	"<b>", "</div>", "<br>", "https://example.com/", "1. ", "> ", "!", "\\", "- ", "<mx-reply>", "</mx-reply>"}

func TestFormatRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	opt := Options{Fonts: true}
	for range 20000 {
		text := "x" // left to right, and no white space at the ends
		for range random.IntN(12) {
			text += alphabet[random.IntN(len(alphabet))]
		}
		text += "x"
		bit := func() bool { return random.IntN(2) == 1 }
		want := msn.TextFormat{Bold: bit(), Italic: bit(), Underline: bit(), Strike: bit(), RightToLeft: bit()}
		if bit() {
			want.Color = uint32(0x40+random.IntN(0x80)) << (8 * random.IntN(3))
		}
		content := ToMatrix(&msn.TextMessage{Text: text, Format: want}, opt)
		got := FromMatrix(content, opt, About{})
		if want != (msn.TextFormat{}) {
			want.Font, want.PitchFamily = got.Format.Font, got.Format.PitchFamily
		}
		if got.Text != text || got.Format != want {
			t.Fatalf("%q %+v\ncame back as %q %+v\nby %q", text, want, got.Text, got.Format, content.FormattedBody)
		}
	}
}

func TestSplitText(t *testing.T) {
	long := strings.Repeat("word ", 20000)
	for name, text := range map[string]string{
		"short": "hello", "empty": "", "words": long, "no blanks": strings.Repeat("x", 90000), "brackets": strings.Repeat("<", 90000),
		"lines": strings.Repeat("a line\n", 9000), "families": "a" + strings.Repeat("👨\u200D👩\u200D👧\u200D👦", 9000),
		"accents": strings.Repeat("e\u0301", 30000), "one heap": "a" + strings.Repeat("\u0301", 60000),
		"tabs": strings.Repeat("\t", 60000), "codes": strings.Repeat(":O", 40000), "not UTF-8": strings.Repeat("\xff", 60000),
	} {
		t.Run(name, func(t *testing.T) {
			format := msn.TextFormat{Bold: true}
			var joined strings.Builder
			for _, part := range SplitText(&msn.TextMessage{Text: text, Format: format}) {
				joined.WriteString(part.Text)
				if part.Format != format {
					t.Error("a part lost its format")
				}
				if part.Text == "" && text != "" {
					t.Error("an empty part")
				}
				if name == "families" && strings.HasPrefix(part.Text, "\u200D") || name == "accents" && strings.HasPrefix(part.Text, "\u0301") {
					t.Errorf("a part begins with %q", part.Text[:8])
				}
				if name == "lines" && !strings.HasSuffix(part.Text, "\n") || name == "words" && !strings.HasSuffix(part.Text, " ") {
					t.Errorf("a part ends with %q", part.Text[len(part.Text)-8:])
				}
				content, err := json.Marshal(ToMatrix(part, Options{Emoticons: true}))
				if err != nil || len(content) > maxEventText+1000 {
					t.Errorf("an event of %d bytes, %v", len(content), err)
				}
			}
			if joined.String() != text {
				t.Error("the parts are not the text")
			}
		})
	}
}

// checkHTML fails unless source is made of the tags that ToMatrix writes, properly nested, and shows exactly text.
func checkHTML(t *testing.T, source, text string) {
	t.Helper()
	var shown strings.Builder
	var open []string
	tokens := html.NewTokenizer(strings.NewReader(source))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			got := strings.ReplaceAll(shown.String(), "\u00A0", " ")
			want := strings.ReplaceAll(strings.ReplaceAll(text, "\t", "    "), "\u00A0", " ")
			if got != want || len(open) > 0 {
				t.Fatalf("%q shows %q, want %q; left open: %v", source, got, want, open)
			}
			return
		case html.TextToken:
			if raw := string(tokens.Raw()); strings.ContainsAny(raw, `<>"'`) {
				t.Fatalf("%q: %q is not escaped", source, raw)
			}
			shown.WriteString(html.UnescapeString(string(tokens.Raw())))
		case html.StartTagToken:
			switch name, _ := tokens.TagName(); string(name) {
			case "br":
				shown.WriteByte('\n')
			case "div", "font", "b", "i", "u", "del":
				open = append(open, string(name))
			default:
				t.Fatalf("%q: tag %s", source, name)
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("%q: </%s> does not belong there", source, name)
			}
			open = open[:len(open)-1]
		default:
			t.Fatalf("%q: %s", source, tokens.Token())
		}
	}
}

func FuzzToMatrix(f *testing.F) {
	f.Add("hello :) <b>\n", uint8(0xff), uint32(0xff0000))
	f.Add("<!-- <![CDATA[ </del> &nbsp; \u00A0 \t  x", uint8(1), uint32(0))
	f.Add("\xff\x00\r\r\n (L) `(L)` http://example.com/(L)", uint8(0x12), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, text string, bits uint8, color uint32) {
		m := &msn.TextMessage{Text: text, Format: msn.TextFormat{
			Bold: bits&1 != 0, Italic: bits&2 != 0, Underline: bits&4 != 0, Strike: bits&8 != 0, RightToLeft: bits&16 != 0, Color: color,
		}}
		opt := Options{Emoticons: bits&32 != 0, Fonts: bits&64 != 0}
		content := ToMatrix(m, opt)
		if !utf8.ValidString(content.Body) || strings.ContainsAny(content.Body, "\x00\r") {
			t.Fatalf("body %q", content.Body)
		}
		if content.FormattedBody != "" {
			checkHTML(t, content.FormattedBody, content.Body)
		}
		joined := ""
		for _, part := range SplitText(m) {
			joined += part.Text
		}
		if joined != text {
			t.Fatalf("split %q, joined %q", text, joined)
		}
	})
}
