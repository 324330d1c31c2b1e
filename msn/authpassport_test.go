package msn

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestPassport logs in over every way that a Passport server may take.
func TestPassport(t *testing.T) {
	nexus := func(r *http.Request) *http.Response {
		return answer(200, "Passporturls", "DARealm=Passport.Net,DALogin=login.example.com/login2.srf")
	}
	ok := answer(200, "Authentication-Info", "Passport1.4 da-status=success,from-PP='t=a&p=b',ru=x")
	cases := []struct {
		name   string
		nexus  string
		serve  func(r *http.Request) *http.Response
		ticket string
		want   error
		text   string // in the error
	}{
		{"good", "https://nexus.example.com/rdr/pprdr.asp", func(r *http.Request) *http.Response {
			if r.URL.Path == "/rdr/pprdr.asp" {
				return nexus(r)
			}
			want := "Passport1.4 OrgVerb=GET,OrgURL=http%3A%2F%2Fmessenger%2Emsn%2Ecom," +
				"sign-in=alice%40example%2Ecom,pwd=Pa%24%24word%2C%C3%A9,lc=1033,id=507"
			if got := r.Header.Get("Authorization"); got != want || r.URL.String() != "https://login.example.com/login2.srf" {
				t.Errorf("%s with %q", r.URL, got)
			}
			return ok
		}, "t=a&p=b", nil, ""},
		{"redirect", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			switch r.URL.Host {
			case "nexus.example.com":
				return nexus(r)
			case "login.example.com":
				return answer(302, "Location", "https://loginnet.example.com/login2.srf?lc=1033")
			}
			if r.Header.Get("Authorization") == "" {
				t.Error("the redirect lost the authorization")
			}
			return ok
		}, "t=a&p=b", nil, ""},
		{"endless redirect", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			if r.URL.Host == "nexus.example.com" {
				return nexus(r)
			}
			return answer(302, "Location", "https://login.example.com/again")
		}, "", nil, "without end"},
		{"redirect into the clear", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			if r.URL.Host == "nexus.example.com" {
				return nexus(r)
			}
			if r.URL.Scheme == "http" {
				t.Error("the password went over plain http")
			}
			return answer(302, "Location", "http://login.example.com/")
		}, "", nil, "without encryption"},
		{"refused", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			if r.URL.Host == "nexus.example.com" {
				return nexus(r)
			}
			return answer(401, "Www-Authenticate",
				"Passport1.4 da-status=failed,srealm=Passport.NET,ts=-3,prompt,cburl=x,cbtxt=Type%20your%20address%0D.")
		}, "", ErrAuthFailed, `"Type your address ."`},
		{"busy", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			return answer(503, "Retry-After", "1")
		}, "", ErrServerBusy, "503"},
		{"login busy", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			if r.URL.Host == "nexus.example.com" {
				return nexus(r)
			}
			return answer(503, "Retry-After", "1")
		}, "", ErrServerBusy, "503"},
		{"no address", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			return answer(200, "Passporturls", "DARealm=x")
		}, "", nil, "no login address"},
		{"no ticket", "https://nexus.example.com/", func(r *http.Request) *http.Response {
			if r.URL.Host == "nexus.example.com" {
				return nexus(r)
			}
			return answer(200, "Authentication-Info", "Passport1.4 da-status=success,from-PP='")
		}, "", nil, "no usable ticket"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			nc := &notificationConn{
				conn: &conn{done: make(chan struct{})},
				cfg:  &Config{Passport: "alice@example.com", Password: "Pa$$word,é", Server: Server{Nexus: tc.nexus}},
				dial: &dialer{http: &http.Client{Transport: passportFunc(tc.serve)}}, dialect: dialectOf(MSNP8),
			}
			got, err := nc.passportTicket(t.Context(), "lc=1033,id=507")
			if got != tc.ticket || (err == nil) != (tc.ticket != "") || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("ticket %q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "word")) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestDALogin tells with and without scheme apart.
func TestDALogin(t *testing.T) {
	cases := []struct{ nexus, header, want string }{
		{"https://n.example.com/x", "DALogin=login.example.com/l", "https://login.example.com/l"},
		{"https://n.example.com/x", "dalogin=https://login.example.com/l", "https://login.example.com/l"},
		{"http://127.0.0.1:8880/x", "DALogin=127.0.0.1:8880/l", "http://127.0.0.1:8880/l"},
		{"http://127.0.0.1:8880/x", "a=b, DALogin=https://login.example.com/l,c=d", "https://login.example.com/l"},
		{"https://n.example.com/x", "DALogin=http://login.example.com/l", ""},
		{"https://n.example.com/x", "DALogin=ftp://login.example.com/l", ""},
		{"https://n.example.com/x", "", ""},
	}
	for _, tc := range cases {
		nexus, err := url.Parse(tc.nexus)
		if err != nil {
			t.Fatal(err)
		}
		got, err := daLogin(nexus, tc.header)
		if tc.want == "" {
			if err == nil {
				t.Errorf("daLogin(%q) = %v, want an error", tc.header, got)
			}
			continue
		}
		if err != nil || got.String() != tc.want {
			t.Errorf("daLogin(%q) = %v, %v, want %s", tc.header, got, err, tc.want)
		}
	}
}
