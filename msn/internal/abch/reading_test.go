package abch

import (
	"reflect"
	"strings"
	"testing"
)

// expect compares field by field, so that a failure can be read.
func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func TestMembershipMicrosoft(t *testing.T) {
	b, _ := open(answer{body: read(t, "microsoft-findmembership.xml")})
	m, err := b.FindMembership(t.Context(), "Initial")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "members", m.Members, []Member{
		{Role: Allow, Type: "Passport", Passport: "bob@example.com", Network: 1, MembershipID: "12", DisplayName: "Bob 😀", State: "Accepted", CID: "-123456789"},
		{Role: Allow, Type: "Email", Email: "erin@yahoo.example", Network: 32, MembershipID: "13", State: "Accepted"},
		{Role: Allow, Type: "Email", Email: "frank@corp.example", Network: 2, MembershipID: "14", State: "Accepted"},
		{Role: Allow, Type: "Email", Email: "grace@yahoo.example", Network: 32, MembershipID: "15", State: "Accepted"},
		{Role: Allow, Type: "Phone", Phone: "tel:+15550100", Network: 4, MembershipID: "16", State: "Accepted"},
		{Role: Allow, Type: "Everyone", MembershipID: "17", State: "Accepted"},
		{Role: Block, Type: "Circle", CircleID: "00000000-0000-0000-0009-0123456789ab", Network: 9, MembershipID: "19", State: "Accepted"},
		{Role: Block, Type: "Passport", Passport: "heidi@example.com", Network: 1, MembershipID: "20", State: "Accepted", Deleted: true},
		{
			Role: Pending, Type: "Passport", Passport: "miriam@example.com", Network: 1, MembershipID: "21", DisplayName: "\u202bמרים", State: "Pending",
			InviteMessage: "hi & hello, it is <Miriam>", CID: "5",
		},
	})
	expect(t, "last change", m.LastChange, "2026-01-02T03:04:05.0670000-08:00")
	expect(t, "duplicates", m.Duplicates, 1)
	var addresses []string
	for _, m := range m.Members {
		addresses = append(addresses, m.Address())
	}
	expect(t, "addresses", strings.Join(addresses, " "), "bob@example.com erin@yahoo.example frank@corp.example grace@yahoo.example tel:+15550100  "+
		"00000000-0000-0000-0009-0123456789ab@live.com heidi@example.com miriam@example.com")
}

func TestMembershipEscargot(t *testing.T) {
	b, _ := open(answer{body: read(t, "escargot-findmembership.xml")})
	m, err := b.FindMembership(t.Context(), "Initial")
	if err != nil {
		t.Fatal(err)
	}
	bob := Member{
		Role: Allow, Type: "Passport", Passport: "bob@example.com", Network: 1, MembershipID: "Allow/1bbc064c-d74a-56e6-a2b9-009139975e85",
		State: "Accepted", CID: "-8836459145352660574",
	}
	back := bob
	back.Role, back.MembershipID = Reverse, "Reverse/1bbc064c-d74a-56e6-a2b9-009139975e85"
	expect(t, "members", m.Members, []Member{bob, back, {
		Role: Pending, Type: "Passport", Passport: "carol@example.com", Network: 1, MembershipID: "Pending/16c5b706-67bc-586b-8e0d-9157a2361d23",
		State: "Accepted", CID: "2530238636533812622",
	}})
}

func TestBookMicrosoft(t *testing.T) {
	b, _ := open(answer{body: read(t, "microsoft-findall.xml")})
	a, err := b.FindAll(t.Context(), "Initial")
	if err != nil {
		t.Fatal(err)
	}
	id := func(n string) string { return "5f0c0000-0000-0000-0000-00000000000" + n }
	expect(t, "groups", a.Groups, []Group{{"0f0e8c2a-0000-0000-0000-000000000001", "Friends & 😀"}})
	expect(t, "contacts", a.Contacts, []Contact{
		{
			ID: id("1"), Type: "Live", Passport: "bob@example.com", Network: 1, DisplayName: "Bob the builder", QuickName: "bob", FirstName: "Bob",
			LastName: "Builder", Nickname: "Bobby", Comment: "tall", IsMessengerUser: true, Favourite: true,
			GroupIDs: []string{"0f0e8c2a-0000-0000-0000-000000000001"}, CID: "-123456789", PUID: "0",
			Phones: map[string]string{"PHH": "+1 555 0101", "Fax": "12"}, Annotations: map[string]string{"AB.NickName": "Bobby"},
		},
		{
			ID: id("2"), Type: "Regular", Passport: "erin@yahoo.example", Network: 32, DisplayName: "Erin", IsMessengerUser: true,
			Emails: []Email{{"ContactEmailPersonal", "erin@home.example", false, 0}, {"Messenger2", "erin@yahoo.example", true, 32}},
		},
		{ID: id("3"), Passport: "frank@corp.example", Network: 2, IsMessengerUser: true, Emails: []Email{{"Messenger3", "frank@corp.example", true, 0}}},
		{ID: id("4"), Passport: "tel:+15550102", Network: 4, DisplayName: "Phone", IsMessengerUser: true, Phones: map[string]string{"PHM": "+1 (555) 0102"}},
		{ID: id("5"), Type: "Regular", Network: 1, DisplayName: "Only a card"},
		{ID: id("8"), Passport: "bob@example.com", Network: 1},
	})
	expect(t, "me", a.Me, &Contact{
		ID: id("9"), Type: TypeMe, Passport: "alice@example.com", Network: 1, DisplayName: "Alice :)", CID: "987654321",
		Annotations: map[string]string{AnnotationBLP: "2", AnnotationGTC: "1", AnnotationMPOP: "1", AnnotationRoaming: "1"},
	})
	expect(t, "owner", a.Owner, Owner{"alice@example.com", "987654321"})
	expect(t, "last change", a.LastChange, "2026-01-02T03:04:05.0670000-08:00")
	expect(t, "duplicates", a.Duplicates, 3)
}

