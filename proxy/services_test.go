package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// named is a server that says its name and what it was told of the request.
func named(t *testing.T, name string) Source {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "of the server")
		fmt.Fprintf(w, "%s id=%s for=%s proto=%s", name, r.Header.Get("X-Request-Id"), r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(srv.Close)
	return Static([]Backend{backend(t, name, srv.Listener.Addr().String())})
}

// ask sends a GET to p with "Name: value" fields and returns the answer.
func ask(t *testing.T, c *http.Client, p *Proxy, host, path string, fields ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+p.Addrs()["proxy"]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func pattern(t *testing.T, text string) Pattern {
	t.Helper()
	p, err := ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// engines runs a test with the event loops and without.
func engines(t *testing.T, test func(t *testing.T, loops int)) {
	t.Run("loops", func(t *testing.T) { test(t, 0) })
	t.Run("goroutines", func(t *testing.T) { test(t, -1) })
}

func TestServicesByHostAndPath(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		reg := prometheus.NewPedanticRegistry()
		shop := named(t, "shop1")
		p := run(t, Config{
			Loops: loops, Source: Static(nil), Metrics: reg,
			Routes: []Route{
				{pattern(t, "shop.example/"), Service{Name: "shop", Source: shop}},
				{pattern(t, "shop.example/cart"), Service{Name: "cart", Source: named(t, "cart1")}},
				{pattern(t, "*.shop.example/"), Service{Name: "shop", Source: shop}},
			},
		})
		c := fetcher(t)
		for _, q := range []struct{ host, path, want string }{
			{"shop.example", "/", "shop1"},
			{"shop.example", "/cart/1", "cart1"},
			{"www.shop.example", "/cart", "shop1"},
		} {
			if resp, body := ask(t, c, p, q.host, q.path); resp.StatusCode != 200 || !strings.HasPrefix(body, q.want+" ") {
				t.Errorf("%s%s: %s %q", q.host, q.path, resp.Status, body)
			}
		}
		if resp, body := ask(t, c, p, "other.example", "/"); resp.StatusCode != 404 {
			t.Errorf("an unknown host: %s %q", resp.Status, body)
		}
		s := p.Status().(Status)
		if len(s.Services) != 3 || len(s.Services[1].Routes) != 2 || s.Services[1].Up != 1 || s.Services[2].Name != "cart" || len(s.Backends) != 2 || s.Backends[0].Service != "shop" {
			t.Errorf("%+v", s.Services)
		}
		if n, err := testutil.GatherAndCount(reg, "pingd_proxy_backend_up"); n != 2 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestConfigOfRoutes(t *testing.T) {
	src := Static(nil)
	if _, err := New(Config{Addr: "127.0.0.1:0", Source: src, Routes: []Route{{pattern(t, "/a"), Service{Name: "a"}}}}); err == nil || !strings.Contains(err.Error(), "route /a/") {
		t.Error(err)
	}
	if _, err := New(Config{Addr: "127.0.0.1:0", Source: src, Routes: []Route{{pattern(t, "/a"), Service{Name: "a", Source: src}}, {pattern(t, "/a"), Service{Name: "b", Source: src}}}}); err == nil {
		t.Error("two services for one path")
	}
}

func TestRequestIDs(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		c := fetcher(t)
		p := run(t, Config{Loops: loops, Source: named(t, "a")})
		resp, body := ask(t, c, p, "h", "/", "X-Request-Id: mine", "X-Forwarded-For: 9.9.9.9")
		id := resp.Header.Get("X-Request-Id")
		if len(id) != 16 || body != "a id="+id+" for=127.0.0.1 proto=http" || len(resp.Header["X-Request-Id"]) != 1 {
			t.Errorf("id %q, body %q", resp.Header["X-Request-Id"], body)
		}
		if resp, _ := ask(t, c, p, "h", "/"); resp.Header.Get("X-Request-Id") == id {
			t.Error("one id twice")
		}
		trusting := run(t, Config{Loops: loops, Source: named(t, "a"), Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		resp, body = ask(t, c, trusting, "h", "/", "X-Request-Id: mine", "X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https")
		if resp.Header.Get("X-Request-Id") != "mine" || body != "a id=mine for=9.9.9.9, 127.0.0.1 proto=https" {
			t.Errorf("from a trusted proxy: %q, %q", resp.Header["X-Request-Id"], body)
		}
		none := run(t, Config{Loops: loops, Source: named(t, "a"), NoRequestID: true})
		resp, body = ask(t, c, none, "h", "/", "X-Request-Id: mine")
		if resp.Header.Get("X-Request-Id") != "of the server" || !strings.HasPrefix(body, "a id=mine ") {
			t.Errorf("without ids: %q, %q", resp.Header["X-Request-Id"], body)
		}
	})
}

func TestStickyCookie(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		var list []Backend
		for _, name := range []string{"a", "b", "c"} {
			_ = named(t, name).Watch(cancelled(), func(l []Backend) { list = append(list, l...) })
		}
		p := run(t, Config{Loops: loops, Source: Static(list), Cookie: "srv", Secret: []byte("s")})
		c := fetcher(t)
		settled(t, p, 3)
		resp, first := ask(t, c, p, "h", "/")
		cookies := resp.Cookies()
		if len(cookies) != 1 || cookies[0].Name != "srv" || !cookies[0].HttpOnly {
			t.Fatalf("%v", resp.Header)
		}
		back := "Cookie: x=y; srv=" + cookies[0].Value
		for range 6 {
			resp, body := ask(t, c, p, "h", "/", back)
			if body[:1] != first[:1] || len(resp.Cookies()) != 0 {
				t.Fatalf("from %s to %s, %v", first, body, resp.Header)
			}
		}
		if resp, _ := ask(t, c, p, "h", "/", "Cookie: srv=0000000000000000"); len(resp.Cookies()) != 1 {
			t.Error("a cookie that nobody gave is not replaced")
		}
	})
}

// cancelled is a context at its end.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// settled waits until n servers are up.
func settled(t *testing.T, p *Proxy, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		up := 0
		for _, b := range p.Status().(Status).Backends {
			if b.State == "UP" {
				up++
			}
		}
		if up >= n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d servers are up", up, n)
		}
	}
}

