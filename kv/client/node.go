package client

import (
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// poolSize is the most connections to one node. After as many failed dials the
// library refuses to dial for a second, which node.failed forestalls.
const poolSize = 64

// How long a node is avoided after a failure, unless all are.
const (
	avoidBroken  = 100 * time.Millisecond // a connection ended: a restart, or a leader that stepped down
	avoidRefused = 500 * time.Millisecond // no listener; doubles up to avoidMax
	avoidSilent  = 2 * time.Second        // no answer in time: paused, or cut off
	avoidMax     = 5 * time.Second
)

// node is one store address and the pool of connections to it.
type node struct {
	addr string
	dial func() *redis.Client

	mu       sync.Mutex
	rdb      *redis.Client
	refused  int       // dials refused in a row
	badUntil time.Time // zero: nothing held against it
}

func newNode(addr string, dial func() *redis.Client) *node {
	return &node{addr: addr, dial: dial, rdb: dial()}
}

// client returns the current pool.
func (n *node) client() *redis.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rdb
}

// bad reports until when the node is to be avoided.
func (n *node) bad() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.badUntil
}

// worked forgets earlier failures.
func (n *node) worked() {
	n.mu.Lock()
	n.refused, n.badUntil = 0, time.Time{}
	n.mu.Unlock()
}

// failed notes a failure seen at now.
func (n *node) failed(now time.Time, v verdict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var avoid time.Duration
	switch v {
	case unreachable:
		avoid = min(avoidRefused<<min(n.refused, 8), avoidMax)
		n.refused++
		if n.refused%(poolSize/2) == 0 {
			// A fresh pool dials again at once when the node is back.
			old := n.rdb
			n.rdb = n.dial()
			_ = old.Close()
		}
	case silent:
		avoid = avoidSilent
	case broken:
		avoid = avoidBroken
	default:
		return // it answered: nothing wrong with the node itself
	}
	n.badUntil = now.Add(avoid)
}

// close closes all connections.
func (n *node) close() {
	_ = n.client().Close()
}
