package soap

import (
	"bytes"
	"regexp"
	"strings"
)

var encodingLabel = regexp.MustCompile(`encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']`)

// declaredEncoding is the encoding of an XML declaration at the start of a document, in lower case.
func declaredEncoding(head []byte) string {
	head = bytes.TrimLeft(head, " \t\r\n")
	if !bytes.HasPrefix(head, []byte("<?xml")) {
		return ""
	}
	end := bytes.Index(head, []byte("?>"))
	if end < 0 {
		return ""
	}
	found := encodingLabel.FindSubmatch(head[:end])
	if found == nil {
		return ""
	}
	return strings.ToLower(string(found[1]))
}
