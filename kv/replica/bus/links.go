package bus

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Links keeps one request connection for each node and address, and dials it when
// it is needed. It is safe for concurrent use.
type Links struct {
	bus     *Bus
	purpose Purpose

	mu    sync.Mutex
	links map[place]*link
}

// place is a node where it is looked for; without a name, whoever is there.
type place struct{ name, addr string }

type link struct {
	ready  chan struct{} // closed when client or err is set
	client *Client
	err    error
	since  time.Time
}

// NewLinks returns an empty set of connections for p.
func (b *Bus) NewLinks(p Purpose) *Links {
	return &Links{bus: b, purpose: p, links: map[place]*link{}}
}

// retryDial is how long a failed dial is remembered, so that a dead peer costs
// one dial and not one for each call.
const retryDial = 50 * time.Millisecond

// Get returns the connection to the node of that name at addr, or to whoever is
// there if name is empty, dialling if there is none. Its error is ErrOther if
// somebody else is there.
func (l *Links) Get(ctx context.Context, name, addr string) (*Client, error) {
	k := l.link(ctx, place{name, addr})
	select {
	case <-k.ready:
		return k.client, k.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Have returns the connection that Get would if there is a live one, and starts to
// dial it otherwise. It never waits.
func (l *Links) Have(ctx context.Context, name, addr string) *Client {
	k := l.link(ctx, place{name, addr})
	select {
	case <-k.ready:
		return k.client
	default:
		return nil
	}
}

// link returns the link to a place, dialling if there is none.
func (l *Links) link(ctx context.Context, to place) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.links[to]
	if k == nil || k.stale() {
		k = &link{ready: make(chan struct{}), since: time.Now()}
		l.links[to] = k
		if !l.bus.spawn(func() {
			// The dial outlives an impatient caller: others wait for it too.
			k.client, k.err = l.bus.Connect(context.WithoutCancel(ctx), to.addr, l.purpose)
			if k.err == nil && to.name != "" && k.client.Peer.Name != to.name {
				k.client.Close()
				k.err = fmt.Errorf("dial %s at %s: %w: %s", to.name, to.addr, ErrOther, k.client.Peer.Name)
				k.client = nil
			}
			close(k.ready)
		}) {
			k.err = net.ErrClosed
			close(k.ready)
		}
	}
	return k
}

// Drop closes the connection that Get would return.
func (l *Links) Drop(name, addr string) {
	l.mu.Lock()
	k := l.links[place{name, addr}]
	delete(l.links, place{name, addr})
	l.mu.Unlock()
	k.close()
}

// Close closes all connections.
func (l *Links) Close() {
	l.mu.Lock()
	links := l.links
	l.links = map[place]*link{}
	l.mu.Unlock()
	for _, k := range links {
		k.close()
	}
}

func (k *link) stale() bool {
	select {
	case <-k.ready:
	default:
		return false
	}
	if k.err != nil {
		return time.Since(k.since) > retryDial
	}
	select {
	case <-k.client.Done():
		return true
	default:
		return false
	}
}

func (k *link) close() {
	if k == nil {
		return
	}
	select {
	case <-k.ready:
		if k.client != nil {
			k.client.Close()
		}
	default: // still dialling: the bus closes it in the end
	}
}
