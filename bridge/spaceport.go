package bridge

import (
	"context"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// What contact groups need of the Matrix side and bridgev2 does not have.

// spaceChildHandler hears that sender put child into a space, or took it out.
type spaceChildHandler func(ctx context.Context, space id.RoomID, sender id.UserID, child id.RoomID, in bool)

// spacePort tells of spaces and changes in them.
type spacePort interface {
	OnSpaceChild(f spaceChildHandler)
	Space(ctx context.Context, space id.RoomID) (spaceState, error)
}

// spaceState is what a space is like on the homeserver.
type spaceState struct {
	name     string
	children map[id.RoomID]id.UserID // with who has put them there
}

var (
	errSpaceGone   = errors.New("the space is gone")
	errNoSpacePort = errors.New("the Matrix side cannot look at spaces")
)

// spaceOf looks at a space. It is errSpaceGone if there is none, or not for the bridge.
func spaceOf(ctx context.Context, mx bridgev2.MatrixConnector, space id.RoomID) (state spaceState, err error) {
	switch mx := mx.(type) {
	case *matrix.Connector:
		var all mautrix.RoomStateMap
		all, err = mx.Bot.Client.State(ctx, space)
		state = readSpace(all)
	case spacePort:
		state, err = mx.Space(ctx, space)
	default:
		return state, errNoSpacePort
	}
	if errors.Is(err, mautrix.MForbidden) || errors.Is(err, mautrix.MNotFound) {
		err = errSpaceGone
	}
	if err != nil {
		return state, fmt.Errorf("look at the space %s: %w", space, err)
	}
	return state, nil
}

// readSpace takes what it needs of the state of a room.
func readSpace(all mautrix.RoomStateMap) spaceState {
	state := spaceState{children: make(map[id.RoomID]id.UserID)}
	if name := all[event.StateRoomName][""]; name != nil {
		state.name = name.Content.AsRoomName().Name
	}
	for child, evt := range all[event.StateSpaceChild] {
		if len(evt.Content.AsSpaceChild().Via) > 0 {
			state.children[id.RoomID(child)] = evt.Sender
		}
	}
	return state
}

// spacesOn lets a Matrix connector report to heard, if it can.
func spacesOn(mx bridgev2.MatrixConnector, heard spaceChildHandler) {
	switch mx := mx.(type) {
	case *matrix.Connector:
		mx.EventProcessor.On(event.StateSpaceChild, func(ctx context.Context, evt *event.Event) {
			if evt.StateKey != nil {
				heard(ctx, evt.RoomID, evt.Sender, id.RoomID(*evt.StateKey), len(evt.Content.AsSpaceChild().Via) > 0)
			}
		})
	case spacePort:
		mx.OnSpaceChild(heard)
	}
}

// roomTagger sets tags of a user whom the bridge may speak for.
type roomTagger interface {
	AddRoomTag(ctx context.Context, room id.RoomID, tag event.RoomTag) error
	RemoveRoomTag(ctx context.Context, room id.RoomID, tag event.RoomTag) error
}

// taggerOf is nil without double puppeting.
func taggerOf(user bridgev2.MatrixAPI) roomTagger {
	switch user := user.(type) {
	case *matrix.ASIntent:
		return intentTagger{user}
	case roomTagger:
		return user
	}
	return nil
}

// intentTagger is the roomTagger of a real homeserver.
type intentTagger struct{ *matrix.ASIntent }

func (t intentTagger) AddRoomTag(ctx context.Context, room id.RoomID, tag event.RoomTag) error {
	return t.Matrix.AddTagWithCustomData(ctx, room, tag, &event.TagMetadata{MauDoublePuppetSource: t.Connector.AS.DoublePuppetValue})
}

func (t intentTagger) RemoveRoomTag(ctx context.Context, room id.RoomID, tag event.RoomTag) error {
	return t.Matrix.RemoveTag(ctx, room, tag)
}
