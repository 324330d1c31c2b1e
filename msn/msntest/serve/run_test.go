package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// start runs the program until the test ends and returns its endpoints. The rest of its output goes to nowhere.
func start(t *testing.T, args ...string) endpoints {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, in, &stderr)
		_ = in.Close()
	}()
	lines := bufio.NewScanner(out)
	var where endpoints
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "{") {
			if err := json.Unmarshal(lines.Bytes(), &where); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() {
		stop()
		if got := <-code; got != exitOK {
			t.Errorf("exit code %d: %s", got, stderr.String())
		}
		<-drained
	})
	if where.NS == "" {
		t.Fatalf("no endpoints: %s", stderr.String())
	}
	return where
}

var free = []string{"-ns", "127.0.0.1:0", "-sb", "127.0.0.1:0", "-http", "127.0.0.1:0"}

func TestRun(t *testing.T) {
	where := start(t, append(free, "-ds", "127.0.0.1:0", "-user", "Alice@example.com:a:b", "-user", "bob@example.com:b",
		"-name", "alice@example.com=Alice = me", "-groups", "alice@example.com=Work,Home", "-friends", "alice@example.com,bob@example.com",
		"-refuse", "MSNP12,msnp11", "-trace", "-fault", "XYZ=500,redirect302")...)
	if where.DS == "" || where.TLS || !strings.HasPrefix(where.Nexus, where.HTTP) || !strings.HasPrefix(where.Gateway, where.HTTP) {
		t.Errorf("got %+v", where)
	}
	nc, err := net.Dial("tcp", where.NS)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(nc, "VER 1 MSNP12 MSNP11 MSNP10\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(nc).ReadString('\n'); err != nil || line != "VER 1 MSNP10\r\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestRunTLS(t *testing.T) {
	if where := start(t, append(free, "-tls", "-public-host", "127.0.0.1")...); !where.TLS {
		t.Errorf("got %+v", where)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), append(free, "-ns", l.Addr().String()), &stdout, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "the port is taken") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestConfigure(t *testing.T) {
	var out bytes.Buffer
	cfg, _, err := configure([]string{
		"-challenge-every", "3m", "-user", "a@example.com:x", "-user", "b@example.com:y", "-user", "c@example.com:z",
		"-friends", "a@example.com,B@example.com", "-friends", "b@example.com,c@example.com", "-quirks", "escargot", "-idle", "1m",
		"-fault", "drop=5, delay=2s,silent,nak,noack,CAL=217",
	}, &out, &out)
	if err != nil {
		t.Fatal(err)
	}
	q := cfg.Quirks
	if !q.NoChallenge || q.ChallengeEvery != 3*time.Minute || q.SwitchboardIdle != time.Minute {
		t.Errorf("got %+v", q)
	}
	if got := fmt.Sprint(cfg.Accounts[0].Friends, cfg.Accounts[1].Friends, cfg.Accounts[2].Friends); got !=
		"[b@example.com] [a@example.com c@example.com] [b@example.com]" {
		t.Errorf("got %s", got)
	}
	f := cfg.Faults
	if f.DropAfter != 5 || f.Delay != 2*time.Second || !f.Silent || !f.NAK || !f.WithholdACK || f.Refuse["CAL"] != 217 {
		t.Errorf("got %+v", f)
	}
}

func TestMistakes(t *testing.T) {
	for _, args := range [][]string{
		{"-user", "alice"}, {"-user", "a@b:x", "-user", "a@b:y"}, {"-friends", "a@b"}, {"-friends", "a@b,c@d"}, {"-name", "a@b=x"},
		{"-user", "a@b:x", "-name", "a@b"}, {"-groups", "x"}, {"-refuse", "12"}, {"-quirks", "other"}, {"-tls-cert", "x"}, {"-fault", "x"},
		{"-fault", "drop=x"}, {"-tls", "-tls-cert", "a", "-tls-key", "b"}, {"-tls-cert", "none", "-tls-key", "none"}, {"extra"}, {"-wrong"},
		{"-no-book", "a@b"}, {"-request", "a@b"}, {"-oim", "a@b:c@d"}, {"-circle", "Club"}, {"-crowd", "5"}, {"-user", "a@b:x", "-crowd", "x"},
		{"-user", "a@b:x", "-crowd", "2:3"}, {"-fault", "truncate=x"}, {"-fault", "slow=x"}, {"-fault", "ABFindAll:"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), args, &stdout, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
	var out bytes.Buffer
	if code := run(context.Background(), []string{"-h"}, &out, &out); code != exitOK || !strings.Contains(out.String(), "-friends") {
		t.Errorf("-h: exit code %d", code)
	}
}

// TestServices starts with everything that there is, and asks for a list with 30 contacts over HTTPS.
func TestServices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	where := start(t, append(free, "-https", "127.0.0.1:0", "-cert-out", file, "-json", "-msnp24", "127.0.0.1:0",
		"-user", "alice@example.com:a", "-user", "bob@example.com:b", "-no-book", "bob@example.com", "-crowd", "30:3",
		"-circle", "Club: one:alice@example.com,bob@example.com,?crowd0001@example.com", "-request", "bob@example.com:alice@example.com:let me: in",
		"-oim", "bob@example.com:alice@example.com:see: you")...)
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) || where.CA != file || where.MSNP24 == "" || !strings.HasPrefix(where.HTTPS, "https://") {
		t.Fatalf("got %+v", where)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	post := func(url, action, body string) string {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, strings.Replace(url, where.HTTP, where.HTTPS, 1), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("SOAPAction", action)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const ask = `<Envelope><Header><Security><UsernameToken><Username>alice@example.com</Username><Password>a</Password></UsernameToken></Security></Header>` +
		`<Body><RequestMultipleSecurityTokens><RequestSecurityToken><AppliesTo><EndpointReference><Address>contacts.msn.com</Address></EndpointReference></AppliesTo>` +
		`</RequestSecurityToken></RequestMultipleSecurityTokens></Body></Envelope>`
	ticket := regexp.MustCompile(`>(t=[^<]*)<`).FindStringSubmatch(post(where.RST, "", ask))
	if ticket == nil {
		t.Fatal("no ticket")
	}
	call := func(url, action string) string {
		return post(url, action, `<Envelope><Header><ABAuthHeader><TicketToken>`+ticket[1]+`</TicketToken></ABAuthHeader></Header><Body><`+action+
			`><filterOptions><ContactFilter><IncludeHiddenContacts>true</IncludeHiddenContacts></ContactFilter></filterOptions></`+action+`></Body></Envelope>`)
	}
	book := call(where.Book, "ABFindContactsPaged")
	if n := strings.Count(book, "<quickName>Crowd "); n != 30 || strings.Count(book, "<Group>") != 3 || !strings.Contains(book, "Club: one") {
		t.Errorf("%d contacts: %s", n, book)
	}
	if members := call(where.Sharing, "FindMembership"); !strings.Contains(members, "let me: in") {
		t.Errorf("got %s", members)
	}
}

func TestWebFaults(t *testing.T) {
	f, err := parseFaults("rstdown,rstredirect=loop,rstfault=wsse:x,stale=a,stale=b,forbidden,moved=once,truncate=5,slow=1s,ABFindAll:Forbidden,CAL=217")
	if err != nil {
		t.Fatal(err)
	}
	if !f.RSTDown || f.RSTRedirect != "loop" || f.RSTFault != "wsse:x" || len(f.StaleTickets) != 2 || !f.ServiceUnauthorized || f.ServiceRedirect != "once" ||
		f.Truncate != 5 || f.Slow != time.Second || f.ServiceFault["ABFindAll"] != "Forbidden" || f.Refuse["CAL"] != 217 {
		t.Errorf("got %+v", f)
	}
}

// TestNoCertificate asks for a certificate where there is none.
func TestNoCertificate(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), append(free, "-cert-out", filepath.Join(t.TempDir(), "ca.pem")), &stdout, &stderr); code != exitFailed {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
