package msntest

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"image"
	_ "image/gif"  // so that pictures can be read
	_ "image/jpeg" // likewise
	"image/png"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The storage service: display name, personal message and picture that follow a user from place to place (services.md 11).

const (
	// storageSpace is the namespace of 2009 and later; the answer has that of the request.
	storageSpace = "http://www.msn.com/webservices/storage/2008"
	oldStorage   = "http://www.msn.com/webservices/storage/w10"

	// Numbers of resources, behind the CID.
	profileResource, expressionResource, firstPhoto = 106, 118, 205

	// maxPicture bounds a picture in bytes, maxPixels its sides.
	maxPicture, maxPixels = 512 << 10, 1024
	// tileSize is the side of the small picture.
	tileSize = 21
	// maxPhotos is how many pictures one may have.
	maxPhotos = 32
)

// roamingProfile is what roams.
type roamingProfile struct {
	made                  bool
	name, message         string
	named, said, modified time.Time
	photos                []*photo
	shown                 int // number of the photo that the profile shows, 0 for none
	lastPhoto             int
}

// photo is a picture that was left there.
type photo struct {
	number      int
	name        string
	kind        string // png, jpeg, gif
	data, small []byte
	at          time.Time
}

// storageService is SchematizedStore.asmx.
func (s *Server) storageService() *service {
	actions := map[string]func(c *call) *fault{
		"GetProfile": getProfile, "UpdateProfile": updateProfile, "CreateProfile": createProfile, "CreateDocument": createDocument,
		"UpdateDocument": updateDocument, "DeleteRelationships": deleteRelationships, "CreateRelationships": createRelationships,
		"FindDocuments": findDocuments, "ShareItem": shareItem,
	}
	return &service{
		namespace: storageSpace, site: storageSite, movable: true,
		ticket:  func(c *call) string { return c.header.get("StorageUserHeader/TicketToken") },
		stale:   func(*call) *fault { return refusal("PassportAuthFail", "The ticket is not good") },
		unbound: func() *fault { return &fault{bare: true} },
		act: func(c *call) func(c *call) *fault {
			if c.do != nil && c.do.space == oldStorage {
				c.namespace = oldStorage
			}
			act := actions[c.action]
			if act == nil {
				return nil
			}
			return func(c *call) *fault {
				c.head.open("AffinityCacheHeader", "xmlns", c.namespace).leaf("CacheKey", guidOf("storage", c.visitor.account.passport)).
					end("AffinityCacheHeader")
				c.head.open("StorageUserHeader", "xmlns", c.namespace).leaves("Puid", "0", "Cid", c.visitor.account.cid(), "TicketToken", "").
					end("StorageUserHeader")
				return act(c)
			}
		},
		unknown: func(*call) *fault { return refusal("InvalidArgument", "There is no such action") },
	}
}

// resource is the id of a resource of an account.
func (a *account) resource(number int) string { return fmt.Sprintf("%016X!%d", a.member, number) }

// resourceNumber is the number in a resource id of the account, 0 for any other.
func (a *account) resourceNumber(id string) int {
	cid, number, ok := strings.Cut(id, "!")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || !strings.EqualFold(cid, fmt.Sprintf("%016x", a.member)) {
		return 0
	}
	return n
}

// profile is the caller's profile, nil if there is none yet.
func (c *call) profile() *roamingProfile {
	a := c.visitor.account
	p := &a.web.profile
	if !p.made && c.s.quirks.ReadyProfile {
		*p = roamingProfile{made: true, name: a.name, named: c.s.now(), said: c.s.now(), modified: c.s.now()}
	}
	if !p.made {
		return nil
	}
	return p
}

func noSuchItem() *fault { return refusal("ItemDoesNotExist", "The item does not exist") }

// answered is an answer without content.
func (c *call) answered() *fault {
	c.out.open(c.action+"Response", "xmlns", c.namespace).end(c.action + "Response")
	return nil
}

// answeredID is an answer that is the id of something new.
func (c *call) answeredID(id string) *fault {
	c.out.open(c.action+"Response", "xmlns", c.namespace).leaf(c.action+"Result", id).end(c.action + "Response")
	return nil
}

func storageTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// getProfile does GetProfile. What is not asked for is told as well.
func getProfile(c *call) *fault {
	owner := c.visitor.account
	cid := c.do.get("profileHandle/Alias/Name")
	if cid != "" && cid != "0" && cid != owner.cid() {
		return refusal("AccessDenied", "The profile is somebody else's")
	}
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	w := c.out.open("GetProfileResponse", "xmlns", c.namespace).open("GetProfileResult")
	w.leaves("ResourceID", owner.resource(profileResource), "DateModified", storageTime(p.modified)).open("ExpressionProfile")
	w.leaves("ResourceID", owner.resource(expressionResource), "Version", strconv.FormatInt(p.modified.UnixMilli(), 10),
		"DateModified", storageTime(p.modified), "Flags", "0")
	picture := ""
	if photo := p.photo(p.shown); photo != nil {
		picture = c.tileURL(owner, "static")
		w.open("Photo").leaves("ItemType", "Photo", "ResourceID", owner.resource(photo.number), "DateModified", storageTime(photo.at), "Name", photo.name).
			raw("<DocumentStreams>")
		c.writeStream(photo, "UserTileStatic", photo.kind, photo.data, picture)
		c.writeStream(photo, "UserTileSmall", "png", photo.small, c.tileURL(owner, "small"))
		w.raw("</DocumentStreams>").end("Photo")
	}
	w.leaves("PersonalStatus", p.message, "PersonalStatusLastModified", storageTime(p.said), "DisplayName", p.name,
		"DisplayNameLastModified", storageTime(p.named), "StaticUserTilePublicURL", picture)
	w.end("ExpressionProfile", "GetProfileResult", "GetProfileResponse")
	return nil
}

// tileURL is where anybody may fetch the picture of an account.
func (c *call) tileURL(a *account, which string) string {
	return scheme(c.request) + "://" + c.request.Host + "/storage/usertile/" + accountID(a.passport) + "/" + which
}

// writeStream writes one form of a picture.
func (c *call) writeStream(p *photo, name, kind string, data []byte, url string) {
	sum := sha1.Sum(data)
	c.out.open("DocumentStream", "xsi:type", "PhotoStream").leaves("DocumentStreamName", name, "MimeType", kind, "DataSize", itoa(len(data)),
		"PreAuthURL", url, "PreAuthURLPartner", url, "DocumentStreamType", name, "WriteMode", "Overwrite",
		"StreamVersion", strconv.FormatInt(p.at.UnixMilli(), 10), "SHA1Hash", base64.StdEncoding.EncodeToString(sum[:]),
		"Genie", "false").end("DocumentStream")
}

// photo finds a picture by number.
func (p *roamingProfile) photo(number int) *photo {
	for _, one := range p.photos {
		if one.number == number {
			return one
		}
	}
	return nil
}

// take takes over what an expression profile says.
func (p *roamingProfile) take(expression *node, now time.Time) {
	if expression.has("DisplayName") {
		p.name, p.named = clip(expression.get("DisplayName")), now
	}
	if expression.has("PersonalStatus") {
		p.message, p.said = clip(expression.get("PersonalStatus")), now
	}
	p.modified = now
}

// updateProfile does UpdateProfile.
func updateProfile(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	if id := c.do.get("profile/ResourceID"); id != "" && c.visitor.account.resourceNumber(id) != profileResource {
		return refusal("InvalidObjectHandle", "There is no such profile")
	}
	p.take(c.do.at("profile/ExpressionProfile"), c.s.now())
	if c.do.yes("profileAttributesToDelete/ExpressionProfileAttributes/PersonalStatus") {
		p.message, p.said = "", c.s.now()
	}
	return c.answered()
}

// createProfile does CreateProfile.
func createProfile(c *call) *fault {
	if c.profile() != nil {
		return refusal("ItemAlreadyExists", "The item exists already")
	}
	a, now := c.visitor.account, c.s.now()
	a.web.profile = roamingProfile{made: true, name: a.name, named: now, said: now}
	a.web.profile.take(c.do.at("profile/ExpressionProfile"), now)
	return c.answeredID(a.resource(profileResource))
}

// pictureOf reads the picture of a document.
func pictureOf(document *node) (*photo, *fault) {
	for _, stream := range document.list("DocumentStreams", "DocumentStream") {
		if kind := stream.get("DocumentStreamType"); kind != "UserTileStatic" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(stream.get("Data")), ""))
		if err != nil || len(data) == 0 || len(data) > maxPicture {
			return nil, refusal("InvalidArgument", "The data is no picture, or too large")
		}
		config, kind, err := image.DecodeConfig(bytes.NewReader(data))
		if err != nil || config.Width > maxPixels || config.Height > maxPixels {
			return nil, refusal("InvalidArgument", "The data is no picture, or too large")
		}
		small, err := thumbnail(data)
		if err != nil {
			return nil, refusal("InvalidArgument", "The data is no picture")
		}
		return &photo{name: clip(document.get("Name")), kind: kind, data: data, small: small}, nil
	}
	return nil, refusal("InvalidArgument", "There is no picture")
}

