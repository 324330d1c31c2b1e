package storage

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// The namespaces, which are also the beginning of actions.
const (
	w10   = "http://www.msn.com/webservices/storage/w10"  // WLM 8
	y2008 = "http://www.msn.com/webservices/storage/2008" // WLM 2009 and later
)

// MaxPicture is the most bytes that are taken of a picture.
const MaxPicture = 1 << 20

// What the service refuses with; the fault stays in the error.
var (
	// ErrNoProfile is for an account without a profile; Create makes one.
	ErrNoProfile = errors.New("there is no profile")
	// ErrStaleTicket is for a ticket that a new one must replace.
	ErrStaleTicket = errors.New("the ticket has expired")
	// ErrDenied is for what the service does not let us do.
	ErrDenied = errors.New("the service does not allow it")
)

// Store is the profile of one account.
type Store struct {
	Caller *soap.Caller
	URL    string
	// Ticket gives the whole ticket for storage.
	Ticket func() string
	// CID gives the account's CID in decimal.
	CID func() string
	// Year2008 chooses the namespace of WLM 2009.
	Year2008 bool
}

// Profile is what the service keeps.
type Profile struct {
	// ResourceID is the profile's, ExpressionID that of the part with name and message, PhotoID the picture's.
	ResourceID, ExpressionID, PhotoID string
	DisplayName, PersonalStatus       string
	// PictureURL is where the picture is, "" for none. It may be relative and then wants the ticket.
	PictureURL  string
	PictureType string
}

func (s *Store) namespace() string {
	if s.Year2008 {
		return y2008
	}
	return w10
}

// call posts one action.
func (s *Store) call(ctx context.Context, action, scenario string, body func(*soap.Writer), read func(*soap.Decoder) error) error {
	ns := s.namespace()
	application := "Messenger Client 8.5"
	if s.Year2008 {
		application = "Messenger Client 9.0"
	}
	err := s.Caller.Call(ctx, soap.Request{
		URL: s.URL, Action: ns + "/" + action,
		Header: func(w *soap.Writer) {
			w.Open("StorageApplicationHeader", "xmlns", ns)
			w.Element("ApplicationID", application).Element("Scenario", scenario).Close("StorageApplicationHeader")
			w.Open("StorageUserHeader", "xmlns", ns).Element("Puid", "0").Element("TicketToken", s.Ticket()).Close("StorageUserHeader")
		},
		Body: func(w *soap.Writer) {
			w.Open(action, "xmlns", ns)
			body(w)
			w.Close(action)
		},
		OnBody: read,
	})
	return meaning(err)
}

// meaning says what a fault means.
func meaning(err error) error {
	var fault *soap.Fault
	if !errors.As(err, &fault) {
		return err
	}
	for code, is := range map[string]error{
		"ItemDoesNotExist": ErrNoProfile, "PassportAuthFail": ErrStaleTicket, "BadContextToken": ErrStaleTicket, "AccessDenied": ErrDenied,
	} {
		if fault.Has(code) {
			return fmt.Errorf("%w: %w", is, err)
		}
	}
	return err
}

// alias writes the handle of what belongs to the account.
func (s *Store) alias(w *soap.Writer) {
	w.Open("Alias").Element("Name", s.CID()).Element("NameSpace", "MyCidStuff").Close("Alias")
}

// Get reads the profile.
func (s *Store) Get(ctx context.Context) (Profile, error) {
	var p Profile
	err := s.call(ctx, "GetProfile", "Initial", func(w *soap.Writer) {
		w.Open("profileHandle")
		s.alias(w)
		w.Element("RelationshipName", "MyProfile").Close("profileHandle")
		w.Open("profileAttributes").Element("ResourceID", "true").Element("DateModified", "true").Open("ExpressionProfileAttributes")
		for _, name := range []string{
			"ResourceID", "DateModified", "DisplayName", "DisplayNameLastModified", "PersonalStatus", "PersonalStatusLastModified",
			"StaticUserTilePublicURL", "Photo", "Flags",
		} {
			w.Element(name, "true")
		}
		w.Close("ExpressionProfileAttributes").Close("profileAttributes")
	}, func(d *soap.Decoder) error {
		return d.Each(func(name string) error {
			if name != "GetProfileResult" {
				return nil
			}
			return p.read(d)
		})
	})
	if err != nil {
		return Profile{}, fmt.Errorf("read the profile: %w", err)
	}
	return p, nil
}

