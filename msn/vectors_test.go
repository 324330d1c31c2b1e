package msn

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
)

// vectors are the published and computed test vectors of the protocol notes, as far as this package's pure
// parts need them.
type vectors struct {
	MD5Login []struct{ Challenge, Password, Response string } `json:"md5_login"`
	ChlOld   []challengeVector                                `json:"chl_old"`
	ChlNew   []challengeVector                                `json:"chl_new"`
	ChlWrong []challengeVector                                `json:"chl_new_wrong_escargot"`
	Object   []objectVector                                   `json:"msnobject"`
	Format   []formatVector                                   `json:"x_mms_im_format"`
	Chunking []struct {
		Name      string
		Size      int      `json:"chunk_body_size"`
		MessageID string   `json:"message_id"`
		Body      []byte   `json:"body_b64"`
		Payloads  [][]byte `json:"payloads_b64"`
	}
	Media []struct {
		Raw     string
		Fields  []string
		Display string
	} `json:"current_media"`
	Port    []struct{ Wire, Real uint16 } `json:"client_port"`
	Framing []struct{ Name, Payload string }
}

type challengeVector struct {
	Challenge     string
	ProductID     string `json:"product_id"`
	ProductKey    string `json:"product_key"`
	Response      string
	WrongResponse string `json:"wrong_response"`
}

type objectVector struct {
	Creator      string
	Data         string `json:"data_b64"`
	Size, Type   int
	Location     string
	FriendlyText string `json:"friendly_text"`
	Friendly     string
	SHA1D, SHA1C string
	XML          string
	URLEncoded   string
	Valid        *bool
}

type formatVector struct {
	Header, Font, Effects, RGB string
	CharSet, Family, Pitch     uint8
	RTL                        bool
}

// readVectors fails if a list is empty: a renamed key must not look like a pass.
func readVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{
		"md5_login": len(v.MD5Login), "chl_old": len(v.ChlOld), "chl_new": len(v.ChlNew), "chl_new_wrong": len(v.ChlWrong),
		"msnobject": len(v.Object), "x_mms_im_format": len(v.Format), "chunking": len(v.Chunking),
		"current_media": len(v.Media), "client_port": len(v.Port), "framing": len(v.Framing),
	} {
		if n == 0 {
			t.Fatalf("no vectors for %s", name)
		}
	}
	return v
}

// framingPayload is the payload of a named framing vector.
func framingPayload(t *testing.T, name string) string {
	t.Helper()
	for _, f := range readVectors(t).Framing {
		if f.Name == name {
			return f.Payload
		}
	}
	t.Fatalf("no framing vector %q", name)
	return ""
}

func fromBase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestClientPort(t *testing.T) {
	for _, v := range readVectors(t).Port {
		if got := ClientPort(v.Wire); got != v.Real {
			t.Errorf("ClientPort(%d) = %d, want %d", v.Wire, got, v.Real)
		}
	}
}
