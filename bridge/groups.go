package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Contact groups on Matrix (bridge.md, Contact list): each is a sub-space of the login's space, with the rooms of its contacts as children,
// or a room tag. What is shown is kept in the database, so that a sign-in with nothing changed asks the homeserver nothing.

// groupRooms is what all sign-ins of a login have in common about groups.
type groupRooms struct {
	form  string // of the configuration
	db    *database.Database
	login string

	turn sync.Mutex // one change at a time, from either side
}

// otherContacts is the ID of the group that services up to MSNP9 keep for everybody who is in no other. It is none for the user.
const otherContacts = "0"

// matchGroups finds for each group of the service what is stored of it: by its ID, else by its name, as IDs change with the kind of contact
// list that a service keeps. New ones have no Room; gone are those that the service has no more.
func matchGroups(stored []database.Group, live []msn.Group) (matched, gone []database.Group) {
	left := slices.Clone(stored)
	take := func(same func(database.Group) bool) (room string) {
		if i := slices.IndexFunc(left, same); i >= 0 {
			room = left[i].Room
			left = slices.Delete(left, i, i+1)
		}
		return room
	}
	for _, g := range live {
		if g.ID != otherContacts {
			room := take(func(s database.Group) bool { return s.ID == g.ID })
			matched = append(matched, database.Group{Room: room, ID: g.ID, Name: g.Name})
		}
	}
	for i, g := range matched {
		if g.Room == "" {
			matched[i].Room = take(func(s database.Group) bool { return s.Name == g.Name })
		}
	}
	return matched, left
}

// groupName is what is shown of a group's name.
func groupName(name string) string {
	const most = 100 // characters
	name = msn.StripFormatting(name)
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most])
	}
	if name == "" {
		return "Group without name"
	}
	return name
}

// groupInfo describes the sub-space of a group.
func (c *Client) groupInfo(ctx context.Context, room string) (*bridgev2.ChatInfo, error) {
	groups, err := c.groups.db.Groups(ctx, c.groups.login)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(groups, func(g database.Group) bool { return g.Room == room })
	if i < 0 {
		return nil, fmt.Errorf("%q: %w", room, errOddPortal)
	}
	user := c.login.UserMXID
	return &bridgev2.ChatInfo{
		Name: ptr.Ptr(groupName(groups[i].Name)), Topic: ptr.Ptr("A group of your MSN contact list"), Type: ptr.Ptr(bridgedb.RoomTypeSpace),
		Members: &bridgev2.ChatMemberList{
			IsFull: true, TotalMemberCount: 1,
			MemberMap: bridgev2.ChatMemberMap{}.Set(bridgev2.ChatMember{EventSender: c.self(), Membership: event.MembershipJoin}),
			PowerLevels: &bridgev2.PowerLevelOverrides{Custom: func(levels *event.PowerLevelsEventContent) bool {
				return levels.EnsureUserLevel(user, 50) // to put rooms in and out
			}},
		},
	}, nil
}

// shelf is where the rooms of a group's contacts are put.
type shelf interface {
	put(ctx context.Context, g database.Group, chat id.RoomID) error
	take(ctx context.Context, g database.Group, chat id.RoomID) error
}

// spaceShelf is the sub-space of a group.
type spaceShelf struct{ s *session }

func (f spaceShelf) put(ctx context.Context, g database.Group, chat id.RoomID) error {
	return f.child(ctx, g, chat, []string{f.s.conn.br.Matrix.ServerName()})
}

func (f spaceShelf) take(ctx context.Context, g database.Group, chat id.RoomID) error {
	return f.child(ctx, g, chat, nil)
}

func (f spaceShelf) child(ctx context.Context, g database.Group, chat id.RoomID, via []string) error {
	portal, err := f.s.conn.br.GetExistingPortalByKey(ctx, groupKey(f.s.login.ID, f.s.server, g.Room))
	if err != nil || portal == nil || portal.MXID == "" {
		return errors.Join(err, fmt.Errorf("the sub-space of the group %q is not there", g.Name))
	}
	_, err = f.s.conn.br.Bot.SendState(ctx, portal.MXID, event.StateSpaceChild, chat.String(), &event.Content{
		Parsed: &event.SpaceChildEventContent{Via: via},
	}, time.Time{})
	return err
}

