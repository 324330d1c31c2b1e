package soap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// host is a server that is gone when the test ends, and a caller that talks to it.
func host(t testing.TB, handle http.HandlerFunc) (*httptest.Server, *Caller) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server, callerFor(t, server)
}

func callerFor(t testing.TB, server *httptest.Server) *Caller {
	t.Helper()
	t.Cleanup(server.Client().CloseIdleConnections)
	return &Caller{HTTP: server.Client()}
}

// say answers every request alike.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	good = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h>1</h></s:Header><s:Body><Answer><v>2</v></Answer></s:Body></s:Envelope>`
	bare = `<Envelope><Body>%s</Body></Envelope>`
)

// read asks and returns the name of the element in the body, and v in it.
func read(c *Caller, r Request) (string, error) {
	got := ""
	err := readInto(c, r, &got)
	return got, err
}

func readInto(c *Caller, r Request, got *string) error {
	r.OnHeader = func(d *Decoder) error {
		return d.Each(func(name string) error {
			text, err := d.Text()
			*got += name + "=" + text + " "
			return err
		})
	}
	r.OnBody = func(d *Decoder) error {
		*got += d.Name()
		return d.Each(func(name string) error {
			text, err := d.Text()
			*got += " " + name + "=" + text
			return err
		})
	}
	return c.Call(context.Background(), r)
}

func TestRequest(t *testing.T) {
	type seen struct{ method, contentType, action, cookie, agent, encoding, body string }
	got := make(chan seen, 1)
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		got <- seen{r.Method, h.Get("Content-Type"), strings.Join(h["Soapaction"], "|"), h.Get("Cookie"), h.Get("User-Agent"), h.Get("Accept-Encoding"), string(body)}
		_, _ = io.WriteString(w, good)
	})
	const declaration = `<?xml version="1.0" encoding="utf-8"?>`
	for _, test := range []struct {
		name    string
		request Request
		want    seen
	}{
		{"bare", Request{}, seen{"POST", "text/xml; charset=utf-8", "", "", "MSMSGS", "identity",
			declaration + `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body></soap:Body></soap:Envelope>`}},
		{"all", Request{
			Action: "urn:x/Do", SOAP12: true, Cookie: "MSPAuth=x", Attrs: []string{"xmlns:a", "u&v"},
			Header: func(w *Writer) { w.Element("a:h", `<&>"`, "b", `"<`) },
			Body:   func(w *Writer) { w.Open("a:b").Text("é🎉\x01").Close("a:b") },
		}, seen{"POST", "application/soap+xml; charset=utf-8", `"urn:x/Do"`, "MSPAuth=x", "MSMSGS", "identity",
			declaration + `<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:a="u&amp;v"><soap:Header>` +
				`<a:h b="&#34;&lt;">&lt;&amp;&gt;&#34;</a:h></soap:Header><soap:Body><a:b>é🎉` + "\uFFFD" + `</a:b></soap:Body></soap:Envelope>`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.request.URL = server.URL
			answer, err := read(c, test.request)
			if err != nil || answer != "h=1 Answer v=2" {
				t.Errorf("got %q, %v", answer, err)
			}
			if sent := <-got; sent != test.want {
				t.Errorf("sent %+v\nwant %+v", sent, test.want)
			}
		})
	}
}

