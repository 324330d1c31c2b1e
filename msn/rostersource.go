package msn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// rosterSource is where a dialect gets the contact list from and how it changes it. What a change brings
// is taken over into the roster, and reported, before the method returns.
type rosterSource interface {
	// step names the reading of the list in a [SignInError].
	step() string
	// fetch reads the whole list into the roster.
	fetch(ctx context.Context, nc *notificationConn) error
	// read understands one command about the list: a line of the burst, a reply, a push.
	read(cmd wire.Command) change
	// ids tells whether a contact of the forward list can only be changed by its id.
	ids() bool
	// put adds somebody to a list; the name goes with the forward list, "" for none.
	put(ctx context.Context, nc *notificationConn, list List, c Contact, name string) error
	// take removes somebody from a list.
	take(ctx context.Context, nc *notificationConn, list List, c Contact) error
	// rename changes the name under which I see a contact, renameSelf my own.
	rename(ctx context.Context, nc *notificationConn, c Contact, name string) error
	renameSelf(ctx context.Context, nc *notificationConn, name string) error
	// sort puts a contact into a group or out of it.
	sort(ctx context.Context, nc *notificationConn, c Contact, group string, in bool) error
	addGroup(ctx context.Context, nc *notificationConn, name string) (Group, error)
	renameGroup(ctx context.Context, nc *notificationConn, id, name string) error
	removeGroup(ctx context.Context, nc *notificationConn, id string) error
	setPrivacy(ctx context.Context, nc *notificationConn, p Privacy) error
}

// synRoster is the list of MSNP2 to MSNP12, which the notification server keeps and SYN fetches.
type synRoster struct {
	lines lineForm
	form  editForm
}

func (synRoster) step() string { return "SYN" }

func (s synRoster) ids() bool { return s.form == guidEdits }

func (s synRoster) read(cmd wire.Command) change {
	switch cmd.Name {
	case "LST":
		return s.lines.contact(cmd.Args)
	case "LSG":
		return s.lines.group(cmd.Args)
	}
	return s.form.read(cmd)
}

func (s synRoster) put(ctx context.Context, nc *notificationConn, list List, c Contact, name string) error {
	_, err := nc.edit(ctx, s.form.add(list, c, name))
	return err
}

func (s synRoster) take(ctx context.Context, nc *notificationConn, list List, c Contact) error {
	_, err := nc.edit(ctx, s.form.remove(list, c))
	return err
}

func (s synRoster) rename(ctx context.Context, nc *notificationConn, c Contact, name string) error {
	_, err := nc.edit(ctx, s.form.rename(c, name))
	return err
}

func (s synRoster) renameSelf(ctx context.Context, nc *notificationConn, name string) error {
	_, err := nc.edit(ctx, s.form.renameSelf(nc.cfg.Passport, name))
	return err
}

func (s synRoster) sort(ctx context.Context, nc *notificationConn, c Contact, group string, in bool) error {
	cmd := s.form.removeFromGroup(c, group)
	if in {
		cmd = s.form.addToGroup(c, group)
	}
	_, err := nc.edit(ctx, cmd)
	return err
}

func (s synRoster) addGroup(ctx context.Context, nc *notificationConn, name string) (Group, error) {
	reply, err := nc.edit(ctx, s.form.addGroup(name))
	if err != nil {
		return Group{}, err
	}
	made := s.read(reply).group
	if made.ID == "" {
		return Group{}, errOddAnswer
	}
	return made, nil
}

func (s synRoster) renameGroup(ctx context.Context, nc *notificationConn, id, name string) error {
	_, err := nc.edit(ctx, s.form.renameGroup(id, name))
	return err
}

func (s synRoster) removeGroup(ctx context.Context, nc *notificationConn, id string) error {
	_, err := nc.edit(ctx, s.form.removeGroup(id))
	return err
}

func (s synRoster) setPrivacy(ctx context.Context, nc *notificationConn, p Privacy) error {
	return nc.setPolicy(ctx, p)
}

// setPolicy is BLP.
func (nc *notificationConn) setPolicy(ctx context.Context, p Privacy) error {
	_, err := nc.edit(ctx, command("BLP", string(p)))
	var refused *ProtocolError
	if errors.As(err, &refused) && refused.Code == 218 { // it was so already
		nc.applied(ctx, change{kind: policy, value: string(p)})
		return nil
	}
	return err
}

