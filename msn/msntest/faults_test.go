package msntest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFaultDrop(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{DropAfter: 3})
	play(t, s, "a C: VER 1 MSNP2\na S: VER 1 MSNP2\na C: INF 2\na S: INF 2 MD5\na C: INF 3\na closed")
}

func TestFaultPassport(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{Passport: "Bob@example.com", On: []string{"NS"}, Refuse: map[string]int{"SYN": 402, "CHG": 500}})
	play(t, s, `
alice signs in MSNP2
alice C: CHG 5 NLN
alice S: CHG 5 NLN
bob signs in MSNP2
bob C: SYN 5 0
bob S: 402 5
bob C: CHG 6 NLN
bob S: 500 6
bob closed
alice C: PNG
alice S: QNG`)
}

func TestFaultSilent(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP2")
	s.SetFaults(Faults{Silent: true})
	p.play("alice C: PNG")
	c := p.conns["alice"]
	if err := c.nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s.SetFaults(Faults{})
	p.play("alice C: SND 9 x@example.com\nalice S: SND 9 OK")
}

func TestFaultGarbage(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, "alice signs in MSNP2")
	s.SetFaults(Faults{Garbage: []byte("\x00\xff??\r\n")})
	p.play("alice C: PNG\nalice S: \x00\xff??\nalice S: QNG\nalice C: PNG\nalice S: QNG")
}

func TestFaultDelay(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{Delay: 100 * time.Millisecond})
	start := time.Now()
	p := play(t, s, "a C: VER 1 MSNP2\na S: VER 1 MSNP2")
	if waited := time.Since(start); waited < 100*time.Millisecond {
		t.Errorf("answered after %v", waited)
	}
	s.SetFaults(Faults{Delay: time.Hour})
	p.play("a C: INF 2\na hangs up") // and closing does not wait for the hour
}

func TestFaultAfterSignIn(t *testing.T) {
	s := New(t, fixture())
	s.SetFaults(Faults{OutAfterSignIn: "SSD"})
	p := play(t, s, "alice signs in MSNP2\nalice S: OUT SSD\nalice closed")
	s.SetFaults(Faults{MoveTo: "127.0.0.1:1"})
	p.play("alice signs in MSNP3\nalice S: XFR 0 NS 127.0.0.1:1 0\nalice closed")
	s.SetFaults(Faults{Redirect: "127.0.0.1:2"})
	p.play("alice C: VER 1 MSNP2\nalice S: VER 1 MSNP2\nalice C: USR 2 MD5 I alice@example.com\n" +
		"alice S: XFR 2 NS 127.0.0.1:2\nalice closed")
}

func TestFaultDelivery(t *testing.T) {
	s := New(t, fixture())
	p := play(t, s, `
alice signs in MSNP7
alice C: CHG 5 NLN
alice S: CHG 5 NLN
alice S: CHL 0 *
bob signs in MSNP2
bob C: CHG 5 NLN
bob S: CHG 5 NLN
bob S: ILN 5 NLN alice@example.com Alice%20A
alice S: NLN NLN bob@example.com Bob
alice C: XFR 6 SB
alice S: XFR 6 SB * CKI $cookie
alice:sb C: USR 1 alice@example.com $cookie
alice:sb S: USR 1 OK ...
alice:sb C: CAL 2 bob@example.com
alice:sb S: CAL 2 RINGING $id
bob S: RNG $id * CKI $cookie2 ...
bob:sb C: ANS 1 bob@example.com $cookie2 $id
bob:sb S: IRO 1 1 1 ...
bob:sb S: ANS 1 OK
alice:sb S: JOI bob@example.com Bob`)
	s.SetFaults(Faults{NAK: true})
	p.play("alice:sb C: MSG 3 A 0\nalice:sb S: NAK 3\nalice:sb C: MSG 4 N 0\nalice:sb S: NAK 4\nalice:sb C: CAL 5 x\nalice:sb S: 208 5")
	s.SetFaults(Faults{WithholdACK: true})
	p.play("alice:sb C: MSG 6 A #\n | six\nbob:sb S: MSG alice@example.com Alice%20A 3\n | six\nalice:sb C: CAL 7 x\nalice:sb S: 208 7")
	s.SetFaults(Faults{Refuse: map[string]int{"MSG": 280}})
	p.play("alice:sb C: MSG 8 A 0\nalice:sb S: 280 8\nalice:sb closed\nbob:sb S: BYE alice@example.com")
}

