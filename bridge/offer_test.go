package bridge

import "testing"

func TestOffersFile(t *testing.T) {
	header := string(make([]byte, 48))
	for _, c := range []struct {
		name, data string
		want       bool
	}{
		{"a file", header + "INVITE MSNMSGR:alice@example.com MSNSLP/1.0\r\n\r\nEUF-GUID: {5D3E02AB-6190-11D3-BBBB-00C04F795683}\r\n", true},
		{"a file, lower case", header + "INVITE MSNMSGR:alice@example.com MSNSLP/1.0\r\n\r\nEUF-GUID: {5d3e02ab-6190-11d3-bbbb-00c04f795683}\r\n", true},
		{"a display picture", header + "INVITE MSNMSGR:alice@example.com MSNSLP/1.0\r\n\r\nEUF-GUID: {A4268EEC-FEC5-49E5-95C3-F126696BDBF6}\r\n", false},
		{"an answer", header + "MSNSLP/1.0 200 OK\r\n\r\nEUF-GUID: {5D3E02AB-6190-11D3-BBBB-00C04F795683}\r\n", false},
		{"nothing", "", false},
	} {
		if got := offersFile([]byte(c.data)); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
