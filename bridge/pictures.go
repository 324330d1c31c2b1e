package bridge

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

// keptPictures is how many are remembered; the rows are small, as the pictures lie on Matrix.
const keptPictures = 20000

// pictures is what all logins share of contacts' display pictures: which are on Matrix already, and who has which. A
// picture is fetched and uploaded once, for all who have it and all who see it, across restarts.
type pictures struct {
	db     *database.Database
	br     *bridgev2.Bridge
	ghosts *ghosts
	pause  time.Duration // between two fetches from the same contact

	mu       sync.Mutex
	underway map[string]chan struct{} // by SHA1D, closed when done
	bad      map[string]error         // what came as promised and is no picture
}

func (p *pictures) init(br *bridgev2.Bridge, db *database.Database, ghosts *ghosts) {
	p.br, p.db, p.ghosts, p.pause = br, db, ghosts, picturePause
	p.underway, p.bad = make(map[string]chan struct{}), make(map[string]error)
}

// claim waits until nobody else is at a picture, and keeps others off it until release is called.
func (p *pictures) claim(ctx context.Context, sha1d string) (release func(), err error) {
	for {
		p.mu.Lock()
		if err := p.bad[sha1d]; err != nil {
			p.mu.Unlock()
			return nil, err
		}
		other, busy := p.underway[sha1d]
		if !busy {
			done := make(chan struct{})
			p.underway[sha1d] = done
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				delete(p.underway, sha1d)
				close(done)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// uri is where a picture is on Matrix. One that is not there yet is fetched, looked at and uploaded.
func (p *pictures) uri(ctx context.Context, sha1d string, fetch func(context.Context) ([]byte, error)) (id.ContentURIString, error) {
	release, err := p.claim(ctx, sha1d)
	if err != nil {
		return "", err
	}
	defer release()
	known, found, err := p.db.Picture(ctx, sha1d)
	if err != nil {
		return "", err
	}
	if !found {
		data, err := fetch(ctx)
		if err != nil {
			return "", err
		}
		if got := msn.SHA1D(data); got != sha1d {
			return "", fmt.Errorf("%w: its hash is %s", msn.ErrObjectMismatch, got)
		}
		shown, mimeType, err := forMatrix(data)
		if err != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.bad[sha1d] = err
			return "", err
		}
		uri, _, err := p.br.Bot.UploadMedia(ctx, "", shown, "picture."+strings.TrimPrefix(mimeType, "image/"), mimeType)
		if err != nil {
			return "", fmt.Errorf("upload a display picture: %w", err)
		}
		known = database.Picture{SHA1D: sha1d, MXC: string(uri), Bytes: len(data)}
	}
	known.Used = time.Now()
	if err := p.db.PutPicture(ctx, known); err != nil {
		zerolog.Ctx(ctx).Err(err).Msg("Failed to remember a display picture")
	}
	return id.ContentURIString(known.MXC), nil
}

// has tells whether a ghost has a picture already; "" is none.
func (p *pictures) has(ctx context.Context, ghostID networkid.UserID, sha1d string) bool {
	lock := p.ghosts.locks.of(string(ghostID))
	lock.Lock()
	defer lock.Unlock()
	ghost, err := p.br.GetExistingGhostByID(ctx, ghostID)
	if err != nil || ghost == nil {
		return sha1d == ""
	}
	return string(ghost.AvatarID) == sha1d && (sha1d == "" || ghost.AvatarSet && ghost.AvatarMXC != "")
}

// give gives a ghost, and the rooms that bear its picture, one that is on Matrix; "" takes it away.
func (p *pictures) give(ctx context.Context, ghostID networkid.UserID, sha1d string, uri id.ContentURIString) {
	avatar := &bridgev2.Avatar{ID: networkid.AvatarID(sha1d), MXC: uri, Hash: sha256.Sum256([]byte(sha1d))}
	if sha1d == "" {
		avatar = &bridgev2.Avatar{Remove: true}
	}
	await(ctx, p.ghosts.change(ctx, ghostID, func(ctx context.Context, ghost *bridgev2.Ghost) {
		alter(ctx, ghost, &bridgev2.UserInfo{Avatar: avatar})
	}))
}
