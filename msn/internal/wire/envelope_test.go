package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// text is a message of core.md 13.3, as in vectors.json (framing, sdg_text).
const textEnvelope = "Routing: 1.0\r\nTo: 1:bob@example.com\r\nFrom: 1:alice@example.com;epid={b171be3e-0000-4000-8000-000000000001}\r\n" +
	"Service-Channel: IM/Online\r\n\r\nReliability: 1.0\r\n\r\nMessaging: 2.0\r\nMessage-Type: Text\r\n" +
	"Content-Type: Text/plain; charset=UTF-8\r\nContent-Length: 5\r\nX-MMS-IM-Format: FN=Arial; EF=; CO=000000; CS=0; PF=22\r\n\r\nhello"

func TestEnvelope(t *testing.T) {
	e, err := ParseEnvelope([]byte(textEnvelope))
	if err != nil {
		t.Fatal(err)
	}
	if kind, version := e.Kind(); kind != Messaging || version != "2.0" {
		t.Errorf("kind %q %q", kind, version)
	}
	if got, want := e.From(), (Address{Network: 1, Account: "alice@example.com", EndpointID: "b171be3e-0000-4000-8000-000000000001"}); got != want {
		t.Errorf("from %+v", got)
	}
	if got := e.To(); got != (Address{Network: 1, Account: "bob@example.com"}) {
		t.Errorf("to %+v", got)
	}
	if string(e.Body) != "hello" || e.Get("service-channel") != "IM/Online" || e.Get("message-type") != "Text" || e.Get("x") != "" {
		t.Errorf("envelope %+v", e)
	}
	if got := string(e.Append(nil)); got != textEnvelope {
		t.Errorf("written:\n%q\nwant\n%q", got, textEnvelope)
	}
}

func TestEnvelopeLeniency(t *testing.T) {
	content := []Header{{"Notification", "1.0"}, {"Uri", "/circle"}}
	routing := []Header{{"Routing", "1.0"}, {"From", "9:x@live.com"}}
	cases := []struct {
		name, payload string
		want          Envelope
		err           error
	}{
		{"bare LF", "Routing: 1.0\nFrom: 9:x@live.com\n\nReliability: 1.0\n\nNotification: 1.0\nUri: /circle\n\n<circle/>",
			Envelope{routing, []Header{{"Reliability", "1.0"}}, content, []byte("<circle/>")}, nil},
		{"no reliability", "Routing: 1.0\r\nFrom: 9:x@live.com\r\n\r\nNotification: 1.0\r\nUri: /circle\r\n\r\nx",
			Envelope{routing, nil, content, []byte("x")}, nil},
		{"more empty lines", "\r\nRouting: 1.0\r\nFrom: 9:x@live.com\r\n\r\n\r\nnotification: 1.0\r\nUri: /circle\r\n\r\n\r\nx",
			Envelope{routing, nil, []Header{{"notification", "1.0"}, {"Uri", "/circle"}}, []byte("\r\nx")}, nil},
		{"no end of the last block", "Routing: 1.0\r\nFrom: 9:x@live.com\r\n\r\nReliability: 1.0\r\n\r\nNotification: 1.0\r\nUri: /circle",
			Envelope{routing, []Header{{"Reliability", "1.0"}}, content, nil}, nil},
		{"routing alone", "Routing: 1.0\r\nFrom: 9:x@live.com\r\n\r\n", Envelope{Routing: routing}, nil},
		{"no names", "A: 1\r\n\r\nB: 2\r\n\r\nC: 3\r\n\r\nbody",
			Envelope{[]Header{{"A", "1"}}, []Header{{"B", "2"}}, []Header{{"C", "3"}}, []byte("body")}, nil},
		{"lines that are none", "Routing: 1.0\r\nrubbish\r\n: x\r\nFrom: 9:x@live.com\r\n\r\nNotification: 1.0\r\nUri:/circle\r\n\r\n",
			Envelope{routing, nil, content, nil}, nil},
		{"too short a length", "Routing: 1.0\r\n\r\nMessaging: 1.0\r\nContent-Length: 2\r\n\r\nGrün",
			Envelope{[]Header{{"Routing", "1.0"}}, nil, []Header{{"Messaging", "1.0"}, {"Content-Length", "2"}}, []byte("Grün")}, nil},
		{"nothing", "", Envelope{}, ErrNoEnvelope},
		{"text", "hello", Envelope{}, ErrNoEnvelope},
		{"many headers", "Routing: 1.0\r\n" + strings.Repeat("A: b\r\n", 64), Envelope{}, ErrTooManyHeaders},
		{"many headers in two blocks", "Routing: 1.0\r\n\r\n" + strings.Repeat("A: b\r\n", 64), Envelope{}, ErrTooManyHeaders},
		{"long header", "Routing: " + strings.Repeat("x", MaxLine), Envelope{}, ErrHeaderTooLong},
	}
	for _, tc := range cases {
		got, err := ParseEnvelope([]byte(tc.payload))
		if !errors.Is(err, tc.err) || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v, %v", tc.name, got, err, tc.want, tc.err)
		}
	}
}

