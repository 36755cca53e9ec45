package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pingd/proxy/compress"
	"pingd/proxy/exchange"
	"pingd/proxy/health"
	"pingd/proxy/http1"
	"pingd/proxy/limit"
)

// Checks is how fast opinions about servers change; see its fields.
type Checks = health.Config

// Timeouts bound every wait; see its fields.
type Timeouts = exchange.Timeouts

// Limits bound request heads; see its fields.
type Limits = http1.Limits

// Compression is what is compressed; see its fields.
type Compression = compress.Options

// Rate is how often something may happen; see its fields.
type Rate = limit.Rate

// ParseRate reads "100/s", "6000/m" or "5/h", with " burst=N" behind it or not.
func ParseRate(text string) (Rate, error) {
	return limit.ParseRate(text)
}

// Config of a Proxy. Source and one of Listener and Addr are required; zero
// fields take their defaults.
type Config struct {
	// Listener accepts clients; nil listens on Addr. New takes it over.
	Listener net.Listener
	// Addr is host:port to listen on; port 0 means any free port.
	Addr string
	// TLS is a second listener, for clients that speak TLS (nil: none).
	TLS *TLS
	// TCP are listeners whose connections are passed on as they are.
	TCP []TCP
	// Announced are networks of proxies whose connections begin with a PROXY
	// protocol header.
	Announced []netip.Prefix
	// Source tells which backends there are, those of what no route is for.
	Source Source
	// ServiceName, Balance and Cookie are of the same service; see Service.
	ServiceName string
	Balance     Balance
	Cookie      string
	// Routes are the services of hosts and paths.
	Routes []Route
	// SlowStart is how long a server that came up takes to reach its full weight
	// (default 0).
	SlowStart time.Duration
	// RateLimit is how often a client may ask (zero: as it likes).
	RateLimit Rate
	// RedirectPort has plain requests sent to https on that port (0: served).
	RedirectPort int
	// ACME gets certificates from an authority and keeps them in Store (nil: none). It
	// needs TLS and Store.
	ACME *ACME
	// Name is this proxy's, unique among those that share a store.
	Name string
	// Store is what the proxies of a cluster share: who found a server down, what
	// operators decided, how busy clients are, keys of TLS sessions (nil: this proxy
	// decides alone).
	Store Store
	// Secret is what proxies of one cluster have in common: marks in cookies and
	// keys of TLS sessions are made with it (nil: nothing secret).
	Secret []byte
	// NoRequestID leaves requests without X-Request-Id.
	NoRequestID bool

	// Checks: interval 2s, rise 2, fall 5, timeout = interval, fast interval
	// 500ms, down interval = interval, 3 refused connections.
	Checks Checks
	// Timeouts: connect 5s, head 10s, body 30s, response 30s, keep-alive 60s,
	// tunnel 1h, grace 30s.
	Timeouts Timeouts
	// Limits: head 32 KiB, 200 lines, target 16 KiB.
	Limits Limits
	// MaxConn is how many client connections are served at once (default
	// 10,000); more wait to be accepted.
	MaxConn int
	// Settle is how long Run waits at most, before it serves anybody, until the servers
	// are known and have been checked once (default 0: requests wait instead, a second).
	// It is for a listener that another process serves as long.
	Settle time.Duration
	// Loops is how many event loops serve plain HTTP/1.x, each on a thread of its
	// own, on systems that have them (default one per processor, negative none:
	// a goroutine per client serves everything).
	Loops int
	// Queue is how long a request waits for a free slot when every server that
	// could take it has its maxconn requests (default 5s). Then it gets 503.
	Queue time.Duration
	// Retries is how many failed connections a request survives (default 2,
	// negative none). A request that a server may have seen is sent again once,
	// and only when its method is idempotent.
	Retries int
	// RetryPercent is the share of requests that may be retried (default 20,
	// negative none), beside 10 a second.
	RetryPercent int
	// Trusted are networks of proxies whose X-Forwarded-* and Forwarded are
	// believed; nobody else's are.
	Trusted []netip.Prefix
	// Compress has responses compressed for clients that want it (nil: none are). There
	// are no event loops then: they would stand still meanwhile.
	Compress *Compression
	// NoVia leaves out the Via field that RFC 9110 section 7.6.3 demands in
	// requests: some servers do not compress for a request that has one.
	NoVia bool

	// AccessLog gets a line per request, batched (nil: none). It is not closed.
	AccessLog io.Writer
	// AccessLogJSON writes JSON lines in place of HAProxy-like ones.
	AccessLogJSON bool
	// Logger gets changes of state and faults (nil: none).
	Logger *slog.Logger
	// Metrics registers pingd_proxy_* (nil: not registered).
	Metrics prometheus.Registerer
}

// withDefaults checks c and fills in its zero fields.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.Source == nil {
		wrong("proxy: no source of backends\nhint: --backend=127.0.0.1:8000")
	}
	if c.Listener == nil && c.Addr == "" {
		wrong("proxy: no address to listen on\nhint: --proxy-addr=:8080")
	}
	for _, r := range c.Routes {
		if r.Service.Source == nil || r.Service.Name == "" {
			wrong("proxy: route %s: %w or no name", r.Pattern, errNoSource)
		}
	}
	for _, t := range c.TCP {
		if t.Service.Source == nil || t.Service.Name == "" {
			wrong("proxy: TCP listener %s: %w or no name", t.Addr, errNoSource)
		}
	}
	if c.Store != nil && c.Name == "" {
		wrong("proxy: proxies that share a store need a name each\nhint: --name=p1")
	}
	if c.ACME != nil && (c.Store == nil || c.TLS == nil) {
		wrong("proxy: certificates of an authority need a store to keep them in and a TLS listener")
	}
	for name, d := range map[string]time.Duration{
		"check interval": c.Checks.Interval, "check timeout": c.Checks.Timeout, "connect timeout": c.Timeouts.Connect,
		"head timeout": c.Timeouts.Head, "body timeout": c.Timeouts.Body, "response timeout": c.Timeouts.Response,
		"keep-alive timeout": c.Timeouts.KeepAlive, "tunnel timeout": c.Timeouts.Tunnel, "grace": c.Timeouts.Grace, "queue timeout": c.Queue,
	} {
		if d < 0 {
			wrong("proxy: %s %s is negative\nhint: leave it out for the default", name, d)
		}
	}
	if c.Limits.Head > 1<<16-1 {
		wrong("proxy: head limit %d is over 65535", c.Limits.Head)
	}
	if c.MaxConn < 0 {
		wrong("proxy: maxconn %d is negative\nhint: --proxy-maxconn=10000", c.MaxConn)
	}
	// Each of the others keeps room for the client that it waits for.
	others := len(c.TCP)
	if c.TLS != nil {
		others++
	}
	if c.MaxConn > 0 && c.MaxConn <= others {
		wrong("proxy: maxconn %d leaves nothing to plain HTTP beside %d other listeners\nhint: --proxy-maxconn=10000", c.MaxConn, others)
	}
	return c.filled(), errors.Join(errs...)
}

// filled fills in the zero fields of c.
func (c Config) filled() Config {
	if c.ServiceName == "" {
		c.ServiceName = defaultService
	}
	if c.MaxConn == 0 {
		c.MaxConn = 10_000
	}
	if c.Loops == 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	if c.Compress != nil {
		c.Loops = -1
	}
	if c.Retries == 0 {
		c.Retries = 2
	}
	if c.RetryPercent == 0 {
		c.RetryPercent = 20
	}
	c.Retries, c.RetryPercent = max(c.Retries, 0), max(c.RetryPercent, 0)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
