package p2p

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// HeaderSize and FooterSize are what surrounds the data of a packet of version 1, in bytes.
	HeaderSize = 48
	FooterSize = 4
	// MaxData is how many bytes of data one packet carries through a switchboard (p2p.md 3).
	MaxData = 1202
)

// Flag is the kind of a packet (p2p.md 4). WLM adds bits above the low 16, which do not matter.
type Flag uint32

// The flags. What is not listed is not for this protocol.
const (
	FlagNone            Flag = 0x00 // MSNSLP text, or data preparation
	FlagNAK             Flag = 0x01 // send again from AckDataSize
	FlagACK             Flag = 0x02
	FlagObject          Flag = 0x20
	FlagFile            Flag = 0x30
	FlagSenderGivesUp   Flag = 0x40
	FlagReceiverGivesUp Flag = 0x80
	FlagKey             Flag = 0x100 // handshake of a direct connection
)

// Header is the binary header of version 1; every field is little-endian on the wire.
type Header struct {
	SessionID     uint32 // 0 for MSNSLP
	Identifier    uint32 // of the message; all its packets have the same
	Offset        uint64
	TotalSize     uint64
	MessageLength uint32
	Flags         Flag
	AckIdentifier uint32 // dw1: random, or the Identifier that is acknowledged
	AckUniqueID   uint32 // dw2: 0, or the dw1 that is acknowledged
	AckDataSize   uint64
}

// Kind is the flags without the bits that do not matter.
func (h Header) Kind() Flag { return h.Flags & 0xFFFF }

// Packet is one packet as it travels in a switchboard message. Footer is the AppID of session data, 0 else.
type Packet struct {
	Header
	Data   []byte
	Footer uint32
}

// ErrShort is for bytes that are too few to be a packet.
var ErrShort = errors.New("the packet is too short")

// ParsePacket reads a packet. Data shares memory with b. A wrong MessageLength gives way to the bytes that
// there are, as some programs write 0 or that of the packet before (real-clients.md).
func ParsePacket(b []byte) (Packet, error) {
	if len(b) < HeaderSize {
		return Packet{}, fmt.Errorf("%w: %d bytes, the header alone has %d", ErrShort, len(b), HeaderSize)
	}
	le := binary.LittleEndian
	p := Packet{Header: Header{
		SessionID: le.Uint32(b), Identifier: le.Uint32(b[4:]), Offset: le.Uint64(b[8:]), TotalSize: le.Uint64(b[16:]),
		MessageLength: le.Uint32(b[24:]), Flags: Flag(le.Uint32(b[28:])), AckIdentifier: le.Uint32(b[32:]),
		AckUniqueID: le.Uint32(b[36:]), AckDataSize: le.Uint64(b[40:]),
	}}
	rest := b[HeaderSize:]
	if len(rest) >= FooterSize {
		p.Footer = binary.BigEndian.Uint32(rest[len(rest)-FooterSize:])
		rest = rest[:len(rest)-FooterSize]
	} else {
		rest = nil
	}
	p.Data = rest
	p.MessageLength = uint32(len(rest)) // bounded by the switchboard message that brought it
	return p, nil
}

// Append writes the packet. MessageLength is that of the data.
func (p Packet) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, p.SessionID)
	b = le.AppendUint32(b, p.Identifier)
	b = le.AppendUint64(b, p.Offset)
	b = le.AppendUint64(b, p.TotalSize)
	b = le.AppendUint32(b, uint32(len(p.Data)))
	b = le.AppendUint32(b, uint32(p.Flags))
	b = le.AppendUint32(b, p.AckIdentifier)
	b = le.AppendUint32(b, p.AckUniqueID)
	b = le.AppendUint64(b, p.AckDataSize)
	b = append(b, p.Data...)
	return binary.BigEndian.AppendUint32(b, p.Footer)
}

// acknowledges is the acknowledgement of a whole message, of which p is the last packet.
func (p Packet) acknowledgement(identifier uint32) Packet {
	return Packet{Header: Header{
		SessionID: p.SessionID, Identifier: identifier, TotalSize: p.TotalSize, Flags: FlagACK,
		AckIdentifier: p.Identifier, AckUniqueID: p.AckIdentifier, AckDataSize: p.TotalSize,
	}}
}
