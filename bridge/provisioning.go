package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"go.mau.fi/util/exhttp"
	"go.mau.fi/util/ptr"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/matrix"

	"github.com/matrix-msn/matrix-msn/msn"
)

// Routes beside those of bridgev2's provisioning API, for the contact list (docs/contacts.md lists them). bridgev2 has checked who asks.

// provisioning answers for the login that a request is for.
type provisioning struct {
	login func(http.ResponseWriter, *http.Request) *bridgev2.UserLogin // nil if it has answered
}

// provisionOn adds the routes to a Matrix connector that has such an API. It is called when that has started.
func provisionOn(mx bridgev2.MatrixConnector) {
	if mx, ok := mx.(*matrix.Connector); ok && mx.Provisioning != nil && mx.Provisioning.Router != nil {
		p := &provisioning{login: mx.Provisioning.GetLoginForRequest}
		p.routes(mx.Provisioning.Router)
	}
}

// maxProvisioning is the longest body that is read, in bytes.
const maxProvisioning = 64 << 10

// change is the body of every request that has one.
type change struct {
	Address string  `json:"address"`
	Name    *string `json:"name"`
	Blocked *bool   `json:"blocked"`
	Group   string  `json:"group"` // ID
	Privacy string  `json:"privacy"`
}

func (p *provisioning) routes(mux *http.ServeMux) {
	for pattern, f := range map[string]func(context.Context, *session, *http.Request, change) (any, error){
		"GET /v3/msn/contacts": func(_ context.Context, s *session, r *http.Request, _ change) (any, error) {
			return map[string]any{"contacts": s.withRooms(r.Context(), s.contactList(r.URL.Query().Get("q")))}, nil
		},
		"POST /v3/msn/contacts": func(ctx context.Context, s *session, _ *http.Request, c change) (any, error) {
			return s.onAddress(c.Address, func(passport string) (string, error) { return s.add(ctx, passport, ptr.Val(c.Name)) })
		},
		"PATCH /v3/msn/contacts/{address}": func(ctx context.Context, s *session, r *http.Request, c change) (any, error) {
			return s.onAddress(r.PathValue("address"), func(passport string) (string, error) { return "", s.amend(ctx, passport, c) })
		},
		"DELETE /v3/msn/contacts/{address}": func(ctx context.Context, s *session, r *http.Request, _ change) (any, error) {
			return s.onAddress(r.PathValue("address"), func(passport string) (string, error) { return "", s.remove(ctx, passport) })
		},
		"GET /v3/msn/requests": func(_ context.Context, s *session, _ *http.Request, _ change) (any, error) {
			return map[string]any{"requests": s.requestList()}, nil
		},
		"POST /v3/msn/requests/{address}/{answer}": func(ctx context.Context, s *session, r *http.Request, _ change) (any, error) {
			return s.onAddress(r.PathValue("address"), func(passport string) (string, error) {
				return "", s.answer(ctx, passport, r.PathValue("answer"))
			})
		},
		"GET /v3/msn/groups": func(_ context.Context, s *session, _ *http.Request, _ change) (any, error) {
			return map[string]any{"groups": s.groupList()}, nil
		},
		"POST /v3/msn/groups": func(ctx context.Context, s *session, _ *http.Request, c change) (any, error) {
			made, err := s.msn.AddGroup(ctx, ptr.Val(c.Name))
			return listedGroup{ID: made.ID, Name: made.Name, Contacts: []string{}}, groupError(err)
		},
		"PATCH /v3/msn/groups/{id}": func(ctx context.Context, s *session, r *http.Request, c change) (any, error) {
			id := r.PathValue("id")
			return nil, s.aboutGroup(id, func() error { return s.msn.RenameGroup(ctx, id, ptr.Val(c.Name)) })
		},
		"DELETE /v3/msn/groups/{id}": func(ctx context.Context, s *session, r *http.Request, _ change) (any, error) {
			id := r.PathValue("id")
			return nil, s.aboutGroup(id, func() error { return s.msn.RemoveGroup(ctx, id) })
		},
		"PUT /v3/msn/groups/{id}/contacts/{address}": func(ctx context.Context, s *session, r *http.Request, _ change) (any, error) {
			return s.onAddress(r.PathValue("address"), func(passport string) (string, error) {
				id := r.PathValue("id")
				return "", s.aboutGroup(id, func() error { return s.regroup(ctx, passport, id, true) })
			})
		},
		"DELETE /v3/msn/groups/{id}/contacts/{address}": func(ctx context.Context, s *session, r *http.Request, _ change) (any, error) {
			return s.onAddress(r.PathValue("address"), func(passport string) (string, error) {
				id := r.PathValue("id")
				return "", s.aboutGroup(id, func() error { return s.regroup(ctx, passport, id, false) })
			})
		},
		"GET /v3/msn/privacy": func(_ context.Context, s *session, _ *http.Request, _ change) (any, error) {
			return map[string]any{"privacy": map[bool]string{true: "contacts", false: "everybody"}[s.msn.Privacy() == msn.BlockOthers]}, nil
		},
		"PUT /v3/msn/privacy": func(ctx context.Context, s *session, _ *http.Request, c change) (any, error) {
			policy, known := map[string]msn.Privacy{"everybody": msn.AllowOthers, "contacts": msn.BlockOthers}[c.Privacy]
			if !known {
				return nil, mautrix.MInvalidParam.WithMessage("privacy: %q: allowed is one of everybody, contacts", c.Privacy)
			}
			return nil, s.msn.SetPrivacy(ctx, policy)
		},
		"POST /v3/msn/sync": func(ctx context.Context, s *session, _ *http.Request, _ change) (any, error) {
			text, err := s.syncAll(ctx)
			return map[string]any{"message": text}, err
		},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, f) })
	}
}

