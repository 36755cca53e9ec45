package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pingd/proxy/cert"
	"pingd/proxy/health"
	"pingd/proxy/limit"
	"pingd/proxy/upstream"
)

// site is a proxy with its own view of the network, without sockets.
type site struct {
	*Sync
	set    *upstream.Set
	limit  *limit.Table
	stop   func()
	mu     sync.Mutex
	broken map[string]bool // servers that it cannot reach
	keys   cert.TicketKeys
	now    func() time.Duration
}

func (s *site) reach(addr string, can bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[addr] = !can
}

func (s *site) dial(_ context.Context, addr string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken[addr] {
		return nil, errors.New("no route")
	}
	a, b := net.Pipe()
	_ = b.Close()
	return a, nil
}

func (s *site) state(server string) health.State {
	for _, m := range s.set.Servers() {
		if m.Name() == server {
			return m.State()
		}
	}
	return 99
}

// open starts a proxy named name on store. Call it in a bubble.
func open(t *testing.T, store Store, name string) *site {
	t.Helper()
	s := &site{broken: map[string]bool{}}
	began := time.Now()
	s.now = func() time.Duration { return time.Since(began) + time.Hour }
	s.set = upstream.NewSet(upstream.Config{Name: "app", Dial: s.dial, Changed: func() { s.Opinion() }})
	s.limit = limit.NewTable(limit.Rate{Every: 10 * time.Millisecond, Burst: 100}, 1, 250*time.Millisecond, 1)
	var err error
	s.Sync, err = New(Config{
		Name: name, Store: store, Sets: map[string]*upstream.Set{"app": s.set}, Limit: s.limit, Every: 250 * time.Millisecond, Now: s.now, Secret: []byte("s"),
		Tickets: func(k cert.TicketKeys) { s.mu.Lock(); s.keys = k; s.mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx) })
	synctest.Wait() // the store has answered
	wg.Go(func() { s.set.Run(ctx) })
	var list []upstream.Backend
	for _, n := range []string{"a", "b", "c"} {
		list = append(list, upstream.Backend{Name: n, Addr: n + ":1", Weight: 1})
	}
	s.set.Update(list)
	s.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		s.set.Close()
	})
	t.Cleanup(s.stop)
	synctest.Wait()
	return s
}

func later(d time.Duration) { <-time.After(d); synctest.Wait() } // fake time

func expect(t *testing.T, what string, want health.State, sites ...*site) {
	t.Helper()
	for i, s := range sites {
		if got := s.state("a"); got != want {
			t.Errorf("%s: a is %v at proxy %d, want %v", what, got, i+1, want)
		}
	}
}

// TestQuorum: one proxy's bad link evicts nobody; what most of them see counts for
// all; a proxy that dies takes its vote along.
func TestQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p1, p2, p3 := open(t, store, "p1"), open(t, store, "p2"), open(t, store, "p3")
		later(10 * time.Second)
		expect(t, "all is well", health.Up, p1, p2, p3)

		p1.reach("a:1", false)
		later(15 * time.Second)
		expect(t, "one proxy's link is bad", health.Refusing, p1)
		expect(t, "one proxy's link is bad", health.Up, p2, p3)

		p2.reach("a:1", false)
		later(15 * time.Second)
		expect(t, "two of three cannot reach it", health.Down, p1, p2, p3)

		p1.reach("a:1", true)
		later(15 * time.Second)
		expect(t, "one of them can again", health.Up, p1, p3)
		expect(t, "one of them can again", health.Refusing, p2)

		p1.stop()
		later(time.Second)
		expect(t, "of two that are left one cannot reach it", health.Refusing, p2)
		p3.stop()
		later(time.Second)
		expect(t, "alone it decides alone", health.Down, p2)
	})
}

// TestVoteOfTheDead: a proxy that dies without a word has no vote after a while.
func TestVoteOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		_ = store.Set(t.Context(), statePrefix+"ghost", State{Services: []string{"app"}, Beat: 1}.Encode(), stateLife)
		p := open(t, store, "p1")
		p.reach("a:1", false)
		later(6 * time.Second) // five failed checks
		expect(t, "the ghost may still think otherwise", health.Refusing, p)
		later(20 * time.Second)
		expect(t, "the ghost is forgotten", health.Down, p)
	})
}

// TestRestart: what a proxy knew it knows again.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := open(t, store, "p1")
		p.reach("a:1", false)
		later(15 * time.Second)
		expect(t, "it went down", health.Down, p)
		p.stop()
		p = open(t, store, "p1") // it can reach it now: one passed check is not enough
		expect(t, "right after the restart", health.Down, p)
		later(3 * time.Second)
		expect(t, "after two passed checks", health.Up, p)
	})
}

