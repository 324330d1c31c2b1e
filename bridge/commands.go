package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// commands are the bot's commands beside bridgev2's own: one row each.
func (c *Connector) commands() []commands.CommandHandler {
	row := func(name, args, what string, run func(*commands.Event, *Client) error) commands.CommandHandler {
		return &commands.FullHandler{
			Name: name, RequiresLogin: true,
			Help: commands.HelpMeta{Section: commands.HelpSectionChats, Args: args, Description: what},
			Func: func(ce *commands.Event) {
				client, err := clientFor(ce)
				if err == nil {
					err = run(ce, client)
				}
				if c, ok := ce.Ctx.Value(chosen{}).(*Client); ok {
					client = c
				}
				switch {
				case errors.Is(err, errWhich):
					ce.Reply("%s", reason(err))
				case err != nil:
					ce.Reply("%s%s", whose(ce, client), reason(err))
				}
			},
		}
	}
	startChat := *commands.CommandStartChat
	startChat.Func = commandStartChat
	return []commands.CommandHandler{
		&startChat,
		row("list", "[_page_ | _text_]", "List your contacts: all of them page by page, or those with the text in name, address or group.", commandList),
		row("add", "_address_ [_name_]", "Put somebody on your contact list.", commandAdd),
		row("remove", "[_address_]", "Take somebody off your contact list. In a chat, without address.", commandRemove),
		row("rename", "[_address_] _name_", "Call a contact something else, for you alone. In a chat, without address.", commandRename),
		row("group", "[add | remove | rename | put | take | move] ...", "List your contact groups, or change them; `group help` says how.", commandGroup),
		row("privacy", "[everybody | contacts]", "Show or set who may see you and write to you.", commandPrivacy),
		row("sync", "", "Bring rooms, names, groups and presence in line with MSN.", commandSync),
		row("nudge", "", "Shake your contact's window. In a chat.", commandNudge),
		row("status", "[_word_ [_message_] | auto]", "Set what your contacts see, until `status auto`.", commandStatus),
		row("reconnect", "", "Sign in again, after you signed in at another place.", commandReconnect),
		row("accept", "[_address_]", "Put somebody who asked on your contact list. In a chat, without address.", commandAccept),
		row("requests", "", "List who waits for your answer.", commandRequests),
		row("decline", "[_address_]", "Say no to somebody who asked. In a chat, without address.", commandDecline),
		row("places", "[name _name_ | sign-out _number_|all]", "List where your account is signed in, or sign other places out.", forOne(commandPlaces)),
		row("profile", "[name _name_ | message _text_]", "Show or change what your MSN service keeps of you.", forOne(commandProfile)),
		row("name", "[_name_ | auto]", "Set your name on MSN, until `name auto`.", commandName),
		row("picture", "[_mxc URI_ | none | auto]", "Set your picture on MSN, in answer to an image, until `picture auto`.", commandPicture),
		row("message", "[_text_ | none | auto]", "Set your personal message on MSN, until `message auto`.", commandMessage),
		row("circle", "list | create _name_ | accept | decline | leave", "Lasting groups (MSNP18 and later). The last three in the circle's room.", forOne(commandCircle)),
		row("block", "[_address_]", "Be offline to somebody. In a chat, without address.", commandBlock),
		row("unblock", "[_address_]", "Let somebody see you and write to you again. In a chat, without address.", commandUnblock),
	}
}

// chosen is the key in a command's context of the login that it names, or that is meant.
type chosen struct{}

// choose takes the account out of a command, "add @alice@example.com bob@example.com", or with its service, "@local/alice@example.com".
func choose(ce *commands.Event) (*Client, error) {
	at := 0
	if verbs := []string{"group", "circle", "places"}; slices.Contains(verbs, ce.Command) && len(ce.Args) > 1 && !strings.HasPrefix(ce.Args[0], "@") {
		at = 1 // "group add @alice@example.com Work"
	}
	if len(ce.Args) <= at || !strings.HasPrefix(ce.Args[at], "@") {
		return nil, nil
	}
	given := ce.Args[at]
	if _, ghost := ce.Bridge.Matrix.ParseGhostMXID(id.UserID(given)); ghost {
		return nil, nil
	}
	word := strings.ToLower(given[1:])
	var found []*Client
	var names []string
	for _, c := range ownLogins(ce) {
		names = append(names, "@"+string(c.login.ID))
		if c.passport == word || string(c.login.ID) == word {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%q is not one of your accounts; they are %s", given, strings.Join(names, ", "))
	}
	before, after, _ := strings.Cut(ce.RawArgs, given)
	ce.RawArgs = strings.TrimSpace(strings.TrimSpace(before) + " " + strings.TrimSpace(after))
	ce.Args = slices.Delete(slices.Clone(ce.Args), at, at+1)
	ce.Ctx = context.WithValue(ce.Ctx, chosen{}, found[0])
	return found[0], nil
}

// whose begins an answer with the account, if the user has several.
func whose(ce *commands.Event, c *Client) string {
	if c == nil || len(ce.User.GetUserLogins()) < 2 {
		return ""
	}
	return cell(c.login.RemoteName) + ": "
}

// clientFor is the login that a command is for: the one it names, that of the room, or the user's only or preferred one.
func clientFor(ce *commands.Event) (*Client, error) {
	if named, err := choose(ce); named != nil || err != nil {
		return named, err
	}
	login := ce.User.GetDefaultLogin()
	if ce.Portal != nil {
		found, _, err := ce.Portal.FindPreferredLogin(ce.Ctx, ce.User, false)
		if err != nil {
			return nil, err
		}
		login = found
	}
	if login == nil {
		return nil, bridgev2.ErrNotLoggedIn
	}
	client, ok := login.Client.(*Client)
	if !ok {
		return nil, bridgev2.ErrNotLoggedIn
	}
	return client, nil
}

// reason words an error as a whole sentence.
func reason(err error) string {
	text := err.Error()
	var worded bridgev2.MessageStatus
	if errors.As(err, &worded) && worded.Message != "" { // where it happened
		return sentence(worded.Message)
	}
	for _, f := range failures {
		if f.is(err) {
			text = f.text
			break
		}
	}
	return sentence(text)
}

// sentence makes a whole one of what an error says.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// ownLogins is for commands that are for every login, unless they name one: all of the user's, in order.
func ownLogins(ce *commands.Event) []*Client {
	if c, named := ce.Ctx.Value(chosen{}).(*Client); named {
		return []*Client{c}
	}
	var all []*Client
	for _, login := range ce.User.GetUserLogins() {
		if client, ok := login.Client.(*Client); ok {
			all = append(all, client)
		}
	}
	slices.SortFunc(all, func(a, b *Client) int { return strings.Compare(string(a.login.ID), string(b.login.ID)) })
	return all
}

// cell makes a text safe inside a Markdown table.
var cell = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "~", `\~`, "\n", " ",
).Replace

