package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pingd/proxy/compress"
	"pingd/proxy/dispatch"
	"pingd/proxy/limit"
	"pingd/proxy/sticky"
	"pingd/proxy/upstream"
)

// ProxyOptions holds the settings of role proxy.
type ProxyOptions struct {
	ProxyAddr          string   `default:":8080" placeholder:"[HOST]:PORT" roles:"proxy" help:"Where visitors connect."`
	ProxyTLSAddr       string   `name:"proxy-tls-addr" default:":8443" placeholder:"[HOST]:PORT" roles:"proxy" help:"Where visitors connect over TLS, in HTTP/2 or HTTP/1; with --proxy-cert."`
	ProxyCert          []string `placeholder:"FILE,..." roles:"proxy" help:"Certificates with their keys: PEM files or directories of them, read again when they change. For which names each is, it says itself."`
	ProxyACME          []string `name:"proxy-acme" placeholder:"HOST,..." roles:"proxy" help:"Host names to get certificates for, and renew them, from an authority that asks for them on port 80 or 443; they are kept in the store for all proxies. This accepts the authority's terms."`
	ProxyACMEEmail     string   `name:"proxy-acme-email" placeholder:"ADDRESS" roles:"proxy" help:"Where the authority may write to."`
	ProxyACMEDirectory string   `name:"proxy-acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" roles:"proxy" help:"The authority (ACME, RFC 8555)."`
	ProxyACMEChallenge string   `name:"proxy-acme-challenge" default:"any" placeholder:"KIND" roles:"proxy" complete:"any,http-01,tls-alpn-01" help:"Where the authority may ask: http-01 (port 80), tls-alpn-01 (port 443), or any, by turns until one gets through."`
	RedirectHTTPS      int      `name:"redirect-https" default:"0" placeholder:"PORT" roles:"proxy" help:"Send plain visitors to https on this port, usually 443; 0: serve them."`
	ProxyProtocol      []string `placeholder:"CIDR,..." roles:"proxy" help:"Networks of proxies whose connections begin with a PROXY protocol header, version 1 or 2."`
	Backend            []string `sep:"none" placeholder:"SERVER" roles:"proxy" help:"A server of your own, repeatable: \"host:port [weight=N] [check=/path]\"."`
	Route              []string `sep:"none" placeholder:"ROUTE" roles:"proxy" help:"A service of its own for a host and path, repeatable: \"shop.example.org/cart=/app/cart/ [balance=HOW] [sticky=COOKIE]\" for servers that register under /app/cart/, or \"/=host:port,...\". A host of *.example.org is for all below, none for any; what no route is for goes to --backend and --prefix."`
	ProxyTCP           []string `name:"proxy-tcp" sep:"none" placeholder:"LISTENER" roles:"proxy" help:"A port whose connections are passed on as they are, repeatable: \":5432=/db/servers/ [balance=HOW]\", or \":5432=host:port,...\"."`
	Balance            string   `default:"roundrobin" placeholder:"HOW" roles:"proxy" complete:"roundrobin,leastconn,random,hash:client,hash:path" help:"How a server is picked: roundrobin, leastconn, random (the better of two), hash:client, hash:path, hash:header:NAME or hash:cookie:NAME."`
	Sticky             string   `placeholder:"COOKIE" roles:"proxy" help:"Keep each visitor with the server of the first visit, by a cookie of this name."`
	RateLimit          string   `placeholder:"RATE" roles:"proxy" help:"How often one address may ask, over all proxies: \"100/s [burst=200]\", 6000/m, 5/h."`
	ProxyCompress      string   `default:"off" placeholder:"HOW" roles:"proxy" complete:"off,gzip" help:"Compress answers for visitors that want it: \"gzip [min=1024] [types=text/*,application/json] [level=4] [streams=256]\", or off. Event loops do not: there is then a goroutine per visitor."`
	ProxyTrusted       []string `placeholder:"CIDR,..." roles:"proxy" help:"Networks of proxies in front, whose X-Forwarded-* and X-Request-Id are believed."`

	ProxyMaxconn int           `default:"10000" placeholder:"N" roles:"proxy" help:"Most connections of visitors at a time."`
	ProxyLoops   int           `default:"0" placeholder:"N" roles:"proxy" help:"Event loops for plain HTTP/1, a thread each; 0: as fits processors and roles; -1: none, a goroutine per visitor."`
	ProxyRetries int           `default:"2" placeholder:"N" roles:"proxy" help:"Further servers tried when one cannot be reached."`
	ProxyGrace   time.Duration `default:"30s" placeholder:"TIME" roles:"proxy" help:"On stop: time for the requests under way."`

	ProxyHandover string `placeholder:"FILE" roles:"proxy" help:"Unix socket at which a process started with the same flags takes over the listeners, and this one stops: a restart that loses no connection. For a process that is a proxy alone."`

	CheckInterval     time.Duration `default:"2s" placeholder:"TIME" roles:"proxy" help:"Time between two health checks of a server."`
	CheckFastInterval time.Duration `default:"500ms" placeholder:"TIME" roles:"proxy" help:"The same while a server's state is about to change."`
	CheckDownInterval time.Duration `default:"0s" placeholder:"TIME" roles:"proxy" help:"The same while a server is down; 0s: as --check-interval."`
	CheckRise         int           `default:"2" placeholder:"N" roles:"proxy" help:"Passed checks in a row that bring a server back."`
	CheckFall         int           `default:"5" placeholder:"N" roles:"proxy" help:"Failed checks in a row that take a server out."`
	CheckTimeout      time.Duration `default:"2s" placeholder:"TIME" roles:"proxy" help:"Time a health check may take; at most --check-interval."`
	Slowstart         time.Duration `default:"0s" placeholder:"TIME" roles:"proxy" help:"Time in which a server that came up reaches its full share."`

	TimeoutConnect  time.Duration `default:"5s" placeholder:"TIME" roles:"proxy" help:"Time to reach a server."`
	TimeoutQueue    time.Duration `default:"5s" placeholder:"TIME" roles:"proxy" help:"Time a request waits while every server has its maxconn."`
	TimeoutResponse time.Duration `default:"30s" placeholder:"TIME" roles:"proxy" help:"Time for a server to begin its answer."`
	TimeoutClient   time.Duration `default:"30s" placeholder:"TIME" roles:"proxy" help:"Silence of a visitor that ends the connection."`

	AccessLog       string `default:"off" placeholder:"FILE" roles:"proxy" complete:"file" help:"A line for each request: to a file, to standard output (-), or off."`
	AccessLogFormat string `default:"text" placeholder:"FORMAT" roles:"proxy" complete:"text,json" help:"text, as HAProxy's lines, or json."`
	RequestID       bool   `name:"request-id" default:"true" roles:"proxy" help:"Give each request an id, in X-Request-Id to the server and back; =false for none."`
}

