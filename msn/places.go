package msn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/userdoc"
	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

const (
	// maxEndpoints bounds what is kept of one account's places.
	maxEndpoints = 64
	// defaultEndpointName is what my other places are told if the configuration says nothing.
	defaultEndpointName = "matrix-msn"
)

// signalKind is the type of UUN and UBN (core.md 11.2).
type signalKind int

const (
	signalSignOut    signalKind = 4 // this place, or all of them, shall sign out
	signalWindowShut signalKind = 5 // another place of mine has closed a conversation
	signalBookStale  signalKind = 6 // the address book has changed
)

// signOutOne is the payload by which official clients sign out one place.
const signOutOne = "goawyplzthxbye"

// errSentAway is the end that another place of mine has asked for.
var errSentAway = fmt.Errorf("another place has signed this one out: %w", ErrLoggedInElsewhere)

// signal is UBN.
func (nc *notificationConn) signal(ctx context.Context, cmd wire.Command) error {
	kind, err := strconv.Atoi(arg(cmd.Args, 1))
	from, _ := readAddress(arg(cmd.Args, 0), 0)
	if err != nil || from != nc.cfg.Passport {
		return nil // transfers and calls of others are not for this layer
	}
	switch signalKind(kind) {
	case signalSignOut:
		if !nc.dialect.endpoints {
			return nil
		}
		nc.endingFor(errSentAway)
		if !nc.client.start(func(ctx context.Context) {
			_ = nc.tell(ctx, wire.Command{Name: "OUT"}) // it ends either way; without it a gateway would not notice
			nc.close(errSentAway)
		}) {
			return errSentAway
		}
	case signalBookStale:
		nc.bookStale(ctx)
	}
	return nil
}

// machine is how this place is named in sign-in and switchboards: {guid}.
func (nc *notificationConn) machine() string { return "{" + nc.cfg.MachineGUID + "}" }

// hereAs is my own handle in a switchboard: with the place where the dialect has places.
func (nc *notificationConn) hereAs() string {
	if nc.dialect.endpoints {
		return wire.Encode(nc.cfg.Passport + ";" + nc.machine())
	}
	return wire.Encode(nc.cfg.Passport)
}

// introduce tells my other places of this one (UUX, two documents of their own).
func (nc *notificationConn) introduce(ctx context.Context, p Presence) error {
	if !nc.dialect.endpoints {
		return nil
	}
	nc.mu.Lock()
	name := nc.placeName
	nc.mu.Unlock()
	if nc.dialect.documents {
		return nc.publishParts(ctx, placePart(name, p.Status))
	}
	capabilities := p.Capabilities.Format(true)
	for _, document := range []string{
		"<EndpointData><Capabilities>" + capabilities + "</Capabilities></EndpointData>",
		"<PrivateEndpointData><EpName>" + userdoc.Escape(name) + "</EpName><Idle>" + strconv.FormatBool(p.Status == Idle) +
			"</Idle><ClientType>" + strconv.Itoa(int(ClientComputer)) + "</ClientType><State>" + string(p.Status) +
			"</State></PrivateEndpointData>",
	} {
		cmd := command("UUX")
		cmd.Payload = []byte(document)
		if _, err := nc.ask(ctx, cmd, nil); err != nil {
			return fmt.Errorf("tell of this place: %w", err)
		}
	}
	return nil
}

// ownPlaces is UBX about myself.
func (nc *notificationConn) ownPlaces(ctx context.Context, payload []byte) {
	if !nc.dialect.endpoints || len(payload) == 0 {
		return
	}
	_, all := cutEndpoints(strings.ToValidUTF8(string(payload), "\uFFFD"))
	nc.placesTold(ctx, all)
}

// placesTold takes over my places and reports them, this one first.
func (nc *notificationConn) placesTold(ctx context.Context, all []Endpoint) {
	for i := range all {
		all[i].Self = all[i].ID == nc.cfg.MachineGUID
	}
	slices.SortStableFunc(all, func(a, b Endpoint) int {
		switch {
		case a.Self == b.Self:
			return strings.Compare(a.ID, b.ID)
		case a.Self:
			return -1
		}
		return 1
	})
	nc.mu.Lock()
	same := slices.Equal(nc.places, all)
	nc.places = all
	nc.mu.Unlock()
	if !same {
		nc.report(ctx, EndpointsChanged{slices.Clone(all)})
	}
}