// Faults come with any status, in the body or beside it, in both forms.
func TestFaults(t *testing.T) {
	const beside = `<S:Envelope xmlns:S="u" xmlns:psf="v"><S:Header><psf:pp><psf:reqstatus>0x80048823</psf:reqstatus></psf:pp></S:Header>` +
		`<S:Fault><faultcode>wsse:FailedAuthentication</faultcode><faultstring>Authentication Failure</faultstring></S:Fault></S:Envelope>`
	const twelve = `<S:Envelope xmlns:S="u"><S:Body><S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode><S:Value>wst:FailedAuthentication</S:Value></S:Subcode></S:Code>` +
		`<S:Reason><S:Text xml:lang="en-US">Authentication Failure</S:Text><S:Text xml:lang="de">Nein</S:Text></S:Reason>` +
		`<S:Detail><psf:error><psf:value>0x80048821</psf:value><psf:internalerror><psf:code>0x80041012</psf:code><psf:text>No match.</psf:text></psf:internalerror></psf:error></S:Detail></S:Fault></S:Body></S:Envelope>`
	const eleven = `<Envelope><Body><Fault><faultcode>soap:Client</faultcode><faultstring>No` + "\n" + `such
		t=EwBA12345678&amp;p=abcdefgh90 thing</faultstring><detail><errorcode>ABDoesNotExist</errorcode><errorstring>a</errorstring><errorstring>b</errorstring>
		<additionalDetails><conflictObjectId>x</conflictObjectId></additionalDetails></detail></Fault></Body></Envelope>`
	for _, c := range []struct {
		name, body, code, text, says string
		detail                       map[string]string
	}{
		{"beside the body", beside, "FailedAuthentication", "Authentication Failure", "Do is refused: FailedAuthentication: Authentication Failure", nil},
		{"SOAP 1.2", twelve, "FailedAuthentication", "Authentication Failure", "Do is refused: FailedAuthentication: Authentication Failure",
			map[string]string{"value": "0x80048821", "code": "0x80041012", "text": "No match."}},
		{"SOAP 1.1", eleven, "Client", "No\nsuch\n\t\tt=EwBA12345678&p=abcdefgh90 thing", "Do is refused: ABDoesNotExist: No such t=*** thing",
			map[string]string{"errorcode": "ABDoesNotExist", "errorstring": "a", "conflictObjectId": "x"}},
		{"empty", `<Envelope><Body><Fault/></Body></Envelope>`, "", "", "Do is refused: ", nil},
		{"cut off in it", `<Envelope><Body><Fault><faultcode>q0:BadContextToken</faultcode><faultstring>stal`, "BadContextToken", "", "Do is refused: BadContextToken", nil},
		{"after an answer", `<Envelope><Body><Answer/><Fault><faultcode>a</faultcode></Fault></Body></Envelope>`, "a", "", "Do is refused: a", nil},
	} {
		for _, status := range []int{200, 400, 403, 500, 503} {
			t.Run(fmt.Sprint(c.name, " ", status), func(t *testing.T) {
				server, caller := host(t, say(status, c.body))
				_, err := read(caller, Request{URL: server.URL, Action: "urn:x/Do"})
				var f *Fault
				if !errors.As(err, &f) {
					t.Fatalf("got %v", err)
				}
				if f.Action != "Do" || f.Status != status || f.Code != c.code || f.Text != c.text || err.Error() != c.says {
					t.Errorf("got %+v: %v", f, err)
				}
				for k, v := range c.detail {
					if f.Detail[k] != v {
						t.Errorf("detail %s is %q, want %q", k, f.Detail[k], v)
					}
				}
				if !f.Has(strings.ToLower(c.code)) || c.detail["errorcode"] != "" && !f.Has("abdoesnotexist") || f.Has("Else") {
					t.Error("Has is wrong")
				}
			})
		}
	}
}

func TestFaultIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`<Envelope><Body><Fault><faultstring>` + strings.Repeat("é", 1<<20) + `</faultstring><detail>`)
	for i := range 10_000 {
		fmt.Fprintf(&b, "<d%d>x</d%d>", i, i)
	}
	b.WriteString(`</detail></Fault></Body></Envelope>`)
	server, c := host(t, say(500, b.String()))
	var f *Fault
	if _, err := read(c, Request{URL: server.URL}); !errors.As(err, &f) || len(err.Error()) > 500 {
		t.Fatalf("got %.1000v", err)
	}
	if len(f.Text) > maxFaultText || len(f.Detail) != maxFaultFields {
		t.Errorf("kept a text of %d bytes and %d fields", len(f.Text), len(f.Detail))
	}
}