func TestBookMicrosoftPaged(t *testing.T) {
	b, _ := open(answer{body: read(t, "microsoft-findpaged.xml")})
	a, err := b.FindContactsPaged(t.Context(), "Initial", "")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "ticket", a.CircleTicket,
		`<?xml version="1.0" encoding="utf-16"?><SignedTicket xmlns:xsi="x" ver="1" keyVer="1"><Data>YQ==&#x20;</Data><Sig>Yg==</Sig></SignedTicket>`)
	club := circlePrefix + "0123456789ab"
	expect(t, "circles", a.Circles, []CircleInfo{
		{ID: club, Name: "Club", Role: "Admin", State: "Accepted", HostedDomain: "live.com", IsPresenceEnabled: true},
		{ID: circlePrefix + "0123456789ac", Name: "Left", Deleted: true},
	})
	hidden := a.Hidden(strings.ToUpper(club))
	if hidden == nil || hidden.ID != "aaaa0000-0000-0000-0000-000000000001" || !hidden.Circle() {
		t.Fatalf("hidden contact %+v", hidden)
	}
	expect(t, "relation", hidden.Relation(RelationCircle), NetworkInfo{
		DomainID: 1, SourceID: "WL", DomainTag: strings.ToUpper(club), RelationshipType: 5, RelationshipState: StateWaiting,
		RelationshipRole: RoleInvited, InviterCID: "5", InviterName: "Bob", InviterEmail: "bob@example.com", InviterMessage: "Come in",
		LastChanged: "2026-01-01T00:00:00Z",
	})
	expect(t, "no relation", hidden.Relation(RelationPerson), NetworkInfo{})
	carol := a.Contacts[1]
	expect(t, "contacts", len(a.Contacts), 2)
	expect(t, "carol", carol, Contact{
		ID: "aaaa0000-0000-0000-0000-000000000002", Type: TypePending, Passport: "carol@example.com", Network: 1, IsMessengerUser: true,
		InviteMessage: "It is me", NetworkInfo: []NetworkInfo{{RelationshipType: 3}},
	})
	if carol.Circle() || carol.CircleID() != "" || a.Hidden("") != nil || a.Hidden(circlePrefix+"0123456789ac") != nil {
		t.Error("a circle where there is none")
	}
	expect(t, "groups", a.Groups, []Group{{"g1", "Work"}})
	expect(t, "owner", a.Owner, Owner{"alice@example.com", "987654321"})
	expect(t, "last change", a.LastChange, "2026-01-02T03:04:05Z")
}

func TestBookEscargot(t *testing.T) {
	b, _ := open(answer{body: read(t, "escargot-findall.xml")}, answer{body: read(t, "escargot-findpaged.xml")},
		answer{body: read(t, "escargot-circlebook.xml")})
	a, err := b.FindAll(t.Context(), "Initial")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "groups", len(a.Groups), 3)
	carol := a.Contacts[1]
	expect(t, "carol", []any{carol.Passport, carol.Nickname, carol.Comment, carol.IsMessengerUser, carol.GroupIDs}, []any{
		"carol@example.com", "Caro", "c", true, []string{a.Groups[1].ID},
	})
	expect(t, "me", a.Me.Annotations, map[string]string{
		AnnotationBLP: "2", AnnotationGTC: "1", AnnotationMPOP: "1", AnnotationRoaming: "1", "MSN.IM.MBEA": "0",
	})

	if a, err = b.FindContactsPaged(t.Context(), "Initial", ""); err != nil {
		t.Fatal(err)
	}
	expect(t, "circles", len(a.Circles), 1)
	club := a.Circles[0]
	expect(t, "role", []string{club.Name, club.Role, club.State}, []string{"Club & <co> 😀", "StatePendingOutbound", "WaitingResponse"})
	relation := a.Hidden(club.ID).Relation(RelationCircle)
	expect(t, "invitation", []any{relation.RelationshipState, relation.InviterName, relation.InviterEmail, relation.InviterMessage},
		[]any{StateWaiting, "Alice", "alice@example.com", "Come & in"})
	if !strings.HasPrefix(a.CircleTicket, `<?xml version="1.0" encoding="utf-16"?><SignedTicket `) || !strings.HasSuffix(a.CircleTicket, `</Sig></SignedTicket>`) {
		t.Errorf("ticket %s", a.CircleTicket)
	}

	if a, err = b.FindContactsPaged(t.Context(), "CircleIdAlert", club.ID); err != nil {
		t.Fatal(err)
	}
	var members []any
	for _, c := range a.Contacts {
		members = append(members, c.Passport, c.Type, c.Relation(RelationCircle).RelationshipRole, c.Circle())
	}
	expect(t, "members", members, []any{"alice@example.com", "Live", RoleAdmin, false, "bob@example.com", TypePending, RoleMember, false})
	expect(t, "circle", a.Me.CircleID(), club.ID)
}
