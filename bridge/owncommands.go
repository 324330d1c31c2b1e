package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// What the user wants MSN contacts to see, for all logins of the user, until `auto`. It is kept across restarts, and what is
// set while nobody is signed in is announced with the next sign-in.

// byAuto ends an override.
const byAuto = "auto"

// commandName sets the name on MSN, or tells it.
func commandName(ce *commands.Event, _ *Client) error {
	given := strings.Join(strings.Fields(ce.RawArgs), " ")
	name := msn.FitName(given)
	for _, c := range ownLogins(ce) {
		if name == "" {
			ce.Reply("%s: %s", cell(c.login.RemoteName), cell(cmp.Or(c.profile.name(), "the name that the account has on MSN")))
			continue
		}
		if err := c.callMyself(ce.Ctx, name); err != nil {
			return err
		}
	}
	follows := ownConfig(ce).Name
	switch {
	case name == "":
	case name != given:
		ce.Reply("Your name on MSN is %s, until `$cmdprefix name auto`. It is cut, as MSN takes no more.", cell(name))
	case name != byAuto:
		ce.Reply("Your name on MSN is %s, until `$cmdprefix name auto`.", cell(name))
	case follows:
		ce.Reply("Your name on MSN follows Matrix again.")
	default:
		ce.Reply("Your name on MSN stays what it is now.")
	}
	return nil
}

// callMyself keeps a name, and announces it at once: if `auto` comes next, and follows nothing, it is what stays.
func (c *Client) callMyself(ctx context.Context, name string) error {
	if name == byAuto {
		return c.profile.change(ctx, func(p *database.Profile) { p.Name = "" })
	}
	if s, err := c.online(); err == nil {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		if err := c.profile.announceName(ctx, s.msn, name); err != nil {
			return err
		}
	}
	return c.profile.change(ctx, func(p *database.Profile) { p.Name = name })
}

// commandMessage sets the personal message alone, or tells it.
func commandMessage(ce *commands.Event, _ *Client) error {
	text := strings.Join(strings.Fields(ce.RawArgs), " ")
	for _, c := range ownLogins(ce) {
		if text == "" {
			_, now := c.own.want()
			ce.Reply("%s: %s", cell(c.login.RemoteName), cell(cmp.Or(now, "no message")))
			continue
		}
		fixed, kept := text != byAuto, text
		if text == byAuto || text == "none" {
			kept = ""
		}
		if err := c.profile.change(ce.Ctx, func(p *database.Profile) { p.MessageFixed, p.Message = fixed, kept }); err != nil {
			return err
		}
		c.own.say(fixed, kept)
		if _, now := c.own.want(); fixed && now != kept {
			ce.Reply("%s: contacts go on seeing %s, which came with `status`, until `$cmdprefix status auto`.", cell(c.login.RemoteName), cell(now))
		}
	}
	switch text {
	case "":
	case byAuto:
		ce.Reply("Your message on MSN follows Matrix again.")
	case "none":
		ce.Reply("You have no message on MSN, until `$cmdprefix message auto`.")
	default:
		ce.Reply("Your message on MSN is: %s, until `$cmdprefix message auto`.", cell(text))
	}
	return nil
}

// commandPicture sets the display picture, or tells what it is.
func commandPicture(ce *commands.Event, _ *Client) error {
	word := strings.TrimSpace(ce.RawArgs)
	all := ownLogins(ce)
	if word == "" && ce.ReplyTo == "" {
		for _, c := range all {
			ce.Reply("%s: %s", cell(c.login.RemoteName), c.profile.describe())
		}
		return nil
	}
	set, said := (*ownProfile).auto, "Your picture on MSN follows Matrix again."
	switch {
	case word == byAuto && !ownConfig(ce).Picture:
		said = "You have no picture on MSN now, as yours on Matrix is not shown there here."
	case word == byAuto:
	case word == "none":
		set = func(o *ownProfile, ctx context.Context) error { return o.set(ctx, "", nil) }
		said = "You have no picture on MSN, until `$cmdprefix picture auto`."
	default:
		uri, file, err := pictureMeant(ce, word)
		if err != nil {
			return err
		}
		tile, err := all[0].profile.make(ce.Ctx, uri, file)
		if err != nil {
			return fmt.Errorf("the picture cannot be used: %w", err)
		}
		set = func(o *ownProfile, ctx context.Context) error { return o.set(ctx, uri, tile) }
		said = "Your contacts see that picture on MSN, until `$cmdprefix picture auto`."
	}
	for _, c := range all {
		if err := set(c.profile, ce.Ctx); err != nil {
			return err
		}
	}
	if s, err := all[0].online(); err == nil && !s.msn.ShowsObjects() {
		said += " The protocol version spoken now has none, though."
	}
	ce.ReplyAdvanced(strings.ReplaceAll(said, "$cmdprefix", ce.Bridge.Config.CommandPrefix), true, false)
	return nil
}

