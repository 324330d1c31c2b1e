package msntest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rstForm is what differs between RST.srf and RST2.srf (services.md 4.1).
type rstForm struct {
	second                                        bool
	envelope, wsse, wsp, wsa, wst, life, mediaRST string
}

var (
	firstRST = rstForm{
		envelope: soap11, wsse: "http://schemas.xmlsoap.org/ws/2003/06/secext", wsp: "http://schemas.xmlsoap.org/ws/2002/12/policy",
		wsa: "http://schemas.xmlsoap.org/ws/2004/03/addressing", wst: "http://schemas.xmlsoap.org/ws/2004/04/trust", life: "wst:LifeTime",
		mediaRST: "text/xml; charset=utf-8",
	}
	secondRST = rstForm{
		second: true, envelope: soap12,
		wsse: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
		wsp:  "http://schemas.xmlsoap.org/ws/2004/09/policy", wsa: "http://www.w3.org/2005/08/addressing",
		wst: "http://schemas.xmlsoap.org/ws/2005/02/trust", life: "wst:Lifetime", mediaRST: "application/soap+xml; charset=utf-8",
	}
)

const (
	wsuSpace = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	psfSpace = "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"

	// maxSites is how many tickets one request may ask for.
	maxSites = 32
	soapTime = "2006-01-02T15:04:05Z"
)

// rstCall is one request for tickets.
type rstCall struct {
	s       *Server
	form    *rstForm
	request *http.Request
	faults  Faults
	account *account
	out     answer
}

// rst serves RST.srf and RST2.srf.
func (s *Server) rst(form *rstForm) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		body, ok := readRequest(w, r)
		if !ok || !s.dawdle(w, r) {
			return
		}
		c := &rstCall{s: s, form: form, request: r}
		root, err := parseRequest(body)
		s.mu.Lock()
		status := c.handle(root, err)
		s.mu.Unlock()
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		writeXML(w, status, form.mediaRST, c.out.bytes(), c.faults.Truncate)
	}
}

// site is one ticket that is asked for.
type site struct{ address, policy string }

// handle writes the answer and returns the status; the body is sent with 200 only.
func (c *rstCall) handle(root *node, broken error) int {
	name := root.get("Header/Security/UsernameToken/Username")
	password := ""
	if n := root.at("Header/Security/UsernameToken/Password"); n != nil {
		password = n.text // blanks count
	}
	c.account = c.s.accounts[strings.ToLower(name)]
	c.faults = c.s.webFaults(c.account)
	sites := sitesOf(root)
	moved := ""
	if c.faults.RSTRedirect != "" {
		moved = redirection(c.request, c.faults.RSTRedirect)
	}
	switch {
	case c.faults.RSTDown:
		return http.StatusServiceUnavailable
	case broken != nil || root.name != "Envelope" || name == "" || password == "" || len(sites) == 0 || len(sites) > maxSites:
		c.refuse("S:Client", "Invalid Request", "0x80048820", "0x80045c01", "")
	case moved != "":
		c.refuse("psf:Redirect", "Authentication Failure", "0x80048826", "0x80041017", moved)
	case c.faults.RSTFault != "":
		c.refuse(c.faults.RSTFault, "asked for", "0x80048883", "0x80041034", "")
	case c.account == nil || !c.s.samePassword(c.account.password, password) || c.s.quirks.SharedTicket && asNumber(password):
		value := "0x80048823"
		if c.form.second {
			value = "0x80048821"
		}
		c.refuse("wsse:FailedAuthentication", "Authentication Failure", value, "0x80041012", "")
	default:
		c.grant(sites)
	}
	return http.StatusOK
}

// asNumber tells of passwords that Escargot reads as numbers and then writes otherwise: digits behind a zero (escargot.md 7).
func asNumber(password string) bool {
	return len(password) > 1 && password[0] == '0' && strings.Trim(password, "0123456789") == ""
}

// sitesOf reads what is asked for, be it one ticket or several.
func sitesOf(root *node) []site {
	several := root.at("Body/RequestMultipleSecurityTokens")
	if several == nil {
		several = root.kid("Body")
	}
	var all []site
	for _, one := range several.list("", "RequestSecurityToken") {
		if address := one.get("AppliesTo/EndpointReference/Address"); address != "" {
			all = append(all, site{address, one.kid("PolicyReference").attr("URI")})
		}
	}
	return all
}

