package msnfmt

import (
	"net/url"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/event"
)

// maxAnswers bounds how many answers of a poll are listed. Matrix allows 20 (MSC3381).
const maxAnswers = 20

// maxAddress is the longest web address that is repeated, in bytes.
const maxAddress = 500

// ReadableLine says in a line what an event that is no message is about: polls, calls, widgets, live locations, and any
// type nobody thought of, which is named. Only a poll has more lines, one for each answer. raw is the event's content as
// JSON was read to (event.Content.Raw). It is "" for events that are part of a machine's talk and tell people nothing,
// such as the candidates of a call. Lines in asterisks say what the sender did.
func ReadableLine(eventType string, raw map[string]any) string {
	switch eventType {
	case "m.poll.start", "org.matrix.msc3381.poll.start":
		return pollText(raw)
	case "m.poll.response", "org.matrix.msc3381.poll.response":
		return "*voted in the poll*"
	case "m.poll.end", "org.matrix.msc3381.poll.end":
		if text := fallbackText(raw); text != "" {
			return oneLine(text, maxCaption)
		}
		return "*ended the poll*"
	case "m.call.invite":
		return "*is calling (" + callKind(raw) + "), which only works on Matrix*"
	case "m.call.hangup":
		return "*ended the call*"
	case "m.call.reject":
		return "*declined the call*"
	case "m.call.notify", "org.matrix.msc4075.call.notify", "m.rtc.notification", "org.matrix.msc4075.rtc.notification":
		return "*started a call, which only works on Matrix*"
	case "m.widget", "im.vector.modular.widgets":
		return widgetText(raw)
	case "m.beacon_info", "org.matrix.msc3672.beacon_info":
		if live, _ := raw["live"].(bool); !live {
			return "*stopped sharing a live location*"
		}
		return "*shares a live location, which only works on Matrix*"
	case "m.room.encrypted":
		return "[a message that could not be decrypted]"
	case "m.call.candidates", "m.call.answer", "m.call.select_answer", "m.call.negotiate", "m.call.member",
		"org.matrix.msc3401.call.member", "m.beacon", "org.matrix.msc3672.beacon", "m.reaction", "m.room.redaction":
		return ""
	}
	if strings.HasPrefix(eventType, "m.key.verification.") {
		return ""
	}
	if text := fallbackText(raw); text != "" {
		return strings.TrimRight(clean(text), "\n\t ")
	}
	return unknownLine(eventType)
}

// unknownLine names a type.
func unknownLine(typ string) string {
	if typ = oneLine(typ, maxName); typ == "" {
		return "[something that has no type]"
	}
	return "[something that MSN cannot show: " + typ + "]"
}

func pollText(raw map[string]any) string {
	poll := object(raw, "m.poll", "m.poll.start", "org.matrix.msc3381.poll.start")
	question := oneLine(fallbackText(object(poll, "question")), maxCaption)
	if question == "" {
		if question = oneLine(fallbackText(raw), maxCaption); question == "" {
			return "*started a poll*"
		}
	}
	lines := []string{"Poll: " + question}
	answers, _ := poll["answers"].([]any)
	for i, answer := range answers[:min(len(answers), maxAnswers)] {
		fields, _ := answer.(map[string]any)
		text := oneLine(fallbackText(fields), maxCaption)
		if text == "" {
			text = "?"
		}
		lines = append(lines, strconv.Itoa(i+1)+". "+text)
	}
	return strings.Join(lines, "\n")
}

func callKind(raw map[string]any) string {
	sdp, _ := object(raw, "offer")["sdp"].(string)
	if strings.Contains(sdp, "m=video") {
		return "video"
	}
	return "voice"
}

func widgetText(raw map[string]any) string {
	address, _ := raw["url"].(string)
	name, _ := raw["name"].(string)
	if name == "" {
		name, _ = raw["type"].(string)
	}
	name = oneLine(name, maxName)
	switch {
	case address == "":
		return "*removed a widget*"
	case name == "":
		return "*added a widget*" + linkAfter(address)
	}
	return "*added the widget “" + name + "”*" + linkAfter(address)
}

// linkAfter is a web address to stand behind a line; "" for one that a person cannot open, or that is not worth a page of text.
func linkAfter(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || len(address) > maxAddress {
		return ""
	}
	return ": " + u.String()
}

// object is the first of these fields that is there, or an empty object.
func object(raw map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		if fields, ok := raw[key].(map[string]any); ok {
			return fields
		}
	}
	return nil
}

// fallbackText finds the text of content made for clients that do not know its type (MSC1767 in its several spellings).
func fallbackText(raw map[string]any) string {
	for _, key := range []string{"m.text", "org.matrix.msc1767.text", "body"} {
		switch value := raw[key].(type) {
		case string:
			if strings.TrimSpace(value) != "" {
				return value
			}
		case []any:
			for _, one := range value {
				fields, _ := one.(map[string]any)
				if body, _ := fields["body"].(string); strings.TrimSpace(body) != "" {
					if kind, _ := fields["mimetype"].(string); kind == "" || kind == "text/plain" {
						return body
					}
				}
			}
		}
	}
	return ""
}

// ReactionLine says in a line what a reaction was and to what: key is that of the m.reaction, an emoji or the address of a
// picture, quoted the text of the message reacted to.
func ReactionLine(key, quoted string, opt Options) string {
	key = oneLine(key, maxName)
	if key == "" || strings.HasPrefix(key, "mxc://") {
		key = "with a picture"
	} else if opt.Emoticons {
		key = toCodes(key, 0)
	}
	quoted = oneLine(quoted, maxQuote)
	if quoted == "" {
		return "reacted " + key
	}
	return "reacted " + key + " to “" + quoted + "”"
}

// NoticeForUnknown says that a message came whose kind cannot be shown, and which: contentType as it stands in the
// message, "" if it had none.
func NoticeForUnknown(contentType string) *event.MessageEventContent {
	if contentType = oneLine(contentType, maxName); contentType == "" {
		return notice("Sent something that does not say what it is, and that cannot be shown here.")
	}
	return notice("Sent something that cannot be shown here (" + contentType + ").")
}

// NoticeForMissing says that a long message came with a gap: so many of its chunks (core.md 12.10) were lost on the way.
func NoticeForMissing(chunks int) *event.MessageEventContent {
	if chunks == 1 {
		return notice("One part of this message did not arrive.")
	}
	return notice(strconv.Itoa(chunks) + " parts of this message did not arrive.")
}

func notice(text string) *event.MessageEventContent {
	return &event.MessageEventContent{MsgType: event.MsgNotice, Body: text}
}
