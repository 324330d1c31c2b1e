package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2/commands"

	"github.com/matrix-msn/matrix-msn/msn"
)

// commandProfile shows what the MSN service keeps of the user, for all places and programs, or changes it.
func commandProfile(ce *commands.Event, c *Client) error {
	s, err := c.online()
	if err != nil {
		return err
	}
	if len(ce.Args) == 0 {
		return s.showProfile(ce)
	}
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(ce.RawArgs), ce.Args[0]))
	switch {
	case ce.Args[0] == "name" && text != "":
		if err := s.msn.SetFriendlyName(ce.Ctx, text); err != nil {
			return err
		}
		return s.store(ce, func(r *msn.RoamingProfile) { r.DisplayName = text }, "Your contacts see your new name.")
	case ce.Args[0] == "message":
		return s.store(ce, func(r *msn.RoamingProfile) { r.PersonalMessage = text }, "")
	}
	return errors.New("write `profile`, `profile name <name>` or `profile message <text>`")
}

// showProfile lists the stored profile.
func (s *session) showProfile(ce *commands.Event) error {
	profile, err := s.msn.RoamingProfile(ce.Ctx)
	if errors.Is(err, msn.ErrUnsupported) {
		return errors.New("this MSN service, or the protocol version spoken with it, keeps no profile")
	}
	if err != nil {
		return err
	}
	if profile.DisplayName == "" && profile.PersonalMessage == "" && profile.Picture == nil {
		ce.Reply("The MSN service keeps nothing of %s yet.", cell(s.passport))
		return nil
	}
	picture := "none"
	if profile.Picture != nil {
		picture = fmt.Sprintf("%s, %d bytes", profile.PictureType, len(profile.Picture))
	}
	ce.Reply("The MSN service keeps of %s:\n\n* name: %s\n* message: %s\n* picture: %s",
		cell(s.passport), cell(cmp.Or(profile.DisplayName, "none")), cell(cmp.Or(profile.PersonalMessage, "none")), picture)
	return nil
}

// store changes the stored profile. done is what has happened already: then a service without profiles is no failure.
func (s *session) store(ce *commands.Event, change func(*msn.RoamingProfile), done string) error {
	profile, err := s.msn.RoamingProfile(ce.Ctx)
	if err == nil {
		change(&profile)
		profile.Picture = nil // it stays
		err = s.msn.SetRoamingProfile(ce.Ctx, profile)
	}
	if errors.Is(err, msn.ErrUnsupported) {
		if done == "" {
			return errors.New("this MSN service, or the protocol version spoken with it, keeps no profile")
		}
		ce.Reply("%s", done)
		return nil
	}
	if err != nil && done != "" {
		ce.Reply("%s It is not kept for your other programs, though: %s", done, reason(err))
		return nil
	}
	if err != nil {
		return err
	}
	ce.Reply("%s", strings.TrimSpace(done+" The MSN service keeps it for your other programs."))
	return nil
}
