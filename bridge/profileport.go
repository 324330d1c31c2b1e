package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// face is what a Matrix user is called and looks like.
type face struct {
	name   string
	avatar id.ContentURIString
}

// profilePort is what the user's own profile needs of the Matrix side, which bridgev2 does not have. It is nil where
// there is none.
type profilePort interface {
	// Face asks for the profile of a Matrix user.
	Face(ctx context.Context, user id.UserID) (face, error)
	// Download gets a medium as it is stored, of at most limit bytes: errTooManyBytes if it has more. Thumbnail asks for a
	// small form of it, which the homeserver makes of a picture.
	Download(ctx context.Context, uri id.ContentURIString, thumbnail bool, limit int64) ([]byte, error)
	// OnFace has f called when a user's profile may have changed, with what it is now in one of the rooms.
	OnFace(f func(ctx context.Context, user id.UserID, now face))
}

// profileOn finds the port of a Matrix connector and lets it report to changed.
func profileOn(mx bridgev2.MatrixConnector, changed func(context.Context, id.UserID, face)) profilePort {
	var port profilePort
	switch mx := mx.(type) {
	case *matrix.Connector:
		port = &appserviceProfile{mx: mx}
	case profilePort:
		port = mx
	default:
		return nil
	}
	port.OnFace(changed)
	return port
}

// errTooManyBytes is for media that are larger than anybody wants.
var errTooManyBytes = errors.New("it is too large")

// appserviceProfile is the port of a real homeserver.
type appserviceProfile struct{ mx *matrix.Connector }

// Face asks as the bot.
func (a *appserviceProfile) Face(ctx context.Context, user id.UserID) (face, error) {
	got, err := a.mx.Bot.GetProfile(ctx, user)
	if err != nil {
		return face{}, err
	}
	f := face{name: got.DisplayName}
	if !got.AvatarURL.IsEmpty() {
		f.avatar = got.AvatarURL.CUString()
	}
	return f, nil
}

// Download asks as the bot. Nothing beyond the limit is read.
func (a *appserviceProfile) Download(ctx context.Context, uri id.ContentURIString, thumbnail bool, limit int64) ([]byte, error) {
	parsed, err := uri.Parse()
	if err != nil {
		return nil, err
	}
	ask := a.mx.Bot.Download
	if thumbnail {
		ask = a.thumbnail
	}
	answer, err := ask(ctx, parsed)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.ContentLength > limit {
		return nil, fmt.Errorf("%d bytes: %w", answer.ContentLength, errTooManyBytes)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooManyBytes
	}
	return data, err
}

// OnFace listens to the member events of transactions: a change of profile comes in every room that the bot is in, too.
func (a *appserviceProfile) OnFace(f func(context.Context, id.UserID, face)) {
	a.mx.EventProcessor.On(event.StateMember, func(ctx context.Context, evt *event.Event) {
		member := evt.Content.AsMember()
		if evt.StateKey != nil && *evt.StateKey == string(evt.Sender) && member.Membership == event.MembershipJoin {
			f(ctx, evt.Sender, face{member.Displayname, member.AvatarURL})
		}
	})
}

// thumbnailSide is what homeservers make for lists of people.
const thumbnailSide = 96

func (a *appserviceProfile) thumbnail(ctx context.Context, uri id.ContentURI) (*http.Response, error) {
	return a.mx.Bot.DownloadThumbnail(ctx, uri, thumbnailSide, thumbnailSide, mautrix.DownloadThumbnailExtra{Method: "crop"})
}
