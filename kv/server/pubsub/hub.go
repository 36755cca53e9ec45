package pubsub

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"pingd/kv/engine/glob"
	"pingd/kv/resp"
)

// Subscriber receives messages. Push must copy message, which is encoded for
// RESP2, and must neither block nor call the Hub; Cut disconnects the subscriber
// because messages for it were lost. Implementations are compared by identity.
type Subscriber interface {
	Push(message []byte)
	Cut(reason string)
}

// Hub connects publishers with subscribers of channels and patterns (Redis
// commands SUBSCRIBE and PSUBSCRIBE). It is safe for concurrent use.
type Hub struct {
	active atomic.Int64 // subscriptions; 0 = nothing to do for a publisher

	mu       sync.RWMutex
	channels map[string][]Subscriber
	shards   map[string][]Subscriber // channels of SSUBSCRIBE: a space of their own
	patterns map[string]*pattern
}

type pattern struct {
	prefix []byte // literal beginning, to rule out most patterns cheaply
	glob   []byte
	subs   []Subscriber
}

// NewHub returns a hub without subscribers.
func NewHub() *Hub {
	return &Hub{channels: map[string][]Subscriber{}, shards: map[string][]Subscriber{}, patterns: map[string]*pattern{}}
}

// Idle reports whether nobody subscribes to anything.
func (h *Hub) Idle() bool { return h.active.Load() == 0 }

// Subscribe adds s to a channel; the caller sees to it that s is not in it
// already. joined runs before any message can reach s through this subscription:
// there s gets its confirmation.
func (h *Hub) Subscribe(s Subscriber, channel string, joined func()) {
	h.join(h.channels, s, channel, joined)
}

// SubscribeShard is Subscribe for a channel of SPUBLISH.
func (h *Hub) SubscribeShard(s Subscriber, channel string, joined func()) {
	h.join(h.shards, s, channel, joined)
}

func (h *Hub) join(channels map[string][]Subscriber, s Subscriber, name string, joined func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	channels[name] = append(channels[name], s)
	h.active.Add(1)
	joined()
}

// Unsubscribe removes s from a channel.
func (h *Hub) Unsubscribe(s Subscriber, channel string) { h.leave(h.channels, s, channel) }

// UnsubscribeShard removes s from a channel of SPUBLISH.
func (h *Hub) UnsubscribeShard(s Subscriber, channel string) { h.leave(h.shards, s, channel) }

func (h *Hub) leave(channels map[string][]Subscriber, s Subscriber, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left, gone := without(channels[name], s)
	if !gone {
		return
	}
	h.active.Add(-1)
	if channels[name] = left; len(left) == 0 {
		delete(channels, name)
	}
}

// SubscribePattern is Subscribe for a pattern.
func (h *Hub) SubscribePattern(s Subscriber, p string, joined func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.patterns[p] == nil {
		h.patterns[p] = &pattern{prefix: glob.Prefix([]byte(p)), glob: []byte(p)}
	}
	h.patterns[p].subs = append(h.patterns[p].subs, s)
	h.active.Add(1)
	joined()
}

// UnsubscribePattern removes s from a pattern.
func (h *Hub) UnsubscribePattern(s Subscriber, p string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.patterns[p] == nil {
		return
	}
	left, gone := without(h.patterns[p].subs, s)
	if !gone {
		return
	}
	h.active.Add(-1)
	if h.patterns[p].subs = left; len(left) == 0 {
		delete(h.patterns, p)
	}
}

func without(subs []Subscriber, s Subscriber) (left []Subscriber, gone bool) {
	i := slices.Index(subs, s)
	if i < 0 {
		return subs, false
	}
	return slices.Delete(subs, i, i+1), true
}

