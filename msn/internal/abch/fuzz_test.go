package abch

import (
	"strings"
	"testing"
)

func seeds(f *testing.F, names ...string) {
	for _, name := range names {
		f.Add(read(f, name))
	}
	f.Add("")
	f.Add(envelope("", "<ABFindAllResponse><ABFindAllResult/></ABFindAllResponse>"))
	f.Add(fault(500, "FullSyncRequired", "x").body)
}

// FuzzMembership reads anything without panic; what it gives has roles and addresses that agree with it.
func FuzzMembership(f *testing.F) {
	seeds(f, "microsoft-findmembership.xml", "escargot-findmembership.xml")
	f.Fuzz(func(t *testing.T, body string) {
		b, _ := open(answer{body: body})
		m, err := b.FindMembership(t.Context(), "Initial")
		if (m == nil) != (err != nil) {
			t.Fatalf("%v with %v", m, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Fatal(err)
			}
			return
		}
		seen := make(map[memberKey]bool)
		for _, m := range m.Members {
			key := memberKey{m.Role, m.Network, lower(m.Address())}
			if key.address != "" && (seen[key] || m.Network <= 0) {
				t.Fatalf("%+v", m)
			}
			seen[key] = true
		}
	})
}

// FuzzBook reads anything without panic; no contact is there twice.
func FuzzBook(f *testing.F) {
	seeds(f, "microsoft-findall.xml", "microsoft-findpaged.xml", "escargot-findall.xml", "escargot-findpaged.xml", "escargot-circlebook.xml")
	f.Fuzz(func(t *testing.T, body string) {
		for _, paged := range []bool{false, true} {
			b, _ := open(answer{body: body})
			a, err := b.FindAll(t.Context(), "Initial")
			if paged {
				a, err = b.FindContactsPaged(t.Context(), "Initial", "")
			}
			if (a == nil) != (err != nil) {
				t.Fatalf("%v with %v", a, err)
			}
			if err != nil {
				continue
			}
			ids := make(map[string]bool)
			for _, c := range a.Contacts {
				if c.ID != "" && ids[lower(c.ID)] || c.ID == "" && c.Passport == "" || c.Network <= 0 {
					t.Fatalf("%+v", c)
				}
				ids[lower(c.ID)] = true
				if id := c.CircleID(); id != "" && !isCircleID(id) {
					t.Fatalf("circle %q", id)
				}
			}
			for _, c := range a.Circles {
				a.Hidden(c.ID)
			}
		}
	})
}

// FuzzAnswers reads anything as the answer to a change.
func FuzzAnswers(f *testing.F) {
	seeds(f, "escargot-manage.xml")
	f.Add(all("ABContactAdd").body)
	f.Add(all("ManageWLConnection").body)
	f.Fuzz(func(t *testing.T, body string) {
		for _, status := range []int{200, 500} {
			b, _ := open(answer{status: status, body: body})
			id, err := b.AddContact(t.Context(), NewContact{Passport: "bob@example.com"})
			if err != nil && id != "" {
				t.Fatalf("%q with %v", id, err)
			}
			_ = b.ManageWLConnection(t.Context(), "", "c-1", ActionAdd, RelationPerson, 0, "") // only that it ends
		}
	})
}
