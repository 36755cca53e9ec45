package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pingd/proxy/dispatch"
	"pingd/proxy/exchange"
	"pingd/proxy/limit"
	"pingd/proxy/route"
)

// TestDecisions: routes, cookies that keep a client with its server and limits
// work in both engines, and a loop hands nobody over for them.
func TestDecisions(t *testing.T) { both(t, testDecisions) }

func testDecisions(t *testing.T, k engine) {
	named := func(name string) script { return replies(strings.Replace(hello, "hello", name, 1)) }
	const often = 40
	e := k.start(t, func(c *exchange.Config) {
		pattern, err := route.ParsePattern("shop.example/cart")
		if err != nil {
			t.Fatal(err)
		}
		set := c.Router // what the harness has made: everything to one set
		apps := &dispatch.Service{Name: "apps", Cookie: "SERVER"}
		var plan exchange.Plan
		set.Route(&exchange.Query{}, &plan)
		apps.Set = plan.Set
		router, err := dispatch.New(dispatch.Config{
			Routes: []route.Entry[*dispatch.Service]{{Pattern: pattern, To: apps}},
			Limit:  limit.NewTable(limit.Rate{Every: time.Hour, Burst: often}, 1, time.Second, 1),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Router = router
	}, backend(t, named("serv1")), backend(t, named("serv2")))
	e.allUp(2)
	const cart = "GET /cart/1 HTTP/1.1\r\nHost: shop.example\r\n"
	first := e.dial().send(cart + "\r\n")
	head := first.head()
	_, cookie, found := strings.Cut(head, "Set-Cookie: SERVER=")
	cookie, _, _ = strings.Cut(cookie, ";")
	server := first.body(5)
	if status(head) != "200" || !found {
		t.Fatal(head)
	}
	for range often - 1 { // over new connections, so over both loops
		p := e.dial().send(cart + "Cookie: a=b; SERVER=" + cookie + "\r\nConnection: close\r\n\r\n")
		head := p.head()
		if status(head) != "200" || strings.Contains(head, "Set-Cookie") || p.body(5) != server {
			t.Fatalf("with the cookie of %s: %q", server, head)
		}
		p.closed()
	}
	if head := first.send("GET /other HTTP/1.1\r\nHost: shop.example\r\n\r\n").head(); status(head) != "404" {
		t.Error(head)
	} else {
		first.body(int(contentLength(head)))
	}
	if head := first.send(cart + "\r\n").head(); status(head) != "429" || !strings.Contains(head, "Retry-After: ") {
		t.Errorf("request number %d in an hour: %q", often+1, head)
	}
	if n := e.adopted.Load(); n != 0 {
		t.Errorf("%d clients handed over", n)
	}
}

// TestHandedOver: only who asks for another protocol leaves a loop.
func TestHandedOver(t *testing.T) {
	e := loops.start(t, nil, backend(t, func(c net.Conn, r *bufio.Reader, _ int) {
		for {
			head, err := readHead(r)
			if err != nil {
				return
			}
			if strings.Contains(head, "Expect") {
				_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			}
			_, _ = r.Discard(int(contentLength(head)))
			_, _ = io.WriteString(c, hello)
		}
	}))
	e.allUp(1)
	for i, c := range []struct {
		fields, body string
		want         int64
	}{
		{"", "", 0},
		{"Expect: 100-continue\r\nContent-Length: 3\r\n", "abc", 0},
		{"TE: trailers\r\nConnection: TE\r\n", "", 0},
		{"Upgrade: h2c\r\nConnection: Upgrade\r\n", "", 0}, // never passes
		{"Upgrade: chat\r\n", "", 0},                       // not asked properly
		{"Upgrade: chat\r\nConnection: Upgrade\r\n", "", 1},
	} {
		p := e.dial().send("POST / HTTP/1.1\r\nHost: h\r\n" + c.fields + "\r\n" + c.body)
		head := p.head()
		if status(head) == "100" {
			head = p.head()
		}
		if status(head) != "200" || p.body(5) != "hello" || e.adopted.Load() != c.want {
			t.Errorf("%d: %q, %d handed over", i, head, e.adopted.Load())
		}
	}
}
