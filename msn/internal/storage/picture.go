package storage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // so that such pictures can be read
	_ "image/jpeg" // likewise
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

const (
	// MaxPicture is the most bytes that are taken of a picture.
	MaxPicture = 1 << 20
	// maxSide bounds the sides of a picture that is made a PNG, in pixels.
	maxSide = 2048
	// maxRedirects and pictureTimeout are for fetching one.
	maxRedirects, pictureTimeout = 3, 30 * time.Second
	// pictureName is what the picture is called among others.
	pictureName = "Messenger display picture"
	changed     = "RoamingIdentityChanged"
)

// PNG makes a PNG of a picture, be it a PNG already, a JPEG, or a GIF, of which it takes the first image.
func PNG(data []byte) ([]byte, error) {
	if strings.HasPrefix(string(data), "\x89PNG\r\n\x1a\n") {
		return data, nil
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width > maxSide || config.Height > maxSide {
		return nil, fmt.Errorf("this is no picture, or one of more than %d pixels", maxSide)
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the picture cannot be read: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("the picture cannot be made a PNG: %w", err)
	}
	if b.Len() > MaxPicture {
		return nil, fmt.Errorf("the picture has %d bytes as PNG, at most %d are taken", b.Len(), MaxPicture)
	}
	return b.Bytes(), nil
}

// SetPicture replaces the picture: the new one is made before the old one is let go, so that there is always one. It
// is stored as PNG, whatever it is, as there is a server that fails for good once it has another kind.
func (s *Store) SetPicture(ctx context.Context, p Profile, mimeType string, data []byte) error {
	data, err := PNG(data)
	if err != nil {
		return fmt.Errorf("store the picture, said to be %.40q: %w", mimeType, err)
	}
	made, err := s.createDocument(ctx, data)
	if p.PhotoID != "" && (errors.Is(err, ErrExists) || errors.Is(err, soap.ErrUnsupported)) {
		made, err = p.PhotoID, s.updateDocument(ctx, p, data)
	}
	if err != nil {
		return fmt.Errorf("store the picture: %w", err)
	}
	if p.ExpressionID == "" || made == "" {
		return nil
	}
	err = s.relate(ctx, p, made)
	if errors.Is(err, ErrExists) { // a service that takes one at a time
		if err = s.letGo(ctx, p, made); err == nil {
			err = s.relate(ctx, p, made)
		}
	} else if err == nil {
		err = s.letGo(ctx, p, made)
	}
	if err != nil {
		return fmt.Errorf("make the picture that of the profile: %w", err)
	}
	return nil
}

// createDocument leaves a picture in the collection and gives its id.
func (s *Store) createDocument(ctx context.Context, data []byte) (made string, err error) {
	err = s.call(ctx, "CreateDocument", changed, func(w *soap.Writer) {
		w.Open("parentHandle").Element("RelationshipName", "/UserTiles")
		s.alias(w)
		w.Close("parentHandle")
		document(w, "", data)
		w.Element("relationshipName", "Messenger User Tile")
	}, func(d *soap.Decoder) error {
		return d.Each(func(name string) error {
			if name == "CreateDocumentResult" {
				return d.Into(&made)
			}
			return nil
		})
	})
	return made, err
}

// updateDocument puts a picture in the place of the profile's.
func (s *Store) updateDocument(ctx context.Context, p Profile, data []byte) error {
	return s.call(ctx, "UpdateDocument", changed, func(w *soap.Writer) { document(w, p.PhotoID, data) }, nil)
}

// document writes a picture.
func document(w *soap.Writer, id string, data []byte) {
	w.Open("document", "xsi:type", "Photo", "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
	if id != "" {
		w.Element("ResourceID", id)
	}
	w.Element("Name", pictureName).Open("DocumentStreams").Open("DocumentStream", "xsi:type", "PhotoStream")
	w.Element("DocumentStreamType", whole).Element("MimeType", "png").Element("Data", base64.StdEncoding.EncodeToString(data))
	w.Element("DataSize", "0").Close("DocumentStream").Close("DocumentStreams").Close("document")
}

// relate makes a document the picture of the profile.
func (s *Store) relate(ctx context.Context, p Profile, made string) error {
	return s.call(ctx, "CreateRelationships", changed, func(w *soap.Writer) {
		w.Open("relationships").Open("Relationship").Element("SourceID", p.ExpressionID).Element("SourceType", "SubProfile")
		w.Element("TargetID", made).Element("TargetType", "Photo").Element("RelationshipName", "ProfilePhoto")
		w.Close("Relationship").Close("relationships")
	}, nil)
}

// letGo takes the old picture off the profile and out of the collection, which would fill up otherwise. A service that
// has forgotten it already is as good.
func (s *Store) letGo(ctx context.Context, p Profile, made string) error {
	if p.PhotoID == "" || p.PhotoID == made {
		return nil
	}
	for _, source := range []func(*soap.Writer){
		func(w *soap.Writer) { w.Element("ResourceID", p.ExpressionID) },
		func(w *soap.Writer) {
			s.alias(w)
			w.Element("RelationshipName", "/UserTiles")
		},
	} {
		err := s.call(ctx, "DeleteRelationships", changed, func(w *soap.Writer) {
			w.Open("sourceHandle")
			source(w)
			w.Close("sourceHandle")
			w.Open("targetHandles").Open("ObjectHandle").Element("ResourceID", p.PhotoID).Close("ObjectHandle").Close("targetHandles")
		}, nil)
		if err != nil && !errors.Is(err, ErrNoProfile) {
			return err
		}
	}
	return nil
}

// Picture gets the picture of a profile, with its MIME type as its bytes tell; nil if there is none. A relative address
// is one of this service, and is shown the ticket; no other place is. It may be anybody's web server that answers, so
// that what it refuses means nothing for the sign-in.
func (s *Store) Picture(ctx context.Context, client *http.Client, p Profile) (data []byte, mimeType string, err error) {
	if p.PictureURL == "" {
		return nil, "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
	defer cancel()
	data, err = s.fetch(ctx, client, p.PictureURL)
	if err != nil {
		return nil, "", fmt.Errorf("get the picture: %w", err)
	}
	if len(data) == 0 {
		return nil, "", nil
	}
	mimeType, _, _ = strings.Cut(http.DetectContentType(data), ";")
	if !strings.HasPrefix(mimeType, "image/") {
		return nil, "", errors.New("get the picture: what came is no picture")
	}
	return data, mimeType, nil
}

// resolve completes the address of a picture.
func (s *Store) resolve(address string) (string, error) {
	base, err := url.Parse(s.URL)
	if err != nil {
		return "", errors.New("the storage URL makes no sense")
	}
	to, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%.100q is not where a picture can be", soap.WithoutTickets(address))
	}
	at := base.ResolveReference(to)
	if at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return "", fmt.Errorf("%.100q is not where a picture can be", soap.WithoutTickets(address))
	}
	if to.Scheme == "" && to.Host == "" {
		query := at.Query()
		query.Set("t", strings.TrimPrefix(s.Ticket(), "t="))
		at.RawQuery = query.Encode()
		return at.String(), nil
	}
	if s.Caller.MapURL != nil {
		return s.Caller.MapURL(at.String()), nil
	}
	return at.String(), nil
}

// fetch gets what is at an address; nothing if nothing is there.
func (s *Store) fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	at, err := s.resolve(address)
	if err != nil {
		return nil, err
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range maxRedirects + 1 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			return nil, errors.New("its address makes no sense")
		}
		answer, err := own.Do(req)
		if err != nil {
			return nil, withoutURL(err)
		}
		switch answer.StatusCode {
		case http.StatusOK:
			return readPicture(answer.Body)
		case http.StatusNotFound, http.StatusGone, http.StatusNoContent:
			return nil, answer.Body.Close()
		case 301, 302, 303, 307, 308:
			_ = answer.Body.Close() // nothing of it is wanted
			if at, err = s.Caller.Follow(at, answer.Header.Get("Location")); err != nil {
				return nil, err
			}
		default:
			_ = answer.Body.Close() // likewise
			return nil, fmt.Errorf("the answer is HTTP %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
		}
	}
	return nil, fmt.Errorf("%w more than %d times", soap.ErrRedirects, maxRedirects)
}

// withoutURL takes the address out of an error of net/http, as the ticket may be in it.
func withoutURL(err error) error {
	var broken *url.Error
	switch {
	case !errors.As(err, &broken):
		return err
	case strings.Contains(broken.Err.Error(), "Location header"):
		return fmt.Errorf("%w to something that is no URL", soap.ErrRedirects)
	}
	return broken.Err
}

// readPicture reads an answer up to MaxPicture.
func readPicture(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, MaxPicture+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > MaxPicture:
		return nil, fmt.Errorf("it has more than %d bytes", MaxPicture)
	}
	return data, nil
}
