package msn

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of chunked messages (core.md 12.10).
const (
	maxChunks      = 1024             // of one message
	maxChunkBytes  = 1 << 20          // of all unfinished messages of a Reassembler
	maxOpenChunked = 32               // unfinished messages of a Reassembler
	chunkLifetime  = 60 * time.Second // since the last chunk
	chunkOverhead  = 64               // what a stored chunk costs besides its bytes
)

// ErrBrokenChunks says that the chunks of a message do not fit each other or exceed the limits.
var ErrBrokenChunks = errors.New("a message in pieces cannot be joined")

// Reassembler joins chunked messages of one conversation (core.md 12.10). The zero value is ready. It is not
// safe for concurrent use. It keeps at most 32 unfinished messages of 1 MiB together, and takes at most
// 1024 chunks for one message.
//
// Nothing is dropped in silence: a message that cannot be completed is handed out with what there is of
// it, by [Reassembler.Add], [Reassembler.Expired] or [Reassembler.Drain].
type Reassembler struct {
	open map[chunkKey]*chunkSet
	size int // bytes of all sets
}

// Two senders may use the same Message-ID.
type chunkKey struct{ sender, id string }

type chunk struct {
	index, want  int    // want is 0 but in the first one
	header, body []byte // header is nil but in the first one
}

type chunkSet struct {
	header []byte         // of the first chunk, without Chunks; nil until it came
	want   int            // 0 until the first came
	last   int            // the highest index so far
	bodies map[int][]byte // by index, 0 is the first
	size   int
	touch  time.Time
}

// Partial is what there is of a chunked message that will not be completed.
type Partial struct {
	Sender string
	// Payload is fit for [ParseMessage]: the pieces that came, in order. Without the first piece its
	// content type is not known.
	Payload []byte
	// Have is the number of chunks that came, Want the number that the message has, 0 if not known.
	Have, Want int
}

// Add takes the payload of a MSG, of which it keeps no part. A payload that is no chunk comes back at once, with ok true. The last chunk
// of a message, in whatever order they come, brings the whole payload: the first chunk's header with
// its Message-ID and the joined body.
//
// An error, always an [ErrBrokenChunks], says that a message cannot be completed; complete is then what
// there is of it, as in [Partial], and is not kept any longer. Sender is compared byte by byte.
func (r *Reassembler) Add(sender string, payload []byte, now time.Time) (complete []byte, ok bool, err error) {
	fields, body, err := parseFields(payload)
	if err != nil {
		return payload, true, nil // the parser of messages says what is wrong
	}
	id, total, number := fieldValue(fields, "Message-ID"), fieldValue(fields, "Chunks"), fieldValue(fields, "Chunk")
	if id == "" || total == "" && number == "" {
		return payload, true, nil
	}
	index, want, err := chunkNumbers(total, number)
	if err != nil {
		return payload, false, err
	}
	c := chunk{index: index, want: want, body: body}
	if index == 0 {
		c.header = headerWithout(fields, "Chunks")
	}
	return r.join(chunkKey{sender, id}, c, now)
}

// join puts a chunk to its message.
func (r *Reassembler) join(key chunkKey, c chunk, now time.Time) (complete []byte, ok bool, err error) {
	set := r.open[key]
	if set == nil {
		set = &chunkSet{bodies: make(map[int][]byte)}
	}
	lost := set.objection(c)
	cost := len(c.header) + len(c.body) + len(key.sender) + len(key.id) + chunkOverhead
	switch {
	case lost != "":
	case set.has(c.index):
		return nil, false, nil // the same once more
	case len(set.bodies) == 0 && len(r.open) >= maxOpenChunked:
		lost = "too many messages in pieces at once"
	case r.size+cost > maxChunkBytes:
		lost = "too many bytes in pieces"
	}
	if lost != "" {
		delete(r.open, key)
		r.size -= set.size
		partial := set.payload(key.id, c.header)
		return append(partial, c.body...), false, fmt.Errorf("%w: %s", ErrBrokenChunks, lost)
	}
	set.add(c, cost, now)
	if set.want == len(set.bodies) {
		if r.open[key] != nil {
			delete(r.open, key)
			r.size -= set.size - cost
		}
		return set.payload(key.id, nil), true, nil
	}
	if r.open == nil {
		r.open = make(map[chunkKey]*chunkSet)
	}
	r.open[key] = set
	r.size += cost
	return nil, false, nil
}

