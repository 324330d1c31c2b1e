package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
)

// errNotTried is for a step that its conditions did not allow: no second account, or no leave to change anything.
var errNotTried = errors.New("not tried")

// lacking says why a step was not tried.
func lacking(what string) error { return fmt.Errorf("%w: %s", errNotTried, what) }

// extra is a step beyond the basic ones. One that fails does not keep the others from being tried.
type extra struct {
	name  string
	since msn.Version // that has it
	// missing is what an administrator is told if the service does not have it, and doubtful is what it is called if the step failed.
	missing, doubtful string
	run               func(ctx context.Context, r *round, in *pair) (detail string, err error)
}

// pair is who is signed in; steps replace them when they sign out and in.
type pair struct {
	me, peer *session
	life     context.Context // the round's
}

// extras are tried in this order.
var extras = []extra{
	{"latency", msn.MSNP2, "", "", latency},
	{"picture", msn.MSNP9, "There are no display pictures: contacts' pictures and yours are not shown.", "display pictures", picture},
	{"groups", msn.MSNP7, "Contact groups are not kept: users cannot sort their contacts.", "contact groups", groups},
	{"request", msn.MSNP2, "", "asking people whom somebody adds", request},
	{"contact", msn.MSNP2, "", "changes of the contact list (names, blocks)", contact},
	{"places", msn.MSNP16, "An account can be signed in at one place only: the bridge and another program sign each other out.", "one account at several places", places},
	{"profile", msn.MSNP13, "There is no roaming profile: name, message and picture do not follow a user from program to program.", "the roaming profile", profile},
	{"circles", msn.MSNP18, "There are no circles (lasting groups).", "circles (lasting groups)", circles},
	{"offline", msn.MSNP11, "Offline messages are not kept: what is written to somebody who is away is refused, with the reason.", "offline messages", offline},
}

// in tells whether a version has the step's subject at all, so that its outcome says something about the service.
func (e extra) in(version string) bool {
	v, err := msn.ParseVersion(version)
	return err == nil && v >= e.since
}

// pings is how many make the figure.
const pings = 20

