package msn

import "testing"

// TestReadAddress reads every form of an address in presence lines.
func TestReadAddress(t *testing.T) {
	const circle = "00000000-0000-0000-0009-0123456789ab"
	cases := []struct {
		in       string
		network  int
		passport string
		circle   string
	}{
		{"Bob@Example.com", 0, "bob@example.com", ""},
		{"bob@example.com", 1, "bob@example.com", ""},
		{"erin@yahoo.example", 32, "32:erin@yahoo.example", ""},
		{"1:bob@example.com", 0, "bob@example.com", ""},
		{"32:erin@yahoo.example", 0, "32:erin@yahoo.example", ""},
		{"4:tel:+15550100", 0, "4:tel:+15550100", ""},
		{"tel:+15550100", 4, "4:tel:+15550100", ""},
		{"1:bob@example.com;via=9:" + circle + "@live.com", 0, "bob@example.com", circle},
		{"1:bob@example.com;epid={B171BE3E-0000-4000-8000-000000000001}", 0, "bob@example.com", ""},
		{"1:bob%40example.com", 0, "bob@example.com", ""},
		{"", 0, "", ""},
		{"99999:x@y", 0, "99999:x@y", ""},
	}
	for _, c := range cases {
		if passport, circle := readAddress(c.in, c.network); passport != c.passport || circle != c.circle {
			t.Errorf("readAddress(%q, %d) = %q, %q; want %q, %q", c.in, c.network, passport, circle, c.passport, c.circle)
		}
	}
}

// TestPassportNetworks takes passports apart and puts them together.
func TestPassportNetworks(t *testing.T) {
	for passport, want := range map[string]struct {
		network int
		account string
		bad     bool
	}{
		"bob@example.com":       {1, "bob@example.com", false},
		"32:erin@yahoo.example": {32, "erin@yahoo.example", false},
		"4:tel:+15550100":       {4, "tel:+15550100", false},
		"4:tel:":                {4, "tel:", true},
		"32:erin":               {32, "erin", true},
		"tel:+15550100":         {1, "tel:+15550100", true},
	} {
		network, account := SplitPassport(passport)
		if network != want.network || account != want.account || JoinPassport(network, account) != passport {
			t.Errorf("%s: %d, %s", passport, network, account)
		}
		if err := checkPassport(passport); (err != nil) != want.bad {
			t.Errorf("checkPassport(%q) = %v", passport, err)
		}
	}
}
