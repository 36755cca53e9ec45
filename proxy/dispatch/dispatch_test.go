package dispatch

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/http1"
	"pingd/proxy/limit"
	"pingd/proxy/route"
	"pingd/proxy/upstream"
	"pingd/proxy/wire"
)

// service makes a Service whose servers are at addrs.
func service(t testing.TB, name, balance string, addrs ...string) *Service {
	t.Helper()
	b, err := ParseBalance(balance)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{Name: name, Balance: b, Set: upstream.NewSet(upstream.Config{Name: name, Balance: b.New})}
	var list []upstream.Backend
	for _, a := range addrs {
		x, err := upstream.Parse("", a)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	s.Set.Update(list)
	t.Cleanup(s.Set.Close)
	return s
}

func routes(t testing.TB, pairs map[string]*Service) (entries []route.Entry[*Service]) {
	t.Helper()
	for text, s := range pairs {
		p, err := route.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, route.Entry[*Service]{Pattern: p, To: s})
	}
	return entries
}

// asked is a request from a client; the zero value is plain and from a stranger.
type asked struct {
	text            string
	client          string
	trusted, secure bool
	plain           bool
	now             wire.Instant
}

func get(lines ...string) asked {
	return asked{text: "GET /a?b HTTP/1.1\r\nHost: x.example\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"}
}

// plan is what r makes of a request.
func plan(t testing.TB, r *Router, a asked) *exchange.Plan {
	t.Helper()
	buf := []byte(strings.ReplaceAll(a.text, "|", "\r\n"))
	var req http1.Request
	if n, err := req.Parse(buf); n != len(buf) || err != nil {
		t.Fatalf("%q: %d, %v", a.text, n, err)
	}
	if a.client == "" {
		a.client = "192.0.2.1"
	}
	var p exchange.Plan
	var rec exchange.Record
	ids := exchange.NewIDs()
	p.Make(&exchange.Config{Router: r}, &ids, &exchange.Query{
		Request: &req, Buf: buf, Client: []byte(a.client), Trusted: a.trusted, Secure: a.secure, Plain: a.plain, Now: a.now,
	}, &rec)
	if rec.Service != p.Service {
		t.Errorf("the record names %q, the plan %q", rec.Service, p.Service)
	}
	return &p
}

