package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// maxCrowd bounds -crowd.
const maxCrowd = 10000

// noBook reads -no-book.
func (set *settings) noBook(address string) error {
	i, known := set.byName[strings.ToLower(address)]
	if !known {
		return fmt.Errorf("no -user %s before", address)
	}
	set.cfg.Accounts[i].NoAddressBook = true
	return nil
}

// addRequest reads -request.
func (set *settings) addRequest(arg string) error {
	parts := strings.SplitN(arg, ":", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return errors.New("want from:to or from:to:text")
	}
	r := msntest.Request{From: parts[0], To: parts[1]}
	if len(parts) == 3 {
		r.Text = parts[2]
	}
	set.cfg.Requests = append(set.cfg.Requests, r)
	return nil
}

// addOffline reads -oim.
func (set *settings) addOffline(arg string) error {
	parts := strings.SplitN(arg, ":", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return errors.New("want from:to:text")
	}
	set.cfg.Offline = append(set.cfg.Offline, msntest.Offline{From: parts[0], To: parts[1], Text: parts[2]})
	return nil
}

// addCircle reads -circle.
func (set *settings) addCircle(arg string) error {
	i := strings.LastIndexByte(arg, ':')
	if i <= 0 || i == len(arg)-1 {
		return errors.New("want name:owner,member,?invited")
	}
	people := strings.Split(arg[i+1:], ",")
	c := msntest.Circle{Name: arg[:i], Owner: people[0]}
	for _, one := range people[1:] {
		if invited, ok := strings.CutPrefix(one, "?"); ok {
			c.Invited = append(c.Invited, invited)
		} else {
			c.Members = append(c.Members, one)
		}
	}
	set.cfg.Circles = append(set.cfg.Circles, c)
	return nil
}

// addCrowd makes the accounts of -crowd: friends of the first one, sorted into groups.
func (set *settings) addCrowd() error {
	if set.crowd == "" {
		return nil
	}
	many, into, _ := strings.Cut(set.crowd, ":")
	contacts, err := strconv.Atoi(many)
	groups := 0
	if err == nil && into != "" {
		groups, err = strconv.Atoi(into)
	}
	switch {
	case err != nil || contacts < 1 || contacts > maxCrowd || groups < 0 || groups > contacts:
		return fmt.Errorf("want contacts:groups, at most %d contacts", maxCrowd)
	case len(set.cfg.Accounts) == 0:
		return errors.New("there is no -user")
	}
	owner := set.cfg.Accounts[0]
	for i := range groups {
		owner.Groups = append(owner.Groups, fmt.Sprintf("Crowd %d", i+1))
	}
	sorted := owner.Groups[len(owner.Groups)-groups:]
	both := msn.ForwardList | msn.AllowList
	for i := range contacts {
		passport := fmt.Sprintf("crowd%04d@example.com", i+1)
		preset := msntest.Preset{Passport: passport, Lists: both}
		if groups > 0 {
			preset.Groups = []string{sorted[i%groups]}
		}
		owner.Contacts = append(owner.Contacts, preset)
		set.cfg.Accounts = append(set.cfg.Accounts, msntest.Account{
			Passport: passport, Password: "crowd", FriendlyName: fmt.Sprintf("Crowd %d", i+1),
			Contacts: []msntest.Preset{{Passport: owner.Passport, Lists: both}},
		})
	}
	set.cfg.Accounts[0] = owner
	return nil
}

// webFault reads one item of -fault that is about web services, or an error for a command.
func webFault(f *msntest.Faults, name, value string) (err error) {
	switch name {
	case "rstdown":
		f.RSTDown = true
	case "rstredirect":
		f.RSTRedirect = value
	case "rstfault":
		f.RSTFault = value
	case "stale":
		f.StaleTickets = append(f.StaleTickets, value)
	case "forbidden":
		f.ServiceUnauthorized = true
	case "moved":
		f.ServiceRedirect = value
	case "truncate":
		f.Truncate, err = strconv.Atoi(value)
	case "slow":
		f.Slow, err = time.ParseDuration(value)
	default:
		if action, code, ok := strings.Cut(name, ":"); ok && action != "" && code != "" {
			if f.ServiceFault == nil {
				f.ServiceFault = map[string]string{}
			}
			f.ServiceFault[action] = code
			return nil
		}
		return addRefusal(f, name, value)
	}
	return err
}