// tagShelf is a room tag, which takes double puppeting.
type tagShelf struct{ to roomTagger }

func (f tagShelf) put(ctx context.Context, g database.Group, chat id.RoomID) error {
	return f.to.AddRoomTag(ctx, chat, groupTag(g.Name))
}

func (f tagShelf) take(ctx context.Context, g database.Group, chat id.RoomID) error {
	return f.to.RemoveRoomTag(ctx, chat, groupTag(g.Name))
}

// groupTag is the tag of a group: u. stands before tags of the user's own making (Matrix spec, Room tagging), which have 255 bytes at most.
func groupTag(name string) event.RoomTag {
	tag := "u." + groupName(name)
	for i := range tag {
		if i > 255-utf8.UTFMax {
			return event.RoomTag(tag[:i])
		}
	}
	return event.RoomTag(tag)
}

// shelf is nil where groups cannot be shown.
func (s *session) shelf(ctx context.Context) shelf {
	switch s.groups.form {
	case groupsSpaces:
		return spaceShelf{s}
	case groupsTags:
		if to := taggerOf(s.login.User.DoublePuppet(ctx)); to != nil {
			return tagShelf{to}
		}
	}
	return nil
}

// syncGroups makes what Matrix shows what the service has: spaces and their names, and who is in them.
func (s *session) syncGroups(ctx context.Context) error {
	g := s.groups
	g.turn.Lock()
	defer g.turn.Unlock()
	shelf := s.shelf(ctx)
	stored, err := g.db.Groups(ctx, g.login)
	if err != nil {
		return err
	}
	if shelf == nil { // none, or no double puppet to set tags with
		for _, old := range stored {
			err = errors.Join(err, s.dropGroup(ctx, old))
		}
		return err
	}
	if !s.msn.HasGroups() {
		return nil // of an older version one cannot tell what has become of them
	}
	matched, gone := matchGroups(stored, s.msn.Groups())
	var failed []error
	for _, old := range gone {
		failed = append(failed, s.dropGroup(ctx, old))
	}
	shown, err := s.shownInGroups(ctx)
	if err != nil {
		return err
	}
	contacts := s.msn.Contacts()
	for _, group := range matched {
		failed = append(failed, s.showGroup(ctx, shelf, stored, group, contacts, shown[group.Room]))
	}
	return errors.Join(failed...)
}

// checkGroups looks what the spaces of groups are like on the homeserver, where syncGroups trusts what is stored. It has the user back in
// them, gives them their names, and forgets what is not there, so that syncGroups makes it anew.
func (s *session) checkGroups(ctx context.Context) error {
	g := s.groups
	if g.form != groupsSpaces {
		return nil
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	stored, err := g.db.Groups(ctx, g.login)
	if err != nil {
		return err
	}
	shown, err := s.shownInGroups(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, group := range stored {
		failed = append(failed, s.checkGroup(ctx, group, shown[group.Room]))
	}
	return errors.Join(failed...)
}

func (s *session) checkGroup(ctx context.Context, group database.Group, shown map[string]id.RoomID) error {
	key := groupKey(s.login.ID, s.server, group.Room)
	if room, err := s.rooms.id(ctx, key); err != nil || room == "" {
		return err
	}
	portal, err := s.conn.br.GetExistingPortalByKey(ctx, key)
	if err != nil || portal == nil {
		return err
	}
	state, err := spaceOf(ctx, s.conn.br.Matrix, portal.MXID)
	if errors.Is(err, errSpaceGone) {
		s.rooms.forget(key)
		err = portal.RemoveMXID(ctx)
	}
	if err != nil {
		return err
	}
	var failed []error
	alive := make(map[id.RoomID]bool)
	for passport, chat := range shown {
		alive[chat] = true
		if state.children[chat] == "" {
			failed = append(failed, s.groups.db.DeleteGroupContact(ctx, s.groups.login, group.Room, passport))
		}
	}
	if portal.MXID == "" {
		return errors.Join(failed...)
	}
	if state.name != groupName(group.Name) {
		s.restoreName(ctx, portal, groupName(group.Name))
	}
	return errors.Join(append(failed, s.takeOutDead(ctx, portal.MXID, state, alive), s.bringIn(ctx, portal.MXID))...)
}

// shownInGroups is who is shown in which group's room, with the ID of the chat.
func (s *session) shownInGroups(ctx context.Context) (map[string]map[string]id.RoomID, error) {
	rows, err := s.groups.db.GroupContacts(ctx, s.groups.login)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]map[string]id.RoomID)
	for _, row := range rows {
		if shown[row.Room] == nil {
			shown[row.Room] = make(map[string]id.RoomID)
		}
		shown[row.Room][row.Passport] = id.RoomID(row.Chat)
	}
	return shown, nil
}

