package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func client(id uint32, name string, args ...string) Command {
	return Command{Name: name, TrID: id, HasTrID: true, Args: args}
}

func push(name string, args ...string) Command { return Command{Name: name, Args: args} }

func (c Command) with(payload string) Command {
	c.Payload = []byte(payload)
	return c
}

// exchange is a command as it stands on the wire. The lines follow the examples of core.md.
type exchange struct {
	wire string
	want Command
}

var fromClient = []exchange{
	{"VER 1 MSNP18 MSNP17 CVR0\r\n", client(1, "VER", "MSNP18", "MSNP17", "CVR0")},
	{"VER 4294967295 MSNP2\r\n", client(1<<32-1, "VER", "MSNP2")},
	{"VER 4294967296 MSNP2\r\n", push("VER", "4294967296", "MSNP2")},
	{"VER MSNP2\r\n", push("VER", "MSNP2")},
	{"INF 2\r\n", client(2, "INF")},
	{"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.5.1302 BC01 alice@example.com\r\n",
		client(2, "CVR", "0x0409", "winnt", "5.1", "i386", "MSNMSGR", "8.5.1302", "BC01", "alice@example.com")},
	{"USR 3 MD5 I alice@example.com\r\n", client(3, "USR", "MD5", "I", "alice@example.com")},
	{"USR 4 TWN S t=1*!..$$&p=5\r\n", client(4, "USR", "TWN", "S", "t=1*!..$$&p=5")},
	{"USR 12 SHA A PD94\r\n", client(12, "USR", "SHA", "A", "PD94")},
	{"SYN 4 0\r\n", client(4, "SYN", "0")},
	{"SYN 6 0 0\r\n", client(6, "SYN", "0", "0")},
	{"CHG 9 NLN 268435456 %3Cmsnobj%3E\r\n", client(9, "CHG", "NLN", "268435456", "%3Cmsnobj%3E")},
	{"CHG 7 NLN 1073741824\r\n", client(7, "CHG", "NLN", "1073741824")},
	{"PNG\r\n", push("PNG")},
	{"OUT\r\n", push("OUT")},
	{"ADD 7 FL bob@example.com bob@example.com 1\r\n", client(7, "ADD", "FL", "bob@example.com", "bob@example.com", "1")},
	{"ADG 10 Work 0\r\n", client(10, "ADG", "Work", "0")},
	{"PRP 16 MFN 42\r\n", client(16, "PRP", "MFN", "42")},
	{"PRP 16 PHH\r\n", client(16, "PRP", "PHH")},
	{"BLP 14 BL\r\n", client(14, "BLP", "BL")},
	{"GTC 15 N\r\n", client(15, "GTC", "N")},
	{"GCF 9 Shields.xml\r\n", client(9, "GCF", "Shields.xml")},
	{"URL 15 PERSON 0x0409\r\n", client(15, "URL", "PERSON", "0x0409")},
	{"XFR 15 SB\r\n", client(15, "XFR", "SB")},
	{"CAL 2 bob@example.com\r\n", client(2, "CAL", "bob@example.com")},
	{"ANS 1 alice@example.com 849.5 11752013\r\n", client(1, "ANS", "alice@example.com", "849.5", "11752013")},
	{"FND 11 fname=Bob lname=B city=* state=* country=US\r\n",
		client(11, "FND", "fname=Bob", "lname=B", "city=*", "state=*", "country=US")},
	{"MSG 5 A 5\r\nhello", client(5, "MSG", "A").with("hello")},
	{"MSG 5 U 0\r\n", client(5, "MSG", "U").with("")},
	{"SDC 12 bob@example.com 0x0409 MSMSGS MSMSGS X X Bob 2\r\nhi",
		client(12, "SDC", "bob@example.com", "0x0409", "MSMSGS", "MSMSGS", "X", "X", "Bob").with("hi")},
	{"PAG 14 bob@example.com 1\r\nx", client(14, "PAG", "bob@example.com").with("x")},
	{"PGD 15 bob@example.com 1 1\r\nx", client(15, "PGD", "bob@example.com", "1").with("x")},
	{"QRY 18 PROD0090YUAUV{2B 4\r\n85ec", client(18, "QRY", "PROD0090YUAUV{2B").with("85ec")},
	{"UUX 8 7\r\n<Data/>", client(8, "UUX").with("<Data/>")},
	{"ADL 6 5\r\n<ml/>", client(6, "ADL").with("<ml/>")},
	{"RML 6 5\r\n<ml/>", client(6, "RML").with("<ml/>")},
	{"FQY 7 5\r\n<ml/>", client(7, "FQY").with("<ml/>")},
	{"UUN 9 bob@example.com 3 2\r\n\r\n", client(9, "UUN", "bob@example.com", "3").with("\r\n")},
	{"UUM 2 bob@yahoo.example 32 1 2\r\nhi", client(2, "UUM", "bob@yahoo.example", "32", "1").with("hi")},
	{"VAS 3 bob@example.com x x 1\r\nx", client(3, "VAS", "bob@example.com", "x", "x").with("x")},
	{"PUT 21 3\r\nabc", client(21, "PUT").with("abc")},
	{"DEL 21 3\r\nabc", client(21, "DEL").with("abc")},
	{"SDG 12 3\r\nabc", client(12, "SDG").with("abc")},
	{"NOT 12 3\r\nabc", client(12, "NOT").with("abc")},
	{"NOT 3\r\nabc", push("NOT").with("abc")},
	{"ZZZ 5 a 12\r\n", client(5, "ZZZ", "a", "12")},
	{"ZZZ a\r\n", push("ZZZ", "a")},
}

