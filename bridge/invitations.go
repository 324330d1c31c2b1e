package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Who comes into a conversation of several: invited on Matrix, or called because they are missing.

// invite calls somebody into a room's conversation. In a room of two the invited one has no place, whatever comes of it; nor has one who
// does not come.
func (c *Client) invite(ctx context.Context, portal *bridgev2.Portal, ghost *bridgev2.Ghost) error {
	server, passport, ok := parseUserID(ghost.ID)
	if !ok || server != c.server {
		why := "only people of the same MSN service can be invited"
		if !c.conn.ValidateUserID(ghost.ID) {
			why = errNoPerson.Error()
		}
		c.takeBack(ctx, portal, ghost, why)
		return refusal(why)
	}
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	_, id, conference := parseConference(portal.ID)
	if conference {
		err = s.inviteInto(ctx, id, passport)
	} else {
		err = s.inviteFrom(ctx, portal, passport)
	}
	if errors.Is(err, msn.ErrContactOffline) && s.msn.TalksInGroups() && s.msn.PresenceOf(passport).Status != msn.Offline {
		err = refusal("they are online, but with a program that is too old for the conversations of MSNP21: the administrator can pin MSNP18 (`version` of the server)")
	}
	if conference && err == nil {
		return ghost.Intent.EnsureJoined(ctx, portal.MXID) // nobody tells that somebody has come who was there
	}
	why := "MSN makes a conference of it, in a room of its own"
	if err != nil {
		why = reason(err)
	}
	c.takeBack(ctx, portal, ghost, why)
	return err
}

// inviteInto calls somebody into a conference, and everybody else of it if nobody is there. A member whom the next message calls is called
// by that.
func (s *session) inviteInto(ctx context.Context, id, passport string) error {
	conf, err := s.conferences.get(ctx, id)
	if err != nil {
		return err
	}
	if conf.has(passport) && len(conf.current().there) == 0 {
		return nil
	}
	defer s.conferences.open(id, passport)()
	conv, err := s.msn.Invite(ctx, conf.conversation(), passport)
	if err == nil && !slices.Contains(conv.Participants, passport) {
		err = fmt.Errorf("invite %s: %w", passport, msn.ErrContactOffline)
	}
	if err != nil {
		return err
	}
	return s.sentOver(ctx, id, conv)
}

// sentOver notes what a conference is held over now, and who is there: perhaps before that is reported, so that they get their names.
func (s *session) sentOver(ctx context.Context, id string, conv msn.Conversation) error {
	for _, passport := range conv.Participants {
		s.ensureGhost(ctx, passport, "")
	}
	return s.conferences.sentOver(ctx, id, conv)
}

// inviteFrom makes a conference out of a conversation of two.
func (s *session) inviteFrom(ctx context.Context, portal *bridgev2.Portal, passport string) error {
	to, err := s.conversation(ctx, portal.ID)
	if err != nil {
		return err
	}
	conv, err := s.msn.Invite(ctx, to, passport)
	if err == nil && s.msn.TalksInGroups() && !slices.Contains(conv.Participants, passport) { // the other one of the room came
		err = fmt.Errorf("invite %s: %w", passport, msn.ErrContactOffline)
		if dropErr := s.drop(ctx, conv); dropErr != nil {
			zerolog.Ctx(ctx).Warn().Err(dropErr).Msg("Failed to leave a conversation to which the invited one did not come")
		}
	}
	return err
}

// takeBack takes the invitation of a ghost back. What why says is shown in the room.
func (c *Client) takeBack(ctx context.Context, portal *bridgev2.Portal, ghost *bridgev2.Ghost, why string) {
	_, err := c.conn.br.Bot.SendState(ctx, portal.MXID, event.StateMember, ghost.Intent.GetMXID().String(), &event.Content{
		Parsed: &event.MemberEventContent{Membership: event.MembershipLeave, Reason: why},
	}, time.Time{})
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to take an invitation back")
	}
}

// drop leaves a conversation of several and takes its room away.
func (s *session) drop(ctx context.Context, conv msn.Conversation) error {
	conf, err := s.conferences.of(ctx, conv)
	if err != nil {
		return err
	}
	s.deleteRoom(ctx, conferenceKey(s.login.ID, s.server, conf.ID))
	return errors.Join(s.msn.Leave(ctx, conv), s.conferences.remove(ctx, conf.ID))
}

// callTime is how long a message waits for those who are called into a conference before it. They are online, and their programs come by
// themselves.
const callTime = 5 * time.Second

// callAbsent calls the members of a conference into its live switchboard who are not there and could come: who has come online since.
func (s *session) callAbsent(ctx context.Context, id string) {
	conv, people := s.conferences.toCall(id, s.couldCome)
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, msn.ErrContactOffline)
	defer cancel()
	var calls sync.WaitGroup
	for _, passport := range people {
		calls.Go(func() {
			if _, err := s.msn.Invite(ctx, conv, passport); err != nil {
				zerolog.Ctx(ctx).Debug().Err(err).Msg("A member of a conference was called in vain")
			}
		})
	}
	calls.Wait()
}

// couldCome tells whether it makes sense to call somebody. Of who is no contact nobody knows whether they are online.
func (s *session) couldCome(passport string) bool {
	contact, _ := s.msn.Contact(passport)
	return !contact.On(msn.BlockList) && (!contact.On(msn.ForwardList) || s.msn.PresenceOf(passport).Status != msn.Offline)
}

// tellAbsent tells, once for each absence, who of a conference does not get what is written.
func (s *session) tellAbsent(ctx context.Context, id string) {
	people := s.conferences.toMiss(id)
	if len(people) == 0 {
		return
	}
	for i, passport := range people {
		if name, known := s.displayName(passport); known {
			people[i] = fmt.Sprintf("%s (%s)", name, passport)
		}
	}
	s.note(ctx, conferenceKey(s.login.ID, s.server, id), "Not in the conversation at the moment, and so not reading what is written here: "+
		strings.Join(people, ", ")+". Whoever comes online is called with the next message.")
}
