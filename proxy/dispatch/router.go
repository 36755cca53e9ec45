package dispatch

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/limit"
	"pingd/proxy/route"
	"pingd/proxy/sticky"
	"pingd/proxy/upstream"
)

// Service is something that requests are for: servers that all do the same.
type Service struct {
	// Name tells it apart in status, metrics and log.
	Name string
	// Set is its servers.
	Set *upstream.Set
	// Balance is how they are picked.
	Balance Balance
	// Cookie is the name of the cookie that keeps a client with its server (empty:
	// none).
	Cookie string
}

// Config of a Router.
type Config struct {
	// Routes are the services of hosts and paths.
	Routes []route.Entry[*Service]
	// Default is for what no route is for (nil: nothing). While it has no servers
	// it counts as nothing, if there are routes.
	Default *Service
	// Limit is how often a client may ask (nil: as it likes).
	Limit *limit.Table
	// RedirectPort has plain requests sent to https on that port (0: served).
	RedirectPort int
	// Challenge answers ACME's question for a token (RFC 8555 section 8.3; nil:
	// there are none).
	Challenge func(token string) (answer string, ok bool)
	// Trusts tells which addresses are proxies of our own, whose X-Forwarded-For is
	// believed.
	Trusts func(netip.Addr) bool
}

// Router is the decision. Make it with New; safe for concurrent use.
type Router struct {
	cfg   Config
	table *route.Table[*Service]
	https string // ":port" behind a host, empty for the usual one
}

// New returns a Router for cfg. It fails when two routes are for the same.
func New(cfg Config) (*Router, error) {
	table, err := route.NewTable(cfg.Routes)
	if err != nil {
		return nil, err
	}
	r := &Router{cfg: cfg, table: table}
	if cfg.RedirectPort != 0 && cfg.RedirectPort != 443 {
		r.https = ":" + strconv.Itoa(cfg.RedirectPort)
	}
	return r, nil
}

// The proxy's own answers.
var (
	errTooOften = &http1.Error{Status: 429, Reason: "this client asks too often"}
	errNoName   = &http1.Error{Status: 400, Reason: "a Host is needed to be sent to https"}
	toHTTPS     = &http1.Error{Status: 308, Reason: "this is served over https"}
	challenged  = &http1.Error{Status: 200, Reason: "ACME challenge"}
)

// challengePath is where a certificate authority looks (RFC 8555 section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// Route implements exchange.Router.
func (r *Router) Route(q *exchange.Query, p *exchange.Plan) {
	path := q.Request.Path(q.Buf)
	if !q.Secure && r.plain(q, p, path) {
		return
	}
	s, ok := r.table.Match(q.Request.Host(q.Buf), path)
	if !ok {
		if s = r.cfg.Default; s == nil || len(r.cfg.Routes) > 0 && s.Set.Empty() {
			p.Own = exchange.ErrNoService
			return
		}
	}
	p.Service = s.Name
	if q.Plain && s.Set.Special() {
		p.HandOver = true
		return
	}
	if r.cfg.Limit != nil {
		if wait := r.cfg.Limit.Take(limit.KeyOf(r.client(q)), time.Duration(q.Now)); wait > 0 {
			p.Own, p.RetryAfter = errTooOften, int((wait+time.Second-1)/time.Second)
			return
		}
	}
	p.Set = s.Set
	if s.Balance.method == hash {
		p.Want.Key = r.key(q, s.Balance, path)
	}
	if s.Cookie != "" {
		p.Cookie = s.Cookie
		p.Want.Prefer = s.Set.Marked(cookie(q, s.Cookie))
	}
}

// plain deals with what only requests without TLS meet, and reports whether that
// is the end of it.
func (r *Router) plain(q *exchange.Query, p *exchange.Plan, path []byte) bool {
	if r.cfg.Challenge != nil && bytes.HasPrefix(path, []byte(challengePath)) {
		if text, ok := r.cfg.Challenge(string(path[len(challengePath):])); ok {
			p.Own, p.Text = challenged, text
			return true
		}
	}
	if r.cfg.RedirectPort == 0 || q.Trusted && q.Request.ForwardedSecure(q.Buf) {
		return false
	}
	host := bareHost(q.Request.Host(q.Buf))
	if host == "" {
		p.Own = errNoName
		return true
	}
	target := string(path)
	if !strings.HasPrefix(target, "/") {
		target = "/" + strings.TrimPrefix(target, "*")
	}
	p.Own, p.Location = toHTTPS, "https://"+host+r.https+target
	return true
}

// bareHost takes the port off a valid host.
func bareHost(host []byte) string {
	if i := bytes.LastIndexByte(host, ':'); i > 0 && bytes.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return string(host)
}

// client returns the address of the client itself, as far as those in between are
// to be believed.
func (r *Router) client(q *exchange.Query) netip.Addr {
	addr, _ := netip.ParseAddr(string(q.Client)) // what is none shares a bucket
	if !q.Trusted {
		return addr
	}
	q.Request.EachForwardedFor(q.Buf, func(text []byte) bool {
		next, err := netip.ParseAddr(string(text))
		if err != nil {
			return false
		}
		addr = next.Unmap()
		return r.cfg.Trusts != nil && r.cfg.Trusts(addr)
	})
	return addr
}

// key returns what a hash goes by. A request without that goes by its client.
func (r *Router) key(q *exchange.Query, b Balance, path []byte) uint64 {
	var v []byte
	switch b.by {
	case byPath:
		if i := bytes.IndexByte(path, '?'); i >= 0 {
			path = path[:i]
		}
		v = path
	case byHeader:
		v = q.Request.Value(q.Buf, b.name)
	case byCookie:
		v = cookie(q, b.name)
	}
	if len(v) > 0 {
		return xxhash.Sum64(v)
	}
	if !q.Trusted {
		return xxhash.Sum64(q.Client)
	}
	return xxhash.Sum64String(r.client(q).String())
}

// cookie returns the value of a cookie of the request.
func cookie(q *exchange.Query, name string) (value []byte) {
	q.Request.Each(q.Buf, func(n, v []byte) bool {
		if len(n) == len("cookie") && bytes.EqualFold(n, []byte("cookie")) {
			value = sticky.Find(v, name)
		}
		return value == nil
	})
	return value
}
