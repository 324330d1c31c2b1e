package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestMSNP24(t *testing.T) {
	cases := []struct {
		wire string
		want Command24
	}{
		{"PNG 7 CON 0\r\n", Command24{Name: "PNG", TrID: 7, Namespace: "CON"}},
		{"CNT 1 CON 25\r\n\r\n<connect>..</connect>\r\n", Command24{Name: "CNT", TrID: 1, Namespace: "CON", Body: []byte("<connect>..</connect>\r\n")}},
		{"ACK 9 MSGR 31\r\nAck-Id: 12\r\nRegistration: x\r\n\r\n",
			Command24{Name: "ACK", TrID: 9, Namespace: "MSGR", Top: []Header{{"Ack-Id", "12"}, {"Registration", "x"}}, Body: []byte{}}},
		{"NFY 0 MSGR\\PUT 3\r\n\r\nx", Command24{Name: "NFY", Namespace: `MSGR\PUT`, Body: []byte("x")}},
		{"911 2 CON\\USER 0\r\n", Command24{Name: "911", TrID: 2, Namespace: `CON\USER`}},
		{"PUT 4 MSGR\\CHALLENGE 2\r\n\r\n", Command24{Name: "PUT", TrID: 4, Namespace: `MSGR\CHALLENGE`, Body: []byte{}}},
	}
	var all []byte
	for _, tc := range cases {
		got, err := ReadMSNP24(NewReader(strings.NewReader(tc.wire), FromServer24))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: got %+v, %v, want %+v", tc.wire, got, err, tc.want)
		}
		if written := AppendMSNP24(nil, tc.want); string(written) != tc.wire {
			t.Errorf("written %q, want %q", written, tc.wire)
		}
		all = append(all, tc.wire...)
	}
	r := NewReader(oneByteReader{bytes.NewReader(all)}, FromServer24)
	for _, tc := range cases {
		if got, err := ReadMSNP24(r); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("in one stream: got %+v, %v, want %+v", got, err, tc.want)
		}
	}
	if _, err := ReadMSNP24(r); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

type oneByteReader struct{ r io.Reader }

func (o oneByteReader) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

func TestMSNP24Broken(t *testing.T) {
	for _, s := range []string{"PNG\r\n", "PNG 1 CON\r\n", "PNG 1 CON -1\r\n", "PNG 1 CON 99999999\r\n", "PN 1 CON 0\r\n"} {
		var syntax *SyntaxError
		if _, err := ReadMSNP24(NewReader(strings.NewReader(s), FromServer24)); !errors.As(err, &syntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
	top := strings.Repeat("A: b\r\n", 65)
	if _, err := SplitMSNP24(Command{Name: "SDG", Args: []string{"MSGR"}, Payload: []byte(top)}); !errors.Is(err, ErrTooManyHeaders) {
		t.Errorf("65 headers: %v", err)
	}
}

func TestRedact24(t *testing.T) {
	cases := []struct {
		name, namespace, body, want string
	}{
		{"ATH", `CON\USER`, "<user><ssl-compact-ticket>t=secret</ssl-compact-ticket><uic>secret</uic><id>a</id></user>",
			"<user><ssl-compact-ticket>***</ssl-compact-ticket><uic>***</uic><id>a</id></user>"},
		{"ATH", `CON\USER`, "<user><ssl-compact-ticket>secret", "<user><ssl-compact-ticket>***"},
		{"ATH", `CON\USER`, "<user><ssl-compact-ticket secret", "<user><ssl-compact-ticket***"},
		{"PUT", `MSGR\CHALLENGE`, "<challenge><appId>P</appId><response>secret</response></challenge>",
			"<challenge><appId>P</appId><response>***</response></challenge>"},
		{"XFR", "CON", "<xfr><target>h:1</target><state>secret</state></xfr>", "<xfr><target>h:1</target><state>***</state></xfr>"},
		{"PUT", `MSGR\PRESENCE`, "<response>shown</response>", "<response>shown</response>"},
	}
	for _, tc := range cases {
		cmd := Command24{Name: tc.name, TrID: 1, Namespace: tc.namespace, Body: []byte(tc.body)}.Command()
		whole := string(cmd.Payload)
		got := Redact(cmd, FromClient24)
		if string(got.Payload) != "\r\n"+tc.want {
			t.Errorf("%s: got %q", tc.body, got.Payload)
		}
		if string(cmd.Payload) != whole {
			t.Error("the command itself was changed")
		}
	}
}

func TestTranscript24(t *testing.T) {
	const dialogue = "C: PNG 7 CON 0\nS: PNG 7 CON 27\n |\n | <ping-response>..</ping\n |\n"
	lines, err := ParseTranscript24(strings.NewReader(dialogue))
	if err != nil {
		t.Fatal(err)
	}
	if got := FormatTranscript(lines); got != dialogue {
		t.Errorf("got\n%s", got)
	}
	if lines[0].From != FromClient24 || lines[1].From != FromServer24 || lines[0].Command.Args[0] != "CON" {
		t.Errorf("got %+v", lines)
	}
}

func FuzzMSNP24(f *testing.F) {
	f.Add([]byte("NFY 0 MSGR\\PUT 3\r\n\r\nxPNG 1 CON 0\r\n"))
	f.Add([]byte("911 2 CON\\USER 0\r\nACK 9 MSGR 13\r\nAck-Id: 12\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b), FromServer24)
		for {
			c, err := ReadMSNP24(r)
			if err != nil {
				return
			}
			again, err := ReadMSNP24(NewReader(bytes.NewReader(AppendMSNP24(nil, c)), FromServer24))
			if err != nil {
				t.Fatalf("%+v cannot be read again: %v", c, err)
			}
			if again.Name != c.Name || again.TrID != c.TrID || again.Namespace != c.Namespace || !bytes.Equal(again.Body, c.Body) {
				t.Errorf("got %+v, want %+v", again, c)
			}
		}
	})
}
