package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

const (
	domain = "example.org"
	botID  = id.UserID("@msnbot:" + domain)
)

// homeserver is a Matrix side in memory: bridgev2's MatrixConnector with what the bridge uses of it.
// Anything else panics, on the nil it embeds.
type homeserver struct {
	bridgev2.MatrixConnector
	br *bridgev2.Bridge

	mu       sync.Mutex
	rooms    map[id.RoomID]*room
	names    map[id.UserID]string
	avatars  map[id.UserID]id.ContentURIString
	media    map[id.ContentURIString][]byte
	pictures int // requests that set or upload one
	faces    map[id.UserID]face
	asked    int // for faces
	loaded   []string
	refaced  func(context.Context, id.UserID, face)
	presence map[id.UserID]view
	says     map[id.UserID]profileStatus
	typing   map[string]time.Duration // room and user
	statuses map[id.EventID]bridgev2.MessageStatus
	states   []status.BridgeState
	heard    func(context.Context, id.UserID, *event.PresenceEventContent)
	moved    spaceChildHandler
	others   map[event.Type][]func(context.Context, *event.Event) // who hears events that bridgev2 does not take
	count    int
	changed  chan struct{}
	onSend   func(sent)
	refuse   map[id.RoomID]error // of messages
	away     bool
}

type room struct {
	name   string
	avatar id.ContentURIString
	direct bool
	space  bool
	// children are the rooms in a space, with who has put them there.
	children map[id.RoomID]id.UserID
	tags     map[event.RoomTag]bool
	members  map[id.UserID]*event.MemberEventContent
	events   []sent
}

// sent is one event in a room.
type sent struct {
	room    id.RoomID
	id      id.EventID
	sender  id.UserID
	kind    event.Type
	content *event.Content
}

// put puts a room into a space, or takes it out.
func (r *room) put(by id.UserID, child id.RoomID, in bool) {
	delete(r.children, child)
	if in {
		r.children[child] = by
	}
}

// text is the body of a message.
func (s sent) text() string {
	if m, ok := s.content.Parsed.(*event.MessageEventContent); ok {
		return m.Body
	}
	return ""
}

func newHomeserver() *homeserver {
	return &homeserver{
		rooms: map[id.RoomID]*room{}, names: map[id.UserID]string{}, avatars: map[id.UserID]id.ContentURIString{},
		faces: map[id.UserID]face{}, media: map[id.ContentURIString][]byte{}, presence: map[id.UserID]view{}, says: map[id.UserID]profileStatus{},
		typing: map[string]time.Duration{}, statuses: map[id.EventID]bridgev2.MessageStatus{}, changed: make(chan struct{}),
	}
}

// change runs f under the lock and wakes who waits.
func (hs *homeserver) change(f func()) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	f()
	close(hs.changed)
	hs.changed = make(chan struct{})
}

// wait returns when ok, called under the lock, says so.
func (hs *homeserver) wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		hs.mu.Lock()
		good, changed := ok(), hs.changed
		hs.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain: %s\n%s", what, hs.dump())
		}
	}
}

// dump is everything in all rooms, for failed tests.
func (hs *homeserver) dump() string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var b strings.Builder
	for _, roomID := range slices.Sorted(maps.Keys(hs.rooms)) {
		r := hs.rooms[roomID]
		fmt.Fprintf(&b, "%s %q %v\n", roomID, r.name, slices.Sorted(maps.Keys(r.members)))
		for _, e := range r.events {
			fmt.Fprintf(&b, "  %s %s %q\n", e.sender, e.kind.Type, e.text())
		}
	}
	for user, v := range hs.presence {
		fmt.Fprintf(&b, "%s is %v\n", user, v)
	}
	for evt, s := range hs.statuses {
		fmt.Fprintf(&b, "%s: %s %s %v\n", evt, s.Status, s.Message, s.InternalError)
	}
	for _, s := range hs.states {
		fmt.Fprintf(&b, "state %s %s %s\n", s.StateEvent, s.Error, s.Reason)
	}
	return b.String()
}

// messages lists the texts of a room. The lock is held.
func (hs *homeserver) messages(roomID id.RoomID, from id.UserID) []string {
	var texts []string
	if r := hs.rooms[roomID]; r != nil {
		for _, e := range r.events {
			if e.sender == from && e.kind == event.EventMessage {
				texts = append(texts, e.text())
			}
		}
	}
	return texts
}