var fromServer = []exchange{
	{"VER 1 0\r\n", client(1, "VER", "0")},
	{"INF 2 MD5 CTP\r\n", client(2, "INF", "MD5", "CTP")},
	{"CVR 2 8.5 8.5 7.0 http://a.example http://b.example\r\n",
		client(2, "CVR", "8.5", "8.5", "7.0", "http://a.example", "http://b.example")},
	{"XFR 3 NS 10.0.0.5:1863 0\r\n", client(3, "XFR", "NS", "10.0.0.5:1863", "0")},
	{"XFR 0 NS 10.0.0.5:1863 U D\r\n", client(0, "XFR", "NS", "10.0.0.5:1863", "U", "D")},
	{"XFR 15 SB 10.0.0.9:1863 CKI 1.2.3 U messenger.example 1\r\n",
		client(15, "XFR", "SB", "10.0.0.9:1863", "CKI", "1.2.3", "U", "messenger.example", "1")},
	{"USR 3 OK alice@example.com 1 0\r\n", client(3, "USR", "OK", "alice@example.com", "1", "0")},
	{"SBS 0 null\r\n", client(0, "SBS", "null")},
	{"CHL 0 22210219642164014968\r\n", client(0, "CHL", "22210219642164014968")},
	{"QRY 18\r\n", client(18, "QRY")},
	{"UUX 8 0\r\n", client(8, "UUX").with("")},
	{"UUX 8\r\n", client(8, "UUX")},
	{"GCF 9 Shields.xml 11\r\n<Policies/>", client(9, "GCF", "Shields.xml").with("<Policies/>")},
	{"GCF 0 11\r\n<Policies/>", client(0, "GCF").with("<Policies/>")},
	{"URL 15 /cgi-bin/HoTMaiL https://a.example/ 2\r\n", client(15, "URL", "/cgi-bin/HoTMaiL", "https://a.example/", "2")},
	// SYN bursts: MSNP2-4, 5-6, 7, 8-9, 10-12.
	{"SYN 4 255\r\n", client(4, "SYN", "255")},
	{"SYN 8 15 3 2\r\n", client(8, "SYN", "15", "3", "2")},
	{"SYN 6 2005-04-23T18:57:44.8130000-07:00 2005-04-23T18:57:54.2070000-07:00 2 1\r\n",
		client(6, "SYN", "2005-04-23T18:57:44.8130000-07:00", "2005-04-23T18:57:54.2070000-07:00", "2", "1")},
	{"GTC 4 255 A\r\n", client(4, "GTC", "255", "A")},
	{"GTC A\r\n", push("GTC", "A")},
	{"BLP 4 255 AL\r\n", client(4, "BLP", "255", "AL")},
	{"BLP AL\r\n", push("BLP", "AL")},
	{"BLP 14 BL\r\n", client(14, "BLP", "BL")},
	{"PRP 4 255 PHH 55501\r\n", client(4, "PRP", "255", "PHH", "55501")},
	{"PRP PHH 55501\r\n", push("PRP", "PHH", "55501")},
	{"PRP MFN 42\r\n", push("PRP", "MFN", "42")},
	{"PRP 16 MFN Alice\r\n", client(16, "PRP", "MFN", "Alice")},
	{"BPR 255 bob@example.com PHH 55502\r\n", push("BPR", "255", "bob@example.com", "PHH", "55502")},
	{"BPR bob@example.com PHH 555\r\n", push("BPR", "bob@example.com", "PHH", "555")},
	{"BPR PHH 55502\r\n", push("BPR", "PHH", "55502")},
	{"LSG 4 255 1 2 0 Other%20Contacts 0\r\n", client(4, "LSG", "255", "1", "2", "0", "Other%20Contacts", "0")},
	{"LSG 4 255 0 0\r\n", client(4, "LSG", "255", "0", "0")},
	{"LSG 0 Other%20Contacts 0\r\n", push("LSG", "0", "Other%20Contacts", "0")},
	{"LSG 0 123 0\r\n", push("LSG", "0", "123", "0")},
	{"LSG Friends 11111111-0000-4000-8000-000000000001\r\n", push("LSG", "Friends", "11111111-0000-4000-8000-000000000001")},
	{"LSG 2006 11111111-0000-4000-8000-000000000001\r\n", push("LSG", "2006", "11111111-0000-4000-8000-000000000001")},
	{"LST 4 FL 255 1 2 bob@example.com Bob 0,1\r\n", client(4, "LST", "FL", "255", "1", "2", "bob@example.com", "Bob", "0,1")},
	{"LST 4 BL 255 0 0\r\n", client(4, "LST", "BL", "255", "0", "0")},
	{"LST bob@example.com Bob 11 0,1\r\n", push("LST", "bob@example.com", "Bob", "11", "0,1")},
	{"LST N=bob@example.com F=Bob 8\r\n", push("LST", "N=bob@example.com", "F=Bob", "8")},
	{"LST 5 Bob 11 0\r\n", push("LST", "5", "Bob", "11", "0")},
	// Lists.
	{"ADD 0 RL 31 alice@example.com Alice\r\n", client(0, "ADD", "RL", "31", "alice@example.com", "Alice")},
	{"ADC 0 RL N=alice@example.com F=Alice\r\n", client(0, "ADC", "RL", "N=alice@example.com", "F=Alice")},
	{"REM 0 RL alice@example.com\r\n", client(0, "REM", "RL", "alice@example.com")},
	{"ADG 10 258 Work 2 0\r\n", client(10, "ADG", "258", "Work", "2", "0")},
	{"RMG 11 259 2\r\n", client(11, "RMG", "259", "2")},
	{"REG 12 260 2 Job 0\r\n", client(12, "REG", "260", "2", "Job", "0")},
	{"REA 13 261 alice@example.com Al\r\n", client(13, "REA", "261", "alice@example.com", "Al")},
	{"SBP 17 2222 MFN Bobby\r\n", client(17, "SBP", "2222", "MFN", "Bobby")},
	{"SND 12 OK\r\n", client(12, "SND", "OK")},
	{"SDC 13 OK\r\n", client(13, "SDC", "OK")},
	{"IMS 14 0 OFF\r\n", client(14, "IMS", "0", "OFF")},
	{"FND 11 1 3 fname=Bob\r\n", client(11, "FND", "1", "3", "fname=Bob")},
	{"ADL 6 OK\r\n", client(6, "ADL", "OK")},
	{"ADL 0 5\r\n<ml/>", client(0, "ADL").with("<ml/>")},
	{"RML 0 5\r\n<ml/>", client(0, "RML").with("<ml/>")},
	{"RML 6 OK\r\n", client(6, "RML", "OK")},
	{"FQY 7 5\r\n<ml/>", client(7, "FQY").with("<ml/>")},
	// Presence.
	{"CHG 0 HDN\r\n", client(0, "CHG", "HDN")},
	{"ILN 9 BSY bob@example.com Bob 268435456\r\n", client(9, "ILN", "BSY", "bob@example.com", "Bob", "268435456")},
	{"NLN BSY bob@example.com 1 42 268435456 0\r\n", push("NLN", "BSY", "bob@example.com", "1", "42", "268435456", "0")},
	{"NLN BSY 1:bob@example.com;via=9:0@live.example Bob 1:0\r\n", push("NLN", "BSY", "1:bob@example.com;via=9:0@live.example", "Bob", "1:0")},
	{"FLN 1:bob@example.com 0:0\r\n", push("FLN", "1:bob@example.com", "0:0")},
	{"UBX bob@example.com 7\r\n<Data/>", push("UBX", "bob@example.com").with("<Data/>")},
	{"UBX bob@example.com 1 0\r\n", push("UBX", "bob@example.com", "1").with("")},
	{"UBN alice@example.com 3 1\r\nx", push("UBN", "alice@example.com", "3").with("x")},
	{"UBM erin@yahoo.example 32 1 2\r\nhi", push("UBM", "erin@yahoo.example", "32", "1").with("hi")},
	{"UBM erin@yahoo.example 32 alice@example.com 1 1 2\r\nhi", push("UBM", "erin@yahoo.example", "32", "alice@example.com", "1", "1").with("hi")},
	{"UUN 13 OK\r\n", client(13, "UUN", "OK")},
	// Messages and notices.
	{"MSG Hotmail Hotmail 2\r\n\r\n", push("MSG", "Hotmail", "Hotmail").with("\r\n")},
	{"MSG 1@example.com 42 0\r\n", push("MSG", "1@example.com", "42").with("")},
	{"NOT 3\r\n<x>", push("NOT").with("<x>")},
	{"IPG 3\r\n<x>", push("IPG").with("<x>")},
	{"NFY PUT 3\r\nabc", push("NFY", "PUT").with("abc")},
	{"NFY DEL 3\r\nabc", push("NFY", "DEL").with("abc")},
	{"SDG 0 3\r\nabc", client(0, "SDG").with("abc")},
	{"PUT 7 OK 0\r\n", client(7, "PUT", "OK").with("")},
	{"PUT 7 OK 3\r\nabc", client(7, "PUT", "OK").with("abc")},
	{"DEL 7 OK 0\r\n", client(7, "DEL", "OK").with("")},
	{"QNG\r\n", push("QNG")},
	{"QNG 47\r\n", push("QNG", "47")},
	{"OUT OTH\r\n", push("OUT", "OTH")},
	{"OUT RCT 5\r\n", push("OUT", "RCT", "5")},
	// Switchboard.
	{"RNG 11752013 10.0.0.9:1863 CKI 8.5 bob@example.com Bob U messenger.example 1\r\n",
		push("RNG", "11752013", "10.0.0.9:1863", "CKI", "8.5", "bob@example.com", "Bob", "U", "messenger.example", "1")},
	{"USR 1 OK alice@example.com Alice\r\n", client(1, "USR", "OK", "alice@example.com", "Alice")},
	{"CAL 2 RINGING 11752013\r\n", client(2, "CAL", "RINGING", "11752013")},
	{"JOI bob@example.com Bob 1073741824\r\n", push("JOI", "bob@example.com", "Bob", "1073741824")},
	{"IRO 1 2 2 carol@example.com Carol 12\r\n", client(1, "IRO", "2", "2", "carol@example.com", "Carol", "12")},
	{"ANS 1 OK\r\n", client(1, "ANS", "OK")},
	{"BYE alice@example.com 1\r\n", push("BYE", "alice@example.com", "1")},
	{"ACK 3\r\n", client(3, "ACK")},
	{"NAK 3\r\n", client(3, "NAK")},
	// Errors.
	{"217 5\r\n", client(5, "217")},
	{"911 0\r\n", client(0, "911")},
	{"911\r\n", push("911")},
	{"241 9 5\r\n<ml/>", client(9, "241").with("<ml/>")},
	{"241 9 why 5\r\n", client(9, "241", "why", "5")},
	{"ZZZ 5 12\r\n", push("ZZZ", "5", "12")},
}

