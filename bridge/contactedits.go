package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/matrix-msn/matrix-msn/msn"
)

// What commands and provisioning do with the contact list. Each change is one of package msn, under the limit of its caller, and comes
// back with a sentence for the user; rooms, names and groups follow from the events that it causes.

// listedContact is a contact of the forward list as people and programs are shown it.
type listedContact struct {
	Address  string   `json:"address"`
	Name     string   `json:"name"`
	Presence string   `json:"presence"` // a word of MSN's
	Message  string   `json:"message,omitempty"`
	Groups   []string `json:"groups"`
	Blocked  bool     `json:"blocked"`
	Mutual   bool     `json:"mutual"` // they have me on their list
	RoomID   string   `json:"room_id,omitempty"`

	reach int
}

// contactList is the forward list by name; search, if not empty, is in name, address or a group's name.
func (s *session) contactList(search string) []listedContact {
	groups := make(map[string]string)
	for _, g := range s.msn.Groups() {
		if g.ID != otherContacts {
			groups[g.ID] = groupName(g.Name)
		}
	}
	search = strings.ToLower(search)
	var list []listedContact
	for _, contact := range s.msn.Contacts() {
		if !contact.On(msn.ForwardList) {
			continue
		}
		presence := s.msn.PresenceOf(contact.Passport)
		name, _ := s.displayName(contact.Passport)
		c := listedContact{
			Address: contact.Passport, Name: name, Presence: presence.Status.Word(), Blocked: contact.On(msn.BlockList),
			Mutual: contact.On(msn.ReverseList), Message: saying(s.msn.PersonalMessageOf(contact.Passport)), Groups: []string{},
			reach: viewOf(presence.Status, msn.PersonalMessage{}).reach(),
		}
		for _, id := range contact.Groups {
			if name, known := groups[id]; known {
				c.Groups = append(c.Groups, name)
			}
		}
		slices.Sort(c.Groups)
		in := func(text string) bool { return strings.Contains(strings.ToLower(text), search) }
		if in(c.Name) || in(c.Address) || slices.ContainsFunc(c.Groups, in) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b listedContact) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Address, b.Address))
	})
	return list
}

// saying is the personal message, or what is playing.
func saying(personal msn.PersonalMessage) string {
	return viewOf(msn.Online, personal).message
}

// add puts somebody on the contact list.
func (s *session) add(ctx context.Context, passport, name string) (string, error) {
	before, _ := s.msn.Contact(passport)
	contact, err := s.msn.AddContact(ctx, passport, name)
	if err != nil {
		return "", err
	}
	if name != "" && !s.msn.KeepsNicknames() {
		if err := s.rename(ctx, contact.Passport, name); err != nil {
			return "", err
		}
	}
	s.decided(ctx, passport)
	switch {
	case before.On(msn.ForwardList):
		return fmt.Sprintf("%s was on your contact list already.", cell(passport)), nil
	case contact.On(msn.BlockList):
		return fmt.Sprintf("%s is on your contact list, and still blocked: `unblock %[1]s` changes that.", cell(passport)), nil
	case contact.On(msn.ReverseList):
		return fmt.Sprintf("%s is on your contact list, and has you on theirs.", cell(passport)), nil
	}
	return fmt.Sprintf("%s is on your contact list. They are asked whether they want to have you on theirs; I shall tell you when they do. "+
		"Until then they may appear offline.", cell(passport)), nil
}

// remove takes somebody off the contact list. What the user called them goes with it, also where the bridge keeps it.
func (s *session) remove(ctx context.Context, passport string) error {
	if err := s.msn.RemoveContact(ctx, passport); err != nil {
		return err
	}
	return s.nicknames.forget(ctx, passport, func() bool { return s.listed(passport) })
}

// listed tells whether somebody is on the contact list.
func (s *session) listed(passport string) bool {
	contact, _ := s.msn.Contact(passport)
	return contact.On(msn.ForwardList)
}

