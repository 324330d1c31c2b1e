package msgrconfig

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

var rewrite = flag.Bool("update", false, "write the requests to testdata")

const (
	answerStart = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` +
		`<GetClientConfigResponse xmlns="http://www.msn.com/webservices/Messenger/Client"><GetClientConfigResult><![CDATA[`
	answerEnd = `]]></GetClientConfigResult></GetClientConfigResponse></soap:Body></soap:Envelope>`
	fault     = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode></soap:Fault></soap:Body></soap:Envelope>`
)

// document is what a service tells, with an address book at a URL.
func document(book string) string {
	return `<MsgrConfig><Simple><Config><ExpiresInDays>2</ExpiresInDays></Config><TrustedDomains><domain name="example.com"/></TrustedDomains>` +
		`<url>http://wrong.example.com/</url></Simple><TabConfig><msntabdata><tab><url>http://wrong.example.com/</url></tab></msntabdata></TabConfig>` +
		`<AbchCfg><abchconfig><url>` + book + `</url></abchconfig></AbchCfg><LocalizedConfig Market="en-US"><MsnTodayConfig></MsnTodayConfig></LocalizedConfig></MsgrConfig>`
}

type answer struct {
	status int
	body   string
	to     string // Location
}

// service answers POST and GET; what was asked is kept.
func service(t *testing.T, post, get answer) (caller *soap.Caller, at string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*asked = append(*asked, r.Method+" "+r.URL.RequestURI()+"\n"+r.Header.Get("SOAPAction")+"\n"+string(body)+"\n")
		a := post
		if r.Method == http.MethodGet {
			a = get
		}
		if a.to != "" {
			w.Header().Set("Location", a.to)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(server.Close)
	return &soap.Caller{HTTP: server.Client()}, server.URL + "/Config/MsgrConfig.asmx", asked
}

const book = "https://book.example.com/abservice/abservice.asmx"

var found = Config{AddressBook: book, Sharing: "https://book.example.com/abservice/SharingService.asmx", Keep: 48 * time.Hour}

// TestFind reads both forms, and takes the second if the first leads nowhere.
func TestFind(t *testing.T) {
	soapAnswer, plain := answer{200, answerStart + document(book) + answerEnd, ""}, answer{200, document(book), ""}
	for name, tc := range map[string]struct{ post, get answer }{
		"SOAP":                    {soapAnswer, answer{500, "", ""}},
		"GET":                     {answer{404, "", ""}, plain},
		"GET after nothing":       {answer{200, "", ""}, plain},
		"GET after a fault":       {answer{200, fault, ""}, plain},
		"GET after no book":       {answer{200, answerStart + "<MsgrConfig></MsgrConfig>" + answerEnd, ""}, plain},
		"GET, broken off behind":  {answer{500, "", ""}, answer{200, strings.TrimSuffix(document(book), "</MsnTodayConfig></LocalizedConfig></MsgrConfig>"), ""}},
		"GET with white space":    {answer{500, "", ""}, answer{200, `<?xml version="1.0"?>` + "\r\n" + document("\n\t"+book+"\n"), ""}},
		"SOAP, broken off behind": {answer{200, answerStart + strings.TrimSuffix(document(book), "</MsgrConfig>") + answerEnd, ""}, answer{500, "", ""}},
	} {
		caller, at, _ := service(t, tc.post, tc.get)
		if got, err := Find(t.Context(), caller, at); err != nil || got != found {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestFindNothing says so rather than guess.
func TestFindNothing(t *testing.T) {
	for name, tc := range map[string]answer{
		"nothing":             {200, "", ""},
		"a page":              {200, "<html><body>hi</body></html>", ""},
		"no book":             {200, "<MsgrConfig><Simple></Simple></MsgrConfig>", ""},
		"an empty one":        {200, document(""), ""},
		"not http":            {200, document("ftp://book.example.com/"), ""},
		"a script":            {200, document("javascript:alert(1)"), ""},
		"broken off before":   {200, "<MsgrConfig><AbchCfg><abchconfig><url>https://book.example.com/ab", ""},
		"too long":            {200, "<MsgrConfig>" + strings.Repeat(" ", maxDocument) + "<AbchCfg/></MsgrConfig>", ""},
		"nested":              {200, strings.Repeat("<MsgrConfig>", 10000), ""},
		"refused":             {403, "", ""},
		"a redirect nowhere":  {302, "", ""},
		"a redirect for ever": {302, "", "/Config/MsgrConfig.asmx"},
	} {
		caller, at, asked := service(t, answer{500, "", ""}, tc)
		if got, err := Find(t.Context(), caller, at); err == nil || got != (Config{}) {
			t.Errorf("%s: %+v", name, got)
		}
		if len(*asked) > maxRedirects+2 {
			t.Errorf("%s: asked %d times", name, len(*asked))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	caller, at, _ := service(t, answer{}, answer{})
	if _, err := Find(ctx, caller, at); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("canceled: %v", err)
	}
}

// TestFindMapped completes, maps and refuses URLs.
func TestFindMapped(t *testing.T) {
	caller, at, _ := service(t, answer{500, "", ""}, answer{200, document("/ab/book.asmx?x=1"), ""})
	base := strings.TrimSuffix(at, "/Config/MsgrConfig.asmx")
	if got, err := Find(t.Context(), caller, at); err != nil || got.AddressBook != base+"/ab/book.asmx?x=1" || got.Sharing != base+"/ab/SharingService.asmx?x=1" {
		t.Errorf("relative: %+v, %v", got, err)
	}
	caller, at, _ = service(t, answer{500, "", ""}, answer{200, document(book), ""})
	caller.MapURL = func(u string) string { return strings.Replace(u, "https://book.example.com", base, 1) }
	if got, err := Find(t.Context(), caller, at); err != nil || got.AddressBook != base+"/abservice/abservice.asmx" {
		t.Errorf("mapped: %+v, %v", got, err)
	}
	if got, err := read(&soap.Caller{}, "https://config.example.com/", strings.NewReader(document("http://book.example.com/x"))); err == nil {
		t.Errorf("from https to http: %+v", got)
	}
}

// TestRequests are the questions byte for byte; -update writes them.
func TestRequests(t *testing.T) {
	caller, at, asked := service(t, answer{404, "", ""}, answer{404, "", ""})
	if _, err := Find(t.Context(), caller, at); err == nil {
		t.Error("nothing was found")
	}
	const file = "testdata/requests.txt"
	got := strings.Join(*asked, "")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || got != string(want) {
		t.Errorf("asked %s\nwant %s (%v)", got, want, err)
	}
}

// FuzzRead reads anything, and gives only what can be asked.
func FuzzRead(f *testing.F) {
	f.Add(document(book))
	f.Add(document("/relative"))
	f.Add("<MsgrConfig><AbchCfg>")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := read(&soap.Caller{}, "http://config.example.com/x", strings.NewReader(text))
		if (err == nil) != strings.HasPrefix(config.AddressBook, "http") || (err == nil) != strings.HasSuffix(strings.SplitN(config.Sharing, "?", 2)[0], "SharingService.asmx") && !strings.Contains(config.Sharing, "#") {
			t.Errorf("%+v, %v", config, err)
		}
	})
}