func TestOddAnswers(t *testing.T) {
	long := `<Envelope><Body><Answer>` + strings.Repeat("<v>x</v>", 1000) + `</Answer></Body></Envelope>`
	for _, c := range []struct {
		name   string
		status int
		body   string
		limit  int64
		code   int // of a StatusError
		is     error
		says   string
	}{
		{"forbidden with nothing", 403, "", 0, 403, nil, "/x is answered with HTTP 403 Forbidden"},
		{"text", 500, "Internal Server Error", 0, 500, nil, "HTTP 500"},
		{"web page", 502, "<html><body><p>Bad<br>gateway", 0, 502, nil, "HTTP 502"},
		{"envelope without fault", 500, good, 0, 500, nil, "HTTP 500"},
		{"unknown number", 599, "", 0, 599, nil, "HTTP 599"},
		{"not modified", 304, "", 0, 304, nil, "HTTP 304"},
		{"good web page", 200, "<!DOCTYPE html><HTML><body>secret", 0, 0, nil, "a web page"},
		{"other XML", 200, "<secret/>", 0, 0, nil, "not a SOAP envelope"},
		{"nothing", 200, "", 0, 0, nil, "there is no XML in it"},
		{"no body", 200, "<Envelope><Header/></Envelope>", 0, 0, nil, "the answer has no body"},
		{"empty body", 200, "<Envelope><Body/></Envelope>", 0, 0, nil, "the answer has no body"},
		{"cut off", 200, good[:len(good)-30], 0, 0, io.ErrUnexpectedEOF, "cut off"},
		{"too large", 200, long, 1000, 0, ErrTooLarge, "too large"},
		{"just not too large", 200, long, int64(len(long)), 0, nil, ""},
		{"too deep", 200, fmt.Sprintf(bare, strings.Repeat("<a>", 100)), 0, 0, ErrTooDeep, "too deeply"},
		{"bomb", 200, `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>` + fmt.Sprintf(bare, "<x><v>&b;</v></x>"), 0, 0, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, caller := host(t, say(c.status, c.body))
			_, err := read(caller, Request{URL: server.URL + "/x", Limit: c.limit})
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var status *StatusError
			if err == nil || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("got %v", err)
			}
			if errors.As(err, &status) != (c.code != 0) || status != nil && status.Status != c.code {
				t.Errorf("got %v", status)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q quotes", err)
			}
		})
	}
}

// A body that ends before its length is an error, even if the XML so far makes sense.
func TestTruncated(t *testing.T) {
	server, c := host(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10000")
		_, _ = io.WriteString(w, good[:len(good)-40])
	})
	if _, err := read(c, Request{URL: server.URL}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// Redirects repeat the POST with its body, and are remembered for the action.
func TestRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var mu sync.Mutex
		var asked []string
		server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+fmt.Sprint(strings.Contains(string(body), "<x>1</x>")))
			mu.Unlock()
			switch r.URL.Path {
			case "/a":
				w.Header().Set("Location", "/b?t=1")
			case "/b":
				w.Header().Set("Location", "http://"+r.Host+"/c")
			default:
				_, _ = io.WriteString(w, good)
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>moved</html>")
		})
		r := Request{URL: server.URL + "/a", Action: "Do", Body: func(w *Writer) { w.Element("x", "1") }}
		for range 2 {
			if _, err := read(c, r); err != nil {
				t.Fatal(err)
			}
		}
		r.Action = "Else"
		if _, err := read(c, r); err != nil {
			t.Fatal(err)
		}
		want := "[POST /a true POST /b?t=1 true POST /c true POST /c true POST /a true POST /b?t=1 true POST /c true]"
		if got := fmt.Sprint(asked); got != want {
			t.Errorf("%d: got %s\nwant %s", status, got, want)
		}
	}
}

func TestBadRedirects(t *testing.T) {
	for _, c := range []struct{ name, location, says string }{
		{"in a circle", "/", "redirects more than 3 times"},
		{"nowhere", "", "without saying where"},
		{"no URL", "http://[::1]:secret%zz/", "no URL"},
		{"no host", "http:///x", "without saying where"},
		{"to a file", "file:///etc/passwd", "without saying where"},
		{"to ftp", "ftp://secret.example.com/x", "not http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, caller := host(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.location != "" {
					w.Header().Set("Location", c.location)
				}
				w.WriteHeader(307)
			})
			_, err := read(caller, Request{URL: server.URL})
			if !errors.Is(err, ErrRedirects) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// From https nothing leads to http, however the scheme is written; from http to https it does.
