package p2p

import (
	"encoding/base64"
	"errors"
	"strings"
)

// ObjectGUID is the EUF-GUID of every session that carries an object, FileGUID that of files (p2p.md 9.5).
const (
	ObjectGUID = "{A4268EEC-FEC5-49E5-95C3-F126696BDBF6}"
	FileGUID   = "{5D3E02AB-6190-11D3-BBBB-00C04F795683}"
)

// appObject is the AppID that every program takes for an object.
const appObject = 1

// errContext is for a Context that is no base64.
var errContext = errors.New("the context cannot be read")

// objectContext is the Context that asks for an object: its text exactly as it was announced, and a NUL.
func objectContext(object string) string {
	return base64.StdEncoding.EncodeToString(append([]byte(object), 0))
}

// contextObject reads a Context: blanks, missing padding and what follows a NUL do not matter.
func contextObject(context string) (string, error) {
	context = strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, context)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(context, "="))
	if err != nil || len(b) == 0 {
		return "", errContext
	}
	object, _, _ := strings.Cut(string(b), "\x00")
	return object, nil
}
