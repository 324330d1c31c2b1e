package msn

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// sdgForm is how a message is put into the envelope of SDG.
type sdgForm uint8

const (
	sdgNone    sdgForm = iota
	sdgCircles         // in circles alone, much like MSG (MSNP18, core.md 11.3)
	sdgAll             // everywhere (MSNP21, core.md 13.3)
)

// Message-Type of what we understand. A type may have a subtype behind a slash, or in another header.
const (
	sdgText     = "Text"
	sdgRichText = "RichText"
	sdgNudge    = "Nudge"
	sdgControl  = "Control"
	sdgTyping   = "Typing"
	sdgWink     = "Wink"
	sdgEmoticon = "CustomEmoticon"
	sdgData     = "Data"
	sdgSignal   = "Signal"
	sdgP2P      = "P2P" // of a Signal
)

// Channels of MSNP21: what is for somebody online, and what the service keeps.
const (
	channelOnline  = "IM/Online"
	channelOffline = "IM/Offline"
)

// chatPath marks what is said to a circle or group, rather than published there.
const chatPath = "IM"

// content makes the content block and body of one part of a message. A long text has several parts, as a
// server may hand them on over a switchboard, which takes 1664 bytes.
func (f sdgForm) content(m Message, me, name string) (parts []wire.Envelope, err error) {
	switch m := m.(type) {
	case *TextMessage:
		for _, payload := range SplitText(m, false, newChunkID) {
			_, body, err := parseFields(payload)
			if err != nil {
				return nil, err
			}
			e := f.envelope(sdgText, typeText+"; charset=UTF-8", body)
			if m.DisplayName != "" {
				e.Content = append(e.Content, wire.Header{Name: "P4-Context", Value: cleanContext(m.DisplayName)})
			}
			if m.Format != (TextFormat{}) {
				e.Content = append(e.Content, wire.Header{Name: "X-MMS-IM-Format", Value: m.Format.String()})
			}
			parts = append(parts, e)
		}
	case *Typing:
		parts = []wire.Envelope{f.typing(me)}
	case *Nudge:
		body := "\r\n"
		if f == sdgCircles {
			body = "ID: 1\r\n\r\n"
		}
		parts = []wire.Envelope{f.envelope(sdgNudge, typeText, []byte(body))}
	case *CustomEmoticons:
		_, body, err := parseFields(AppendMessage(nil, m))
		if err != nil {
			return nil, err
		}
		media := typeEmoticon
		if m.Animated {
			media = typeAnimEmoticon
		}
		parts = []wire.Envelope{f.envelope(sdgEmoticon, media, body)}
	case *Wink:
		parts = []wire.Envelope{f.envelope(sdgWink, typeText, []byte(m.Object.String()))}
	case *ClientCaps, *Keepalive: // of switchboards, and of no use elsewhere
	default:
		return nil, fmt.Errorf("a message of this kind: %w", ErrUnsupported)
	}
	for i := range parts {
		if f == sdgAll && name != "" {
			parts[i].Content = append(parts[i].Content, wire.Header{Name: "IM-Display-Name", Value: cleanContext(name)})
		}
	}
	return parts, nil
}

// envelope makes reliability and content blocks.
func (f sdgForm) envelope(kind, media string, body []byte) wire.Envelope {
	e := wire.Envelope{Reliability: []wire.Header{{Name: "Reliability", Value: "1.0"}}, Body: body}
	media = strings.Replace(media, "text/plain", "Text/plain", 1) // as clients spelt it
	if f == sdgAll {
		e.Content = []wire.Header{{Name: wire.Messaging, Value: "2.0"}, {Name: "Message-Type", Value: kind},
			{Name: "Content-Type", Value: media}, {Name: "Content-Length"}}
		return e
	}
	e.Reliability = append(e.Reliability, wire.Header{Name: "Stream", Value: "0"}, wire.Header{Name: "Segment", Value: "0"})
	e.Content = []wire.Header{{Name: wire.Messaging, Value: "1.0"}, {Name: "Content-Length"}, {Name: "Content-Type", Value: media},
		{Name: "Content-Transfer-Encoding", Value: "7bit"}, {Name: "Message-Type", Value: kind}, {Name: "MIME-Version", Value: "1.0"}}
	return e
}

// typing is spelt in two ways.
func (f sdgForm) typing(me string) wire.Envelope {
	if f == sdgAll {
		return f.envelope(sdgControl+"/"+sdgTyping, typeText+"; charset=UTF-8", nil)
	}
	e := f.envelope(sdgControl, typeControl, []byte("\r\n"))
	e.Content = append(e.Content, wire.Header{Name: "Message-Subtype", Value: sdgTyping}, wire.Header{Name: "TypingUser", Value: me})
	return e
}

// parseSDG reads what stands in an envelope, whatever version it comes from. It is nil for what is between
// programs and not between people.
func parseSDG(e *wire.Envelope, from string) Message {
	kind, subtype, _ := strings.Cut(e.Get("Message-Type"), "/")
	if subtype == "" {
		subtype = e.Get("Message-Subtype")
	}
	contentType := e.Get("Content-Type")
	unknown := &Unknown{ContentType: contentType, Body: bytes.Clone(e.Body)}
	var m Message
	switch {
	case strings.EqualFold(kind, sdgText), strings.EqualFold(kind, sdgRichText):
		m = &TextMessage{
			Text: parseText(e.Body), Format: ParseTextFormat(e.Get("X-MMS-IM-Format")), DisplayName: cleanContext(e.Get("P4-Context")),
		}
	case strings.EqualFold(kind, sdgNudge):
		return &Nudge{}
	case strings.EqualFold(kind, sdgControl):
		if strings.EqualFold(subtype, sdgTyping) || subtype == "" && e.Get("TypingUser") != "" {
			return &Typing{From: from}
		}
		return nil
	case strings.EqualFold(kind, sdgSignal), strings.EqualFold(kind, sdgData):
		return nil
	case strings.EqualFold(kind, sdgWink):
		if o, err := ParseMSNObject(strings.ToValidUTF8(string(e.Body), "\uFFFD")); err == nil {
			return &Wink{Object: o}
		}
	case strings.EqualFold(kind, sdgEmoticon):
		m = parseEmoticons(mediaType(contentType) == typeAnimEmoticon, e.Body)
	default:
		var fields []Field
		for _, h := range e.Content {
			fields = append(fields, Field(h))
		}
		m = parseContent(mediaType(contentType), fields, e.Body)
	}
	if m == nil {
		return unknown
	}
	return m
}

// passportOf is an address as all of this package has it.
func passportOf(a wire.Address) string { return JoinPassport(a.Network, lower(a.Account)) }

// addressOfPassport is the reverse.
func addressOfPassport(passport string) wire.Address {
	network, account := SplitPassport(passport)
	return wire.Address{Network: network, Account: account}
}

// arrival is when a message was written, as far as the envelope tells.
func arrival(e *wire.Envelope, now time.Time) time.Time {
	told, err := time.Parse(time.RFC3339, e.Get("Original-Arrival-Time"))
	if err != nil || told.After(now) || told.Year() < 1999 {
		return now
	}
	return told
}