func TestEscargotQuirks(t *testing.T) {
	cfg := fixture()
	cfg.Quirks = EscargotQuirks()
	s := New(t, cfg)
	play(t, s, `
alice signs in MSNP9
alice C: CHG 5 NLN 0
alice S: CHG 5 NLN 0
alice C: XYZ 6
alice C: QRY 7 x 1
 | x
bob signs in MSNP8
bob C: CHG 5 NLN 0
bob S: CHG 5 NLN 0
bob S: ILN 5 NLN alice@example.com Alice%20A 0
alice S: NLN NLN bob@example.com Bob 0 %3Cmsnobj%2F%3E
alice C: XFR 8 SB
alice S: XFR 8 SB * CKI $cookie
alice:sb C: USR 1 alice@example.com $cookie
alice:sb S: USR 1 OK ...
alice:sb C: MSG 2 A 0
alice:sb S: ACK 2`)
	if ticket := logIn(t, s, "alice@example.com", "secret"); len(ticket) != 20 {
		t.Errorf("ticket %q", ticket)
	}
}

func TestTLS(t *testing.T) {
	secured, err := SelfSigned("chat.example.com", "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(secured.Certificates[0].Certificate[0])
	if err != nil || leaf.IsCA || leaf.VerifyHostname("chat.example.com") != nil || leaf.VerifyHostname("192.0.2.1") != nil {
		t.Errorf("the certificate: %v %v", leaf, err)
	}
	cfg := fixture()
	cfg.TLS = secured
	s := New(t, cfg)
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(s.CA()) {
		t.Error("no authority in CA")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: authority}); err != nil {
		t.Error(err)
	}
	nc, err := tls.Dial("tcp", s.NSAddr(), s.MSN().TLS)
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, s, "")
	p.conns["alice"] = &raw{nc: nc, in: bufio.NewReader(nc)}
	p.play("alice C: VER 1 MSNP2\nalice S: VER 1 MSNP2\nalice C: PNG\nalice closed")
	if _, err := Start(Config{TLS: &tls.Config{}}); err == nil {
		t.Error("TLS without a certificate")
	}
	// Somebody who does not speak TLS harms nobody.
	p = play(t, s, "a C: VER 1 MSNP2")
	if _, err := p.conns["a"].in.ReadString('\n'); err == nil {
		t.Error("answered a client without TLS")
	}
}

func TestMaxConnections(t *testing.T) {
	cfg := fixture()
	cfg.MaxConnections = 2
	s := New(t, cfg)
	p := play(t, s, "a C: VER 1 MSNP2\na S: VER 1 MSNP2\nb C: VER 1 MSNP2\nb S: VER 1 MSNP2")
	c := dialRaw(t, s.NSAddr())
	defer c.nc.Close()
	if got, _, err := c.read(); err == nil {
		t.Errorf("got %q", got)
	}
	p.play("a C: INF 2\na S: INF 2 MD5")
}

// TestSlowReader fills the outbox of a client that does not read: it is cut off, and nobody else notices.
func TestSlowReader(t *testing.T) {
	cfg := fixture()
	s := New(t, cfg)
	p := play(t, s, "alice signs in MSNP12\nbob signs in MSNP11")
	slow := p.conns["alice"]
	if err := slow.nc.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	p.play("alice C: CHG 5 NLN 0\nalice S: CHG 5 ...\nbob C: CHG 5 NLN 0\nbob S: CHG 5 NLN 0")
	payload := strings.Repeat("x", maxMessage)
	for i := range 4 * maxOutbox / maxMessage {
		if !s.SignedIn("alice@example.com") {
			break
		}
		text := "UUX " + itoa(100+i) + " " + itoa(len(payload)) + "\r\n" + payload
		if _, err := p.conns["bob"].nc.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	// alice is not signed out before her writer notices; that it does is what is to be seen.
	if err := s.WaitSignedOut(timeout(t), "alice@example.com"); err != nil {
		t.Fatal(err)
	}
}

func TestTrace(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	cfg := fixture()
	cfg.Trace = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	s := New(t, cfg)
	play(t, s, "alice signs in MSNP12\nalice C: MSG 1 A -1\nalice closed")
	mu.Lock()
	defer mu.Unlock()
	text := strings.Join(lines, "\n")
	for _, want := range []string{"# NS 1 127.0.0.1:", "C: VER 1 MSNP12", "S: VER 1 MSNP12", "C: USR 4 TWN S ***", " | MSPAuth: ***", "# broken line"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
