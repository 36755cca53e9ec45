package sentinel

import (
	"sync"

	"pingd/kv/resp"
)

// hub hands events to the clients that subscribed to them.
type hub struct {
	mu      sync.Mutex
	clients map[*client]struct{} // those with a subscription, or that had one
}

func newHub() *hub { return &hub{clients: map[*client]struct{}{}} }

// join and leave are called when a client's first subscription begins and when its
// connection ends.
func (h *hub) join(c *client) {
	h.mu.Lock()
	h.clients[c] = struct{}{}
	h.mu.Unlock()
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	delete(h.clients, c)
	h.mu.Unlock()
}

// count returns how many have a subscription now: they stay here when their last ends.
func (h *hub) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.subs.count() > 0 {
			n++
		}
	}
	return n
}

// publish queues events for every subscriber; it never waits for one.
func (h *hub) publish(events []Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		c.push(events)
	}
}

// Limits of one client's subscriptions, so that what it can make us hold and
// compute stays small.
const (
	maxSubscriptions = 1000
	maxChannelName   = 1024    // bytes
	maxPending       = 1 << 20 // bytes of messages that it does not read
)

// subscriptions are one client's. They are shared by its reading goroutine and
// by the publishing one.
type subscriptions struct {
	mu       sync.Mutex
	proto    uint8
	channels map[string]struct{}
	patterns map[string]struct{}
	pending  []byte // messages to be written
	overflow bool   // pending grew beyond maxPending: the client is too slow
}

func (s *subscriptions) setProto(p uint8) {
	s.mu.Lock()
	s.proto = p
	s.mu.Unlock()
}

func (s *subscriptions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.channels) + len(s.patterns)
}

// change adds or removes one name and returns the number of all subscriptions.
// ok is false if there would be too many.
func (s *subscriptions) change(pattern, add bool, name string) (count int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := &s.channels
	if pattern {
		set = &s.patterns
	}
	switch _, has := (*set)[name]; {
	case add && !has:
		if len(name) > maxChannelName || len(s.channels)+len(s.patterns) >= maxSubscriptions {
			return 0, false
		}
		if *set == nil {
			*set = map[string]struct{}{}
		}
		(*set)[name] = struct{}{}
	case !add:
		delete(*set, name)
	}
	return len(s.channels) + len(s.patterns), true
}

// names returns the channels or patterns.
func (s *subscriptions) names(pattern bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.channels
	if pattern {
		set = s.patterns
	}
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	return list
}

// add queues what of events the client subscribed to. It reports whether there
// is anything to write.
func (s *subscriptions) add(events []Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if _, ok := s.channels[e.Channel]; ok {
			s.pending = appendMessage(s.pending, s.proto, "message", e.Channel, e.Text)
		}
		for p := range s.patterns {
			if globMatch(p, e.Channel) {
				s.pending = appendMessage(s.pending, s.proto, "pmessage", p, e.Channel, e.Text)
			}
		}
	}
	if len(s.pending) > maxPending {
		s.pending, s.overflow = nil, true
	}
	return len(s.pending) > 0 || s.overflow
}

// take hands out the queued messages.
func (s *subscriptions) take() (pending []byte, overflow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending, s.pending = s.pending, nil
	return pending, s.overflow
}

func appendMessage(dst []byte, proto uint8, parts ...string) []byte {
	dst = resp.AppendPush(dst, proto, len(parts))
	for _, p := range parts {
		dst = resp.AppendBulkString(dst, p)
	}
	return dst
}