// TestDecisions: what an operator decides counts at every proxy at once, and after
// restarts, until it is taken back.
func TestDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p1, p2 := open(t, store, "p1"), open(t, store, "p2")
		view := func(s *site) upstream.View {
			for _, m := range s.set.Servers() {
				if m.Name() == "a" {
					return m.View()
				}
			}
			return upstream.View{}
		}
		if err := p1.Override(t.Context(), "app", "a", upstream.Override{Drain: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, s := range []*site{p1, p2} {
			if v := view(s); !v.Draining {
				t.Errorf("%+v", v)
			}
		}
		p2.stop()
		p2 = open(t, store, "p2")
		if v := view(p2); !v.Draining {
			t.Errorf("after a restart: %+v", v)
		}
		if err := p2.Override(t.Context(), "app", "a", upstream.Override{Weighted: true, Weight: 9}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v := view(p1); v.Draining || v.Weight != 9 {
			t.Errorf("%+v", v)
		}
		later(time.Hour)
		key := serverKey("app", "a")
		before := store.end(key)
		p1.keepDecisions(t.Context())
		if after := store.end(key); after.Sub(before) != time.Hour {
			t.Errorf("a decision that is of use lasts until %v, then until %v", before, after)
		}
		if err := p2.Override(t.Context(), "app", "a", upstream.Override{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if v := view(p1); v.Weight != 1 || len(store.now(serversPrefix)) != 0 {
			t.Errorf("%+v, %v", v, store.now(serversPrefix))
		}
		store.lose(true)
		if err := p1.Override(t.Context(), "app", "a", upstream.Override{Drain: true}); err == nil {
			t.Error("a decision that could not be kept is reported as kept")
		}
	})
}

// TestTicketKeys: all proxies have the same keys, change them in time, and the store
// holds nothing that could be read.
func TestTicketKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p1, p2 := open(t, store, "p1"), open(t, store, "p2")
		first := func(s *site) string {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.keys) == 0 {
				return ""
			}
			return string(s.keys[0].Secret)
		}
		later(2 * time.Second)
		p1.set.Update(nil) // checks of four hours take their time even when that is not real
		p2.set.Update(nil)
		k := first(p1)
		if k == "" || first(p2) != k {
			t.Fatalf("%q and %q", k, first(p2))
		}
		if text := store.now(ticketsKey)[ticketsKey]; !strings.HasPrefix(text, "sealed:") {
			t.Errorf("%q", text)
		}
		later(cert.RotateEvery + 2*time.Minute)
		if first(p1) == k || first(p1) != first(p2) || string(p1.keys[len(p1.keys)-1].Secret) != k {
			t.Error("not changed, or not the same, or the old one is not understood")
		}
		p3 := open(t, store, "p3")
		if first(p3) != first(p1) {
			t.Error("a newcomer has other keys")
		}
		_ = store.Set(t.Context(), ticketsKey, "open:AAAA", 0)
		synctest.Wait()
		if first(p3) != first(p1) || first(p1) == "" {
			t.Error("keys that somebody planted are taken")
		}
	})
}

// TestRateOverProxies: a client that spreads its requests gets about what is allowed.
func TestRateOverProxies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		sites := []*site{open(t, store, "p1"), open(t, store, "p2"), open(t, store, "p3")}
		later(5 * time.Second)
		got := 0
		for ms := range 10_000 { // 1,000 requests a second
			if s := sites[ms%3]; s.limit.Take(7, s.now()) == 0 {
				got++
			}
			<-time.After(time.Millisecond)
		}
		t.Logf("%d of 10,000 requests in 10 s, 1,100 are allowed", got)
		if got > 2000 {
			t.Errorf("%d requests let through", got)
		}
		later(rateLife*time.Second + 5*time.Second)
		if left := store.now(RatePrefix); len(left) != 0 {
			t.Errorf("reports are left: %v", left)
		}
	})
}

// TestWithoutStore: a store that is lost changes nothing of what was decided, and the
// proxies go on.
func TestWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := open(t, store, "p1")
		store.lose(true)
		p.reach("a:1", false)
		later(time.Minute)
		expect(t, "alone", health.Down, p)
		store.lose(false)
		later(5 * time.Second)
		if text := store.now(statePrefix)[statePrefix+"p1"]; !strings.Contains(text, `"down":{"app":["a"]}`) {
			t.Errorf("%q", text)
		}
		p.stop()
		if text := fmt.Sprint(store.now(statePrefix)); !strings.Contains(text, `"services":null`) || !strings.Contains(text, `"a"`) {
			t.Errorf("after the end: %s", text)
		}
	})
}

// TestDecideFromOutside: a command changes what is decided, and keeps what it does not
// speak of.
func TestDecideFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := open(t, store, "p1")
		decide := func(change func(*upstream.Override)) {
			t.Helper()
			err := Decide(t.Context(), store, "app", "a", func(o upstream.Override) (upstream.Override, error) { change(&o); return o, nil })
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		decide(func(o *upstream.Override) { o.Weight, o.Weighted = 7, true })
		decide(func(o *upstream.Override) { o.Drain = true })
		if got := p.set.Decided("a"); got != (upstream.Override{Drain: true, Weight: 7, Weighted: true}) {
			t.Errorf("%+v", got)
		}
		no := errors.New("no")
		err := Decide(t.Context(), store, "app", "a", func(o upstream.Override) (upstream.Override, error) { return upstream.Override{}, no })
		if !errors.Is(err, no) || !p.set.Decided("a").Drain {
			t.Errorf("%v, %+v", err, p.set.Decided("a"))
		}
		decide(func(o *upstream.Override) { *o = upstream.Override{} })
		if len(store.now(serversPrefix)) != 0 || p.set.Decided("a") != (upstream.Override{}) {
			t.Error("a decision that was taken back is still there")
		}
		store.lose(true)
		if err := Decide(t.Context(), store, "app", "a", func(o upstream.Override) (upstream.Override, error) { o.Drain = true; return o, nil }); err == nil {
			t.Error("a decision that is not kept")
		}
	})
}
