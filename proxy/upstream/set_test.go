package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"pingd/proxy/health"
	"pingd/proxy/health/probe"
	"pingd/proxy/proxyproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network is a set of servers reached without sockets, so that time can be fake.
type network struct {
	mu    sync.Mutex
	dials map[string][]time.Time
	down  map[string]bool
	serve func(addr string, c net.Conn)
}

func (n *network) dial(_ context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials[addr] = append(n.dials[addr], time.Now())
	if n.down[addr] {
		return nil, errors.New("refused")
	}
	a, b := net.Pipe()
	if n.serve != nil {
		go n.serve(addr, b)
	} else {
		_ = b.Close()
	}
	return a, nil
}

func (n *network) set(addr string, down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down[addr] = down
}

func (n *network) count(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.dials[addr])
}

// bubble runs f with fake time and a running Set.
func bubble(t *testing.T, cfg Config, f func(t *testing.T, s *Set, n *network)) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{dials: map[string][]time.Time{}, down: map[string]bool{}}
		cfg.Dial = n.dial
		s := NewSet(cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		synctest.Wait()
		f(t, s, n)
		cancel()
		<-ended
		s.Close()
	})
}

func list(values ...string) (l []Backend) {
	for _, v := range values {
		b, err := Parse("", v)
		if err != nil {
			panic(err)
		}
		l = append(l, b)
	}
	return l
}

func TestFirstCheckAtOnceThenEveryInterval(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1"))
		synctest.Wait()
		if m := s.Servers()[0]; m.State() != health.Up || m.View().Check != "L4OK" || n.count("a:1") != 1 {
			t.Errorf("%v %+v after %d checks", m.State(), m.View(), n.count("a:1"))
		}
		<-time.After(20 * time.Second) // fake
		if got := n.count("a:1"); got < 9 || got > 13 {
			t.Errorf("%d checks in 20 s", got)
		}
	})
}

func TestFallAndRise(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1", "b:1"))
		synctest.Wait()
		a := s.Servers()[0]
		n.set("a:1", true)
		// One settled interval and four fast ones, each 10 % either way: the
		// fifth failure comes between 3.6 s and 4.4 s.
		<-time.After(3500 * time.Millisecond)
		if a.State() != health.Up {
			t.Error("down too early")
		}
		<-time.After(time.Second)
		if a.State() != health.Down || a.ChecksFailed.Load() != 5 || !strings.HasPrefix(a.View().Check, "L4CON") {
			t.Errorf("%v after %d failures, %s", a.State(), a.ChecksFailed.Load(), a.View().Check)
		}
		for range 4 {
			m, err := s.Acquire(t.Context(), &Want{})
			if err != nil || m == a {
				t.Fatal("a server that is down was picked", err)
			}
			s.Release(m)
		}
		n.set("a:1", false)
		<-time.After(3 * time.Second)
		if v := a.View(); a.State() != health.Up || v.Downtime < 2*time.Second || v.Downtime > 4*time.Second {
			t.Errorf("%v, downtime %v", a.State(), v.Downtime)
		}
	})
}

func TestAllDownAnswersAtOnce(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		n.set("a:1", true)
		s.Update(list("a:1"))
		began := time.Now()
		if _, err := s.Acquire(t.Context(), &Want{}); err != ErrNoServer || time.Since(began) > 0 {
			t.Error("waiting for the first check:", err, time.Since(began))
		}
		if _, err := s.Acquire(t.Context(), &Want{}); err != ErrNoServer || time.Since(began) > 0 {
			t.Error(err, time.Since(began))
		}
	})
}

func TestRefusingIsTriedWhenNothingElseIsThere(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1", "b:1"))
		synctest.Wait()
		refuse := func(addr string, m *Server) {
			n.set(addr, true)
			for range 3 {
				if _, err := m.Dial(t.Context(), netip.AddrPort{}, netip.AddrPort{}); err == nil {
					t.Fatal("connected")
				}
			}
			if m.State() != health.Refusing {
				t.Fatal(m.State())
			}
		}
		a, b := s.Servers()[0], s.Servers()[1]
		refuse("a:1", a)
		for range 3 {
			if m, err := s.Acquire(t.Context(), &Want{}); m != b || err != nil {
				t.Error("refusing server picked while another is up", err)
			}
		}
		refuse("b:1", b)
		if _, err := s.Acquire(t.Context(), &Want{}); err != nil {
			t.Error("passive signs alone made an outage:", err)
		}
		n.set("a:1", false)
		<-time.After(1200 * time.Millisecond)
		if a.State() != health.Up {
			t.Error("not back:", a.State())
		}
	})
}

