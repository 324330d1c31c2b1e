package msn_test

import (
	"errors"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// TestTalkBetweenWorlds is a talk between one of MSNP21, who has no switchboards, and one of an older version.
func TestTalkBetweenWorlds(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP8, msn.MSNP12, msn.MSNP15, msn.MSNP18, msn.MSNP21} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := house(t, nil)
			a, b := signIn(t, s, alice, msn.MSNP21), signIn(t, s, bob, v)
			a.sees(bob, msn.Online)
			b.sees(alice, msn.Online)
			a.check("go away", a.SetPresence(t.Context(), msn.Presence{Status: msn.Away}))
			b.sees(alice, msn.Away)
			b.check("go busy", b.SetPresence(t.Context(), msn.Presence{Status: msn.Busy}))
			a.sees(bob, msn.Busy)
			a.say(msn.With(bob), "Grüße\nvon Alice")
			b.text(alice, "Grüße\nvon Alice")
			b.say(msn.With(alice), "zurück")
			if got := a.text(bob, "zurück"); got.Conversation.Group || got.FriendlyName != "Bob" {
				t.Errorf("got %+v", got)
			}
			_, err := a.Send(t.Context(), msn.With(bob), &msn.Nudge{})
			a.check("nudge", err)
			await(b, "a nudge", func(e msn.MessageReceived) bool { _, ok := e.Message.(*msn.Nudge); return ok && e.From == alice })
			_, err = b.Send(t.Context(), msn.With(alice), &msn.Typing{From: bob})
			b.check("type", err)
			await(a, "typing", func(e msn.MessageReceived) bool { m, ok := e.Message.(*msn.Typing); return ok && m.From == bob })
			b.check("sign out", b.SignOut(t.Context()))
			a.sees(bob, msn.Offline)
			if _, err := a.Send(t.Context(), msn.With(bob), &msn.TextMessage{Text: "x"}); !errors.Is(err, msn.ErrContactOffline) {
				t.Errorf("to somebody offline: %v", err)
			}
		})
	}
}

// TestPersonalMSNP21 changes name and personal message.
func TestPersonalMSNP21(t *testing.T) {
	s := house(t, nil)
	a, b := signIn(t, s, alice, msn.MSNP21), signIn(t, s, bob, msn.MSNP21)
	a.check("express", a.SetPersonalMessage(t.Context(), msn.PersonalMessage{Text: "<at> work & play"}))
	await(b, "Alice's words", func(e msn.PersonalMessageChanged) bool {
		return e.Passport == alice && e.PersonalMessage.Text == "<at> work & play"
	})
	a.check("rename", a.SetFriendlyName(t.Context(), "Alice & Co"))
	await(b, "Alice's name", func(e msn.PresenceChanged) bool {
		return e.Passport == alice && e.Presence.FriendlyName == "Alice & Co"
	})
}

// TestOfflineMSNP21 leaves a text for somebody who signs in later.
func TestOfflineMSNP21(t *testing.T) {
	s := house(t, nil)
	a := signIn(t, s, alice, msn.MSNP21)
	_, err := a.SendOffline(t.Context(), bob, "for later")
	a.check("leave a text", err)
	b := signIn(t, s, bob, msn.MSNP21)
	b.text(alice, "for later")
}

// TestGroupMSNP21 is a talk of three, begun by one, left by another.
func TestGroupMSNP21(t *testing.T) {
	s := house(t, nil)
	a, b, c := signIn(t, s, alice, msn.MSNP21), signIn(t, s, bob, msn.MSNP21), signIn(t, s, carol, msn.MSNP21)
	sent := a.say(msn.With(bob, carol), "hello both")
	for _, u := range []*session{b, c} {
		got := u.text(alice, "hello both")
		if !got.Conversation.Group || got.Conversation.Session != sent.Conversation.Session || len(got.Conversation.Participants) != 2 {
			t.Errorf("%s got %+v", u.who, got)
		}
	}
	b.say(msn.With(alice, carol), "hello yourself")
	a.text(bob, "hello yourself")
	c.text(bob, "hello yourself")
	c.check("leave", c.Leave(t.Context(), msn.Conversation{Group: true, Session: sent.Conversation.Session}))
	await(a, "Carol leaving", func(e msn.ParticipantLeft) bool { return e.Passport == carol })
	await(b, "Carol leaving", func(e msn.ParticipantLeft) bool { return e.Passport == carol })
	again, err := a.Invite(t.Context(), sent.Conversation, carol)
	a.check("invite again", err)
	if again.Session != sent.Conversation.Session || !again.SamePeople(msn.With(bob, carol)) {
		t.Errorf("again %+v", again)
	}
}

