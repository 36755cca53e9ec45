package outbox

import (
	"sync"
	"time"

	"pingd/kv/server/settings"
)

// Config says where an Outbox leads. All fields are required.
type Config struct {
	Send  func([]byte) error     // writes to the client; by one goroutine at a time
	Limit func() *settings.Limit // what a client may leave unread of what was added
	Cut   func(reason string)    // disconnects a client that left more; must not block
	Lost  func()                 // hears that sending what was added failed
}

// Outbox is the way to one client: replies that its own connection writes, and
// messages that others add at any time, in one order. Create it with New. Add and
// Size are safe for concurrent use; Write and Finish are the connection's.
type Outbox struct {
	cfg  Config
	wake chan struct{} // capacity 1; nil until the first Add
	done chan struct{} // closed when the sender has ended

	mu        sync.Mutex
	idle      sync.Cond // sending has become false
	sending   bool      // somebody is in Send
	pending   []byte    // added, not yet sent
	inFlight  int       // bytes of what was added that are being sent
	softSince time.Time // when the soft limit was exceeded; zero = it is not
	finished  bool      // nothing is added any more
}

// keep is how large a buffer is kept for reuse.
const keep = 64 << 10

// New returns an empty outbox.
func New(cfg Config) *Outbox {
	o := &Outbox{cfg: cfg}
	o.idle.L = &o.mu
	return o
}

// Write sends b, after what was added before, and returns when that is done.
func (o *Outbox) Write(b []byte) error {
	o.mu.Lock()
	for o.sending {
		o.idle.Wait()
	}
	o.sending = true
	before := o.take(nil)
	o.mu.Unlock()
	var err error
	if len(before) > 0 {
		err = o.cfg.Send(before)
	}
	if err == nil {
		err = o.cfg.Send(b)
	}
	o.mu.Lock()
	o.sent()
	more := len(o.pending) > 0
	o.mu.Unlock()
	if more {
		o.nudge()
	}
	return err
}

// take hands out what is pending. The outbox is locked.
func (o *Outbox) take(spare []byte) []byte {
	b := o.pending
	o.pending, o.inFlight = spare[:0], len(b)
	return b
}

// sent ends a send. The outbox is locked.
func (o *Outbox) sent() {
	o.sending, o.inFlight = false, 0
	o.idle.Signal()
}

// Add appends b, which is copied; push marks it as an out-of-band message of
// RESP3. It does not wait. A client that has left too much unread is cut.
func (o *Outbox) Add(b []byte, push bool) {
	o.mu.Lock()
	if o.finished {
		o.mu.Unlock()
		return
	}
	at := len(o.pending)
	o.pending = append(o.pending, b...)
	if push {
		o.pending[at] = '>'
	}
	over := o.over(len(o.pending) + o.inFlight)
	if o.wake == nil {
		o.wake, o.done = make(chan struct{}, 1), make(chan struct{})
		go o.run() // ends with Finish, which waits for it
	}
	o.mu.Unlock()
	if over {
		o.cfg.Cut("unread output exceeds client-output-buffer-limit pubsub")
	}
	o.nudge()
}

// Size returns how many bytes of what was added the client has not taken.
func (o *Outbox) Size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending) + o.inFlight
}

// over reports whether size bytes exceed the limit of the class pubsub.
func (o *Outbox) over(size int) bool {
	limit := o.cfg.Limit()
	if limit.Hard > 0 && int64(size) > limit.Hard {
		return true
	}
	if limit.Soft == 0 || int64(size) <= limit.Soft {
		o.softSince = time.Time{}
		return false
	}
	now := time.Now()
	if o.softSince.IsZero() {
		o.softSince = now
	}
	return now.Sub(o.softSince) > time.Duration(limit.SoftSeconds)*time.Second
}

func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends what is added until Finish, or until sending fails.
func (o *Outbox) run() {
	defer close(o.done)
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		if o.sending { // Write will nudge again
			o.mu.Unlock()
			continue
		}
		b, finished := o.take(spare), o.finished
		o.sending = len(b) > 0
		o.mu.Unlock()
		if len(b) > 0 {
			err := o.cfg.Send(b)
			o.mu.Lock()
			o.sent()
			o.mu.Unlock()
			if err != nil {
				o.cfg.Lost()
				return
			}
		}
		if finished {
			return
		}
		if spare = b[:0]; cap(b) > keep {
			spare = nil
		}
	}
}

// Finish accepts nothing more and waits until the rest has been sent.
func (o *Outbox) Finish() {
	o.mu.Lock()
	o.finished = true
	running := o.wake != nil
	o.mu.Unlock()
	if running {
		o.nudge()
		<-o.done
	}
}
