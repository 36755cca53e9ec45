package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pingd/proxy/exchange"
	"pingd/proxy/health"
)

func load(e *env, clients int) (stop func() (total, failed int64)) {
	tr := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true, TLSClientConfig: trusting}
	url := "http://" + e.addr + "/"
	if e.secure {
		url = "https://" + e.addr + "/"
	}
	c := &http.Client{Transport: tr, Timeout: 20 * time.Second}
	var total, failed atomic.Int64
	var wg sync.WaitGroup
	end := make(chan struct{})
	for range clients {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				resp, err := c.Get(url)
				total.Add(1)
				if err != nil {
					failed.Add(1)
					e.t.Log(err)
					continue
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 || err != nil || string(b) != "hello" {
					failed.Add(1)
					e.t.Log(resp.Status, string(b), err)
				}
			}
		})
	}
	return func() (int64, int64) {
		close(end)
		wg.Wait()
		tr.CloseIdleConnections()
		return total.Load(), failed.Load()
	}
}

func killable(t *testing.T) (addr string, kill func()) {
	// A loopback host of its own: once killed, no dial to its port may meet itself
	// or somebody else's.
	n := rand.Uint32()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+n%254, byte(n>>8), 1+n>>16%254))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []*net.TCPConn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c.(*net.TCPConn))
			mu.Unlock()
			wg.Go(func() { defer c.Close(); replies(hello)(c, bufio.NewReader(c), 0) })
		}
	})
	kill = sync.OnceFunc(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(kill)
	return ln.Addr().String(), kill
}

func TestKilledBackendCostsNothing(t *testing.T) { both(t, testKilledBackendCostsNothing) }

func testKilledBackendCostsNothing(t *testing.T, k engine) {
	a, kill := killable(t)
	b, _ := killable(t)
	c, _ := killable(t)
	e := k.start(t, nil, a, b, c)
	e.allUp(3)
	stop := load(e, 16)
	victim := e.set.Servers()[0]
	until(t, "load on every backend", func() bool { return victim.Requests.Load() > 200 })
	began := time.Now()
	kill()
	until(t, "the dead one to be out", func() bool { return victim.State() != health.Up })
	out := time.Since(began)
	n := e.set.Servers()[1].Requests.Load()
	until(t, "more load on the rest", func() bool { return e.set.Servers()[1].Requests.Load() > n+300 })
	total, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, total)
	}
	t.Logf("out after %v, %d requests", out, total)
}

func TestMembershipUnderLoad(t *testing.T) { both(t, testMembershipUnderLoad) }

func testMembershipUnderLoad(t *testing.T, k engine) {
	a, _ := killable(t)
	b, _ := killable(t)
	c, killC := killable(t)
	e := k.start(t, nil, a, b)
	e.allUp(2)
	stop := load(e, 8)
	for range 5 {
		began := time.Now()
		e.update(a, b, c)
		until(t, "the newcomer to serve", func() bool {
			s := e.set.Servers()
			return len(s) == 3 && s[2].Responses[2].Load() > 10
		})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("newcomer served after %v", took)
		}
		gone := e.set.Servers()[2]
		e.update(a, b)
		until(t, "the old one to be let go", func() bool { return gone.View().Active == 0 })
		n := gone.Requests.Load()
		m := e.set.Servers()[0].Requests.Load()
		until(t, "more load", func() bool { return e.set.Servers()[0].Requests.Load() > m+50 })
		if gone.Requests.Load() != n || gone.View().Idle != 0 {
			t.Error("a removed backend got requests, or connections were kept")
		}
	}
	killC()
	total, failed := stop()
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, total)
	}
}

func TestMaxConn(t *testing.T) { both(t, testMaxConn) }

func testMaxConn(t *testing.T, k engine) {
	e := k.start(t, func(c *exchange.Config) { c.Gate = exchange.NewGate(1) }, backend(t, replies(hello)))
	first := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	first.head()
	second := e.dial().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if s := e.gate.Stats(); s.Connections != 1 || s.Peak != 1 {
		t.Errorf("%d connections", s.Connections)
	}
	_ = first.Close()
	if head := second.head(); status(head) != "200" {
		t.Error(head)
	}
}

func TestRequestDoesNotAllocate(t *testing.T) { both(t, testRequestDoesNotAllocate) }

func testRequestDoesNotAllocate(t *testing.T, k engine) {
	e := k.start(t, func(c *exchange.Config) { c.Record = nil }, backend(t, func(c net.Conn, _ *bufio.Reader, _ int) {
		answer, buf := []byte(hello), make([]byte, 4096)
		_, _ = c.Write(answer)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = c.Write(answer)
		}
	}))
	e.allUp(1)
	p := e.dial()
	request, buf := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), make([]byte, 4096)
	one := func() {
		_, _ = p.Write(request)
		n, err := p.Read(buf)
		if err != nil || !bytes.HasSuffix(buf[:n], []byte("hello")) {
			t.Fatalf("%q %v", buf[:n], err)
		}
	}
	one()
	// The race detector makes sync.Pool forget on purpose, hence the margin.
	if n := testing.AllocsPerRun(50, one); n > 8 {
		t.Errorf("%v allocations per request", n)
	}
}
