package msnfmt

import (
	"encoding/json"
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

func TestReadableLine(t *testing.T) {
	for _, tt := range []struct{ typ, raw, want string }{
		{"org.matrix.msc3381.poll.start", `{"org.matrix.msc3381.poll.start":{"question":{"org.matrix.msc1767.text":"Tea?"},
			"answers":[{"id":"1","org.matrix.msc1767.text":"yes"},{"id":"2","body":"no"},{"id":"3"},4]}}`, "Poll: Tea?\n1. yes\n2. no\n3. ?\n4. ?"},
		{"m.poll.start", `{"m.poll":{"question":{"m.text":[{"body":"<b>Tea?</b>","mimetype":"text/html"},{"body":"Tea?"}]},"answers":[]}}`, "Poll: Tea?"},
		{"m.poll.start", `{"org.matrix.msc1767.text":"Tea? yes no"}`, "Poll: Tea? yes no"},
		{"m.poll.start", `{"m.poll":7}`, "*started a poll*"},
		{"org.matrix.msc3381.poll.response", `{}`, "*voted in the poll*"},
		{"org.matrix.msc3381.poll.end", `{"org.matrix.msc1767.text":"Ended. Top answer: yes"}`, "Ended. Top answer: yes"},
		{"m.poll.end", `{}`, "*ended the poll*"},
		{"m.call.invite", `{"offer":{"sdp":"v=0\r\nm=audio 9\r\nm=video 9"}}`, "*is calling (video), which only works on Matrix*"},
		{"m.call.invite", `{"offer":{"sdp":"v=0\r\nm=audio 9"}}`, "*is calling (voice), which only works on Matrix*"},
		{"m.call.hangup", `{}`, "*ended the call*"},
		{"m.call.reject", `{}`, "*declined the call*"},
		{"m.call.candidates", `{"candidates":[]}`, ""},
		{"org.matrix.msc4075.rtc.notification", `{}`, "*started a call, which only works on Matrix*"},
		{"im.vector.modular.widgets", `{"name":"Etherpad","type":"m.etherpad","url":"https://example.com/"}`, "*added the widget “Etherpad”*: https://example.com/"},
		{"im.vector.modular.widgets", `{"type":"m.etherpad","url":"https://example.com/"}`, "*added the widget “m.etherpad”*: https://example.com/"},
		{"m.widget", `{"name":"Odd","url":"javascript:alert(1)"}`, "*added the widget “Odd”*"},
		{"im.vector.modular.widgets", `{}`, "*removed a widget*"},
		{"m.beacon_info", `{"live":true}`, "*shares a live location, which only works on Matrix*"},
		{"m.beacon_info", `{"live":"x"}`, "*stopped sharing a live location*"},
		{"m.reaction", `{}`, ""},
		{"m.key.verification.start", `{"body":"x"}`, ""},
		{"m.room.encrypted", `{}`, "[a message that could not be decrypted]"},
		{"org.example.dance", `{"body":"dances\n"}`, "dances"},
		{"org.example.dance", `{"body":7}`, "[something that MSN cannot show: org.example.dance]"},
		{"", `{}`, "[something that has no type]"},
	} {
		var raw map[string]any
		if err := json.Unmarshal([]byte(tt.raw), &raw); err != nil {
			t.Fatal(err)
		}
		if got := ReadableLine(tt.typ, raw); got != tt.want {
			t.Errorf("%s %s:\ngot  %q\nwant %q", tt.typ, tt.raw, got, tt.want)
		}
	}
	if got := ReadableLine("m.poll.start", nil); got != "*started a poll*" {
		t.Errorf("no content: %q", got)
	}
}

func TestReactionLine(t *testing.T) {
	for _, tt := range []struct {
		key, quoted string
		opt         Options
		want        string
	}{
		{"👍", "see you", Options{}, "reacted 👍 to “see you”"},
		{"👍", "see\nyou", Options{Emoticons: true}, "reacted (Y) to “see you”"},
		{"mxc://x/y", "see you", Options{}, "reacted with a picture to “see you”"},
		{"👍", "", Options{}, "reacted 👍"},
		{"", "", Options{}, "reacted with a picture"},
	} {
		if got := ReactionLine(tt.key, tt.quoted, tt.opt); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestNudgeContent(t *testing.T) {
	got := NudgeContent("Bob <b>", "@alice:example.com", "Alice & co")
	if got.MsgType != "chat.tachyon.buzz" || got.Body != "* Bob <b> sent a nudge to Alice & co!" || !got.Mentions.Has("@alice:example.com") {
		t.Errorf("got %+v", got)
	}
	const want = `* Bob &lt;b&gt; sent a nudge to <a href="https://matrix.to/#/@alice:example.com">Alice &amp; co</a>!`
	if got.Format != event.FormatHTML || got.FormattedBody != want {
		t.Errorf("got %q", got.FormattedBody)
	}
	if !IsNudge(got, Options{}) {
		t.Error("a nudge is none")
	}
	got = NudgeContent("Bob", "", "")
	if got.Body != "* Bob sent a nudge!" || got.FormattedBody != "" || len(got.Mentions.UserIDs) != 0 {
		t.Errorf("got %+v", got)
	}
	if got = NudgeContent("", "@alice:example.com", ""); got.Body != "* Somebody sent a nudge to @alice:example.com!" {
		t.Errorf("got %q", got.Body)
	}
}

func TestIsNudge(t *testing.T) {
	bell := Options{BellNudge: true}
	replace := (&event.RelatesTo{}).SetReplace("$x")
	for _, tt := range []struct {
		content *event.MessageEventContent
		opt     Options
		want    bool
	}{
		{nil, bell, false},
		{&event.MessageEventContent{MsgType: MsgNudge}, Options{}, true},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "nudge!"}, Options{}, true},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: " Nudge!\n"}, Options{}, true},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "nudge! now"}, Options{}, false},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "nudge"}, Options{}, false},
		{&event.MessageEventContent{MsgType: event.MsgNotice, Body: "nudge!"}, Options{}, false},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "nudge!", RelatesTo: replace}, Options{}, false},
		{&event.MessageEventContent{MsgType: MsgNudge, RelatesTo: replace}, Options{}, false},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "* nudge!", NewContent: &event.MessageEventContent{Body: "nudge!"}}, Options{}, false},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "🔔"}, bell, true},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "🔔\uFE0F"}, bell, true},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "🔔🔔"}, bell, false},
		{&event.MessageEventContent{MsgType: event.MsgText, Body: "🔔"}, Options{}, false},
	} {
		if got := IsNudge(tt.content, tt.opt); got != tt.want {
			t.Errorf("%+v: %v", tt.content, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	fields := func(s ...string) *msn.Invitation {
		m := &msn.Invitation{}
		for i := 0; i < len(s); i += 2 {
			m.Fields = append(m.Fields, msn.Field{Name: s[i], Value: s[i+1]})
		}
		return m
	}
	for _, tt := range []struct {
		in   msn.Message
		typ  event.MessageType
		want string
	}{
		{&msn.Wink{Object: msn.MSNObject{Friendly: "Frog\x00"}}, event.MsgNotice, "Sent a wink “Frog”, which cannot be shown here yet."},
		{&msn.Wink{}, event.MsgNotice, "Sent a wink, which cannot be shown here yet."},
		{&msn.VoiceClip{}, event.MsgNotice, "Sent a voice clip, which cannot be played here yet."},
		{&msn.Ink{ContentType: "image/gif"}, event.MsgNotice, "Sent handwriting (image/gif), which cannot be shown here yet."},
		{&msn.Action{Text: "waves"}, event.MsgEmote, "waves"},
		{&msn.Action{}, event.MsgNotice, "Sent an action without words."},
		{fields("invitation-command", "INVITE", "Application-File", "a.txt", "Application-FileSize", "1024"), event.MsgNotice,
			"Offered a file (a.txt, 1 kB), which cannot be fetched here yet."},
		{fields("Invitation-Command", "INVITE", "Application-Name", "NetMeeting"), event.MsgNotice, "Invited you to NetMeeting, which is not supported here."},
		{fields(), event.MsgNotice, "Invited you to something that has no name, which is not supported here."},
		{fields("Invitation-Command", "CANCEL"), event.MsgNotice, "Cancelled the invitation."},
		{fields("Invitation-Command", "ACCEPT"), "", ""},
		{&msn.Unknown{ContentType: "text/x-new\r\nX: y"}, event.MsgNotice, "Sent something that cannot be shown here (text/x-new X: y)."},
		{&msn.Unknown{ContentType: strings.Repeat("x", 1000)}, event.MsgNotice, "Sent something that cannot be shown here (" + strings.Repeat("x", 100) + "…)."},
		{&msn.Unknown{}, event.MsgNotice, "Sent something that does not say what it is, and that cannot be shown here."},
		{&msn.Typing{}, "", ""},
		{&msn.Keepalive{}, "", ""},
		{&msn.TextMessage{Text: "x"}, "", ""},
		{nil, "", ""},
	} {
		got := Describe(tt.in)
		if got == nil {
			got = &event.MessageEventContent{}
		}
		if got.MsgType != tt.typ || got.Body != tt.want {
			t.Errorf("%+v: got %s %q", tt.in, got.MsgType, got.Body)
		}
	}
}