func (hs *homeserver) Init(br *bridgev2.Bridge)      { hs.br, hs.others = br, nil }
func (hs *homeserver) Start(context.Context) error   { return nil }
func (hs *homeserver) PreStop()                      {}
func (hs *homeserver) Stop()                         {}
func (hs *homeserver) ServerName() string            { return domain }
func (hs *homeserver) BotIntent() bridgev2.MatrixAPI { return &intent{hs: hs, user: botID} }

func (hs *homeserver) GetCapabilities() *bridgev2.MatrixCapabilities {
	return &bridgev2.MatrixCapabilities{}
}

func (hs *homeserver) ParseGhostMXID(user id.UserID) (networkid.UserID, bool) {
	localpart, found := strings.CutPrefix(user.Localpart(), "msn_")
	decoded, err := id.DecodeUserLocalpart(localpart)
	return networkid.UserID(decoded), found && err == nil
}

func (hs *homeserver) FormatGhostMXID(user networkid.UserID) id.UserID {
	return id.NewUserID("msn_"+id.EncodeUserLocalpart(string(user)), domain)
}

func (hs *homeserver) GhostIntent(user networkid.UserID) bridgev2.MatrixAPI {
	return &intent{hs: hs, user: hs.FormatGhostMXID(user)}
}

func (hs *homeserver) NewUserIntent(context.Context, id.UserID, string) (bridgev2.MatrixAPI, string, error) {
	return nil, "", nil // no double puppets
}

func (hs *homeserver) SendBridgeStatus(_ context.Context, state *status.BridgeState) error {
	hs.change(func() { hs.states = append(hs.states, *state) })
	return nil
}

func (hs *homeserver) SendMessageStatus(_ context.Context, s *bridgev2.MessageStatus, evt *bridgev2.MessageStatusEventInfo) {
	hs.change(func() { hs.statuses[evt.SourceEventID] = *s })
}

func (hs *homeserver) GetPowerLevels(context.Context, id.RoomID) (*event.PowerLevelsEventContent, error) {
	return &event.PowerLevelsEventContent{Users: map[id.UserID]int{botID: 9001}}, nil
}

func (hs *homeserver) Reach(context.Context) error {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.away {
		return errAway
	}
	return nil
}

var errAway = errors.New("connection refused")

// GetStateEvent knows one thing: whether there is such a room.
func (hs *homeserver) GetStateEvent(_ context.Context, roomID id.RoomID, kind event.Type, _ string) (*event.Event, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.rooms[roomID] == nil {
		return nil, mautrix.MForbidden
	}
	return &event.Event{RoomID: roomID, Type: kind}, nil
}

func (hs *homeserver) GetMembers(_ context.Context, roomID id.RoomID) (map[id.UserID]*event.MemberEventContent, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	members := map[id.UserID]*event.MemberEventContent{}
	if r := hs.rooms[roomID]; r != nil {
		for user, m := range r.members {
			clone := *m
			members[user] = &clone
		}
	}
	return members, nil
}

func (hs *homeserver) GetMemberInfo(ctx context.Context, roomID id.RoomID, user id.UserID) (*event.MemberEventContent, error) {
	members, err := hs.GetMembers(ctx, roomID)
	return members[user], err
}

func (hs *homeserver) GenerateDeterministicRoomID(networkid.PortalKey) id.RoomID { return "" }

func (hs *homeserver) SetGhostPresence(_ context.Context, ghost networkid.UserID, p event.Presence, message string) error {
	hs.change(func() { hs.presence[hs.FormatGhostMXID(ghost)] = view{p, message} })
	return nil
}

func (hs *homeserver) SetGhostStatus(_ context.Context, ghost networkid.UserID, s *profileStatus) error {
	hs.change(func() {
		delete(hs.says, hs.FormatGhostMXID(ghost))
		if s != nil {
			hs.says[hs.FormatGhostMXID(ghost)] = *s
		}
	})
	return nil
}

func (hs *homeserver) OnPresence(f func(context.Context, id.UserID, *event.PresenceEventContent)) {
	hs.heard = f
}

func (hs *homeserver) OnSpaceChild(f spaceChildHandler) { hs.moved = f }

func (hs *homeserver) OnEvent(kind event.Type, f func(context.Context, *event.Event)) {
	if hs.others == nil {
		hs.others = make(map[event.Type][]func(context.Context, *event.Event))
	}
	hs.others[kind] = append(hs.others[kind], f)
}

