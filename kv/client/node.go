package client

import (
	"context"
	"sync"
	"time"
)

// Connections that a node keeps for the next commands.
const (
	maxIdle  = 8
	idleTime = 5 * time.Minute // after which one is closed instead of used
)

// How long a node is avoided after a failure, unless all are.
const (
	avoidBroken  = 100 * time.Millisecond // a connection ended: a restart, or a leader that stepped down
	avoidRefused = 500 * time.Millisecond // no listener; doubles up to avoidMax
	avoidSilent  = 2 * time.Second        // no answer in time: paused, or cut off
	avoidMax     = 5 * time.Second
)

// node is one store address and the connections to it.
type node struct {
	addr    string
	connect func(ctx context.Context, addr string) (*conn, error)

	mu       sync.Mutex
	idle     []*conn // used last comes last
	closed   bool
	refused  int       // dials refused in a row
	badUntil time.Time // zero: nothing held against it
}

func newNode(addr string, connect func(context.Context, string) (*conn, error)) *node {
	return &node{addr: addr, connect: connect}
}

// do runs one command on a connection of its own. Errors are the reply's, or
// those of connect, or say that the connection failed.
func (n *node) do(ctx context.Context, name string, args ...any) (any, error) {
	cn, err := n.take(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := cn.do(ctx, name, args...)
	n.giveBack(cn)
	return reply, err
}

// take returns an idle connection that still lives, or a new one.
func (n *node) take(ctx context.Context) (*conn, error) {
	for {
		n.mu.Lock()
		last := len(n.idle) - 1
		if last < 0 {
			n.mu.Unlock()
			return n.connect(ctx, n.addr)
		}
		cn := n.idle[last]
		n.idle = n.idle[:last]
		n.mu.Unlock()
		if time.Since(cn.since) < idleTime && cn.fresh() {
			return cn, nil
		}
		cn.close()
	}
}

// giveBack keeps a connection that works for the next command.
func (n *node) giveBack(cn *conn) {
	if cn.Err() != nil {
		return
	}
	cn.since = time.Now()
	n.mu.Lock()
	keep := !n.closed && len(n.idle) < maxIdle
	if keep {
		n.idle = append(n.idle, cn)
	}
	n.mu.Unlock()
	if !keep {
		cn.close()
	}
}

// close closes the idle connections; those in use are closed when given back.
func (n *node) close() {
	n.mu.Lock()
	idle := n.idle
	n.idle, n.closed = nil, true
	n.mu.Unlock()
	for _, cn := range idle {
		cn.close()
	}
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
	case silent:
		avoid = avoidSilent
	case broken:
		avoid = avoidBroken
	default:
		return // it answered: nothing wrong with the node itself
	}
	n.badUntil = now.Add(avoid)
}