func TestRateLimit(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		p := run(t, Config{Loops: loops, Source: named(t, "a"), RateLimit: Rate{Every: time.Hour, Burst: 3}})
		c := fetcher(t)
		for i := range 5 {
			resp, body := ask(t, c, p, "h", "/")
			if want := map[bool]int{true: 200, false: 429}[i < 3]; resp.StatusCode != want {
				t.Errorf("request %d: %s %q", i, resp.Status, body)
			}
			if i == 4 && resp.Header.Get("Retry-After") != "3600" {
				t.Errorf("retry after %q", resp.Header.Get("Retry-After"))
			}
		}
	})
}

// TestSendProxy: a server that wants it is told whom each connection is from, and
// connections are not shared.
func TestSendProxy(t *testing.T) {
	engines(t, func(t *testing.T, loops int) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		heads := make(chan string, 10)
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				var head []byte
				for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); head = append(head, b...) {
					if _, err := c.Read(b); err != nil {
						break
					}
				}
				if s := string(head); strings.Contains(s, "GET /") {
					heads <- s
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
				_ = c.Close()
			}
		}()
		p := run(t, Config{Loops: loops, Source: Static([]Backend{backend(t, "a", ln.Addr().String()+" send-proxy=v1")})})
		c := fetcher(t)
		for range 2 {
			if resp, body := ask(t, c, p, "h", "/"); resp.StatusCode != 200 || body != "ok" {
				t.Fatalf("%s %q", resp.Status, body)
			}
			want := "PROXY TCP4 127.0.0.1 127.0.0.1 "
			if head := <-heads; !strings.HasPrefix(head, want) || !strings.Contains(head, p.Addrs()["proxy"][strings.LastIndex(p.Addrs()["proxy"], ":")+1:]+"\r\nGET / HTTP/1.1\r\n") {
				t.Errorf("%q", head)
			}
		}
	})
}
