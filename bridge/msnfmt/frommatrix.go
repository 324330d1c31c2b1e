package msnfmt

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	maxName    = 100 // runes of a name, file name or type in a line made here
	maxQuote   = 120 // runes of a message that is quoted to be recognised
	maxCaption = 500 // runes of a poll's question and of each answer
)

// About is what a conversion to MSN needs to know beside the content. The zero value is a message of its own.
type About struct {
	// Quote is the message that this one replies to, as text, with its sender's name if that is wanted ("Bob: see you").
	// It becomes one line above the text, cut to 120 runes. Callers give the text without the quote that it may itself have.
	Quote string
	// Edit marks the text as a new version of an earlier one. It is implied by content that has an m.new_content.
	Edit bool
	// Actor is who acts in an emote: "* Alice waves". Without it an emote is "*waves*", since MSN shows the sender's name above.
	Actor string
	// Name gives the name that MSN knows a mentioned user by, or "". May be nil: then the text of the mention stands.
	Name func(id.UserID) string
	// Link is where somebody without Matrix can fetch the file or picture that the content has, or "".
	Link string
}

// FromMatrix converts message content of any msgtype, and that of a sticker, to a text; see the package's
// documentation for what becomes of HTML. The text is never empty if the content shows anything. It is not
// split: the field's own limit is package msn's concern. Content is not changed.
func FromMatrix(content *event.MessageEventContent, opt Options, about About) *msn.TextMessage {
	if content == nil {
		return &msn.TextMessage{}
	}
	isReply := about.Quote != "" || content.RelatesTo.GetReplyTo() != ""
	if content.NewContent != nil {
		content, about.Edit = content.NewContent, true
	}
	text, format := mainText(content, opt, about, isReply)
	if !format.RightToLeft {
		format.RightToLeft = isRightToLeft(text)
	}
	if content.MsgType == event.MsgEmote && text != "" {
		text = emote(text, about.Actor)
	}
	if about.Edit {
		text = "* " + text
	}
	if quote := strings.TrimSpace(strings.TrimPrefix(oneLine(about.Quote, maxQuote), "> ")); quote != "" {
		if opt.Emoticons {
			quote = toCodes(quote, 0)
		}
		text = "> " + quote + "\n" + text
	}
	return &msn.TextMessage{Text: text, Format: styled(format)}
}

// styled completes a format that has a style. Official clients always name a font; what is only black Arial is no style.
func styled(f msn.TextFormat) msn.TextFormat {
	if f != (msn.TextFormat{}) {
		f.Font, f.PitchFamily = "Arial", 0x22 // swiss, of variable width
	}
	return f
}

func emote(text, actor string) string {
	if actor = oneLine(actor, maxName); actor != "" {
		return "* " + actor + " " + text
	}
	return "*" + text + "*"
}

func mainText(content *event.MessageEventContent, opt Options, about About, isReply bool) (string, msn.TextFormat) {
	switch content.MsgType {
	case event.MsgText, event.MsgNotice, event.MsgEmote:
		return words(content, opt, about, isReply)
	case event.MsgLocation:
		return locationText(content), msn.TextFormat{}
	case event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile, event.CapMsgSticker:
		return mediaText(content, opt, about)
	}
	if content.URL != "" || content.File != nil { // a sticker has no msgtype
		return mediaText(content, opt, about)
	}
	text, format := words(content, opt, about, isReply)
	if text == "" {
		return unknownLine(string(content.MsgType)), format
	}
	return text, format
}

// words is the body, from its HTML where it has any that shows something.
func words(content *event.MessageEventContent, opt Options, about About, isReply bool) (string, msn.TextFormat) {
	if content.Format == event.FormatHTML && content.FormattedBody != "" {
		if text, format, ok := htmlText(clean(content.FormattedBody), opt, about); ok && strings.TrimSpace(text) != "" {
			return text, format
		}
	}
	text := clean(content.Body)
	if isReply {
		text = event.TrimReplyFallbackText(text)
	}
	text = strings.TrimRight(text, "\n\t ")
	if opt.Emoticons {
		text = toCodes(text, 0)
	}
	return text, msn.TextFormat{}
}

// mediaText names a picture or file, with its caption and where it can be had.
func mediaText(content *event.MessageEventContent, opt Options, about About) (string, msn.TextFormat) {
	kind := "file"
	switch {
	case content.MsgType == event.MsgImage:
		kind = "picture"
	case content.MsgType == event.MsgVideo:
		kind = "video"
	case content.MSC3245Voice != nil:
		kind = "voice message"
	case content.MsgType == event.MsgAudio:
		kind = "audio"
	case content.MsgType != event.MsgFile:
		kind = "sticker"
	}
	line := "[" + kind
	if name := oneLine(content.GetFileName(), maxName); name != "" {
		line += ": " + name
	}
	if content.MsgType == event.MsgFile && content.Info != nil && content.Info.Size > 0 {
		line += ", " + sizeText(content.Info.Size)
	}
	line += "]"
	if link := oneLine(about.Link, maxText); link != "" {
		line += "\n" + link
	}
	if content.GetCaption() == "" {
		return line, msn.TextFormat{}
	}
	caption, _ := words(content, opt, about, false)
	return line + "\n" + caption, msn.TextFormat{}
}

func sizeText(bytes int) string {
	switch {
	case bytes < 1000:
		return strconv.Itoa(bytes) + " bytes"
	case bytes < 1000_000:
		return strconv.Itoa(bytes/1000) + " kB"
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// locationText is the description of a place and a link to a map.
func locationText(content *event.MessageEventContent) string {
	text := strings.TrimSpace(clean(content.Body))
	if text == "" {
		text = "Location"
	}
	geo := oneLine(content.GeoURI, maxName)
	if link := mapLink(geo); link != "" {
		return text + "\n" + link
	}
	if geo != "" && !strings.Contains(text, geo) {
		return text + "\n" + geo
	}
	return text
}

// mapLink turns a geo URI (RFC 5870) into an address of a map, "" if it is none or off the globe.
func mapLink(geo string) string {
	coordinates, found := strings.CutPrefix(geo, "geo:")
	if !found {
		return ""
	}
	coordinates, _, _ = strings.Cut(coordinates, ";")
	parts := strings.Split(coordinates, ",")
	if len(parts) < 2 {
		return ""
	}
	lat, err1 := strconv.ParseFloat(parts[0], 64)
	lon, err2 := strconv.ParseFloat(parts[1], 64)
	// Written so that what is not a number fails too.
	if err1 != nil || err2 != nil || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) {
		return ""
	}
	degrees := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	at, on := degrees(lat), degrees(lon)
	if utf8.RuneCountInString(at+on) > 60 {
		return ""
	}
	return fmt.Sprintf("https://www.openstreetmap.org/?mlat=%s&mlon=%s#map=16/%s/%s", at, on, at, on)
}
