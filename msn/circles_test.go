package msn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

const (
	club  = "00000000-0000-0000-0009-0123456789ab"
	chess = "00000000-0000-0000-0009-0123456789cd"
)

// withCircles gives a configuration the web services of an account with circles.
func withCircles(t testing.TB, cfg *Config) {
	t.Helper()
	withServices(t, cfg)
	others := cfg.HTTPClient.Transport
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		action := strings.ToLower(filepath.Base(strings.Trim(r.Header.Get("SOAPAction"), `"`)))
		if action != "abfindcontactspaged" {
			return others.RoundTrip(r)
		}
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		file := "abfindcontactspaged-circles.xml"
		if bytes.Contains(asked, []byte(club)) {
			file = "abfindcontactspaged-" + club + ".xml"
		}
		body, err := os.ReadFile(filepath.Join("testdata", "services", file))
		if err != nil {
			return nil, err
		}
		return &http.Response{
			StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"text/xml"}},
			Body: io.NopCloser(bytes.NewReader(body)), Request: r, ContentLength: int64(len(body)),
		}, nil
	})}
}

// talkThrough runs a client against a dialogue while the test talks through it.
func talkThrough(t *testing.T, p *player, change func(*Config), say func(t *testing.T, c *Client, l *listener)) (*listener, error) {
	t.Helper()
	f, l := newFarEnd(p), &listener{}
	cfg := testConfig(f, l)
	cfg.Limits.Changes = -1
	change(&cfg)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	synctest.Wait()
	say(t, c, l)
	reason := <-ended
	for range f.dialled {
		if err := <-f.errs; err != nil {
			t.Error(err)
		}
	}
	return l, reason
}

// describe is an event in one line.
func describe(e Event) string {
	switch e := e.(type) {
	case CirclesChanged:
		var all []string
		for _, c := range e.Circles {
			text := fmt.Sprint(c.Name, c.Role)
			for _, m := range c.Members {
				if m.Online {
					text += " " + m.Passport
				}
			}
			all = append(all, text)
		}
		return "circles " + strings.Join(all, ", ")
	case CirclePresenceChanged:
		return fmt.Sprint("in ", e.Circle[len(e.Circle)-2:], " ", e.Passport, " ", e.Presence.Status, " ", e.Presence.FriendlyName)
	case MessageReceived:
		text := fmt.Sprintf("%T", e.Message)
		if m, ok := e.Message.(*TextMessage); ok {
			text = fmt.Sprintf("%q %t", m.Text, m.Format.Bold)
		}
		return fmt.Sprintf("%s (%s) to %v %t %q %q: %s", e.From, e.FriendlyName, e.Conversation.Participants, e.Conversation.Group,
			e.Conversation.Circle, e.Conversation.Session, text)
	case ParticipantJoined:
		return fmt.Sprintf("joined %s (%s): %v", e.Passport, e.FriendlyName, e.Conversation.Participants)
	case ParticipantLeft:
		return fmt.Sprintf("left %s: %v", e.Passport, e.Conversation.Participants)
	case ConversationClosed:
		return fmt.Sprintf("closed %v", e.Conversation.Participants)
	case PresenceChanged:
		return fmt.Sprint("presence ", e.Passport, " ", e.Presence.Status, " ", e.Presence.FriendlyName)
	}
	return fmt.Sprintf("%T", e)
}

func describeAll(events []Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, describe(e))
	}
	return all
}

