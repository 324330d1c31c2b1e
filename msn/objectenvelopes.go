package msn

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-msn/matrix-msn/msn/internal/wire"
	"github.com/matrix-msn/matrix-msn/msn/p2p"
)

// Transfers in MSNP21: packets of version 2 between two places, in SDG (core.md 13.3).

const (
	// channelTransfer is the channel of packets and signals.
	channelTransfer = "PE"
	// maxEnvelopePackets bounds how many packets one SDG may bring.
	maxEnvelopePackets = 64
)

// envelopeWay carries transfers over the notification connection.
type envelopeWay struct{ nc *notificationConn }

// carry sends parcels to one place. SDG is not confirmed, but a refusal comes before the answer to a ping, which follows a few of them.
func (w envelopeWay) carry(ctx context.Context, to string, parcels []parcel) error {
	account, place, _ := strings.Cut(to, ";")
	address := addressOfPassport(account)
	address.EndpointID = strings.Trim(place, "{}")
	for batch := range slices.Chunk(parcels, transferWindow) {
		last := len(batch) - 1
		for _, one := range batch[:last] {
			if err := w.nc.tell(ctx, w.command(address, one)); err != nil {
				return err
			}
		}
		if err := w.nc.unrefused(ctx, w.command(address, batch[last])); err != nil {
			return err
		}
	}
	return nil
}

// command puts a parcel into an envelope.
func (w envelopeWay) command(to wire.Address, one parcel) wire.Command {
	e := sdgAll.envelope(sdgData, typeP2P, one.data)
	more := []wire.Header{{Name: "Content-Transfer-Encoding", Value: "binary"}, {Name: "Bridging-Offsets", Value: "0"}}
	if one.signal {
		e, more = sdgAll.envelope(sdgSignal+"/"+sdgP2P, typeText, one.data), nil
	}
	e.Routing = append(w.nc.routing(to), wire.Header{Name: "Service-Channel", Value: channelTransfer}, wire.Header{Name: "Options", Value: "0"})
	e.Content = append(e.Content, more...)
	cmd := command("SDG")
	cmd.Payload = e.Append(nil)
	return cmd
}

// transferred takes SDG that is about a transfer. ok is false for any other.
func (nc *notificationConn) transferred(e *wire.Envelope, sender string) (ok bool) {
	kind, subtype, _ := strings.Cut(e.Get("Message-Type"), "/")
	if subtype == "" {
		subtype = e.Get("Message-Subtype")
	}
	data := strings.EqualFold(kind, sdgData)
	if signal := strings.EqualFold(kind, sdgSignal) && strings.EqualFold(subtype, sdgP2P); !data && !signal {
		return false
	}
	place, mine := e.From().EndpointID, e.To().EndpointID
	if !nc.dialect.p2p2 || place == "" || sender == nc.cfg.Passport || mine != "" && mine != nc.cfg.MachineGUID {
		return true // for another place, or from one that does not say which it is
	}
	nc.client.objects.take(nc.client, envelopeWay{nc}, sender+";{"+place+"}", func(l *p2p.Link, now time.Time) (err error) {
		if !data {
			return l.ReceiveSignal(now, e.Body)
		}
		for _, packet := range splitPackets(e.Get("Bridging-Offsets"), e.Body) {
			if wrong := l.Receive(now, packet); err == nil {
				err = wrong
			}
		}
		return err
	})
	return true
}

// splitPackets cuts a body where its packets begin, "0,1252". What makes no sense is one packet.
func splitPackets(offsets string, body []byte) (packets [][]byte) {
	begin := 0
	for i, word := range strings.Split(offsets, ",") {
		offset, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || offset < begin || offset > len(body) || i >= maxEnvelopePackets {
			return [][]byte{body}
		}
		if offset > begin {
			packets = append(packets, body[begin:offset])
		}
		begin = offset
	}
	return append(packets, body[begin:])
}
