package pubsub

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"pingd/kv/engine"
)

// maxQueued is how many bytes of events may wait for delivery. Beyond it all
// subscribers are cut rather than some events left out in silence.
const maxQueued = 16 << 20

// Events carries keyspace events from the goroutine that applies log entries,
// which must not wait for anybody, to the subscribers of a Hub. Create it with
// NewEvents.
type Events struct {
	hub  *Hub
	mask atomic.Pointer[mask]
	wake chan struct{} // capacity 1

	mu    sync.Mutex
	queue queue
	lost  bool
}

// queue holds events with their keys copied into one buffer.
type queue struct {
	events []queued
	keys   []byte
}

type queued struct {
	db    uint8
	class engine.EventClass
	name  string
	key   int // where it ends in keys
	flush bool
}

// mask is what notify-keyspace-events asks for.
type mask struct {
	keyspace, keyevent bool
	classes            [256]bool
}

// NewEvents returns a queue of events for h that delivers all of them; Run must
// be running for anything to happen.
func NewEvents(h *Hub) *Events {
	e := &Events{hub: h, wake: make(chan struct{}, 1)}
	e.Select("AKE")
	return e
}

// Select sets which events are delivered, in letters of the Redis setting
// notify-keyspace-events.
func (e *Events) Select(letters string) {
	m := &mask{keyspace: strings.Contains(letters, "K"), keyevent: strings.Contains(letters, "E")}
	for _, c := range []byte(strings.ReplaceAll(letters, "A", "g$lshzxet")) {
		m.classes[c] = true
	}
	e.mask.Store(m)
}

// Add queues events. It copies what it keeps and never blocks. When nobody
// subscribes it does nothing.
func (e *Events) Add(events []engine.Event) {
	m := e.mask.Load()
	if e.hub.Idle() || !(m.keyspace || m.keyevent) {
		return
	}
	e.mu.Lock()
	for _, ev := range events {
		if !m.classes[ev.Class] && ev.Key != nil {
			continue
		}
		if len(e.queue.keys)+64*len(e.queue.events) > maxQueued {
			e.lost = true
			break
		}
		e.queue.keys = append(e.queue.keys, ev.Key...)
		e.queue.events = append(e.queue.events, queued{ev.DB, ev.Class, ev.Name, len(e.queue.keys), ev.Key == nil})
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default: // a wake-up is already under way
	}
}

// Run delivers events in their order until ctx ends.
func (e *Events) Run(ctx context.Context) {
	var spare queue
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
		e.mu.Lock()
		full, lost := e.queue, e.lost
		e.queue, e.lost = spare, false
		e.mu.Unlock()
		e.deliver(full)
		if lost {
			e.hub.CutAll("keyspace events were lost")
		}
		spare = queue{full.events[:0], full.keys[:0]}
		if cap(spare.keys) > 1<<20 {
			spare = queue{}
		}
	}
}

func (e *Events) deliver(q queue) {
	m := e.mask.Load()
	var channel []byte
	from := 0
	for _, ev := range q.events {
		key := q.keys[from:ev.key]
		from = ev.key
		if m.keyspace && !ev.flush {
			channel = appendChannel(channel[:0], "keyspace", ev.db, "")
			channel = append(channel, key...)
			e.hub.Publish(channel, []byte(ev.name))
		}
		if m.keyevent {
			// Redis tells nobody of a flush. Here listeners on keyevent learn of
			// it, or else a watcher would not know that its keys are gone.
			channel = appendChannel(channel[:0], "keyevent", ev.db, ev.name)
			e.hub.Publish(channel, key)
		}
		if m.keyevent && ev.flush && ev.name == "flushall" {
			e.flushed(ev)
		}
	}
}

// flushed tells the listeners of the other databases of a FLUSHALL.
func (e *Events) flushed(ev queued) {
	for db := range uint8(engine.Databases) {
		if db != ev.db {
			e.hub.Publish(appendChannel(nil, "keyevent", db, ev.name), nil)
		}
	}
}
