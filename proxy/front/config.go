package front

import (
	"log/slog"
	"net/netip"
	"time"

	"pingd/proxy/http1"
	"pingd/proxy/retry"
	"pingd/proxy/upstream"
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

func (t Timeouts) withDefaults() Timeouts {
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

// Config of a Front. Set is required.
type Config struct {
	// Set is where requests go.
	Set *upstream.Set
	// Limits bounds request heads (zero: the defaults of package http1).
	Limits http1.Limits
	// Timeouts bound every wait.
	Timeouts Timeouts
	// MaxConn is how many client connections are served at once (default
	// 10,000); more wait to be accepted, as with HAProxy's global "maxconn".
	MaxConn int
	// Retry is how often a request is sent again.
	Retry retry.Policy
	// Budget bounds retries overall (nil: no bound).
	Budget *retry.Budget
	// Trusted are the networks of proxies whose Forwarded and X-Forwarded-*
	// are believed; nobody else's are.
	Trusted []netip.Prefix
	// Via is the value of the Via field sent to servers; empty sends none.
	Via string
	// Record is called with each request's record when it has ended, by the
	// goroutine that served it: it must not block (nil: not called).
	Record func(*Record)
	// Logger gets faults of the proxy itself (nil: none).
	Logger *slog.Logger
}
