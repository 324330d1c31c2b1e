package p2p

import "fmt"

// framing is the binary layer under the sessions: it puts what one side has to say into packets, and takes the packets of the other
// side apart. There are two versions of it (p2p.md 4 and 12); what is said in them is the same.
type framing interface {
	// pack makes the packets of a message, and the number that stands for it in acknowledgements.
	pack(m message) (packets [][]byte, id uint32)
	// unpack reads a packet of the other side.
	unpack(b []byte) (arrival, error)
	// acknowledge makes the packet that says that a message has come, of which this was the last piece; nil if unpack has answered it.
	acknowledge(p *piece) []byte
	// covers tells whether an acknowledgement is one of our message id, too.
	covers(acknowledged, id uint32) bool
	// bodyFields are what the bodies of texts have behind the SessionID.
	bodyFields() []Field
}

// content is what a message is.
type content uint8

const (
	slpText     content = iota
	preparation         // of a session's data: four zero bytes
	objectData
)

// message is what one side says in one go.
type message struct {
	content   content
	sessionID uint32 // 0 for texts
	appID     uint32 // 0 for texts
	data      []byte
}

// arrival is what a packet brings; any of it may be missing.
type arrival struct {
	answer       []byte // a packet to be sent at once
	acknowledged bool
	id           uint32 // what is acknowledged
	broken       uint32 // the session that the other side has broken off
	piece        *piece
}

// piece is a part of a message.
type piece struct {
	message       uint32 // the same for all pieces of a message
	sessionID     uint32
	content       content
	offset, total uint64 // in and of the message, in bytes
	data          []byte
	packet        *Packet // of version 1, to be acknowledged
}

// framing1 is version 1: a header with offset and size, and an acknowledgement of each message as a whole.
type framing1 struct{ next uint32 } // Identifier of the last message

func (f *framing1) bodyFields() []Field { return nil }

func (f *framing1) covers(acknowledged, id uint32) bool { return acknowledged == id }

func (f *framing1) identifier() uint32 {
	f.next++
	return f.next
}

func (f *framing1) pack(m message) (packets [][]byte, id uint32) {
	h := Header{SessionID: m.sessionID, Identifier: f.identifier(), TotalSize: uint64(len(m.data)), AckIdentifier: randomBelow(1<<31-1) + 1}
	if m.content == objectData {
		h.Flags = FlagObject
	}
	for data, first := m.data, true; first || len(data) > 0; first = false {
		part := data[:min(len(data), MaxData)]
		packets = append(packets, Packet{Header: h, Data: part, Footer: m.appID}.Append(nil))
		h.Offset += uint64(len(part))
		data = data[len(part):]
	}
	return packets, h.Identifier
}

func (f *framing1) unpack(b []byte) (arrival, error) {
	p, err := ParsePacket(b)
	if err != nil {
		return arrival{}, err
	}
	switch kind := p.Kind(); {
	case kind&FlagACK != 0:
		return arrival{acknowledged: true, id: p.AckIdentifier}, nil
	case kind == FlagNAK, kind == FlagKey:
		return arrival{}, nil
	case kind&(FlagSenderGivesUp|FlagReceiverGivesUp) != 0:
		return arrival{acknowledged: true, id: p.AckIdentifier, broken: p.SessionID}, nil // some answer a BYE so
	}
	part := &piece{message: p.Identifier, sessionID: p.SessionID, content: objectData, offset: p.Offset, total: p.TotalSize, data: p.Data, packet: &p}
	switch {
	case p.SessionID == 0:
		part.content, part.total = slpText, max(p.TotalSize, uint64(len(p.Data)))
	case p.Kind() == FlagNone && p.TotalSize == 4:
		part.content = preparation
	}
	return arrival{piece: part}, nil
}

func (f *framing1) acknowledge(p *piece) []byte {
	return p.packet.acknowledgement(f.identifier()).Append(nil)
}