func eachExchange(t *testing.T, test func(t *testing.T, from Side, x exchange)) {
	for from, table := range map[Side][]exchange{FromClient: fromClient, FromServer: fromServer} {
		for _, x := range table {
			line, _, _ := strings.Cut(x.wire, "\r\n")
			t.Run(from.String()+" "+line, func(t *testing.T) { test(t, from, x) })
		}
	}
}

// readAll returns the commands until the error, which is never nil.
func readAll(in io.Reader, from Side) (cmds []Command, err error) {
	r := NewReader(in, from)
	for {
		cmd, err := r.Read()
		if err != nil {
			return cmds, err
		}
		cmds = append(cmds, cmd)
	}
}

func TestReadWholeAndByteByByte(t *testing.T) {
	eachExchange(t, func(t *testing.T, from Side, x exchange) {
		want := []Command{x.want, x.want} // twice: the second starts right where the first ended
		in := x.wire + x.wire
		for name, stream := range map[string]io.Reader{
			"whole":        strings.NewReader(in),
			"byte by byte": iotest.OneByteReader(strings.NewReader(in)),
			"data and EOF": iotest.DataErrReader(strings.NewReader(in)),
			"bare LF":      strings.NewReader(strings.Repeat(strings.Replace(x.wire, "\r\n", "\n", 1), 2)),
			"trailing SP":  strings.NewReader(strings.Repeat(strings.Replace(x.wire, "\r\n", " \r\n", 1), 2)),
			"empty lines":  strings.NewReader("\r\n \n" + x.wire + "\n\r\n" + x.wire + "\r\n"),
			"lower case":   strings.NewReader(strings.Repeat(strings.ToLower(x.wire[:3])+x.wire[3:], 2)),
		} {
			got, err := readAll(stream, from)
			if err != io.EOF || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
			}
		}
	})
}

