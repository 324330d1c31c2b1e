package bridge

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"maunium.net/go/mautrix/bridgev2/commands"
	"maunium.net/go/mautrix/id"
)

// How people say whom or what a command is about: the words of a line, and everything that stands for somebody's address.

var (
	errOwnAddress = errors.New("that is your own address")
	errNoPerson   = errors.New("there is no such person")
	errElsewhere  = errors.New("another MSN service")
)

// mention is a link to a user as Markdown has it, which is what clients make of a mention; its text may have blanks.
var mention = regexp.MustCompile(`\[[^\]\n]*\]\(((?:https://matrix\.to/#/|matrix:u/)[^)\s]+)\)`)

// rawArgs is what follows a command, with mentions as the links that they are.
func rawArgs(ce *commands.Event) string {
	return strings.TrimSpace(mention.ReplaceAllString(ce.RawArgs, "$1"))
}

// isAddress tells whether a word is meant for somebody's address, and not for a name.
func isAddress(word string) bool {
	return strings.Contains(word, "@") || strings.HasPrefix(word, "https://matrix.to/#/") || strings.HasPrefix(word, "matrix:u/")
}

// person reads what stands for somebody: an address, a user ID of the bridge, the Matrix ID of a ghost or a link to that. server is "" where
// it is not said; the address is not checked then.
func (c *Connector) person(given string) (server, address string, err error) {
	given = strings.TrimPrefix(strings.TrimSpace(given), "mailto:")
	if link, err := id.ParseMatrixURIOrMatrixToURL(given); err == nil && link.UserID() != "" {
		given = link.UserID().String()
	}
	if ghost, ok := c.br.Matrix.ParseGhostMXID(id.UserID(given)); ok {
		if server, address, ok = parseUserID(ghost); !ok {
			return "", "", errNoPerson
		}
		return server, address, nil
	}
	if server, address, ok := splitID(strings.ToLower(given)); ok && c.services[server] != nil {
		return server, address, nil
	}
	return "", given, nil
}

// address is the address of somebody else on the service of this account, from whatever stands for it.
func (c *Client) address(given string) (string, error) {
	server, address, err := c.conn.person(given)
	if err != nil {
		return "", err
	}
	if server != "" && server != c.server {
		return "", fmt.Errorf("%s is of %w, %q", address, errElsewhere, server)
	}
	passport, err := cleanAddress(address)
	if err == nil && passport == c.passport {
		err = errOwnAddress
	}
	return passport, err
}

// cutWord takes the first word off a text. One that begins with a double quote goes on to the quote that ends a word, so that it may have
// blanks; quotes elsewhere are part of a word.
func cutWord(text string) (word, rest string) {
	text = strings.TrimSpace(text)
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		for at := range inner {
			if after := inner[at+1:]; inner[at] == '"' && (after == "" || startsBlank(after)) {
				return inner[:at], strings.TrimSpace(after)
			}
		}
	}
	end := strings.IndexFunc(text, unicode.IsSpace)
	if end < 0 {
		return text, ""
	}
	return text[:end], strings.TrimSpace(text[end:])
}

func startsBlank(text string) bool { return strings.TrimLeftFunc(text, unicode.IsSpace) != text }

// unquoted takes the double quotes off a text that stands in them as a whole, and leaves alone those of a name like "A" and "B".
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	inner := text[1 : len(text)-1]
	if next := strings.IndexByte(inner, '"'); next > 0 && !unicode.IsSpace(rune(inner[next-1])) {
		return text // which ends what the first one has begun
	}
	return inner
}