// serve runs one request.
func (p *provisioning) serve(w http.ResponseWriter, r *http.Request, f func(context.Context, *session, *http.Request, change) (any, error)) {
	login := p.login(w, r)
	if login == nil {
		return
	}
	var c change
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxProvisioning)).Decode(&c)
		if err != nil && !errors.Is(err, io.EOF) { // no body is an empty one
			mautrix.MNotJSON.WithMessage("The body is no JSON object of the right form: %v", err).Write(w)
			return
		}
	}
	client, ok := login.Client.(*Client)
	if !ok {
		matrix.ErrNotLoggedIn.Write(w)
		return
	}
	s, err := client.online()
	var answer any
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
		defer cancel()
		answer, err = f(ctx, s, r, c)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	if answer == nil {
		answer = map[string]any{}
	}
	exhttp.WriteJSONResponse(w, http.StatusOK, answer)
}

// notConnected is for what cannot be done while the account is not signed in to MSN.
var notConnected = mautrix.RespError{ErrCode: "COM.GITHUB.MATRIX-MSN.NOT_CONNECTED", StatusCode: http.StatusServiceUnavailable}

// refuse answers with a Matrix error.
func refuse(w http.ResponseWriter, err error) {
	var made mautrix.RespError
	switch {
	case errors.As(err, &made):
	case errors.Is(err, errNotConnected):
		made = notConnected.WithMessage("%s", reason(err))
	case errors.Is(err, msn.ErrNotOnList), errors.Is(err, msn.ErrUnknownAccount), errors.Is(err, errNoGroup):
		made = mautrix.MNotFound.WithMessage("%s", reason(err))
	case errors.Is(err, msn.ErrUnsupported):
		made = mautrix.RespError{ErrCode: "M_UNRECOGNIZED", StatusCode: http.StatusNotImplemented, Err: reason(err)}
	case errors.Is(err, msn.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		made = mautrix.RespError{ErrCode: "M_UNKNOWN", StatusCode: http.StatusGatewayTimeout, Err: reason(err)}
	default:
		made = mautrix.MInvalidParam.WithMessage("%s", reason(err))
	}
	made.Write(w)
}

// onAddress checks an address first; what do says becomes the answer.
func (s *session) onAddress(address string, do func(passport string) (string, error)) (any, error) {
	passport, err := s.address(address)
	if err != nil {
		return nil, mautrix.MInvalidParam.WithMessage("address: %v", err)
	}
	text, err := do(passport)
	if text == "" {
		return nil, err
	}
	return map[string]any{"message": text}, err
}

// amend changes what a request names of a contact: name and block.
func (s *session) amend(ctx context.Context, passport string, c change) error {
	if c.Name == nil && c.Blocked == nil {
		return mautrix.MInvalidParam.WithMessage("nothing to change: name or blocked is needed")
	}
	if c.Name != nil {
		if err := s.rename(ctx, passport, *c.Name); err != nil {
			return err
		}
	}
	switch {
	case c.Blocked == nil:
		return nil
	case *c.Blocked:
		return s.block(ctx, passport)
	}
	return s.unblock(ctx, passport)
}

// answer settles a contact request.
func (s *session) answer(ctx context.Context, passport, answer string) error {
	if !s.asks(passport) {
		return mautrix.MNotFound.WithMessage("%s does not wait for an answer", passport)
	}
	switch answer {
	case "accept":
		return s.accept(ctx, passport)
	case "decline":
		return s.decline(ctx, passport)
	case "block":
		return s.block(ctx, passport)
	}
	return mautrix.MInvalidParam.WithMessage("answer: %q: allowed is one of accept, decline, block", answer)
}

// withRooms adds the rooms that there are.
func (s *session) withRooms(ctx context.Context, list []listedContact) []listedContact {
	for i := range list {
		list[i].RoomID = s.chatWith(ctx, list[i].Address).String()
	}
	if list == nil {
		list = []listedContact{}
	}
	return list
}

// listedRequest is somebody who waits for an answer.
type listedRequest struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Text    string `json:"text,omitempty"` // what they wrote
}

func (s *session) requestList() []listedRequest {
	list := []listedRequest{}
	for _, e := range s.msn.Requests() {
		list = append(list, listedRequest{e.Passport, s.nameOf(e.Passport, e.FriendlyName), e.Text})
	}
	return list
}