// Routes returns what --route says, as far as it can be read.
func (o *Options) Routes() (specs []dispatch.Spec) {
	for _, text := range o.Route {
		if s, err := dispatch.ParseSpec(text); err == nil {
			specs = append(specs, s)
		}
	}
	return specs
}

// TCPListener is what --proxy-tcp says once.
type TCPListener struct {
	Addr string // as it is given
	dispatch.Spec
}

// TCPListeners returns what --proxy-tcp says, as far as it can be read.
func (o *Options) TCPListeners() (all []TCPListener) {
	for _, text := range o.ProxyTCP {
		if addr, s, err := dispatch.ParseTCP(text); err == nil {
			all = append(all, TCPListener{addr, s})
		}
	}
	return all
}

// ServesTLS tells whether visitors can connect over TLS.
func (o *Options) ServesTLS() bool { return o.Starts(Proxy) && len(o.ProxyCert)+len(o.ProxyACME) > 0 }

// AnnouncedProxies returns --proxy-protocol as networks.
func (o *Options) AnnouncedProxies() []netip.Prefix { return prefixes(o.ProxyProtocol) }

// TrustedProxies returns --proxy-trusted; a single address is a network of one.
func (o *Options) TrustedProxies() []netip.Prefix { return prefixes(o.ProxyTrusted) }

func prefixes(texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		if p, ok := network(text); ok {
			all = append(all, p)
		}
	}
	return all
}

func network(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil
}

