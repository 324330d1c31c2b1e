package msn

import (
	"reflect"
	"strings"
	"testing"
)

// TestPersonalMessageEndpoints reads the documents of MSNP16 and later, broken ones too.
func TestPersonalMessageEndpoints(t *testing.T) {
	const one, two = "11111111-2222-4333-8444-555555555555", "c0ffee00-0000-4000-8000-000000000002"
	p := ParsePersonalMessage([]byte(`<Data><PSM>A &#x26; &#x3C;b&#x3E;</PSM><CurrentMedia></CurrentMedia><MachineGuid>{X}</MachineGuid><DDP></DDP>` +
		`<SignatureSound></SignatureSound><Scene>&lt;msnobj/&gt;</Scene><ColorScheme>-3</ColorScheme>` +
		`<EndpointData id="{` + strings.ToUpper(one) + `}"><Capabilities>268435500:48</Capabilities></EndpointData>` +
		`<EndpointData id="{` + two + `}"><Capabilities>1:2</Capabilities></EndpointData>` +
		`<PrivateEndpointData id="{` + two + `}"><EpName>Büro &amp; &quot;Co&quot;</EpName><Idle>TRUE</Idle><ClientType>2</ClientType><State>idl</State></PrivateEndpointData></Data>`))
	want := PersonalMessage{
		Text: "A & <b>", Scene: "<msnobj/>", ColorScheme: "-3",
		Endpoints: []Endpoint{
			{ID: two, Name: `Büro & "Co"`, Client: ClientWeb, Status: Idle, Idle: true, Capabilities: Capabilities{1, 2}},
			{ID: one, Capabilities: Capabilities{268435500, 48}},
		},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got\n%+v\nwant\n%+v", p, want)
	}
	for _, broken := range []string{
		`<Data><EndpointData id="{` + one + `}"><Capabilities>1:2`, `<Data><EndpointData`, `<EndpointData id=>`, `<EndpointData id="{no}"></EndpointData>`,
		`<PrivateEndpointData/>`, `<EndpointDataX id="{` + one + `}"></EndpointDataX>`,
	} {
		_ = ParsePersonalMessage([]byte(broken)) // whatever it says, it ends
	}
}

// TestPersonalMessageMachine spells UUX by version.
func TestPersonalMessageMachine(t *testing.T) {
	p := PersonalMessage{Text: "<hi>"}
	const guid = "b171be3e-0000-4000-8000-000000000001"
	for want, got := range map[string][]byte{
		`<Data><PSM>&lt;hi&gt;</PSM><CurrentMedia></CurrentMedia></Data>`:                                                                                         AppendPersonalMessage(nil, p),
		`<Data><PSM>&lt;hi&gt;</PSM><CurrentMedia></CurrentMedia><MachineGuid>{` + strings.ToUpper(guid) + `}</MachineGuid></Data>`:                               appendPersonal(nil, p, guid, false),
		`<Data><PSM>&lt;hi&gt;</PSM><CurrentMedia></CurrentMedia><DDP></DDP><SignatureSound></SignatureSound><Scene></Scene><ColorScheme>-1</ColorScheme></Data>`: appendPersonal(nil, p, "", true),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzPersonalMessage reads anything.
func FuzzPersonalMessage(f *testing.F) {
	f.Add([]byte(`<Data><PSM>x</PSM><EndpointData id="{11111111-2222-4333-8444-555555555555}"><Capabilities>1:2</Capabilities></EndpointData></Data>`))
	f.Add([]byte(`<PrivateEndpointData id="{c0ffee00-0000-4000-8000-000000000002}"><EpName>x</EpName>`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		p := ParsePersonalMessage(payload)
		if len(p.Endpoints) > maxEndpoints {
			t.Fatal("too many endpoints")
		}
	})
}
