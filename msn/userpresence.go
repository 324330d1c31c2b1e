package msn

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// typeUser is the media type of documents about somebody's presence (core.md 13.2).
const typeUser = "application/user+xml"

// Fields of a <user> document.
const (
	fieldStatus       = "Status"
	fieldMedia        = "CurrentMedia"
	fieldPicture      = "UserTileLocation"
	fieldName         = "FriendlyName"
	fieldText         = "PSM"
	fieldDynamic      = "DDP"
	fieldColor        = "ColorScheme"
	fieldScene        = "Scene"
	fieldSound        = "SignatureSound"
	fieldCapabilities = "Capabilities"
	fieldPlace        = "EpName"
	fieldClient       = "ClientType"
	fieldIdle         = "Idle"
	fieldState        = "State"
)

// publishParts publishes parts of my own document (PUT). Only what has changed need be in them.
func (nc *notificationConn) publishParts(ctx context.Context, parts ...userdoc.Part) error {
	me := nc.here().Bare()
	e := nc.publication(me, "/user", typeUser)
	if nc.dialect.apart {
		parts = dressed24(parts, nc.cfg.MachineGUID)
	}
	e.Body = userdoc.User{Parts: parts}.Append(nil)
	_, err := nc.publish(ctx, "PUT", e)
	return err
}

// publishPresence is what CHG and the documents about places were before MSNP21.
func (nc *notificationConn) publishPresence(ctx context.Context, p Presence) error {
	nc.mu.Lock()
	place := nc.placeName
	nc.mu.Unlock()
	picture := ""
	if p.Object != nil {
		picture = p.Object.String()
	}
	err := nc.publishParts(ctx,
		userdoc.Part{Service: userdoc.Messaging, Fields: []userdoc.Field{{Name: fieldStatus, Value: string(p.Status)}}},
		userdoc.Part{Service: userdoc.Expression, Fields: []userdoc.Field{
			{Name: fieldPicture, Value: picture}, {Name: fieldName, Value: nc.ownName()},
		}},
		userdoc.Part{Service: userdoc.Messaging, PerEndpoint: true, Fields: []userdoc.Field{
			{Name: fieldCapabilities, Value: p.Capabilities.Format(true)},
		}},
		userdoc.Part{Service: userdoc.Expression, PerEndpoint: true, Fields: []userdoc.Field{
			{Name: "VER", Value: nc.clientName()}, {Name: "TYP", Value: strconv.Itoa(int(ClientComputer))},
			{Name: fieldCapabilities, Value: nc.dialect.withCapabilities(Capabilities{}).transfers().Format(true)},
		}},
		placePart(place, p.Status))
	if err != nil {
		return fmt.Errorf("set status %s: %w", p.Status, err)
	}
	return nil
}

// placePart is what my other places are told of this one.
func placePart(name string, s Status) userdoc.Part {
	return userdoc.Part{Service: userdoc.Private, PerEndpoint: true, Fields: []userdoc.Field{
		{Name: fieldClient, Value: strconv.Itoa(int(ClientComputer))}, {Name: fieldPlace, Value: name},
		{Name: fieldIdle, Value: strconv.FormatBool(s == Idle)}, {Name: fieldState, Value: string(s)},
	}}
}

// ownName is my name, the address if nobody has told one.
func (nc *notificationConn) ownName() string {
	if name := nc.roster.ownName(); name != "" {
		return name
	}
	return nc.cfg.Passport
}

// clientName is what this program is, in one word.
func (nc *notificationConn) clientName() string {
	name, version := nc.cfg.ClientName, nc.cfg.ClientVersion
	if name == "" {
		name = nc.dialect.clientName
	}
	if version == "" {
		version = nc.dialect.clientVersion
	}
	return name + ":" + version
}