// showGroup brings one group up to date.
func (s *session) showGroup(ctx context.Context, shelf shelf, stored []database.Group, group database.Group, contacts []msn.Contact, shown map[string]id.RoomID) error {
	g := s.groups
	group.Login = g.login
	var before database.Group
	if group.Room == "" {
		group.Room = strings.ToLower(rand.Text())
	} else {
		before = stored[slices.IndexFunc(stored, func(o database.Group) bool { return o.Room == group.Room })]
	}
	if before != group {
		if err := g.db.PutGroup(ctx, group); err != nil {
			return err
		}
	}
	renamed := before.Room != "" && groupName(before.Name) != groupName(group.Name)
	var failed []error
	if _, spaces := shelf.(spaceShelf); spaces {
		key := groupKey(s.login.ID, s.server, group.Room)
		if !s.ensureRoom(ctx, key) && renamed {
			s.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
				EventMeta:      simplevent.EventMeta{Type: bridgev2.RemoteEventChatInfoChange, PortalKey: key, Sender: s.self()},
				ChatInfoChange: &bridgev2.ChatInfoChange{ChatInfo: &bridgev2.ChatInfo{Name: ptr.Ptr(groupName(group.Name))}},
			})
		}
	} else if renamed {
		for passport, chat := range shown {
			failed = append(failed, s.unshow(ctx, shelf, before, passport, chat))
		}
		clear(shown)
	}
	wanted := make(map[string]id.RoomID)
	for _, contact := range contacts {
		if contact.On(msn.ForwardList) && slices.Contains(contact.Groups, group.ID) {
			if chat := s.chatWith(ctx, contact.Passport); chat != "" {
				wanted[contact.Passport] = chat
			}
		}
	}
	for passport, chat := range shown {
		if wanted[passport] != chat {
			failed = append(failed, s.unshow(ctx, shelf, group, passport, chat))
		}
	}
	for passport, chat := range wanted {
		if shown[passport] != chat {
			failed = append(failed, s.show(ctx, shelf, group, passport, chat))
		}
	}
	return errors.Join(failed...)
}

// show and unshow put a contact's room into a group, or take it out, and remember it.
func (s *session) show(ctx context.Context, shelf shelf, group database.Group, passport string, chat id.RoomID) error {
	if err := shelf.put(ctx, group, chat); err != nil {
		return fmt.Errorf("put %s into the group %q: %w", passport, group.Name, err)
	}
	return s.groups.db.PutGroupContact(ctx, s.groups.login, database.GroupContact{Room: group.Room, Passport: passport, Chat: chat.String()})
}

func (s *session) unshow(ctx context.Context, shelf shelf, group database.Group, passport string, chat id.RoomID) error {
	if err := shelf.take(ctx, group, chat); err != nil {
		return fmt.Errorf("take %s out of the group %q: %w", passport, group.Name, err)
	}
	return s.groups.db.DeleteGroupContact(ctx, s.groups.login, group.Room, passport)
}

