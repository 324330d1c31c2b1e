package soap

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// addressBook is the answer of an ABFindAll with as many contacts as fill a number of bytes, made while it is
// read.
type addressBook struct {
	size, given int
	n           int
	pending     string
	ended       bool
}

func newAddressBook(size int) *addressBook {
	return &addressBook{size: size, pending: `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` +
		`<ServiceHeader><CacheKey>12r1:x</CacheKey></ServiceHeader></soap:Header><soap:Body><ABFindAllResponse xmlns="http://www.msn.com/webservices/AddressBook"><ABFindAllResult><contacts>`}
}

func (b *addressBook) Read(p []byte) (int, error) {
	for b.pending == "" {
		switch {
		case b.ended:
			return 0, io.EOF
		case b.given >= b.size:
			b.ended, b.pending = true, `</contacts></ABFindAllResult></ABFindAllResponse></soap:Body></soap:Envelope>`
		default:
			b.n++
			b.pending = fmt.Sprintf(`<Contact><contactId>%08x-0000-4000-8000-000000000000</contactId><contactInfo><annotations><Annotation><Name>AB.NickName</Name><Value>Nick &amp; %d</Value>`+
				`</Annotation></annotations><contactType>Regular</contactType><quickName>q</quickName><passportName>user%d@example.com</passportName><IsPassportNameHidden>false</IsPassportNameHidden>`+
				`<displayName>Zoë 🎉 %d &#x1F389;</displayName><puid>0</puid><CID>%d</CID><IsMessengerUser>true</IsMessengerUser><isSmtp>false</isSmtp></contactInfo><propertiesChanged />`+
				`<fDeleted>false</fDeleted><lastChange>2026-01-02T03:04:05.0000000-08:00</lastChange></Contact>`, b.n, b.n, b.n, b.n, -b.n)
		}
	}
	n := copy(p, b.pending)
	b.pending, b.given = b.pending[n:], b.given+n
	return n, nil
}

// streamed answers with an address book, without a network.
type streamed int

func (s streamed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(newAddressBook(int(s))), Request: r}, nil
}

// readBook reads the addresses and names of all contacts and calls each after one.
func readBook(t testing.TB, size int, each func(passport, name string)) {
	c := &Caller{HTTP: &http.Client{Transport: streamed(size)}}
	err := c.Call(t.Context(), Request{URL: "http://example.com/", OnBody: func(d *Decoder) error {
		return d.Each(func(string) error { // result
			return d.Each(func(string) error { // contacts
				return d.Each(func(string) error { return readContact(d, each) })
			})
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func readContact(d *Decoder, each func(passport, name string)) error {
	var passport, name string
	err := d.Each(func(element string) error {
		if element != "contactInfo" {
			return nil
		}
		return d.Each(func(element string) error {
			switch element {
			case "passportName":
				return d.Into(&passport)
			case "displayName":
				return d.Into(&name)
			}
			return nil
		})
	})
	each(passport, name)
	return err
}

// heap is what is in use now, garbage left out.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const tenMB = 10 << 20

// An answer of 10 MB is read as a stream: while it is read, hardly anything of it is in memory.
func TestStream(t *testing.T) {
	before, most, n := heap(), uint64(0), 0
	readBook(t, tenMB, func(passport, name string) {
		if n++; passport != fmt.Sprintf("user%d@example.com", n) || name != fmt.Sprintf("Zoë 🎉 %d 🎉", n) {
			t.Fatalf("contact %d is %q, %q", n, passport, name)
		}
		if n%2000 == 0 {
			most = max(most, heap())
		}
	})
	if n < 10_000 {
		t.Errorf("%d contacts", n)
	}
	if most > before+1<<20 {
		t.Errorf("%d KB are held while reading", (most-before)>>10)
	}
}

// A stream that does not end is ended by the limit.
func TestEndlessStream(t *testing.T) {
	c := &Caller{HTTP: &http.Client{Transport: streamed(1 << 40)}}
	n := 0
	err := c.Call(t.Context(), Request{URL: "http://example.com/", Action: "ABFindAll", Limit: 1 << 20, OnBody: func(d *Decoder) error {
		return d.Each(func(string) error { return d.Each(func(string) error { n++; return nil }) })
	}})
	if err == nil || !strings.Contains(err.Error(), ErrTooLarge.Error()) || n == 0 {
		t.Errorf("got %v", err)
	}
	if _, received := c.Traffic(); received != 1<<20 {
		t.Errorf("read %d bytes", received)
	}
}

// BenchmarkStream reads an address book of 10 MB. peak-KB is the most that is held on top of what was before.
func BenchmarkStream(b *testing.B) {
	b.SetBytes(tenMB)
	b.ReportAllocs()
	before, most := heap(), uint64(0)
	for b.Loop() {
		n := 0
		readBook(b, tenMB, func(string, string) {
			if n++; n%1000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m) // with garbage: this is what the process needs
				most = max(most, m.HeapInuse)
			}
		})
	}
	b.ReportMetric(float64(max(most, before)-before)/1024, "peak-KB")
}

// BenchmarkCleaner is what the cleaner costs by itself.
func BenchmarkCleaner(b *testing.B) {
	var text strings.Builder
	if _, err := io.Copy(&text, newAddressBook(1<<20)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, newCleaner(strings.NewReader(text.String()))); err != nil {
			b.Fatal(err)
		}
	}
}