// TestCircles replays MSNP18 with a circle: joining, who takes part, and what is said, both ways.
func TestCircles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		const name = "msnp18-circles.msnp"
		p := load(t, name)
		l, err := talkThrough(t, p, func(cfg *Config) {
			cfg.Versions = []Version{MSNP18}
			withCircles(t, cfg)
		}, talkInCircle)
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		p.save(t, name)
		want := []string{
			"msn.SignedIn", "msn.ContactRequest",
			"circles Club1, Chess4", "circles Club of five1, Chess4",
			"circles Club of five1 alice@example.com bob@example.com, Chess4",
			"in ab bob@example.com NLN Bobby",
			`bob@example.com (Bobby) to [bob@example.com] true "` + club + `" "": *msn.Typing`,
			`bob@example.com (Bobby) to [bob@example.com] true "` + club + `" "": "Grüße" true`,
			`bob@example.com (Bobby) to [bob@example.com] true "` + club + `" "": *msn.Nudge`,
			"in ab bob@example.com FLN ", "circles Club of five1 alice@example.com, Chess4",
			"circles Club of five1 alice@example.com, Chess4", "circles Club of five1 alice@example.com, Chess4",
		}
		if got := describeAll(l.heard()); !reflect.DeepEqual(got, want) {
			t.Errorf("events:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	})
}

func talkInCircle(t *testing.T, c *Client, _ *listener) {
	t.Helper()
	want := []Circle{
		{ID: club, Name: "Club of five", Role: RoleAdmin, Members: []CircleMember{
			{Passport: "alice@example.com", FriendlyName: "Alice A", Role: RoleAdmin, Online: true},
			{Passport: "bob@example.com", FriendlyName: "Bobby", Role: RoleMember, Online: true},
			{Passport: "dave@example.com", FriendlyName: "Däve", Role: RoleInvited},
		}},
		{ID: chess, Name: "Chess", Role: RoleInvited, Inviter: "carol@example.com", InviteText: "Come in"},
	}
	if got := c.Circles(); !reflect.DeepEqual(got, want) {
		t.Errorf("circles:\n got %+v\nwant %+v", got, want)
	}
	to := Conversation{Circle: strings.ToUpper(club)}
	if _, err := c.Send(t.Context(), to, &Typing{From: "alice@example.com"}); err != nil {
		t.Error(err)
	}
	sent, err := c.Send(t.Context(), to, &TextMessage{Text: "Grüße €\nzurück", Format: TextFormat{Font: "Arial", Italic: true, PitchFamily: 0x22}})
	if err != nil || sent.ID == "" || sent.Conversation.Circle != club || !reflect.DeepEqual(sent.Conversation.Participants, []string{"bob@example.com"}) {
		t.Errorf("sent %+v, %v", sent, err)
	}
	for _, odd := range []string{"x", chess, strings.Replace(club, "b", "e", 1)} {
		if _, err := c.Send(t.Context(), Conversation{Circle: odd}, &Nudge{}); err == nil {
			t.Errorf("sent to %s", odd)
		}
	}
	if _, err := c.Send(t.Context(), to, &Ink{ContentType: "image/gif", Data: []byte{1}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("ink: %v", err)
	}
	var refused *ProtocolError
	if _, err := c.Send(t.Context(), to, &Nudge{}); !errors.As(err, &refused) || refused.Code != 201 {
		t.Errorf("a nudge that is refused: %v", err)
	}
}

// circleService is a web service whose circles change by the calls of the client.
type circleService struct {
	mu    sync.Mutex
	there bool              // the account has circles
	fails map[string]string // action to the code of its fault
	asked []string          // actions that change something, with what tells them apart
}

// with puts the service before the canned answers.
func (s *circleService) with(t testing.TB, cfg *Config) {
	t.Helper()
	withCircles(t, cfg)
	others := cfg.HTTPClient.Transport
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		action := filepath.Base(strings.Trim(r.Header.Get("SOAPAction"), `"`))
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(asked))
		s.mu.Lock()
		defer s.mu.Unlock()
		result, known := s.answer(action, string(asked))
		if !known {
			if action == "ABFindContactsPaged" && !s.there {
				body, err := os.ReadFile(filepath.Join("testdata", "services", "abfindcontactspaged.xml"))
				none := "</Contacts><CircleResult><Circles/><CircleTicket>of none</CircleTicket></CircleResult>"
				return soapAnswer(r, 200, strings.Replace(string(body), "</Contacts>", none, 1)), err
			}
			return others.RoundTrip(r)
		}
		status := 200
		body := "<" + action + `Response xmlns="http://www.msn.com/webservices/AddressBook">` + result + "</" + action + "Response>"
		if code := s.fails[action]; code != "" {
			status = 500
			body = "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring><detail><errorcode>" + code + "</errorcode></detail></soap:Fault>"
		}
		return soapAnswer(r, status, `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>`+body+"</soap:Body></soap:Envelope>"), nil
	})}
}

