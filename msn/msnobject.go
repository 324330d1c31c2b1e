package msn

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// MSNObject describes a piece of data that its creator serves to peers: a display picture, an
// emoticon, a wink (core.md 8.6). Values are comparable; equal values describe the same data.
type MSNObject struct {
	Creator  string
	Size     int // bytes
	Type     int
	Location string
	Friendly string // decoded from base64 UTF-16LE
	SHA1D    string // base64
	SHA1C    string // base64, may be missing
	// Extra holds the attributes that are not named above (contenttype, stamp ...), spelt as in XML with a
	// blank between them. They go back to the creator when the data is asked for.
	Extra string

	// friendlyWire is "=" and the spelling of Friendly on the wire where that is not the usual one:
	// SHA1C is a hash of the spelling.
	friendlyWire string
}

// Types of MSNObject that this project looks at.
const (
	ObjectEmoticon       = 2
	ObjectDisplayPicture = 3
	ObjectWink           = 8
	ObjectVoiceClip      = 11
)

// Errors of [ParseMSNObject] and of the checks.
var (
	ErrNoObject       = errors.New("no object")
	ErrBadObject      = errors.New("not a valid msnobj")
	ErrObjectMismatch = errors.New("the object does not fit its description")
)

// maxObjectText bounds the text of one object. Real ones have about 250 bytes, 1000 percent-encoded.
const maxObjectText = 16 << 10

// SHA1D is what data is known by: its hash, in base64 (p2p.md 2).
func SHA1D(data []byte) string {
	sum := sha1.Sum(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// DataHash is the object's SHA1D as [SHA1D] writes it: badly encoded objects have blanks in it.
func (o MSNObject) DataHash() string { return strings.ReplaceAll(o.SHA1D, " ", "+") }

// NewMSNObject describes data, with both hashes. Location is a file name token.
func NewMSNObject(creator string, typ int, location, friendly string, data []byte) MSNObject {
	o := MSNObject{
		Creator:  attributeText(creator),
		Size:     len(data),
		Type:     typ,
		Location: attributeText(location),
		Friendly: friendly,
		SHA1D:    SHA1D(data),
	}
	o.SHA1C = o.sha1c()
	return o
}

// ParseMSNObject reads an object as it stands in a line (percent-encoded), in XML (escaped) or in an
// emoticon message (raw), with its attributes in any order. An empty text, "0" and an element without
// attributes are [ErrNoObject]; what cannot be read is an [ErrBadObject]. Texts above 16 KiB are refused.
func ParseMSNObject(s string) (MSNObject, error) {
	if len(s) > maxObjectText {
		return MSNObject{}, fmt.Errorf("%w: %d bytes long", ErrBadObject, len(s))
	}
	s = strings.TrimSpace(s)
	if s == "" || s == "0" {
		return MSNObject{}, ErrNoObject
	}
	// At most two coverings are known, an escaped object in an encoded argument.
	for range 2 {
		switch {
		case strings.HasPrefix(s, "%"):
			s = strings.TrimSpace(wire.Decode(s))
		case strings.HasPrefix(s, "&"):
			s = strings.TrimSpace(userdoc.Unescape(s))
		}
	}
	const open = "<msnobj"
	if len(s) < len(open) || !strings.EqualFold(s[:len(open)], open) {
		return MSNObject{}, fmt.Errorf("%w: no msnobj element", ErrBadObject)
	}
	return parseAttributes(strings.ToValidUTF8(s[len(open):], "\uFFFD"))
}

// parseAttributes reads what follows the element's name.
func parseAttributes(s string) (MSNObject, error) {
	var o MSNObject
	seen := make(map[string]bool)
	friendly := ""
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if strings.HasPrefix(s, "/>") || strings.HasPrefix(s, ">") {
			break
		}
		name, value, rest, ok := cutAttribute(s)
		if !ok {
			return MSNObject{}, fmt.Errorf("%w: broken attribute", ErrBadObject)
		}
		s = rest
		key := strings.ToLower(name)
		if seen[key] {
			continue
		}
		seen[key] = true
		if key == "friendly" {
			friendly = value
			continue
		}
		if err := o.set(key, name, value); err != nil {
			return MSNObject{}, err
		}
	}
	switch {
	case len(seen) == 0:
		return MSNObject{}, ErrNoObject
	case o.Creator == "":
		return MSNObject{}, fmt.Errorf("%w: no Creator", ErrBadObject)
	}
	o.setFriendly(friendly)
	return o, nil
}

func (o *MSNObject) set(key, name, value string) (err error) {
	switch key {
	case "creator":
		o.Creator = value
	case "size":
		o.Size, err = parseObjectNumber(name, value)
	case "type":
		o.Type, err = parseObjectNumber(name, value)
	case "location":
		o.Location = value
	case "sha1d":
		o.SHA1D = value
	case "sha1c":
		o.SHA1C = value
	default:
		if o.Extra != "" {
			o.Extra += " "
		}
		o.Extra += name + "=" + quoteAttribute(value)
	}
	return err
}

func parseObjectNumber(name, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is no number", ErrBadObject, name)
	}
	return int(n), nil
}

