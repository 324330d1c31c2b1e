package bridge

import (
	"bytes"
	"context"
	"slices"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/bridgev2/status"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/bridge/msnfmt"
	"github.com/matrix-msn/matrix-msn/msn"
)

// MSN → Matrix. The handler runs in the goroutine that reads a connection: it converts nothing, asks the
// server nothing and hands everything on. A room whose queue is full blocks one reader, which is all the
// back-pressure there needs to be.

// handle is msn's handler: one case per event.
func (s *session) handle(ctx context.Context, event msn.Event) {
	switch e := event.(type) {
	case msn.SignedIn:
		s.signedIn(ctx, e)
	case msn.ContactChanged:
		s.contactChanged(e.Contact)
	case msn.ContactRemoved:
		s.requestOver(e.Passport)
		s.showPresence(e.Passport)
		s.pictures.gone(e.Passport)
		s.offList(e.Passport)
	case msn.ContactRequest:
		if !s.contacts.do(func(ctx context.Context) { s.contactRequest(ctx, e) }) {
			zerolog.Ctx(ctx).Warn().Msg("There are too many contact requests; some are not shown before the next sign-in")
		}
	case msn.PresenceChanged:
		s.presenceChanged(e.Passport, e.Presence)
	case msn.PersonalMessageChanged:
		s.showPresence(e.Passport)
	case msn.MessageReceived:
		s.received(ctx, e)
	case msn.ParticipantJoined:
		s.joined(ctx, e)
	case msn.ParticipantLeft:
		s.left(ctx, e)
	case msn.ConversationClosed:
		s.conferences.closed(e.Conversation.Session)
	case msn.Undelivered:
		zerolog.Ctx(ctx).Debug().Str("message_id", string(e.ID)).Msg("MSN could not deliver a message that nobody waited for")
	case msn.ServerNotice:
		s.notices.add("The MSN service says: " + e.Text)
	case msn.OfflineMessageReceived:
		s.offlineReceived(ctx, e.OfflineMessage)
	case msn.OfflineTrouble:
		s.notices.add("Messages wait for you at the MSN service that could not be fetched; they are tried again at the next sign-in. (" + e.Err.Error() + ")")
	case msn.ListTrouble:
		s.notices.add("Your contact list changed elsewhere and could not be read again: " + e.Err.Error())
	case msn.EndpointsChanged:
		s.placesChanged(e.Endpoints)
	case msn.MailReceived:
		s.mailReceived(e)
	case msn.MailChanged: // a number that nobody has asked for
	case msn.CirclesChanged:
		s.contacts.do(func(ctx context.Context) { s.circlesChanged(ctx, e.Circles) })
	case msn.CirclePresenceChanged: // ghosts have one presence, that of the contact list
	case msn.GroupsChanged:
		s.contacts.regroup()
	}
}

// signedIn is the beginning: the contact list is complete.
func (s *session) signedIn(ctx context.Context, e msn.SignedIn) {
	log := zerolog.Ctx(ctx)
	s.conn.metrics.signedIn.Inc()
	s.counted, s.calledOnMSN = true, e.FriendlyName
	s.complete.Store(true)
	log.Info().Stringer("version", e.Version).Int("contacts", len(s.msn.Contacts())).Msg("Signed in to MSN")
	if err := s.conn.versions.change(ctx, s.server, func(m *msn.VersionMemory) { m.Worked(e.Version) }); err != nil {
		log.Err(err).Msg("Failed to remember which protocol versions work")
	}
	s.announce(status.BridgeState{StateEvent: status.StateConnected})
	s.signedInAgain(ctx)
	s.waiting()
	s.contacts.do(s.settleRequests)
	for _, contact := range s.msn.Contacts() {
		s.mutual(contact)
		if contact.On(msn.ForwardList) {
			s.contacts.called(contact.Passport)
		}
	}
}

func (s *session) contactChanged(contact msn.Contact) {
	s.contacts.regroup()
	s.mutual(contact)
	s.requestOver(contact.Passport)
	s.showPresence(contact.Passport)
	if !contact.On(msn.ForwardList) {
		s.offList(contact.Passport)
		return
	}
	s.contacts.called(contact.Passport)
	s.wantRoom(contact)
}

// presenceChanged shows a contact's presence, takes over the name that comes with it, and makes a room
// for who is seen online.
func (s *session) presenceChanged(passport string, p msn.Presence) {
	if passport == s.passport {
		return
	}
	s.showPresence(passport)
	s.pictureSeen(passport, p)
	if p.Status == msn.Offline {
		s.conferences.away(passport)
		return
	}
	contact, _ := s.msn.Contact(passport)
	if p.FriendlyName != "" && !s.wellNamed(passport) {
		s.contacts.called(passport)
	}
	s.wantRoom(contact)
}

// showPresence hands status and personal message on together, as Matrix has them in one. Who is no contact is seen offline: MSN tells
// no more of them, even if they are on another list.
func (s *session) showPresence(passport string) {
	if !s.conn.Config.Presence.ToMatrix || passport == s.passport {
		return
	}
	v := view{presence: event.PresenceOffline}
	if contact, _ := s.msn.Contact(passport); contact.On(msn.ForwardList) {
		v = viewOf(s.msn.PresenceOf(passport).Status, s.msn.PersonalMessageOf(passport))
	}
	s.conn.presence.see(s.login.ID, makeUserID(s.server, passport), v)
}