func TestReadCutAnywhere(t *testing.T) {
	eachExchange(t, func(t *testing.T, from Side, x exchange) {
		for n := range len(x.wire) {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if got, err := readAll(strings.NewReader(x.wire[:n]), from); len(got) > 0 || err != want {
				t.Errorf("cut at %d: got %+v, %v; want %v", n, got, err, want)
			}
		}
	})
}

func TestAppend(t *testing.T) {
	eachExchange(t, func(t *testing.T, from Side, x exchange) {
		if got := string(x.want.Append([]byte("before"), from)); got != "before"+x.wire {
			t.Errorf("got %q, want %q", got, x.wire)
		}
	})
}

func TestAppendKeepsToOneCommand(t *testing.T) {
	for _, test := range []struct {
		cmd  Command
		from Side
		want string
	}{
		{client(1, "REA", "a b\r\nOUT\n"), FromClient, "REA 1 a%20b%0D%0AOUT%0A\r\n"},
		{client(1, "REA", "", "x"), FromClient, "REA 1  x\r\n"},
		{client(1, "MSG", "N"), FromClient, "MSG 1 N 0\r\n"},
		{push("UBX", "bob@example.com"), FromServer, "UBX bob@example.com 0\r\n"},
		{client(8, "UUX", "0"), FromServer, "UUX 8 0\r\n"},
	} {
		if got := string(test.cmd.Append(nil, test.from)); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.cmd, got, test.want)
		}
	}
}

