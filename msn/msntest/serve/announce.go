package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/msntest"
)

// saying is how the program says where the service is.
type saying struct {
	json     bool   // the line of JSON alone
	certFile string // where to write what clients have to trust
}

// endpoints is the machine-readable line. URLs of services begin with HTTP; with HTTPS they are there as well.
type endpoints struct {
	NS      string `json:"ns"`
	SB      string `json:"sb"`
	DS      string `json:"ds,omitempty"`
	MSNP24  string `json:"msnp24,omitempty"`
	HTTP    string `json:"http"`
	HTTPS   string `json:"https,omitempty"`
	Nexus   string `json:"nexus"`
	Gateway string `json:"gateway"`
	RST     string `json:"rst"`
	RST2    string `json:"rst2"`
	Book    string `json:"address_book"`
	Sharing string `json:"sharing"`
	Store   string `json:"oim_store"`
	Fetch   string `json:"oim_fetch"`
	Storage string `json:"storage"`
	Config  string `json:"config"`
	Tiles   string `json:"user_tiles"`
	CA      string `json:"ca,omitempty"` // file
	TLS     bool   `json:"tls"`
}

// endpointsOf asks a service where it is.
func endpointsOf(server *msntest.Server, secured bool) endpoints {
	at := server.MSN()
	base := server.HTTPURL()
	return endpoints{
		NS: server.NSAddr(), SB: server.SBAddr(), DS: server.DSAddr(), MSNP24: server.MSNP24Addr(), HTTP: base, HTTPS: server.HTTPSURL(),
		Nexus: at.Nexus, Gateway: at.Gateway, RST: at.RST, RST2: at.RST2, Book: at.AddressBook, Sharing: at.Sharing,
		Store: at.OfflineStore, Fetch: at.OfflineFetch, Storage: at.Storage, Config: base + "/Config/MsgrConfig.asmx",
		Tiles: base + "/storage/usertile/", TLS: secured,
	}
}

// announce says where the service is: a line for each endpoint, then the same as one line of JSON. After it, connections
// are accepted.
func (say saying) announce(w io.Writer, server *msntest.Server, secured bool) error {
	all := endpointsOf(server, secured)
	if say.certFile != "" {
		ca := server.CA()
		if ca == nil {
			return errors.New("-cert-out: there is no TLS (-tls, -tls-cert or -https)")
		}
		if err := os.WriteFile(say.certFile, ca, 0o644); err != nil {
			return fmt.Errorf("-cert-out: %w", err)
		}
		all.CA = say.certFile
	}
	line, err := json.Marshal(all)
	if err != nil {
		return err
	}
	var b strings.Builder
	if !say.json {
		all.describe(&b)
	}
	fmt.Fprintf(&b, "%s\n", line)
	_, err = io.WriteString(w, b.String())
	return err
}

// describe writes a line for each endpoint.
func (all endpoints) describe(b *strings.Builder) {
	for _, line := range []struct{ name, at string }{
		{"dispatch server", all.DS}, {"notification server", all.NS}, {"switchboard server", all.SB}, {"MSNP24 server", all.MSNP24},
		{"HTTP services", all.HTTP}, {"HTTPS services", all.HTTPS}, {"nexus", all.Nexus}, {"tickets (RST)", all.RST},
		{"tickets (RST2)", all.RST2}, {"address book", all.Book}, {"memberships", all.Sharing}, {"offline, to fetch", all.Fetch},
		{"offline, to leave", all.Store}, {"storage", all.Storage}, {"pictures", all.Tiles}, {"client configuration", all.Config},
		{"gateway", all.Gateway}, {"certificate to trust", all.CA},
	} {
		if line.at != "" {
			fmt.Fprintf(b, "%-20s  %s\n", line.name, line.at)
		}
	}
}
