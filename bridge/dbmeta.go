package bridge

import (
	"encoding/json"
	"sync"

	"maunium.net/go/mautrix/bridgev2/database"
)

// loginMeta is what is kept with a login in bridgev2's own table. bridgev2 stores it whenever it stores
// the login, in any goroutine.
type loginMeta struct {
	mu   sync.Mutex
	data loginData
}

// loginData is the content of a loginMeta.
type loginData struct {
	// Password is sealed by the key ring (secret.go); the login's ID is bound into it.
	Password string `json:"password"`
	// Greeted says that the user has been told of the contact list once.
	Greeted bool `json:"greeted,omitempty"`
	// Status and PersonalMessage are what `status` set; empty Status follows Matrix.
	Status          string `json:"status,omitempty"`
	PersonalMessage string `json:"personal_message,omitempty"`
	// Elsewhere says that another client took the account over: it is left alone until the user asks.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// get is a copy of the content.
func (m *loginMeta) get() loginData {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data
}

// change lets f change the content.
func (m *loginMeta) change(f func(*loginData)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.data)
}

// MarshalJSON writes the content.
func (m *loginMeta) MarshalJSON() ([]byte, error) { return json.Marshal(m.get()) }

// UnmarshalJSON reads the content.
func (m *loginMeta) UnmarshalJSON(text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return json.Unmarshal(text, &m.data)
}

// CopyFrom takes over what a new login of the same account brings along.
func (m *loginMeta) CopyFrom(other any) {
	if o, ok := other.(*loginMeta); ok {
		password := o.get().Password
		m.change(func(d *loginData) { d.Password, d.Elsewhere = password, false })
	}
}

// A new login of an account that is known keeps the rest of its row.
var _ database.MetaMerger = (*loginMeta)(nil)

// GetDBMetaTypes tells bridgev2 which types of ours it stores.
func (c *Connector) GetDBMetaTypes() database.MetaTypes {
	return database.MetaTypes{UserLogin: func() any { return &loginMeta{} }}
}
