package msn

import (
	"fmt"
	"strings"
	"testing"
)

func TestTextFormatVectors(t *testing.T) {
	blanks := strings.NewReplacer("; ", ";", " ", "")
	for _, v := range readVectors(t).Format {
		var color uint32
		if _, err := fmt.Sscanf(v.RGB, "#%x", &color); err != nil {
			t.Fatal(err)
		}
		want := TextFormat{
			Font: v.Font, Color: color, CharSet: v.CharSet, PitchFamily: v.Family<<4 | v.Pitch, RightToLeft: v.RTL,
			Bold: strings.Contains(v.Effects, "B"), Italic: strings.Contains(v.Effects, "I"),
			Underline: strings.Contains(v.Effects, "U"), Strike: strings.Contains(v.Effects, "S"),
		}
		got := ParseTextFormat(v.Header)
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", v.Header, got, want)
		}
		if out := want.String(); blanks.Replace(out) != blanks.Replace(v.Header) {
			t.Errorf("wrote %s, want %s", out, v.Header)
		}
	}
}

func TestTextFormatSpelling(t *testing.T) {
	f := TextFormat{Font: "Segoe UI", Bold: true, Strike: true, Color: 0x112233, CharSet: 0xb1, PitchFamily: 2, RightToLeft: true}
	if got, want := f.String(), "FN=Segoe%20UI; EF=BS; CO=332211; CS=b1; PF=2; RL=1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTextFormatLenient(t *testing.T) {
	for header, want := range map[string]TextFormat{
		"":                                   {},
		";;;=;":                              {},
		"CO=zz; CS=-1; PF=; FN=":             {},
		"pf = 22 ; fn = Arial ;ef=bi":        {Font: "Arial", PitchFamily: 0x22, Bold: true, Italic: true},
		"RL=0; CO=ff112233":                  {Color: 0x332211},
		"CO=fffffffff":                       {},
		"CS=1ff":                             {CharSet: 0xff},
		"FN=a%0D%0AX-Evil: 1%; EF=X":         {Font: "a  X-Evil: 1%"},
		"FN=%ff":                             {Font: "\uFFFD"},
		"FN=" + strings.Repeat("x", 100_000): {Font: strings.Repeat("x", 64)},
	} {
		if got := ParseTextFormat(header); got != want {
			t.Errorf("%.80s: %+v, want %+v", header, got, want)
		}
	}
}

func FuzzTextFormat(f *testing.F) {
	f.Add("FN=MS%20Sans%20Serif; EF=BIUS; CO=f0f; CS=86; PF=22; RL=1")
	f.Add("FN=%E5%AE%8B%E4%BD%93;EF=;CO=0;CS=zz;PF=333")
	f.Add("FN=%00%0a;=;;CO")
	f.Fuzz(func(t *testing.T, s string) {
		format := ParseTextFormat(s)
		line := format.String()
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("not one line: %q", line)
		}
		if again := ParseTextFormat(line); again != format {
			t.Fatalf("%q\n gave %+v\n then %+v by %q", s, format, again, line)
		}
	})
}