// begin opens the envelope with its header. state is what the header says of the request, "" for success.
func (c *rstCall) begin(state string) *answer {
	f, now := c.form, c.s.now().UTC()
	w := c.out.raw(`<?xml version="1.0" encoding="utf-8"?>`).open("S:Envelope", "xmlns:S", f.envelope, "xmlns:wsse", f.wsse,
		"xmlns:wsu", wsuSpace, "xmlns:psf", psfSpace, "xmlns:wst", f.wst)
	w.raw("<S:Header>")
	if f.second {
		w.leaf("wsa:Action", "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue", "xmlns:wsa", f.wsa, "S:mustUnderstand", "1")
		w.leaf("wsa:To", "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous", "xmlns:wsa", f.wsa, "S:mustUnderstand", "1")
		w.open("wsse:Security", "S:mustUnderstand", "1").open("wsu:Timestamp", "wsu:Id", "TS").
			leaves("wsu:Created", now.Format(soapTime), "wsu:Expires", now.Add(5*time.Minute).Format(soapTime)).
			end("wsu:Timestamp", "wsse:Security")
	}
	w.raw("<psf:pp>").leaf("psf:serverVersion", "1")
	if state != "" {
		w.leaves("psf:authstate", "0x80048800", "psf:reqstatus", state)
	} else {
		id := fmt.Sprintf("%016x", c.account.member)
		w.leaves("psf:PUID", strings.ToUpper(id), "psf:configVersion", "3.0.869.0", "psf:uiVersion", "3.0.869.0",
			"psf:authstate", "0x48803", "psf:reqstatus", "0x0")
		w.leaf("psf:serverInfo", "msntest", "Path", "Live1", "RollingUpgradeState", "ExclusiveNew", "LocVersion", "0",
			"ServerTime", now.Format(soapTime))
		w.raw("<psf:cookies/><psf:credProperties>")
		w.leaf("psf:credProperty", "MSFT", "Name", "MainBrandID").leaf("psf:credProperty", id, "Name", "CID").
			leaf("psf:credProperty", c.account.passport, "Name", "AuthMembername")
		w.raw("</psf:credProperties><psf:extProperties>").leaf("psf:extProperty", id, "Name", "CID").raw("</psf:extProperties>")
	}
	if state != "" {
		w.raw("<psf:cookies/>")
	}
	return w.raw("<psf:response/></psf:pp></S:Header>")
}

// refuse writes a fault of the whole request: beside the body in the first form, in it in the second (services.md 4.6).
func (c *rstCall) refuse(code, text, value, inner, moved string) {
	w := c.begin(value)
	redirect := ""
	if moved != "" {
		var b answer
		redirect = string(b.leaf("psf:redirectUrl", moved).bytes())
	}
	if !c.form.second {
		w.raw("<S:Fault>").leaves("faultcode", code, "faultstring", text).raw(redirect, "</S:Fault></S:Envelope>")
		return
	}
	_, local, _ := strings.Cut(code, ":")
	if local == "Client" {
		local = "InvalidRequest"
	}
	subcode := "wst:" + local
	if strings.HasPrefix(code, "psf:") {
		subcode = code
	}
	w.raw("<S:Body>")
	c.fault2(subcode, text, value, inner, redirect)
	w.raw("</S:Body></S:Envelope>")
}

func (c *rstCall) fault2(subcode, text, value, inner, redirect string) {
	c.out.raw("<S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode>").leaf("S:Value", subcode).
		raw("</S:Subcode></S:Code><S:Reason>").leaf("S:Text", text, "xml:lang", "en-US").raw("</S:Reason><S:Detail>", redirect).
		raw("<psf:error>").leaf("psf:value", value).raw("<psf:internalerror>").leaves("psf:code", inner, "psf:text", text).
		raw("</psf:internalerror></psf:error></S:Detail></S:Fault>")
}

// grant writes the tickets.
func (c *rstCall) grant(sites []site) {
	f, s := c.form, c.s
	batch, shared := randomHex(16), ""
	if s.quirks.SharedTicket {
		shared = s.issue(ticket{passport: c.account.passport, until: s.now().Add(s.quirks.RSTLife), secret: randomSecret(), batch: batch})
	}
	w := c.begin("").raw("<S:Body>").open("wst:RequestSecurityTokenResponseCollection", "xmlns:wsp", f.wsp)
	number := 0
	for i, asked := range sites {
		if asked.address != brokerSite {
			number++
		}
		if s.quirks.SharedTicket {
			number = i + 1
		}
		switch {
		case slices.Contains(c.faults.RSTSiteFaults, asked.address):
			c.refuseSite(asked)
		case asked.address == brokerSite:
			c.broker(i)
		default:
			c.ticket(asked, number, batch, shared)
		}
	}
	w.raw("</wst:RequestSecurityTokenResponseCollection></S:Body></S:Envelope>")
}