// commandStartChat is bridgev2's, for the account that is meant: whoever it is about becomes a contact.
func commandStartChat(ce *commands.Event) {
	if err := putAccount(ce); err != nil {
		ce.Reply("%s", reason(err))
		return
	}
	commands.CommandStartChat.Func(ce)
}

// putAccount puts the account that is meant before the other words of a command of bridgev2's, if it is not there.
func putAccount(ce *commands.Event) error {
	own := func(c *Client) bool { return string(c.login.ID) == first(ce.Args) }
	if len(ce.Args) == 0 || slices.ContainsFunc(ownLogins(ce), own) {
		return nil
	}
	c, err := clientFor(ce)
	if err != nil {
		return err
	}
	if word, _ := cutWord(rawArgs(ce)); isAddress(word) {
		ce.Args = []string{word}
	}
	if c, err = oneAccount(ce, c, first(ce.Args)); err == nil {
		ce.Args = append([]string{string(c.login.ID)}, ce.Args...)
	}
	return err
}

// commandNudge nudges the people of the room.
func commandNudge(ce *commands.Event, c *Client) error {
	if ce.Portal == nil {
		return errors.New("write `nudge` in the chat with the contact")
	}
	if _, err := c.nudge(ce.Ctx, ce.Portal.ID); err != nil {
		return err
	}
	ce.React("🔔")
	return nil
}

// statusWords are what `status` understands.
var statusWords = map[string]msn.Status{
	"online": msn.Online, "busy": msn.Busy, "idle": msn.Idle, "brb": msn.BeRightBack, "away": msn.Away,
	"phone": msn.OnThePhone, "lunch": msn.OutToLunch, "hidden": msn.Hidden, "offline": msn.Hidden,
}

// commandStatus sets status and personal message of all the user's logins, or tells them.
func commandStatus(ce *commands.Event, _ *Client) error {
	if len(ce.Args) == 0 {
		for _, c := range ownLogins(ce) {
			ce.Reply("%s: %s", cell(c.login.RemoteName), c.ownStatus())
		}
		return nil
	}
	word := strings.ToLower(ce.Args[0])
	status, known := statusWords[word]
	if !known && word != "auto" {
		return fmt.Errorf("%q is no status; there are auto, %s", ce.Args[0], strings.Join(slices.Sorted(maps.Keys(statusWords)), ", "))
	}
	text := strings.Join(ce.Args[1:], " ")
	if word == "auto" {
		text = ""
	}
	for _, c := range ownLogins(ce) {
		c.setStatus(ce.Ctx, status, text)
	}
	if word == "auto" {
		ce.Reply("Your MSN status follows Matrix again.")
		return nil
	}
	ce.Reply("Your MSN status is %s%s, until `$cmdprefix status auto`.", status.Word(), withColon(text))
	return nil
}

// ownStatus is what contacts see of the account, or shall see.
func (c *Client) ownStatus() string {
	status, text := c.own.want()
	shown := status.Word() + withColon(cell(text))
	if c.current.Load() == nil {
		return "not signed in to MSN. When it is, it will be shown as " + shown
	}
	return shown
}

func withColon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// setStatus overrides what contacts see, across restarts; "" ends that.
func (c *Client) setStatus(ctx context.Context, status msn.Status, text string) {
	c.remember(ctx, func(l *database.Login) { l.Status, l.PersonalMessage = string(status), text })
	c.own.set(status, text)
}

// commandReconnect signs in again what is not signed in, or the account that it names.
func commandReconnect(ce *commands.Event, _ *Client) error {
	_, named := ce.Ctx.Value(chosen{}).(*Client)
	all := ownLogins(ce)
	away := slices.DeleteFunc(slices.Clone(all), func(c *Client) bool { return c.current.Load() != nil })
	if !named && len(away) > 0 { // the others are well
		all = away
	}
	for _, c := range all {
		c.Disconnect()
		c.remember(ce.Ctx, func(l *database.Login) { l.Elsewhere = false })
		c.Connect(c.login.Log.WithContext(c.conn.br.BackgroundCtx))
	}
	ce.Reply("Signing in to MSN again.")
	return nil
}
