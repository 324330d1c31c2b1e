package tickets

import (
	"strconv"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// What every client sends in AuthInfo: the application is Messenger, its language American English
// (services.md 4.2).
const (
	hostingApp    = "{7108E71A-9926-4FCB-BCC9-9A9D3F32E423}"
	requestParams = "AQAAAAIAAABsYwQAAAAxMDMz"
)

// The header of RST2.srf.
const (
	issueAction = "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue"
	issueTo     = "HTTPS://login.live.com:443//RST2.srf" // a name, whatever the URL is
	// requestLife is how long a request is good for.
	requestLife = 20 * time.Minute
)

// form is what the two services spell differently (services.md 4.1).
type form struct {
	binaryVersion   string
	userID          string // the attribute that names the user token
	requestType     string
	policyReference string
	namespaces      []string
}

var rst = form{
	binaryVersion:   "4",
	userID:          "Id",
	requestType:     "http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue",
	policyReference: "wsse:PolicyReference",
	namespaces: []string{
		"xmlns:wsse", "http://schemas.xmlsoap.org/ws/2003/06/secext",
		"xmlns:wsp", "http://schemas.xmlsoap.org/ws/2002/12/policy",
		"xmlns:wsa", "http://schemas.xmlsoap.org/ws/2004/03/addressing",
		"xmlns:wst", "http://schemas.xmlsoap.org/ws/2004/04/trust",
		"xmlns:ps", "http://schemas.microsoft.com/Passport/SoapServices/PPCRL",
	},
}

var rst2 = form{
	binaryVersion:   "5",
	userID:          "wsu:Id",
	requestType:     "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
	policyReference: "wsp:PolicyReference",
	namespaces: []string{
		"xmlns:wsse", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
		"xmlns:wsu", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
		"xmlns:wsp", "http://schemas.xmlsoap.org/ws/2004/09/policy",
		"xmlns:wsa", "http://www.w3.org/2005/08/addressing",
		"xmlns:wst", "http://schemas.xmlsoap.org/ws/2005/02/trust",
		"xmlns:ps", "http://schemas.microsoft.com/Passport/SoapServices/PPCRL",
	},
}

// credentials are who asks.
type credentials struct{ passport, password string }

// envelope is the request for tickets, but for its URL and what reads the answer.
func envelope(second bool, who credentials, sites []Site, now time.Time) soap.Request {
	f := rst
	if second {
		f = rst2
	}
	return soap.Request{
		SOAP12: second,
		Attrs:  f.namespaces,
		Header: func(w *soap.Writer) {
			if second {
				writeAddressing(w, now)
			}
			f.writeAuthInfo(w)
			w.Open("wsse:Security")
			f.writeUser(w, who)
			if second {
				writeTimestamp(w, now)
			}
			w.Close("wsse:Security")
		},
		Body: func(w *soap.Writer) {
			w.Open("ps:RequestMultipleSecurityTokens", "Id", "RSTS")
			for i, site := range sites {
				f.writeSite(w, i, site)
			}
			w.Close("ps:RequestMultipleSecurityTokens")
		},
	}
}

func writeAddressing(w *soap.Writer, now time.Time) {
	w.Element("wsa:Action", issueAction, "soap:mustUnderstand", "1")
	w.Element("wsa:To", issueTo, "soap:mustUnderstand", "1")
	w.Element("wsa:MessageID", strconv.FormatInt(now.Unix(), 10))
}

func (f *form) writeAuthInfo(w *soap.Writer) {
	w.Open("ps:AuthInfo", "Id", "PPAuthInfo")
	w.Element("ps:HostingApp", hostingApp)
	w.Element("ps:BinaryVersion", f.binaryVersion)
	w.Element("ps:UIVersion", "1")
	w.Element("ps:Cookies", "")
	w.Element("ps:RequestParams", requestParams)
	w.Close("ps:AuthInfo")
}

func (f *form) writeUser(w *soap.Writer, who credentials) {
	w.Open("wsse:UsernameToken", f.userID, "user")
	w.Element("wsse:Username", who.passport)
	w.Element("wsse:Password", who.password)
	w.Close("wsse:UsernameToken")
}

func writeTimestamp(w *soap.Writer, now time.Time) {
	w.Open("wsu:Timestamp", "Id", "Timestamp")
	w.Element("wsu:Created", now.UTC().Format("2006-01-02T15:04:05Z"))
	w.Element("wsu:Expires", now.Add(requestLife).UTC().Format("2006-01-02T15:04:05Z"))
	w.Close("wsu:Timestamp")
}

func (f *form) writeSite(w *soap.Writer, i int, site Site) {
	w.Open("wst:RequestSecurityToken", "Id", "RST"+strconv.Itoa(i))
	w.Element("wst:RequestType", f.requestType)
	w.Open("wsp:AppliesTo").Open("wsa:EndpointReference")
	w.Element("wsa:Address", site.Address)
	w.Close("wsa:EndpointReference").Close("wsp:AppliesTo")
	if site.Policy != "" {
		w.Element(f.policyReference, "", "URI", site.Policy)
	}
	w.Close("wst:RequestSecurityToken")
}
