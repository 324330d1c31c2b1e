package msn

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Content types of core.md 12.2, in lower case.
const (
	typeText         = "text/plain"
	typeControl      = "text/x-msmsgscontrol"
	typeDatacast     = "text/x-msnmsgr-datacast"
	typeEmoticon     = "text/x-mms-emoticon"
	typeAnimEmoticon = "text/x-mms-animemoticon"
	typeInvite       = "text/x-msmsgsinvite"
	typeClientCaps   = "text/x-clientcaps"
	typeClientInfo   = "text/x-clientinfo"
	typeKeepalive    = "text/x-keepalive"
	typeInkGIF       = "image/gif"
	typeInkISF       = "application/x-ms-ink"
	typeP2P          = "application/x-msnmsgrp2p"
)

// maxContextName bounds P4-Context, in bytes: the longest friendly name of core.md 2.4.
const maxContextName = 387

// ParseMessage reads the payload of one MSG, chunks joined (see [Reassembler]). Content types that it does not
// know, and bodies that are not what their type promises, become an [Unknown], so that the only errors are
// [ErrNoHeader], if the payload does not begin with a header field, and [ErrTooManyFields], above 128
// fields. Text is valid UTF-8 afterwards. The message shares no memory with the payload.
func ParseMessage(payload []byte) (Message, error) {
	fields, body, err := parseFields(payload)
	if err != nil {
		return nil, err
	}
	contentType := fieldValue(fields, "Content-Type")
	if m := parseContent(mediaType(contentType), fields, body); m != nil {
		return m, nil
	}
	return &Unknown{ContentType: contentType, Body: bytes.Clone(body)}, nil
}

// mediaType is the type alone, lower case. It asks less of the parameters than package mime.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// parseContent returns nil for what is not understood.
func parseContent(media string, fields []Field, body []byte) Message {
	switch media {
	case typeText:
		return &TextMessage{
			Text:        parseText(body),
			Format:      ParseTextFormat(fieldValue(fields, "X-MMS-IM-Format")),
			DisplayName: cleanContext(fieldValue(fields, "P4-Context")),
		}
	case typeControl:
		return parseTyping(fields)
	case typeDatacast:
		return parseDatacast(body)
	case typeEmoticon, typeAnimEmoticon:
		return parseEmoticons(media == typeAnimEmoticon, body)
	case typeInkGIF, typeInkISF:
		return parseInk(media, body)
	case typeInvite:
		if list, ok := parseFieldLines(body); ok {
			return &Invitation{Fields: list}
		}
	case typeClientCaps, typeClientInfo:
		list, _ := parseFieldLines(body)
		return &ClientCaps{
			ClientName:  fieldValue(list, "Client-Name"),
			ChatLogging: fieldValue(list, "Chat-Logging"),
		}
	case typeKeepalive:
		return &Keepalive{}
	case typeP2P:
		return &P2PData{
			Dest: fieldValue(fields, "P2P-Dest"),
			Src:  fieldValue(fields, "P2P-Src"),
			Data: bytes.Clone(body),
		}
	}
	return nil
}

// lineEnds are all the ways in which clients end a line, and the one way in here.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func parseText(body []byte) string {
	return lineEnds.Replace(strings.ToValidUTF8(string(body), "\uFFFD"))
}

func cleanContext(name string) string {
	return strings.TrimSpace(cutBytes(cleanLine(name), maxContextName))
}

func parseTyping(fields []Field) Message {
	if from := fieldValue(fields, "RecordingUser"); from != "" {
		return &Typing{From: from, Recording: true}
	}
	if from := fieldValue(fields, "TypingUser"); from != "" {
		return &Typing{From: from}
	}
	return nil
}

func parseDatacast(body []byte) Message {
	fields, _ := parseFieldLines(body)
	data := fieldValue(fields, "Data")
	switch fieldValue(fields, "ID") {
	case "1":
		return &Nudge{}
	case "2":
		if o, err := ParseMSNObject(data); err == nil {
			return &Wink{Object: o}
		}
	case "3":
		if o, err := ParseMSNObject(data); err == nil {
			return &VoiceClip{Object: o}
		}
	case "4":
		return &Action{Text: data}
	}
	return nil
}

// parseEmoticons passes over an entry that it cannot read: the text then shows the shortcut itself.
func parseEmoticons(animated bool, body []byte) Message {
	m := &CustomEmoticons{Animated: animated}
	parts := strings.Split(strings.ToValidUTF8(string(body), "\uFFFD"), "\t")
	for i := 0; i+1 < len(parts) && len(m.Emoticons) < maxFields; i += 2 {
		shortcut := cleanLine(parts[i])
		o, err := ParseMSNObject(parts[i+1])
		if shortcut == "" || err != nil {
			continue
		}
		m.Emoticons = append(m.Emoticons, CustomEmoticon{Shortcut: shortcut, Object: o})
	}
	if len(m.Emoticons) == 0 {
		return nil
	}
	return m
}

const inkPrefix = "base64:"