// cutAttribute cuts name="value" or name='value' off. Entities in the value stay: the hashes are of the
// text as it stands.
func cutAttribute(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	name = strings.TrimSpace(name)
	s = strings.TrimLeft(s, " \t\r\n")
	if !ok || name == "" || strings.ContainsAny(name, "<>/\"' \t\r\n") || s == "" || s[0] != '"' && s[0] != '\'' {
		return "", "", "", false
	}
	value, rest, ok = strings.Cut(s[1:], s[:1])
	return attributeLetters(name), attributeText(value), rest, ok
}

// attributeText takes control characters away: the element is one line wherever it stands.
func attributeText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// attributeLetters is attributeText for names; a name of control characters alone becomes "_".
func attributeLetters(name string) string {
	if name = strings.TrimSpace(attributeText(name)); name == "" {
		return "_"
	}
	return name
}

// quoteAttribute uses ' where the value has a ", since entities would change what is hashed.
func quoteAttribute(value string) string {
	value = attributeText(value)
	if !strings.Contains(value, `"`) {
		return `"` + value + `"`
	}
	return "'" + strings.ReplaceAll(value, "'", "") + "'"
}

// String is the raw XML of the object, one line. [ParseMSNObject] reads it back to an equal object.
func (o MSNObject) String() string {
	var b strings.Builder
	attribute := func(name, value string) { b.WriteString(" " + name + "=" + quoteAttribute(value)) }
	b.WriteString("<msnobj")
	attribute("Creator", o.Creator)
	attribute("Size", strconv.Itoa(o.Size))
	attribute("Type", strconv.Itoa(o.Type))
	attribute("Location", o.Location)
	attribute("Friendly", o.friendlyBase64())
	attribute("SHA1D", o.SHA1D)
	if o.SHA1C != "" {
		attribute("SHA1C", o.SHA1C)
	}
	if o.Extra != "" {
		b.WriteString(" " + o.Extra)
	}
	b.WriteString("/>")
	return b.String()
}

// Argument is the object as one argument of a command (CHG, NLN): percent-encoded throughout.
func (o MSNObject) Argument() string { return wire.EncodeFull(o.String()) }

// Verify compares data with Size and SHA1D. The error is an [ErrObjectMismatch].
func (o MSNObject) Verify(data []byte) error {
	if len(data) != o.Size {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrObjectMismatch, len(data), o.Size)
	}
	sum := sha1.Sum(data)
	if want, err := decodeBase64(o.SHA1D); err != nil || !bytes.Equal(want, sum[:]) {
		return fmt.Errorf("%w: SHA1D differs", ErrObjectMismatch)
	}
	return nil
}

// CheckSHA1C verifies the hash over the object's own fields. An object without SHA1C passes, since some
// clients of 2009 leave it out; else the error is an [ErrObjectMismatch].
func (o MSNObject) CheckSHA1C() error {
	if o.SHA1C == "" || o.SHA1C == o.sha1c() {
		return nil
	}
	return fmt.Errorf("%w: SHA1C differs", ErrObjectMismatch)
}

func (o MSNObject) sha1c() string {
	sum := sha1.Sum([]byte("Creator" + o.Creator + "Size" + strconv.Itoa(o.Size) + "Type" + strconv.Itoa(o.Type) +
		"Location" + o.Location + "Friendly" + o.friendlyBase64() + "SHA1D" + o.SHA1D))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// setFriendly decodes the wire's spelling and keeps it if another one would be written.
func (o *MSNObject) setFriendly(wire string) {
	o.Friendly, o.friendlyWire = decodeFriendly(wire), ""
	if encodeFriendly(o.Friendly) != wire {
		o.friendlyWire = "=" + wire
	}
}

func (o MSNObject) friendlyBase64() string {
	if wire, kept := strings.CutPrefix(o.friendlyWire, "="); kept && decodeFriendly(wire) == o.Friendly {
		return wire
	}
	return encodeFriendly(o.Friendly)
}

// encodeFriendly writes UTF-16LE with a NUL at the end, in base64.
func encodeFriendly(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text + "\x00")) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// decodeFriendly stops at the first NUL. What is not base64 is "".
func decodeFriendly(wire string) string {
	b, err := decodeBase64(wire)
	if err != nil {
		return ""
	}
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		unit := uint16(b[0]) | uint16(b[1])<<8
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}

// decodeBase64 takes base64 with or without padding, with white space anywhere.
func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, s)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}