func TestReadEmptyArgument(t *testing.T) {
	got, err := readAll(strings.NewReader("PRP 4  PHH  \r\nMSG a  0\r\n"), FromServer)
	want := []Command{client(4, "PRP", "", "PHH"), push("MSG", "a", "").with("")}
	if err != io.EOF || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadRefuses(t *testing.T) {
	const secret = "t=EwBATicket"
	for _, test := range []struct {
		in     string
		from   Side
		line   string
		reason string
	}{
		{secret + " 1\r\n", FromServer, `"t=E"`, "no command word"},
		{"V?R 1\r\n", FromServer, `"V?R"`, "no command word"},
		{"V1R 1\r\n", FromServer, `"V1R"`, "no command word"},
		{" VER 1\r\n", FromClient, `""`, "no command word"},
		{"\x00\xff\x1b]0;\r\n", FromClient, `"\x00\xff\x1b"`, "no command word"},
		{"911 1\r\n", FromClient, `"911"`, "error number from a client"},
		{"USR 1 " + secret + "\rOUT\r\n", FromClient, `"USR"`, "line end inside a line"},
		{"USR 1 " + strings.Repeat(secret, 1000) + "\r\n", FromClient, `"USR"`, "longer than 8192 bytes"},
		{strings.Repeat("A", 1<<20), FromClient, `"AAA"`, "longer than 8192 bytes"},
		{"USR" + strings.Repeat(" ", 257) + "x\r\n", FromClient, `"USR"`, "more than 256 fields"},
		{strings.Repeat("\r\n", 100), FromServer, `""`, "more than 64 empty lines"},
		{"MSG\r\n", FromClient, `"MSG"`, "no payload length"},
		{"MSG 1 N\r\n", FromClient, `"MSG"`, "payload length is no number of bytes"},
		{"MSG 1 N -1\r\n", FromClient, `"MSG"`, "payload length is no number of bytes"},
		{"MSG 1 N +1\r\n", FromClient, `"MSG"`, "payload length is no number of bytes"},
		{"MSG 1 N 0x10\r\n", FromClient, `"MSG"`, "payload length is no number of bytes"},
		{"ADL 0 -1\r\n", FromServer, `"ADL"`, "payload length is no number of bytes"},
		{"241 0 -1\r\n", FromServer, `"241"`, "payload length is no number of bytes"},
		{"MSG 1 N 1048577\r\n", FromClient, `"MSG"`, "payload longer than 1048576 bytes"},
		{"UUX 1 99999999999999999999999999\r\n", FromServer, `"UUX"`, "payload longer than 1048576 bytes"},
		{"241 1 18446744073709551617\r\n", FromServer, `"241"`, "payload longer than 1048576 bytes"},
	} {
		r := NewReader(strings.NewReader(test.in), test.from)
		cmd, err := r.Read()
		var broken *SyntaxError
		if !errors.As(err, &broken) || broken.Line != test.line || broken.Reason != test.reason {
			t.Errorf("%.40q: got %+v, %v", test.in, cmd, err)
			continue
		}
		if strings.Contains(err.Error(), "EwBA") {
			t.Errorf("%.40q: the error tells a secret: %v", test.in, err)
		}
		if _, again := r.Read(); again != err {
			t.Errorf("%.40q: second error is %v", test.in, again)
		}
	}
}

func TestReadLimitsAreReached(t *testing.T) {
	arg := strings.Repeat("x", MaxLine-len("ZZZ 1 "))
	payload := strings.Repeat("0123456789abcdef", MaxPayload/16)
	want := []Command{client(1, "ZZZ", arg), client(2, "MSG", "N").with(payload)}
	in := "ZZZ 1 " + arg + "\r\nMSG 2 N " + strconv.Itoa(MaxPayload) + "\r\n" + payload
	if got, err := readAll(strings.NewReader(in), FromClient); err != io.EOF || !reflect.DeepEqual(got, want) {
		t.Errorf("%d commands, %v", len(got), err)
	}
	if _, err := readAll(strings.NewReader(in[:len(in)-1]), FromClient); err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %v", err)
	}
}

