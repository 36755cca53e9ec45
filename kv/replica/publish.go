package replica

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"pingd/kv/replica/bus"
)

// publishWait bounds waiting for other nodes: a node that is away has nobody
// listening either.
const publishWait = 300 * time.Millisecond

// OnPublish sets what delivers messages to subscribers of this node; it returns
// how many there were, and must not block. It is called before Run.
func (r *Replica) OnPublish(f func(channel, payload []byte) int64) { r.publish.Store(&f) }

func (r *Replica) publishHere(channel, payload []byte) int64 {
	if f := r.publish.Load(); f != nil {
		return (*f)(channel, payload)
	}
	return 0
}

// Publish delivers a message to the subscribers of every node and returns how
// many there were on the nodes that answered. Messages do not go through the
// log: a node that is away misses them, as in Redis (PUBLISH). ErrLargeMessage says
// that nobody got it.
func (r *Replica) Publish(ctx context.Context, channel, payload []byte) (int64, error) {
	msg := binary.AppendUvarint(make([]byte, 0, len(channel)+len(payload)+8), uint64(len(channel)))
	msg = append(append(msg, channel...), payload...)
	if len(msg) > bus.MaxFrame {
		return 0, ErrLargeMessage
	}
	var total atomic.Int64
	answers, sent := make(chan struct{}, 16), 0
	for _, s := range r.servers() {
		if string(s.ID) == r.cfg.Name {
			continue
		}
		conn := r.control.Have(r.ctx, string(s.ID), r.roster.Addr(s))
		if conn == nil {
			continue
		}
		err := conn.Start(kindPublish, msg, func(status byte, b []byte, err error) {
			if n, _ := binary.Uvarint(b); err == nil && status == bus.StatusOK {
				total.Add(int64(n))
			}
			select {
			case answers <- struct{}{}:
			default:
			}
		})
		if err == nil {
			sent++
		}
	}
	total.Add(r.publishHere(channel, payload))
	t := time.NewTimer(publishWait)
	defer t.Stop()
	for range min(sent, cap(answers)) {
		select {
		case <-answers:
		case <-t.C:
			return total.Load(), nil
		case <-ctx.Done():
			return total.Load(), nil
		}
	}
	return total.Load(), nil
}

func (r *Replica) handlePublish(payload []byte, reply func(byte, []byte)) {
	size, n := binary.Uvarint(payload)
	if n <= 0 || size > uint64(len(payload)-n) {
		reply(bus.StatusError, nil)
		return
	}
	rest := payload[n:]
	got := r.publishHere(rest[:size:size], rest[size:])
	reply(bus.StatusOK, binary.AppendUvarint(nil, uint64(got)))
}
