package replica

import (
	"context"
	"errors"
	"time"

	"pingd/kv/replica/bus"
	"pingd/kv/replica/entry"
	"pingd/kv/replica/machine"
)

// Status bytes of replies on forward connections.
const (
	statusOK        = bus.StatusOK
	statusAgain     = 16 // surely not done: this node does not lead
	statusMaybe     = 17 // leadership was lost on the way: send the same number again
	statusForgotten = 18 // done before, and the replies are gone
	statusMalformed = 19
)

var (
	errAgain     = errors.New("not done: send again")
	errMaybe     = errors.New("may be done: send the same number again")
	errForgotten = machine.ErrForgotten
	errMalformed = errors.New("leader finds the frame malformed")
)

// dialWait bounds connecting to the leader.
const dialWait = time.Second

// connect returns the connection to the leader, or nil while there is none; it
// sees to it that there will be.
func (o *outbox) connect(ctx context.Context, addr string) *bus.Client {
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
	o.r.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, dialWait)
		defer cancel()
		conn, err := o.r.bus.Connect(ctx, addr, bus.Forward)
		if err != nil {
			o.r.log.Debug("leader cannot be reached", "addr", addr, "err", err)
			waitFor(ctx, again) // a refused dial must not spin
		}
		o.mu.Lock()
		o.dialing, o.conn, o.connTo = false, conn, addr
		if o.closed && conn != nil {
			conn.Close()
		}
		o.mu.Unlock()
		o.nudge()
	})
	return nil
}

// disconnect closes the connection unless it leads to addr. Frames on it come
// back as lost, and go to the new leader.
func (o *outbox) disconnect(addr string) {
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
func (o *outbox) forward(conn *bus.Client) {
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
func (o *outbox) nextFrame() *frame {
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
func (o *outbox) send(conn *bus.Client, f *frame) {
	kind := byte(kindWrite)
	if f.read {
		kind = kindRead
	}
	f.flying = true
	err := conn.Start(kind, f.body, func(status byte, payload []byte, err error) {
		a := answer{f: f, err: err}
		if err == nil {
			switch status {
			case statusOK:
				a.replies, a.err = entry.ParseReplies(payload)
			case statusAgain:
				a.err = errAgain
			case statusForgotten:
				a.err = errForgotten
			case statusMalformed:
				a.err = errMalformed
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

// waitFor waits for d or for the end of ctx.
func waitFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
