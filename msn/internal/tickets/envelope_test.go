package tickets

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the requests in testdata anew")

// allSites is what a client of MSNP15 and later asks for, in an odd order.
var allSites = []Site{
	{Address: MessengerClear, Policy: "MBI_KEY_OLD", Required: true},
	{Address: Messenger, Policy: "?id=507"},
	{Address: TokenBroker},
	{Address: Contacts, Policy: "MBI"},
	{Address: MessengerSecure, Policy: "MBI_SSL"},
	{Address: Storage, Policy: "MBI_SSL"},
}

// names are the namespaces of services.md 4.1, by prefix.
var names = map[bool]map[string]string{
	false: {
		"http://schemas.xmlsoap.org/soap/envelope/":                "S",
		"http://schemas.xmlsoap.org/ws/2003/06/secext":             "wsse",
		"http://schemas.xmlsoap.org/ws/2002/12/policy":             "wsp",
		"http://schemas.xmlsoap.org/ws/2004/03/addressing":         "wsa",
		"http://schemas.xmlsoap.org/ws/2004/04/trust":              "wst",
		"http://schemas.microsoft.com/Passport/SoapServices/PPCRL": "ps",
	},
	true: {
		"http://www.w3.org/2003/05/soap-envelope":                                            "S",
		"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd":  "wsse",
		"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd": "wsu",
		"http://schemas.xmlsoap.org/ws/2004/09/policy":                                       "wsp",
		"http://www.w3.org/2005/08/addressing":                                               "wsa",
		"http://schemas.xmlsoap.org/ws/2005/02/trust":                                        "wst",
		"http://schemas.microsoft.com/Passport/SoapServices/PPCRL":                           "ps",
	},
}

// outline writes a document as lines of path, attributes and text, with the prefixes of services.md.
func outline(t *testing.T, doc []byte, second bool) string {
	t.Helper()
	prefix := func(n xml.Name) string {
		if n.Space == "" {
			return n.Local
		}
		p, ok := names[second][n.Space]
		if !ok {
			t.Errorf("%s has the namespace %q", n.Local, n.Space)
		}
		return p + ":" + n.Local
	}
	var b strings.Builder
	depth, open := 0, false
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			b.WriteString("\n" + strings.Repeat(" ", depth) + prefix(token.Name))
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" {
					b.WriteString(" " + prefix(a.Name) + "=" + a.Value)
				}
			}
			depth, open = depth+1, true
		case xml.CharData:
			if open {
				b.WriteString(" | " + string(token))
			}
		case xml.EndElement:
			depth, open = depth-1, false
		}
	}
}

const outlineRST = `
S:Envelope
 S:Header
  ps:AuthInfo Id=PPAuthInfo
   ps:HostingApp | {7108E71A-9926-4FCB-BCC9-9A9D3F32E423}
   ps:BinaryVersion | 4
   ps:UIVersion | 1
   ps:Cookies
   ps:RequestParams | AQAAAAIAAABsYwQAAAAxMDMz
  wsse:Security
   wsse:UsernameToken Id=user
    wsse:Username | alice@example.com
    wsse:Password | p&ss <w>"ö'
 S:Body
  ps:RequestMultipleSecurityTokens Id=RSTS
   wst:RequestSecurityToken Id=RST0
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | http://Passport.NET/tb
   wst:RequestSecurityToken Id=RST1
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | messengerclear.live.com
    wsse:PolicyReference URI=MBI_KEY_OLD
   wst:RequestSecurityToken Id=RST2
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | messenger.msn.com
    wsse:PolicyReference URI=?id=507
   wst:RequestSecurityToken Id=RST3
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | contacts.msn.com
    wsse:PolicyReference URI=MBI
   wst:RequestSecurityToken Id=RST4
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | messengersecure.live.com
    wsse:PolicyReference URI=MBI_SSL
   wst:RequestSecurityToken Id=RST5
    wst:RequestType | http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue
    wsp:AppliesTo
     wsa:EndpointReference
      wsa:Address | storage.msn.com
    wsse:PolicyReference URI=MBI_SSL`

// outlineRST2 is what services.md 4.3 says is different.
var outlineRST2 = strings.NewReplacer(
	"BinaryVersion | 4", "BinaryVersion | 5",
	"UsernameToken Id=", "UsernameToken wsu:Id=",
	"wsse:PolicyReference", "wsp:PolicyReference",
	"http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue", "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
	"\n  ps:AuthInfo", `
  wsa:Action S:mustUnderstand=1 | http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue
  wsa:To S:mustUnderstand=1 | HTTPS://login.live.com:443//RST2.srf
  wsa:MessageID | 1767323045
  ps:AuthInfo`,
	"\n S:Body", `
   wsu:Timestamp Id=Timestamp
    wsu:Created | 2026-01-02T03:04:05Z
    wsu:Expires | 2026-01-02T03:24:05Z
 S:Body`,
).Replace(outlineRST)

// Both forms are as the notes say, and byte for byte as they were before.
func TestEnvelope(t *testing.T) {
	for _, c := range []struct {
		second                  bool
		file, contentType, want string
	}{
		{false, "testdata/request-rst.xml", "text/xml; charset=utf-8", outlineRST},
		{true, "testdata/request-rst2.xml", "application/soap+xml; charset=utf-8", outlineRST2},
	} {
		var sent []byte
		var header http.Header
		service := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent, _ = io.ReadAll(r.Body)
			header = r.Header
			_, _ = io.WriteString(w, collection(given(MessengerClear, "t=x&amp;p=", "")))
		})
		_, err := Request(t.Context(), service.caller, Source{service.URL, c.second}, "alice@example.com", `p&ss <w>"ö'`, allSites, noon)
		if err != nil {
			t.Fatal(err)
		}
		if got := header.Get("Content-Type"); got != c.contentType || header["Soapaction"] != nil {
			t.Errorf("sent as %q with action %q", got, header["Soapaction"])
		}
		if got := outline(t, sent, c.second); got != c.want {
			t.Errorf("%s: sent%s\nwant%s", c.file, got, c.want)
		}
		if *update {
			if err := os.WriteFile(c.file, append(sent, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(sent, '\n'), golden) {
			t.Errorf("%s: sent\n%s\nwant\n%s", c.file, sent, golden)
		}
	}
}

// A request for one site, without the token broker, and in another zone.
func TestEnvelopeOfOne(t *testing.T) {
	r := envelope(true, credentials{"a", "b"}, []Site{{Address: Messenger, Policy: TWNPolicy("ct=1,id=1")}}, noon.Local())
	text := writeOut(r.Header) + writeOut(r.Body)
	for _, want := range []string{`Id="RST0"`, `URI="?ct=1&amp;id=1"`, "2026-01-02T03:04:05Z"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, "RST1") {
		t.Error(text)
	}
}
