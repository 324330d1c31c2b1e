package msntest

import (
	"net/http"
)

// clientConfig serves MsgrConfig.asmx: the document itself to GET, inside SOAP to POST (services.md 5).
func (s *Server) clientConfig(w http.ResponseWriter, r *http.Request) {
	if !readable(w, r) || !s.dawdle(w, r) {
		return
	}
	document := configDocument(scheme(r) + "://" + r.Host)
	if r.Method != http.MethodPost {
		s.mu.Lock()
		cut := s.webFaults(nil).Truncate
		s.mu.Unlock()
		writeXML(w, http.StatusOK, "text/xml; charset=utf-8", []byte(`<?xml version="1.0" encoding="utf-8"?>`+document), cut)
		return
	}
	s.serve(&service{
		namespace: "http://www.msn.com/webservices/Messenger/Client", anonymous: true,
		act: func(c *call) func(c *call) *fault {
			if c.action != "GetClientConfig" {
				return nil
			}
			return func(c *call) *fault {
				c.out.open("GetClientConfigResponse", "xmlns", c.namespace).raw("<GetClientConfigResult><![CDATA[", document, "]]></GetClientConfigResult>").
					end("GetClientConfigResponse")
				return nil
			}
		},
		unknown: func(*call) *fault { return schemaFault() },
	})(w, r)
}

// configDocument is what clients are told of the service.
func configDocument(base string) string {
	var w answer
	w.raw("<MsgrConfig><AbchCfg><abchconfig>").leaf("url", base+"/abservice/abservice.asmx").raw("</abchconfig></AbchCfg>")
	w.raw(`<Simple><Config><ExpiresInDays>1</ExpiresInDays></Config><TrustedDomains><domain name="example.com"></domain></TrustedDomains></Simple>`)
	w.raw("<LocalizedConfig><MsnTodayConfig>").leaf("MsnTodayURL", base+"/").raw("</MsnTodayConfig></LocalizedConfig></MsgrConfig>")
	return string(w.bytes())
}
