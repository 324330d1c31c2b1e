package msntest

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// looseServer is the fixture like Escargot.
func looseServer(t *testing.T) (*Server, *webPlayer) {
	cfg := fixture()
	cfg.Quirks = EscargotQuirks()
	s := New(t, cfg)
	return s, playWeb(t, s, "")
}

// TestLooseTickets has one ticket for all sites, numbered from two, and good as long as a session lives that shows it
// (services.md 4.5 and 4.7).
func TestLooseTickets(t *testing.T) {
	s, w := looseServer(t)
	_, text := postSOAP(t, s.HTTPURL()+"/RST.srf", "", rstRequest("alice@example.com", "secret"), nil)
	tickets, ids := rstTickets(t, text)
	if ids[proofSite] != "Compact2" || ids[ticketSite] != "Compact3" || ids[storageSite] != "Compact6" {
		t.Errorf("got %v", ids)
	}
	if tickets[proofSite] != tickets[contactsSite] || !strings.HasPrefix(tickets[proofSite], "t=") || !strings.HasSuffix(tickets[proofSite], "&p=") {
		t.Errorf("got %v", tickets)
	}
	if strings.Count(text, "BinarySecret>") != 4 { // the broker's and the one
		t.Errorf("secrets: %s", text)
	}
	w.tickets["alice"] = tickets
	w.playWeb("@alice book ABFindAll\n@403\n@alice storage GetProfile\n@500\n@alice rsi GetMetadata\n > <a/>\n@500\n = Schema validation error")
	s.mu.Lock()
	_, secret, ok := s.checkTicket(tickets[proofSite], proofSite)
	s.mu.Unlock()
	if !ok {
		t.Fatal("the ticket is not good for signing in")
	}
	w.play("alice C: VER 1 MSNP15\nalice S: VER 1 MSNP15\nalice C: CVR 2 0x0409 winnt 5.1 i386 MSMSGS 5.0 MSMSGS alice@example.com\nalice S: CVR 2 ...\n" +
		"alice C: USR 3 SSO I alice@example.com\nalice S: GCF 0 #\nalice S: USR 3 SSO S MBI_KEY_OLD $nonce")
	w.play("alice C: USR 4 SSO S " + strings.ReplaceAll(tickets[proofSite], "%", "%25") + " " + prove(secret, w.kept["nonce"]) + "\nalice S: USR 4 OK alice@example.com ...\n" +
		"alice S: SBS 0 null\nalice S: MSG Hotmail Hotmail #")
	w.playWeb("@alice book ABFindAll\n@200\n@alice rsi GetMetadata\n > <a/>\n@200\n = &lt;MD&gt;\n@alice rsi GetMetadata\n@500")
	if w.answer != "" {
		t.Errorf("GetMetadata without content: %s", w.answer)
	}
	// the cookie of MSNP13 and 14, which is the ticket with something behind it
	cookie := strings.TrimSuffix(strings.TrimPrefix(tickets[proofSite], "t="), "&p=")
	w.what = "cookie"
	w.post("/abservice/abservice.asmx", "", `<e:Envelope xmlns:e="x"><e:Body><ABFindAll/></e:Body></e:Envelope>`, http.Header{"Cookie": {"MSPAuth=" + cookie}})
	w.check("200", nil)
	w.post("/abservice/abservice.asmx", "", `<e:Envelope xmlns:e="x"><e:Body><ABFindAll/></e:Body></e:Envelope>`, nil)
	w.check("500", nil)
	w.play("alice C: OUT\nalice closed")
	w.playWeb("@alice book ABFindAll\n@403")
}

