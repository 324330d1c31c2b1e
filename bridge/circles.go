package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/commands"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Circles: lasting groups of MSNP18 and later (bridge.md, Circles and groups). A circle's room belongs to nobody: all its
// members who are logged in share it.

// circlePowers are roles in terms of Matrix.
var circlePowers = map[msn.CircleRole]int{msn.RoleAdmin: 95, msn.RoleAssistant: 50, msn.RoleMember: 0, msn.RoleInvited: 0}

var (
	errNoCircle  = errors.New("you are not a member of this circle")
	errOwnCircle = errors.New("MSN does not let the owner of a circle leave it")
)

// circle finds one of mine. Rooms are brought up to date as soon as a sign-in reads the circles, and nobody knows them before it is complete:
// it is waited for, as a circle would be none of mine meanwhile.
func (c *Client) circle(ctx context.Context, id string) (msn.Circle, error) {
	s, err := c.online()
	if err != nil {
		return msn.Circle{}, err
	}
	circles := s.msn.Circles()
	if circles == nil {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		if err := s.msn.Ping(ctx); err != nil {
			return msn.Circle{}, fmt.Errorf("wait for the circles: %w", err)
		}
		circles = s.msn.Circles()
	}
	if i := slices.IndexFunc(circles, func(circle msn.Circle) bool { return circle.ID == id }); i >= 0 {
		return circles[i], nil
	}
	return msn.Circle{}, errNoCircle
}

// inCircle tells whether I belong to a circle. It is asked by handlers, so it asks nobody else.
func (s *session) inCircle(id string) bool {
	return slices.ContainsFunc(s.msn.Circles(), func(circle msn.Circle) bool { return circle.ID == id && circle.Role != msn.RoleInvited })
}

// circleInfo describes the room of a circle.
func (c *Client) circleInfo(ctx context.Context, id string) (*bridgev2.ChatInfo, error) {
	circle, err := c.circle(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.describeCircle(ctx, circle), nil
}

func (c *Client) describeCircle(ctx context.Context, circle msn.Circle) *bridgev2.ChatInfo {
	self := bridgev2.ChatMember{EventSender: c.self(), Membership: event.MembershipJoin, PowerLevel: ptr.Ptr(circlePowers[circle.Role])}
	self.Sender = c.ownID()
	members := bridgev2.ChatMemberMap{}.Set(self)
	for _, m := range circle.Members {
		if m.Passport == c.passport {
			continue
		}
		c.ensureGhost(ctx, m.Passport, m.FriendlyName)
		member := c.member(m.Passport, event.MembershipJoin)
		if m.Role == msn.RoleInvited {
			member.Membership = event.MembershipInvite
		}
		member.PowerLevel = ptr.Ptr(circlePowers[m.Role])
		members.Set(member)
	}
	return &bridgev2.ChatInfo{
		Name: ptr.Ptr(circle.Name), Type: ptr.Ptr(bridgedb.RoomTypeDefault), MessageRequest: ptr.Ptr(circle.Role == msn.RoleInvited),
		Members: &bridgev2.ChatMemberList{
			IsFull: true, TotalMemberCount: len(members), MemberMap: members,
			PowerLevels: &bridgev2.PowerLevelOverrides{Invite: ptr.Ptr(50), Kick: ptr.Ptr(95), EventsDefault: ptr.Ptr(0)},
		},
	}
}

// circlesChanged brings the rooms of circles up to date, and tells of invitations.
func (s *session) circlesChanged(ctx context.Context, circles []msn.Circle) {
	for _, circle := range circles {
		key := circleKey(s.server, circle.ID)
		if circle.Role == msn.RoleInvited {
			s.circleInvitation(ctx, key, circle)
			continue
		}
		if s.ensureRoom(ctx, key) {
			continue
		}
		s.login.QueueRemoteEvent(&simplevent.ChatResync{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: key, CreatePortal: true},
			GetChatInfoFunc: func(ctx context.Context, _ *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
				return s.circleInfo(ctx, circle.ID)
			},
		})
	}
	s.leftCircles(ctx, circles)
}

