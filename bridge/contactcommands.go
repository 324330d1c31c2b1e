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
	}
	if pages > 1 {
		title += fmt.Sprintf(", page %d of %d", page, pages)
	}
	if len(contacts) == 0 {
		if search == "" {
			title += ". Write `add <address>` to put somebody on the list."
		}
		return cell(title), title
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
		table.WriteString(more)
		list.WriteString(more)
	}
	return table.String(), list.String()
}

// short is a text for a cell of a table.
func short(text string) string {
	if runes := []rune(text); len(runes) > listCell {
		text = string(runes[:listCell-1]) + "…"
	}
	return text
}

// who is the address that a command gives, or the contact of the room; rest are the other words.
func who(ce *commands.Event, words []string) (passport string, rest []string, err error) {
	if len(words) > 0 && strings.Contains(words[0], "@") {
		passport, err = cleanAddress(words[0])
		return passport, words[1:], err
	}
	if ce.Portal != nil {
		if _, passport, ok := parseDirect(ce.Portal.ID); ok {
			return passport, words, nil
		}
	}
	return "", nil, errors.New("give an address, or write it in the chat with the contact")
}

// wordsOf splits what follows a command. Names with blanks stand in double quotes.
func wordsOf(text string) []string {
	var words []string
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// edit runs a change of the contact list under a time limit and answers with what it says.
func edit(ce *commands.Event, c *Client, change func(context.Context, *session) (string, error)) error {
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

// about is edit for commands that take an address or the room's contact.
func about(ce *commands.Event, c *Client, change func(ctx context.Context, s *session, passport string, rest []string) (string, error)) error {
	passport, rest, err := who(ce, wordsOf(ce.RawArgs))
	if err != nil {
		return err
	}
	return edit(ce, c, func(ctx context.Context, s *session) (string, error) { return change(ctx, s, passport, rest) })
}

func commandAdd(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, rest []string) (string, error) {
		return s.add(ctx, passport, strings.Join(rest, " "))
	})
}

func commandAccept(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, _ []string) (string, error) {
		return fmt.Sprintf("%s is on your contact list.", cell(passport)), s.accept(ctx, passport)
	})
}

func commandRemove(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, _ []string) (string, error) {
		return fmt.Sprintf("%s is off your contact list. A room with them stays; `delete-chat` there deletes it.", cell(passport)),
			s.msn.RemoveContact(ctx, passport)
	})
}

func commandRename(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, rest []string) (string, error) {
		name := strings.Join(rest, " ")
		if name == "" {
			return "", errors.New("write `rename [address] <name>`")
		}
		return fmt.Sprintf("%s is called %s now, for you.", cell(passport), cell(name)), s.rename(ctx, passport, name)
	})
}

func commandDecline(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, _ []string) (string, error) {
		err := s.decline(ctx, passport)
		if errors.Is(err, msn.ErrUnsupported) {
			err = errors.New("this version of the protocol knows no declining: `block` them, or leave it as it is")
		}
		return fmt.Sprintf("%s was declined. They are not told.", cell(passport)), err
	})
}

func commandBlock(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, _ []string) (string, error) {
		return fmt.Sprintf("%s is blocked: they see you offline and cannot write to you.", cell(passport)), s.block(ctx, passport)
	})
}

func commandUnblock(ce *commands.Event, c *Client) error {
	return about(ce, c, func(ctx context.Context, s *session, passport string, _ []string) (string, error) {
		return fmt.Sprintf("%s is not blocked.", cell(passport)), s.unblock(ctx, passport)
	})
}

// commandPrivacy shows or sets BLP.
func commandPrivacy(ce *commands.Event, c *Client) error {
	const everybody, contacts = "Everybody who is not blocked may see you and write to you.", "Only those whom you allowed may see you and write to you."
	return edit(ce, c, func(ctx context.Context, s *session) (string, error) {
		switch strings.ToLower(strings.TrimSpace(ce.RawArgs)) {
		case "":
			if s.msn.Privacy() == msn.BlockOthers {
				return contacts, nil
			}
			return everybody, nil
		case "everybody":
			return everybody, s.msn.SetPrivacy(ctx, msn.AllowOthers)
		case "contacts":
			return contacts, s.msn.SetPrivacy(ctx, msn.BlockOthers)
		}
		return "", errors.New("write `privacy`, `privacy everybody` or `privacy contacts`")
	})
}

func commandSync(ce *commands.Event, c *Client) error {
	return edit(ce, c, func(ctx context.Context, s *session) (string, error) { return s.syncAll(ctx) })
}

const groupHelp = "`group` lists your contact groups. `group add <name>` makes one, `group rename <group> <new name>` and `group remove <group>` change it. " +
	"`group put [address] <group>` puts a contact into one, `group take [address] <group>` takes them out, and `group move [address] <group>` " +
	"takes them out of all others, too. A group is its name or its number in the list; names with blanks stand in \"double quotes\". " +
	"In the chat with a contact no address is needed."

// commandGroup lists and changes contact groups.
func commandGroup(ce *commands.Event, c *Client) error {
	words := wordsOf(ce.RawArgs)
	verb := "list"
	if len(words) > 0 {
		verb, words = strings.ToLower(words[0]), words[1:]
	}
	return edit(ce, c, func(ctx context.Context, s *session) (string, error) {
		if !s.msn.HasGroups() {
			return "", errors.New("the protocol version of this MSN service knows no contact groups")
		}
		switch verb {
		case "list":
			return s.groupTable(), nil
		case "add":
			return s.addGroup(ctx, strings.Join(words, " "))
		case "remove":
			return s.removeGroup(ctx, strings.Join(words, " "))
		case "rename":
			if len(words) >= 2 {
				return s.renameGroup(ctx, words[0], strings.Join(words[1:], " "))
			}
		case "put", "take", "move":
			passport, rest, err := who(ce, words)
			if err != nil {
				return "", err
			}
			if len(rest) > 0 {
				return s.sortContact(ctx, verb, passport, strings.Join(rest, " "))
			}
		}
		return groupHelp, nil
	})
}

// groupTable lists the groups.
func (s *session) groupTable() string {
	groups := s.groupList()
	if len(groups) == 0 {
		return "You have no contact groups. " + groupHelp
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", cell(s.login.RemoteName), plural(len(groups), "contact group"))
	for i, g := range groups {
		fmt.Fprintf(&b, "%d. %s (%d)\n", i+1, cell(short(g.Name)), len(g.Contacts))
	}
	return b.String()
}
