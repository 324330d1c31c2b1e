package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/simplevent"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Contact requests: somebody has put the user on their list (bridge.md, Contact list). Each is shown once, in a room with who asks, over
// restarts too: the message that tells of it is looked for in the message table, and taken from there when the request has ended.

// withList is the session to ask, with its contact list.
func (c *Client) withList(ctx context.Context) (*session, error) {
	s, err := c.arrived(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.msn.Ping(ctx) // which waits for the end of the sign-in
}

// asks tells whether somebody waits for an answer.
func (s *session) asks(passport string) bool {
	return slices.ContainsFunc(s.msn.Requests(), func(e msn.ContactRequest) bool { return e.Passport == passport })
}

// contactRequest makes a message-request room with a notice of who asks. Nobody is accepted by it.
func (s *session) contactRequest(ctx context.Context, e msn.ContactRequest) {
	if s.conn.Config.Contacts.AcceptAll {
		name := s.nameOf(e.Passport, e.FriendlyName)
		if err := s.accept(ctx, e.Passport); err == nil {
			s.tell(ctx, fmt.Sprintf("%s (%s) has added you to their MSN contact list, and is on yours now, as this bridge accepts everybody.", cell(name), cell(e.Passport)))
			return
		} else if ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("Failed to accept a contact request; the user is asked")
		}
	}
	if !s.asks(e.Passport) { // it was answered meanwhile
		return
	}
	if s.isNews(e.Passport) { // whatever was shown of them before was another request
		s.decided(ctx, e.Passport)
	}
	s.ensureGhost(ctx, e.Passport, e.FriendlyName)
	key := directKey(s.login.ID, s.server, e.Passport)
	s.ensureRoom(ctx, key)
	meta := s.event(bridgev2.RemoteEventMessage, key, e.Passport)
	meta.CreatePortal, meta.Timestamp = true, time.Now()
	meta.PreHandleFunc = func(ctx context.Context, portal *bridgev2.Portal) {
		if !s.asks(e.Passport) {
			return
		}
		s.bringBack(ctx, portal)
		if portal.MessageRequest {
			return
		}
		portal.MessageRequest = true
		if err := portal.Save(ctx); err != nil {
			zerolog.Ctx(ctx).Err(err).Msg("Failed to store a message request")
		}
	}
	s.asked.Store(e.Passport, true)
	s.login.QueueRemoteEvent(&simplevent.Message[msn.ContactRequest]{
		EventMeta: meta, ID: requestMessageID(e.Passport), Data: e, ConvertMessageFunc: s.requestText,
	})
}

// requestText is the message that tells of a contact request, unless it was answered meanwhile.
func (s *session) requestText(_ context.Context, _ *bridgev2.Portal, _ bridgev2.MatrixAPI, e msn.ContactRequest) (*bridgev2.ConvertedMessage, error) {
	if !s.asks(e.Passport) {
		return nil, bridgev2.ErrIgnoringRemoteEvent
	}
	text := fmt.Sprintf("%s (%s) has added you to their MSN contact list. To add them too, answer here or write `%s accept`; "+
		"`%[3]s decline` says no, and `%[3]s block` keeps them from seeing you.",
		s.nameOf(e.Passport, e.FriendlyName), e.Passport, s.conn.br.Config.CommandPrefix)
	if e.Text != "" {
		text += "\nThey wrote: " + e.Text
	}
	return &bridgev2.ConvertedMessage{Parts: []*bridgev2.ConvertedMessagePart{{
		Type: event.EventMessage, Content: &event.MessageEventContent{
			// A mention pings, but not in a notice: .m.rule.suppress_notices comes first.
			MsgType: event.MsgText, Body: text, Mentions: &event.Mentions{UserIDs: []id.UserID{s.login.UserMXID}},
		},
	}}}, nil
}

// HandleMatrixAcceptMessageRequest adds who asked to the contact list.
func (c *Client) HandleMatrixAcceptMessageRequest(ctx context.Context, msg *bridgev2.MatrixAcceptMessageRequest) error {
	if _, id, ok := parseCircle(msg.Portal.ID); ok {
		return sendStatus(c.answerCircle(ctx, id, true))
	}
	_, passport, ok := parseDirect(msg.Portal.ID)
	if !ok {
		return sendStatus(errOddPortal)
	}
	return sendStatus(c.acceptRequest(ctx, passport))
}

// acceptRequest puts somebody on the contact list who asks for it, and nobody else.
func (c *Client) acceptRequest(ctx context.Context, passport string) error {
	s, err := c.withList(ctx)
	if err != nil {
		return err
	}
	if !s.asks(passport) {
		c.decided(ctx, passport)
		return refusal("they do not ask to be on your contact list any more")
	}
	return c.accept(ctx, passport)
}

