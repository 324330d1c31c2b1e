package msn

import (
	"context"
	"mime"
	"strconv"
	"strings"
)

// mailbox is what is known of the unread mail of an account with one (core.md 6.2).
type mailbox struct{ inbox, folders int }

// mailNotice takes a MSG of the service about mail or offline messages.
func (nc *notificationConn) mailNotice(ctx context.Context, m serviceMessage) {
	folder := func(name string) string { return strings.ToLower(field(m.body, name)) }
	switch m.contentType {
	case "text/x-msmsgsinitialemailnotification":
		nc.mailCounted(ctx, count(m.body, "Inbox-Unread"), count(m.body, "Folders-Unread"))
	case "text/x-msmsgsinitialmdatanotification", "text/x-msmsgsoimnotification":
		nc.mailData(ctx, field(m.body, "Mail-Data"), strings.HasSuffix(m.contentType, "initialmdatanotification"))
	case "text/x-msmsgsemailnotification":
		nc.mailReceived(ctx, m.body, folder("Dest-Folder"))
	case "text/x-msmsgsactivemailnotification":
		nc.mailMoved(ctx, folder("Src-Folder"), folder("Dest-Folder"), count(m.body, "Message-Delta"))
	}
}

// maxMail bounds a count that makes sense.
const maxMail = 1 << 20

// count reads a number, 0 for nonsense.
func count(body []Field, name string) int {
	n, err := strconv.Atoi(field(body, name))
	if err != nil || n < 0 || n > maxMail {
		return 0
	}
	return n
}

// mailCounted takes the counts of the beginning.
func (nc *notificationConn) mailCounted(ctx context.Context, inbox, folders int) {
	nc.mu.Lock()
	nc.mail = mailbox{inbox, folders}
	has := nc.profile.EmailEnabled
	nc.mu.Unlock()
	if has {
		nc.report(ctx, MailChanged{Inbox: inbox, Folders: folders})
	}
}

// The folders of a mailbox, in lower case.
const (
	folderInbox = "active"
	folderJunk  = "hm_bulkmail_"
	folderOIM   = ".!!oim"
)

// mailReceived is a new mail: in the inbox, or in some folder.
func (nc *notificationConn) mailReceived(ctx context.Context, body []Field, folder string) {
	words := mime.WordDecoder{}
	text := func(name string) string {
		s := field(body, name)
		if decoded, err := words.DecodeHeader(s); err == nil {
			s = decoded
		}
		return cut(strings.ToValidUTF8(s, "\uFFFD"), maxNotice)
	}
	nc.mu.Lock()
	if folder == folderInbox {
		nc.mail.inbox++
	} else {
		nc.mail.folders++
	}
	now := nc.mail
	nc.mu.Unlock()
	nc.report(ctx, MailReceived{
		From: text("From"), FromAddress: text("From-Addr"), Subject: text("Subject"), Junk: folder == folderJunk,
	})
	nc.report(ctx, MailChanged{Inbox: now.inbox, Folders: now.folders})
}

// mailMoved is mail that was read, moved or deleted elsewhere. Offline messages move like mail does.
func (nc *notificationConn) mailMoved(ctx context.Context, from, to string, n int) {
	if from == folderOIM || n == 0 {
		return
	}
	nc.mu.Lock()
	if from == folderInbox {
		nc.mail.inbox = max(nc.mail.inbox-n, 0)
	} else {
		nc.mail.folders = max(nc.mail.folders-n, 0)
	}
	if to == folderInbox {
		nc.mail.inbox += n
	}
	now := nc.mail
	nc.mu.Unlock()
	nc.report(ctx, MailChanged{Inbox: now.inbox, Folders: now.folders})
}
