package abch

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write the requests to testdata")

// edits are all calls with what they look like on the wire in testdata.
var edits = []struct {
	name string
	do   func(ctx context.Context, b *Book) error
}{
	{"findmembership", func(ctx context.Context, b *Book) error { _, err := b.FindMembership(ctx, "Initial"); return err }},
	{"findall", func(ctx context.Context, b *Book) error { _, err := b.FindAll(ctx, "Initial"); return err }},
	{"findpaged", func(ctx context.Context, b *Book) error {
		_, err := b.FindContactsPaged(ctx, "Initial", "")
		return err
	}},
	{"findpaged-circle", func(ctx context.Context, b *Book) error {
		_, err := b.FindContactsPaged(ctx, "CircleIdAlert", circlePrefix+"0123456789ab")
		return err
	}},
	{"abadd", func(ctx context.Context, b *Book) error { return b.Add(ctx, "alice@example.com") }},
	{"contactadd", func(ctx context.Context, b *Book) error {
		_, err := b.AddContact(ctx, NewContact{Passport: "bob@example.com", InviteText: "Hi & <hello>", OwnName: "Alice 😀", Nickname: "Bobby"})
		return err
	}},
	{"contactadd-yahoo", func(ctx context.Context, b *Book) error {
		_, err := b.AddContact(ctx, NewContact{Passport: "erin@yahoo.example", Network: 32, OwnName: "Alice"})
		return err
	}},
	{"contactadd-ocs", func(ctx context.Context, b *Book) error {
		_, err := b.AddContact(ctx, NewContact{Passport: "frank@corp.example", Network: 2})
		return err
	}},
	{"contactadd-phone", func(ctx context.Context, b *Book) error {
		_, err := b.AddContact(ctx, NewContact{Passport: "tel:+15550100", Network: 4})
		return err
	}},
	{"contactdelete", func(ctx context.Context, b *Book) error { return b.DeleteContact(ctx, "c-1") }},
	{"contactupdate", func(ctx context.Context, b *Book) error {
		return b.UpdateContact(ctx, "c-1", ContactChanges{
			Nickname: text(""), DisplayName: text("Bob"), QuickName: text("bob"), Comment: text("tall"), IsMessengerUser: yes(),
		})
	}},
	{"meupdate", func(ctx context.Context, b *Book) error {
		return b.UpdateMe(ctx, MeChanges{
			DisplayName: text("Alice"), BlockOthers: yes(), AskWhenAdded: yes(), SeveralPlaces: yes(), RoamLiveProperties: yes(),
		})
	}},
	{"meupdate-off", func(ctx context.Context, b *Book) error {
		return b.UpdateMe(ctx, MeChanges{BlockOthers: no(), AskWhenAdded: no(), SeveralPlaces: no(), RoamLiveProperties: no()})
	}},
	{"meupdate-name", func(ctx context.Context, b *Book) error {
		return b.UpdateMe(ctx, MeChanges{DisplayName: text("Alice")})
	}},
	{"groupadd", func(ctx context.Context, b *Book) error { _, err := b.AddGroup(ctx, "Work & play"); return err }},
	{"groupupdate", func(ctx context.Context, b *Book) error { return b.RenameGroup(ctx, "g-1", "Play") }},
	{"groupdelete", func(ctx context.Context, b *Book) error { return b.DeleteGroup(ctx, "g-1") }},
	{"groupcontactadd", func(ctx context.Context, b *Book) error { return b.AddToGroup(ctx, "c-1", "g-1") }},
	{"groupcontactdelete", func(ctx context.Context, b *Book) error { return b.RemoveFromGroup(ctx, "c-1", "g-1") }},
	{"memberadd", func(ctx context.Context, b *Book) error {
		return b.AddMember(ctx, Allow, NewMember(1, "bob@example.com"))
	}},
	{"memberadd-yahoo", func(ctx context.Context, b *Book) error {
		return b.AddMember(ctx, Block, NewMember(32, "erin@yahoo.example"))
	}},
	{"memberadd-phone", func(ctx context.Context, b *Book) error { return b.AddMember(ctx, Allow, NewMember(4, "+15550100")) }},
	{"memberadd-circle", func(ctx context.Context, b *Book) error {
		return b.AddMember(ctx, Block, NewMember(9, circlePrefix+"0123456789AB@live.com"))
	}},
	{"memberadd-reverse", func(ctx context.Context, b *Book) error {
		return b.AddMember(ctx, Reverse, NewMember(0, "bob@example.com"))
	}},
	{"memberdelete-pending", func(ctx context.Context, b *Book) error {
		m := NewMember(1, "bob@example.com")
		m.MembershipID = "Pending/17"
		return b.DeleteMember(ctx, Pending, m)
	}},
	{"memberdelete-yahoo", func(ctx context.Context, b *Book) error {
		return b.DeleteMember(ctx, Allow, NewMember(32, "erin@yahoo.example"))
	}},
	{"createcircle", func(ctx context.Context, b *Book) error { _, err := b.CreateCircle(ctx, "Club", "Alice"); return err }},
	{"createcontact-circle", func(ctx context.Context, b *Book) error {
		_, err := b.CreateContact(ctx, circlePrefix+"0123456789ab", "bob@example.com")
		return err
	}},
	{"createcontact", func(ctx context.Context, b *Book) error {
		_, err := b.CreateContact(ctx, "", "bob@example.com")
		return err
	}},
	{"manage-invite", func(ctx context.Context, b *Book) error {
		return b.ManageWLConnection(ctx, circlePrefix+"0123456789ab", "c-1", ActionAdd, RelationCircle, RoleMember, "Come in")
	}},
	{"manage-accept", func(ctx context.Context, b *Book) error {
		return b.ManageWLConnection(ctx, "", "c-1", ActionAdd, RelationCircle, 0, "")
	}},
	{"manage-person", func(ctx context.Context, b *Book) error {
		return b.ManageWLConnection(ctx, "", "c-1", ActionAdd, RelationPerson, 0, "Hi")
	}},
	{"manage-decline", func(ctx context.Context, b *Book) error {
		return b.ManageWLConnection(ctx, "", "c-1", ActionDecline, RelationPerson, 0, "")
	}},
	{"break-leave", func(ctx context.Context, b *Book) error {
		return b.BreakConnection(ctx, circlePrefix+"0123456789ab", "c-1", true, false)
	}},
	{"break-person", func(ctx context.Context, b *Book) error { return b.BreakConnection(ctx, "", "c-1", true, true) }},
}

