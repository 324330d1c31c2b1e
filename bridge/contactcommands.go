package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/format"

	"github.com/matrix-msn/matrix-msn/msn"
)

// The bot's commands about the contact list. What they do is in contactedits.go.

const (
	// listPage is how many contacts one table has: a Matrix event holds 64 KiB.
	listPage = 80
	// listCell is the longest text in a table, in characters.
	listCell = 80
)

// commandList writes a table for each login.
func commandList(ce *commands.Event, _ *Client) error {
	page, search := 1, strings.TrimSpace(ce.RawArgs)
	if n, err := strconv.Atoi(search); err == nil && n > 0 {
		page, search = n, ""
	}
	for _, c := range ownLogins(ce) {
		s, err := c.online()
		if err != nil {
			ce.Reply("%s: %s", c.login.RemoteName, reason(err))
			continue
		}
		table, plain := s.contactTable(page, search)
		content := format.RenderMarkdown(table, true, false)
		content.MsgType, content.Body = event.MsgNotice, plain // for clients that show no tables
		if _, err := ce.Bot.SendMessage(ce.Ctx, ce.OrigRoomID, event.EventMessage, &event.Content{Parsed: &content}, nil); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return nil
}

// contactTable is one page of the contact list, those who are there first: in Markdown, and as a plain text.
func (s *session) contactTable(page int, search string) (markdown, plain string) {
	contacts := s.contactList(search)
	slices.SortStableFunc(contacts, func(a, b listedContact) int { return b.reach - a.reach })
	pages := max((len(contacts)+listPage-1)/listPage, 1)
	page = min(page, pages)
	title := fmt.Sprintf("%s: %s", s.login.RemoteName, plural(len(contacts), "contact"))
	if search != "" {
		title += fmt.Sprintf(" with %q", search)
	} else if asking := len(s.msn.Requests()); asking > 0 {
		title += fmt.Sprintf(", and %s", plural(asking, "contact request"))
	}
	if pages > 1 {
		title += fmt.Sprintf(", page %d of %d", page, pages)
	}
	blocked, plainBlocked := s.blockedStrangers(search)
	if len(contacts) == 0 {
		markdown, plain = cell(title), title
		if search == "" {
			const hint = ". Write `add <address>` to put somebody on the list."
			markdown, plain = markdown+hint, plain+hint
		}
		return markdown + "\n" + blocked, plain + "\n" + plainBlocked
	}
	var table, list strings.Builder
	fmt.Fprintf(&table, "%s\n\n| name | address | presence | says | groups |\n|---|---|---|---|---|\n", cell(title))
	fmt.Fprintf(&list, "%s\n", title)
	for _, c := range contacts[(page-1)*listPage : min(page*listPage, len(contacts))] {
		presence, groups := c.Presence, strings.Join(c.Groups, ", ")
		if c.Blocked {
			presence = "blocked"
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", cell(short(c.Name)), cell(short(c.Address)), presence, cell(short(c.Message)), cell(short(groups)))
		fmt.Fprintf(&list, "- %s (%s): %s%s", short(c.Name), short(c.Address), presence, withColon(short(c.Message)))
		if groups != "" {
			fmt.Fprintf(&list, " [%s]", short(groups))
		}
		list.WriteByte('\n')
	}
	if page < pages {
		more := fmt.Sprintf("\n`list %d` shows the next page, `list <text>` searches.", page+1)
		return table.String() + more, list.String() + more
	}
	return table.String() + blocked, list.String() + plainBlocked
}

// blockedStrangers lists who is blocked and not on the contact list; search is as in contactList.
func (s *session) blockedStrangers(search string) (markdown, plain string) {
	var names []string
	search = strings.ToLower(search)
	for _, contact := range s.msn.Contacts() {
		if !contact.On(msn.BlockList) || contact.On(msn.ForwardList) {
			continue
		}
		text := contact.Passport
		if name, known := s.displayName(contact.Passport); known && name != contact.Passport {
			text = fmt.Sprintf("%s (%s)", short(name), contact.Passport)
		}
		if strings.Contains(strings.ToLower(text), search) {
			names = append(names, text)
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	slices.Sort(names)
	if more := len(names) - listPage; more > 0 {
		names = append(names[:listPage], fmt.Sprintf("%d more; list <text> searches", more))
	}
	const title = "\nBlocked, and not on your list:\n\n"
	markdown, plain = title, title
	for _, name := range names {
		markdown += "- " + cell(name) + "\n"
		plain += "- " + name + "\n"
	}
	return markdown, plain
}

// short is a text for a cell of a table.
func short(text string) string {
	if runes := []rune(text); len(runes) > listCell {
		text = string(runes[:listCell-1]) + "…"
	}
	return text
}

// who is whom the first word names, by address or name, or the contact of the room if it is no address; rest is what follows.
func (s *session) who(ce *commands.Event, text string) (passport, rest string, err error) {
	word, rest := cutWord(text)
	switch passport, here := contactHere(ce); {
	case isAddress(word):
		passport, err = s.address(word)
		return passport, rest, err
	case here:
		return passport, text, nil
	case text == "":
		return "", "", errNobody
	}
	passport, err = s.named(word)
	return passport, rest, err
}

var errNobody = errors.New("give an address, or write it in the chat with the contact")

// contactHere is the contact of the room in which a command is written.
func contactHere(ce *commands.Event) (passport string, ok bool) {
	if ce.Portal == nil {
		return "", false
	}
	_, passport, ok = parseDirect(ce.Portal.ID)
	return passport, ok
}

// oneOf is who a command is about that takes nobody but one: an address, a name, or nothing in the chat with the contact.
func (s *session) oneOf(ce *commands.Event) (passport string, err error) {
	text := rawArgs(ce)
	word, rest := cutWord(text)
	switch {
	case text == "":
		if passport, ok := contactHere(ce); ok {
			return passport, nil
		}
		return "", errNobody
	case !isAddress(word):
		return s.named(onePerson(ce))
	case rest != "":
		return "", fmt.Errorf("%q is too much: `%s` takes one address", rest, ce.Command)
	}
	return s.address(word)
}

// named finds whoever on any of the lists is called so, or else as part of the name, if that is one alone.
func (s *session) named(name string) (passport string, err error) {
	var exact, part []string
	for _, contact := range s.msn.Contacts() {
		shown, known := s.displayName(contact.Passport)
		switch {
		case !known:
		case strings.EqualFold(shown, name):
			exact = append(exact, contact.Passport)
		case strings.Contains(strings.ToLower(shown), strings.ToLower(name)):
			part = append(part, contact.Passport)
		}
	}
	found := exact
	if len(found) == 0 {
		found = part
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%q is no address, and nobody on your lists is called so", name)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	return "", fmt.Errorf("%q may be %s: give the address", name, strings.Join(found[:min(len(found), 5)], ", "))
}

// edit runs a change of the contact list under a time limit and answers with what it says. whom is the address or name that the command
// gives, "" for none.
func edit(ce *commands.Event, c *Client, whom string, change func(context.Context, *session) (string, error)) error {
	c, err := oneAccount(ce, c, whom)
	if err != nil {
		return err
	}
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ce.Ctx, sendTimeout)
	defer cancel()
	done, err := change(ctx, s)
	if err == nil {
		ce.Reply("%s%s", whose(ce, c), done)
	}
	return err
}

// oneAccount is whose list a command is about, if the user has several accounts: the one it names, that of the room, or the only one that
// knows whom it is about.
func oneAccount(ce *commands.Event, c *Client, whom string) (*Client, error) {
	all := ownLogins(ce)
	if ce.Portal != nil || len(all) < 2 { // one alone, too, if it is named
		return c, nil
	}
	server, _, err := c.conn.person(whom)
	if err != nil {
		return nil, err
	}
	var knowing []*Client
	var names []string
	for _, one := range all {
		if server != "" && one.server != server {
			continue
		}
		names = append(names, "`@"+string(one.login.ID)+"`")
		if s := one.current.Load(); s != nil && s.knows(whom) {
			knowing = append(knowing, one)
		}
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("that is somebody of %w, %q, where you have no account", errElsewhere, server)
	case len(knowing) == 1:
		ce.Ctx = context.WithValue(ce.Ctx, chosen{}, knowing[0])
		return knowing[0], nil
	}
	return nil, fmt.Errorf("%w: put %s behind `%s`", errWhich, strings.Join(names, " or "), ce.Command)
}

var errWhich = errors.New("which account? You have several")

// forOne has a command ask for the account, if the user has several.
func forOne(run func(*commands.Event, *Client) error) func(*commands.Event, *Client) error {
	return func(ce *commands.Event, c *Client) error {
		c, err := oneAccount(ce, c, "")
		if err != nil {
			return err
		}
		return run(ce, c)
	}
}

// knows tells whether what stands for somebody, or a name, is of one on the lists.
func (s *session) knows(whom string) bool {
	if isAddress(whom) {
		passport, err := s.address(whom)
		_, known := s.msn.Contact(passport)
		return known && err == nil
	}
	if whom == "" {
		return false
	}
	_, err := s.named(whom)
	return err == nil
}

// first is the first word, "" for none.
func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// onePerson is what stands behind a command that takes one person: an address alone, or all words of a name.
func onePerson(ce *commands.Event) string {
	text := rawArgs(ce)
	if word, _ := cutWord(text); isAddress(word) {
		return word
	}
	return strings.Join(strings.Fields(unquoted(text)), " ")
}

// show answers with what the account of the room has to say, or in other rooms that which is named, or all.
func show(ce *commands.Event, c *Client, what func(*session) (string, error)) error {
	all := ownLogins(ce)
	if ce.Portal != nil {
		all = []*Client{c}
	}
	for _, c := range all {
		s, err := c.online()
		var text string
		if err == nil {
			text, err = what(s)
		}
		if err != nil {
			text = reason(err)
		}
		ce.Reply("%s%s", whose(ce, c), text)
	}
	return nil
}

// aboutOne is edit for commands that take one person and nothing else.
func aboutOne(ce *commands.Event, c *Client, change func(ctx context.Context, s *session, passport string) (string, error)) error {
	return edit(ce, c, onePerson(ce), func(ctx context.Context, s *session) (string, error) {
		passport, err := s.oneOf(ce)
		if err != nil {
			return "", err
		}
		return change(ctx, s, passport)
	})
}

func commandAdd(ce *commands.Event, c *Client) error {
	word, rest := cutWord(rawArgs(ce))
	if !isAddress(word) {
		return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
			return s.add(ctx, passport, "")
		})
	}
	return edit(ce, c, word, func(ctx context.Context, s *session) (string, error) {
		passport, err := s.address(word)
		if err != nil {
			return "", err
		}
		return s.add(ctx, passport, unquoted(rest))
	})
}

func commandAccept(ce *commands.Event, c *Client) error {
	return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
		if !s.asks(passport) {
			return "", noRequest(passport, "`add` puts somebody on your list who has not asked")
		}
		if err := s.accept(ctx, passport); err != nil {
			return "", err
		}
		if contact, _ := s.msn.Contact(passport); contact.On(msn.BlockList) {
			return fmt.Sprintf("%s is on your contact list, and still blocked: `unblock %[1]s` changes that.", cell(passport)), nil
		}
		return fmt.Sprintf("%s is on your contact list.", cell(passport)), nil
	})
}