func TestReadDoesNotAllocateOnAPromise(t *testing.T) {
	in := []byte("MSG 1 N 1048576\r\nshort")
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_, _ = NewReader(bytes.NewReader(in), FromClient).Read()
		}
	})
	if got := result.AllocedBytesPerOp(); got > 128<<10 {
		t.Errorf("%d bytes allocated for a payload that did not come", got)
	}
}

func TestReadReturnsTheErrorOfTheStream(t *testing.T) {
	torn := errors.New("torn")
	for _, in := range []string{"", "VE", "MSG 1 N 5\r\n", "MSG 1 N 5\r\nabc"} {
		if _, err := readAll(io.MultiReader(strings.NewReader(in), iotest.ErrReader(torn)), FromClient); !errors.Is(err, torn) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// TestCommandsAreTheCallers: a command stays as it is when others are read, and when those are appended to.
func TestCommandsAreTheCallers(t *testing.T) {
	var in []byte
	var want []Command
	for i := range uint32(500) {
		cmd := client(i, "MSG", "N", strings.Repeat("x", int(i))).with(strings.Repeat("y", int(i)))
		want = append(want, cmd)
		in = cmd.Append(in, FromClient)
	}
	got, err := readAll(bytes.NewReader(in), FromClient)
	if err != io.EOF {
		t.Fatal(err)
	}
	for _, cmd := range got {
		_ = append(cmd.Args, "overwritten")
		_ = append(cmd.Payload, "overwritten"...)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("commands have changed")
	}
}

func TestErrorCode(t *testing.T) {
	for name, want := range map[string]int{"217": 217, "000": 0, "MSG": -1, "21": -1, "2170": -1, "": -1, "2A7": -1} {
		code, ok := Command{Name: name}.ErrorCode()
		if ok != (want >= 0) || ok && code != want {
			t.Errorf("%q: %d, %v", name, code, ok)
		}
	}
}

type vectors struct {
	Nicks []struct {
		Text, Encoded, Rule string
	} `json:"nick_encoding"`
	Framing []struct {
		Name, Payload string
		Length        int    `json:"payload_len"`
		Wire          []byte `json:"wire_b64"`
	} `json:"framing"`
	Stream struct {
		Wire   string  `json:"wire_b64"`
		Expect [][]any `json:"expect"`
	} `json:"framing_stream"`
}

func readVectors(t *testing.T) (v vectors) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil || len(v.Nicks) == 0 || len(v.Framing) == 0 || len(v.Stream.Expect) == 0 {
		t.Fatal("no vectors: ", err)
	}
	return v
}

func TestVectorsFraming(t *testing.T) {
	for _, v := range readVectors(t).Framing {
		from := FromClient
		if strings.HasPrefix(string(v.Wire), "UBX") {
			from = FromServer
		}
		got, err := readAll(bytes.NewReader(v.Wire), from)
		if err != io.EOF || len(got) != 1 || string(got[0].Payload) != v.Payload || len(got[0].Payload) != v.Length {
			t.Errorf("%s: got %+v, %v", v.Name, got, err)
			continue
		}
		if again := got[0].Append(nil, from); !bytes.Equal(again, v.Wire) {
			t.Errorf("%s: written %q", v.Name, again)
		}
	}
}

func TestVectorsStream(t *testing.T) {
	v := readVectors(t).Stream
	in, err := base64.StdEncoding.DecodeString(v.Wire)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, stream io.Reader) {
		got, err := readAll(stream, FromServer)
		if err != io.EOF || len(got) != len(v.Expect) {
			t.Fatalf("%s: %d commands, %v", name, len(got), err)
		}
		for i, want := range v.Expect {
			// The vector lists the transaction id as a field.
			cmd := got[i]
			fields := []any{cmd.Name}
			if cmd.HasTrID {
				fields = append(fields, strconv.FormatUint(uint64(cmd.TrID), 10))
			}
			for _, arg := range cmd.Args {
				fields = append(fields, arg)
			}
			if cmd.Payload != nil {
				fields = append(fields, map[string]any{"payload": string(cmd.Payload)})
			}
			if !reflect.DeepEqual(fields, want) {
				t.Errorf("%s: got %v, want %v", name, fields, want)
			}
		}
	}
	check("byte by byte", iotest.OneByteReader(bytes.NewReader(in)))
	for cut := range len(in) {
		check("split at "+strconv.Itoa(cut), io.MultiReader(bytes.NewReader(in[:cut]), bytes.NewReader(in[cut:])))
	}
}