// answer makes the change and its result.
func (s *circleService) answer(action, asked string) (result string, known bool) {
	text := func(name string) string { return elementText(asked, name) }
	switch action {
	case "CreateCircle":
		s.asked = append(s.asked, action+" "+text("DisplayName"))
		s.there = true
		return "<CreateCircleResult><Id>" + club + "</Id></CreateCircleResult>", true
	case "CreateContact":
		s.asked = append(s.asked, action+" "+text("ABId")+" "+text("Email"))
		return "<CreateContactResult><contactId>33333333-0000-4000-8000-000000000009</contactId></CreateContactResult>", true
	case "ManageWLConnection":
		s.asked = append(s.asked, strings.Join([]string{action, text("ABId"), text("contactId"), text("action"), text("relationshipRole"), text("Value")}, " "))
		return "<ManageWLConnectionResult/>", true
	case "BreakConnection":
		s.asked = append(s.asked, action+" "+text("ABId")+" "+text("contactId"))
		s.there = s.there && strings.Contains(asked, "000000000002")
		return "", true
	}
	return "", false
}

func soapAnswer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"text/xml"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: int64(len(body)),
	}
}

// TestCircleChanges makes, changes and leaves circles.
func TestCircleChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, 1)
		const name = "msnp18-circle-changes.msnp"
		p, s := load(t, name), &circleService{fails: make(map[string]string)}
		_, err := talkThrough(t, p, func(cfg *Config) {
			cfg.Versions = []Version{MSNP18}
			s.with(t, cfg)
		}, func(t *testing.T, c *Client, _ *listener) {
			ctx := t.Context()
			if got := c.Circles(); len(got) != 0 {
				t.Errorf("circles %+v", got)
			}
			made, err := c.CreateCircle(ctx, "Club")
			if err != nil || made.ID != club || made.Role != RoleAdmin || len(made.Members) != 3 {
				t.Errorf("made %+v, %v", made, err)
			}
			if err := c.InviteToCircle(ctx, club, "Erin@example.com", "Do come"); err != nil {
				t.Error(err)
			}
			if err := c.AnswerCircle(ctx, chess, false); err != nil {
				t.Error(err)
			}
			if err := c.RemoveFromCircle(ctx, club, "bob@example.com"); err != nil {
				t.Error(err)
			}
			s.mu.Lock()
			s.fails["BreakConnection"] = "Forbidden"
			s.mu.Unlock()
			if err := c.LeaveCircle(ctx, club); err == nil {
				t.Error("left although the service refuses it")
			}
			s.mu.Lock()
			delete(s.fails, "BreakConnection")
			s.there = true
			s.mu.Unlock()
			for what, err := range map[string]error{
				"an unknown circle":  c.LeaveCircle(ctx, strings.Replace(club, "b", "e", 1)),
				"an unknown member":  c.RemoveFromCircle(ctx, club, "zoe@example.com"),
				"no address":         c.InviteToCircle(ctx, club, "zoe", ""),
				"no name":            func() error { _, err := c.CreateCircle(ctx, ""); return err }(),
				"an invitation here": func() error { _, err := c.Invite(ctx, Conversation{Circle: club}, "zoe@example.com"); return err }(),
			} {
				if err == nil {
					t.Errorf("%s: no error", what)
				}
			}
			if err := c.Leave(ctx, Conversation{Circle: club}); err != nil {
				t.Errorf("leaving the talk of a circle: %v", err)
			}
			if err := c.LeaveCircle(ctx, club); err != nil {
				t.Error(err)
			}
			if got := c.Circles(); len(got) != 0 {
				t.Errorf("circles %+v", got)
			}
		})
		if !errors.Is(err, ErrLoggedInElsewhere) {
			t.Errorf("Run = %v", err)
		}
		p.save(t, name)
		want := []string{
			"CreateCircle Club", "CreateContact " + club + " erin@example.com",
			"ManageWLConnection " + club + " 33333333-0000-4000-8000-000000000009 1 3 Do come",
			"ManageWLConnection  22222222-0000-4000-8000-0000000000d1 2 0 ",
			"BreakConnection " + club + " 33333333-0000-4000-8000-000000000002",
			"BreakConnection " + club + " 33333333-0000-4000-8000-000000000001",
			"BreakConnection " + club + " 33333333-0000-4000-8000-000000000001",
		}
		if !reflect.DeepEqual(s.asked, want) {
			t.Errorf("asked:\n got %s\nwant %s", strings.Join(s.asked, "\n     "), strings.Join(want, "\n     "))
		}
	})
}