// latency measures the way to the notification server and back.
func latency(ctx context.Context, _ *round, in *pair) (string, error) {
	var took []time.Duration
	for range pings {
		began := time.Now()
		if err := in.me.client.Ping(ctx); err != nil {
			return "", err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return fmt.Sprintf("p50 %s, p95 %s", rounded(took[len(took)/2]), rounded(took[len(took)*95/100])), nil
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// probeGroup is the name of the group that is made and removed again.
const probeGroup = "matrix-msn probe ☃"

// groups makes a group, renames it, and takes it away.
func groups(ctx context.Context, r *round, in *pair) (detail string, err error) {
	if !r.opt.changes {
		return "", lacking("--allow-changes was not given")
	}
	c := in.me.client
	made, err := c.AddGroup(ctx, probeGroup)
	if err != nil {
		return "", err
	}
	defer func() { // also if something between has failed
		if failed := c.RemoveGroup(context.WithoutCancel(ctx), made.ID); err == nil {
			err = failed
		}
	}()
	if err := c.RenameGroup(ctx, made.ID, probeGroup+"!"); err != nil {
		return "", err
	}
	if known, ok := c.Contact(r.opt.peer.passport); ok && known.On(msn.ForwardList) {
		if err := c.AddToGroup(ctx, known.Passport, made.ID); err != nil {
			return "", err
		}
		return "", c.RemoveFromGroup(ctx, known.Passport, made.ID)
	}
	return "", nil
}

// contact changes how the second account stands on the list of the first, and puts it back.
func contact(ctx context.Context, r *round, in *pair) (detail string, err error) {
	switch {
	case !r.opt.changes:
		return "", lacking("--allow-changes was not given")
	case in.peer == nil:
		return "", lacking("no second account was given")
	}
	c, passport := in.me.client, r.opt.peer.passport
	before, _ := c.Contact(passport)
	restore := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, putBack(restore, c, before, passport)) }()
	if !before.On(msn.ForwardList) {
		if _, err := add(ctx, r, in); err != nil {
			return "", fmt.Errorf("add: %w", err)
		}
	}
	name := before.FriendlyName
	if name == "" {
		name = passport
	}
	if err := c.RenameContact(ctx, passport, "Probe ☃"); err != nil {
		return "", fmt.Errorf("rename: %w", err)
	}
	if err := c.RenameContact(ctx, passport, name); err != nil {
		return "", fmt.Errorf("rename back: %w", err)
	}
	if err := c.Block(ctx, passport); err != nil {
		return "", fmt.Errorf("block: %w", err)
	}
	if err := gone(ctx, in.peer, r.opt.user.passport); err != nil {
		return "", fmt.Errorf("block: the other still sees the account: %w", err)
	}
	return "add, rename, block, unblock", nil
}

// request adds the second account, which does not know the first and is asked, and declines.
func request(ctx context.Context, r *round, in *pair) (detail string, err error) {
	switch {
	case !r.opt.changes:
		return "", lacking("--allow-changes was not given")
	case in.peer == nil:
		return "", lacking("no second account was given")
	}
	c, passport := in.me.client, r.opt.peer.passport
	before, _ := c.Contact(passport)
	if before.On(msn.ForwardList) || decided(in.peer, r.opt.user.passport) {
		return "", lacking("the two accounts know each other")
	}
	defer func() { err = errors.Join(err, putBack(context.WithoutCancel(ctx), c, before, passport)) }()
	return add(ctx, r, in)
}

// decided tells whether somebody is allowed or blocked already, so that a request of theirs asks nothing.
func decided(s *session, passport string) bool {
	known, _ := s.client.Contact(passport)
	return known.On(msn.AllowList) || known.On(msn.BlockList)
}

// add puts the second account on the list of the first. If it is asked it declines: what waited would hide the next request.
func add(ctx context.Context, r *round, in *pair) (detail string, err error) {
	asked, me := in.peer.client, r.opt.user.passport
	asks := func(q msn.ContactRequest) bool { return strings.EqualFold(q.Passport, me) }
	in.peer.forget()
	if _, err := in.me.client.AddContact(ctx, r.opt.peer.passport, ""); err != nil || decided(in.peer, me) {
		return "", err
	}
	if _, err := await(ctx, in.peer, asks); err != nil {
		return "", fmt.Errorf("the other is not asked: %w", err)
	}
	err = asked.Decline(ctx, me)
	switch {
	case errors.Is(err, msn.ErrUnsupported):
		return "asked; nothing can be declined in this version", nil
	case err != nil:
		return "", fmt.Errorf("decline: %w", err)
	case slices.ContainsFunc(asked.Requests(), asks):
		return "", errors.New("decline: the request is there still")
	}
	return "asked, declined", nil
}

// gone waits until somebody is not seen any more by a session; who never was is gone.
func gone(ctx context.Context, s *session, passport string) error {
	if s.client.PresenceOf(passport).Status == msn.Offline {
		return nil
	}
	_, err := await(ctx, s, func(e msn.PresenceChanged) bool { return e.Passport == passport && e.Presence.Status == msn.Offline })
	return err
}

// putBack makes the lists what they were.
func putBack(ctx context.Context, c *msn.Client, before msn.Contact, passport string) error {
	var failed error
	switch {
	case before.On(msn.BlockList):
	case before.On(msn.AllowList):
		failed = c.Allow(ctx, passport)
	default:
		failed = c.Forget(ctx, passport)
	}
	if !before.On(msn.ForwardList) {
		failed = errors.Join(failed, c.RemoveContact(ctx, passport))
	}
	if failed != nil {
		return fmt.Errorf("put the contact list back: %w", failed)
	}
	return nil
}

// places signs the first account in a second time.
func places(ctx context.Context, r *round, in *pair) (string, error) {
	if err := in.me.client.SetEndpointName(ctx, "Probe"); err != nil {
		return "", err
	}
	second, err := r.signIn(ctx, in.life, r.opt.user)
	if second != nil {
		defer second.stop(context.WithoutCancel(ctx), func() {})
	}
	if err != nil {
		return "", err
	}
	here, err := await(ctx, second, func(e msn.EndpointsChanged) bool { return len(e.Endpoints) > 1 && e.Endpoints[0].Self })
	select {
	case <-in.me.ended:
		if errors.Is(in.me.err, msn.ErrLoggedInElsewhere) {
			return "", fmt.Errorf("%w: %w", msn.ErrUnsupported, in.me.err)
		}
	default:
	}
	if err != nil {
		return "", fmt.Errorf("the other place is not told of the first: %w", err)
	}
	_, err = await(ctx, in.me, func(e msn.EndpointsChanged) bool {
		return slices.ContainsFunc(e.Endpoints, func(p msn.Endpoint) bool { return p.ID == here.Endpoints[0].ID })
	})
	if err != nil {
		return "", fmt.Errorf("the other place is not told of: %w", err)
	}
	if err := in.me.client.SignOutEndpoint(ctx, ""); err != nil {
		return "", err
	}
	select {
	case <-second.ended:
		return "both stayed, and one signed the other out", nil
	case <-ctx.Done():
		return "", fmt.Errorf("the other place did not sign out: %w", ctx.Err())
	}
}

// profile reads the roaming profile, and writes it if that is allowed.
func profile(ctx context.Context, r *round, in *pair) (string, error) {
	c := in.me.client
	before, err := c.RoamingProfile(ctx)
	if err != nil {
		return "", err
	}
	if !r.opt.changes {
		return "read", nil
	}
	wanted := before
	wanted.PersonalMessage, wanted.Picture = "Probe ☃ & <b>", nil
	if err := c.SetRoamingProfile(ctx, wanted); err != nil {
		return "", err
	}
	after, err := c.RoamingProfile(ctx)
	wanted.PersonalMessage = before.PersonalMessage
	err = errors.Join(err, c.SetRoamingProfile(context.WithoutCancel(ctx), wanted))
	switch {
	case err != nil:
		return "", err
	case after.PersonalMessage != "Probe ☃ & <b>":
		return "", fmt.Errorf("it was written and reads %q", after.PersonalMessage)
	}
	return "read and written", nil
}

// circles makes one if that is allowed. It cannot be removed everywhere.
func circles(ctx context.Context, r *round, in *pair) (string, error) {
	c := in.me.client
	if !r.opt.circle {
		if _, err := c.CreateCircle(ctx, ""); errors.Is(err, msn.ErrUnsupported) {
			return "", err
		}
		return "", lacking("--make-circle was not given; there are " + fmt.Sprint(len(c.Circles())))
	}
	made, err := c.CreateCircle(ctx, "matrix-msn probe")
	if err != nil {
		return "", err
	}
	detail := "made"
	if in.peer != nil {
		if err := talkInCircle(ctx, in, made.ID, r.opt); err != nil {
			return "", err
		}
		detail += ", invited, joined, a text each way, left"
	}
	if err := c.LeaveCircle(ctx, made.ID); err != nil {
		detail += "; its owner cannot leave it, so that it stays: " + err.Error()
	}
	return detail, nil
}

// talkInCircle brings the second account in, and lets both speak.
func talkInCircle(ctx context.Context, in *pair, id string, opt options) error {
	if err := in.me.client.InviteToCircle(ctx, id, opt.peer.passport, "Probe"); err != nil {
		return err
	}
	_, err := await(ctx, in.peer, func(e msn.CirclesChanged) bool {
		return slices.ContainsFunc(e.Circles, func(c msn.Circle) bool { return c.ID == id })
	})
	if err != nil {
		return fmt.Errorf("the invitation did not come: %w", err)
	}
	if err := in.peer.client.AnswerCircle(ctx, id, true); err != nil {
		return err
	}
	to := msn.Conversation{Circle: id, Group: true}
	for _, way := range []struct {
		from, to *session
		sender   string
	}{{in.peer, in.me, opt.peer.passport}, {in.me, in.peer, opt.user.passport}} {
		if _, err := way.from.client.Send(ctx, to, &msn.TextMessage{Text: "Probe ☃"}); err != nil {
			return err
		}
		_, err := await(ctx, way.to, func(m msn.MessageReceived) bool { return m.From == way.sender && m.Conversation.Circle == id })
		if err != nil {
			return fmt.Errorf("a text in the circle did not come: %w", err)
		}
	}
	return in.peer.client.LeaveCircle(ctx, id)
}

// offline leaves a text for the second account while it is away.
func offline(ctx context.Context, r *round, in *pair) (string, error) {
	if in.peer == nil {
		return "", lacking("no second account was given")
	}
	if known, _ := in.me.client.Contact(r.opt.peer.passport); !known.On(msn.ForwardList) {
		return "", lacking("the second account is on no list of the first, which cannot see when it has gone")
	}
	in.peer.stop(ctx, func() {})
	in.peer = nil
	if err := gone(ctx, in.me, r.opt.peer.passport); err != nil { // or the service might think that the text can be handed over
		return "", err
	}
	text := fmt.Sprintf("Probe: Grüße ☃ at %d", time.Now().UnixMilli())
	_, err := in.me.client.SendOffline(ctx, r.opt.peer.passport, text)
	var back error
	in.peer, back = r.signIn(ctx, in.life, r.opt.peer)
	if err := errors.Join(err, back); err != nil {
		return "", err
	}
	left := time.Now()
	at, id, err := awaitKept(ctx, in.peer, r.opt.user.passport, text)
	if err != nil {
		return "", fmt.Errorf("the text did not come: %w", err)
	}
	if id != "" {
		if err := in.peer.client.DeleteOfflineMessages(ctx, id); err != nil {
			return "", err
		}
	}
	if off := left.Sub(at); off > time.Minute || off < -time.Minute {
		return "", fmt.Errorf("it is dated %s, which is %s off", at.Format(time.RFC3339), off.Round(time.Second))
	}
	return "kept, delivered with its time, deleted", nil
}

// awaitKept waits for a text that was left, in either form that services have.
func awaitKept(ctx context.Context, s *session, from, text string) (at time.Time, id string, err error) {
	_, err = await(ctx, s, func(e msn.Event) bool {
		switch e := e.(type) {
		case msn.OfflineMessageReceived:
			at, id = e.OfflineMessage.At, e.OfflineMessage.ID
			return e.OfflineMessage.From == from && e.OfflineMessage.Text == text
		case msn.MessageReceived:
			m, ok := e.Message.(*msn.TextMessage)
			at, id = e.At, ""
			return ok && e.From == from && m.Text == text
		}
		return false
	})
	return at, id, err
}
