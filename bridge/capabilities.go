package bridge

import (
	"context"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/event"
)

// conferenceType is the one kind of group that can be created.
const conferenceType = "conference"

// mostInvited is how many others fit into a switchboard, beside oneself.
const mostInvited = 19

// GetBridgeInfoVersion is raised whenever rooms should be described anew.
func (c *Connector) GetBridgeInfoVersion() (info, capabilities int) { return 1, 2 }

// GetCapabilities is what the network as a whole can do.
func (c *Connector) GetCapabilities() *bridgev2.NetworkGeneralCapabilities {
	return &bridgev2.NetworkGeneralCapabilities{
		Provisioning: bridgev2.ProvisioningCapabilities{
			ResolveIdentifier: bridgev2.ResolveIdentifierCapabilities{
				CreateDM: true, LookupEmail: true, ContactList: true, Search: true,
			},
			GroupCreation: map[string]bridgev2.GroupTypeCapabilities{conferenceType: {
				TypeDescription: "a conference",
				Name:            bridgev2.GroupFieldCapability{Allowed: true},
				Participants:    bridgev2.GroupFieldCapability{Allowed: true, Required: true, MinLength: 2, MaxLength: mostInvited},
			}},
		},
	}
}

// files are told of in words, with a link if there is one.
var files = func() event.FileFeatureMap {
	all := event.FileFeatureMap{}
	for _, kind := range []event.CapabilityMsgType{
		event.MsgImage, event.MsgVideo, event.MsgAudio, event.MsgFile, event.CapMsgVoice, event.CapMsgGIF, event.CapMsgSticker,
	} {
		all[kind] = &event.FileFeatures{
			MimeTypes: map[string]event.CapabilitySupportLevel{"*/*": event.CapLevelPartialSupport},
			Caption:   event.CapLevelPartialSupport,
		}
	}
	return all
}()

// features are those of every room. One style covers a whole message; everything else becomes readable
// text.
var features = &event.RoomFeatures{
	ID: "com.github.matrix-msn.capabilities.2",
	Formatting: event.FormattingFeatureMap{
		event.FmtBold: event.CapLevelPartialSupport, event.FmtItalic: event.CapLevelPartialSupport,
		event.FmtUnderline: event.CapLevelPartialSupport, event.FmtStrikethrough: event.CapLevelPartialSupport,
		event.FmtTextForegroundColor: event.CapLevelPartialSupport,
		event.FmtInlineCode:          event.CapLevelDropped, event.FmtCodeBlock: event.CapLevelDropped,
		event.FmtBlockquote: event.CapLevelPartialSupport, event.FmtInlineLink: event.CapLevelPartialSupport,
		event.FmtUserLink: event.CapLevelPartialSupport, event.FmtUnorderedList: event.CapLevelPartialSupport,
		event.FmtOrderedList: event.CapLevelPartialSupport, event.FmtSpoiler: event.CapLevelPartialSupport,
	},
	File:                files,
	LocationMessage:     event.CapLevelPartialSupport,
	Poll:                event.CapLevelPartialSupport,
	Reply:               event.CapLevelPartialSupport,
	Edit:                event.CapLevelPartialSupport,
	Reaction:            event.CapLevelPartialSupport,
	Delete:              event.CapLevelRejected,
	TypingNotifications: true,
	DeleteChat:          true,
	MessageRequest: &event.MessageRequestFeatures{
		// What is written accepts; bridgev2 leaves that to the bridge only so, and would take a reaction for it otherwise.
		AcceptWithMessage: event.CapLevelFullySupported, AcceptWithButton: event.CapLevelFullySupported,
	},
}

// conferenceFeatures add what groups have.
var conferenceFeatures = func() *event.RoomFeatures {
	f := features.Clone()
	f.ID += "+conference"
	f.MemberActions = event.MemberFeatureMap{
		event.MemberActionInvite: event.CapLevelFullySupported, event.MemberActionLeave: event.CapLevelFullySupported,
		event.MemberActionKick: event.CapLevelRejected, event.MemberActionBan: event.CapLevelRejected,
	}
	f.State = event.StateFeatureMap{event.StateRoomName.Type: {Level: event.CapLevelFullySupported}}
	return f
}()

// circleFeatures are those of circles, whose admins put members out.
var circleFeatures = func() *event.RoomFeatures {
	f := features.Clone()
	f.ID += "+circle"
	f.MemberActions = event.MemberFeatureMap{
		event.MemberActionInvite: event.CapLevelFullySupported, event.MemberActionLeave: event.CapLevelFullySupported,
		event.MemberActionKick: event.CapLevelPartialSupport, event.MemberActionBan: event.CapLevelRejected,
	}
	return f
}()

// GetCapabilities is what a room can do.
func (c *Client) GetCapabilities(_ context.Context, portal *bridgev2.Portal) *event.RoomFeatures {
	if _, _, ok := parseConference(portal.ID); ok {
		return conferenceFeatures
	}
	if _, _, ok := parseCircle(portal.ID); ok {
		return circleFeatures
	}
	return features
}