func TestDowngrade(t *testing.T) {
	plain, _ := host(t, say(200, good))
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusTemporaryRedirect))
	t.Cleanup(secure.Close)
	c := callerFor(t, secure)
	for _, at := range []string{secure.URL, "HTTPS" + strings.TrimPrefix(secure.URL, "https")} {
		if _, err := read(c, Request{URL: at}); !errors.Is(err, ErrRedirects) || !strings.Contains(err.Error(), "not encrypted") {
			t.Errorf("%s: got %v", at, err)
		}
	}
	answers := httptest.NewTLSServer(say(200, good))
	t.Cleanup(answers.Close)
	up, _ := host(t, http.RedirectHandler(answers.URL, http.StatusFound).ServeHTTP)
	if _, err := read(callerFor(t, answers), Request{URL: up.URL}); err != nil {
		t.Error(err)
	}
}

func TestCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(say(200, good))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c := &Caller{HTTP: &http.Client{Transport: &http.Transport{}}}
	var e *tls.CertificateVerificationError
	if _, err := read(c, Request{URL: server.URL}); !errors.As(err, &e) || strings.Contains(err.Error(), server.URL) {
		t.Errorf("got %v", err)
	}
}

func TestMapURL(t *testing.T) {
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			_, _ = io.WriteString(w, good)
			return
		}
		w.Header().Set("Location", "https://by.example.com/moved")
		w.WriteHeader(302)
	})
	c.MapURL = func(u string) string { return strings.Replace(u, "https://by.example.com", server.URL, 1) }
	if _, err := read(c, Request{URL: server.URL}); err != nil {
		t.Error(err)
	}
	c.MapURL = func(string) string { return "" }
	if _, err := read(c, Request{URL: server.URL + "/again"}); !errors.Is(err, ErrRedirects) {
		t.Errorf("got %v", err)
	}
}

// A place that was remembered but serves no SOAP any more is forgotten.
func TestForget(t *testing.T) {
	ok := true
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/" && ok:
			w.Header().Set("Location", "/b")
			w.WriteHeader(307)
		case r.URL.Path == "/" || ok:
			_, _ = io.WriteString(w, good)
		default:
			w.WriteHeader(503)
		}
	})
	r := Request{URL: server.URL + "/"}
	if _, err := read(c, r); err != nil {
		t.Fatal(err)
	}
	ok = false
	if _, err := read(c, r); err == nil {
		t.Fatal("the second place still answers")
	}
	if _, err := read(c, r); err != nil {
		t.Fatal(err)
	}
}

// So is one that cannot be reached any more.
func TestForgetUnreachable(t *testing.T) {
	second, _ := host(t, say(200, good))
	moved := true
	first, c := host(t, func(w http.ResponseWriter, _ *http.Request) {
		if moved {
			w.Header().Set("Location", second.URL)
			w.WriteHeader(307)
			return
		}
		_, _ = io.WriteString(w, good)
	})
	r := Request{URL: first.URL}
	if _, err := read(c, r); err != nil {
		t.Fatal(err)
	}
	second.Close()
	moved = false
	if _, err := read(c, r); err == nil {
		t.Fatal("the second place still answers")
	}
	if _, err := read(c, r); err != nil {
		t.Fatal(err)
	}
}

func TestMovedIsBounded(t *testing.T) {
	c := &Caller{}
	for i := range 3 * maxMoved {
		c.Moved(fmt.Sprint("http://a/", i), "", "http://b/")
	}
	if len(c.moved) != maxMoved {
		t.Errorf("remembers %d", len(c.moved))
	}
	c = &Caller{}
	c.Moved("a", "", "b")
	c.Moved("b", "", "a")
	if at := c.remembered(&Request{URL: "a"}); at != "a" && at != "b" {
		t.Errorf("goes to %q", at)
	}
	c.Moved("a", "", "c")
	c.Moved("c", "", "d")
	if at := c.remembered(&Request{URL: "a"}); at != "d" {
		t.Errorf("goes to %q", at)
	}
}

