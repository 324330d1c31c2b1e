package msn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/matrix-msn/matrix-msn/msn/internal/ml"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// clientLists are those that a client tells the notification server; the others are the server's.
const clientLists = ForwardList | AllowList | BlockList

// enlist tells the notification server who is on which list (ADL). Entries that it refuses are left out and
// reported; the rest of the list counts.
func (nc *notificationConn) enlist(ctx context.Context, l *listing) error {
	var entries []ml.Contact
	for _, passport := range slices.Sorted(maps.Keys(l.contacts)) {
		if lists := l.contacts[passport].Lists & clientLists; lists != 0 {
			entries = append(entries, listEntry(passport, lists))
		}
	}
	for _, document := range ml.Initial(entries, nc.dialect.members) {
		cmd := command("ADL")
		cmd.Payload = document
		got, err := nc.ask(ctx, cmd, nil)
		if !refused(err) {
			if err != nil {
				return err
			}
			continue
		}
		if err := nc.enlistOthers(ctx, document, got.Payload, err); err != nil {
			return err
		}
	}
	return nil
}

// enlistOthers repeats a document without the entries that the server named in its refusal.
func (nc *notificationConn) enlistOthers(ctx context.Context, document, named []byte, refusal error) error {
	bad, _ := ml.Read(named) // what can be read of it
	wrong := make(map[string]bool, len(bad))
	for _, c := range bad {
		wrong[JoinPassport(c.Network, c.Account)] = true
	}
	all, err := ml.Read(document)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(all, func(c ml.Contact) bool { return wrong[JoinPassport(c.Network, c.Account)] })
	if len(wrong) == 0 || len(left) == len(all) && len(wrong) > 0 {
		return fmt.Errorf("tell the server the contact list: %w", refusal)
	}
	nc.client.comment(fmt.Sprintf("%d contacts are refused by the notification server: %v", len(wrong), refusal))
	for _, document := range ml.Initial(left, nc.dialect.members) {
		cmd := command("ADL")
		cmd.Payload = document
		if _, err := nc.ask(ctx, cmd, nil); err != nil {
			return fmt.Errorf("tell the server the contact list: %w", err)
		}
	}
	return nil
}

// listEntry is a passport as the documents have it.
func listEntry(passport string, lists List) ml.Contact {
	network, account := SplitPassport(passport)
	return ml.Contact{Network: network, Account: account, Lists: int(lists)}
}

// membership tells the notification server of one change (ADL, RML).
func (nc *notificationConn) membership(ctx context.Context, name string, list List, passport string) error {
	if list&clientLists == 0 || name == "RML" && nc.dialect.apart { // there is no taking back
		return nil
	}
	cmd := command(name)
	cmd.Payload = ml.Change(listEntry(passport, list), nc.dialect.members)
	_, err := nc.ask(ctx, cmd, nil)
	if errors.Is(err, ErrAlreadyThere) || name == "RML" && errors.Is(err, ErrNotOnList) {
		return nil
	}
	return err
}

// reenlist tells the notification server what has changed in the book since it was told.
func (nc *notificationConn) reenlist(ctx context.Context, before []Contact, l *listing) error {
	var failed error
	tell := func(name string, lists List, passport string) {
		for _, list := range []List{ForwardList, AllowList, BlockList} {
			if lists&list != 0 && nc.alive() {
				failed = errors.Join(failed, nc.membership(ctx, name, list, passport))
			}
		}
	}
	known := make(map[string]bool, len(before))
	for _, was := range before {
		known[was.Passport] = true
		is := l.contacts[was.Passport].Lists
		tell("RML", was.Lists&^is&clientLists, was.Passport)
		tell("ADL", is&^was.Lists&clientLists, was.Passport)
	}
	for _, passport := range slices.Sorted(maps.Keys(l.contacts)) {
		if !known[passport] {
			tell("ADL", l.contacts[passport].Lists&clientLists, passport)
		}
	}
	return failed
}

// memberships takes ADL and RML of the server: somebody has put me on their list, or taken me off. What it
// means, and what they wrote with it, is in the book, which is read again.
func (nc *notificationConn) memberships(ctx context.Context, cmd wire.Command) {
	if len(cmd.Payload) == 0 {
		return
	}
	entries, err := ml.Read(cmd.Payload)
	if err != nil {
		nc.client.comment("a membership list makes no sense: " + err.Error())
	}
	for _, e := range entries {
		passport := JoinPassport(e.Network, e.Account)
		nc.roster.hears(passport, cut(e.Name, maxName))
		if cmd.Name == "RML" && checkPassport(passport) == nil {
			nc.applied(ctx, change{kind: removed, list: List(e.Lists & int(ReverseList|PendingList)), passport: passport})
		}
	}
	nc.bookStale(ctx)
}

// NetworkOf asks which network an address belongs to (FQY): NetworkMSN, NetworkYahoo, ... ErrUnknownAccount if
// it belongs to none, ErrUnsupported before MSNP14.
func (c *Client) NetworkOf(ctx context.Context, passport string) (int, error) {
	nc, err := c.signedIn(ctx)
	if err != nil {
		return 0, err
	}
	if !nc.dialect.networks {
		return 0, fmt.Errorf("ask for a network: %w", ErrUnsupported)
	}
	_, account := SplitPassport(lower(passport))
	if err := checkPassport(account); err != nil {
		return 0, err
	}
	cmd := command("FQY")
	cmd.Payload = ml.Query(account)
	got, err := nc.ask(ctx, cmd, nil)
	if err != nil {
		return 0, fmt.Errorf("ask for the network of %s: %w", account, err)
	}
	answers, err := ml.Read(got.Payload)
	if err != nil || len(answers) == 0 {
		return 0, fmt.Errorf("ask for the network of %s: %w", account, errOddAnswer)
	}
	return answers[0].Network, nil
}
