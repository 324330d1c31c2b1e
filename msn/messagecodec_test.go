package msn

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// crlf writes a payload with readable line ends.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// Each case is read and written: the payload is as an official client writes it.
func TestMessageBothWays(t *testing.T) {
	object := NewMSNObject("alice@example.com", ObjectWink, "wink.cab", "Sid", []byte("data"))
	const mime = "MIME-Version: 1.0\n"
	for _, c := range []struct {
		name    string
		payload string
		message Message
		ack     byte
	}{
		{"text of the vectors", framingPayload(t, "text"),
			&TextMessage{Text: "Grüße €", Format: TextFormat{Font: "Arial", PitchFamily: 0x22}}, 'A'},
		{"typing of the vectors", framingPayload(t, "typing"), &Typing{From: "alice@example.com"}, 'U'},
		{"nudge of the vectors", framingPayload(t, "nudge"), &Nudge{}, 'A'},
		{"plain text", crlf(mime + "Content-Type: text/plain; charset=UTF-8\n\n"), &TextMessage{}, 'A'},
		{"lines", crlf(mime + "Content-Type: text/plain; charset=UTF-8\n\na\n\nb\n"), &TextMessage{Text: "a\n\nb\n"}, 'A'},
		{"name of its own", crlf(mime + "Content-Type: text/plain; charset=UTF-8\nP4-Context: Some Bot\n\nx"),
			&TextMessage{Text: "x", DisplayName: "Some Bot"}, 'A'},
		{"recording", crlf(mime + "Content-Type: text/x-msmsgscontrol\nRecordingUser: bob@example.com\n\n\n"),
			&Typing{From: "bob@example.com", Recording: true}, 'U'},
		{"wink", crlf(mime + "Content-Type: text/x-msnmsgr-datacast\n\nID: 2\nData: " + object.String() + "\n\n"),
			&Wink{Object: object}, 'A'},
		{"voice clip", crlf(mime + "Content-Type: text/x-msnmsgr-datacast\n\nID: 3\nData: " + object.String() + "\n\n"),
			&VoiceClip{Object: object}, 'A'},
		{"action", crlf(mime + "Content-Type: text/x-msnmsgr-datacast\n\nID: 4\nData: Bob waves\n\n"),
			&Action{Text: "Bob waves"}, 'A'},
		{"emoticons", crlf(mime+"Content-Type: text/x-mms-emoticon\n\n") + "(x)\t" + object.String() + "\t:é:\t" + object.String() + "\t",
			&CustomEmoticons{Emoticons: []CustomEmoticon{{"(x)", object}, {":é:", object}}}, 'N'},
		{"animated emoticon", crlf(mime+"Content-Type: text/x-mms-animemoticon\n\n") + "(x)\t" + object.String() + "\t",
			&CustomEmoticons{Animated: true, Emoticons: []CustomEmoticon{{"(x)", object}}}, 'N'},
		{"ink", crlf(mime + "Content-Type: image/gif\n\nbase64:R0lGODlh"), &Ink{"image/gif", []byte("GIF89a")}, 'N'},
		{"isf", crlf(mime + "Content-Type: application/x-ms-ink\n\nbase64:AAE="), &Ink{"application/x-ms-ink", []byte{0, 1}}, 'N'},
		{"invitation", crlf(mime + "Content-Type: text/x-msmsgsinvite; charset=UTF-8\n\nApplication-Name: File Transfer\n" +
			"Invitation-Command: INVITE\nInvitation-Cookie: 33267\nRequest-Data: IP-Address:\n\n"),
			&Invitation{[]Field{{"Application-Name", "File Transfer"}, {"Invitation-Command", "INVITE"},
				{"Invitation-Cookie", "33267"}, {"Request-Data", "IP-Address:"}}}, 'N'},
		{"client caps", crlf(mime + "Content-Type: text/x-clientcaps\n\nClient-Name: Example 1.0\nChat-Logging: Y\n"),
			&ClientCaps{"Example 1.0", "Y"}, 'U'},
		{"keepalive", crlf(mime + "Content-Type: text/x-keepalive\n\n"), &Keepalive{}, 'U'},
		{"p2p", crlf(mime+"Content-Type: application/x-msnmsgrp2p\nP2P-Dest: bob@example.com\n\n") + "\x00\r\n\r\n\xff",
			&P2PData{Dest: "bob@example.com", Data: []byte("\x00\r\n\r\n\xff")}, 'D'},
		{"p2p with source", crlf(mime + "Content-Type: application/x-msnmsgrp2p\nP2P-Dest: b@example.com;{1}\nP2P-Src: a@example.com;{2}\n\n"),
			&P2PData{Dest: "b@example.com;{1}", Src: "a@example.com;{2}", Data: []byte{}}, 'D'},
		{"unknown", crlf(mime+"Content-Type: text/x-new; v=1\n\n") + "\xffany", &Unknown{"text/x-new; v=1", []byte("\xffany")}, 'N'},
		{"no type", crlf(mime + "\nany"), &Unknown{"", []byte("any")}, 'N'},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseMessage([]byte(c.payload))
			if err != nil || !reflect.DeepEqual(got, c.message) {
				t.Errorf("read %#v, %v\nwant %#v", got, err, c.message)
			}
			if out := string(AppendMessage(nil, c.message)); out != c.payload {
				t.Errorf("wrote %q\n want %q", out, c.payload)
			}
			if ack := MessageAck(c.message); ack != c.ack {
				t.Errorf("ack %c, want %c", ack, c.ack)
			}
		})
	}
}

