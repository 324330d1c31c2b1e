package msn_test

import (
	"slices"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
)

// circleVersions are those that have circles.
var circleVersions = []msn.Version{msn.MSNP18, msn.MSNP21}

// in waits for a circle to become as wanted.
func (u *session) in(what, id string, want func(c msn.Circle) bool) msn.Circle {
	u.t.Helper()
	e := await(u, what, func(e msn.CirclesChanged) bool {
		return slices.ContainsFunc(e.Circles, func(c msn.Circle) bool { return c.ID == id && want(c) })
	})
	return e.Circles[slices.IndexFunc(e.Circles, func(c msn.Circle) bool { return c.ID == id })]
}

// online tells whether a member takes part.
func online(passport string) func(c msn.Circle) bool {
	return func(c msn.Circle) bool {
		return slices.ContainsFunc(c.Members, func(m msn.CircleMember) bool { return m.Passport == passport && m.Online })
	}
}

// TestCircleLife goes from the making of a circle to its end for one who leaves, by two people of any version that has circles.
func TestCircleLife(t *testing.T) {
	for _, va := range circleVersions {
		for _, vb := range circleVersions {
			t.Run(va.String()+" and "+vb.String(), func(t *testing.T) {
				t.Parallel()
				s := house(t, nil)
				a, b := signIn(t, s, alice, va), signIn(t, s, bob, vb)
				made, err := a.CreateCircle(t.Context(), "Club")
				a.check("create", err)
				if made.Role != msn.RoleAdmin || made.Name != "Club" {
					t.Errorf("made %+v", made)
				}
				a.check("invite", a.InviteToCircle(t.Context(), made.ID, bob, "Come in"))
				asked := b.in("an invitation", made.ID, func(c msn.Circle) bool { return c.Role == msn.RoleInvited })
				if asked.Name != "Club" || asked.Inviter != alice || asked.InviteText != "Come in" {
					t.Errorf("asked %+v", asked)
				}
				b.check("accept", b.AnswerCircle(t.Context(), made.ID, true))
				b.in("Alice in the circle", made.ID, online(alice))
				a.in("Bob in the circle", made.ID, online(bob))
				to := msn.Conversation{Circle: made.ID}
				a.say(to, "Grüße")
				if got := b.text(alice, "Grüße"); got.Conversation.Circle != made.ID || !got.Conversation.Group {
					t.Errorf("got %+v", got)
				}
				b.say(to, "back")
				a.text(bob, "back")
				for _, m := range []msn.Message{&msn.Nudge{}, &msn.Typing{From: bob}} {
					_, err := b.Send(t.Context(), to, m)
					b.check("send", err)
				}
				await(a, "a nudge", func(e msn.MessageReceived) bool {
					_, ok := e.Message.(*msn.Nudge)
					return ok && e.Conversation.Circle == made.ID
				})
				await(a, "typing", func(e msn.MessageReceived) bool {
					m, ok := e.Message.(*msn.Typing)
					return ok && m.From == bob && e.Conversation.Circle == made.ID
				})
				b.check("leave", b.LeaveCircle(t.Context(), made.ID))
				if got := b.Circles(); len(got) != 0 {
					t.Errorf("Bob is in %+v", got)
				}
				a.in("Bob gone", made.ID, func(c msn.Circle) bool {
					return len(c.Members) > 0 && !slices.ContainsFunc(c.Members, func(m msn.CircleMember) bool { return m.Passport == bob })
				})
			})
		}
	}
}

// TestCircleDeclined declines an invitation.
func TestCircleDeclined(t *testing.T) {
	s := house(t, nil)
	a, b := signIn(t, s, alice, msn.MSNP18), signIn(t, s, bob, msn.MSNP18)
	made, err := a.CreateCircle(t.Context(), "Club")
	a.check("create", err)
	a.check("invite", a.InviteToCircle(t.Context(), made.ID, bob, ""))
	b.in("an invitation", made.ID, func(c msn.Circle) bool { return c.Role == msn.RoleInvited })
	b.check("decline", b.AnswerCircle(t.Context(), made.ID, false))
	if got := b.Circles(); len(got) != 0 {
		t.Errorf("Bob is in %+v", got)
	}
	if _, err := b.Send(t.Context(), msn.Conversation{Circle: made.ID}, &msn.Nudge{}); err == nil {
		t.Error("Bob speaks in a circle that he declined")
	}
}

// TestCircleAgain signs in to a circle that was made before.
func TestCircleAgain(t *testing.T) {
	for _, v := range circleVersions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := house(t, nil)
			a := signIn(t, s, alice, v)
			made, err := a.CreateCircle(t.Context(), "Club")
			a.check("create", err)
			a.check("sign out", a.SignOut(t.Context()))
			again := signIn(t, s, alice, v)
			again.in("the circle", made.ID, func(c msn.Circle) bool { return c.Role == msn.RoleAdmin && c.Name == "Club" })
			again.say(msn.Conversation{Circle: made.ID}, "to nobody")
		})
	}
}