// noRequest is for whoever waits for no answer.
func noRequest(passport, hint string) error {
	return fmt.Errorf("there is no request of %s: %s", passport, hint)
}

func commandRemove(ce *commands.Event, c *Client) error {
	return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
		return fmt.Sprintf("%s is off your contact list. A room with them stays; `delete-chat` there deletes it.", cell(passport)),
			s.remove(ctx, passport)
	})
}

func commandRename(ce *commands.Event, c *Client) error {
	text := rawArgs(ce)
	whom, _ := cutWord(text)
	return edit(ce, c, whom, func(ctx context.Context, s *session) (string, error) {
		passport, rest, err := s.who(ce, text)
		if err != nil {
			return "", err
		}
		name := unquoted(rest)
		switch name {
		case "":
			return "", errors.New("write `rename [address] <name>`, or `rename [address] none` for the name that they have themselves")
		case "none":
			return fmt.Sprintf("%s is called what they call themselves.", cell(passport)), s.rename(ctx, passport, "")
		}
		return fmt.Sprintf("%s is called %s now, for you.", cell(passport), cell(name)), s.rename(ctx, passport, name)
	})
}

func commandDecline(ce *commands.Event, c *Client) error {
	return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
		if !s.asks(passport) {
			return "", noRequest(passport, "`remove` takes somebody off your list, `block` keeps them away")
		}
		err := s.decline(ctx, passport)
		if errors.Is(err, msn.ErrUnsupported) {
			err = errors.New("this version of the protocol knows no declining: `block` them, or leave it as it is")
		}
		return fmt.Sprintf("%s was declined. They are not told.", cell(passport)), err
	})
}