func TestTransportFailures(t *testing.T) {
	server, c := host(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "secret\r\n\r\n")
		_ = conn.Close()
	})
	if _, err := read(c, Request{URL: server.URL + "/secret?secret", Action: "Do"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	server.Close()
	for _, at := range []string{server.URL, "http://127.0.0.1:1\x7F", "", "gopher://127.0.0.1/"} {
		if _, err := read(c, Request{URL: at, Action: "Do"}); err == nil || !strings.HasPrefix(err.Error(), "Do: ") {
			t.Errorf("%q: got %v", at, err)
		}
	}
}

func TestTrace(t *testing.T) {
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			w.Header().Set("Location", "/b/t=abcdefgh12&p=?t=secret")
			w.WriteHeader(307)
			return
		}
		_, _ = io.WriteString(w, good)
	})
	var lines []string
	c.Trace = func(line string) { lines = append(lines, line) }
	if _, err := read(c, Request{URL: server.URL + "/a", Action: "u/Do", Cookie: "secret", Body: func(w *Writer) { w.Text("secret") }}); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(server.URL, "http://")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "# POST "+name+"/a Do: 307 Temporary Redirect after ") ||
		!strings.HasPrefix(lines[1], "# POST "+name+"/b/t=*** Do: 200 OK after ") {
		t.Errorf("got %q", lines)
	}
	sent, received := c.Traffic()
	if sent < 200 || received < int64(len(good))-10 || received > int64(len(good)) {
		t.Errorf("sent %d, received %d", sent, received)
	}
	server.Close()
	if _, err := read(c, Request{URL: server.URL + "/a"}); err == nil || !strings.HasPrefix(lines[len(lines)-1], "# POST "+name+"/a: failed after ") {
		t.Errorf("got %v, %q", err, lines)
	}
}

// silence answers never.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// dripping gives a byte of white space every second.
type dripping struct{ ctx context.Context }

func (dripping) Close() error { return nil }

func (d dripping) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	}
}

type drip struct{}

func (drip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: dripping{r.Context()}, Request: r}, nil
}

func TestTimeout(t *testing.T) {
	for _, transport := range []http.RoundTripper{silence{}, drip{}} {
		synctest.Test(t, func(t *testing.T) {
			c := &Caller{HTTP: &http.Client{Transport: transport}}
			begun := time.Now()
			_, err := read(c, Request{URL: "http://example.com/", Action: "Do"})
			if took := time.Since(begun); took != timeout || !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "Do: no answer within 30s") {
				t.Errorf("got %v after %s", err, took)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("the client is closed")
			cancel(why)
			if err := c.Call(ctx, Request{URL: "http://example.com/"}); !errors.Is(err, why) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestConcurrentCalls(t *testing.T) {
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Location", "/b")
			w.WriteHeader(302)
			return
		}
		_, _ = io.WriteString(w, good)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := read(c, Request{URL: server.URL + "/"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Connections are used again, whatever the answer was.
func TestReuse(t *testing.T) {
	var mu sync.Mutex
	remotes := make(map[string]bool)
	answers := []struct {
		status int
		body   string
	}{{200, good}, {500, fmt.Sprintf(bare, "<Fault/>")}, {403, ""}, {200, "<html>" + strings.Repeat(" ", 5000)}, {200, good + strings.Repeat("\n", 9000)}, {200, good}}
	n := 0
	server, c := host(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		remotes[r.RemoteAddr] = true
		a := answers[n]
		n++
		mu.Unlock()
		say(a.status, a.body)(w, r)
	})
	for range answers {
		_, _ = read(c, Request{URL: server.URL}) // only the connections matter here
	}
	if len(remotes) != 1 || n != len(answers) {
		t.Errorf("%d connections for %d requests", len(remotes), n)
	}
}

// An answer with a status of failure is read only if that is asked for, and is a failure all the same.
func TestAnyStatus(t *testing.T) {
	for status, any := range map[int]bool{500: true, 400: false} {
		server, c := host(t, say(status, good))
		got := ""
		err := readInto(c, Request{URL: server.URL, AnyStatus: any}, &got)
		var failed *StatusError
		if !errors.As(err, &failed) || failed.Status != status || (got == "h=1 Answer v=2") != any {
			t.Errorf("%d: got %q, %v", status, got, err)
		}
	}
}