// thumbnail makes the small form of a picture.
func thumbnail(data []byte) ([]byte, error) {
	whole, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	from := whole.Bounds()
	small := image.NewRGBA(image.Rect(0, 0, tileSize, tileSize))
	for y := range tileSize {
		for x := range tileSize {
			small.Set(x, y, whole.At(from.Min.X+(2*x+1)*from.Dx()/(2*tileSize), from.Min.Y+(2*y+1)*from.Dy()/(2*tileSize)))
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, small)
	return b.Bytes(), err
}

// createDocument does CreateDocument: the picture is the profile's at once if it was put there, else CreateRelationships says so.
func createDocument(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	made, f := pictureOf(c.do.kid("document"))
	if f != nil {
		return f
	}
	if len(p.photos) >= maxPhotos {
		return refusal("QuotaLimitReached", "There are too many pictures")
	}
	if p.lastPhoto == 0 {
		p.lastPhoto = firstPhoto - 1
	}
	p.lastPhoto++
	made.number, made.at = p.lastPhoto, c.s.now()
	p.photos = append(p.photos, made)
	if c.do.get("relationshipName") == "ProfilePhoto" || c.s.quirks.ReadyProfile {
		p.shown, p.modified = made.number, made.at
	}
	return c.answeredID(c.visitor.account.resource(made.number))
}

// updateDocument does UpdateDocument.
func updateDocument(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	old := p.photo(c.visitor.account.resourceNumber(c.do.get("document/ResourceID")))
	if old == nil {
		return noSuchItem()
	}
	made, f := pictureOf(c.do.kid("document"))
	if f != nil {
		return f
	}
	made.number, made.at = old.number, c.s.now()
	*old = *made
	p.modified = made.at
	return c.answered()
}

// deleteRelationships does DeleteRelationships: takes pictures off the profile, or out of the collection of pictures, which is
// their end.
func deleteRelationships(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	a := c.visitor.account
	fromAll := c.do.get("sourceHandle/RelationshipName") == "/UserTiles"
	source := a.resourceNumber(c.do.get("sourceHandle/ResourceID"))
	if !fromAll && source != expressionResource && source != profileResource {
		return refusal("InvalidObjectHandle", "There is no such source")
	}
	for _, target := range c.do.list("targetHandles", "ObjectHandle") {
		one := p.photo(a.resourceNumber(target.get("ResourceID")))
		if one == nil {
			return noSuchItem()
		}
		if p.shown == one.number {
			p.shown, p.modified = 0, c.s.now()
		}
		if fromAll {
			p.photos = slices.DeleteFunc(p.photos, func(other *photo) bool { return other == one })
		}
	}
	return c.answered()
}

// createRelationships does CreateRelationships: makes a picture the profile's.
func createRelationships(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	a := c.visitor.account
	for _, r := range c.do.list("relationships", "Relationship") {
		one := p.photo(a.resourceNumber(r.get("TargetID")))
		switch {
		case a.resourceNumber(r.get("SourceID")) != expressionResource:
			return refusal("InvalidObjectHandle", "There is no such source")
		case one == nil:
			return noSuchItem()
		case r.get("RelationshipName") == "ProfilePhoto":
			p.shown, p.modified = one.number, c.s.now()
		}
	}
	return c.answered()
}

// findDocuments does FindDocuments: which pictures there are, newest first.
func findDocuments(c *call) *fault {
	p := c.profile()
	if p == nil {
		return noSuchItem()
	}
	w := c.out.open("FindDocumentsResponse", "xmlns", c.namespace).raw("<FindDocumentsResult>")
	for _, one := range slices.Backward(p.photos) {
		w.raw("<Document>").leaves("ResourceID", c.visitor.account.resource(one.number), "Name", one.name, "DateModified", storageTime(one.at)).
			raw("</Document>")
	}
	w.raw("</FindDocumentsResult>").end("FindDocumentsResponse")
	return nil
}

// shareItem does ShareItem: everything is shared here.
func shareItem(c *call) *fault {
	if c.profile() == nil {
		return noSuchItem()
	}
	return c.answered()
}

// userTile serves /storage/usertile/<id>/static and /small to anybody: the picture of an account by the id that the profile
// tells, or by that of a contact in somebody's book.
func (s *Server) userTile(w http.ResponseWriter, r *http.Request) {
	if !readable(w, r) {
		return
	}
	id, which, _ := strings.Cut(strings.TrimPrefix(normalPath(r.URL.Path), tilePath), "/")
	s.mu.Lock()
	one := s.photoByID(id)
	s.mu.Unlock()
	switch {
	case one == nil:
		http.NotFound(w, r)
	case which == "static":
		w.Header().Set("Content-Type", "image/"+one.kind)
		_, _ = w.Write(one.data) // the client is gone if not
	case which == "small":
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(one.small) // likewise
	default:
		http.NotFound(w, r)
	}
}

const tilePath = "/storage/usertile/"

// photoByID finds the picture that belongs to an id, a copy.
func (s *Server) photoByID(id string) *photo {
	for _, a := range s.accounts {
		if accountID(a.passport) == id {
			return a.web.profile.current()
		}
	}
	for _, a := range s.accounts {
		for _, e := range a.order {
			if e.guid == id {
				if other := s.accounts[e.passport]; other != nil {
					return other.web.profile.current()
				}
			}
		}
	}
	return nil
}

// current is a copy of the picture that the profile shows, nil if there is none.
func (p *roamingProfile) current() *photo {
	one := p.photo(p.shown)
	if one == nil {
		return nil
	}
	shown := *one
	return &shown
}
