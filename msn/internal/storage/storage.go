package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// The namespaces, which are also the beginning of actions.
const (
	w10   = "http://www.msn.com/webservices/storage/w10"  // WLM 8
	y2008 = "http://www.msn.com/webservices/storage/2008" // WLM 2009 and later
)

// whole is the form of a picture that is the picture itself.
const whole = "UserTileStatic"

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
	// NameChanged and StatusChanged are when they were last written; the zero time if it is not told.
	NameChanged, StatusChanged time.Time
	// PictureURL is where the picture is, "" for none. It may be relative and then wants the ticket. There may be
	// nothing at it.
	PictureURL string
	// PictureType is "png" or the like, as the service says, PictureSHA1 the picture's hash in base64; both may be "".
	PictureType, PictureSHA1 string
}

func (s *Store) namespace() string {
	if s.Year2008 {
		return y2008
	}
	return w10
}

// call posts one action.
func (s *Store) call(ctx context.Context, action, scenario string, body func(*soap.Writer), read func(*soap.Decoder) error) error {
	ns, ticket := s.namespace(), s.Ticket()
	application := "Messenger Client 8.5"
	if s.Year2008 {
		application = "Messenger Client 9.0"
	}
	err := s.Caller.Call(ctx, soap.Request{
		URL: s.URL, Action: ns + "/" + action,
		Header: func(w *soap.Writer) {
			w.Open("StorageApplicationHeader", "xmlns", ns)
			w.Element("ApplicationID", application).Element("Scenario", scenario).Close("StorageApplicationHeader")
			w.Open("StorageUserHeader", "xmlns", ns).Element("Puid", "0").Element("TicketToken", ticket).Close("StorageUserHeader")
		},
		Body: func(w *soap.Writer) {
			w.Open(action, "xmlns", ns)
			body(w)
			w.Close(action)
		},
		OnBody: read,
	})
	return refusals.Explain(err, ticket)
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
	public, small := "", ""
	err := d.Each(func(name string) error {
		switch name {
		case "ResourceID":
			return d.Into(&p.ExpressionID)
		case "DisplayName":
			return d.Into(&p.DisplayName)
		case "DisplayNameLastModified":
			return intoTime(d, &p.NameChanged)
		case "PersonalStatus":
			return d.Into(&p.PersonalStatus)
		case "PersonalStatusLastModified":
			return intoTime(d, &p.StatusChanged)
		case "StaticUserTilePublicURL":
			return d.Into(&public)
		case "Photo":
			return p.photo(d, &small)
		}
		return nil
	})
	for _, other := range []string{public, small} {
		if p.PictureURL == "" {
			p.PictureURL = other
		}
	}
	return err
}

// photo takes the streams of the picture, of which UserTileStatic is the whole; another is the second choice.
func (p *Profile) photo(d *soap.Decoder, other *string) error {
	return d.Each(func(name string) error {
		switch name {
		case "ResourceID":
			return d.Into(&p.PhotoID)
		case "DocumentStreams":
			return d.Each(func(string) error {
				fields := make(map[string]string)
				err := d.Each(func(name string) error {
					switch name {
					case "DocumentStreamName", "DocumentStreamType", "PreAuthURL", "MimeType", "SHA1Hash":
						text, err := d.Text()
						fields[name] = text
						return err
					}
					return nil
				})
				if fields["DocumentStreamName"] == whole || fields["DocumentStreamType"] == whole {
					p.PictureURL, p.PictureSHA1 = fields["PreAuthURL"], fields["SHA1Hash"]
					p.PictureType = strings.TrimPrefix(fields["MimeType"], "image/")
				} else if *other == "" {
					*other = fields["PreAuthURL"]
				}
				return err
			})
		}
		return nil
	})
}

// intoTime reads a time, with or without a zone. One that makes no sense, or is before there was Messenger, is none.
func intoTime(d *soap.Decoder, t *time.Time) error {
	text, err := d.Text()
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if read, wrong := time.Parse(layout, text); wrong == nil && read.Year() > 1998 {
			*t = read.UTC()
			break
		}
	}
	return err
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

// Update writes name and message into the profile. An empty name is not written, an empty message clears what is there.
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