// parseInk takes bare data too.
func parseInk(media string, body []byte) Message {
	data := bytes.Clone(body)
	if text, encoded := bytes.CutPrefix(body, []byte(inkPrefix)); encoded {
		var err error
		if data, err = decodeBase64(string(text)); err != nil {
			return nil
		}
	}
	if len(data) == 0 {
		return nil
	}
	return &Ink{ContentType: media, Data: data}
}

// AppendMessage writes the payload of one MSG as official clients do (core.md 12). It may exceed
// [MaxMessagePayload]: see [SplitText] and [SplitPayload]. What cannot stand in a header line (line breaks,
// control characters) is left out, and a P4-Context is cut at 387 bytes.
func AppendMessage(b []byte, m Message) []byte {
	b = append(b, "MIME-Version: 1.0\r\n"...)
	switch m := m.(type) {
	case *TextMessage:
		return append(appendTextHeader(b, m), wireText(m.Text)...)
	case *Typing:
		return appendTyping(b, m)
	case *Nudge:
		return appendDatacast(b, "1", "")
	case *Wink:
		return appendDatacast(b, "2", m.Object.String())
	case *VoiceClip:
		return appendDatacast(b, "3", m.Object.String())
	case *Action:
		return appendDatacast(b, "4", m.Text)
	case *CustomEmoticons:
		return appendEmoticons(b, m)
	case *Ink:
		b = endHeader(appendField(b, "Content-Type", m.ContentType))
		return base64.StdEncoding.AppendEncode(append(b, inkPrefix...), m.Data)
	case *Invitation:
		b = endHeader(appendField(b, "Content-Type", typeInvite+"; charset=UTF-8"))
		return append(appendFieldLines(b, m.Fields), "\r\n"...)
	case *ClientCaps:
		return appendClientCaps(b, m)
	case *Keepalive:
		return endHeader(appendField(b, "Content-Type", typeKeepalive))
	case *P2PData:
		b = appendField(b, "Content-Type", typeP2P)
		b = appendField(b, "P2P-Dest", m.Dest)
		if m.Src != "" {
			b = appendField(b, "P2P-Src", m.Src)
		}
		return append(endHeader(b), m.Data...)
	case *Unknown:
		if m.ContentType != "" {
			b = appendField(b, "Content-Type", m.ContentType)
		}
		return append(endHeader(b), m.Body...)
	}
	return endHeader(b)
}

func endHeader(b []byte) []byte { return append(b, "\r\n"...) }

// appendTextHeader writes all of a text's header after MIME-Version, the empty line included.
func appendTextHeader(b []byte, m *TextMessage) []byte {
	b = appendField(b, "Content-Type", typeText+"; charset=UTF-8")
	if name := cleanContext(m.DisplayName); name != "" {
		b = appendField(b, "P4-Context", name)
	}
	if m.Format != (TextFormat{}) {
		b = appendField(b, "X-MMS-IM-Format", m.Format.String())
	}
	return endHeader(b)
}

// wireText is valid UTF-8 with CR LF between lines.
func wireText(text string) string {
	return strings.ReplaceAll(parseText([]byte(text)), "\n", "\r\n")
}

func appendTyping(b []byte, m *Typing) []byte {
	b = appendField(b, "Content-Type", typeControl)
	name := "TypingUser"
	if m.Recording {
		name = "RecordingUser"
	}
	b = appendField(b, name, m.From)
	return append(endHeader(b), "\r\n"...)
}

func appendDatacast(b []byte, id, data string) []byte {
	b = endHeader(appendField(b, "Content-Type", typeDatacast))
	b = appendField(b, "ID", id)
	if data != "" {
		b = appendField(b, "Data", data)
	}
	return append(b, "\r\n"...)
}

func appendEmoticons(b []byte, m *CustomEmoticons) []byte {
	contentType := typeEmoticon
	if m.Animated {
		contentType = typeAnimEmoticon
	}
	b = endHeader(appendField(b, "Content-Type", contentType))
	for _, e := range m.Emoticons {
		b = append(b, cleanLine(e.Shortcut)...)
		b = append(b, '\t')
		b = append(b, e.Object.String()...)
		b = append(b, '\t')
	}
	return b
}

func appendClientCaps(b []byte, m *ClientCaps) []byte {
	b = endHeader(appendField(b, "Content-Type", typeClientCaps))
	b = appendField(b, "Client-Name", m.ClientName)
	if m.ChatLogging != "" {
		b = appendField(b, "Chat-Logging", m.ChatLogging)
	}
	return b
}

// appendFieldLines leaves out fields whose name could not be read back.
func appendFieldLines(b []byte, fields []Field) []byte {
	for _, f := range fields {
		if name := cleanLine(f.Name); name == "" || strings.Contains(name, ":") {
			continue
		}
		b = appendField(b, f.Name, f.Value)
	}
	return b
}

// MessageAck is the acknowledgement to ask for (core.md 10.4 and 12.2): 'A' for what a person waits for (texts,
// nudges, winks ...), 'U' for what nobody misses, 'D' for P2P, which must have it, and 'N' else.
func MessageAck(m Message) byte {
	switch m.(type) {
	case *TextMessage, *Nudge, *Wink, *VoiceClip, *Action:
		return 'A'
	case *Typing, *ClientCaps, *Keepalive:
		return 'U'
	case *P2PData:
		return 'D'
	}
	return 'N'
}
