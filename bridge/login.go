package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"maunium.net/go/mautrix/bridgev2"
	bridgedb "maunium.net/go/mautrix/bridgev2/database"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/status"

	"github.com/matrix-msn/matrix-msn/database"
	"github.com/matrix-msn/matrix-msn/msn"
)

const (
	flowPassword = "password"
	stepAccount  = "com.github.matrix-msn.account"
	stepComplete = "com.github.matrix-msn.complete"

	fieldServer   = "server"
	fieldAddress  = "address"
	fieldPassword = "password"

	// trialTimeout bounds the sign-in that checks a password, with the changes of version that it may take.
	trialTimeout = 90 * time.Second
)

// GetLoginFlows names the one way to log in.
func (c *Connector) GetLoginFlows() []bridgev2.LoginFlow {
	return []bridgev2.LoginFlow{{
		ID: flowPassword, Name: "Password", Description: "Log in with the address and password of your MSN account",
	}}
}

// CreateLogin begins a login.
func (c *Connector) CreateLogin(_ context.Context, user *bridgev2.User, flowID string) (bridgev2.LoginProcess, error) {
	if flowID != flowPassword {
		return nil, bridgev2.ErrInvalidLoginFlowID
	}
	return &passwordLogin{c: c, user: user, cancelled: make(chan struct{})}, nil
}

// passwordLogin asks for service, address and password and signs in to see whether they are right.
type passwordLogin struct {
	c         *Connector
	user      *bridgev2.User
	cancelled chan struct{}
	once      sync.Once
}

var _ bridgev2.LoginProcessUserInput = (*passwordLogin)(nil)

// Start asks. The service is asked for only if there are several.
func (p *passwordLogin) Start(context.Context) (*bridgev2.LoginStep, error) {
	var fields []bridgev2.LoginInputDataField
	if ids := slices.Sorted(maps.Keys(p.c.services)); len(ids) > 1 {
		var names []string
		for _, id := range ids {
			names = append(names, fmt.Sprintf("%s (%s)", id, p.c.services[id].name))
		}
		fields = append(fields, bridgev2.LoginInputDataField{
			Type: bridgev2.LoginInputFieldTypeSelect, ID: fieldServer, Name: "MSN service",
			Description: strings.Join(names, ", "), Options: ids, DefaultValue: ids[0], Validate: p.c.knownService,
		})
	}
	fields = append(fields,
		bridgev2.LoginInputDataField{
			Type: bridgev2.LoginInputFieldTypeEmail, ID: fieldAddress, Name: "MSN address", Validate: cleanAddress,
		},
		bridgev2.LoginInputDataField{Type: bridgev2.LoginInputFieldTypePassword, ID: fieldPassword, Name: "password"},
	)
	return &bridgev2.LoginStep{
		Type: bridgev2.LoginStepTypeUserInput, StepID: stepAccount,
		Instructions:    "Enter the address and the password of your MSN account. The bridge stores the password encrypted, because MSN needs it at every sign-in.",
		UserInputParams: &bridgev2.LoginUserInputParams{Fields: fields},
	}, nil
}

// knownService validates the choice of a service.
func (c *Connector) knownService(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if c.services[s] == nil {
		return "", fmt.Errorf("there is no service %q; choose one of %s", s, strings.Join(slices.Sorted(maps.Keys(c.services)), ", "))
	}
	return s, nil
}

// cleanAddress validates an address. It is kept in lower case, as addresses are compared.
func cleanAddress(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if _, _, ok := splitID("server/" + s); !ok || strings.Count(s, "@") != 1 {
		return "", errors.New("an MSN address looks like name@example.com")
	}
	return s, nil
}

// Cancel ends a running check.
func (p *passwordLogin) Cancel() { p.once.Do(func() { close(p.cancelled) }) }