// dropGroup takes away what is shown of a group.
func (s *session) dropGroup(ctx context.Context, group database.Group) error {
	key := groupKey(s.login.ID, s.server, group.Room)
	if s.rooms.there(ctx, key) {
		s.rooms.forget(key)
		s.unlist(ctx, key)
		s.login.QueueRemoteEvent(&simplevent.ChatDelete{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatDelete, PortalKey: key},
		})
	} else if to := taggerOf(s.login.User.DoublePuppet(ctx)); to != nil {
		shown, err := s.shownInGroups(ctx)
		if err != nil {
			return err
		}
		for _, chat := range shown[group.Room] {
			if err := to.RemoveRoomTag(ctx, chat, groupTag(group.Name)); err != nil {
				zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to take the tag of a contact group off a room")
			}
		}
	}
	return s.groups.db.DeleteGroup(ctx, s.groups.login, group.Room)
}

// chatWith is the ID of a contact's room, "" if there is none.
func (s *session) chatWith(ctx context.Context, passport string) id.RoomID {
	key := directKey(s.login.ID, s.server, passport)
	if !s.rooms.there(ctx, key) {
		return ""
	}
	room, err := s.rooms.id(ctx, key)
	if err != nil {
		return ""
	}
	return room
}

// roomMade puts a contact's new room into the contact's groups.
func (s *session) roomMade(key networkid.PortalKey) {
	_, passport, ok := parseDirect(key.ID)
	if contact, known := s.msn.Contact(passport); ok && known && len(contact.Groups) > 0 && s.groups.form != groupsNone {
		s.contacts.regroup()
	}
}

// sortGroups is syncGroups for the background, where nobody waits for the error.
func (s *session) sortGroups(ctx context.Context) {
	if err := s.syncGroups(ctx); err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to show the contact groups as they are")
	}
}

// groupMoved takes what the user did in a sub-space: a room was put in, or taken out.
func (s *session) groupMoved(ctx context.Context, space *bridgev2.Portal, sender id.UserID, child id.RoomID, in bool) {
	if err := s.moveInGroup(ctx, space, sender, child, in); err != nil {
		s.tell(ctx, fmt.Sprintf("The group %s stays as it was: %s", cell(space.Name), reason(err)))
		s.undoMove(ctx, space, child, in)
	}
}

var (
	errNotMyGroup    = errors.New("it is the group of somebody else")
	errNamelessGroup = errors.New("a group has to have a name")
	errOnlyContacts  = errors.New("only the rooms of contacts of this account can be in its groups")
)

func (s *session) moveInGroup(ctx context.Context, space *bridgev2.Portal, sender id.UserID, child id.RoomID, in bool) error {
	if sender != s.login.UserMXID {
		return errNotMyGroup
	}
	g := s.groups
	g.turn.Lock()
	defer g.turn.Unlock()
	_, room, _ := parseGroup(space.ID)
	groups, err := g.db.Groups(ctx, g.login)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(groups, func(g database.Group) bool { return g.Room == room })
	if i < 0 {
		return errOddPortal
	}
	portal, err := s.conn.br.GetPortalByMXID(ctx, child)
	if err != nil {
		return err
	}
	passport := ""
	if portal != nil && portal.Receiver == s.login.ID {
		if _, other, ok := parseDirect(portal.ID); ok {
			passport = other
		}
	}
	if passport == "" {
		if !in {
			return nil // it had no business there
		}
		return errOnlyContacts
	}
	if err := s.regroup(ctx, passport, groups[i].ID, in); err != nil {
		return err
	}
	if !in {
		return g.db.DeleteGroupContact(ctx, g.login, room, passport)
	}
	return g.db.PutGroupContact(ctx, g.login, database.GroupContact{Room: room, Passport: passport, Chat: child.String()})
}

