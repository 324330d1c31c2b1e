package msn

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"
)

// FuzzRun lets a server say anything after a good sign-in, in any dialect: Run ends with the
// connection, with an error, and without a panic.
func FuzzRun(f *testing.F) {
	for _, s := range []string{
		"NLN BSY bob@example.com Bob 0\r\nFLN bob@example.com\r\nOUT OTH\r\n",
		"RNG 1 127.0.0.1:1 CKI c bob@example.com Bob\r\nXFR 0 NS 127.0.0.1:1\r\n",
		"ADC 0 RL N=a@b F=x\r\nREM 0 RL a@b\r\nADD 0 RL 1 a@b A\r\nADG 0 1 G 1 0\r\nRMG 0 1\r\n",
		"LST a@b A 1 0\r\nBPR PHH 1\r\nLSG 1 G 0\r\nBLP AL\r\nPRP MFN\r\n",
		"UBX bob@example.com 21\r\n<Data><PSM>x</PSM><CHL 0 1\r\nQNG 1\r\nQNG\r\n540 3\r\n",
		"MSG Hotmail Hotmail 22\r\nContent-Type: text/x\r\n\r\nNOT 14\r\n<TEXT>x</TEXT>IPG 0\r\nGCF 0 0\r\n",
		"MSG a b 99999999999\r\n", "\r\n\r\n\r\n", "CHG 6 HDN\r\nILN 6 NLN\r\nXFR 0 SB\r\n", "\xff\xfe 0\r\n",
	} {
		for v := range Versions() {
			f.Add(byte(v), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, said []byte) {
		v := Versions()[int(which)%len(Versions())]
		cryptotest.SetGlobalRandom(t, 1) // the proof of MSNP15 has random bytes
		p := load(t, strings.ToLower(v.String())+"-sign-in.msnp")
		p.lines, p.hold = p.lines[:len(p.lines)-1], true
		l := &listener{}
		cfg := testConfig(newFarEnd(), l)
		cfg.Versions = []Version{v}
		withServices(t, &cfg)
		dials := 0
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			if dials++; dials > 1 {
				return nil, errors.New("nobody there")
			}
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				if err := p.play(far); err != nil {
					t.Error(err)
				}
				go io.Copy(io.Discard, far)
				_, _ = far.Write(said) // the client may hang up before the end
			}()
			return near, nil
		}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.Run(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v", err)
		}
		for _, contact := range c.Contacts() {
			if contact.Passport == "" {
				t.Error("a contact without address")
			}
		}
	})
}

// FuzzSwitchboard lets a switchboard say anything.
func FuzzSwitchboard(f *testing.F) {
	for _, s := range []string{
		"JOI bob@example.com Bob 1\r\nBYE bob@example.com 1\r\n",
		"JOI bob@example.com;{x} Bob\r\nBYE bob@example.com;{x}\r\nIRO 1 1 1 a@b A\r\n",
		"MSG bob@example.com Bob 22\r\nMIME-Version: 1.0\r\n\r\nhiNAK 2\r\nACK 2\r\n",
		"MSG b B 56\r\nMIME-Version: 1.0\r\nMessage-ID: {A}\r\nChunks: 2\r\n\r\nxxxxxxOUT\r\n",
		"911 1\r\n", "282 0\r\n", "MSG a b -1\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		near, far := net.Pipe()
		l := &listener{}
		cfg := testConfig(newFarEnd(), l)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.gate.open(t.Context(), cfg.Handler, nil)
		ended := make(chan struct{})
		go func() { // stands in for Run
			defer close(ended)
			task := <-c.tasks
			task(t.Context())
		}()
		sb, err := c.newSwitchboard(newConn(near, nil), false, false)
		if err != nil {
			t.Fatal(err)
		}
		c.chats.keep(sb)
		_, _ = far.Write(said) // the client may hang up before the end
		_ = far.Close()
		<-ended
		if len(c.chats.all()) != 0 {
			t.Error("a dead switchboard is kept")
		}
	})
}