// maxParts bounds how many messages of version 2 may be incomplete: texts and data of sessions.
const maxParts = maxAssemblies + maxSessions

// framing2 is version 2: both sides count the bytes that they have sent, and acknowledge a number that they have come to.
type framing2 struct {
	sequence uint32 // what we have sent
	began    bool   // our SYN is on its way
	packages uint16 // messages of several packets, so far
	parts    map[partKey]uint64
}

// partKey names a message that comes in several packets. Its value is the size of the whole.
type partKey struct {
	sessionID uint32
	number    uint16
}

// sessionFields are what version 2 says of every session.
var sessionFields = []Field{{"SChannelState", "0"}, {"Capabilities-Flags", "1"}}

func (f *framing2) bodyFields() []Field { return sessionFields }

// covers is true for what was sent before: numbers wrap.
func (f *framing2) covers(acknowledged, id uint32) bool { return int32(acknowledged-id) >= 0 }

// seal gives a packet its place among ours.
func (f *framing2) seal(p Packet2) []byte {
	p.Sequence = f.sequence
	f.sequence += p.length()
	return p.Append(nil)
}

func (f *framing2) pack(m message) (packets [][]byte, id uint32) {
	p := Packet2{SessionID: m.sessionID, Footer: m.appID, First: true}
	if m.content == objectData {
		p.Content = ContentObject
	}
	if len(m.data) > MaxData2-synRoom {
		f.packages++
		p.Package = f.packages
	}
	for data := m.data; p.First || len(data) > 0; p.First = false {
		room := MaxData2
		if p.SYN = !f.began; p.SYN {
			f.began = true
			room -= synRoom
		}
		part := data[:min(len(data), room)]
		data = data[len(part):]
		p.Data, p.Remaining = part, uint64(len(data))
		p.RAK = p.SYN || len(data) == 0
		packets = append(packets, f.seal(p))
	}
	return packets, f.sequence
}

func (f *framing2) unpack(b []byte) (arrival, error) {
	p, err := ParsePacket2(b)
	if err != nil {
		return arrival{}, err
	}
	a := arrival{acknowledged: p.Acknowledges, id: p.ACK}
	if p.RAK {
		answer := Packet2{Acknowledges: true, ACK: p.Sequence + p.length()}
		if p.SYN && !p.Acknowledges { // they begin, perhaps anew: their first packet is answered by such a one of ours
			answer.SYN, answer.RAK, f.began = true, true, true
		}
		a.answer = f.seal(answer)
	}
	if p.length() == 0 {
		return a, nil
	}
	a.piece, err = f.place(p)
	return a, err
}

// place finds out where in its message a packet belongs.
func (f *framing2) place(p Packet2) (*piece, error) {
	key := partKey{p.SessionID, p.Package}
	here := uint64(len(p.Data))
	total, known := f.parts[key]
	switch {
	case p.First:
		total = here + p.Remaining
		if p.Remaining > 0 && !known && len(f.parts) >= maxParts {
			return nil, fmt.Errorf("%d messages are incomplete: %w", len(f.parts), ErrTooMany)
		}
		if p.Remaining > 0 {
			if f.parts == nil {
				f.parts = make(map[partKey]uint64)
			}
			f.parts[key] = total
		}
	case !known:
		return nil, fmt.Errorf("%w: a packet of session %d came whose message has not begun", ErrBroken, p.SessionID)
	case here+p.Remaining > total:
		return nil, fmt.Errorf("%w: a packet of session %d does not fit into its message", ErrTooLarge, p.SessionID)
	}
	if p.Remaining == 0 {
		delete(f.parts, key)
	}
	part := &piece{message: uint32(p.Package), sessionID: p.SessionID, content: objectData, offset: total - here - p.Remaining, total: total, data: p.Data}
	switch {
	case p.SessionID == 0:
		part.content = slpText
	case p.Content == 0 && total == 4:
		part.content = preparation
	}
	return part, nil
}

func (f *framing2) acknowledge(*piece) []byte { return nil }
