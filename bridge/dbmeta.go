package bridge

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/database"

	msndb "github.com/matrix-msn/matrix-msn/database"
)

// loginMeta is what is kept with a login in bridgev2's own table: the password, sealed by the key ring
// (secret.go) with the login's ID bound into it. bridgev2 stores it whenever it stores the login, in any
// goroutine.
type loginMeta struct {
	mu     sync.Mutex
	sealed string
}

// password is the sealed password.
func (m *loginMeta) password() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sealed
}

// setPassword replaces it.
func (m *loginMeta) setPassword(sealed string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sealed = sealed
}

// storedMeta is a loginMeta as JSON.
type storedMeta struct {
	Password string `json:"password"`
}

// MarshalJSON writes the content.
func (m *loginMeta) MarshalJSON() ([]byte, error) { return json.Marshal(storedMeta{m.password()}) }

// UnmarshalJSON reads the content.
func (m *loginMeta) UnmarshalJSON(text []byte) error {
	var stored storedMeta
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	m.setPassword(stored.Password)
	return nil
}

// CopyFrom takes over what a new login of the same account brings along.
func (m *loginMeta) CopyFrom(other any) {
	if o, ok := other.(*loginMeta); ok {
		m.setPassword(o.password())
	}
}

var _ database.MetaMerger = (*loginMeta)(nil)

// ghostMeta is what is kept with a ghost in bridgev2's own table.
type ghostMeta struct {
	nickname atomic.Bool // it is called what one of the users calls them
}

// storedGhostMeta is a ghostMeta as JSON.
type storedGhostMeta struct {
	Nickname bool `json:"nickname,omitempty"`
}

// MarshalJSON writes the content.
func (m *ghostMeta) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedGhostMeta{m.nickname.Load()})
}

// UnmarshalJSON reads the content.
func (m *ghostMeta) UnmarshalJSON(text []byte) error {
	var stored storedGhostMeta
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	m.nickname.Store(stored.Nickname)
	return nil
}

// metaOf is our part of a ghost's row. Who asks has the ghost for themselves: see ghosts.
func metaOf(ghost *bridgev2.Ghost) *ghostMeta {
	if meta, ok := ghost.Metadata.(*ghostMeta); ok {
		return meta
	}
	meta := &ghostMeta{}
	ghost.Metadata = meta
	return meta
}

// GetDBMetaTypes tells bridgev2 which types of ours it stores.
func (c *Connector) GetDBMetaTypes() database.MetaTypes {
	return database.MetaTypes{UserLogin: func() any { return &loginMeta{} }, Ghost: func() any { return &ghostMeta{} }}
}

// memory is what is remembered of a login in our own table, read once.
type memory struct {
	db    *msndb.Database
	login string

	mu     sync.Mutex
	loaded bool
	data   msndb.Login
}

// get is a copy of it.
func (m *memory) get(ctx context.Context) (msndb.Login, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data, m.load(ctx)
}

// load reads it. The caller holds the lock.
func (m *memory) load(ctx context.Context) error {
	if m.loaded {
		return nil
	}
	data, err := m.db.Login(ctx, m.login)
	m.data, m.loaded = data, err == nil
	return err
}

// change changes and stores it. Nothing is written if nothing has changed.
func (m *memory) change(ctx context.Context, f func(*msndb.Login)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(ctx); err != nil {
		return err
	}
	before := m.data
	f(&m.data)
	if m.data == before {
		return nil
	}
	return m.db.PutLogin(ctx, m.login, m.data)
}