// The lengths that core.md gives for whole messages.
func TestMessageLengths(t *testing.T) {
	for want, m := range map[int]Message{
		90:  &Typing{From: "alice@example.com"},
		69:  &Nudge{},
		97:  &ClientCaps{"Example 1.0", "Y"},
		124: &TextMessage{Text: "Grüße €", Format: TextFormat{Font: "Arial", PitchFamily: 0x22}},
	} {
		if got := len(AppendMessage(nil, m)); got != want {
			t.Errorf("%T has %d bytes, want %d", m, got, want)
		}
	}
}

func TestParseMessageLenient(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		want          Message
	}{
		{"LF alone, odd case", "content-TYPE:Text/Plain\n\nhi", &TextMessage{Text: "hi"}},
		{"CR between lines", "Content-Type: text/plain\r\n\r\na\rb\r\nc\nd", &TextMessage{Text: "a\nb\nc\nd"}},
		{"not UTF-8", "Content-Type: text/plain; charset=ISO-8859-1\r\n\r\nGr\xfc\xdfe", &TextMessage{Text: "Gr\uFFFDe"}},
		{"empty line in the body", "Content-Type: text/plain\r\n\r\n\r\n\r\nx", &TextMessage{Text: "\n\nx"}},
		{"no empty line", "Content-Type: text/x-msmsgscontrol\r\nTypingUser: a@example.com", &Typing{From: "a@example.com"}},
		{"no field in between", "MIME-Version: 1.0\r\nnonsense\r\nContent-Type: text/x-keepalive\r\n\r\n", &Keepalive{}},
		{"other caps", "Content-Type: text/x-clientinfo\r\n\r\nclient-name: X\r\n", &ClientCaps{ClientName: "X"}},
		{"bare gif", "Content-Type: image/gif\r\n\r\nGIF89a", &Ink{"image/gif", []byte("GIF89a")}},
		{"ink without padding, in lines", "Content-Type: image/gif\r\n\r\nbase64:R0lGO\r\nDk\r\n", &Ink{"image/gif", []byte("GIF89")}},
		{"emoticon without the last tab", "Content-Type: text/x-mms-emoticon\r\n\r\n(x)\t<msnobj Creator=\"a\" Size=\"1\" Type=\"2\" Friendly=\"AAA=\"/>\t(y)\tbroken\r\n",
			&CustomEmoticons{Emoticons: []CustomEmoticon{{"(x)", MSNObject{Creator: "a", Size: 1, Type: 2}}}}},
		{"wink without object", "Content-Type: text/x-msnmsgr-datacast\r\n\r\nID: 2\r\n", &Unknown{"text/x-msnmsgr-datacast", []byte("ID: 2\r\n")}},
		{"datacast of the future", "Content-Type: text/x-msnmsgr-datacast\r\n\r\nID: 77\r\n", &Unknown{"text/x-msnmsgr-datacast", []byte("ID: 77\r\n")}},
		{"broken ink", "Content-Type: image/gif\r\n\r\nbase64:!!", &Unknown{"image/gif", []byte("base64:!!")}},
		{"empty ink", "Content-Type: image/gif\r\n\r\nbase64:", &Unknown{"image/gif", []byte("base64:")}},
		{"typing of nobody", "Content-Type: text/x-msmsgscontrol\r\n\r\n\r\n", &Unknown{"text/x-msmsgscontrol", []byte("\r\n")}},
		{"empty invitation", "Content-Type: text/x-msmsgsinvite\r\n\r\n", &Unknown{"text/x-msmsgsinvite", []byte{}}},
	} {
		got, err := ParseMessage([]byte(c.payload))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, %v\nwant %#v", c.name, got, err, c.want)
		}
	}
}