// circleInvitation tells of an invitation, once.
func (s *session) circleInvitation(ctx context.Context, key networkid.PortalKey, circle msn.Circle) {
	s.ensureRoom(ctx, key)
	text := fmt.Sprintf("%s invites you to the circle %q. Write `%s circle accept` here to join, or `%[3]s circle decline`.",
		s.nameOf(circle.Inviter, circle.Inviter), circle.Name, s.conn.br.Config.CommandPrefix)
	if circle.InviteText != "" {
		text += "\nThey wrote: " + circle.InviteText
	}
	if _, _, ok := splitID(s.server + "/" + circle.Inviter); !ok {
		s.tell(ctx, text)
		return
	}
	meta := s.event(bridgev2.RemoteEventMessage, key, circle.Inviter)
	meta.CreatePortal, meta.Timestamp = true, time.Now()
	s.login.QueueRemoteEvent(&simplevent.PreConvertedMessage{
		EventMeta: meta, ID: networkid.MessageID("invitation/" + s.passport + "/" + circle.ID),
		Data: &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{
			Type: event.EventMessage, Content: &event.MessageEventContent{MsgType: event.MsgNotice, Body: text},
		}}},
	})
}

// leftCircles takes the user out of rooms of circles that are not theirs any more.
func (s *session) leftCircles(ctx context.Context, circles []msn.Circle) {
	portals, err := s.conn.br.DB.UserPortal.GetAllForLogin(ctx, s.login.UserLogin)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to look for circles that were left")
		return
	}
	for _, p := range portals {
		_, id, ok := parseCircle(p.Portal.ID)
		if !ok || slices.ContainsFunc(circles, func(circle msn.Circle) bool { return circle.ID == id }) {
			continue
		}
		s.rooms.forget(p.Portal)
		s.login.QueueRemoteEvent(&simplevent.ChatDelete{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatDelete, PortalKey: p.Portal},
			OnlyForMe: true,
		})
	}
}

// circleMembership invites, leaves or puts out.
func (c *Client) circleMembership(ctx context.Context, msg *bridgev2.MatrixMembershipChange, id string) error {
	ghost, isGhost := msg.Target.(*bridgev2.Ghost)
	if !isGhost {
		if msg.Type == bridgev2.Leave {
			return c.leaveCircle(ctx, id)
		}
		return nil
	}
	server, passport, ok := parseUserID(ghost.ID)
	if !ok || server != c.server {
		return refusal("only people of the same MSN service can be in the circle")
	}
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	switch {
	case msg.Type == bridgev2.Invite:
		return s.msn.InviteToCircle(ctx, id, passport, "")
	case !msg.Type.IsSelf && msg.Type.To == event.MembershipLeave:
		return s.msn.RemoveFromCircle(ctx, id, passport)
	}
	return nil
}

// leaveCircle leaves, or declines where an invitation is not answered.
func (c *Client) leaveCircle(ctx context.Context, id string) error {
	circle, err := c.circle(ctx, id)
	if errors.Is(err, errNoCircle) {
		return nil
	}
	if err != nil {
		return err
	}
	if circle.Role == msn.RoleInvited {
		return c.answerCircle(ctx, id, false)
	}
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = s.msn.LeaveCircle(ctx, id)
	if errors.Is(err, msn.ErrServiceTrouble) && circle.Role == msn.RoleAdmin {
		return fmt.Errorf("leave %s: %w", id, errOwnCircle) // which is what the service means, if it says why at all
	}
	return err
}

// answerCircle accepts or declines an invitation.
func (c *Client) answerCircle(ctx context.Context, id string, accept bool) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s.msn.AnswerCircle(ctx, id, accept)
}

// commandCircle lists, makes, joins and leaves.
func commandCircle(ce *commands.Event, c *Client) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	word, rest := "list", ""
	if len(ce.Args) > 0 {
		word, rest = strings.ToLower(ce.Args[0]), strings.Join(ce.Args[1:], " ")
	}
	switch word {
	case "list":
		return listCircles(ce, s)
	case "create":
		if rest == "" {
			return errors.New("write `circle create <name>`")
		}
		ctx, cancel := context.WithTimeout(ce.Ctx, sendTimeout)
		defer cancel()
		made, err := s.msn.CreateCircle(ctx, rest)
		if err != nil {
			return err
		}
		s.ensureRoom(ce.Ctx, circleKey(c.server, made.ID))
		ce.Reply("The circle %s is made. Invite its people into its room.", cell(made.Name))
		return nil
	}
	answers := map[string]func(id string) error{
		"accept":  func(id string) error { return c.answerCircle(ce.Ctx, id, true) },
		"decline": func(id string) error { return c.answerCircle(ce.Ctx, id, false) },
		"leave":   func(id string) error { return c.leaveCircle(ce.Ctx, id) },
	}
	answer, known := answers[word]
	if !known {
		return errors.New("write `circle list`, `circle create <name>`, or in its room `circle accept`, `circle decline` or `circle leave`; " +
			"elsewhere with the name of the circle behind it")
	}
	id, err := s.circleMeant(ce, rest)
	if err == nil {
		err = answer(id)
	}
	if err == nil {
		ce.React("✅")
	}
	return err
}