// all is an answer with the results of every action in it, so that each finds its own.
func all(action string) answer {
	return ok(fmt.Sprintf(`<%[1]sResponse xmlns="%[2]s"><%[1]sResult><guid>id-1</guid><Id>id-1</Id><contactId>id-1</contactId></%[1]sResult></%[1]sResponse>`, action, namespace))
}

// TestRequests compares every call with its bytes in testdata.
func TestRequests(t *testing.T) {
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			want := "testdata/request-" + e.name + ".txt"
			golden, _ := os.ReadFile(want) // its action says what to answer
			b, s := open(all(actionOf(t, e.do)))
			if err := e.do(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if len(s.requests) != 1 {
				t.Fatalf("%d requests", len(s.requests))
			}
			r := s.requests[0]
			got := fmt.Sprintf("%s %s\nSOAPAction: %s\nContent-Type: %s\n\n%s\n", r.Method, r.URL, r.Header.Get("SOAPAction"),
				r.Header.Get("Content-Type"), s.bodies[0])
			if *rewrite {
				if err := os.WriteFile(want, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(golden) {
				t.Errorf("got\n%s\nwant\n%s", got, golden)
			}
			if r.Header.Get("Cookie") != "" {
				t.Error("a cookie beside the ticket")
			}
		})
	}
}

// actionOf is the action that a call asks for.
func actionOf(t *testing.T, do func(ctx context.Context, b *Book) error) string {
	t.Helper()
	b, s := open(answer{status: 500})
	_ = do(t.Context(), b) // it fails
	if len(s.requests) != 1 {
		t.Fatalf("%d requests", len(s.requests))
	}
	action := strings.Trim(s.requests[0].Header.Get("SOAPAction"), `"`)
	return action[strings.LastIndexByte(action, '/')+1:]
}

// TestIDs gives what a service has made.
func TestIDs(t *testing.T) {
	for action, do := range map[string]func(b *Book) (string, error){
		"ABContactAdd": func(b *Book) (string, error) {
			return b.AddContact(t.Context(), NewContact{Passport: "bob@example.com"})
		},
		"ABGroupAdd":    func(b *Book) (string, error) { return b.AddGroup(t.Context(), "Work") },
		"CreateCircle":  func(b *Book) (string, error) { return b.CreateCircle(t.Context(), "Club", "Alice") },
		"CreateContact": func(b *Book) (string, error) { return b.CreateContact(t.Context(), "", "bob@example.com") },
	} {
		b, _ := open(all(action))
		if id, err := do(b); id != "id-1" || err != nil {
			t.Errorf("%s: %q, %v", action, id, err)
		}
		for _, body := range []string{
			"<" + action + "Response/>", "<" + action + "Response><" + action + "Result/></" + action + "Response>", "<Other/>",
		} {
			b, _ := open(ok(body))
			if id, err := do(b); id != "" || err == nil {
				t.Errorf("%s: %q, %v from %s", action, id, err, body)
			}
		}
	}
}

// TestNothing asks nothing of the service when there is nothing to ask.
func TestNothing(t *testing.T) {
	ctx := t.Context()
	b, s := open(answer{status: 500})
	if err := b.UpdateMe(ctx, MeChanges{}); err != nil {
		t.Error(err)
	}
	if err := b.UpdateContact(ctx, "c-1", ContactChanges{}); err != nil {
		t.Error(err)
	}
	_, add := b.AddContact(ctx, NewContact{})
	_, create := b.CreateContact(ctx, "", "")
	for i, err := range []error{
		add, create, b.DeleteContact(ctx, ""), b.UpdateContact(ctx, "", ContactChanges{Nickname: text("x")}), b.RenameGroup(ctx, "", "x"),
		b.DeleteGroup(ctx, ""), b.AddToGroup(ctx, "", "g"), b.AddToGroup(ctx, "c", ""), b.RemoveFromGroup(ctx, "", "g"),
		b.AddMember(ctx, Allow, Member{}), b.DeleteMember(ctx, Allow, Member{Type: "Everyone"}),
		b.ManageWLConnection(ctx, "", "", ActionAdd, RelationPerson, 0, ""), b.BreakConnection(ctx, "", "", true, false),
	} {
		if err == nil {
			t.Errorf("%d is no error", i)
		}
	}
	if len(s.requests) != 0 {
		t.Errorf("%d requests", len(s.requests))
	}
}
