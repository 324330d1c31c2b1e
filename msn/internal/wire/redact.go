package wire

import (
	"bytes"
	"slices"
	"strings"
)

// hidden stands for a secret in a trace.
const hidden = "***"

// Redact returns the command without its secrets, for traces; each is replaced by "***". These are what a client answers to a
// sign-in challenge (USR: hashes, passwords, tickets), the cookies of switchboards (XFR, RNG, USR, ANS), the answer to a
// challenge (QRY), the addresses and ids that open a mailbox (URL), the MSPAuth cookie of the profile, and the credentials of
// relays (UUN and UBN of type 10, SDG of type Signal/Turn). Of MSNP24 it is the ticket, the answer to the challenge and the state
// of a redirect. The command given is not changed. When in doubt, it hides.
func Redact(cmd Command, from Side) Command {
	cmd.Args = slices.Clone(cmd.Args)
	if from == FromClient24 || from == FromServer24 {
		return redact24(cmd)
	}
	switch cmd.Name {
	case "USR":
		if from == FromClient {
			redactSignIn(cmd.Args)
		}
	case "ANS":
		// ANS TrID handle cookie session
		if from == FromClient {
			last := len(cmd.Args) - 1
			hide(cmd.Args, 1, func(i int, arg string) bool { return i == last && digits(arg) })
		}
	case "XFR", "RNG":
		for i, arg := range cmd.Args {
			if i > 0 && strings.EqualFold(cmd.Args[i-1], "CKI") && arg != "" {
				cmd.Args[i] = hidden
			}
		}
	case "URL":
		if from == FromServer {
			hide(cmd.Args, 0, nil)
		}
	case "QRY":
		if from == FromClient {
			hide(cmd.Args, 1, nil)
			cmd.Payload = hidePayload(cmd.Payload)
		}
	case "UUN", "UBN":
		if len(cmd.Args) > 1 && cmd.Args[1] == "10" {
			cmd.Payload = hidePayload(cmd.Payload)
		}
	case "SDG":
		if bytes.Contains(bytes.ToLower(cmd.Payload), []byte("signal/turn")) {
			cmd.Payload = hidePayload(cmd.Payload)
		}
	case "MSG":
		if from == FromServer {
			cmd.Payload = redactProfile(cmd.Payload)
		}
	}
	return cmd
}

// redactSignIn hides what a client answers on a notification server (`USR 4 TWN S ticket`), keeping package, stage, account
// and machine GUID, and its cookie on a switchboard (`USR 1 handle cookie`).
func redactSignIn(args []string) {
	if len(args) < 2 {
		return
	}
	switch strings.ToUpper(args[0]) {
	case "MD5", "CTP", "TWN", "SSO", "SHA":
		initial := strings.EqualFold(args[1], "I")
		hide(args, 2, func(i int, arg string) bool { return initial && i == 2 || isGUID(arg) })
	default:
		hide(args, 1, nil)
	}
}

// hide replaces the arguments from start on, but for those that keep spares.
func hide(args []string, start int, keep func(i int, arg string) bool) {
	for i := start; i < len(args); i++ {
		if args[i] != "" && (keep == nil || !keep(i, args[i])) {
			args[i] = hidden
		}
	}
}

func hidePayload(payload []byte) []byte {
	if len(payload) == 0 {
		return payload
	}
	return []byte(hidden)
}

// redactProfile hides the value of MSPAuth (core.md 6.1).
func redactProfile(payload []byte) []byte {
	const name = "mspauth"
	if !bytes.Contains(bytes.ToLower(payload), []byte(name)) {
		return payload
	}
	b := make([]byte, 0, len(payload))
	for line := range bytes.SplitAfterSeq(payload, []byte{'\n'}) {
		key, value, found := bytes.Cut(line, []byte{':'})
		if found && bytes.EqualFold(bytes.TrimSpace(key), []byte(name)) {
			text := bytes.TrimRight(value, "\r\n")
			b = append(append(append(b, key...), ": "...), hidden...)
			line = value[len(text):]
		}
		b = append(b, line...)
	}
	return b
}

// isGUID says whether s is a GUID in braces, the only thing beside the secrets in a sign-in answer.
func isGUID(s string) bool {
	if len(s) != 38 || s[0] != '{' || s[37] != '}' {
		return false
	}
	for i := 1; i < 37; i++ {
		if dash := i == 9 || i == 14 || i == 19 || i == 24; dash && s[i] != '-' || !dash && hexValue(s[i]) > 15 {
			return false
		}
	}
	return true
}