// TestLooseBook is an address book like Escargot's.
func TestLooseBook(t *testing.T) {
	s, w := looseServer(t)
	live := func(who string) {
		t.Helper()
		ticket := w.ticket(who, proofSite)
		s.mu.Lock()
		defer s.mu.Unlock()
		a := s.accounts[addressOf(who)]
		a.sessions = append(a.sessions, &session{account: a, ticket: ticket, conn: &conn{srv: s, out: newOutbox()}, dialect: serviceDialect})
	}
	live("alice")
	live("carol")
	w.playWeb(`
@alice book ABFindAll
@200
 ? <contactId>([-0-9a-f]*)</contactId><contactInfo>(?:<groupIds>.*?</groupIds>)?<contactType>Regular</contactType><quickName>Bob< bobid
@alice sharing FindMembership
@200
 = <MembershipId>Allow/{bobid}</MembershipId>
 = <MembershipId>Pending/
@carol book ABContactAdd
 > <contacts><Contact><contactInfo><passportName>bob@example.com</passportName></contactInfo></Contact></contacts><options><EnableAllowListManagement>true</EnableAllowListManagement></options>
@200
 = <guid>{bobid}</guid>
@carol book ABContactAdd
 > <contacts><Contact><contactInfo><passportName>bob@example.com</passportName></contactInfo></Contact></contacts>
@200
@carol sharing FindMembership
@200
 = <MemberRole>Allow</MemberRole><Members></Members>
@alice sharing FindMembership
 > <deltasOnly>true</deltasOnly>
@200
 = >FullSyncRequired<
@alice book ABAdd
@200
 = >Forbidden<
@alice book UpdateDynamicItem
@200
 = no longer supported
@alice book ABContactUpdate
 > <contacts><Contact><contactInfo><contactType>Me</contactType><displayName>Other</displayName></contactInfo><propertiesChanged>DisplayName</propertiesChanged></Contact></contacts>
@200
@alice book ABFindAll
@200
 ! Other
@alice book ABContactUpdate
 > <contacts><Contact><contactInfo><contactType>Me</contactType></contactInfo><propertiesChanged></propertiesChanged></Contact></contacts>
@500
@alice sharing DeleteMember
 > <memberships><Membership><MemberRole>Reverse</MemberRole><Members><Member><PassportName>bob@example.com</PassportName></Member></Members></Membership></memberships>
@200
@alice storage GetProfile
@200
 = <DisplayName>Alice A</DisplayName>
`)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		a.sessions = nil
	}
}

// TestLooseOffline takes any lock key but none.
func TestLooseOffline(t *testing.T) {
	cfg := fixture()
	cfg.Quirks.LooseOffline = true
	cfg.Quirks.TicketLife = time.Hour
	s := New(t, cfg)
	w := playWeb(t, s, "")
	l := leave{from: "alice@example.com", to: "bob@example.com", number: "1", content: offlineContent(runOne, "1", "x"), ticket: w.ticket("alice", secureSite)}
	w.post("/OimWS/oim.asmx", store2, l.envelope(), nil)
	w.check("500", []string{" = >1850937852</LockKeyChallenge>"})
	l.key = "anything"
	w.post("/OimWS/oim.asmx", store2, l.envelope(), nil)
	w.check("200", nil)
	if got := s.OfflineMessages("bob@example.com"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestLoosePasswords has no answer to requests without password at the login server, and takes passwords of digits for numbers
// (escargot.md 5 and 7).
func TestLoosePasswords(t *testing.T) {
	s, _ := looseServer(t)
	if answer := get(t, s.HTTPURL()+"/login", ""); answer.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %s", answer.Status)
	}
	for passport, password := range map[string]string{"zero@example.com": "0123456", "one@example.com": "1234567"} {
		if err := s.AddAccount(Account{Passport: passport, Password: password}); err != nil {
			t.Fatal(err)
		}
		_, text := postSOAP(t, s.HTTPURL()+"/RST2.srf", "", rst2Request(passport, password), nil)
		if strings.Contains(text, "Compact2") != (passport == "one@example.com") {
			t.Errorf("%s: %s", passport, text)
		}
		if ticket := logIn(t, s, passport, password); ticket == "" {
			t.Errorf("%s has no ticket of the nexus", passport)
		}
	}
}
