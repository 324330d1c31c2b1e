package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/id"

	"github.com/matrix-msn/matrix-msn/e2e/stage"
)

// echoService is the least that an application service can be: it notes when an event reaches it, and its ghost says
// things. What the bridge takes longer than this is the bridge's own.
type echoService struct {
	registration string // path
	ghost        id.UserID
	token        string
	listener     net.Listener
	server       *http.Server
	got          stage.Record[seen]
	txn          atomic.Int64
}

// seen is an event that reached the service.
type seen struct {
	body string
	at   time.Time
}

// newEchoService listens and writes the registration.
func newEchoService(registration string) (*echoService, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &echoService{
		registration: registration, ghost: id.NewUserID("echo_ghost", stage.Domain), token: rand.Text(), listener: listener,
	}
	data, err := yaml.Marshal(map[string]any{
		"id": "echo", "url": "http://" + listener.Addr().String(), "as_token": e.token, "hs_token": rand.Text(),
		"sender_localpart": "echo_bot", "rate_limited": false, "receive_ephemeral": true,
		"de.sorunome.msc2409.push_ephemeral": true,
		"namespaces":                         map[string]any{"users": []any{map[string]any{"regex": "^@echo_.*:" + stage.Domain + "$", "exclusive": true}}},
	})
	if err == nil {
		err = os.WriteFile(registration, data, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /_matrix/app/v1/transactions/{txn}", e.transaction)
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(listener) }() // it ends with close
	return e, nil
}

func (e *echoService) close() error { return e.server.Close() }

// transaction takes events from the homeserver.
func (e *echoService) transaction(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	var txn struct {
		Events []struct {
			Type    string `json:"type"`
			Content struct {
				Body string `json:"body"`
			} `json:"content"`
		} `json:"events"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&txn); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, evt := range txn.Events {
		if evt.Type == "m.room.message" {
			e.got.Add(seen{evt.Content.Body, at})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "2") // without it Synapse takes the answer for a failure
	_, _ = io.WriteString(w, "{}")        // a homeserver that is gone asks again
}

// request is one request to the homeserver in the name of the ghost.
func (e *echoService) request(ctx context.Context, method string, content any, path ...string) error {
	for i := range path {
		path[i] = url.PathEscape(path[i])
	}
	target := house.Homeserver.URL + "/_matrix/client/v3"
	for _, part := range path {
		target += "/" + part
	}
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, target+"?user_id="+url.QueryEscape(e.ghost.String()), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+e.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %v: %s: %s", method, path, resp.Status, answer)
	}
	return err
}

// join brings the ghost into a room that it is invited to.
func (e *echoService) join(ctx context.Context, room id.RoomID) error {
	return e.request(ctx, http.MethodPost, map[string]any{}, "rooms", room.String(), "join")
}

// say has the ghost send a text.
func (e *echoService) say(ctx context.Context, room id.RoomID, text string) error {
	return e.request(ctx, http.MethodPut, map[string]any{"msgtype": "m.text", "body": text},
		"rooms", room.String(), "send", "m.room.message", fmt.Sprint(e.txn.Add(1)))
}
