package msn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestClosedHost(t *testing.T) {
	for address, want := range map[string]bool{
		"messenger.hotmail.com:1863": true, "LOGIN.Live.com.": true, "https://login.live.com/RST.srf": true, "http://msn.com:8080/x": true,
		"msn.example.com": false, "https://example.com/login.live.com/": false, "notmsn.com": false, "": false, "[::1]:1863": false,
	} {
		if got := ClosedHost(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}

// TestLeadsToClosedHosts has a service send us to Microsoft's hosts in each way there is: no connection is made, and nothing is told to anybody.
func TestLeadsToClosedHosts(t *testing.T) {
	var dialled []string
	service := httptest.NewServer(nil)
	defer service.Close()
	own := strings.TrimPrefix(service.URL, "http://")
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if address != own {
			return nil, errors.New("no such host")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	cfg := Config{
		Passport: "alice@example.com", Password: "secret", Dial: dial, Handler: func(context.Context, Event) {},
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
		Server:     Server{Notification: own}.ServicesAt(service.URL),
	}
	redirect := func(w http.ResponseWriter, status int) {
		w.Header().Set("Location", "https://login.live.com/x")
		w.WriteHeader(status)
	}
	for name, c := range map[string]struct {
		from TicketSource
		does http.HandlerFunc
	}{
		"nexus": {NexusTicket, func(w http.ResponseWriter, _ *http.Request) { redirect(w, 302) }},
		"DALogin": {NexusTicket, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("PassportURLs", "DALogin=login.live.com/login2.srf")
		}},
		"redirected login": {NexusTicket, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("PassportURLs", "DALogin="+own+"/login")
			if r.URL.Path == "/login" {
				redirect(w, 302)
			}
		}},
		"RST by status": {RSTTicket, func(w http.ResponseWriter, _ *http.Request) { redirect(w, 307) }},
		"RST by fault": {RSTTicket, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:psf="http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"><S:Fault>` +
				`<faultcode>psf:Redirect</faultcode><psf:redirectUrl>https://login.live.com/RST.srf</psf:redirectUrl></S:Fault></S:Envelope>`))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			service.Config.Handler = c.does
			dialled = nil
			_, err := CheckTickets(t.Context(), cfg, c.from)
			if err == nil || !strings.Contains(err.Error(), "login.live.com") || !strings.Contains(err.Error(), "Microsoft") {
				t.Errorf("err = %v", err)
			}
			for _, address := range dialled {
				if address != own {
					t.Errorf("connected to %s", address)
				}
			}
			// where the address is mapped, that is where it leads
			mapped := cfg
			gone := false
			mapped.Server.MapURL = func(u string) string {
				gone = gone || strings.HasPrefix(u, "https://login.live.com/") || strings.HasPrefix(u, "http://login.live.com/")
				return strings.Replace(strings.Replace(u, "login.live.com", own, 1), "https:", "http:", 1)
			}
			if _, err = CheckTickets(t.Context(), mapped, c.from); err == nil || strings.Contains(err.Error(), "Microsoft") || !gone {
				t.Errorf("mapped: %v", err)
			}
		})
	}
	dialled = nil
	d := newDialer(cfg)
	if _, err := d.dial(t.Context(), notificationServer, d.told("messenger.hotmail.com")); !errors.Is(err, ErrClosedHost) || len(dialled) > 0 {
		t.Errorf("XFR: %v, %q", err, dialled)
	}
	cfg.Server.Notification = "messenger.hotmail.com:1863" // who has that name on their own network says so
	d = newDialer(cfg)
	if _, err := d.dial(t.Context(), notificationServer, d.told("messenger.hotmail.com")); err == nil || errors.Is(err, ErrClosedHost) || len(dialled) != 1 {
		t.Errorf("configured: %v, %q", err, dialled)
	}
}