// event begins every event for a room.
func (s *session) event(kind bridgev2.RemoteEventType, room networkid.PortalKey, from string) simplevent.EventMeta {
	return simplevent.EventMeta{
		Type: kind, PortalKey: room, Sender: s.sender(from),
		LogContext: func(c zerolog.Context) zerolog.Context { return c.Str("from", from) },
	}
}

// fileTransfer is the EUF-GUID of a file that is offered over MSNSLP (core.md 12.9).
const fileTransfer = "5D3E02AB-6190-11D3-BBBB-00C04F795683"

// offersFile tells whether a P2P message is the invitation to take a file. Files cannot be taken yet, but
// the user has to hear of it.
func offersFile(data []byte) bool {
	text := bytes.ToUpper(data)
	return bytes.Contains(text, []byte("INVITE MSNMSGR:")) && bytes.Contains(text, []byte(fileTransfer))
}

// received is a message. Typing goes only into rooms that exist; everything else may make one.
func (s *session) received(ctx context.Context, e msn.MessageReceived) {
	switch m := e.Message.(type) {
	case *msn.Keepalive, *msn.ClientCaps, *msn.CustomEmoticons:
		return // nothing that a person would have seen in MSN either
	case *msn.P2PData:
		if !offersFile(m.Data) {
			return // pictures that are asked for, and the like
		}
		e.Message = &msn.Invitation{Fields: []msn.Field{
			{Name: "Application-Name", Value: "File Transfer"}, {Name: "Invitation-Command", Value: "INVITE"},
		}}
	case *msn.TextMessage:
		if e.MissingChunks == 0 && msnfmt.IsBlank(m) {
			zerolog.Ctx(ctx).Debug().Msg("Dropping a text in which there is nothing to see")
			return
		}
	}
	if e.Conversation.Circle != "" && !s.inCircle(e.Conversation.Circle) {
		return // an echo of one that was left
	}
	room, err := s.portalKey(ctx, e.Conversation, e.From)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to find the room of a conversation")
		if room.ID == "" {
			return
		}
	}
	if _, ok := e.Message.(*msn.Typing); ok {
		if !s.rooms.there(ctx, room) {
			return
		}
		s.login.QueueRemoteEvent(&simplevent.Typing{
			EventMeta: s.event(bridgev2.RemoteEventTyping, room, e.From), Timeout: typingShown,
		})
		return
	}
	s.ensureGhost(ctx, e.From, e.FriendlyName)
	meta := s.event(bridgev2.RemoteEventMessage, room, e.From)
	meta.CreatePortal, meta.Timestamp = true, e.At
	s.queueMessage(ctx, meta, makeMessageID(e.ID), e, func(_ context.Context, landed bool) {
		if !landed {
			s.notices.add(s.lostText(e))
		}
	})
}

// joined is somebody coming into a conversation. Between two that is no news; a group's room is made, or
// its members are brought up to date.
func (s *session) joined(ctx context.Context, e msn.ParticipantJoined) {
	if !e.Conversation.Group {
		return
	}
	if len(together(e.Conversation.Participants, e.Conversation.Invited)) < 2 && !s.conferences.carries(e.Conversation.Session) {
		return // of a group nobody can say yet which one it is, until somebody else comes or writes
	}
	s.ensureGhost(ctx, e.Passport, e.FriendlyName)
	for _, passport := range e.Conversation.Participants {
		s.ensureGhost(ctx, passport, "")
	}
	conf, err := s.conferences.of(ctx, e.Conversation) // whose room may look at its people at once
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to store a conference")
	}
	if conf.ID == "" {
		return
	}
	s.placeConference(ctx, conf)
	if !s.conferences.wantSync(conf.ID) {
		return
	}
	key := conferenceKey(s.login.ID, s.server, conf.ID)
	if s.ensureRoom(ctx, key) { // with everybody in it
		s.conferences.setSyncing(conf.ID, false)
		return
	}
	meta := s.event(bridgev2.RemoteEventChatResync, key, e.Passport)
	meta.CreatePortal = true
	s.login.QueueRemoteEvent(&simplevent.ChatResync{
		EventMeta: meta,
		GetChatInfoFunc: func(ctx context.Context, portal *bridgev2.Portal) (*bridgev2.ChatInfo, error) {
			s.conferences.setSyncing(conf.ID, false)
			info, err := s.GetChatInfo(ctx, portal)
			if err == nil && portal.MXID != "" && !s.calledAfter(portal.Name, conf.Everyone) {
				info.Name = nil // the user gave it another one
			}
			return info, err
		},
	})
}

// left is somebody going. Who was put out for being idle, and who is the last, stays in the room: the
// next message calls them again.
func (s *session) left(ctx context.Context, e msn.ParticipantLeft) {
	if !e.Conversation.Group {
		return
	}
	forGood := !e.Idle && len(e.Conversation.Participants) > 0
	conf, err := s.conferences.parted(ctx, e.Conversation, e.Passport, forGood)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to store a conference")
	}
	if !forGood || slices.Contains(conf.Members, e.Passport) {
		return
	}
	key := conferenceKey(s.login.ID, s.server, conf.ID)
	if conf.ID == "" || !s.rooms.there(ctx, key) {
		return
	}
	s.login.QueueRemoteEvent(&simplevent.ChatInfoChange{
		EventMeta: s.event(bridgev2.RemoteEventChatInfoChange, key, e.Passport),
		ChatInfoChange: &bridgev2.ChatInfoChange{MemberChanges: &bridgev2.ChatMemberList{
			MemberMap: bridgev2.ChatMemberMap{}.Set(s.member(e.Passport, event.MembershipLeave)),
		}},
	})
}