// TestEnvelopeInjection asks that nobody's name can add a header.
func TestEnvelopeInjection(t *testing.T) {
	e := Envelope{
		Routing: []Header{{"Routing", "1.0"}, {"To", "1:bob@example.com\r\nFrom: 1:mallory@example.com"}, {"Bad: Name", "x"}, {"", "x"}},
		Content: []Header{{"Messaging", "2.0"}, {"Content-Length", "99"}, {"Content-Length", "98"}},
		Body:    []byte("Grün"),
	}
	const want = "Routing: 1.0\r\nTo: 1:bob@example.com  From: 1:mallory@example.com\r\n\r\n\r\nMessaging: 2.0\r\nContent-Length: 5\r\n\r\nGrün"
	if got := string(e.Append(nil)); got != want {
		t.Errorf("got %q", got)
	}
}

func TestAddress(t *testing.T) {
	const guid = "b171be3e-0000-4000-8000-000000000001"
	cases := []struct {
		text string
		want Address
		back string // "" for text
	}{
		{"1:bob@example.com", Address{Network: 1, Account: "bob@example.com"}, ""},
		{"1:bob@example.com;epid={" + guid + "}", Address{Network: 1, Account: "bob@example.com", EndpointID: guid}, ""},
		{"1:bob@example.com;EPID={" + strings.ToUpper(guid) + "}", Address{Network: 1, Account: "bob@example.com", EndpointID: guid}, "1:bob@example.com;epid={" + guid + "}"},
		{"1:bob@example.com;{" + guid + "}", Address{Network: 1, Account: "bob@example.com", EndpointID: guid}, "1:bob@example.com;epid={" + guid + "}"},
		{"9:" + guid + "@live.com;path=IM", Address{Network: 9, Account: guid + "@live.com", Path: "IM"}, ""},
		{"1:bob@example.com;via=9:" + guid + "@live.com", Address{Network: 1, Account: "bob@example.com", ViaNetwork: 9, ViaAccount: guid + "@live.com"}, ""},
		{"13:1000;via=14:fb", Address{Network: 13, Account: "1000", ViaNetwork: 14, ViaAccount: "fb"}, ""},
		{"4:tel:+15550100", Address{Network: 4, Account: "tel:+15550100"}, ""},
		{"8:live:bob;epid={" + guid + "}", Address{Network: 8, Account: "live:bob", EndpointID: guid}, ""},
		{"bob@example.com", Address{Account: "bob@example.com"}, ""},
		{"tel:+15550100", Address{Account: "tel:+15550100"}, ""},
		{"", Address{}, ""},
		{" 1:bob@example.com ; what=ever;via", Address{Network: 1, Account: "bob@example.com"}, "1:bob@example.com"},
		{"99999999999:x", Address{Account: "99999999999:x"}, ""},
	}
	for _, tc := range cases {
		got := ParseAddress(tc.text)
		if got != tc.want {
			t.Errorf("%q: got %+v, want %+v", tc.text, got, tc.want)
		}
		if tc.back == "" {
			tc.back = tc.text
		}
		if got.String() != tc.back {
			t.Errorf("%q: written %q, want %q", tc.text, got, tc.back)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(textEnvelope))
	f.Add([]byte("A: 1\n\nB: 2\n\nC: 3\n\nbody"))
	f.Add([]byte("Routing: 1.0\r\n\r\nRouting: x\r\n\r\nPublication: 1\r\nContent-Length: -1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := ParseEnvelope(payload)
		if err != nil {
			return
		}
		if e.Content == nil && e.Body != nil {
			t.Error("a body of nothing")
		}
		if e.Content == nil || e.Routing == nil || len(e.Routing)+len(e.Reliability)+len(e.Content) > maxHeaders-1 {
			return
		}
		for _, block := range [][]Header{e.Routing, e.Reliability} {
			for _, h := range block {
				if contentKind(h.Name) != "" { // found inside another block
					return
				}
			}
		}
		if kind, _ := e.Kind(); kind == "" && e.Reliability == nil {
			return
		}
		written := e.Append(nil)
		again, err := ParseEnvelope(written)
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if !bytes.Equal(again.Body, e.Body) || !reflect.DeepEqual(again.Routing, e.Routing) {
			t.Errorf("%q\n got %+v\nwant %+v", written, again, e)
		}
		if twice := again.Append(nil); !bytes.Equal(twice, written) {
			t.Errorf("got %q, want %q", twice, written)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"1:bob@example.com;epid={b171be3e-0000-4000-8000-000000000001};path=IM;via=9:x@live.com", "1:1:;via=0:", "via=;;=1", "0:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := ParseAddress(s)
		if again := ParseAddress(a.String()); again != a {
			t.Errorf("%q: %+v, written %q, read %+v", s, a, a.String(), again)
		}
	})
}