// answerByText accepts a contact request by what is written into its room. An invitation to a circle takes the command.
func (c *Client) answerByText(ctx context.Context, portal *bridgev2.Portal) error {
	if _, id, ok := parseCircle(portal.ID); ok {
		if circle, err := c.circle(ctx, id); err == nil && circle.Role == msn.RoleInvited {
			return refusal(fmt.Sprintf("you are invited to this circle, and not in it: write `%s circle accept` first", c.conn.br.Config.CommandPrefix))
		}
		return nil
	}
	_, passport, ok := parseDirect(portal.ID)
	if !ok || !portal.MessageRequest {
		return nil
	}
	if s, err := c.withList(ctx); err != nil || !s.asks(passport) { // it is a message like others then
		return err
	}
	return c.accept(ctx, passport)
}

// decline says no to somebody who asked.
func (c *Client) decline(ctx context.Context, passport string) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	c.deciding.Lock() // what comes of it from the service is no withdrawal
	defer c.deciding.Unlock()
	if err := s.msn.Decline(ctx, passport); err != nil {
		return err
	}
	c.decided(ctx, passport)
	return nil
}

// accept puts somebody on the contact list, which answers a request of theirs.
func (c *Client) accept(ctx context.Context, passport string) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	name, known := c.theirName(passport)
	if !known || s.msn.KeepsNicknames() { // there it would be a nickname, which the user has not given
		name = ""
	}
	if _, err := s.msn.AddContact(ctx, passport, name); err != nil {
		return err
	}
	c.decided(ctx, passport)
	return nil
}

// decided ends a contact request: a new one will be told again.
func (c *Client) decided(ctx context.Context, passport string) {
	br := c.conn.br
	_, asked := c.asked.LoadAndDelete(passport)
	portal, err := br.GetExistingPortalByKey(ctx, directKey(c.login.ID, c.server, passport))
	if err == nil && portal != nil {
		request, missing := br.DB.Message.GetFirstPartByID(ctx, c.login.ID, requestMessageID(passport))
		asked = asked || request != nil || missing != nil
		err = br.DB.Message.DeleteAllParts(ctx, c.login.ID, requestMessageID(passport))
	}
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to forget a contact request")
	}
	if asked && portal != nil && portal.MXID != "" {
		c.login.QueueRemoteEvent(&simplevent.ChatResync{
			EventMeta: simplevent.EventMeta{Type: bridgev2.RemoteEventChatResync, PortalKey: portal.PortalKey},
			ChatInfo:  &bridgev2.ChatInfo{MessageRequest: new(bool)},
		})
	}
}

// settleRequests ends what is shown of requests that have ended while nobody looked.
func (s *session) settleRequests(ctx context.Context) {
	rows, err := s.conn.br.DB.UserPortal.GetAllForLogin(ctx, s.login.UserLogin)
	if err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to look for contact requests that have ended")
		return
	}
	for _, row := range rows {
		_, passport, ok := parseDirect(row.Portal.ID)
		if contact, _ := s.msn.Contact(passport); ok && !contact.On(msn.ForwardList) {
			s.withdrawn(ctx, passport)
		}
	}
}

// requestOver looks after somebody whose lists have changed: they may have taken a request back.
func (s *session) requestOver(passport string) {
	if _, shown := s.asked.Load(passport); shown && !s.asks(passport) {
		s.contacts.do(func(ctx context.Context) { s.withdrawn(ctx, passport) })
	}
}

// withdrawn ends a request that is shown and that nobody makes any more, and says so where it was shown.
func (s *session) withdrawn(ctx context.Context, passport string) {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	if contact, _ := s.msn.Contact(passport); s.asks(passport) || contact.Lists&(msn.ForwardList|msn.AllowList|msn.BlockList) != 0 {
		return
	}
	key := directKey(s.login.ID, s.server, passport)
	request, err := s.conn.br.DB.Message.GetFirstPartByID(ctx, s.login.ID, requestMessageID(passport))
	if err != nil || request == nil {
		return
	}
	s.decided(ctx, passport)
	s.note(ctx, key, passport+" does not ask to be on your contact list any more.")
}

// isNews tells whether a request was not there at the sign-in already.
func (s *session) isNews(passport string) bool {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	waited := s.waited[passport]
	delete(s.waited, passport)
	return !waited
}

// waiting notes whose requests there are at the sign-in.
func (s *session) waiting() {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	for _, e := range s.msn.Requests() {
		s.waited[e.Passport] = true
	}
}