func (hs *homeserver) Space(_ context.Context, space id.RoomID) (spaceState, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	r := hs.rooms[space]
	if r == nil {
		return spaceState{}, mautrix.MForbidden
	}
	return spaceState{name: r.name, children: maps.Clone(r.children)}, nil
}

func (hs *homeserver) Presence(_ context.Context, user id.UserID) (*event.PresenceEventContent, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	v, ok := hs.presence[user]
	if !ok {
		return nil, mautrix.MNotFound
	}
	return &event.PresenceEventContent{Presence: v.presence, StatusMessage: v.message}, nil
}

// put adds an event to a room and returns its ID.
func (hs *homeserver) put(roomID id.RoomID, sender id.UserID, kind event.Type, content *event.Content) id.EventID {
	var made sent
	hs.change(func() {
		hs.count++
		made = sent{roomID, id.EventID(fmt.Sprintf("$%d", hs.count)), sender, kind, content}
		if r := hs.rooms[roomID]; r != nil {
			r.events = append(r.events, made)
		}
	})
	if hs.onSend != nil {
		hs.onSend(made)
	}
	return made.id
}

// intent is a user that the bridge speaks for.
type intent struct {
	bridgev2.MatrixAPI
	hs   *homeserver
	user id.UserID
}

func (i *intent) GetMXID() id.UserID   { return i.user }
func (i *intent) IsDoublePuppet() bool { return false }

func (i *intent) SendMessage(_ context.Context, roomID id.RoomID, kind event.Type, content *event.Content, _ *bridgev2.MatrixSendExtra) (*mautrix.RespSendEvent, error) {
	i.hs.mu.Lock()
	refused := i.hs.refuse[roomID]
	if i.hs.away {
		refused = errAway
	}
	i.hs.mu.Unlock()
	if refused != nil {
		return nil, refused
	}
	return &mautrix.RespSendEvent{EventID: i.hs.put(roomID, i.user, kind, content)}, nil
}

func (i *intent) SendState(_ context.Context, roomID id.RoomID, kind event.Type, key string, content *event.Content, _ time.Time) (*mautrix.RespSendEvent, error) {
	i.hs.change(func() {
		r := i.hs.rooms[roomID]
		switch c := content.Parsed.(type) {
		case *event.MemberEventContent:
			clone := *c
			if r != nil {
				r.members[id.UserID(key)] = &clone
			}
		case *event.RoomNameEventContent:
			if r != nil {
				r.name = c.Name
			}
		case *event.SpaceChildEventContent:
			if r != nil {
				r.put(i.user, id.RoomID(key), len(c.Via) > 0)
			}
		case *event.RoomAvatarEventContent:
			if r != nil {
				r.avatar = c.URL
			}
		}
	})
	return &mautrix.RespSendEvent{EventID: i.hs.put(roomID, i.user, kind, content)}, nil
}

func (i *intent) MarkTyping(_ context.Context, roomID id.RoomID, _ bridgev2.TypingType, timeout time.Duration) error {
	i.hs.change(func() { i.hs.typing[string(roomID)+" "+string(i.user)] = timeout })
	return nil
}

func (i *intent) SetDisplayName(_ context.Context, name string) error {
	i.hs.change(func() { i.hs.names[i.user] = name })
	return nil
}

func (i *intent) SetAvatarURL(_ context.Context, uri id.ContentURIString) error {
	i.hs.change(func() {
		i.hs.avatars[i.user] = uri
		i.hs.pictures++
	})
	return nil
}

func (i *intent) UploadMedia(_ context.Context, _ id.RoomID, data []byte, _, _ string) (
	uri id.ContentURIString, _ *event.EncryptedFileInfo, err error,
) {
	i.hs.change(func() {
		i.hs.count++
		uri = id.ContentURIString(fmt.Sprintf("mxc://%s/%d", domain, i.hs.count))
		i.hs.media[uri] = data
		i.hs.pictures++
	})
	return uri, nil, nil
}

// store keeps a medium as somebody's upload.
func (hs *homeserver) store(data []byte) (uri id.ContentURIString) {
	hs.change(func() {
		hs.count++
		uri = id.ContentURIString(fmt.Sprintf("mxc://%s/%d", domain, hs.count))
		hs.media[uri] = data
	})
	return uri
}