// errNoImage says how to name a picture.
var errNoImage = errors.New("answer to an image with `picture`, or write `picture mxc://...`, `picture none` or `picture auto`")

// imageForBot says what an image in the bot's room is good for, which bridgev2 takes for a command. What begins with a word of letters is
// one, or nothing that has to be looked at.
func (c *Connector) imageForBot(ctx context.Context, room id.RoomID, eventID id.EventID, body string) bool {
	word, _, _ := strings.Cut(body, " ")
	if !strings.ContainsFunc(word, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) }) {
		return false
	}
	content, err := imageIn(ctx, c.br.Bot, room, eventID)
	if err != nil || content == nil {
		return false
	}
	answer := format.RenderMarkdown("Answer to the image with `picture`, and your contacts on MSN see it as yours.", true, false)
	answer.MsgType = event.MsgNotice
	if _, err := c.br.Bot.SendMessage(ctx, room, event.EventMessage, &event.Content{Parsed: &answer}, nil); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to answer an image")
	}
	return true
}

// imageIn is what an event shows; nil if it is no image.
func imageIn(ctx context.Context, bot bridgev2.MatrixAPI, room id.RoomID, eventID id.EventID) (*event.MessageEventContent, error) {
	evt, err := bot.GetEvent(ctx, room, eventID)
	if err != nil {
		return nil, err
	}
	if evt.Content.Parsed == nil {
		_ = evt.Content.ParseRaw(evt.Type) // what cannot be parsed is no image
	}
	content := evt.Content.AsMessage()
	if content.MsgType != event.MsgImage && evt.Type != event.EventSticker {
		return nil, nil
	}
	return content, nil
}

// pictureMeant is the medium that a command is about: an mxc URI, or the image that it answers.
func pictureMeant(ce *commands.Event, word string) (id.ContentURIString, *event.EncryptedFileInfo, error) {
	if word != "" {
		uri := id.ContentURIString(word)
		if parsed, err := uri.Parse(); err != nil || parsed.IsEmpty() {
			return "", nil, errNoImage
		}
		return uri, nil, nil
	}
	content, err := imageIn(ce.Ctx, ce.Bot, ce.OrigRoomID, ce.ReplyTo)
	if err != nil {
		return "", nil, fmt.Errorf("the message that you answered cannot be read: %w", err)
	}
	switch {
	case content == nil:
		return "", nil, errNoImage
	case content.File != nil:
		return content.File.URL, content.File, nil
	case content.URL == "":
		return "", nil, errNoImage
	}
	return content.URL, nil, nil
}

// describe tells where the picture comes from.
func (o *ownProfile) describe() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.data.PictureFixed && o.data.PNG == nil:
		return "no picture, by command"
	case o.data.PictureFixed:
		return fmt.Sprintf("%s, by command (%d bytes on MSN)", o.data.Source, len(o.data.PNG))
	case !o.cfg.Picture || o.data.PNG == nil:
		return "no picture"
	}
	return fmt.Sprintf("your avatar on Matrix (%d bytes on MSN)", len(o.data.PNG))
}

// ownConfig is what follows Matrix by itself.
func ownConfig(ce *commands.Event) ProfileConfig {
	if conn, ok := ce.Bridge.Network.(*Connector); ok {
		return conn.Config.Profile
	}
	return ProfileConfig{}
}
