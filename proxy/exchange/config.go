package exchange

import (
	"log/slog"
	"net/netip"
	"time"

	"pingd/proxy/compress"
	"pingd/proxy/http1"
	"pingd/proxy/retry"
)

// Timeouts bound every wait. Zero fields take their defaults; nothing can wait
// for ever.
type Timeouts struct {
	// Connect is how long one connection to a server may take (default 5s;
	// HAProxy "timeout connect").
	Connect time.Duration
	// Head is how long a client may take from the first byte of a request to
	// the end of its head (default 10s; HAProxy "timeout http-request").
	// Afterwards it gets 408.
	Head time.Duration
	// Body is how long a body, or a peer that should take one, may stand still
	// (default 30s; HAProxy "timeout client" and "timeout server").
	Body time.Duration
	// Response is how long a server may take to begin its response once it has
	// the request (default 30s). Afterwards the client gets 504.
	Response time.Duration
	// KeepAlive is how long a client may keep a connection without a request
	// (default 60s; HAProxy "timeout http-keep-alive").
	KeepAlive time.Duration
	// Tunnel is how long an upgraded connection may be silent both ways
	// (default 1h; HAProxy "timeout tunnel").
	Tunnel time.Duration
	// Grace is how long requests in flight may go on after the end was asked
	// for (default 30s; HAProxy "hard-stop-after").
	Grace time.Duration
}

// WithDefaults returns t with its zero fields filled in.
func (t Timeouts) WithDefaults() Timeouts {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Connect, 5*time.Second)
	set(&t.Head, 10*time.Second)
	set(&t.Body, 30*time.Second)
	set(&t.Response, 30*time.Second)
	set(&t.KeepAlive, 60*time.Second)
	set(&t.Tunnel, time.Hour)
	set(&t.Grace, 30*time.Second)
	return t
}

// Pause is how long to wait before the same server is tried again: it is probably
// starting. jitter returns a number below its argument.
func (t *Timeouts) Pause(jitter func(int64) int64) time.Duration {
	d := min(t.Connect, time.Second)
	return d/2 + time.Duration(jitter(int64(d/2)+1))
}

// Parting is how long clients that are idle when the proxy stops may send one more
// request: it may be on its way already, and would meet a closed connection.
const Parting = 500 * time.Millisecond

// Config is what both engines are told. Router is required.
type Config struct {
	// Router is where requests go.
	Router Router
	// Limits bounds request heads (zero: the defaults of package http1).
	Limits http1.Limits
	// Timeouts bound every wait.
	Timeouts Timeouts
	// Gate is how many client connections are served at once (nil: 10,000);
	// more wait to be accepted, as with HAProxy's global "maxconn".
	Gate *Gate
	// Retry is how often a request is sent again.
	Retry retry.Policy
	// Budget bounds retries overall (nil: no bound).
	Budget *retry.Budget
	// Trusted are the networks of proxies whose Forwarded and X-Forwarded-*
	// are believed; nobody else's are.
	Trusted []netip.Prefix
	// NoRequestID leaves requests without an id. With it each carries one in
	// X-Request-Id to the server and back: the one of a trusted proxy in front, or
	// a new one.
	NoRequestID bool
	// Announced are the networks of proxies whose connections begin with a PROXY
	// protocol header.
	Announced []netip.Prefix
	// Via is the name in the Via field sent to servers; empty sends none.
	Via string
	// Compress compresses responses (nil: none). Event loops do not: who has it has none.
	Compress *compress.Compressor
	// Record is called with each request's record when it has ended, by whoever
	// served it, also at the same time: it must not block (nil: not called).
	Record func(*Record)
	// Logger gets faults of the proxy itself (nil: none).
	Logger *slog.Logger
}

// WithDefaults returns c with its zero fields filled in.
func (c Config) WithDefaults() Config {
	c.Timeouts = c.Timeouts.WithDefaults()
	if c.Gate == nil {
		c.Gate = NewGate(10_000)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Announces reports whether a connection from addr begins with a PROXY protocol
// header.
func (c *Config) Announces(addr netip.Addr) bool {
	for _, p := range c.Announced {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Trusts reports whether addr belongs to a proxy of our own.
func (c *Config) Trusts(addr netip.Addr) bool {
	for _, p := range c.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
