package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
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

// errBusyLine: what waits for this node on the line is too much for the reply to wait too.
var errBusyLine = errors.New("too many replies are on their way: send the same number again")

// line is a connection to the leader. Writes and reads have one each: an answer to a
// write does not wait behind megabytes that somebody reads.
type line struct {
	conn    *bus.Client
	to      string
	dialing bool
}

// dialWait bounds connecting to the leader.
const dialWait = time.Second

// connect returns the connection of l to the leader, or nil while there is none; it
// sees to it that there will be.
func (o *Outbox) connect(ctx context.Context, l *line, addr string) *bus.Client {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.conn != nil {
		select {
		case <-l.conn.Done():
			l.conn = nil
		default:
			return l.conn
		}
	}
	if l.dialing {
		return nil
	}
	l.dialing = true
	o.node.Spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, dialWait)
		defer cancel()
		conn, err := o.node.Connect(ctx, addr)
		if err != nil {
			o.cfg.Logger.Debug("leader cannot be reached", "addr", addr, "err", err)
			pauseFor(ctx, again) // a refused dial must not spin
		}
		o.mu.Lock()
		*l = line{conn: conn, to: addr}
		if o.closed && conn != nil {
			conn.Close()
		}
		o.mu.Unlock()
		o.Nudge()
	})
	return nil
}

// lineOf returns the place in Outbox.lines of what carries reads, or writes.
func lineOf(read bool) int {
	if read {
		return 1
	}
	return 0
}

// disconnect closes the connection of l unless it leads to addr. Frames on it come
// back as lost, and go to the new leader.
func (o *Outbox) disconnect(l *line, addr string) {
	o.mu.Lock()
	conn := l.conn
	if conn == nil || l.to == addr {
		o.mu.Unlock()
		return
	}
	l.conn = nil
	o.mu.Unlock()
	conn.Close()
}

// disconnectAll is disconnect of all lines.
func (o *Outbox) disconnectAll(addr string) {
	for i := range o.lines {
		o.disconnect(&o.lines[i], addr)
	}
}

// forward sends what waits to the leader.
func (o *Outbox) forward(ctx context.Context, addr string) {
	for _, read := range [...]bool{false, true} {
		conn := o.connect(ctx, &o.lines[lineOf(read)], addr)
		if conn == nil {
			continue
		}
		flying := 0
		for _, f := range o.frames {
			if f.read != read {
				continue
			}
			if !f.flying && (!read || o.flow.may(o.frames, len(f.props))) {
				o.send(conn, f)
			}
			flying++
		}
		for ; flying < maxFlying; flying++ {
			f := o.nextFrame(read)
			if f == nil {
				break
			}
			o.send(conn, f)
		}
	}
}

// nextFrame makes a frame of the writes or reads that wait; nil if there are none, or
// none that may be sent now.
func (o *Outbox) nextFrame(read bool) *frame {
	queue, most := &o.writes, math.MaxInt
	if read {
		queue, most = &o.reads, o.flow.most()
		if !o.flow.may(o.frames, most) {
			return nil
		}
	}
	o.mu.Lock()
	props := o.take(queue, most)
	o.mu.Unlock()
	if len(props) == 0 {
		return nil
	}
	f := &frame{read: read}
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
			case bus.StatusBusy:
				a.err = errBusyLine
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