func router(t testing.TB, cfg Config) *Router {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestServices(t *testing.T) {
	shop, api, rest := service(t, "shop", "", "a:1"), service(t, "api", "", "b:1"), service(t, "rest", "")
	r := router(t, Config{Routes: routes(t, map[string]*Service{"shop.example/": shop, "/api": api}), Default: rest})
	for _, c := range []struct {
		text string
		want *upstream.Set
	}{
		{"GET / HTTP/1.1|Host: shop.example||", shop.Set},
		{"GET /api/x HTTP/1.1|Host: shop.example||", shop.Set},
		{"GET /api/x HTTP/1.1|Host: other||", api.Set},
		{"GET http://shop.example/ HTTP/1.1|Host: ignored||", shop.Set},
		{"GET /x HTTP/1.1|Host: other||", nil}, // the default has no servers
		{"GET /api HTTP/1.0||", api.Set},
	} {
		p := plan(t, r, asked{text: c.text})
		if p.Set != c.want || (c.want == nil) != (p.Own == exchange.ErrNoService) {
			t.Errorf("%s: service %q, %v", c.text, p.Service, p.Own)
		}
	}
	rest.Set.Update([]upstream.Backend{{Name: "c", Addr: "c:1"}})
	if p := plan(t, r, get()); p.Set != rest.Set {
		t.Error("the default is not used")
	}
	alone := router(t, Config{Default: service(t, "alone", "")})
	if p := plan(t, alone, get()); p.Set == nil {
		t.Error("without routes there is one service, with servers or not")
	}
	if p := plan(t, router(t, Config{}), get()); p.Own != exchange.ErrNoService {
		t.Error(p.Own)
	}
	if _, err := New(Config{Routes: append(routes(t, map[string]*Service{"/": shop}), routes(t, map[string]*Service{"/": api})...)}); !errors.Is(err, route.ErrTwice) {
		t.Error(err)
	}
}

func TestHandOver(t *testing.T) {
	grpc := service(t, "grpc", "", "a:1", "b:1 proto=h2")
	tab := limit.NewTable(limit.Rate{Every: time.Hour, Burst: 1}, 1, time.Second, 1)
	r := router(t, Config{Default: grpc, Limit: tab})
	a := get()
	a.plain = true
	for range 3 {
		if p := plan(t, r, a); !p.HandOver || p.Own == errTooOften {
			t.Fatal("not handed over, or counted before")
		}
	}
	a.plain = false
	if p := plan(t, r, a); p.HandOver || p.Set != grpc.Set {
		t.Error("handed over twice")
	}
}

func TestLimit(t *testing.T) {
	trusts := func(a netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/8").Contains(a) }
	s := service(t, "s", "", "a:1")
	fresh := func() *Router {
		return router(t, Config{Default: s, Trusts: trusts, Limit: limit.NewTable(limit.Rate{Every: 10 * time.Second, Burst: 1}, 1, time.Second, 1)})
	}
	from := func(client string, trusted bool, lines ...string) asked {
		a := get(lines...)
		a.client, a.trusted, a.now = client, trusted, wire.Instant(time.Hour)
		return a
	}
	r := fresh()
	if p := plan(t, r, from("192.0.2.1", false)); p.Set == nil {
		t.Error(p.Own)
	}
	p := plan(t, r, from("192.0.2.1", false))
	if p.Own != errTooOften || p.RetryAfter != 10 {
		t.Errorf("%v, retry after %d", p.Own, p.RetryAfter)
	}
	var a exchange.Answer
	a.Status, a.Reason = p.Own.Status, p.Own.Reason
	p.Dress(&a, p.Own)
	if text := string(a.Append(nil)); !strings.HasPrefix(text, "HTTP/1.1 429 Too Many Requests\r\n") || !strings.Contains(text, "\r\nRetry-After: 10\r\n") || !strings.Contains(text, "\r\nX-Request-Id: ") {
		t.Errorf("%q", text)
	}
	for _, c := range []struct {
		name string
		a, b asked
		same bool
	}{
		{"two clients", from("192.0.2.1", false), from("192.0.2.2", false), false},
		{"a stranger's X-Forwarded-For", from("192.0.2.1", false, "X-Forwarded-For: 1.1.1.1"), from("192.0.2.1", false, "X-Forwarded-For: 2.2.2.2"), true},
		{"a proxy's", from("10.0.0.1", true, "X-Forwarded-For: 1.1.1.1"), from("10.0.0.1", true, "X-Forwarded-For: 2.2.2.2"), false},
		{"two proxies in a row", from("10.0.0.1", true, "X-Forwarded-For: 9.9.9.9, 1.1.1.1, 10.0.0.2"), from("10.0.0.3", true, "X-Forwarded-For: 8.8.8.8, 1.1.1.1"), true},
		{"two lines", from("10.0.0.1", true, "X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 1.1.1.1"), from("10.0.0.1", true, "X-Forwarded-For: 1.1.1.1"), true},
		{"nonsense from a proxy", from("10.0.0.1", true, "X-Forwarded-For: 9.9.9.9, what"), from("10.0.0.1", true, "X-Forwarded-For: what"), true},
		{"without an address", from("pipe", false), from("socket", false), true},
	} {
		r := fresh()
		plan(t, r, c.a)
		if got := plan(t, r, c.b).Own == errTooOften; got != c.same {
			t.Errorf("%s: one client %v, want %v", c.name, got, c.same)
		}
	}
}

func TestRedirect(t *testing.T) {
	s := service(t, "s", "", "a:1")
	answers := map[string]string{"tok-1": "tok-1.print"}
	cfg := Config{Default: s, RedirectPort: 443, Challenge: func(token string) (string, bool) { a, ok := answers[token]; return a, ok }}
	r := router(t, cfg)
	cfg.RedirectPort = 8443
	other := router(t, cfg)
	for _, c := range []struct {
		r    *Router
		text string
		want string
	}{
		{r, "GET /a?b=c HTTP/1.1|Host: x.example:8080||", "https://x.example/a?b=c"},
		{other, "GET / HTTP/1.1|Host: x.example||", "https://x.example:8443/"},
		{r, "GET / HTTP/1.1|Host: [::1]:80||", "https://[::1]/"},
		{r, "GET / HTTP/1.1|Host: [::1]||", "https://[::1]/"},
		{r, "GET http://y.example HTTP/1.1|Host: x||", "https://y.example/"},
		{r, "GET http://y.example?q HTTP/1.1|Host: x||", "https://y.example/?q"},
		{r, "OPTIONS * HTTP/1.1|Host: x||", "https://x/"},
	} {
		p := plan(t, c.r, asked{text: c.text})
		if p.Own != toHTTPS || p.Location != c.want {
			t.Errorf("%s: %v to %q, want %q", c.text, p.Own, p.Location, c.want)
		}
	}
	if p := plan(t, r, asked{text: "GET / HTTP/1.0||"}); p.Own != errNoName {
		t.Error(p.Own)
	}
	if p := plan(t, r, asked{text: "GET / HTTP/1.1|Host: x||", secure: true}); p.Set != s.Set {
		t.Error("what came over TLS is redirected:", p.Own)
	}
	if p := plan(t, r, asked{text: "GET / HTTP/1.1|Host: x|X-Forwarded-Proto: https||"}); p.Own != toHTTPS {
		t.Error("a stranger says it was https, and is believed")
	}
	if p := plan(t, r, asked{text: "GET / HTTP/1.1|Host: x|X-Forwarded-Proto: HTTPS||", trusted: true}); p.Set != s.Set {
		t.Error("what came over TLS to a proxy of ours is redirected")
	}
	p := plan(t, r, asked{text: "GET /.well-known/acme-challenge/tok-1 HTTP/1.1|Host: x||"})
	a := exchange.Answer{Status: p.Own.Status}
	p.Dress(&a, p.Own)
	if text := string(a.Append(nil)); !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(text, "\r\n\r\ntok-1.print") || !strings.Contains(text, "Content-Length: 11\r\n") {
		t.Errorf("%q", text)
	}
	if p := plan(t, r, asked{text: "GET /.well-known/acme-challenge/tok-2 HTTP/1.1|Host: x||"}); p.Own != toHTTPS {
		t.Error("an unknown token:", p.Own)
	}
}

func TestHashKeys(t *testing.T) {
	for _, c := range []struct {
		balance string
		a, b    asked
		same    bool
	}{
		{"hash:client", asked{text: get().text, client: "1.1.1.1"}, asked{text: get().text, client: "1.1.1.2"}, false},
		{"hash:client", asked{text: get("X: 1").text, client: "1.1.1.1"}, asked{text: get().text, client: "1.1.1.1"}, true},
		{"hash:client", asked{text: get("X-Forwarded-For: 3.3.3.3").text, client: "10.0.0.1", trusted: true}, asked{text: get("X-Forwarded-For: 3.3.3.3").text, client: "10.0.0.2", trusted: true}, true},
		{"hash:path", asked{text: "GET /a?1 HTTP/1.1|Host: h||"}, asked{text: "GET /a?2 HTTP/1.1|Host: h||", client: "2.2.2.2"}, true},
		{"hash:path", asked{text: "GET /a HTTP/1.1|Host: h||"}, asked{text: "GET /b HTTP/1.1|Host: h||"}, false},
		{"hash:header:X-User", get("x-user: me"), get("X-USER: me", "Y: 1"), true},
		{"hash:header:X-User", get("x-user: me"), get("X-User: you"), false},
		{"hash:header:X-User", asked{text: get().text, client: "1.1.1.1"}, asked{text: get().text, client: "2.2.2.2"}, false},
		{"hash:cookie:sid", get("Cookie: a=b; sid=1"), get("Cookie: sid=1"), true},
		{"hash:cookie:sid", get("Cookie: sid=1"), get("Cookie: sid=2"), false},
		{"hash:cookie:sid", get("Cookie: a=b", "Cookie: sid=1"), get("Cookie: sid=1"), true},
		{"roundrobin", get(), asked{text: "GET /other HTTP/1.1|Host: h||", client: "9.9.9.9"}, true},
	} {
		r := router(t, Config{Default: service(t, "s", c.balance, "a:1")})
		if got := plan(t, r, c.a).Want.Key == plan(t, r, c.b).Want.Key; got != c.same {
			t.Errorf("%s: %q and %q have one key: %v", c.balance, c.a.text, c.b.text, got)
		}
	}
}

func TestCookie(t *testing.T) {
	s := service(t, "s", "", "a:1", "b:1")
	s.Cookie = "srv"
	r := router(t, Config{Default: s})
	b := s.Set.Servers()[1]
	p := plan(t, r, get("Cookie: srv="+string(b.Mark()[:])))
	if p.Want.Prefer != b || p.Cookie != "srv" {
		t.Errorf("%+v", p.Want)
	}
	rec := exchange.Record{Server: b}
	var reply http1.Reply
	if p.Reply(&reply, &rec, nil); len(reply.Extra) > 0 {
		t.Errorf("a cookie that is right is given again: %q", reply.Extra)
	}
	p = plan(t, r, get("Cookie: srv=0123456789abcdef"))
	if p.Want.Prefer != nil {
		t.Error("a cookie that nobody gave prefers a server")
	}
	p.Reply(&reply, &rec, nil)
	if !strings.HasPrefix(string(reply.Extra), "Set-Cookie: srv="+string(b.Mark()[:])+"; ") || strings.Contains(string(reply.Extra), "Secure") {
		t.Errorf("%q", reply.Extra)
	}
	a := get()
	a.secure = true
	p = plan(t, r, a)
	if p.Reply(&reply, &rec, nil); !strings.Contains(string(reply.Extra), "; Secure") {
		t.Errorf("%q", reply.Extra)
	}
}

func TestParseBalance(t *testing.T) {
	for _, text := range []string{"roundrobin", "leastconn", "random", "hash:client", "hash:path", "hash:header:x-user", "hash:cookie:SID"} {
		b, err := ParseBalance(text)
		if err != nil || b.String() != text {
			t.Errorf("%s: %v, %v", text, b, err)
		}
		if b.New(func(*upstream.Server) int64 { return 0 }) == nil {
			t.Errorf("%s makes nothing", text)
		}
	}
	if b, err := ParseBalance(""); err != nil || b != (Balance{}) || b.String() != "roundrobin" {
		t.Error(b, err)
	}
	if b, _ := ParseBalance("hash:header:X-User"); b.String() != "hash:header:x-user" {
		t.Error(b)
	}
	for _, bad := range []string{"rr", "hash", "hash:", "hash:header", "hash:header:", "hash:header:a b", "hash:client:x", "client", "header:x", "hash:uri", "hash:hash:client"} {
		if b, err := ParseBalance(bad); err == nil {
			t.Errorf("%q became %v", bad, b)
		}
	}
}

// TestRouteDoesNotAllocate: routing is on the path of every request.
func TestRouteDoesNotAllocate(t *testing.T) {
	s := service(t, "s", "hash:cookie:sid", "a:1")
	s.Cookie = "srv"
	r := router(t, Config{Routes: routes(t, map[string]*Service{"x.example/a": s})})
	buf := []byte("GET /a/b HTTP/1.1\r\nHost: X.example:80\r\nCookie: sid=1\r\n\r\n")
	var req http1.Request
	req.Parse(buf)
	var p exchange.Plan
	var rec exchange.Record
	cfg, ids := &exchange.Config{Router: r}, exchange.NewIDs()
	q := &exchange.Query{Request: &req, Buf: buf, Client: []byte("192.0.2.1")}
	if n := testing.AllocsPerRun(100, func() { p.Make(cfg, &ids, q, &rec) }); n > 0 || p.Set != s.Set {
		t.Errorf("%v allocations", n)
	}
}
