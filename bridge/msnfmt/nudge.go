package msnfmt

import (
	"html"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MsgNudge is the msgtype of a nudge. Gateways that let Windows Live Messenger speak to Matrix directly use it, so that
// their users' windows shake too.
const MsgNudge event.MessageType = "chat.tachyon.buzz"

// NudgeContent is a nudge of a user by the contact called from. Clients that do not know the msgtype show its body, which
// is worded as an emote and mentions the user by name, and m.mentions makes them all ping. Without a name the user's id
// stands for it; without a user nobody is mentioned, and everybody in the room is meant.
func NudgeContent(from string, user id.UserID, name string) *event.MessageEventContent {
	if from = oneLine(from, maxName); from == "" {
		from = "Somebody"
	}
	if name = oneLine(name, maxName); name == "" {
		name = oneLine(string(user), maxName)
	}
	content := &event.MessageEventContent{MsgType: MsgNudge, Mentions: &event.Mentions{}}
	if user == "" {
		if name != "" {
			name = " to " + name
		}
		content.Body = "* " + from + " sent a nudge" + name + "!"
		return content
	}
	content.Mentions.Add(user)
	start := "* " + from + " sent a nudge to "
	content.Body = start + name + "!"
	content.Format = event.FormatHTML
	pill := `<a href="` + html.EscapeString(user.URI().MatrixToURL()) + `">` + html.EscapeString(name) + "</a>"
	content.FormattedBody = html.EscapeString(start) + pill + "!"
	return content
}

// IsNudge says whether a Matrix message is a nudge: by its msgtype, or a text that is exactly "nudge!" or, with
// Options.BellNudge, the bell emoji alone. Notices are none, so that two bots cannot nudge each other for ever, nor are edits.
func IsNudge(content *event.MessageEventContent, opt Options) bool {
	if content == nil || content.NewContent != nil || content.RelatesTo.GetReplaceID() != "" {
		return false
	}
	switch content.MsgType {
	case MsgNudge:
		return true
	case event.MsgText:
	default:
		return false
	}
	body := content.Body
	if content.RelatesTo.GetReplyTo() != "" {
		body = event.TrimReplyFallbackText(body)
	}
	body = strings.TrimSpace(body)
	return strings.EqualFold(body, "nudge!") || opt.BellNudge && strings.TrimSuffix(body, string(emojiStyle)) == "🔔"
}