// Expired takes out and returns the messages of which no chunk came for 60 s, oldest first. Call it now and then.
func (r *Reassembler) Expired(now time.Time) []Partial {
	return r.take(func(set *chunkSet) bool { return now.Sub(set.touch) >= chunkLifetime })
}

// Drain takes out and returns all unfinished messages, oldest first: for the end of a conversation.
func (r *Reassembler) Drain() []Partial {
	return r.take(func(*chunkSet) bool { return true })
}

func (r *Reassembler) take(which func(*chunkSet) bool) []Partial {
	var keys []chunkKey
	for key, set := range r.open {
		if which(set) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b chunkKey) int {
		return cmp.Or(r.open[a].touch.Compare(r.open[b].touch), cmp.Compare(a.sender, b.sender), cmp.Compare(a.id, b.id))
	})
	var partials []Partial
	for _, key := range keys {
		set := r.open[key]
		partials = append(partials, Partial{key.sender, set.payload(key.id, nil), len(set.bodies), set.want})
		delete(r.open, key)
		r.size -= set.size
	}
	return partials
}

// chunkNumbers reads Chunks (of the first piece, whose index is 0) or Chunk (of the later ones).
func chunkNumbers(total, number string) (index, want int, err error) {
	if total != "" {
		want, err = strconv.Atoi(total)
		if err != nil || want < 1 || want > maxChunks {
			return 0, 0, fmt.Errorf("%w: not a number of chunks from 1 to %d", ErrBrokenChunks, maxChunks)
		}
		return 0, want, nil
	}
	index, err = strconv.Atoi(number)
	if err != nil || index < 1 || index >= maxChunks {
		return 0, 0, fmt.Errorf("%w: not a chunk's number from 1 to %d", ErrBrokenChunks, maxChunks-1)
	}
	return index, 0, nil
}

// headerWithout is the header block with one field left out, the empty line included.
func headerWithout(fields []Field, name string) []byte {
	var b []byte
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			b = appendField(b, f.Name, f.Value)
		}
	}
	return endHeader(b)
}

// objection says why a chunk does not fit the others, or "".
func (set *chunkSet) objection(c chunk) string {
	want := max(set.want, c.want)
	switch body, seen := set.bodies[c.index]; {
	case seen && (!bytes.Equal(body, c.body) || c.want != 0 && c.want != set.want):
		return "two pieces claim the same place"
	case want != 0 && max(set.last, c.index) >= want:
		return "a piece lies behind the last one"
	}
	return ""
}

func (set *chunkSet) has(index int) bool {
	_, seen := set.bodies[index]
	return seen
}

func (set *chunkSet) add(c chunk, cost int, now time.Time) {
	if c.index == 0 {
		set.header, set.want = c.header, c.want
	}
	set.bodies[c.index] = bytes.Clone(c.body)
	set.last = max(set.last, c.index)
	set.size += cost
	set.touch = now
}

// payload is what there is, in order. Without the first piece, and without another header to take, it has none
// but the Message-ID.
func (set *chunkSet) payload(id string, header []byte) []byte {
	var b []byte
	switch {
	case set.header != nil:
		b = append(b, set.header...)
	case header != nil:
		b = append(b, header...)
	default:
		b = endHeader(appendField(b, "Message-ID", id))
	}
	for _, index := range slices.Sorted(maps.Keys(set.bodies)) {
		b = append(b, set.bodies[index]...)
	}
	return b
}

// ChunkID is the Message-ID of a payload, "" for none: a chunked message has the only name that MSNP gives to
// messages.
func ChunkID(payload []byte) string {
	fields, _, err := parseFields(payload)
	if err != nil {
		return ""
	}
	return fieldValue(fields, "Message-ID")
}
