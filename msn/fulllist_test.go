package msn_test

import (
	"fmt"
	"testing"

	"github.com/matrix-msn/matrix-msn/msn"
	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// TestFullList signs in with as many contacts as the service allows, and sees every one of them.
func TestFullList(t *testing.T) {
	for _, v := range msn.Versions() {
		t.Run(v.String(), func(t *testing.T) {
			const limit = 3
			cfg := msntest.Config{Quirks: msntest.Quirks{ForwardLimit: limit}, Accounts: []msntest.Account{{Passport: alice, Password: "secret"}}}
			for i := range limit {
				friend := fmt.Sprintf("friend%d@example.com", i)
				cfg.Accounts = append(cfg.Accounts, msntest.Account{Passport: friend, Password: "secret"})
				cfg.Accounts[0].Friends = append(cfg.Accounts[0].Friends, friend)
			}
			s := msntest.New(t, cfg)
			for _, friend := range cfg.Accounts[0].Friends {
				signIn(t, s, friend, v)
			}
			me := signIn(t, s, alice, v)
			if err := me.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, friend := range cfg.Accounts[0].Friends {
				if got := me.PresenceOf(friend).Status; got != msn.Online {
					t.Errorf("%s is %s", friend, got)
				}
			}
		})
	}
}
