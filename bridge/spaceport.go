package bridge

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// What contact groups need of the Matrix side and bridgev2 does not have.

// spaceChildHandler hears that sender put child into a space, or took it out.
type spaceChildHandler func(ctx context.Context, space id.RoomID, sender id.UserID, child id.RoomID, in bool)

// spacePort tells of changes in spaces.
type spacePort interface {
	OnSpaceChild(f spaceChildHandler)
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