// Publish delivers a message to the subscribers of channel and of every pattern
// that matches it, and returns how many deliveries that were (Redis command
// PUBLISH). channel and payload are not kept.
func (h *Hub) Publish(channel, payload []byte) int64 {
	if h.Idle() {
		return 0
	}
	var n int64
	var message []byte
	h.mu.RLock()
	defer h.mu.RUnlock()
	if subs := h.channels[string(channel)]; len(subs) > 0 {
		message = appendMessage(message, "message", channel, payload)
		for _, s := range subs {
			s.Push(message)
		}
		n += int64(len(subs))
	}
	for _, p := range h.patterns {
		if !p.matches(channel) {
			continue
		}
		message = appendPatternMessage(message[:0], p.glob, channel, payload)
		for _, s := range p.subs {
			s.Push(message)
		}
		n += int64(len(p.subs))
	}
	return n
}

// PublishShard delivers a message to the subscribers of a channel of SSUBSCRIBE.
func (h *Hub) PublishShard(channel, payload []byte) int64 {
	if h.Idle() {
		return 0
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	subs := h.shards[string(channel)]
	if len(subs) > 0 {
		message := appendMessage(nil, "smessage", channel, payload)
		for _, s := range subs {
			s.Push(message)
		}
	}
	return int64(len(subs))
}

func (p *pattern) matches(channel []byte) bool {
	return len(channel) >= len(p.prefix) && string(channel[:len(p.prefix)]) == string(p.prefix) &&
		glob.Match(p.glob, channel)
}

// Channels returns the channels with subscribers that match pattern, sorted; a nil
// pattern matches all (PUBSUB CHANNELS).
func (h *Hub) Channels(pattern []byte) []string { return h.names(h.channels, pattern) }

// Shards is Channels for those of SSUBSCRIBE (PUBSUB SHARDCHANNELS).
func (h *Hub) Shards(pattern []byte) []string { return h.names(h.shards, pattern) }

func (h *Hub) names(channels map[string][]Subscriber, pattern []byte) []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var names []string
	for name := range channels {
		if pattern == nil || glob.Match(pattern, []byte(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Subscribers returns how many subscribe to channel, not counting patterns
// (PUBSUB NUMSUB).
func (h *Hub) Subscribers(channel []byte) int { return h.count(h.channels, channel) }

// ShardSubscribers is Subscribers for SSUBSCRIBE (PUBSUB SHARDNUMSUB).
func (h *Hub) ShardSubscribers(channel []byte) int { return h.count(h.shards, channel) }

func (h *Hub) count(channels map[string][]Subscriber, name []byte) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(channels[string(name)])
}

// Counts returns how many different channels, patterns and channels of SSUBSCRIBE
// have subscribers (PUBSUB NUMPAT, INFO).
func (h *Hub) Counts() (channels, patterns, shards int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.channels), len(h.patterns), len(h.shards)
}

// CutAll disconnects every subscriber: messages were lost, and a client that
// reconnects knows that it must look again.
func (h *Hub) CutAll(reason string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, channels := range []map[string][]Subscriber{h.channels, h.shards} {
		for _, subs := range channels {
			for _, s := range subs {
				s.Cut(reason)
			}
		}
	}
	for _, p := range h.patterns {
		for _, s := range p.subs {
			s.Cut(reason)
		}
	}
}

func appendMessage(dst []byte, kind string, channel, payload []byte) []byte {
	dst = append(dst, "*3\r\n"...)
	dst = resp.AppendBulkString(dst, kind)
	dst = resp.AppendBulk(dst, channel)
	return resp.AppendBulk(dst, payload)
}

func appendPatternMessage(dst, pattern, channel, payload []byte) []byte {
	dst = append(dst, "*4\r\n$8\r\npmessage\r\n"...)
	dst = resp.AppendBulk(dst, pattern)
	dst = resp.AppendBulk(dst, channel)
	return resp.AppendBulk(dst, payload)
}

// appendChannel writes the name of a notification channel such as
// __keyspace@0__:key.
func appendChannel(dst []byte, family string, db uint8, rest string) []byte {
	dst = append(dst, "__"...)
	dst = append(dst, family...)
	dst = append(dst, '@')
	dst = strconv.AppendUint(dst, uint64(db), 10)
	dst = append(dst, "__:"...)
	return append(dst, rest...)
}