// TestCircleOfTheLonely is a circle of somebody without contacts: they are put on their own list first, and a ticket
// that is refused is trouble with circles alone.
func TestCircleOfTheLonely(t *testing.T) {
	const start = `
C: VER 1 MSNP18 CVR0
S: VER 1 MSNP18
C: CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 14.0.8117.0416 MSMSGS alice@example.com
S: CVR 2 1 1 1 http://x http://x
C: USR 3 SSO I alice@example.com
S: USR 3 SSO S MBI_KEY_OLD AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVM
C: USR 4 SSO S t=One*!..$$&p=Two HAAAAAEAAAADZgAABIAAAAgAAAAUAAAASAAAAL/FJUVK3QzY3tgraw3YxMHZspIhyeW4vDb/EQu1Lstor4kWRmaWOTM6vhr6C7WdlBshryhZpuYs1/0nBYIO+T42Lm4lfUPQwRZmA3w3Wnlq8mKgZYnltqJCI6B6qRgFNtuiwGQ= {b171be3e-0000-4000-8000-000000000001}
S: USR 4 OK alice@example.com 1 0
C: PNG
S: QNG 47
C: BLP 5 BL
S: BLP 5 BL
C: ADL 6 15
 | <ml l="1"></ml>
S: ADL 6 OK
C: USR 7 SHA A PD94bWwgdmVyc2lvbj0iMS4wIiBlbmNvZGluZz0idXRmLTE2Ij8+PFNpZ25lZFRpY2tldCB2ZXI9IjEiIGtleVZlcj0iMSI+PERhdGE+UkdGMFlRPT08L0RhdGE+PFNpZz5VMmxuPC9TaWc+PC9TaWduZWRUaWNrZXQ+
`
	for name, tc := range map[string]struct {
		tail string
		want error
	}{
		"refused": {"S: 911 7\nC: CHG 8 NLN 2684354592:0\n", ErrServiceTrouble},
		"odd":     {"S: USR 7 WHAT\nC: CHG 8 NLN 2684354592:0\n", errOddAnswer},
		"lonely": {`S: USR 7 OK alice@example.com 0 0
C: ADL 8 64
 | <ml l="1"><d n="example.com"><c n="alice" l="2" t="1"/></d></ml>
S: 215 8
C: ADL 9 92
 | <ml l="1"><d n="live.com"><c n="` + club + `" l="3" t="9"/></d></ml>
S: 933 9
C: CHG 10 NLN 2684354592:0
`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cryptotest.SetGlobalRandom(t, 1)
				_, _, events, err := runDialogue(t, func(cfg *Config) {
					cfg.Versions = []Version{MSNP18}
					withCircles(t, cfg)
					withoutContacts(cfg)
				}, script(t, start+tc.tail))
				var step *SignInError
				if !errors.As(err, &step) || step.Step != "CHG" {
					t.Errorf("Run = %v", err)
				}
				var trouble *ListTrouble
				for _, e := range events {
					if e, ok := e.(ListTrouble); ok {
						trouble = &e
					}
				}
				if trouble == nil || tc.want != nil && !errors.Is(trouble.Err, tc.want) || errors.Is(trouble.Err, ErrAuthFailed) {
					t.Errorf("trouble %+v", trouble)
				}
			})
		})
	}
}

// withoutContacts takes all people out of what the services answer.
func withoutContacts(cfg *Config) {
	others := cfg.HTTPClient.Transport
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		res, err := others.RoundTrip(r)
		if err != nil || !strings.Contains(r.URL.Path, "abservice") {
			return res, err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		text := string(body)
		for _, who := range []string{"Bob@", "bob@", "carol@", "dave@", "Dave@"} {
			text = strings.ReplaceAll(text, "<passportName>"+who+"example.com</passportName>", "")
			text = strings.ReplaceAll(text, "<PassportName>"+who+"example.com</PassportName>", "")
		}
		return soapAnswer(r, 200, strings.ReplaceAll(text, "Alice A", "")), nil
	})}
}