func (v *validator) proxy() {
	o := v.o
	if !o.Starts(Proxy) {
		return
	}
	for _, b := range o.Backend {
		var wrong *upstream.ParseError
		if _, err := upstream.Parse("", b); errors.As(err, &wrong) {
			v.bad("backend", b, wrong.Rule, "127.0.0.1:8000 weight=1 check=/healthz")
		}
	}
	v.services()
	v.networks("proxy-trusted", o.ProxyTrusted)
	v.networks("proxy-protocol", o.ProxyProtocol)
	v.secure()
	v.checks()
	v.compress()
	v.count("proxy-maxconn", o.ProxyMaxconn, 1, 10_000_000, "10000")
	v.count("proxy-loops", o.ProxyLoops, -1, 256, "0")
	v.count("proxy-retries", o.ProxyRetries, 0, 100, "2")
	v.duration("proxy-grace", o.ProxyGrace, 0, time.Hour, "30s")
	v.duration("timeout-connect", o.TimeoutConnect, time.Millisecond, time.Hour, "5s")
	v.duration("timeout-queue", o.TimeoutQueue, time.Millisecond, time.Hour, "5s")
	v.duration("timeout-response", o.TimeoutResponse, time.Millisecond, 24*time.Hour, "30s")
	v.duration("timeout-client", o.TimeoutClient, time.Millisecond, 24*time.Hour, "30s")
	if o.ProxyGrace > o.ShutdownTimeout && o.ShutdownTimeout >= time.Second {
		v.advise(v.spell("proxy-grace", o.ProxyGrace), "is longer than the whole stop may take, --shutdown-timeout="+short(o.ShutdownTimeout), "--shutdown-timeout="+short(o.ProxyGrace+10*time.Second))
	}
	if o.ProxyHandover != "" && len(o.Started()) > 1 {
		v.advise(v.spell("proxy-handover", o.ProxyHandover), "the other roles of this process cannot run twice at a time", "--role=proxy, and the others in a process of their own")
	}
	if o.AccessLog == "" {
		v.bad("access-log", "", "names no file", "-")
	}
	v.oneOf("access-log-format", o.AccessLogFormat, "text", "json")
}

// networks validates a list of networks.
func (v *validator) networks(flag string, list []string) {
	for _, n := range list {
		if _, ok := network(n); !ok {
			v.bad(flag, strings.Join(list, ","), strconv.Quote(n)+" is neither a network nor an address", "10.0.0.0/8,192.168.1.7")
		}
	}
}

// secure validates what is about TLS.
func (v *validator) secure() {
	o := v.o
	v.count("redirect-https", o.RedirectHTTPS, 0, 65535, "443")
	for _, name := range o.ProxyACME {
		if !hostName(name) {
			v.bad("proxy-acme", strings.Join(o.ProxyACME, ","), strconv.Quote(name)+" is not a host name that an authority could ask for", "shop.example.org,www.example.org")
		}
	}
	if u, err := url.Parse(o.ProxyACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
		v.bad("proxy-acme-directory", o.ProxyACMEDirectory, "is not a URL of https", "https://acme-v02.api.letsencrypt.org/directory")
	}
	v.oneOf("proxy-acme-challenge", o.ProxyACMEChallenge, "any", "http-01", "tls-alpn-01")
	if len(o.ProxyACME) > 0 && !o.Starts(Store) && len(o.Join) == 0 {
		v.advise(v.spell("proxy-acme", strings.Join(o.ProxyACME, ",")), "certificates are kept in a store, and none is named", "--join=127.0.0.1:"+DefaultRedisPort)
	}
	if o.ServesTLS() {
		return
	}
	if o.ProxyTLSAddr != defaultOf("proxy-tls-addr") {
		v.advise(v.spell("proxy-tls-addr", o.ProxyTLSAddr), "there is no certificate to show", "--proxy-cert=/etc/ssl/shop.pem")
	}
	if o.RedirectHTTPS > 0 {
		v.advise(v.spell("redirect-https", o.RedirectHTTPS), "nobody serves TLS there", "--proxy-cert=/etc/ssl/shop.pem")
	}
}

// hostName tells whether name is one of DNS with a dot in it, and no wildcard:
// neither challenge has any.
func hostName(name string) bool {
	if !strings.Contains(name, ".") || len(name) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		bad := strings.ContainsFunc(label, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') })
		if label == "" || len(label) > 63 || bad {
			return false
		}
	}
	return true
}

// Compression returns what --proxy-compress says; on is false for off.
func (o *Options) Compression() (c compress.Options, on bool) {
	if o.ProxyCompress == "off" {
		return c, false
	}
	c, err := compress.Parse(o.ProxyCompress)
	return c, err == nil
}

