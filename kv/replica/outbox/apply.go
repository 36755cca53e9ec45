package outbox

import (
	"context"
	"errors"
	"time"
)

// applied is what became of an entry.
type applied struct {
	response any
	err      error
}

var (
	// errLeft: the entry is still on its way, but this node leads no more.
	errLeft = errors.New("left behind: it may still be applied")
	// errBusy: an entry that was left behind is still on its way. Surely not done.
	errBusy = errors.New("an entry before it is still on its way")
)

// lookEvery is how often the leader that waits for its entry asks itself whether
// it still is one.
const lookEvery = 100 * time.Millisecond

// applier puts entries through Raft one by one, for apply to wait for or to leave
// behind: a disk that hangs holds Raft up, and with it what waits for Raft.
func (o *Outbox) applier(ctx context.Context) {
	for {
		select {
		case data := <-o.entries:
			var a applied
			a.response, a.err = o.node.Apply(data)
			o.results <- a
		case <-ctx.Done():
			return
		}
	}
}

// apply puts one entry through Raft and waits for it as long as this node leads.
func (o *Outbox) apply(ctx context.Context, data []byte) (any, error) {
	if o.late {
		select {
		case <-o.results: // whoever waited for it has gone elsewhere
			o.late = false
		default:
			return nil, errBusy
		}
	}
	select {
	case o.entries <- data:
	case <-ctx.Done():
		return nil, errBusy
	}
	o.look.Reset(lookEvery)
	for {
		select {
		case a := <-o.results:
			return a.response, a.err
		case <-o.look.C:
			if o.node.Route().Self {
				o.overdue(time.Now())
				o.look.Reset(lookEvery)
				continue
			}
		case <-ctx.Done():
		}
		o.late = true
		return nil, errLeft
	}
}
