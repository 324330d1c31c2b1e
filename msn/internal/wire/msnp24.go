package wire

import "bytes"

// MSNP24 has an alphabet of its own (core.md 14): every line is `CMD TrID NAMESPACE length`, in both directions, and a payload
// begins with a block of headers about the connection, empty most of the time. A [Reader] of [FromClient24] or [FromServer24]
// reads such lines as a [Command] whose only argument is the namespace, with a payload that is never nil; [Command.Append]
// with these sides writes them. A Command24 is the same with its payload taken apart.

// Command24 is one command of MSNP24.
type Command24 struct {
	// Name is three upper-case letters, or three digits for an error.
	Name string
	// TrID is that of the request in a reply, and 0 in what a server sends unasked.
	TrID uint32
	// Namespace is CON, CON\USER, MSGR\PRESENCE ...
	Namespace string
	// Top is about the connection: Registration, Set-Registration, Ack-Id, Last-Msg-Id.
	Top []Header
	// Body is all after the top block: XML, or an [Envelope]. nil, with no Top, for a command without payload.
	Body []byte
}

// ReadMSNP24 reads the next command of a [Reader] of [FromClient24] or [FromServer24]. Errors are those of [Reader.Read], and
// those of [ParseEnvelope] for a top block with too many or too long headers.
func ReadMSNP24(r *Reader) (Command24, error) {
	cmd, err := r.Read()
	if err != nil {
		return Command24{}, err
	}
	return SplitMSNP24(cmd)
}

// SplitMSNP24 takes the payload of a command apart, for those who have read it as a [Command].
func SplitMSNP24(cmd Command) (Command24, error) {
	c := Command24{Name: cmd.Name, TrID: cmd.TrID}
	if len(cmd.Args) > 0 {
		c.Namespace = cmd.Args[0]
	}
	if len(cmd.Payload) == 0 {
		return c, nil
	}
	var err error
	if c.Top, c.Body, err = cutBlock(cmd.Payload, maxHeaders); err != nil {
		return Command24{}, err
	}
	if c.Body == nil {
		c.Body = []byte{}
	}
	return c, nil
}

// Command is the command as a [Reader] gives it, for [Command.Append] with [FromClient24] or [FromServer24].
func (c Command24) Command() Command {
	cmd := Command{Name: c.Name, TrID: c.TrID, HasTrID: true, Args: []string{c.Namespace}, Payload: []byte{}}
	if len(c.Top) > 0 || c.Body != nil {
		cmd.Payload = append(append(appendHeaders(nil, c.Top), "\r\n"...), c.Body...)
	}
	return cmd
}

// AppendMSNP24 appends the command, which reads the same from either side.
func AppendMSNP24(b []byte, c Command24) []byte { return c.Command().Append(b, FromClient24) }

// Get is the value of the first header of that name in the top block, in any letter case, "" if there is none.
func (c *Command24) Get(name string) string {
	e := Envelope{Routing: c.Top}
	return e.Get(name)
}

// redact24 hides what opens an account: the ticket of ATH, the answer to the challenge, and the state that a redirect hands on.
func redact24(cmd Command) Command {
	namespace := ""
	if len(cmd.Args) > 0 {
		namespace = cmd.Args[0]
	}
	switch {
	case cmd.Name == "ATH":
		cmd.Payload = hideElement(cmd.Payload, "ssl-compact-ticket")
		cmd.Payload = hideElement(cmd.Payload, "uic")
	case cmd.Name == "PUT" && namespace == `MSGR\CHALLENGE`:
		cmd.Payload = hideElement(cmd.Payload, "response")
	case cmd.Name == "XFR", cmd.Name == "CNT":
		cmd.Payload = hideElement(cmd.Payload, "state")
	case bytes.Contains(bytes.ToLower(cmd.Payload), []byte("signal/turn")):
		cmd.Payload = hidePayload(cmd.Payload)
	}
	return cmd
}

// hideElement replaces what stands between the tags of every element of that name. An element without end is hidden with all
// that follows.
func hideElement(doc []byte, name string) []byte {
	start, end := []byte("<"+name), []byte("</"+name)
	var b []byte
	for {
		before, after, found := bytes.Cut(doc, start)
		if !found {
			return append(b, doc...)
		}
		b = append(append(b, before...), start...)
		attributes, rest, opened := bytes.Cut(after, []byte(">"))
		if !opened {
			return append(b, hidden...)
		}
		b = append(append(b, attributes...), '>')
		doc = rest
		if bytes.HasSuffix(attributes, []byte("/")) {
			continue
		}
		b = append(b, hidden...)
		at := bytes.Index(rest, end)
		if at < 0 {
			return b
		}
		doc = rest[at:]
	}
}
