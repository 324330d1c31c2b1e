package oim

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

const (
	// maxText is the most bytes that are taken of one message's text.
	maxText = 256 << 10
	// maxParts and maxDepth bound the parts of one message, and parts in parts.
	maxParts, maxDepth = 32, 3
	// maxFields bounds the fields of a header, maxField the length of one that is folded, in bytes.
	maxFields, maxField = 256, 8 << 10
)

// errNoText is for a message of parts none of which is a text. It stays with the service, for a program that can
// show it.
var errNoText = errors.New("there is no text in the message")

// splitMail parts a mail into header and body. Lines that are no field are passed over, as one of them must not cost
// the message; it is none if there is no field at all.
func splitMail(text string) (h textproto.MIMEHeader, body string, err error) {
	h = make(textproto.MIMEHeader)
	last := ""
	for text = strings.TrimLeft(text, "\uFEFF\r\n \t"); text != ""; {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		if values := h[last]; len(values) > 0 && (line[0] == ' ' || line[0] == '\t') { // folded
			if of := &values[len(values)-1]; len(*of) < maxField {
				*of += " " + strings.TrimSpace(line)
			}
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if last = ""; !found || name == "" || strings.ContainsAny(name, " \t") || len(h) >= maxFields {
			continue
		}
		last = textproto.CanonicalMIMEHeaderKey(name)
		h[last] = append(h[last], strings.TrimSpace(value))
	}
	if len(h) == 0 {
		return nil, "", ErrNoMessage
	}
	return h, text, nil
}

// readBody decodes a body, or finds the text in one with several parts.
func readBody(contentType, encoding, raw string, depth int) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		params = nil
	}
	if boundary := params["boundary"]; strings.HasPrefix(kind, "multipart/") && boundary != "" && depth < maxDepth {
		if text, parts := readParts(boundary, raw, depth); text != "" {
			return text, nil
		} else if parts > 0 {
			return "", errNoText
		}
	}
	text := decodeText(decodeTransfer(strings.ToLower(strings.TrimSpace(encoding)), raw), params["charset"])
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// decodeTransfer undoes the transfer encoding. What is not encoded as it says is taken as it is.
func decodeTransfer(encoding, raw string) string {
	switch encoding {
	case "base64":
		return decodeBase64(raw)
	case "quoted-printable":
		if decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(raw))); err == nil {
			raw = string(decoded)
		}
	}
	return strings.TrimRight(raw, "\r\n") // which belong to the mail
}

// decodeBase64 bears missing and early padding, and characters that have no business there, unless so many are in it
// that it is a plain text.
func decodeBase64(raw string) string {
	var decoded []byte
	foreign := false
	for chunk := range strings.SplitSeq(raw, "=") {
		chunk = strings.Map(func(r rune) rune {
			switch {
			case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '+', r == '/':
				return r
			case r != '\r' && r != '\n' && r != ' ' && r != '\t':
				foreign = true
			}
			return -1
		}, chunk)
		if len(chunk)%4 == 1 { // six bits are no byte
			chunk = chunk[:len(chunk)-1]
		}
		decoded, _ = base64.RawStdEncoding.AppendDecode(decoded, []byte(chunk)) // only the alphabet is left
	}
	if foreign && !utf8.Valid(decoded) {
		return strings.TrimRight(raw, "\r\n")
	}
	return string(decoded)
}

// decodeText makes UTF-8 of a text. Of an unknown encoding it keeps what is readable.
func decodeText(text, label string) string {
	switch strings.ToLower(label) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		if r, err := charsetReader(label, strings.NewReader(text)); err == nil {
			if converted, err := io.ReadAll(r); err == nil {
				text = string(converted)
			}
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// readParts finds the text among parts: the first plain one, else the first of any kind of text. It tells how many
// parts there were.
func readParts(boundary, raw string, depth int) (text string, parts int) {
	r := multipart.NewReader(strings.NewReader(raw), boundary)
	other := ""
	for ; parts < maxParts; parts++ {
		part, err := r.NextRawPart()
		if err != nil {
			break
		}
		body, _ := io.ReadAll(part) // what is there of one that is cut off
		contentType := part.Header.Get("Content-Type")
		kind := strings.ToLower(strings.TrimSpace(contentType))
		if kind != "" && !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "text/vnd.ms-msnipg") {
			continue
		}
		found, err := readBody(contentType, part.Header.Get("Content-Transfer-Encoding"), string(body), depth+1)
		switch {
		case err != nil || strings.TrimSpace(found) == "":
		case kind == "" || strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(kind, "multipart/"):
			return found, parts + 1
		case other == "":
			other = found
		}
	}
	return other, parts
}
