package wire

import (
	"reflect"
	"strings"
	"testing"
)

func TestFormatCommand(t *testing.T) {
	for _, test := range []struct {
		cmd  Command
		from Side
		want string
	}{
		{client(3, "ACK"), FromServer, "S: ACK 3\n"},
		{client(3, "MSG", "A").with("A: b\r\n\r\nhello"), FromClient, "C: MSG 3 A 13\n | A: b\n |\n | hello\n"},
		{push("NOT").with("x\r\n"), FromServer, "S: NOT 3\n | x\n |\n"},
		{push("NOT").with("\r\n"), FromServer, "S: NOT 2\n |\n |\n"},
		{push("UBX", "b", "1").with(""), FromServer, "S: UBX b 1 0\n"},
		{push("NOT").with("a\nb\rc\x00\xff\t é"), FromServer, `S: NOT 11` + "\n" + ` | a\x0Ab\x0Dc\x00\xFF\x09 é` + "\n"},
		{push("NOT").with(`Music\0\x41\xyz end `), FromServer, `S: NOT 20` + "\n" + ` | Music\0\x5Cx41\xyz end\x20` + "\n"},
		{push("NOT").with("\u202e"), FromServer, `S: NOT 3` + "\n" + ` | \xE2\x80\xAE` + "\n"},
		{push("NLN", "BSY", "b", "a\xff\x1b"), FromServer, `S: NLN BSY b a\xFF\x1B` + "\n"},
	} {
		got := FormatCommand(test.cmd, test.from)
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
		lines, err := ParseTranscript(strings.NewReader(got))
		if want := []Line{{From: test.from, Command: test.cmd}}; err != nil || !reflect.DeepEqual(lines, want) {
			t.Errorf("%q is read %+v, %v", got, lines, err)
		}
	}
}

func TestTranscriptOfEveryCommand(t *testing.T) {
	eachExchange(t, func(t *testing.T, from Side, x exchange) {
		lines, err := ParseTranscript(strings.NewReader(FormatCommand(x.want, from)))
		if want := []Line{{From: from, Command: x.want}}; err != nil || !reflect.DeepEqual(lines, want) {
			t.Errorf("read %+v, %v", lines, err)
		}
	})
}

const dialogue = `# A switchboard is called, bob joins, one message is acknowledged.
# core.md 10
C: CAL 2 bob@example.com
S: CAL 2 RINGING 11752013
S: JOI bob@example.com Bob

# Text.
C: MSG 3 A 67
 | MIME-Version: 1.0
 | Content-Type: text/plain; charset=UTF-8
 |
 | hello
S: ACK 3

# End.
`

func TestTranscriptOfADialogue(t *testing.T) {
	want := []Line{
		{From: FromClient, Command: client(2, "CAL", "bob@example.com"),
			Comment: "A switchboard is called, bob joins, one message is acknowledged.\ncore.md 10"},
		{From: FromServer, Command: client(2, "CAL", "RINGING", "11752013")},
		{From: FromServer, Command: push("JOI", "bob@example.com", "Bob")},
		{From: FromClient, Comment: "Text.",
			Command: client(3, "MSG", "A").with("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhello")},
		{From: FromServer, Command: client(3, "ACK")},
		{Comment: "End."},
	}
	for _, text := range []string{dialogue, strings.ReplaceAll(dialogue, "\n", "\r\n"), strings.ReplaceAll(dialogue, " |\n", " | \n")} {
		got, err := ParseTranscript(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
		if again := FormatTranscript(got); again != dialogue {
			t.Errorf("written %s", again)
		}
	}
}

func TestParseTranscriptRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"X: VER 1":                          "line 1: starts with none of",
		"C: VER 1\n | x":                    "line 2: payload of a command that has none",
		" | x":                              "line 1: payload of a command that has none",
		"C: MSG 1 N 3\n | abcd":             "line 2: payload is longer than its length, 3",
		"C: MSG 1 N 3\n | ab\nC: OUT":       "line 3: the payload before has 2 bytes, its length is 3",
		"C: MSG 1 N 3":                      "line 1: the payload before has 0 bytes, its length is 3",
		"C: MSG 1 N":                        `line 1: broken line "MSG": payload length`,
		`C: REA 1 a\x0AOUT`:                 `line 1: broken line "REA": line end inside a line`,
		"C: ":                               `line 1: broken line "": no command word`,
		"\nC: " + strings.Repeat("A", 9000): "line 2: longer than 8192 bytes",
	} {
		if lines, err := ParseTranscript(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %+v, %v; want %s", in, lines, err, want)
		}
	}
}

