package msn

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxChunkedText is what one chunked message carries when sending, in bytes; longer texts become several, so
// that receivers stay within their limits.
const maxChunkedText = 512 << 10

// SplitText makes the payloads that carry a text, each at most [MaxMessagePayload] bytes long: one if it
// fits. Else, if chunked is true, the pieces of a chunked message, which every receiver must understand
// ([CapChunks]); no piece is cut inside a character, since a server may refuse that
// (escargot.md 43). If chunked is false (receivers without the capability, and MSNP2-8) they are
// ordinary texts, cut between words where possible. newID makes the Message-ID, a new GUID in braces at
// each call; it is only called for chunks.
func SplitText(m *TextMessage, chunked bool, newID func() string) [][]byte {
	payload := AppendMessage(nil, m)
	if len(payload) <= MaxMessagePayload {
		return [][]byte{payload}
	}
	limit := maxChunkedText
	if !chunked {
		header := len(payload) - len(wireText(m.Text))
		limit = MaxMessagePayload - header
	}
	var payloads [][]byte
	for _, text := range cutText(parseText([]byte(m.Text)), limit) {
		part := *m
		part.Text = text
		if payload = AppendMessage(nil, &part); len(payload) <= MaxMessagePayload {
			payloads = append(payloads, payload)
			continue
		}
		payloads = append(payloads, SplitPayload(payload, newID)...)
	}
	return payloads
}

// cutText cuts a text with LF line ends into pieces of at most limit bytes on the wire, where a line end has
// two. A line end at which it cuts falls away.
func cutText(text string, limit int) []string {
	var pieces []string
	for {
		fits := wirePrefix(text, limit)
		if fits == len(text) {
			return append(pieces, text)
		}
		at := wordBoundary(text, fits)
		pieces = append(pieces, strings.TrimSuffix(text[:at], "\n"))
		text = text[at:]
	}
}

// wirePrefix is the length of the longest prefix that fits limit and ends between runes; at least one rune.
func wirePrefix(text string, limit int) int {
	size := 0
	for i, r := range text {
		size += utf8.RuneLen(r)
		if r == '\n' {
			size++
		}
		if size > limit && i > 0 {
			return i
		}
	}
	return len(text)
}

// wordBoundary is where to cut at or before end: behind the last white space, if it is in the second half,
// else where no written character is torn apart.
func wordBoundary(text string, end int) int {
	space := strings.LastIndexFunc(text[:end], unicode.IsSpace)
	if space >= end/2 {
		_, size := utf8.DecodeRuneInString(text[space:])
		return space + size
	}
	at := end
	for range 64 { // longer clusters are no writing
		if at == 0 {
			break
		}
		before, size := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at:])
		if !joins(before, after) {
			return at
		}
		at -= size
	}
	return end
}

// joins tells whether two runes belong to one written character: marks, emoji sequences, flags. It may keep
// more together than needed.
func joins(before, after rune) bool {
	const zeroWidthJoiner = 0x200d
	regional := func(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }
	return before == zeroWidthJoiner || after == zeroWidthJoiner ||
		unicode.Is(unicode.M, after) ||
		after >= 0x1f3fb && after <= 0x1f3ff || // skin tones
		after >= 0xe0020 && after <= 0xe007f || // tags
		regional(before) && regional(after)
}

// SplitPayload cuts any payload of [AppendMessage] into chunks of at most [MaxMessagePayload] bytes; one that
// fits is returned as it is. It is for texts, ink and winks; P2P has its own way. newID is as with
// [SplitText].
func SplitPayload(payload []byte, newID func() string) [][]byte {
	if len(payload) <= MaxMessagePayload {
		return [][]byte{payload}
	}
	return chunkPayload(payload, newID(), MaxMessagePayload)
}

// chunkPayload makes chunks that are at most size bytes long, if the header leaves any room.
func chunkPayload(payload []byte, id string, size int) [][]byte {
	header, body := cutHeader(payload)
	id = cutBytes(cleanLine(id), 64)
	first := appendField(bytes.Clone(header), "Message-ID", id)
	later := appendField(nil, "Message-ID", id)
	// Room for the number of chunks, or of this chunk, and for the empty line.
	firstRoom := size - len(first) - len("Chunks: 1024\r\n\r\n")
	laterRoom := size - len(later) - len("Chunk: 1024\r\n\r\n")

	var bodies [][]byte
	for room := firstRoom; len(body) > 0; room = laterRoom {
		n := runeBoundary(body, max(room, utf8.UTFMax))
		bodies = append(bodies, body[:n])
		body = body[n:]
	}
	payloads := make([][]byte, len(bodies))
	for i, piece := range bodies {
		head := endHeader(appendField(bytes.Clone(later), "Chunk", strconv.Itoa(i)))
		if i == 0 {
			head = endHeader(appendField(first, "Chunks", strconv.Itoa(len(bodies))))
		}
		payloads[i] = append(head, piece...)
	}
	return payloads
}

// cutHeader cuts behind the header's last line; the empty line is in neither part.
func cutHeader(payload []byte) (header, body []byte) {
	rest := payload
	for len(rest) > 0 {
		before := len(rest)
		var line []byte
		if line, rest = cutLine(rest); len(line) == 0 {
			return payload[:len(payload)-before], rest
		}
	}
	return payload, nil
}

// runeBoundary is the longest prefix of at most max bytes that does not end inside a UTF-8 sequence. In bytes
// that are not UTF-8 it cuts at max.
func runeBoundary(b []byte, max int) int {
	if len(b) <= max {
		return len(b)
	}
	for n := max; n > max-utf8.UTFMax && n > 0; n-- {
		if utf8.RuneStart(b[n]) {
			return n
		}
	}
	return max
}
