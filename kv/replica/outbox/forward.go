package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"pingd/kv/engine"
	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

// Kinds of requests that an outbox sends to another node's.
const (
	KindWrite = 3 // a group for the log
	KindRead  = 4 // commands to read
)

// Status bytes of the replies to them, beside bus.StatusOK.
const (
	StatusAgain     = 16 // surely not done: this node does not lead
	StatusMaybe     = 17 // leadership was lost on the way: send the same number again
	StatusForgotten = 18 // done before, and the replies are gone
	StatusMalformed = 19
	StatusRefused   = 20 // surely not done, nor will it be soon; the payload says why
	StatusTooLarge  = 21 // the replies to these reads do not fit into a frame
)

var (
	errAgain     = errors.New("not done: send again")
	errMaybe     = errors.New("may be done: send the same number again")
	errForgotten = machine.ErrForgotten
	errMalformed = errors.New("leader finds the frame malformed")
	errTooLarge  = errors.New("replies do not fit into a frame")
)

// Fits reports whether replies can travel: a frame that is too large ends the
// connection, and all others on it are lost.
func Fits(r *engine.Replies) bool {
	return len(r.Buf)+binary.MaxVarintLen64*(r.Len()+1) <= bus.MaxFrame
}

// dialWait bounds connecting to the leader.
const dialWait = time.Second

// connect returns the connection to the leader, or nil while there is none; it
// sees to it that there will be.
func (o *Outbox) connect(ctx context.Context, addr string) *bus.Client {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn != nil {
		select {
		case <-o.conn.Done():
			o.conn = nil
		default:
			return o.conn
		}
	}
	if o.dialing {
		return nil
	}
	o.dialing = true
	o.node.Spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, dialWait)
		defer cancel()
		conn, err := o.node.Connect(ctx, addr)
		if err != nil {
			o.cfg.Logger.Debug("leader cannot be reached", "addr", addr, "err", err)
			pauseFor(ctx, again) // a refused dial must not spin
		}
		o.mu.Lock()
		o.dialing, o.conn, o.connTo = false, conn, addr
		if o.closed && conn != nil {
			conn.Close()
		}
		o.mu.Unlock()
		o.Nudge()
	})
	return nil
}

// disconnect closes the connection unless it leads to addr. Frames on it come
// back as lost, and go to the new leader.
func (o *Outbox) disconnect(addr string) {
	o.mu.Lock()
	conn := o.conn
	if conn == nil || o.connTo == addr {
		o.mu.Unlock()
		return
	}
	o.conn = nil
	o.mu.Unlock()
	conn.Close()
}

// forward sends what waits to the leader.
func (o *Outbox) forward(conn *bus.Client) {
	flying := 0
	for _, f := range o.frames {
		if !f.flying {
			o.send(conn, f)
		}
		flying++
	}
	for ; flying < maxFlying; flying++ {
		f := o.nextFrame()
		if f == nil {
			return
		}
		o.send(conn, f)
	}
}

// nextFrame makes a frame of all that waits, writes first; nil if nothing does.
func (o *Outbox) nextFrame() *frame {
	o.mu.Lock()
	f := &frame{}
	props := o.take(&o.writes)
	if len(props) == 0 {
		f.read = true
		props = o.take(&o.reads)
	}
	o.mu.Unlock()
	if len(props) == 0 {
		return nil
	}
	var origin entry.Origin
	if !f.read {
		origin = o.origin()
		f.number = origin.Number
	}
	f.fill(nil, props, origin)
	o.frames = append(o.frames, f)
	return f
}

// send hands f to the connection.
func (o *Outbox) send(conn *bus.Client, f *frame) {
	kind := byte(KindWrite)
	if f.read {
		kind = KindRead
	}
	f.flying = true
	err := conn.Start(kind, f.body, func(status byte, payload []byte, err error) {
		a := answer{f: f, err: err}
		if err == nil {
			switch status {
			case bus.StatusOK:
				a.replies, a.err = entry.ParseReplies(payload)
			case StatusAgain:
				a.err = errAgain
			case StatusForgotten:
				a.err = errForgotten
			case StatusMalformed:
				a.err = errMalformed
			case StatusTooLarge:
				a.err = errTooLarge
			case StatusRefused:
				a.err = Refused(string(payload))
			default:
				a.err = errMaybe
			}
		}
		o.answered(a)
	})
	if err != nil {
		f.flying = false
	}
}

// pauseFor waits for d or for the end of ctx.
func pauseFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
