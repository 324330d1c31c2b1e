package bridge

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix/event"

	"github.com/matrix-msn/matrix-msn/msn"
)

// ownPresence is what MSN contacts see of one Matrix user: their presence on Matrix by the rules of the
// configuration, unless `status` says otherwise.
type ownPresence struct {
	cfg PresenceConfig

	mu      sync.Mutex
	status  msn.Status // on Matrix, in MSN terms; "" as long as nothing is known
	message string
	fixed   msn.Status // by command; "" for none
	text    string
	said    bool // the message too, by another command
	words   string
	wake    chan struct{}
}

func newOwnPresence(cfg PresenceConfig) *ownPresence {
	return &ownPresence{cfg: cfg, wake: make(chan struct{}, 1)}
}

// heard takes the user's presence on Matrix.
func (o *ownPresence) heard(p *event.PresenceEventContent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.message = o.translate(p.Presence), p.StatusMessage
	o.stir()
}

// here says that the user is there, as far as anybody can tell by now: they have just logged in.
func (o *ownPresence) here() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.status == "" {
		o.status = msn.Online
	}
}

// known tells whether anything was heard yet.
func (o *ownPresence) known() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status != ""
}

// translate is bridge.md, Presence, from Matrix to MSN.
func (o *ownPresence) translate(p event.Presence) msn.Status {
	switch p {
	case event.PresenceOnline:
		return msn.Online
	case presenceBusy, "busy":
		return msn.Busy
	case event.PresenceUnavailable:
		switch o.cfg.WhenAway {
		case awayHidden:
			return msn.Hidden
		case awayFixed:
			return msn.Online
		}
		return msn.Idle
	}
	switch {
	case o.cfg.WhenAway == awayFixed:
		return msn.Online
	case o.cfg.WhenAway == awayIdle:
		return msn.Idle
	case o.cfg.WhenAway == awayHidden || o.cfg.OfflineAs == offlineAsHidden:
		return msn.Hidden
	}
	return msn.Away
}

// set overrides Matrix until status is "" again.
func (o *ownPresence) set(status msn.Status, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fixed, o.text = status, text
	o.stir()
}

// say overrides the message on Matrix, and the empty one of a status by command, if fixed.
func (o *ownPresence) say(fixed bool, words string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said, o.words = fixed, words
	o.stir()
}

// active says that the user has just done something on Matrix, so cannot be away. It tells whether
// that changed anything.
func (o *ownPresence) active() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fixed != "" || o.status == "" || o.status == msn.Online || o.status == msn.Busy {
		return false
	}
	o.status = msn.Online
	o.stir()
	return true
}

// stir wakes run. The caller holds the lock.
func (o *ownPresence) stir() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// want is what contacts should see now.
func (o *ownPresence) want() (msn.Status, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	status, text := o.status, o.message
	switch {
	case o.fixed != "":
		status, text = o.fixed, o.text
	case o.status == "":
		status = msn.Online
	}
	if o.said && (o.fixed == "" || o.text == "") {
		text = o.words
	}
	return status, text
}

// personalOf is a text as MSN has it: behind a note it is what the user listens to, "Artist - Title".
func personalOf(text string) msn.PersonalMessage {
	for _, mark := range []string{"♪", "♫", "🎵", "🎶"} {
		song, found := strings.CutPrefix(text, mark)
		song = strings.TrimSpace(song)
		if !found || song == "" {
			continue
		}
		media := msn.CurrentMedia{Type: "Music", Enabled: true, Format: "{0}", Args: []string{song}}
		if artist, title, both := strings.Cut(song, " - "); both {
			media.Format, media.Args = "{1} - {0}", []string{title, artist}
		}
		return msn.PersonalMessage{Media: media}
	}
	return msn.PersonalMessage{Text: text}
}

// run announces changes until ctx ends. The client spaces them out itself.
func (o *ownPresence) run(ctx context.Context, client *msn.Client, status msn.Status, text string) {
	log := zerolog.Ctx(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		wantStatus, wantText := o.want()
		if wantStatus != status {
			if err := client.SetPresence(ctx, msn.Presence{Status: wantStatus}); err != nil {
				log.Warn().Err(err).Msg("Failed to announce the status on MSN")
			} else {
				status = wantStatus
			}
		}
		if wantText != text {
			err := client.SetPersonalMessage(ctx, personalOf(wantText))
			if err != nil && !errors.Is(err, msn.ErrUnsupported) { // before MSNP11 there is none
				log.Warn().Err(err).Msg("Failed to announce the personal message on MSN")
				continue
			}
			text = wantText
		}
	}
}
