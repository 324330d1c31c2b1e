package msntest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// FuzzClient feeds arbitrary bytes to a signed-in connection, to one in a switchboard, and to fresh ones of each kind. Nothing
// may panic or hang, and others must not be harmed.
func FuzzClient(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, version := range []uint8{0, 5, 7, 10} {
			f.Add(version, clientHalf(string(text)))
		}
	}
	for _, seed := range []string{
		"CHG 1\r\n", "CHG 1 NLN 99999999999999999999 %zz\r\n", "ADC 1 FL C=\r\n", "ADC 1 FL  \r\n", "REM 1 FL\r\n", "SBP 1\r\n", "PRP 1\r\n",
		"MSG 1 A 1048577\r\n", "MSG 1\r\n", "UUX 1 3\r\n\x00\xff\xfe", "CAL 1\r\n", "CAL 1 \r\n", "ANS 1\r\n", "USR 1\r\n", "VER\r\n", "QRY 1 x 0\r\n",
		"XFR 1\r\n", "ADG 1\r\n", "RMG 1\r\n", "REG 1 0\r\n", "BLP 1\r\n", "GTC 1\r\n", "IMS 1\r\n", "URL 1\r\n", "GCF 1\r\n", "\n\n\n",
	} {
		for _, version := range []uint8{0, 5, 10} {
			f.Add(version, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, version uint8, data []byte) {
		s, err := Start(fixture())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		name := "MSNP" + itoa(2+int(version%11))
		p := &player{t: t, s: s, conns: map[string]*raw{}, kept: map[string]string{}, pipes: true}
		p.play("bob signs in MSNP2\nbob C: CHG 5 NLN\nbob S: CHG 5 NLN\nalice signs in " + name)
		p.play("alice C: CHG 5 NLN 0\nalice S: CHG 5 ...")
		p.play("bob S: NLN NLN alice@example.com Alice%20A")
		board := p.board("bob")
		for _, who := range []string{"alice", board, "stranger", "stranger:sb", "stranger:ds"} {
			p.throw(who, data)
		}
		answer := httptest.NewRecorder()
		s.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodPost,
			"/gateway/gateway.dll?Action=open&Server=NS&IP=x", bytes.NewReader(data[:min(len(data), maxGatewayBody)])))
		if answer.Code != http.StatusOK {
			t.Errorf("gateway: %d", answer.Code)
		}
		// The service still works for a newcomer.
		p.play("carol signs in MSNP2\ncarol C: PNG\ncarol S: QNG")
		for _, c := range p.conns {
			_ = c.nc.Close() // cannot fail
		}
	})
}

// clientHalf is what clients say in a dialogue, uncomputed.
func clientHalf(script string) []byte {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if _, command, ok := strings.Cut(line, " C: "); ok {
			b.WriteString(strings.Replace(command, "#", "0", 1) + "\r\n")
		}
	}
	return []byte(b.String())
}

// board opens a switchboard and returns the name of the connection.
func (p *player) board(who string) string {
	p.t.Helper()
	delete(p.kept, "b")
	p.play(who + " C: XFR 90 SB\n" + who + " S: XFR 90 SB * CKI $b\n" + who + ":sb C: USR 1 " + who + "@example.com $b\n" +
		who + ":sb S: USR 1 OK ...")
	return who + ":sb"
}

// throw sends bytes, hangs up, and waits until the server has noticed.
func (p *player) throw(who string, data []byte) {
	p.t.Helper()
	c := p.conn(who)
	var drain sync.WaitGroup
	drain.Go(func() { _, _ = io.Copy(io.Discard, c.in) }) // ends when either side closes
	if err := c.nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.nc.Write(data); err != nil && os.IsTimeout(err) {
		p.t.Errorf("%s: the server does not read", who)
	}
	_ = c.nc.Close() // cannot fail
	drain.Wait()
	delete(p.conns, who)
	open := len(p.conns)
	waitUntil(p.t, p.s, func() bool { return len(p.s.conns) <= open })
}