// SubmitUserInput signs in once to check, then stores the login and starts it like any other.
func (p *passwordLogin) SubmitUserInput(ctx context.Context, input map[string]string) (*bridgev2.LoginStep, error) {
	address, err := cleanAddress(input[fieldAddress])
	if err != nil {
		return nil, err
	}
	server, err := p.service(input[fieldServer])
	if err != nil {
		return nil, err
	}
	password := input[fieldPassword]
	if password == "" {
		return nil, errors.New("the password is empty")
	}
	id := makeLoginID(server, address)
	if old := p.c.br.GetCachedUserLoginByID(id); old != nil {
		if old.UserMXID != p.user.MXID {
			return nil, errors.New("this MSN account is already used through the bridge by somebody else")
		}
		old.Client.Disconnect() // or it and the check would sign each other out
	}
	name, err := p.check(ctx, server, address, password)
	if err != nil {
		if old := p.c.br.GetCachedUserLoginByID(id); old != nil {
			old.Client.Connect(old.Log.WithContext(p.c.br.BackgroundCtx))
		}
		return nil, err
	}
	sealed, err := p.c.keys.seal(string(id), password)
	if err != nil {
		return nil, err
	}
	if err := p.c.handOver(ctx, id, p.user.MXID); err != nil {
		return nil, err
	}
	login, err := p.user.NewLogin(ctx, &bridgedb.UserLogin{
		ID: id, RemoteName: p.c.remoteName(server, address),
		RemoteProfile: status.RemoteProfile{Email: address, Name: name},
		Metadata:      &loginMeta{sealed: sealed},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("store the login: %w", err)
	}
	if client, ok := login.Client.(*Client); ok {
		client.remember(ctx, func(l *database.Login) { l.Elsewhere = false })
		client.own.here()
	}
	login.Client.Connect(login.Log.WithContext(p.c.br.BackgroundCtx))
	return &bridgev2.LoginStep{
		Type: bridgev2.LoginStepTypeComplete, StepID: stepComplete,
		Instructions:   fmt.Sprintf("Logged in as %s", login.RemoteName),
		CompleteParams: &bridgev2.LoginCompleteParams{UserLoginID: login.ID, UserLogin: login},
	}, nil
}

// remoteName is what a login is called.
func (c *Connector) remoteName(server, address string) string {
	if len(c.services) > 1 {
		return fmt.Sprintf("%s on %s", address, c.services[server].name)
	}
	return address
}

// service takes the only one if none was asked for.
func (p *passwordLogin) service(chosen string) (string, error) {
	if chosen == "" && len(p.c.services) == 1 {
		for id := range p.c.services {
			return id, nil
		}
	}
	return p.c.knownService(chosen)
}

// check signs in and out again. Each failure comes back as a sentence for the user.
func (p *passwordLogin) check(ctx context.Context, server, address, password string) (friendlyName string, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-p.cancelled:
			cancel()
		case <-stop:
		}
	})
	defer watch.Wait()
	defer close(stop)
	for {
		name, again, err := p.c.trial(ctx, server, address, password)
		if err == nil {
			return name, nil
		}
		select {
		case <-p.cancelled:
			return "", errors.New("the login was cancelled")
		default:
		}
		if !again || ctx.Err() != nil {
			return "", errors.New(diagnose(err).explain(err))
		}
	}
}

// trial is one sign-in that ends as soon as it has worked.
func (c *Connector) trial(ctx context.Context, server, address, password string) (name string, again bool, err error) {
	if err := c.paces[server].wait(ctx); err != nil {
		return "", false, err
	}
	cfg, err := c.clientConfig(ctx, server, address, password)
	if err != nil {
		return "", false, err
	}
	cfg.MachineGUID = c.machine(makeLoginID(server, address))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signedIn := make(chan msn.SignedIn, 1)
	cfg.CheckOnly = true
	cfg.Handler = func(_ context.Context, event msn.Event) {
		if e, ok := event.(msn.SignedIn); ok {
			signedIn <- e
		}
	}
	client, err := msn.New(cfg)
	if err != nil {
		return "", false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	select {
	case e := <-signedIn:
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cancel()
			<-ended
		}
		return e.FriendlyName, false, c.versions.change(context.WithoutCancel(ctx), server, func(m *msn.VersionMemory) { m.Worked(e.Version) })
	case err := <-ended:
		if ctx.Err() != nil {
			return "", false, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		memoryErr := c.versions.change(ctx, server, func(m *msn.VersionMemory) { again = m.Failed(cfg.Versions, err, time.Now()) })
		return "", again && memoryErr == nil, err
	}
}

// machine names the place that this bridge is for an account, the same in every run: servers take a second sign-in
// under the same name for the same place (core.md 8.7). No other bridge makes the same.
func (c *Connector) machine(login networkid.UserLoginID) string {
	sum := sha256.Sum256([]byte("matrix-msn " + string(c.br.Bot.GetMXID()) + " " + string(login)))
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80 // version 8: made of something else
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// clientConfig is what all sign-ins to a service have in common.
func (c *Connector) clientConfig(ctx context.Context, server, address, password string) (msn.Config, error) {
	s := c.services[server]
	if s == nil {
		return msn.Config{}, errServerGone
	}
	cfg := s.config()
	cfg.Passport, cfg.Password, cfg.EndpointName, cfg.Handler = address, password, c.Config.Places.Name, noEvents
	err := c.versions.change(ctx, server, func(m *msn.VersionMemory) { cfg.Versions = m.Offer(s.versions, time.Now()) })
	return cfg, err
}