// commandRequests lists who waits for an answer.
func commandRequests(ce *commands.Event, c *Client) error {
	return show(ce, c, func(s *session) (string, error) {
		requests := s.msn.Requests()
		if len(requests) == 0 {
			return "Nobody waits for an answer.", nil
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s:\n\n", plural(len(requests), "contact request"))
		for _, r := range requests {
			fmt.Fprintf(&b, "- %s (%s)%s\n", cell(short(s.nameOf(r.Passport, r.FriendlyName))), cell(short(r.Passport)), withColon(cell(short(r.Text))))
		}
		b.WriteString("\n`accept <address>`, `decline <address>` or `block <address>` answers.")
		return b.String(), nil
	})
}

func commandBlock(ce *commands.Event, c *Client) error {
	return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
		return fmt.Sprintf("%s is blocked: they see you offline and cannot write to you.", cell(passport)), s.block(ctx, passport)
	})
}

func commandUnblock(ce *commands.Event, c *Client) error {
	return aboutOne(ce, c, func(ctx context.Context, s *session, passport string) (string, error) {
		return fmt.Sprintf("%s is not blocked.", cell(passport)), s.unblock(ctx, passport)
	})
}

// commandPrivacy shows or sets BLP.
func commandPrivacy(ce *commands.Event, c *Client) error {
	const everybody, contacts = "Everybody who is not blocked may see you and write to you.", "Only those whom you allowed may see you and write to you."
	wanted := strings.ToLower(strings.TrimSpace(ce.RawArgs))
	if wanted == "" {
		return show(ce, c, func(s *session) (string, error) {
			if s.msn.Privacy() == msn.BlockOthers {
				return contacts, nil
			}
			return everybody, nil
		})
	}
	return edit(ce, c, "", func(ctx context.Context, s *session) (string, error) {
		switch wanted {
		case "everybody":
			return everybody, s.msn.SetPrivacy(ctx, msn.AllowOthers)
		case "contacts":
			return contacts, s.msn.SetPrivacy(ctx, msn.BlockOthers)
		}
		return "", errors.New("write `privacy`, `privacy everybody` or `privacy contacts`")
	})
}