// read takes GetProfileResult.
func (p *Profile) read(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		switch name {
		case "ResourceID":
			return d.Into(&p.ResourceID)
		case "ExpressionProfile":
			return p.expression(d)
		}
		return nil
	})
}

func (p *Profile) expression(d *soap.Decoder) error {
	public := ""
	err := d.Each(func(name string) error {
		switch name {
		case "ResourceID":
			return d.Into(&p.ExpressionID)
		case "DisplayName":
			return d.Into(&p.DisplayName)
		case "PersonalStatus":
			return d.Into(&p.PersonalStatus)
		case "StaticUserTilePublicURL":
			return d.Into(&public)
		case "Photo":
			return p.photo(d)
		}
		return nil
	})
	if p.PictureURL == "" {
		p.PictureURL = public
	}
	return err
}

// photo takes the streams of the picture, of which UserTileStatic is the whole.
func (p *Profile) photo(d *soap.Decoder) error {
	return d.Each(func(name string) error {
		switch name {
		case "ResourceID":
			return d.Into(&p.PhotoID)
		case "DocumentStreams":
			return d.Each(func(string) error {
				var kind, at, mimeType string
				into := map[string]*string{"DocumentStreamName": &kind, "DocumentStreamType": &kind, "PreAuthURL": &at, "MimeType": &mimeType}
				err := d.Each(func(name string) error {
					if s := into[name]; s != nil {
						text, err := d.Text()
						if *s == "" {
							*s = text
						}
						return err
					}
					return nil
				})
				if at != "" && (kind == "UserTileStatic" || p.PictureURL == "") {
					p.PictureURL, p.PictureType = at, mimeType
				}
				return err
			})
		}
		return nil
	})
}

// Create makes an empty profile.
func (s *Store) Create(ctx context.Context) error {
	err := s.call(ctx, "CreateProfile", "RoamingSeed", func(w *soap.Writer) {
		w.Open("profile").Open("ExpressionProfile").Element("PersonalStatus", "").Element("RoleDefinitionName", "ExpressionProfileDefault")
		w.Close("ExpressionProfile").Close("profile")
	}, nil)
	if err != nil {
		return fmt.Errorf("make a profile: %w", err)
	}
	return nil
}

// Update writes name and message into the profile.
func (s *Store) Update(ctx context.Context, p Profile, name, message string) error {
	err := s.call(ctx, "UpdateProfile", "RoamingIdentityChanged", func(w *soap.Writer) {
		w.Open("profile").Element("ResourceID", p.ResourceID).Open("ExpressionProfile").Element("FreeText", "Update")
		if name != "" {
			w.Element("DisplayName", name)
		}
		if message != "" {
			w.Element("PersonalStatus", message)
		}
		w.Element("Flags", "0").Close("ExpressionProfile").Close("profile")
		if message == "" {
			w.Open("profileAttributesToDelete").Open("ExpressionProfileAttributes").Element("PersonalStatus", "true")
			w.Close("ExpressionProfileAttributes").Close("profileAttributesToDelete")
		}
	}, nil)
	if err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return nil
}