// offList forgets what somebody was called whom the user has taken off the list, with another program perhaps.
func (s *session) offList(passport string) {
	if s.nicknames.of(passport) == "" {
		return
	}
	s.contacts.do(func(ctx context.Context) {
		if err := s.nicknames.forget(ctx, passport, func() bool { return s.listed(passport) }); err != nil {
			zerolog.Ctx(ctx).Err(err).Msg("Failed to forget what a contact was called who is off the list")
		}
	})
}

// unblock lets somebody see and write to the user again.
func (s *session) unblock(ctx context.Context, passport string) error {
	contact, known := s.msn.Contact(passport)
	if !known || !contact.On(msn.BlockList) {
		return errors.New("they are not blocked")
	}
	return s.msn.Allow(ctx, passport)
}

// syncAll brings everything on Matrix in line with MSN.
func (s *session) syncAll(ctx context.Context) (string, error) {
	contacts := 0
	for _, contact := range s.msn.Contacts() {
		if !contact.On(msn.ForwardList) {
			continue
		}
		contacts++
		s.contacts.called(contact.Passport)
		s.wantRoom(contact)
		s.showPresence(contact.Passport)
	}
	err := errors.Join(s.checkGroups(ctx), s.syncGroups(ctx), s.resettle(ctx))
	text := fmt.Sprintf("%s and %s are in step with MSN.", plural(contacts, "contact"), plural(len(s.groupList()), "group"))
	if rooms := s.roomsToMake(ctx); rooms > 0 {
		text += fmt.Sprintf(" I am making rooms for %d of them now.", rooms)
	}
	return text, err
}

// wantRoom asks for a contact's room if the configuration gives them one.
func (s *session) wantRoom(contact msn.Contact) {
	if !contact.On(msn.ForwardList) || contact.On(msn.BlockList) {
		return
	}
	switch s.conn.Config.Contacts.CreateRooms {
	case roomsAll:
		s.contacts.want(contact.Passport)
	case roomsOnline:
		if s.msn.PresenceOf(contact.Passport).Status != msn.Offline {
			s.contacts.want(contact.Passport)
		}
	}
}

// listedGroup is a contact group as people and programs are shown it.
type listedGroup struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Contacts []string `json:"contacts"`
}

// groupList are the groups in the service's order.
func (s *session) groupList() []listedGroup {
	list := []listedGroup{}
	contacts := s.msn.Contacts()
	for _, g := range s.msn.Groups() {
		if g.ID == otherContacts {
			continue
		}
		made := listedGroup{ID: g.ID, Name: groupName(g.Name), Contacts: []string{}}
		for _, contact := range contacts {
			if contact.On(msn.ForwardList) && slices.Contains(contact.Groups, g.ID) {
				made.Contacts = append(made.Contacts, contact.Passport)
			}
		}
		list = append(list, made)
	}
	return list
}

// errUnknownGroup is for a name, or number, of none.
var errUnknownGroup = errors.New("there is no contact group")

// findGroup takes a name, in any letter case, or a number of the list. It may stand in double quotes, and have some itself.
func (s *session) findGroup(text string) (g listedGroup, err error) {
	text = strings.TrimSpace(text)
	for _, word := range []string{text, unquoted(text), strings.TrimPrefix(strings.TrimSuffix(text, `"`), `"`)} {
		if g, err = s.groupCalled(word); !errors.Is(err, errUnknownGroup) {
			return g, err
		}
	}
	return listedGroup{}, fmt.Errorf("%w %q; `group` lists them", errUnknownGroup, unquoted(text))
}

func (s *session) groupCalled(word string) (listedGroup, error) {
	list := s.groupList()
	var found, exact []listedGroup
	for _, g := range list {
		if strings.EqualFold(g.Name, word) {
			found = append(found, g)
		}
		if g.Name == word {
			exact = append(exact, g)
		}
	}
	if len(exact) == 1 {
		return exact[0], nil
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(list) && len(found) == 0 {
		return list[n-1], nil
	}
	switch len(found) {
	case 0:
		return listedGroup{}, errUnknownGroup
	case 1:
		return found[0], nil
	}
	return listedGroup{}, fmt.Errorf("there are %d contact groups called %q: use the number that `group` shows", len(found), word)
}

func (s *session) addGroup(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", errors.New("write `group add <name>`")
	}
	made, err := s.msn.AddGroup(ctx, name)
	return fmt.Sprintf("The contact group %s is made.", cell(made.Name)), groupError(err)
}

