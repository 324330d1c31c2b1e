package msnfmt

import (
	"strconv"
	"strings"

	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Describe says what a message is that is no text, for as long as the thing itself is not bridged: winks, voice clips,
// handwriting, invitations, unknown kinds. An action message becomes an emote, in full. It returns nil for what
// nobody needs to read (typing, keepalives, capabilities, peer-to-peer data, the pictures of emoticons, answers to
// invitations) and for what has its own conversion: [ToMatrix], [NudgeContent].
func Describe(m msn.Message) *event.MessageEventContent {
	switch m := m.(type) {
	case *msn.Wink:
		return notice("Sent a wink" + named(m.Object.Friendly) + ", which cannot be shown here yet.")
	case *msn.VoiceClip:
		return notice("Sent a voice clip" + named(m.Object.Friendly) + ", which cannot be played here yet.")
	case *msn.Ink:
		return notice("Sent handwriting (" + oneLine(m.ContentType, maxName) + "), which cannot be shown here yet.")
	case *msn.Action:
		text := strings.TrimSpace(clean(m.Text))
		if text == "" {
			return notice("Sent an action without words.")
		}
		return &event.MessageEventContent{MsgType: event.MsgEmote, Body: text}
	case *msn.Invitation:
		return invitation(m)
	case *msn.Unknown:
		return NoticeForUnknown(m.ContentType)
	}
	return nil
}

func named(name string) string {
	if name = oneLine(name, maxName); name == "" {
		return ""
	}
	return " “" + name + "”"
}

// invitation speaks of an INVITE and of a CANCEL (core.md 12.9).
func invitation(m *msn.Invitation) *event.MessageEventContent {
	field := func(name string) string {
		for _, f := range m.Fields {
			if strings.EqualFold(f.Name, name) {
				return oneLine(f.Value, maxName)
			}
		}
		return ""
	}
	switch command := strings.ToUpper(field("Invitation-Command")); command {
	case "", "INVITE":
	case "CANCEL":
		return notice("Cancelled the invitation.")
	default:
		return nil
	}
	if file := field("Application-File"); file != "" {
		if size, err := strconv.Atoi(field("Application-FileSize")); err == nil && size >= 0 {
			file += ", " + sizeText(size)
		}
		return notice("Offered a file (" + file + "), which cannot be fetched here yet.")
	}
	what := field("Application-Name")
	if what == "" {
		what = "something that has no name"
	}
	return notice("Invited you to " + what + ", which is not supported here.")
}
