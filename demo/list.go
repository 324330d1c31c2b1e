package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// The scenes about the contact list.

// tidiesUp is Alice in Messenger, before she knew of Matrix.
func (p *play) tidiesUp(ctx context.Context) error {
	me, err := stage.Enter(ctx, p.house.MSN.MSN(), alice.passport, alice.password, func(*msn.Config) {})
	if err != nil {
		return err
	}
	defer me.Leave()
	for name, people := range map[string][]role{friendsGroup: {bob, carol}, workGroup: {bob}} {
		group, err := me.AddGroup(ctx, name)
		if err != nil {
			return err
		}
		for _, r := range people {
			if err := me.AddToGroup(ctx, r.passport, group.ID); err != nil {
				return err
			}
		}
	}
	return me.Block(ctx, frank.passport)
}

// groupsAppear waits for the spaces and who is in them.
func (p *play) groupsAppear(ctx context.Context) error {
	p.spaces = map[string]id.RoomID{}
	for name, people := range map[string][]role{friendsGroup: {bob, carol}, workGroup: {bob}} {
		named, err := p.alice.Await(ctx, "the space "+name, 0, func(evt *event.Event) bool {
			return evt.Type == event.StateRoomName && evt.Content.AsRoomName().Name == name
		})
		if err != nil {
			return err
		}
		p.spaces[name] = named.RoomID
		for _, r := range people {
			if err := p.hasChild(ctx, named.RoomID, p.rooms[r.name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *play) hasChild(ctx context.Context, space, room id.RoomID) error {
	_, err := p.alice.Await(ctx, fmt.Sprintf("%s in the space %s", room, space), 0, func(evt *event.Event) bool {
		return evt.Type == event.StateSpaceChild && evt.RoomID == space && evt.GetStateKey() == room.String() && len(evt.Content.AsSpaceChild().Via) > 0
	})
	return err
}

// carolMoves puts a room into a space, as clients do, and looks at the list on MSN.
func (p *play) carolMoves(ctx context.Context) error {
	content := &event.SpaceChildEventContent{Via: []string{stage.Domain}}
	if _, err := p.alice.SendStateEvent(ctx, p.spaces[workGroup], event.StateSpaceChild, p.rooms[carol.name].String(), content); err != nil {
		return err
	}
	return p.house.MSN.Watch(ctx, alice.passport, func(a msntest.AccountState) bool {
		for _, c := range a.Contacts {
			for _, g := range a.Groups {
				if c.Passport == carol.passport && g.Name == workGroup && slices.Contains(c.Groups, g.ID) {
					return true
				}
			}
		}
		return false
	})
}

// portrait is a picture of somebody: a head and shoulders.
func portrait(background, coat color.Color) ([]byte, error) {
	picture := image.NewNRGBA(image.Rect(0, 0, 96, 96))
	for y := range 96 {
		for x := range 96 {
			c := background
			head, shoulders := (x-48)*(x-48)+(y-38)*(y-38), (x-48)*(x-48)+(y-100)*(y-100)
			switch {
			case head < 22*22:
				c = color.NRGBA{250, 214, 180, 255}
			case shoulders < 40*40:
				c = coat
			}
			picture.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}

func (p *play) seesPicture(ctx context.Context) error {
	mark := p.alice.Len()
	picture, err := portrait(color.NRGBA{40, 120, 210, 255}, color.NRGBA{230, 120, 30, 255})
	if err != nil {
		return err
	}
	if err := p.cast[bob.name].SetDisplayPicture(ctx, picture); err != nil {
		return err
	}
	evt, err := p.alice.Await(ctx, "Bob's avatar", mark, func(evt *event.Event) bool {
		return evt.Type == event.StateMember && evt.GetStateKey() == string(p.house.Bridge.Ghost(bob.passport)) && evt.Content.AsMember().AvatarURL != ""
	})
	if err != nil {
		return err
	}
	uri, err := evt.Content.AsMember().AvatarURL.Parse()
	if err != nil {
		return err
	}
	got, err := p.alice.DownloadBytes(ctx, uri)
	if err == nil && !bytes.Equal(got, picture) {
		err = fmt.Errorf("it is another picture, of %d bytes instead of %d", len(got), len(picture))
	}
	return err
}

func (p *play) showsPicture(ctx context.Context) error {
	picture, err := portrait(color.NRGBA{120, 190, 90, 255}, color.NRGBA{90, 60, 150, 255})
	if err != nil {
		return err
	}
	mark := p.cast[bob.name].Len()
	made, err := p.alice.UploadBytes(ctx, picture, "image/png")
	if err != nil {
		return err
	}
	if err := p.alice.SetAvatarURL(ctx, made.ContentURI); err != nil {
		return err
	}
	e, err := p.cast[bob.name].Await(ctx, "Alice's picture", mark, func(e msn.Event) bool {
		seen, ok := e.(msn.PresenceChanged)
		return ok && seen.Passport == alice.passport && seen.Presence.Object != nil
	})
	if err != nil {
		return err
	}
	got, err := p.cast[bob.name].FetchObject(ctx, alice.passport, *e.(msn.PresenceChanged).Presence.Object)
	if err != nil {
		return err
	}
	size, err := png.DecodeConfig(bytes.NewReader(got))
	if err == nil && (size.Width != 96 || size.Height != 96) {
		err = fmt.Errorf("Bob got a picture of %dx%d", size.Width, size.Height)
	}
	return err
}

func (p *play) frankSeesNothing(ctx context.Context) error {
	c, err := p.enter(ctx, frank)
	if err != nil {
		return err
	}
	p.cast[frank.name] = c
	if err := c.Ping(ctx); err != nil { // what there is to see has come before the answer
		return err
	}
	if status := c.PresenceOf(alice.passport).Status; status != msn.Offline {
		return fmt.Errorf("Frank sees Alice as %s", status.Word())
	}
	channel := p.house.Bridge.Channel(frank.passport)
	for _, evt := range p.alice.Since(0) {
		if evt.Type == event.StateBridge && evt.Content.AsBridge().Channel.ID == channel {
			return errors.New("there is a room with Frank")
		}
	}
	return nil
}

func (p *play) graceAsks(ctx context.Context) error {
	c, err := p.enter(ctx, grace)
	if err != nil {
		return err
	}
	p.cast[grace.name] = c
	mark := p.alice.Len()
	if _, err := c.AddContact(ctx, alice.passport, ""); err != nil {
		return err
	}
	want := p.house.Bridge.Channel(grace.passport)
	room, err := p.alice.Portal(ctx, "a room with the question", mark, func(channel string) bool { return channel == want })
	if err != nil {
		return err
	}
	p.rooms[grace.name] = room
	_, err = p.alice.Await(ctx, "the question, with a ping", mark, func(evt *event.Event) bool {
		m, ok := evt.Content.Parsed.(*event.MessageEventContent)
		return ok && evt.RoomID == room && m.Mentions.Has(p.alice.UserID)
	})
	return err
}

func (p *play) carolListens(ctx context.Context) error {
	mark := p.alice.Len()
	song := msn.CurrentMedia{Type: "Music", Enabled: true, Format: "{1} - {0}", Args: []string{"Enjoy the Silence", "Depeche Mode"}}
	if err := p.cast[carol.name].SetPersonalMessage(ctx, msn.PersonalMessage{Media: song}); err != nil {
		return err
	}
	return p.seesPresence(ctx, mark, carol, event.PresenceOnline, "♪ Depeche Mode - Enjoy the Silence")
}

func (p *play) daveComesAndGoes(ctx context.Context) error {
	mark := p.alice.Len()
	p.cast[dave.name].Leave()
	if err := p.seesPresence(ctx, mark, dave, event.PresenceOffline, ""); err != nil {
		return err
	}
	mark = p.alice.Len()
	c, err := p.enter(ctx, dave)
	if err != nil {
		return err
	}
	p.cast[dave.name] = c
	p.watching.Go(func() { p.watchMSN(p.watch, dave, c) })
	return p.seesPresence(ctx, mark, dave, event.PresenceOnline, "")
}