// regroup puts a contact into a group on MSN, or takes it out. What is so already is no error.
func (s *session) regroup(ctx context.Context, passport, group string, in bool) error {
	contact, known := s.msn.Contact(passport)
	if !known || !contact.On(msn.ForwardList) {
		return fmt.Errorf("%s: %w", passport, msn.ErrNotOnList)
	}
	if slices.Contains(contact.Groups, group) == in {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if in {
		return s.msn.AddToGroup(ctx, passport, group)
	}
	// Up to MSNP9 everybody is in a group: who leaves the last one goes to the other contacts.
	if len(contact.Groups) == 1 && slices.ContainsFunc(s.msn.Groups(), func(g msn.Group) bool { return g.ID == otherContacts }) {
		if err := s.msn.AddToGroup(ctx, passport, otherContacts); err != nil {
			return err
		}
	}
	return s.msn.RemoveFromGroup(ctx, passport, group)
}

// undoMove makes the sub-space again what it was.
func (c *Client) undoMove(ctx context.Context, space *bridgev2.Portal, child id.RoomID, in bool) {
	content := &event.SpaceChildEventContent{}
	if !in {
		content.Via = []string{c.conn.br.Matrix.ServerName()}
	}
	if _, err := c.conn.br.Bot.SendState(ctx, space.MXID, event.StateSpaceChild, child.String(), &event.Content{Parsed: content}, time.Time{}); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to undo a change in the sub-space of a contact group")
	}
}

// heardSpaceChild takes m.space.child of anybody, in any room.
func (c *Connector) heardSpaceChild(ctx context.Context, space id.RoomID, sender id.UserID, child id.RoomID, in bool) {
	if sender == c.br.Bot.GetMXID() || c.br.IsGhostMXID(sender) {
		return
	}
	portal, err := c.br.GetPortalByMXID(ctx, space)
	if err != nil || portal == nil {
		return
	}
	if _, _, ok := parseGroup(portal.ID); !ok {
		return
	}
	login := c.br.GetCachedUserLoginByID(portal.Receiver)
	if login == nil {
		return
	}
	client, ok := login.Client.(*Client)
	if !ok {
		return
	}
	s, err := client.online()
	if err == nil && s.contacts.do(func(ctx context.Context) { s.groupMoved(ctx, portal, sender, child, in) }) {
		return
	}
	if err == nil {
		err = errors.New("too much waits already")
	}
	client.tell(ctx, fmt.Sprintf("The group %s stays as it was: %s", cell(portal.Name), reason(err)))
	client.undoMove(ctx, portal, child, in)
}

// group finds a contact group of the service by the random part of its room.
func (s *session) group(ctx context.Context, room string) (msn.Group, error) {
	groups, err := s.groups.db.Groups(ctx, s.groups.login)
	if err != nil {
		return msn.Group{}, err
	}
	for _, g := range groups {
		if g.Room == room {
			return msn.Group{ID: g.ID, Name: g.Name}, nil
		}
	}
	return msn.Group{}, errOddPortal
}

// groupRenamed takes a new name of a sub-space. If MSN does not, the space is put back as it was, and the bot says why: in the management
// room, as clients show no messages of spaces.
func (c *Client) groupRenamed(ctx context.Context, msg *bridgev2.MatrixRoomName, room string) (bool, error) {
	portal, wanted := msg.Portal, msg.Content.Name
	if err := c.nameGroup(ctx, room, wanted); err != nil {
		c.tell(ctx, fmt.Sprintf("The group %s keeps its name: %s", cell(portal.Name), reason(err)))
		c.restoreName(ctx, portal, portal.Name)
		return false, refusal("the group keeps its name").WithSendNotice(false)
	}
	portal.Name, portal.NameSet = wanted, true
	return true, nil
}

// nameGroup gives the group of a sub-space another name on MSN.
func (c *Client) nameGroup(ctx context.Context, room, name string) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	group, err := s.group(ctx, room)
	if err != nil {
		return err
	}
	if strings.TrimSpace(name) == "" {
		return errNamelessGroup
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return groupError(s.msn.RenameGroup(ctx, group.ID, name))
}

// restoreName gives a room the name back that it had: bridgev2 knows of no other.
func (c *Client) restoreName(ctx context.Context, portal *bridgev2.Portal, name string) {
	_, err := c.conn.br.Bot.SendState(ctx, portal.MXID, event.StateRoomName, "", &event.Content{
		Parsed: &event.RoomNameEventContent{Name: name},
	}, time.Time{})
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to give a room its name back")
	}
}

// groupDeleted removes a group whose sub-space is deleted. Its contacts stay on the list.
func (c *Client) groupDeleted(ctx context.Context, room string) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	group, err := s.group(ctx, room)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s.msn.RemoveGroup(ctx, group.ID)
}
