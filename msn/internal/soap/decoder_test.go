package soap

import (
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"
)

// text is the text of the whole document.
func text(r io.Reader) (string, error) {
	d, got := NewDecoder(r), ""
	err := d.Document(func(string) error { return d.Into(&got) })
	return got, err
}

func inUTF16(order binary.AppendByteOrder, mark bool, s string) string {
	if mark {
		s = "\uFEFF" + s
	}
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

func TestText(t *testing.T) {
	const emoji = "Zoë 🎉 שלום"
	for _, c := range []struct{ name, in, want string }{
		{"plain", "<a>b</a>", "b"},
		{"prefix and namespace", `<s:a xmlns:s="urn:x">b</s:a>`, "b"},
		{"undeclared prefix", `<s:a>b</s:a>`, "b"},
		{"declaration", `<?xml version="1.0" encoding="utf-8"?><a>b</a>`, "b"},
		{"white space before the declaration", "\r\n " + `<?xml version="1.0" encoding="utf-8"?><a>b</a>`, "b"},
		{"byte order mark", "\uFEFF" + `<?xml version="1.0" encoding="UTF-8"?><a>` + emoji + `</a>`, emoji},
		{"nested", "<a> x<b>y</b><c/>z </a>", "xyz"},
		{"CDATA", "<a><![CDATA[<x>&amp;]]></a>", "<x>&amp;"},
		{"comment and instruction", "<a>x<!-- no --><?no no?>y</a>", "xy"},
		{"entities of XML", "<a>&lt;&gt;&amp;&quot;&apos;</a>", `<>&"'`},
		{"references", "<a>&#65;&#x42;&#x1F389;</a>", "AB🎉"},
		{"bare ampersand", "<a>t=x&p=y & z&;&#;&#x;</a>", "t=x&p=y & z&;&#;&#x;"},
		{"unknown entity", "<a>&nbsp;&lol;</a>", "&nbsp;&lol;"},
		{"doctype with entities", `<!DOCTYPE a [<!ENTITY lol "ha"><!ENTITY b "&lol;&lol;">]><a>&b;</a>`, "&b;"},
		{"external entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, "&x;"},
		{"control characters", "<a>x\x00\x01\x1By</a>", "x\uFFFD\uFFFD\uFFFDy"},
		{"delete is a character", "<a>x\x7Fy&#127;</a>", "x\x7Fy\x7F"},
		{"control references", "<a>x&#0;&#x1B;&#8;y</a>", "x\uFFFD\uFFFD\uFFFDy"},
		{"leading zeros", "<a>x&#x0000000000000001;&#0000000065;y</a>", "x\uFFFDAy"},
		{"beyond Unicode", "<a>x&#x110000;&#99999999999;y</a>", "x\uFFFD\uFFFDy"},
		{"surrogate pair as references", "<a>&#xD83C;&#xDF89;&#55356;&#57225;</a>", "🎉🎉"},
		{"half a pair", "<a>&#xD83C;x&#xDF89;&#xD83C;&#65;</a>", "\uFFFDx\uFFFD\uFFFDA"},
		{"pair the wrong way round", "<a>&#xDF89;&#xD83C;</a>", "\uFFFD\uFFFD"},
		{"no characters", "<a>x\uFFFE\uFFFF&#xFFFE;y</a>", "x\uFFFD\uFFFD\uFFFDy"},
		{"not UTF-8", "<a>x\xFF\xC3y\xE2\x82</a>", "x\uFFFD\uFFFDy\uFFFD\uFFFD"},
		{"Latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?><a>Zo\xEB\x01&#x1;</a>", "Zoë?\uFFFD"},
		{"Windows", `<?xml version="1.0" encoding="windows-1252"?><a>` + "\x80\xEB</a>", "€ë"},
		{"Shift JIS", `<?xml version="1.0" encoding="Shift_JIS"?><a>` + "\x93\xFA\x96\x7B</a>", "日本"},
		{"UTF-16 that is none", `<?xml version="1.0" encoding="utf-16"?><a>` + emoji + `</a>`, emoji},
		{"UTF-16 little", inUTF16(binary.LittleEndian, true, `<?xml version="1.0" encoding="utf-16"?><a>`+emoji+`</a>`), emoji},
		{"UTF-16 big", inUTF16(binary.BigEndian, true, `<?xml version="1.0" encoding="utf-16"?><a>`+emoji+`</a>`), emoji},
		{"UTF-16 little, no mark", inUTF16(binary.LittleEndian, false, `<a>`+emoji+`</a>`), emoji},
		{"UTF-16 big, no mark", inUTF16(binary.BigEndian, false, `<a>`+emoji+`</a>`), emoji},
		{"end tags that are missing", "<a><b>x</a>", "x"},
		{"attributes without quotes", "<a b=c d>x</a>", "x"},
		{"something after the end", "<a>x</a><b>", "x"},
		{"empty", "<a/>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
				"error with the data": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, err := text(r)
				if err != nil || got != c.want {
					t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
				}
			}
		})
	}
}

