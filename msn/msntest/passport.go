package msntest

import (
	"net/http"
	"net/url"
	"strings"
)

// handler serves the HTTP part of the service under Microsoft's paths. Slashes are taken together and letter case does not
// matter, as on the servers that clients were written for (real-clients.md).
func (s *Server) handler() http.Handler {
	routes := map[string]http.HandlerFunc{
		"/":                       s.index,
		"/rdr/pprdr.asp":          s.nexus("/login2.srf"),
		"/nexus-mock":             s.nexus("/login"),
		"/login2.srf":             s.login,
		"/login":                  s.login,
		"/gateway/gateway.dll":    s.gateway,
		"/ppsecure/md5auth.srf":   s.index,
		"/cgi-bin/hotmail":        s.index,
		"/cgi-bin/folders":        s.index,
		"/ppsecure/sha1auth.srf":  s.index,
		"/favicon.ico":            http.NotFound,
		"/config/msgrconfig.asmx": s.clientConfig,
		"/etc/msgrconfig":         s.clientConfig,

		"/rst.srf":                              s.rst(&firstRST),
		"/pp800/rst.srf":                        s.rst(&firstRST),
		"/pp900/rst.srf":                        s.rst(&firstRST),
		"/rst2.srf":                             s.rst(&secondRST),
		"/pp800/rst2.srf":                       s.rst(&secondRST),
		"/pp900/rst2.srf":                       s.rst(&secondRST),
		"/abservice/abservice.asmx":             s.serve(s.abch(bookActions)),
		"/abservice/sharingservice.asmx":        s.serve(s.abch(sharingActions)),
		"/rsi/rsi.asmx":                         s.serve(s.fetchService()),
		"/oimws/oim.asmx":                       s.serve(s.storeService()),
		"/storageservice/schematizedstore.asmx": s.serve(s.storageService()),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := normalPath(r.URL.Path)
		switch route := routes[path]; {
		case route != nil:
			route(w, r)
		case strings.HasPrefix(path, tilePath):
			s.userTile(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// normalPath takes slashes together and lowers letters.
func normalPath(path string) string {
	parts := strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '/' })
	return "/" + strings.Join(parts, "/")
}

// index is for people who look what this is.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("An MSN service in memory. Notification server: " + s.NSAddr() + "\n")) // the client is gone if not
}

// readable answers other methods than GET, HEAD and POST with 405.
func readable(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	}
	w.Header().Set("Allow", "GET, HEAD, POST")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	return false
}

// nexus tells where to log in (core.md 5.7).
func (s *Server) nexus(login string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !readable(w, r) || s.broken(w, func(f Faults) int { return f.Nexus }) {
			return
		}
		base := scheme(r) + "://" + r.Host
		// Some clients compare the letter case of the header name, which Set would change.
		w.Header()["PassportURLs"] = []string{
			"DARealm=Passport.Net,DALogin=" + base + login + ",DAReg=" + base + "/,ConfigVersion=11",
		}
	}
}

// broken answers with the status that the faults ask for, if any.
func (s *Server) broken(w http.ResponseWriter, status func(Faults) int) bool {
	s.mu.Lock()
	code := status(s.faults)
	s.mu.Unlock()
	if code == 0 {
		return false
	}
	if code == http.StatusUnauthorized {
		refuseLogin(w)
		return true
	}
	w.WriteHeader(code)
	return true
}

// refuseLogin is the answer to a wrong password.
func refuseLogin(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Passport1.4 da-status=failed,srealm=Passport.NET,ts=-3,prompt,"+
		"cburl=http://messenger.example.com/,cbtxt=The%20e-mail%20address%20or%20the%20password%20is%20wrong.")
	w.WriteHeader(http.StatusUnauthorized)
}

// login does a Passport login: 200 with a ticket, 302 by way of Faults.LoginRedirect, or 401 (core.md 5.7).
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if !readable(w, r) || s.broken(w, func(f Faults) int { return f.Login }) {
		return
	}
	s.mu.Lock()
	redirect := s.faults.LoginRedirect && !r.URL.Query().Has("lc")
	s.mu.Unlock()
	if redirect {
		w.Header().Set("Authentication-Info", "Passport1.4 da-status=redir")
		w.Header().Set("Location", scheme(r)+"://"+r.Host+"/login2.srf?lc=1033")
		w.WriteHeader(http.StatusFound)
		return
	}
	if r.Header.Get("Authorization") == "" && s.quirks.BareTickets {
		w.WriteHeader(http.StatusInternalServerError) // as Escargot (escargot.md 5)
		return
	}
	passport, password := credentials(r.Header.Get("Authorization"))
	s.mu.Lock()
	a, ticket := s.accounts[strings.ToLower(passport)], ""
	if a != nil && s.samePassword(a.password, password) {
		ticket = s.newTicket(a.passport)
	}
	s.mu.Unlock()
	if ticket == "" {
		refuseLogin(w)
		return
	}
	w.Header().Set("Authentication-Info", "Passport1.4 da-status=success,tname=MSPAuth,tname=MSPProf,tname=MSPSec,from-PP='"+
		ticket+"',ru=http://messenger.msn.com")
}

// credentials reads `Passport1.4 OrgVerb=GET,..,sign-in=..,pwd=..,` and the challenge, which is not looked at.
func credentials(authorization string) (passport, password string) {
	scheme, list, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Passport1.4") {
		return "", ""
	}
	for item := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		text, err := url.PathUnescape(value)
		if err != nil {
			text = value // a client that does not encode a percent sign
		}
		switch strings.ToLower(key) {
		case "sign-in":
			passport = text
		case "pwd":
			password = text
		}
	}
	return passport, password
}
