package bridge

import (
	"context"
	"fmt"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Nicknames are what the user calls contacts. A service with an address book keeps them; what older versions keep is gone with the
// contact's next presence, so the bridge does it for those.

// nickname is what the user calls a contact; "" for nothing of their own.
func (s *session) nickname(passport string) string {
	contact, known := s.msn.Contact(passport)
	switch {
	case !known || !contact.On(msn.ForwardList):
		return ""
	case s.msn.KeepsNicknames():
		return contact.Nickname
	}
	return s.meta().nickname(passport)
}

// rename gives a contact a nickname.
func (s *session) rename(ctx context.Context, passport, name string) error {
	if s.msn.KeepsNicknames() {
		return s.msn.RenameContact(ctx, passport, name)
	}
	if contact, _ := s.msn.Contact(passport); !contact.On(msn.ForwardList) {
		return fmt.Errorf("%s: %w", passport, msn.ErrNotOnList)
	}
	s.meta().setNickname(passport, name)
	if err := s.login.Save(ctx); err != nil {
		return fmt.Errorf("keep the name: %w", err)
	}
	shown, _ := s.displayName(passport)
	s.contacts.called(passport, shown)
	return nil
}