// Raw control characters, invalid UTF-8 and references on the border of two reads come out all the same.
func TestCleanerBorders(t *testing.T) {
	for shift := range 40 {
		for _, odd := range []string{"\x01", "\xFF", "é", "🎉", "&#1;", "&#xD83C;&#xDF89;", "&amp;", "&"} {
			before := strings.Repeat("x", 8192-20+shift-len("<a>"))
			want, err := text(strings.NewReader("<a>" + odd + "y</a>"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := text(strings.NewReader("<a>" + before + odd + "y</a>"))
			if err != nil || got != before+want {
				t.Fatalf("%q after %d bytes: %v", odd, len(before), err)
			}
		}
	}
}

func TestBadDocuments(t *testing.T) {
	deep := strings.Repeat("<a>", 100_000)
	long := strings.Repeat("x", maxToken+1<<20)
	for _, c := range []struct {
		name, in string
		is       error
		says     string
	}{
		{"nothing", "", nil, "there is no XML in it"},
		{"white space", " \n", nil, "there is no XML in it"},
		{"text", "Forbidden", nil, "there is no XML in it"},
		{"cut in a text", "<a>x", io.ErrUnexpectedEOF, "cut off"},
		{"cut in a tag", "<a><b", io.ErrUnexpectedEOF, "cut off"},
		{"cut in CDATA", "<a><![CDATA[x", io.ErrUnexpectedEOF, "cut off"},
		{"cut in a comment", "<a><!-- x", io.ErrUnexpectedEOF, "cut off"},
		{"no name", "<a><secret<x>></a>", nil, "makes no sense in line 1"},
		{"second line", "<a>\n<!x", io.ErrUnexpectedEOF, "cut off"},
		{"end tag too many", "<a></a", io.ErrUnexpectedEOF, "cut off"},
		{"too deep", deep, ErrTooDeep, "nested too deeply"},
		{"long text", "<a>" + long + "</a>", ErrTooLong, "too long"},
		{"long in parts", "<a>" + strings.Repeat(strings.Repeat("x", 1<<20)+"<b/>", 5) + "</a>", ErrTooLong, "too long"},
		{"encoding", `<?xml version="1.0" encoding="secret-1"?><a/>`, ErrEncoding, "encoding"},
		{"version", `<?xml version="1.secret"?><a/>`, nil, "version that is not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := text(strings.NewReader(c.in))
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %.100q, %v; want an error that says %q", got, err, c.says)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q quotes", err)
			}
		})
	}
}

// What has to be held in memory at once is bounded, whatever it is.
func TestLongTokens(t *testing.T) {
	const most = 64 << 10
	for _, form := range []string{"<a>%s</a>", "<a><![CDATA[%s]]></a>", "<a><!--%s--></a>", `<a b="%s"></a>`, "<%s/>", "<!DOCTYPE %s><a/>", "<?%s ?><a/>", "<a></%s>", "<a>&%s;</a>"} {
		for _, length := range []int{most / 2, 2 * most} {
			d := NewDecoder(strings.NewReader(strings.Replace(form, "%s", strings.Repeat("x", length), 1)))
			d.input.most = most
			err := d.Document(func(string) error { _, err := d.Text(); return err })
			if long := length > most; errors.Is(err, ErrTooLong) != long {
				t.Errorf("%s with %d bytes: %v", form, length, err)
			}
		}
	}
}

// Where a document is cut, it is an error or the same as the whole, never something else.
func TestCutEverywhere(t *testing.T) {
	const doc = `<?xml version="1.0"?><!-- x --><e:E xmlns:e="u"><a b="c">t&amp;u&#65;</a><![CDATA[v]]>é🎉</e:E>`
	want, err := text(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(doc) {
		if got, err := text(strings.NewReader(doc[:n])); err == nil {
			t.Errorf("cut at %d: %q instead of %q", n, got, want)
		}
	}
}

// pieces gives one piece with each Read and counts the reads.
type pieces struct {
	left  []string
	reads int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.reads++; len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[0])
	p.left = p.left[1:]
	return n, nil
}

// What has come is given without waiting for more.
func TestCleanerDoesNotWait(t *testing.T) {
	first := "<a>" + strings.Repeat("x", 300) + "&amp;é&#1;<b"
	source := &pieces{left: []string{first, "/>"}}
	c := newCleaner(source)
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if want := strings.Replace(first, "&#1;", "&#65533;", 1); err != nil || string(b[:n]) != want || source.reads != 1 {
		t.Errorf("got %q after %d reads, %v", b[:n], source.reads, err)
	}
}

