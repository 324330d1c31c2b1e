package abch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// TestErrors gives every refusal its meaning, and keeps the fault.
func TestErrors(t *testing.T) {
	for code, want := range map[string]error{
		"ABDoesNotExist": ErrNoBook, "InvalidPassportUser": ErrUnknownAccount, "UserDoesNotExist": ErrUnknownAccount,
		"BadEmailArgument": ErrBadAddress, "EmailDomainIsFederated": ErrFederated, "FederatedQueryFailure": ErrFederated,
		"ContactDoesNotExist": ErrNotThere, "GroupDoesNotExist": ErrNotThere, "GroupAlreadyExists": ErrGroupExists,
		"BadArgumentLength": ErrNameTooLong, "PassportAuthFail": soap.ErrStaleTicket, "RequestLimitReached": soap.ErrThrottled,
		"Forbidden": soap.ErrUnsupported, "FullSyncRequired": ErrFullSync, "abdoesnotexist": ErrNoBook,
	} {
		for _, status := range []int{200, 500} {
			b, _ := open(fault(status, code, "Something"))
			_, err := b.FindAll(t.Context(), "Initial")
			var f *soap.Fault
			if !errors.Is(err, want) || !errors.As(err, &f) || f.Status != status {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
	for name, c := range map[string]struct {
		answer answer
		want   error
	}{
		"faultcode": {answer{status: 500, body: envelope("", `<soap:Fault><faultcode>q0:BadContextToken</faultcode><faultstring>x</faultstring></soap:Fault>`)}, soap.ErrStaleTicket},
		"text":      {answer{body: envelope("", `<soap:Fault><faultstring>API ABFindAll no longer supported</faultstring></soap:Fault>`)}, soap.ErrUnsupported},
		"403":       {answer{status: 403}, soap.ErrSessionLost},
		"403 page":  {answer{status: 403, body: "<html><body>403: Forbidden</body></html>"}, soap.ErrSessionLost},
	} {
		b, _ := open(c.answer)
		if _, err := b.FindAll(t.Context(), "Initial"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []answer{fault(500, "SomethingElse", "x"), {status: 500}, {status: 404, body: "gone"}} {
		b, _ := open(a)
		_, err := b.FindMembership(t.Context(), "Initial")
		var f *soap.Fault
		var status *soap.StatusError
		if !errors.As(err, &f) && !errors.As(err, &status) {
			t.Errorf("%v is neither a fault nor a status", err)
		}
	}
}

// TestSuccess takes for success what says that all is as it should be.
func TestSuccess(t *testing.T) {
	ctx := t.Context()
	bob := NewMember(1, "bob@example.com")
	for code, do := range map[string]func(b *Book) error{
		"ABAlreadyExists":     func(b *Book) error { return b.Add(ctx, "alice@example.com") },
		"MemberAlreadyExists": func(b *Book) error { return b.AddMember(ctx, Allow, bob) },
		"MemberDoesNotExist":  func(b *Book) error { return b.DeleteMember(ctx, Allow, bob) },
	} {
		b, _ := open(fault(500, code, "Something"))
		if err := do(b); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		b, _ = open(fault(500, "Other", "Something"))
		if err := do(b); err == nil {
			t.Errorf("%s: another fault is no error", code)
		}
	}
	conflict := answer{status: 500, body: envelope("", `<soap:Fault><faultstring>Contact Already Exists</faultstring><detail>`+
		`<errorcode>ContactAlreadyExists</errorcode><additionalDetails><conflictObjectId>c-7</conflictObjectId></additionalDetails></detail></soap:Fault>`)}
	for _, do := range []func(b *Book) (string, error){
		func(b *Book) (string, error) { return b.AddContact(ctx, NewContact{Passport: "bob@example.com"}) },
		func(b *Book) (string, error) { return b.CreateContact(ctx, "", "bob@example.com") },
	} {
		b, _ := open(conflict)
		if id, err := do(b); id != "c-7" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
		b, _ = open(fault(500, "ContactAlreadyExists", "no id"))
		if id, err := do(b); id != "" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
	}
}

// TestSecrets keeps tickets out of errors and traces, be it that a service repeats them.
func TestSecrets(t *testing.T) {
	inside := "EwSecretTicket"
	for _, a := range []answer{
		fault(500, "PassportAuthFail", "Ticket t=EwSecretTicket&amp;p=Inside is bad"), fault(500, inside, inside),
		{status: 403, body: secret}, {status: 200, body: "<a>" + secret}, {status: 302, location: "http://x.example/?" + secret},
		{status: 500, body: envelope("", `<ManageWLConnectionResponse><r><clientErrorData>`+inside+`</clientErrorData></r></ManageWLConnectionResponse>`)},
	} {
		for _, cookie := range []bool{false, true} {
			b, _ := open(a)
			if cookie {
				b.Ticket, b.Cookie = nil, func() string { return secret }
			}
			var lines []string
			b.Caller.Trace = func(line string) { lines = append(lines, line) }
			err := b.ManageWLConnection(t.Context(), "", "c-1", ActionAdd, RelationPerson, 0, "")
			if err == nil || len(lines) == 0 {
				t.Fatalf("error %v, trace %v", err, lines)
			}
			var f *soap.Fault
			detail := ""
			if errors.As(err, &f) {
				detail = fmt.Sprint(f.Detail)
			}
			if strings.Contains(err.Error()+fmt.Sprint(lines)+detail, inside) {
				t.Errorf("%v, %v, %v", err, lines, detail)
			}
		}
	}
}

// TestRefusedConnection reads refusals in an ordinary answer, with either status.
func TestRefusedConnection(t *testing.T) {
	for status, body := range map[int]string{500: read(t, "escargot-manage.xml"), 200: read(t, "escargot-manage.xml")} {
		b, _ := open(answer{status: status, body: body})
		err := b.ManageWLConnection(t.Context(), "", "c-1", ActionAdd, RelationCircle, 0, "")
		var f *soap.Fault
		if !errors.As(err, &f) || f.Code != "clientErrorData" || f.Status != status || !strings.Contains(f.Text, "already invited") {
			t.Errorf("%d: %v", status, err)
		}
	}
	good := `<ManageWLConnectionResponse><ManageWLConnectionResult><clientErrorData /><contactId>c</contactId></ManageWLConnectionResult></ManageWLConnectionResponse>`
	b, _ := open(ok(good))
	if err := b.ManageWLConnection(t.Context(), "", "c-1", ActionAdd, RelationCircle, 0, ""); err != nil {
		t.Error(err)
	}
	b, _ = open(answer{status: 500, body: envelope("", good)})
	var status *soap.StatusError
	if err := b.ManageWLConnection(t.Context(), "", "c-1", ActionAdd, RelationCircle, 0, ""); !errors.As(err, &status) {
		t.Errorf("status 500 is %v", err)
	}
}

// TestCookie authenticates with a cookie only without a ticket.
func TestCookie(t *testing.T) {
	b, s := open(all("ABAdd"))
	b.Cookie = func() string { return "2TicketOfProfile" }
	if err := b.Add(t.Context(), "alice@example.com"); err != nil || s.requests[0].Header.Get("Cookie") != "" {
		t.Errorf("%v, cookie %q", err, s.requests[0].Header.Get("Cookie"))
	}
	b.Ticket = func() string { return "" }
	if err := b.Add(t.Context(), "alice@example.com"); err != nil {
		t.Fatal(err)
	}
	if got := s.requests[1].Header.Get("Cookie"); got != "MSPAuth=2TicketOfProfile" || strings.Contains(s.bodies[1], "TicketToken") {
		t.Errorf("cookie %q, body %s", got, s.bodies[1])
	}
	b.Ticket, b.Cookie = nil, nil
	if err := b.Add(t.Context(), "alice@example.com"); err != nil || s.requests[2].Header.Get("Cookie") != "" {
		t.Errorf("%v without any", err)
	}
}

// TestCacheKeys sends the last key of each service to it, and only those that are meant to be sent.
func TestCacheKeys(t *testing.T) {
	key := func(action, key, changed string) answer {
		a := all(action)
		return answer{body: strings.Replace(a.body, "<soap:Header>", "<soap:Header><ServiceHeader><CacheKeyChanged>"+changed+
			"</CacheKeyChanged><CacheKey>"+key+"</CacheKey><PreferredHostName>elsewhere.example</PreferredHostName></ServiceHeader>", 1)}
	}
	b, s := open(key("ABAdd", "one", "true"), key("AddMember", "two", "TRUE"), key("ABAdd", "three", "false"), key("AddMember", "four", "true"),
		key("ABAdd", strings.Repeat("x", maxCacheKey+1), "true"), key("AddMember", "", "true"), key("ABAdd", "", "0"), key("AddMember", "", "0"))
	wants := []string{"", "", "one", "two", "one", "four", "", ""}
	for i, want := range wants {
		var err error
		if i%2 == 0 {
			err = b.Add(t.Context(), "alice@example.com")
		} else {
			err = b.AddMember(t.Context(), Allow, NewMember(1, "bob@example.com"))
		}
		got := ""
		if _, rest, found := strings.Cut(s.bodies[len(s.bodies)-1], "<CacheKey>"); found {
			got, _, _ = strings.Cut(rest, "<")
		}
		if err != nil || got != want {
			t.Errorf("%d: key %q instead of %q, %v", i, got, want, err)
		}
		if host := s.requests[len(s.requests)-1].URL.Host; host != "contacts.example.com" {
			t.Errorf("%d: asked %s", i, host)
		}
	}
}

// TestFullSync asks once more, without a key.
func TestFullSync(t *testing.T) {
	full := fault(200, "FullSyncRequired", "Full sync required")
	b, s := open(full, answer{body: read(t, "escargot-findmembership.xml")})
	b.keep(sharingURL, "old")
	if m, err := b.FindMembership(t.Context(), "Initial"); err != nil || len(m.Members) != 3 {
		t.Errorf("%v, %v", m, err)
	}
	if len(s.bodies) != 2 || !strings.Contains(s.bodies[0], ">old<") || strings.Contains(s.bodies[1], "CacheKey") {
		t.Errorf("requests %q", s.bodies)
	}
	b, s = open(full)
	if _, err := b.FindAll(t.Context(), "Initial"); !errors.Is(err, ErrFullSync) || len(s.bodies) != 2 {
		t.Errorf("%v after %d requests", err, len(s.bodies))
	}
}

// TestRedirect repeats the request elsewhere, and goes there at once the next time.
func TestRedirect(t *testing.T) {
	b, s := open(answer{status: 301, location: "http://other.example.com/ab"}, all("ABAdd"))
	for range 2 {
		if err := b.Add(t.Context(), "alice@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	var hosts []string
	for _, r := range s.requests {
		hosts = append(hosts, r.URL.Host)
	}
	expect(t, "hosts", hosts, []string{"contacts.example.com", "other.example.com", "other.example.com"})
	expect(t, "body", s.bodies[1], s.bodies[0])
}

// TestNoURL offers nothing where nothing is configured.
func TestNoURL(t *testing.T) {
	b := &Book{Caller: &soap.Caller{}}
	_, err := b.FindMembership(t.Context(), "Initial")
	if add := b.Add(t.Context(), "alice@example.com"); !errors.Is(err, soap.ErrUnsupported) || !errors.Is(add, soap.ErrUnsupported) {
		t.Errorf("%v, %v", err, add)
	}
}

// TestCancelled ends with the context.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the user has left")
	b, _ := open(answer{stream: reader(func([]byte) (int, error) { cancel(gone); return 0, context.Canceled })})
	if _, err := b.FindAll(ctx, "Initial"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// TestBroken gives an error for what cannot be a list, and never half of one.
func TestBroken(t *testing.T) {
	for _, name := range []string{"microsoft-findmembership.xml", "escargot-findmembership.xml"} {
		whole := read(t, name)
		for cut := 0; cut < strings.LastIndex(whole, "</"); cut += 97 {
			b, _ := open(answer{body: whole[:cut]})
			if m, err := b.FindMembership(t.Context(), "Initial"); err == nil || m != nil {
				t.Fatalf("%s cut at %d: %+v, %v", name, cut, m, err)
			}
		}
	}
	for _, name := range []string{"microsoft-findpaged.xml", "escargot-findpaged.xml"} {
		whole := read(t, name)
		for cut := 0; cut < strings.LastIndex(whole, "</"); cut += 97 {
			b, _ := open(answer{body: whole[:cut]})
			if a, err := b.FindContactsPaged(t.Context(), "Initial", ""); err == nil || a != nil {
				t.Fatalf("%s cut at %d: %+v, %v", name, cut, a, err)
			}
		}
	}
	deep := strings.Repeat("<Contact>", 100) + strings.Repeat("</Contact>", 100)
	for name, body := range map[string]string{
		"nothing": "", "page": "<html><body>down</body></html>", "other": envelope("", "<FindMembershipResponse/>"),
		"no result": envelope("", "<ABFindAllResponse/>"), "no body": `<soap:Envelope xmlns:soap="x"/>`,
		"nested":   envelope("", "<ABFindAllResponse><ABFindAllResult><contacts>"+deep+"</contacts></ABFindAllResult></ABFindAllResponse>"),
		"encoding": `<?xml version="1.0" encoding="x-none"?>` + envelope("", "")[38:],
		"bytes":    "\x00\x01\x02\xff", "text": "Bad Request",
		"bomb": `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + envelope("", "<ABFindAllResponse>&b;</ABFindAllResponse>")[38:],
	} {
		b, _ := open(answer{body: body})
		if a, err := b.FindAll(t.Context(), "Initial"); err == nil || a != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestOdd reads what is odd without losing the rest.
func TestOdd(t *testing.T) {
	book := func(contacts string) string {
		return envelope("", "<ABFindAllResponse><ABFindAllResult><Contacts>"+contacts+"</Contacts></ABFindAllResult></ABFindAllResponse>")
	}
	for name, c := range map[string]struct{ body, want string }{
		"types":    {book(`<Contact><contactId>1</contactId><contactInfo><passportName>a@b.c</passportName><isMessengerUser>maybe</isMessengerUser><displayName><b>x</b>y</displayName></contactInfo></Contact>`), "a@b.c xy false"},
		"entities": {book(`<Contact><contactId>1</contactId><contactInfo><passportName>a@b.c</passportName><displayName>&lt;&#0;&nbsp;&#xD800;&amp;</displayName></contactInfo></Contact>`), "a@b.c <\uFFFD&nbsp;\uFFFD& false"},
		"bytes":    {book("<Contact><contactId>1</contactId><contactInfo><passportName>a@b.c</passportName><displayName>\xff\x01z</displayName></contactInfo></Contact>"), "a@b.c \uFFFD\uFFFDz false"},
		"latin":    {strings.Replace(book("<Contact><contactId>1</contactId><contactInfo><passportName>a@b.c</passportName><displayName>\xe4</displayName></contactInfo></Contact>"), "utf-8", "iso-8859-1", 1), "a@b.c ä false"},
		"utf-16":   {strings.Replace(book("<Contact><contactId>1</contactId><contactInfo><passportName>a@b.c</passportName><displayName>ä</displayName></contactInfo></Contact>"), "utf-8", "utf-16", 1), "a@b.c ä false"},
	} {
		b, _ := open(answer{body: c.body})
		a, err := b.FindAll(t.Context(), "Initial")
		if err != nil || len(a.Contacts) != 1 {
			t.Errorf("%s: %+v, %v", name, a, err)
			continue
		}
		got := fmt.Sprint(a.Contacts[0].Passport, " ", a.Contacts[0].DisplayName, " ", a.Contacts[0].IsMessengerUser)
		expect(t, name, got, c.want)
	}
	b, _ := open(ok("<FindMembershipResponse><FindMembershipResult/></FindMembershipResponse>"))
	if m, err := b.FindMembership(t.Context(), "Initial"); err != nil || len(m.Members) != 0 {
		t.Errorf("no service: %+v, %v", m, err)
	}
	b, _ = open(ok("<FindMembershipResponse><FindMembershipResult><Services><Service><Memberships><Membership><MemberRole>Allow</MemberRole><Members>" +
		"<Member><Type>Passport</Type><PassportName>a@b.c</PassportName></Member><Member><Email>d@e.f</Email></Member><Member><PhoneNumber>1 2</PhoneNumber></Member>" +
		"<Member><CircleId>G</CircleId></Member><Member/></Members></Membership></Memberships></Service></Services></FindMembershipResult></FindMembershipResponse>"))
	m, err := b.FindMembership(t.Context(), "Initial")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range m.Members {
		got = append(got, fmt.Sprint(m.Type, m.Network, m.Address()))
	}
	expect(t, "members", got, []string{"Passport1a@b.c", "Email32d@e.f", "Phone4tel:12", "Circle9g@live.com", "0"})
}

// TestTooMany refuses what is longer than any list, instead of cutting it.
func TestTooMany(t *testing.T) {
	many := func(n int, item string) string { return strings.Repeat(item, n) }
	for name, c := range map[string]struct{ before, item, after string }{
		"groups":   {"<groups>", "<Group/>", "</groups>"},
		"contacts": {"<contacts>", "<Contact/>", "</contacts>"},
		"circles":  {"<CircleResult><Circles>", "<C><Content><Handle><Id>x</Id></Handle></Content></C>", "</Circles></CircleResult>"},
	} {
		limit := maxGroups
		if name == "contacts" {
			limit = maxContacts
		}
		for _, extra := range []int{0, 1} {
			b, _ := open(ok("<ABFindAllResponse><ABFindAllResult>" + c.before + many(limit+extra, c.item) + c.after + "</ABFindAllResult></ABFindAllResponse>"))
			a, err := b.FindAll(t.Context(), "Initial")
			if errors.Is(err, ErrTooMany) != (extra > 0) || (a == nil) != (extra > 0) {
				t.Errorf("%s +%d: %v", name, extra, err)
			}
		}
	}
	b, _ := open(ok("<FindMembershipResponse><FindMembershipResult><Services><S><Memberships><M><Members>" + many(maxMembers+1, "<Member/>") +
		"</Members></M></Memberships></S></Services></FindMembershipResult></FindMembershipResponse>"))
	if m, err := b.FindMembership(t.Context(), "Initial"); !errors.Is(err, ErrTooMany) || m != nil {
		t.Errorf("%v", err)
	}
	endless := io.MultiReader(strings.NewReader(`<e:Envelope xmlns:e="x"><e:Body><ABFindAllResponse><ABFindAllResult><x>`),
		reader(func(p []byte) (int, error) { return copy(p, "<y>"+strings.Repeat("y", 1000)+"</y>"), nil }))
	b, _ = open(answer{status: http.StatusOK, stream: endless})
	if _, err := b.FindAll(t.Context(), "Initial"); !errors.Is(err, soap.ErrTooLarge) {
		t.Errorf("endless: %v", err)
	}
}