// applies opens the answer about one site.
func (c *rstCall) applies(kind, address string, life time.Duration) *answer {
	now := c.s.now().UTC()
	return c.out.raw("<wst:RequestSecurityTokenResponse>").leaf("wst:TokenType", kind).
		open("wsp:AppliesTo", "xmlns:wsa", c.form.wsa).raw("<wsa:EndpointReference>").leaf("wsa:Address", address).
		raw("</wsa:EndpointReference></wsp:AppliesTo><", c.form.life, ">").
		leaves("wsu:Created", now.Format(soapTime), "wsu:Expires", now.Add(life).Format(soapTime)).end(c.form.life)
}

// refer writes how the ticket is to be referred to, and ends the answer about one site with the secret, if there is one.
func (c *rstCall) refer(id, kind string, secret []byte) {
	w := &c.out
	if c.form.second {
		for _, name := range []string{"wst:RequestedAttachedReference", "wst:RequestedUnattachedReference"} {
			w.open(name).raw("<wsse:SecurityTokenReference>").leaf("wsse:Reference", "", "URI", id).end("wsse:SecurityTokenReference", name)
		}
	} else {
		w.raw("<wst:RequestedTokenReference>").leaf("wsse:KeyIdentifier", "", "ValueType", kind).
			leaf("wsse:Reference", "", "URI", "#"+id).end("wst:RequestedTokenReference")
	}
	if secret != nil {
		w.raw("<wst:RequestedProofToken>").leaf("wst:BinarySecret", base64.StdEncoding.EncodeToString(secret)).end("wst:RequestedProofToken")
	}
	w.end("wst:RequestSecurityTokenResponse")
}

// broker writes the token broker's ticket, which nobody but Passport can read.
func (c *rstCall) broker(i int) {
	id := "BinaryDAToken" + strconv.Itoa(i)
	c.applies("urn:passport:legacy", brokerSite, c.s.quirks.RSTLife).raw("<wst:RequestedSecurityToken>").
		open("EncryptedData", "xmlns", "http://www.w3.org/2001/04/xmlenc#", "Id", id, "Type", "http://www.w3.org/2001/04/xmlenc#Element").
		leaf("EncryptionMethod", "", "Algorithm", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc").
		open("ds:KeyInfo", "xmlns:ds", "http://www.w3.org/2000/09/xmldsig#").leaf("ds:KeyName", "http://Passport.NET/STS").end("ds:KeyInfo").
		raw("<CipherData>").leaf("CipherValue", base64.StdEncoding.EncodeToString(randomSecret())).
		end("CipherData", "EncryptedData", "wst:RequestedSecurityToken")
	c.refer(id, "urn:passport", randomSecret())
}

// ticket writes the ticket for one site.
func (c *rstCall) ticket(asked site, number int, batch, shared string) {
	s, life := c.s, c.s.quirks.RSTLife
	valid := life
	if slices.Contains(c.faults.StaleTickets, asked.address) || slices.Contains(c.faults.StaleTickets, "*") {
		life, valid = 0, -time.Second
	}
	var text string
	var secret []byte
	if shared != "" {
		text, secret = siteTicket(shared, true), s.tickets[shared].secret
	} else {
		text, secret = s.newSiteTicket(c.account.passport, asked.address, batch, valid)
	}
	if asked.address != proofSite {
		secret = nil
	}
	id := "Compact" + strconv.Itoa(number)
	if strings.HasPrefix(asked.policy, "?") && !s.quirks.SharedTicket {
		id = "PPToken" + strconv.Itoa(number)
	}
	c.applies("urn:passport:compact", asked.address, life).raw("<wst:RequestedSecurityToken>").
		leaf("wsse:BinarySecurityToken", text, "Id", id).end("wst:RequestedSecurityToken")
	c.refer(id, "urn:passport:compact", secret)
}

// refuseSite writes that there is no ticket for one site.
func (c *rstCall) refuseSite(asked site) {
	c.applies("urn:passport:compact", asked.address, 0)
	if c.form.second {
		c.fault2("wst:FailedAuthentication", "Profile accrual is required", "0x80048823", "0x80041012", "")
	} else {
		c.out.raw("<S:Fault>").leaves("faultcode", "wsse:FailedAuthentication", "faultstring", "Profile accrual is required").
			raw("<psf:pp>").leaves("psf:reqstatus", "0x80048823", "psf:flowurl", c.s.HTTPURL()+"/accrue").raw("</psf:pp></S:Fault>")
	}
	c.out.end("wst:RequestSecurityTokenResponse")
}