func TestReadErrorPasses(t *testing.T) {
	broken := errors.New("the line is broken")
	_, err := text(io.MultiReader(strings.NewReader("<a>x"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestEach(t *testing.T) {
	d := NewDecoder(strings.NewReader(`<r><one k="v" p:k2="w">1</one><two><deep><deeper/></deep> 2 </two>
		<skip><one>no</one></skip><flag>TRUE</flag><flag>0</flag><flag>maybe</flag></r>`))
	var one, two, attr, other, missing string
	var names []string
	flag, flags := false, []bool{}
	err := d.Document(func(root string) error {
		names = append(names, root)
		return d.Each(func(name string) error {
			names = append(names, name)
			switch name {
			case "one":
				attr, other, missing = d.Attr("k"), d.Attr("k2"), d.Attr("k3")
				return d.Into(&one)
			case "two":
				return d.Into(&two)
			case "flag":
				err := d.Flag(&flag)
				flags = append(flags, flag)
				return err
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(names, one, two, attr, other, missing, flags)
	if want := "[r one two skip flag flag flag]12vw[true false false]"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	stop := errors.New("enough")
	d = NewDecoder(strings.NewReader("<r><a/></r>"))
	if err := d.Document(func(string) error { return d.Each(func(string) error { return stop }) }); err != stop {
		t.Errorf("got %v", err)
	}
}

// What the decoder does not skip by itself is left where the caller stands.
func TestEachSkipsTheRest(t *testing.T) {
	d := NewDecoder(strings.NewReader("<r><a><x>1</x><y>2</y></a><b>3</b></r>"))
	var x, b string
	err := d.Document(func(string) error {
		return d.Each(func(name string) error {
			if name == "b" {
				return d.Into(&b)
			}
			return d.Each(func(name string) error {
				if name == "x" {
					return d.Into(&x)
				}
				return nil
			})
		})
	})
	if err != nil || x != "1" || b != "3" {
		t.Errorf("got %q, %q, %v", x, b, err)
	}
}

func FuzzCleaner(f *testing.F) {
	for _, s := range []string{"<a>&#xD83C;&#xDF89;\x01</a>", "\xFF\xFE<\x00a\x00/\x00>\x00", "&#0;&&#", "\xEF\xBB\xBF<?xml encoding='latin1'?>\xFF"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := io.ReadAll(newCleaner(strings.NewReader(string(in))))
		if err != nil {
			t.Fatal(err)
		}
		slowly, err := io.ReadAll(newCleaner(iotest.OneByteReader(strings.NewReader(string(in)))))
		if err != nil || string(whole) != string(slowly) {
			t.Fatalf("%q at once, %q byte by byte, %v", whole, slowly, err)
		}
		if !declaredUTF8(head(in)) {
			return
		}
		if !utf8.Valid(whole) {
			t.Fatalf("%q is not UTF-8", whole)
		}
		for _, r := range string(whole) {
			if !allowed(uint64(r)) {
				t.Fatalf("%q has %U", whole, r)
			}
		}
	})
}

// head is what the cleaner looks at for a declaration.
func head(in []byte) []byte {
	in = []byte(strings.TrimPrefix(string(in), "\uFEFF"))
	return in[:min(len(in), 200)]
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><s:E xmlns:s="u"><s:Body a="b"><x>1</x></s:Body></s:E>`))
	f.Add([]byte("<a><b></a></b>&#1;<![CDATA[x]]>"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := text(strings.NewReader(string(in)))
		if err == nil && !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		// A walk comes to the same end as reading it as text.
		d := NewDecoder(strings.NewReader(string(in)))
		var walk func(string) error
		walk = func(string) error { return d.Each(walk) }
		if walked := d.Document(walk); (walked == nil) != (err == nil) && !errors.Is(walked, ErrTooDeep) {
			t.Fatalf("text: %v, walk: %v", err, walked)
		}
	})
}

// What the writer makes, the decoder reads, whatever is in it.
func FuzzWriter(f *testing.F) {
	f.Add("a<&>\"'\r\n\t]]>", "t=x&p=")
	f.Fuzz(func(t *testing.T, content, attr string) {
		w := &Writer{}
		w.Open("a", "b", attr).Text(content).Element("c", content).Close("a")
		var got, gotAttr string
		d := NewDecoder(strings.NewReader(w.String()))
		err := d.Document(func(string) error {
			gotAttr = d.Attr("b")
			return d.Each(func(string) error { return d.Into(&got) })
		})
		if want := strings.TrimSpace(valid(content)); err != nil || got != want || gotAttr != valid(attr) {
			t.Fatalf("wrote %q, %q, read %q, %q, %v", content, attr, got, gotAttr, err)
		}
		if err := xml.Unmarshal(w.Bytes(), &struct{}{}); err != nil {
			t.Fatalf("a strict reader says %v of %q", err, w.String())
		}
	})
}

// valid is a text as XML can have it.
func valid(s string) string {
	return strings.Map(func(r rune) rune {
		if !allowed(uint64(r)) {
			return utf8.RuneError
		}
		return r
	}, s)
}