func TestParseMessageErrors(t *testing.T) {
	for payload, want := range map[string]error{
		"":                                  ErrNoHeader,
		"\r\n":                              ErrNoHeader,
		"\r\nContent-Type: text/plain":      ErrNoHeader,
		"just a text":                       ErrNoHeader,
		": no name":                         ErrNoHeader,
		strings.Repeat("a: b\r\n", 100_000): ErrTooManyFields,
	} {
		if m, err := ParseMessage([]byte(payload)); !errors.Is(err, want) {
			t.Errorf("%.40q: %#v, %v, want %v", payload, m, err, want)
		}
	}
}

// A name or a text of a user can add neither a header nor a body.
func TestAppendMessageInjection(t *testing.T) {
	const evil = "x\r\nContent-Type: text/x-evil\r\n\r\nbody\x00"
	for _, m := range []Message{
		&TextMessage{DisplayName: evil, Format: TextFormat{Font: evil}, Text: "t"},
		&Typing{From: evil},
		&P2PData{Dest: evil, Src: evil},
		&Unknown{ContentType: evil},
		&ClientCaps{ClientName: evil, ChatLogging: evil},
		&Action{Text: evil},
		&Invitation{Fields: []Field{{evil, evil}, {"A", evil}}},
		&CustomEmoticons{Emoticons: []CustomEmoticon{{Shortcut: "a\tb\r\n\r\n", Object: MSNObject{Creator: evil}}}},
	} {
		payload := AppendMessage(nil, m)
		if strings.Contains(string(payload), "\nContent-Type: text/x-evil") || strings.Contains(string(payload), "\nbody") {
			t.Errorf("%T lets lines in: %q", m, payload)
		}
		if _, err := ParseMessage(payload); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func TestParseMessageSharesNothing(t *testing.T) {
	payload := []byte("Content-Type: application/x-msnmsgrp2p\r\n\r\ndata")
	m, err := ParseMessage(payload)
	if err != nil {
		t.Fatal(err)
	}
	clear(payload)
	if data := m.(*P2PData).Data; string(data) != "data" {
		t.Errorf("%q changed with the payload", data)
	}
}

func FuzzParseMessage(f *testing.F) {
	object := NewMSNObject("alice@example.com", 8, "w", "", []byte("x"))
	for _, m := range []Message{
		&TextMessage{Text: "a\nb", Format: TextFormat{Font: "Arial", Color: 0xff}, DisplayName: "Bot"}, &Typing{From: "a"}, &Nudge{},
		&Wink{object}, &VoiceClip{object}, &Action{"waves"}, &CustomEmoticons{Emoticons: []CustomEmoticon{{"(x)", object}}},
		&Ink{"image/gif", []byte("GIF")}, &Invitation{[]Field{{"A", "b"}}}, &ClientCaps{"x", "Y"}, &Keepalive{},
		&P2PData{Dest: "a", Src: "b", Data: []byte{0}}, &Unknown{"x/y", []byte("z")},
	} {
		f.Add(AppendMessage(nil, m))
	}
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := ParseMessage(payload)
		if err != nil {
			return
		}
		written := AppendMessage(nil, m)
		again, err := ParseMessage(written)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q\n gave %#v\n then %#v, %v by %q", payload, m, again, err, written)
		}
	})
}
