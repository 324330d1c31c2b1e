package msn

import "testing"

func TestStatus(t *testing.T) {
	for status, word := range map[Status]string{
		Online: "Online", Busy: "Busy", Idle: "Idle", BeRightBack: "Be right back", Away: "Away",
		OnThePhone: "On the phone", OutToLunch: "Out to lunch", Hidden: "Appear offline", Offline: "Offline",
	} {
		if !status.Valid() || status.Word() != word {
			t.Errorf("%s: valid %v, word %q, want %q", status, status.Valid(), status.Word(), word)
		}
	}
	for _, status := range []Status{"", "XXX", "nln"} {
		if status.Valid() || status.Word() != string(status) {
			t.Errorf("%q: valid %v, word %q", status, status.Valid(), status.Word())
		}
	}
}

func TestCapabilities(t *testing.T) {
	for field, want := range map[string]Capabilities{
		"":                          {},
		"0":                         {},
		"268435456":                 {Bits: 0x10000000},
		"2788999212:48":             {Bits: 2788999212, Extended: 48},
		"2788999212:":               {Bits: 2788999212},
		"1:2:32":                    {Bits: 1, Extended: 2},
		":2":                        {Extended: 2},
		"-1605238736":               {Bits: 1<<32 - 1605238736},
		"4294967295:4294967295":     {Bits: 0xffffffff, Extended: 0xffffffff},
		"4294967296:-2147483649":    {},
		"x:y":                       {},
		"99999999999999999999999:1": {Extended: 1},
	} {
		if got := ParseCapabilities(field); got != want {
			t.Errorf("%q: %+v, want %+v", field, got, want)
		}
	}
	c := Capabilities{Bits: 0xa0000020, Extended: 48}
	if one, both := c.Format(false), c.Format(true); one != "2684354592" || both != "2684354592:48" {
		t.Errorf("wrote %q and %q", one, both)
	}
}