// groupError says how long a group's name may be.
func groupError(err error) error {
	if errors.Is(err, msn.ErrTooLong) {
		return errors.New("the name is too long: MSN takes 61 bytes for a group's, which are 61 plain letters, or fewer of others")
	}
	return err
}

// aboutGroup does something about a group that there is.
func (s *session) aboutGroup(id string, do func() error) error {
	there := slices.ContainsFunc(s.msn.Groups(), func(g msn.Group) bool { return g.ID == id && id != otherContacts })
	if s.msn.HasGroups() && !there {
		return fmt.Errorf("%w: %q", errNoGroup, id)
	}
	return groupError(do())
}

var errNoGroup = errors.New("there is no contact group with this ID")

func (s *session) removeGroup(ctx context.Context, word string) (string, error) {
	g, err := s.findGroup(word)
	if err == nil {
		err = s.msn.RemoveGroup(ctx, g.ID)
	}
	stay := plural(len(g.Contacts), "contact") + " stay"
	if len(g.Contacts) == 1 {
		stay += "s"
	}
	return fmt.Sprintf("The contact group %s is gone. Its %s on your list.", cell(g.Name), stay), err
}

// renameGroup takes a group and the name that it shall have.
func (s *session) renameGroup(ctx context.Context, text string) (string, error) {
	g, name, err := s.cutGroup(text)
	if err == nil {
		err = groupError(s.msn.RenameGroup(ctx, g.ID, name))
	}
	return fmt.Sprintf("The contact group %s is called %s now.", cell(g.Name), cell(name)), err
}

// cutGroup takes the name of a group off a text: its first word, or else the longest one that is there as it stands, blanks, quotes and all.
func (s *session) cutGroup(text string) (g listedGroup, rest string, err error) {
	word, rest := cutWord(text)
	if g, err = s.findGroup(word); !errors.Is(err, errUnknownGroup) {
		return g, unquoted(rest), err
	}
	for _, known := range s.groupList() {
		for _, form := range []string{known.Name, `"` + known.Name + `"`} {
			if len(text) < len(form) || !strings.EqualFold(text[:len(form)], form) || len(known.Name) <= len(g.Name) {
				continue
			}
			if after := text[len(form):]; startsBlank(after) {
				g, rest, err = known, unquoted(after), nil
			}
		}
	}
	return g, rest, err
}

// sortContact puts a contact into a group, takes them out, or moves them there from all others.
func (s *session) sortContact(ctx context.Context, verb, passport, word string) (string, error) {
	g, err := s.findGroup(word)
	if err != nil {
		return "", err
	}
	if verb == "take" {
		return fmt.Sprintf("%s is not in %s.", cell(passport), cell(g.Name)), s.regroup(ctx, passport, g.ID, false)
	}
	if err := s.regroup(ctx, passport, g.ID, true); err != nil {
		return "", err
	}
	if verb == "move" {
		contact, _ := s.msn.Contact(passport)
		for _, id := range contact.Groups {
			if id == g.ID {
				continue
			}
			if err := s.regroup(ctx, passport, id, false); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%s is in %s alone.", cell(passport), cell(g.Name)), nil
	}
	return fmt.Sprintf("%s is in %s.", cell(passport), cell(g.Name)), nil
}

// mutual notes who has the user on their list, and tells who is new there.
func (s *session) mutual(contact msn.Contact) {
	has := contact.Lists&(msn.ReverseList|msn.PendingList) != 0 // who asks has the user, too
	s.seenMu.Lock()
	before, known := s.reverse[contact.Passport]
	s.reverse[contact.Passport] = has
	s.seenMu.Unlock()
	if has && known && !before && contact.On(msn.ForwardList) {
		name, _ := s.displayName(contact.Passport)
		s.notices.add(fmt.Sprintf("%s (%s) has you on their MSN contact list now.", cell(name), cell(contact.Passport)))
	}
}
