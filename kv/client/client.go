package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// DefaultTryTimeout is Config.TryTimeout when that is zero.
const DefaultTryTimeout = 300 * time.Millisecond

// Config says how to reach the store.
type Config struct {
	// Addrs are the Redis addresses (host:port) to start from; at least one. A
	// host name stands for every address it resolves to, looked up again
	// whenever the members are learned. The client learns all members from any
	// of them, so the loss of every seed does no harm later.
	Addrs []string

	// Secret is the store's password (Redis command AUTH); empty = none.
	Secret string

	// Dial opens a connection to addr, host:port, for the node that its user knows by
	// the host name, such as one with TLS whose certificate has to bear that name.
	// Its NetConn method, if there is one, returns the line below. Nil: TCP.
	Dial func(ctx context.Context, addr, name string) (net.Conn, error)

	// Logger receives changes of state; nil = discard.
	Logger *slog.Logger

	// TryTimeout bounds one try of a command on one node, connecting included
	// (default 300 ms). It is what a paused node costs. It doubles with each
	// round over all nodes, so a slow store is not asked for ever in vain.
	TryTimeout time.Duration

	// Resync is how often Watch reads the full list although no event asked for
	// it (default 10 s). It bounds how long a lost event can go unnoticed.
	Resync time.Duration
}

// Client is a set of connections to the nodes of one store. All methods may be
// called from any number of goroutines.
type Client struct {
	cfg Config
	log *slog.Logger

	wg sync.WaitGroup // learning in the background

	mu         sync.Mutex
	nodes      map[string]*node  // by address
	members    []Member          // as learned last, nil until then
	leader     string            // the last one known
	seeds      []string          // Addrs, resolved
	names      map[string]string // of seeds: the host each was given as
	learned    time.Time         // when learning last ended
	plain      bool              // the server is no pingd store: PINGD is unknown to it
	stopLearn  context.CancelFunc
	closed     bool
	unreached  bool // no node answered the last call: logged once
	everWorked bool // a node accepted the secret at least once
}

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("store client is closed")

// New returns a client that connects when first used. It fails when no address
// is given or one has no port.
func New(cfg Config) (*Client, error) {
	if len(cfg.Addrs) == 0 {
		return nil, errors.New("store client: no address given\nhint: --join=127.0.0.1:6379")
	}
	for _, addr := range cfg.Addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("store client: address %q is not host:port: %w\nhint: --join=%s:6379",
				addr, err, strings.Trim(addr, ":"))
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.TryTimeout <= 0 {
		cfg.TryTimeout = DefaultTryTimeout
	}
	if cfg.Resync <= 0 {
		cfg.Resync = 10 * time.Second
	}
	return &Client{
		cfg:   cfg,
		log:   cfg.Logger.With("component", "store-client"),
		nodes: make(map[string]*node),
	}, nil
}

// Close closes all connections. Calls under way fail; Watch and Lease end when
// their context does, so end that first.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	if c.stopLearn != nil {
		c.stopLearn()
	}
	nodes := c.nodes
	c.nodes = map[string]*node{}
	c.mu.Unlock()

	c.wg.Wait()
	for _, n := range nodes {
		n.close()
	}
	return nil
}