// circleMeant is the circle that a command names, or that of the room.
func (s *session) circleMeant(ce *commands.Event, name string) (id string, err error) {
	if name == "" && ce.Portal != nil {
		if _, id, ok := parseCircle(ce.Portal.ID); ok {
			return id, nil
		}
	}
	if name == "" {
		return "", errors.New("write it in the room of the circle, or with its name behind it")
	}
	found := 0
	for _, circle := range s.msn.Circles() {
		if strings.EqualFold(circle.Name, unquoted(name)) {
			id = circle.ID
			found++
		}
	}
	switch found {
	case 0:
		return "", fmt.Errorf("there is no circle %q of yours; `circle list` lists them", name)
	case 1:
		return id, nil
	}
	return "", fmt.Errorf("%d of your circles are called %q: write it in the room of the one that you mean", found, name)
}

// hearLeaving tells users who leave the room of a circle that they have not left the circle: bridgev2 does not pass that on, unless the
// administrator has it do so.
func (c *Connector) hearLeaving() {
	eventsOn(c.br.Matrix, func(ctx context.Context, evt *event.Event) {
		if c.br.Config.BridgeMatrixLeave || evt.GetStateKey() != evt.Sender.String() || evt.Content.AsMember().Membership != event.MembershipLeave {
			return
		}
		portal, err := c.br.GetPortalByMXID(ctx, evt.RoomID)
		if err != nil || portal == nil {
			return
		}
		_, id, ok := parseCircle(portal.ID)
		user, err := c.br.GetExistingUserByMXID(ctx, evt.Sender)
		if !ok || err != nil || user == nil {
			return
		}
		for _, login := range user.GetUserLogins() {
			if client, ok := login.Client.(*Client); ok {
				if s := client.current.Load(); s != nil {
					s.leftCircleRoom(id)
				}
			}
		}
	}, event.StateMember)
}

// leftRoom is what a user was told about.
type leftRoom struct {
	circle  string
	invited bool
}

// leftCircleRoom tells, once for each circle in a run, that the user still belongs to the circle whose room they have left.
func (s *session) leftCircleRoom(id string) {
	circles := s.msn.Circles()
	i := slices.IndexFunc(circles, func(circle msn.Circle) bool { return circle.ID == id })
	if i < 0 {
		return // that is why
	}
	name, invited := cell(circles[i].Name), circles[i].Role == msn.RoleInvited
	if _, told := s.leftRooms.LoadOrStore(leftRoom{id, invited}, true); told {
		return
	}
	if invited {
		s.notices.add(fmt.Sprintf("You left the room of the circle %s, which does not answer its invitation: `circle decline %[1]s` says no, `circle accept %[1]s` yes.", name))
		return
	}
	s.notices.add(fmt.Sprintf("You left the room of the circle %s, and still belong to the circle, so you will be invited to the room again. "+
		"`circle leave %[1]s` leaves the circle itself.", name))
}

// listCircles is the list, for people.
func listCircles(ce *commands.Event, s *session) error {
	circles := s.msn.Circles()
	if len(circles) == 0 {
		ce.Reply("You belong to no circle.")
		return nil
	}
	var b strings.Builder
	for _, circle := range circles {
		fmt.Fprintf(&b, "- %s: %s", cell(circle.Name), plural(len(circle.Members), "member"))
		if circle.Role == msn.RoleInvited {
			fmt.Fprintf(&b, ", you are invited by %s", cell(circle.Inviter))
		}
		b.WriteString("\n")
	}
	ce.Reply("%s", b.String())
	return nil
}