func TestTriedIsAvoidedButNotForbidden(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		s.Update(list("a:1", "b:1 idempotency=key"))
		synctest.Wait()
		a, b := s.Servers()[0], s.Servers()[1]
		var tried Tried
		tried.Add(a)
		for range 5 {
			if m, _ := s.Acquire(t.Context(), &Want{Tried: tried}); m != b {
				t.Error("tried server picked")
			}
		}
		tried.Add(b)
		if m, err := s.Acquire(t.Context(), &Want{Tried: tried}); m == nil || err != nil {
			t.Error(err)
		}
		for range 5 {
			if m, _ := s.Acquire(t.Context(), &Want{Keyed: true}); m != b {
				t.Error("a server without keys was picked for a key")
			}
		}
	})
}

func TestQueueIsFIFO(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		s.Update(list("a:1 maxconn=1"))
		synctest.Wait()
		m, err := s.Acquire(t.Context(), &Want{})
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan int, 10)
		for i := range 3 {
			go func() {
				if _, err := s.Acquire(t.Context(), &Want{}); err == nil {
					got <- i
				} else {
					got <- -i
				}
			}()
			synctest.Wait()
		}
		if s.Waiting() != 3 {
			t.Errorf("%d wait", s.Waiting())
		}
		for i := range 2 {
			s.Release(m)
			if n := <-got; n != i {
				t.Errorf("%d was served, want %d", n, i)
			}
		}
		began := time.Now()
		if n := <-got; n != -2 || time.Since(began) != 5*time.Second || s.Waiting() != 0 {
			t.Errorf("%d after %v", n, time.Since(began))
		}
	})
}

func TestUpdateKeepsAndLetsGo(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, n *network) {
		s.Update(list("a:1", "b:1"))
		synctest.Wait()
		a, b := s.Servers()[0], s.Servers()[1]
		c, err := b.Dial(t.Context(), netip.AddrPort{}, netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		b.Keep(c)
		if m, _ := s.Acquire(t.Context(), &Want{}); m != a {
			t.Fatal("order")
		}
		if m, _ := s.Acquire(t.Context(), &Want{}); m != b {
			t.Fatal("order")
		}
		s.Update(list("a:1 weight=3", "a:1"))
		if l := s.Servers(); len(l) != 1 || l[0] != a || a.Backend().Weight != 3 {
			t.Errorf("members %v", l)
		}
		if l := s.Leaving(); len(l) != 1 || l[0] != b || b.View().Idle != 0 {
			t.Errorf("leaving %v", l)
		}
		s.Release(b)
		if len(s.Leaving()) != 0 {
			t.Error("left server still listed")
		}
		synctest.Wait()
		before := n.count("b:1")
		<-time.After(10 * time.Second)
		if n.count("b:1") != before {
			t.Error("a removed server is still checked")
		}
		s.Update(list("a:2"))
		if l := s.Servers(); l[0] == a {
			t.Error("another address is the same server")
		}
	})
}

func TestHTTPCheck(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\n\r\n":                      "L7OK 200",
		"HTTP/1.1 302 F\r\n\r\n":                       "L7OK 302",
		"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 204 N\r\n\r\n": "L7OK 204",
		"HTTP/1.1 500 E\r\n\r\n":                       "L7STS 500",
		"HTTP/1.1 404 N\r\n\r\n":                       "L7STS 404",
		"nonsense\r\n\r\n":                             "L7RSP bad response from the backend: malformed status line",
		"":                                             "L7RSP no response",
		"hang":                                         "L7TOUT",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 9000) + "\r\n\r\n": "L7OK 200",
	} {
		cfg := Config{}
		synctest.Test(t, func(t *testing.T) {
			n := &network{dials: map[string][]time.Time{}, down: map[string]bool{}}
			n.serve = func(_ string, c net.Conn) {
				defer c.Close()
				buf := make([]byte, 512)
				k, _ := c.Read(buf)
				if !strings.HasPrefix(string(buf[:k]), "GET /up HTTP/1.1\r\nHost: a:1\r\n") {
					t.Errorf("asked %q", buf[:k])
				}
				if answer == "hang" {
					_, _ = io.Copy(io.Discard, c)
					return
				}
				_, _ = io.WriteString(c, answer)
			}
			cfg.Dial = n.dial
			s := NewSet(cfg)
			s.Update(list("a:1 check=/up"))
			m := s.Servers()[0]
			m.check(t.Context())
			if got := m.View().Check; got != want {
				t.Errorf("%q: %s, want %s", answer, got, want)
			}
			if (m.State() == health.Up) != strings.HasPrefix(want, "L7OK") {
				t.Errorf("%q: %v", answer, m.State())
			}
			s.Close()
		})
	}
}