// SetPicture replaces the picture: the new document is made before the old one is let go.
func (s *Store) SetPicture(ctx context.Context, p Profile, mimeType string, data []byte) error {
	made := ""
	_, kind, _ := strings.Cut(mimeType, "/")
	err := s.call(ctx, "CreateDocument", "RoamingIdentityChanged", func(w *soap.Writer) {
		w.Open("parentHandle").Element("RelationshipName", "/UserTiles")
		s.alias(w)
		w.Close("parentHandle")
		w.Open("document", "xsi:type", "Photo", "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance").Element("Name", "Messenger display picture")
		w.Open("DocumentStreams").Open("DocumentStream", "xsi:type", "PhotoStream").Element("DocumentStreamType", "UserTileStatic")
		w.Element("MimeType", kind).Element("Data", base64.StdEncoding.EncodeToString(data)).Element("DataSize", "0")
		w.Close("DocumentStream").Close("DocumentStreams").Close("document").Element("relationshipName", "Messenger User Tile")
	}, func(d *soap.Decoder) error {
		return d.Each(func(name string) error {
			if name == "CreateDocumentResult" {
				return d.Into(&made)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("store the picture: %w", err)
	}
	if p.ExpressionID == "" || made == "" {
		return nil
	}
	err = s.call(ctx, "CreateRelationships", "RoamingIdentityChanged", func(w *soap.Writer) {
		w.Open("relationships").Open("Relationship").Element("SourceID", p.ExpressionID).Element("SourceType", "SubProfile")
		w.Element("TargetID", made).Element("TargetType", "Photo").Element("RelationshipName", "ProfilePhoto").Close("Relationship").Close("relationships")
	}, nil)
	if err == nil && p.PhotoID != "" && p.PhotoID != made {
		err = s.letGo(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("make the picture that of the profile: %w", err)
	}
	return nil
}

// letGo takes the old picture off the profile. A service that has forgotten it already is as good.
func (s *Store) letGo(ctx context.Context, p Profile) error {
	err := s.call(ctx, "DeleteRelationships", "RoamingIdentityChanged", func(w *soap.Writer) {
		w.Open("sourceHandle").Element("ResourceID", p.ExpressionID).Close("sourceHandle")
		w.Open("targetHandles").Open("ObjectHandle").Element("ResourceID", p.PhotoID).Close("ObjectHandle").Close("targetHandles")
	}, nil)
	if errors.Is(err, ErrNoProfile) {
		return nil
	}
	return err
}

// Picture gets the picture of a profile, with its MIME type; nil if there is none. A relative address is one of this
// service, and is shown the ticket.
func (s *Store) Picture(ctx context.Context, client *http.Client, p Profile) (data []byte, mimeType string, err error) {
	if p.PictureURL == "" {
		return nil, "", nil
	}
	at, err := s.resolve(p.PictureURL)
	if err != nil {
		return nil, "", fmt.Errorf("get the picture: %w", err)
	}
	return Get(ctx, client, at)
}

// resolve completes the address of a picture.
func (s *Store) resolve(address string) (string, error) {
	base, err := url.Parse(s.URL)
	if err != nil {
		return "", errors.New("the storage URL makes no sense")
	}
	at, err := base.Parse(address)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return "", fmt.Errorf("%.100q is not where a picture can be", address)
	}
	if !strings.Contains(address, "://") {
		query := at.Query()
		query.Set("t", strings.TrimPrefix(s.Ticket(), "t="))
		at.RawQuery = query.Encode()
	}
	return at.String(), nil
}

// Get gets a picture from where anybody may, with its MIME type; nil if there is none.
func Get(ctx context.Context, client *http.Client, at string) (data []byte, mimeType string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, "", errors.New("get the picture: its address makes no sense")
	}
	answer, err := client.Do(req)
	if err != nil {
		var broken *url.Error
		if errors.As(err, &broken) { // its URL may hold the ticket
			err = broken.Err
		}
		return nil, "", fmt.Errorf("get the picture: %w", err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return nil, "", nil
	case answer.StatusCode != http.StatusOK:
		return nil, "", &soap.StatusError{Action: "the picture", Status: answer.StatusCode}
	}
	data, err = io.ReadAll(io.LimitReader(answer.Body, MaxPicture+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("get the picture: %w", err)
	case len(data) > MaxPicture:
		return nil, "", fmt.Errorf("get the picture: it has more than %d bytes", MaxPicture)
	case len(data) == 0:
		return nil, "", nil
	}
	mimeType, _, err = mime.ParseMediaType(http.DetectContentType(data))
	if err != nil || !strings.HasPrefix(mimeType, "image/") {
		return nil, "", errors.New("get the picture: what came is no picture")
	}
	return data, mimeType, nil
}