func TestRedact(t *testing.T) {
	const guid = "{b171be3e-0000-4000-8000-000000000001}"
	profile := "Content-Type: text/x-msmsgsprofile; charset=UTF-8\r\nkv: 5\r\nMSPAuth: SECRET\r\nClientIP: 192.0.2.7\r\n\r\n"
	for _, test := range []struct {
		cmd  Command
		from Side
		want string
	}{
		{client(3, "USR", "MD5", "I", "alice@example.com"), FromClient, "C: USR 3 MD5 I alice@example.com\n"},
		{client(4, "USR", "MD5", "S", "SECRET"), FromClient, "C: USR 4 MD5 S ***\n"},
		{client(4, "USR", "md5", "s", "SECRET"), FromClient, "C: USR 4 md5 s ***\n"},
		{client(3, "USR", "CTP", "I", "alice@example.com", "SECRET"), FromClient, "C: USR 3 CTP I alice@example.com ***\n"},
		{client(4, "USR", "TWN", "S", "t=SECRET&p="), FromClient, "C: USR 4 TWN S ***\n"},
		{client(4, "USR", "SSO", "S", "t=SECRET&p=", "SECRET", guid), FromClient, "C: USR 4 SSO S *** *** " + guid + "\n"},
		{client(4, "USR", "SSO", "S", "t=SECRET&p=", "{SECRET}"), FromClient, "C: USR 4 SSO S *** ***\n"},
		{client(12, "USR", "SHA", "A", "SECRET"), FromClient, "C: USR 12 SHA A ***\n"},
		{push("USR", "99999999999", "MD5", "S", "SECRET"), FromClient, "C: USR 99999999999 *** *** ***\n"},
		{client(1, "USR", "alice@example.com;"+guid, "SECRET"), FromClient, "C: USR 1 alice@example.com;" + guid + " ***\n"},
		{client(3, "USR", "MD5", "S", "1013928519.693957190"), FromServer, "S: USR 3 MD5 S 1013928519.693957190\n"},
		{client(1, "ANS", "alice@example.com", "SECRET", "11752013"), FromClient, "C: ANS 1 alice@example.com *** 11752013\n"},
		{push("ANS", "99999999999", "alice@example.com", "SECRET", "117"), FromClient, "C: ANS 99999999999 *** *** 117\n"},
		{client(1, "ANS", "alice@example.com", "SECRET"), FromClient, "C: ANS 1 alice@example.com ***\n"},
		{client(15, "XFR", "SB", "10.0.0.9:1863", "CKI", "SECRET", "U", "a.example"), FromServer, "S: XFR 15 SB 10.0.0.9:1863 CKI *** U a.example\n"},
		{push("RNG", "117", "10.0.0.9:1863", "CKI", "SECRET", "b", "Bob"), FromServer, "S: RNG 117 10.0.0.9:1863 CKI *** b Bob\n"},
		{client(18, "QRY", "PROD0090YUAUV{2B").with("SECRET"), FromClient, "C: QRY 18 PROD0090YUAUV{2B 3\n | ***\n"},
		{client(15, "URL", "SECRET", "https://a.example/SECRET", "2"), FromServer, "S: URL 15 *** *** ***\n"},
		{client(15, "URL", "INBOX"), FromClient, "C: URL 15 INBOX\n"},
		{push("UBN", "alice@example.com", "10").with("SECRET"), FromServer, "S: UBN alice@example.com 10 3\n | ***\n"},
		{push("UBN", "alice@example.com", "3").with("x"), FromServer, "S: UBN alice@example.com 3 1\n | x\n"},
		{client(0, "SDG").with("Message-Type: Signal/Turn\r\n\r\nSECRET"), FromServer, "S: SDG 0 3\n | ***\n"},
		{push("MSG", "Hotmail", "Hotmail").with(profile), FromServer,
			"S: MSG Hotmail Hotmail 95\n | Content-Type: text/x-msmsgsprofile; charset=UTF-8\n | kv: 5\n | MSPAuth: ***\n" +
				" | ClientIP: 192.0.2.7\n |\n |\n"},
		{push("MSG", "Hotmail", "Hotmail").with("mspauth:SECRET\nx"), FromServer, `S: MSG Hotmail Hotmail 14` + "\n" + ` | mspauth: ***\x0Ax` + "\n"},
	} {
		before := FormatCommand(test.cmd, test.from)
		if got := FormatCommand(Redact(test.cmd, test.from), test.from); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		if after := FormatCommand(test.cmd, test.from); after != before {
			t.Errorf("Redact has changed its argument: %s", after)
		}
	}
}

// FuzzTranscript: what is read is written as something that reads the same.
func FuzzTranscript(f *testing.F) {
	f.Add(dialogue)
	f.Add("S: NOT 12\n | a\\x0Ab\\x0Dc\\x00\\xFF\\x09 \\xC3\\xA9\n#\n#  x\\x41")
	f.Add("C: MSG 1 N 2\n | \\x0D\\x0A\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ParseTranscript(strings.NewReader(text))
		if err != nil {
			return
		}
		once := FormatTranscript(lines)
		again, err := ParseTranscript(strings.NewReader(once))
		if err != nil || !reflect.DeepEqual(lines, again) {
			t.Fatalf("%+v is written\n%s\nand read %+v, %v", lines, once, again, err)
		}
	})
}