func TestParse(t *testing.T) {
	full := "10.0.0.1:80 slowstart=30s check=/ok check-host=x.org check-status=200,204 check-body=a%20b check-interval=1s check-fast-interval=100ms " +
		"check-down-interval=5s check-timeout=900ms check-rise=1 check-fall=4 proto=h2 send-proxy=v2"
	if b, err := Parse("x", full); err != nil || b.Timing != (health.Config{
		Interval: time.Second, FastInterval: 100 * time.Millisecond, DownInterval: 5 * time.Second, Timeout: 900 * time.Millisecond, Rise: 1, Fall: 4,
	}) || !b.HTTP2 || b.SendProxy != proxyproto.V2 || !b.Special() || b.SlowStart != 30*time.Second || b.Check.Host != "x.org" || b.Check.Body != "a b" {
		t.Errorf("%+v, %v", b, err)
	}
	b, err := Parse("app1", " 10.0.0.1:80  weight=3 check=/ok?x idempotency=key retry=connect maxconn=7")
	want := Backend{Name: "app1", Addr: "10.0.0.1:80", Weight: 3, Check: probe.Check{Kind: probe.HTTP, Path: "/ok?x"}, Keyed: true, ConnectOnly: true, MaxConn: 7}
	if err != nil || b != want {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err := Parse("", "[::1]:80"); err != nil || b.Name != "[::1]:80" || b.Weight != 1 {
		t.Errorf("%+v, %v", b, err)
	}
	for _, bad := range []string{
		"", "host", "host:", ":80", "host:0", "host:65536", "host:http", "a/b:80", "a:80 weight=x", "a:80 weight=-1", "a:80 weight=257",
		"a:80 check=ok", "a:80 idempotency=yes", "a:80 retry=never", "a:80 maxconn=-1", "a:80 color=red",
		"a:80 slowstart=1", "a:80 check-interval=0s", "a:80 check-interval=2h", "a:80 check-rise=0", "a:80 check-status=99", "a:80 check-host=x", "a:80 check-x=1",
		"a:80 proto=h3", "a:80 send-proxy=v3", "a:80 check=",
	} {
		_, err := Parse("x", bad)
		var pe *ParseError
		if !errors.As(err, &pe) || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10.0.0.1:80 weight=3 check=/ok idempotency=key")
	f.Fuzz(func(t *testing.T, v string) {
		b, err := Parse("x", v)
		if err == nil && (b.Addr == "" || strings.ContainsAny(b.Addr+b.Check.Path, " \r\n\t")) {
			t.Fatalf("%q became %+v", v, b)
		}
	})
}

func TestPickDoesNotAllocate(t *testing.T) {
	s := NewSet(Config{})
	s.Update(list("a:1", "b:1"))
	for _, m := range s.Servers() {
		m.machine.Check(true)
		m.moved("test")
	}
	if n := testing.AllocsPerRun(100, func() {
		var tried Tried
		m, err := s.Acquire(t.Context(), &Want{Tried: tried})
		if err != nil {
			t.Fatal(err)
		}
		s.Release(m)
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
	s.Close()
}

// TestEmptyBeforeTheFirstList: nobody is told that there is no such service while it is
// not known.
func TestEmptyBeforeTheFirstList(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *Set, _ *network) {
		if s.Empty() || s.Settled() {
			t.Error("empty, or settled, before any list was read")
		}
		s.Update(nil)
		if !s.Empty() {
			t.Error("not empty")
		}
		s.Update(list("a:1"))
		synctest.Wait()
		if s.Empty() || !s.Settled() {
			t.Error("its only server has been checked")
		}
	})
}
