package msntest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const (
	// maxRequest bounds the body of a request to a web service.
	maxRequest = 1 << 20
	// maxNodes and maxNesting bound what is made of it.
	maxNodes   = 20000
	maxNesting = 40
)

// node is an element of a request. Elements are found by local name: clients use all sorts of prefixes (services.md 2).
type node struct {
	name, space string
	attrs       []xml.Attr
	text        string // of this element alone
	kids        []*node
}

var errRequest = errors.New("not a SOAP request")

// parseRequest reads a request strictly. There is nothing in it but elements, attributes and text: no document types, so no
// entities either.
func parseRequest(body []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	root := &node{}
	open := []*node{root}
	text := []*strings.Builder{{}}
	count := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errRequest
		}
		switch token := token.(type) {
		case xml.StartElement:
			if count++; count > maxNodes || len(open) > maxNesting {
				return nil, errRequest
			}
			n := &node{name: token.Name.Local, space: token.Name.Space, attrs: token.Copy().Attr}
			top := open[len(open)-1]
			top.kids = append(top.kids, n)
			open, text = append(open, n), append(text, &strings.Builder{})
		case xml.EndElement:
			open[len(open)-1].text = text[len(text)-1].String()
			open, text = open[:len(open)-1], text[:len(text)-1]
		case xml.CharData:
			text[len(text)-1].Write(token)
		case xml.Directive:
			return nil, errRequest
		}
	}
	if len(open) != 1 || len(root.kids) != 1 {
		return nil, errRequest
	}
	return root.kids[0], nil
}

// kid is the first child of a name, in any letter case: ABFindAll and ABFindContactsPaged spell theirs differently. A node
// that is nil has none.
func (n *node) kid(name string) *node {
	if n != nil {
		for _, k := range n.kids {
			if strings.EqualFold(k.name, name) {
				return k
			}
		}
	}
	return nil
}

// at follows a path of names, "a/b/c"; nil if there is nothing. The path "" is the node itself.
func (n *node) at(path string) *node {
	if path == "" {
		return n
	}
	for name := range strings.SplitSeq(path, "/") {
		n = n.kid(name)
	}
	return n
}

// get is the text at a path without the space around it, "" if there is none.
func (n *node) get(path string) string {
	if n = n.at(path); n != nil {
		return strings.TrimSpace(n.text)
	}
	return ""
}

// has tells whether there is something at a path.
func (n *node) has(path string) bool { return n.at(path) != nil }

// list are the children of a name of what is at a path.
func (n *node) list(path, name string) []*node {
	var all []*node
	if n = n.at(path); n != nil {
		for _, k := range n.kids {
			if strings.EqualFold(k.name, name) {
				all = append(all, k)
			}
		}
	}
	return all
}

// texts are the texts of the children of what is at a path.
func (n *node) texts(path string) []string {
	var all []string
	if n = n.at(path); n != nil {
		for _, k := range n.kids {
			all = append(all, strings.TrimSpace(k.text))
		}
	}
	return all
}

// attr is an attribute by local name.
func (n *node) attr(name string) string {
	if n != nil {
		for _, a := range n.attrs {
			if a.Name.Local == name {
				return a.Value
			}
		}
	}
	return ""
}

// yes tells whether the text at a path is a true boolean.
func (n *node) yes(path string) bool {
	text := n.get(path)
	return strings.EqualFold(text, "true") || text == "1"
}

// annotations are the names and values below a path.
func (n *node) annotations(path string) map[string]string {
	all := map[string]string{}
	for _, k := range n.list(path, "Annotation") {
		all[k.get("Name")] = k.get("Value")
	}
	return all
}

// answer is XML being written. There is no space between elements: libpurple takes it for one (real-clients.md).
type answer struct{ b bytes.Buffer }

// raw writes what is XML already.
func (w *answer) raw(parts ...string) *answer {
	for _, p := range parts {
		w.b.WriteString(p)
	}
	return w
}

// text writes text.
func (w *answer) text(s string) *answer {
	_ = xml.EscapeText(&w.b, []byte(s)) // a Buffer takes everything
	return w
}

// open begins an element; attrs are name, value, name, value.
func (w *answer) open(name string, attrs ...string) *answer {
	w.raw("<", name)
	for i := 0; i+1 < len(attrs); i += 2 {
		w.raw(" ", attrs[i], `="`).text(attrs[i+1]).raw(`"`)
	}
	return w.raw(">")
}

// end ends elements, inner ones first.
func (w *answer) end(names ...string) *answer {
	for _, name := range names {
		w.raw("</", name, ">")
	}
	return w
}

// leaf is an element with text.
func (w *answer) leaf(name, text string, attrs ...string) *answer {
	return w.open(name, attrs...).text(text).end(name)
}

// leaves are elements with text: name, text, name, text.
func (w *answer) leaves(pairs ...string) *answer {
	for i := 0; i+1 < len(pairs); i += 2 {
		w.leaf(pairs[i], pairs[i+1])
	}
	return w
}

func (w *answer) bytes() []byte { return w.b.Bytes() }

// word is a boolean as XML has it.
func word(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