// idleBarriers is how many pings in a row must be answered without any line of the list between them
// before a burst that is not complete by its own count is taken as it is. Old servers miscount.
const idleBarriers = 3

// barrierTimeout is how long one of these pings may take. A list that is whole by its count does not
// depend on it.
const barrierTimeout = 10 * time.Second

// fetch asks for the list and waits until it is whole. SYN has no end marker: the burst is over when
// its counts are reached and a ping has been answered, which brings in the phone lines that follow the
// last contact.
func (s synRoster) fetch(ctx context.Context, nc *notificationConn) error {
	b := &burst{form: s.lines, serial: make(map[string]bool)}
	nc.burst.Store(b)
	defer nc.burst.Store(nil)
	if _, err := nc.ask(ctx, command("SYN", s.lines.synArgs()...), b.begin); err != nil {
		return err
	}
	for idle, before := 0, -1; ; {
		err := nc.barrier(ctx)
		lines, complete := b.progress()
		if err != nil && !(complete && errors.Is(err, ErrNoAnswer)) {
			return err
		}
		if lines == before {
			idle++
		} else {
			idle = 0
		}
		if complete || idle >= idleBarriers {
			return nil
		}
		before = lines
	}
}

// barrier returns when everything that the server sent before has been handled.
func (nc *notificationConn) barrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, barrierTimeout, ErrNoAnswer)
	defer cancel()
	_, err := nc.ping(ctx)
	return err
}

// burst counts the lines of one SYN.
type burst struct {
	form lineForm

	mu               sync.Mutex
	lines            int
	contacts, groups int
	wantContacts     int
	wantGroups       int
	counted          bool            // SYN said how many to expect
	serial           map[string]bool // lists of which the last line has come
}

// begin takes the reply to SYN.
func (b *burst) begin(_ context.Context, reply wire.Command) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wantContacts, b.wantGroups, b.counted = b.form.counts(reply.Args)
}

// saw takes one line.
func (b *burst) saw(cmd wire.Command) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch cmd.Name {
	case "LST":
		b.contacts++
		if b.form == serialLines && len(cmd.Args) >= 4 {
			at, err1 := strconv.Atoi(cmd.Args[2])
			of, err2 := strconv.Atoi(cmd.Args[3])
			if err1 == nil && err2 == nil && at >= of {
				b.serial[cmd.Args[0]] = lists[cmd.Args[0]] != 0
			}
		}
	case "LSG":
		b.groups++
	}
	b.lines++
}

// progress tells how many lines there were and whether the list is whole by its own count.
func (b *burst) progress() (lines int, complete bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.form == serialLines {
		return b.lines, b.serial["FL"] && b.serial["AL"] && b.serial["BL"] && b.serial["RL"]
	}
	return b.lines, b.counted && b.contacts >= b.wantContacts && b.groups >= b.wantGroups
}

// edit asks for a change of the list; its reply is taken over in the order of the wire.
func (nc *notificationConn) edit(ctx context.Context, cmd wire.Command) (wire.Command, error) {
	return nc.ask(ctx, cmd, nc.listed)
}

// listed applies one command about the list. While the burst runs nothing is reported: SignedIn tells
// that the whole list is there.
func (nc *notificationConn) listed(ctx context.Context, cmd wire.Command) {
	if _, refused := cmd.ErrorCode(); refused {
		return
	}
	step := nc.dialect.roster.read(cmd)
	if b := nc.burst.Load(); b != nil {
		nc.roster.apply(nc.cfg.Passport, step)
		b.saw(cmd)
		return
	}
	nc.applied(ctx, step)
}

// applied takes over steps of the list's history and reports them.
func (nc *notificationConn) applied(ctx context.Context, steps ...change) {
	for _, step := range steps {
		for _, event := range nc.roster.apply(nc.cfg.Passport, step) {
			nc.report(ctx, event)
		}
	}
}

// put adds somebody to a list.
func (nc *notificationConn) put(ctx context.Context, list List, c Contact, name string) error {
	if err := nc.dialect.roster.put(ctx, nc, list, c, name); err != nil {
		return fmt.Errorf("add %s to %s: %w", c.Passport, list.word(), err)
	}
	return nil
}

// take removes somebody from a list.
func (nc *notificationConn) take(ctx context.Context, list List, c Contact) error {
	if err := nc.dialect.roster.take(ctx, nc, list, c); err != nil {
		return fmt.Errorf("remove %s from %s: %w", c.Passport, list.word(), err)
	}
	return nil
}
