package bridge

import (
	"context"
	"fmt"
	"sync"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// Nicknames are what the user calls contacts. A service with an address book keeps them; what older versions keep is gone with the
// contact's next presence, so the bridge does it for those.

// nicknames are those that the bridge keeps for a login.
type nicknames struct {
	db    *database.Database
	login string

	turn  sync.Mutex // one change at a time
	mu    sync.Mutex
	names map[string]string // by address
}

// load reads them.
func (n *nicknames) load(ctx context.Context) error {
	names, err := n.db.Nicknames(ctx, n.login)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = names
	return nil
}

// of is what a contact is called; "" for nothing.
func (n *nicknames) of(passport string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.names[passport]
}

// set stores what a contact is called; "" takes it away.
func (n *nicknames) set(ctx context.Context, passport, name string) error {
	n.turn.Lock()
	defer n.turn.Unlock()
	return n.put(ctx, passport, name)
}

// forget takes away what somebody was called, unless they are on the contact list again.
func (n *nicknames) forget(ctx context.Context, passport string, listed func() bool) error {
	n.turn.Lock()
	defer n.turn.Unlock()
	if n.of(passport) == "" || listed() {
		return nil
	}
	return n.put(ctx, passport, "")
}

// put is one change.
func (n *nicknames) put(ctx context.Context, passport, name string) error {
	if err := n.db.PutNickname(ctx, n.login, passport, name); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.names == nil {
		n.names = make(map[string]string)
	}
	n.names[passport] = name
	return nil
}

// nickname is what the user calls a contact; "" for nothing of their own.
func (s *session) nickname(passport string) string {
	contact, known := s.msn.Contact(passport)
	switch {
	case !known || !contact.On(msn.ForwardList):
		return ""
	case s.msn.KeepsNicknames():
		return contact.Nickname
	}
	return s.nicknames.of(passport)
}

// rename gives a contact a nickname.
func (s *session) rename(ctx context.Context, passport, name string) error {
	if s.msn.KeepsNicknames() {
		return s.msn.RenameContact(ctx, passport, name)
	}
	if contact, _ := s.msn.Contact(passport); !contact.On(msn.ForwardList) {
		return fmt.Errorf("%s: %w", passport, msn.ErrNotOnList)
	}
	if err := s.nicknames.set(ctx, passport, name); err != nil {
		return err
	}
	s.contacts.called(passport)
	return nil
}