// compress validates what is compressed.
func (v *validator) compress() {
	o := v.o
	if o.ProxyCompress == "off" {
		return
	}
	if _, err := compress.Parse(o.ProxyCompress); err != nil {
		v.bad("proxy-compress", o.ProxyCompress, err.Error(), "gzip")
		return
	}
	if o.ProxyLoops > 0 {
		v.advise(v.spell("proxy-loops", o.ProxyLoops), "event loops do not compress, "+v.spell("proxy-compress", o.ProxyCompress), v.spell("proxy-loops", -1))
	}
}

// checks validates how servers are checked.
func (v *validator) checks() {
	o := v.o
	v.duration("check-interval", o.CheckInterval, 10*time.Millisecond, time.Hour, "2s")
	v.duration("check-fast-interval", o.CheckFastInterval, 10*time.Millisecond, time.Hour, "500ms")
	v.duration("check-down-interval", o.CheckDownInterval, 0, time.Hour, "2s")
	v.count("check-rise", o.CheckRise, 1, 1000, "2")
	v.count("check-fall", o.CheckFall, 1, 1000, "5")
	v.duration("check-timeout", o.CheckTimeout, time.Millisecond, time.Hour, "2s")
	v.duration("slowstart", o.Slowstart, 0, time.Hour, "30s")
	if o.CheckTimeout > o.CheckInterval {
		v.advise(v.spell("check-timeout", o.CheckTimeout), "is longer than the time between two checks, --check-interval="+short(o.CheckInterval), v.spell("check-timeout", short(o.CheckInterval)))
	}
}

// services validates what goes where.
func (v *validator) services() {
	o := v.o
	if _, err := dispatch.ParseBalance(o.Balance); err != nil {
		v.bad("balance", o.Balance, "is none of roundrobin, leastconn, random, hash:client, hash:path, hash:header:NAME and hash:cookie:NAME", "roundrobin")
	}
	if o.Sticky != "" && sticky.CheckName(o.Sticky) != nil {
		v.bad("sticky", o.Sticky, "is not the name of a cookie", "server")
	}
	if _, err := limit.ParseRate(o.RateLimit); o.RateLimit != "" && err != nil {
		v.bad("rate-limit", o.RateLimit, "is no rate", "100/s burst=200")
	}
	for _, text := range o.ProxyTCP {
		_, s, err := dispatch.ParseTCP(text)
		switch {
		case err != nil:
			v.bad("proxy-tcp", text, err.Error(), ":5432=10.0.0.5:5432,10.0.0.6:5432")
		case s.Prefix != "" && !o.Starts(Store) && len(o.Join) == 0:
			v.advise(v.spell("proxy-tcp", text), "servers register in a store, and none is named", "--join=127.0.0.1:"+DefaultRedisPort)
		}
	}
	seen := map[string]dispatch.Spec{}
	patterns := map[string]bool{}
	for _, text := range o.Route {
		s, err := dispatch.ParseSpec(text)
		var wrong *upstream.ParseError
		switch first, again := seen[s.Name]; {
		case errors.As(err, &wrong):
			v.bad("route", text, wrong.Rule, "shop.example.org/=10.0.0.5:8000")
			continue
		case err != nil:
			v.bad("route", text, err.Error(), "shop.example.org/=/app/shop/")
			continue
		case patterns[s.Pattern.String()]:
			v.bad("route", text, "another route is for "+s.Pattern.String()+" too", "other.example.org/="+s.Prefix)
		case again && !first.Same(&s):
			v.bad("route", text, "another route to "+s.Prefix+" picks servers in another way; both are one service", s.Pattern.String()+"="+s.Prefix)
		case s.Prefix != "" && s.Prefix == o.Prefix:
			v.bad("route", text, "these are the servers of --prefix, which get what no route is for", s.Pattern.String()+"=/app/other/")
		case s.Prefix != "" && !o.Starts(Store) && len(o.Join) == 0:
			v.advise(v.spell("route", text), "servers register in a store, and none is named", "--join=127.0.0.1:"+DefaultRedisPort+", or "+s.Pattern.String()+"=host:port")
		}
		seen[s.Name], patterns[s.Pattern.String()] = s, true
	}
}
