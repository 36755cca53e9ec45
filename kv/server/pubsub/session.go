package pubsub

import (
	"maps"
	"slices"

	"pingd/kv/resp"
	"pingd/kv/resp/reply"
)

// Session is what one connection subscribes to. Create it with NewSession; it is
// for the goroutine of the connection alone.
type Session struct {
	hub   *Hub
	self  Subscriber
	names [3]map[string]struct{} // by kind
}

// Kind tells SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE apart.
type Kind uint8

// The kinds.
const (
	Channel Kind = iota
	Pattern
	Shard
)

// NewSession returns a session without subscriptions; messages go to self.
func NewSession(h *Hub, self Subscriber) Session { return Session{hub: h, self: self} }

// Count returns how many subscriptions there are of a kind.
func (s *Session) Count(k Kind) int { return len(s.names[k]) }

// Total returns how many subscriptions there are.
func (s *Session) Total() int {
	return len(s.names[Channel]) + len(s.names[Pattern]) + len(s.names[Shard])
}

// told is the number in a confirmation.
func (s *Session) told(k Kind) int {
	if k == Shard {
		return len(s.names[Shard])
	}
	return len(s.names[Channel]) + len(s.names[Pattern])
}

func (k Kind) word(subscribe bool) string {
	if subscribe {
		return [...]string{"subscribe", "psubscribe", "ssubscribe"}[k]
	}
	return [...]string{"unsubscribe", "punsubscribe", "sunsubscribe"}[k]
}

// Subscribe joins each name. The confirmation is pushed before any message of the
// new subscription can be; the caller has sent all earlier replies.
func (s *Session) Subscribe(k Kind, args [][]byte) {
	if s.names[k] == nil {
		s.names[k] = map[string]struct{}{}
	}
	for _, arg := range args {
		name := string(arg)
		confirm := func() { s.self.Push(s.confirmation(nil, resp.RESP2, k, true, &name)) }
		if _, ok := s.names[k][name]; ok {
			confirm()
			continue
		}
		s.names[k][name] = struct{}{}
		switch k {
		case Channel:
			s.hub.Subscribe(s.self, name, confirm)
		case Pattern:
			s.hub.SubscribePattern(s.self, name, confirm)
		case Shard:
			s.hub.SubscribeShard(s.self, name, confirm)
		}
	}
}

// Unsubscribe leaves the names, or all of the kind if there are none, and replies.
func (s *Session) Unsubscribe(w *reply.Writer, k Kind, args [][]byte) {
	if len(args) == 0 {
		if len(s.names[k]) == 0 {
			w.Out = s.confirmation(w.Out, w.Proto, k, false, nil)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(s.names[k])) {
			args = append(args, []byte(name))
		}
	}
	for _, arg := range args {
		name := string(arg)
		s.leave(k, name)
		w.Out = s.confirmation(w.Out, w.Proto, k, false, &name)
	}
}

func (s *Session) leave(k Kind, name string) {
	if _, ok := s.names[k][name]; !ok {
		return
	}
	delete(s.names[k], name)
	switch k {
	case Channel:
		s.hub.Unsubscribe(s.self, name)
	case Pattern:
		s.hub.UnsubscribePattern(s.self, name)
	case Shard:
		s.hub.UnsubscribeShard(s.self, name)
	}
}

// Leave leaves everything without a reply.
func (s *Session) Leave() {
	for k := range s.names {
		for name := range s.names[k] {
			s.leave(Kind(k), name)
		}
	}
}

func (s *Session) confirmation(dst []byte, proto uint8, k Kind, subscribed bool, name *string) []byte {
	dst = resp.AppendPush(dst, proto, 3)
	dst = resp.AppendBulkString(dst, k.word(subscribed))
	if name != nil {
		dst = resp.AppendBulkString(dst, *name)
	} else {
		dst = resp.AppendNull(dst, proto)
	}
	return resp.AppendInt(dst, int64(s.told(k)))
}