func commandSync(ce *commands.Event, c *Client) error {
	return edit(ce, c, "", func(ctx context.Context, s *session) (string, error) { return s.syncAll(ctx) })
}

const groupHelp = "`group` lists your contact groups. `group add <name>` makes one, `group rename <group> <new name>` and `group remove <group>` change it. " +
	"`group put [address] <group>` puts a contact into one, `group take [address] <group>` takes them out, and `group move [address] <group>` " +
	"takes them out of all others, too. A group is its name or its number in the list; names with blanks stand in \"double quotes\". " +
	"In the chat with a contact no address is needed."

// commandGroup lists and changes contact groups.
func commandGroup(ce *commands.Event, c *Client) error {
	verb, text := cutWord(rawArgs(ce))
	whom := ""
	switch verb = strings.ToLower(verb); verb {
	case "list", "":
		return show(ce, c, func(s *session) (string, error) {
			if !s.msn.HasGroups() {
				return "", errNoGroups
			}
			return s.groupTable(), nil
		})
	case "put", "take", "move":
		whom, _ = cutWord(text)
	}
	return edit(ce, c, whom, func(ctx context.Context, s *session) (string, error) {
		if !s.msn.HasGroups() {
			return "", errNoGroups
		}
		switch verb {
		case "add":
			return s.addGroup(ctx, unquoted(text))
		case "remove":
			return s.removeGroup(ctx, text)
		case "rename":
			if _, name := cutWord(text); name != "" {
				return s.renameGroup(ctx, text)
			}
		case "put", "take", "move":
			passport, rest, err := s.who(ce, text)
			if err != nil {
				return "", err
			}
			if rest != "" {
				return s.sortContact(ctx, verb, passport, rest)
			}
		}
		return groupHelp, nil
	})
}

var errNoGroups = errors.New("the protocol version of this MSN service knows no contact groups")

// groupTable lists the groups.
func (s *session) groupTable() string {
	groups := s.groupList()
	if len(groups) == 0 {
		return "You have no contact groups. " + groupHelp
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n\n", plural(len(groups), "contact group"))
	for i, g := range groups {
		fmt.Fprintf(&b, "%d. %s (%d)\n", i+1, cell(short(g.Name)), len(g.Contacts))
	}
	return b.String()
}
