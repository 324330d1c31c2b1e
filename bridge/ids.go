package bridge

import (
	"strings"

	"maunium.net/go/mautrix/bridgev2/networkid"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Every ID of the bridge is made and taken apart here (bridge.md, Identity).

// conferenceWord stands in portal IDs of multi-party switchboards. What follows has no @, so that no
// address can be taken for one.
const conferenceWord = "conf/"

// makeUserID names a person: the same address on two services is two people.
func makeUserID(server, passport string) networkid.UserID {
	return networkid.UserID(server + "/" + strings.ToLower(passport))
}

// parseUserID undoes makeUserID.
func parseUserID(user networkid.UserID) (server, passport string, ok bool) {
	return splitID(string(user))
}

// makeLoginID names an account that somebody is logged in to.
func makeLoginID(server, passport string) networkid.UserLoginID {
	return networkid.UserLoginID(makeUserID(server, passport))
}

// parseLoginID undoes makeLoginID.
func parseLoginID(login networkid.UserLoginID) (server, passport string, ok bool) {
	return splitID(string(login))
}

// splitID cuts server/address and wants both parts to be able to be what they should.
func splitID(s string) (server, passport string, ok bool) {
	server, passport, ok = strings.Cut(s, "/")
	local, domain, found := strings.Cut(passport, "@")
	ok = ok && found && server != "" && local != "" && domain != "" &&
		passport == strings.ToLower(passport) && !strings.ContainsAny(passport, " \t\r\n,;")
	return server, passport, ok
}

// directKey is the portal of a chat between two. It belongs to the login.
func directKey(login networkid.UserLoginID, server, passport string) networkid.PortalKey {
	return networkid.PortalKey{ID: networkid.PortalID(makeUserID(server, passport)), Receiver: login}
}

// parseDirect gives the other person of a chat between two.
func parseDirect(portal networkid.PortalID) (server, passport string, ok bool) {
	return splitID(string(portal))
}

// conferenceKey is the portal of a conference; id is random and without @.
func conferenceKey(login networkid.UserLoginID, server, id string) networkid.PortalKey {
	return networkid.PortalKey{ID: networkid.PortalID(server + "/" + conferenceWord + id), Receiver: login}
}

// parseConference gives the conference's own id.
func parseConference(portal networkid.PortalID) (server, id string, ok bool) {
	server, rest, found := strings.Cut(string(portal), "/")
	id, isConference := strings.CutPrefix(rest, conferenceWord)
	return server, id, found && isConference && server != "" && id != "" && !strings.Contains(id, "@")
}

// circleWord stands in portal IDs of circles. What follows is the circle's GUID.
const circleWord = "circle/"

// circleKey is the portal of a circle. It belongs to nobody: members who are logged in share it.
func circleKey(server, id string) networkid.PortalKey {
	return networkid.PortalKey{ID: networkid.PortalID(server + "/" + circleWord + id)}
}

// parseCircle gives the circle's GUID.
func parseCircle(portal networkid.PortalID) (server, id string, ok bool) {
	server, rest, found := strings.Cut(string(portal), "/")
	id, isCircle := strings.CutPrefix(rest, circleWord)
	return server, id, found && isCircle && server != "" && id != "" && !strings.Contains(id, "@")
}

// groupWord stands in portal IDs of contact groups' sub-spaces. What follows is random, as the service may number its groups anew.
const groupWord = "group/"

// groupKey is the portal of a contact group. It belongs to the login.
func groupKey(login networkid.UserLoginID, server, room string) networkid.PortalKey {
	return networkid.PortalKey{ID: networkid.PortalID(server + "/" + groupWord + room), Receiver: login}
}

// parseGroup gives the random part.
func parseGroup(portal networkid.PortalID) (server, room string, ok bool) {
	server, rest, found := strings.Cut(string(portal), "/")
	room, isGroup := strings.CutPrefix(rest, groupWord)
	return server, room, found && isGroup && server != "" && room != "" && !strings.Contains(room, "@")
}

// offlineMessageID names a message that waited with the service, by the service's own ID for it.
func offlineMessageID(passport, id string) networkid.MessageID {
	return networkid.MessageID("offline/" + passport + "/" + id)
}

// makeMessageID names a message. MSNP has no such thing: package msn makes it of session, sender and
// sequence number, and it comes to the same when the same message is seen again.
func makeMessageID(message msn.MessageID) networkid.MessageID {
	return networkid.MessageID(message)
}

// requestMessageID names the notice that tells of a contact request, so that it is written once.
func requestMessageID(passport string) networkid.MessageID {
	return networkid.MessageID("request/" + passport)
}
