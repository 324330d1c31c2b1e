package p2p

import (
	"encoding/binary"
	"fmt"
)

const (
	// MaxData2 is how many bytes of data one packet of version 2 carries (p2p.md 12.3).
	MaxData2 = 1222
	// synRoom is what the first packet has less, for what it says of the program.
	synRoom = 16
)

// The parts of a packet of version 2, in bytes.
const (
	minHeader2 = 8
	maxHeader2 = 252

	opcodeSYN = 0x01
	opcodeRAK = 0x02

	tlvPeerInfo  = 1 // in the transport header
	tlvACK       = 2
	tlvNAK       = 3
	tlvRemaining = 1 // in the data header

	flagFirst = 0x01
)

// peerInfo is what official programs write about themselves; nobody looks at it.
var peerInfo = []byte{0x00, 0x02, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x0f, 0x01, 0x00, 0x00}

// Content2 is what the data of a packet of version 2 is.
type Content2 uint8

// The contents. MSNSLP and data preparations have none.
const (
	ContentObject Content2 = 0x04
	ContentFile   Content2 = 0x06
)

// Packet2 is one packet of version 2 (p2p.md 12.2), all of it big-endian on the wire. Without Data and First it carries
// nothing but its header.
type Packet2 struct {
	SYN      bool // the first of its sender; says something of the program
	RAK      bool // asks for an acknowledgement
	Sequence uint32
	// Acknowledges tells that ACK is there: the number that the other side had come to.
	Acknowledges bool
	ACK          uint32
	// NAK asks for what comes from a number on; 0 for none.
	NAK uint32

	First     bool // the first of a message
	Content   Content2
	Package   uint16 // the same for all packets of a message
	SessionID uint32 // 0 for MSNSLP
	Remaining uint64 // bytes of the message behind this packet
	Data      []byte
	Footer    uint32 // AppID of session data, 0 else; not on direct connections

	size uint32 // of data header and data as they came, which may be more than we would write
}

// carries tells whether there is a data header.
func (p Packet2) carries() bool { return p.First || len(p.Data) > 0 }

// length is what the packet adds to the sequence: data header and data, as they came or as they will be written.
func (p Packet2) length() uint32 {
	if p.size != 0 {
		return p.size
	}
	return p.written()
}

// written is the length that Append gives.
func (p Packet2) written() uint32 {
	switch {
	case !p.carries():
		return 0
	case p.Remaining > 0:
		return uint32(minHeader2 + 12 + len(p.Data))
	}
	return uint32(minHeader2 + len(p.Data))
}

// Append writes the packet. Data must not be longer than 60,000 bytes.
func (p Packet2) Append(b []byte) []byte {
	be := binary.BigEndian
	start := len(b)
	var opcode byte
	if p.SYN {
		opcode |= opcodeSYN
	}
	if p.RAK {
		opcode |= opcodeRAK
	}
	b = append(b, 0, opcode)
	b = be.AppendUint16(b, uint16(p.written()))
	b = be.AppendUint32(b, p.Sequence)
	if p.SYN {
		b = append(append(b, tlvPeerInfo, byte(len(peerInfo))), peerInfo...)
	}
	if p.Acknowledges {
		b = be.AppendUint32(append(b, tlvACK, 4), p.ACK)
	}
	if p.NAK != 0 {
		b = be.AppendUint32(append(b, tlvNAK, 4), p.NAK)
	}
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	b[start] = byte(len(b) - start)
	if p.carries() {
		kind := byte(p.Content)
		if p.First {
			kind |= flagFirst
		}
		size := byte(minHeader2)
		if p.Remaining > 0 {
			size += 12
		}
		b = be.AppendUint16(append(b, size, kind), p.Package)
		b = be.AppendUint32(b, p.SessionID)
		if p.Remaining > 0 {
			b = be.AppendUint64(append(b, tlvRemaining, 8), p.Remaining)
			b = append(b, 0, 0)
		}
		b = append(b, p.Data...)
	}
	return be.AppendUint32(b, p.Footer)
}

// ParsePacket2 reads a packet. Data shares memory with b. Parts of the headers that are not known are passed over, and a
// missing footer is none; ErrShort for a packet that is not all there.
func ParsePacket2(b []byte) (Packet2, error) {
	be := binary.BigEndian
	header, rest, err := cutHeader2(b)
	if err != nil {
		return Packet2{}, fmt.Errorf("transport header: %w", err)
	}
	p := Packet2{SYN: header[1]&opcodeSYN != 0, RAK: header[1]&opcodeRAK != 0, Sequence: be.Uint32(header[4:])}
	for kind, value := range fields2(header[minHeader2:]) {
		switch {
		case kind == tlvACK && len(value) == 4:
			p.Acknowledges, p.ACK = true, be.Uint32(value)
		case kind == tlvNAK && len(value) == 4:
			p.NAK = be.Uint32(value)
		}
	}
	length := int(be.Uint16(header[2:]))
	if length > len(rest) {
		return Packet2{}, fmt.Errorf("%w: it says that %d bytes follow its header, %d do", ErrShort, length, len(rest))
	}
	body, rest := rest[:length], rest[length:]
	if len(rest) >= FooterSize {
		p.Footer = be.Uint32(rest)
	}
	if length == 0 {
		return p, nil
	}
	header, p.Data, err = cutHeader2(body)
	if err != nil {
		return Packet2{}, fmt.Errorf("data header: %w", err)
	}
	p.size = uint32(length)
	p.First, p.Content = header[1]&flagFirst != 0, Content2(header[1]&^flagFirst)
	p.Package, p.SessionID = be.Uint16(header[2:]), be.Uint32(header[4:])
	for kind, value := range fields2(header[minHeader2:]) {
		if kind == tlvRemaining && len(value) == 8 {
			p.Remaining = be.Uint64(value)
		}
	}
	if p.Remaining > 1<<40 { // so that sums cannot overflow
		return Packet2{}, fmt.Errorf("%w: %d bytes are said to follow", ErrTooLarge, p.Remaining)
	}
	return p, nil
}

// cutHeader2 cuts off a header, which begins with its length.
func cutHeader2(b []byte) (header, rest []byte, err error) {
	if len(b) < minHeader2 {
		return nil, nil, fmt.Errorf("%w: %d bytes", ErrShort, len(b))
	}
	if size := int(b[0]); size < minHeader2 || size > maxHeader2 || size > len(b) {
		return nil, nil, fmt.Errorf("%w: it says that it has %d bytes of %d", ErrShort, size, len(b))
	}
	return b[:b[0]], b[b[0]:], nil
}

// fields2 goes through the fields of a header: type, length, value. Type 0 ends them.
func fields2(b []byte) func(yield func(kind byte, value []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for len(b) >= 2 && b[0] != 0 && int(b[1]) <= len(b)-2 {
			if !yield(b[0], b[2:2+b[1]]) {
				return
			}
			b = b[2+b[1]:]
		}
	}
}
