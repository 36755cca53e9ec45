package sim

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// network carries bytes between hosts, late, or not at all. Connections are
// streams, as TCP's: bytes neither change their order nor get lost on one, but a
// connection can break with bytes on their way, and whoever sent them cannot tell
// which arrived.
type network struct {
	mu        sync.Mutex
	rng       *rand.Rand
	base      time.Duration // latency
	jitter    time.Duration
	listeners map[string]*listener
	cuts      map[[2]string]bool // from, to
	frozen    map[string]bool
	changed   chan struct{} // closed at each change of cuts and frozen
	conns     map[*conn]struct{}
}

// host is one run of one node, as the network sees it.
type host struct {
	net  *network
	name string
	dead chan struct{} // closed when the process is gone
	once sync.Once
}

func newNetwork(rng *rand.Rand, base, jitter time.Duration) *network {
	return &network{
		rng: rng, base: base, jitter: jitter,
		listeners: map[string]*listener{}, cuts: map[[2]string]bool{}, frozen: map[string]bool{},
		changed: make(chan struct{}), conns: map[*conn]struct{}{},
	}
}

// set changes who reaches whom.
func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// open reports whether bytes pass from one node to another, and what to wait for
// when they do not. n.mu is held.
func (n *network) open(from, to string) (bool, <-chan struct{}) {
	return !n.cuts[[2]string{from, to}] && !n.frozen[from] && !n.frozen[to], n.changed
}

func (n *network) latency() time.Duration {
	d := n.base
	if n.jitter > 0 {
		d += time.Duration(n.rng.Int64N(int64(n.jitter)))
	}
	return d
}

// reset breaks connections between two nodes, some or all of them.
func (n *network) reset(a, b string, all bool) int {
	n.mu.Lock()
	var list []*conn
	for c := range n.conns {
		if (c.local.name == a && c.remote == b || c.local.name == b && c.remote == a) && (all || n.rng.IntN(2) == 0) {
			list = append(list, c)
		}
	}
	n.mu.Unlock()
	for _, c := range list {
		c.in.end(syscall.ECONNRESET, true)
		c.out.end(syscall.ECONNRESET, true)
	}
	return len(list)
}

// die ends everything of h at once. Its peers hear of it at once (the kernel of a
// killed process resets its connections) or not before the node is back (its
// machine lost power).
func (h *host) die(silent bool) {
	h.once.Do(func() {
		h.net.mu.Lock()
		var list []*conn
		for c := range h.net.conns {
			if c.local == h {
				list = append(list, c)
			}
		}
		for a, l := range h.net.listeners {
			if l.host == h {
				delete(h.net.listeners, a)
			}
		}
		h.net.mu.Unlock()
		close(h.dead)
		for _, c := range list {
			c.in.shut(net.ErrClosed)
			if silent {
				c.out.mu.Lock()
				c.out.orphan = true
				c.out.mu.Unlock()
			} else {
				c.out.end(syscall.ECONNRESET, false)
			}
		}
	})
}

// isDead reports whether h has died.
func (h *host) isDead() bool {
	select {
	case <-h.dead:
		return true
	default:
		return false
	}
}

// listen opens h's listener. Connections to earlier runs of the node that were
// never told are reset: their bytes reach a machine that knows nothing of them.
func (h *host) listen(addr string) *listener {
	l := &listener{host: h, addr: addr, in: make(chan *conn, 64), done: make(chan struct{})}
	h.net.mu.Lock()
	h.net.listeners[addr] = l
	var orphans []*half
	for c := range h.net.conns {
		if c.local.name == h.name && c.local != h {
			orphans = append(orphans, c.out)
			delete(h.net.conns, c)
		}
	}
	h.net.mu.Unlock()
	for _, o := range orphans {
		o.mu.Lock()
		was := o.orphan
		o.orphan = false
		o.mu.Unlock()
		if was {
			o.end(syscall.ECONNRESET, false)
		}
	}
	return l
}

// listener implements net.Listener.
type listener struct {
	host *host
	addr string
	in   chan *conn
	once sync.Once
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.host.net.mu.Lock()
		if l.host.net.listeners[l.addr] == l {
			delete(l.host.net.listeners, l.addr)
		}
		l.host.net.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.addr) }

type address string

func (address) Network() string  { return "sim" }
func (a address) String() string { return string(a) }

// nodeAt returns the node that an address belongs to, whether it is up or not.
func nodeAt(addr string) string {
	name, _, _ := net.SplitHostPort(addr)
	return name
}

// dial opens a connection from h.
func (h *host) dial(ctx context.Context, addr string) (net.Conn, error) {
	n, to := h.net, nodeAt(addr)
	for {
		n.mu.Lock()
		out, change := n.open(h.name, to)
		back, _ := n.open(to, h.name)
		l, trip := n.listeners[addr], 2*n.latency()
		n.mu.Unlock()
		if h.isDead() {
			return nil, net.ErrClosed
		}
		if !out || !back { // SYN and its answer are sent again and again
			select {
			case <-change:
				continue
			case <-h.dead:
				return nil, net.ErrClosed
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if err := wait(ctx, trip); err != nil {
			return nil, err
		}
		if l == nil || l.host.isDead() {
			return nil, &net.OpError{Op: "dial", Net: "sim", Addr: address(addr), Err: syscall.ECONNREFUSED}
		}
		return n.connect(h, l)
	}
}

// connect makes the two ends.
func (n *network) connect(from *host, to *listener) (net.Conn, error) {
	up, down := newHalf(n, from.name, to.host.name), newHalf(n, to.host.name, from.name)
	near := &conn{net: n, local: from, remote: to.host.name, in: down, out: up}
	far := &conn{net: n, local: to.host, remote: from.name, in: up, out: down}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case to.in <- far:
	default:
		return nil, syscall.ECONNREFUSED
	}
	n.conns[near], n.conns[far] = struct{}{}, struct{}{}
	return near, nil
}

// wait waits for d or for the end of ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
