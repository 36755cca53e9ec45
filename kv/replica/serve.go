package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/outbox"
)

// Kinds of requests on the bus.
const (
	kindTerm     = 1                // is this term still yours?
	kindState    = 2                // how far are you?
	kindWrite    = outbox.KindWrite // Forward connections only, as kindRead
	kindRead     = outbox.KindRead
	kindPublish  = 5 // a message for subscribers
	kindPeer     = 6 // who are you?
	kindJoin     = 7 // let me in, or take note of my new addresses
	kindPromise  = 8 // promise to form this cluster and no other
	kindStanding = 9 // does your attempt still stand?
	kindTransfer = 10
	kindRemove   = 11
	kindCrash    = 12 // are you refused by the leader too, and how far does your log go?
	kindIndex    = 16 // how far is the log committed, if you surely lead?
)

// maxBackground bounds requests that are being worked on for other nodes.
const maxBackground = 256

// handle is the bus.Handler of the node.
func (r *Replica) handle(ctx context.Context, from bus.Peer, kind byte, payload []byte, reply func(byte, []byte)) {
	switch kind {
	case kindTerm:
		r.handleTerm(payload, reply)
	case kindState:
		s := r.state()
		reply(bus.StatusOK, s.Append(nil))
	case kindPublish:
		r.handlePublish(payload, reply)
	case kindWrite:
		r.handleWrite(from, payload, reply)
	case kindRead:
		r.background(ctx, reply, func() {
			replies, err := r.readEncoded(ctx, payload)
			switch {
			case errors.Is(err, entry.ErrFormat):
				reply(outbox.StatusMalformed, nil)
			case err != nil:
				reply(outbox.StatusAgain, nil)
			default:
				r.passOn(replies, reply)
			}
		})
	default:
		call := r.controlCall(kind)
		r.background(ctx, reply, func() {
			answer, err := call(ctx, from, payload)
			if err != nil {
				reply(bus.StatusError, []byte(err.Error()))
				return
			}
			reply(bus.StatusOK, answer)
		})
	}
}

// passOn answers with replies, if they are not too large to travel.
func (r *Replica) passOn(replies *engine.Replies, reply func(byte, []byte)) {
	if replies.Cut || !outbox.Fits(replies) {
		reply(outbox.StatusTooLarge, nil)
		return
	}
	reply(bus.StatusOK, entry.AppendReplies(nil, replies))
}

// background works on a request beside the connection's reading, or holds the
// reading up while too much is being worked on.
func (r *Replica) background(ctx context.Context, reply func(byte, []byte), f func()) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	if !r.spawn(func() {
		defer func() { <-r.slots }()
		f()
	}) {
		<-r.slots
		reply(outbox.StatusAgain, nil)
	}
}

// handleWrite checks a forwarded group before it comes near the log.
func (r *Replica) handleWrite(from bus.Peer, payload []byte, reply func(byte, []byte)) {
	var d entry.Decoder
	g, err := d.Group(payload)
	if err != nil || g.Origin.Node != from.Name || from.Purpose != bus.Forward || g.Origin.Oldest > g.Origin.Number {
		reply(outbox.StatusMalformed, nil)
		return
	}
	if !r.route().Self {
		reply(outbox.StatusAgain, nil)
		return
	}
	if err := cmp.Or(r.unknownToSome(g.Cmds), r.refused(g.Cmds)); err != nil {
		reply(outbox.StatusRefused, []byte(err.Error()))
		return
	}
	if !r.outbox.Accept(payload, r.cfg.levelOf(g.Cmds), reply) {
		reply(outbox.StatusAgain, nil)
	}
}

// controlCall returns what answers a request of that kind.
func (r *Replica) controlCall(kind byte) func(context.Context, bus.Peer, []byte) ([]byte, error) {
	switch kind {
	case kindPeer:
		return func(context.Context, bus.Peer, []byte) ([]byte, error) { return r.Peer(), nil }
	case kindJoin:
		return jsonCall(r.roster.Admit)
	case kindPromise:
		return jsonCall(r.former.Promise)
	case kindStanding:
		return jsonCall(r.former.Standing)
	case kindTransfer:
		return func(ctx context.Context, _ bus.Peer, name []byte) ([]byte, error) {
			return nil, r.transferHere(ctx, string(name))
		}
	case kindIndex:
		return func(ctx context.Context, _ bus.Peer, _ []byte) ([]byte, error) { return r.confirmIndex(ctx) }
	case kindCrash:
		return func(ctx context.Context, _ bus.Peer, question []byte) ([]byte, error) {
			return r.crash.Answer(ctx, question)
		}
	case kindRemove:
		return func(ctx context.Context, _ bus.Peer, name []byte) ([]byte, error) {
			return nil, r.removeHere(ctx, string(name))
		}
	}
	return func(context.Context, bus.Peer, []byte) ([]byte, error) {
		return nil, fmt.Errorf("request of unknown kind %d", kind)
	}
}

// jsonCall wraps f, which takes and returns values, into a request's answer.
func jsonCall[Q, A any](f func(context.Context, Q) (A, error)) func(context.Context, bus.Peer, []byte) ([]byte, error) {
	return func(ctx context.Context, _ bus.Peer, payload []byte) ([]byte, error) {
		var q Q
		if err := json.Unmarshal(payload, &q); err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		a, err := f(ctx, q)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	}
}

// ask sends a request of JSON to addr and reads the answer into a.
func (r *Replica) ask(ctx context.Context, addr string, kind byte, q, a any) error {
	conn, err := r.control.Get(ctx, "", addr)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	answer, err := conn.Call(ctx, kind, payload)
	if err != nil || a == nil {
		return err
	}
	if err := json.Unmarshal(answer, a); err != nil {
		return fmt.Errorf("read answer of %s: %w", addr, err)
	}
	return nil
}
