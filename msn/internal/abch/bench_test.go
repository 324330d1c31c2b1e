package abch

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// largeBook is a book of n contacts with everything that a service says of each, 10 MB with 3,300.
func largeBook(n int) string {
	var s strings.Builder
	s.WriteString(envelope("", "@"))
	frame := s.String()
	s.Reset()
	s.WriteString(frame[:strings.IndexByte(frame, '@')])
	s.WriteString("<ABFindAllResponse><ABFindAllResult><groups><Group><groupId>g1</groupId><groupInfo><name>Work</name></groupInfo></Group></groups><contacts>")
	annotations := ""
	for i := range 12 {
		annotations += fmt.Sprintf("<Annotation><Name>Live.Something.%d</Name><Value>a value of some length %d</Value></Annotation>", i, i)
	}
	for i := range n {
		fmt.Fprintf(&s, `<Contact><contactId>5f0c0000-0000-0000-0000-%012d</contactId><contactInfo><annotations><Annotation><Name>AB.NickName</Name><Value>שלום %[1]d</Value></Annotation>%[2]s</annotations>`+
			`<groupIds><guid>g1</guid></groupIds><contactType>Live</contactType><quickName>contact%[1]d</quickName><passportName>contact%[1]d@example.com</passportName><displayName>Contact %[1]d 😀🎉</displayName>`+
			`<puid>0</puid><CID>%[1]d</CID><IsNotMobileVisible>false</IsNotMobileVisible><isMobileIMEnabled>false</isMobileIMEnabled><isMessengerUser>true</isMessengerUser><isFavorite>false</isFavorite>`+
			`<NetworkInfoList><NetworkInfo><DomainId>1</DomainId><SourceId>WL</SourceId><DisplayName>Contact %[1]d</DisplayName><RelationshipType>3</RelationshipType><RelationshipState>3</RelationshipState></NetworkInfo></NetworkInfoList>`+
			`<locations><ContactLocation><contactLocationType>ContactLocationPersonal</contactLocationType><street>%[3]s</street></ContactLocation></locations>`+
			`</contactInfo><propertiesChanged/><fDeleted>false</fDeleted><lastChange>2026-01-01T00:00:00Z</lastChange></Contact>`, i, annotations, strings.Repeat("Long Street ", 60))
	}
	s.WriteString("</contacts></ABFindAllResult></ABFindAllResponse>")
	s.WriteString(frame[strings.IndexByte(frame, '@')+1:])
	return s.String()
}

// TestLargeBook reads 3,000 contacts with names of all kinds, without any of them mixed up.
func TestLargeBook(t *testing.T) {
	b, _ := open(answer{body: largeBook(3000)})
	a, err := b.FindAll(t.Context(), "Initial")
	if err != nil || len(a.Contacts) != 3000 || a.Duplicates != 0 {
		t.Fatalf("%v", err)
	}
	for i, c := range a.Contacts {
		if c.Passport != fmt.Sprintf("contact%d@example.com", i) || c.DisplayName != fmt.Sprintf("Contact %d 😀🎉", i) ||
			c.Nickname != fmt.Sprintf("שלום %d", i) || len(c.Annotations) != 13 || c.GroupIDs[0] != "g1" {
			t.Fatalf("%d: %+v", i, c)
		}
	}
}

// BenchmarkLargeBook reads a book of 10 MB: allocations, and the most heap above that of the test itself.
func BenchmarkLargeBook(b *testing.B) {
	body := largeBook(3300)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var base, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			runtime.ReadMemStats(&now)
			if now.HeapInuse > peak.Load() {
				peak.Store(now.HeapInuse)
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	for b.Loop() {
		book, _ := open(answer{stream: io.LimitReader(strings.NewReader(body), int64(len(body)))})
		a, err := book.FindAll(b.Context(), "Initial")
		if err != nil || len(a.Contacts) != 3300 {
			b.Fatal(err)
		}
	}
	close(stop)
	<-stopped
	if p := peak.Load(); p > base.HeapInuse {
		b.ReportMetric(float64(p-base.HeapInuse)/(1<<20), "peak-MB")
	}
}