// publishPersonal is what UUX was.
func (nc *notificationConn) publishPersonal(ctx context.Context, p PersonalMessage) error {
	color := p.ColorScheme
	if color == "" {
		color = "-1" // the default
	}
	err := nc.publishParts(ctx,
		userdoc.Part{Service: userdoc.Messaging, Fields: []userdoc.Field{{Name: fieldMedia, Value: p.Media.String()}}},
		userdoc.Part{Service: userdoc.Expression, Fields: []userdoc.Field{
			{Name: fieldText, Value: p.Text}, {Name: fieldDynamic, Value: p.DynamicPicture}, {Name: fieldColor, Value: color},
			{Name: fieldScene, Value: p.Scene}, {Name: fieldSound, Value: p.SignatureSound},
		}})
	if err != nil {
		return fmt.Errorf("set personal message: %w", err)
	}
	return nil
}

// publishName is what PRP MFN was.
func (nc *notificationConn) publishName(ctx context.Context, name string) error {
	err := nc.publishParts(ctx, userdoc.Part{Service: userdoc.Expression, Fields: []userdoc.Field{{Name: fieldName, Value: name}}})
	if err != nil {
		return err
	}
	nc.applied(ctx, change{kind: ownName, name: name})
	return nil
}

// signOutPlace ends another place of mine (DEL).
func (nc *notificationConn) signOutPlace(ctx context.Context, id string) error {
	e := nc.publication(nc.here().Bare(), "/user", typeUser)
	e.Body = userdoc.User{Parts: []userdoc.Part{{Service: userdoc.Messaging, PerEndpoint: true, Endpoint: id}}}.Append(nil)
	_, err := nc.publish(ctx, "DEL", e)
	return err
}

// userTold is NFY about somebody, or about me.
func (nc *notificationConn) userTold(ctx context.Context, e *wire.Envelope, gone bool) error {
	doc, err := userdoc.ParseUser(e.Body)
	if err != nil {
		nc.client.comment("a document about presence makes no sense: " + err.Error())
		return nil
	}
	from := e.From()
	passport := passportOf(from)
	kind := e.Get("NotifType")
	whole := strings.EqualFold(kind, "Full")
	switch {
	case checkPassport(passport) != nil:
	case passport == nc.cfg.Passport && from.ViaNetwork == NetworkCircle: // as others see me there
		if strings.EqualFold(kind, "Sync") {
			nc.joinAgain(circleID(wire.Address{Network: from.ViaNetwork, Account: from.ViaAccount}))
		}
	case passport == nc.cfg.Passport:
		return nc.ownDocument(ctx, doc, gone, whole)
	case from.ViaNetwork == NetworkCircle:
		id := circleID(wire.Address{Network: from.ViaNetwork, Account: from.ViaAccount})
		p, _, t := presenceIn(doc, gone, whole, nc.circles.lastHeard(id, passport), PersonalMessage{})
		if t.presence {
			nc.circles.present(ctx, nc, id, passport, p)
		}
	default:
		nc.contactDocument(ctx, passport, doc, gone, whole)
	}
	return nil
}

// contactDocument takes over what a document says of a contact, and reports what has changed.
func (nc *notificationConn) contactDocument(ctx context.Context, passport string, doc userdoc.User, gone, whole bool) {
	was, said := nc.roster.heard(passport)
	p, personal, changed := presenceIn(doc, gone, whole, was, said)
	if changed.presence {
		nc.roster.setPresence(passport, p)
		nc.report(ctx, PresenceChanged{Passport: passport, Presence: p, Initial: whole && !gone})
	}
	if changed.personal && !reflect.DeepEqual(personal, said) {
		nc.roster.setPersonal(passport, personal)
		nc.report(ctx, PersonalMessageChanged{Passport: passport, PersonalMessage: personal})
	}
}

// told says which kinds of thing a document told.
type told struct{ presence, personal bool }