// cutEndpoints takes the parts about endpoints out of the document of UBX: public ones have capabilities,
// private ones, which only I see of mine, the rest.
func cutEndpoints(doc string) (rest string, all []Endpoint) {
	doc = cutElements(doc, "PrivateEndpointData", func(id, inner string) {
		if e := endpointIn(&all, id); e != nil {
			e.Name, e.Idle = elementText(inner, "EpName"), strings.EqualFold(elementText(inner, "Idle"), "true")
			e.Status = Status(strings.ToUpper(elementText(inner, "State")))
			if n, err := strconv.Atoi(elementText(inner, "ClientType")); err == nil {
				e.Client = ClientType(n)
			}
		}
	})
	doc = cutElements(doc, "EndpointData", func(id, inner string) {
		if e := endpointIn(&all, id); e != nil {
			e.Capabilities = ParseCapabilities(elementText(inner, "Capabilities"))
		}
	})
	return doc, all
}

// endpointIn finds or makes one.
func endpointIn(all *[]Endpoint, id string) *Endpoint {
	id = normalGUID(id)
	for i := range *all {
		if (*all)[i].ID == id {
			return &(*all)[i]
		}
	}
	if id == "" || len(*all) >= maxEndpoints {
		return nil
	}
	*all = append(*all, Endpoint{ID: id})
	return &(*all)[len(*all)-1]
}

// cutElements cuts every element of that name out and hands on its id and content.
func cutElements(doc, name string, found func(id, inner string)) string {
	var kept strings.Builder
	for {
		before, after, ok := strings.Cut(doc, "<"+name)
		if !ok || after == "" || !strings.ContainsRune(" \t\r\n/>", rune(after[0])) {
			kept.WriteString(doc)
			return kept.String()
		}
		attributes, inner, ok := strings.Cut(after, ">")
		if !ok {
			kept.WriteString(doc)
			return kept.String()
		}
		kept.WriteString(before)
		_, id, _ := strings.Cut(attributes, `id="`)
		id, _, _ = strings.Cut(id, `"`)
		rest := inner
		if strings.HasSuffix(attributes, "/") {
			inner = ""
		} else if inner, rest, ok = strings.Cut(inner, "</"+name+">"); !ok {
			rest = ""
		}
		found(id, inner)
		doc = rest
	}
}

// normalGUID is a GUID in lower case without braces, "" if it is none.
func normalGUID(s string) string {
	s = strings.ToLower(strings.Trim(s, "{} "))
	if !isGUID(s) {
		return ""
	}
	return s
}

// Endpoints are the places at which I am signed in, this one first. There are none before MSNP16, and until
// the server has told.
func (c *Client) Endpoints() []Endpoint {
	select {
	case <-c.ready:
	default:
		return nil
	}
	c.nc.mu.Lock()
	defer c.nc.mu.Unlock()
	return slices.Clone(c.nc.places)
}

// placed is signedIn for what needs places.
func (c *Client) placed(ctx context.Context) (*notificationConn, error) {
	nc, err := c.signedIn(ctx)
	if err == nil && !nc.dialect.endpoints {
		return nil, fmt.Errorf("several places: %w", ErrUnsupported)
	}
	return nc, err
}

// SignOutEndpoint ends one of my other places (UUN); "" ends all of them but this one. The place signs out by
// itself, so that a program that does not know how stays. ErrUnsupported before MSNP16.
func (c *Client) SignOutEndpoint(ctx context.Context, id string) error {
	nc, err := c.placed(ctx)
	if err != nil {
		return err
	}
	wanted := normalGUID(id)
	if id != "" && wanted == "" {
		return fmt.Errorf("sign out a place: %.40q is not its id", id)
	}
	known := false
	for _, place := range c.Endpoints() {
		if place.Self || wanted != "" && place.ID != wanted {
			continue
		}
		known = true
		if nc.dialect.documents {
			if err := nc.signOutPlace(ctx, place.ID); err != nil {
				return fmt.Errorf("sign out a place: %w", err)
			}
			continue
		}
		target := wire.Encode(c.cfg.Passport + ";{" + place.ID + "}")
		cmd := command("UUN", target, strconv.Itoa(int(signalSignOut)))
		cmd.Payload = []byte(signOutOne)
		var refused *ProtocolError
		if _, err := nc.ask(ctx, cmd, nil); err != nil && !(errors.As(err, &refused) && refused.Code == 217) { // gone already
			return fmt.Errorf("sign out a place: %w", err)
		}
	}
	if wanted != "" && !known {
		return errors.New("sign out a place: there is no such place, or it is this one")
	}
	return nil
}

// SetEndpointName changes how my other places see this one. ErrUnsupported before MSNP16.
func (c *Client) SetEndpointName(ctx context.Context, name string) error {
	nc, err := c.placed(ctx)
	if err != nil {
		return err
	}
	if name == "" {
		return errors.New("name this place: the name must not be empty")
	}
	nc.mu.Lock()
	nc.placeName = cut(name, maxName)
	p := nc.announced
	nc.mu.Unlock()
	return nc.introduce(ctx, p)
}
