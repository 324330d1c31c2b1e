package msn

import (
	"errors"
	"strings"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
)

func TestMSNObjectVectors(t *testing.T) {
	for _, v := range readVectors(t).Object {
		o := MSNObject{Creator: v.Creator, Size: v.Size, Type: v.Type, Location: v.Location, SHA1D: v.SHA1D, SHA1C: v.SHA1C}
		o.setFriendly(v.Friendly)
		valid := v.Valid == nil || *v.Valid
		if err := o.CheckSHA1C(); (err == nil) != valid || err != nil && !errors.Is(err, ErrObjectMismatch) {
			t.Errorf("%s: CheckSHA1C: %v, want valid %v", v.Creator, err, valid)
		}
		if v.Data == "" {
			continue
		}
		data := fromBase64(t, v.Data)
		made := NewMSNObject(v.Creator, v.Type, v.Location, v.FriendlyText, data)
		if made != o {
			t.Errorf("made %+v, want %+v", made, o)
		}
		if got := made.String(); got != v.XML {
			t.Errorf("wrote %s\n want %s", got, v.XML)
		}
		if got := made.Argument(); got != v.URLEncoded {
			t.Errorf("wrote %s\n want %s", got, v.URLEncoded)
		}
		if err := made.Verify(data); err != nil {
			t.Error(err)
		}
		data[0] ^= 1
		if err := made.Verify(data); !errors.Is(err, ErrObjectMismatch) {
			t.Errorf("changed data: %v", err)
		}
		if err := made.Verify(data[1:]); !errors.Is(err, ErrObjectMismatch) {
			t.Errorf("data cut short: %v", err)
		}
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(v.XML)
		reordered := `<MSNOBJ sha1c="` + v.SHA1C + `" SHA1D='` + v.SHA1D + `'  Friendly = "` + v.Friendly + `"` + "\n" +
			`Size="` + strings.TrimSpace(v.XML[strings.Index(v.XML, `Size="`)+6:strings.Index(v.XML, `" Type`)]) +
			`" Location="` + v.Location + `" Type="` + string(rune('0'+v.Type)) + `" Creator="` + v.Creator + `"></msnobj>`
		for _, text := range []string{v.XML, v.URLEncoded, escaped, strings.ReplaceAll(escaped, "<", "%3C"), reordered, " " + v.XML + "\r\n"} {
			if got, err := ParseMSNObject(text); err != nil || got != o {
				t.Errorf("%s:\n got %+v, %v\nwant %+v", text, got, err, o)
			}
		}
	}
}

func TestMSNObjectNone(t *testing.T) {
	for _, text := range []string{"", "0", " ", "<msnobj/>", "<msnobj />", "%3Cmsnobj%2F%3E", "%3Cmsnobj/%3E", "&lt;msnobj/&gt;"} {
		if _, err := ParseMSNObject(text); !errors.Is(err, ErrNoObject) {
			t.Errorf("%q: %v, want ErrNoObject", text, err)
		}
	}
}

func TestMSNObjectBad(t *testing.T) {
	for _, text := range []string{
		"1", "<", "<msnobj", `<msnobj Creator="a@example.com"`, `<msnobj Creator=a/>`, `<msnobj Creator="a/>`, `<msnobj ="x"/>`,
		`<msnobj Size="1"/>`, `<msnobj Creator="a" Size="-1"/>`, `<msnobj Creator="a" Size="99999999999"/>`,
		`<msnobj Creator="a" Type="x"/>`, "<other/>", "%3C", "%", "&lt;", strings.Repeat("<", 1<<20),
		`<msnobj Creator="` + strings.Repeat("a", 1<<20) + `"/>`,
	} {
		if o, err := ParseMSNObject(text); !errors.Is(err, ErrBadObject) {
			t.Errorf("%.60q: %+v, %v, want ErrBadObject", text, o, err)
		}
	}
}

// Attributes that are not known, and spellings that are not the usual ones, survive.
func TestMSNObjectKeepsWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{
		`<msnobj Creator="a@example.com" Size="1" Type="8" Location="0" Friendly="AAA=" SHA1D="x" contenttype="D" stamp="1&amp;2"/>`,
		`<msnobj Creator="a@example.com" Size="1" Type="3" Location="" Friendly="" SHA1D="x"/>`,
		`<msnobj Creator="a@example.com" Size="1" Type="3" Location="a&b" Friendly="UwBpAGQA" SHA1D="x" SHA1C="y"/>`,
		`<msnobj Creator='a"b@example.com' Size="1" Type="3" Location="" Friendly="ANg=" SHA1D="x"/>`,
	} {
		o, err := ParseMSNObject(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := o.String(); got != text {
			t.Errorf("read  %s\nwrote %s", text, got)
		}
	}
}

func TestMSNObjectFriendlyIsChanged(t *testing.T) {
	o, err := ParseMSNObject(`<msnobj Creator="a@example.com" Friendly="UwBpAGQA" SHA1D="x"/>`)
	if err != nil || o.Friendly != "Sid" {
		t.Fatalf("%+v, %v", o, err)
	}
	o.Friendly = ""
	if !strings.Contains(o.String(), `Friendly="AAA="`) {
		t.Errorf("the old spelling is written: %s", o)
	}
}

func TestMSNObjectCannotBreakOut(t *testing.T) {
	o := NewMSNObject("a\"'@example.com\r\nOUT", 3, "x\" Creator=\"evil", "näme 😀", []byte("data"))
	got, err := ParseMSNObject(o.String())
	if err != nil || strings.ContainsAny(o.String(), "\r\n") || strings.Contains(got.Creator, "evil") || got.Friendly != "näme 😀" {
		t.Errorf("%s\n%+v, %v", o, got, err)
	}
}

func FuzzParseMSNObject(f *testing.F) {
	o := NewMSNObject("alice@example.com", 3, "TFR2C.tmp", "Sid", []byte("hello"))
	f.Add(o.String())
	f.Add(o.Argument())
	f.Add(userdoc.Escape(o.String()))
	f.Add(`<msnobj Creator='a"b' Size="1" Type="2" Friendly="zz" x="y" stamp=''/>`)
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseMSNObject(s)
		if err != nil {
			if !errors.Is(err, ErrBadObject) && !errors.Is(err, ErrNoObject) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		text := o.String()
		if strings.ContainsAny(text, "\r\n\t\x00") {
			t.Fatalf("not one line: %q", text)
		}
		if again, err := ParseMSNObject(text); err != nil || again != o {
			t.Fatalf("%q\n gave %+v\n then %+v, %v", s, o, again, err)
		}
		if again, err := ParseMSNObject(o.Argument()); len(o.Argument()) <= maxObjectText && (err != nil || again != o) {
			t.Fatalf("%q\n gave %+v\n then %+v, %v as an argument", s, o, again, err)
		}
	})
}
