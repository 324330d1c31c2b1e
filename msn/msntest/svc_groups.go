package msntest

import (
	"slices"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// noGroup is the name that no group may have.
const noGroup = "(No Group)"

// checkGroupName says why a group cannot have a name, if so.
func (c *call) checkGroupName(name string, own *group) *fault {
	taken := slices.ContainsFunc(c.visitor.account.groups, func(g *group) bool { return g != own && g.name == name })
	switch {
	case name == "" || len(wire.Encode(name)) > maxGroupName:
		f := refusal("BadArgumentLength", "The name is too long, or there is none")
		f.extra = "<parameterFault><parameterName>GroupName</parameterName></parameterFault>"
		return f
	case name == noGroup || taken:
		return refusal("GroupAlreadyExists", "Group Already Exists")
	}
	return nil
}

// abGroupAdd does ABGroupAdd.
func abGroupAdd(c *call) *fault {
	a := c.visitor.account
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	name := c.do.get("groupInfo/GroupInfo/name")
	if f := c.checkGroupName(name, nil); f != nil {
		return f
	}
	if len(a.groups) >= c.s.quirks.GroupLimit {
		return refusal("RequestLimitReached", "There are too many groups")
	}
	g := a.addGroup(strings.ToValidUTF8(name, "\uFFFD"))
	g.favorite = c.do.yes("groupInfo/GroupInfo/IsFavorite")
	c.edited()
	return c.result("guid", g.guid)
}

func noSuchGroup() *fault { return refusal("GroupDoesNotExist", "Group Does Not Exist") }

// abGroupUpdate does ABGroupUpdate.
func abGroupUpdate(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	for _, one := range c.do.list("groups", "Group") {
		g := c.visitor.account.group(one.get("groupId"))
		if g == nil {
			return noSuchGroup()
		}
		if one.has("groupInfo/IsFavorite") {
			g.favorite = one.yes("groupInfo/IsFavorite")
		}
		if !one.has("groupInfo/name") {
			continue
		}
		name := one.get("groupInfo/name")
		if f := c.checkGroupName(name, g); f != nil {
			return f
		}
		g.name = strings.ToValidUTF8(name, "\uFFFD")
	}
	c.edited()
	return c.done()
}

// abGroupDelete does ABGroupDelete. Contacts stay.
func abGroupDelete(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	groups, f := c.groupsMeant()
	if f != nil {
		return f
	}
	for _, g := range groups {
		c.visitor.account.dropGroup(g)
	}
	c.edited()
	return c.done()
}

// groupsMeant are the groups of groupFilter.
func (c *call) groupsMeant() ([]*group, *fault) {
	var all []*group
	for _, id := range c.do.texts("groupFilter/groupIds") {
		g := c.visitor.account.group(id)
		if g == nil || len(all) > maxMembers {
			return nil, noSuchGroup()
		}
		all = append(all, g)
	}
	if len(all) == 0 {
		return nil, noSuchGroup()
	}
	return all, nil
}

// groupsOf is where the groups of somebody are kept.
func (c *call) groupsOf(p person) *[]*group {
	if p.entry != nil {
		return &p.entry.groups
	}
	return &c.visitor.account.bookOf(p.passport, true).groups
}

// abGroupContactAdd does ABGroupContactAdd, with contacts that are there or new ones.
func abGroupContactAdd(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	groups, f := c.groupsMeant()
	if f != nil {
		return f
	}
	id := ""
	for _, one := range c.do.list("contacts", "Contact") {
		id = one.get("contactId")
		if id == "" && one.has("contactInfo") {
			n := contactFrom(one.kid("contactInfo"))
			if id, f = c.addPerson(n); f != nil && f.code != "ContactAlreadyExists" {
				return f
			}
			if c.do.yes("groupContactAddOptions/EnableAllowListManagement") {
				c.allow(n.passport)
			}
		}
		p, there := c.s.personByID(c.visitor.account, id)
		if !there {
			return refusal("ContactDoesNotExist", "Contact Does Not Exist")
		}
		own := c.groupsOf(p)
		for _, g := range groups {
			switch {
			case !slices.Contains(*own, g):
				*own = append(*own, g)
			case c.s.quirks.LooseBook:
				return &fault{bare: true}
			}
		}
	}
	c.edited()
	return c.result("guid", id)
}

// abGroupContactDelete does ABGroupContactDelete.
func abGroupContactDelete(c *call) *fault {
	if f := c.ownBook(c.do.get("abId")); f != nil {
		return f
	}
	groups, f := c.groupsMeant()
	if f != nil {
		return f
	}
	for _, one := range c.do.list("contacts", "Contact") {
		p, there := c.s.personByID(c.visitor.account, one.get("contactId"))
		if !there {
			return refusal("ContactDoesNotExist", "Contact Does Not Exist")
		}
		own := c.groupsOf(p)
		*own = slices.DeleteFunc(*own, func(g *group) bool { return slices.Contains(groups, g) })
	}
	c.edited()
	return c.done()
}
