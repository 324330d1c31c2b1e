package msn

// Message is the content of one MSG: a closed set, see core.md 12.2 for the table of content types.
type Message interface{ message() }

// TextMessage is text/plain. Lines are separated by \n here and by CR LF on the wire.
type TextMessage struct {
	Text   string
	Format TextFormat // zero: no X-MMS-IM-Format header
	// DisplayName is P4-Context: a name for this message only. Never trust it for identity.
	DisplayName string
}

// TextFormat is the X-MMS-IM-Format header (core.md 12.3). One style covers the whole message.
type TextFormat struct {
	Font                            string
	Bold, Italic, Underline, Strike bool
	Color                           uint32 // 0xRRGGBB (the wire has BGR)
	CharSet                         uint8  // CS
	PitchFamily                     uint8  // PF
	RightToLeft                     bool
}

// Typing is text/x-msmsgscontrol: the sender is typing, or recording a voice clip. It repeats every
// 4 to 5 s and there is no "stopped".
type Typing struct {
	From      string
	Recording bool
}

// Nudge is datacast 1.
type Nudge struct{}

// Wink is datacast 2.
type Wink struct{ Object MSNObject }

// VoiceClip is datacast 3.
type VoiceClip struct{ Object MSNObject }

// Action is datacast 4: a text shown as an action of the sender.
type Action struct{ Text string }

// CustomEmoticons names the pictures that stand for shortcuts in the next text of the sender. Official
// clients send at most 5 in one message and more in further ones.
type CustomEmoticons struct {
	Animated  bool
	Emoticons []CustomEmoticon
}

// CustomEmoticon is one shortcut and its picture.
type CustomEmoticon struct {
	Shortcut string
	Object   MSNObject
}

// Ink is handwriting: a GIF (image/gif) or ISF (application/x-ms-ink), decoded. It may need
// [SplitPayload] to travel.
type Ink struct {
	ContentType string
	Data        []byte
}

// Invitation is text/x-msmsgsinvite: file transfer before P2P, voice, games (core.md 12.9).
type Invitation struct{ Fields []Field }

// Field is one Name: value line, in the order of the wire.
type Field struct{ Name, Value string }

// ClientCaps is text/x-clientcaps, which third-party clients send when they join.
type ClientCaps struct {
	ClientName  string
	ChatLogging string
}

// Keepalive is text/x-keepalive: nothing to show.
type Keepalive struct{}

// P2PData is application/x-msnmsgrp2p, whole and unread; see p2p.
type P2PData struct {
	Dest, Src string
	Data      []byte
}

// Unknown is any other content type, or a body that is not what its type promises, kept so that nothing
// is dropped in silence. ContentType is "" for a payload without that header, such as a lone chunk.
type Unknown struct {
	ContentType string
	Body        []byte
}

func (*TextMessage) message()     {}
func (*Typing) message()          {}
func (*Nudge) message()           {}
func (*Wink) message()            {}
func (*VoiceClip) message()       {}
func (*Action) message()          {}
func (*CustomEmoticons) message() {}
func (*Ink) message()             {}
func (*Invitation) message()      {}
func (*ClientCaps) message()      {}
func (*Keepalive) message()       {}
func (*P2PData) message()         {}
func (*Unknown) message()         {}
