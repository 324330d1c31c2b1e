package bridge

import (
	"maps"
	"slices"
	"strings"
)

// profile is what is known of a public MSN service: a server entry to build on, and where the facts come from. They
// are used only where an administrator names one (servers.NAME.profile), and every one of them can be overridden.
type profile struct {
	ServerConfig
	// Facts says from when and where the addresses are.
	Facts string
}

// profiles are the services whose addresses were published (services.md 15 and 16). Nobody asked their operators:
// do so before your users sign in there.
var profiles = map[string]profile{
	"escargot": {
		Facts: "2024-06 to 2026-10, from the configurations of several public clients; nothing of it was tried",
		ServerConfig: ServerConfig{
			Name: "Escargot", Notification: "msnmsgr.escargot.chat:1863", HTTP: "https://msnmsgr.escargot.chat",
			Nexus: "https://msnmsgr.escargot.chat/rdr/pprdr.asp", Version: versionList{"auto"},
		},
	},
	"crosstalk": {
		Facts: "2025-04 to 2026-07, from the configurations of several public clients; addresses of offline messages and storage by one source only; nothing of it was tried",
		ServerConfig: ServerConfig{
			Name: "CrossTalk", Notification: "ms.msgrsvcs.ctsrv.gay:1863",
			Nexus: "https://pp.login.ugnet.gay/rdr/pprdr.asp", RST: "https://ctas.login.ugnet.gay/RST.srf",
			AddressBook:  "https://ctsvcs.addressbook.ugnet.gay/abservice/abservice.asmx",
			Sharing:      "https://ctsvcs.addressbook.ugnet.gay/abservice/SharingService.asmx",
			OfflineStore: "https://cts.storage.ugnet.gay/OimWS/oim.asmx", OfflineFetch: "https://cts.storage.ugnet.gay/rsi/rsi.asmx",
			// Its MSNP21 was in development.
			Version: versionList{"MSNP18", "MSNP15", "MSNP12", "MSNP11", "MSNP8"},
		},
	},
	"local": {
		Facts: "the service in this repository, as msn/msntest/serve starts it",
		ServerConfig: ServerConfig{
			Name: "Local", Notification: "127.0.0.1:1863", HTTP: "http://127.0.0.1:8880", Version: versionList{"auto"},
		},
	},
}

// profileNames lists them for people.
func profileNames() string { return strings.Join(slices.Sorted(maps.Keys(profiles)), ", ") }

// over fills what an entry leaves empty from another.
func (s ServerConfig) over(base ServerConfig) ServerConfig {
	text := func(own *string, other string) {
		if *own == "" {
			*own = other
		}
	}
	if s.HTTP != "" && s.HTTP != base.HTTP { // single addresses of the profile are of another place
		base.Nexus, base.RST, base.RST2, base.AddressBook, base.Sharing = "", "", "", "", ""
		base.OfflineStore, base.OfflineFetch, base.Storage, base.Gateway = "", "", "", ""
	}
	for own, other := range map[*string]string{
		&s.Name: base.Name, &s.Notification: base.Notification, &s.HTTP: base.HTTP, &s.Nexus: base.Nexus, &s.RST: base.RST, &s.RST2: base.RST2,
		&s.AddressBook: base.AddressBook, &s.Sharing: base.Sharing, &s.OfflineStore: base.OfflineStore, &s.OfflineFetch: base.OfflineFetch,
		&s.Storage: base.Storage, &s.Gateway: base.Gateway, &s.Transport: base.Transport, &s.CAFile: base.CAFile, &s.Proxy: base.Proxy,
		&s.ClientName: base.ClientName, &s.ClientVersion: base.ClientVersion, &s.ProductID: base.ProductID, &s.ProductKey: base.ProductKey,
		&s.MSNP24: base.MSNP24,
	} {
		text(own, other)
	}
	if len(s.Version) == 0 {
		s.Version = base.Version
	}
	if len(s.Tickets) == 0 {
		s.Tickets = base.Tickets
	}
	if s.PasswordLimit == 0 {
		s.PasswordLimit = base.PasswordLimit
	}
	return s
}