// TestPlacesMSNP21 is one account at two places.
func TestPlacesMSNP21(t *testing.T) {
	s := house(t, nil)
	at := func(name, guid string) *session {
		u := begin(t, s, alice, func(cfg *msn.Config) { cfg.MachineGUID, cfg.EndpointName = guid, name }, msn.MSNP21)
		u.settled()
		return u
	}
	home, work := at("HOME", "11111111-0000-4000-8000-000000000001"), at("WORK", "22222222-0000-4000-8000-000000000002")
	b := signIn(t, s, bob, msn.MSNP21)
	await(home, "both places", func(e msn.EndpointsChanged) bool {
		return len(e.Endpoints) == 2 && e.Endpoints[0].Self && e.Endpoints[0].Name == "HOME" && e.Endpoints[1].Name == "WORK"
	})
	work.say(msn.With(bob), "from work")
	b.text(alice, "from work")
	if got := home.text(alice, "from work"); !got.Conversation.SamePeople(msn.With(bob)) {
		t.Errorf("at home: %+v", got)
	}
	home.check("rename", home.SetEndpointName(t.Context(), "SOFA"))
	await(work, "the new name", func(e msn.EndpointsChanged) bool { return len(e.Endpoints) == 2 && e.Endpoints[1].Name == "SOFA" })
	home.check("sign out work", home.SignOutEndpoint(t.Context(), "22222222-0000-4000-8000-000000000002"))
	if err := work.reason(); !errors.Is(err, msn.ErrLoggedInElsewhere) {
		t.Errorf("work ends with %v", err)
	}
	await(home, "one place", func(e msn.EndpointsChanged) bool { return len(e.Endpoints) == 1 })
}

// TestTalkMSNP24 is a talk of one who has MSNP24 with people of the same and of older versions.
func TestTalkMSNP24(t *testing.T) {
	for _, v := range []msn.Version{msn.MSNP10, msn.MSNP18, msn.MSNP21, msn.MSNP24} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := house(t, func(cfg *msntest.Config) { cfg.MSNP24 = true })
			a, b := signIn(t, s, alice, msn.MSNP24), signIn(t, s, bob, v)
			if a.Version() != msn.MSNP24 {
				t.Errorf("version %s", a.Version())
			}
			a.sees(bob, msn.Online)
			b.sees(alice, msn.Online)
			b.check("go busy", b.SetPresence(t.Context(), msn.Presence{Status: msn.Busy}))
			a.sees(bob, msn.Busy)
			a.check("go away", a.SetPresence(t.Context(), msn.Presence{Status: msn.Away}))
			b.sees(alice, msn.Away)
			a.say(msn.With(bob), "Grüße\nvon Alice")
			b.text(alice, "Grüße\nvon Alice")
			b.say(msn.With(alice), "zurück")
			a.text(bob, "zurück")
			for _, m := range []msn.Message{&msn.Nudge{}, &msn.Typing{From: alice}} {
				_, err := a.Send(t.Context(), msn.With(bob), m)
				a.check("send", err)
			}
			await(b, "a nudge", func(e msn.MessageReceived) bool { _, ok := e.Message.(*msn.Nudge); return ok && e.From == alice })
			await(b, "typing", func(e msn.MessageReceived) bool { m, ok := e.Message.(*msn.Typing); return ok && m.From == alice })
			b.check("sign out", b.SignOut(t.Context()))
			a.sees(bob, msn.Offline)
			if _, err := a.Send(t.Context(), msn.With(bob), &msn.TextMessage{Text: "x"}); !errors.Is(err, msn.ErrContactOffline) {
				t.Errorf("to somebody offline: %v", err)
			}
			a.check("sign out", a.SignOut(t.Context()))
			if err := a.reason(); err != nil {
				t.Error(err)
			}
		})
	}
}
