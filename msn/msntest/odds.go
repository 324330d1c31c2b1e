package msntest

import (
	"cmp"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
)

// mailAddress does URL: where the client is to post a form to read mail (core.md 6.2).
func mailAddress(n *session, cmd wire.Command) {
	if len(cmd.Args) == 0 {
		n.misplaced()
		return
	}
	if n.conn.srv.quirks.OwnLines {
		n.conn.reply(cmd, "URL", "/unused1", "/unused2", "1")
		return
	}
	n.conn.reply(cmd, "URL", "/cgi-bin/HoTMaiL", n.conn.srv.HTTPURL()+"/ppsecure/md5auth.srf?lc=1033", "2")
}

// sendInvitation does SND and SDC, which have mail sent to a stranger. No mail goes out here.
func sendInvitation(n *session, cmd wire.Command) {
	if len(cmd.Args) == 0 {
		n.misplaced()
		return
	}
	n.conn.reply(cmd, cmd.Name, "OK")
}

// setInvitations does IMS: with OFF nobody can call this client (core.md 7.7).
func setInvitations(n *session, cmd wire.Command) {
	word := strings.ToUpper(decoded(cmd.Args, 0))
	if word != "ON" && word != "OFF" {
		n.misplaced()
		return
	}
	n.callsRefused = word == "OFF"
	n.conn.reply(cmd, "IMS", "0", word)
}

// page does PAG and PGD: a page to somebody's telephone, which goes nowhere here. There is no answer unless it is refused.
func page(n *session, cmd wire.Command) {
	other := n.conn.srv.accounts[addressArg(cmd.Args, 0)]
	if other == nil || other.phone("MOB") != "Y" {
		n.conn.fail(cmd, 220)
	}
}

// shields is the one configuration file there is (core.md 5.15).
const shields = `<?xml version="1.0" encoding="utf-8" ?><config><shield><cli maj="7" min="0" minbld="0" maxbld="9999" deny=" " />` +
	`</shield><block></block></config>`

// policies is what is pushed before USR S in MSNP13+.
const policies = `<Policies><Policy type="SHIELDS" checksum="D9705A71BA841CB38955822E048970C3">` +
	`<config><shield><cli maj="7" min="0" minbld="0" maxbld="9999" deny=" " /></shield><block></block></config></Policy></Policies>`

// sendConfiguration does GCF.
func sendConfiguration(n *session, cmd wire.Command) {
	if !n.synchronised || len(cmd.Args) == 0 {
		n.conn.fail(cmd, 715)
		return
	}
	n.conn.send(wire.Command{Name: "GCF", TrID: cmd.TrID, HasTrID: true, Args: cmd.Args[:1], Payload: []byte(shields)})
}

// noMail is Mail-Data of an empty mailbox.
const noMail = "<MD><E><I>0</I><IU>0</IU><O>0</O><OU>0</OU></E><Q><QTM>409600</QTM><QNM>204800</QNM></Q></MD>"

// mailSummary tells what is in the inbox: offline messages, and no mail (core.md 6.2).
func (n *session) mailSummary() {
	if n.dialect.documents {
		n.tellStored()
	}
	urls := "Inbox-URL: /cgi-bin/HoTMaiL\r\nFolders-URL: /cgi-bin/folders\r\nPost-URL: " + n.conn.srv.HTTPURL() + "/\r\n"
	switch {
	case n.dialect.mailSummary:
		data := noMail
		if n.dialect.mailData {
			data = cmp.Or(n.conn.srv.mailData(n.account), noMail)
		}
		data = "Mail-Data: " + data + "\r\n"
		if n.account.email {
			data += urls
		}
		n.hotmail("text/x-msmsgsinitialmdatanotification; charset=UTF-8", "\r\n"+data)
	case n.account.email:
		n.hotmail("text/x-msmsgsinitialemailnotification; charset=UTF-8",
			"\r\nInbox-Unread: 0\r\nFolders-Unread: 0\r\n"+urls)
	}
}