// FuzzRead: what is read is written as something that reads the same, and is written the same again.
func FuzzRead(f *testing.F) {
	for _, x := range fromClient {
		f.Add([]byte(x.wire), false)
	}
	for _, x := range fromServer {
		f.Add([]byte(x.wire), true)
	}
	f.Add([]byte("USR  \r\n\r\nmsg a  007\nabcdefgprp 1  x\r\n"), true)
	f.Fuzz(func(t *testing.T, in []byte, server bool) {
		from := FromClient
		if server {
			from = FromServer
		}
		cmds, end := readAll(bytes.NewReader(in), from)
		slow, slowEnd := readAll(iotest.OneByteReader(bytes.NewReader(in)), from)
		if !reflect.DeepEqual(cmds, slow) || end.Error() != slowEnd.Error() {
			t.Fatalf("%q: byte by byte it reads as %+v, %v, not %+v, %v", in, slow, slowEnd, cmds, end)
		}
		for _, cmd := range cmds {
			once := cmd.Append(nil, from)
			if len(once)-len(cmd.Payload) > MaxLine {
				continue // a length of 0 was added
			}
			again, err := readAll(bytes.NewReader(once), from)
			if err != io.EOF || len(again) != 1 || !reflect.DeepEqual(again[0], cmd) {
				t.Fatalf("%+v is written %q and read %+v, %v", cmd, once, again, err)
			}
			if twice := again[0].Append(nil, from); !bytes.Equal(once, twice) {
				t.Fatalf("written %q, then %q", once, twice)
			}
			lines, err := ParseTranscript(strings.NewReader(FormatCommand(cmd, from)))
			if err != nil || len(lines) != 1 || lines[0].From != from || !reflect.DeepEqual(lines[0].Command, cmd) {
				t.Fatalf("%+v in notation reads %+v, %v", cmd, lines, err)
			}
			Redact(cmd, from).Append(nil, from)
		}
	})
}
