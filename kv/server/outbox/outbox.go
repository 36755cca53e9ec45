package outbox

import (
	"sync"
	"time"

	"pingd/kv/server/settings"
)

// Config says where an Outbox leads. All fields are required.
type Config struct {
	Send  func([]byte) error     // writes to the client; called by Run alone
	Limit func() *settings.Limit // what a client may leave unread
	Cut   func(reason string)    // disconnects a client that left more; must not block
}

// Outbox holds what a client has not taken yet, in the order in which it must see
// it. Create it with New. Add, Size and Finish are safe for concurrent use.
type Outbox struct {
	cfg  Config
	wake chan struct{} // capacity 1
	done chan struct{} // closed when Run has ended

	mu        sync.Mutex
	pending   []byte
	inFlight  int       // bytes being written
	softSince time.Time // when the soft limit was exceeded; zero = it is not
	finished  bool      // nothing is added any more
}

// keep is how large a buffer is kept for reuse.
const keep = 64 << 10

// New returns an empty outbox. Nothing is sent until Run.
func New(cfg Config) *Outbox {
	return &Outbox{cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Add appends b, which is copied; push marks it as an out-of-band message of RESP3. A client that
// has left too much unread is cut.
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
	o.mu.Unlock()
	if over {
		o.cfg.Cut("unread output exceeds client-output-buffer-limit pubsub")
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Size returns how many bytes the client has not taken.
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

// Run sends what is added until Finish, or until sending fails, and returns that
// error.
func (o *Outbox) Run() error {
	defer close(o.done)
	var spare []byte
	for range o.wake {
		o.mu.Lock()
		b, finished := o.pending, o.finished
		o.pending, o.inFlight = spare[:0], len(b)
		o.mu.Unlock()
		if err := o.cfg.Send(b); err != nil {
			return err
		}
		o.mu.Lock()
		o.inFlight = 0
		o.mu.Unlock()
		if finished {
			return nil
		}
		if spare = b[:0]; cap(b) > keep {
			spare = nil
		}
	}
	return nil
}

// Finish accepts nothing more and waits until Run has sent the rest.
func (o *Outbox) Finish() {
	o.mu.Lock()
	o.finished = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
	<-o.done
}