// become changes a user's profile, of which so many rooms hear.
func (hs *homeserver) become(user id.UserID, now face, rooms int) {
	hs.change(func() { hs.faces[user] = now })
	for range rooms {
		hs.refaced(context.Background(), user, now)
	}
}

func (hs *homeserver) Face(_ context.Context, user id.UserID) (face, error) {
	var f face
	err := error(mautrix.MNotFound)
	hs.change(func() {
		hs.asked++
		if known, ok := hs.faces[user]; ok {
			f, err = known, nil
		}
	})
	return f, err
}

func (hs *homeserver) OnFace(f func(context.Context, id.UserID, face)) { hs.refaced = f }

func (hs *homeserver) Download(_ context.Context, uri id.ContentURIString, thumbnail bool, limit int64) ([]byte, error) {
	if thumbnail {
		uri += "#small"
	}
	var data []byte
	var ok bool
	hs.change(func() {
		hs.loaded = append(hs.loaded, string(uri))
		data, ok = hs.media[uri]
	})
	switch {
	case !ok:
		return nil, mautrix.MNotFound
	case int64(len(data)) > limit:
		return nil, errTooManyBytes
	}
	return slices.Clone(data), nil
}

// pictureRequests counts what pictures cost the homeserver, but for rooms.
func (hs *homeserver) pictureRequests() int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.pictures
}

func (i *intent) SetExtraProfileMeta(context.Context, any) error { return nil }

func (i *intent) CreateRoom(ctx context.Context, req *mautrix.ReqCreateRoom) (id.RoomID, error) {
	var roomID id.RoomID
	if i.hs.Reach(ctx) != nil {
		return "", errAway
	}
	i.hs.change(func() {
		i.hs.count++
		roomID = id.RoomID(fmt.Sprintf("!%03d:%s", i.hs.count, domain))
		r := &room{name: req.Name, direct: req.IsDirect, tags: map[event.RoomTag]bool{}, children: map[id.RoomID]id.UserID{}, members: map[id.UserID]*event.MemberEventContent{
			i.user: {Membership: event.MembershipJoin},
		}}
		r.space = req.CreationContent["type"] == event.RoomTypeSpace
		for _, user := range req.Invite {
			r.members[user] = &event.MemberEventContent{Membership: event.MembershipInvite}
		}
		for _, evt := range req.InitialState {
			switch c := evt.Content.Parsed.(type) {
			case *event.RoomNameEventContent:
				r.name = c.Name
			case *event.RoomAvatarEventContent:
				r.avatar = c.URL
			}
		}
		i.hs.rooms[roomID] = r
	})
	return roomID, nil
}

func (i *intent) EnsureJoined(_ context.Context, roomID id.RoomID, _ ...bridgev2.EnsureJoinedParams) error {
	i.hs.change(func() {
		if r := i.hs.rooms[roomID]; r != nil {
			r.members[i.user] = &event.MemberEventContent{Membership: event.MembershipJoin}
		}
	})
	return nil
}

func (i *intent) EnsureInvited(_ context.Context, roomID id.RoomID, user id.UserID) error {
	i.hs.change(func() {
		if r := i.hs.rooms[roomID]; r != nil && (r.members[user] == nil || !r.members[user].Membership.IsInviteOrJoin()) {
			r.members[user] = &event.MemberEventContent{Membership: event.MembershipInvite}
		}
	})
	return nil
}

func (i *intent) MarkRead(context.Context, id.RoomID, id.EventID, time.Time) error { return nil }

func (i *intent) DeleteRoom(_ context.Context, roomID id.RoomID, puppetsOnly bool) error {
	i.hs.change(func() {
		r := i.hs.rooms[roomID]
		if r == nil || !puppetsOnly {
			delete(i.hs.rooms, roomID)
			return
		}
		for member, content := range r.members {
			if _, ghost := i.hs.ParseGhostMXID(member); ghost || member == i.user {
				content.Membership = event.MembershipLeave
			}
		}
	})
	return nil
}

func (i *intent) GetEvent(_ context.Context, roomID id.RoomID, eventID id.EventID) (*event.Event, error) {
	i.hs.mu.Lock()
	defer i.hs.mu.Unlock()
	if r := i.hs.rooms[roomID]; r != nil {
		for _, e := range r.events {
			if e.id == eventID {
				return &event.Event{ID: e.id, Sender: e.sender, Type: e.kind, Content: *e.content}, nil
			}
		}
	}
	return nil, mautrix.MNotFound
}