// presenceIn applies a document to what was known. Documents tell only what has changed, unless they are
// whole; who is deleted as a whole is offline, else a place of theirs is gone.
func presenceIn(doc userdoc.User, gone, whole bool, p Presence, m PersonalMessage) (Presence, PersonalMessage, told) {
	var t told
	if whole {
		m.Endpoints = nil
	} else {
		m.Endpoints = slices.Clone(m.Endpoints)
	}
	if gone && slices.ContainsFunc(doc.Parts, func(p userdoc.Part) bool { return !p.PerEndpoint && p.Service == userdoc.Messaging }) {
		return Presence{Status: Offline}, PersonalMessage{}, told{presence: true}
	}
	for _, part := range doc.Parts {
		switch {
		case gone:
			m.Endpoints = slices.DeleteFunc(m.Endpoints, func(e Endpoint) bool { return part.PerEndpoint && e.ID == part.Endpoint })
			t.personal = true
		case part.PerEndpoint && part.Service == userdoc.Messaging:
			if text, ok := part.Get(fieldCapabilities); ok {
				p.Capabilities, t.presence = ParseCapabilities(text), true
				if e := endpointIn(&m.Endpoints, part.Endpoint); e != nil {
					e.Capabilities, t.personal = p.Capabilities, true
				}
			}
		case !part.PerEndpoint && part.Service == userdoc.Messaging:
			if text, ok := part.Get(fieldStatus); ok {
				if s := Status(strings.ToUpper(text)); s.Valid() {
					p.Status, t.presence = s, true
				}
			}
			if text, ok := part.Get(fieldMedia); ok {
				m.Media, t.personal = ParseCurrentMedia(text), true
			}
		case part.Service == userdoc.Expression && !part.PerEndpoint:
			express(part, &p, &m, &t)
		}
	}
	return p, m, t
}

// express takes over the personal part of a document.
func express(part userdoc.Part, p *Presence, m *PersonalMessage, t *told) {
	for _, f := range part.Fields {
		switch f.Name {
		case fieldName:
			p.FriendlyName, t.presence = cleanLine(f.Value), true
		case fieldPicture:
			p.Object, t.presence = nil, true
			if o, err := ParseMSNObject(f.Value); err == nil {
				p.Object = &o
			}
		case fieldText:
			m.Text, t.personal = f.Value, true
		case fieldDynamic:
			m.DynamicPicture, t.personal = f.Value, true
		case fieldColor:
			m.ColorScheme, t.personal = f.Value, true
		case fieldScene:
			m.Scene, t.personal = f.Value, true
		case fieldSound:
			m.SignatureSound, t.personal = f.Value, true
		}
	}
}

// ownDocument takes what is told of my own places. One that is deleted has signed out; if it is this one, another
// place has asked for it.
func (nc *notificationConn) ownDocument(ctx context.Context, doc userdoc.User, gone, whole bool) error {
	nc.mu.Lock()
	all := slices.Clone(nc.places)
	nc.mu.Unlock()
	if whole && !gone {
		all = nil
	}
	sentAway, offline := false, false
	for _, part := range doc.Parts {
		if !part.PerEndpoint {
			offline = offline || gone && part.Service == userdoc.Messaging // not this place alone
			continue
		}
		id := normalGUID(part.Endpoint)
		if gone {
			sentAway = sentAway || id == nc.cfg.MachineGUID && part.Service == userdoc.Messaging
			all = slices.DeleteFunc(all, func(e Endpoint) bool { return e.ID == id })
			continue
		}
		e := endpointIn(&all, id)
		if e == nil {
			continue
		}
		for _, f := range part.Fields {
			describePlace(e, part.Service, f)
		}
	}
	if sentAway && !offline {
		return errSentAway
	}
	nc.placesTold(ctx, all)
	return nil
}

// describePlace takes over one field about a place of mine.
func describePlace(e *Endpoint, service string, f userdoc.Field) {
	switch {
	case service == userdoc.Messaging && f.Name == fieldCapabilities:
		e.Capabilities = ParseCapabilities(f.Value)
	case service != userdoc.Private:
	case f.Name == fieldPlace:
		e.Name = f.Value
	case f.Name == fieldIdle:
		e.Idle = strings.EqualFold(f.Value, "true")
	case f.Name == fieldState:
		e.Status = Status(strings.ToUpper(f.Value))
	case f.Name == fieldClient:
		if n, err := strconv.Atoi(f.Value); err == nil {
			e.Client = ClientType(n)
		}
	}
}
